"""MeasuredHead: a quantum head whose probabilities and gradients come from shots on a sampler.

    p̃(z|x) = (N_z + ½)/(s + 2ⁿ/2)      frequencies with half a count added (Krichevsky and Trofimov 1981)
    ∂p̃/∂θ                              parameter shift or linear combination, in the backward pass

Equal contexts of a batch are measured once, and the gradient's shots serve a metric at the same point too.
The head it wraps keeps the parameters; what is read exactly (validation losses, samples) is read from it.
Where the executor inverts readout errors, N/s is the nearest distribution to the quasi-probabilities found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from qgeo.errors import ConfigurationError
from qgeo.estimators.derivatives import (
    DerivativeRule,
    Derivatives,
    Probabilities,
    measured_probabilities,
    shifted_derivatives,
)
from qgeo.estimators.estimator import checked_shots
from qgeo.estimators.execution import Cost, Executor
from qgeo.estimators.mitigation import nearest_distribution
from qgeo.estimators.pauli_circuit import pauli_circuit
from qgeo.geometry.weight_jacobian import WeightJacobian
from qgeo.heads.circuit_head import CircuitHead
from qgeo.heads.jacobian import weight_jacobian
from qgeo.heads.protocol import CircuitPoint

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured at distinct rows of the circuit's parameters.

    Attributes:
        rows: (U, P) numbers in `circuit.parameters` order; derivatives: None until a gradient asked for them.
    """

    rows: Floats
    probabilities: Probabilities
    derivatives: Derivatives | None = None


class MeasuredHead(nn.Module):
    """Born and Pauli heads on a sampler.

    Args:
        head: the head; its circuit must consist of Pauli rotations and fixed gates (`pauli_circuit`).
        executor: where circuits are run; shots: per circuit, None for the exact limit.
        rule: `shifted_derivatives` or `ancilla_derivatives`.

    `cost` counts the circuits and shots of forward and backward passes, and what metrics add to it.
    """

    def __init__(
        self,
        head: CircuitHead,
        executor: Executor,
        *,
        shots: int | None,
        rule: DerivativeRule = shifted_derivatives,
    ) -> None:
        super().__init__()
        self.head, self.executor, self.shots, self.rule = head, executor, checked_shots(shots), rule
        self.vocabulary, self.context = head.vocabulary, head.context
        self.source = pauli_circuit(head.choice.circuit)
        names = {name: column for column, name in enumerate(head.program.columns)}
        self.columns = [names[name] for name in self.source.parameters]
        self.cost = Cost()
        self._last: Measured | None = None

    def forward(self, contexts: Tensor) -> Tensor:
        """Log-probabilities (B, V), differentiable by measured derivatives."""
        angles: Tensor = self.head.encoder(contexts)
        measured = _MeasuredProbabilities.apply(self, self.head.values, angles)  # type: ignore[no-untyped-call]
        log_probs: Tensor = self.head.readout(self.head.measurement.from_probabilities(measured))
        return log_probs

    def circuit_point(self, contexts: Tensor) -> CircuitPoint:
        """See `QuantumHead`."""
        return self.head.circuit_point(contexts)

    def readout_jacobian(self, contexts: Tensor) -> tuple[Tensor, WeightJacobian]:
        """See `QuantumHead`; at measured probabilities."""
        with torch.no_grad():
            rows = self.bindings(self.head.values, self.head.encoder(contexts))
            frequencies = self.probabilities(rows).to(self.head.values.device)
            measured = self.head.measurement.from_probabilities(frequencies)
            return self.head.readout(measured), weight_jacobian(self.head.readout, measured)

    def log_probs_and_jacobian(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        """Refused: metrics of a measured head estimate their matrices.

        Raises:
            ConfigurationError: always.
        """
        del contexts
        raise ConfigurationError(
            "expected an estimator as the metric of a measured head, got one that needs an exact Jacobian; "
            "use one of qgeo.estimators, or qgeo.optim.estimated.sampled_classical for F_C"
        )

    def bindings(self, values: Tensor, angles: Tensor) -> Floats:
        """(B, P) numbers of the circuit's parameters, in its own order."""
        table = torch.cat([values.expand(len(angles), -1), angles], dim=1)
        return table[:, self.columns].detach().cpu().numpy()

    def probabilities(self, rows: Floats) -> Tensor:
        """p̃ (B, 2ⁿ) at these rows."""
        distinct, row = np.unique(rows, axis=0, return_inverse=True)
        frequencies = self._measured(distinct).probabilities.values
        return torch.from_numpy(_half_added(frequencies, self.shots)[row.reshape(-1)])

    def measured_at(self, rows: Floats) -> tuple[Probabilities, Derivatives]:
        """Frequencies and derivatives at these rows; what the last gradient measured there counts."""
        distinct, row = np.unique(rows, axis=0, return_inverse=True)
        measured, here = self._measured(distinct), row.reshape(-1)
        slopes = measured.derivatives or self._differentiated(measured)
        return (
            Probabilities(measured.probabilities.values[here], measured.probabilities.shots),
            slopes.at(here),
        )

    def _differentiated(self, measured: Measured) -> Derivatives:
        slopes, cost = self.rule(self.source, self.executor, self.source.angles(measured.rows), self.shots)
        self.cost = self.cost + cost
        self._last = Measured(measured.rows, measured.probabilities, slopes)
        return slopes

    def _measured(self, distinct: Floats) -> Measured:
        """The last measurement if it was made at these very rows, else a new one."""
        if self._last is None or not np.array_equal(self._last.rows, distinct):
            angles = self.source.angles(distinct)
            frequencies, cost = measured_probabilities(self.source, self.executor, angles, self.shots)
            self.cost = self.cost + cost
            # a loss takes logarithms: inverted readout errors may leave negative frequencies
            frequencies = Probabilities(nearest_distribution(frequencies.values), frequencies.shots)
            self._last = Measured(distinct, frequencies)
        return self._last

    def measured_anew(self, rows: Floats) -> Tensor:
        """p̃ (B, 2ⁿ) from new shots, whatever was measured before."""
        self._last = None
        return self.probabilities(rows)


class _MeasuredProbabilities(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, head: MeasuredHead, values: Tensor, angles: Tensor) -> Tensor:
        ctx.head, ctx.rows = head, head.bindings(values, angles)
        ctx.num_values = len(values)
        return head.measured_anew(ctx.rows).to(values.device)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, cotangent: Tensor) -> tuple[None, Tensor, Tensor]:
        head: MeasuredHead = ctx.head
        _, slopes = head.measured_at(ctx.rows)
        scale = _slope_of_half_added(head.shots, cotangent.shape[1])
        by_term = np.einsum("by,bky->bk", scale * cotangent.cpu().numpy(), slopes.values)
        by_parameter = np.einsum("bk,bkp->bp", by_term, head.source.jacobian(ctx.rows))
        ordered = np.empty_like(by_parameter)
        ordered[:, head.columns] = by_parameter
        gradient = torch.from_numpy(ordered).to(cotangent.device)
        return None, gradient[:, : ctx.num_values].sum(0), gradient[:, ctx.num_values :]


def _half_added(frequencies: Floats, shots: int | None) -> Floats:
    if shots is None:
        return frequencies
    return np.asarray((frequencies * shots + 0.5) / (shots + frequencies.shape[1] / 2))


def _slope_of_half_added(shots: int | None, outcomes: int) -> float:
    return 1.0 if shots is None else shots / (shots + outcomes / 2)
