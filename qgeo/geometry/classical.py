"""Classical Fisher information of measured bitstrings, and of any head's output distribution.

    F_C = mean over contexts of Σ_y ∂_ip(y) ∂_jp(y) / p(y)            (type-2, "true" Fisher)

`bitstring_fisher_sum` starts from states and tangents: p(y) = |ψ_y|², ∂p = 2 Re ψ_y* ∂ψ_y, all qubits
measured in Z; `marginal_fisher_sum` sums both over the qubits that are not measured, `channel_fisher_sum`
sends both through a fixed channel. `output_fisher` starts from log-probabilities and their Jacobian, one
formula for every head.
Amari 1998; Martens 2020, section 9. Observed-token and sampled variants: `empirical.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from qgeo.errors import ShapeError
from qgeo.geometry.operators import GramMatrix

ROUNDING_STEPS = 64
"""An amplitude of at most so many ε of the largest one is rounding: those that vanish by symmetry came out as
up to 14 ε, after 400 to 3,200 rotations, and 2 ε after 16 to 80 (benchmarks/NOTES.md, "rounding")."""


def is_seen(amplitudes: Tensor) -> Tensor:
    """Which outcomes count in F_C: those whose amplitude √p is more than rounding of the largest.

    (Re ψ*∂ψ)²/|ψ|² is well conditioned however small p is, so that nothing else is left out.

    Args:
        amplitudes: (..., N) |ψ_y| or √p(y), one distribution a row.
    """
    return amplitudes > rounding_of(amplitudes.dtype) * amplitudes.amax(-1, keepdim=True)


def rounding_of(dtype: torch.dtype) -> float:
    """What an amplitude of this type has to be more than, times the largest, to count."""
    return float(ROUNDING_STEPS * torch.finfo(dtype).eps)


def bitstring_fisher_sum(states: Tensor, tangents: Tensor) -> Tensor:
    """Σ over contexts of F_C, real symmetric (P, P).

    Args:
        states: (B, 2ⁿ) normalised; tangents: (P, B, 2ⁿ).

    ∂p/√p = 2 Re(ψ*/|ψ| ∂ψ): the tangent's component along the amplitude's own phase.
    """
    size = states.abs()
    seen = is_seen(size)
    direction = torch.where(seen, states / torch.where(seen, size, 1.0), 0.0)
    rows = 2 * (tangents.real * direction.real + tangents.imag * direction.imag).flatten(1)
    return rows @ rows.mT


def marginal_fisher_sum(states: Tensor, tangents: Tensor, outcomes: Tensor, count: int) -> Tensor:
    """Σ over contexts of F_C of a marginal distribution, real symmetric (P, P).

    Args:
        states: (B, 2ⁿ) normalised; tangents: (P, B, 2ⁿ).
        outcomes: (2ⁿ,) int64, the outcome 0 … K − 1 that every basis state is read as; count: K.
    """
    slopes = folded(_probability_slopes(states, tangents), outcomes, count)
    return _fisher_sum_of(folded(outcome_probabilities(states), outcomes, count), slopes)


def channel_fisher_sum(states: Tensor, tangents: Tensor, channel: Tensor) -> Tensor:
    """Σ over contexts of F_C of p' = M p, what a fixed channel makes of basis states, real symmetric (P, P).

    Args:
        states: (B, 2ⁿ) normalised; tangents: (P, B, 2ⁿ).
        channel: M (K, 2ⁿ), columns sum to 1: the probability that basis state z is read as outcome k.
    """
    into = channel.to(states.real).mT
    return _fisher_sum_of(outcome_probabilities(states) @ into, _probability_slopes(states, tangents) @ into)


def _probability_slopes(states: Tensor, tangents: Tensor) -> Tensor:
    """∂p = 2 Re ψ*∂ψ, (P, B, 2ⁿ)."""
    return 2 * (tangents.real * states.real + tangents.imag * states.imag)


def _fisher_sum_of(probabilities: Tensor, slopes: Tensor) -> Tensor:
    """Σ ∂p ∂pᵀ/p over contexts and outcomes that are seen, from p (B, K) and ∂p (P, B, K)."""
    amplitudes = probabilities.sqrt()
    seen = is_seen(amplitudes)
    rows = torch.where(seen, slopes / torch.where(seen, amplitudes, 1.0), 0.0).flatten(1)
    return rows @ rows.mT


def marginal_outcomes(num_qubits: int, measured: Sequence[int]) -> Tensor:
    """(2ⁿ,) what every basis state is read as where only some qubits are measured, the first the lowest bit.

    >>> marginal_outcomes(2, [1]).tolist()
    [0, 0, 1, 1]
    """
    basis = torch.arange(1 << num_qubits)
    bits = [((basis >> qubit) & 1) << place for place, qubit in enumerate(measured)]
    return torch.stack(bits).sum(0)


def folded(by_state: Tensor, outcomes: Tensor, count: int) -> Tensor:
    """(..., 2ⁿ) over basis states → (..., K) over outcomes, sums."""
    shape = (*by_state.shape[:-1], count)
    return by_state.new_zeros(shape).index_add_(by_state.dim() - 1, outcomes, by_state)


def outcome_probabilities(states: Tensor) -> Tensor:
    """Born's rule: p(y) = |ψ_y|², (B, 2ⁿ)."""
    return states.real.square() + states.imag.square()


def output_fisher(log_probs: Tensor, jacobian: Tensor) -> GramMatrix:
    """Exact F_C of a head's output, averaged over contexts.

    Args:
        log_probs: (B, V) natural logarithms of normalised probabilities; -inf where p = 0.
        jacobian: (B, V, P) derivative of log_probs; rows of tokens with p = 0 are ignored.

    Returns:
        F_C as a Gram matrix SᵀS/B, S = √p ∇log p, of rank at most B(V−1); `.to_dense()` is (P, P), per token.

    Raises:
        ShapeError: the leading dimensions differ, or there are no contexts.

    >>> fair_coin = torch.tensor([[0.5, 0.5]]).log()
    >>> output_fisher(fair_coin, torch.tensor([[[1.0], [-1.0]]])).to_dense().round(decimals=6)
    tensor([[1.]])
    """
    if jacobian.dim() != 3 or log_probs.shape != jacobian.shape[:2]:
        raise ShapeError(
            f"expected a Jacobian of shape (B, V, P) for log-probabilities {tuple(log_probs.shape)}, "
            f"got {tuple(jacobian.shape)}"
        )
    check_contexts_are_there(len(log_probs))
    return GramMatrix(output_rows(log_probs, jacobian).flatten(0, 1), scale=1 / len(log_probs))


def check_contexts_are_there(count: int) -> None:
    """Raise a ShapeError where there is nothing to average over."""
    if count == 0:
        raise ShapeError("expected at least one context, got none; leave an empty batch out")


def output_rows(log_probs: Tensor, jacobian: Tensor) -> Tensor:
    """S = √p ∇log p, (B, V, P): F_C of a context is SᵀS. Rows of tokens that are not seen are zero."""
    amplitudes = log_probs.exp().sqrt()
    seen = is_seen(amplitudes)
    weight = torch.where(seen, amplitudes, 0.0).unsqueeze(-1)
    may_ask = seen.device.type == "cpu"  # elsewhere the question costs more than the answer saves
    if may_ask and bool(seen.all()):
        return weight * jacobian
    return torch.where(seen.unsqueeze(-1), weight * jacobian, 0.0)  # 0 · ∞ where p vanishes
