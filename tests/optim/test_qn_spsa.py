"""QN-SPSA as a metric by name: right on average, with a state of its own in every training."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from head_cases import build, own, some_contexts, some_targets
from numpy.testing import assert_allclose, assert_array_equal
from qiskit.circuit.library import real_amplitudes

import qgeo
from qgeo.errors import ConfigurationError
from qgeo.estimators.execution import Executor
from qgeo.estimators.running_average import RunningAverage
from qgeo.estimators.spsa import SPSAQFI
from qgeo.heads.measured import MeasuredHead
from qgeo.modules.fisher import module_metric
from qgeo.optim.metrics import METRICS
from qgeo.optim.natural_gradient import NaturalGradient
from qgeo.optim.qn_spsa import QNSPSA, SPREAD, one_step


def elsewhere(head) -> None:
    """Every trainable number moved by less than any metric shows: other sign vectors."""
    with torch.no_grad():
        for parameter in own(head):
            parameter += 1e-12


def drawn(head, contexts, times: int) -> np.ndarray:
    """So many estimates, each of other sign vectors."""
    estimates = []
    for _ in range(times):
        estimates.append(one_step(head, contexts).numpy())
        elsewhere(head)
    return np.array(estimates)


def test_one_step_is_the_quantum_fisher_matrix_on_average():
    # Seen to fail: the factor 4 of F_Q left out; the encoder's numbers not moved; overlaps of amplitudes
    # averaged before they are squared.
    head = build("born-folded")
    contexts = some_contexts(head, 8)
    exact = METRICS["quantum"](head, contexts).to_dense().numpy()
    estimates = drawn(head, contexts, 800)
    error = estimates.std(0, ddof=1) / np.sqrt(len(estimates))
    bias = SPSAQFI(spread=SPREAD).bias(np.full(len(exact), 0.5))  # of order ε²
    assert np.all(np.abs(estimates.mean(0) - exact) < 5 * error + bias)
    assert error.max() < np.abs(exact).max() / 10  # enough of them to tell


def test_every_training_has_an_average_of_its_own():
    # Seen to fail: one rule for all; the number of steps off by one.
    head = build("born-class-word")
    contexts = some_contexts(head, 8)
    first, second = METRICS["qn-spsa"].begun(), METRICS["qn-spsa"].begun()
    numbers = [parameter.detach().clone() for parameter in own(head)]
    expected = []
    for _ in range(3):
        expected.append(one_step(head, contexts).numpy())
        matrix = first(head, contexts, None).to_dense().numpy()
        elsewhere(head)
    assert isinstance(first, QNSPSA)
    assert isinstance(second, QNSPSA)
    assert second.steps == 0
    assert_allclose(first.mean.numpy(), np.mean(expected, axis=0), atol=1e-12)
    assert np.linalg.eigvalsh(matrix).min() > -1e-9
    readout = sum(parameter.numel() for parameter in head.readout.parameters())
    f_c = METRICS["classical"](head, contexts).to_dense().numpy()
    assert_allclose(matrix[-readout:, -readout:], f_c[-readout:, -readout:], atol=1e-9)
    for parameter, before in zip(own(head), numbers, strict=True):
        assert_allclose(parameter.detach(), before, atol=1e-11)  # 3 times 1e-12 elsewhere, nothing more


def test_a_step_leaves_the_head_where_it_was():
    head = build("born")
    before = [parameter.detach().clone() for parameter in own(head)]
    QNSPSA()(head, some_contexts(head, 4))
    for parameter, number in zip(own(head), before, strict=True):
        assert_array_equal(parameter.detach(), number)


def measured(seed: int = 0, **options) -> MeasuredHead:
    return MeasuredHead(build("born"), Executor(generator=np.random.default_rng(seed), **options), shots=50)


def test_from_shots_it_is_a_running_average_that_is_stored():
    # Seen to fail: an average that starts again when an optimizer is loaded.
    head = measured()
    optimizer = NaturalGradient(head, metric=METRICS["qn-spsa"].from_shots(head, None), damping=1.0)
    contexts, targets = some_contexts(head.head, 3), some_targets(head.head, 3)
    for _ in range(2):
        torch.nn.functional.nll_loss(head(contexts), targets).backward()
        optimizer.step(contexts=contexts)
    again = NaturalGradient(head, metric=METRICS["qn-spsa"].from_shots(head, None))
    again.load_state_dict(optimizer.state_dict())
    ours, theirs = again.metric.estimator, optimizer.metric.estimator
    assert isinstance(ours, RunningAverage)
    assert ours.steps == theirs.steps == 2
    assert_array_equal(ours._mean.matrix, theirs._mean.matrix)


def test_overlaps_have_no_readout_mitigation():
    head = measured(mitigate_readout=True)
    with pytest.raises(ConfigurationError, match="no readout mitigation for 'qn-spsa'"):
        METRICS["qn-spsa"].from_shots(head, None)


def test_of_a_module_with_two_circuits_it_is_their_sum_on_average():
    # Seen to fail: the overlap of the first circuit alone.
    circuit = real_amplitudes(1, reps=1)
    names = list(circuit.parameters)[:1]
    model = torch.nn.Sequential(
        qgeo.Expectation(circuit, "Z", input_parameters=names, values=[0.4]),
        qgeo.Expectation(circuit, "X", input_parameters=names, values=[0.9]),
    )
    inputs = torch.tensor([[0.3], [1.1]], dtype=torch.float64)
    exact = module_metric("quantum")(model, inputs).to_dense().numpy()
    estimates = drawn(model, inputs, 400)
    error = estimates.std(0, ddof=1) / np.sqrt(len(estimates))
    assert np.all(np.abs(estimates.mean(0) - exact) < 5 * error + 0.02)
    assert exact[0, 0] > 1.02  # the second circuit depends on the first one's parameter
