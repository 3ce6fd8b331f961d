"""Directional tangents: J v = Σ_p v_p ∂ψ/∂p in one forward sweep, whatever the number of parameters.

One tangent t moves with the state. At the start of block b it gains X_b ψ with X_b = Σ_r (∂a_r/∂p · v) A_r:

    (ψ, t)  ←  U_b (ψ, t + X_b ψ)

Together with the adjoint sweep, which gives Jᵀλ, it makes products with information matrices that are
never written down. For a scale, `generator_variances` gives every rotation's own entry in the same time.
"""

from __future__ import annotations

import torch
from torch import Tensor

from qgeo.simulate.angles import angle_jacobian, joined
from qgeo.simulate.apply import apply_block, overlap_on
from qgeo.simulate.constants import BlockConstants
from qgeo.simulate.moves import Moves, zero_state


def directional_tangent(
    moves: Moves, values: Tensor, inputs: Tensor, along_values: Tensor, along_inputs: Tensor
) -> Tensor:
    """J v at the end of the circuit, (B, 2ⁿ).

    Args:
        moves: the program at values (P,) and inputs (B, d).
        along_values: (P,); along_inputs: (B, d): the direction v, each context's inputs its own.
    """
    by_group = _combined_generators(moves, values, inputs, along_values, along_inputs)
    psi = zero_state(moves.program, len(inputs), moves.dtype, values.device)
    pair = torch.stack([psi, torch.zeros_like(psi)])
    for block, move in zip(moves.constants.blocks, moves.all, strict=True):
        if isinstance(block, BlockConstants) and block.fixed is None:
            generator = by_group[block.group].select(-3, block.member)
            pair[1] += apply_block(generator, pair[0], block.qubits)
        pair = move.apply(pair)
    return pair[1]


def generator_variances(moves: Moves, count: int) -> tuple[Tensor, Tensor]:
    """F_Q of every rotation's angle alone, mean over `count` contexts, shared (m,) and per context (m',).

    4 (⟨A_r†A_r⟩ − |⟨A_r⟩|²) at the start of the rotation's block; the diagonal of F_Q where every parameter
    is the angle of one rotation.
    """
    table = moves.constants
    found = (torch.zeros_like(table.shared.offsets), torch.zeros_like(table.per_context.offsets))
    psi = zero_state(moves.program, count, moves.dtype, table.shared.offsets.device)
    for i, (block, move) in enumerate(zip(table.blocks, moves.all, strict=True)):
        if isinstance(block, BlockConstants) and block.fixed is None:
            group = table.groups[block.group]
            own = group.own_angles_of[block.member]
            density = overlap_on(psi, psi, block.qubits, keep_contexts=True)
            found[group.per_context][own] = _variances(moves.generators(i), density).double()
        psi = move.apply(psi)
    return found


def _variances(generators: Tensor, density: Tensor) -> Tensor:
    """4 mean_x (⟨A_r†A_r⟩ − |⟨A_r⟩|²), (m,), for A (m, [B,] D, D) and ρ_ij = ψ_i* ψ_j (B, D, D)."""
    if generators.dim() == 3:
        generators = generators.unsqueeze(1)
    square = ((generators.mH @ generators) * density).sum((-2, -1)).real
    mean = (generators * density).sum((-2, -1))
    return 4 * (square - mean.real.square() - mean.imag.square()).mean(-1)


def _combined_generators(
    moves: Moves, values: Tensor, inputs: Tensor, along_values: Tensor, along_inputs: Tensor
) -> list[Tensor]:
    """X of every group's blocks, ([B,] g, D, D)."""
    table = moves.constants
    along = (
        angle_jacobian(table.shared, values) @ along_values,
        angle_jacobian(table.per_context, joined(values, inputs)) @ joined(along_values, along_inputs),
    )
    combined = []
    for i, group in enumerate(table.groups):
        chosen = along[group.per_context][..., group.angles]
        weights = chosen.unflatten(-1, (group.num_blocks, -1)).movedim(-1, 0)
        generators = moves.group_generators(i, "start", slice(0, group.num_blocks))
        combined.append((weights[..., None, None].to(moves.dtype) * generators).sum(0))
    return combined
