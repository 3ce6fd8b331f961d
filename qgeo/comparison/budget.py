"""The budget of a comparison on a device: the one setting of a run folder that may change.

It decides whether jobs are posted, not what they are: records, ledgers and digests stay the same.
"""

from __future__ import annotations

import math

import tomli_w

from qgeo.comparison.config import read_toml
from qgeo.comparison.run_folder import RunFolder, write_atomically
from qgeo.errors import ConfigurationError


def check_budget(folder: RunFolder, max_seconds: float) -> None:
    """
    Raises:
        ConfigurationError: it is no number of seconds, or the comparison has none.
    """
    if not 0 < max_seconds < math.inf:
        raise ConfigurationError(f"expected a budget in QPU seconds above 0 and finite, got {max_seconds:g}")
    if "max_seconds" not in read_toml(folder.config).get("backend", {}):
        raise ConfigurationError(
            f"expected a comparison with a budget in {folder.path}, got one without; go on without "
            "--max-seconds"
        )


def set_budget(folder: RunFolder, max_seconds: float) -> None:
    """Give a comparison another budget in QPU seconds, in its config.toml.

    Raises:
        ConfigurationError: it is no number of seconds, or the comparison has none.
    """
    check_budget(folder, max_seconds)
    settings = read_toml(folder.config)
    backend = settings["backend"]
    if backend["max_seconds"] != max_seconds:
        changed = settings | {"backend": backend | {"max_seconds": float(max_seconds)}}
        write_atomically(folder.config, tomli_w.dumps(changed))
