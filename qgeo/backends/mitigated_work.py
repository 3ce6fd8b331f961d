"""Mitigation in a ledger: what a job runs beside its circuits, and how its bits are read.

    job      C₁ … Cₙ,  C₁C₁†C₁ … CₙCₙ†Cₙ (zero-noise),  all read qubits in |0⟩, all in |1⟩ (readout)

All of it is added to transpiled circuits when a job is written, and read by what its entry says of them:
after a new calibration of the device another transpilation might read other qubits. Folded circuits share the
job of those without folding, so that both see the same device and the same readout errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from qgeo.backends.cost import execution_seconds
from qgeo.backends.splitting import Beside
from qgeo.backends.work import Bits, Work
from qgeo.estimators.experiments import REGISTER
from qgeo.estimators.mitigation import (
    SCALES,
    calibration,
    calibration_circuits,
    check_measured_last,
    check_readout_width,
    flips_of_reads,
    folded,
)
from qgeo.estimators.outcomes import from_packed

Floats = NDArray[np.float64]
Flips = dict[int, Floats]
Reads = Mapping[int, int]
"""Bit → qubit."""


@dataclass(frozen=True)
class Mitigation:
    """What is asked for: `readout` two calibration circuits in every job, `zero_noise` every circuit folded
    threefold too."""

    readout: bool = False
    zero_noise: bool = False

    @property
    def scales(self) -> tuple[int, ...]:
        """How often each circuit's gates are run, one form of the circuit after the other."""
        return SCALES if self.zero_noise else SCALES[:1]

    @property
    def calibrations(self) -> int:
        """Circuits of a job that measure its readout errors."""
        return 2 if self.readout else 0

    @property
    def mark(self) -> str:
        """Part of a job's fingerprint; empty without mitigation."""
        return " readout" * self.readout + " zero-noise" * self.zero_noise

    @property
    def beside(self) -> Beside:
        """What every job runs beside what was asked for."""
        seconds = sum(map(execution_seconds, _CALIBRATION)) if self.readout else 0.0
        return Beside(len(self.scales), self.calibrations, seconds)

    def seconds(self, circuit: QuantumCircuit) -> float:
        """Of one shot of a circuit in a target's gates, at every scale."""
        return sum(execution_seconds(folded) for folded in self.folded([circuit]))

    def check(self, circuits: Iterable[QuantumCircuit]) -> None:
        """Whether circuits can be mitigated, before any is transpiled or posted.

        Raises:
            ConfigurationError: too many measured bits for `readout`.
            CircuitError: a measurement on the way, for `zero_noise`.
        """
        circuits = list(circuits)
        if self.readout:
            check_readout_width(circuits)
        if self.zero_noise:
            for circuit in circuits:
                check_measured_last(circuit)

    def folded(self, circuits: Sequence[QuantumCircuit]) -> list[QuantumCircuit]:
        """The circuits at every scale, in gates that they have already."""
        return [c if scale == 1 else folded(c, scale) for scale in self.scales for c in circuits]

    def added(self, work: Work) -> Work:
        """Transpiled work with all that mitigates it."""
        extra = calibration(work.circuits, REGISTER) if self.readout else []
        nothing = np.zeros((1, 0))
        return Work(
            (*self.folded(work.circuits), *extra),
            (*(work.values * len(self.scales)), *(nothing for _ in extra)),
            work.shots,
        )

    def read(
        self, bits: Sequence[Bits], scale: int, reads: Callable[[], Sequence[Reads]]
    ) -> list[tuple[Bits, Flips | None]]:
        """Each circuit's bits at a scale, and the readout errors of those bits if they were measured.

        Args:
            bits: of all circuits of `added`; reads: tells from which qubit each bit of each of them is read.
        """
        count = (len(bits) - self.calibrations) // len(self.scales)
        start = count * self.scales.index(scale)
        at_scale = bits[start : start + count]
        if not self.readout:
            return [(bits_of_circuit, None) for bits_of_circuit in at_scale]
        of_circuits = reads()
        zeros, ones = (from_packed(packed[0], len(of_circuits[-1])) for packed in bits[-2:])
        return list(
            zip(at_scale, flips_of_reads(of_circuits[start : start + count], zeros, ones), strict=True)
        )


_CALIBRATION = calibration_circuits([0], 1, REGISTER)
"""As long as those of any number of qubits."""

PLAIN = Mitigation()
"""None."""
