"""Running measured circuits: exactly, or on any Qiskit V2 sampler, and what that cost.

All bindings of a circuit travel in one broadcast PUB, all circuits of an estimate in one job. Angles are
ordered by the parameters of the circuit that is really run, never by a dictionary of names. Circuits are
measured before they are transpiled, so classical bits keep their meaning whatever the layout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, reduce
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.primitives import BaseEstimatorV2
from qiskit.transpiler import TranspilerError, generate_preset_pass_manager

from qgeo.arguments import checked_instance
from qgeo.errors import CircuitError, ConfigurationError
from qgeo.estimators.dry_run import DryRun, all_zero, wanted
from qgeo.estimators.expectations import asked, from_expectations, without_measurements, z_strings
from qgeo.estimators.experiments import REGISTER
from qgeo.estimators.mitigation import (
    BESIDE,
    READOUT_FLIPS,
    MeasuredFlips,
    calibration,
    check_readout_width,
    flips_of_bits,
    without_readout_errors,
)
from qgeo.estimators.multinomial import MultinomialSampler
from qgeo.estimators.outcomes import Outcomes, exact_outcomes, from_packed, pooled
from qgeo.estimators.primitives import PassManager, Primitive

Floats = NDArray[np.float64]
Progress = Callable[[int, int], None]
"""Told after every job: bindings done, bindings in all."""

_BINDINGS_PER_JOB_WITH_PROGRESS = 64  # chosen: news often enough, and few jobs
_KEPT_CIRCUITS = 4096  # transpiled, chosen: more than one estimate has, and no leak over a training
ONE_QUBIT_GATES = ("id", "h", "x", "y", "z", "s", "sdg", "t", "tdg", "sx", "rx", "ry", "rz", "p", "u")
TWO_QUBIT_GATES = ("cx", "cy", "cz", "swap", "rxx", "ryy", "rzz", "rzx")


@dataclass(frozen=True, eq=False)
class CircuitTask:
    """A measured circuit to run at every row of `angles` (B, K), `shots` times each (None: exactly)."""

    circuit: QuantumCircuit
    angles: Floats
    shots: int | None


@dataclass(frozen=True)
class Cost:
    """What a primitive received: bound circuits and shots."""

    circuits: int = 0
    shots: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.circuits + other.circuits, self.shots + other.shots)


class Executor:
    """Runs tasks.

    Args:
        sampler: any `BaseSamplerV2`, or a `BaseEstimatorV2` that samples (`expectations.py`); None for Aer's
            sampler, with a fresh seed from `generator` at every job. On a `DryRun` nothing is run.
        pass_manager: brings circuits to the sampler's target; None only decomposes to standard gates.
        generator: source of Aer's seeds; a sampler of yours keeps its own (pass a `numpy.random.Generator`,
            not an integer: with a fixed integer seed samplers repeat the same samples at every run).
        progress: called after every few circuits; the work is then split into several jobs.
        mitigate_readout: measure the readout errors in every job, two circuits more, and invert them. Those
            that a sampler measured itself (`LedgerSampler`) stand in its results, and are inverted anyway.

    Raises:
        ConfigurationError: something that is no V2 sampler, or `mitigate_readout` on one that transpiles what
            it is given: which qubits are read is not known here then. Or on one without readout errors.
    """

    def __init__(
        self,
        sampler: Primitive | None = None,
        *,
        pass_manager: PassManager | None = None,
        generator: np.random.Generator | None = None,
        progress: Progress | None = None,
        mitigate_readout: bool = False,
    ) -> None:
        if sampler is not None and not isinstance(sampler, get_args(Primitive)):
            raise ConfigurationError(
                f"expected a Qiskit V2 sampler (BaseSamplerV2), got {type(sampler).__name__}"
            )
        if mitigate_readout and getattr(sampler, "transpiles", False):
            raise ConfigurationError(
                "expected a sampler that runs circuits as they are to mitigate readout errors, got one that "
                "transpiles them; ask that sampler to mitigate them"
            )
        if mitigate_readout and isinstance(sampler, MultinomialSampler):
            raise ConfigurationError(
                "expected a sampler with readout errors to mitigate, got draws from exact probabilities; "
                "leave mitigate_readout out"
            )
        self.sampler, self.pass_manager = sampler, pass_manager or decomposition()
        self.generator = (
            np.random.default_rng()
            if generator is None
            else checked_instance(
                "generator", generator, np.random.Generator, "np.random.default_rng(0) makes one"
            )
        )
        self.progress, self.mitigate_readout = progress, mitigate_readout
        self._transpiled: dict[int, tuple[QuantumCircuit, QuantumCircuit]] = {}
        self._unmeasured: dict[int, tuple[QuantumCircuit, tuple[QuantumCircuit, dict[int, int]]]] = {}

    def run(self, tasks: Sequence[CircuitTask]) -> tuple[list[list[Outcomes]], Cost]:
        """Outcomes per task and row, and the cost; exact tasks cost nothing."""
        if all(task.shots is None for task in tasks):
            return [exact_outcomes(task.circuit, task.angles) for task in tasks], Cost()
        by_task: list[list[Outcomes]] = [[] for _ in tasks]
        total, done = sum(len(task.angles) for task in tasks), 0
        cost = sum((_cost(task) for task in tasks), Cost())
        for job in [list(enumerate(tasks))] if self.progress is None else _small_jobs(tasks):
            outcomes, beside = self._job([piece for _, piece in job])
            cost = cost + beside
            for (number, piece), rows in zip(job, outcomes, strict=True):
                by_task[number] += rows
                done += len(piece.angles)
            if self.progress is not None:
                self.progress(done, total)
        return by_task, cost

    def _job(self, tasks: Sequence[CircuitTask]) -> tuple[list[list[Outcomes]], Cost]:
        """Outcomes per task and row, and what was run beside the tasks."""
        if isinstance(self.sampler, DryRun):
            return self._noted(tasks, self.sampler), Cost()
        if isinstance(self.sampler, MultinomialSampler):
            return [self.sampler.outcomes(t.circuit, t.angles, t.shots or 1) for t in tasks], Cost()
        if isinstance(self.sampler, BaseEstimatorV2):
            return [self._asked(task) for task in tasks], Cost()
        isa = self._isa([task.circuit for task in tasks])
        pubs = [_pub(task, circuit) for task, circuit in zip(tasks, isa, strict=True)]
        extra = _calibration(tasks, isa) if self.mitigate_readout else []
        results = (self.sampler or self._aer()).run(pubs + extra).result()
        measured = [_rows(task, result) for task, result in zip(tasks, results, strict=False)]
        if not extra:
            return measured, Cost(*results.metadata.get(BESIDE, ()))
        read = (result.data[REGISTER] for result in results[len(tasks) :])
        flips = flips_of_bits(isa, *(from_packed(bits.array, bits.num_bits) for bits in read))
        return [_mitigated(*pair) for pair in zip(measured, flips, strict=True)], Cost(2, 2 * extra[0][2])

    def _noted(self, tasks: Sequence[CircuitTask], dry: DryRun) -> list[list[Outcomes]]:
        """Outcomes of a call that is only noted."""
        isa = self._isa([task.circuit for task in tasks])
        pairs = list(zip(tasks, isa, strict=True))
        dry.note([wanted(circuit, len(task.angles), task.shots or 1) for task, circuit in pairs])
        return [[all_zero(task.circuit, task.shots or 1)] * len(task.angles) for task in tasks]

    def _asked(self, task: CircuitTask) -> list[Outcomes]:
        """Outcomes from the expectation values of an estimator, a job per circuit."""
        bare, qubit_of_bit = self._bare(task.circuit)
        (isa,) = self._isa([bare])
        bits, shots = sorted(qubit_of_bit), task.shots or 1
        strings = z_strings([qubit_of_bit[bit] for bit in bits], isa, bare.num_qubits)
        shots = shots if isa.num_parameters else shots * len(task.angles)
        columns = [parameter.index for parameter in isa.parameters]
        values = asked(self.sampler, isa, strings, task.angles[:, columns], shots)
        return from_expectations(values, bits, task.circuit.num_clbits, shots)

    def _bare(self, circuit: QuantumCircuit) -> tuple[QuantumCircuit, dict[int, int]]:
        """Without measurements, the same object for the same circuit."""
        if id(circuit) not in self._unmeasured:
            self._unmeasured[id(circuit)] = (circuit, without_measurements(circuit))
        return self._unmeasured[id(circuit)][1]

    def _isa(self, circuits: list[QuantumCircuit]) -> list[QuantumCircuit]:
        """Transpiled once per circuit object, which is kept so that its identity stays its own."""
        new = [circuit for circuit in circuits if id(circuit) not in self._transpiled]
        for circuit, isa in zip(new, brought_to(self.pass_manager, new), strict=True):
            self._transpiled[id(circuit)] = (circuit, isa)
        chosen = [self._transpiled[id(circuit)][1] for circuit in circuits]
        while len(self._transpiled) > _KEPT_CIRCUITS:
            del self._transpiled[next(iter(self._transpiled))]
        return chosen

    def _aer(self) -> Any:
        from qiskit_aer.primitives import SamplerV2

        return SamplerV2(seed=int(self.generator.integers(2**31)))


def _calibration(tasks: Sequence[CircuitTask], isa: Sequence[QuantumCircuit]) -> list[tuple[Any, ...]]:
    """PUBs that measure the readout errors of every qubit that is read."""
    check_readout_width(isa)  # before anything is run
    shots = max(task.shots or 0 for task in tasks)
    return [(circuit, None, shots) for circuit in calibration(isa, REGISTER)]


def _mitigated(rows: list[Outcomes], flips: dict[int, Floats]) -> list[Outcomes]:
    return [without_readout_errors(row, flips) for row in rows]


def _small_jobs(tasks: Sequence[CircuitTask]) -> Iterator[list[tuple[int, CircuitTask]]]:
    """The tasks' rows in jobs of about equal size, each piece with the number of its task."""
    job: list[tuple[int, CircuitTask]] = []
    left = _BINDINGS_PER_JOB_WITH_PROGRESS
    for number, task in enumerate(tasks):
        whole = task.circuit.num_parameters == 0  # all its rows are one run
        step = len(task.angles) if whole else _BINDINGS_PER_JOB_WITH_PROGRESS
        for start in range(0, len(task.angles), step):
            piece = replace(task, angles=task.angles[start : start + step])
            if job and left < len(piece.angles):
                yield job
                job, left = [], _BINDINGS_PER_JOB_WITH_PROGRESS
            job.append((number, piece))
            left -= len(piece.angles)
    if job:
        yield job


def _pub(task: CircuitTask, circuit: QuantumCircuit) -> tuple[Any, ...]:
    """What a sampler is asked for (`wanted`), with its angles."""
    run = wanted(circuit, len(task.angles), task.shots or 1)
    if not circuit.num_parameters:
        return circuit, None, run.shots
    columns = [parameter.index for parameter in circuit.parameters]
    return circuit, task.angles[:, columns], run.shots


def _rows(task: CircuitTask, result: Any) -> list[Outcomes]:
    measured = result.data[REGISTER]
    packed = measured.array.reshape(len(task.angles), task.shots, -1)
    flips = result.metadata.get(READOUT_FLIPS)
    if flips is None:
        return [from_packed(row, measured.num_bits) for row in packed]
    starts = range(0, packed.shape[0] * packed.shape[1], packed.shape[1])
    return [
        _mitigated_row(row, measured.num_bits, divmod(start, measured.num_shots), flips)
        for start, row in zip(starts, packed, strict=True)
    ]


def _mitigated_row(
    packed: NDArray[np.uint8], num_bits: int, start: tuple[int, int], known: Iterable[MeasuredFlips]
) -> Outcomes:
    """A row whose shots begin at a row and a shot of a PUB, each of them freed of its own readout errors."""
    row, first = start
    pieces = []
    for of_job in known:
        begin, end = max(of_job.shots.start - first, 0), min(of_job.shots.stop - first, len(packed))
        if row in of_job.rows and begin < end:
            outcomes = from_packed(packed[begin:end], num_bits)
            pieces.append(without_readout_errors(outcomes, of_job.flips))
    return reduce(pooled, pieces)


def _cost(task: CircuitTask) -> Cost:
    run = wanted(task.circuit, len(task.angles), task.shots or 0)
    return Cost(run.bindings, run.executions)


def brought_to(pass_manager: PassManager, circuits: list[QuantumCircuit]) -> list[QuantumCircuit]:
    """The circuits in a target's gates.

    Raises:
        CircuitError: they do not fit.
    """
    try:
        return list(pass_manager.run(circuits)) if circuits else []
    except TranspilerError as error:
        reason = error.message.rstrip(".")
        if "qubits" not in reason:  # not too few of them
            raise CircuitError(f"expected circuits that the target can run; Qiskit says: {reason}") from None
        raise CircuitError(
            f"expected circuits that fit the target, got one of {max(c.num_qubits for c in circuits)} qubits "
            f"(an ancilla included where the method has one): {reason}; choose a larger device, or a "
            "method without ancilla such as mid-circuit or block-diagonal"
        ) from None


@cache
def decomposition() -> PassManager:
    """A pass manager to standard gates that every simulator has, and whose angles Aer binds correctly."""
    manager: PassManager = generate_preset_pass_manager(
        optimization_level=0, basis_gates=[*ONE_QUBIT_GATES, *TWO_QUBIT_GATES]
    )
    return manager
