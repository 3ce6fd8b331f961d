"""Experiments 1 and 3 of github.com/rdisipio/qLM-fisher, published in toy_model_outline.md there.

Experiment 1, logistic regression: make_classification(200, two informative features, class_sep 1, seed 42),
standardised, with a constant feature; 300 steps from zero of gradient descent (η = .5), natural gradient
(η = .5, λ = 1e-4) and Adam (η = .05). F_C is that of the last point, loss and accuracy those before the last
step.

Experiment 3, a qubit: RY(θ), then a phase φ: F_Q = diag(1, sin²θ), ⟨X⟩ = sin θ cos φ. 50 steps of .1 from
(.5, .5). Two things it does not say: gradient descent stalls because θ is clipped to [1e-4, π − 1e-4]
(without, it ends at −.9996), and the natural steps are those of g = F_Q/4, as PennyLane's optimizer takes
them: four times as long as those of F_Q, with which −.9998 is reached.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from torch import Tensor, nn

from qgeo.circuit.compiler import compile
from qgeo.circuit.program import Program
from qgeo.geometry.exact import quantum_fisher
from qgeo.geometry.spectra import condition_number
from qgeo.optim.exact import classical
from qgeo.optim.natural_gradient import NaturalGradient
from qgeo.simulate.statevector import states
from qgeo.studies.experiments.published_numbers import PublishedNumber
from qgeo.studies.experiments.readings import Floats

Direction = Callable[[Floats, Floats], Floats]
Build = Callable[["Logistic"], torch.optim.Optimizer]

STEPS, DESCENT_STEPS = 300, 50

OPTIMIZERS: dict[str, Build] = {
    "gradient": lambda head: torch.optim.SGD(head.parameters(), lr=0.5),
    "natural": lambda head: NaturalGradient(head, metric="classical", lr=0.5, damping=1e-4),
    "Adam": lambda head: torch.optim.Adam(head.parameters(), lr=0.05),
}


class Logistic(nn.Module):
    """p(1|x) = σ(θᵀx): a head whose contexts are rows of features."""

    vocabulary, context = 2, 3

    def __init__(self) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.zeros(3, dtype=torch.float64))

    def forward(self, features: Tensor) -> Tensor:
        score = features @ self.theta
        return nn.functional.logsigmoid(torch.stack([-score, score], 1))

    def log_probs_and_jacobian(self, features: Tensor) -> tuple[Tensor, Tensor]:
        log_probs: Tensor = self(features).detach()
        by_score = log_probs.exp().flip(1) * torch.tensor([-1.0, 1.0], dtype=torch.float64)
        return log_probs, by_score.unsqueeze(2) * features.unsqueeze(1)


@cache
def samples() -> tuple[Tensor, Tensor]:
    """Features (200, 3) and classes (200,)."""
    from sklearn.datasets import make_classification  # see abbas.py
    from sklearn.preprocessing import StandardScaler

    kind = {"n_features": 2, "n_redundant": 0, "n_informative": 2, "class_sep": 1.0}
    raw, classes = make_classification(n_samples=200, random_state=42, **kind)
    features = np.hstack([StandardScaler().fit_transform(raw), np.ones((200, 1))])
    return torch.from_numpy(features), torch.from_numpy(classes)


def trained(build: Build) -> tuple[Logistic, float, float]:
    """The head after all steps; loss and accuracy before the last."""
    (features, classes), head = samples(), Logistic()
    optimizer = build(head)
    at_contexts: dict[str, Any] = {"contexts": features} if isinstance(optimizer, NaturalGradient) else {}
    for _ in range(STEPS):
        optimizer.zero_grad()
        log_probs = head(features)
        loss = nn.functional.nll_loss(log_probs, classes)
        loss.backward()
        optimizer.step(**at_contexts)
    return head, loss.item(), (log_probs.argmax(1) == classes).double().mean().item()


def logistic_fisher() -> list[PublishedNumber]:
    """F_C along gradient descent."""
    heads = (Logistic(), trained(OPTIMIZERS["gradient"])[0])
    start, end = (classical(head, samples()[0]).to_dense().numpy() for head in heads)
    return [
        PublishedNumber("trace of F_C, start", "0.7500", float(np.trace(start))),
        PublishedNumber("trace of F_C, end", "0.2744", float(np.trace(end))),
        PublishedNumber("condition number, start", "1.20", condition_number(start)),
        PublishedNumber("condition number, end", "5.25", condition_number(end)),
        PublishedNumber("largest eigenvalue, start", "0.2723", float(np.linalg.eigvalsh(start)[-1])),
        PublishedNumber("largest eigenvalue, end", "0.1456", float(np.linalg.eigvalsh(end)[-1])),
        PublishedNumber("second eigenvalue, end", "0.1011", float(np.linalg.eigvalsh(end)[-2])),
    ]


def logistic_ends() -> list[PublishedNumber]:
    """Where the three optimizers end: at the same loss."""
    numbers = []
    for name, build in OPTIMIZERS.items():
        _, loss, accuracy = trained(build)
        numbers.append(PublishedNumber(f"loss, {name}", "0.3428", loss))
        numbers.append(PublishedNumber(f"accuracy, {name}", "0.865", accuracy))
    return numbers


@cache
def qubit() -> Program:
    """RY(θ), P(φ)."""
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("0_theta"), 0)
    circuit.p(Parameter("1_phi"), 0)
    return compile(circuit)


def loss_and_gradient(point: Floats) -> tuple[float, Floats]:
    """⟨X⟩ and its gradient by θ and φ."""
    values = torch.from_numpy(point).requires_grad_()
    zero, one = states(qubit(), values)[0]
    loss = 2 * (zero.conj() * one).real
    (gradient,) = torch.autograd.grad(loss, values)
    return loss.item(), gradient.numpy()


def plain(_point: Floats, gradient: Floats) -> Floats:
    """∇L."""
    return gradient


def natural(point: Floats, gradient: Floats) -> Floats:
    """F_Q⁻¹∇L."""
    return np.asarray(np.linalg.solve(quantum_fisher(qubit(), point), gradient))


def descended(direction: Direction, rate: float, margin: float = -np.inf) -> float:
    """⟨X⟩ at the end, θ kept in [margin, π − margin]."""
    point = np.array([0.5, 0.5])
    for _ in range(DESCENT_STEPS):
        point = point - rate * direction(point, loss_and_gradient(point)[1])
        point[0] = np.clip(point[0], margin, np.pi - margin)
    return loss_and_gradient(point)[0]


def qubit_fisher() -> list[PublishedNumber]:
    """F_Q, and the largest angle between gradient and natural gradient at φ = π/4."""
    numbers = []
    for at, text in {(0.5, 0.3): "0.229849", (1.0, 1.2): "0.708073", (2.0, 2.5): "0.826822"}.items():
        f_q = quantum_fisher(qubit(), at)
        numbers.append(PublishedNumber(f"F_Q(φφ) at (θ, φ) = {at}", text, float(f_q[1, 1])))
        numbers.append(PublishedNumber(f"F_Q(θθ) at (θ, φ) = {at}", "1.000000", float(f_q[0, 0])))
    angles = [
        _degrees_of_turn(np.array([theta, np.pi / 4])) for theta in np.linspace(0.05, np.pi - 0.05, 120)
    ]
    return [*numbers, PublishedNumber("largest angle of ∇L and F_Q⁻¹∇L, degrees", "84.3", max(angles))]


def _degrees_of_turn(point: Floats) -> float:
    one = loss_and_gradient(point)[1]
    other = natural(point, one)
    return float(np.degrees(np.arccos(one @ other / np.linalg.norm(one) / np.linalg.norm(other))))


def qubit_descents() -> list[PublishedNumber]:
    """⟨X⟩ after 50 steps."""
    return [
        PublishedNumber("⟨X⟩ of gradient descent, θ clipped", "0.0001", descended(plain, 0.1, margin=1e-4)),
        PublishedNumber("⟨X⟩ of natural descent by g", "-1.0000", descended(natural, 4 * 0.1)),
    ]


def other_descents() -> list[PublishedNumber]:
    """The same numbers beside those of other settings: they end elsewhere."""
    return [
        PublishedNumber("⟨X⟩ of gradient descent, not clipped", "0.0001", descended(plain, 0.1)),
        PublishedNumber("⟨X⟩ of natural descent by F_Q", "-1.0000", descended(natural, 0.1)),
    ]
