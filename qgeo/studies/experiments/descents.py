"""Energies lowered from given points by every method, as published comparisons do it: steps and circuits to a
target, at one learning rate for all, or at each method's best of a search of one size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import SparsePauliOp

from qgeo.estimators.block_diagonal import BlockDiagonalQFI
from qgeo.estimators.diagonal import DiagonalQFI
from qgeo.estimators.dry_run import DryRun
from qgeo.estimators.estimator import FisherEstimator
from qgeo.estimators.lin_comb import LinCombQFI
from qgeo.observables.expectation import Expectation
from qgeo.observables.ground import ground_energy
from qgeo.optim.natural_gradient import NaturalGradient
from qgeo.vqe.minimization import circuits_per_step

ESTIMATORS: dict[str, Callable[..., FisherEstimator]] = {
    "quantum": LinCombQFI,
    "quantum-block-diagonal": BlockDiagonalQFI,
    "quantum-diagonal": DiagonalQFI,
}
METHODS = ("gradient", "adam", *ESTIMATORS)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Setting:
    """Of a descent; `damping` is λ of (F + λI), nothing to methods without a metric."""

    lr: float
    damping: float = 0.0


@dataclass(frozen=True, eq=False)
class Descent:
    """Circuit, observable and where to begin."""

    circuit: QuantumCircuit
    observable: SparsePauliOp
    start: Floats

    def module(self) -> Expectation:
        """Its energy, at the start."""
        return Expectation(self.circuit, self.observable, values=self.start)

    def circuits(self, method: str) -> int:
        """Bound circuits of a step: grouped strings, parameter shifts, the metric's entry by entry, as the
        published methods count them."""
        return circuits_per_step(self.module(), self.observable, method)

    def grouped_circuits(self, method: str) -> int:
        """The same with the metric's circuits as its estimator sends them, all of a layer read together."""
        euclidean = self.circuits("gradient")
        if method not in ESTIMATORS:
            return euclidean
        metric = ESTIMATORS[method](DryRun()).estimate(self.circuit, self.start, shots=2)
        return euclidean + metric.circuits

    def energies(self, method: str, setting: Setting, steps: int, target: float = -np.inf) -> Floats:
        """Energies before every step and after the last, (steps + 1,), NaN after a divergence; none after the
        first that is at or below the target.
        """
        module = self.module()
        optimizer = _optimizer(module, method, setting)
        found = np.full(steps + 1, np.nan)
        for step in range(steps + 1):
            optimizer.zero_grad()
            energy = module().sum()
            found[step] = float(energy.detach())
            if found[step] <= target:
                return found[: step + 1]
            if step == steps or not np.isfinite(found[step]):
                break
            energy.backward()
            optimizer.step()
        return found


ENDS = {"gradient": (0.03, 6.0), "adam": (0.01, 3.0)}
"""Least and largest learning rate that is tried, chosen by a pilot so that few choices lie there."""

NATURAL_LRS, DAMPINGS = (0.02, 0.06, 0.2, 0.6, 1.2, 2.4), (0.001, 0.01, 0.1, 0.4)
"""Of all metrics, F being 4 times the metric of Stokes et al.: their η is a quarter of these. With .6 as the
largest, F_Q chose it in 80 to 100% of replicates."""


def settings(method: str) -> list[Setting]:
    """As many for every method: learning rates by dampings, or that many learning rates between two ends.

    >>> [len(settings(method)) for method in ("adam", "quantum")]
    [24, 24]
    """
    if method in ENDS:
        return [Setting(float(lr)) for lr in np.geomspace(*ENDS[method], len(NATURAL_LRS) * len(DAMPINGS))]
    return [Setting(lr, damping) for lr, damping in product(NATURAL_LRS, DAMPINGS)]


def is_at_edge(method: str, chosen: Setting) -> bool:
    """Whether a learning rate is the least or the largest that was tried."""
    tried = [setting.lr for setting in settings(method)]
    return chosen.lr in (min(tried), max(tried))


def steps_to(energies: Floats, target: float) -> int:
    """Steps until an energy is at or below a target for the first time; all of them and one where none is."""
    reached = np.flatnonzero(energies <= target)
    return int(reached[0]) if reached.size else len(energies)


def random_layers(qubits: int, layers: int, generator: np.random.Generator) -> QuantumCircuit:
    """RY(π/4) on all, then layers of a rotation about a random axis on each qubit and a ladder of CZ.

    McClean et al. 2018 (arXiv 1803.11173); the circuit of Stokes et al. 2020 (arXiv 1909.02108), figure 3.
    """
    circuit = QuantumCircuit(qubits)
    circuit.ry(np.pi / 4, range(qubits))
    angles = iter(ParameterVector("theta", qubits * layers))
    for _ in range(layers):
        for qubit, axis in enumerate(generator.choice(["rx", "ry", "rz"], qubits)):
            getattr(circuit, axis)(next(angles), qubit)
        for qubit in range(qubits - 1):
            circuit.cz(qubit, qubit + 1)
    return circuit


def first_pair(qubits: int) -> SparsePauliOp:
    """Z₀Z₁, whose ground energy is −1."""
    return SparsePauliOp.from_sparse_list([("ZZ", [0, 1], 1.0)], num_qubits=qubits)


def transverse_ising(qubits: int) -> SparsePauliOp:
    """−Σ Z_q Z_{q+1} − Σ X_q on an open chain, critical."""
    couplings = [("ZZ", [q, q + 1], -1.0) for q in range(qubits - 1)]
    return SparsePauliOp.from_sparse_list(
        [*couplings, *(("X", [q], -1.0) for q in range(qubits))], num_qubits=qubits
    )


def target_of(observable: SparsePauliOp, share: float) -> float:
    """The ground energy plus a share of Σ|w|, the size of the observable."""
    return float(ground_energy(observable) + share * np.abs(observable.coeffs).sum())


def _optimizer(module: Expectation, method: str, setting: Setting) -> torch.optim.Optimizer:
    if method == "gradient":
        return torch.optim.SGD(module.parameters(), lr=setting.lr)
    if method == "adam":
        return torch.optim.Adam(module.parameters(), lr=setting.lr)
    return NaturalGradient(module, metric=method, lr=setting.lr, damping=setting.damping)
