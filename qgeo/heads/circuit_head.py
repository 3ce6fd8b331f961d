"""What Born and Pauli heads share: encoder → circuit → measured numbers → readout → log-probabilities.

    x ──encoder──▶ data angles ──U(θ, ·)|0⟩──▶ ψ ──measure──▶ h ──readout──▶ log p(·|x)

A kind of head is the pair (what is measured, how it is read out); the Jacobian is the chain rule through
these four stages, with exact tangents in the middle.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from qgeo.arguments import shown
from qgeo.circuit.ansatz import BORN_LAYERS, Ansatz, Start, ansatz
from qgeo.circuit.compiler import compile
from qgeo.circuit.layout import is_laid_out
from qgeo.circuit.measured import note_measurements
from qgeo.circuit.names import parameter_names
from qgeo.circuit.program import Program
from qgeo.errors import CircuitError, ConfigurationError, ShapeError
from qgeo.geometry.staged import StagedJacobian
from qgeo.geometry.weight_jacobian import WeightJacobian, none_trained
from qgeo.heads.encoder import Encoder
from qgeo.heads.jacobian import count_trainable, weight_jacobian
from qgeo.heads.protocol import CircuitPoint
from qgeo.heads.sizes import chosen_qubits
from qgeo.heads.start import RANDOM_SPREAD, UNIFORM_DATA, UNIFORM_SPREAD, starts_uniform
from qgeo.heads.trunk import FeatureEncoder, Trunk, build_encoder
from qgeo.simulate.statevector import states
from qgeo.simulate.tangents import states_and_tangents


class Measurement(Protocol):
    """From states to real numbers h, and their derivatives."""

    def __call__(self, states: Tensor) -> Tensor:
        """(B, 2ⁿ) → (B, K)."""
        ...

    def from_probabilities(self, probabilities: Tensor) -> Tensor:
        """The same numbers from outcome probabilities (B, 2ⁿ), where a Z measurement gives them."""
        ...

    def derivative(self, states: Tensor, tangents: Tensor) -> Tensor:
        """Tangents (R, B, 2ⁿ) → (B, K, R)."""
        ...


class Readout(Protocol):
    """From measured numbers to log-probabilities, with trainable parameters of its own or none."""

    def __call__(self, measured: Tensor) -> Tensor: ...

    def derivative(self, measured: Tensor, by_parameter: Tensor) -> Tensor:
        """∂ log p / ∂h · D, (B, V, R), from measured numbers (B, K) and their derivatives D (B, K, R)."""
        ...


@dataclass(frozen=True, eq=False)
class CircuitChoice:
    """A circuit with its data parameters, and the name it goes by in reports.

    `start` is where its outcomes are equally probable; None where nobody knows.
    """

    name: str
    program: Program
    circuit: Any
    input_parameters: tuple[str, ...]
    start: Start | None = None


def choose_circuit(
    circuit: Any,
    num_qubits: int | None = None,
    layers: int | None = None,
    input_parameters: Any = (),
    *,
    vocabulary: int = 2,
) -> CircuitChoice:
    """A circuit by name (`qgeo.circuit.ansatz`), or a user's circuit with its data parameters named.

    Args:
        num_qubits, layers: of one by name; by default the fewest that hold the vocabulary, and 3.

    Raises:
        CircuitError: it is no circuit, not unitary, or transpiled to other qubits than its own.
        ConfigurationError: an unknown name, or options that have no effect on this circuit.
    """
    qubits, inputs = chosen_qubits(num_qubits, vocabulary), parameter_names(input_parameters)
    start = None
    if isinstance(circuit, str):
        circuit = ansatz(circuit, qubits, BORN_LAYERS if layers is None else layers)
    else:
        _check_left_out("with an ansatz by name", num_qubits=num_qubits, layers=layers)
    if isinstance(circuit, Ansatz):
        _check_left_out("with a circuit of your own", input_parameters=inputs or None)
        inputs, start, circuit = circuit.input_parameters, circuit.start, circuit.circuit
    program = compile(circuit, input_parameters=inputs)  # refuses what is no circuit
    note_measurements(circuit)
    if program.amplitudes is not None:
        raise CircuitError("expected a head's data as angles of gates, got amplitudes of an initial state")
    if is_laid_out(circuit):
        raise CircuitError(
            f"expected a head's circuit as it was before it was transpiled, got one on {circuit.num_qubits} "
            "physical qubits; backends transpile it themselves"
        )
    return CircuitChoice(circuit.name, program, circuit, inputs, start)


def _check_left_out(where: str, **options: Any) -> None:
    """Raise a ConfigurationError for an option that has an effect only there."""
    for name, given in options.items():
        if given is not None:
            raise ConfigurationError(f"expected {name} only {where}, got {name}={shown(given)}; leave it out")


class CircuitHead(nn.Module):
    """A head that measures a parameterized circuit whose data angles come from an encoder.

    Trainable parameters, in order: `values` (the circuit's own), `encoder.*`, `readout.*`.

    Args:
        choice: the circuit; its input parameters are the encoder's outputs.
        encoder: any module from contexts (B, k) to (B, d) angles.
        measurement, readout: the kind of head (a readout is a module and a `Readout`).
        vocabulary: V; context: k.
        values: initial circuit parameters (P,).
    """

    def __init__(
        self,
        choice: CircuitChoice,
        encoder: nn.Module,
        measurement: Measurement,
        readout: Any,
        *,
        vocabulary: int,
        context: int,
        values: Tensor,
    ) -> None:
        super().__init__()
        if values.shape != (choice.program.num_parameters,):
            raise ShapeError(
                f"expected {choice.program.num_parameters} initial circuit parameters, got {len(values)}"
            )
        if len(values) and bool((values == 0).all()):
            warnings.warn(
                "all circuit parameters start at zero, where outcomes vanish and the classical Fisher "
                "information is singular; start elsewhere",
                stacklevel=3,
            )
        self.choice, self.vocabulary, self.context = choice, vocabulary, context
        self.values = nn.Parameter(values.detach().to(torch.float64, copy=True))
        self.encoder, self.measurement, self.readout = encoder, measurement, readout

    @property
    def program(self) -> Program:
        return self.choice.program

    def forward(self, contexts: Tensor) -> Tensor:
        """Log-probabilities (B, V), differentiable by the adjoint method."""
        log_probs: Tensor = self.readout(self.measurement(self.states(contexts)))
        return log_probs

    def states(self, contexts: Tensor) -> Tensor:
        """(B, 2ⁿ) statevectors before the measurement."""
        return states(self.program, self.values, self.encoder(contexts))

    def circuit_point(self, contexts: Tensor) -> CircuitPoint:
        """The circuit, its angles at these contexts and the encoder's Jacobian."""
        with torch.no_grad():
            angles = self.encoder(contexts)
        return CircuitPoint(
            program=self.program,
            values=self.values.detach(),
            angles=angles,
            encoder=weight_jacobian(self.encoder, contexts),
            trains_circuit=self.values.requires_grad,
            num_readout=count_trainable(self.readout),
        )

    def readout_jacobian(self, contexts: Tensor) -> tuple[Tensor, WeightJacobian]:
        """Log-probabilities (B, V), and the Jacobian of scores over the readout's parameters, (B, V, R)."""
        with torch.no_grad():
            measured = self.measurement(self.states(contexts))
            return self.readout(measured), weight_jacobian(self.readout, measured)

    def log_probs_and_jacobian(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities (B, V) and their Jacobian (B, V, P) over all trainable parameters."""
        staged = self.staged_jacobian(contexts)
        return staged.log_probs, staged.dense()

    def staged_jacobian(self, contexts: Tensor) -> StagedJacobian:
        """Log-probabilities and their Jacobian stage by stage."""
        point = self.circuit_point(contexts)
        columns = [*point.own_columns, *point.data_columns]
        psi, tangents = states_and_tangents(point.program, point.values, point.angles, columns=columns)
        with torch.no_grad():
            measured = self.measurement(psi)
            log_probs = self.readout(measured)
            by_angle = self.readout.derivative(measured, self.measurement.derivative(psi, tangents))
        own, data = by_angle.split([len(point.own_columns), len(point.data_columns)], 2)
        encoder = point.encoder if point.num_encoder else none_trained(len(contexts), 0, data)
        return StagedJacobian(log_probs, own, data, encoder, weight_jacobian(self.readout, measured))


def initial_values(choice: CircuitChoice, start: Any, generator: torch.Generator) -> Tensor:
    """(P,) circuit parameters, drawn as `start` says (`start.py`)."""
    draw = torch.randn(choice.program.num_parameters, generator=generator, dtype=torch.float64)
    known = _known_start(choice, start)
    if known is None:
        return RANDOM_SPREAD * draw
    spread = _by_angle(choice.program.parameters, known, RANDOM_SPREAD, UNIFORM_SPREAD)
    return torch.tensor(known.values, dtype=torch.float64) + spread * draw


def shared_encoder(
    choice: CircuitChoice,
    vocabulary: int,
    context: int,
    embedding: int,
    start: Any,
    generator: torch.Generator,
    trunk: Trunk | None = None,
) -> Encoder | FeatureEncoder:
    """The encoder that every head uses, with one output per data angle of the circuit."""
    encoder = build_encoder(vocabulary, context, choice.program.num_inputs, embedding, generator, trunk)
    known = _known_start(choice, start)
    if known is not None:
        scale = _by_angle(choice.program.input_parameters, known, 1.0, UNIFORM_DATA)
        with torch.no_grad():
            encoder.weight.mul_(scale.unsqueeze(1))
            encoder.bias.mul_(scale)
    return encoder


def _known_start(choice: CircuitChoice, start: Any) -> Start | None:
    """Near where the circuit starts; None for a random start."""
    return choice.start if starts_uniform(start) else None


def _by_angle(names: tuple[str, ...], known: Start, phases: float, others: float) -> Tensor:
    return torch.tensor([phases if name in known.phases else others for name in names], dtype=torch.float64)
