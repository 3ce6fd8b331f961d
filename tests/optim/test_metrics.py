"""Metrics by name: each against a computation of its own, for every kind of head.

The comment in each test names the planted faults it was seen to fail under, of: factor 2, cross (readout
block not separated from the rest), mask (blocks in parameter order), last (the readout's columns taken from
the front), sum (over contexts or tokens without their weights), model (empirical at the likeliest tokens).
"""

from __future__ import annotations

from dataclasses import replace

import cases
import head_cases
import numpy as np
import pytest
import reference
import torch
from estimators.runs import evolves_non_commuting
from head_cases import (
    autograd_gradient,
    build,
    central_differences,
    flat,
    own,
    some_contexts,
    some_targets,
)
from numpy.testing import assert_allclose
from qiskit.circuit import Parameter, PowerModifier, QuantumCircuit
from qiskit.circuit import library as lib
from scipy.linalg import block_diag

from qgeo.errors import ConfigurationError, ShapeError
from qgeo.estimators.block_diagonal import BlockDiagonalQFI
from qgeo.estimators.diagonal import DiagonalQFI
from qgeo.geometry.operators import BlockDiagonalMatrix, InformationMatrix
from qgeo.heads.born import BornHead
from qgeo.optim.estimated import EstimatedMetric
from qgeo.optim.metrics import METRICS

TIGHT = {"rtol": 1e-9, "atol": 1e-11}
NUMERICAL = {"rtol": 1e-6, "atol": 1e-8}
names = pytest.mark.parametrize("name", head_cases.NAMES)
quantum_names = pytest.mark.parametrize("name", head_cases.QUANTUM)
WITHOUT_ORDER = {("rotated-phase", name) for name in head_cases.NAMES if name.startswith("pauli")}
"""Behind a Pauli readout F_C ⪯ F_Q need not hold, and this metric may be refused (`test_controls.py`)."""

QUANTUM_METRICS = ("quantum", "quantum-block-diagonal", "quantum-diagonal", "quantum-matrix-free")


def dense(head, metric: str, contexts, targets=None) -> np.ndarray:
    return METRICS[metric](head, contexts, targets).to_dense().numpy()


def is_had(metric: str, name: str) -> bool:
    """Whether this head has this metric."""
    needs_circuit = METRICS[metric].needs_circuit
    return (name in head_cases.QUANTUM or not needs_circuit) and (metric, name) not in WITHOUT_ORDER


def brute_force_classical(head, contexts) -> np.ndarray:
    """Σ_x Σ_y p ∇log p ∇log pᵀ / B, gradient by gradient."""
    total = 0.0
    for log_probs in head(contexts):
        for log_p in log_probs:
            gradient = autograd_gradient(head, log_p).numpy()
            total = total + log_p.exp().item() * np.outer(gradient, gradient)
    return total / len(contexts)


@names
def test_classical_is_the_sum_over_all_tokens(name):
    # Seen to fail under factor 2, sum.
    head = build(name)
    contexts = some_contexts(head, 3)
    expected = brute_force_classical(head, contexts)
    assert_allclose(dense(head, "classical", contexts), expected, **TIGHT)
    assert_allclose(dense(head, "classical", contexts, some_targets(head)), expected, **TIGHT)


@names
def test_empirical_is_the_mean_over_observed_tokens(name):
    # Seen to fail under factor 2, sum, model.
    head = build(name)
    contexts, targets = some_contexts(head, 4), some_targets(head, 4)
    rows = [
        autograd_gradient(head, log_probs[target]).numpy()
        for log_probs, target in zip(head(contexts), targets, strict=True)
    ]
    assert_allclose(dense(head, "empirical", contexts, targets), np.transpose(rows) @ rows / 4, **TIGHT)


def numerical_quantum(head, contexts) -> np.ndarray:
    """4 Re Q of the states over circuit and encoder; behind the measurement F_C; nothing between the two."""
    dpsi = central_differences(head, lambda: head.states(contexts))
    psi = head.states(contexts).detach().numpy()
    along = np.einsum("pbx,bx->pb", dpsi.conj(), psi)
    matrix = 4 * (np.einsum("pbx,qbx->pq", dpsi.conj(), dpsi) - along @ along.conj().T).real / len(psi)
    behind = sum(p.numel() for p in head.readout.parameters())
    before = len(matrix) - behind
    assert np.abs(matrix[:, before:]).max(initial=0) == 0
    matrix[before:, before:] = brute_force_classical(head, contexts)[before:, before:]
    return matrix


@quantum_names
def test_quantum_is_the_pullback_and_the_readout_block(name):
    # Seen to fail under factor 2, cross, last, sum.
    head = build(name)
    contexts = some_contexts(head, 3)
    assert_allclose(dense(head, "quantum", contexts), numerical_quantum(head, contexts), **NUMERICAL)


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_that_needs_a_circuit_refuses_a_head_without_one(metric):
    # Seen to fail: quantum-diagonal said to do without.
    head = build("softmax")
    arguments = head, some_contexts(head, 3), torch.zeros(3, dtype=torch.long)
    if METRICS[metric].needs_circuit:
        with pytest.raises(ConfigurationError, match="quantum head"):
            METRICS[metric](*arguments)
    else:
        METRICS[metric](*arguments)


@quantum_names
@pytest.mark.parametrize(
    ("metric", "estimator"), [("quantum-block-diagonal", BlockDiagonalQFI), ("quantum-diagonal", DiagonalQFI)]
)
def test_parts_of_f_q_are_what_their_estimators_measure(name, metric, estimator):
    # Seen to fail where the mask or the encoder's slopes were left out, where the diagonal was taken of the
    # readout too.
    head = build(name)
    contexts = some_contexts(head, 3)
    limit = EstimatedMetric(estimator(), shots=None)(head, contexts).to_dense()
    assert_allclose(dense(head, metric, contexts), limit, rtol=1e-9, atol=1e-11)


def layer_of(name: str, num_qubits: int) -> tuple[str, int]:
    """Of a parameter of the hardware-efficient circuit, whose layers are rows of n rotations."""
    prefix, number = name.rsplit("_", 1)
    return prefix, int(number) // num_qubits


def readout_size(head) -> int:
    return sum(parameter.numel() for parameter in head.readout.parameters())


@pytest.mark.parametrize("name", ["born", "born-class-word", "pauli"])
def test_blocks_are_those_of_the_circuits_rows_pulled_back(name):
    # Seen to fail where the mask was left out, and where a rotation joined only the last layer.
    head, contexts = build(name), some_contexts(build(name), 3)
    point, names = head.circuit_point(contexts), head.program.columns
    labels = [layer_of(column, head.program.num_qubits) for column in names]
    mask = np.array([[first == second for second in labels] for first in labels])
    expected = 0.0
    for angles, jacobian in zip(point.angles, point.encoder.dense(), strict=True):
        numbers = [*point.values.tolist(), *angles.tolist()]
        pull = block_diag(np.eye(len(point.values)), jacobian.numpy())
        expected = expected + pull.T @ (mask * reference.qfim(head.choice.circuit, numbers)) @ pull / 3
    matrix = METRICS["quantum-block-diagonal"](head, contexts, None)
    assert isinstance(matrix, BlockDiagonalMatrix)
    before = len(expected)
    assert_allclose(matrix.to_dense()[:before, :before], expected, rtol=1e-9, atol=1e-11)
    joint = dense(head, "quantum", contexts)
    assert_allclose(matrix.to_dense()[before:, before:], joint[before:, before:], **TIGHT)


@quantum_names
def test_diagonal_is_that_of_the_blocks_and_the_readout_whole(name):
    # Seen to fail where the readout's diagonal was taken too.
    head = build(name)
    contexts = some_contexts(head, 3)
    blocks, joint = dense(head, "quantum-block-diagonal", contexts), dense(head, "quantum", contexts)
    before = len(joint) - readout_size(head)
    expected = block_diag(np.diag(np.diag(blocks)[:before]), joint[before:, before:])
    assert_allclose(dense(head, "quantum-diagonal", contexts), expected, **TIGHT)


@pytest.mark.parametrize("seed", range(60))
def test_exact_and_sampled_layers_are_one_on_random_circuits(seed):
    # Seen to fail where fixed gates closed no layer.
    case = cases.random_case(1000 + seed, num_qubits=1 + seed % 4, num_gates=6 + seed % 12)
    if evolves_non_commuting(case) or not case.circuit.num_parameters:
        return
    head = BornHead(2**case.circuit.num_qubits, 1, circuit=case.circuit)
    contexts = torch.zeros(1, 1, dtype=torch.long)
    with torch.no_grad():
        head.values.copy_(torch.from_numpy(case.values))
    limit = EstimatedMetric(BlockDiagonalQFI(), shots=None)(head, contexts).to_dense()
    assert_allclose(dense(head, "quantum-block-diagonal", contexts), limit, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("metric", METRICS)
@names
def test_a_metric_stays_at_the_point_where_it_was_taken(name, metric):
    # Seen to fail where the circuit's point, or the matrix-free operator, kept a view of the parameters.
    head = build(name)
    if not is_had(metric, name):
        return
    contexts, targets = some_contexts(head, 3), some_targets(head, 3)
    expected = dense(head, metric, contexts, targets)
    kept = METRICS[metric](head, contexts, targets)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter += 0.5
    contexts.zero_()
    targets.zero_()
    assert_allclose(kept.to_dense().numpy(), expected, **TIGHT)
    assert_allclose(kept.diagonal().numpy(), np.diag(expected), **TIGHT)


def test_an_encoder_that_hands_out_its_weights_does_not_move_a_metric():
    # Seen to fail where the point kept the encoder's own tensor as its angles.
    class Table(torch.nn.Module):
        """The same angles for every context: its weights themselves."""

        def __init__(self) -> None:
            super().__init__()
            self.angles = torch.nn.Parameter(torch.tensor([[0.3, 0.7, 1.1]], dtype=torch.float64))

        def forward(self, contexts: torch.Tensor) -> torch.Tensor:
            return self.angles.expand(len(contexts), -1)

    head = BornHead(6, 1, embedding=2, **head_cases.USER)
    head.encoder = Table()
    contexts = torch.tensor([[1]])
    expected = dense(head, "quantum", contexts)
    kept, point = METRICS["quantum-matrix-free"](head, contexts, None), head.circuit_point(contexts)
    angles = point.angles.clone()
    with torch.no_grad():
        head.encoder.angles += 0.5
    assert torch.equal(point.angles, angles)
    assert_allclose(kept.to_dense().numpy(), expected, **TIGHT)


FROZEN = {
    "circuit": lambda head: [head.values],
    "encoder": lambda head: list(head.encoder.parameters()),
    "embedding": lambda head: [head.encoder.embedding],
    "readout": lambda head: list(head.readout.parameters()),
    "all-but-the-readout": lambda head: [head.values, *head.encoder.parameters()],
}


@pytest.mark.parametrize("frozen", FROZEN)
@pytest.mark.parametrize("metric", [*QUANTUM_METRICS, "classical", "empirical"])
@pytest.mark.parametrize("name", ["born-class-word", "pauli-user"])
def test_frozen_numbers_have_no_rows(name, metric, frozen):
    # Seen to fail under last.
    head = build(name)
    contexts, targets = some_contexts(head, 3), some_targets(head, 3)
    full = dense(head, metric, contexts, targets)
    chosen = {id(p) for p in FROZEN[frozen](head)}
    kept = np.concatenate([np.full(p.numel(), id(p) not in chosen) for p in head.parameters()])
    for parameter in FROZEN[frozen](head):
        parameter.requires_grad_(False)
    rest = dense(head, metric, contexts, targets)
    assert_allclose(rest, full[np.ix_(kept, kept)], rtol=1e-9, atol=1e-12)


@names
@pytest.mark.parametrize("metric", METRICS)
def test_metric_is_an_information_matrix_over_the_trainable_numbers(name, metric):
    if not is_had(metric, name):
        return  # refused: see below
    head = build(name)
    matrix = METRICS[metric](head, some_contexts(head), some_targets(head))
    assert isinstance(matrix, InformationMatrix)
    assert matrix.size == len(flat(own(head)))
    spectrum = torch.linalg.eigvalsh(matrix.to_dense())
    assert spectrum.min() > -1e-12 * spectrum.max()
    assert not matrix.to_dense().requires_grad


@quantum_names
def test_matrix_free_is_quantum_by_products(name):
    # Seen to fail under factor 2, no phase term, sum, and with the encoder's block left out.
    head = build(name)
    contexts = some_contexts(head, 3)
    expected = dense(head, "quantum", contexts)
    matrix = METRICS["quantum-matrix-free"](head, contexts, None)
    assert_allclose(matrix.to_dense(), expected, **TIGHT)
    assert_allclose(matrix.diagonal(), expected.diagonal(), **TIGHT)
    assert_allclose(matrix.trace(), expected.trace(), **TIGHT)
    vectors = torch.randn(matrix.size, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert_allclose(matrix @ vectors, expected @ vectors.numpy(), rtol=1e-9, atol=1e-10)
    shifted = expected + 0.1 * np.eye(matrix.size)
    assert_allclose(matrix.solve(vectors, 0.1), np.linalg.solve(shifted, vectors), rtol=1e-7, atol=1e-8)


def test_parameter_that_moves_nothing_has_its_row_in_every_form():
    # Seen to fail where it belonged to no layer.
    a, b, c = (Parameter(name) for name in "abc")
    circuit = QuantumCircuit(2)
    circuit.ry(b, 0)
    circuit.append(cases.annotated(lib.RXGate(a), PowerModifier(0)), [1])
    circuit.cx(0, 1)
    circuit.rx(c, 1)
    head = BornHead(4, 1, circuit=circuit)
    for metric in QUANTUM_METRICS:
        matrix = dense(head, metric, torch.tensor([[0], [3]]))
        assert matrix.shape == (len(flat(own(head))),) * 2
        assert (matrix[0] == 0).all()
        assert (np.diag(matrix)[1:3] > 0.1).all()


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", QUANTUM_METRICS)
@pytest.mark.parametrize("name", ["softmax", "mlp"])
def test_quantum_metric_of_a_classical_head_is_refused(name, metric):
    head = build(name)
    with pytest.raises(ConfigurationError, match=f"quantum head.*{type(head).__name__}.*classical"):
        METRICS[metric](head, some_contexts(head), None)


def test_empirical_without_targets_is_refused():
    head = build("born")
    with pytest.raises(ConfigurationError, match="targets"):
        METRICS["empirical"](head, some_contexts(head), None)
    with pytest.raises(ShapeError, match="3 targets"):
        METRICS["empirical"](head, some_contexts(head, 3), some_targets(head, 2))


@pytest.mark.parametrize("name", ["qfim", "Quantum", "", "fisher"])
def test_unknown_metric_is_named_beside_the_known_ones(name):
    with pytest.raises(ConfigurationError, match=f"quantum.*classical.*empirical.*'{name}'"):
        METRICS[name]


def test_a_rule_that_gives_a_bare_tensor_is_refused():
    # Seen to fail: the tensor went on to the solve, and ended there in a traceback.
    bare = replace(METRICS["classical"], name="bare", exact=lambda *_: torch.eye(3))
    head = build("softmax")
    with pytest.raises(ConfigurationError, match="of the metric bare, got Tensor; DenseMatrix"):
        bare(head, some_contexts(head))
