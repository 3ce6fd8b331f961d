"""Twice the mean F_C in random bases: unbiased for Haar bases, not for cheaper ones."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from cases import A
from estimators.runs import circuit_of, generic_pair, values_of, with_drawn_shots

from qgeo.errors import ConfigurationError
from qgeo.estimators import random_measurement
from qgeo.estimators.estimate import Spread
from qgeo.estimators.estimator import MOST_NUMBERS
from qgeo.estimators.random_measurement import RandomMeasurementQFI


def exact(bases: str, circuit, values, draws: int = 300):
    estimator = RandomMeasurementQFI(generator=np.random.default_rng(11), draws=draws, bases=bases)
    return estimator.estimate(circuit, values, shots=None)


def test_haar_bases_are_unbiased():
    # Seen to fail when F_C was not doubled; bases were local.
    circuit, values = generic_pair(), values_of(generic_pair())
    result = exact("haar", circuit, values)
    scores = (result.matrix - reference.qfim(circuit, values)) / result.stderr
    assert np.abs(scores).max() < 3
    assert np.sqrt((scores**2).mean()) < 1.5
    assert np.linalg.norm(result.stderr) < 0.1 * np.linalg.norm(result.matrix)


def entangling():
    """A phase between |00⟩ and |11⟩, F = 1, and a rotation."""
    return circuit_of(2, ("h", 0), ("cx", 0, 1), ("rz", A, 0))


@pytest.mark.parametrize(("bases", "measured"), [("clifford", 1.38), ("local", 0.66)])
def test_other_bases_are_biased(bases, measured):
    # Measured on the entangled pair, F = 1, 1000 draws: haar 1.00(2), clifford 1.38(3), local .66(2).
    result = exact(bases, entangling(), [0.4], draws=300)
    assert abs(result.matrix.item() - 1) > 5 * result.stderr.item()
    assert abs(result.matrix.item() - measured) < 4 * result.stderr.item()


def test_haar_bases_are_not():
    # Seen to fail when bases were local.
    result = exact("haar", entangling(), [0.4], draws=300)
    assert abs(result.matrix.item() - 1) < 3 * result.stderr.item()


@pytest.mark.parametrize("bases", ["clifford", "local"])
def test_other_bases_give_something_near(bases):
    circuit, values = generic_pair(), values_of(generic_pair())
    full = reference.qfim(circuit, values)
    result = exact(bases, circuit, values, draws=150)
    assert np.linalg.norm(result.matrix - full) < 0.6 * np.linalg.norm(full)


def test_with_shots_haar_bases_agree_within_error_bars():
    circuit, values = generic_pair(), values_of(generic_pair())
    estimator = RandomMeasurementQFI(generator=np.random.default_rng(2), draws=20)
    result = estimator.estimate(circuit, values, shots=4000)
    assert np.abs((result.matrix - reference.qfim(circuit, values)) / result.stderr).max() < 4
    assert result.circuits == 20 * 9


def test_what_no_shot_showed_is_scaled_like_the_estimate(monkeypatch):
    # Seen to fail: the cube of the scale. At n = 1 and 9 shots it is 2 · (9 + 2 + 1)/(9 + 1).
    none = np.zeros((1, 1))
    one_each = none, Spread(none, none, none + 1, none.diagonal()), none
    monkeypatch.setattr(random_measurement, "output_fisher_estimate", lambda *_, **__: one_each)
    estimator = with_drawn_shots(RandomMeasurementQFI(draws=4, generator=np.random.default_rng(1)), seed=1)
    result = estimator.estimate(circuit_of(1, ("ry", A, 0)), [0.3], shots=9)
    np.testing.assert_allclose(result.resolution, np.sqrt(2.4**2 / 4))


def test_draws_that_do_not_fit_into_memory_are_refused():
    # Seen to fail when the shifted circuits were divided by the terms. A draw of 2 qubits and 3 terms holds a
    # basis, 4 × 4, and frequencies of 4 outcomes of the circuit and of two shifted ones for each term.
    circuit = circuit_of(2, ("ry", A, 0), ("cx", 0, 1), ("rx", A, 1), ("rz", A, 0))
    most = MOST_NUMBERS // (4 * 4 + (1 + 2 * 3) * 4)
    with pytest.raises(ConfigurationError, match=f"expected 2 to {most:,} draws, got {MOST_NUMBERS}"):
        RandomMeasurementQFI(draws=MOST_NUMBERS).estimate(circuit, [0.3], shots=10)
