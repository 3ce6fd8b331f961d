"""Error mitigation: readout errors inverted, gate noise extrapolated to zero.

    readout    q = (M₁⁻¹ ⊗ … ⊗ M_C⁻¹) p,  M = [[1 − e₀, e₁], [e₀, 1 − e₁]] per qubit, measured in the same job
    zero-noise F₀ = (3 F₁ − F₃)/2, F₃ from circuits folded to C C†C (Temme et al. 2017, arXiv 1612.02058;
               Giurgica-Tiron et al. 2020, arXiv 2005.10921)

Both trade bias for variance and hold only as far as their model of the noise does: readout errors that are
independent of each other and of time, gate noise that grows in proportion to the number of gates. What each
did to known answers: `benchmarks/mitigation.md`. In the jobs of a ledger: `backends/mitigated_work.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit.library import RZGate, SXGate

from qgeo.errors import CircuitError, ConfigurationError
from qgeo.estimators.estimate import FisherEstimate
from qgeo.estimators.outcomes import Outcomes
from qgeo.estimators.primitives import PassManager

Floats = NDArray[np.float64]

WIDEST = 12
"""Most measured bits whose 2^C quasi-probabilities are held."""

SCALES = (1, 3)
"""Of folding, as `zero_noise` combines them."""

READOUT_FLIPS, BESIDE = "readout_flips", "beside"
"""Metadata of a sampler that measures readout errors itself: a PUB's `MeasuredFlips` in its result; and in
the job's how many circuits and shots it ran beside what was asked for."""


@dataclass(frozen=True, eq=False)
class MeasuredFlips:
    """(e₀, e₁) per bit, measured beside these rows and shots of a PUB; another job's are another's."""

    rows: range
    shots: range
    flips: dict[int, Floats]


def measured_qubits(circuit: QuantumCircuit) -> dict[int, int]:
    """Which qubit each classical bit is read from."""
    return {
        circuit.find_bit(step.clbits[0]).index: circuit.find_bit(step.qubits[0]).index
        for step in circuit.data
        if step.operation.name == "measure"
    }


def check_readout_width(circuits: Iterable[QuantumCircuit]) -> None:
    """
    Raises:
        ConfigurationError: a circuit that measures more bits than a table holds.
    """
    widest = max((len(measured_qubits(circuit)) for circuit in circuits), default=0)
    if widest > WIDEST:
        raise ConfigurationError(
            f"expected at most {WIDEST} measured bits to mitigate readout errors, got {widest}; go without "
            "readout mitigation"
        )


def calibration(circuits: Sequence[QuantumCircuit], register: str) -> list[QuantumCircuit]:
    """What measures the readout errors of every qubit that these circuits, brought to a target, read."""
    return calibration_circuits(_all_measured(circuits), max(c.num_qubits for c in circuits), register)


def calibration_circuits(qubits: Sequence[int], width: int, register: str) -> list[QuantumCircuit]:
    """All of these qubits in |0⟩, then all in |1⟩, each read into the bit of its place."""
    circuits = []
    for ones in (False, True):
        circuit = QuantumCircuit(QuantumRegister(width, "q"), ClassicalRegister(len(qubits), register))
        if ones:
            circuit.x(qubits)
        circuit.measure(qubits, range(len(qubits)))
        circuits.append(circuit)
    return circuits


def flip_rates(zeros: Outcomes, ones: Outcomes) -> Floats:
    """(qubits, 2): e₀ = P(1|0) and e₁ = P(0|1)."""
    return np.stack([zeros.weights @ zeros.bits, ones.weights @ ~ones.bits], axis=1)


def flips_of_bits(
    circuits: Sequence[QuantumCircuit], zeros: Outcomes, ones: Outcomes
) -> list[dict[int, Floats]]:
    """(e₀, e₁) of each circuit's measured bits, from the outcomes of their `calibration`."""
    return flips_of_reads([measured_qubits(circuit) for circuit in circuits], zeros, ones)


def flips_of_reads(
    reads: Sequence[Mapping[int, int]], zeros: Outcomes, ones: Outcomes
) -> list[dict[int, Floats]]:
    """The same, where it is known from which qubit each bit of each circuit is read."""
    qubits = sorted({qubit for circuit in reads for qubit in circuit.values()})
    rates = dict(zip(qubits, flip_rates(zeros, ones), strict=True))
    return [{bit: rates[qubit] for bit, qubit in circuit.items()} for circuit in reads]


def _all_measured(circuits: Sequence[QuantumCircuit]) -> list[int]:
    return sorted({qubit for circuit in circuits for qubit in measured_qubits(circuit).values()})


def without_readout_errors(outcome: Outcomes, flips: dict[int, Floats]) -> Outcomes:
    """Quasi-probabilities q = ⊗M⁻¹ p; `flips`: (e₀, e₁) per bit that was measured.

    A shot y adds c(y) = Σ_z M⁻¹_zy r(z) to the mean of a reading r. With ‖M⁻¹‖ the largest column sum of
    |M⁻¹|, Cauchy and Schwarz give E[(c − c₀)²] ≤ Σ_z w_z (r(z) − c₀)² with error weights w = ‖M⁻¹‖ |M⁻¹| p.
    The errors of the calibration are not counted; with as many shots they fill what this leaves.

    Raises:
        ConfigurationError: more bits than a table holds, or a qubit read at random.
    """
    bits = sorted(flips)
    if len(bits) > WIDEST:
        raise ConfigurationError(f"expected at most {WIDEST} measured bits to mitigate, got {len(bits)}")
    inverses = [_inverse(flips[bit]) for bit in bits]
    table = np.zeros((2,) * len(bits))
    np.add.at(table, tuple(outcome.bits[:, bits].astype(int).T), outcome.weights)
    errors = table
    for axis, inverse in enumerate(inverses):
        table, errors = _along(axis, inverse, table), _along(axis, _grown(inverse), errors)
    cells = np.zeros((table.size, outcome.bits.shape[1]), dtype=bool)
    cells[:, bits] = np.array(np.unravel_index(np.arange(table.size), table.shape)).T.astype(bool)
    return Outcomes(cells, table.reshape(-1), outcome.shots, errors.reshape(-1))


def _along(axis: int, matrix: Floats, table: Floats) -> Floats:
    return np.moveaxis(np.tensordot(matrix, table, axes=(1, axis)), 0, axis)


def _grown(inverse: Floats) -> Floats:
    """‖M⁻¹‖ |M⁻¹|."""
    return np.asarray(np.abs(inverse).sum(0).max() * np.abs(inverse))


def nearest_distribution(quasi: Floats) -> Floats:
    """The probabilities (…, K) closest to quasi-probabilities with sum 1, in the Euclidean norm.

    max(q − τ, 0) with the τ that keeps the sum (Smolin, Gambetta and Smith 2012, arXiv 1106.5458). What was a
    distribution stays as it is.

    >>> nearest_distribution(np.array([[0.5, 0.6, -0.1]])).round(2)
    array([[0.45, 0.55, 0.  ]])
    """
    if quasi.min(initial=0.0) >= 0:
        return quasi
    descending = -np.sort(-quasi, axis=-1)
    excess = (np.cumsum(descending, axis=-1) - 1) / np.arange(1, quasi.shape[-1] + 1)
    kept = (descending > excess).sum(axis=-1, keepdims=True)
    return np.asarray(np.maximum(quasi - np.take_along_axis(excess, kept - 1, axis=-1), 0))


def _inverse(flip: Floats) -> Floats:
    first, second = flip
    left = 1 - first - second
    if left < 0.1:
        raise ConfigurationError(
            f"expected readout errors that can be inverted, got {first:.2f}, {second:.2f}"
        )
    return np.asarray(np.array([[1 - second, -second], [-first, 1 - first]]) / left)


class Folded:
    """A pass manager whose circuits are folded, C → C (C†C)^k, after another one brought them to a target.

    Args:
        pass_manager: to the target; scale: 2k + 1, odd.
    """

    def __init__(self, pass_manager: PassManager, scale: int = 3) -> None:
        if scale < 1 or scale % 2 == 0:
            raise ConfigurationError(f"expected an odd scale of folding, got {scale}")
        self.pass_manager, self.scale = pass_manager, scale

    def run(self, circuits: list[QuantumCircuit]) -> list[QuantumCircuit]:
        """The circuits, transpiled and folded."""
        return [folded(circuit, self.scale) for circuit in self.pass_manager.run(circuits)]


def folded(circuit: QuantumCircuit, scale: int) -> QuantumCircuit:
    """The same circuit with its gates run `scale` times, forth and back; measurements stay at the end.

    Raises:
        CircuitError: a measurement that is not at the end.
    """
    check_measured_last(circuit)
    body = [step for step in circuit.data if step.operation.name != "measure"]
    ends = [step for step in circuit.data if step.operation.name == "measure"]
    made = circuit.copy_empty_like()
    for step in body:
        made.append(step)
    for _ in range(scale // 2):
        made.barrier()
        for step in reversed(body):
            for gate in _undone(step.operation):
                made.append(gate, step.qubits)
        made.barrier()
        for step in body:
            made.append(step)
    for step in ends:
        made.append(step)
    return made


def check_measured_last(circuit: QuantumCircuit) -> None:
    """
    Raises:
        CircuitError: a gate on a qubit that was measured before.
    """
    read: set[Any] = set()
    for step in circuit.data:
        if step.operation.name == "measure":
            read.update(step.qubits)
        elif step.operation.name != "barrier" and not read.isdisjoint(step.qubits):
            raise CircuitError(
                "expected measurements at the end of a circuit to fold, got one in the middle; go without "
                "zero-noise extrapolation, or choose a method that does not measure on the way"
            )


def _undone(operation: Any) -> list[Any]:
    """The inverse in gates that a device has."""
    if operation.name == "sx":
        return [RZGate(np.pi), SXGate(), RZGate(np.pi)]
    return [operation] if operation.name == "barrier" else [operation.inverse()]


def zero_noise(plain: FisherEstimate, threefold: FisherEstimate) -> FisherEstimate:
    """(3 F₁ − F₃)/2 with its standard error, from estimates without folding and folded threefold.

    >>> one, three = (FisherEstimate(np.eye(1) * x, np.eye(1) * 0.1, 2, 20) for x in (0.8, 0.4))
    >>> zero_noise(one, three).matrix, zero_noise(one, three).stderr.round(3)
    (array([[1.]]), array([[0.158]]))
    """
    return replace(
        plain,
        matrix=(3 * plain.matrix - threefold.matrix) / 2,
        stderr=_combined(plain.stderr, threefold.stderr),
        circuits=plain.circuits + threefold.circuits,
        shots=plain.shots + threefold.shots,
        squares=np.zeros(()),
        resolution=_combined(plain.resolution, threefold.resolution),
        bias=(3 * plain.bias + threefold.bias) / 2,
        metadata=plain.metadata | {"zero_noise": "linear, scales 1 and 3"},
    )


def _combined(plain: Floats, threefold: Floats) -> Floats:
    """The error of (3 F₁ − F₃)/2 from independent errors."""
    return np.asarray(np.sqrt(9 * plain**2 + threefold**2) / 2)
