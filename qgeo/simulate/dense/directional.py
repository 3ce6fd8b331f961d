"""Directional tangents: J v = Σ_p v_p ∂ψ/∂p in one forward sweep, whatever the number of parameters.

One tangent t moves with the state. At the start of block b it gains X_b ψ with X_b = Σ_r (∂a_r/∂p · v) A_r:

    (ψ, t)  ←  U_b (ψ, t + X_b ψ)

Together with the adjoint sweep, which gives Jᵀλ, it makes products with information matrices that are
never written down. For a scale, `generator_variances` gives every rotation's own entry in the same time.
"""

from __future__ import annotations

import torch
from torch import Tensor

from qgeo.simulate.angle_tables import angle_tables
from qgeo.simulate.angles import angle_jacobian, joined
from qgeo.simulate.dense.applied import AppliedGates, zero_state
from qgeo.simulate.dense.apply import apply_block, overlap_on
from qgeo.simulate.dense.constants import BlockConstants


def directional_tangent(
    gates: AppliedGates, values: Tensor, inputs: Tensor, along_values: Tensor, along_inputs: Tensor
) -> Tensor:
    """J v at the end of the circuit, (B, 2ⁿ).

    Args:
        gates: the program at values (P,) and inputs (B, d).
        along_values: (P,); along_inputs: (B, d): the direction v, each context's inputs its own.
    """
    by_group = _combined_generators(gates, values, inputs, along_values, along_inputs)
    psi = zero_state(gates.program, len(inputs), gates.dtype, values.device)
    pair = torch.stack([psi, torch.zeros_like(psi)])
    for block, gate in zip(gates.constants.blocks, gates.all, strict=True):
        if isinstance(block, BlockConstants) and block.fixed is None:
            generator = by_group[block.group].select(-3, block.member)
            pair[1] += apply_block(generator, pair[0], block.qubits)
        pair = gate.apply(pair)
    return pair[1]


def generator_variances(gates: AppliedGates, count: int) -> tuple[Tensor, Tensor]:
    """F_Q of every rotation's angle alone, mean over `count` contexts, shared (m,) and per context (m',).

    4 (⟨A_r†A_r⟩ − |⟨A_r⟩|²) at the start of the rotation's block; the diagonal of F_Q where every parameter
    is the angle of one rotation.
    """
    constant, tables = gates.constants, angle_tables(gates.program, gates.device)
    variances = (torch.zeros_like(tables.shared.offsets), torch.zeros_like(tables.by_context.offsets))
    psi = zero_state(gates.program, count, gates.dtype, gates.device)
    for i, (block, gate) in enumerate(zip(constant.blocks, gates.all, strict=True)):
        if isinstance(block, BlockConstants) and block.fixed is None:
            group = constant.groups[block.group]
            angles = group.rotation_angles_of[block.member]
            density = overlap_on(psi, psi, block.qubits, keep_contexts=True)
            variances[group.per_context][angles] = _variances(gates.generators(i), density).double()
        psi = gate.apply(psi)
    return variances


def _variances(generators: Tensor, density: Tensor) -> Tensor:
    """4 mean_x (⟨A_r†A_r⟩ − |⟨A_r⟩|²), (m,), for A (m, [B,] D, D) and ρ_ij = ψ_i* ψ_j (B, D, D)."""
    if generators.dim() == 3:
        generators = generators.unsqueeze(1)
    square = ((generators.mH @ generators) * density).sum((-2, -1)).real
    mean = (generators * density).sum((-2, -1))
    return 4 * (square - mean.real.square() - mean.imag.square()).mean(-1)


def _combined_generators(
    gates: AppliedGates, values: Tensor, inputs: Tensor, along_values: Tensor, along_inputs: Tensor
) -> list[Tensor]:
    """X of every group's blocks, ([B,] g, D, D)."""
    tables = angle_tables(gates.program, gates.device)
    along = (
        angle_jacobian(tables.shared, values) @ along_values,
        angle_jacobian(tables.by_context, joined(values, inputs)) @ joined(along_values, along_inputs),
    )
    combined = []
    for i, group in enumerate(gates.constants.groups):
        chosen = along[group.per_context][..., group.angles]
        weights = chosen.unflatten(-1, (group.num_blocks, -1)).movedim(-1, 0)
        generators = gates.group_generators(i, "start", slice(0, group.num_blocks))
        combined.append((weights[..., None, None].to(gates.dtype) * generators).sum(0))
    return combined
