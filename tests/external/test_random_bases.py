"""Lu and Sha 2025 (arXiv 2509.08196): mean and variance of F_C over Haar-random bases of a pure state.

Formulas and setting: `qgeo/studies/experiments/random_bases.py`.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from external.published import reproduced

from qgeo.studies.experiments.random_bases import BASES, lu_sha, random_state_in_bases

sizes = pytest.mark.parametrize("num_qubits", [2, 3, 4])
in_bases = cache(random_state_in_bases)


@sizes
def test_the_mean_is_half_of_f_q(num_qubits: int):
    # Seen to fail: real bases, the imaginary part of ψ*∂ψ left out, ½ F_Q larger by 2%.
    four_q, seen = in_bases(num_qubits)
    scores = (seen.mean(0) - four_q.real / 2) / (seen.std(0, ddof=1) / np.sqrt(BASES) + 1e-12)
    assert np.abs(scores).max() < 4.5


@sizes
def test_the_variance_is_the_published_formula(num_qubits: int):
    # Seen to fail: B² left out, F_ij² left out, N + 1 for N, real bases.
    reproduced(lu_sha(num_qubits))
