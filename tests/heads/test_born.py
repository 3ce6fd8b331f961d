"""Born heads: probabilities against Qiskit's Statevector, tokens, smoothing, vanishing outcomes, the order.

The comment in each test names the planted faults it was seen to fail under, of: fold (z // for z mod V),
bits (outcomes read with qubit 0 as the most significant), inputs (data columns in name order), classes
(t // 2ⁿ for t mod 2ⁿ), smoothing (ε for ε/V), bare log (log 0 in the graph), scale (F_C doubled), spread
(circuit parameters that start at zero).
"""

from __future__ import annotations

from collections.abc import Sequence

import head_cases
import numpy as np
import pytest
import torch
from head_cases import BORN, TableTrunk, build, some_contexts
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import Statevector

from qgeo.errors import ConfigurationError, ShapeError
from qgeo.geometry.classical import output_fisher
from qgeo.geometry.operators import InformationMatrix
from qgeo.heads.born import BornHead, FoldedReadout, OutcomeProbabilities
from qgeo.heads.circuit_head import CircuitHead, choose_circuit, initial_values, shared_encoder
from qgeo.optim.exact import classical, quantum
from qgeo.optim.metrics import METRICS


def qiskit_outcomes(head: BornHead, context: list[int], inputs: Sequence[str]) -> np.ndarray:
    """Probabilities of the bitstrings: an encoder in numpy, Qiskit's circuit and Statevector."""
    *embedding, w, b = (p.detach().numpy() for p in head.encoder.parameters())
    read = [e[t] for e in embedding for t in context] or [TableTrunk(head.vocabulary).by_hand(context)]
    angles = dict(zip(inputs, w @ np.concatenate(read) + b, strict=True))
    ours = [p.name for p in head.choice.circuit.parameters if p.name not in angles]
    numbers = angles | dict(zip(ours, head.values.tolist(), strict=True))
    return Statevector(head.choice.circuit.assign_parameters(numbers)).probabilities()


def token_probabilities(head: BornHead, outcomes: np.ndarray) -> np.ndarray:
    """Tokens from outcomes, one by one: folded, or class × word; then smoothed."""
    tokens = np.zeros(head.vocabulary)
    if head.vocabulary <= len(outcomes):
        for outcome, probability in enumerate(outcomes):
            tokens[outcome % head.vocabulary] += probability
    else:
        words = np.exp(head.readout.logits.detach().numpy())
        for token in range(head.vocabulary):
            members = [t for t in range(head.vocabulary) if t % len(outcomes) == token % len(outcomes)]
            tokens[token] = outcomes[token % len(outcomes)] * words[token] / words[members].sum()
    epsilon = head.readout.smoothing
    return (1 - epsilon) * tokens + epsilon / head.vocabulary


@pytest.mark.parametrize("name", BORN)
def test_probabilities_are_those_of_qiskits_statevector(name):
    # Seen to fail under fold, bits, inputs, classes, smoothing.
    head = build(name)
    contexts = some_contexts(head, 4)
    inputs = head_cases.USER["input_parameters"] if name == "born-user" else head.choice.input_parameters
    expected = [token_probabilities(head, qiskit_outcomes(head, c, inputs)) for c in contexts.tolist()]
    assert_allclose(head(contexts).exp().detach(), expected, rtol=1e-10, atol=1e-13)


def test_qubit_zero_is_the_least_significant_bit():
    # Seen to fail under bits, fold.
    circuit = QuantumCircuit(3)
    circuit.ry(Parameter("a"), 0)
    circuit.x(1)  # outcomes 010 and 011
    for vocabulary, likely in ((8, [2, 3]), (3, [2, 0]), (5, [2, 3])):
        head = BornHead(vocabulary, 1, circuit=circuit)
        probabilities = head(torch.tensor([[0]]))[0].exp()
        assert probabilities[likely].sum() > 1 - 1e-5
        assert (probabilities[likely] > 1e-3).all()


@pytest.mark.parametrize(
    ("vocabulary", "num_qubits", "qubits", "readout"),
    [(2, None, 1, 0), (4, None, 2, 0), (5, None, 3, 0), (32, None, 5, 0), (5, 2, 2, 5), (33, 5, 5, 33)],
    ids=str,
)
def test_fewest_qubits_that_hold_the_vocabulary(vocabulary, num_qubits, qubits, readout):
    head = BornHead(vocabulary, 1, num_qubits=num_qubits, layers=1)
    assert head.program.num_qubits == qubits
    assert sum(p.numel() for p in head.readout.parameters()) == readout


@pytest.mark.parametrize("smoothing", [-1e-9, 1.0, 2.0, float("nan")])
def test_smoothing_out_of_range_is_refused(smoothing):
    with pytest.raises(ConfigurationError, match=rf"\[0, 1\).*{smoothing}"):
        BornHead(4, 2, smoothing=smoothing)


@pytest.mark.parametrize("smoothing", [1e-6, 0.25])
def test_smoothed_probabilities_have_a_floor(smoothing):
    # Seen to fail under smoothing.
    head = BornHead(3, 1, circuit=never_one(), smoothing=smoothing)
    assert_allclose(head(torch.tensor([[0]]))[0, 1].exp().item(), smoothing / 3, rtol=1e-9)


@pytest.mark.parametrize("far", [-2000.0, 800.0, 1e18])
def test_words_far_apart_leave_no_nan(far):
    # Seen to fail where all classes shared one largest logit.
    head = BornHead(7, 1, num_qubits=2)
    with torch.no_grad():
        head.readout.logits[::2] = far
    log_probs, jacobian = head.log_probs_and_jacobian(torch.tensor([[0], [5]]))
    assert log_probs.isfinite().all()
    assert jacobian.isfinite().all()
    assert_allclose(log_probs.exp().sum(1), [1.0, 1.0], rtol=1e-12)
    assert head(torch.tensor([[0]])).isfinite().all()


# --- starting points ------------------------------------------------------------------------------


def head_from(values: torch.Tensor) -> CircuitHead:
    choice = choose_circuit("hardware-efficient", 2, 1)
    encoder = shared_encoder(choice, 4, 1, 2, "random", torch.Generator().manual_seed(0))
    readout = FoldedReadout(4, 4, 1e-6)
    return CircuitHead(
        choice, encoder, OutcomeProbabilities(), readout, vocabulary=4, context=1, values=values
    )


def test_all_zero_values_warn():
    with pytest.warns(UserWarning, match="start at zero"):
        head_from(torch.zeros(4))
    head_from(torch.tensor([0.0, 0.0, 0.0, 0.1]))  # warnings are errors


def test_head_does_not_share_its_initial_values():
    values = torch.full((4,), 0.5, dtype=torch.float64)
    each, two = head_from(values), head_from(values)
    with torch.no_grad():
        each.values += 1
    assert_allclose(two.values.detach(), values)
    assert_allclose(values, np.full(4, 0.5))


@pytest.mark.parametrize("count", [0, 3, 5])
def test_wrong_number_of_values_is_refused(count):
    with pytest.raises(ShapeError, match=rf"\b4\b.*\b{count}\b"):
        head_from(torch.ones(count))


def test_initial_values_are_spread_by_one_half():
    # Seen to fail under spread.
    choice = choose_circuit("hardware-efficient", 5, 20)
    values = initial_values(choice, "random", torch.Generator().manual_seed(1))
    assert abs(float(values.std()) - 0.5) < 0.06
    assert abs(float(values.mean())) < 0.12


# --- outcomes that vanish -------------------------------------------------------------------------


def never_one() -> QuantumCircuit:
    """Qubit 0 reads 0 always: every odd outcome has probability exactly 0, and stays there."""
    circuit = QuantumCircuit(2)
    circuit.ry(Parameter("a"), 1)
    circuit.rz(Parameter("b"), 0)
    return circuit


@pytest.mark.parametrize("vocabulary", [4, 5, 7])
def test_vanishing_outcomes_without_smoothing_leave_no_nan(vocabulary):
    # Seen to fail under bare log.
    head = BornHead(vocabulary, 1, circuit=never_one(), smoothing=0.0)
    contexts, targets = torch.tensor([[0], [1]]), torch.tensor([0, 2])
    log_probs, jacobian = head.log_probs_and_jacobian(contexts)
    assert (log_probs[:, 1] == -torch.inf).all()
    assert not jacobian.isnan().any()
    loss = torch.nn.functional.nll_loss(head(contexts), targets)
    gradient = head_cases.autograd_gradient(head, loss)
    assert gradient.isfinite().all()
    assert gradient.abs().max() > 0.01
    assert output_fisher(log_probs, jacobian).to_dense().isfinite().all()
    for metric in METRICS.values():
        matrix = metric(head, contexts, targets)
        assert matrix.to_dense().isfinite().all()
        assert matrix.solve(gradient, 1e-3).isfinite().all()


def test_fisher_of_what_is_seen_is_not_changed_by_what_is_not():
    # Seen to fail under scale.
    head = BornHead(4, 1, circuit=never_one(), smoothing=0.0)
    fisher = classical(head, torch.tensor([[0]])).to_dense()
    assert_allclose(fisher[:2, :2], [[1.0, 0.0], [0.0, 0.0]], atol=1e-12)  # one biased coin


# --- the Loewner order ----------------------------------------------------------------------------


def bitstring_fisher(head: BornHead, contexts: torch.Tensor) -> np.ndarray:
    """F_C of all outcomes over circuit and encoder, by autograd alone."""
    outcomes = head.states(contexts).abs().square()
    jacobian = head_cases.autograd_jacobian(head, outcomes).numpy()
    probabilities = outcomes.detach().numpy()
    assert probabilities.min() > 1e-6
    return np.einsum("byp,byq,by->pq", jacobian, jacobian, 1 / probabilities) / len(contexts)


def smallest(matrix: InformationMatrix | np.ndarray, subtracted: np.ndarray) -> float:
    dense = matrix if isinstance(matrix, np.ndarray) else matrix.to_dense().numpy()
    return float(np.linalg.eigvalsh(dense - subtracted).min())


LOSSLESS = ("born", "born-sharp", "born-reuploading", "born-without-data", "born-class-word", "born-trunk")
"""A token tells the outcome, or its class, up to the default smoothing."""


@pytest.mark.parametrize("name", BORN)
def test_readout_bitstrings_and_states_are_in_loewner_order(name):
    # Seen to fail under scale.
    head = build(name)
    head.readout.requires_grad_(False)
    contexts = some_contexts(head, 4)
    readout, bitstrings = classical(head, contexts).to_dense().numpy(), bitstring_fisher(head, contexts)
    scale = np.abs(bitstrings).max()
    assert smallest(quantum(head, contexts), bitstrings) > -1e-9 * scale
    assert smallest(bitstrings, readout) > -1e-9 * scale
    lost = np.trace(bitstrings) - np.trace(readout)
    assert lost > 0.01 * np.trace(bitstrings) if name not in LOSSLESS else lost < 1e-3
