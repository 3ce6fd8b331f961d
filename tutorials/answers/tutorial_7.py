"""Checks of tutorial 7, on IBM Quantum: what fits in the free plan's ten minutes."""

from __future__ import annotations

from typing import Any, Protocol

from .verdicts import RIGHT, number_verdict

MONTH = 600.0
"""QPU seconds of the free plan in 28 days."""

OF_A_JOB, PAUSE = 2.0, 250e-6
"""Seconds that a job takes beside its shots, and between two shots, by IBM's guide "Workload usage"."""


class Plan(Protocol):
    """What the checks need of a plan: circuits N, jobs, shots of all circuits together, QPU seconds."""

    @property
    def circuits(self) -> int: ...
    @property
    def jobs(self) -> int: ...
    @property
    def shots(self) -> int: ...
    @property
    def seconds(self) -> float: ...


def check_7a(answer: Any, plan: Plan) -> None:
    """The largest whole s with 2·jobs + N s t ≤ 600 QPU seconds, t as in the plan; to the shot."""
    most = _shots_that_fit(plan)
    by_the_pause = (MONTH - OF_A_JOB * plan.jobs) / (plan.circuits * PAUSE)
    hints = {
        most * plan.circuits: "these are the shots of all circuits together; divide by their number",
        by_the_pause: "a shot takes longer than the pause of 250 µs; the plan's seconds and shots give t",
        plan.shots / plan.circuits: f"this is the plan as it is, and it takes {plan.seconds:.0f} s",
    }
    otherwise = "solve 2·jobs + N s t = 600 for s, with t = (seconds − 2·jobs)/shots from the plan"
    verdict = number_verdict(answer, most, hints, otherwise)
    print(_to_the_shot(answer, most) if verdict == RIGHT else verdict)


def check_7b(answer: Any, plan: Plan) -> None:
    """The standard error that these shots leave: ½/√s."""
    most = _shots_that_fit(plan)
    now = 0.5 / (plan.shots / plan.circuits) ** 0.5
    hints = {
        1 / most**0.5: "this is 1/√s, the error of lin-comb; that of parameter-shift is half of it",
        now * plan.seconds / MONTH: "an error does not fall as 1/s, but as 1/√s",
        0.5 / (most * plan.circuits) ** 0.5: "s is the number of shots of one circuit, not of all of them",
    }
    otherwise = "at equal shots, how do the two stderr of section 2 compare? Then take s from 7a"
    print(number_verdict(answer, 0.5 / most**0.5, hints, otherwise))


# --- helpers -----------------------------------------------------------------------------------------------


def _to_the_shot(answer: float, most: int) -> str:
    if answer > most:
        return "hint: almost, but so many do not fit: what is the largest whole number that does?"
    return RIGHT if answer == most else "hint: almost, but one shot more fits, too"


def _shots_that_fit(plan: Plan) -> int:
    """⌊(600 − 2·jobs)/(N t)⌋, with t = (seconds − 2·jobs)/shots the time of a shot."""
    overhead = OF_A_JOB * plan.jobs
    of_a_shot = (plan.seconds - overhead) / plan.shots
    return int((MONTH - overhead) / (plan.circuits * of_a_shot))
