"""DiagonalQFI: the diagonal of F_Q, F_jj = Var(G_j), one circuit per commuting layer.

The generator variance of every parameter (Stokes et al. 2020, arXiv 1909.02108, section 3; PennyLane's and
NetKet's diagonal preconditioner); for one Pauli string 1 − ⟨P⟩².
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from qgeo.estimators.block_diagonal import BlockDiagonalQFI
from qgeo.estimators.layered import Floats, LayeredExperiments, Moments, Noise, Scheme, block_moments
from qgeo.estimators.outcomes import Outcomes


def _diagonal_moments(
    prepared: LayeredExperiments, outcomes: Sequence[Outcomes], jacobian: Floats
) -> Moments:
    blocks = block_moments(prepared, outcomes, jacobian)
    keep = np.eye(len(blocks.matrix))
    noise = tuple(_diagonal_noise(noise) for noise in blocks.noise)
    return Moments(blocks.matrix * keep, noise, blocks.quadratic * keep, blocks.of_squared)


def _diagonal_noise(noise: Noise) -> Noise:
    keep = np.eye(len(noise.columns))
    return replace(noise, per_shot=noise.per_shot * keep, reach=noise.reach * keep)


class DiagonalQFI(BlockDiagonalQFI):
    """The diagonal of F_Q as a matrix, zeros elsewhere. Arguments: see `LayeredEstimator`."""

    scheme = Scheme(None, _diagonal_moments)
