"""Configurations that come with qgeo, by name, and what the committed standard run decided.

quick       ten seeds, settings frozen by the standard run: two minutes, a demonstration
standard    40 replicates, everything tuned anew: the verdict
full        150 replicates, for a cluster
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from qgeo.comparison.config import read_toml
from qgeo.errors import ConfigurationError

PRESETS = ("quick", "standard", "full")

HERE = Path(__file__).parent


def preset(name: str) -> dict[str, Any]:
    """The settings of a preset, as a configuration file has them.

    Raises:
        ConfigurationError: there is none of this name.

    >>> preset("standard")["protocol"]["replicates"]
    40
    """
    if name not in PRESETS:
        raise ConfigurationError(f"expected a preset of {', '.join(PRESETS)}, got {name!r}")
    return read_toml(HERE / f"{name}.toml")


def task_of(described: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a task the same one, of its description in results.json."""
    return {key: described[key] for key in ("kind", "definition", "sha256", "vocabulary", "context")}


@lru_cache(maxsize=1)
def decided() -> dict[str, Any]:
    """Per task, verdicts and races of the standard run, with the digest of its results (`freeze.py`)."""
    found: dict[str, Any] = json.loads((HERE / "decided.json").read_text(encoding="utf-8"))
    return found
