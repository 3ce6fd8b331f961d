"""States of a program: |ψ(values, x)⟩ for every context x, differentiable by the adjoint method.

Reverse mode without storing the way (Jones & Gacon 2020, arXiv 2009.02823): the backward pass undoes the
circuit block by block, carrying the state ψ and the cotangent λ. A block U maps ψ to ψ' = Uψ and
contributes to the gradient of its angles

    ∂L/∂a_r = Re Σ_ij (∂U/∂a_r)_ij M_ij,      M_ij = Σ conj(λ'_i) ψ_j   over contexts and all other qubits.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from qgeo.circuit.program import Program
from qgeo.simulate.angles import context_angles, shared_angles
from qgeo.simulate.apply import apply_block, apply_map, split_sizes, undo_map
from qgeo.simulate.blocks import block_derivatives, block_unitary
from qgeo.simulate.constants import BlockConstants, MapConstants, constants


def states(
    program: Program, values: Tensor, inputs: Tensor | None = None, *, dtype: torch.dtype = torch.complex128
) -> Tensor:
    """Normalised statevectors, (B, 2ⁿ); differentiable with respect to `values` and `inputs`.

    Args:
        program: the compiled circuit.
        values: (P,) real, in `program.parameters` order.
        inputs: (B, d) real, in `program.input_parameters` order; None for a circuit without data, B = 1.
        dtype: complex128, or complex64 for half the memory and about 1e-6 accuracy.
    """
    per_context = inputs if inputs is not None else values.new_zeros(1, 0)
    return run_angles(program, *all_angles(program, values, per_context, dtype), dtype)


def all_angles(program: Program, values: Tensor, inputs: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Shared angles (m,) and per-context angles (B, m') of a program."""
    return shared_angles(program, values, dtype), context_angles(program, values, inputs, dtype)


def run_angles(program: Program, shared: Tensor, per_context: Tensor, dtype: torch.dtype) -> Tensor:
    """States from angles, (B, 2ⁿ), differentiable by the adjoint method."""
    return _States.apply(program, dtype, shared, per_context)


def zero_state(program: Program, count: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """|0…0⟩, `count` times: (count, 2ⁿ)."""
    start = torch.zeros(count, program.dimension, dtype=dtype, device=device)
    start[:, 0] = 1
    return start


class _States(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, program: Program, dtype: torch.dtype, shared: Tensor, per_context: Tensor
    ) -> Tensor:
        psi = zero_state(program, len(per_context), dtype, shared.device)
        for block in constants(program, dtype, shared.device).blocks:
            if isinstance(block, MapConstants):
                psi = apply_map(block, psi)
            else:
                unitary = block_unitary(block, per_context if block.per_context else shared)
                psi = apply_block(unitary, psi, block.qubits)
        ctx.program, ctx.dtype = program, dtype
        ctx.save_for_backward(shared, per_context, psi)
        return psi

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, cotangent: Tensor) -> tuple[None, None, Tensor, Tensor]:
        shared, per_context, psi = ctx.saved_tensors
        by_shared, by_context = torch.zeros_like(shared), torch.zeros_like(per_context)
        first = ctx.program.num_shared_angles
        for block in reversed(constants(ctx.program, ctx.dtype, shared.device).blocks):
            if isinstance(block, MapConstants):
                psi, cotangent = undo_map(block, psi), undo_map(block, cotangent)
                continue
            unitary, derivatives = block_derivatives(block, per_context if block.per_context else shared)
            psi = apply_block(unitary.mH, psi, block.qubits)
            gradient = _angle_gradient(block, derivatives, cotangent, psi)
            if block.per_context:
                by_context[:, [angle - first for angle in block.angles]] = gradient
            elif block.angles:
                by_shared[list(block.angles)] = gradient
            cotangent = apply_block(unitary.mH, cotangent, block.qubits)
        return None, None, by_shared, by_context


def _angle_gradient(block: BlockConstants, derivatives: Tensor, cotangent: Tensor, psi: Tensor) -> Tensor:
    """(m,), or (B, m) for a block that depends on data."""
    overlap = _partial_overlap(cotangent, psi, block.qubits, keep_contexts=block.per_context)
    return torch.einsum("...rij,...ij->...r", derivatives, overlap).real


def _partial_overlap(cotangent: Tensor, psi: Tensor, qubits: tuple[int, ...], keep_contexts: bool) -> Tensor:
    """M_ij = Σ conj(λ_i) ψ_j over all qubits but `qubits`, and over contexts unless they are kept."""
    bra, ket = _block_axis_first(cotangent, qubits), _block_axis_first(psi, qubits)
    if keep_contexts:
        return bra.conj() @ ket.mT
    return bra.transpose(0, 1).flatten(1).conj() @ ket.transpose(0, 1).flatten(1).mT


def _block_axis_first(vectors: Tensor, qubits: tuple[int, ...]) -> Tensor:
    """(B, 2ᵏ, rest): the amplitudes with the block's qubits in front."""
    count, size = len(vectors), 2 ** len(qubits)
    left, right = split_sizes(vectors.shape[-1], qubits)
    if right is not None:
        return vectors.view(count, left, size, right).transpose(1, 2).reshape(count, size, -1)
    n = vectors.shape[-1].bit_length() - 1
    axes = [n - qubit for qubit in reversed(qubits)]
    rest = [axis for axis in range(1, n + 1) if axis not in axes]
    return vectors.view(count, *(2,) * n).permute(0, *axes, *rest).reshape(count, size, -1)
