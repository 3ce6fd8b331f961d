"""Logistic regression of github.com/rdisipio/qLM-fisher, experiment 1: Fisher information along a training.

Setting and published numbers: `qgeo/studies/experiments/qlm_fisher.py`.
"""

from __future__ import annotations

from external.published import reproduced

from qgeo.studies.experiments.qlm_fisher import logistic_ends, logistic_fisher


def test_the_published_fisher_information():
    # Seen to fail: the sum over samples for the mean, p left out, p for 1 − p, no constant feature, features
    # that are not standardised, η = .05.
    reproduced(logistic_fisher())


def test_the_published_ends():
    # Seen to fail: the empirical Fisher information, a natural η of .005, a plain one of .05.
    reproduced(logistic_ends())
