"""Where training starts: near equal probabilities, or anywhere.

                     "uniform"                                             "random"
    circuit          θ⁰ + N(0, 0.007²), phases N(0, ½²)                    N(0, ½²)
    data angles      0.02 of the encoder's draw, phases the whole of it    the encoder's draw
    W of softmax     0.05 of its draw                                      its draw
    and mlp

θ⁰ is where a named circuit's outcomes are equally probable; its phases move none of them there, and are
drawn as widely as ever (`circuit/ansatz.py`). Not θ⁰ itself: there the loss has no gradient by them. With up
to three layers every head then begins within 0.05 nats of ln V, on equally frequent tokens and on text.

Where tokens fold unevenly, r = 2ⁿ/V outcomes each on average, no start does: equal outcomes cost
ln r − (r − 1) ln 2 ≤ 0.06 nats above ln V on equally frequent tokens. (Qubits that are not entangled cannot
do better in general: of three tokens on two of them, p₁ = (1 − a) b = p₂ = a (1 − b) = ⅓ has no solution.)

A circuit of one's own starts at "random": nobody knows its θ⁰.
"""

from __future__ import annotations

from typing import Any

from qgeo.arguments import shown
from qgeo.errors import ConfigurationError

STARTS = ("uniform", "random")

RANDOM_SPREAD = 0.5
"""Of circuit parameters: away from zero, where outcomes vanish and F_C is singular."""

UNIFORM_SPREAD, UNIFORM_DATA, UNIFORM_READOUT = 0.007, 0.02, 0.05
"""Measured (benchmarks/NOTES.md, "The start"): larger ones leave the 0.05 nats, with smaller ones phases have
less gradient."""


def starts_uniform(start: Any) -> bool:
    """Whether a start of this name is near equal probabilities.

    Raises:
        ConfigurationError: there is none of this name.
    """
    if start not in STARTS:
        raise ConfigurationError(f"expected start to be {' or '.join(map(repr, STARTS))}, got {shown(start)}")
    return bool(start == "uniform")


def readout_scale(start: Any) -> float:
    """Of W in a classical head."""
    return UNIFORM_READOUT if starts_uniform(start) else 1.0
