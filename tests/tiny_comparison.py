"""A comparison of a second: golden mean, one qubit, six steps, two seeds. For every test that needs one."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import tomli_w

from qgeo.comparison.config import parse_configuration
from qgeo.comparison.sections import Configuration

ARMS = ("born+quantum", "born+classical", "softmax+adam")

SETTINGS: dict[str, dict[str, Any]] = {
    "task": {"name": "golden-mean", "length": 600, "context": 2},
    "arms": {"names": list(ARMS)},
    "heads": {"layers": 1, "embedding": 1},
    "training": {"steps": 6, "batch": 8, "seeds": 2, "evaluate_every": 3, "validation_windows": 32},
    "tuning": {"kl": [0.01, 0.1], "damping": [1.0], "kl_alone": [0.01, 0.1], "lr": [0.05, 0.3]},
    "backend": {"shots": 128, "contexts": 4},
}


def one_trial(size: float) -> dict[str, Any]:
    """A tuning section with nothing to choose: this KL divergence, or this learning rate."""
    return {"kl": [size], "damping": [1.0], "kl_alone": [size, size], "lr": [size, size]}


def settings(**sections: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The settings, with some keys of some sections changed; `task` is replaced as a whole."""
    changed = deepcopy(SETTINGS)
    for name, section in sections.items():
        changed[name] = section if name == "task" else changed[name] | section
    return changed


def configuration(**sections: dict[str, Any]) -> Configuration:
    return parse_configuration(settings(**sections))


def write_toml(path: Path, **sections: dict[str, Any]) -> Path:
    """A configuration file with these settings."""
    path.write_text(tomli_w.dumps(settings(**sections)), encoding="utf-8")
    return path


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder: when it was written, and its bytes."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}
