"""What a head is: contexts → log-probabilities, their Jacobian; for a quantum head, where its circuit stands.

Everything called Fisher is a function of these. Heads are `torch.nn.Module`s; these protocols say what the
rest of qgeo relies on, they are not base classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from qgeo.circuit.program import Program
from qgeo.errors import ConfigurationError
from qgeo.geometry.staged import StagedJacobian
from qgeo.geometry.weight_jacobian import WeightJacobian


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


def checked_head(made: Any) -> Head:
    """The module, if it is a head.

    Raises:
        ConfigurationError: it lacks something of `Head`.
    """
    if isinstance(made, Head):
        return made
    wanted = ("vocabulary", "context", "named_parameters", "log_probs_and_jacobian")
    missing = ", ".join(name for name in wanted if not hasattr(made, name))
    raise ConfigurationError(f"expected a head with {missing}, {type(made).__name__} has none; add it")


@runtime_checkable
class StagedHead(Head, Protocol):
    """A head that can give its Jacobian stage by stage, for a cheaper F_C."""

    def staged_jacobian(self, contexts: Tensor) -> StagedJacobian: ...


@dataclass(frozen=True, eq=False)
class CircuitPoint:
    """Where a quantum head's circuit stands at some contexts: all that its quantum geometry depends on.

    The point owns its numbers: values and angles are copied, so that no later step of an optimizer, which
    moves parameters in place, moves a metric that was taken here.

    Attributes:
        program: the circuit; values: (P,), detached; angles: (B, d) data angles, its inputs.
        encoder: (B, d, W): the data angles' Jacobian over the encoder's W trainable numbers.
        trains_circuit: whether the circuit's own parameters are trainable.
        num_readout: trainable numbers behind the measurement.
    """

    program: Program
    values: Tensor
    angles: Tensor
    encoder: WeightJacobian
    trains_circuit: bool
    num_readout: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", self.values.detach().clone())
        object.__setattr__(self, "angles", self.angles.detach().clone())

    @property
    def own_columns(self) -> tuple[int, ...]:
        """Trainable circuit parameters, as columns of the program."""
        return tuple(range(self.program.num_parameters)) if self.trains_circuit else ()

    @property
    def data_columns(self) -> tuple[int, ...]:
        """Data angles, as columns of the program; none where the encoder is frozen."""
        first = self.program.num_parameters
        return tuple(range(first, first + self.program.num_inputs)) if self.num_encoder else ()

    @property
    def num_encoder(self) -> int:
        """W, trainable numbers of the encoder."""
        return self.encoder.shape[2]


@runtime_checkable
class QuantumHead(Head, Protocol):
    """A head whose log-probabilities come from measuring a parameterized circuit."""

    def circuit_point(self, contexts: Tensor) -> CircuitPoint: ...

    def readout_jacobian(self, contexts: Tensor) -> tuple[Tensor, WeightJacobian]:
        """Log-probabilities (B, V), and the Jacobian of scores over what is behind the circuit, (B, V, R)."""
        ...
