"""Plans: what calls will run and cost, before any is made. Circuits are transpiled, none is run or posted.

    calls (`DryRun`) → demands → jobs (`splitting.py`) → circuits, executions, QPU seconds

Calls are divided into jobs by the code that will divide them when they are written, and what mitigation adds
to each job is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from qiskit import QuantumCircuit

from qgeo.backends.cost import two_qubit_gates
from qgeo.backends.mitigated_work import PLAIN, Mitigation
from qgeo.backends.splitting import Demand, Limits, split
from qgeo.estimators.dry_run import Wanted
from qgeo.estimators.execution import brought_to
from qgeo.estimators.primitives import PassManager

Call = Sequence[Wanted]


@dataclass(frozen=True)
class Plan:
    """What a request costs.

    Attributes:
        name: of the request; jobs; circuits: bindings in all; distinct: circuits before binding; shots: all;
        with those of the mitigation.
        depth, two_qubit: largest after transpiling; seconds: QPU time by the documented formula.
        stderr: expected standard error of an entry, None where the method's spread is not known beforehand.
        readout: whether readout errors are inverted, which multiplies `stderr` by up to Π‖M⁻¹‖ > 1: that is
            known from the calibration only.
    """

    name: str
    jobs: int
    circuits: int
    distinct: int
    shots: int
    depth: int
    two_qubit: int
    seconds: float
    stderr: float | None
    readout: bool = False


@dataclass(frozen=True)
class Total:
    """Of jobs: their number, bindings, executions and seconds."""

    jobs: int = 0
    circuits: int = 0
    shots: int = 0
    seconds: float = 0.0

    def __add__(self, other: Total) -> Total:
        return Total(
            self.jobs + other.jobs,
            self.circuits + other.circuits,
            self.shots + other.shots,
            self.seconds + other.seconds,
        )

    def times(self, number: int) -> Total:
        return Total(number * self.jobs, number * self.circuits, number * self.shots, number * self.seconds)


class Judged:
    """Circuits after transpiling, and with them what calls of theirs cost.

    Args:
        circuits: before transpiling, each once; pass_manager: to the device's target, None to judge them as
            they are.
        mitigation: what their jobs will run beside; limits: of a job.
        most: how many are transpiled, an even choice; None for all.

    Raises:
        ConfigurationError, CircuitError: circuits that cannot be mitigated so.
    """

    def __init__(
        self,
        circuits: Sequence[QuantumCircuit],
        pass_manager: PassManager,
        mitigation: Mitigation = PLAIN,
        limits: Limits | None = None,
        most: int | None = None,
    ) -> None:
        mitigation.check(circuits)
        self.mitigation, self.limits = mitigation, limits or Limits()
        chosen = list(circuits[:: max(1, -(-len(circuits) // (most or len(circuits) or 1)))])
        isa = chosen if pass_manager is None else brought_to(pass_manager, chosen)
        self.distinct = len(circuits)
        self._isa, self._chosen = isa, chosen

    @cached_property
    def _seconds(self) -> dict[int, float]:
        pairs = zip(self._chosen, self._isa, strict=True)
        return {id(before): self.mitigation.seconds(after) for before, after in pairs}

    def seconds(self, circuit: QuantumCircuit) -> float:
        """Of one shot of a circuit at every scale: its own, or the mean of those that were chosen."""
        known = self._seconds.get(id(circuit))
        return self._mean if known is None else known

    @cached_property
    def _mean(self) -> float:
        return float(np.mean(list(self._seconds.values())))

    @property
    def longest(self) -> float:
        """Seconds of a shot of the longest circuit that was judged."""
        return max(self._seconds.values(), default=0.0)

    def total(self, call: Call) -> Total:
        """Of the jobs that a call becomes.

        Raises:
            HardwareError: not even one shot fits the limits of a job.
        """
        demands = [Demand(wanted.bindings, wanted.shots, self.seconds(wanted.circuit)) for wanted in call]
        beside = self.mitigation.beside
        parts = split(demands, beside, self.limits)
        return Total(
            jobs=len(parts),
            circuits=sum(part.circuits(beside) for part in parts),
            shots=sum(part.shots * part.circuits(beside) for part in parts),
            seconds=sum(part.seconds(demands, beside, self.limits) for part in parts),
        )

    def plan(self, name: str, total: Total, stderr: float | None = None) -> Plan:
        """The plan of a request that comes to this total."""
        (depth, gates), beside = self._largest, self.mitigation.beside
        return Plan(
            name=name,
            jobs=total.jobs,
            circuits=total.circuits,
            distinct=beside.scales * self.distinct + beside.calibrations,
            shots=total.shots,
            depth=depth,
            two_qubit=gates,
            seconds=total.seconds,
            stderr=stderr,
            readout=self.mitigation.readout,
        )

    @cached_property
    def _largest(self) -> tuple[int, int]:
        """Depth and gates on two qubits."""
        run = self.mitigation.folded(self._isa)
        depths, gates = ([of(circuit) for circuit in run] for of in (QuantumCircuit.depth, two_qubit_gates))
        return max(depths, default=0), max(gates, default=0)
