"""Information matrices of any torch module with circuits inside, over all of its trainable parameters.

    F = Σ_c E_x[J_c(x)ᵀ F_Q^(c)(x) J_c(x)]  +  E_x[J_y(x)ᵀ F_C(y(x)) J_y(x)]

J_c is the Jacobian of all that circuit c is called with, its own parameters and its data angles; what stands
between two circuits reaches the second one through it. The state of all circuits is their product, so that
F_Q adds. Behind the last measurement F_Q knows nothing: J_y is the Jacobian of the output with the circuits'
outputs held fixed, and F_C that of the output under a named likelihood. A parameter on both ways has the sum.
Rows of a call beyond the inputs' own number (a circuit called on every patch of an image) are states beside
each other, and add too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from qgeo.errors import ConfigurationError, ShapeError
from qgeo.geometry.blockwise import layer_blocks_fisher
from qgeo.geometry.operators import DenseMatrix, DiagonalMatrix, InformationMatrix
from qgeo.geometry.weight_jacobian import DenseJacobian
from qgeo.heads.jacobian import trainable
from qgeo.modules.calls import CircuitCall, Find, circuit_calls, output_behind_circuits, own_call, run
from qgeo.modules.jacobian import rows_jacobian, vector_jacobian
from qgeo.modules.likelihood import Likelihood
from qgeo.simulate.tangents import tangent_products

ModuleRule = Callable[[nn.Module, Tensor | None, Tensor | None], InformationMatrix]
"""From a module, its inputs and targets to an information matrix over its trainable numbers."""

OfCircuit = Callable[[CircuitCall, Tensor, Tensor], Tensor]
"""From a call, ∂values/∂w (P, W) and ∂inputs/∂w (R, d, W) to Σ_x J(x)ᵀ F(x) J(x), (W, W)."""


@dataclass(frozen=True, eq=False)
class ModuleMetric:
    """A metric of a module: a rule (module, inputs, targets) → information matrix.

    Attributes:
        of_circuit: F of one call, or None for the F_C of the output alone.
        likelihood: how the output is read behind the circuits; find: see `circuits_of`.
    """

    of_circuit: OfCircuit | None
    likelihood: Likelihood | None = None
    find: Find = own_call
    is_diagonal: bool = False

    @torch.enable_grad()
    def __call__(
        self, module: nn.Module, inputs: Tensor | None, targets: Tensor | None = None
    ) -> InformationMatrix:
        """F over the module's trainable numbers, in `named_parameters` order, float64.

        Raises:
            ConfigurationError: no circuit inside, or something trainable behind it and no likelihood.
        """
        del targets
        parameters = [parameter for _, parameter in trainable(module)]
        calls = () if self.of_circuit is None else circuit_calls(module, inputs, self.find)
        matrix = self._behind(module, inputs, parameters)
        for call in calls:
            assert self.of_circuit is not None
            matrix = matrix + _of_call(self.of_circuit, call, parameters)
        matrix = matrix / (1 if inputs is None else _count(inputs))
        return DiagonalMatrix(matrix.diagonal()) if self.is_diagonal else DenseMatrix(matrix)

    def _behind(self, module: nn.Module, inputs: Tensor | None, parameters: Sequence[Tensor]) -> Tensor:
        """Σ_x J_yᵀ F_C J_y of what the output depends on, behind the circuits or, without them, in all."""
        if self.of_circuit is None:
            return output_fisher_sum(run(module, inputs), inputs, parameters, self.likelihood)
        output = output_behind_circuits(module, inputs, self.find)
        return output_fisher_sum(output, inputs, parameters, self.likelihood)


def output_fisher_sum(
    output: Tensor, inputs: Tensor | None, parameters: Sequence[Tensor], likelihood: Likelihood | None
) -> Tensor:
    """Σ_x JᵀF_C(y(x))J of an output with its graph, (W, W); zeros where it depends on no parameter.

    Raises:
        ConfigurationError: it depends on some, and there is no likelihood.
    """
    size = sum(parameter.numel() for parameter in parameters)
    if not _depends(output, parameters):
        return parameters[0].new_zeros(size, size, dtype=torch.float64)
    if likelihood is None:
        raise ConfigurationError(
            "expected a likelihood for the parameters behind the last circuit, got none; pass "
            "likelihood='categorical' or GaussianLikelihood(sigma) to NaturalGradient"
        )
    rows = _as_rows(output, inputs)
    jacobian = DenseJacobian(rows_jacobian(rows, parameters))
    return jacobian.congruence(likelihood.output_fisher(rows.detach()))


def quantum_of_call(call: CircuitCall, by_values: Tensor, by_inputs: Tensor) -> Tensor:
    """Σ_x JᵀF_Q(x)J from products of tangents."""
    size, data = call.program.num_parameters, bool(by_inputs.count_nonzero())
    columns = range(size + (call.program.num_inputs if data else 0))
    products = tangent_products(call.program, call.values.detach(), _detached(call.inputs), columns, size)
    matrix = by_values.mT @ products.summed @ by_values
    if data:
        encoder = DenseJacobian(by_inputs)
        own_data, among_data = products.by_context[..., :size].mT, products.by_context[..., size:]
        cross = by_values.mT @ encoder.summed(own_data)
        matrix = matrix + cross + cross.mT + encoder.congruence(among_data)
    return 4 * matrix


def layers_of_call(call: CircuitCall, by_values: Tensor, by_inputs: Tensor) -> Tensor:
    """The same with F_Q's blocks on commuting layers alone."""
    size = call.program.num_parameters
    given = _detached(call.inputs)
    inputs = by_values.new_zeros(1, 0) if given is None else given.double()
    columns = tuple(range(size))
    blocks = len(inputs) * layer_blocks_fisher(
        call.program, call.values.detach().double(), inputs, columns, by_inputs
    )
    identity = torch.eye(by_values.shape[1], dtype=torch.float64, device=by_values.device)
    widened = torch.cat([by_values, identity])
    return widened.mT @ blocks @ widened


def module_metric(name: str, likelihood: Likelihood | None = None, find: Find = own_call) -> ModuleMetric:
    """The metric of a module by name: those of heads that need nothing but circuits and an output.

    Raises:
        ConfigurationError: another name.
    """
    if name not in MODULE_METRICS:
        raise ConfigurationError(
            f"expected a metric of {', '.join(MODULE_METRICS)} (or, of circuits of qgeo alone, qn-spsa) for "
            f"a module that is no head, got {name!r}"
        )
    of_circuit, is_diagonal = MODULE_METRICS[name]
    return ModuleMetric(of_circuit, likelihood, find, is_diagonal)


MODULE_METRICS: dict[str, tuple[OfCircuit | None, bool]] = {
    "quantum": (quantum_of_call, False),
    "quantum-block-diagonal": (layers_of_call, False),
    "quantum-diagonal": (layers_of_call, True),
    "classical": (None, False),
}
"""F of a circuit, None for F_C of the output; whether only its diagonal counts."""


def _of_call(of_circuit: OfCircuit, call: CircuitCall, parameters: Sequence[Tensor]) -> Tensor:
    size = sum(parameter.numel() for parameter in parameters)
    by_values = vector_jacobian(call.values, parameters)
    if call.inputs is None:
        by_inputs = by_values.new_zeros(1, call.program.num_inputs, size)
    else:
        by_inputs = rows_jacobian(call.inputs, parameters)
    return of_circuit(call, by_values, by_inputs)


def _depends(output: Tensor, parameters: Sequence[Tensor]) -> bool:
    if not output.requires_grad:
        return False
    slopes = torch.autograd.grad(output.sum(), parameters, retain_graph=True, allow_unused=True)
    return any(slope is not None for slope in slopes)


def _as_rows(output: Tensor, inputs: Tensor | None) -> Tensor:
    """(B, K): an output a row of inputs, one row in all without inputs."""
    rows = 1 if inputs is None else _count(inputs)
    if inputs is not None and (not output.dim() or len(output) != rows):
        raise ShapeError(f"expected {rows} rows of output for {rows} inputs, got {tuple(output.shape)}")
    return output.reshape(rows, -1)


def _count(inputs: Tensor) -> int:
    if len(inputs) == 0:
        raise ShapeError("expected at least one row of inputs, got none; leave an empty batch out")
    return len(inputs)


def _detached(inputs: Tensor | None) -> Tensor | None:
    return None if inputs is None else inputs.detach()
