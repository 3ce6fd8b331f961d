"""`qgeo doctor`: what is installed here, and what of it works. Nothing is asked of a service."""

from __future__ import annotations

import os
import platform
import warnings
from importlib.metadata import PackageNotFoundError, version

from rich.table import Table

from qgeo.errors import ConfigurationError
from qgeo.system import cores, memory_bytes
from qgeo.terminal.console import tables

_PACKAGES = (
    "qgeo",
    "qiskit",
    "qiskit-aer",
    "qiskit-machine-learning",
    "qiskit-ibm-runtime",
    "torch",
    "numpy",
    "scipy",
)
_KEY = "QISKIT_IBM_TOKEN"


def findings() -> dict[str, str]:
    """What there is, by name, each a short text."""
    versions = {name: _version(name) for name in _PACKAGES}
    return {
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        **versions,
        "compiled sweeps": _kernel(),
        "threads": _threads(),
        "memory": f"{memory_bytes() / 2**30:.1f} GiB",
        "IBM account": _account(),
        "fake devices": _fake_devices(),
    }


def print_findings(found: dict[str, str]) -> None:
    """A row each."""
    table = Table(show_header=False, box=None)
    for name, text in found.items():
        table.add_row(name, text)
    tables().print(table)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _kernel() -> str:
    """Whether the compiled sweeps are used, or why not."""
    from qgeo.simulate.compiled.library import library

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        if library() is not None:
            return "used"
    if said:
        return f"refused: {said[0].message}"
    return "not built (they need gcc or clang when qgeo is installed): everything runs through torch, slower"


def _threads() -> str:
    import torch

    limit = os.environ.get("OMP_NUM_THREADS")
    return f"{torch.get_num_threads()} of torch, {cores()} cores" + (
        f", OMP_NUM_THREADS={limit}" if limit else ""
    )


def _account() -> str:
    """Where an account is kept; never a key."""
    if os.environ.get(_KEY):
        return f"in {_KEY}"
    try:
        from qiskit_ibm_runtime import QiskitRuntimeService
    except ImportError:
        return "none: it takes qiskit-ibm-runtime; pip install qiskit-ibm-runtime"
    names = sorted(QiskitRuntimeService.saved_accounts())
    return (
        f"saved as {', '.join(names)}" if names else f"none; set {_KEY}, or save one with qiskit-ibm-runtime"
    )


def _fake_devices() -> str:
    from qgeo.backends.names import fake_device_names

    try:
        return str(len(fake_device_names()))
    except ConfigurationError as error:
        return f"none: {error}"
