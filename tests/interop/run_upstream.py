"""qiskit-machine-learning's own gradient tests, run on our classes in the place of theirs.

    python tests/interop/run_upstream.py PATH        PATH: an unpacked source distribution of 0.9.1

Every `LinCombQGT`, `ParamShift…Gradient` and `LinComb…Gradient`, in their tests and inside their networks, is
replaced; the test files are copied first and not changed. Not collected by pytest. Needs qiskit-ibm-runtime,
and works without ddt.

Seen with 0.9.1 and `sparse`: 139 tests, 134 pass, 4 are skipped by themselves (46 without `sparse`), one
fails: `test_qfi.TestQFI.test_precision` asks whether a result's `precision` is the one that an estimator was
given; ours is 0, exact. With `--theirs`: 135 pass.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import types
import unittest
import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

REPLACED = {
    "LinCombQGT": "ExactQGT",
    "ParamShiftSamplerGradient": "ExactSamplerGradient",
    "LinCombSamplerGradient": "ExactSamplerGradient",
    "ParamShiftEstimatorGradient": "ExactEstimatorGradient",
    "LinCombEstimatorGradient": "ExactEstimatorGradient",
}
MODULES = (
    *("gradients.test_qgt", "gradients.test_qfi"),
    *("gradients.test_sampler_gradient", "gradients.test_estimator_gradient"),
    *("neural_networks.test_sampler_qnn", "neural_networks.test_estimator_qnn"),
)


def data(*values: Any) -> Callable[[Any], Any]:
    """What ddt's decorator of a test does: remember its values."""

    def remember(test: Any) -> Any:
        test.values = values
        return test

    return remember


def idata(values: Any) -> Callable[[Any], Any]:
    return data(*values)


def ddt(cls: Any) -> Any:
    """What ddt's decorator of a class does: one test per value."""
    for name, test in list(vars(cls).items()):
        if hasattr(test, "values"):
            delattr(cls, name)
            for i, value in enumerate(test.values, start=1):
                label = f"{name}_{i}_{getattr(value, '__name__', value)}"
                setattr(cls, label, _at(test, value))
    return cls


def _at(test: Any, value: Any) -> Callable[[Any], Any]:
    return lambda self: test(self, value)


def substitute() -> None:
    """Our classes under their names, for every later import."""
    gradients = import_module("qiskit_machine_learning.gradients")
    interop = import_module("qgeo.interop")
    loaded = [module for name, module in sys.modules.items() if name.startswith("qiskit_machine_learning.")]
    for name, ours in REPLACED.items():
        theirs = getattr(gradients, name)
        for module in loaded:
            if getattr(module, name, None) is theirs:
                setattr(module, name, getattr(interop, ours))


def stand_in_for_ddt() -> None:
    """Where ddt is not installed, the part of it that these tests use."""
    if find_spec("ddt") is None:
        stand_in = types.ModuleType("ddt")
        stand_in.ddt, stand_in.data, stand_in.idata = ddt, data, idata  # type: ignore[attr-defined]
        sys.modules["ddt"] = stand_in


def suite(source: Path, folder: Path) -> unittest.TestSuite:
    """The four files of tests, from a copy in `folder`, so that the installed package is the one tested."""
    shutil.copytree(source / "test", folder / "test")
    sys.path.insert(0, str(folder))
    names = [f"test.{module}" for module in MODULES]
    return unittest.defaultTestLoader.loadTestsFromNames(names)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", type=Path, help="unpacked source distribution")
    parser.add_argument("--theirs", action="store_true", help="nothing is replaced, for comparison")
    options = parser.parse_args()
    if not (options.source / "test" / "gradients").is_dir():
        parser.error(f"expected an unpacked source distribution with test/gradients, got {options.source}")
    warnings.simplefilter("ignore")
    stand_in_for_ddt()
    if not options.theirs:
        substitute()
    with tempfile.TemporaryDirectory() as folder:
        result = unittest.TextTestRunner(verbosity=2).run(suite(options.source, Path(folder)))
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
