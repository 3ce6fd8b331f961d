"""Fisher information of a head's output: closed forms, Hessians, KL, sampling, reparameterisation.

Numbers in brackets are the oracles of the project's list. The comment in each test names the planted faults
it was seen to fail under, of: factor 2, no weight (√p left out), doubled weight (p for √p), sum (over
contexts, for the mean), g (F_Q without its 4), no phase term, overlap (⟨∂ψ|ψ⟩⟨∂ψ|ψ⟩ for ⟨∂ψ|ψ⟩⟨ψ|∂ψ⟩),
uncut (NaN rows of unseen tokens kept), observed (the sampled token's gradient, but not drawn from the
model), stderr (without √draws).
"""

from __future__ import annotations

import head_cases
import numpy as np
import pytest
import torch
from head_cases import build, flat, move_to, own, some_contexts
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from torch import Tensor

from qgeo.errors import ConfigurationError, ShapeError
from qgeo.geometry.classical import output_fisher
from qgeo.geometry.empirical import empirical_fisher
from qgeo.geometry.monte_carlo import monte_carlo_fisher
from qgeo.geometry.operators import DenseMatrix, GramMatrix
from qgeo.heads.born import BornHead
from qgeo.optim.exact import quantum

TIGHT = {"rtol": 1e-10, "atol": 1e-12}
names = pytest.mark.parametrize("name", head_cases.NAMES)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def head_fisher(name: str, count: int = 4) -> tuple[object, Tensor, GramMatrix]:
    head = build(name)
    contexts = some_contexts(head, count)
    return head, contexts, output_fisher(*head.log_probs_and_jacobian(contexts))


# --- oracle 15: softmax regression ----------------------------------------------------------------


def softmax_regression(classes: int, features: int, rank: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Features x (N, d) of a given rank, weights W (C, d); log p and its Jacobian over W, row by row."""
    x = normal(6, rank, seed=1) @ normal(rank, features, seed=2)
    weights = normal(classes, features, seed=3)
    log_probs = torch.log_softmax(x @ weights.mT, 1)
    minus_p = torch.eye(classes, dtype=torch.float64) - log_probs.exp().unsqueeze(1)
    return x, weights, log_probs, torch.einsum("nyc,nd->nycd", minus_p, x).flatten(2)


def closed_form(x: Tensor, probabilities: Tensor) -> np.ndarray:
    parts = [
        np.kron(np.diag(p) - np.outer(p, p), np.outer(row, row))
        for row, p in zip(x.numpy(), probabilities.numpy(), strict=True)
    ]
    return np.mean(parts, axis=0)


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_softmax_regression_has_its_closed_form(rank):  # [15]
    # Seen to fail under factor 2, no weight, doubled weight, sum.
    x, _, log_probs, jacobian = softmax_regression(5, 4, rank)
    fisher = output_fisher(log_probs, jacobian).to_dense().numpy()
    assert_allclose(fisher, closed_form(x, log_probs.exp()), **TIGHT)
    assert np.linalg.matrix_rank(fisher, tol=1e-10) <= (5 - 1) * rank


def test_fisher_of_softmax_regression_is_the_hessian_of_the_loss():  # [15]
    # Seen to fail under factor 2, no weight, doubled weight, sum.
    x, weights, log_probs, jacobian = softmax_regression(5, 4, 4)
    targets = torch.tensor([0, 3, 3, 1, 4, 2])  # whatever they are

    def loss(flat_weights: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(x @ flat_weights.view(5, 4).mT, targets)

    hessian = torch.autograd.functional.hessian(loss, weights.flatten())
    assert_allclose(output_fisher(log_probs, jacobian).to_dense(), hessian, **TIGHT)


def test_rows_are_the_square_root():  # [15]
    # Seen to fail under no weight, doubled weight.
    x, _, log_probs, jacobian = softmax_regression(5, 4, 4)
    rows = output_fisher(log_probs, jacobian).rows.view(6, 5, 5, 4)
    for row, p, mine in zip(x.numpy(), log_probs.exp().numpy(), rows.numpy(), strict=True):
        root = np.diag(np.sqrt(p)) - np.outer(p, np.sqrt(p))
        assert_allclose(root @ root.T, np.diag(p) - np.outer(p, p), **TIGHT)
        assert_allclose(mine, np.einsum("cy,d->ycd", root, row), **TIGHT)


def test_softmax_head_on_fixed_features_is_softmax_regression():  # [15]
    # Seen to fail under factor 2, no weight, sum.
    head = build("softmax")
    head.encoder.requires_grad_(False)
    head.bias.requires_grad_(False)
    contexts = some_contexts(head, 5)
    log_probs, jacobian = head.log_probs_and_jacobian(contexts)
    fisher = output_fisher(log_probs, jacobian).to_dense()
    assert_allclose(fisher, closed_form(head.encoder(contexts), log_probs.exp()), **TIGHT)


# --- oracle 16: linear-Gaussian -------------------------------------------------------------------

SIGMA = 0.7


def linear_gaussian(features: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x (N, d) with N = 6, y, w and the gradients ∇log p(y|x, w) = (y − wx) x / σ², (N, d)."""
    x, y, w = normal(6, features, seed=4), normal(6, seed=5), normal(features, seed=6)
    return x, y, w, (y - x @ w).unsqueeze(1) * x / SIGMA**2


@pytest.mark.parametrize("features", [3, 9])
def test_linear_gaussian_by_quadrature(features):  # [16]
    # Seen to fail under factor 2, no weight, doubled weight, sum.
    x, *_ = linear_gaussian(features)
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)  # exact for the squares of linear functions
    probabilities = torch.from_numpy(weights / weights.sum()).expand(6, -1)
    residual = SIGMA * torch.from_numpy(nodes)
    jacobian = residual[None, :, None] * x[:, None, :] / SIGMA**2
    fisher = output_fisher(probabilities.log(), jacobian)
    assert_allclose(fisher.to_dense(), x.mT @ x / 6 / SIGMA**2, **TIGHT)


@pytest.mark.parametrize("features", [3, 9])
def test_one_undamped_natural_step_reaches_the_optimum(features):  # [16]
    # Seen to fail under factor 2 (of the Gram matrix).
    x, y, w, gradients = linear_gaussian(features)
    fisher = GramMatrix(x, scale=SIGMA**-2 / 6)
    step = fisher.solve(gradients.mean(0))  # −F⁻¹∇L at lr 1
    nearest = np.linalg.pinv(x.numpy()) @ (y - x @ w).numpy()
    assert_allclose(step, nearest, rtol=1e-8, atol=1e-9)
    residual = y - x @ (w + step)
    assert_allclose(x.mT @ residual, np.zeros(features), atol=1e-8)


def test_empirical_fisher_of_a_linear_gaussian():  # [16]
    # Seen to fail under factor 2, sum.
    x, y, w, gradients = linear_gaussian(3)
    fisher = empirical_fisher(gradients.unsqueeze(1), torch.zeros(6, dtype=torch.long))
    expected = torch.einsum("n,ni,nj->ij", (y - x @ w) ** 2, x, x) / 6 / SIGMA**4
    assert_allclose(fisher.to_dense(), expected, **TIGHT)


# --- oracle 17: KL --------------------------------------------------------------------------------


def divergence(head, contexts: Tensor, step: Tensor) -> float:
    """Mean over contexts of KL(p_θ‖p_{θ+step})."""
    start = flat(own(head))
    with torch.no_grad():
        before = head(contexts)
        move_to(head, start + step)
        after = head(contexts)
    move_to(head, start)
    return float((before.exp() * (before - after)).sum(1).mean())


@names
def test_fisher_is_the_curvature_of_kl(name):  # [17]
    # Seen to fail under factor 2, no weight, doubled weight, sum.
    head, contexts, fisher = head_fisher(name)
    direction = normal(fisher.size, seed=7)
    direction /= direction.norm()
    predicted = float(direction @ (fisher @ direction))

    def ratio(length: float) -> float:
        return (2 * divergence(head, contexts, length * direction) / predicted) ** 0.5 / length

    errors = [abs(ratio(length) - 1) for length in (1e-2, 1e-3, 1e-4)]
    assert errors[2] < 1e-3
    assert errors[1] < 0.3 * errors[0] + 1e-5
    assert errors[2] < 0.3 * errors[1] + 1e-5


# --- F_Q: fidelity --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["born", "born-folded", "born-reuploading", "born-user"])
def test_quantum_fisher_is_the_curvature_of_infidelity(name):
    # Seen to fail under g, no phase term, overlap, sum.
    head = build(name)
    contexts, start = some_contexts(head, 4), flat(own(head))
    fisher = quantum(head, contexts)
    direction = normal(fisher.size, seed=8)
    direction /= direction.norm()
    predicted = float(direction @ (fisher @ direction)) / 4
    with torch.no_grad():
        before = head.states(contexts)

    def infidelity(length: float) -> float:
        move_to(head, start + length * direction)
        with torch.no_grad():
            overlaps = (before.conj() * head.states(contexts)).sum(1)
        return float((1 - overlaps.abs().square()).mean())

    errors = [abs(infidelity(length) / length**2 / predicted - 1) for length in (1e-1, 1e-2, 1e-3)]
    assert errors[2] < 2e-3
    assert errors[1] < 0.3 * errors[0] + 1e-5
    assert errors[2] < 0.3 * errors[1] + 1e-5


# --- oracle 18: Monte Carlo -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["softmax", "born-smooth", "pauli-xyz"])
def test_monte_carlo_fisher_is_unbiased_within_its_error(name):  # [18]
    # Seen to fail under factor 2, observed, stderr.
    head, contexts, _ = head_fisher(name)
    head.encoder.requires_grad_(False)
    log_probs, jacobian = head.log_probs_and_jacobian(contexts)
    assert log_probs.exp().min() > 0.01  # of 500 draws a few at least
    exact, generator = output_fisher(log_probs, jacobian).to_dense(), torch.Generator().manual_seed(9)
    informative = exact.abs() > 1e-9
    scores = []
    for _ in range(100):
        estimate = monte_carlo_fisher(log_probs, jacobian, generator, draws=500)
        assert (estimate.matrix.to_dense() - exact)[~informative].abs().sum() < 1e-9
        scores.append(((estimate.matrix.to_dense() - exact) / estimate.stderr)[informative])
    scores = torch.stack(scores)  # (repetitions, entries)
    assert abs(float(scores.square().mean()) - 1) < 0.1
    assert (scores.mean(0) * len(scores) ** 0.5).abs().max() < 4.5
    assert scores.abs().max() < 6


def test_monte_carlo_fisher_needs_a_draw_and_two_for_an_error():
    log_probs, jacobian = build("softmax").log_probs_and_jacobian(torch.tensor([[0, 1]]))
    with pytest.raises(ConfigurationError, match=r"draw.*\b0\b"):
        monte_carlo_fisher(log_probs, jacobian, torch.Generator(), draws=0)
    estimate = monte_carlo_fisher(log_probs, jacobian, torch.Generator().manual_seed(1))
    assert estimate.stderr.isnan().all()
    assert estimate.matrix.to_dense().isfinite().all()


def test_monte_carlo_fisher_is_the_generators():
    log_probs, jacobian = build("softmax").log_probs_and_jacobian(torch.tensor([[0, 1], [2, 2]]))
    each, two, other = (
        monte_carlo_fisher(log_probs, jacobian, torch.Generator().manual_seed(seed), draws=3)
        for seed in (5, 5, 6)
    )
    assert torch.equal(each.matrix.to_dense(), two.matrix.to_dense())
    assert not torch.equal(each.matrix.to_dense(), other.matrix.to_dense())


# --- oracle 21: reparameterisation ----------------------------------------------------------------


def born_over_its_circuit() -> tuple[Tensor, Tensor, Tensor]:
    """log p, Jacobian and mean gradient of a Born head whose encoder is frozen: F has full rank."""
    head = build("born-user")
    head.encoder.requires_grad_(False)
    contexts = some_contexts(head, 8, seed=3)
    log_probs, jacobian = head.log_probs_and_jacobian(contexts)
    gradient = -jacobian[torch.arange(8), head_cases.some_targets(head, 8)].mean(0)
    return log_probs, jacobian, gradient


def test_fisher_transforms_as_a_metric():  # [21]
    log_probs, jacobian, _ = born_over_its_circuit()
    change = normal(jacobian.shape[2], jacobian.shape[2], seed=10)  # θ = Aφ
    fisher = output_fisher(log_probs, jacobian).to_dense()
    assert_allclose(
        output_fisher(log_probs, jacobian @ change).to_dense(), change.mT @ fisher @ change, **TIGHT
    )


def test_only_the_undamped_natural_step_is_invariant():  # [21]
    # Seen to fail with a damping of 1e-6 in the first comparison, or with none in the second.
    log_probs, jacobian, gradient = born_over_its_circuit()
    change = normal(jacobian.shape[2], jacobian.shape[2], seed=10)
    here, there = output_fisher(log_probs, jacobian), output_fisher(log_probs, jacobian @ change)
    assert np.linalg.matrix_rank(here.to_dense().numpy()) == here.size

    def distance(damping: float) -> float:
        step = here.solve(gradient, damping)
        return float((change @ there.solve(change.mT @ gradient, damping) - step).norm() / step.norm())

    assert distance(0.0) < 1e-7
    assert distance(0.1) > 0.1
    euclidean = change @ (change.mT @ gradient)
    assert (euclidean / euclidean.norm() - gradient / gradient.norm()).norm() > 0.1


# --- tokens without probability, shapes -----------------------------------------------------------


@pytest.mark.parametrize("garbage", [torch.nan, torch.inf, 1e300, 0.0])
def test_tokens_without_probability_do_not_count(garbage):
    # Seen to fail under uncut.
    log_probs = torch.tensor([[0.25, 0.75, 0.0], [0.5, 1e-30, 0.5]], dtype=torch.float64).log()
    jacobian = normal(2, 3, 4)
    expected = output_fisher(log_probs, jacobian).to_dense()
    jacobian[0, 2], jacobian[1, 1] = garbage, garbage
    assert_allclose(output_fisher(log_probs, jacobian).to_dense(), expected, **TIGHT)


def test_probability_just_above_the_threshold_counts():
    # Seen to fail where outcomes with p ≤ 1e-14 were left out.
    log_probs = torch.tensor([[1.0, 2e-26]], dtype=torch.float64).log()
    fisher = output_fisher(log_probs, torch.tensor([[[0.0], [1e13]]], dtype=torch.float64))
    assert_allclose(fisher.to_dense(), [[2.0]], rtol=1e-9)


@pytest.mark.parametrize("angle", [1e-3, 1e-7, 1e-8])
def test_a_rare_token_of_an_unsmoothed_head_counts_in_full(angle):
    # Seen to fail where outcomes with p ≤ 1e-14 were left out.
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("a"), 0)
    head = BornHead(2, 1, circuit=circuit, smoothing=0.0)
    with torch.no_grad():
        head.values.fill_(angle)
    fisher = output_fisher(*head.log_probs_and_jacobian(torch.zeros(1, 1, dtype=torch.long)))
    assert_allclose(fisher.to_dense()[0, 0], 1.0, rtol=1e-9)


@pytest.mark.parametrize("shape", [(2, 3), (3, 3, 4), (2, 4, 4), (3, 2, 4)], ids=str)
def test_jacobian_of_another_shape_is_refused(shape):
    with pytest.raises(ShapeError, match=r"\(2, 3\)"):
        output_fisher(normal(2, 3), torch.zeros(shape))


@pytest.mark.parametrize("targets", [[0], [0, 1, 1], [0, 3], [-1, 0], [[0], [1]]], ids=str)
def test_targets_that_do_not_fit_are_refused(targets):
    with pytest.raises(ShapeError, match="2 targets from 0 to 2"):
        empirical_fisher(normal(2, 3, 4), torch.tensor(targets))


@names
def test_fisher_is_symmetric_positive_and_of_bounded_rank(name):
    head, contexts, fisher = head_fisher(name)
    dense = fisher.to_dense().numpy()
    assert_allclose(dense, dense.T, rtol=0, atol=1e-13 * np.abs(dense).max())
    assert np.linalg.eigvalsh(dense).min() > -1e-13 * np.abs(dense).max()
    assert np.linalg.matrix_rank(dense, hermitian=True) <= len(contexts) * (head.vocabulary - 1)
    assert isinstance(DenseMatrix(fisher.to_dense()).trace(), float)
