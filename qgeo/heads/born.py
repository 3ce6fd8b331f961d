"""Born head: p(y|x) = |⟨y|U(θ, x)|0⟩|², the circuit's own outcome probabilities as a language model.

Tokens and outcomes. With V ≤ 2ⁿ, outcome z is read as token z mod V (many-to-one folding: a fixed channel
after the measurement, so F_C(tokens) ⪯ F_C(bitstrings) ⪯ F_Q). With V > 2ⁿ, token t belongs to class
t mod 2ⁿ: the circuit gives the class, trainable logits the word inside the class,
p(t|x) = |⟨class(t)|ψ⟩|² · softmax_{class(t)}(logits)_t. Both are smoothed: p̃ = (1−ε)p + ε/V.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import torch
from torch import Tensor, nn

from qgeo.arguments import shown
from qgeo.errors import ConfigurationError
from qgeo.geometry.classical import outcome_probabilities
from qgeo.heads.circuit_head import CircuitHead, choose_circuit, initial_values, shared_encoder
from qgeo.heads.encoder import initial_generator
from qgeo.heads.sizes import check_table, checked_sizes
from qgeo.heads.trunk import Trunk

SMOOTHING = 1e-6
"""ε of p̃ = (1−ε)p + ε/V, chosen: a token that the circuit cannot give costs ln(V/ε) nats, not
infinitely many."""

LogProbOfEvent = Callable[[Tensor], Tensor]


class OutcomeProbabilities:
    """h_z = |ψ_z|², every bitstring's probability."""

    def __call__(self, states: Tensor) -> Tensor:
        return outcome_probabilities(states)

    def from_probabilities(self, probabilities: Tensor) -> Tensor:
        """h itself: what a device measures."""
        return probabilities

    def derivative(self, states: Tensor, tangents: Tensor) -> Tensor:
        """∂h_z = 2 Re ψ_z* ∂ψ_z, (B, 2ⁿ, R)."""
        products = tangents.real * states.real + tangents.imag * states.imag
        return 2 * products.permute(1, 2, 0)


class FoldedReadout(nn.Module):
    """log p̃(t) with p(t) = Σ of h_z over outcomes z ≡ t mod V: for V ≤ 2ⁿ. No trainable parameters."""

    fold: Tensor

    def __init__(self, outcomes: int, vocabulary: int, smoothing: float) -> None:
        super().__init__()
        check_table("readout", outcomes, vocabulary)
        token = torch.arange(outcomes) % vocabulary
        self.smoothing = smoothing
        self.register_buffer("fold", torch.eye(vocabulary, dtype=torch.float64)[token])

    def forward(self, measured: Tensor) -> Tensor:
        return _log(_smooth(measured @ self.fold, self.smoothing))

    def derivative(self, measured: Tensor, by_parameter: Tensor) -> Tensor:
        smoothed = _smooth(measured @ self.fold, self.smoothing)
        slope = (1 - self.smoothing) / smoothed.clamp_min(torch.finfo(smoothed.dtype).tiny)
        outcomes, vocabulary = self.fold.shape
        by_token = by_parameter if outcomes == vocabulary else self.fold.mT @ by_parameter
        return slope.unsqueeze(-1) * by_token

    def target_event(self, targets: Tensor) -> tuple[Tensor, LogProbOfEvent]:
        """The outcomes (B, 2ⁿ) that read as each target, and log p̃ as a function of their probability."""
        size = self.fold.shape[1]
        event = self.fold.mT[targets]
        return event, lambda p: ((1 - self.smoothing) * p + self.smoothing / size).log()


class ClassWordReadout(nn.Module):
    """log p̃(t) with p(t) = h_class(t) · softmax over the class of logits_t: for V > 2ⁿ."""

    word_class: Tensor

    def __init__(self, outcomes: int, vocabulary: int, smoothing: float) -> None:
        super().__init__()
        self.smoothing, self.outcomes = smoothing, outcomes
        self.register_buffer("word_class", torch.arange(vocabulary) % outcomes)
        self.logits = nn.Parameter(torch.zeros(vocabulary, dtype=torch.float64))

    def forward(self, measured: Tensor) -> Tensor:
        return _log(_smooth(measured[:, self.word_class] * self._within(), self.smoothing))

    def derivative(self, measured: Tensor, by_parameter: Tensor) -> Tensor:
        within = self._within().detach()
        smoothed = _smooth(measured[:, self.word_class] * within, self.smoothing)
        slope = (1 - self.smoothing) * within / smoothed.clamp_min(torch.finfo(smoothed.dtype).tiny)
        return slope.unsqueeze(-1) * by_parameter[:, self.word_class]

    def target_event(self, targets: Tensor) -> tuple[Tensor, LogProbOfEvent]:
        """The outcome (B, 2ⁿ) that is each target's class, and log p̃ as a function of its probability."""
        share = self._within().detach()[targets].unsqueeze(-1)
        identity = torch.eye(self.outcomes, dtype=share.dtype, device=share.device)
        event = identity[self.word_class[targets]]
        size = len(self.logits)
        return event, lambda p: ((1 - self.smoothing) * p * share + self.smoothing / size).log()

    def _within(self) -> Tensor:
        """(V,) probability of each word inside its class."""
        missing = -len(self.logits) % self.outcomes
        table = nn.functional.pad(self.logits, (0, missing), value=-torch.inf).view(-1, self.outcomes)
        return torch.softmax(table, dim=0).flatten()[: len(self.logits)]


def _smooth(probabilities: Tensor, smoothing: float) -> Tensor:
    return (1 - smoothing) * probabilities + smoothing / probabilities.shape[-1]


def _log(probabilities: Tensor) -> Tensor:
    """log p; at p = 0 it is −∞ with derivative 0, so that a token never seen spoils no other's gradient."""
    seen = probabilities > 0
    return torch.where(seen, probabilities, 1.0).log().masked_fill(~seen, -torch.inf)


class BornHead(CircuitHead):
    """A language-model head whose next-token probabilities are a circuit's outcome probabilities.

    Args:
        vocabulary: V; context: k tokens.
        circuit: an ansatz by name, or a `QuantumCircuit` with `input_parameters` naming its data angles.
        num_qubits: for an ansatz by name; default the fewest with 2ⁿ ≥ V. Fewer make a class × word head.
        layers: for an ansatz by name; default 3.
        embedding: numbers per token in the shared encoder.
        smoothing: ε of p̃ = (1−ε)p + ε/V, in [0, 1).
        start: "uniform", near equal probabilities (for a circuit by name), or "random" (`start.py`).
        trunk: frozen features of contexts (`trunk.py`) that the encoder reads instead of an embedding of
            tokens, which there is none of then.
        generator: source of all initial numbers; seed 0 by default.

    Raises:
        ConfigurationError: an unknown ansatz or start, a smoothing outside [0, 1), sizes that are no
            integers or take too much memory, an option that has no effect on this circuit,
            a trunk for other tokens or contexts.

    >>> head = BornHead(vocabulary=4, context=2)
    >>> head(torch.tensor([[0, 3]])).exp().sum().round(decimals=9).item()
    1.0
    """

    def __init__(
        self,
        vocabulary: int,
        context: int,
        *,
        circuit: Any = "hardware-efficient",
        num_qubits: int | None = None,
        layers: int | None = None,
        input_parameters: Any = (),
        embedding: int = 4,
        smoothing: float = SMOOTHING,
        start: str = "uniform",
        trunk: Trunk | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        if not isinstance(smoothing, Real) or isinstance(smoothing, bool) or not 0 <= smoothing < 1:
            raise ConfigurationError(f"expected smoothing, a number in [0, 1), got {shown(smoothing)}")
        vocabulary, context, embedding = checked_sizes(vocabulary, context, embedding)
        generator = initial_generator(generator)
        choice = choose_circuit(circuit, num_qubits, layers, input_parameters, vocabulary=vocabulary)
        outcomes = choice.program.dimension
        kind = FoldedReadout if vocabulary <= outcomes else ClassWordReadout
        super().__init__(
            choice,
            shared_encoder(choice, vocabulary, context, embedding, start, generator, trunk),
            OutcomeProbabilities(),
            kind(outcomes, vocabulary, smoothing),
            vocabulary=vocabulary,
            context=context,
            values=initial_values(choice, start, generator),
        )
