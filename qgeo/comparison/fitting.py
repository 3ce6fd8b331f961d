"""The first training that fits a number of QPU seconds, when a configuration is lowered in a fixed order.

    shots of a metric → refresh (metrics less often) → contexts in a batch → shots of a gradient → steps

Each is lowered by factors of two to its floor before the next is touched; of steps as many stay as fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from qgeo.comparison.sections import Configuration
from qgeo.comparison.training_plan import TrainingCosts, TrainingPlan
from qgeo.errors import ConfigurationError

LEAST_SHOTS = 64
"""Per circuit, of metrics and gradients, a choice: with fewer, the half count that is added to each of 32
outcomes is more than a fifth of all that is counted."""

MOST_REFRESH = 16
"""Steps between two metrics, a choice: each of them may move the distribution by the whole trust region."""

LEAST_BATCH = 8
"""Contexts, a choice; what is paid for is the distinct ones among them."""


@dataclass(frozen=True)
class Fitted:
    """A configuration that fits, its plan, and the settings that were lowered: key → (before, after)."""

    configuration: Configuration
    plan: TrainingPlan
    lowered: dict[str, tuple[int, int]]


def fitted(configuration: Configuration, costs: TrainingCosts, seconds: float) -> Fitted:
    """The first configuration in the order above whose plan takes at most so many QPU seconds.

    Raises:
        ConfigurationError: not even a single step of the smallest one does.
    """
    smallest = configuration
    for smallest in _lowered(configuration, costs):
        if _seconds(smallest, costs) <= seconds:
            return _fitted(configuration, smallest, costs)
    return _fitted(configuration, _fewer_steps(smallest, costs, seconds), costs)


def _lowered(configuration: Configuration, costs: TrainingCosts) -> Iterator[Configuration]:
    """The configuration, then lower and lower ones, with all of their steps."""
    yield configuration
    training, backend = configuration.training, configuration.backend
    ladder: list[tuple[str, str, Iterator[int]]] = []
    if costs.has_metrics:
        ladder.append(
            ("backend", "metric_shots", _halves(backend.metric_shots or backend.shots, LEAST_SHOTS))
        )
        ladder.append(("training", "refresh", _doubles(training.refresh, min(MOST_REFRESH, training.steps))))
    ladder.append(("training", "batch", _halves(training.batch, LEAST_BATCH)))
    ladder.append(("backend", "shots", _halves(backend.shots, LEAST_SHOTS)))
    for section, key, values in ladder:
        for value in values:
            configuration = _changed(configuration, section, key, value)
            yield configuration


def _fewer_steps(configuration: Configuration, costs: TrainingCosts, seconds: float) -> Configuration:
    """With as many steps as fit: every further one costs more."""
    few, many = 0, configuration.training.steps  # few fit, many do not
    while many - few > 1:
        middle = (few + many) // 2
        fits = _seconds(_changed(configuration, "training", "steps", middle), costs) <= seconds
        few, many = (middle, many) if fits else (few, middle)
    if not few:
        least = _seconds(_changed(configuration, "training", "steps", 1), costs)
        raise ConfigurationError(
            f"expected a training that fits {seconds:g} QPU seconds, but a single step of every run takes "
            f"{least:.0f} at the fewest shots; choose fewer arms or seeds, or a smaller head"
        )
    return _changed(configuration, "training", "steps", few)


def _halves(start: int, least: int) -> Iterator[int]:
    """Half of it again and again, at last the least.

    >>> list(_halves(1000, 128)), list(_halves(100, 128))
    ([500, 250, 128], [])
    """
    while start > least:
        start = max(least, start // 2)
        yield start


def _doubles(start: int, most: int) -> Iterator[int]:
    """
    >>> list(_doubles(3, 16))
    [6, 12, 16]
    """
    while start < most:
        start = min(most, 2 * start)
        yield start


def _seconds(configuration: Configuration, costs: TrainingCosts) -> float:
    return costs.plan(configuration.training, configuration.backend).seconds


def _changed(configuration: Configuration, section: str, key: str, value: int) -> Configuration:
    changed = getattr(configuration, section).model_copy(update={key: value})
    return configuration.model_copy(update={section: changed})


def _fitted(before: Configuration, after: Configuration, costs: TrainingCosts) -> Fitted:
    keys = ("backend.metric_shots", "training.refresh", "training.batch", "backend.shots", "training.steps")
    pairs = {key: (_value(before, key), _value(after, key)) for key in keys}
    shots = before.backend.shots  # those of a metric too, where it has none of its own
    lowered = {key: (old or shots, new) for key, (old, new) in pairs.items() if old != new}
    return Fitted(after, costs.plan(after.training, after.backend), lowered)


def _value(configuration: Configuration, key: str) -> Any:
    section, _, name = key.partition(".")
    return getattr(getattr(configuration, section), name)
