"""States and tangents by torch operations that autograd follows, to any order.

The sweeps of the engine write into buffers and keep no graph. Here every block makes new tensors:

    ψ ← U ψ,      ∂_pψ ← U (∂_pψ + A_p ψ),      A_p = Σ_r (∂a_r/∂p) A_r

with A_r the block's pulled-back generators (`blocks.py`), so that ψ and ∂ψ/∂v are functions of v that reverse
mode goes through again.
"""

from __future__ import annotations

import torch
from torch import Tensor

from qgeo.circuit.blocks import rotations_of
from qgeo.circuit.program import Program
from qgeo.simulate.angle_tables import angle_tables
from qgeo.simulate.angles import angle_jacobian, angles_of, joined
from qgeo.simulate.dense.applied import AppliedGate, AppliedGates, AppliedMonomial, applied_gates, zero_state
from qgeo.simulate.dense.apply import apply_on_any
from qgeo.simulate.dense.constants import BlockConstants
from qgeo.simulate.tensors import kept_index_tensor

Slopes = tuple[Tensor, Tensor]
"""∂a/∂p of shared angles (m, P) and of every context's (B, m', P), complex."""


def differentiable_states_and_tangents(
    program: Program, values: Tensor, inputs: Tensor
) -> tuple[Tensor, Tensor]:
    """ψ (B, 2ⁿ) and ∂ψ/∂v (P, B, 2ⁿ) at the end of the circuit, complex128, with their graph over values.

    Args:
        program: the compiled circuit; values: (P,) float64; inputs: (B, d) float64, (1, 0) without data.

    The graph keeps P + 1 states of every block.
    """
    gates = applied_gates(program, *angles_of(program, values, inputs), torch.complex128)
    slopes = _slopes(program, values, inputs)
    psi = zero_state(program, len(inputs), gates.dtype, gates.device)
    stack = torch.cat([psi.unsqueeze(0), psi.new_zeros(len(values), *psi.shape)])
    for i, gate in enumerate(gates.all):
        stack = _applied(gate, _inserted(gates, i, slopes, stack))
    return stack[0], stack[1:]


def _slopes(program: Program, values: Tensor, inputs: Tensor) -> Slopes:
    tables, point = angle_tables(program, values.device), joined(values, inputs)
    shared, by_context = angle_jacobian(tables.shared, values), angle_jacobian(tables.by_context, point)
    return shared.dense().to(torch.complex128), by_context.dense().to(torch.complex128)


def _inserted(gates: AppliedGates, i: int, slopes: Slopes, stack: Tensor) -> Tensor:
    """∂_pψ + A_p ψ at the start of a block, for its own parameters."""
    block = gates.constants.blocks[i]
    columns = _trainable_columns(gates.program, i)
    if not columns or not isinstance(block, BlockConstants):
        return stack
    angles = gates.constants.groups[block.group].rotation_angles_of[block.member]
    chosen = kept_index_tensor(columns, stack.device)
    weights = slopes[block.per_context][..., angles, :].index_select(-1, chosen)
    generators = torch.einsum("...rp,r...ij->p...ij", weights, gates.generators(i))
    per_context = generators if block.per_context else generators.unsqueeze(1)
    moved = apply_on_any(per_context, stack[:1].expand(len(columns), -1, -1), block.qubits)
    return stack.index_add(0, chosen + 1, moved)


def _trainable_columns(program: Program, i: int) -> tuple[int, ...]:
    """Of the parameters that a block's angles depend on."""
    angles = (program.angles[rotation.angle] for rotation in rotations_of(program.blocks[i]))
    columns = {column for angle in angles for column in angle.columns if column < program.num_parameters}
    return tuple(sorted(columns))


def _applied(gate: AppliedGate, stack: Tensor) -> Tensor:
    if not isinstance(gate, AppliedMonomial):
        return apply_on_any(gate.unitary, stack, gate.qubits)
    gathered, phase = stack.index_select(-1, gate.matrix.forth.source), gate.matrix.forth.phase
    return gathered if phase is None else gathered * phase
