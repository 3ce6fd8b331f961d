"""What a source remembers: hidden Markov states, or one qubit.

Hidden Markov: in state s, emit token y and go to s' with probability transitions[y, s, s'].
    P(x_1 … x_k) = π T[x_1] ⋯ T[x_k] 1,   π = π Σ_y T[y]

Qubit: token y is the outcome of a measurement with Kraus operator K_y, which leaves the qubit in a new state.
    P(x_1 … x_k) = tr K_{x_k} ⋯ K_{x_1} (I/2) K_{x_1}ᵀ ⋯ K_{x_k}ᵀ

Both are a `LinearProcess`; they differ in how the entropy rate is bounded.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Protocol

import numpy as np

from qgeo.errors import ShapeError, TaskError
from qgeo.tasks.entropy import EntropyBracket, bracket, entropies_by_depth, entropy_bits
from qgeo.tasks.process import IMPOSSIBLE, Floats, LinearProcess

Arrow = tuple[Hashable, int, Hashable, float]
"""(state, token, next state, probability): in `state`, emit `token` and go to `next state`."""

PAULIS = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, -1.0]]])
"""I, X, Z: real density matrices of a qubit are (I + xX + zZ)/2."""

PURE_STATES = 32
"""How many pure states, evenly around the Bloch circle, a qubit's entropy bracket looks at."""

QUBIT_DEPTH = 8
"""How many tokens a qubit's entropy bracket looks back."""


class Memory(Protocol):
    """What a source needs of its memory."""

    @property
    def process(self) -> LinearProcess:
        """The process the memory makes of tokens."""
        ...

    def entropy_bracket(self) -> EntropyBracket:
        """Bounds on the entropy rate, in bits per symbol."""
        ...


@dataclass(frozen=True, eq=False)
class HiddenMarkovMemory:
    """Hidden states that emit tokens as they change, started from their stationary distribution.

    Args:
        transitions: (V, S, S) float64, transitions[y, s, s'] = P(emit y, go to s' | s); Σ_{y,s'} = 1 to 1e-9.

    Raises:
        ShapeError: another shape, a negative or non-finite entry, or probabilities that do not sum to one.
        TaskError: more than one stationary distribution (the states fall apart into separate sources).

    >>> arrows = [("A", 0, "A", 0.5), ("A", 1, "B", 0.5), ("B", 0, "A", 1.0)]
    >>> HiddenMarkovMemory.from_arrows(arrows).stationary
    array([0.66666667, 0.33333333])
    """

    transitions: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "transitions", _frozen_stack(self.transitions, "transitions"))
        sums, least = self.transitions.sum(axis=(0, 2)), self.transitions.min()
        if least < 0 or not np.allclose(sums, 1, rtol=0, atol=1e-9):
            raise ShapeError(
                "expected transitions that are non-negative and sum to one over tokens and next states, "
                f"got sums {sums.round(6).tolist()} and a least entry of {least:g}; normalise them"
            )
        if np.linalg.matrix_rank(self._balance) < self.states - 1:
            raise TaskError(
                "expected hidden states with one stationary distribution, got several; "
                "connect the states, or make one source of each part"
            )

    @classmethod
    def from_arrows(cls, arrows: Sequence[Arrow]) -> HiddenMarkovMemory:
        """The memory with these arrows; states are numbered in the order in which they leave one."""
        states = dict.fromkeys([arrow[0] for arrow in arrows] + [arrow[2] for arrow in arrows])
        number = {state: row for row, state in enumerate(states)}
        tokens = 1 + max((arrow[1] for arrow in arrows), default=-1)
        transitions = np.zeros((tokens, len(states), len(states)))
        for state, token, after, probability in arrows:
            transitions[token, number[state], number[after]] += probability
        return cls(transitions)

    @property
    def states(self) -> int:
        """S, the number of hidden states."""
        return int(self.transitions.shape[1])

    @property
    def _balance(self) -> Floats:
        """(Σ_y T[y] − I)ᵀ: what flows into each state less what flows out, as a function of π."""
        return np.asarray(self.transitions.sum(axis=0).T - np.eye(self.states))

    @cached_property
    def stationary(self) -> Floats:
        """π with π Σ_y T[y] = π, shape (S,)."""
        equations = np.vstack([self._balance, np.ones(self.states)])
        solution = np.linalg.lstsq(equations, np.eye(self.states + 1)[-1])[0]
        occupied = np.where(solution > IMPOSSIBLE, solution, 0.0)
        return np.asarray(occupied / occupied.sum())

    @cached_property
    def process(self) -> LinearProcess:
        """μ = π, τ = 1: beliefs are distributions over hidden states."""
        return LinearProcess(self.transitions, self.stationary, np.ones(self.states))

    @property
    def unifilar(self) -> bool:
        """Whether state and token together fix the next state."""
        return bool((np.count_nonzero(self.transitions, axis=2) <= 1).all())

    def entropy_bracket(self) -> EntropyBracket:
        """Bounds on h in bits.

        Unifilar: h = Σ_s π_s H(emitted token | s), exact (Shannon 1948, section 7). Otherwise
        Σ_s π_s H(X_{k+1} | X_1 … X_k, S_0 = s) ≤ h ≤ h_k, at the least k where they meet.
        """
        if not self.unifilar:
            return bracket(self.process, np.eye(self.states), self.stationary)
        emitted = self.transitions.sum(axis=2).T
        rate = float(self.stationary @ entropy_bits(emitted))
        return EntropyBracket(rate, rate)


@dataclass(frozen=True, eq=False)
class QubitMemory:
    """One qubit, measured at every step by the instrument ρ ↦ K_y ρ K_yᵀ and started from I/2.

    The Kraus operators are real, so the qubit stays in the x–z plane: a belief is (1, x, z).

    Args:
        kraus: (V, 2, 2) float64 with Σ_y K_yᵀK_y = I (probabilities sum to one) and
            Σ_y K_yK_yᵀ = I (I/2 is stationary), both to 1e-9.

    Raises:
        ShapeError: another shape, a non-finite or complex entry, or one of the two sums is not the identity.

    >>> up_or_down = QubitMemory(np.array([np.diag([1.0, 0.0]), np.diag([0.0, 1.0])]))
    >>> up_or_down.process.context_distribution(1).conditionals
    array([[1., 0.],
           [0., 1.]])
    """

    kraus: Floats

    def __post_init__(self) -> None:
        kraus = _frozen_stack(self.kraus, "kraus")
        transposed = kraus.transpose(0, 2, 1)
        sums = (transposed @ kraus).sum(axis=0), (kraus @ transposed).sum(axis=0)
        if kraus.shape[1] != 2 or not np.allclose(sums, np.eye(kraus.shape[1]), rtol=0, atol=1e-9):
            raise ShapeError(
                "expected Kraus operators of shape (V, 2, 2) whose sums of KᵀK and of KKᵀ are the identity, "
                f"got shape {kraus.shape}, sums {[total.round(6).tolist() for total in sums]}; normalise them"
            )
        object.__setattr__(self, "kraus", kraus)

    @cached_property
    def process(self) -> LinearProcess:
        """T[y]_ab = ½ tr(P_b K_y P_a K_yᵀ), P = I, X, Z; μ and τ are both (1, 0, 0), the belief of I/2."""
        operators = np.einsum("bij,yjk,akl,yil->yab", PAULIS, self.kraus, PAULIS, self.kraus) / 2
        mixed = np.eye(3)[0]
        return LinearProcess(operators, mixed, mixed)

    def entropy_bracket(self) -> EntropyBracket:
        """Bounds on h in bits: the extremes over pure φ of H(X_{k+1} | X_1 … X_k, φ), k = `QUBIT_DEPTH`.

        After a long past the qubit is pure (Maassen & Kümmerer 2006; where no K_y tells states apart, φ does
        not matter), so h is a mean of that entropy over some distribution of φ. The extremes are taken over
        `PURE_STATES` points of the circle: a numerical bracket, much narrower than h_k itself, not a proof.
        """
        angles = np.arange(PURE_STATES) * (2 * np.pi / PURE_STATES)
        entropies = [self._entropy_from(angle) for angle in angles]
        return EntropyBracket(min(entropies), max(entropies))

    def _entropy_from(self, angle: float) -> float:
        """H(X_{k+1} | X_1 … X_k) in bits when the qubit starts pure, at (x, z) = (sin, cos) of the angle."""
        pure = np.array([[1.0, np.sin(angle), np.cos(angle)]])
        return list(islice(entropies_by_depth(self.process, pure, np.ones(1)), QUBIT_DEPTH + 1))[-1]


def _frozen_stack(array: Floats, name: str) -> Floats:
    """A read-only float64 copy of a stack of finite square matrices, or an error that names it."""
    given = np.asarray(array)
    if given.ndim != 3 or given.shape[1] != given.shape[2] or given.size == 0:
        raise ShapeError(
            f"expected {name} as a stack of square matrices, got shape {given.shape}; give (V, D, D)"
        )
    if given.dtype.kind not in "fiu" or not np.isfinite(given).all():
        raise ShapeError(
            f"expected {name} to be finite real numbers, got NaN, inf or {given.dtype} ones; replace them"
        )
    copy = np.array(given, dtype=np.float64)
    copy.setflags(write=False)
    return copy
