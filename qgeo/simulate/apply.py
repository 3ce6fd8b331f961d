"""Applying a block's matrices to states.

States are (..., 2ⁿ) with qubit 0 the least significant bit. On neighbouring qubits lo … hi the amplitudes
are (left, 2ᵏ, right) with right = 2^lo, and a block is one matrix product; other qubits are first brought
together by a transposition.
"""

from __future__ import annotations

import torch
from torch import Tensor

from qgeo.simulate.constants import MapConstants


def apply_block(matrix: Tensor, states: Tensor, qubits: tuple[int, ...], out: Tensor | None = None) -> Tensor:
    """matrix · states on `qubits`.

    Args:
        matrix: (D, D), shared by all contexts, or (B, D, D), one per context.
        states: (..., B, 2ⁿ).
        qubits: ascending; the first is the least significant bit of the matrix.
        out: where to write the result, contiguous and not `states`; a new tensor by default.

    Returns:
        The product, of the shape of `states`.
    """
    left, right = split_sizes(states.shape[-1], qubits)
    if right is None:
        moved = _apply_scattered(matrix, states, qubits)
        return moved if out is None else out.copy_(moved)
    out = states.new_empty(states.shape) if out is None else out
    _matmul(matrix, states, out, (left, matrix.shape[-1], right))
    return out


def apply_map(moves: MapConstants, states: Tensor, out: Tensor | None = None) -> Tensor:
    """A relabelling of amplitudes: states (..., 2ⁿ), written to `out` or a new tensor."""
    return _relabelled(states, moves.source, moves.phase, out)


def undo_map(moves: MapConstants, states: Tensor) -> Tensor:
    """The inverse of `apply_map`."""
    return _relabelled(states, moves.inverse_source, moves.inverse_phase, None)


def _relabelled(states: Tensor, source: Tensor, phase: Tensor | None, out: Tensor | None) -> Tensor:
    moved = torch.index_select(states, -1, source, out=out)
    return moved if phase is None else moved.mul_(phase)


def apply_each(matrices: Tensor, states: Tensor, qubits: tuple[int, ...]) -> Tensor:
    """(p, B, 2ⁿ): each of p matrices, (p, D, D) or (B, p, D, D), applied to the same states (B, 2ⁿ)."""
    if matrices.dim() == 4:
        matrices = matrices.transpose(0, 1)
    left, right = split_sizes(states.shape[-1], qubits)
    size, count = matrices.shape[-1], matrices.shape[0]
    if right is None:
        per_context = matrices if matrices.dim() == 4 else matrices.unsqueeze(1)
        return _apply_scattered(per_context, states.expand(count, *states.shape), qubits)
    shape = (len(states), left, size, right)
    if matrices.dim() == 4:
        return (matrices.unsqueeze(2) @ states.view(shape)).view(count, *states.shape)
    columns = states.view(shape).permute(2, 0, 1, 3).reshape(size, -1)
    product = (matrices.reshape(-1, size) @ columns).view(count, size, len(states), left, right)
    return product.permute(0, 2, 3, 1, 4).reshape(count, *states.shape)


def split_sizes(dimension: int, qubits: tuple[int, ...]) -> tuple[int, int | None]:
    """Amplitudes left and right of neighbouring qubits; right is None where they are not neighbours."""
    low, high = qubits[0], qubits[-1]
    if high - low + 1 != len(qubits):
        return 0, None
    return dimension >> (high + 1), 1 << low


def _matmul(matrix: Tensor, states: Tensor, out: Tensor, shape: tuple[int, int, int]) -> None:
    left, size, right = shape
    if matrix.dim() > 2:
        per_context = (*states.shape[:-1], left, size, right)
        torch.matmul(matrix.unsqueeze(-3), states.reshape(per_context), out=out.view(per_context))
    elif right == 1:
        torch.mm(states.reshape(-1, size), matrix.mT, out=out.view(-1, size))
    else:
        batch = states.reshape(-1, size, right)
        torch.bmm(matrix.expand(len(batch), size, size), batch, out=out.view(-1, size, right))


def _apply_scattered(matrix: Tensor, states: Tensor, qubits: tuple[int, ...]) -> Tensor:
    n = states.shape[-1].bit_length() - 1
    lead = states.dim() - 1
    axes = [lead + n - 1 - qubit for qubit in reversed(qubits)]
    rest = [axis for axis in range(lead, lead + n) if axis not in axes]
    order = [*range(lead), *rest, *axes]
    together = states.reshape(*states.shape[:-1], *(2,) * n).permute(order)
    flat = together.reshape(*states.shape[:-1], -1, matrix.shape[-1])
    moved = (flat @ matrix.mT).view(together.shape)
    inverse = torch.tensor(order).argsort().tolist()
    return moved.permute(inverse).reshape(states.shape)
