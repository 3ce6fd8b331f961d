"""Configurations that come with qgeo, by name.

quick       ten seeds, settings frozen by the committed standard run: two minutes, a demonstration
standard    40 replicates, everything tuned anew: the verdict
full        150 replicates, for a cluster
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgeo.comparison.config import read_toml
from qgeo.errors import ConfigurationError

PRESETS = ("quick", "standard", "full")


def preset(name: str) -> dict[str, Any]:
    """The settings of a preset, as a configuration file has them.

    Raises:
        ConfigurationError: there is none of this name.

    >>> preset("standard")["protocol"]["replicates"]
    40
    """
    if name not in PRESETS:
        raise ConfigurationError(f"expected a preset of {', '.join(PRESETS)}, got {name!r}")
    return read_toml(Path(__file__).parent / f"{name}.toml")
