"""Plans of estimates: what a request would run and cost. Circuits are built and transpiled, nothing is run.

The request is carried out on a `DryRun`, which notes what it is asked for; every method, whatever it does
with its samples, is planned by the code that will run it, and divided into jobs by the code that will divide
it (`backends/plan.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import add
from typing import Any

from qgeo.backends.cost import OVERHEAD_SECONDS
from qgeo.backends.mitigated_work import PLAIN, Mitigation
from qgeo.backends.plan import Call, Judged, Plan, Total
from qgeo.backends.splitting import Limits
from qgeo.estimators.dry_run import DryRun, distinct_circuits
from qgeo.estimators.methods import METHODS
from qgeo.estimators.primitives import PassManager

TRANSPILED_AT_MOST = 24
"""Circuits that a plan transpiles; more are judged by an even choice of so many, and all of them where the
seconds of a job may reach their limit: how many jobs there are is then decided by each circuit."""
_HOW_UNLIKE = 4.0
"""How many times longer a circuit may be than the longest of those that were chosen: all are parts of one
circuit, and the choice holds early and late ones."""


def planned(
    name: str,
    request: Callable[[DryRun], Any],
    pass_manager: PassManager,
    stderr: float | None,
    mitigation: Mitigation = PLAIN,
    limits: Limits | None = None,
) -> Plan:
    """Carry out a request dry, and judge its circuits after transpiling.

    Args:
        request: runs an estimate on the dry run it is given, untranspiled.
        pass_manager: to the device's target; None to judge circuits as they are.
        stderr: expected of the request; mitigation: what its jobs will run beside; limits: of a job.

    Raises:
        ConfigurationError, CircuitError: circuits that cannot be mitigated so.
    """
    dry = DryRun()
    request(dry)
    circuits = distinct_circuits(dry.calls)
    judged = Judged(circuits, pass_manager, mitigation, limits, most=TRANSPILED_AT_MOST)
    if _may_be_long(dry.calls, judged):
        judged = Judged(circuits, pass_manager, mitigation, limits)
    return judged.plan(name, reduce(add, map(judged.total, dry.calls), Total()), stderr)


def _may_be_long(calls: Sequence[Call], judged: Judged) -> bool:
    """Whether the limit of seconds may divide a job, where circuits are longer than those that were
    judged."""
    longest = _HOW_UNLIKE * judged.longest + judged.mitigation.beside.seconds
    most = max((sum(wanted.executions for wanted in call) for call in calls), default=0)
    return OVERHEAD_SECONDS + min(most, judged.limits.executions) * longest > judged.limits.seconds


def expected_stderr(method: str, shots: int, mitigation: Mitigation = PLAIN) -> float | None:
    """Standard error to expect of an entry between two single-term parameters: 1/√s, or ½/√s by overlaps.

    It bounds every entry but those of lin-comb and mid-circuit between layers, whose phase term is measured
    apart: √2/√s bounds these. None for methods whose random directions dominate. (3 F₁ − F₃)/2 multiplies
    it by √10/2. What the inversion of readout errors adds is not in it.
    """
    expected = METHODS[method].stderr
    growth = 10**0.5 / 2 if mitigation.zero_noise else 1.0
    return None if expected is None else growth * expected(shots)
