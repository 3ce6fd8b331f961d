"""Whether the heads of a comparison have the same size.

    |P_head − P_matched| / P_matched ≤ 5%          P: trainable parameters in all

Classical heads are built with the width closest to the head `heads.matched_to`; other quantum heads, and
widths that are too coarse, may still differ. Then the comparison says so, before it starts and in its report.
"""

from __future__ import annotations

from qgeo.comparison.arms import build_head, parse_arm
from qgeo.comparison.config import Configuration
from qgeo.heads.jacobian import count_trainable
from qgeo.tasks.task import Task

TOLERANCE = 0.05
"""Relative. A feature of the default's softmax head is 45 parameters, 16% of the 288 that it is matched to:
the closest width may be off by 8%, and is by 2%."""


def size_warnings(configuration: Configuration, task: Task) -> list[str]:
    """A sentence per head whose size differs by more than the tolerance."""
    matched = configuration.heads.matched_to or "born"
    sizes = {name: _size(configuration, task, name) for name in (matched, *_heads(configuration))}
    return [
        f"{name} has {size} trainable parameters, {matched}, to which heads are matched, {sizes[matched]} "
        f"({size / sizes[matched] - 1:+.0%}): a difference between them may be one of size"
        for name, size in sizes.items()
        if abs(size / sizes[matched] - 1) > TOLERANCE
    ]


def _heads(configuration: Configuration) -> dict[str, None]:
    """Every head once, in the order of the arms."""
    return dict.fromkeys(parse_arm(name).head for name in configuration.arms.names)


def _size(configuration: Configuration, task: Task, head: str) -> int:
    built = build_head(head, task.vocabulary_size, task.context, configuration.heads, seed=0)
    return count_trainable(built)
