"""A dry run: in the place of a sampler it notes what would be run, and answers that every bit was 0.

Estimates and trainings are carried out on it by the very code that will run them, without a circuit simulated
and without a shot in memory, however many there would be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from qiskit import QuantumCircuit

from qgeo.estimators.outcomes import Outcomes


@dataclass(frozen=True, eq=False)
class Wanted:
    """A circuit of a call: so many bindings of it, so many shots of each."""

    circuit: QuantumCircuit
    bindings: int
    shots: int

    @property
    def executions(self) -> int:
        return self.bindings * self.shots

    def times(self, contexts: int) -> Wanted:
        """The same at so many contexts instead of one: more rows of angles."""
        return wanted(self.circuit, self.bindings * contexts, self.shots)


def wanted(circuit: QuantumCircuit, rows: int, shots: int) -> Wanted:
    """What running a circuit at so many rows of angles asks of a sampler.

    Without parameters all rows' shots are one run: samplers give such a circuit a single row.

    >>> wanted(QuantumCircuit(1), 3, 100).times(2).shots
    600
    """
    return Wanted(circuit, rows, shots) if circuit.num_parameters else Wanted(circuit, 1, rows * shots)


class DryRun:
    """`calls`: what every call wanted, in order."""

    def __init__(self) -> None:
        self.calls: list[list[Wanted]] = []

    def note(self, call: Sequence[Wanted]) -> None:
        self.calls.append(list(call))


def distinct_circuits(calls: Iterable[Sequence[Wanted]]) -> list[QuantumCircuit]:
    """Every circuit of these calls once, in the order of their first runs."""
    return list({id(each.circuit): each.circuit for call in calls for each in call}.values())


def all_zero(circuit: QuantumCircuit, shots: int) -> Outcomes:
    """What a dry run answers for a binding of a measured circuit."""
    return Outcomes(np.zeros((1, circuit.num_clbits), dtype=bool), np.ones(1), shots)
