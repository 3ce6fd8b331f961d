"""Metrics from shots: an estimator at a head's contexts, pulled back through its encoder.

    F = E_x[J(x)ᵀ F̂(θ, x) J(x)],      J = ∂(circuit parameters)/∂(θ, encoder weights)

over the distinct contexts of the step, each weighted by how often it came. The estimate is projected to the
nearest positive semidefinite matrix, because a solve needs one; behind the measurement the F_C block of the
readout at measured probabilities stands in, as for the exact metric.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qgeo.errors import ConfigurationError
from qgeo.estimators.estimate import FisherEstimate
from qgeo.estimators.estimator import FisherEstimator
from qgeo.estimators.execution import Cost
from qgeo.estimators.repair import nearest_positive_semidefinite
from qgeo.estimators.running_average import RunningAverage
from qgeo.estimators.sampled_cfi import output_fisher_estimate
from qgeo.geometry.operators import DenseMatrix, InformationMatrix
from qgeo.geometry.pullback import readout_fisher
from qgeo.heads.circuit_head import CircuitHead
from qgeo.heads.jacobian import count_trainable
from qgeo.heads.measured import MeasuredHead
from qgeo.heads.protocol import CircuitPoint, Head
from qgeo.optim.exact import Rule

Floats = NDArray[np.float64]


class EstimatorRule:
    """What rules that ask an estimator share: its shots, what all estimates took, the average it may keep.

    Args:
        estimator: any `FisherEstimator`; shots: per circuit, None for its exact limit.
    """

    def __init__(self, estimator: FisherEstimator, *, shots: int | None) -> None:
        self.estimator, self.shots = estimator, shots
        self.cost = Cost()

    def state_dict(self) -> dict[str, Any]:
        """What the estimator keeps from step to step: an average, if it has one."""
        return self.estimator.state_dict() if isinstance(self.estimator, RunningAverage) else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken."""
        if state and isinstance(self.estimator, RunningAverage):
            self.estimator.load_state_dict(state)


class EstimatedMetric(EstimatorRule):
    """A head's metric that asks an estimator.

    `last` is the estimate of the last step with its standard errors, before projection; `cost` what all of
    them took.
    """

    last: FisherEstimate | None = None

    def __call__(self, head: Head, contexts: Tensor, targets: Tensor | None = None) -> InformationMatrix:
        """F̂ over the head's trainable parameters."""
        del targets
        quantum = circuit_head(head)
        at = distinct_points(quantum, contexts)
        estimate = self.estimator.estimate_mean(
            quantum.choice.circuit, at.rows, shots=self.shots, jacobian=at.jacobian, weights=at.weights
        )
        self.last, self.cost = estimate, self.cost + Cost(estimate.circuits, estimate.shots)
        if isinstance(head, MeasuredHead):
            head.cost = head.cost + Cost(estimate.circuits, estimate.shots)
        measured = head if isinstance(head, MeasuredHead) else quantum
        return _with_readout(measured, contexts, estimate)


def estimated_by(build: Callable[..., FisherEstimator]) -> Callable[[MeasuredHead, int | None], Rule]:
    """How an estimator makes a metric of a measured head: where the head is measured, with the head's shots
    unless others are asked for."""

    def rule(head: MeasuredHead, shots: int | None) -> Rule:
        executor = head.executor
        estimator = build(
            executor.sampler,
            pass_manager=executor.pass_manager,
            generator=executor.generator,
            mitigate_readout=executor.mitigate_readout,
        )
        return EstimatedMetric(estimator, shots=head.shots if shots is None else shots)

    return rule


def sampled_classical(head: Head, contexts: Tensor, targets: Tensor | None = None) -> InformationMatrix:
    """F_C of a measured head's output before its readout's own parameters, from the gradient's own shots.

    Raises:
        ConfigurationError: the head is not measured, or its readout is no fixed channel.
    """
    del targets
    if not isinstance(head, MeasuredHead):
        raise ConfigurationError(f"expected a MeasuredHead for sampled F_C, got {type(head).__name__}")
    channel, at = _channel(head), distinct_points(head.head, contexts)
    probabilities, slopes = head.measured_at(at.rows)
    by_term = head.source.jacobian(at.rows) @ at.jacobian
    matrix, spread, _ = output_fisher_estimate(
        probabilities, slopes, by_term, channel=channel, weights=at.weights
    )
    raw = FisherEstimate(matrix, spread.stderr, 0, 0)
    return _dense(nearest_positive_semidefinite(raw).matrix, contexts.device)


def circuit_head(head: object) -> CircuitHead:
    """The head with the circuit.

    Raises:
        ConfigurationError: there is no circuit.
    """
    inner = head.head if isinstance(head, MeasuredHead) else head
    if not isinstance(inner, CircuitHead):
        raise ConfigurationError(f"expected a quantum head for an estimator, got {type(head).__name__}")
    return inner


@dataclass(frozen=True, eq=False)
class DistinctPoints:
    """Where a circuit is measured.

    rows: (U, P) numbers in `circuit.parameters` order; jacobian: (U, P, W) over the head's trainable numbers
    before the measurement; weights: (U,), sum 1.
    """

    rows: Floats
    jacobian: Floats
    weights: Floats


def distinct_points(head: CircuitHead, contexts: Tensor) -> DistinctPoints:
    """The circuit's parameters at the distinct contexts, each weighted by how often it came."""
    distinct, counts = torch.unique(contexts, dim=0, return_counts=True)
    point, order = head.circuit_point(distinct), _circuit_order(head)
    weights = (counts / counts.sum(dtype=torch.float64)).cpu().numpy()
    return DistinctPoints(_rows(point)[:, order], _jacobian(point)[:, order], weights)


def distinct_rows(head: CircuitHead, contexts: Tensor) -> tuple[Floats, NDArray[np.int64]]:
    """The circuit's parameters (U, P) at the distinct contexts, and where every context is among them."""
    distinct, row_of_context = torch.unique(contexts, dim=0, return_inverse=True)
    return _rows(head.circuit_point(distinct))[:, _circuit_order(head)], row_of_context.cpu().numpy()


def _circuit_order(head: CircuitHead) -> list[int]:
    """Columns of the program in `circuit.parameters` order."""
    names = {name: column for column, name in enumerate(head.program.columns)}
    return [names[parameter.name] for parameter in head.choice.circuit.parameters]


def _rows(point: CircuitPoint) -> Floats:
    return torch.cat([point.values.expand(len(point.angles), -1), point.angles], dim=1).cpu().numpy()


def _jacobian(point: CircuitPoint) -> Floats:
    """(B, columns, W): the identity on the circuit's own parameters, the encoder's Jacobian on its inputs."""
    count, num_values = len(point.angles), len(point.values)
    trained = len(point.own_columns)
    jacobian = np.zeros((count, num_values + point.angles.shape[1], trained + point.num_encoder))
    jacobian[:, np.arange(trained), np.arange(trained)] = 1
    jacobian[:, num_values:, trained:] = point.encoder.dense().cpu().numpy()
    return jacobian


def _with_readout(
    head: CircuitHead | MeasuredHead, contexts: Tensor, estimate: FisherEstimate
) -> DenseMatrix:
    before = _dense(nearest_positive_semidefinite(estimate).matrix, contexts.device)
    if not count_trainable(circuit_head(head).readout):
        return before
    return DenseMatrix(torch.block_diag(before.matrix, readout_fisher(*head.readout_jacobian(contexts))))


def _channel(head: MeasuredHead) -> Floats:
    """(2ⁿ, V) of a readout that is a fixed channel: a Born head with a token per outcome or more outcomes."""
    fold = getattr(head.head.readout, "fold", None)
    if fold is None:
        raise ConfigurationError(
            "expected a head whose readout is a fixed channel for sampled F_C (a Born head with at least as "
            f"many outcomes as tokens), got {type(head.head.readout).__name__}; use another metric"
        )
    smoothing = head.head.readout.smoothing
    return np.asarray((1 - smoothing) * fold.cpu() + smoothing / fold.shape[1])


def _dense(matrix: Floats, device: torch.device) -> DenseMatrix:
    return DenseMatrix(torch.from_numpy(np.ascontiguousarray(matrix)).to(device))
