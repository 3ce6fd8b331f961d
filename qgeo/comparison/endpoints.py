"""Endpoint 1, the end of training: one number per replicate, and the contrasts that verdicts are taken from.

    source   log((e_a + e₀)/(e_r + e₀)),   e the exact excess, e₀ = .01 (h_1 − h_k), .001 nats where that is 0
    text     (L_a − L_r)/u,                L the test loss, u = unigram − interpolated bigram loss

e₀ keeps a ratio of excesses from being one of roundings; u, at least .001, makes texts comparable. A
replicate's e and L are means over its final runs. Means of logarithms are compared: of two arms of
equal mean excess the one whose runs spread more is ahead, by about s²/8 for four final runs whose log excess
spreads by s. Without replicates the final seeds stand in their place, and no verdict follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np

from qgeo.comparison.arms import Arm
from qgeo.comparison.replicates import finals, primary_pairs
from qgeo.comparison.sections import Configuration
from qgeo.comparison.trials import is_tuned
from qgeo.comparison.verdicts import (
    MARGIN_OF_EXCESS,
    Contrast,
    Question,
    difference_contrast,
)
from qgeo.tasks.task import Task

LOG_EXCESS, TEST_LOSS = "log excess", "test loss in units u"
"""Names of the endpoint of a source and of a text."""

MARGIN_OF_TEXT = 0.1
"""In units u of the text."""

SHARE_OF_GAIN = 0.01
"""e₀ in the gain of a context, h_1 − h_k, a choice."""

LEAST_SCALE = 0.001
"""e₀ where a longer context gains nothing, nats, a choice."""

Runs = Sequence[Mapping[str, Any]]
"""The final outcomes of an arm, in the order of their seeds."""


@dataclass(frozen=True)
class Endpoint:
    """What is compared on a task.

    Attributes:
        name: in results; key: of the outcomes that it is made of; unit: nats per token of one unit.
        scale: e₀ of a source; None for a text, whose losses are compared as they are.
        margin: of equivalence.
    """

    name: str
    key: str
    unit: float
    scale: float | None
    margin: float

    def value(self, mean: float | None) -> float | None:
        """What enters a contrast, from a replicate's mean excess or test loss."""
        if mean is None:
            return None
        return mean / self.unit if self.scale is None else log(max(mean, 0.0) + self.scale)


def endpoint(task: Task, text_unit: float) -> Endpoint:
    """Endpoint 1 of a task; text_unit: u, nats per token: below zero on a text without structure, where it
    would exchange better and worse, and so at least .001."""
    if task.source is None or task.context_entropy is None:
        return Endpoint(TEST_LOSS, "test_loss", max(text_unit, LEAST_SCALE), None, MARGIN_OF_TEXT)
    gain = (task.source.conditional_entropy(1) - task.context_entropy) * log(2)
    scale = SHARE_OF_GAIN * gain if gain > 1e-12 else LEAST_SCALE
    return Endpoint(LOG_EXCESS, "excess", 1.0, scale, MARGIN_OF_EXCESS)


def unit_means(configuration: Configuration, runs: Runs, key: str) -> list[float | None]:
    """Per replicate the mean of its final runs, or per seed its value where there are no replicates; None
    where a run diverged."""
    values = [run[key] for run in runs]
    if configuration.protocol.replicates is None:
        return values
    size = finals(configuration)
    return [_mean(values[start : start + size]) for start in range(0, len(values), size)]


def final_questions(
    configuration: Configuration, task: Task, outcomes: Mapping[Arm, Runs], reference: Arm, text_unit: float
) -> list[tuple[Question, Contrast]]:
    """What verdicts on the end of training are asked of: F_Q against F_C on every head, and all other arms
    against the reference."""
    compared, pairs = endpoint(task, text_unit), primary_pairs([*outcomes])
    others = [
        (arm, reference)
        for arm in outcomes
        if arm != reference
        and arm not in {ours for ours, _ in pairs}
        and arm.seed_stream == reference.seed_stream
    ]
    means = {arm: unit_means(configuration, runs, compared.key) for arm, runs in outcomes.items()}
    return [
        (
            _question(configuration, compared, pair, pair in pairs),
            _contrast(compared, means[pair[0]], means[pair[1]]),
        )
        for pair in [*pairs, *others]
    ]


def _question(
    configuration: Configuration, compared: Endpoint, pair: tuple[Arm, Arm], primary: bool
) -> Question:
    replicates = configuration.protocol.replicates or 1
    return Question(
        pair[0].name,
        pair[1].name,
        compared.name,
        configuration.protocol.axis,
        role="confirmatory" if primary else "exploratory",
        settings="tuned" if all(is_tuned(arm, configuration.tuning) for arm in pair) else "frozen",
        output="measurement" if pair[0].is_measurement else "convention",
        tuning_draws=replicates * configuration.tuning.seeds,
    )


def _contrast(compared: Endpoint, ours: list[float | None], theirs: list[float | None]) -> Contrast:
    """Over the replicates that both arms have."""
    both = min(len(ours), len(theirs))
    left, right = ([compared.value(mean) for mean in means[:both]] for means in (ours, theirs))
    return difference_contrast(left, right, compared.margin)


def _mean(values: Sequence[float | None]) -> float | None:
    finite = [value for value in values if value is not None]
    return float(np.mean(finite)) if len(finite) == len(values) else None
