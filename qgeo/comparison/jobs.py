"""The runs of a comparison: which there are, and what their replicates chose.

A job is one run of one arm on one seed with one setting. Jobs are independent, so that their order does not
matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from qgeo.comparison.arms import Arm, arms_of
from qgeo.comparison.outcomes import JobFile, Outcome
from qgeo.comparison.replicates import final_seeds, replicates_of, tuning_seeds
from qgeo.comparison.run_folder import RUN_FILES, RunFolder
from qgeo.comparison.sections import Configuration
from qgeo.comparison.setting import Setting, best
from qgeo.comparison.trials import trials

Kept = TypeVar("Kept", bound=Outcome)

Choices = dict[Arm, tuple[Setting, ...]]
"""Per arm, the setting of each of its replicates."""


@dataclass(frozen=True)
class Job:
    """One run. `final` jobs keep their head and, for quantum heads, run it again on Aer."""

    arm: Arm
    setting: Setting
    replicate: int
    seed: int
    final: bool

    @property
    def key(self) -> str:
        """Its file name in the run folder."""
        if self.final:
            return final_key(self.arm.name, self.seed)
        return f"tuning/{self.arm.name}-{self.setting.label}-{self.seed}"


def job_file(job: Job) -> dict[str, Any]:
    """What its outcome says of a job: the settings of an arm are in the configuration, by its name."""
    return asdict(job) | {"arm": job.arm.name}


def outcome_of(folder: RunFolder, job: Job, model: type[Kept]) -> Kept:
    """The outcome of a job.

    Raises:
        RunFolderError: it is missing, damaged, or that of another job: a file that was copied.
    """
    outcome = folder.read_outcome(job.key, model)
    if outcome.job != JobFile.model_validate(job_file(job)):
        raise RUN_FILES.damaged(folder.part(job.key), "it is the outcome of another run")
    return outcome


def final_key(arm: str, seed: int) -> str:
    """The file name of a final run in the run folder, and the place of its ledger."""
    return f"final/{arm}-{seed}"


def tuning_jobs(configuration: Configuration, arms: Sequence[Arm]) -> list[Job]:
    """Every arm with every setting that it is tried with, in each of its replicates, on the tuning seeds.

    An arm that trains from shots has the trials of its exact twin, whether that is among the arms or not:
    no shot, and no second of a device, goes into tuning. An arm whose settings are given has none.
    """
    tuned = dict.fromkeys(arm.twin for arm in arms if arm.setting is None)
    return [
        job
        for arm in tuned
        for replicate in replicates_of(configuration, arm, arms)
        for job in _trials_of(configuration, arm, replicate)
    ]


def _trials_of(configuration: Configuration, arm: Arm, replicate: int) -> list[Job]:
    return [
        Job(arm, setting, replicate, seed, final=False)
        for setting in trials(arm, configuration.tuning)
        for seed in tuning_seeds(configuration, replicate)
    ]


def final_jobs(configuration: Configuration, choices: Choices) -> list[Job]:
    """Every arm with the settings that its replicates chose, on their final seeds."""
    return [
        Job(arm, setting, replicate, seed, final=True)
        for arm, settings in choices.items()
        for replicate, setting in enumerate(settings)
        for seed in final_seeds(configuration, replicate)
    ]


def trial_losses(
    folder: RunFolder, configuration: Configuration, arm: Arm, replicate: int
) -> dict[Setting, float | None]:
    """Mean validation loss over tuning seeds of a replicate's trials; None where any of them diverged."""
    losses: dict[Setting, list[float | None]] = {}
    for job in _trials_of(configuration, arm.twin, replicate):
        outcome = outcome_of(folder, job, Outcome)
        losses.setdefault(job.setting, []).append(outcome.validation_loss)
    return {setting: _mean_or_none(values) for setting, values in losses.items()}


def choices(folder: RunFolder, configuration: Configuration) -> Choices:
    """Per arm and replicate, the setting that is given, or that had the lowest loss of its trials."""
    arms = arms_of(configuration)
    return {
        arm: tuple(
            arm.setting or best(trial_losses(folder, configuration, arm, replicate))
            for replicate in replicates_of(configuration, arm, arms)
        )
        for arm in arms
    }


def _mean_or_none(losses: Sequence[float | None]) -> float | None:
    finite = [loss for loss in losses if loss is not None]
    return sum(finite) / len(finite) if len(finite) == len(losses) else None
