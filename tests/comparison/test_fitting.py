"""A training lowered to some QPU seconds: in which order, how far, and what does not fit at all."""

from __future__ import annotations

from itertools import pairwise

import pytest

from qgeo.backends.device import device_by_name
from qgeo.comparison import fitting
from qgeo.comparison.config import parse_configuration
from qgeo.comparison.fitting import LEAST_BATCH, LEAST_SHOTS, MOST_REFRESH, fitted
from qgeo.comparison.inputs import build_task
from qgeo.comparison.sections import Configuration
from qgeo.comparison.training_plan import TrainingCosts
from qgeo.errors import ConfigurationError

SETTINGS = {
    "task": {"name": "golden-mean", "context": 2, "length": 600},
    "arms": {"names": ["born+quantum"]},
    "heads": {"layers": 1},
    "training": {"steps": 40, "batch": 32, "seeds": 1},
    "backend": {"name": "fake_manila", "shots": 512},
}


def costs_of(configuration: Configuration) -> TrainingCosts:
    return TrainingCosts(configuration, build_task(configuration.task), device_by_name("fake_manila"))


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    return parse_configuration(SETTINGS)


@pytest.fixture(scope="module")
def costs(configuration) -> TrainingCosts:
    return costs_of(configuration)


def numbers(configuration: Configuration) -> tuple[int, ...]:
    """In the order in which they are lowered."""
    training, backend = configuration.training, configuration.backend
    return backend.metric_shots or 0, training.refresh, training.batch, backend.shots, training.steps


def test_settings_are_lowered_one_after_the_other(configuration, costs):
    # Seen to fail: batch before refresh; a factor of four; one that is left before its floor.
    chain = [numbers(one) for one in fitting._lowered(configuration, costs)]
    assert chain == [
        (0, 1, 32, 512, 40),
        *((shots, 1, 32, 512, 40) for shots in (256, 128, LEAST_SHOTS)),
        *((LEAST_SHOTS, refresh, 32, 512, 40) for refresh in (2, 4, 8, MOST_REFRESH)),
        *((LEAST_SHOTS, MOST_REFRESH, batch, 512, 40) for batch in (16, LEAST_BATCH)),
        *((LEAST_SHOTS, MOST_REFRESH, LEAST_BATCH, shots, 40) for shots in (256, 128, LEAST_SHOTS)),
    ]


def test_the_first_that_fits_is_taken(configuration, costs):
    # Seen to fail: the last of the chain; one that only just does not fit.
    chain = list(fitting._lowered(configuration, costs))
    seconds = [costs.plan(one.training, one.backend).seconds for one in chain]
    assert all(after <= before for before, after in pairwise(seconds))
    for place in (0, 2, 5, len(chain) - 1):
        found = fitted(configuration, costs, seconds[place])
        assert numbers(found.configuration) == numbers(chain[place])
        assert found.plan.seconds == seconds[place]
    assert fitted(configuration, costs, seconds[0]).lowered == {}
    assert fitted(configuration, costs, seconds[2]).lowered == {"backend.metric_shots": (512, 128)}


@pytest.mark.parametrize("seconds", [30.0, 70.0, 100.0, 130.0])
def test_at_last_as_many_steps_as_fit(seconds, configuration, costs):
    # Seen to fail: the first half that fits.
    found = fitted(configuration, costs, seconds)
    steps = found.configuration.training.steps
    assert found.lowered["training.steps"] == (40, steps)
    assert found.plan.seconds <= seconds
    more = found.configuration.training.model_copy(update={"steps": steps + 1})
    assert costs.plan(more, found.configuration.backend).seconds > seconds


def test_what_does_not_fit_at_all_is_said(configuration, costs):
    with pytest.raises(
        ConfigurationError, match=r"expected a training that fits 1 QPU seconds, .* single step"
    ):
        fitted(configuration, costs, 1.0)


def test_what_costs_nothing_is_left_alone():
    """Without circuits of a metric neither its shots nor its refresh save a second."""
    # Seen to fail: refresh raised for a metric from the gradient's own shots.
    settings = SETTINGS | {"arms": {"names": ["born+classical", "born+adam"]}}
    configuration = parse_configuration(settings)
    found = fitted(configuration, costs_of(configuration), 300.0)
    assert set(found.lowered) <= {"training.batch", "backend.shots", "training.steps"}
    assert found.configuration.training.refresh == 1
    assert found.configuration.backend.metric_shots is None


def test_what_is_low_already_is_not_raised():
    # Seen to fail: floors taken as values.
    low = {"training": {"steps": 40, "batch": 2, "seeds": 1, "refresh": 30}}
    more = {"backend": {"name": "fake_manila", "shots": 20, "metric_shots": 10}}
    configuration = parse_configuration(SETTINGS | low | more)
    found = fitted(configuration, costs_of(configuration), 50.0)
    assert set(found.lowered) == {"training.steps"}
