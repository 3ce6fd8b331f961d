"""MeasuredHead: in its exact limit the head itself; with shots unbiased gradients, and costs as they come."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from qgeo.errors import ConfigurationError
from qgeo.estimators.derivatives import ancilla_derivatives, shifted_derivatives
from qgeo.estimators.execution import Cost, Executor
from qgeo.heads.born import BornHead
from qgeo.heads.measured import MeasuredHead
from qgeo.heads.pauli import PauliHead
from qgeo.optim.metrics import METRICS

CONTEXTS = torch.tensor([[0, 1], [1, 2], [0, 1], [2, 2], [0, 1]])
TARGETS = torch.tensor([1, 0, 2, 2, 1])
RULES = [shifted_derivatives, ancilla_derivatives]


def heads() -> dict[str, torch.nn.Module]:
    def generator() -> torch.Generator:
        return torch.Generator().manual_seed(3)

    return {
        "born": BornHead(3, 2, layers=2, generator=generator()),
        "born-words": BornHead(5, 2, num_qubits=2, layers=1, generator=generator()),
        "born-crz": BornHead(3, 2, circuit="reuploading", layers=1, generator=generator()),
        "pauli": PauliHead(3, 2, layers=1, generator=generator()),
    }


def measured(head, shots, seed=0, rule=shifted_derivatives) -> MeasuredHead:
    return MeasuredHead(head, Executor(generator=np.random.default_rng(seed)), shots=shots, rule=rule)


def gradient(head) -> np.ndarray:
    head.zero_grad()
    torch.nn.functional.nll_loss(head(CONTEXTS), TARGETS).backward()
    return torch.cat([parameter.grad.flatten() for parameter in head.parameters()]).numpy()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", list(heads()))
def test_the_exact_limit_is_the_head_itself(name, rule):
    # Seen to fail: columns in the program's order instead of the circuit's; Y read as X on the ancilla.
    head = heads()[name]
    exact = measured(head, None, rule=rule)
    with torch.no_grad():
        torch.testing.assert_close(exact(CONTEXTS), head(CONTEXTS), rtol=0, atol=1e-9)
    np.testing.assert_allclose(gradient(exact), gradient(head), rtol=0, atol=1e-9)
    assert exact.cost == Cost()


@pytest.mark.parametrize("rule", RULES)
def test_gradients_from_shots_are_unbiased_to_the_order_of_one_over_shots(rule):
    # The loss is a curved function of frequencies, so its gradient has a bias of order 1/shots.
    head, shots, repetitions = heads()["born"], 2000, 30
    sampled = measured(head, shots, rule=rule)
    drawn = np.array([gradient(sampled) for _ in range(repetitions)])
    error = drawn.std(axis=0, ddof=1) / np.sqrt(repetitions)
    moves = error > 0
    z = (drawn.mean(axis=0) - gradient(head))[moves] / error[moves]
    assert np.abs(z).max() < 4.5
    assert z.std() < 1.5  # entries are correlated: a small spread means nothing


@pytest.mark.parametrize(("rule", "circuits_per_term"), [(shifted_derivatives, 2), (ancilla_derivatives, 1)])
def test_equal_contexts_are_measured_once_and_the_cost_is_counted(rule, circuits_per_term):
    head = heads()["born"]
    sampled = measured(head, 100, rule=rule)
    gradient(sampled)
    distinct, terms = 3, sampled.source.num_terms
    assert sampled.cost == Cost(
        distinct * (1 + circuits_per_term * terms), distinct * (1 + circuits_per_term * terms) * 100
    )


def test_every_forward_pass_measures_anew_and_a_metric_at_its_point_does_not():
    sampled = measured(heads()["born"], 100)
    with torch.no_grad():
        first, second = sampled(CONTEXTS), sampled(CONTEXTS)
    assert not torch.equal(first, second)
    gradient(sampled)
    before = sampled.cost
    rows = sampled.bindings(sampled.head.values, sampled.head.encoder(CONTEXTS))
    sampled.measured_at(rows)
    assert sampled.cost == before
    sampled.measured_at(rows + 0.1)
    assert sampled.cost != before


def test_no_outcome_has_probability_zero():
    head = BornHead(2, 1, layers=1, smoothing=0.0)
    with torch.no_grad():
        head.values.zero_()
        head.values[0] = 1e-3  # almost |0⟩: outcome 1 is not seen in ten shots
        for parameter in head.encoder.parameters():
            parameter.zero_()
    log_probs = measured(head, 10)(torch.tensor([[0]])).detach()
    assert torch.isfinite(log_probs).all()
    torch.testing.assert_close(log_probs.exp(), torch.tensor([[10.5, 0.5]], dtype=torch.float64) / 11)


def test_shots_have_to_be_a_number_of_them():
    with pytest.raises(ConfigurationError, match="expected at least 2 shots"):
        measured(heads()["born"], 1)


def test_an_exact_metric_of_the_output_is_refused():
    with pytest.raises(ConfigurationError, match="expected an estimator as the metric of a measured head"):
        METRICS["classical"](measured(heads()["born"], 100), CONTEXTS)
