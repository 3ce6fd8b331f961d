"""Study `reparameterization`: models in both coordinates against exact metrics, planted rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from qgeo.circuit.ansatz import ansatz
from qgeo.circuit.compiler import compile
from qgeo.geometry.exact import quantum_fisher
from qgeo.studies.experiments.coordinates import Affine, Sinh, circuit_models, head_models, mixed_units
from qgeo.studies.experiments.measured_output import random_point
from qgeo.studies.reparameterization import LENGTHS, REPARAMETERIZATION, slope


def generator():
    return np.random.default_rng(5)


MAPS = {"affine": lambda size: mixed_units(size, np.random.default_rng(1)), "sinh": lambda _: Sinh()}


def models(kind, name):
    if kind in ("softmax", "mlp"):
        return head_models(kind, MAPS[name], generator())
    return circuit_models(2, 2, 8, kind, MAPS[name], generator())


@pytest.mark.parametrize("name", MAPS)
def test_maps_are_inverse_to_each_other(name):
    coordinates, theta = MAPS[name](4), np.array([0.3, -2.0, 0.0, 1.0])
    phi = coordinates.values(theta)
    assert_allclose(coordinates.theta(torch.from_numpy(phi)), theta, atol=1e-12)


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("kind", ["quantum", "classical", "softmax", "mlp"])
def test_metric_and_gradient_are_derivatives_of_what_moves(kind, name):
    # Seen to fail: phases without their mean, the factor 2 of phases, √p for p, contexts not averaged.
    for model in models(kind, name):
        step = np.random.default_rng(0).normal(size=len(model.gradient)) * 1e-5
        moved = model.distance(step, model.amplitudes(0 * step))
        assert_allclose(moved**2, step @ model.metric @ step / 4, rtol=1e-3)
        assert_allclose(model.metric @ model.natural, model.gradient, atol=1e-8)


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("kind", ["quantum", "classical", "softmax", "mlp"])
def test_both_models_are_one_at_the_same_point(kind, name):
    # Seen to fail: φ for θ in the expressed circuit.
    here, there = models(kind, name)
    assert_allclose(here.amplitudes(0 * here.gradient), there.amplitudes(0 * there.gradient), atol=1e-12)
    assert not np.allclose(here.gradient, there.gradient, rtol=0.1)


def test_metrics_transform_by_the_jacobian():
    matrix = np.array([[2.0, 1.0], [0.0, 0.5]])
    repeated = np.kron(np.eye(4), matrix)
    here, there = circuit_models(2, 2, 8, "quantum", lambda size: Affine(repeated[:size, :size]), generator())
    assert_allclose(there.metric, repeated.T @ here.metric @ repeated, atol=1e-12)
    assert_allclose(there.gradient, repeated.T @ here.gradient, atol=1e-12)


def test_the_square_root_is_that_of_the_exact_metric():
    built = ansatz("hardware-efficient", 2, 2)
    output = random_point(compile(built.circuit, input_parameters=built.input_parameters), 8, generator())
    model, _ = circuit_models(2, 2, 8, "quantum", MAPS["sinh"], generator())
    expected = quantum_fisher(output.program, output.values, inputs=output.inputs)
    assert_allclose(model.metric, expected, atol=1e-12)
    assert_allclose(model.gradient, output.gradient(), atol=1e-12)


@pytest.fixture(scope="module")
def rows():
    chosen = [item for item in REPARAMETERIZATION.items("quick") if item["seed"] == 0]
    return [item | REPARAMETERIZATION.measure(item) for item in chosen]


def test_all_checks_hold_on_what_was_measured(rows):
    findings = REPARAMETERIZATION.conclude(rows)
    assert [check.expected for check in findings.checks if not check.holds] == []
    assert findings.allowed == ("proved", "")
    assert len(REPARAMETERIZATION.draw(rows)) == 2


@pytest.mark.parametrize(
    ("map_", "planted", "missed"),
    [
        ("sinh", {"length": 1e-6}, "gᵀF⁺g"),
        ("affine", {"natural": [1e-9] * len(LENGTHS)}, "natural end points"),
        ("sinh", {"natural": list(LENGTHS)}, "slope"),
        ("affine", {"gradient": [0.01 * length for length in LENGTHS]}, "gradient descent"),
    ],
)
def test_a_row_that_contradicts_is_seen(rows, map_, planted, missed):
    at = next(place for place, row in enumerate(rows) if row["map"] == map_)
    length = planted.pop("length", rows[at]["length"])
    other = rows[at] | {"length": length, "distance": rows[at]["distance"] | planted}
    findings = REPARAMETERIZATION.conclude([*rows[:at], other, *rows[at + 1 :]])
    assert [check.expected for check in findings.checks if not check.holds]
    assert all(missed in check.expected for check in findings.checks if not check.holds)


def test_the_slope_of_a_power_is_its_exponent():
    assert slope([3 * length**2 for length in LENGTHS]) == pytest.approx(2)
