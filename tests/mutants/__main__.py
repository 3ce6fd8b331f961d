"""Try a sample of mutants, write down what the tests said: `make mutants`, or on a part

    OMP_NUM_THREADS=1 PYTHONPATH=tests python -m mutants [--size 300] [--survivors]

In build/mutants: `source` (a copy of everything, which a record is about), `tree` (its copy, in which faults
are planted), `baseline.json` (seconds of every test file without a fault), `record.jsonl` (a line per mutant;
what was cut off goes on behind the last one), `again.jsonl` (the survivors again, with today's tests:
--survivors). `make clean` removes it all. Verdicts on survivors: ../MUTANTS.md.
"""

from __future__ import annotations

import argparse
import compileall
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import cached_property
from itertools import accumulate
from math import inf
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any

from scipy.stats import binomtest

from mutants.sample import PACKAGES, Mutant, drawn_order
from mutants.trial import OUTCOMES, load_once, tried

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "mutants"
LEFT_OUT = ("build", ".git", ".venv", "runs", "__pycache__", ".*_cache", "*.egg-info")
MOST_SECONDS = 115.0
"""Of a mutant's tests without a fault. It leaves out four slow files of estimators, which sample a lot."""
DOCTESTS = "tests/test_package.py"

_COMPILED = ("tests/circuit/test_compile.py", "tests/circuit/test_expression.py")  # states and angles in them
MIRRORED_BY = {
    "circuit": ("tests/circuit", "tests/simulate", "tests/geometry", "tests/test_errors_exact.py"),
    "simulate": ("tests/simulate", "tests/geometry", *_COMPILED),
    "geometry": ("tests/geometry", "tests/test_errors_exact.py", "tests/optim/test_metrics.py"),
    "estimators": ("tests/estimators",),
    "optim": ("tests/optim",),
    "tasks": ("tests/tasks",),
    "statistics": ("tests/statistics/test_means.py",),
}
"""Where a package's tests are: the folder that mirrors it, then tests of it that stand elsewhere.

Programs are tested by what engines make of them, states and tangents by the matrices made of those.
"""

Row = dict[str, Any]


class Copy:
    """A copy of the source tree, with the seconds that each test file takes in it without a fault."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.source, self.tree = folder, folder / "source", folder / "tree"
        self.most_seconds = MOST_SECONDS
        if not self.source.exists():
            _copy(ROOT, self.source)
        self._plant_nothing()

    def renew_tests(self) -> None:
        """Today's tests on the qgeo that the record is about."""
        _copy(ROOT / "tests", self.source / "tests")
        (self.folder / "baseline.json").unlink(missing_ok=True)
        self._plant_nothing()
        self.most_seconds = inf

    @cached_property
    def seconds(self) -> dict[str, float]:
        """By test file, without a fault; all of them must pass."""
        file = self.folder / "baseline.json"
        seconds: dict[str, float] = json.loads(file.read_text()) if file.exists() else {}
        for test in sorted({DOCTESTS, *(test for package in PACKAGES for test in self._files_of(package))}):
            if test not in seconds:
                seconds[test] = self._baseline(test)
                file.write_text(json.dumps(seconds, indent=1))
        return seconds

    def limits_of(self, mutant: Mutant) -> dict[str, float]:
        """By test file: the module's mirrored one, its doctests, the package's others, quickest first."""
        module = Path(mutant.path)
        mirrored = str(Path("tests", *module.parent.parts[1:], f"test_{module.stem}.py"))
        doctests = f"{DOCTESTS}::test_doctests[{'.'.join(module.with_suffix('').parts)}]"
        files = sorted(
            self._files_of(mutant.package), key=lambda test: (test != mirrored, self.seconds[test])
        )
        until = accumulate(self.seconds[test] for test in files)
        rest = [test for test, seconds in zip(files, until, strict=True) if seconds <= self.most_seconds]
        return {test: _limit(self.seconds.get(test, 0.0)) for test in (*rest[:1], doctests, *rest[1:])}

    def trial(self, mutant: Mutant) -> Row:
        """Plant it, run its tests, take it out again."""
        before, after = (self.source / mutant.path).read_text(), mutant.source(self.source)
        limits = self.limits_of(mutant)  # before anything is planted: it may have to measure them
        (self.tree / mutant.path).write_text(after)
        done = tried(self.tree, limits)
        (self.tree / mutant.path).write_text(before)
        return {**asdict(mutant), **_changed_lines(before, after), **asdict(done)}

    def _plant_nothing(self) -> None:
        """The tree as its source, whatever the last run left; bytecode goes by a file's content."""
        _copy(self.source, self.tree)
        for name in ("qgeo", "tests"):
            compileall.compile_dir(
                self.tree / name, quiet=1, invalidation_mode=PycInvalidationMode.CHECKED_HASH
            )

    def _files_of(self, package: str) -> Iterator[str]:
        for name in MIRRORED_BY[package]:
            path = self.source / name
            for file in path.rglob("test_*.py") if path.is_dir() else [path]:
                yield str(file.relative_to(self.source))

    def _baseline(self, test: str) -> float:
        done = tried(self.tree, {test: 600.0})
        print(f"{done.seconds:7.1f} s {test}", flush=True)
        if done.outcome != "survived":
            raise RuntimeError(f"expected {test} to pass without a fault, got {done.outcome}: {done.failure}")
        return done.seconds


def _limit(seconds: float) -> float:
    """Of a test file that takes so long without a fault: what is ended then would hardly have passed."""
    return max(20.0, 4 * seconds)


def _copy(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(*LEFT_OUT))


def _changed_lines(before: str, after: str) -> dict[str, str]:
    pairs = zip(before.splitlines(), after.splitlines(), strict=False)
    old, new = next(pair for pair in pairs if pair[0] != pair[1])
    return {"old": old.strip(), "new": new.strip()}


def _compiles(mutant: Mutant, source: Path) -> bool:
    try:
        compile(mutant.source(source), mutant.path, "exec")
    except SyntaxError:
        return False
    return True


def _rows(file: Path) -> list[Row]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def _mutant(row: Row) -> Mutant:
    return Mutant(**{name: row[name] for name in Mutant.__dataclass_fields__})


def try_all(copy: Copy, mutants: Sequence[Mutant], file: Path) -> None:
    """Those that the file has not yet, a line each."""
    done = {_mutant(row) for row in _rows(file)}
    for mutant in mutants:
        if mutant not in done:
            row = copy.trial(mutant)
            with file.open("a") as lines:
                lines.write(json.dumps(row, ensure_ascii=False) + "\n")
            print("{outcome:8} {seconds:6.1f} s {path}:{line}  {new}".format(**row), flush=True)


def summary(rows: Sequence[Row]) -> str:
    """Killed of tried, by package and in all, with Wilson's two-sided 95% interval; at a limit is killed."""
    outcomes = Counter((row["package"], row["outcome"]) for row in rows)
    parts = {package: [outcomes[package, name] for name in OUTCOMES] for package in PACKAGES}
    survived, killed, ended = map(sum, zip(*parts.values(), strict=True))
    low, high = binomtest(killed + ended, len(rows)).proportion_ci(method="wilson")
    return "\n".join(
        [
            "             survived   killed  at a limit",
            *("{:12} {:8} {:8} {:11}".format(package, *part) for package, part in parts.items()),
            f"{'all':12} {survived:8} {killed:8} {ended:11}",
            f"{(killed + ended) / len(rows):.1%} of {len(rows)}, 95% interval {low:.1%} to {high:.1%}",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Try a sample of mutants; see tests/MUTANTS.md.")
    parser.add_argument("--size", type=int, default=300, help="a smaller sample begins a larger one")
    parser.add_argument("--survivors", action="store_true", help="those that survived, with today's tests")
    options = parser.parse_args()
    load_once()
    copy, record = Copy(FOLDER), FOLDER / "record.jsonl"
    if options.survivors:
        copy.renew_tests()
        survivors = [_mutant(row) for row in _rows(record) if row["outcome"] == "survived"]
        (FOLDER / "again.jsonl").unlink(missing_ok=True)
        try_all(copy, survivors, FOLDER / "again.jsonl")
    else:
        valid = (mutant for mutant in drawn_order(copy.source) if _compiles(mutant, copy.source))
        try_all(copy, [mutant for _, mutant in zip(range(options.size), valid, strict=False)], record)
    print(summary(_rows(record)))


if __name__ == "__main__":
    main()
