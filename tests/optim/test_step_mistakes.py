"""What a natural gradient refuses: options, groups, steps, states; one sentence each."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

import qgeo
from qgeo.errors import QGeoError
from qgeo.estimators import LinCombQFI
from qgeo.optim.damping import LevenbergMarquardt, RelativeDamping
from qgeo.optim.metrics import METRICS
from qgeo.optim.natural_gradient import NaturalGradient
from qgeo.optim.trust_region import QuadraticTrustRegion

CONTEXTS, TARGETS = torch.tensor([[0], [1], [2]]), torch.tensor([1, 2, 3])
NO_CONTEXTS, NO_TARGETS = CONTEXTS[:0], TARGETS[:0]


def head() -> qgeo.BornHead:
    return qgeo.BornHead(vocabulary=4, context=1)


def foreign() -> nn.Parameter:
    return nn.Parameter(torch.ones(1, dtype=torch.float64))


OPTIONS = [
    *(({"damping": each}, "expected damping ≥ 0, a finite number") for each in (-1, math.inf, math.nan, "x")),
    ({"damping": RelativeDamping}, "got the class RelativeDamping"),
    ({"lr": "x"}, "expected lr > 0, a finite number, got 'x'"),
    ({"lr": math.inf}, "expected lr > 0"),
    ({"trust_region": "x"}, "expected trust_region > 0, a finite number, got 'x'"),
    ({"refresh": 1.5}, "expected refresh to be an integer, got 1.5"),
    ({"metric": None}, "expected a metric among quantum.* a function .* or an estimator .*, got None"),
    ({"metric": 5}, "expected a metric among .*, got 5"),
    ({"metric": LinCombQFI}, r"such as LinCombQFI\(\), got the class LinCombQFI"),
    *(({"params": each}, "expected params as the head's parameters.* leave it out") for each in ([], 5, "x")),
    ({"params": [{"lr": 1.0}]}, "expected params as the head's parameters"),
    ({"params": [foreign()]}, "expected parameter groups of the head's 4 trainable tensors alone"),
]


@pytest.mark.parametrize(("given", "sentence"), OPTIONS)
def test_options(given, sentence):
    # Seen to fail where they were held against limits only, or called at the first step.
    with pytest.raises(QGeoError, match=sentence):
        NaturalGradient(head(), **given)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"lr": -1}, "lr ≥ 0"), ({"lr": "x"}, "lr ≥ 0"), ({"damping": -1}, "damping ≥ 0")],
)
def test_options_of_a_group(options, sentence):
    # Seen to fail where only the defaults were checked.
    made = head()
    with pytest.raises(QGeoError, match=sentence):
        NaturalGradient(made, params=[{"params": list(made.parameters())} | options])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: RelativeDamping("x"), "a relative damping ≥ 0, a finite number, got 'x'"),
        (lambda: RelativeDamping(math.inf), "a relative damping ≥ 0"),
        (lambda: LevenbergMarquardt(initial="x"), "finite numbers, got LevenbergMarquardt.initial='x'"),
        (lambda: LevenbergMarquardt(largest=math.inf), "finite numbers"),
        (lambda: QuadraticTrustRegion("x"), "trust_region > 0"),
        (lambda: QuadraticTrustRegion(0.0), "trust_region > 0"),
    ],
)
def test_rules(make, sentence):
    # Seen to fail: a quadratic trust region was checked by nobody but the optimizer.
    with pytest.raises(QGeoError, match=sentence):
        make()


def backward(made: nn.Module) -> nn.Module:
    nn.functional.nll_loss(made(CONTEXTS), TARGETS).backward()
    return made


STEPS = [
    ((), {}, r"expected the contexts .*, got none; pass step\(contexts=contexts\)"),
    ((CONTEXTS,), {}, "expected the contexts .* as the closure"),
    ((5,), {"contexts": CONTEXTS}, "got 5 as the closure"),
    ((), {"contexts": [[0]]}, "expected contexts as a torch tensor"),
]


@pytest.mark.parametrize(("places", "named", "sentence"), STEPS)
def test_steps(places, named, sentence):
    # Seen to fail: a TypeError about an argument of step, or a tensor that was called.
    optimizer = NaturalGradient(backward(head()))
    with pytest.raises(QGeoError, match=sentence):
        optimizer.step(*places, **named)


@pytest.mark.parametrize("metric", METRICS)
def test_a_step_at_no_contexts(metric):
    # Seen to fail: torch could not reshape a tensor of 0 elements.
    optimizer = NaturalGradient(backward(head()), metric=metric)
    with pytest.raises(QGeoError, match="expected at least one context, got none"):
        optimizer.step(contexts=NO_CONTEXTS, targets=NO_TARGETS)


@pytest.mark.parametrize(
    ("targets", "came"),
    [([1, 2, 3], "list"), (TARGETS.double(), "float64"), (TARGETS[:2], r"\(2,\)"), (TARGETS + 1, "4")],
)
def test_targets(targets, came):
    # Seen to fail: a list has no shape; a target that is no token was told by its shape.
    optimizer = NaturalGradient(backward(head()), metric="empirical")
    with pytest.raises(QGeoError, match=f"expected 3 targets from 0 to 3 as a torch tensor.* got .*{came}"):
        optimizer.step(contexts=CONTEXTS, targets=targets)


def test_a_function_that_gives_no_information_matrix():
    # Seen to fail: a tensor has no solve.
    def identity(*_: object) -> Tensor:
        return torch.eye(4)

    optimizer = NaturalGradient(backward(head()), metric=identity)
    with pytest.raises(QGeoError, match=r"an information matrix .* of the metric identity, got Tensor"):
        optimizer.step(contexts=CONTEXTS)


def test_a_metric_by_name_of_what_is_no_head():
    # Seen to fail: an attribute was missed.
    with pytest.raises(QGeoError, match="expected a head with vocabulary, context, log_probs_and_jacobian"):
        METRICS["classical"](nn.Linear(1, 1), CONTEXTS)


def adam() -> dict[str, object]:
    return torch.optim.Adam(head().parameters()).state_dict()


@pytest.mark.parametrize(
    "state", [{}, 5, {"param_groups": []}, adam()], ids=["empty", "number", "none", "adam"]
)
def test_states_of_something_else(state):
    # Seen to fail: the state of another optimizer was loaded.
    with pytest.raises(QGeoError, match=r"expected what state_dict\(\) of a NaturalGradient gave"):
        NaturalGradient(head()).load_state_dict(state)


def test_a_group_of_a_foreign_tensor_is_refused_and_left_out():
    # Seen to fail: it was taken, and never moved.
    optimizer = NaturalGradient(head())
    with pytest.raises(QGeoError, match=r"expected parameter groups .* give it to an optimizer of its own"):
        optimizer.add_param_group({"params": [foreign()]})
    assert len(optimizer.param_groups) == 1


def test_a_learning_rate_of_zero_keeps_a_group_where_it_is():
    made = backward(head())
    first, *others = made.parameters()
    start = first.detach().clone()
    groups = [{"params": [first], "lr": 0.0}, {"params": others}]
    NaturalGradient(made, params=groups).step(contexts=CONTEXTS)
    assert torch.equal(first, start)
