"""The one sentence at the top of a report: did F_Q add anything over F_C on the same head, in this run?

"With N seeds and K trials per arm, …": a difference is called one only where its 95% interval excludes zero,
called none only where the interval lies inside the equivalence margin, and undecided otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from qgeo.comparison.statistics import paired_difference, read_difference

FEWEST_SEEDS = 10
"""Below it a report says that no conclusion should be drawn."""

_VERDICTS = {
    "open": "one seed gives no interval, so the question stays open",
    "none": "no difference beyond the margin of {margin:g}",
    "lower": "the quantum metric did better here",
    "higher": "the quantum metric did worse here",
    "undecided": "undecided",
}


def answer(arms: Sequence[dict[str, Any]], protocol: dict[str, Any], task: str, margin: float) -> str:
    """The sentence for these results.

    Args:
        arms: entries of results.json; protocol: its protocol; margin: nats per token.
    """
    seeds, trials = len(protocol["seeds"]), protocol["trials"]
    opening = f"With {_count(seeds, 'seed')} and {_count(trials, 'trial')} per arm, "
    pair = _same_head_pair(arms)
    body = _no_pair(arms) if pair is None else _sharp(*pair, margin)
    closing = "" if seeds >= FEWEST_SEEDS else f"; fewer than {FEWEST_SEEDS} seeds allow no conclusion"
    return f"{opening}on {task}, {body}{closing}."


def _same_head_pair(arms: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The first two arms that differ in nothing but the metric: F_Q in one, F_C in the other."""
    for arm in arms:
        for other in arms:
            if (arm["metric"], other["metric"]) == ("quantum", "classical") and _alike(arm, other):
                return arm, other
    return None


def _alike(arm: dict[str, Any], other: dict[str, Any]) -> bool:
    keys = ("head", "backend", "settings")
    return all(arm.get(key) == other.get(key) for key in keys)


def _sharp(quantum: dict[str, Any], classical: dict[str, Any], margin: float) -> str:
    losses = (arm["final_loss"]["values"] for arm in (quantum, classical))
    difference = paired_difference(*losses)
    measured = (
        f"the {quantum['head']} head ended at {_loss(quantum)} nats per token under the quantum Fisher "
        f"metric and at {_loss(classical)} under its exact classical Fisher metric"
    )
    if difference.mean is None:
        return f"{measured}, and the two could not be paired"
    verdict = _VERDICTS[read_difference(difference, margin)].format(margin=margin)
    return f"{measured}; paired difference {_signed(asdict(difference))}: {verdict}"


def _no_pair(arms: Sequence[dict[str, Any]]) -> str:
    finished = [arm for arm in arms if arm["final_loss"]["mean"] is not None]
    if not finished:
        return "every arm diverged"
    best = min(finished, key=lambda arm: arm["final_loss"]["mean"])
    return (
        f"{best['name']} ended lowest at {_loss(best)} nats per token, and no head was trained under both "
        "Fisher metrics, so nothing is said about F_Q against F_C"
    )


def _loss(arm: dict[str, Any]) -> str:
    final = arm["final_loss"]
    return "no finite loss" if final["mean"] is None else f"{final['mean']:.3f}{_bounds(final, '.3f')}"


def _signed(difference: dict[str, Any]) -> str:
    return f"{difference['mean']:+.3f}{_bounds(difference, '+.3f')}"


def _bounds(interval: dict[str, Any], form: str) -> str:
    if interval["ci_low"] is None:
        return ""
    return f" [{interval['ci_low']:{form}}, {interval['ci_high']:{form}}]"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
