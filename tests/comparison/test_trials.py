"""Trials: as many for every arm, over what it has to choose; nothing to choose where all is given."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tiny_comparison import configuration

from qgeo.comparison.arms import arms_of, parse_arm
from qgeo.comparison.config import parse_configuration
from qgeo.comparison.sections import TuningSection
from qgeo.comparison.setting import Setting, best, is_at_edge
from qgeo.comparison.trials import trials
from qgeo.errors import ConfigurationError
from qgeo.optim.first_order import FIRST_ORDER
from qgeo.optim.metrics import METRICS

DEFAULT = TuningSection()


@pytest.mark.parametrize("metric", [*METRICS, *FIRST_ORDER])
def test_every_arm_has_as_many_different_trials(metric):
    # Seen to fail: one trial per KL divergence for a metric without damping.
    tried = trials(parse_arm(f"born+{metric}"), DEFAULT)
    assert len(tried) == len(set(tried)) == 16


def test_ends_that_lie_close_leave_as_many_trials():
    # Seen to fail: one trial for Adam and 16 for all metrics, as three digits made one number of all.
    close = TuningSection(lr=(0.1, 0.1001), kl_alone=(0.1, 0.1001))
    for metric in ("adam", "adam-direction", "quantum"):
        assert len(set(trials(parse_arm(f"born+{metric}"), close))) == 16


def test_what_an_arm_chooses_among():
    natural = trials(parse_arm("born+quantum"), DEFAULT)
    assert natural[0] == Setting(kl=0.01, damping=0.001)
    assert natural[-1] == Setting(kl=0.3, damping=3.0)
    assert {setting.lr for setting in natural} == {None}
    alone = trials(parse_arm("born+identity"), DEFAULT)
    assert [setting.values.keys() for setting in alone] == [{"kl"}] * 16
    assert (alone[0].kl, alone[-1].kl) == (0.001, 1.0)
    plain = trials(parse_arm("born+adam"), DEFAULT)
    assert (plain[0], plain[-1]) == (Setting(lr=0.001), Setting(lr=3.0))
    assert trials(parse_arm("born+adam-direction"), DEFAULT) == alone


def test_what_is_given_is_not_tried_and_the_rest_has_as_many_trials():
    # Seen to fail: four trials where the damping is given.
    arm = parse_arm("born+classical")
    damped, sized = replace(arm, damping=0.5), replace(arm, kl=0.05)
    assert {setting.damping for setting in trials(damped, DEFAULT)} == {0.5}
    assert {setting.kl for setting in trials(sized, DEFAULT)} == {0.05}
    assert len(trials(damped, DEFAULT)) == len(trials(sized, DEFAULT)) == 16
    assert trials(replace(damped, kl=0.05), DEFAULT) == (Setting(0.05, 0.5),)
    assert trials(replace(parse_arm("born+adam"), lr=0.1), DEFAULT) == (Setting(lr=0.1),)
    assert trials(replace(parse_arm("born+identity"), kl=0.1), DEFAULT) == (Setting(kl=0.1),)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            {"metric": "quantum", "lr": 0.1},
            r"no lr for born\+quantum, whose settings are: kl, damping",
        ),
        ({"metric": "adam", "kl": 0.1}, r"no kl for born\+adam, whose settings are: lr"),
        (
            {"metric": "identity", "damping": 0.1},
            r"no damping for born\+identity, whose settings are: kl",
        ),
    ],
)
def test_a_setting_that_an_arm_has_not_is_refused(table, said):
    # Seen to fail: a damping of the identity that changed nothing.
    with pytest.raises(ConfigurationError, match=said):
        arms_of(parse_configuration({"arm": [{"head": "born", **table}]}))


CHOICES = [
    ((2.0, 1.0, 3.0), 1),
    ((2.0, None, None), 0),
    ((None, None, None), 0),
    ((1.0, 1.0, 1.0), 0),
    ((None, 9.0, None), 1),
]


@pytest.mark.parametrize(("losses", "place"), CHOICES)
def test_the_lowest_finite_loss_chooses(losses, place):
    # Seen to fail: a diverged trial (None) taken for a loss of zero.
    grid = [Setting(lr=lr) for lr in (0.1, 0.3, 1.0)]
    assert best(dict(zip(grid, losses, strict=True))) == grid[place]


def test_an_edge_is_an_end_of_anything_that_was_tried():
    # Seen to fail: a damping at its end not counted where the KL divergence was not.
    grid = [Setting(kl, damping) for kl in (0.1, 0.2, 0.3) for damping in (1.0, 2.0, 3.0)]
    assert [is_at_edge(setting, grid) for setting in grid] == [True] * 4 + [False] + [True] * 4
    assert not is_at_edge(Setting(kl=0.1, damping=1.0), [Setting(kl=0.1, damping=1.0)])


def test_one_trial_is_in_the_middle():
    config = configuration(tuning={"kl": [0.1], "damping": [1.0], "lr": [0.01, 1.0]})
    assert trials(parse_arm("born+adam"), config.tuning) == (Setting(lr=0.1),)
    assert trials(parse_arm("born+identity"), config.tuning) == (Setting(kl=0.0316),)
