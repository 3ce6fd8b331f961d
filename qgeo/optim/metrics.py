"""Metrics by name: the one place where a metric is entered.

A record holds the exact rule, how the metric is had from shots, what it costs on hardware and what it needs
in memory; natural gradient, arms, plans, costs and help texts know a metric by its record alone.

Costs are circuit evaluations per context for a circuit of m rotations, as the published methods count them,
ungrouped; grouping lowers them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from qgeo.circuit.program import Program
from qgeo.errors import ConfigurationError
from qgeo.estimators.block_diagonal import BlockDiagonalQFI
from qgeo.estimators.diagonal import DiagonalQFI
from qgeo.estimators.lin_comb import LinCombQFI
from qgeo.geometry.operators import InformationMatrix
from qgeo.heads.measured import MeasuredHead
from qgeo.heads.protocol import Head, checked_head
from qgeo.optim import controls, exact
from qgeo.optim.estimated import estimated_by, sampled_classical
from qgeo.optim.exact import Rule
from qgeo.optim.first_order import FIRST_ORDER
from qgeo.optim.qn_spsa import DRAWS, QNSPSA, averaged_spsa
from qgeo.registry import Registry


@dataclass(frozen=True)
class Sizes:
    """What the memory of a step depends on: contexts of a batch, tokens, trainable parameters; amplitudes of
    a state and columns of the program, 0 for a classical head."""

    batch: int
    vocabulary: int
    parameters: int
    amplitudes: int = 0
    columns: int = 0


@dataclass(frozen=True)
class Evaluations:
    """Circuit evaluations that a metric takes beside the gradient: in words, and counted per context."""

    formula: str
    count: Callable[[Program], int]


FromShots = Callable[[MeasuredHead, int | None], Rule]
"""From a measured head and shots per circuit (None: the head's own) to the rule that estimates there."""


@dataclass(frozen=True)
class Metric:
    """A metric by name; calling it calls the exact rule.

    Attributes:
        exact: (head, contexts, targets) → information matrix over the head's trainable parameters.
        evaluations: what it costs on hardware; bytes: what it holds at once beside the gradient's states.
        from_shots: how a head that trains from shots has it; None where it cannot be had.
        needs_circuit: whether only quantum heads have it; needs_targets: whether a step needs targets for it.
        is_damped: whether damping changes the direction of a step.
        begin: makes the rule of one training, where it keeps something from step to step.
    """

    name: str
    exact: Rule
    evaluations: Evaluations
    bytes: Callable[[Sizes], int]
    from_shots: FromShots | None = None
    needs_circuit: bool = False
    needs_targets: bool = False
    is_damped: bool = True
    begin: Callable[[], Rule] | None = None

    def begun(self) -> Rule:
        """The exact rule for one training."""
        return self if self.begin is None else self.begin()

    def __call__(self, head: Head, contexts: Tensor, targets: Tensor | None = None) -> InformationMatrix:
        """The information matrix of a head at these contexts.

        Raises:
            ConfigurationError: it is no head, or the rule gave something else.
        """
        return checked_matrix(self.exact(checked_head(head), contexts, targets), self.name)


def checked_matrix(matrix: Any, name: str) -> InformationMatrix:
    """What the metric of this name gave, if it is an information matrix.

    Raises:
        ConfigurationError: it is something else.
    """
    if isinstance(matrix, Tensor) or not isinstance(matrix, InformationMatrix):  # a tensor has those, too
        raise ConfigurationError(
            f"expected an information matrix (qgeo.geometry.operators) of the metric {name}, got "
            f"{type(matrix).__name__}; DenseMatrix(tensor) makes one of a tensor"
        )
    return matrix


# --- what metrics cost -----------------------------------------------------------------------------------


def _pairs(count: int) -> int:
    return count * (count - 1) // 2 + count


def _of_all_pairs(program: Program) -> int:
    return _pairs(len(program.angles))


def _of_layers(program: Program) -> int:
    """What is in no layer has no effect."""
    return sum(_pairs(len(layer)) for layer in program.layers)


_ALL_PAIRS = Evaluations(
    "B · (m(m−1)/2 + m): linear combination of unitaries over m rotations, ungrouped", _of_all_pairs
)
_LAYERS = Evaluations("B · Σ_l (m_l(m_l−1)/2 + m_l): the pairs inside commuting layers", _of_layers)
_DIAGONAL = Evaluations("B · m", lambda program: len(program.angles))
# Conjugate gradients need F v for v that are known one after the other; no circuit measures F v as such.
_PRODUCTS = Evaluations(
    f"{_ALL_PAIRS.formula}; the same matrix as quantum: products save a simulator's work, no circuit",
    _of_all_pairs,
)
_OVERLAPS = Evaluations(
    f"B · {4 * DRAWS}: four overlaps for each of {DRAWS} pairs of random directions", lambda _: 4 * DRAWS
)
_NONE = Evaluations("0: nothing is measured", lambda _: 0)
REUSED = Evaluations("0: reuses the outcomes of the gradient's circuits", lambda _: 0)


# --- what metrics hold -----------------------------------------------------------------------------------


def dense_bytes(sizes: Sizes) -> int:
    """The matrix, its factor and a workspace; of a circuit all tangents of a batch, from both ends."""
    return 24 * sizes.parameters**2 + 32 * sizes.batch * sizes.amplitudes * sizes.columns


def _with_jacobian(sizes: Sizes) -> int:
    return dense_bytes(sizes) + 8 * sizes.batch * sizes.vocabulary * sizes.parameters


def _both(sizes: Sizes) -> int:
    """F_Q beside F_C, and a basis."""
    return dense_bytes(sizes) + 24 * sizes.parameters**2


def _none(_: Sizes) -> int:
    """Products need a few vectors."""
    return 0


METRICS: Registry[Metric] = Registry(
    "a metric",
    (
        Metric("quantum", exact.quantum, _ALL_PAIRS, dense_bytes, estimated_by(LinCombQFI), True),
        Metric(
            "quantum-block-diagonal",
            exact.quantum_block_diagonal,
            _LAYERS,
            dense_bytes,
            estimated_by(BlockDiagonalQFI),
            needs_circuit=True,
        ),
        Metric(
            "quantum-diagonal",
            exact.quantum_diagonal,
            _DIAGONAL,
            dense_bytes,
            estimated_by(DiagonalQFI),
            needs_circuit=True,
        ),
        Metric("quantum-matrix-free", exact.quantum_matrix_free, _PRODUCTS, _none, needs_circuit=True),
        Metric("classical", exact.classical, REUSED, dense_bytes, lambda _head, _shots: sampled_classical),
        Metric("empirical", exact.empirical, REUSED, _with_jacobian, needs_targets=True),
        Metric(
            "identity",
            controls.identity,
            _NONE,
            _none,
            lambda _head, _shots: controls.identity,
            is_damped=False,
        ),
        Metric(
            "classical-diagonal",
            controls.diagonal_of(exact.classical),
            REUSED,
            dense_bytes,
            lambda _head, _shots: controls.diagonal_of(sampled_classical),
        ),
        *(
            Metric(f"mixture-{share}", controls.mixture(share), _ALL_PAIRS, _both, needs_circuit=True)
            for share in controls.MIXTURES
        ),
        Metric("random-spectrum", controls.random_spectrum, _ALL_PAIRS, _both, needs_circuit=True),
        Metric("rotated-phase", controls.rotated_phase, _ALL_PAIRS, _both, needs_circuit=True),
        Metric(
            "qn-spsa",
            lambda head, contexts, targets: QNSPSA()(head, contexts, targets),
            _OVERLAPS,
            _both,
            estimated_by(averaged_spsa),
            needs_circuit=True,
            begin=QNSPSA,
        ),
        Metric("monte-carlo", controls.monte_carlo, REUSED, _with_jacobian),
    ),
    reserved=FIRST_ORDER,  # both are given in the same place
)
