"""What a comparison needs in memory, asked before it starts: never an out-of-memory kill in the middle.

A coarse sum, from sizes alone: a quantum head's states (and tangents, for a metric) of one batch, and the
dense information matrix of a natural-gradient arm with its factor.
"""

from __future__ import annotations

from collections.abc import Sequence

from qgeo.comparison.arms import Arm, build_head
from qgeo.comparison.sections import Configuration
from qgeo.errors import ConfigurationError
from qgeo.heads.circuit_head import CircuitHead
from qgeo.heads.jacobian import count_trainable
from qgeo.heads.trunk import MOST_KEPT
from qgeo.optim.metrics import METRICS, Sizes
from qgeo.system import memory_bytes
from qgeo.tasks.task import Task

_STATES_AT_ONCE = 8
"""States of a batch that live at the same time in a gradient step: both sweeps, their buffers, autograd's."""


def check_memory(configuration: Configuration, arms: Sequence[Arm], task: Task) -> None:
    """Refuse a comparison whose largest run does not fit into this machine.

    Raises:
        ConfigurationError: the message names the arm, what it needs and what there is.
    """
    there = memory_bytes()
    for arm in arms:
        needed = run_bytes(configuration, arm, task)
        if needed > there:
            raise ConfigurationError(
                f"expected runs that fit into {there / 2**30:.0f} GiB of memory, got {arm.name}, which needs "
                f"about {needed / 2**30:.0f} GiB; use fewer qubits, a smaller batch, or a smaller encoder"
            )


def run_bytes(configuration: Configuration, arm: Arm, task: Task) -> int:
    """About how many bytes one run of an arm holds at once."""
    head = build_head(arm, task.vocabulary_size, task.context, configuration.heads, 0, task.trunk)
    program, batch = head.program if isinstance(head, CircuitHead) else None, configuration.training.batch
    amplitudes, columns = (0, 0) if program is None else (program.dimension, len(program.columns))
    sizes = Sizes(batch, task.vocabulary_size, count_trainable(head), amplitudes, columns)
    states = 16 * _STATES_AT_ONCE * batch * amplitudes
    return states + trunk_bytes(task) + (METRICS[arm.metric].bytes(sizes) if arm.is_natural else 0)


def trunk_bytes(task: Task) -> int:
    """Of a trunk in float64 with what it remembers at most."""
    return 0 if task.trunk is None else 8 * (task.trunk.parameters + MOST_KEPT)
