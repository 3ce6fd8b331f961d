"""The sources a comparison can name, each written as arrows: (state, token, next state, probability).

Entropy rates in bits per symbol, H_b the binary entropy:

    perturbed-coin   H_b(p)                          golden-mean, even   H_b(p)/(1+p)
    rrxor            2/3                             noisy-parity        (k + H_b(ε))/(k+1)
    dyck-2           Σ_d π_d (H_b(p_d) + p_d)        zipf-bigram         H(Zipf(V, s))
    sns, mess3, bloch-walk: no closed form, bracketed numerically

Crutchfield & Feldman, Chaos 13, 25 (2003) (golden mean, even, RRXOR); Marzen & Crutchfield, Entropy 17, 4891
(2015) (SNS) and arXiv 1702.08565 (Mess3); arXiv 2507.07432 (Bloch walk).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from qgeo.errors import ConfigurationError
from qgeo.registry import Registry
from qgeo.tasks.memory import PAULIS, Arrow, HiddenMarkovMemory, QubitMemory
from qgeo.tasks.token_source import TokenSource


def source(name: str) -> TokenSource:
    """The source of that name, with its standard numbers (they stand in its `definition`).

    Raises:
        ConfigurationError: no such source; the message lists those there are.

    >>> source("golden-mean").definition
    'A: 0→A (1−p), 1→B (p); B: 0→A; p = 0.5'
    """
    return SOURCES[name]()


def perturbed_coin(p: float = 0.2) -> TokenSource:
    """A coin that is flipped with probability p before each look: h = H_b(p)."""
    _check_probability("p", p)
    stay = [(side, side, side, 1 - p) for side in (0, 1)]
    flip = [(side, 1 - side, 1 - side, p) for side in (0, 1)]
    words = "repeat the last token, or flip it with probability p"
    return _markov("perturbed-coin", f"{words}; p = {p:g}", stay + flip)


def golden_mean(p: float = 0.5) -> TokenSource:
    """No two ones in a row: h = H_b(p)/(1+p)."""
    _check_probability("p", p)
    arrows = [("A", 0, "A", 1 - p), ("A", 1, "B", p), ("B", 0, "A", 1.0)]
    return _markov("golden-mean", f"A: 0→A (1−p), 1→B (p); B: 0→A; p = {p:g}", arrows)


def even(p: float = 0.5) -> TokenSource:
    """Ones between zeros come in even numbers: h = H_b(p)/(1+p), and no finite context sees all of it."""
    _check_probability("p", p)
    arrows = [("A", 0, "A", 1 - p), ("A", 1, "B", p), ("B", 1, "A", 1.0)]
    return _markov("even", f"A: 0→A (1−p), 1→B (p); B: 1→A; p = {p:g}", arrows)


def noisy_parity(k: int = 2, eps: float = 0.1) -> TokenSource:
    """k fair bits, then their parity, wrong with probability eps: h = (k + H_b(eps))/(k+1)."""
    _check_probability("eps", eps)
    _check_between("k", k, 1, 64)
    words = "k fair bits, then parity ⊕ Bernoulli(ε)"
    return _markov("noisy-parity", f"{words}; k = {k}, ε = {eps:g}", _parity(k, eps))


def rrxor() -> TokenSource:
    """Two fair bits, then their exclusive or: h = 2/3."""
    return _markov("rrxor", "two fair bits, then their XOR", _parity(2, 0.0))


def sns(p: float = 0.5, q: float = 0.5) -> TokenSource:
    """The simple nonunifilar source: two states, infinitely many beliefs; h = .6779 at p = q = 1/2."""
    _check_probability("p", p)
    _check_probability("q", q)
    arrows = [("A", 0, "A", 1 - p), ("A", 0, "B", p), ("B", 0, "B", 1 - q), ("B", 1, "A", q)]
    return _markov("sns", f"A: 0→A (1−p), 0→B (p); B: 0→B (1−q), 1→A (q); p = {p:g}, q = {q:g}", arrows)


def mess3(x: float = 0.15, a: float = 0.6) -> TokenSource:
    """Three states: move (x to each other one), then emit the token of the one reached with probability a."""
    _check_probability("x", x, most=0.5)
    _check_probability("a", a)
    arrows = [
        (s, y, t, (1 - 2 * x if s == t else x) * (a if y == t else (1 - a) / 2))
        for s, y, t in product(range(3), repeat=3)
    ]
    words = "3 states: stay 1−2x, else x each; emit own token a, else (1−a)/2 each"
    return _markov("mess3", f"{words}; x = {x:g}, a = {a:g}", arrows)


def bloch_walk(alpha: float = 1.0, beta: float = 2.0) -> TokenSource:
    """A qubit measured softly along z or x: K = (αI ± βσ)/(2√(α²+β²)), σ = Z, X; h = 1.743 at α = 1, β = 2.

    Tokens: 0, 1 are Z+, Z−; 2, 3 are X+, X−. No finite classical generator is known for β ≠ α.
    """
    size = np.hypot(alpha, beta)
    if not 0 < size < np.inf:
        raise ConfigurationError(
            f"expected finite alpha and beta, not both 0, got {alpha:g}, {beta:g}; change one"
        )
    identity, x, z = PAULIS
    signed = np.array([z, -z, x, -x])
    kraus = (alpha * identity + beta * signed) / (2 * size)
    words = "one qubit, K = (αI ± βσ)/(2√(α²+β²)) for σ = Z, X"
    return TokenSource("bloch-walk", f"{words}; α = {alpha:g}, β = {beta:g}", QubitMemory(kraus))


def dyck2(depth: int = 3, p: float = 0.5) -> TokenSource:
    """Balanced brackets of two kinds, nested at most `depth` deep; tokens ( ) [ ].

    At depth d a bracket opens with probability p_d (p_0 = 1, p_depth = 0, else p), of either kind with 1/2;
    otherwise the innermost one is closed: h = Σ_d π_d (H_b(p_d) + p_d), 1.1667 for depth 3.
    """
    _check_between("depth", depth, 1, 8)
    _check_probability("p", p)
    stacks = ["".join(kinds) for d in range(depth + 1) for kinds in product("([", repeat=d)]
    arrows: list[Arrow] = []
    for stack in stacks:
        opens = 1.0 if not stack else 0.0 if len(stack) == depth else p
        if opens:
            arrows += [(stack, 0, stack + "(", opens / 2), (stack, 2, stack + "[", opens / 2)]
        if stack:
            arrows += [(stack, 1 if stack[-1] == "(" else 3, stack[:-1], 1 - opens)]
    words = "balanced brackets of two kinds, nested at most D deep, opened with probability p"
    return _markov("dyck-2", f"{words}; D = {depth}, p = {p:g}", arrows, "()[]")


def zipf_bigram(vocabulary: int = 16, s: float = 1.0) -> TokenSource:
    """P(j | i) ∝ (1 + (j − i mod V))^(−s): only the last token matters; h = 3.403 at V = 16, s = 1."""
    _check_between("vocabulary", vocabulary, 2, 64)
    shares = np.arange(1.0, vocabulary + 1) ** -s
    shares /= shares.sum()
    arrows = [(i, j, j, float(shares[(j - i) % vocabulary])) for i, j in product(range(vocabulary), repeat=2)]
    return _markov("zipf-bigram", f"P(j|i) ∝ (1 + (j−i mod V))^(−s); V = {vocabulary}, s = {s:g}", arrows)


@dataclass(frozen=True)
class NamedSource:
    """A source by name; build: from its numbers, all of which have standard values."""

    name: str
    build: Callable[..., TokenSource]

    def __call__(self, *numbers: float, **named: float) -> TokenSource:
        """The source with these numbers."""
        return self.build(*numbers, **named)


SOURCES: Registry[NamedSource] = Registry(
    "a source",
    (
        NamedSource("golden-mean", golden_mean),
        NamedSource("even", even),
        NamedSource("perturbed-coin", perturbed_coin),
        NamedSource("rrxor", rrxor),
        NamedSource("sns", sns),
        NamedSource("mess3", mess3),
        NamedSource("bloch-walk", bloch_walk),
        NamedSource("noisy-parity", noisy_parity),
        NamedSource("dyck-2", dyck2),
        NamedSource("zipf-bigram", zipf_bigram),
    ),
)


def _markov(name: str, definition: str, arrows: Sequence[Arrow], characters: str = "") -> TokenSource:
    return TokenSource(name, definition, HiddenMarkovMemory.from_arrows(arrows), characters)


def _parity(k: int, eps: float) -> list[Arrow]:
    """States (bits seen, their parity): k fair bits, then the parity, wrong with probability eps."""
    seen = [(0, 0), *product(range(1, k), (0, 1))]
    fair: list[Arrow] = [
        ((n, parity), bit, (n + 1, parity ^ bit), 0.5) for n, parity in seen for bit in (0, 1)
    ]
    last: list[Arrow] = [
        ((k, parity), bit, (0, 0), 1 - eps if bit == parity else eps) for parity in (0, 1) for bit in (0, 1)
    ]
    return fair + last


def _check_probability(name: str, value: float, most: float = 1.0) -> None:
    if not 0 < value < most:
        raise ConfigurationError(
            f"expected {name} strictly between 0 and {most:g}, got {value:g}; choose it inside"
        )


def _check_between(name: str, value: int, least: int, most: int) -> None:
    """The upper end keeps the transitions within a few MiB."""
    if not least <= value <= most:
        raise ConfigurationError(f"expected {name} of {least} to {most}, got {value}; choose one in between")
