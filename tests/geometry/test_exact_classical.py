"""F_C of measured bitstrings, exact, against the naive reference and against known answers.

Numbers in brackets are the oracles of the project's list. The comment in each test names the planted faults
it was seen to fail under, of: factor 2 (twice the matrix), no weight (∂p∂pᵀ without 1/p), no conjugation
(Re ψ∂ψ for Re ψ̄∂ψ), quantum (F_Q returned for F_C), uncut (division by probabilities of zero too),
damped (10⁻⁶ on the diagonal).
"""

from __future__ import annotations

import cases
import numpy as np
import pytest
import reference
from cases import A, B
from numpy import cos, pi, sin
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.circuit import library as lib

import qgeo

TIGHT = {"rtol": 1e-10, "atol": 1e-12}


def generic(circuit: QuantumCircuit, seed: int) -> np.ndarray:
    """Values at which a generic circuit has no vanishing probability."""
    return np.random.default_rng(seed).uniform(0.3, 2.8, circuit.num_parameters)


# --- against the reference ------------------------------------------------------------------------


@pytest.mark.parametrize("case", [*cases.CASES, *cases.RANDOM_CASES], ids=str)
def test_matrix_matches_the_reference(case):
    # Seen to fail under every fault of the list.
    fisher = qgeo.classical_fisher(case.circuit, case.values)
    assert fisher.dtype == np.float64
    assert_allclose(fisher, reference.cfim_of(*case.vectors), **TIGHT)


@pytest.mark.parametrize("case", cases.RANDOM_CASES, ids=str)
def test_matrix_is_symmetric_positive_and_of_bounded_rank(case):
    # Seen to fail under no conjugation, quantum, damped.
    fisher = qgeo.classical_fisher(case.circuit, case.values)
    scale = max(1.0, np.abs(fisher).max(initial=0))
    assert_allclose(fisher, fisher.T, rtol=0, atol=1e-14 * scale)
    assert np.linalg.eigvalsh(fisher).min(initial=0) >= -1e-13 * scale
    rank = np.linalg.matrix_rank(fisher, tol=1e-9 * scale, hermitian=True)
    assert rank <= min(len(fisher), 2**case.circuit.num_qubits - 1)


# --- formulas -------------------------------------------------------------------------------------


def test_one_biased_coin():
    # Seen to fail under factor 2, no weight, damped (F_C = F_Q here, and it is real).
    circuit = QuantumCircuit(1)
    circuit.ry(A, 0)  # p(1) = sin²(a/2): ∂p²/p(1 − p) = 1
    assert_allclose(qgeo.classical_fisher(circuit, [0.7]), [[1.0]], **TIGHT)
    circuit.h(0)  # p(0) = (1 + sin a)/2: still 1
    assert_allclose(qgeo.classical_fisher(circuit, [0.7]), [[1.0]], **TIGHT)


@pytest.mark.parametrize(("a", "b"), [(0.4, 1.1), (1.9, -0.3), (-2.2, 3.0)])
def test_tilted_measurement_of_the_bloch_sphere(a, b):
    # Seen to fail under factor 2, no weight, no conjugation, quantum, damped.
    circuit = QuantumCircuit(1)
    circuit.ry(A, 0)
    circuit.rz(B, 0)
    circuit.h(0)  # ⟨X⟩ = sin a cos b is what is measured
    slope = np.array([cos(a) * cos(b), -sin(a) * sin(b)])
    expected = np.outer(slope, slope) / (1 - (sin(a) * cos(b)) ** 2)
    assert_allclose(qgeo.classical_fisher(circuit, [a, b]), expected, **TIGHT)


def test_fixed_unitary_before_the_measurement_matters():
    # Seen to fail under no weight, quantum; no conjugation of F_Q.
    circuit = cases.layered(3, 1)
    rotated = circuit.compose(cases.scramble(3, seed=2))
    values = generic(circuit, 1)
    assert_allclose(qgeo.quantum_fisher(rotated, values), qgeo.quantum_fisher(circuit, values), **TIGHT)
    assert np.abs(qgeo.classical_fisher(rotated, values) - qgeo.classical_fisher(circuit, values)).max() > 0.1


@pytest.mark.parametrize("num_qubits", [1, 3, 6])
def test_last_phases_are_not_seen(num_qubits):
    # Seen to fail under factor 2, no weight, no conjugation, quantum, damped.
    circuit = lib.efficient_su2(num_qubits, reps=0, su2_gates=["ry", "rz"])
    fisher = qgeo.classical_fisher(circuit, generic(circuit, 2))
    expected = np.diag([1.0] * num_qubits + [0.0] * num_qubits)
    assert_allclose(fisher, expected, **TIGHT)


# --- oracle 12: real amplitudes -------------------------------------------------------------------


def real_circuit(num_qubits: int) -> QuantumCircuit:
    """ry, cx, cz, h, x, with shared and scaled angles."""
    circuit = lib.real_amplitudes(num_qubits, reps=2, entanglement="full")
    circuit.h(0)
    circuit.ry(2 * circuit.parameters[1], num_qubits - 1)
    circuit.x(num_qubits - 1)
    if num_qubits > 1:
        circuit.cz(0, 1)
        circuit.ry(A, 1)
        circuit.h(1)
    return circuit


@pytest.mark.parametrize("num_qubits", [1, 2, 3, 4, 5])
def test_real_circuits_lose_nothing_in_the_measurement(num_qubits):  # [12]
    # Seen to fail under factor 2 and damped (of either matrix), no weight.
    circuit = real_circuit(num_qubits)
    values = generic(circuit, num_qubits)
    assert np.abs(reference.states(circuit, values)).min() > 1e-6
    classical = qgeo.classical_fisher(circuit, values)
    assert_allclose(classical, qgeo.quantum_fisher(circuit, values), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("num_qubits", [1, 2, 3])
def test_rank_saturates_at_the_simplex(num_qubits):  # [12]
    # Seen to fail under no conjugation, quantum, damped.
    circuit = cases.layered(num_qubits, 4)
    fisher = qgeo.classical_fisher(circuit, generic(circuit, 7))
    assert np.linalg.matrix_rank(fisher, tol=1e-9, hermitian=True) == 2**num_qubits - 1


# --- vanishing probabilities ----------------------------------------------------------------------


def one_ry() -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.ry(A, 0)
    return circuit


def test_vanishing_probability_is_left_out():  # [12]
    # Seen to fail under factor 2, no weight, quantum, uncut, damped.
    assert_allclose(qgeo.classical_fisher(one_ry(), [0.0]), [[0.0]], rtol=0, atol=0)  # the limit is 1


@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-7, 1e-8, 1e-10, 1e-12, -1e-9])
@pytest.mark.parametrize("around", [0.0, pi, -pi])
def test_small_probabilities_count_in_full(around, distance):
    # Seen to fail where outcomes with p ≤ 1e-14 were left out (from 1e-7 on).
    if abs(distance) < 1e-10 and around:
        return  # the angle itself is rounded to 4e-16: nothing is lost, but 1e-12 + π is no such distance
    assert_allclose(qgeo.classical_fisher(one_ry(), [around + distance]), [[1.0]], rtol=1e-6)
    three = lib.real_amplitudes(3, reps=0)
    three.cx(0, 1)
    values = [around + distance, 0.4, around - distance]
    assert_allclose(qgeo.classical_fisher(three, values), np.eye(3), rtol=0, atol=1e-6)


@pytest.mark.parametrize("num_qubits", [2, 4, 6])
def test_amplitudes_that_are_rounding_do_not_count(num_qubits):
    # Seen to fail where every amplitude above 0 counted: entries of random size, up to 0.9.
    there = cases.layered(num_qubits, 8)
    back = there.inverse().assign_parameters(ParameterVector("φ", there.num_parameters))
    values = generic(there, 3)
    fisher = qgeo.classical_fisher(there.compose(back), [*values, *values])  # |0…0⟩: its probability is 1
    assert_allclose(fisher, np.zeros_like(fisher), rtol=0, atol=1e-12)


@pytest.mark.parametrize("angle", [0.0, pi / 2, pi, -pi, 2 * pi])
def test_special_angles_give_finite_matrices(angle):
    # Seen to fail under uncut, damped, no conjugation (of F_Q).
    for circuit in (
        cases.layered(3, 2),
        lib.real_amplitudes(4, reps=1),
        cases.iqp(4),
        cases.dead_parameters(),
    ):
        values = np.full(circuit.num_parameters, angle)
        fisher = qgeo.classical_fisher(circuit, values)
        assert np.isfinite(fisher).all()
        assert np.linalg.eigvalsh(qgeo.quantum_fisher(circuit, values) - fisher).min() >= -1e-9


# --- oracle 11: IQP -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_iqp_is_not_flat_for_bitstrings(seed):  # [11]
    # Seen to fail under factor 2, no weight, no conjugation, quantum, damped.
    values = np.random.default_rng(seed).uniform(-pi, pi, 10)
    fisher = qgeo.classical_fisher(cases.iqp(4), values)
    assert np.linalg.norm(fisher - np.diag(np.diag(fisher))) > 0.3
    assert np.linalg.norm(fisher - np.eye(10)) > 0.3
    assert_allclose(fisher, reference.cfim(cases.iqp(4), values), **TIGHT)
