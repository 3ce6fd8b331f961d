"""Expected standard errors beside those that estimates report, at random values of a layered circuit."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit.circuit.library import efficient_su2

from qgeo.backends import names
from qgeo.estimators.methods import METHODS
from qgeo.hardware.plan import expected_stderr

SHOTS = 2500
CIRCUIT = efficient_su2(3, reps=1, entanglement="linear")
LAYER = np.arange(CIRCUIT.num_parameters) // 3
SAME_LAYER = LAYER[:, None] == LAYER


def reported(method: str) -> np.ndarray:
    """Standard errors at four draws of values, over the one that is expected: (4, P, P)."""
    sampler = names.resolve("sampled", np.random.default_rng(0)).sampler
    draws = np.random.default_rng(1).uniform(-np.pi, np.pi, (4, CIRCUIT.num_parameters))
    estimator = METHODS[method](sampler)
    found = [estimator.estimate(CIRCUIT, values, shots=SHOTS).stderr for values in draws]
    return np.array(found) / expected_stderr(method, SHOTS)


@pytest.mark.parametrize("method", ["parameter-shift", "block-diagonal", "diagonal"])
def test_no_entry_has_more_than_is_expected(method):
    # Seen to fail: ¼/√s of overlaps, ½/√s of a reading.
    assert 0.8 < reported(method).max() < 1.01


@pytest.mark.parametrize("method", ["lin-comb", "mid-circuit"])
def test_entries_between_layers_have_up_to_the_root_of_two(method):
    # Seen to fail: √2/√s expected of a reading.
    ratios = reported(method)
    assert 0.8 < ratios[:, SAME_LAYER].max() < 1.01
    assert 1.2 < ratios[:, ~SAME_LAYER].max() < 1.01 * 2**0.5
