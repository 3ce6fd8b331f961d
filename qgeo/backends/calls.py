"""Calls: the PUBs of one `run`, from what was wanted to the works of its jobs, and from their bits back.

    PUBs → circuits, rows (B, P), shots → transpiled → parts (`splitting.py`) → works
    bits of parts → arrays (B, shots, bytes) of the PUBs, each piece in its place

The fingerprint is that of everything wanted, before transpiling: a part of a call on disk is read again only
by the same call, in whatever process and whatever a device's calibration has become.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.primitives import BitArray, DataBin, SamplerPubResult
from qiskit.primitives.containers.sampler_pub import SamplerPub

from qgeo.backends.mitigated_work import Flips, Mitigation
from qgeo.backends.splitting import Demand, Limits, Part, Piece, split, whole
from qgeo.backends.work import Work, fingerprint
from qgeo.estimators.execution import brought_to
from qgeo.estimators.experiments import REGISTER
from qgeo.estimators.mitigation import READOUT_FLIPS, MeasuredFlips
from qgeo.estimators.primitives import PassManager

Floats = NDArray[np.float64]

_MOST_EXECUTIONS_OF_0_1 = 5_000_000
"""What that version put into one job."""


@dataclass(frozen=True, eq=False)
class Call:
    """PUBs, as circuits with their rows of values (B, P) in `circuit.parameters` order and their shots.

    mitigation: what runs beside them.
    """

    circuits: tuple[QuantumCircuit, ...]
    rows: tuple[Floats, ...]
    shots: tuple[int, ...]
    mitigation: Mitigation

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all that is wanted."""
        summary = hashlib.sha256(self.mitigation.mark.encode())
        for work in self._works():
            summary.update(fingerprint(work).encode())
        return summary.hexdigest()

    def mark(self, part: Part) -> str:
        """The fingerprint of a part of this call."""
        places = [(piece.pub, piece.first_row, piece.rows, piece.first_shot) for piece in part.pieces]
        return hashlib.sha256(f"{self.fingerprint} {part.shots} {places}".encode()).hexdigest()

    def work(self, part: Part) -> Work:
        """The circuits and rows of a part; what mitigates it is not in it."""
        return Work(
            tuple(self.circuits[piece.pub] for piece in part.pieces),
            tuple(self.rows[p.pub][p.first_row : p.first_row + p.rows] for p in part.pieces),
            part.shots,
        )

    def transpiled(self, pass_manager: PassManager) -> Call:
        """The same call in the gates of a target, its circuits transpiled once each."""
        distinct = list({id(circuit): circuit for circuit in self.circuits}.values())
        isa = dict(zip(map(id, distinct), brought_to(pass_manager, distinct), strict=True))
        circuits = tuple(isa[id(circuit)] for circuit in self.circuits)
        rows = (_reordered(*pair) for pair in zip(self.rows, self.circuits, circuits, strict=True))
        return Call(circuits, tuple(rows), self.shots, self.mitigation)

    def demands(self, seconds: Callable[[QuantumCircuit], float]) -> list[Demand]:
        """What each PUB asks for; `seconds`: of a shot of a circuit, at every scale."""
        pubs = zip(self.circuits, self.rows, self.shots, strict=True)
        return [Demand(len(rows), shots, seconds(circuit)) for circuit, rows, shots in pubs]

    def parts(self, limits: Limits) -> list[tuple[Part, float]]:
        """The jobs of a transpiled call with the seconds of each.

        Raises:
            HardwareError: not even one shot fits the limits.
        """
        demands, beside = self.demands(self.mitigation.seconds), self.mitigation.beside
        return [(part, part.seconds(demands, beside, limits)) for part in split(demands, beside, limits)]

    def old_parts(self) -> Iterator[Part]:
        """The jobs as qgeo 0.1 made them: whole PUBs, a job beyond the limit where one PUB is."""
        demands, scales = self.demands(lambda _: 0.0), len(self.mitigation.scales)
        for shots in sorted(set(self.shots)):
            group: list[int] = []
            executions = least = shots * self.mitigation.calibrations
            for pub in [place for place, of_pub in enumerate(self.shots) if of_pub == shots]:
                more = shots * demands[pub].rows * scales
                if group and executions + more > _MOST_EXECUTIONS_OF_0_1:
                    yield whole(demands, group)
                    group, executions = [], least
                group.append(pub)
                executions += more
            yield whole(demands, group)

    def old_mark(self, part: Part) -> str:
        """The fingerprint of a part as qgeo 0.1 made it."""
        return fingerprint(self.work(part), self.mitigation.mark)

    def _works(self) -> Iterator[Work]:
        for circuit, rows, shots in zip(self.circuits, self.rows, self.shots, strict=True):
            yield Work((circuit,), (rows,), shots)


def call_of(pubs: Sequence[SamplerPub], mitigation: Mitigation) -> Call:
    """The call that PUBs make."""
    rows = tuple(_rows(pub) for pub in pubs)
    shots = tuple(pub.shots for pub in pubs)
    return Call(tuple(pub.circuit for pub in pubs), rows, shots, mitigation)


class Joined:
    """The bits of PUBs, put together piece by piece; a PUB of one piece is not copied.

    Args:
        pubs: as they were asked for.
    """

    def __init__(self, pubs: Sequence[SamplerPub]) -> None:
        self._pubs = pubs
        self._bits: dict[int, Any] = {}
        self._flips: dict[int, list[MeasuredFlips]] = {}

    def add(self, part: Part, read: Iterable[tuple[Any, Flips | None]]) -> None:
        """The bits (rows, shots, bytes) of each piece of a part, and what is known of their readout
        errors."""
        for piece, (bits, flips) in zip(part.pieces, read, strict=True):
            self._place(piece, part.shots, bits)
            if flips is not None:
                rows = range(piece.first_row, piece.first_row + piece.rows)
                shots = range(piece.first_shot, piece.first_shot + part.shots)
                self._flips.setdefault(piece.pub, []).append(MeasuredFlips(rows, shots, flips))

    def results(self) -> list[SamplerPubResult]:
        """Of all PUBs, in their order."""
        return [self._result(number, pub) for number, pub in enumerate(self._pubs)]

    def _place(self, piece: Piece, shots: int, bits: Any) -> None:
        pub = self._pubs[piece.pub]
        rows = max(1, pub.parameter_values.size)
        if (piece.rows, shots) == (rows, pub.shots):
            self._bits[piece.pub] = bits
            return
        if piece.pub not in self._bits:
            self._bits[piece.pub] = np.empty((rows, pub.shots, bits.shape[-1]), dtype=np.uint8)
        last_row, last_shot = piece.first_row + piece.rows, piece.first_shot + shots
        self._bits[piece.pub][piece.first_row : last_row, piece.first_shot : last_shot] = bits

    def _result(self, number: int, pub: SamplerPub) -> SamplerPubResult:
        register = next(r for r in pub.circuit.cregs if r.name == REGISTER)
        shaped = self._bits.pop(number).reshape(*pub.shape, pub.shots, -1)
        data = DataBin(**{REGISTER: BitArray(shaped, register.size)}, shape=pub.shape)
        flips = self._flips.get(number)
        return SamplerPubResult(data, {} if flips is None else {READOUT_FLIPS: tuple(flips)})


def _rows(pub: SamplerPub) -> Floats:
    width = pub.circuit.num_parameters
    if not width:
        return np.zeros((1, 0))
    values = pub.parameter_values.as_array(pub.circuit.parameters)
    return np.asarray(values, dtype=float).reshape(-1, width)


def _reordered(rows: Floats, before: QuantumCircuit, after: QuantumCircuit) -> Floats:
    """Angles follow the parameters of the circuit that is really run."""
    column = {parameter: place for place, parameter in enumerate(before.parameters)}
    return rows[:, [column[parameter] for parameter in after.parameters]]
