"""Memory of a comparison, asked before it starts.

Seen to fail: the information matrix of a natural-gradient arm left out; a classical head given states.
"""

from __future__ import annotations

import pytest
from tiny_comparison import configuration

from qgeo.comparison import memory
from qgeo.comparison.arms import parse_arm
from qgeo.comparison.comparison import prepare
from qgeo.comparison.inputs import build_task
from qgeo.errors import ConfigurationError


def needed(arm: str, **sections) -> int:
    settings = configuration(**sections)
    return memory.run_bytes(settings, parse_arm(arm), build_task(settings.task))


def test_a_qubit_more_doubles_the_states():
    few, many = (needed("born+adam", heads={"qubits": n, "layers": 1}) for n in (12, 13))
    assert many == 2 * few == 2 * 16 * 8 * 8 * 2**12


def test_a_metric_adds_its_tangents_and_its_matrix():
    wide = {"embedding": 200, "layers": 1}
    plain, natural = needed("softmax+adam", heads=wide), needed("softmax+classical", heads=wide)
    assert plain == 0
    assert natural > 8 * 400**2
    assert needed("born+quantum") > needed("born+quantum-matrix-free") == needed("born+adam")


@pytest.mark.parametrize(
    ("arm", "heads"), [("born+adam", {"qubits": 20, "layers": 1}), ("softmax+classical", {"embedding": 1024})]
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(tmp_path, monkeypatch, arm, heads):
    monkeypatch.setattr(memory, "memory_bytes", lambda: 2**26)
    settings = configuration(arms={"names": [arm]}, heads=heads)
    with pytest.raises(ConfigurationError, match=f"got {arm[:4]}.*, which needs about"):
        prepare(settings, tmp_path / "run")
    assert not list(tmp_path.iterdir())
