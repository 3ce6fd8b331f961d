"""What a head is: contexts → log-probabilities, their Jacobian; for a quantum head, states and tangents too.

Everything called Fisher is a function of these. Heads are `torch.nn.Module`s; these protocols say what the
rest of qgeo relies on, they are not base classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from qgeo.heads.staged import StagedJacobian


@runtime_checkable
class Head(Protocol):
    """Maps contexts (B, k) of token ids to log-probabilities (B, V), float64."""

    vocabulary: int
    context: int

    def __call__(self, contexts: Tensor) -> Tensor: ...

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]: ...

    def log_probs_and_jacobian(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities (B, V) and their Jacobian (B, V, P), P in `named_parameters` order."""
        ...


@runtime_checkable
class StagedHead(Head, Protocol):
    """A head that can give its Jacobian stage by stage, for a cheaper F_C."""

    def staged_jacobian(self, contexts: Tensor) -> StagedJacobian: ...


@dataclass(frozen=True, eq=False)
class CircuitGeometry:
    """A quantum head's states and how they move with every parameter before the measurement.

    Attributes:
        states: (B, 2ⁿ).
        tangents: (P + d, B, 2ⁿ): by the circuit's own parameters, then by each context's own data angles.
        angle_jacobian: (B, d, W): the data angles' Jacobian over the encoder's W trainable numbers.
        num_circuit: P trainable circuit parameters; num_readout: trainable numbers behind the measurement.
        layers: the circuit parameters grouped into commuting layers (positions 0 … P−1).
    """

    states: Tensor
    tangents: Tensor
    angle_jacobian: Tensor
    num_circuit: int
    num_readout: int
    layers: tuple[tuple[int, ...], ...]


@runtime_checkable
class QuantumHead(Head, Protocol):
    """A head whose log-probabilities come from measuring a parameterized circuit."""

    def circuit_geometry(self, contexts: Tensor) -> CircuitGeometry: ...
