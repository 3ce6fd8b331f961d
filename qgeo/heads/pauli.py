"""Pauli head: expectation values of Pauli strings → scale → linear → softmax.

    h_k = ⟨ψ|P_k|ψ⟩,      log p(·|x) = log softmax(W (s·h) + b)

Nonlinear after the measurement, so the output is no measurement followed by a channel: no Loewner order
between its F_C and F_Q is claimed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from qgeo.arguments import shown
from qgeo.circuit.paulis import Term, from_label, label, mask_of, string_matrix
from qgeo.errors import ConfigurationError
from qgeo.geometry.staged import normalised
from qgeo.geometry.weight_jacobian import DenseJacobian, JoinedJacobian, WeightJacobian
from qgeo.heads.circuit_head import CircuitHead, choose_circuit, initial_values, shared_encoder
from qgeo.heads.encoder import initial_generator
from qgeo.heads.jacobian import linear_jacobian
from qgeo.heads.sizes import check_table, checked_sizes
from qgeo.heads.trunk import Trunk
from qgeo.simulate.tensors import Constant


class PauliExpectations:
    """h_k = ⟨ψ|P_k|ψ⟩ for Pauli labels (rightmost letter on qubit 0).

    A string is a monomial matrix, so that P ψ is a gather and a product.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        strings = [from_label(text) for text in labels]
        matrices = [string_matrix(string, len(text)) for string, text in zip(strings, labels, strict=True)]
        self._source = Constant(torch.from_numpy(np.stack([matrix.source for matrix in matrices])))
        self._phase = Constant(torch.from_numpy(np.stack([matrix.phase for matrix in matrices])))
        self.diagonal = not any(string.x for string in strings)

    def __call__(self, states: Tensor) -> Tensor:
        return (states.unsqueeze(1).conj() * self._applied(states)).sum(-1).real

    def from_probabilities(self, probabilities: Tensor) -> Tensor:
        """h from outcome probabilities of a Z measurement.

        Raises:
            ConfigurationError: a label with X or Y, which a Z measurement does not give.
        """
        if not self.diagonal:
            raise ConfigurationError("expected Pauli labels of I and Z only to read from a Z measurement")
        return probabilities @ self._phase.on(probabilities.device).real.mT

    def derivative(self, states: Tensor, tangents: Tensor) -> Tensor:
        """∂h_k = 2 Re⟨P_kψ|∂ψ⟩, (B, K, R)."""
        return 2 * (self._applied(states).conj() @ tangents.permute(1, 2, 0)).real

    def _applied(self, states: Tensor) -> Tensor:
        """P_k ψ, (B, K, 2ⁿ)."""
        return states[:, self._source.on(states.device)] * self._phase.on(states.device)


class SoftmaxReadout(nn.Module):
    """log softmax(W (s·h) + b); s starts at 1, W small and random, b at 0."""

    def __init__(self, measured: int, vocabulary: int, generator: torch.Generator) -> None:
        super().__init__()
        check_table("readout", vocabulary, measured)
        draw = torch.randn(vocabulary, measured, generator=generator, dtype=torch.float64)
        self.scale = nn.Parameter(torch.ones(1, dtype=torch.float64))
        self.weight = nn.Parameter(draw / measured**0.5)
        self.bias = nn.Parameter(torch.zeros(vocabulary, dtype=torch.float64))

    def forward(self, measured: Tensor) -> Tensor:
        return torch.log_softmax((self.scale * measured) @ self.weight.mT + self.bias, dim=-1)

    def derivative(self, measured: Tensor, by_parameter: Tensor) -> Tensor:
        return normalised(self(measured), (self.scale * self.weight) @ by_parameter)

    def weight_jacobian(self, measured: Tensor) -> WeightJacobian:
        """∂z/∂(s, W, b) of scores z = W (s·h) + b, (B, V, R), trainable ones only."""
        with torch.no_grad():
            linear = linear_jacobian(self.scale * measured, self.weight, self.bias)
            if not self.scale.requires_grad:
                return linear
            by_scale = DenseJacobian((measured @ self.weight.mT).unsqueeze(2))
        return JoinedJacobian(by_scale, linear)


def default_labels(num_qubits: int) -> list[str]:
    """Z on every qubit and ZZ on every pair: all read from one Z measurement."""
    sets = [*combinations(range(num_qubits), 1), *combinations(range(num_qubits), 2)]
    return [label(Term(0, mask_of(qubits)), num_qubits) for qubits in sets]


def _checked_labels(given: Any, num_qubits: int) -> list[str]:
    """Pauli labels on so many qubits; those that the head has by default where none are given."""
    if given is None:
        return default_labels(num_qubits)
    labels = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else []
    if not labels or not all(isinstance(text, str) and len(text) == num_qubits for text in labels):
        raise ConfigurationError(
            f"expected Pauli labels of {num_qubits} letters, such as ['{'Z' * num_qubits}'], got "
            f"{shown(given)}"
        )
    return labels


class PauliHead(CircuitHead):
    """A language-model head that reads Pauli expectation values through a softmax layer.

    Args:
        vocabulary: V; context: k tokens.
        circuit, num_qubits, layers, input_parameters, embedding, start, trunk, generator: as in
            `BornHead`.
        observables: Pauli labels, rightmost letter on qubit 0; by default Z and ZZ on all qubits.

    Raises:
        ConfigurationError: an unknown ansatz or start, or a label that does not fit the circuit.
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
        observables: Sequence[str] | None = None,
        start: str = "uniform",
        trunk: Trunk | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        vocabulary, context, embedding = checked_sizes(vocabulary, context, embedding)
        generator = initial_generator(generator)
        choice = choose_circuit(circuit, num_qubits, layers, input_parameters, vocabulary=vocabulary)
        labels = _checked_labels(observables, choice.program.num_qubits)
        super().__init__(
            choice,
            shared_encoder(choice, vocabulary, context, embedding, start, generator, trunk),
            PauliExpectations(labels),
            SoftmaxReadout(len(labels), vocabulary, generator),
            vocabulary=vocabulary,
            context=context,
            values=initial_values(choice, start, generator),
        )
