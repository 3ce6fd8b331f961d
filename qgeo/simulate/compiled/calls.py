"""A sweep over all parts: a call for each, in memory that lasts as long as the sweep."""

from __future__ import annotations

from torch import Tensor

from qgeo.simulate.compiled.layout import CCall, CTeam
from qgeo.simulate.compiled.library import Sweep, give_back, lent
from qgeo.simulate.compiled.teams import Parts
from qgeo.simulate.compiled.threads import in_threads

_REGISTER = 64
"""Bytes: every workspace starts at a whole register."""


def sweep(
    function: Sweep,
    parts: Parts,
    own: int,
    shared: int,
    *,
    circuit: int,
    contexts: int,
    order: int | None = None,
    destination: int | None = None,
    least: float = 0.0,
    states: int | None = None,
    others: int | None = None,
    sums: Tensor | None = None,
    by_context: Tensor | None = None,
) -> None:
    """Call a sweep for every part.

    Args:
        own: bytes that a part works in; shared: bytes that a team shares.
        sums: a row for every part; by_context: a row, or one for every member of a team.
        others: fields of `call` in layout.h, addresses and numbers.
    """
    own, shared = (-(-size // _REGISTER) * _REGISTER for size in (own, shared))
    memory = lent(_REGISTER + parts.count * own + parts.groups * shared)
    try:
        barrier = memory.address
        first = barrier + _REGISTER
        behind = first + parts.count * own
        if parts.is_team:
            memory.content[:_REGISTER] = 0
        calls = (CCall * parts.count)(
            *(
                CCall(
                    *(circuit, order, destination, _member(parts, number, barrier), *part, contexts, least),
                    *(states, others, _row(sums, number), _row(by_context, number)),
                    first + number * own,
                    behind + (0 if parts.is_team else number * shared),
                )
                for number, part in enumerate(parts.contexts)
            )
        )
        in_threads(function, calls)
    finally:
        give_back(memory)


_ALONE = CTeam(0, 1, None)


def _member(parts: Parts, number: int, barrier: int) -> CTeam:
    """Of a team that waits at an address, or of none."""
    return CTeam(number, parts.count, barrier) if parts.is_team else _ALONE


def _row(rows: Tensor | None, number: int) -> int | None:
    """The address of a row of float64; of the last one where there are fewer."""
    if rows is None:
        return None
    return rows.data_ptr() + 8 * min(number, rows.shape[0] - 1) * rows.stride(0)
