"""Arms: HEAD+METRIC, built from a configuration.

    born+quantum   born+classical   born+adam   pauli+quantum-diagonal   softmax+classical   mlp+sgd   …

Classical heads are matched to the quantum head's total of trainable parameters. All heads of a seed draw
their initial numbers from the same generator seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from qgeo.compare.config import HeadsSection
from qgeo.errors import ConfigurationError
from qgeo.heads.born import BornHead
from qgeo.heads.classical import MLPHead, SoftmaxHead, matched_features
from qgeo.heads.jacobian import count_trainable
from qgeo.heads.pauli import PauliHead
from qgeo.optim.damping import RelativeDamping
from qgeo.optim.metrics import METRICS
from qgeo.optim.natural_gradient import NaturalGradient

QUANTUM_HEADS: dict[str, Any] = {"born": BornHead, "pauli": PauliHead}
CLASSICAL_HEADS: dict[str, Any] = {"softmax": SoftmaxHead, "mlp": MLPHead}
FIRST_ORDER: dict[str, Any] = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}


@dataclass(frozen=True)
class Arm:
    """A head and how it is trained, by name."""

    head: str
    metric: str

    @property
    def name(self) -> str:
        return f"{self.head}+{self.metric}"

    @property
    def is_quantum(self) -> bool:
        return self.head in QUANTUM_HEADS

    @property
    def is_natural(self) -> bool:
        """Whether a metric is inverted at each step."""
        return self.metric in METRICS


def parse_arm(name: str) -> Arm:
    """An arm from its name.

    Raises:
        ConfigurationError: an unknown head or metric, or a quantum metric on a classical head.

    >>> parse_arm("born+quantum")
    Arm(head='born', metric='quantum')
    """
    head, plus, metric = name.partition("+")
    heads, metrics = [*QUANTUM_HEADS, *CLASSICAL_HEADS], [*METRICS, *FIRST_ORDER]
    if not plus or head not in heads or metric not in metrics:
        raise ConfigurationError(
            f"unknown arm {name!r}: expected HEAD+METRIC with a head of {', '.join(heads)} "
            f"and a metric of {', '.join(metrics)}"
        )
    if head in CLASSICAL_HEADS and metric.startswith("quantum"):
        raise ConfigurationError(f"unknown arm {name!r}: a {head} head has no quantum metric; use +classical")
    return Arm(head, metric)


def build_head(name: str, vocabulary: int, context: int, settings: HeadsSection, seed: int) -> nn.Module:
    """A head with initial numbers drawn from `seed`."""
    generator = torch.Generator().manual_seed(seed)
    if name in QUANTUM_HEADS:
        return QUANTUM_HEADS[name](
            vocabulary,
            context,
            circuit=settings.circuit,
            num_qubits=settings.qubits,
            layers=settings.layers,
            embedding=settings.embedding,
            generator=generator,
        )
    target = count_trainable(build_head("born", vocabulary, context, settings, seed))
    features = matched_features(vocabulary, context, settings.embedding, target)
    return CLASSICAL_HEADS[name](
        vocabulary, context, features=features, embedding=settings.embedding, generator=generator
    )


def build_optimizer(
    arm: Arm, head: nn.Module, lr: float, damping: float, trust_region: float | None = None
) -> torch.optim.Optimizer:
    """The arm's optimizer; first-order arms use neither damping (relative to tr F / P) nor trust region."""
    if arm.is_natural:
        relative = RelativeDamping(damping)
        return NaturalGradient(head, metric=arm.metric, lr=lr, damping=relative, trust_region=trust_region)
    return FIRST_ORDER[arm.metric](head.parameters(), lr=lr)


def parameter_groups(head: nn.Module) -> dict[str, int]:
    """Trainable numbers by where they act: circuit, encoder, readout."""
    groups = {"circuit": 0, "encoder": 0, "readout": 0}
    for name, parameter in head.named_parameters():
        group = "circuit" if name == "values" else "encoder" if name.startswith("encoder.") else "readout"
        groups[group] += parameter.numel()
    return groups
