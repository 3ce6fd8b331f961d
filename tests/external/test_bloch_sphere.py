"""A qubit of github.com/rdisipio/qLM-fisher, experiment 3: F_Q, and descents of ⟨X⟩ on the Bloch sphere.

Setting and published numbers: `qgeo/studies/experiments/qlm_fisher.py`.
"""

from __future__ import annotations

import numpy as np
from external.published import reproduced
from numpy.testing import assert_allclose

from qgeo.studies.experiments.qlm_fisher import (
    loss_and_gradient,
    other_descents,
    qubit_descents,
    qubit_fisher,
)


def test_the_published_fisher_information_and_angle():
    # Seen to fail: g for F_Q, F_C for F_Q; F_Q g for F_Q⁻¹g.
    reproduced(qubit_fisher())


def test_the_published_descents():
    # Seen to fail: g for F_Q, F_Q g for F_Q⁻¹g, ⟨X⟩/2.
    reproduced(qubit_descents())


def test_other_settings_end_elsewhere():
    # Without the clip, and with steps of F_Q.
    assert [number.shown for number in other_descents()] == ["-0.9996", "-0.9998"]
    assert not any(number.agrees for number in other_descents())


def test_loss_and_gradient_are_those_of_the_bloch_vector():
    # Seen to fail: ⟨X⟩/2.
    theta, phi = point = np.array([0.7, -0.4])
    loss, gradient = loss_and_gradient(point)
    assert_allclose(loss, np.sin(theta) * np.cos(phi), atol=1e-14)
    assert_allclose(gradient, [np.cos(theta) * np.cos(phi), -np.sin(theta) * np.sin(phi)], atol=1e-14)
