"""Study `pullback`: values are those of a comparison; verdicts, null and effect from planted replicates."""

from __future__ import annotations

import json

import numpy as np
import pytest

from qgeo.comparison import comparison
from qgeo.comparison.page import report
from qgeo.studies.experiments.tuned import tuned_value
from qgeo.studies.pullback import AGAIN, CLASSICAL, PULLBACK, QUANTUM, SHORT

TINY = {
    "task": {"name": "golden-mean", "context": 2, "length": 2000},
    "arms": {"names": [QUANTUM, CLASSICAL]},
    "heads": {"embedding": 2, "layers": 1},
    "training": {"steps": 4, "batch": 8, "evaluate_every": 4, "validation_windows": 64, "test_windows": 64},
    "tuning": {"kl": [0.03, 0.1], "damping": [0.03, 0.3]},
    "protocol": {"replicates": 2, "finals": 2},
    "race": {"draws": 0},
}


def test_a_value_is_that_of_a_comparison(tmp_path, monkeypatch):
    # Seen to fail: final seeds of another replicate, validation in place of test windows, the whole text.
    monkeypatch.setattr(report, "write_report", lambda _: None)
    monkeypatch.setattr(comparison, "build_results", lambda *_: {})
    comparison.compare(TINY, out=tmp_path / "run", workers=1)
    for replicate, seeds in enumerate(((0, 1), (2, 3))):
        seen = tuned_value(TINY, QUANTUM, replicate)
        parts = [
            json.loads((tmp_path / f"run/parts/final/{QUANTUM}-{seed}.json").read_text()) for seed in seeds
        ]
        assert seen["test_loss"] == pytest.approx(np.mean([part["test_loss"] for part in parts]), rel=1e-12)
        assert seen["excess"] == pytest.approx(np.mean([part["excess"] for part in parts]), rel=1e-12)
        chosen = {name: value for name, value in parts[0]["job"]["setting"].items() if value is not None}
        assert seen["setting"] == chosen


def planted(shift: float, *, short: float = 0.5, again: float = 0.0, replicates: int = 40) -> list[dict]:
    """Rows whose arms differ from F_C by so many units."""
    generator, shifts = np.random.default_rng(0), {QUANTUM: shift, CLASSICAL: 0.0, AGAIN: again, SHORT: short}
    rows = [
        {"kind": "arm", "task": "text", "arm": arm, "replicate": r, "edge": r % 2 == 0, "margin": 0.1}
        | {"value": float(2.8 + shifts[arm] + generator.normal(0, 0.1)), "test_loss": 2.8}
        for r in range(replicates)
        for arm in shifts
    ]
    return [*rows, {"kind": "identity", "deviation": 1e-15}]


@pytest.mark.parametrize(
    ("shift", "verdict"), [(0.2, "supported"), (0.0, "not supported"), (-0.2, "not supported")]
)
def test_verdicts(shift, verdict):
    # Seen to fail: better and worse exchanged.
    findings = PULLBACK.conclude(planted(shift))
    assert findings.allowed == (verdict, "")
    assert len(PULLBACK.draw(planted(shift))) == 1


def test_few_replicates_and_failed_controls_have_none():
    assert "takes 40 replicates" in PULLBACK.conclude(planted(0.2, replicates=8)).allowed[1]
    assert "same arm again" in PULLBACK.conclude(planted(0.2, again=0.3)).allowed[1]
    assert "two thirds" in PULLBACK.conclude(planted(0.2, short=-0.1)).allowed[1]


def test_the_pullback_is_f_c():
    item = next(item for item in PULLBACK.items("quick") if item["kind"] == "identity")
    assert PULLBACK.measure(item)["deviation"] < 1e-12
