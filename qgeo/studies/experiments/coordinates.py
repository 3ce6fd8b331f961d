"""One model in two coordinates: θ, and φ with θ = Aφ or θ = sinh φ, entry by entry.

A circuit in φ is a circuit of its own, whose angles are expressions of φ; a head in φ takes its weights from
φ by torch. Nothing is pulled back by hand: metric and gradient in φ are computed as those of any model are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from qiskit.circuit import ParameterExpression, ParameterVector
from scipy.stats import ortho_group
from torch import Tensor, nn

from qgeo.circuit.ansatz import Ansatz, ansatz
from qgeo.circuit.compiler import compile
from qgeo.heads.classical import MLPHead, SoftmaxHead
from qgeo.studies.experiments.measured_output import (
    Floats,
    MeasuredOutput,
    random_distributions,
    random_point,
    squared_distance,
)

UNITS = 3.0
"""Singular values of A lie between 1/UNITS and UNITS: so far are units of parameters apart."""

VOCABULARY, CONTEXT, EMBEDDING, FEATURES = 6, 2, 2, 3
"""Of classical heads; all V² contexts are taken."""

_NULL = 1e-10
"""Singular values of S of at most so much of the largest are zeros."""

Amplitudes = NDArray[Any]


class Coordinates(Protocol):
    """A regular map φ → θ, as numbers, as torch and as expressions."""

    def values(self, theta: Floats) -> Floats:
        """φ of θ, (P,)."""
        ...

    def theta(self, phi: Tensor) -> Tensor:
        """θ of φ, (P,)."""
        ...

    def angles(self, phi: Sequence[ParameterExpression]) -> list[ParameterExpression]:
        """θ of φ, entry by entry."""
        ...


@dataclass(frozen=True, eq=False)
class Affine:
    """θ = Aφ, A regular, (P, P)."""

    matrix: Floats

    def values(self, theta: Floats) -> Floats:
        return np.asarray(np.linalg.solve(self.matrix, theta))

    def theta(self, phi: Tensor) -> Tensor:
        return torch.from_numpy(self.matrix) @ phi

    def angles(self, phi: Sequence[ParameterExpression]) -> list[ParameterExpression]:
        return [sum(a * p for a, p in zip(row, phi, strict=True)) for row in self.matrix.tolist()]


@dataclass(frozen=True)
class Sinh:
    """θ = sinh φ, with ∂θ/∂φ = √(1 + θ²): steps of φ are longer where θ is large."""

    def values(self, theta: Floats) -> Floats:
        return np.asarray(np.arcsinh(theta))

    def theta(self, phi: Tensor) -> Tensor:
        return phi.sinh()

    def angles(self, phi: Sequence[ParameterExpression]) -> list[ParameterExpression]:
        return [(p.exp() - (-p).exp()) / 2 for p in phi]


def mixed_units(size: int, generator: np.random.Generator) -> Affine:
    """A = U diag(1/3 … 3) Vᵀ, U and V Haar-random orthogonal, singular values a geometric row."""
    left, right = (ortho_group.rvs(size, random_state=generator) for _ in range(2))
    return Affine(left * np.geomspace(1 / UNITS, UNITS, size) @ right.T)


@dataclass(frozen=True, eq=False)
class Model:
    """What a step is made of, and what it moves, in some coordinates.

    F = SᵀS and g = Sᵀr, so that F⁺g is the least-squares solution of Sδ = r: of an ill-conditioned F it keeps
    twice as many digits as a solve with F does.

    Attributes:
        root: S (K, P); residual: r (K,).
        amplitudes: step (P,) → (B, N) states, or √p where F is F_C.
    """

    root: Floats
    residual: Floats
    amplitudes: Callable[[Floats], Amplitudes]

    @property
    def metric(self) -> Floats:
        """F, (P, P)."""
        return np.asarray(self.root.T @ self.root)

    @property
    def gradient(self) -> Floats:
        """g, (P,)."""
        return np.asarray(self.root.T @ self.residual)

    @property
    def natural(self) -> Floats:
        """F⁺g, (P,)."""
        return np.asarray(np.linalg.lstsq(self.root, self.residual, _NULL)[0])

    def damped(self, damping: float) -> Floats:
        """(F + λI)⁻¹g, λ = damping · tr F/P, (P,)."""
        metric = self.metric
        added = damping * np.trace(metric) / len(metric) * np.eye(len(metric))
        return np.asarray(np.linalg.solve(metric + added, self.gradient))

    def step(self, direction: Floats, length: float) -> Floats:
        """Along −direction, with √(δᵀFδ) = length, (P,)."""
        return np.asarray(-length / np.linalg.norm(self.root @ direction) * direction)

    def distance(self, step: Floats, other: Amplitudes) -> float:
        """Root mean square over contexts of √(1 − |⟨ψ|ψ'⟩|²), where a step leads, from other amplitudes."""
        return float(np.sqrt(squared_distance(other, self.amplitudes(step))))


def _outcome_rows(log_probs: Floats, jacobian: Floats) -> Floats:
    """√(p/B) ∂log p, (B N, P), whose Gram matrix is F_C."""
    scaled = np.exp(log_probs / 2) * jacobian / np.sqrt(len(log_probs))
    return np.asarray(scaled.reshape(len(jacobian), -1).T)


def _phase_rows(log_probs: Floats, phases: Floats) -> Floats:
    """2√(p/B) (∂φ − E_p ∂φ), (B N, P), whose Gram matrix is F_Q − F_C."""
    mean = (np.exp(log_probs) * phases).sum(-1, keepdims=True)
    return 2 * _outcome_rows(log_probs, phases - mean)


def _residual(log_probs: Floats, population: Floats) -> Floats:
    """−t/√(pB), (B N,): its product with the rows of outcomes is the gradient."""
    return np.asarray((-population * np.exp(-log_probs / 2) / np.sqrt(len(log_probs))).ravel())


Geometry = Literal["quantum", "classical"]
HeadName = Literal["softmax", "mlp"]


def circuit_models(
    qubits: int,
    layers: int,
    contexts: int,
    geometry: Geometry,
    choose: Callable[[int], Coordinates],
    generator: np.random.Generator,
) -> tuple[Model, Model]:
    """A hardware-efficient circuit at a random point, in θ and in φ; choose: coordinates for P parameters."""
    built = ansatz("hardware-efficient", qubits, layers)
    coordinates = choose(len(built.parameters))
    program = compile(built.circuit, input_parameters=built.input_parameters)
    plain = random_point(program, contexts, generator)
    expressed = compile(_expressed(built, coordinates), input_parameters=built.input_parameters)
    other = replace(plain, program=expressed, values=coordinates.values(plain.values))
    return _measured(plain, geometry), _measured(other, geometry)


def _expressed(built: Ansatz, coordinates: Coordinates) -> Any:
    phi = list(ParameterVector("phi", len(built.parameters)))
    angles = dict(zip(built.parameters, coordinates.angles(phi), strict=True))
    return built.circuit.assign_parameters(angles)


def _measured(output: MeasuredOutput, geometry: Geometry) -> Model:
    log_probs = output.log_probs()
    root, residual = _outcome_rows(log_probs, output.jacobian()), _residual(log_probs, output.population)
    if geometry == "classical":
        return Model(root, residual, lambda step: np.abs(output.states(step)))
    phases = _phase_rows(log_probs, output.phase_jacobian())
    return Model(np.vstack([root, phases]), np.append(residual, 0 * residual), output.states)


def head_models(
    kind: HeadName, choose: Callable[[int], Coordinates], generator: np.random.Generator
) -> tuple[Model, Model]:
    """A classical head at a random point, in θ and in φ. Its embedding of tokens is fixed, as data are.

    With the embedding trained, F_C would be singular along curves; here its null vectors shift all logits
    alike, and the output does not move along them however far.
    """
    made = {"softmax": SoftmaxHead, "mlp": MLPHead}[kind]
    draws = torch.Generator().manual_seed(int(generator.integers(2**31)))
    head = made(VOCABULARY, CONTEXT, features=FEATURES, embedding=EMBEDDING, start="random", generator=draws)
    (head.encoder if kind == "softmax" else head.encoder.embedding).requires_grad_(False)
    theta = torch.cat([p.detach().flatten() for p in _trained(head).values()])
    population = random_distributions(VOCABULARY**CONTEXT, VOCABULARY, generator)
    identity, other = Affine(np.eye(len(theta))), choose(len(theta))
    return _of_head(head, population, identity, theta), _of_head(head, population, other, theta)


def _of_head(head: nn.Module, population: Floats, coordinates: Coordinates, theta: Tensor) -> Model:
    contexts = torch.cartesian_prod(*[torch.arange(VOCABULARY)] * CONTEXT)
    phi = torch.from_numpy(coordinates.values(theta.numpy()))

    def log_probs(point: Tensor) -> Tensor:
        weights = _weights(head, coordinates.theta(point))
        result: Tensor = torch.func.functional_call(head, weights, (contexts,))
        return result

    with torch.no_grad():
        jacobian = torch.func.jacrev(log_probs)(phi).movedim(-1, 0).numpy()
        start = log_probs(phi).numpy()

    def amplitudes(step: Floats) -> Floats:
        with torch.no_grad():
            return np.exp(log_probs(phi + torch.from_numpy(step)).numpy() / 2)

    return Model(_outcome_rows(start, jacobian), _residual(start, population), amplitudes)


def _trained(head: nn.Module) -> dict[str, nn.Parameter]:
    return {name: p for name, p in head.named_parameters() if p.requires_grad}


def _weights(head: nn.Module, flat: Tensor) -> dict[str, Tensor]:
    trained = _trained(head)
    parts = flat.split([p.numel() for p in trained.values()])
    return {name: part.view_as(p) for (name, p), part in zip(trained.items(), parts, strict=True)}
