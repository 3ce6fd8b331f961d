"""MixedStateQFI: the exact SLD quantum Fisher information of a noisy circuit, from Aer's density matrix.

    ∂_kρ = ½ [ρ(a + s_k) − ρ(a − s_k)],  s = π/2,      then `geometry.mixed`

exact, because noise channels do not depend on the angles and each angle stands in one rotation gate. The
noise is Aer's: any `NoiseModel`, or a device's with `AerSimulator.from_backend` and a pass manager to it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from qgeo.errors import CircuitError, ConfigurationError
from qgeo.estimators.estimate import FisherEstimate
from qgeo.estimators.estimator import FisherEstimator, Points, Remembered
from qgeo.estimators.execution import brought_to, decomposition
from qgeo.estimators.experiments import angle_vector, append_columns
from qgeo.estimators.pauli_circuit import PauliCircuit, pauli_circuit
from qgeo.estimators.primitives import PassManager
from qgeo.geometry.mixed import pure_state_fisher, sld_fisher

Floats = NDArray[np.float64]


class MixedStateQFI(FisherEstimator):
    """SLD F_Q of the circuit's own qubits under noise; no shots.

    Args:
        simulator: an `AerSimulator` with the density-matrix method and a noise model; None for no noise.
        pass_manager: transpiles to the gates that the noise is attached to; None for standard gates.

    `metadata` holds the mean purity, what the pure-state formula 2 Tr(∂_iρ ∂_jρ) would say, and its relative
    Frobenius error.
    """

    least_shots = 0  # whatever is asked for, it is refused

    def __init__(self, simulator: Any = None, *, pass_manager: PassManager | None = None) -> None:
        self.simulator = _density_matrix_simulator() if simulator is None else simulator
        self.pass_manager = pass_manager or decomposition()
        self.prepared = Remembered(self._transpiled)

    def at_points(self, circuit: QuantumCircuit, points: Points, shots: int | None) -> FisherEstimate:
        """See `FisherEstimator`.

        Raises:
            ConfigurationError: shots were asked for.
        """
        if shots is not None:
            raise ConfigurationError(f"expected shots=None for the exact mixed-state method, got {shots}")
        rows, share = points.rows, points.share
        source, isa = self.prepared(circuit)
        by_term = points.pulled_back(source.jacobian(rows))
        density = [self._states(isa, angles) for angles in source.angles(rows)]
        slopes = [
            np.einsum("kw,kab->wab", t, (states[1::2] - states[2::2]) / 2)
            for states, t in zip(density, by_term, strict=True)
        ]
        exact = np.array([sld_fisher(s[0], d) for s, d in zip(density, slopes, strict=True)])
        matrix = np.tensordot(share, exact, 1)
        naive = np.tensordot(share, np.array([pure_state_fisher(d) for d in slopes]), 1)
        return FisherEstimate(
            matrix, np.zeros_like(matrix), 0, 0, source.parameters, _comparison(matrix, naive, density)
        )

    def _transpiled(self, circuit: QuantumCircuit) -> tuple[PauliCircuit, QuantumCircuit]:
        source = pauli_circuit(circuit)
        bare = QuantumCircuit(source.num_qubits)
        append_columns(bare, source, 0, len(source.columns), angle_vector(source))
        (isa,) = brought_to(self.pass_manager, [bare])
        _check_angles(isa)
        qubits = isa.layout.final_index_layout() if isa.layout else range(source.num_qubits)
        isa.save_density_matrix(list(qubits))
        return source, isa

    def _states(self, isa: QuantumCircuit, angles: Floats) -> Any:
        """ρ at the angles, then at every a + s_k, a − s_k: (2K + 1, N, N)."""
        terms = len(angles)
        shifts = np.pi / 2 * np.stack([np.eye(terms), -np.eye(terms)], 1).reshape(2 * terms, terms)
        points = np.concatenate([angles[None], angles + shifts])
        binds = [{p: points[:, p.index].tolist() for p in isa.parameters}] if isa.num_parameters else []
        result = self.simulator.run(isa, parameter_binds=binds).result()
        if not result.success:
            raise ConfigurationError(f"expected a density matrix from the simulator, got: {result.status}")
        matrices = [np.asarray(result.data(row)["density_matrix"]) for row in range(len(result.results))]
        return np.array(matrices if binds else matrices * len(points))


def _check_angles(isa: QuantumCircuit) -> None:
    """Each angle once, with slope ±1: what the shift rule relies on."""
    seen: set[Any] = set()
    for step in isa.data:
        for angle in step.operation.params:
            for parameter in getattr(angle, "parameters", ()):
                slope = angle.gradient(parameter)
                if parameter in seen or getattr(slope, "parameters", None) or abs(abs(slope) - 1) > 1e-12:
                    raise CircuitError(
                        f"expected every angle once and unscaled after transpiling, got {parameter} in "
                        f"{step.operation.name}; use a pass manager with a lower optimization level"
                    )
                seen.add(parameter)


def _comparison(matrix: Floats, naive: Floats, density: list[Any]) -> dict[str, Any]:
    purity = np.mean([np.einsum("ab,ba->", states[0], states[0]).real for states in density])
    norm = np.linalg.norm(matrix)
    error = float(np.linalg.norm(naive - matrix) / norm) if norm else 0.0
    return {"purity": float(purity), "pure_state_formula": naive, "pure_state_error": error}


def _density_matrix_simulator() -> Any:
    from qiskit_aer import AerSimulator

    return AerSimulator(method="density_matrix")
