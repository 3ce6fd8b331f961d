"""What is recorded: three comparisons, by the name of their pools.

    same-arm          bloch-walk, F_C on the Born head, 16 trials: the same arm against itself
    trap-one-tuning   text of 16 characters, F_Q and F_C, six trials: all of the text, as without replicates
    trap-replicates   the same with replicates, a block of the text each

Runs are short (20 and 40 steps) and begin at random, where seeds differ most, as all runs did when the trap
was met: what is checked is the inference, which knows nothing of steps and starts.
"""

from __future__ import annotations

from typing import Any

from qgeo.comparison.config import parse_configuration
from qgeo.comparison.sections import Configuration

REPLICATES = 40
FINALS = 4

_HEADS = {"start": "random"}

_TRAP: dict[str, Any] = {
    "task": {"vocabulary": 16},
    "arms": {"names": ["born+quantum", "born+classical"]},
    "heads": _HEADS,
    "training": {"steps": 40, "batch": 64, "evaluate_every": 40, "validation_windows": 1024},
    "tuning": {"kl": [0.02, 0.05], "damping": [0.01, 0.1, 1.0]},
}

PLANS: dict[str, dict[str, Any]] = {
    "same-arm": {
        "task": {"name": "bloch-walk"},
        "arms": {"names": ["born+classical"]},
        "heads": _HEADS,
        "training": {"steps": 20, "batch": 64, "evaluate_every": 20, "validation_windows": 1024},
        "tuning": {"seeds": 4},
        "protocol": {"replicates": REPLICATES, "finals": 8},
    },
    "trap-one-tuning": _TRAP
    | {"training": _TRAP["training"] | {"seeds": 20}, "tuning": _TRAP["tuning"] | {"seeds": 12}},
    "trap-replicates": _TRAP
    | {
        "tuning": _TRAP["tuning"] | {"seeds": 2},
        "protocol": {"replicates": REPLICATES, "finals": 5},
    },
}


def plan(name: str) -> Configuration:
    """The comparison that a pool is recorded from."""
    return parse_configuration(PLANS[name])
