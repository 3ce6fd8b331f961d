"""What numbers are made with: versions, platform, the revision of a checkout."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

_VERSIONS = ("qgeo", "torch", "numpy", "scipy", "qiskit", "qiskit-aer")
_OF_A_MACHINE = ("platform", "cores")


def environment() -> dict[str, str]:
    """Versions, platform and git revision that a comparison ran with."""
    versions = {name: version(name) for name in _VERSIONS}
    versions |= {"python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}"}
    versions["cores"] = str(os.cpu_count())
    revision = _git_revision()
    return versions | ({"git": revision} if revision else {})


def differences(ours: dict[str, str], theirs: dict[str, str]) -> list[str]:
    """What decides numbers and is not the same in two environments, in words.

    >>> differences({"torch": "2.13.0", "cores": "2"}, {"torch": "2.12.0", "cores": "64"})
    ['torch 2.13.0 here and 2.12.0 there']
    """
    names = [name for name in {**ours, **theirs} if name not in _OF_A_MACHINE]
    return [
        f"{name} {ours.get(name, 'unknown')} here and {theirs.get(name, 'unknown')} there"
        for name in names
        if ours.get(name) != theirs.get(name)
    ]


def _git_revision() -> str | None:
    """The checkout that this file lies in, with + where it has changes."""
    here = Path(__file__).parent
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
            cwd=here,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None if answer.returncode == 0 and _is_our_checkout(here) else None


def _is_our_checkout(here: Path) -> bool:
    return (here.parent / ".git").exists()
