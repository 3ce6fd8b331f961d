"""A source of one's own: a fair coin, h = 1 bit per symbol."""

from __future__ import annotations

from qgeo.tasks import SOURCES, HiddenMarkovMemory, TokenSource
from qgeo.tasks.named_sources import NamedSource


def fair_coin() -> TokenSource:
    arrows = [("A", 0, "A", 0.5), ("A", 1, "A", 0.5)]
    return TokenSource("fair-coin", "A: 0→A (½), 1→A (½)", HiddenMarkovMemory.from_arrows(arrows))


SOURCES.register(NamedSource("fair-coin", fair_coin))
