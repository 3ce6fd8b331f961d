"""States of a program: |ψ(values, x)⟩ for every context x, differentiable by the adjoint method."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from qgeo.circuit.program import Program
from qgeo.errors import ConfigurationError
from qgeo.simulate.angle_tables import AngleTables, angle_tables
from qgeo.simulate.angles import angle_jacobian, joined
from qgeo.simulate.engine import engine_at

Operator = Callable[[Tensor], Tensor]
"""A Hermitian operator: ψ (B, 2ⁿ) → Hψ (B, 2ⁿ)."""


def states(
    program: Program, values: Tensor, inputs: Tensor | None = None, *, dtype: torch.dtype = torch.complex128
) -> Tensor:
    """Normalised statevectors, (B, 2ⁿ); differentiable once with respect to `values` and `inputs`.

    Args:
        program: the compiled circuit.
        values: (P,) real, in `program.parameters` order.
        inputs: (B, d) real, in `program.input_parameters` order; None for a circuit without data, B = 1.
        dtype: complex128, or complex64 for half the memory and about 1e-6 accuracy; angles are float64.
    """
    by_context = values.new_zeros(1, 0) if inputs is None else inputs
    return _applied(_States, program, dtype, values, by_context)


def probabilities(
    program: Program, values: Tensor, inputs: Tensor | None = None, *, dtype: torch.dtype = torch.complex128
) -> Tensor:
    """Born's rule: p(z|x) = |⟨z|ψ(x)⟩|², real (B, 2ⁿ); differentiable once. Arguments: see `states`."""
    by_context = values.new_zeros(1, 0) if inputs is None else inputs
    return _applied(_Probabilities, program, dtype, values, by_context)


def probabilities_vjp(
    program: Program, values: Tensor, inputs: Tensor | None = None, *, dtype: torch.dtype = torch.complex128
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """p(z|x), (B, 2ⁿ), and the function that takes ∂L/∂p to ∂L/∂values, (P,): without autograd.

    On few qubits autograd's calls are a good part of the time. Arguments: see `states`; nothing of them is
    recorded, and ∂L/∂p is (B, 2ⁿ). ∂L/∂inputs is not given: see `probabilities`.

    >>> from qiskit import QuantumCircuit
    >>> from qiskit.circuit import Parameter
    >>> from qgeo import compile
    >>> circuit = QuantumCircuit(1)
    >>> _ = circuit.ry(Parameter("a"), 0)
    >>> p, pull_back = probabilities_vjp(compile(circuit), torch.tensor([1.0], dtype=torch.float64))
    >>> z = torch.tensor([[1.0, -1.0]], dtype=torch.float64)  # ⟨Z⟩ = cos a
    >>> round(float((p * z).sum()), 6), pull_back(z).numpy().round(6).tolist()
    (0.540302, [-0.841471])
    """
    by_context = values.new_zeros(1, 0) if inputs is None else inputs
    with torch.no_grad():
        engine = engine_at(program, values, by_context, dtype)
        result, psi = engine.probabilities()

    @torch.no_grad()
    def pull_back(cotangent: Tensor) -> Tensor:
        tables = angle_tables(program, values.device)
        by_angle = engine.probability_gradient(psi, cotangent, data_too=tables.trained_with_data)
        by_values, _ = gradient_by_parameters(tables, values, by_context, by_angle)
        return by_values

    return result, pull_back


def expectations(
    program: Program,
    values: Tensor,
    inputs: Tensor | None,
    observables: Sequence[Operator],
    *,
    dtype: torch.dtype = torch.complex128,
) -> Tensor:
    """⟨ψ(x)|H_k|ψ(x)⟩, real (B, K); differentiable once.

    Args:
        observables: K Hermitian operators, functions ψ (B, 2ⁿ) → Hψ (B, 2ⁿ). Others: see `states`.
    """
    by_context = values.new_zeros(1, 0) if inputs is None else inputs
    return _applied(_Expectations, program, dtype, tuple(observables), values, by_context)


def gradient_by_parameters(
    tables: AngleTables, values: Tensor, inputs: Tensor, by_angle: tuple[Tensor, Tensor | None]
) -> tuple[Tensor, Tensor | None]:
    """The gradient by values (P,) and inputs (B, d), from the one by angles, (m,) and (B, m').

    None stands for a gradient by per-context angles, and then by inputs, that is not wanted.
    """
    shared, per_context = by_angle
    size = len(values)
    by_values = angle_jacobian(tables.shared, values.double()).transposed_times(shared.double())
    if per_context is None:
        return by_values, None
    point = joined(values, inputs).double()
    by_point = angle_jacobian(tables.by_context, point).transposed_times(per_context.double())
    return by_values + by_point[:, :size].sum(0), by_point[:, size:]


def _applied(function: type[torch.autograd.Function], *arguments: Any) -> Tensor:
    """
    Raises:
        ConfigurationError: under a transform of torch.func, which sweeps cannot be traced by.
    """
    try:
        result: Tensor = function.apply(*arguments)
    except RuntimeError as error:
        if "setup_context" not in str(error):
            raise
        raise ConfigurationError(
            "expected a circuit outside of torch.func (jacrev, jacfwd, vmap, hessian), which does not reach "
            "adjoint sweeps; use torch.autograd.functional.jacobian, a head's log_probs_and_jacobian, or a "
            "batch of inputs"
        ) from None
    return result


class _States(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, program: Program, dtype: torch.dtype, values: Tensor, inputs: Tensor) -> Tensor:
        return _run(ctx, program, dtype, values, inputs)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, cotangent: Tensor) -> tuple[None, None, Tensor, Tensor | None]:
        return _gradients(ctx, cotangent, ctx.saved_tensors[2])


class _Probabilities(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, program: Program, dtype: torch.dtype, values: Tensor, inputs: Tensor) -> Tensor:
        engine = engine_at(program, values, inputs, dtype)
        result, psi = engine.probabilities()
        ctx.engine, ctx.tables = engine, angle_tables(program, values.device)
        ctx.save_for_backward(values, inputs, psi)
        return result

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, cotangent: Tensor) -> tuple[None, None, Tensor, Tensor | None]:
        values, inputs, psi = ctx.saved_tensors
        data_too = ctx.needs_input_grad[3] or ctx.tables.trained_with_data
        by_angle = ctx.engine.probability_gradient(psi, cotangent, data_too=data_too)
        return None, None, *_by_parameters(ctx, values, inputs, by_angle)


class _Expectations(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        program: Program,
        dtype: torch.dtype,
        observables: tuple[Operator, ...],
        values: Tensor,
        inputs: Tensor,
    ) -> Tensor:
        psi = _run(ctx, program, dtype, values, inputs)
        applied = torch.stack([observable(psi) for observable in observables], 1)  # H_k ψ, (B, K, 2ⁿ)
        ctx.save_for_backward(values, inputs, psi, applied)
        return (psi.unsqueeze(1).conj() * applied).sum(2).real

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, cotangent: Tensor) -> tuple[None, None, None, Tensor, Tensor | None]:
        psi, applied = ctx.saved_tensors[2:]
        weighted = 2 * (cotangent.unsqueeze(2) * applied).sum(1)
        _, _, by_values, by_inputs = _gradients(ctx, weighted, psi, first=3)
        return None, None, None, by_values, by_inputs


def _run(ctx: Any, program: Program, dtype: torch.dtype, values: Tensor, inputs: Tensor) -> Tensor:
    engine = engine_at(program, values, inputs, dtype)
    ctx.engine, ctx.tables = engine, angle_tables(program, values.device)
    psi = engine.states()
    ctx.save_for_backward(values, inputs, psi)
    return psi


def _gradients(
    ctx: Any, cotangent: Tensor, psi: Tensor, *, first: int = 2
) -> tuple[None, None, Tensor, Tensor | None]:
    """By values and inputs, the arguments `first` and `first + 1` of the function."""
    values, inputs = ctx.saved_tensors[:2]
    data_too = ctx.needs_input_grad[first + 1] or ctx.tables.trained_with_data
    by_angle = ctx.engine.gradient(psi, cotangent, data_too=data_too)
    return None, None, *_by_parameters(ctx, values, inputs, by_angle)


def _by_parameters(
    ctx: Any, values: Tensor, inputs: Tensor, by_angle: tuple[Tensor, Tensor | None]
) -> tuple[Tensor, Tensor | None]:
    by_values, by_inputs = gradient_by_parameters(ctx.tables, values, inputs, by_angle)
    return by_values.to(values.dtype), None if by_inputs is None else by_inputs.to(inputs.dtype)
