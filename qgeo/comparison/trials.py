"""Trials: the settings that tuning chooses among, as many for every arm.

    natural gradients                    τ × d    KL divergence of the first step × relative damping
    one damping, or none                 τ        between a least and a largest, evenly in log τ
    first-order optimizers               lr       between a least and a largest, evenly in log lr

An arm whose settings are all given has nothing to choose: its settings are frozen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qgeo.comparison.arms import Arm
from qgeo.comparison.sections import TuningSection
from qgeo.comparison.setting import Setting

_DIGITS = 3  # of the values between two ends, chosen: they are read by people


def trials(arm: Arm, tuning: TuningSection) -> tuple[Setting, ...]:
    """The settings that an arm is tried with: one where nothing is left to choose."""
    if arm.setting is not None:
        return (arm.setting,)
    count = len(tuning.kl) * len(tuning.damping)
    if not arm.steps_by_kl:
        return tuple(Setting(lr=lr) for lr in _between(tuning.lr, count))
    if arm.kl is not None:
        return tuple(Setting(arm.kl, damping) for damping in _between(tuning.damping, count))
    if arm.damping is not None or not arm.is_damped:
        return tuple(Setting(kl, arm.damping) for kl in _between(tuning.kl_alone, count))
    return tuple(Setting(kl, damping) for kl in tuning.kl for damping in tuning.damping)


def is_tuned(arm: Arm, tuning: TuningSection) -> bool:
    """Whether all that an arm has to tune is chosen among several: a damping that somebody gives one of two
    arms decides which of them is better."""
    given = (arm.kl, arm.damping, arm.lr) != (None, None, None)
    return not given and len(trials(arm.twin, tuning)) > 1


def _between(ends: Sequence[float], count: int) -> tuple[float, ...]:
    """From the least to the largest of some values, evenly in their logarithm; of one, their geometric mean.
    As many as are asked for, with more digits where few would make two of them one.

    >>> _between((0.001, 3.0), 4), _between((0.01, 1.0), 1), _between((0.1, 0.1002), 3)
    ((0.001, 0.0144, 0.208, 3.0), (0.1,), (0.1, 0.1001, 0.1002))
    """
    least, most = min(ends), max(ends)
    values = np.geomspace(least, most, count) if count > 1 else [np.sqrt(least) * np.sqrt(most)]
    rounded = (tuple(float(f"{value:.{digits}g}") for value in values) for digits in range(_DIGITS, 18))
    return next((each for each in rounded if len(set(each)) == count), tuple(map(float, values)))
