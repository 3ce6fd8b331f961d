"""The headline of a comparison, for somebody outside the field: which loss is lowest, and whether F_Q helped.

    best arm against the bigram bar      below, within its interval, above, none finished
    other arms against the best          about as good where their intervals overlap; nothing where none does
    F_Q against F_C on the same head     better, worse, equivalent, undecided, none, or no such pair

Each line is a sentence of its own in the tables below; nothing is said that is not a cell of them. What a
verdict is: `verdicts.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp
from typing import Any, Literal

from qgeo.comparison.endpoints import LOG_EXCESS
from qgeo.statistics.equivalence import POWER

Entry = Mapping[str, Any]
Place = Literal["below", "within", "above", "alone"]

BAR = "bigram"
"""What a head must beat to have learned more than which character follows which."""

_OPENING = "On {task}, {arm} has the lowest mean test loss: {loss}"

_BEST: dict[Place, str] = {
    "below": f"{_OPENING}, better than a table of token pairs ({{bar:.3f}})",
    "within": f"{_OPENING}, which cannot be told from a table of token pairs ({{bar:.3f}})",
    "above": f"{_OPENING}, worse than a table of token pairs ({{bar:.3f}})",
    "alone": _OPENING,
}

UNDER_FLOOR = ", and under the exact floor ({floor:.4f}) by the luck of the test windows"

AS_GOOD = "About as good, with intervals that overlap: {arms}."

AT_EDGE = (
    "Most choices of {arms} lie at an edge of what was tried ({shares}): better settings may lie beyond."
)

MISSED = "Steps of another KL divergence than they should have: {counts}."

_BOTH = "the quantum Fisher metric {} than the classical one"

_MARGIN = "the margin of equivalence is {margin}"

_METRICS = {
    "better": f"On {{head}} {_BOTH.format('did better')}: {{by}} ({{count}}; {_MARGIN}).",
    "worse": f"On {{head}} {_BOTH.format('did worse')}: {{by}} ({{count}}; {_MARGIN}).",
    "equivalent": (
        "On {head} the quantum and the classical Fisher metric are equivalent within {margin}: "
        "{by} ({count})."
    ),
    "undecided": (
        "On {head} it is undecided whether the quantum Fisher metric adds anything over the "
        "classical one: {by} ({count}); {needed}."
    ),
    "none": (
        "On {head} this run allows no verdict on the quantum against the classical Fisher metric "
        "({reason}); it saw {by} ({count})."
    ),
}

_DECIDED = {
    "better": f"the quantum metric is better: {{by}} ({_MARGIN})",
    "worse": f"the quantum metric is worse: {{by}} ({_MARGIN})",
    "equivalent": "the two metrics are equivalent within {margin}: {by}",
    "undecided": "undecided: {by}",
    "none": "no verdict ({reason}): {by}",
}

STANDING = (
    "The standard run (results/standard, SHA-256 {digest:.8}…; {count}, each tuned for itself) decided: "
    "{decided}."
)

RACES = (
    "One step of the quantum metric lowers the loss so many times as much as one of the classical metric of "
    "equal KL divergence: {races}."
)
RACE = "{ratio} at step {step} of training (theory to leading order: {predicted:.2f})"

NO_PAIR = (
    "No head was trained under both Fisher metrics, so nothing is said about the quantum against the "
    "classical one."
)
NONE_FINISHED = "No arm finished its training on {task}."


def answer(
    arms: Sequence[Entry],
    bars: Sequence[Entry],
    verdicts: Sequence[Entry],
    protocol: Entry,
    task: str,
    floor: float | None = None,
) -> str:
    """Two sentences, a sharp question for each head that was trained under both metrics; a third where other
    arms are about as good as the best.

    Args:
        arms, bars, verdicts, protocol: entries of results.json; task: its name; floor: its entropy in nats.
    """
    sharp = [entry for entry in verdicts if _is_sharp(entry)]
    sentences = [_best_sentence(arms, bars, task, floor)]
    if ties := about_as_good(arms):
        losses = (f"{_quoted(arm['name'])} ({arm['final_loss']['mean']:.3f})" for arm in ties)
        sentences.append(AS_GOOD.format(arms=", ".join(losses)))
    for entry in sharp:
        sentences += [_metric_sentence(entry, arms, protocol), *_reservations(entry, arms)]
    sentences += [] if sharp else [NO_PAIR]
    return " ".join(sentences)


def standing(decided: Entry) -> str:
    """What the standard run decided on the sharp question, and saw in races beside theory, in two sentences.

    Args:
        decided: of this task, from `presets.decided`.
    """
    entry = next(filter(_is_sharp, decided["verdicts"]))
    by = _difference(entry, decided["unit"], decided["scale"])
    margin = _margin(entry, decided["unit"])
    called = _DECIDED[entry["verdict"]].format(by=by, margin=margin, reason=entry["reason"])
    count = _count(entry["replicates"], "replicate")
    said = [STANDING.format(count=count, digest=decided["digest"], decided=called)]
    races = [_race(race) for race in decided["race"] if race["step"] and race["ratio"]["ci_low"] is not None]
    return " ".join([*said, RACES.format(races=", ".join(races))] if races else said)


def _race(race: Entry) -> str:
    ends = (race["ratio"]["ci_low"], race["ratio"]["ci_high"])
    ratio = f"{race['ratio']['mean']:.2f}{_bounds(ends, '.2f')}"
    return RACE.format(ratio=ratio, step=race["step"], predicted=race["predicted"])


def place(final_loss: Entry, bar: float | None) -> Place:
    """Where an arm's loss lies with respect to a bar; a mean without an interval is its own."""
    if bar is None:
        return "alone"
    low, high = final_loss["ci_low"], final_loss["ci_high"]
    mean = final_loss["mean"]
    if (mean if high is None else high) < bar:
        return "below"
    return "above" if (mean if low is None else low) > bar else "within"


def about_as_good(arms: Sequence[Entry]) -> list[Entry]:
    """Arms whose 95% interval of the test loss overlaps that of the best arm, best first; one run is none."""
    ranked = _best_first(arms)
    reach = ranked[0]["final_loss"]["ci_high"] if ranked else None
    lows = [(arm, arm["final_loss"]["ci_low"]) for arm in ranked[1:]]
    return [arm for arm, low in lows if None not in (low, reach) and low <= reach]


def _best_first(arms: Sequence[Entry]) -> list[Entry]:
    """Arms that finished, by their mean loss."""
    finished = [arm for arm in arms if arm["final_loss"]["mean"] is not None]
    return sorted(finished, key=lambda arm: arm["final_loss"]["mean"])


def _best_sentence(arms: Sequence[Entry], bars: Sequence[Entry], task: str, floor: float | None) -> str:
    best = next(iter(_best_first(arms)), None)
    if best is None:
        return NONE_FINISHED.format(task=task)
    bar = next((each["loss"] for each in bars if each["name"] == BAR), None)
    final = best["final_loss"]
    said = _BEST[place(final, bar)].format(task=task, arm=_quoted(best["name"]), loss=_loss(final), bar=bar)
    under = floor is not None and final["mean"] < floor
    return said + (UNDER_FLOOR.format(floor=floor) if under else "") + "."


def _metric_sentence(entry: Entry, arms: Sequence[Entry], protocol: Entry) -> str:
    head = next(arm["head"] for arm in arms if arm["name"] == entry["arm"])
    return _METRICS[entry["verdict"]].format(
        head=_pair(head, entry),
        by=_difference(entry, protocol["endpoint_unit"], protocol["endpoint_scale"]),
        margin=_margin(entry, protocol["endpoint_unit"]),
        reason=entry["reason"],
        count=_count(entry["replicates"], protocol["unit"]),
        needed=_needed(entry),
    )


def _pair(head: str, entry: Entry) -> str:
    """The head, and the arms where it is not all that makes them: one comparison may have several pairs."""
    names = entry["arm"], entry["reference"]
    if names == (f"{head}+quantum", f"{head}+classical"):
        return f"the {head} head"
    return f"the {head} head ({' against '.join(map(_quoted, names))})"


def _reservations(entry: Entry, arms: Sequence[Entry]) -> list[str]:
    """What a verdict may owe to the search for settings, or for the lengths of steps; nothing where all is
    well, or no verdict rests on it."""
    pair = [arm for arm in arms if arm["name"] in (entry["arm"], entry["reference"])]
    if entry["verdict"] == "none":
        return []
    edges = [(_quoted(arm["name"]), f"{arm['at_edge']:.0%}") for arm in pair if (arm["at_edge"] or 0) > 0.5]
    missed = [f"{arm['missed']} of {_quoted(arm['name'])}" for arm in pair if arm["missed"]]
    names, shares = ([edge[place] for edge in edges] for place in (0, 1))
    said = [AT_EDGE.format(arms=" and ".join(names), shares=", ".join(shares))] if edges else []
    return said + ([MISSED.format(counts=", ".join(missed))] if missed else [])


def _quoted(name: str) -> str:
    """A name of several words in quotes, as it stands in a sentence."""
    return f"“{name}”" if " " in name else name


def _difference(entry: Entry, unit: float, scale: float | None) -> str:
    """What was seen, in words: of a logarithm the percentage, of a loss in units of the text the nats; scale:
    e₀, without which a percentage would be one of roundings where both arms are nearly exact."""
    if entry["estimate"] is None:
        return "a run diverged"
    numbers = [entry["estimate"], *(entry["ci95"] or ())]
    if entry["endpoint"] == LOG_EXCESS:
        first, *ends = (f"{exp(number) - 1:+.1%}" for number in numbers)
        return f"{first}{_interval(ends)} in its distance from the best possible loss plus {scale:.2g} nats"
    first, *ends = (f"{number * unit:+.3f}" for number in numbers)
    return f"{first}{_interval(ends)} nats per token"


def _margin(entry: Entry, unit: float) -> str:
    if entry["endpoint"] == LOG_EXCESS:
        return f"±{exp(entry['margin']) - 1:.0%}"
    return f"±{entry['margin'] * unit:.3f} nats per token"


def _interval(ends: Sequence[str]) -> str:
    return f" [{', '.join(ends)}]" if ends else ""


def _needed(entry: Entry) -> str:
    """Replicates decide with a probability: where they are no more than there were, those were unlucky."""
    number = entry["replicates_needed"]
    if number is None:
        return "no number is known that would decide"
    if number <= entry["replicates"]:
        return f"{_count(number, 'replicate')} decide in {POWER:.0%} of cases, these did not"
    return f"{_count(number, 'replicate')} would decide"


def _is_sharp(entry: Entry) -> bool:
    """Whether a verdict is about F_Q against F_C on one head at the end of training."""
    return bool(entry["role"] == "confirmatory") and not entry["endpoint"].startswith("race")


def _loss(final: Entry) -> str:
    """One run has no interval, and what is said of it holds of no other."""
    if final["ci_low"] is None:
        return f"{final['mean']:.3f} nats per token (one run, no interval)"
    return f"{final['mean']:.3f}{_bounds((final['ci_low'], final['ci_high']), '.3f')} nats per token"


def _bounds(ends: Sequence[float], form: str) -> str:
    return f" [{ends[0]:{form}}, {ends[1]:{form}}]"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
