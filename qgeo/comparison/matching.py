"""Whether the heads of a comparison have the same size.

    |P_head − P_matched| / P_matched ≤ 5%          P: trainable parameters in all

Classical heads are built with the width closest to the head `heads.matched_to`; other quantum heads, and
widths that are too coarse, may still differ. Then the comparison says so, before it starts and in its report.
"""

from __future__ import annotations

from qgeo.comparison.arms import Arm, arms_of, count_parameters
from qgeo.comparison.sections import Configuration
from qgeo.tasks.task import Task

TOLERANCE = 0.05
"""Relative. A feature of the default's softmax head is 45 parameters, 16% of the 288 that it is matched to:
the closest width may be off by 8%, and is by 2%."""


def size_warnings(configuration: Configuration, task: Task) -> list[str]:
    """A sentence per head whose size differs by more than the tolerance from the one it is matched to."""
    settings, said = configuration.heads, dict[str, None]()
    for arm in arms_of(configuration):
        matched = arm.match or settings.matched_to or "born"
        size = count_parameters(configuration, task, arm)
        aim = count_parameters(configuration, task, Arm(matched, arm.metric))
        if abs(size / aim - 1) > TOLERANCE:
            sentence = (
                f"{arm.head} has {size} trainable parameters, {matched}, to which heads are matched, {aim} "
                f"({size / aim - 1:+.0%}): a difference between them may be one of size"
            )
            said[sentence] = None
    return list(said)
