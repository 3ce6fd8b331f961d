"""First-order drops: against linear algebra damping by damping, and against steps of sampled batches.

The comment in each test names the planted faults it was seen to fail under.
"""

from __future__ import annotations

import numpy as np
import pytest
from filter_cases import Race, least_norm, race
from numpy.testing import assert_allclose

from qgeo.errors import ShapeError
from qgeo.geometry.drop import BatchNoise, factorized, first_order_drop, predicted_ratio

DAMPINGS = [1e-3, 0.05, 1.0, 30.0]


def drawn(seed: int, size: int = 7, rank: int = 9) -> list[np.ndarray]:
    """Three positive semidefinite matrices."""
    generator = np.random.default_rng(seed)
    return [a @ a.T / rank for a in generator.normal(size=(3, size, rank))]


# --- the formula, term by term ----------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [None, 3.0])
def test_drop_is_its_formula_at_every_damping(batch: float | None):
    # Seen to fail: B left out, Σ not rotated, U in place of Uᵀ, λ added twice, h in place of h²;
    # q not rotated, q in the root too.
    metric, f_c, covariance = drawn(0)
    gradient, held_out = np.random.default_rng(1).normal(size=(2, 7))
    noise = None if batch is None else BatchNoise(covariance, batch)
    drops = first_order_drop(factorized(metric), f_c, gradient, DAMPINGS, noise)
    elsewhere = first_order_drop(factorized(metric), f_c, gradient, DAMPINGS, noise, held_out)
    for damping, drop, other in zip(DAMPINGS, drops, elsewhere, strict=True):
        inverse = np.linalg.inv(metric + damping * np.eye(7))
        middle = inverse @ f_c @ inverse
        trace = 0.0 if batch is None else np.trace(middle @ covariance) / batch
        root = np.sqrt(gradient @ middle @ gradient + trace)
        assert_allclose(drop, gradient @ inverse @ gradient / root)
        assert_allclose(other, held_out @ inverse @ gradient / root)


def test_solves_at_many_dampings_are_solves():
    metric, *_ = drawn(2)
    gradient = np.arange(7.0)
    seen = factorized(metric).solve(gradient, DAMPINGS)
    assert_allclose(seen, [np.linalg.solve(metric + d * np.eye(7), gradient) for d in DAMPINGS])


def test_without_damping_a_singular_metric_is_pseudo_inverted():
    # Seen to fail with eigenvalues of rounding inverted.
    metric, *_ = drawn(3, rank=4)
    gradient = np.arange(7.0)
    seen = factorized(metric).solve(gradient, 0.0)[0]
    assert_allclose(seen, np.linalg.pinv(metric, 1e-10, hermitian=True) @ gradient, rtol=1e-8)


def test_ratio_is_that_of_the_two_drops():
    first, second, f_c = drawn(4)
    gradient, noise = np.arange(1.0, 8.0), BatchNoise(f_c, 5.0)
    seen = predicted_ratio(first, second, f_c, gradient, damping=0.1, reference_damping=0.3, noise=noise)
    ours, theirs = (
        first_order_drop(factorized(matrix), f_c, gradient, at, noise)[0]
        for matrix, at in ((first, 0.1), (second, 0.3))
    )
    assert seen == ours / theirs


def test_a_free_step_has_an_infinite_drop_and_none_has_none():
    metric = factorized(np.eye(2))
    assert first_order_drop(metric, np.diag([1.0, 0.0]), [0.0, 1.0]) == np.inf
    assert first_order_drop(metric, np.eye(2), [0.0, 0.0]) == 0


def test_what_does_not_fit_is_said():
    metric = factorized(np.eye(2))
    with pytest.raises(ShapeError, match="2 entries"):
        metric.solve([1.0], 0.0)
    with pytest.raises(ShapeError, match="dampings ≥ 0"):
        metric.solve([1.0, 1.0], -1.0)
    with pytest.raises(ShapeError, match="metric's size"):
        first_order_drop(metric, np.eye(3), [1.0, 1.0])
    with pytest.raises(ShapeError, match="square matrix"):
        factorized(np.ones((2, 3)))
    with pytest.raises(ShapeError, match="batch"):
        BatchNoise(np.eye(2), 0.0)


# --- the formula, run by sampled batches ------------------------------------------------------------------

BATCH, REPEATS = 24, 40_000


def batch_gradients(made: Race, generator: np.random.Generator) -> np.ndarray:
    """(REPEATS, P) mean gradients of BATCH tokens drawn from the population, contexts uniform."""
    tokens = made.token_gradients().reshape(-1, len(made.gradient))
    weights = made.population.numpy().ravel() / len(made.contexts)
    counts = generator.multinomial(BATCH, weights / weights.sum(), size=REPEATS)
    return counts @ tokens / BATCH


def noise_of(made: Race) -> BatchNoise:
    """Exact, from all tokens of the population."""
    tokens, weights = made.token_gradients(), made.population.numpy() / len(made.contexts)
    second = np.einsum("bv,bvi,bvj->ij", weights, tokens, tokens)
    return BatchNoise(second - np.outer(made.gradient, made.gradient), BATCH)


def within(seen: np.ndarray, expected: float) -> None:
    """|z| < 4 for the mean of draws."""
    assert abs(seen.mean() - expected) < 4 * seen.std() / np.sqrt(len(seen))


@pytest.mark.parametrize("name", ["f_c", "f_q"])
def test_moments_of_sampled_steps_are_those_of_the_formula(name: str):
    # Seen to fail: Σ without the mean's square subtracted, B + 1 tokens.
    made, damping = race(2, 16), 0.05
    noise = noise_of(made)
    inverse = np.linalg.inv(getattr(made, name) + damping * np.eye(len(made.gradient)))
    steps = batch_gradients(made, np.random.default_rng(7)) @ inverse
    within(steps @ made.gradient, made.gradient @ inverse @ made.gradient)
    middle = inverse @ made.f_c @ inverse
    expected = made.gradient @ middle @ made.gradient + np.trace(middle @ noise.covariance) / BATCH
    within(np.einsum("ki,ij,kj->k", steps, made.f_c, steps), expected)


def test_the_noisy_race_is_predicted():
    # Steps stretched to one KL each; the prediction is of one expected KL: they differ by the spread of KLs.
    # Seen to fail: the noise left out of the prediction, .964 and .955 where steps give 1.113 and 1.068.
    made, noise = race(3, 64), noise_of(race(3, 64))
    gradients = batch_gradients(made, np.random.default_rng(9))
    size = np.eye(len(made.gradient))
    for damping in (0.003, 0.1):
        drops = []
        for matrix in (made.f_q, made.f_c):
            steps = gradients @ np.linalg.inv(matrix + damping * size)
            lengths = np.sqrt(np.einsum("ki,ij,kj->k", steps, made.f_c, steps))
            drops.append((steps @ made.gradient / lengths).mean())
        shift = {"damping": damping, "reference_damping": damping}
        predicted = predicted_ratio(made.f_q, made.f_c, made.f_c, made.gradient, noise=noise, **shift)
        assert_allclose(predicted, drops[0] / drops[1], rtol=0.02)
        assert predicted > 1 > predicted_ratio(made.f_q, made.f_c, made.f_c, made.gradient, **shift)


def test_damped_race_without_noise_is_run_by_steps():
    made = race(3, 64)
    size = np.eye(len(made.gradient))
    for damping in (0.01, 0.3):
        steps = [least_norm(matrix + damping * size, made.gradient) for matrix in (made.f_q, made.f_c)]
        seen = made.drop(steps[0], made.divergence) / made.drop(steps[1], made.divergence)
        shift = {"damping": damping, "reference_damping": damping}
        predicted = predicted_ratio(made.f_q, made.f_c, made.f_c, made.gradient, **shift)
        assert_allclose(predicted, seen, rtol=2e-4)
