"""Imaginary time by natural gradient: the energies of qiskit-algorithms' `VarQITE`, and of exp(−τH).

    ¼F_Q θ̇ = −½∇E   (McLachlan),   forward Euler:  θ − 2Δτ F_Q⁻¹∇E,   lr = 2Δτ, damping = 0

The case is the one that `VarQITE` documents: two qubits, `efficient_su2(2, reps=1)` from π/2, where F_Q has
rank 5 of 8. Its default solver drops eigenvalues below a hundredth of the largest (`lstsq`, rcond = 1e-2),
ours those that are rounding; both are compared, each with its like. docs/imaginary_time.md shows the case.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp, Statevector
from scipy.linalg import expm
from torch import Tensor, nn

from qgeo import Expectation, NaturalGradient
from qgeo.geometry.operators import DenseMatrix, InformationMatrix
from qgeo.modules.fisher import module_metric

HAMILTONIAN = SparsePauliOp(
    ["II", "ZZ", "IZ", "ZI", "YY", "XX"], [0.2252, 0.5716, 0.3435, -0.4347, 0.091, 0.091]
)
ANSATZ = efficient_su2(2, reps=1)
START = np.full(8, np.pi / 2)
TIME, STEPS = 1.0, 8
"""Eighths add up to 1 exactly; `VarQITE` takes an eleventh step of .1, as ten of them are 1 − 10⁻¹⁶."""


def ours(steps: int = STEPS, metric: Any = "quantum", lr_per_time: float = 2.0) -> list[float]:
    """Energies at times 0, Δτ, …, 1."""
    module = Expectation(ANSATZ, HAMILTONIAN, values=START)
    optimizer = NaturalGradient(module, metric=metric, lr=lr_per_time * TIME / steps, damping=0.0)
    found = []
    for _ in range(steps):
        optimizer.zero_grad()
        energy = module().sum()
        energy.backward()
        optimizer.step()
        found.append(energy.item())
    return [*found, module().item()]


def cut_at_a_hundredth(
    module: nn.Module, inputs: Tensor | None, targets: Tensor | None = None
) -> InformationMatrix:
    """F_Q without what is below a hundredth of its largest eigenvalue."""
    eigenvalues, vectors = torch.linalg.eigh(module_metric("quantum")(module, inputs, targets).to_dense())
    kept = torch.where(eigenvalues > 1e-2 * eigenvalues[-1], eigenvalues, 0.0)
    return DenseMatrix(vectors @ torch.diag(kept) @ vectors.mT)


@cache
def theirs(rcond: float | None) -> tuple[float, ...]:
    """`VarQITE` with exact gradients; rcond of its solver, None for the default."""
    pytest.importorskip("qiskit_algorithms")
    from qiskit_algorithms import TimeEvolutionProblem, VarQITE
    from qiskit_algorithms.gradients import ReverseEstimatorGradient, ReverseQGT
    from qiskit_algorithms.time_evolvers.variational import ImaginaryMcLachlanPrinciple

    principle = ImaginaryMcLachlanPrinciple(ReverseQGT(), ReverseEstimatorGradient())
    solver = None if rcond is None else lambda a, b: np.linalg.lstsq(a, b, rcond=rcond)[0]
    evolver = VarQITE(ANSATZ, START, principle, lse_solver=solver, num_timesteps=STEPS)
    path = evolver.evolve(TimeEvolutionProblem(HAMILTONIAN, TIME)).parameter_values
    return tuple(energy_at(values) for values in path)


def energy_at(values: np.ndarray) -> float:
    state = Statevector(ANSATZ.assign_parameters(list(values)))
    return float(state.expectation_value(HAMILTONIAN).real)


def test_energies_are_those_of_varqite() -> None:
    # Seen to fail: g for F (lr = Δτ/2); lr = Δτ; a damping of 1e-3.
    assert_allclose(ours(), theirs(rcond=1e-12), atol=1e-10)


def test_energies_are_those_of_its_default_solver_where_small_eigenvalues_are_dropped() -> None:
    # Seen to fail: a cut at a thousandth.
    assert_allclose(ours(metric=cut_at_a_hundredth), theirs(rcond=None), atol=1e-10)


def test_the_comparison_sees_other_conventions() -> None:
    for lr_per_time in (0.5, 1.0):
        assert np.abs(np.subtract(ours(lr_per_time=lr_per_time), theirs(rcond=1e-12))).max() > 0.1
    assert np.abs(np.subtract(ours(), theirs(rcond=None))).max() > 0.01


def exact(time: float) -> float:
    """The energy of exp(−τH)ψ, normalised."""
    hamiltonian = HAMILTONIAN.to_matrix()
    state = expm(-time * hamiltonian) @ Statevector(ANSATZ.assign_parameters(list(START))).data
    return float((state.conj() @ hamiltonian @ state).real / np.linalg.norm(state) ** 2)


@pytest.mark.parametrize("steps", [100, 200])
def test_imaginary_time_is_reached_to_first_order_in_the_step(steps: int) -> None:
    # Seen to fail: lr = Δτ.
    expected = [exact(time) for time in np.linspace(0, TIME, steps + 1)]
    assert_allclose(ours(steps), expected, atol=0.55 / steps)
