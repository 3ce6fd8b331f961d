"""The exact SLD information of noisy circuits on Aer's density matrix. Numbers in brackets: oracles."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from cases import A
from estimators.runs import BY_NAME, circuit_of, shared_pair, values_of
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error, phase_damping_error
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qgeo.errors import CircuitError, ConfigurationError
from qgeo.estimators.mixed_state import MixedStateQFI


def noisy(*errors: tuple) -> AerSimulator:
    """A density-matrix simulator with (error, gate names) on all qubits."""
    model = NoiseModel()
    for error, names in errors:
        model.add_all_qubit_quantum_error(error, names)
    return AerSimulator(method="density_matrix", noise_model=model)


PURE = ["UGate", "CRXGate", "shared-parameter", "composite-nested", "mc-rx", "phase-gate"]


@pytest.mark.parametrize("name", PURE)
def test_without_noise_it_is_the_pure_matrix(name):
    # Seen to fail when slopes were not halved.
    case = BY_NAME[name]
    result = MixedStateQFI().estimate(case.circuit, case.values, shots=None)
    assert_allclose(result.matrix, reference.qfim(case.circuit, case.values), rtol=0, atol=1e-8)
    assert (result.circuits, result.shots) == (0, 0)
    assert result.metadata["purity"] == pytest.approx(1)
    assert result.metadata["pure_state_error"] == pytest.approx(0, abs=1e-8)


def test_weaker_noise_comes_closer_to_it():
    circuit, values = shared_pair(), values_of(shared_pair())
    pure = reference.qfim(circuit, values)
    distances = []
    for strength in (1e-2, 1e-3, 1e-4):
        simulator = noisy((depolarizing_error(strength, 1), ["rx", "ry", "rz", "u"]))
        result = MixedStateQFI(simulator).estimate(circuit, values, shots=None).matrix
        distances.append(np.linalg.norm(result - pure))
    assert distances[0] / distances[1] == pytest.approx(10, rel=0.2)
    assert distances[1] / distances[2] == pytest.approx(10, rel=0.05)


def test_one_qubit_behind_a_shrinking_channel():  # [10]
    theta, phi = ParameterVector("t", 2)
    circuit = circuit_of(1, ("ry", theta, 0), ("rz", phi, 0))
    simulator = noisy((depolarizing_error(0.4, 1), ["ry"]))
    result = MixedStateQFI(simulator).estimate(circuit, [0.7, 0.4], shots=None)
    assert_allclose(result.matrix, np.diag([0.36, 0.36 * np.sin(0.7) ** 2]), rtol=0, atol=1e-9)
    assert result.matrix[1, 1] == pytest.approx(0.149, abs=5e-4)
    assert result.metadata["purity"] == pytest.approx((1 + 0.36) / 2)
    assert_allclose(result.metadata["pure_state_formula"], result.matrix, rtol=0, atol=1e-9)  # λ₁ + λ₂ = 1


def ghz_phase(num_qubits: int) -> QuantumCircuit:
    circuit = circuit_of(num_qubits, ("h", 0), *(("cx", i, i + 1) for i in range(num_qubits - 1)))
    circuit.z(0)  # where the noise is; F is blind to the gate itself
    for qubit in range(num_qubits):
        circuit.rz(A, qubit)
    return circuit


def test_dephased_ghz_state():  # [10]
    # Phase damping γ on one qubit leaves the coherence √(1 − γ) = V.
    simulator = noisy((phase_damping_error(1 - 0.7**2), ["z"]))
    result = MixedStateQFI(simulator).estimate(ghz_phase(3), [0.3], shots=None)
    assert_allclose(result.matrix, [[0.49 * 9]], rtol=1e-9)
    assert result.metadata["pure_state_error"] < 1e-9  # both eigenvalues sum to 1


def test_ghz_state_with_white_noise():  # [10]
    circuit = circuit_of(3, ("h", 0), ("cx", 0, 1), ("cx", 1, 2), ("ccx", 0, 1, 2), ("ccx", 0, 1, 2))
    for qubit in range(3):
        circuit.rz(A, qubit)
    simulator = noisy((depolarizing_error(0.3, 3), ["ccx"]))
    keep = generate_preset_pass_manager(
        optimization_level=0, basis_gates=["h", "cx", "ccx", "rx", "ry", "rz"]
    )
    result = MixedStateQFI(simulator, pass_manager=keep).estimate(circuit, [0.3], shots=None)
    kept = 0.7**2  # two gates
    expected = kept**2 * 9 / (kept + 2 * (1 - kept) / 8)
    assert_allclose(result.matrix, [[expected]], rtol=1e-9)
    assert result.metadata["pure_state_error"] > 0.1


def test_depolarised_pair_loses_a_known_factor():  # [10]
    t = ParameterVector("t", 2)
    circuit = circuit_of(2, ("ry", 0.9, 0), ("cx", 0, 1), ("rx", t[0], 0), ("ry", t[1], 1))
    simulator = noisy((depolarizing_error(0.2, 2), ["cx"]))
    result = MixedStateQFI(simulator).estimate(circuit, [0.4, 1.0], shots=None).matrix
    factor = 0.8**2 / (0.8 + 0.4 / 4)
    assert factor == pytest.approx(0.7111, abs=5e-5)
    assert_allclose(result, factor * reference.qfim(circuit, [0.4, 1.0]), rtol=0, atol=1e-9)


# --- a device -------------------------------------------------------------------------------------


def on_manila(layout: list[int], simulator: AerSimulator) -> np.ndarray:
    passes = generate_preset_pass_manager(
        optimization_level=0, backend=FakeManilaV2(), initial_layout=layout, seed_transpiler=1
    )
    estimator = MixedStateQFI(simulator, pass_manager=passes)
    return estimator.estimate(shared_pair(), values_of(shared_pair()), shots=None).matrix


@pytest.mark.parametrize("layout", [[0, 1], [3, 2], [4, 1], [1, 3]], ids=str)
def test_the_layout_changes_nothing_without_noise(layout):
    # Seen to fail when the final layout was ignored.
    result = on_manila(layout, AerSimulator(method="density_matrix"))
    assert_allclose(result, reference.qfim(shared_pair(), values_of(shared_pair())), rtol=0, atol=1e-8)


def test_the_noise_of_a_device_loses_information():
    simulator = AerSimulator.from_backend(FakeManilaV2(), method="density_matrix")
    pure = reference.qfim(shared_pair(), values_of(shared_pair()))
    near, far = (on_manila(layout, simulator) for layout in ([3, 4], [0, 4]))
    assert np.linalg.eigvalsh(pure - near).min() > 0
    assert np.trace(far) < np.trace(near) < np.trace(pure)  # [0, 4] needs swaps


# --- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shots", [100, 0])
def test_shots_are_refused(shots):
    with pytest.raises(ConfigurationError, match=f"expected shots=None .* got {shots}"):
        MixedStateQFI().estimate(circuit_of(1, ("ry", A, 0)), [0.3], shots=shots)


class Doubling:
    """Stands in for a pass manager that scales angles."""

    def run(self, circuits):
        several = circuits if isinstance(circuits, list) else [circuits]
        scaled = [c.assign_parameters({angle: 2 * angle for angle in c.parameters}) for c in several]
        return scaled if isinstance(circuits, list) else scaled[0]


def test_angles_that_a_pass_manager_scales_are_refused():
    # Seen to fail when slopes were not looked at.
    with pytest.raises(CircuitError, match=r"once and unscaled .* lower optimization level"):
        MixedStateQFI(pass_manager=Doubling()).estimate(circuit_of(1, ("ry", A, 0)), [0.3], shots=None)


def test_a_circuit_without_parameters_has_an_empty_matrix():
    assert MixedStateQFI().estimate(circuit_of(1, ("h", 0)), [], shots=None).matrix.shape == (0, 0)


def test_noise_that_sits_on_an_identity_counts():
    # Seen to fail: id left out of the circuit, and its noise with it.
    circuit = circuit_of(1, ("h", 0), ("id", 0), ("rz", A, 0))
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(phase_damping_error(0.51), "id")
    simulator = AerSimulator(method="density_matrix", noise_model=noise)
    result = MixedStateQFI(simulator).estimate(circuit, [0.3], shots=None)
    assert result.matrix[0, 0] == pytest.approx(0.49)
