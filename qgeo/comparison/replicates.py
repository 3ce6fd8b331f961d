"""Replicates of a comparison: which there are of an arm, their seeds, and what they are trained on.

    replicate r      training data of its own      tuning seeds T + r·s …      final seeds r·f … r·f + f − 1

s seeds of tuning and f final runs a replicate, T beyond every final seed. A comparison without replicates is
one of them on all of the training data, with as many final runs as it has seeds.
"""

from __future__ import annotations

from collections.abc import Sequence

from qgeo.comparison.arms import Arm
from qgeo.comparison.sections import MOST_FINALS, Configuration
from qgeo.tasks.replicates import replicate_task
from qgeo.tasks.task import Task

TUNING_SEED = MOST_FINALS
"""First seed of the tuning runs; final runs count from 0."""


def primary_pairs(arms: Sequence[Arm]) -> list[tuple[Arm, Arm]]:
    """Pairs of arms that differ in nothing but the metric, F_Q first and F_C second: what verdicts are about.

    Two streams of one arm are no such pair.
    """
    return [
        (arm, other)
        for arm in arms
        for other in arms
        if (arm.metric, other.metric) == ("quantum", "classical") and _is_same_but_metric(arm, other)
    ]


def replicates_of(configuration: Configuration, arm: Arm, arms: Sequence[Arm]) -> range:
    """The replicates of an arm: all where a verdict is about it, else as many as the protocol explores."""
    protocol = configuration.protocol
    if protocol.replicates is None:
        return range(1)
    is_primary = any(arm.twin in (a.twin, b.twin) for a, b in primary_pairs(arms))
    return range(protocol.replicates if is_primary else min(protocol.exploratory, protocol.replicates))


def finals(configuration: Configuration) -> int:
    """Final runs of a replicate."""
    protocol = configuration.protocol
    return configuration.training.seeds if protocol.replicates is None else protocol.finals


def final_seeds(configuration: Configuration, replicate: int) -> range:
    """Seeds of a replicate's final runs."""
    count = finals(configuration)
    return range(replicate * count, (replicate + 1) * count)


def tuning_seeds(configuration: Configuration, replicate: int) -> range:
    """Seeds of a replicate's trials."""
    count = configuration.tuning.seeds
    return range(TUNING_SEED + replicate * count, TUNING_SEED + (replicate + 1) * count)


def replicate_of(configuration: Configuration, seed: int) -> int:
    """The replicate that a final run belongs to."""
    return seed // finals(configuration)


def data_of(configuration: Configuration, task: Task, replicate: int) -> Task:
    """What a replicate trains, tunes and is tested on.

    Raises:
        TaskError: fewer training tokens than a replicate asks for.
    """
    protocol = configuration.protocol
    if protocol.replicates is None:
        return task
    return replicate_task(
        task, replicate, protocol.replicates, protocol.tokens or _tokens(configuration, task)
    )


def _tokens(configuration: Configuration, task: Task) -> int:
    """All of a source; of a text as many as leave blocks disjoint, at least those of ten batches."""
    if task.source is not None:
        return len(task.train)
    replicates = configuration.protocol.replicates or 1
    disjoint = (len(task.train) - (replicates - 1) * task.context) // replicates
    return min(len(task.train), max(disjoint, 10 * configuration.training.batch))


def _is_same_but_metric(arm: Arm, other: Arm) -> bool:
    """Whether two arms have head, backend, sizes and streams in common; what was tuned may differ."""
    same = ("head", "backend", "match", "circuit", "refresh", "frozen", "seed_stream")
    return all(getattr(arm, name) == getattr(other, name) for name in same)
