"""NaturalGradient: the step in numpy, groups, state, closures, refresh, trust region, damping, errors.

The comment in each test names the planted faults it was seen to fail under, of: sign, damping (added
twice), group order (lr by group position), stale (the metric kept beyond `refresh`, or taken before the
parameters moved), forgotten (the metric not in the state), drift (a step added and subtracted), NaN (no
cut-off for small eigenvalues), limit (no trust region), reversed (damping grown after good steps), kept (a
bad step not taken back), grad mode (the closure run without gradients).
"""

from __future__ import annotations

import io
import math

import head_cases
import numpy as np
import pytest
import torch
from head_cases import build, flat, move_to, own, some_contexts, some_targets
from numpy.testing import assert_allclose
from torch import Tensor, nn
from torch.optim.lr_scheduler import StepLR

from qgeo.errors import ConfigurationError, ShapeError
from qgeo.geometry.operators import DenseMatrix, DiagonalMatrix
from qgeo.heads.born import BornHead
from qgeo.heads.jacobian import count_trainable
from qgeo.heads.ngram import NgramHead
from qgeo.optim.damping import LevenbergMarquardt, RelativeDamping
from qgeo.optim.metrics import METRICS
from qgeo.optim.natural_gradient import NaturalGradient

METRIC_NAMES = ("quantum", "quantum-block-diagonal", "quantum-diagonal", "classical", "empirical")
HEADS = ("born-class-word", "pauli-user", "softmax")
TIGHT = {"rtol": 1e-9, "atol": 1e-12}
PAIRS = [(n, m) for n in HEADS for m in METRIC_NAMES if n != "softmax" or not m.startswith("quantum")]


def batch(head, seed: int = 0, count: int = 6) -> tuple[Tensor, Tensor]:
    return some_contexts(head, count, seed), some_targets(head, count, seed)


def loss_of(head, contexts: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.nll_loss(head(contexts), targets)


def closure_of(head, optimizer, contexts: Tensor, targets: Tensor):
    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = loss_of(head, contexts, targets)
        loss.backward()
        return loss

    return closure


def point(head) -> Tensor:
    return flat(own(head))


def take_step(head, optimizer, seed: int = 0, *, with_closure: bool = False) -> Tensor:
    """One step on a batch; what the parameters moved by."""
    contexts, targets = batch(head, seed)
    start, closure = point(head), closure_of(head, optimizer, contexts, targets)
    if not with_closure:
        closure()
    optimizer.step(closure if with_closure else None, contexts=contexts, targets=targets)
    return point(head) - start


def expected_step(head, metric: str, lr: Tensor | float, damping: float, seed: int = 0) -> np.ndarray:
    """−lr (F + λI)⁻¹ ∇L, dense."""
    contexts, targets = batch(head, seed)
    gradient = head_cases.autograd_gradient(head, loss_of(head, contexts, targets)).numpy()
    dense = METRICS[metric](head, contexts, targets).to_dense().numpy()
    return -np.asarray(lr) * np.linalg.solve(dense + damping * np.eye(len(dense)), gradient)


# --- the step -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "metric"), PAIRS, ids=str)
@pytest.mark.parametrize("with_closure", [False, True], ids=["backward", "closure"])
def test_step_is_the_formula(name, metric, with_closure):
    # Seen to fail under sign, damping, grad mode.
    head = build(name)
    expected = expected_step(head, metric, 0.3, 0.05)
    optimizer = NaturalGradient(head, metric=metric, lr=0.3, damping=0.05)
    assert_allclose(take_step(head, optimizer, with_closure=with_closure), expected, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("metric", METRIC_NAMES)
def test_training_lowers_the_loss(metric):
    # Seen to fail under sign.
    head = build("born")
    optimizer = NaturalGradient(head, metric=metric, lr=0.2, damping=0.05)
    before = loss_of(head, *batch(head)).item()
    for _ in range(15):
        take_step(head, optimizer)
    assert loss_of(head, *batch(head)).item() < before - 0.1


def test_metric_may_be_a_function():
    head = build("born")
    start = point(head)
    optimizer = NaturalGradient(
        head, metric=lambda *_: DenseMatrix(4 * torch.eye(len(start)).double()), lr=1.0, damping=0
    )
    contexts, targets = batch(head)
    gradient = head_cases.autograd_gradient(head, loss_of(head, contexts, targets))
    assert_allclose(take_step(head, optimizer), -gradient / 4, **TIGHT)


def test_step_leaves_no_graph_and_no_mode_behind():
    head = build("born")
    optimizer = NaturalGradient(head)
    take_step(head, optimizer)
    assert torch.is_grad_enabled()
    assert all(p.requires_grad and p.is_leaf for p in head.parameters())
    with torch.no_grad():
        contexts, targets = batch(head)
        loss = optimizer.step(closure_of(head, optimizer, contexts, targets), contexts=contexts)
    assert loss.requires_grad  # the closure ran with gradients


def test_closure_gives_the_loss_at_the_old_parameters():
    # Seen to fail where the loss after the step was returned.
    head = build("born")
    contexts, targets = batch(head)
    before = loss_of(head, contexts, targets).item()
    optimizer = NaturalGradient(head, lr=0.5)
    loss = optimizer.step(closure_of(head, optimizer, contexts, targets), contexts=contexts)
    assert loss.item() == before
    optimizer.zero_grad()
    assert optimizer.step(contexts=contexts) is None


def test_runs_are_bit_identical():
    def run() -> Tensor:
        head = build("pauli-user")
        optimizer = NaturalGradient(head, metric="quantum", trust_region=0.01)
        for seed in range(4):
            take_step(head, optimizer, seed)
        return point(head)

    assert torch.equal(run(), run())


# --- gradients that vanish or are missing, metrics that are singular ------------------------------


@pytest.mark.parametrize("damping", [0.0, 1e-3], ids=str)
@pytest.mark.parametrize(("name", "metric"), PAIRS, ids=str)
def test_zero_gradient_moves_nothing(name, metric, damping):
    head = build(name)
    start = point(head)
    contexts, targets = batch(head)
    for trust_region in (None, 0.1):
        optimizer = NaturalGradient(head, metric=metric, damping=damping, trust_region=trust_region)
        for parameter in head.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step(contexts=contexts, targets=targets)
        assert torch.equal(point(head), start)


@pytest.mark.parametrize(("name", "metric"), PAIRS, ids=str)
def test_singular_metric_without_damping_takes_the_least_norm_step(name, metric):
    # Seen to fail under NaN (no cut-off).
    head = build(name)
    contexts, targets = batch(head)
    dense = METRICS[metric](head, contexts, targets).to_dense().numpy()
    singular = np.linalg.matrix_rank(dense, tol=1e-9, hermitian=True) < len(dense)
    assert singular or metric == "quantum-diagonal"
    gradient = head_cases.autograd_gradient(head, loss_of(head, contexts, targets)).numpy()
    step = take_step(head, NaturalGradient(head, metric=metric, lr=1.0, damping=0)).numpy()
    expected = -np.linalg.pinv(dense, rcond=1e-12, hermitian=True) @ gradient
    assert np.isfinite(step).all()
    assert_allclose(dense @ step, dense @ expected, rtol=1e-5, atol=1e-6)
    assert np.linalg.norm(step) < 1.001 * np.linalg.norm(expected) + 1e-9


def test_missing_gradients_count_as_zero():
    one, two = build("born-class-word"), build("born-class-word")
    for head, absent in ((one, None), (two, torch.zeros(7, dtype=torch.float64))):
        contexts, targets = batch(head)
        optimizer = NaturalGradient(head, metric="classical")
        loss_of(head, contexts, targets).backward()
        head.readout.logits.grad = absent
        optimizer.step(contexts=contexts)
    assert torch.equal(point(one), point(two))


def test_tensor_frozen_later_stays_where_it_is():
    head = build("born-user")
    optimizer = NaturalGradient(head, metric="quantum")
    head.encoder.weight.requires_grad_(False)
    before = head.encoder.weight.clone()
    moved = take_step(head, optimizer)
    assert moved.abs().min() > 0 or moved.any()
    assert torch.equal(head.encoder.weight, before)


# --- groups ---------------------------------------------------------------------------------------


def groups(head, order: tuple[int, ...] = (0, 1, 2)) -> list[dict]:
    every = [
        {"params": [head.values], "lr": 0.5},
        {"params": list(head.encoder.parameters())[::-1], "lr": 0.1},
        {"params": list(head.readout.parameters())},
    ]
    return [every[i] for i in order]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)], ids=str)
@pytest.mark.parametrize("metric", METRIC_NAMES)
def test_one_joint_metric_and_a_learning_rate_per_group(metric, order):
    # Seen to fail under group order.
    head = build("pauli-user")
    rates = {"values": 0.5, "encoder": 0.1, "readout": 0.02}
    lr = [rates[name.split(".")[0]] for name, p in head.named_parameters() for _ in range(p.numel())]
    expected = expected_step(head, metric, lr, 0.05)
    optimizer = NaturalGradient(head, metric=metric, lr=0.02, damping=0.05, params=groups(head, order))
    assert_allclose(take_step(head, optimizer), expected, rtol=1e-7, atol=1e-10)


WRONG_GROUPS = {
    "missing": lambda head: [head.values],
    "foreign": lambda head: [*head.parameters(), nn.Parameter(torch.zeros(1))],
    "exchanged": lambda head: [nn.Parameter(torch.zeros(1)), *list(head.parameters())[1:]],
    "other-head": lambda head: list(build("born").parameters()),  # noqa: ARG005
}


@pytest.mark.parametrize("wrong", WRONG_GROUPS)
def test_groups_that_are_not_the_heads_parameters_are_refused(wrong):
    head = build("born")
    with pytest.raises(ConfigurationError, match=r"parameter groups.*\b4 trainable"):
        NaturalGradient(head, params=WRONG_GROUPS[wrong](head))


def test_a_damping_of_one_group_alone_is_refused():
    # Seen to fail: the first group's damping taken for all.
    head = build("pauli-user")
    first, *others = groups(head)
    with pytest.raises(
        ConfigurationError, match=r"one damping for all parameter groups, got \[0\.001, 0\.5\]"
    ):
        NaturalGradient(head, params=[{**first, "damping": 0.5}, *others])


def test_scheduler_changes_the_learning_rate():
    head = build("born")
    optimizer = NaturalGradient(head, metric="quantum", lr=0.4, damping=0.05)
    scheduler = StepLR(optimizer, step_size=1, gamma=0.5)
    for lr in (0.4, 0.2, 0.1):
        expected = expected_step(head, "quantum", lr, 0.05)
        assert_allclose(take_step(head, optimizer), expected, rtol=1e-7, atol=1e-10)
        scheduler.step()


# --- when the metric is taken ---------------------------------------------------------------------


class Counted:
    """The metric `quantum`, remembering where it was asked for."""

    def __init__(self) -> None:
        self.points: list[Tensor] = []
        self.contexts: list[Tensor] = []

    def __call__(self, head, contexts, targets):
        self.points.append(point(head))
        self.contexts.append(contexts)
        return METRICS["quantum"](head, contexts, targets)


@pytest.mark.parametrize(("refresh", "calls"), [(1, 7), (2, 4), (3, 3), (100, 1)])
def test_metric_is_taken_anew_every_so_many_steps(refresh, calls):
    # Seen to fail under stale.
    head, metric = build("born"), Counted()
    optimizer = NaturalGradient(head, metric=metric, refresh=refresh)
    points = []
    for seed in range(7):
        points.append(point(head))
        take_step(head, optimizer, seed)
    assert len(metric.points) == calls
    for call, step in enumerate(range(0, 7, refresh)):
        assert torch.equal(metric.points[call], points[step])
        assert torch.equal(metric.contexts[call], batch(head, step)[0])


def test_metric_between_refreshes_is_the_old_one():
    # Seen to fail where it was computed at every step.
    head = build("born")
    optimizer = NaturalGradient(head, metric="quantum", lr=0.3, damping=0.05, refresh=2)
    contexts, targets = batch(head)
    matrix = METRICS["quantum"](head, contexts, targets)
    take_step(head, optimizer)
    gradient = head_cases.autograd_gradient(head, loss_of(head, contexts, targets))
    assert_allclose(take_step(head, optimizer), -0.3 * matrix.solve(gradient, 0.05), **TIGHT)


def test_metric_is_not_taken_from_an_earlier_forward_pass():
    # Seen to fail under stale.
    head = build("born")
    optimizer = NaturalGradient(head, metric="quantum", lr=0.3, damping=0.05)
    contexts, targets = batch(head)
    loss_of(head, contexts, targets).backward()
    gradient = flat([p.grad for p in head.parameters()])
    move_to(head, point(head) + 0.3)  # after the forward pass, before the step
    start, matrix = point(head), METRICS["quantum"](head, contexts, targets)
    optimizer.step(contexts=contexts)
    assert_allclose(point(head) - start, -0.3 * matrix.solve(gradient, 0.05), rtol=1e-8, atol=1e-12)


def test_metric_is_taken_at_the_contexts_of_the_step():
    head = build("born")
    optimizer = NaturalGradient(head, metric="quantum", lr=1.0, damping=0.05)
    contexts, targets = batch(head)
    loss_of(head, contexts, targets).backward()
    gradient, start = flat([p.grad for p in head.parameters()]), point(head)
    elsewhere = torch.tensor([[3, 3]])
    step = -METRICS["quantum"](head, elsewhere, None).solve(gradient, 0.05)
    optimizer.step(contexts=elsewhere)
    assert_allclose(point(head) - start, step, **TIGHT)


# --- state ----------------------------------------------------------------------------------------

SETTINGS = {
    "plain": {"metric": "quantum"},
    "classical": {"metric": "classical", "refresh": 4, "damping": 0.5},
    "refresh": {"metric": "quantum", "refresh": 4},
    "refresh-blocks": {"metric": "quantum-block-diagonal", "refresh": 3},
    "refresh-diagonal": {"metric": "quantum-diagonal", "refresh": 5},
    "refresh-matrix-free": {"metric": "quantum-matrix-free", "damping": 1.0, "refresh": 4},  # few iterations
    "relative": {"metric": "quantum", "damping": RelativeDamping(0.1), "refresh": 4},
    "relative-matrix-free": {"metric": "quantum-matrix-free", "damping": RelativeDamping(1.0), "refresh": 3},
    "levenberg": {"metric": "quantum", "damping": LevenbergMarquardt()},
    "levenberg-refresh": {"metric": "empirical", "damping": LevenbergMarquardt(), "refresh": 4},
    "trust-region": {"metric": "quantum", "trust_region": 1e-3, "lr": 1.0},
}


def stored(state: dict) -> dict:
    """Through a file, read back as plain data."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("interrupted_after", [1, 3])
@pytest.mark.parametrize("setting", SETTINGS)
def test_interrupted_run_goes_on_bit_identically(setting, interrupted_after):
    # Seen to fail under forgotten.
    def fresh():
        head = build("pauli-user")
        optimizer = NaturalGradient(head, params=groups(head), **SETTINGS[setting])
        return head, optimizer, StepLR(optimizer, step_size=2, gamma=0.7)

    def advance(head, optimizer, scheduler, steps: range) -> None:
        for seed in steps:
            take_step(head, optimizer, seed, with_closure=True)
            scheduler.step()

    whole, resumed = fresh(), fresh()
    advance(*whole, range(7))
    first = fresh()
    advance(*first, range(interrupted_after))
    for part, again in zip(first, resumed, strict=True):
        again.load_state_dict(stored(part.state_dict()))
    advance(*resumed, range(interrupted_after, 7))
    assert point(whole[0]).isfinite().all()
    assert torch.equal(point(resumed[0]), point(whole[0]))
    assert resumed[1].damping == whole[1].damping


def test_state_without_a_metric_is_enough_to_go_on():
    head = build("born")
    optimizer = NaturalGradient(head, refresh=3)
    state = optimizer.state_dict()
    take_step(head, optimizer)
    assert optimizer.state_dict()["metric"]["form"] == "DenseMatrix"
    optimizer.load_state_dict({key: state[key] for key in ("state", "param_groups")})
    assert take_step(head, optimizer).isfinite().all()


def test_a_kept_metric_that_cannot_be_stored_is_refused_when_it_is_loaded():
    # Seen to fail where such a metric was left out of the state: the resumed run took a new one.
    class Foreign(DiagonalMatrix):
        """F = 1, in a form of somebody else."""

    def optimizer() -> NaturalGradient:
        head = build("born")
        ones = torch.ones(count_trainable(head), dtype=torch.float64)
        return NaturalGradient(head, metric=lambda *_: Foreign(ones), refresh=2)

    running = optimizer()
    take_step(running.module, running)
    with pytest.raises(ConfigurationError, match=r"Foreign.*multiple of refresh"):
        optimizer().load_state_dict(stored(running.state_dict()))
    take_step(running.module, running)
    optimizer().load_state_dict(stored(running.state_dict()))  # the next step takes the metric anew


# --- the point of a metric ------------------------------------------------------------------------


@pytest.mark.parametrize("damping", [0.05, RelativeDamping(0.1), LevenbergMarquardt(initial=0.1)], ids=repr)
@pytest.mark.parametrize("refresh", [1, 2, 3])
@pytest.mark.parametrize("name", ["born-user", "born-reuploading", "born-class-word"])
def test_matrix_free_steps_are_the_dense_ones(name, refresh, damping):
    # Seen to fail, at refresh 2 and 3, where the operator kept a view of the parameters.
    ends, dampings = [], []
    for metric in ("quantum", "quantum-matrix-free"):
        head = build(name)
        optimizer = NaturalGradient(head, metric=metric, lr=0.1, damping=damping, refresh=refresh)
        for seed in range(5):
            take_step(head, optimizer, seed, with_closure=True)
        ends.append(point(head))
        dampings.append(optimizer.damping)
    assert_allclose(ends[1], ends[0], rtol=1e-6, atol=1e-7)
    assert_allclose(dampings[1], dampings[0], rtol=1e-6)


def test_levenberg_marquardt_predicts_from_the_point_where_the_metric_was_taken(monkeypatch):
    # Seen to fail where the operator kept a view of the parameters, which have moved by then.
    seen: list[float] = []
    adapted = LevenbergMarquardt.adapted

    def recorded(self, damping: float, actual: float, predicted: float) -> float:
        seen.append(predicted)
        return adapted(self, damping, actual, predicted)

    monkeypatch.setattr(LevenbergMarquardt, "adapted", recorded)
    for metric in ("quantum", "quantum-matrix-free"):
        head = build("born-user")
        optimizer = NaturalGradient(head, metric=metric, lr=0.3, damping=LevenbergMarquardt(initial=0.1))
        take_step(head, optimizer, with_closure=True)
    assert_allclose(seen[1], seen[0], rtol=1e-8)


# --- trust region ---------------------------------------------------------------------------------


def divergence(head, contexts: Tensor, start: Tensor) -> float:
    """KL(p_start‖p_now), mean over contexts."""
    with torch.no_grad():
        now, after = point(head), head(contexts)
        move_to(head, start)
        before = head(contexts)
        move_to(head, now)
    return float((before.exp() * (before - after)).sum(1).mean())


@pytest.mark.parametrize("lr", [0.5, 30.0, 1e6, 1e18])
@pytest.mark.parametrize("limit", [1e-4, 0.05])
@pytest.mark.parametrize("name", HEADS)
def test_step_stays_within_the_trust_region(name, limit, lr):
    # Seen to fail under limit, drift, one-sided (the first length that fits).
    head = build(name)
    optimizer = NaturalGradient(head, metric="classical", lr=lr, damping=1e-3, trust_region=limit)
    contexts, targets = batch(head)
    start, before = point(head), loss_of(head, contexts, targets)
    gradient = head_cases.autograd_gradient(head, before)
    direction = -METRICS["classical"](head, contexts, targets).solve(gradient, 1e-3)
    step = take_step(head, optimizer)
    assert 0.49 * limit < divergence(head, contexts, start) < 1.01 * limit
    assert_allclose(step / step.norm(), direction / direction.norm(), rtol=0, atol=1e-6)


def test_step_that_fits_is_not_touched():
    free, limited = build("born"), build("born")
    take_step(free, NaturalGradient(free, lr=0.01))
    take_step(limited, NaturalGradient(limited, lr=0.01, trust_region=10.0))
    assert torch.equal(point(free), point(limited))


@pytest.mark.parametrize("bad", [torch.inf, torch.nan])
def test_parameters_survive_a_search_that_finds_nothing(bad):
    # Seen to fail under drift, limit.
    class Nowhere(DiagonalMatrix):
        """A matrix whose solution is no number somewhere."""

        def solve(self, gradient, damping):
            del damping
            return torch.where(torch.arange(len(gradient)) == 0, bad, gradient)

    head = build("born")
    start, (contexts, targets) = point(head), batch(head)
    loss_of(head, contexts, targets).backward()
    nowhere = Nowhere(torch.ones(len(start), dtype=torch.float64))
    NaturalGradient(head, metric=lambda *_: nowhere, trust_region=0.1).step(contexts=contexts)
    assert torch.equal(point(head), start)


def test_step_into_infinite_divergence_is_shortened_not_dropped():
    # Seen to fail where an infinite KL made the step zero.
    class Cliff(nn.Module):
        """Two tokens; the second has probability exactly 0 for w ≥ 1."""

        vocabulary, context = 2, 1

        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.zeros(1, dtype=torch.float64))

        def forward(self, contexts: Tensor) -> Tensor:
            p = ((1 - self.w) / 2).clamp_min(0)
            return torch.stack([1 - p, p], -1).log().expand(len(contexts), 2)

    head = Cliff()
    unit = DenseMatrix(torch.ones(1, 1, dtype=torch.float64))
    optimizer = NaturalGradient(head, metric=lambda *_: unit, lr=1.6, damping=0.0, trust_region=0.1)
    head.w.grad = -torch.ones(1, dtype=torch.float64)
    contexts = torch.zeros(1, 1, dtype=torch.long)
    optimizer.step(contexts=contexts)
    assert 0.2 < head.w.item() < 1


# --- Levenberg–Marquardt --------------------------------------------------------------------------

RULE = LevenbergMarquardt(initial=0.1, shrink=0.5)


def scaled(factor: float):
    """factor · F_C: a model of the loss that is right, or wrong, on purpose."""

    def metric(head, contexts, targets):
        matrix = METRICS["classical"](head, contexts, targets)
        return DenseMatrix(factor * matrix.to_dense())

    return metric


def test_damping_falls_after_a_step_that_went_as_predicted():
    # Seen to fail under reversed.
    head = build("softmax")
    optimizer = NaturalGradient(head, metric="classical", lr=1e-3, damping=RULE)
    assert optimizer.damping == 0.1
    step = take_step(head, optimizer, with_closure=True)
    assert step.norm() > 0
    assert_allclose(optimizer.damping, 0.05)


@pytest.mark.parametrize("grouped", [False, True])
def test_bad_step_is_taken_back_and_damping_grows(grouped):
    # Seen to fail under kept, drift, reversed, and where one group alone got the new damping.
    head = build("softmax")
    start = point(head)
    before = loss_of(head, *batch(head)).item()
    params = [{"params": [parameter]} for parameter in head.parameters()] if grouped else None
    optimizer = NaturalGradient(head, metric=scaled(1e-3), lr=300.0, damping=RULE, params=params)
    take_step(head, optimizer, with_closure=True)
    assert torch.equal(point(head), start)
    assert loss_of(head, *batch(head)).item() == before
    assert_allclose(optimizer.damping, 0.2)
    assert all(group["damping"] == optimizer.damping for group in optimizer.param_groups)


def test_loss_that_is_no_number_is_a_bad_step():
    # Seen to fail under kept.
    head = build("softmax")
    start = point(head)
    optimizer = NaturalGradient(head, metric="classical", damping=RULE)
    contexts, targets = batch(head)
    closure = closure_of(head, optimizer, contexts, targets)
    losses = iter([0.0, math.nan])
    optimizer.step(lambda: closure() * 0 + next(losses), contexts=contexts)
    assert torch.equal(point(head), start)
    assert_allclose(optimizer.damping, 0.2)


def test_loss_never_rises_under_levenberg_and_marquardt():
    # Seen to fail under kept.
    head = build("born")
    optimizer = NaturalGradient(head, metric="quantum", lr=8.0, damping=LevenbergMarquardt(initial=1e-4))
    losses = []
    for _ in range(20):
        take_step(head, optimizer, with_closure=True)
        losses.append(loss_of(head, *batch(head)).item())
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] - 0.05


def test_relative_damping_follows_the_metric():
    # Seen to fail where λ was taken once.
    head = build("born")
    optimizer = NaturalGradient(head, metric="quantum", lr=0.3, damping=RelativeDamping(0.1))
    for seed in range(3):
        contexts, targets = batch(head, seed)
        matrix = METRICS["quantum"](head, contexts, targets)
        wanted = 0.1 * matrix.trace() / matrix.size
        expected = expected_step(head, "quantum", 0.3, wanted, seed)
        assert_allclose(take_step(head, optimizer, seed), expected, rtol=1e-7, atol=1e-10)
        assert_allclose(optimizer.damping, wanted)


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "qfim"}, "quantum.*'qfim'"),
        ({"lr": 0.0}, "lr > 0.*0"),
        ({"lr": -0.1}, "lr > 0.*-0.1"),
        ({"lr": math.nan}, "lr > 0.*nan"),
        ({"damping": -1e-9}, "damping.*-1e-09"),
        ({"damping": math.nan}, "damping.*nan"),
        ({"refresh": 0}, "refresh.*0"),
        ({"trust_region": 0.0}, "trust_region.*0"),
        ({"trust_region": -1.0}, "trust_region.*-1"),
    ],
    ids=str,
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ConfigurationError, match=message):
        NaturalGradient(build("born"), **options)


def test_head_without_trainable_numbers_is_refused():
    table = NgramHead(torch.tensor([[0]]), torch.tensor([1]), 2, 1)
    with pytest.raises(ConfigurationError, match=r"trainable.*NgramHead"):
        NaturalGradient(table)
    with pytest.raises(ConfigurationError, match="trainable"):
        NaturalGradient(build("born").requires_grad_(False))


STEP_ERRORS = {
    "no-closure": ({"damping": RULE}, {}, ConfigurationError, "closure"),
    "no-targets": ({"metric": "empirical"}, {}, ConfigurationError, "targets"),
    "classical-head": ({"metric": "quantum"}, {"head": "mlp"}, ConfigurationError, "quantum head"),
    "contexts": ({}, {"contexts": torch.zeros(2, 5, dtype=torch.long)}, ShapeError, r"\(B, 2\)"),
    "tokens": ({}, {"contexts": torch.tensor([[0, 99]])}, ShapeError, "0 to 3"),
}


@pytest.mark.parametrize("case", STEP_ERRORS)
def test_step_that_cannot_be_taken_is_refused_and_moves_nothing(case):
    options, given, error, message = STEP_ERRORS[case]
    head = build(given.get("head", "born"))
    optimizer = NaturalGradient(head, **options)
    start, (contexts, targets) = point(head), batch(head)
    loss_of(head, contexts, targets).backward()
    with pytest.raises(error, match=message):
        optimizer.step(contexts=given.get("contexts", contexts))
    assert torch.equal(point(head), start)


# --- everyday mistakes ------------------------------------------------------------------------------


def test_parameters_in_the_place_of_the_head_are_told_apart():
    with pytest.raises(ConfigurationError, match=r"expected a head .* got generator; pass the module itself"):
        NaturalGradient(BornHead(4, 1).parameters())


def test_other_parameters_than_those_of_a_kept_metric_are_refused():
    # Seen to fail: an error about a vector's length, which names no parameter.
    head, contexts = BornHead(4, 1, num_qubits=2, layers=1), torch.tensor([[0], [1]])
    head.encoder.weight.requires_grad_(False)
    optimizer = NaturalGradient(head, refresh=3)
    optimizer.step(contexts=contexts)
    kept = optimizer.state_dict()
    head.values.requires_grad_(False)
    with pytest.raises(ConfigurationError, match=r"trainable when the metric was taken.*every 3 steps"):
        optimizer.step(contexts=contexts)
    head.values.requires_grad_(True)
    resumed = NaturalGradient(head, refresh=3)
    resumed.load_state_dict(kept)
    head.values.requires_grad_(False)
    with pytest.raises(ConfigurationError, match="trainable when the metric was taken"):
        resumed.step(contexts=contexts)
