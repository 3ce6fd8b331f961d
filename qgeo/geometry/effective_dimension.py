"""Effective dimension of a model: how much of its parameter space n observations can tell apart.

    d(n) = 2 log E_θ √det(I + κ F̂(θ)) / log κ,      κ = γn/(2π log n) > 1,      F̂(θ) = P F(θ)/E_θ tr F

θ is drawn over the whole parameter space; F is any information matrix (F_C of an output, F_Q) averaged over
the same contexts at every θ. Its scale cancels: one other unit for all parameters changes nothing. d tends to
the largest rank of F as n grows, slowly; at small κ it exceeds P, and diverges as κ → 1 (F = I gives
P log(1 + κ)/log κ). What a readout does to F it does to d: of two outcomes F_C has rank 1 per context.
Abbas et al. 2021 (Nature Computational Science 1, 403; arXiv 2011.00027), whose figures have γ = 1.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from qgeo.arguments import checked_real
from qgeo.errors import ConfigurationError, ShapeError

Floats = NDArray[np.float64]

_ROUNDING = 1e-9
"""Of an eigenvalue of F̂ below zero, in units of its mean eigenvalue 1."""


def effective_dimension(fishers: ArrayLike, observations: ArrayLike, *, gamma: float = 1.0) -> Floats:
    """d(n) for each of N numbers of observations, (N,); over P it is the normalised effective dimension.

    Args:
        fishers: (T, P, P) information matrices at T random θ, symmetric positive semidefinite.
        observations: n, one number or N of them.
        gamma: γ in (0, 1].

    Raises:
        ShapeError: no stack of finite square matrices, one that is not positive semidefinite, or all zero.
        ConfigurationError: γ outside (0, 1], or an n with κ ≤ 1, where d is not defined (n < 19 at γ = 1).

    The mean over θ is of √det, which few θ may dominate: say T beside the number. O(TP³) once, O(TP) per n.

    >>> effective_dimension([np.diag([1.0, 1.0]), np.diag([2.0, 0.0])], [1000, 1e6]).round(3)
    array([1.745, 1.855])
    """
    scales = _scales(observations, gamma)
    spectra = _spectra(normalised_fishers(fishers))
    log_volumes = np.log1p(scales[:, None, None] * spectra).sum(-1) / 2
    return np.asarray(2 * (logsumexp(log_volumes, axis=1) - math.log(len(spectra))) / np.log(scales))


def normalised_fishers(fishers: ArrayLike) -> Floats:
    """F̂ = P F/E_θ tr F, (T, P, P): the mean of tr F̂ is P. Arguments and errors: see `effective_dimension`.

    >>> normalised_fishers([[[1.0]], [[3.0]]]).ravel()
    array([0.5, 1.5])
    """
    stack = np.asarray(fishers, dtype=float)
    if stack.ndim != 3 or stack.shape[1] != stack.shape[2] or not stack.size or not np.isfinite(stack).all():
        raise ShapeError(
            f"expected information matrices (T, P, P) of finite numbers, one per θ, got shape {stack.shape}"
        )
    trace = float(np.trace(stack, axis1=1, axis2=2).mean())
    if not trace > 0:
        raise ShapeError(f"expected information matrices with a positive mean trace, got {trace:g}")
    return np.asarray(stack.shape[1] / trace * stack)


def _spectra(normalised: Floats) -> Floats:
    """Eigenvalues of every F̂, (T, P); 0 where they are rounding, which a large κ would count."""
    spectra = np.linalg.eigvalsh(normalised)
    if spectra.min() < -_ROUNDING:
        raise ShapeError(
            "expected positive semidefinite information matrices, got an eigenvalue "
            f"{spectra.min():.3g} of F̂; nearest_positive_semidefinite repairs estimates"
        )
    rounding = spectra.shape[1] * np.finfo(float).eps * spectra[:, -1:]
    return np.where(spectra > rounding, spectra, 0.0)


def _scales(observations: ArrayLike, gamma: float) -> Floats:
    """κ, (N,)."""
    if checked_real("gamma", gamma, above=0) > 1:
        raise ConfigurationError(f"expected gamma in (0, 1], got {gamma}")
    numbers = np.atleast_1d(np.asarray(observations, dtype=float))
    beyond = np.where(numbers > math.e, numbers, np.nan)  # n/log n rises again below e
    scales = gamma * beyond / (2 * math.pi * np.log(beyond))
    if not (scales > 1).all():
        first = numbers[~(scales > 1)][0]
        raise ConfigurationError(
            f"expected numbers of observations n with γn/(2π log n) > 1, at least 19 at γ = 1, got {first:g} "
            f"at γ = {gamma:g}"
        )
    return np.asarray(scales)
