"""Energies step by step: a module, an optimizer, and a record of every point on the way.

    energy → gradient → (metric) → step,      recorded before each step and after the last

Exact, or from shots on a simulator. Of exact energies circuits are counted as a device would need them:
gradients by parameter shift, of every group of strings that are read together, and the metric's circuits as
their methods count them, ungrouped; from shots those that were really run.
"""

from __future__ import annotations

import io
import json
import math
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from torch import Tensor, nn

from qgeo.backends.ledger_sampler import LedgerSampler, Untouched
from qgeo.backends.names import resolve
from qgeo.errors import ConfigurationError
from qgeo.estimators.dry_run import DryRun
from qgeo.estimators.execution import Cost, Executor
from qgeo.files import FileModel
from qgeo.geometry.angles import angles_between
from qgeo.observables.expectation import Expectation
from qgeo.observables.measured import MeasuredExpectation
from qgeo.optim.damping import LevenbergMarquardt
from qgeo.optim.metrics import METRICS
from qgeo.optim.natural_gradient import NaturalGradient
from qgeo.vqe.settings import EUCLIDEAN, FIRST_DAMPING, VqeSettings


class Record(FileModel):
    """A point on the way.

    Attributes:
        step: steps before it; energy: in the observable's units, as measured where there are shots.
        stderr: of that energy, None where it is exact; exact: the exact energy here.
        gradient: norm of ∂E/∂θ, as measured.
        angle: between the step from here and plain descent, degrees; None where there is no step or metric.
        circuits: bound circuits up to here, gradient of this point included; shots: those that were run.
    """

    step: int
    energy: float
    stderr: float | None
    exact: float
    gradient: float
    angle: float | None
    circuits: int
    shots: int


class Progress(FileModel):
    """All of a minimization: what it goes on from.

    optimizer: base64 of its state, plain data; generator: the state of that of shots, as JSON; cost: so far.
    """

    values: list[float]
    optimizer: str
    generator: str
    cost: Cost
    records: list[Record]
    done: bool


@dataclass(frozen=True, eq=False)
class Problem:
    """A circuit, all of its parameters trained, and the observable whose expectation value is lowered."""

    circuit: QuantumCircuit
    observable: SparsePauliOp


class Minimization:
    """A minimization at some step.

    Args:
        problem, settings: what to do; progress: where to go on, None to begin.
        ledger: where circuits are run instead of the backend that the settings name.

    Raises:
        ConfigurationError: a circuit without parameters; an observable that does not fit.
    """

    def __init__(
        self,
        problem: Problem,
        settings: VqeSettings,
        progress: Progress | None = None,
        *,
        ledger: LedgerSampler | DryRun | None = None,
    ) -> None:
        if not problem.circuit.num_parameters:
            raise ConfigurationError("expected a circuit with parameters to train, got one without")
        generator = torch.Generator().manual_seed(settings.seed)
        self.module = Expectation(problem.circuit, problem.observable, generator=generator)
        self.generator = np.random.default_rng((settings.seed, 1))  # of shots: other than of values
        self.trained = _trained_form(self.module, settings, self.generator, ledger)
        self.settings, self.done = settings, False
        self.records: list[Record] = []
        self.optimizer = _optimizer(self.trained, settings)
        self.circuits_per_step = circuits_per_step(
            self.module, problem.observable, settings.method, judged=settings.is_adaptive
        )
        self._before = Cost()
        if progress is not None:
            self._restore(progress)

    def advance(self) -> Record:
        """One point: its energy, and the step from there unless it is the last."""
        step = len(self.records)
        self.optimizer.zero_grad()
        energy = self.trained().sum()
        stderr = self._stderr()
        energy.backward()
        gradient = self._gradient()
        before, size, exact = self._values(), float(gradient.norm()), self._exact()
        if not math.isfinite(float(energy.detach())):
            raise ConfigurationError(f"the energy is no finite number after {step} steps; use a smaller --lr")
        cost = self._cost()
        self.done = step >= self.settings.steps or size < self.settings.tolerance
        if not self.done:
            self._step(energy.detach())
        record = Record(
            step=step,
            energy=float(energy.detach()),
            stderr=stderr,
            exact=exact,
            gradient=size,
            angle=None if self.done else self._angle(self._values() - before, -gradient),
            circuits=(step + 1) * self.circuits_per_step if self.settings.is_exact else cost.circuits,
            shots=cost.shots,
        )
        self.records.append(record)
        return record

    def _step(self, energy: Tensor) -> None:
        """From where the energy and its gradient are known; an adaptive damping asks for the next energy."""
        if not self.settings.is_adaptive:
            self.optimizer.step()
            return
        known = iter((energy,))

        def closure() -> Tensor:
            for here in known:
                return here
            with torch.no_grad():
                there: Tensor = self.trained().sum()
            return there

        self.optimizer.step(closure)  # type: ignore[arg-type]

    def progress(self) -> Progress:
        """Where it stands, to be stored."""
        buffer = io.BytesIO()
        torch.save(self.optimizer.state_dict(), buffer)
        state = b64encode(buffer.getvalue()).decode("ascii")
        return Progress(
            values=self._values().tolist(),
            optimizer=state,
            generator=json.dumps(self.generator.bit_generator.state),
            cost=self._cost(),
            records=list(self.records),
            done=self.done,
        )

    def run(self, on_point: Callable[[Record], Any]) -> None:
        """To the end."""
        while not self.done:
            on_point(self.advance())

    def _restore(self, progress: Progress) -> None:
        with torch.no_grad():
            self.module.values.copy_(torch.tensor(progress.values, dtype=torch.float64))
        self.optimizer.load_state_dict(
            torch.load(io.BytesIO(b64decode(progress.optimizer)), weights_only=True)
        )
        self.generator.bit_generator.state = json.loads(progress.generator)
        self._before = progress.cost
        self.records, self.done = list(progress.records), progress.done
        last = progress.records[-1] if progress.records else None
        if self.done and last is not None and is_to_go_on(self.settings, last):
            self.records, self.done = self.records[:-1], False

    def _cost(self) -> Cost:
        """Circuits and shots that were run, of energies, gradients and metrics."""
        run = self._before + getattr(self.trained, "cost", Cost())
        return run + getattr(getattr(self.optimizer, "metric", None), "cost", Cost())

    def _stderr(self) -> float | None:
        if not isinstance(self.trained, MeasuredExpectation):
            return None
        return float(self.trained.stderr.square().sum().sqrt())

    def _exact(self) -> float:
        with torch.no_grad():
            return float(self.module().sum())

    def _values(self) -> Tensor:
        return self.module.values.detach().clone()

    def _gradient(self) -> Tensor:
        gradient = self.module.values.grad
        assert gradient is not None  # backward was called
        return gradient.detach().clone()

    def _angle(self, step: Tensor, descent: Tensor) -> float | None:
        if self.settings.method in EUCLIDEAN or not float(step.norm() * descent.norm()):
            return None
        return float(angles_between(torch.stack([step, descent]))[0, 1])


def is_to_go_on(settings: VqeSettings, last: Record) -> bool:
    """Whether a step is taken from this point: it was the last one, and now there are to be more."""
    return last.step < settings.steps and last.gradient >= settings.tolerance


def circuits_per_step(
    module: Expectation, observable: SparsePauliOp, method: str, *, judged: bool = False
) -> int:
    """Energy and parameter-shift gradient of every group of strings read together, and the metric.

    Args:
        judged: whether the energy is taken behind the step, too.
    """
    groups = len(observable.group_commuting(qubit_wise=True))
    metric = 0 if method in EUCLIDEAN else METRICS[method].evaluations.count(module.program)
    return groups * (1 + judged + 2 * len(module.program.angles)) + metric


def _trained_form(
    module: Expectation,
    settings: VqeSettings,
    generator: np.random.Generator,
    ledger: LedgerSampler | DryRun | None,
) -> nn.Module:
    """The module itself, or the same on a ledger, a dry run or a simulator."""
    if settings.is_exact:
        return module
    if ledger is not None:
        return MeasuredExpectation(
            module, Executor(ledger, pass_manager=Untouched(), generator=generator), shots=settings.shots
        )
    place = resolve(settings.backend, generator, threads=1)
    executor = Executor(place.sampler, pass_manager=place.pass_manager, generator=generator)
    return MeasuredExpectation(module, executor, shots=settings.shots)


def _optimizer(module: nn.Module, settings: VqeSettings) -> torch.optim.Optimizer:
    if settings.method == "adam":
        return torch.optim.Adam(module.parameters(), lr=settings.lr)
    if settings.method == "gradient":
        return torch.optim.SGD(module.parameters(), lr=settings.lr)
    metric: Any = settings.method
    if isinstance(module, MeasuredExpectation):
        from_shots: Any = METRICS[settings.method].from_shots
        metric = from_shots(module, settings.shots).estimator
    shots = None if settings.is_exact else settings.shots
    return NaturalGradient(module, metric=metric, lr=settings.lr, damping=_damping(settings), shots=shots)


def _damping(settings: VqeSettings) -> float | LevenbergMarquardt:
    if isinstance(settings.damping, str):
        return LevenbergMarquardt(initial=FIRST_DAMPING)
    return settings.damping
