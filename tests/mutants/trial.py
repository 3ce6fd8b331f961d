"""What a mutant's tests say: a fork of a process that has loaded everything but qgeo runs them in the copy.

torch, Qiskit and pytest take seconds to import, and most mutants die in less: they are imported once, here. A
trial is a fork, which imports the copy's qgeo and its tests anew and runs file after file until one fails.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal

import pytest

Outcome = Literal["survived", "killed", "timeout"]
OUTCOMES: tuple[Outcome, ...] = ("survived", "killed", "timeout")

LOADED_ONCE = (
    *("numpy", "scipy.optimize", "scipy.sparse", "scipy.stats", "sympy", "matplotlib", "pydantic", "tomli_w"),
    *("torch", "torch.utils.data", "qiskit", "qiskit.circuit.library", "qiskit.primitives", "qiskit.qasm2"),
    *("qiskit.qasm3", "qiskit.quantum_info", "qiskit.transpiler", "qiskit_qasm3_import"),
    *("qiskit_aer", "qiskit_aer.noise", "qiskit_aer.primitives"),
)
MOST_BYTES = 12 * 2**30
"""Of addresses in a fork: a mutant that asks for 2⁴⁰ numbers is told no."""

_OPTIONS = ("-x", "-q", "--no-header", "--tb=line", "-p", "no:cacheprovider", "-p", "no:xdist")
_ANOTHER_QGEO = 99


@dataclass(frozen=True)
class Trial:
    """How a run of tests ended, after how long, and the first failure's line."""

    outcome: Outcome
    seconds: float
    failure: str


def load_once() -> None:
    """Import what no mutant changes."""
    for name in LOADED_ONCE:
        import_module(name)
    if "qgeo" in sys.modules:
        raise RuntimeError("expected a process without qgeo, which each trial imports from the copy")


def tried(tree: Path, limits: Mapping[str, float]) -> Trial:
    """Run a copy's test files in a fork, each under its limit in seconds, until one fails or does not end.

    Raises:
        RuntimeError: the fork imported a qgeo that does not lie in the copy.
    """
    log, start = tree.parent / "log.txt", time.monotonic()
    child = os.fork()
    if not child:
        _run_and_exit(tree, limits, log)
    try:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    finally:  # it, where this is interrupted, and commands that its tests started
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
    if code == _ANOTHER_QGEO:
        raise RuntimeError(f"expected qgeo to be imported from {tree}; see {log}")
    outcome: Outcome = "timeout" if code == -signal.SIGALRM else "killed" if code else "survived"
    return Trial(outcome, round(time.monotonic() - start, 2), _last_words(log) if code else "")


def _run_and_exit(tree: Path, limits: Mapping[str, float], log: Path) -> None:
    """In the fork: never returns."""
    code = 1
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        code = _run(tree, limits)
    finally:
        sys.stdout.flush()
        os._exit(code)


def _run(tree: Path, limits: Mapping[str, float]) -> int:
    os.chdir(tree)
    os.environ["PYTHONPATH"] = str(tree)  # of commands that tests start
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(tree))
    qgeo = import_module("qgeo")
    if not Path(str(qgeo.__file__)).is_relative_to(tree):
        return _ANOTHER_QGEO
    return next(filter(None, (_run_file(tree, test, limit) for test, limit in limits.items())), 0)


def _run_file(tree: Path, test: str, limit: float) -> int:
    signal.setitimer(signal.ITIMER_REAL, limit)  # its signal ends a process that does not handle it
    print("::", test, flush=True)
    return int(pytest.main([*_OPTIONS, f"--basetemp={tree.parent / 'scratch'}", test]))


def _last_words(log: Path) -> str:
    """The first failure, or the file that was running."""
    lines = log.read_text(errors="replace").splitlines()
    failures = [line for line in lines if line.startswith(("FAILED ", "ERROR "))]
    return (failures or [line for line in lines if line.startswith("::")] or [""])[0 if failures else -1][
        :200
    ]
