"""MeasuredExpectation: energies and their gradients from shots, on any V2 sampler or estimator.

    E_k = Σ_g Σ_z c_gk(z) p̂_g(z),      ∂E_k/∂θ by parameter shift of every p̂_g

Strings that agree on every qubit, or have an I there, are one group g: one basis, read from the same shots
(`SparsePauliOp.group_commuting(qubit_wise=True)`, over all observables together). All groups of a forward
pass are one job, all shifts of a backward pass another; equal rows of a batch are measured once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from torch import Tensor, nn

from qgeo.circuit.paulis import Term, label, letter, signs
from qgeo.estimators.derivatives import check_width, read_probabilities, shifted_derivatives, state_task
from qgeo.estimators.estimator import checked_shots
from qgeo.estimators.execution import Cost, Executor
from qgeo.estimators.pauli_circuit import PauliCircuit, pauli_circuit
from qgeo.modules.calls import CircuitCall
from qgeo.observables.expectation import Expectation
from qgeo.observables.pauli_sum import PauliSum

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Group:
    """Strings read in one basis.

    Attributes:
        source: the circuit with the change of basis behind it; weights: c (K, 2ⁿ), of every outcome.
    """

    source: PauliCircuit
    weights: Floats


class MeasuredExpectation(nn.Module):
    """An `Expectation` on a sampler: the same values and calls, energies from shots.

    Args:
        exact: the module that keeps the parameters; its circuit must consist of Pauli rotations and fixed
            gates (`pauli_circuit`).
        executor: where circuits are run; shots: per circuit, None for the exact limit.

    `cost` counts what was run; `stderr` (B, K) are the standard errors of the last energies.

    Raises:
        CircuitError: a gate without a shift rule, or more than 12 qubits.

    >>> from qiskit.circuit.library import real_amplitudes
    >>> exact = Expectation(real_amplitudes(2, reps=1), SparsePauliOp(["ZZ", "XI"], [1.0, 0.5]))
    >>> measured = MeasuredExpectation(exact, Executor(generator=np.random.default_rng(0)), shots=1000)
    >>> bool((measured() - exact()).abs() < 5 * float(measured.stderr.max()))
    True
    >>> measured.cost
    Cost(circuits=2, shots=2000)
    """

    def __init__(self, exact: Expectation, executor: Executor, *, shots: int | None) -> None:
        super().__init__()
        self.exact, self.executor, self.shots = exact, executor, checked_shots(shots)
        self.groups = _groups(exact.circuit, exact.observables)
        self.cost, self.stderr = Cost(), torch.zeros(0)
        names = {name: column for column, name in enumerate(exact.program.columns)}
        self._columns = [names[parameter.name] for parameter in exact.circuit.parameters]

    def forward(self, inputs: Tensor | None = None) -> Tensor:
        """(K,) energies; (B, K) at inputs (B, d)."""
        self.exact.check_inputs(inputs)
        values = self.exact.values
        by_context = values.new_zeros(1, 0) if inputs is None else inputs
        energies: Tensor = _Measured.apply(self, values, by_context)  # type: ignore[no-untyped-call]
        return energies[0] if inputs is None else energies.to(inputs.dtype)

    def circuit_call(self, inputs: Tensor | None = None) -> CircuitCall:
        """See `CircuitModule`."""
        return self.exact.circuit_call(inputs)

    def measured(self, rows: Floats) -> Tensor:
        """Energies (B, K) at rows (B, P) of `circuit.parameters`; `stderr` is theirs."""
        distinct, here = np.unique(rows, axis=0, return_inverse=True)
        tasks = [state_task(each.source, each.source.angles(distinct), self.shots) for each in self.groups]
        outcomes, cost = self.executor.run(tasks)
        self.cost = self.cost + cost
        pairs = zip(self.groups, outcomes, strict=True)
        tables = [(read_probabilities(g.source, found, self.shots).values, g.weights) for g, found in pairs]
        energies = np.sum([p @ c.T for p, c in tables], axis=0)
        variance = np.sum([p @ (c**2).T - (p @ c.T) ** 2 for p, c in tables], axis=0)
        spread = np.sqrt(np.maximum(variance, 0) / (np.inf if self.shots is None else self.shots))
        self.stderr = torch.from_numpy(spread[here.reshape(-1)])
        return torch.from_numpy(energies[here.reshape(-1)])

    def slopes(self, rows: Floats, cotangent: Floats) -> Floats:
        """Σ_k g_k ∂E_k/∂(parameters), (B, P), at rows (B, P), from cotangents g (B, K)."""
        total = np.zeros(rows.shape)
        distinct, found_at = np.unique(rows, axis=0, return_inverse=True)
        here = found_at.reshape(-1)
        angles = [group.source.angles(distinct) for group in self.groups]
        asked = [
            shifted_derivatives.tasks(group.source, each, self.shots)
            for group, each in zip(self.groups, angles, strict=True)
        ]
        results, cost = self.executor.run([task for tasks in asked for task in tasks])
        self.cost = self.cost + cost
        for group, tasks in zip(self.groups, asked, strict=True):
            mine, results = results[: len(tasks)], results[len(tasks) :]
            found = shifted_derivatives.read(group.source, len(distinct), mine, self.shots).at(here)
            by_term = np.einsum("bk,kz,btz->bt", cotangent, group.weights, found.values)
            total += np.einsum("bt,btp->bp", by_term, group.source.jacobian(rows))
        return total

    def bindings(self, values: Tensor, inputs: Tensor) -> Floats:
        """(B, P) numbers of the circuit's parameters, in its own order."""
        table = torch.cat([values.expand(len(inputs), -1), inputs.to(values.dtype)], dim=1)
        return table[:, self._columns].detach().double().cpu().numpy()

    def in_program_order(self, by_parameter: Floats) -> Tensor:
        """(B, P) from `circuit.parameters` order to values, then inputs."""
        ordered = np.empty_like(by_parameter)
        ordered[:, self._columns] = by_parameter
        return torch.from_numpy(ordered)


class _Measured(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, module: MeasuredExpectation, values: Tensor, inputs: Tensor) -> Tensor:
        ctx.module, ctx.rows = module, module.bindings(values, inputs)
        ctx.types = values.dtype, inputs.dtype
        return module.measured(ctx.rows).to(values.device)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, cotangent: Tensor) -> tuple[None, Tensor, Tensor]:
        module: MeasuredExpectation = ctx.module
        slopes = module.slopes(ctx.rows, cotangent.double().cpu().numpy())
        gradient = module.in_program_order(slopes).to(cotangent.device)
        size, (own, data) = len(module.exact.values), ctx.types
        return None, gradient[:, :size].sum(0).to(own), gradient[:, size:].to(data)


def _groups(circuit: QuantumCircuit, observables: tuple[PauliSum, ...]) -> list[Group]:
    """Bases, with what every outcome counts for each observable."""
    num_qubits = circuit.num_qubits
    weights = _weights_by_string(observables)
    labels = [label(Term(x, z), num_qubits) for x, z in weights]
    together = SparsePauliOp(labels).group_commuting(qubit_wise=True)
    groups = []
    for part in together:
        strings = [_masks(text) for text in part.paulis.to_labels()]
        source = pauli_circuit(_in_basis(circuit, strings))
        check_width(source)
        index = np.arange(1 << num_qubits)
        counted = sum(np.outer(weights[x, z], signs(index, x | z)) for x, z in strings)
        groups.append(Group(source, np.asarray(counted)))
    return groups


def _weights_by_string(observables: tuple[PauliSum, ...]) -> dict[tuple[int, int], Floats]:
    """(K,) weights of every string in any of K observables."""
    weights: dict[tuple[int, int], Floats] = {}
    for place, observable in enumerate(observables):
        for x, z, weight in observable.terms:
            weights.setdefault((x, z), np.zeros(len(observables)))[place] += weight
    return weights


def _masks(text: str) -> tuple[int, int]:
    bits = [[each in letters for each in reversed(text)] for letters in ("XY", "ZY")]
    x, z = (sum(bit << qubit for qubit, bit in enumerate(row)) for row in bits)
    return x, z


def _in_basis(circuit: QuantumCircuit, strings: list[tuple[int, int]]) -> QuantumCircuit:
    """The circuit with X and Y turned to Z behind it, on the qubits that are read in them."""
    turned = circuit.copy()
    for qubit in range(circuit.num_qubits):
        letters = {letter(Term(x, z), qubit) for x, z in strings} - {"I", "Z"}
        if "Y" in letters:
            turned.sdg(qubit)
        if letters:
            turned.h(qubit)
    return turned
