"""How often a 95% interval holds what its estimator expects: circuits × shots × methods.

Near-deterministic states, GHZ states, states whose means vanish, entangled and generic states, entries that
are 0. What an estimator expects is known without repetitions: the exact limit of unbiased methods (F_Q for
random bases), the sum over all directions (SPSA), a quadrature over them (Stein), the closed form of the
sampled F_C.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector

from benchmarks.drawn import Drawn, DrawnInBases, states_of
from qgeo.estimators.derivatives import state_circuit
from qgeo.estimators.lin_comb import LinCombQFI
from qgeo.estimators.methods import METHODS, methods_with
from qgeo.estimators.pauli_circuit import pauli_circuit
from qgeo.estimators.random_directions import Directions
from qgeo.estimators.spsa import SPSAQFI
from qgeo.estimators.stein import SteinQFI

WITH_DRAWS = methods_with(lambda each: each.has_draws)

Floats = NDArray[np.float64]

SHOTS = (50, 100, 1000)
LEVEL = 0.95
NODES = 6
"""Of the Gauss–Hermite rule per direction: exact to order 11 of the overlap's series in the spread."""


# --- circuits -------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Case:
    """A circuit and values of its parameters."""

    name: str
    circuit: QuantumCircuit
    values: Floats


def _circuit(num_qubits: int, *gates: tuple[Any, ...]) -> QuantumCircuit:
    """From rows (method name, arguments…)."""
    circuit = QuantumCircuit(num_qubits)
    for name, *arguments in gates:
        getattr(circuit, name)(*arguments)
    return circuit


def _scramble(num_qubits: int, seed: int) -> list[tuple[Any, ...]]:
    """A fixed u on each qubit and a ladder of cx."""
    angles = np.random.default_rng(seed).uniform(-3, 3, (num_qubits, 3))
    gates: list[tuple[Any, ...]] = [("u", *row, qubit) for qubit, row in enumerate(angles.tolist())]
    return gates + [("cx", qubit, qubit + 1) for qubit in range(num_qubits - 1)]


@cache
def cases() -> tuple[Case, ...]:
    """One circuit of each kind."""
    a, b, c, d, e = ParameterVector("theta", 5)
    small = [0.05, 0.08, 0.4, 0.03, 0.06]
    near = [("ry", a, 0), ("ry", b, 1), ("rz", c, 0), ("rzz", d, 0, 1), ("rx", e, 1)]
    ghz = [("h", 0), ("cx", 0, 1), ("cx", 1, 2)]
    turned = [("rz", a, 0), ("rz", b, 1), ("rz", c, 2), ("rx", d, 0), ("ry", e, 2)]
    plus = [("h", [0, 1]), ("rz", a, 0), ("rz", b, 1), ("rzz", c, 0, 1), ("ry", d, 0), ("rx", e, 1)]
    between = [("rx", a, 0), ("ry", b, 1), ("rzz", c, 1, 2), ("rx", d, 2), ("rz", e, 0)]
    layered = [("ry", a, 0), ("ry", b, 1), ("cx", 0, 1), ("rz", c, 0), ("ry", d, 1), ("rx", e, 0)]
    zeros = [("ry", 0.9, 0), ("ry", 2.1, 1), ("cx", 0, 1), ("rz", a, 0), ("ry", b, 1), ("rzz", c, 0, 1)]
    return (
        Case("near-deterministic", _circuit(2, *near), np.array(small)),
        Case("GHZ", _circuit(3, *ghz, *turned), np.array([0.4, -0.3, 0.2, 0.7, 0.5])),
        Case("symmetric", _circuit(2, *plus), np.array([0.0, 0.0, 0.0, 0.3, 0.8])),
        Case(
            "entangled",
            _circuit(3, *_scramble(3, 5), *between, *_scramble(3, 0)),
            np.array([1.1, 0.7, 2.3, 0.9, 0.4]),
        ),
        Case("generic", _circuit(2, *layered), np.array([0.9, 1.9, 0.6, 0.8, 1.3])),
        Case("zero entries", _circuit(2, *zeros), np.array([0.4, 0.3, 0.2])),
    )


WITHOUT_RARE = ("entangled", "generic")
"""Circuits on which no entry may be flagged, and intervals be no wider than twice the ideal one."""


# --- what estimators expect -----------------------------------------------------------------------


class _AllSigns(SPSAQFI):
    """SPSA along every pair of sign vectors once."""

    def directions(self, parameters: int) -> Directions:
        signs = np.array(np.meshgrid(*[[-1.0, 1.0]] * parameters)).reshape(parameters, -1).T
        first, second = np.repeat(signs, len(signs), 0), np.tile(signs, (len(signs), 1))
        self.draws = len(first)
        return self.along(first, second)


class _AtNodes(SteinQFI):
    """Stein at the nodes of a Gauss–Hermite rule in every direction."""

    def directions(self, parameters: int) -> Directions:
        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        points = np.array(np.meshgrid(*[nodes] * parameters)).reshape(parameters, -1).T
        share = np.array(np.meshgrid(*[weights / weights.sum()] * parameters)).reshape(parameters, -1).prod(0)
        self.draws = len(share)
        chosen = self.along(points)
        return replace(chosen, patterns=chosen.patterns * (share * len(share))[:, None, None])


def expectation(method: str, case: Case, shots: int | None, **options: Any) -> Floats:
    """E F̂ (P, P); options: of the estimator."""
    if method == "sampled-cfi":
        return _sampled_fisher(*_states_and_tangents(case), shots)
    unbiased = LinCombQFI if method == "random-measurement" else METHODS[method]
    estimator = {"spsa": _AllSigns, "stein": _AtNodes}.get(method, unbiased)(**options)
    return estimator.estimate(case.circuit, case.values, shots=None).matrix


def _states_and_tangents(case: Case) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """ψ (Y,) and ∂ψ (P, Y), from ψ(a ± π/2) = (ψ ± 2∂ψ)/√2 for every Pauli term."""
    source = pauli_circuit(case.circuit)
    shifts = np.pi / 2 * np.eye(source.num_terms)
    angles = source.angles(case.values[None]) + np.concatenate([0 * shifts[:1], shifts, -shifts])
    psi, *shifted = states_of(state_circuit(source), angles)
    up, down = np.split(np.array(shifted), 2)
    return psi, source.jacobian(case.values[None])[0].T @ (up - down) / 8**0.5


def _sampled_fisher(psi: Any, tangents: Any, shots: int | None) -> Floats:
    """Σ_y ∂p ∂pᵀ/p [1 − (1−p)^{s+1}], for states (…, Y) and tangents (…, P, Y)."""
    p, slopes = np.abs(psi) ** 2, 2 * (psi[..., None, :].conj() * tangents).real
    share = 1.0 if shots is None else 1 - (1 - p) ** (shots + 1)
    weight = np.where(p > 1e-14, share / np.maximum(p, 1e-14), 0.0)
    return np.asarray((slopes * weight[..., None, :]) @ np.swapaxes(slopes, -1, -2))


# --- many estimates -------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Repeated:
    """Estimates of one cell, (times, P, P) each, and what they expect (P, P)."""

    matrices: Floats
    stderr: Floats
    lower: Floats
    upper: Floats
    expected: Floats
    flagged: NDArray[np.bool_]

    @property
    def sampled(self) -> NDArray[np.bool_]:
        """(P, P) the upper triangle without entries that no circuit sampled."""
        return np.triu(self.stderr.any(0) | self.matrices.any(0))

    @property
    def covered(self) -> NDArray[np.bool_]:
        rounding = 1e-9
        return (self.lower <= self.expected + rounding) & (self.expected <= self.upper + rounding)


def _executor(method: str, seed: int) -> Drawn:
    if method == "random-measurement":
        return DrawnInBases(seed)
    return Drawn(seed, remember=method not in WITH_DRAWS)  # new directions never come again


def repeated(method: str, case: Case, shots: int, times: int, seed: int = 1, **options: Any) -> Repeated:
    """`times` independent estimates."""
    estimator = METHODS[method](generator=np.random.default_rng(seed), **options)
    estimator.executor = _executor(method, seed + 1)
    estimates = [estimator.estimate(case.circuit, case.values, shots=shots) for _ in range(times)]
    ends = np.array([estimate.interval(LEVEL) for estimate in estimates])
    return Repeated(
        matrices=np.array([estimate.matrix for estimate in estimates]),
        stderr=np.array([estimate.stderr for estimate in estimates]),
        lower=ends[:, 0],
        upper=ends[:, 1],
        expected=expectation(method, case, shots),
        flagged=np.array([estimate.flagged for estimate in estimates]),
    )
