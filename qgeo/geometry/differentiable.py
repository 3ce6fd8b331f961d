"""F_Q as a function of a circuit's values that torch differentiates.

    F(v)_ij = 4 Re[⟨∂_iψ|∂_jψ⟩ − ⟨∂_iψ|ψ⟩⟨ψ|∂_jψ⟩],     ∂_k F by reverse mode through ψ and ∂ψ

For losses of F as log det(F + λI): its entries, trace and log-determinant have gradients by v, and Hessians.
"""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from qgeo.arguments import shown
from qgeo.errors import ConfigurationError, ShapeError
from qgeo.geometry.exact import check_domain
from qgeo.geometry.request import MEMORY_BUDGET, Request, check_kept_states, note_measurements, requested
from qgeo.simulate.dense.differentiable import differentiable_states_and_tangents
from qgeo.simulate.projection import projected_gram


def differentiable_quantum_fisher(
    circuit: Any,
    values: Tensor,
    *,
    inputs: ArrayLike | None = None,
    input_parameters: Any = None,
    memory_budget: int = MEMORY_BUDGET,
) -> Tensor:
    """F_Q, mean over contexts, float64 (P, P) on the device of `values`, with its graph over `values`.

    The numbers are those of `quantum_fisher`, in 10 to 100 times its time; backward takes as long again.
    Differentiable any number of times by `torch.autograd`; not by transforms of `torch.func`.

    Args:
        circuit, inputs, input_parameters: see `quantum_fisher`, for errors too; no gradient by inputs.
        values: (P,) real tensor, in `circuit.parameters` order after removing `input_parameters`.
        memory_budget: bytes of the graph (4 GiB), which keeps every block's tangents at all contexts.

    Raises:
        ShapeError: values that are no real torch tensor.
        ConfigurationError: the graph does not fit into the memory budget, or values of `torch.func`.

    >>> from qiskit import QuantumCircuit
    >>> from qiskit.circuit import Parameter
    >>> circuit = QuantumCircuit(1)
    >>> _ = circuit.ry(Parameter("0_theta"), 0), circuit.rz(Parameter("1_phi"), 0)
    >>> values = torch.tensor([torch.pi / 4, 1.0], dtype=torch.float64, requires_grad=True)
    >>> differentiable_quantum_fisher(circuit, values).logdet().backward()  # of diag(1, sin²θ)
    >>> values.grad.round(decimals=6) + 0.0  # 2/tan θ
    tensor([2., 0.], dtype=torch.float64)
    """
    note_measurements(circuit)
    request = _checked_request(circuit, values, inputs, input_parameters)
    check_kept_states(request, memory_budget)
    if not len(values):
        return request.values.new_zeros(0, 0)
    contexts = request.values.new_zeros(1, 0) if request.inputs is None else request.inputs
    psi, tangents = differentiable_states_and_tangents(request.program, values.double(), contexts)
    matrix = 4 / request.num_contexts * projected_gram(psi, tangents)
    check_domain(matrix.detach())
    return matrix


def _checked_request(circuit: Any, values: Tensor, inputs: Any, input_parameters: Any) -> Request:
    if not isinstance(values, Tensor):
        raise ShapeError(f"expected values as a real torch tensor (P,), got {shown(values)}")
    if torch._C._functorch.is_functorch_wrapped_tensor(values):
        raise ConfigurationError(
            "expected values outside of torch.func (jacrev, jacfwd, vmap, hessian), whose numbers cannot be "
            "checked; use torch.autograd.functional.jacobian or hessian"
        )
    return requested(circuit, values, None, inputs, input_parameters, device=str(values.device))
