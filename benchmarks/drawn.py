"""A quick source of shots: multinomial counts from exact distributions, each computed once.

`Drawn` stands in the place of `estimator.executor`, so that hundreds of estimates take seconds. The
distributions are those of the very circuits that the estimator asks for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from qgeo.circuit.compiler import compile
from qgeo.estimators.execution import CircuitTask, Cost
from qgeo.estimators.outcomes import Outcomes, exact_outcomes
from qgeo.simulate.statevector import states

Floats = NDArray[np.float64]


class Drawn:
    """Runs tasks by drawing counts.

    Args:
        seed: of the draws; remember: keep distributions of circuits that come again at the same angles.
    """

    def __init__(self, seed: int, *, remember: bool = True) -> None:
        self.generator = np.random.default_rng(seed)
        self.remember = remember
        self._exact: dict[tuple[int, bytes], tuple[QuantumCircuit, list[Outcomes]]] = {}

    def run(self, tasks: Sequence[CircuitTask]) -> tuple[list[list[Outcomes]], Cost]:
        """See `Executor.run`; no circuit is counted."""
        rows = [[self._drawn(exact, task.shots) for exact in self.exact(task)] for task in tasks]
        return rows, Cost(0, sum((task.shots or 0) * len(task.angles) for task in tasks))

    def exact(self, task: CircuitTask) -> list[Outcomes]:
        """The distribution at every row of a task's angles."""
        key = (id(task.circuit), task.angles.tobytes())
        if key in self._exact:
            return self._exact[key][1]
        outcomes = self._computed(task)
        if self.remember:
            self._exact[key] = (task.circuit, outcomes)  # the circuit is kept, so that its id stays its own
        return outcomes

    def _computed(self, task: CircuitTask) -> list[Outcomes]:
        return exact_outcomes(task.circuit, task.angles)

    def _drawn(self, exact: Outcomes, shots: int | None) -> Outcomes:
        if shots is None:
            return exact
        counts = self.generator.multinomial(shots, exact.weights / exact.weights.sum())
        return Outcomes(exact.bits[counts > 0], counts[counts > 0] / shots, shots)


class DrawnInBases(Drawn):
    """For circuits that differ in their last gate alone, a unitary on all qubits before all are measured: the
    states in front of it are computed once."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, remember=False)
        self._states: dict[bytes, NDArray[np.complex128]] = {}

    def _computed(self, task: CircuitTask) -> list[Outcomes]:
        if task.angles.tobytes() not in self._states:
            self._states[task.angles.tobytes()] = states_of(task.circuit, task.angles, leave_out=1)
        basis = [step for step in task.circuit.data if step.operation.name != "measure"][-1]
        after = self._states[task.angles.tobytes()] @ basis.operation.to_matrix().T
        return [Outcomes(_bits(task.circuit.num_qubits), row, np.inf) for row in np.abs(after) ** 2]


def states_of(circuit: QuantumCircuit, angles: Floats, leave_out: int = 0) -> NDArray[np.complex128]:
    """States (B, 2ⁿ) before the measurements, and before the last gates that are left out."""
    bare = QuantumCircuit(*circuit.qregs)
    gates = [step for step in circuit.data if step.operation.name != "measure"]
    for step in gates[: len(gates) - leave_out]:
        bare.append(step)
    program = compile(bare, input_parameters=bare.parameters)
    inputs = torch.from_numpy(angles[:, [parameter.index for parameter in bare.parameters]].copy())
    return states(program, inputs.new_zeros(0), inputs).numpy()


def _bits(num_qubits: int) -> NDArray[np.bool_]:
    index = np.arange(2**num_qubits)[:, None]
    return ((index >> np.arange(num_qubits)) & 1).astype(bool)
