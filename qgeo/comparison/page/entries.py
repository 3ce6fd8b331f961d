"""What entries of results.json say, in the words of the page and of the terminal; nothing is drawn here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from qgeo.comparison.bars import ALL

Entry = Mapping[str, Any]

_TUNED = ("kl", "damping", "lr")


def is_confirmatory(verdict: Entry) -> bool:
    """Whether a contrast may have a verdict; others are refused as exploratory, or for being a race's start.

    >>> is_confirmatory({"role": "exploratory"})
    False
    """
    return bool(verdict["role"] == "confirmatory")


def is_race(verdict: Entry) -> bool:
    """Whether it is about a ratio of drops, of which higher is better and 1 is no difference."""
    return str(verdict["endpoint"]).startswith("race")


def confirmatory_first(verdicts: Sequence[Entry]) -> list[Entry]:
    """The same verdicts, those that are confirmatory before all others."""
    return sorted(verdicts, key=lambda verdict: not is_confirmatory(verdict))


def runs_per_unit(protocol: Entry) -> int:
    """Final runs behind one value of an arm: those of a replicate, or the one of a seed."""
    return int(protocol["finals"]) if protocol["unit"] == "replicate" else 1


def seeds_of(arm: Entry, protocol: Entry) -> list[int]:
    """Seeds of an arm's final runs, replicate by replicate; an exploratory arm has the first of them."""
    return list(protocol["seeds"][: arm["final_loss"]["n"] * runs_per_unit(protocol)])


def made_of(arm: Entry) -> str:
    """Head, metric and what else an arm has of its own, where its name does not say it; settings stand apart.

    >>> arm = {"name": "again", "head": "born", "metric": "adam", "backend": "exact"}
    >>> made_of(arm | {"settings": {"seed_stream": 1}}), made_of(arm | {"name": "born+adam", "settings": {}})
    ('born+adam, seed stream 1', '')
    """
    plain = f"{arm['head']}+{arm['metric']}" + ("" if arm["backend"] == "exact" else f"@{arm['backend']}")
    more = [_described(name, value) for name, value in arm["settings"].items() if name not in _TUNED]
    return "" if arm["name"] == plain and not more else ", ".join([plain, *more])


def _described(name: str, value: Any) -> str:
    text = " and ".join(value) if isinstance(value, list | tuple) else value
    return f"{name.replace('_', ' ')} {text}"


def setting_name(name: str) -> str:
    """A setting's name in results.json, as a reader knows it."""
    return {"kl": "KL"}.get(name, name)


def setting_text(setting: Mapping[str, float]) -> str:
    """
    >>> setting_text({"kl": 0.1, "damping": 0.03})
    'KL 0.1, damping 0.03'
    """
    return ", ".join(f"{setting_name(name)} {value:g}" for name, value in setting.items())


def chosen_settings(chosen: Sequence[Mapping[str, float]]) -> list[tuple[str, int]]:
    """The settings that replicates chose, each with how many chose it; most chosen first.

    >>> chosen_settings([{"lr": 0.1}, {"lr": 0.3}, {"lr": 0.3}])
    [('lr 0.3', 2), ('lr 0.1', 1)]
    """
    return Counter(map(setting_text, chosen)).most_common()


def bar_name(bar: Entry) -> str:
    """Short enough for the edge of a figure.

    >>> [bar_name({"name": "bigram", "counted_on": windows}) for windows in (ALL, "seen windows")]
    ['bigram', 'bigram, seen']
    """
    part = str(bar["counted_on"]).removesuffix(" windows")
    return str(bar["name"]) if bar["counted_on"] == ALL else f"{bar['name']}, {part}"


def counted(number: int, noun: str) -> str:
    """
    >>> counted(1, "seed"), counted(40, "replicate")
    ('1 seed', '40 replicates')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
