"""Applying matrices to states.

States are (..., 2ⁿ) with qubit 0 the least significant bit. On neighbouring qubits lo … hi the amplitudes
are (left, D, right) with D = 2ᵏ and right = 2^lo, and a matrix on them is one product; other qubits are
first brought together by a transposition.
"""

from __future__ import annotations

import torch
from torch import Tensor


def apply_block(matrix: Tensor, states: Tensor, qubits: tuple[int, ...], out: Tensor | None = None) -> Tensor:
    """matrix · states on `qubits`.

    Args:
        matrix: (D, D), shared by all contexts, or (B, D, D), one per context.
        states: (..., B, 2ⁿ), contiguous.
        qubits: ascending; the first is the least significant bit of the matrix.
        out: where to write the result, contiguous and not `states`; a new tensor by default.

    Returns:
        The product, of the shape of `states`.
    """
    left, right = split_sizes(states.shape[-1], qubits)
    if right is None:
        product = apply_on_any(matrix, states, qubits)
        return product if out is None else out.copy_(product)
    out = states.new_empty(states.shape) if out is None else out
    if matrix.dim() == 2:
        _apply_shared(matrix, states, out, right)
    else:
        _apply_per_context(matrix, states, out, (left, matrix.shape[-1], right))
    return out


def apply_each(matrices: Tensor, states: Tensor, qubits: tuple[int, ...], out: Tensor) -> None:
    """out (p, B, 2ⁿ) ← each of p matrices, (p, D, D) or (p, B, D, D), applied to the same states (B, 2ⁿ)."""
    left, right = split_sizes(states.shape[-1], qubits)
    count, size = matrices.shape[0], matrices.shape[-1]
    if right is None:
        per_context = matrices if matrices.dim() == 4 else matrices.unsqueeze(1)
        out.copy_(apply_on_any(per_context, states.expand(count, *states.shape), qubits))
    elif matrices.dim() == 4 and right > 1:
        split = (len(states), left, size, right)
        torch.matmul(matrices.unsqueeze(2), states.view(split), out=out.view(count, *split))
    elif matrices.dim() == 4:
        short = (len(states), left, size)
        torch.matmul(states.view(short), matrices.mT, out=out.view(count, *short))
    elif right == 1:
        rows = states.view(-1, size)
        torch.bmm(rows.expand(count, *rows.shape), matrices.mT, out=out.view(count, *rows.shape))
    else:
        batch = states.view(-1, size, right)
        together = (matrices.flatten(0, 1) @ batch).view(-1, count, size, right)
        out.view(count, -1, size, right).copy_(together.transpose(0, 1))


def apply_monomial(source: Tensor, phase: Tensor | None, states: Tensor, out: Tensor | None = None) -> Tensor:
    """phase_k ψ_{source_k} for every amplitude k of states (..., 2ⁿ), written to `out` or a new tensor."""
    gathered = torch.gather(states, -1, source.expand(states.shape), out=out)
    return gathered if phase is None else gathered.mul_(phase)


def overlap_on(bra: Tensor, ket: Tensor, qubits: tuple[int, ...], keep_contexts: bool) -> Tensor:
    """M_ij = Σ conj(bra_i) ket_j over all qubits but `qubits`, and over contexts unless they are kept.

    Args:
        bra, ket: (B, 2ⁿ).

    Returns:
        (D, D), or (B, D, D) with contexts kept.
    """
    left, right = split_sizes(bra.shape[-1], qubits)
    size = 2 ** len(qubits)
    if right == 1:
        lead = (len(bra), left) if keep_contexts else (-1,)
        return bra.view(*lead, size).mH @ ket.view(*lead, size)
    if left == 1 and right is not None:
        each = bra.view(-1, size, right).conj() @ ket.view(-1, size, right).mT
        return each if keep_contexts else each.sum(0)
    rows, columns = _block_axis_first(bra, qubits), _block_axis_first(ket, qubits)
    if not keep_contexts:
        rows, columns = rows.transpose(0, 1).flatten(1), columns.transpose(0, 1).flatten(1)
    return rows.conj() @ columns.mT


def split_sizes(dimension: int, qubits: tuple[int, ...]) -> tuple[int, int | None]:
    """Amplitudes left and right of neighbouring qubits; right is None where they are not neighbours."""
    low, high = qubits[0], qubits[-1]
    if high - low + 1 != len(qubits):
        return 0, None
    return dimension >> (high + 1), 1 << low


def _apply_shared(matrix: Tensor, states: Tensor, out: Tensor, right: int) -> None:
    size = len(matrix)
    if right == 1:
        torch.mm(states.view(-1, size), matrix.mT, out=out.view(-1, size))
    else:
        batch = states.view(-1, size, right)
        torch.bmm(matrix.expand(len(batch), size, size), batch, out=out.view(-1, size, right))


def _apply_per_context(matrix: Tensor, states: Tensor, out: Tensor, shape: tuple[int, int, int]) -> None:
    left, size, right = shape
    if right == 1:
        split = (*states.shape[:-1], left, size)
        torch.matmul(states.view(split), matrix.mT, out=out.view(split))
    else:
        split = (*states.shape[:-1], left, size, right)
        torch.matmul(matrix.unsqueeze(-3), states.view(split), out=out.view(split))


def apply_on_any(matrix: Tensor, states: Tensor, qubits: tuple[int, ...]) -> Tensor:
    """`apply_block` by transpositions, whichever the qubits: a new tensor, which autograd follows."""
    n = states.shape[-1].bit_length() - 1
    lead = states.dim() - 1
    axes = [lead + n - 1 - qubit for qubit in reversed(qubits)]
    rest = [axis for axis in range(lead, lead + n) if axis not in axes]
    order = [*range(lead), *rest, *axes]
    together = states.reshape(*states.shape[:-1], *(2,) * n).permute(order)
    flat = together.reshape(*states.shape[:-1], -1, matrix.shape[-1])
    product = (flat @ matrix.mT).reshape(together.shape)
    inverse = sorted(range(len(order)), key=order.__getitem__)
    return product.permute(inverse).reshape(states.shape)


def _block_axis_first(vectors: Tensor, qubits: tuple[int, ...]) -> Tensor:
    """(B, D, rest): the amplitudes with the block's qubits in front."""
    count, size = len(vectors), 2 ** len(qubits)
    left, right = split_sizes(vectors.shape[-1], qubits)
    if right is not None:
        return vectors.view(count, left, size, right).transpose(1, 2).reshape(count, size, -1)
    n = vectors.shape[-1].bit_length() - 1
    axes = [n - qubit for qubit in reversed(qubits)]
    rest = [axis for axis in range(1, n + 1) if axis not in axes]
    return vectors.view(count, *(2,) * n).permute(0, *axes, *rest).reshape(count, size, -1)
