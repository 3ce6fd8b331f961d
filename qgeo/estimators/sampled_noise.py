"""F̂_C at one context, the variances of its noise, and what outcomes too rare to be seen may hide of it.

    F̂ = D_iᵀ A D_j − tr(A C_ij),   A = diag (s + 1)/(N + 1),   C_ij = Σ_k T_ki T_kj C_k the covariance of D

linear in the noise of D      2 D̂ᵀ A δD                 quadratic in it      δDᵀ A δD, variance 2 tr (A C A C)
linear in the noise of N      −D_i D_j/p² δp            unseen outcomes      one shot more, wherever it counts

For one Pauli term ψ(a ± π/2) = (ψ ± 2∂ψ)/√2, so that the very circuits of the derivative measure
4|∂_kψ_y|² = p(y; a + π/2) + p(y; a − π/2) − p(y), and (∂_kp)²/p ≤ 4|∂_kψ|²: an outcome y that no shot showed
cannot hide more. What N shots at it leave of (1 − p)^s ≈ e^−λ is taken as e^−N, e^−.63λ in the mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from qgeo.estimators.derivatives import Derivatives, Probabilities
from qgeo.estimators.estimate import Spread
from qgeo.geometry.classical import is_seen

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MeasuredPoint:
    """One context: p̂ (Y,), its derivatives by K terms, T (K, W), and a channel (Y, V) or None."""

    probabilities: Probabilities
    slopes: Derivatives
    by_term: Floats
    channel: Floats | None

    @property
    def exact(self) -> bool:
        return bool(np.isinf(self.slopes.shots))

    @cached_property
    def outputs(self) -> Floats:
        """(V,) p̂ behind the channel."""
        return self.behind(self.probabilities.values)

    @cached_property
    def inverse(self) -> Floats:
        """(V,) 1/p, or its estimate (s + 1)/(N + 1)."""
        shots = self.probabilities.shots
        if not np.isinf(shots):
            return (shots + 1) / (self.outputs * shots + 1)
        seen = is_seen(torch.from_numpy(self.outputs).clamp_min(0).sqrt()).numpy()
        return np.where(seen, 1 / np.where(seen, self.outputs, 1.0), 0.0)

    @property
    def doubt(self) -> Floats:
        """(V,) the share by which 1/p may be larger than its estimate, for a normal error of z standard
        deviations to reach the 1/p that N counts leave open (Wilson): 3/(N + 3), within a third for N > 1."""
        return np.minimum(0.5, 3 / (self.outputs * self.probabilities.shots + 3))

    @cached_property
    def by_parameter(self) -> Floats:
        """(W, V) measured derivatives behind the channel."""
        return self.by_term.T @ self.behind(self.slopes.values)

    @cached_property
    def products(self) -> Floats:
        """(W, W, V) ∂_ip ∂_jp, unbiased."""
        t, squared = self.by_term, None if self.channel is None else self.channel**2
        signed, plain = self.behind(self.slopes.signed), self.slopes.plain
        variances = (plain if squared is None else plain @ squared) - signed**2
        scale = 0.0 if self.exact else 1 / (self.slopes.shots - 1)
        noise = np.einsum("ki,kj,ky->ijy", t, t, scale * variances.sum(1), optimize=True)
        return np.asarray(self.by_parameter[:, None] * self.by_parameter - noise)

    @property
    def matrix(self) -> Floats:
        """F̂ (W, W)."""
        return self.products @ self.inverse

    def behind(self, values: Floats) -> Floats:
        """(…, Y) → (…, V)."""
        return values if self.channel is None else values @ self.channel

    def before(self, values: Floats) -> Floats:
        """Functions of outputs (…, V), on average, as functions of bitstrings (…, Y)."""
        return values if self.channel is None else values @ self.channel.T


def spread(point: MeasuredPoint) -> Spread:
    """Variances of F̂, each (W, W)."""
    none = np.zeros((point.by_term.shape[1],) * 2)
    if point.exact:
        return Spread(none, none, none, none.diagonal())
    traces = _traces(point)
    t = point.by_term
    products = np.einsum("ki,kj->kij", t, t)
    quadratic = (t**2).T @ traces @ t**2 + np.einsum("kij,kl,lij->ij", products, traces, products)
    of_slopes = _slope_variance(point, point.inverse)
    if_larger = np.maximum(_slope_variance(point, point.inverse * (1 + point.doubt)) - of_slopes, 0)
    rare = _rare(point) + if_larger / 4  # of which intervals count z², about 4, as of all that is rare
    squares = _squares(point, quadratic.diagonal())
    return Spread(of_slopes + _inverse_variance(point), quadratic, rare, squares)


def hidden(point: MeasuredPoint) -> Floats:
    """(W, W) Σ_v e^−N √(B_i B_j), B_i(v) the most that outcome v can hold of F_ii."""
    if point.exact:
        return np.zeros((point.by_term.shape[1],) * 2)
    reach = 2 * point.slopes.totals - point.probabilities.values  # 4|∂_kψ_y|², (K, Y)
    most = point.behind((np.abs(point.by_term).T @ np.sqrt(np.maximum(reach, 0))) ** 2)
    left = np.exp(-point.outputs * point.probabilities.shots)
    return np.asarray((np.sqrt(most) * left) @ np.sqrt(most).T)


def _traces(point: MeasuredPoint) -> Floats:
    """(K, K) tr (A C_k A C_l) of the covariances C_k of the terms' derivatives."""
    slopes, inverse = point.slopes, point.inverse
    if point.channel is not None:
        root = point.channel * np.sqrt(inverse)
        spread_out = np.einsum("yv,ky,yw->kvw", root, slopes.plain.sum(1), root, optimize=True)
        means = slopes.signed @ root
        flat = (spread_out - np.einsum("krv,krw->kvw", means, means)).reshape(len(means), -1)
        return np.asarray(flat @ flat.T / (slopes.shots - 1) ** 2)
    plain, squares = slopes.plain.sum(1), (slopes.signed**2).sum(1)
    one_sided = (plain * inverse**2) @ squares.T
    mixed = np.einsum("kry,y,lsy->klrs", slopes.signed, inverse, slopes.signed, optimize=True)
    whole = (plain * inverse**2) @ plain.T - one_sided - one_sided.T + (mixed**2).sum((2, 3))
    return np.asarray(np.maximum(whole, 0) / (slopes.shots - 1) ** 2)


def _squares(point: MeasuredPoint, quadratic: Floats) -> Floats:
    """(W,) variance of one of the squares in F̂_ii: Σ λ²/Σ λ over the eigenvalues λ of A C_ii."""
    diagonal = np.einsum("iiv->iv", point.products)
    total = (point.by_parameter**2 - diagonal) @ point.inverse
    return np.asarray(quadratic / 2 / np.where(total > 0, total, 1))


def _slope_variance(point: MeasuredPoint, inverse: Floats) -> Floats:
    """From the noise of D: Σ_k Var(Σ_y h_ij(y) D_k(y)), h_ij = (T_ki D_j + T_kj D_i)/p."""
    weighted, t = point.before(point.by_parameter * inverse), point.by_term
    total = np.zeros((t.shape[1],) * 2)
    for signed, plain, row in zip(point.slopes.signed, point.slopes.plain, t, strict=True):
        for first, second in zip(signed, plain, strict=True):
            mean, square = weighted @ first, (weighted * second) @ weighted.T
            covariance = (square - np.outer(mean, mean)) / (point.slopes.shots - 1)
            one_sided = np.outer(row**2, covariance.diagonal())
            total += one_sided + one_sided.T + 2 * np.outer(row, row) * covariance
    return np.maximum(total, 0)


def _inverse_variance(point: MeasuredPoint) -> Floats:
    """From the noise of 1/p̂: d(1/p) = −dp/p²."""
    p, slope = point.probabilities.values, point.before(point.products * point.inverse**2)
    return np.asarray(np.maximum((slope**2 @ p - (slope @ p) ** 2) / point.probabilities.shots, 0))


def _rare(point: MeasuredPoint) -> Floats:
    """Squares of what one shot could change, summed over circuits.

    One more at an outcome of a shifted circuit changes D_k by c/s, and F̂ by c/s · |T_ki D_j + T_kj D_i|/p;
    two that meet there change it by (c/s)²/p. At an outcome of the circuit itself 1/p is in doubt.
    """
    step, experiments = point.slopes.coefficient / point.slopes.shots, point.slopes.signed.shape[1]
    t, gain = np.abs(point.by_term), step * np.abs(point.by_parameter * point.inverse).max(1, initial=0.0)
    linear = (t[:, :, None] * gain + t[:, None] * gain[:, None]) ** 2
    meeting = experiments * step**2 * (t**2).sum(0) * point.inverse.max()
    in_doubt = (point.products * (point.inverse * point.doubt)) ** 2
    return np.asarray(experiments * linear.sum(0) + np.outer(meeting, meeting) + in_doubt.sum(-1))
