"""What a step of a training asks of its sampler, noted from the training itself.

    step    loss (one call), gradient (one), and, where the metric is taken anew, what the metric asks for

Every circuit of a step runs once per *distinct* context of its batch. So one step at a single context tells
all: the calls of any step are these, at so many contexts. Which contexts a batch has is decided by the seed
alone; batches are drawn here as training draws them, and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from qiskit import QuantumCircuit

from qgeo.comparison.arms import Arm
from qgeo.comparison.sections import Configuration, TrainingSection
from qgeo.comparison.training import RunSettings, takes_metric, train, training_batches
from qgeo.comparison.trials import trials
from qgeo.estimators.dry_run import DryRun, Wanted, distinct_circuits
from qgeo.tasks.task import Task
from qgeo.tasks.windows import Windows

_NOTED_SHOTS = 2
"""The fewest that an estimator takes; what is noted is scaled from there."""

Call = Sequence[Wanted]


@dataclass(frozen=True)
class StepKind:
    """A kind of step: how many distinct contexts it measures, and whether it takes the metric anew."""

    contexts: int
    with_metric: bool


@dataclass(frozen=True, eq=False)
class StepCalls:
    """The calls of a step at one context with one shot of everything: of loss and gradient, of the metric."""

    gradient: tuple[Call, ...]
    metric: tuple[Call, ...]

    def circuits(self) -> list[QuantumCircuit]:
        """Every circuit once."""
        return distinct_circuits((*self.gradient, *self.metric))

    def of(self, step: StepKind, shots: int, metric_shots: int) -> Iterator[list[Wanted]]:
        """The calls of a step, with its contexts and shots."""
        yield from (_scaled(call, step.contexts, shots) for call in self.gradient)
        if step.with_metric:
            yield from (_scaled(call, step.contexts, metric_shots) for call in self.metric)


def step_calls(configuration: Configuration, task: Task, arm: Arm) -> StepCalls:
    """The calls of an arm's steps, from two carried out dry: one takes the metric, the next keeps it."""
    both = _noted(configuration, task, arm, steps=2)
    with_metric = len(_noted(configuration, task, arm, steps=1))
    gradient = both[with_metric:]
    return StepCalls(tuple(gradient), tuple(both[len(gradient) : with_metric]))


def numbered_contexts(windows: Windows) -> Windows:
    """The windows with a number in place of each context, the same for equal ones: quicker to tell apart."""
    numbers = torch.unique(windows.contexts, dim=0, return_inverse=True)[1]
    return Windows(numbers[:, None], numbers)


def count_steps(training: TrainingSection, contexts: Windows, seed: int) -> Counter[StepKind]:
    """How many steps of each kind a final run on this seed has; contexts: numbered."""
    drawn = enumerate(training_batches(contexts, training, seed))
    return Counter(
        StepKind(len(batch.targets.unique()), takes_metric(done, training.refresh)) for done, batch in drawn
    )


def _noted(configuration: Configuration, task: Task, arm: Arm, steps: int) -> list[list[Wanted]]:
    """The calls of so many steps at one context each, the metric taken at the first."""
    training = {"steps": steps, "batch": 1, "seeds": 1, "refresh": steps, "validation_windows": 1}
    backend = {"shots": _NOTED_SHOTS, "metric_shots": _NOTED_SHOTS}
    small = configuration.model_copy(
        update={
            "training": configuration.training.model_copy(update=training),
            "backend": configuration.backend.model_copy(update=backend),
        }
    )
    dry = DryRun()
    setting = trials(arm, configuration.tuning)[0]  # decides no circuit
    train(task, small, RunSettings(replace(arm, refresh=None), setting), 0, lambda _: dry)
    return dry.calls


def _scaled(call: Call, contexts: int, shots: int) -> list[Wanted]:
    each = (replace(wanted, shots=wanted.shots * shots // _NOTED_SHOTS) for wanted in call)
    return [wanted.times(contexts) for wanted in each]
