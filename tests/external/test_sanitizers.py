"""Tests of the compiled sweeps and of the geometry under AddressSanitizer and UndefinedBehaviorSanitizer.

In a copy of the package with a library that is built with both: whoever reads or writes past an array, shifts
too far, or reads a misaligned number ends its process.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from sysconfig import get_config_var

import pytest

import qgeo

ROOT = Path(qgeo.__file__).parents[1]
COPIED = ("qgeo", "tests", "benchmarks", "circuits", "results", "pyproject.toml")
OPTIONS = (
    "-O1",
    "-g",
    "-fsanitize=address,undefined",
    "-fno-omit-frame-pointer",
    "-fno-sanitize-recover=all",
)
COMPILER = (get_config_var("CC") or "cc").split()[0]
TESTED = ("tests/simulate", "tests/geometry")
WORKSPACES = """
import ctypes

import numpy as np

from qgeo.simulate.compiled import calls
from qgeo.simulate.compiled.library import Memory

libc = ctypes.CDLL(None)
libc.aligned_alloc.restype, libc.aligned_alloc.argtypes = ctypes.c_void_p, (ctypes.c_size_t, ctypes.c_size_t)
libc.free.argtypes = (ctypes.c_void_p,)


def lent(size):
    address = libc.aligned_alloc(64, size)
    return Memory(np.frombuffer((ctypes.c_uint8 * size).from_address(address), dtype=np.uint8), address, None)


calls.lent, calls.give_back = lent, lambda memory: libc.free(memory.address)
"""
"""A plugin of pytest: every workspace from the allocator that is watched, as large as it was asked for."""

BUILT = Path("qgeo/simulate/compiled") / f"_kernel{get_config_var('EXT_SUFFIX')}"


def runtime(library: str) -> str:
    """A library of the compiler's.

    AddressSanitizer's has to be loaded first, and then C++'s, whose exceptions it watches: torch's.
    """
    try:
        asked = [COMPILER, f"-print-file-name={library}"]
        found = Path(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip())
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no C compiler here: {error}")
    if not found.is_absolute():
        pytest.skip(f"{COMPILER} has no {library}")
    return str(found)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The copy, with a library that checks itself."""
    to = tmp_path_factory.mktemp("sanitized")
    (to / "watched_workspaces.py").write_text(WORKSPACES)
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, to)
    sources = sorted(str(source) for source in (to / BUILT.parent).glob("*.c"))
    flags = ("-shared", "-fPIC", "-Wno-psabi", "-ffp-contract=fast", "-DEVERY_MACHINE=")
    command = [COMPILER, *OPTIONS, *flags, *sources, "-o", str(to / BUILT), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{COMPILER} builds no sanitizers: {done.stderr.strip()[:200]}")
    return to


@pytest.mark.studies
@pytest.mark.parametrize("tests", TESTED)
def test_under_sanitizers(tree, tests):
    environment = os.environ | {
        "LD_PRELOAD": ":".join(map(runtime, ("libasan.so", "libstdc++.so.6"))),
        "ASAN_OPTIONS": f"detect_leaks=0:log_path={tree / 'report'}",
        "UBSAN_OPTIONS": f"print_stacktrace=1:log_path={tree / 'report'}",
        "PYTHONPATH": str(tree),
        "PYTHONMALLOC": "malloc",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "pytest", tests, "-q", "-p", "watched_workspaces"]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    reports = "".join(report.read_text()[:4000] for report in sorted(tree.glob("report*")))
    print(done.stdout.splitlines()[-1])
    assert not reports, reports
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
