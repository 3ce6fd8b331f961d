"""Agreement with Aer: p-values that mean what they say, planted faults found, a bias computed exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from cases import scramble
from numpy.testing import assert_allclose, assert_array_equal
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import Statevector
from scipy import stats

from qgeo.comparison import agreement
from qgeo.comparison.agreement import (
    add_half,
    check_agreement,
    check_probabilities,
    circuit_bindings,
    goodness_of_fit,
)
from qgeo.errors import AgreementError
from qgeo.heads.born import BornHead
from qgeo.heads.pauli import PauliHead
from qgeo.tasks.windows import Windows

# --- goodness of fit ----------------------------------------------------------------------------------------


def distribution(kind: str) -> np.ndarray:
    generator = np.random.default_rng(3)
    weights = {
        "flat": np.ones(16),
        "generic": generator.exponential(size=16),
        "peaked": 2.0 ** -np.arange(16),
        "tiny": np.concatenate([generator.exponential(size=8), [1e-3, 1e-5, 1e-9, 1e-12, 1e-14, 0, 0, 1e-6]]),
        "two": np.array([0.3, 0.7]),
        "many": generator.exponential(size=256) ** 3,
    }[kind]
    return weights / weights.sum()


@pytest.mark.parametrize("kind", ["flat", "generic", "peaked", "tiny", "two", "many"])
def test_p_values_are_uniform_under_the_null(kind):
    # Seen to fail: no pooling (tiny), no Williams correction (many), degrees of freedom off by one.
    p, generator, draws = distribution(kind), np.random.default_rng(7), 2000
    counts = generator.multinomial(2000, p, size=draws)
    found = np.sort([goodness_of_fit(row, p) for row in counts])
    for level in (0.01, 0.1, 0.3, 0.5, 0.8):
        spread = np.sqrt(level * (1 - level) / draws)
        assert abs(np.mean(found <= level) - level) < 4.5 * spread + 0.1 * level


@pytest.mark.parametrize("level", [1e-6, 1e-6 / 256])
@pytest.mark.parametrize("expected", [5.0, 6.3, 8.0, 10.0, 20.0, 50.0, 500.0, 2048.0])
def test_a_true_distribution_is_rejected_no_more_often_than_stated(expected, level):
    # By exact binomial sums. Pearson's statistic rejected 68 and 350 times too often at 5 expected counts.
    shots, p = 4096, expected / 4096
    counts = np.arange(shots + 1)
    counts = counts[stats.binom.pmf(counts, shots, p) > 1e-20]
    chances = stats.binom.pmf(counts, shots, p)
    both = np.array([shots - counts, counts]).T
    rejected = [
        c for c, n in zip(chances, both, strict=True) if goodness_of_fit(n, np.array([1 - p, p])) < level
    ]
    assert sum(rejected) < 1.3 * level


@pytest.mark.parametrize("kind", ["flat", "generic", "two", "many"])
def test_a_wrong_distribution_is_found(kind):
    p = distribution(kind)
    wrong = np.roll(p, 1) if kind != "flat" else np.linspace(0.8, 1.2, 16) / 16
    counts = np.random.default_rng(1).multinomial(4096, wrong)
    assert goodness_of_fit(counts, p) < 1e-6 / 256
    assert goodness_of_fit(counts, wrong) > 1e-6 / 256


def test_outcomes_that_cannot_come_are_impossible():
    # Seen to fail: pooling zeros with the others before looking.
    p = np.array([0.5, 0.5, 0.0, 1e-17])
    assert goodness_of_fit(np.array([50, 49, 1, 0]), p) == 0.0
    assert goodness_of_fit(np.array([50, 49, 0, 1]), p) == 0.0
    assert goodness_of_fit(np.array([50, 50, 0, 0]), p) == 1.0


@pytest.mark.parametrize("counts", [[1, 0], [3, 1], [0, 4]])
def test_too_few_counts_say_nothing(counts):
    assert goodness_of_fit(np.array(counts), np.array([0.5, 0.5])) == 1.0


def test_a_certain_outcome_says_nothing():
    assert goodness_of_fit(np.array([100, 0]), np.array([1.0, 0.0])) == 1.0


def test_the_statistic_by_hand():
    counts, p = np.array([30, 20, 50]), np.array([0.25, 0.25, 0.5])
    g = 2 * (30 * np.log(30 / 25) + 20 * np.log(20 / 25))
    q = 1 + (4 + 4 + 2 - 1) / (6 * 100 * 2)
    assert goodness_of_fit(counts, p) == pytest.approx(stats.chi2.sf(g / q, 2), rel=1e-12)


def test_add_half_leaves_no_outcome_without_probability():
    counts = np.array([[3, 0, 1, 0], [0, 0, 0, 4]])
    assert_allclose(
        add_half(counts), [[3.5 / 6, 0.5 / 6, 1.5 / 6, 0.5 / 6], [0.5 / 6, 0.5 / 6, 0.5 / 6, 4.5 / 6]]
    )


# --- bindings -----------------------------------------------------------------------------------------------


def unpadded_circuit() -> QuantumCircuit:
    """Eleven parameters and two inputs, sorted t0, t05, t1, t10, t2, …; a gate that Aer misbinds."""
    circuit = scramble(2, seed=1)
    for number in reversed(range(11)):
        circuit.ry(Parameter(f"t{number}"), number % 2)
        circuit.cx(0, 1)
    circuit.crx(Parameter("t05"), 0, 1)
    circuit.rx(Parameter("a"), 0)
    return circuit.compose(scramble(2, seed=2))


def head_of(kind: str):
    generator = torch.Generator().manual_seed(2)
    circuit = {"circuit": unpadded_circuit(), "input_parameters": ["t05", "a"], "embedding": 2}
    drawn = {"start": "random", "generator": generator}  # equal probabilities would hide outcomes that moved
    return {
        "born": lambda: BornHead(3, 2, layers=2, embedding=2, **drawn),
        "class-word": lambda: BornHead(7, 2, num_qubits=2, layers=1, embedding=2, **drawn),
        "own": lambda: BornHead(4, 2, **drawn, **circuit),
        "pauli": lambda: PauliHead(3, 2, layers=2, embedding=2, **drawn),
    }[kind]()


def windows_of(head, count: int = 6) -> Windows:
    generator = torch.Generator().manual_seed(4)
    contexts = torch.randint(head.vocabulary, (count, head.context), generator=generator)
    return Windows(contexts, torch.arange(count) % head.vocabulary)


@pytest.mark.parametrize("kind", ["born", "class-word", "own", "pauli"])
def test_bindings_are_in_the_circuit_s_own_order(kind):
    # Seen to fail: values and angles simply side by side (own).
    head = head_of(kind)
    windows, circuit = windows_of(head), head.choice.circuit
    rows = circuit_bindings(head, windows.contexts)
    states = [Statevector(circuit.assign_parameters(list(row))).data for row in rows]
    overlaps = (np.conj(states) * head.states(windows.contexts).detach().numpy()).sum(1)
    assert_allclose(np.abs(overlaps), 1, rtol=0, atol=1e-12)


# --- a head on Aer ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["born", "class-word", "own", "pauli"])
def test_a_head_agrees_with_itself(kind):
    head = head_of(kind)
    windows = windows_of(head)
    found = check_agreement(head, windows, 2000, 5, "me")
    loss = torch.nn.functional.nll_loss(head(windows.contexts), windows.targets).item()
    assert found["exact_loss"] == pytest.approx(loss, rel=1e-12)
    assert found["aer_loss"] == pytest.approx(loss, rel=1e-9)
    assert found["max_probability_difference"] < 1e-12
    counts = agreement.sampled_counts(head.choice.circuit, circuit_bindings(head, windows.contexts), 2000, 5)
    sampled = head.readout(head.measurement.from_probabilities(torch.from_numpy(add_half(counts))))
    loss = torch.nn.functional.nll_loss(sampled, windows.targets).item()
    assert found["sampled_loss"] == pytest.approx(loss, rel=1e-12)
    assert (found["sampled_bias"] is None) == (kind == "pauli")
    assert found["chi2_level"] == 1e-6 / 6
    assert found == check_agreement(head, windows, 2000, 5, "me")


def test_another_circuit_on_aer_is_an_error(monkeypatch):
    # The head's values move by 1e-7 between its own run and Aer's.
    head = head_of("born")

    def moved(of, contexts):
        return circuit_bindings(of, contexts) + 1e-7

    monkeypatch.setattr(agreement, "circuit_bindings", moved)
    with pytest.raises(
        AgreementError, match="arm, seed 3: expected Aer's exact probabilities to agree to 1e-09"
    ):
        check_agreement(head, windows_of(head), 100, 5, "arm, seed 3")


def test_the_exact_half_is_there_by_itself(monkeypatch):
    # Seen to fail: the difference not looked at.
    head = head_of("born")
    monkeypatch.setattr(agreement, "sampled_counts", None)  # it is not called
    check_probabilities(head, windows_of(head), "arm, seed 1")
    exact = agreement.exact_probabilities
    monkeypatch.setattr(agreement, "exact_probabilities", lambda *a: exact(*a) + 1e-8)
    with pytest.raises(AgreementError, match=r"arm, seed 1: expected Aer's exact probabilities to agree"):
        check_probabilities(head, windows_of(head), "arm, seed 1")


def test_numbers_that_are_none_are_an_error(monkeypatch):
    # Seen to fail: `difference > tolerance` instead of `not difference <= tolerance`.
    head = head_of("born")
    monkeypatch.setattr(agreement, "exact_probabilities", lambda *_: np.full((6, 4), np.nan))
    with pytest.raises(AgreementError, match="nan"):
        check_agreement(head, windows_of(head), 100, 5, "me")


TAMPERED = [
    lambda counts: np.roll(counts, 1, axis=1),
    lambda counts: np.where(np.arange(len(counts))[:, None] == 3, counts[:, ::-1], counts),
]


@pytest.mark.parametrize("tamper", TAMPERED, ids=["all outcomes moved", "one context reversed"])
def test_counts_from_elsewhere_are_an_error(tamper, monkeypatch):
    # Seen to fail: the largest instead of the smallest p-value.
    head, sampled = head_of("born"), agreement.sampled_counts
    monkeypatch.setattr(agreement, "sampled_counts", lambda *a: tamper(sampled(*a)))
    with pytest.raises(AgreementError, match="me: expected 4000 Aer samples per context to follow"):
        check_agreement(head, windows_of(head), 4000, 5, "me")


# --- the bias of the sampled loss ---------------------------------------------------------------------------


@pytest.mark.parametrize("shots", [20, 300])
@pytest.mark.parametrize("kind", ["born", "class-word", "own"])
def test_the_bias_is_the_mean_of_sampled_losses(kind, shots):
    # Seen to fail: counts without the half; half a count per event, not per outcome (born folds 4 to 3).
    head = head_of(kind)
    contexts = windows_of(head).contexts
    windows = Windows(contexts, torch.zeros(len(contexts), dtype=torch.int64))
    with torch.no_grad():
        p = (head.states(windows.contexts).abs() ** 2).numpy()
    bias = agreement._expected_bias(head, p, windows.targets, shots)
    exact = agreement._loss(head, p, windows.targets)
    generator = np.random.default_rng(9)
    draws = [generator.multinomial(shots, p / p.sum(1, keepdims=True)) for _ in range(1500)]
    errors = np.array([agreement._loss(head, add_half(n), windows.targets) - exact for n in draws])
    z = (errors.mean() - bias) / (errors.std(ddof=1) / np.sqrt(len(errors)))
    assert abs(z) < 4
    assert abs(bias) > 1e-5


def test_the_bias_by_hand():
    """One qubit, p = ½, two shots: loss −log of (½, 1½, 2½)/3 with chances ¼, ½, ¼."""
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("a"), 0)
    head = BornHead(2, 1, circuit=circuit, smoothing=0.0, embedding=1)
    with torch.no_grad():
        head.values.fill_(np.pi / 2)
    found = agreement._expected_bias(head, np.array([[0.5, 0.5]]), torch.tensor([1]), 2)
    by_hand = -(np.log(0.5 / 3) + 2 * np.log(1.5 / 3) + np.log(2.5 / 3)) / 4 - np.log(2)
    assert found == pytest.approx(by_hand, rel=1e-12)


def test_a_loss_reads_probabilities_as_the_head_does():
    head = head_of("class-word")
    windows = windows_of(head)
    with torch.no_grad():
        p = (head.states(windows.contexts).abs() ** 2).numpy()
    wanted = torch.nn.functional.nll_loss(head(windows.contexts), windows.targets).item()
    assert agreement._loss(head, p, windows.targets) == pytest.approx(wanted, rel=1e-12)
    assert_array_equal(p.shape, (6, 4))
