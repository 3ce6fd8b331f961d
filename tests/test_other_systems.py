"""Everything runs where Linux's ways are missing: tests/other_system/sitecustomize.py says what is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest

from qgeo.circuit.catalogue import text
from tests.tiny_comparison import write_toml

POOR = Path(__file__).parent / "other_system"
IMPORT_ALL = """
import importlib, pkgutil, qgeo
names = [found.name for found in pkgutil.walk_packages(qgeo.__path__, "qgeo.")]
names = [name for name in names if not name.endswith("._kernel")]
for name in names:
    importlib.import_module(name)
print(len(names))
"""
PROBE = """
module = {"__name__": "qgeo.probe"}
exec("import os, time, signal", module)
lacking = (("os", "sysconf"), ("time", "CLOCK_BOOTTIME"), ("signal", "SIGKILL"))
print([hasattr(module[name], lacks) for name, lacks in lacking])
try:
    exec("import fcntl", module)
except ImportError as error:
    print(error)
"""


@pytest.fixture
def poor() -> dict[str, str]:
    """The environment of such a process."""
    return os.environ | {
        "PYTHONPATH": f"{POOR}{os.pathsep}{Path(__file__).parents[1]}",
        "OMP_NUM_THREADS": "1",
    }


def run(environment, *arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == code, done.stderr
    return done


def test_the_system_is_as_poor_as_it_says(poor):
    assert run(poor, "-c", PROBE).stdout.splitlines() == [
        "[False, False, False]",
        "No module named 'fcntl' on this system",
    ]


def test_every_module_is_imported(poor):
    # Seen to fail: `import fcntl` at the top of locks.py.
    assert int(run(poor, "-c", IMPORT_ALL).stdout) > 150


def test_a_comparison_goes_through_and_goes_on_after_a_kill(poor, tmp_path):
    # Seen to fail: a folder that is opened to be synced; os.kill(process, 0), which interrupts on Windows.
    config, folder = write_toml(tmp_path / "tiny.toml"), tmp_path / "ein Lauf mit Ümläuten"
    folder.mkdir()
    command = [sys.executable, "-m", "qgeo", "compare", str(config), "--out", str(folder), "--workers", "2"]
    process = subprocess.Popen(command, env=poor, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wait_for(lambda: len(list((folder / "parts").rglob("*.json"))) >= 2, process)
    process.kill()
    process.communicate(timeout=60)  # its workers have ended, too
    done = run(poor, "-m", "qgeo", "compare", "--resume", folder, "--workers", "1", "--json")
    assert {arm["name"] for arm in json.loads(done.stdout)["arms"]} == {
        "born+quantum",
        "born+classical",
        "softmax+adam",
    }
    for path in (*folder.glob("*.json*"), folder / "config.toml", folder / "report.html"):
        assert b"\r" not in path.read_bytes()


def test_an_estimate_goes_through_on_a_fake_device(poor, tmp_path):
    circuit, folder = tmp_path / "kreis ü.qasm", tmp_path / "ledger"
    circuit.write_text(text("stokes"), encoding="utf-8")
    submit = (
        "submit",
        "--circuit",
        circuit,
        "--backend",
        "fake_manila",
        "--random",
        "1",
        "--max-seconds",
        "600",
    )
    run(poor, "-m", "qgeo", "circuits", "export", "iqp-4", "--out", tmp_path / "ü.qasm")
    run(poor, "-m", "qgeo", "hardware", *submit, "--method", "diagonal", "--shots", "50", "--out", folder)
    done = run(poor, "-m", "qgeo", "hardware", "collect", folder, "--json")
    assert len(json.loads(done.stdout)["matrix"]) > 2


def wait_for(is_there, process: subprocess.Popen[bytes], seconds: float = 120) -> None:
    end = monotonic() + seconds
    while not is_there():
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert monotonic() < end
        sleep(0.02)
