"""Costs of a step, counted by hand."""

from __future__ import annotations

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.library import PauliEvolutionGate
from qiskit.quantum_info import SparsePauliOp

from qgeo.circuit.ansatz import ansatz
from qgeo.circuit.compiler import compile
from qgeo.comparison.cost import StepCost, formulae, step_cost
from qgeo.errors import ConfigurationError
from qgeo.optim.first_order import FIRST_ORDER
from qgeo.optim.metrics import METRICS

A, B = Parameter("a"), Parameter("b")


def circuit_of(build) -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    build(circuit)
    return circuit


def evolution(*terms: tuple[str, float]) -> PauliEvolutionGate:
    """exp(−i a Σ c_k P_k)."""
    return PauliEvolutionGate(SparsePauliOp.from_list(terms), time=A)


THREE = evolution(("XI", 1), ("ZI", 1), ("IX", 1))

# Gradient: 1 + 2 evaluations per distinct positive gap of each rotation's generator.
GRADIENTS = [
    ("nothing to train", lambda c: c.h(0), 1),
    ("rx: gap 1", lambda c: c.rx(A, 0), 3),
    ("p: gap 1", lambda c: c.p(A, 0), 3),
    ("rzz: gap 1", lambda c: c.rzz(A, 0, 1), 3),
    ("cp: gap 1", lambda c: c.cp(A, 0, 1), 3),
    ("crx: gaps 1/2 and 1, four shifts", lambda c: c.crx(A, 0, 1), 5),
    ("cry: the same", lambda c: c.cry(A, 0, 1), 5),
    ("crz: the same", lambda c: c.crz(A, 0, 1), 5),
    ("the same parameter twice: two rotations", lambda c: (c.rx(A, 0), c.ry(A, 1)), 5),
    ("u with two parameters: two rotations", lambda c: c.u(A, B, 0.3, 0), 5),
    ("a factor changes no gap's number", lambda c: c.rx(3 * A, 0), 3),
    ("commuting terms: a rotation each", lambda c: c.append(evolution(("ZI", 1), ("IZ", 3)), [0, 1]), 5),
    ("X + Z: eigenvalues ±√2, one gap", lambda c: c.append(evolution(("IX", 1), ("IZ", 1)), [0, 1]), 3),
    ("XX + ZI: ±√2 twice, one gap", lambda c: c.append(evolution(("XX", 1), ("ZI", 1)), [0, 1]), 3),
    ("XI + ZI + IX: ±√2 ± 1, gaps 2, 2√2 ± 2, 2√2", lambda c: c.append(THREE, [0, 1]), 9),
]


@pytest.mark.parametrize(("why", "build", "evaluations"), GRADIENTS)
def test_gradient_evaluations_by_hand(why, build, evaluations):
    # Seen to fail: two shifts for every rotation (crx), gaps counted with multiplicity (rzz).
    assert step_cost(compile(circuit_of(build)), "sgd").gradient == evaluations, why


def test_data_angles_count_because_the_encoder_trains_through_them():
    circuit = circuit_of(lambda c: (c.rx(A, 0), c.ry(B, 1)))
    assert step_cost(compile(circuit, input_parameters=[B]), "adam") == StepCost(5, 0, 1)


# hardware-efficient, n = 2, L = 2: 8 trainable rotations and 4 data angles in layers of RY RY | RZ RZ.
EVALUATIONS = [
    ("adam", 0),
    ("sgd", 0),
    ("classical", 0),
    ("empirical", 0),
    ("quantum-diagonal", 12),
    ("quantum", 12 * 11 // 2 + 12),
    ("quantum-matrix-free", 12 * 11 // 2 + 12),
    ("quantum-block-diagonal", 6 * (1 + 2)),
    ("identity", 0),
    ("classical-diagonal", 0),
    ("monte-carlo", 0),
    ("mixture-0.25", 12 * 11 // 2 + 12),
    ("random-spectrum", 12 * 11 // 2 + 12),
    ("rotated-phase", 12 * 11 // 2 + 12),
]


@pytest.mark.parametrize(("metric", "evaluations"), EVALUATIONS)
def test_metric_evaluations_by_hand(metric, evaluations):
    built = ansatz("hardware-efficient", 2, 2)
    program = compile(built.circuit, input_parameters=built.input_parameters)
    assert [len(layer) for layer in program.layers] == [2] * 6
    assert step_cost(program, metric) == StepCost(1 + 2 * 12, evaluations, 1)


@pytest.mark.parametrize("metric", ["adam", "classical", "empirical"])
def test_a_classical_head_needs_no_circuit(metric):
    assert step_cost(None, metric) == StepCost(0, 0, 0)


def test_a_single_rotation_costs_one_state_preparation():
    x = ParameterVector("x", 1)
    circuit = circuit_of(lambda c: c.rx(x[0], 0))
    assert step_cost(compile(circuit), "quantum").metric == 1
    assert step_cost(compile(circuit_of(lambda c: c.h(0))), "quantum").metric == 0


def test_every_metric_of_an_arm_has_a_rule_and_a_formula():
    assert set(formulae()) == {"gradient", "length of a step", *METRICS, *FIRST_ORDER}
    assert all(formulae().values())


@pytest.mark.parametrize("metric", ["newton", "Quantum", ""])
def test_an_unknown_metric_is_not_booked_as_free(metric):
    # Seen to fail: a default of 0.
    for program in (None, compile(circuit_of(lambda c: c.rx(A, 0)))):
        with pytest.raises(ConfigurationError, match=f"expected a metric among .* got '{metric}'"):
            step_cost(program, metric)
