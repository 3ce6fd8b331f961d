"""A job of a comparison, from what all jobs have in common to the bytes of its files: a pure function.

    (inputs, job) → files

Nothing is read and nothing written here, so that a job can be done in any process on any machine; `schedule`
keeps the files. Only jobs on a device go through its ledger.
"""

from __future__ import annotations

from functools import partial
from math import isfinite
from typing import Any

from torch import nn

from qgeo.backends.ledgers import Ledgers
from qgeo.comparison.agreement import check_agreement, check_probabilities
from qgeo.comparison.inputs import RunInputs
from qgeo.comparison.jobs import Job, job_file
from qgeo.comparison.noise import noise_sweep
from qgeo.comparison.replicates import data_of, final_seeds
from qgeo.comparison.run_folder import Files, head_bytes, head_name, part_file
from qgeo.comparison.sections import Configuration
from qgeo.comparison.shadow_race import RaceJob, run_race
from qgeo.comparison.threads import single_thread
from qgeo.comparison.training import (
    RunSettings,
    TrainedRun,
    final_windows,
    mean_loss,
    train,
    validation_windows,
)
from qgeo.files import digest
from qgeo.heads.circuit_head import CircuitHead
from qgeo.tasks.task import Task

WITHOUT_SIMULATOR = ("exact", "sampled")
"""Backends on which nothing is simulated; their runs need no density matrices either."""


def execute(inputs: RunInputs, job: Job | RaceJob, ledgers: Ledgers | None = None) -> Files:
    """Train one run, or race in one replicate, in one thread; a head comes before the part that names it."""
    with single_thread():
        if isinstance(job, RaceJob):
            return (part_file(job.key, _raced(inputs, job), inputs.digest),)
        return _trained(inputs, job, ledgers)


def _raced(inputs: RunInputs, job: RaceJob) -> dict[str, Any]:
    configuration, task = inputs.load()
    return run_race(job, configuration, data_of(configuration, task, job.replicate))


def _trained(inputs: RunInputs, job: Job, ledgers: Ledgers | None) -> Files:
    configuration, task = inputs.load()
    task = data_of(configuration, task, job.replicate)
    ledger = None if ledgers is None else partial(ledgers.sampler, job.key)
    of_run = configuration if job.final else evaluated_once(configuration)
    run = train(task, of_run, RunSettings(job.arm, job.setting), job.seed, ledger)
    outcome: dict[str, Any] = {
        "job": job_file(job),
        "validation_loss": run.validation_loss,
        "diverged": run.diverged,
    }
    if not job.final:
        return (part_file(job.key, outcome, inputs.digest),)
    head = head_bytes(run.head)
    outcome |= {"test_loss": test_loss(run, task, configuration), "head": digest(head)}
    outcome |= {"records": run.records, "seconds": run.seconds, "excess": excess(run, task)}
    outcome["start_loss"] = run.start_loss
    outcome["agreement"] = _agreement(run.head, run.diverged, job, task, configuration)
    outcome["noise"] = _noise(run.head, run.diverged, task, configuration)
    return (head_name(job.arm.name, job.seed), head), part_file(job.key, outcome, inputs.digest)


def evaluated_once(configuration: Configuration) -> Configuration:
    """For a trial, of which only the last validation loss counts."""
    training = configuration.training
    once = training.model_copy(update={"evaluate_every": training.steps})
    return configuration.model_copy(update={"training": once})


def test_loss(run: TrainedRun, task: Task, configuration: Configuration) -> float | None:
    """Of a run's last head, nats per token; None where the run diverged."""
    if run.diverged:
        return None
    loss = mean_loss(run.head, final_windows(task, configuration.training.test_windows))
    return loss if isfinite(loss) else None


def excess(run: TrainedRun, task: Task) -> float | None:
    """Of a run's last head over its source, nats per token; None for a text, and where the run diverged."""
    if task.exact is None or run.diverged:
        return None
    mean = task.exact_excess(run.head)
    return mean if isfinite(mean) else None


def _agreement(
    head: nn.Module, diverged: bool, job: Job, task: Task, configuration: Configuration
) -> dict[str, Any] | None:
    if diverged or not isinstance(head, CircuitHead):
        return None
    backend = configuration.backend
    windows = validation_windows(task, backend.contexts)
    who = f"{job.arm.name}, seed {job.seed}"
    if job.seed == 0:
        return check_agreement(head, windows, backend.shots, job.seed, who)
    if configuration.protocol.replicates is None or job.seed in final_seeds(configuration, job.replicate)[:1]:
        check_probabilities(head, windows, who)
    return None


def _noise(head: nn.Module, diverged: bool, task: Task, configuration: Configuration) -> list[float] | None:
    """Losses under noise, where the comparison has a backend that simulates circuits."""
    if diverged or configuration.backend.name in WITHOUT_SIMULATOR or not isinstance(head, CircuitHead):
        return None
    return noise_sweep(head, validation_windows(task, configuration.backend.contexts))
