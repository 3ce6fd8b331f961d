"""Repeats of a comparison from a pool, and the verdicts on them.

A repeat is one comparison by the protocol: each of its R replicates is another data draw of the pool, all of
them used once; on each a tuning seed is drawn among T for the choice, and final seeds among F, without
replacement, so that no run is in two roles. What the protocol pairs is paired:

    two streams of an arm    the data draw alone: tuning seeds differ, final seeds are disjoint
    two arms                 the data draw, the final seeds, and the tuning seed, by which each arm chooses

Two streams are exchangeable on every data draw: their difference is symmetric about 0 and independent of
that on any other, whatever the pool holds, so that all repeats are ones of identical arms. Of two arms a
repeat has the distribution of a comparison only over pools; within a pool repeats share its data draws, and
a difference of its means is there in all of them. `swapped` makes them repeats of identical arms, with the
spread of these.

Verdicts are those of results.json, by its functions: final_questions, difference_contrast, verdicts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from qgeo.comparison.arms import parse_arm
from qgeo.comparison.bars import text_unit
from qgeo.comparison.endpoints import endpoint, final_questions
from qgeo.comparison.inputs import build_task
from qgeo.comparison.sections import Configuration, TaskSection
from qgeo.comparison.training import final_windows
from qgeo.comparison.verdicts import Verdict, verdicts
from qgeo.statistics.means import Floats, paired_difference
from qgeo.tasks.task import Task

OURS, THEIRS = parse_arm("born+quantum"), parse_arm("born+classical")
"""Whose names runs get: the pair that verdicts are about, F_Q and F_C on one head."""

Pair = tuple[Floats, Floats]
"""Final runs of either side, (R, finals) each."""

Repeat = Callable[[np.random.Generator], Pair]


@dataclass(frozen=True)
class Protocol:
    """How a repeat is judged; None of replicates for final seeds of one tuning."""

    configuration: Configuration
    task: Task
    unit: float

    def verdict(self, pair: Pair) -> Verdict:
        """Of F_Q against F_C, as if these were their runs."""
        key = endpoint(self.task, self.unit).key
        runs = [[{key: _or_none(end)} for end in side.ravel()] for side in pair]
        outcomes = dict(zip((OURS, THEIRS), runs, strict=True))
        asked = final_questions(self.configuration, self.task, outcomes, THEIRS, self.unit)
        return verdicts(asked)[0]

    def verdicts(self, repeat: Repeat, repeats: int, seed: int) -> list[Verdict]:
        """Of so many repeats."""
        return [self.verdict(pair) for pair in drawn(repeat, repeats, seed)]


def protocol(recorded: Configuration, finals: int, replicates: int | None) -> Protocol:
    """The protocol on the task of a pool: one tuning seed, R replicates of so many final seeds, or none."""
    changed = recorded.model_dump(mode="json") | {
        "arms": {"names": [OURS.name, THEIRS.name]},
        "tuning": recorded.tuning.model_dump(mode="json") | {"seeds": 1},
        "training": recorded.training.model_dump(mode="json") | {"seeds": finals},
        "protocol": {"replicates": replicates, "finals": finals},
    }
    task, unit = task_and_unit(recorded.task, recorded.training.test_windows)
    return Protocol(Configuration.model_validate(changed), task, unit)


@lru_cache
def task_and_unit(section: TaskSection, windows: int) -> tuple[Task, float]:
    """A task and u, nats per token; 1 for a source, which has no use for it."""
    task = build_task(section)
    return task, 1.0 if task.exact is not None else text_unit(task, final_windows(task, windows))


def drawn(repeat: Repeat, repeats: int, seed: int) -> Iterator[Pair]:
    """So many repeats."""
    generator = np.random.default_rng(seed)
    return (repeat(generator) for _ in range(repeats))


def two_streams(ends: Floats, finals: int, generator: np.random.Generator) -> Pair:
    """The same arm twice, from ends (D, T, F) of its pool, T ≥ 2 and F ≥ 2 finals."""
    tunings, seeds = _orders(ends, generator)
    return (
        _picked(ends, tunings[:, 0], seeds[:, :finals]),
        _picked(ends, tunings[:, 1], seeds[:, finals : 2 * finals]),
    )


def two_arms(ours: Floats, theirs: Floats, finals: int, generator: np.random.Generator) -> Pair:
    """Two arms, from ends (D, T, F) of both on the same seeds."""
    tunings, seeds = _orders(ours, generator)
    left, right = (_picked(ends, tunings[:, 0], seeds[:, :finals]) for ends in (ours, theirs))
    return left, right


def swapped(pair: Pair, generator: np.random.Generator) -> Pair:
    """The sides exchanged in half of the replicates, at random."""
    swap = generator.integers(0, 2, (len(pair[0]), 1)).astype(bool)
    return np.where(swap, pair[1], pair[0]), np.where(swap, pair[0], pair[1])


def old_call(pair: Pair) -> str:
    """What was concluded once: a paired t interval at 95% over the final seeds of one tuning, (1, seeds)."""
    difference = paired_difference(pair[0].ravel(), pair[1].ravel())
    low, high = difference.ci_low, difference.ci_high
    if low is None or high is None:
        raise ValueError("expected final runs that end, got one that diverged; record another pool")
    return "better" if high < 0 else "worse" if low > 0 else "no difference"


def _orders(ends: Floats, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Tuning seeds (D, T) and final seeds (D, F), of every data draw in an order of its own."""
    draws, tunings, finals = ends.shape
    rows = [np.tile(np.arange(count), (draws, 1)) for count in (tunings, finals)]
    first, second = (generator.permuted(each, axis=1) for each in rows)
    return first, second


def _picked(ends: Floats, tuning: np.ndarray, seeds: np.ndarray) -> Floats:
    return ends[np.arange(len(ends))[:, None], tuning[:, None], seeds]


def _or_none(end: float) -> float | None:
    return float(end) if np.isfinite(end) else None
