"""Heads by name: the one place where a kind of head is entered.

A comparison builds heads from records, with the same initial numbers for all heads of a seed; it knows what a
kind is by its record alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from qgeo.errors import ConfigurationError
from qgeo.heads.born import BornHead
from qgeo.heads.classical import MLPHead, SoftmaxHead, matched_features
from qgeo.heads.pauli import PauliHead
from qgeo.heads.protocol import QuantumHead, checked_head
from qgeo.heads.trunk import Trunk
from qgeo.registry import Registry


@dataclass(frozen=True, eq=False)
class HeadSpec:
    """What a head is built from.

    Attributes:
        vocabulary, context: of its task; embedding: width of its embedding of tokens.
        circuit, qubits, layers: of quantum heads; qubits None for the fewest that hold the vocabulary.
        parameters: how many trainable numbers a classical head should have.
        generator: draws its initial numbers; start: how (`start.py`).
        trunk: what its encoder reads instead of an embedding of tokens (`trunk.py`); None for those.
    """

    vocabulary: int
    context: int
    embedding: int
    circuit: str
    qubits: int | None
    layers: int
    parameters: int
    generator: torch.Generator
    start: str = "uniform"
    trunk: Trunk | None = None


@dataclass(frozen=True)
class HeadKind:
    """A kind of head by name.

    Attributes:
        build: makes one; is_quantum: whether it has a circuit, so that quantum metrics exist, classical heads
            can be matched to its size, and it can train from shots.
        is_measurement: whether its output is that of a measurement, so that F_C ⪯ F_Q and the quantum metric
            is no convention: verdicts on F_Q against F_C are about such heads alone.
    """

    name: str
    build: Callable[[HeadSpec], nn.Module]
    is_quantum: bool = False
    is_measurement: bool = False

    def __call__(self, spec: HeadSpec) -> nn.Module:
        """A head of this kind.

        Raises:
            ConfigurationError: what was built is no head, or not of the kind that the record says.
        """
        made = self.build(spec)
        checked_head(made)
        if self.is_quantum and not isinstance(made, QuantumHead):
            raise ConfigurationError(
                f"expected a quantum head of {self.name} (circuit_point, readout_jacobian), got "
                f"{type(made).__name__}; register it without is_quantum, or add them"
            )
        return made


def _with_circuit(head: type[BornHead] | type[PauliHead]) -> Callable[[HeadSpec], nn.Module]:
    return lambda spec: head(
        spec.vocabulary,
        spec.context,
        circuit=spec.circuit,
        num_qubits=spec.qubits,
        layers=spec.layers,
        embedding=spec.embedding,
        start=spec.start,
        trunk=spec.trunk,
        generator=spec.generator,
    )


def _with_features(head: type[SoftmaxHead] | type[MLPHead]) -> Callable[[HeadSpec], nn.Module]:
    """With the width that comes closest to the size that is asked for."""

    def build(spec: HeadSpec) -> nn.Module:
        features = matched_features(
            spec.vocabulary, spec.context, spec.embedding, spec.parameters, spec.trunk
        )
        return head(
            spec.vocabulary,
            spec.context,
            features=features,
            embedding=spec.embedding,
            start=spec.start,
            trunk=spec.trunk,
            generator=spec.generator,
        )

    return build


HEADS: Registry[HeadKind] = Registry(
    "a head",
    (
        HeadKind("born", _with_circuit(BornHead), is_quantum=True, is_measurement=True),
        HeadKind("pauli", _with_circuit(PauliHead), is_quantum=True),
        HeadKind("softmax", _with_features(SoftmaxHead)),
        HeadKind("mlp", _with_features(MLPHead)),
    ),
)
