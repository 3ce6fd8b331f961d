"""The output of a measured circuit over contexts: its loss, its divergences, its two metrics, its steps.

    p_θ(y|x) = |⟨y|V U(θ, x)|0⟩|²,   L(θ) = −E_x Σ_y t(y|x) log p_θ(y|x)

V is the measurement's basis, t a population that stands for the data. What theorems say of steps is held
against what finite steps of this output do: divergences and drops come from probabilities and states alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from qiskit.circuit.library import UnitaryGate
from scipy.optimize import brentq

from qgeo.circuit.ansatz import ansatz
from qgeo.circuit.compiler import compile
from qgeo.circuit.program import Program
from qgeo.geometry.exact import classical_fisher, quantum_fisher
from qgeo.geometry.filter import RANGE, SpectralFilter
from qgeo.simulate.statevector import states
from qgeo.simulate.tangents import states_and_tangents

Floats = NDArray[np.float64]
Direction = Floats
Length = Callable[[Floats], float]


@dataclass(frozen=True, eq=False)
class MeasuredOutput:
    """A circuit at a point, with the population that it is to learn.

    Attributes:
        program: of U and V; values: (P,); inputs: (B, d); population: t, (B, 2ⁿ).
    """

    program: Program
    values: Floats
    inputs: Floats
    population: Floats

    def states(self, step: Floats | float = 0.0) -> NDArray[np.complex128]:
        """ψ(θ + δ) of every context, (B, 2ⁿ)."""
        moved = torch.from_numpy(self.values + step)
        return np.asarray(states(self.program, moved, torch.from_numpy(self.inputs)).numpy())

    def log_probs(self, step: Floats | float = 0.0) -> Floats:
        """log p(y|x), (B, 2ⁿ)."""
        return np.asarray(2 * np.log(np.abs(self.states(step))))

    def jacobian(self) -> Floats:
        """∂ log p(y|x), (P, B, 2ⁿ) = 2 Re ∂ψ/ψ."""
        psi, tangents = self._tangents()
        return np.asarray(2 * (tangents / psi).real)

    def phase_jacobian(self) -> Floats:
        """∂φ_y(x) of ψ_y = √p_y e^{iφ_y}, (P, B, 2ⁿ) = Im ∂ψ/ψ."""
        psi, tangents = self._tangents()
        return np.asarray((tangents / psi).imag)

    def gradient(self) -> Floats:
        """∇L, (P,)."""
        return np.asarray(-(self.population * self.jacobian()).sum(-1).mean(-1))

    def metrics(self) -> tuple[Floats, Floats]:
        """F_C of the outcomes and F_Q, (P, P), mean over contexts."""
        return (
            classical_fisher(self.program, self.values, inputs=self.inputs),
            quantum_fisher(self.program, self.values, inputs=self.inputs),
        )

    def readout_fisher(self, readout: Floats) -> Floats:
        """F_C behind a fixed channel of the bitstrings, (P, P)."""
        return classical_fisher(self.program, self.values, inputs=self.inputs, readout=readout)

    def phase_covariance(self) -> Floats:
        """E_x Cov_p(∂φ), (P, P)."""
        p, moved = np.exp(self.log_probs()), self.phase_jacobian()
        mean = (p * moved).sum(-1)
        return np.asarray((np.einsum("by,iby,jby->ij", p, moved, moved) - mean @ mean.T) / len(p))

    def token_covariance(self) -> Floats:
        """Σ of the gradient of one token that the population draws, contexts uniform, (P, P)."""
        by_token, weights = -self.jacobian(), self.population / len(self.population)
        mean = self.gradient()
        return np.asarray(np.einsum("by,iby,jby->ij", weights, by_token, by_token) - np.outer(mean, mean))

    def loss(self, step: Floats | float = 0.0) -> float:
        """L(θ + δ), nats."""
        return float(-(self.population * self.log_probs(step)).sum(-1).mean())

    def divergence(self, step: Floats) -> float:
        """Mean KL(p_θ ‖ p_{θ+δ}), nats; log1p keeps the digits of a small one."""
        before = self.log_probs()
        ratio = np.expm1(self.log_probs(step) - before)  # Σ p (q/p − 1) = 0 exactly
        return float((np.exp(before) * (ratio - np.log1p(ratio))).sum(-1).mean())

    def bures(self, step: Floats) -> float:
        """Mean squared Bures distance, to second order: 1 − |⟨ψ|ψ'⟩|²."""
        return squared_distance(self.states(), self.states(step))

    def drop(self, direction: Floats, length: Length, size: float) -> float:
        """What a step along −direction saves, stretched to a length: (L(−δ) − L(δ))/2, without the loss's
        curvature.
        """
        log_scale = brentq(lambda log: np.log(length(-np.exp(log) * direction) / size), -30, 5)
        step = np.exp(log_scale) * direction
        return (self.loss(step) - self.loss(-step)) / 2

    def _tangents(self) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
        psi, tangents = states_and_tangents(
            self.program, torch.from_numpy(self.values), torch.from_numpy(self.inputs)
        )
        return psi.numpy(), tangents.numpy()


def random_output(
    family: str, qubits: int, layers: int, contexts: int, generator: np.random.Generator, basis: str = "z"
) -> MeasuredOutput:
    """A circuit of a family at a random point, with random inputs and population.

    Args:
        basis: "z", or "haar" for a random basis of all qubits together.
    """
    built = ansatz(family, qubits, layers)
    circuit = built.circuit.copy()
    if basis == "haar":
        circuit.append(UnitaryGate(haar_unitary(2**qubits, generator)), range(qubits))
    return random_point(compile(circuit, input_parameters=built.input_parameters), contexts, generator)


def random_point(program: Program, contexts: int, generator: np.random.Generator) -> MeasuredOutput:
    """A circuit with random values, inputs and population."""
    values = generator.uniform(-np.pi, np.pi, program.num_parameters)
    inputs = generator.uniform(-np.pi, np.pi, (contexts, program.num_inputs))
    return MeasuredOutput(
        program, values, inputs, random_distributions(contexts, program.dimension, generator)
    )


def random_distributions(contexts: int, outcomes: int, generator: np.random.Generator) -> Floats:
    """Softmax of normal logits, (B, N)."""
    weights = np.exp(generator.normal(size=(contexts, outcomes)))
    return np.asarray(weights / weights.sum(-1, keepdims=True))


def squared_distance(before: NDArray[Any], after: NDArray[Any]) -> float:
    """1 − |⟨ψ|ψ'⟩|², mean over contexts, of normalised amplitudes (B, N); small ones keep their digits."""
    along = (before.conj() * after).sum(-1, keepdims=True)
    return float((np.abs(after - along * before) ** 2).sum(-1).mean())


def parity_readout(qubits: int) -> Floats:
    """The channel from bitstrings to their parity, (2, 2ⁿ)."""
    parity = np.array([z.bit_count() % 2 for z in range(2**qubits)])
    return np.array([parity == 0, parity == 1], dtype=float)


def haar_unitary(dimension: int, generator: np.random.Generator) -> NDArray[np.complex128]:
    """A unitary from Haar's measure: QR of a complex Gaussian matrix, phases of R's diagonal divided out
    (Mezzadri 2007)."""
    gaussian = generator.normal(size=(2, dimension, dimension))
    q, r = np.linalg.qr(gaussian[0] + 1j * gaussian[1])
    return np.asarray(q * (np.diag(r) / np.abs(np.diag(r))))


def least_norm_step(metric: Floats, gradient: Floats) -> Floats:
    """M⁺g, the shortest of the steps that a singular metric cannot tell apart."""
    return np.asarray(np.linalg.pinv(metric, 1e-10, hermitian=True) @ gradient)


def shortest_classical_step(found: SpectralFilter, gradient: Floats) -> Floats:
    """Of the steps that F_C cannot tell apart, F_C⁺g among them, the one of the least Bures distance."""
    kept = np.where(found.kept > RANGE * found.kept.max(), found.kept, np.inf)
    return np.asarray(found.directions @ (found.directions.T @ gradient / kept))


def wishart(size: int, trace: float, generator: np.random.Generator) -> Floats:
    """A random positive definite matrix of full rank and this trace, GGᵀ with G square Gaussian."""
    gaussian = generator.normal(size=(size, size))
    product = gaussian @ gaussian.T
    return np.asarray(product * (trace / np.trace(product)))
