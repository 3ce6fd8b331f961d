"""Endpoint 2: the shadow race of F_Q against F_C, from checkpoints of the trajectories of a replicate.

    checkpoints   steps 0, 5, 20, 60 of trajectories of Adam, F_C and F_Q on the replicate's first final seed
    racers        F_Q and F_C, each with the damping that its own trials chose, on seeds of their own
    value         per replicate and step: mean drop of the test loss by one step of equal KL, over batches and
                  over trajectories (a trajectory depletes its own metric's directions)
    ratio         mean drop of F_Q / mean drop of F_C over replicates, Fieller's interval, steps apart

Beside every ratio stands its prediction (`geometry/drop.py`), from each checkpoint, all training windows that
its batches are drawn from, and the held-out windows that drops are seen on; and as a check of the theory,
steps of the full gradient at a KL so small that they are first-order, beside theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np
import torch

from qgeo.comparison.arms import Arm, arms_of
from qgeo.comparison.outcomes import RaceOutcome
from qgeo.comparison.race import BatchSteps, Racer, full_gradient_race, minibatch_race, predicted
from qgeo.comparison.replicates import final_seeds, primary_pairs, replicates_of
from qgeo.comparison.run_folder import RUN_FILES, RunFolder
from qgeo.comparison.sections import Configuration
from qgeo.comparison.setting import Setting
from qgeo.comparison.training import RunSettings, Trainer, final_windows, spread, training_batches
from qgeo.comparison.trials import is_tuned
from qgeo.comparison.verdicts import Contrast, Question, ratio_contrast
from qgeo.optim.metrics import METRICS
from qgeo.tasks.task import Task

RACE_SEED = 3_000_017
"""Before a replicate's number: of the batches that racers step from."""

FIRST_ORDER_KL = 1e-10
"""Nats per token: where encoders train, F_C is so badly conditioned that 1e-8 is off by .3%."""

NAMES = ("quantum", "classical")


@dataclass(frozen=True)
class RaceJob:
    """A replicate's race.

    Attributes:
        pair: F_Q and F_C on one head, with what each chose; trajectories: arms to take checkpoints from.
    """

    pair: tuple[RunSettings, RunSettings]
    trajectories: tuple[RunSettings, ...]
    replicate: int

    @property
    def key(self) -> str:
        """Its file name in the run folder."""
        return f"race/{self.pair[0].arm.name}-{self.replicate}"


def race_jobs(configuration: Configuration, choices: Mapping[Arm, Sequence[Setting]]) -> list[RaceJob]:
    """A race per replicate of every exact pair; none without replicates, or where no batches are drawn.

    An arm that has fewer replicates lends a trajectory to all: its choices are taken in turn.
    """
    if configuration.protocol.replicates is None or not configuration.race.draws:
        return []
    arms = [arm for arm in arms_of(configuration) if not arm.is_measured]
    return [
        RaceJob(
            (_chosen(pair[0], choices, replicate), _chosen(pair[1], choices, replicate)),
            tuple(_chosen(arm, choices, replicate) for arm in (*_adam_of(pair[0], arms), pair[1], pair[0])),
            replicate,
        )
        for pair in primary_pairs(arms)
        for replicate in replicates_of(configuration, pair[0], arms)
    ]


def run_race(job: RaceJob, configuration: Configuration, task: Task) -> dict[str, Any]:
    """The content of a race's part: a row per trajectory and step.

    Args:
        task: the replicate's.
    """
    generator = torch.Generator().manual_seed(RACE_SEED + job.replicate)
    rows = [
        {"trajectory": on.arm.name, "step": step} | _row(head, job, configuration, task, generator)
        for on in job.trajectories
        for step, head in checkpoints(on, job.replicate, configuration, task)
    ]
    return {"pair": [settings.arm.name for settings in job.pair], "replicate": job.replicate, "rows": rows}


def race_results(
    folder: RunFolder, configuration: Configuration, jobs: Sequence[RaceJob]
) -> list[dict[str, Any]]:
    """Per pair and step: the ratio, its prediction, and how far first-order steps are from theirs."""
    outcomes = [_outcome(folder, job) for job in jobs]
    pairs = dict.fromkeys(tuple(outcome.pair) for outcome in outcomes)
    return [
        {"arm": pair[0], "reference": pair[1], "step": step}
        | _summary([_rows_at(outcome, step) for outcome in outcomes if tuple(outcome.pair) == pair])
        for pair, step in product(pairs, _steps(configuration))
    ]


def _outcome(folder: RunFolder, job: RaceJob) -> RaceOutcome:
    outcome = folder.read_outcome(job.key, RaceOutcome)
    if (outcome.pair, outcome.replicate) != ([settings.arm.name for settings in job.pair], job.replicate):
        raise RUN_FILES.damaged(folder.part(job.key), "it is the outcome of another race")
    return outcome


def race_questions(
    configuration: Configuration, races: Sequence[dict[str, Any]], arms: Iterable[Arm]
) -> list[tuple[Question, Contrast]]:
    """What verdicts on races are asked of; step 0 belongs to none."""
    named = {arm.name: arm for arm in arms}
    return [(_question(configuration, race, named), _contrast(race)) for race in races]


def _chosen(arm: Arm, choices: Mapping[Arm, Sequence[Setting]], replicate: int) -> RunSettings:
    settings = choices[arm]
    return RunSettings(arm, settings[replicate % len(settings)])


def _adam_of(arm: Arm, arms: Sequence[Arm]) -> list[Arm]:
    """Adam on the same head, where the comparison has it."""
    same = [each for each in arms if (each.head, each.metric) == (arm.head, "adam")]
    return [each for each in same if each.circuit == arm.circuit and each.frozen == arm.frozen][:1]


def checkpoints(
    settings: RunSettings, replicate: int, configuration: Configuration, task: Task
) -> Iterator[tuple[int, torch.nn.Module]]:
    """(step, head) of a training, as it stands before that many steps more; the head goes on moving."""
    seed = final_seeds(configuration, replicate)[0]
    run, wanted = Trainer.start(task, configuration, settings, seed), _steps(configuration)
    batches = training_batches(task.train, run.training, settings.arm.seed(seed))
    for step in range(max(wanted) + 1):
        if step in wanted:
            yield step, run.head
        run.step(next(batches))


def _steps(configuration: Configuration) -> list[int]:
    """Checkpoints that a training comes to."""
    return [step for step in configuration.race.steps if step < configuration.training.steps]


def _row(
    head: torch.nn.Module, job: RaceJob, configuration: Configuration, task: Task, generator: torch.Generator
) -> dict[str, float]:
    """Mean drops and predictions at one checkpoint."""
    section, batch = configuration.race, configuration.training.batch
    racers, population = _racers(job), spread(task.train, section.windows)
    held_out = final_windows(task, section.windows)
    race = minibatch_race(
        head,
        task.train,
        held_out,
        racers,
        batch=batch,
        draws=section.draws,
        generator=generator,
        kl=section.kl,
    )
    first_order = full_gradient_race(head, population, racers, kl=FIRST_ORDER_KL).drops[0]
    steps = BatchSteps(task.train, held_out, batch)
    drops = {
        "drop": race.drops.mean(0),
        "predicted": predicted(head, population, racers, steps),
        "first_order": first_order,
        "theory": predicted(head, population, racers),
    }
    numbers = {
        f"{kind}_{name}": float(both[i]) for kind, both in drops.items() for i, name in enumerate(NAMES)
    }
    return numbers | {"missed": float((~race.met).sum())}


def _racers(job: RaceJob) -> list[Racer]:
    return [
        Racer(name, METRICS[settings.arm.metric], settings.setting.damping or 0.0)
        for name, settings in zip(NAMES, job.pair, strict=True)
    ]


def _rows_at(outcome: RaceOutcome, step: int) -> list[Mapping[str, Any]]:
    return [row for row in outcome.rows if row["step"] == step]


def _summary(replicates: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """Of the rows of all replicates at one step: values per replicate are means over trajectories."""
    values = {
        f"{kind}_{name}": [_mean(rows, f"{kind}_{name}") for rows in replicates]
        for kind in ("drop", "predicted")
        for name in NAMES
    }
    contrast = ratio_contrast(values["drop_quantum"], values["drop_classical"])
    prediction = np.mean(values["predicted_quantum"]) / np.mean(values["predicted_classical"])
    deviations = [
        abs(_ratio(row, "first_order") / _ratio(row, "theory") - 1) for rows in replicates for row in rows
    ]
    return {
        "ratio": asdict(contrast.ci95),
        "predicted": float(prediction),
        "first_order_deviation": float(max(deviations)),
        "checkpoints": len(deviations),
        "missed": int(sum(row["missed"] for rows in replicates for row in rows)),
        "drops": {name: values[f"drop_{name}"] for name in NAMES},
    }


def _mean(rows: Sequence[Mapping[str, Any]], key: str) -> float:
    return float(np.mean([row[key] for row in rows]))


def _ratio(row: Mapping[str, Any], kind: str) -> float:
    return float(row[f"{kind}_quantum"] / row[f"{kind}_classical"])


def _question(configuration: Configuration, race: Mapping[str, Any], arms: Mapping[str, Arm]) -> Question:
    replicates = configuration.protocol.replicates or 1
    pair = [arms[race[which]] for which in ("arm", "reference")]
    return Question(
        race["arm"],
        race["reference"],
        f"race at step {race['step']}",
        configuration.protocol.axis,
        role="confirmatory" if race["step"] else "start",
        settings="tuned" if all(is_tuned(arm, configuration.tuning) for arm in pair) else "frozen",
        output="measurement" if pair[0].is_measurement else "convention",
        tuning_draws=replicates * configuration.tuning.seeds,
    )


def _contrast(race: Mapping[str, Any]) -> Contrast:
    return ratio_contrast(race["drops"]["quantum"], race["drops"]["classical"])
