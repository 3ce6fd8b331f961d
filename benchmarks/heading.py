"""The head of benchmarks/README.md: how figures were made, on which machine, with which versions."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.cases import PEERS
from benchmarks.paired import PYTHONS, TOLERANCE, Effort

_PACKAGES = (
    "torch",
    "numpy",
    "qiskit",
    "jax",
    "pennylane",
    "tensorcircuit-ng",
    "qiskit-algorithms",
    "qiskit-machine-learning",
)
_PEERS = ("mindquantum", "qulacs")


def heading(effort: Effort) -> list[str]:
    return [
        "# Benchmarks",
        "",
        "Written by `make bench`: qgeo and its opponents in one run on one machine, each in a process of its",
        f"own, with {effort.threads} thread(s), in {effort.rounds} rounds of turns of {effort.seconds:g} s.",
        "Milliseconds are the median over rounds of a turn's median call: wall time, warm, complex128. In",
        "brackets: the first call, with compilation (of the circuit for qgeo, of the function for JAX). A",
        "ratio is opponent / qgeo in one round, median and range over rounds: above 1 qgeo is faster.",
        "",
        f"Results agree to {TOLERANCE:g}, relative, in norm and in a sum that every entry counts in; one",
        "that does not stops this page from being written.",
        "",
        f"Machine: {os.cpu_count()} cores, {_processor()}, {platform.system()}.",
        f"Python {platform.python_version()}.",
        f"Versions: {', '.join([*map(_version, _PACKAGES), *_peers()])}. Date: {date.today():%Y-%m-%d}.",
    ]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} absent"


def _peers() -> list[str]:
    """Versions in the other environment."""
    if not PYTHONS[PEERS].exists():
        return [f"{package} absent" for package in _PEERS]
    code = f"from importlib.metadata import version\nfor each in {_PEERS}: print(each, version(each))"
    answer = subprocess.run([str(PYTHONS[PEERS]), "-c", code], capture_output=True, text=True)
    return answer.stdout.split("\n")[: len(_PEERS)] if not answer.returncode else [f"{PEERS} incomplete"]
