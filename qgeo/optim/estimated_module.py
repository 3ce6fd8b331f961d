"""Metrics of any module from shots: an estimator at every circuit's points, pulled back to what feeds it.

    F = Σ_c E_x[J_c(x)ᵀ F̂^(c)(x) J_c(x)] + E_x[J_yᵀ F_C J_y]

as `qgeo.modules.fisher` has it exactly; every estimate is projected to the nearest positive semidefinite
matrix. Behind the circuits F_C stands at the output that the module gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from qgeo.errors import ConfigurationError
from qgeo.estimators.estimate import FisherEstimate
from qgeo.estimators.estimator import FisherEstimator
from qgeo.estimators.execution import Cost
from qgeo.estimators.repair import nearest_positive_semidefinite
from qgeo.estimators.running_average import RunningAverage
from qgeo.geometry.operators import DenseMatrix
from qgeo.heads.jacobian import trainable
from qgeo.modules.calls import CircuitCall, circuit_calls, output_behind_circuits
from qgeo.modules.fisher import output_fisher_sum
from qgeo.modules.jacobian import rows_jacobian, vector_jacobian
from qgeo.modules.likelihood import Likelihood
from qgeo.optim.estimated import EstimatorRule

Floats = NDArray[np.float64]


class EstimatedModuleMetric(EstimatorRule):
    """A rule that asks an estimator at every circuit.

    Args:
        estimator: any `FisherEstimator`; shots: per circuit, None for its exact limit.
        likelihood: of the output, for what is trained behind the circuits.

    `last` are the estimates of the last step, circuit by circuit, before projection; `cost` what all took.
    """

    def __init__(
        self, estimator: FisherEstimator, *, shots: int | None, likelihood: Likelihood | None = None
    ) -> None:
        super().__init__(estimator, shots=shots)
        self.likelihood = likelihood
        self.last: tuple[FisherEstimate, ...] = ()

    @torch.enable_grad()
    def __call__(self, module: nn.Module, inputs: Tensor | None, targets: Any = None) -> DenseMatrix:
        """F̂ over the module's trainable numbers, in `named_parameters` order."""
        del targets
        parameters = [parameter for _, parameter in trainable(module)]
        rows = 1 if inputs is None else len(inputs)
        calls = circuit_calls(module, inputs)
        _check_one_average(self.estimator, calls)
        behind = output_behind_circuits(module, inputs)
        matrix = output_fisher_sum(behind, inputs, parameters, self.likelihood) / rows
        estimates = [self._estimate(call, parameters) for call in calls]
        for per_row, estimate in estimates:
            projected = nearest_positive_semidefinite(estimate).matrix
            matrix = matrix + per_row / rows * torch.from_numpy(projected).to(matrix.device)
        self.last = tuple(estimate for _, estimate in estimates)
        return DenseMatrix(matrix)

    def _estimate(self, call: CircuitCall, parameters: list[nn.Parameter]) -> tuple[int, FisherEstimate]:
        """The mean over a call's rows, and how many these are."""
        if call.circuit is None:
            raise ConfigurationError("expected Qiskit circuits for an estimator, got a call without one")
        names = {name: place for place, name in enumerate(call.program.columns)}
        order = [names[parameter.name] for parameter in call.circuit.parameters]
        points, jacobian = _points(call, parameters)
        estimate = self.estimator.estimate_mean(
            call.circuit, points[:, order], shots=self.shots, jacobian=jacobian[:, order]
        )
        self.cost = self.cost + Cost(estimate.circuits, estimate.shots)
        return len(points), estimate


def _check_one_average(estimator: FisherEstimator, calls: Sequence[CircuitCall]) -> None:
    """Raise a ConfigurationError where matrices of several circuits would go into one average."""
    if isinstance(estimator, RunningAverage) and len(calls) > 1:
        raise ConfigurationError(
            f"expected one circuit in a module for a RunningAverage, got {len(calls)}, whose matrices "
            "it would mix; use metric='qn-spsa', which averages their sum"
        )


def _points(call: CircuitCall, parameters: list[nn.Parameter]) -> tuple[Floats, Floats]:
    """(R, P + d) numbers of a circuit, values before inputs, and their Jacobian (R, P + d, W)."""
    by_values = vector_jacobian(call.values, parameters)
    values = call.values.detach().double()
    if call.inputs is None:
        return values[None].cpu().numpy(), by_values[None].cpu().numpy()
    rows = len(call.inputs)
    points = torch.cat([values.expand(rows, -1), call.inputs.detach().double()], 1)
    jacobian = torch.cat([by_values.expand(rows, -1, -1), rows_jacobian(call.inputs, parameters)], 1)
    return points.cpu().numpy(), jacobian.cpu().numpy()
