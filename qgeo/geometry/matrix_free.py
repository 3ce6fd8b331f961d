"""Quantum Fisher information as a product with vectors, never written down.

    F v = 4/B Σ_x Re[J_x†(J_x v) − J_x†ψ_x (ψ_x†J_x v)]

One forward sweep gives the tangent t = J v along v, one adjoint sweep gives Jᵀ of its projection
(1 − |ψ⟩⟨ψ|) t. Time grows like gates × contexts × 2ⁿ, memory like a few states of every context, whatever
the number of parameters; besides, the matrices of the blocks take 120 to 160·4ᵏ bytes per rotation (k ≤ 5
qubits a block). Systems are solved by conjugate gradients, preconditioned by the diagonal; without damping
by conjugate gradients on the normal equations, which converge to the least-norm solution, slowly.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TypedDict

import torch
from torch import Tensor

from qgeo.circuit.program import Program
from qgeo.geometry.operators import checked_system, checked_vector
from qgeo.geometry.quantum import context_fisher
from qgeo.geometry.solve import conjugate_gradients
from qgeo.simulate.angle_tables import angle_tables
from qgeo.simulate.angles import angle_jacobian
from qgeo.simulate.dense.engine import DenseEngine
from qgeo.simulate.statevector import gradient_by_parameters
from qgeo.simulate.tangents import tangents_in_frame
from qgeo.simulate.tensors import Index, kept_index

_DIAGONAL_BYTES = 2**26  # of tangents at once for a diagonal, chosen: little beside a budget of gigabytes


class _Limits(TypedDict):
    tolerance: float
    max_iterations: int


@dataclass(frozen=True, eq=False)
class MatrixFreeFisher:
    """F_Q over chosen circuit parameters and, behind them, over the weights of an encoder.

    Products are computed when they are asked for, at the point of construction: its numbers are copied.

    Attributes:
        program: the circuit; values: (P,); inputs: (B, d), (1, 0) without data.
        columns: positions of the chosen parameters, C of them.
        encoder_jacobian: (B, d, W), the data angles' Jacobian over an encoder's weights; W = 0 without one.
        tolerance: of the solve, relative to the right-hand side; max_iterations: its limit.
        dtype: complex type of the states.
    """

    program: Program
    values: Tensor
    inputs: Tensor
    columns: tuple[int, ...]
    encoder_jacobian: Tensor
    tolerance: float = 1e-10
    max_iterations: int = 1000
    dtype: torch.dtype = torch.complex128

    def __post_init__(self) -> None:
        for name in ("values", "inputs", "encoder_jacobian"):
            object.__setattr__(self, name, getattr(self, name).detach().clone())

    def __repr__(self) -> str:
        return f"MatrixFreeFisher({self.size} × {self.size}, {self.program!r})"  # a trace takes every column

    @property
    def size(self) -> int:
        return len(self.columns) + self.encoder_jacobian.shape[-1]

    def __matmul__(self, vector: Tensor) -> Tensor:
        vector = checked_vector(self.size, vector, self.values.dtype)
        if vector.dim() == 1:
            return self._product(vector)
        columns = [self._product(column) for column in vector.mT]
        return torch.stack(columns, dim=1) if columns else vector

    def solve(self, gradient: Tensor, damping: float = 0.0) -> Tensor:
        """(F + damping·I)⁻¹ g to the tolerance; a warning says so where the iterations did not suffice."""
        gradient, damping = checked_system(self.size, gradient, damping, self.values.dtype)
        if gradient.dim() > 1:
            columns = [self.solve(column, damping) for column in gradient.mT]
            return torch.stack(columns, dim=1) if columns else gradient
        limits = _Limits(tolerance=self.tolerance, max_iterations=self.max_iterations)
        if damping == 0:  # the least-norm solution: conjugate gradients on F² x = F g, from 0, as it stands
            ones = torch.ones_like(gradient)
            twice = self._product(gradient)
            return conjugate_gradients(lambda v: self._product(self._product(v)), twice, ones, **limits)
        return conjugate_gradients(
            lambda v: self._product(v) + damping * v, gradient, self._exact_diagonal + damping, **limits
        )

    def to_dense(self) -> Tensor:
        return self @ torch.eye(self.size, dtype=self.values.dtype, device=self.values.device)

    def diagonal(self) -> Tensor:
        return self._exact_diagonal

    def trace(self) -> float:
        return float(self._exact_diagonal.sum())

    @property
    def _chosen(self) -> Index:
        """Where the chosen parameters stand among the values."""
        return kept_index(self.columns, self.values.device)

    @cached_property
    def _engine(self) -> DenseEngine:
        return DenseEngine(self.program, self.values, self.inputs, self.dtype)

    @cached_property
    def _states(self) -> Tensor:
        return self._engine.states()

    def _product(self, vector: Tensor) -> Tensor:
        along_values, along_inputs = self._direction(vector)
        tangent = self._engine.directional_tangent(along_values, along_inputs)
        psi = self._states
        tangent = tangent - (psi.conj() * tangent).sum(-1, keepdim=True) * psi
        by_angle = self._engine.gradient(psi, tangent * (4 / len(psi)), data_too=True)
        tables = angle_tables(self.program, self.values.device)
        by_values, by_inputs = gradient_by_parameters(tables, self.values, self.inputs, by_angle)
        assert by_inputs is not None
        jacobian = self.encoder_jacobian
        by_encoder = torch.einsum("bd,bdw->w", by_inputs.to(jacobian.dtype), jacobian)
        return torch.cat([by_values[self._chosen].to(jacobian.dtype), by_encoder]).to(vector.dtype)

    def _direction(self, vector: Tensor) -> tuple[Tensor, Tensor]:
        """From a vector over (C, W) to directions of values (P,) and of every context's inputs (B, d)."""
        chosen, weights = vector.split([len(self.columns), self.size - len(self.columns)])
        along_values = torch.zeros_like(self.values)
        along_values[self._chosen] = chosen.to(along_values.dtype)
        return along_values, self.encoder_jacobian @ weights.to(self.encoder_jacobian.dtype)

    @cached_property
    def _exact_diagonal(self) -> Tensor:
        by_circuit = self._one_rotation_each() if self._each_turns_one() else self._by_tangents()
        return torch.cat([by_circuit, self._encoder_diagonal()])

    def _each_turns_one(self) -> bool:
        """Whether every parameter is in one angle, which depends on no data."""
        shared = self.program.num_shared_angles
        count = Counter(column for angle in self.program.angles for column in angle.columns)
        with_data = {column for angle in self.program.angles[shared:] for column in angle.columns}
        return all(count[column] <= 1 and column not in with_data for column in self.columns)

    def _one_rotation_each(self) -> Tensor:
        shared, _ = self._engine.rotation_variances()
        jacobian = angle_jacobian(angle_tables(self.program, self.values.device).shared, self.values)
        entries = jacobian.slopes.square() * shared[jacobian.rows]
        diagonal = torch.zeros_like(self.values).index_add(0, jacobian.columns, entries.to(self.values.dtype))
        return diagonal[self._chosen]

    def _by_tangents(self) -> Tensor:
        bytes_per_column = 32 * self.program.dimension * len(self.inputs)
        step = max(1, _DIAGONAL_BYTES // bytes_per_column)
        chunks = [self.columns[i : i + step] for i in range(0, len(self.columns), step)]
        parts = [self._tangent_norms(chunk) for chunk in chunks]
        return torch.cat(parts) if parts else self.values.new_zeros(0)

    def _tangent_norms(self, columns: tuple[int, ...]) -> Tensor:
        """4 mean_x (⟨∂ψ|∂ψ⟩ − |⟨ψ|∂ψ⟩|²), one per column."""
        in_frame = tangents_in_frame(
            self.program, self.values, self.inputs, columns=columns, frame="middle", dtype=self.dtype
        )
        tangents = in_frame.ordered()
        along = torch.einsum("bx,pbx->pb", in_frame.states.conj(), tangents)
        norms = tangents.abs().square().sum((1, 2)) - along.abs().square().sum(1)
        return 4 / len(self.inputs) * norms.to(self.values.dtype)

    def _encoder_diagonal(self) -> Tensor:
        if not self.encoder_jacobian.shape[-1]:
            return self.values.new_zeros(0)
        columns = tuple(range(self.program.num_parameters, len(self.program.columns)))
        in_frame = tangents_in_frame(
            self.program, self.values, self.inputs, columns=columns, frame="middle", dtype=self.dtype
        )
        by_data = context_fisher(in_frame.states, in_frame.ordered()).to(self.values.dtype)
        image = by_data @ self.encoder_jacobian
        return (self.encoder_jacobian * image).sum(1).mean(0)
