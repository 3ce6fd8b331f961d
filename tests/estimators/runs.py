"""What the tests of this package share: circuits, a quick source of shots, samplers that count.

`Drawn` (of the benchmarks) stands in for an executor: multinomial counts from the exact distribution of the
circuits that the estimator asks for, so that a thousand estimates take a second. `Counting` and `Zeros` are
V2 samplers.
"""

from __future__ import annotations

from functools import cache

import cases
import numpy as np
from cases import A, B, C, D
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterExpression, ParameterVector
from qiskit.primitives import (
    BasePrimitiveJob,
    BaseSamplerV2,
    BitArray,
    DataBin,
    PrimitiveResult,
    SamplerPubResult,
)
from qiskit.primitives.containers.sampler_pub import SamplerPub

from benchmarks.drawn import Drawn

# --- circuits -------------------------------------------------------------------------------------

REFUSED = {  # terms of one generator do not commute: the position of the instruction, its name
    "annotated-evolution": (6, "annotated"),
    "evolution-non-commuting": (4, "PauliEvolution"),
    "evolution-expression": (4, "PauliEvolution"),
    "evolution-list": (4, "PauliEvolution"),
    "evolution-inverse": (4, "PauliEvolution"),
    "evolution-control": (6, "PauliEvolution"),
    "evolution-heisenberg-5": (10, "PauliEvolution"),
    "evolution-hamiltonian-gate": (4, "hamiltonian"),
}


def evolves_non_commuting(case: cases.Case) -> bool:
    """Whether a random case holds the table's free evolution of terms that do not commute."""
    times = [getattr(step.operation, "time", None) for step in case.circuit.data]
    return any(isinstance(time, ParameterExpression) for time in times)


BY_NAME = {case.name: case for case in cases.CASES}
ACCEPTED = [
    *(case for case in cases.CASES if case.name not in REFUSED),
    *(case for case in cases.RANDOM_CASES if not evolves_non_commuting(case)),
]
ANGLE_GATES = [BY_NAME[gate.__name__] for gate in cases.ANGLE_GATES]


def circuit_of(num_qubits: int, *gates: tuple) -> QuantumCircuit:
    """A circuit from (method name, arguments…) rows."""
    circuit = QuantumCircuit(num_qubits)
    for name, *arguments in gates:
        getattr(circuit, name)(*arguments)
    return circuit


def generic_pair() -> QuantumCircuit:
    """Four parameters in three layers on a complex state: no mean vanishes, no entry of F is zero."""
    gates = (("rx", A, 0), ("ry", B, 1), ("rzz", C, 0, 1), ("rx", D, 1))
    return cases.scramble(2, seed=13).compose(circuit_of(2, *gates)).compose(cases.scramble(2, seed=2))


def shared_pair() -> QuantumCircuit:
    """Two parameters in several layers, in gates of two terms, in expressions."""
    gates = (("crx", A, 0, 1), ("ry", A, 0), ("crx", B, 1, 0), ("rz", 2 * A, 1), ("cp", A * B, 0, 1))
    return cases.scramble(2, seed=3).compose(circuit_of(2, *gates)).compose(cases.scramble(2, seed=4))


def vanishing_pair() -> QuantumCircuit:
    """rz, rz, rzz on |++⟩: ⟨P⟩ = 0 for every term, F = I, and no linear noise on its diagonal."""
    return circuit_of(2, ("h", [0, 1]), ("rz", A, 0), ("rz", B, 1), ("rzz", C, 0, 1))


def three_repetitions() -> QuantumCircuit:
    """ry and rz on each of four qubits, a chain of cx, three times: 24 parameters."""
    theta = iter(ParameterVector("θ", 24))
    circuit = QuantumCircuit(4)
    for _ in range(3):
        for name in ("ry", "rz"):
            for qubit in range(4):
                getattr(circuit, name)(next(theta), qubit)
        for qubit in range(3):
            circuit.cx(qubit, qubit + 1)
    return circuit


def values_of(circuit: QuantumCircuit, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.2, 2.9, circuit.num_parameters)


# --- shots ----------------------------------------------------------------------------------------


def with_drawn_shots(estimator, seed: int, **options):
    """The estimator on a `Drawn` executor."""
    estimator.executor = Drawn(seed, **options)
    return estimator


class Finished(BasePrimitiveJob):
    """A job that holds its result."""

    def __init__(self, result: PrimitiveResult) -> None:
        super().__init__("finished")
        self._result = result

    def result(self):
        return self._result

    def status(self):
        return "DONE"

    def done(self):
        return True

    def running(self):
        return False

    def cancelled(self):
        return False

    def in_final_state(self):
        return True

    def cancel(self):
        return False


class Counting(BaseSamplerV2):
    """Passes jobs on to another sampler, and counts what came: jobs, bound circuits, shots."""

    def __init__(self, inner: BaseSamplerV2) -> None:
        self.inner = inner
        self.jobs = self.circuits = self.shots = 0

    def run(self, pubs, *, shots=None):
        pubs = [SamplerPub.coerce(pub, shots) for pub in pubs]
        bound = [int(np.prod(pub.shape)) for pub in pubs]
        self.jobs += 1
        self.circuits += sum(bound)
        self.shots += sum(count * pub.shots for count, pub in zip(bound, pubs, strict=True))
        return self.inner.run(pubs)


class Zeros(BaseSamplerV2):
    """Answers every shot with zeros: for what does not depend on the answers."""

    def run(self, pubs, *, shots=None):
        pubs = [SamplerPub.coerce(pub, shots) for pub in pubs]
        return Finished(PrimitiveResult([_all_zero(pub) for pub in pubs]))


def _all_zero(pub: SamplerPub) -> SamplerPubResult:
    (register,) = pub.circuit.cregs
    zeros = np.zeros((*pub.shape, pub.shots, -(-register.size // 8)), dtype=np.uint8)
    return SamplerPubResult(DataBin(**{register.name: BitArray(zeros, register.size)}, shape=pub.shape))


# --- many estimates -------------------------------------------------------------------------------


@cache
def repeated(build, circuit_of_case, shots: int, times: int, seed: int = 1):
    """(matrices, standard errors, lower ends, upper ends), each (times, P, P), on one `Drawn` executor."""
    circuit, estimator = circuit_of_case(), with_drawn_shots(build(), seed)
    values = values_of(circuit)
    actual = [estimator.estimate(circuit, values, shots=shots) for _ in range(times)]
    ends = np.array([estimate.interval() for estimate in actual])
    matrices, errors = (np.array([getattr(each, name) for each in actual]) for name in ("matrix", "stderr"))
    return matrices, errors, ends[:, 0], ends[:, 1]


def bias_scores(samples: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """z of each entry's mean over samples; 0 where nothing varies and nothing is wrong."""
    error = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    return np.where(error > 0, (samples.mean(0) - expected) / np.where(error > 0, error, 1), 0.0)
