"""A qubit of github.com/rdisipio/qLM-fisher, experiment 3: F_Q, and descents of ⟨X⟩ on the Bloch sphere.

RY(θ), then a phase φ: F_Q = diag(1, sin²θ), ⟨X⟩ = sin θ cos φ. 50 steps of .1 from (.5, .5). Published:
toy_model_outline.md there. Two things it does not say: gradient descent stalls because θ is clipped to
[1e-4, π − 1e-4] (without, it ends at −.9996), and the natural steps are those of g = F_Q/4, as PennyLane's
optimizer takes them: four times as long as those of F_Q, with which −.9998 is reached.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from external.published import reproduced
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

import qgeo
from qgeo.simulate.statevector import states

Direction = Callable[[np.ndarray, np.ndarray], np.ndarray]

QUBIT = QuantumCircuit(1)
QUBIT.ry(Parameter("0_theta"), 0)
QUBIT.p(Parameter("1_phi"), 0)
PROGRAM = qgeo.compile(QUBIT)


def loss_and_gradient(point: np.ndarray) -> tuple[float, np.ndarray]:
    """⟨X⟩ and its gradient by θ and φ."""
    values = torch.from_numpy(point).requires_grad_()
    zero, one = states(PROGRAM, values)[0]
    loss = 2 * (zero.conj() * one).real
    loss.backward()
    return loss.item(), values.grad.numpy()


def plain(_point: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    return gradient


def natural(point: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    return np.linalg.solve(qgeo.quantum_fisher(PROGRAM, point), gradient)


def degrees_between(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.degrees(np.arccos(one @ other / np.linalg.norm(one) / np.linalg.norm(other))))


def descended(direction: Direction, rate: float, margin: float = -np.inf) -> float:
    """⟨X⟩ at the end, θ kept in [margin, π − margin]."""
    point = np.array([0.5, 0.5])
    for _ in range(50):
        point = point - rate * direction(point, loss_and_gradient(point)[1])
        point[0] = np.clip(point[0], margin, np.pi - margin)
    return loss_and_gradient(point)[0]


def test_the_published_fisher_information():
    # Seen to fail: g for F_Q, F_C for F_Q.
    published = {(0.5, 0.3): "0.229849", (1.0, 1.2): "0.708073", (2.0, 2.5): "0.826822"}
    found = {at: qgeo.quantum_fisher(PROGRAM, at) for at in published}
    reproduced("F_Q(φφ)", {f"(θ, φ) = {at}": (text, found[at][1, 1]) for at, text in published.items()})
    reproduced("F_Q(θθ)", {f"(θ, φ) = {at}": ("1.000000", found[at][0, 0]) for at in published})


def test_the_published_angle():
    # Seen to fail: F_Q g for F_Q⁻¹g.
    angles = []
    for theta in np.linspace(0.05, np.pi - 0.05, 120):
        point = np.array([theta, np.pi / 4])
        gradient = loss_and_gradient(point)[1]
        angles.append(degrees_between(gradient, natural(point, gradient)))
    reproduced("gradient and natural gradient, φ = π/4", {"largest angle, degrees": ("84.3", max(angles))})


def test_the_published_descents():
    # Seen to fail: g for F_Q, F_Q g for F_Q⁻¹g, ⟨X⟩/2.
    figures = {
        "gradient, θ clipped": ("0.0001", descended(plain, 0.1, margin=1e-4)),
        "natural, g": ("-1.0000", descended(natural, 4 * 0.1)),
    }
    reproduced("⟨X⟩ after 50 steps", figures)
    others = {
        "gradient": ("-0.9996", descended(plain, 0.1)),
        "natural, F_Q": ("-0.9998", descended(natural, 0.1)),
    }
    reproduced("⟨X⟩ without the clip, and with steps of F_Q", others, source="recorded")
