"""The package from outside: its public names, how little `import qgeo` loads, every doctest."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest

import qgeo
from qgeo.tasks import DEFAULT_CORPUS

CONTRACT = {
    "compile",
    "Program",
    "quantum_geometric_tensor",
    "quantum_fisher",
    "classical_fisher",
    "NaturalGradient",
    "compare",
    "ComparisonResult",
    "QGeoError",
}
COMPILED = "qgeo.simulate.compiled._kernel"  # a library of C functions in a module's place, loaded by ctypes
MODULES = sorted(
    module.name for module in pkgutil.walk_packages(qgeo.__path__, "qgeo.") if module.name != COMPILED
)


def test_the_public_names_are_there():
    assert set(qgeo.__all__) >= CONTRACT
    assert set(dir(qgeo)) >= {*qgeo.__all__, "__version__"}
    assert all(callable(getattr(qgeo, name)) for name in qgeo.__all__)
    with pytest.raises(AttributeError, match="module 'qgeo' has no attribute 'nothing'"):
        _ = qgeo.nothing


@pytest.mark.parametrize("name", qgeo.__all__)
def test_no_module_takes_the_place_of_a_public_name(name):
    # Seen to fail: a package qgeo.compare, which Python puts where the function was.
    before = getattr(qgeo, name)
    for module in MODULES:
        importlib.import_module(module)
    assert getattr(qgeo, name) is before


def test_a_star_import_gives_the_public_names():
    names: dict[str, object] = {}
    exec("from qgeo import *", names)
    assert set(names) - {"__builtins__"} == set(qgeo.__all__)


def test_importing_qgeo_loads_nothing_slow():
    # Seen to fail: `from qgeo.circuit.compiler import compile` at the top of the package.
    code = "import sys, qgeo; qgeo.QGeoError; print(sorted(m.split('.')[0] for m in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {
        name for name in ("qiskit", "torch", "numpy", "scipy", "matplotlib", "sympy") if f"'{name}'" in loaded
    }


def test_the_version_is_that_of_the_project():
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text()
    assert f'version = "{qgeo.__version__}"' in text


def test_the_walk_finds_every_module():
    root = Path(qgeo.__file__).parent
    files = {path.relative_to(root.parent).with_suffix("") for path in root.rglob("*.py")}
    named = {".".join(path.parts).removesuffix(".__init__") for path in files}
    assert named == {*MODULES, "qgeo"}


def test_every_data_file_is_in_the_wheel():
    # Seen to fail: without the texts of qgeo.tasks, and with a file notes.txt beside a module.
    root = Path(qgeo.__file__).parent
    setup = tomllib.loads((root.parent / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {name: root.parent.joinpath(*name.split(".")) for name in setup["packages"]}
    packaged = {
        path
        for name, patterns in setup["package-data"].items()
        for path in chain.from_iterable(map(folders[name].glob, patterns))
    }
    sources = {".py", ".pyc", ".c", ".h", ".so", ".pyd"}
    data = {path for path in root.rglob("*") if path.is_file() and path.suffix not in sources}
    assert {path for path in packaged if root in path.parents} == data
    assert DEFAULT_CORPUS in data


@pytest.mark.parametrize("name", ["qgeo", *MODULES])
def test_doctests(name, capsys):
    module = importlib.import_module(name)
    results = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert results.failed == 0, capsys.readouterr().out


def test_there_are_doctests():
    finder = doctest.DocTestFinder()
    modules = map(importlib.import_module, MODULES)
    examples = [len(test.examples) for module in modules for test in finder.find(module)]
    assert sum(examples) > 30
