"""RandomMeasurementQFI: F_Q as twice the mean F_C in random bases (Kolotouros, Joseph and Narayanan 2024,
arXiv 2407.03123; arXiv 2509.08196).

    E_U F_C(U ψ) = ½ F_Q        for pure states and U Haar-random on all qubits jointly

`bases="haar"` is that. Outcomes too rare for s shots hide the share 2ⁿ/(s + 2ⁿ + 1) of F_Q on average over
bases, whatever the state: the p of an outcome is Beta(1, 2ⁿ − 1) distributed, its part of F_C at p is
½ F_Q (1 − p)/(2ⁿ − 1) on average, and (1 − p)^{s+1} of it is missed (`SampledCFI`). The estimate is divided
by what is left. "clifford" and "local" (products of one-qubit Haar unitaries) are cheaper circuits and
approximations only, so that all their entries are flagged: see `benchmarks/estimators.py` for what they cost.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit.library import UnitaryGate
from qiskit.quantum_info import random_clifford, random_unitary

from qgeo.arguments import checked_integer
from qgeo.errors import ConfigurationError
from qgeo.estimators.derivatives import (
    WIDEST,
    check_width,
    read_probabilities,
    shifted_derivatives,
    state_task,
)
from qgeo.estimators.estimate import FisherEstimate
from qgeo.estimators.estimator import FisherEstimator, Points, Remembered, checked_draws, largest_entries
from qgeo.estimators.execution import CircuitTask, Executor, Progress
from qgeo.estimators.pauli_circuit import FixedGate, FixedGates, PauliCircuit, pauli_circuit
from qgeo.estimators.primitives import PassManager, Primitive
from qgeo.estimators.sampled_cfi import output_fisher_estimate

Floats = NDArray[np.float64]

BASES = ("haar", "clifford", "local")
WIDEST_HAAR = 6
"""A Haar-random unitary on n qubits takes about 4ⁿ/2 two-qubit gates."""


class RandomMeasurementQFI(FisherEstimator):
    """Full F_Q from measurements in random bases; needs no ancilla and no controlled gate.

    Args:
        sampler, pass_manager, progress: see `Executor`.
        generator: source of bases, and of Aer's seeds.
        draws: bases per estimate, at least 2; the standard error is the spread over them.
        bases: "haar" (unbiased), or the approximations "clifford" and "local".
    """

    def __init__(
        self,
        sampler: Primitive | None = None,
        *,
        pass_manager: PassManager | None = None,
        generator: np.random.Generator | None = None,
        progress: Progress | None = None,
        draws: int = 20,
        bases: str = "haar",
    ) -> None:
        if bases not in BASES:
            raise ConfigurationError(f"expected bases among {', '.join(BASES)}, got {bases!r}")
        draws = checked_integer("draws", draws, 2)  # for a standard error
        self.generator = np.random.default_rng() if generator is None else generator
        self.executor = Executor(
            sampler, pass_manager=pass_manager, generator=self.generator, progress=progress
        )
        self.draws, self.bases = draws, bases
        self.prepared = Remembered(pauli_circuit)

    def at_points(self, circuit: QuantumCircuit, points: Points, shots: int | None) -> FisherEstimate:
        """See `FisherEstimator`."""
        rows, share = points.rows, points.share
        source = self.prepared(circuit)
        check_width(source, WIDEST_HAAR if self.bases == "haar" else WIDEST)
        checked_draws(self.draws, 4**source.num_qubits + (2 * source.num_terms + 1) * 2**source.num_qubits)
        by_term = points.pulled_back(source.jacobian(rows))
        angles = source.angles(rows)
        rotated = [_measured_after(source, self._basis(source.num_qubits)) for _ in range(self.draws)]
        tasks = [task for circuit_in_basis in rotated for task in _tasks(circuit_in_basis, angles, shots)]
        results, cost = self.executor.run(tasks)
        each, scale = len(tasks) // self.draws, 2 * self._unmissed(source.num_qubits, shots)
        matrices, unseen = [], []
        for number, measured in enumerate(rotated):
            at_point, *shifted = results[number * each : (number + 1) * each]
            probabilities = read_probabilities(measured, at_point, shots)
            slopes = shifted_derivatives.read(measured, len(rows), shifted, shots)
            matrix, noise, _ = output_fisher_estimate(probabilities, slopes, by_term, weights=share)
            matrices.append(scale * matrix)
            unseen.append(scale**2 * noise.rare)
        one_draw = np.abs(matrices).max(0) / 2  # as for random directions
        rare = (one_draw**2 + np.sum(unseen, axis=0)) / self.draws**2
        largest = largest_entries(by_term, share)
        return FisherEstimate(
            matrix=np.mean(matrices, axis=0),
            stderr=np.sqrt(np.var(matrices, axis=0, ddof=1) / self.draws + rare),
            circuits=cost.circuits,
            shots=cost.shots,
            parameters=source.parameters,
            metadata={"draws": self.draws, "bases": self.bases},
            resolution=np.sqrt(rare),
            degrees=self.draws - 1,
            largest=largest,
            bias=0 * largest if self.bases == "haar" else largest,
        )

    def _unmissed(self, num_qubits: int, shots: int | None) -> float:
        """What makes up for outcomes that no shot shows, in Haar-random bases."""
        if shots is None or self.bases != "haar":
            return 1.0
        return float((shots + 2**num_qubits + 1) / (shots + 1))

    def _basis(self, num_qubits: int) -> FixedGates:
        if self.bases == "haar":
            return _unitaries([(random_unitary(2**num_qubits, self.generator), tuple(range(num_qubits)))])
        if self.bases == "local":
            return _unitaries([(random_unitary(2, self.generator), (q,)) for q in range(num_qubits)])
        clifford = random_clifford(num_qubits, self.generator).to_circuit()
        return FixedGates(
            tuple(
                FixedGate(step.operation, tuple(clifford.find_bit(qubit).index for qubit in step.qubits))
                for step in clifford.data
            )
        )


def _tasks(source: PauliCircuit, angles: Floats, shots: int | None) -> list[CircuitTask]:
    return [state_task(source, angles, shots), *shifted_derivatives.tasks(source, angles, shots)]


def _unitaries(placed: list[tuple[Any, tuple[int, ...]]]) -> FixedGates:
    return FixedGates(tuple(FixedGate(UnitaryGate(matrix), qubits) for matrix, qubits in placed))


def _measured_after(source: PauliCircuit, basis: FixedGates) -> PauliCircuit:
    return replace(source, columns=(*source.columns, basis))
