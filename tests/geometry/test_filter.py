"""The filter between F_C and F_Q: oracles 22, 23 and 26, against states and steps that know nothing of it.

The comment in each test names the planted faults it was seen to fail under.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import reference
import scipy.linalg
import torch
from filter_cases import Race, least_norm, race
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import efficient_su2, zz_feature_map

from qgeo import classical_fisher, quantum_fisher
from qgeo.errors import ShapeError
from qgeo.geometry.drop import BatchNoise, factorized, first_order_drop
from qgeo.geometry.filter import (
    bures_race_ratio,
    kl_race_ratio,
    shares,
    spectral_filter,
    win_condition,
)
from qgeo.heads.pauli import PauliHead
from qgeo.optim.exact import classical, quantum

# --- oracle 22 --------------------------------------------------------------------------------------------


def phase_covariance(circuit: QuantumCircuit, points: np.ndarray, rows: list[int]) -> np.ndarray:
    """E_x Cov_p(∂φ) of the amplitudes' phases, (P, P), from the reference's states alone."""
    total = 0.0
    for point in points:
        psi, dpsi = reference.state_and_tangents(circuit, point)
        p, slopes = np.abs(psi) ** 2, (psi.conj() * dpsi[rows]).imag / np.abs(psi) ** 2  # ∂φ_y
        centred = slopes - (slopes @ p)[:, None]
        total = total + (centred * p) @ centred.T / len(points)
    return np.asarray(total)


def test_what_f_q_has_beyond_f_c_is_the_covariance_of_phases():
    # Seen to fail: factor 2 in place of 4, the phases' mean left in, moduli in place of phases.
    circuit = efficient_su2(4, reps=2)
    values = np.random.default_rng(3).uniform(-np.pi, np.pi, circuit.num_parameters)
    phases = phase_covariance(circuit, values[None], list(range(len(values))))
    beyond = quantum_fisher(circuit, values) - classical_fisher(circuit, values)
    assert_allclose(beyond, 4 * phases, rtol=0, atol=1e-12)
    assert np.abs(phases).max() > 0.05


def test_the_covariance_of_phases_is_taken_context_by_context():
    # Seen to fail with the covariance over all contexts pooled.
    data = zz_feature_map(3)
    circuit = data.compose(efficient_su2(3, reps=1))
    generator = np.random.default_rng(5)
    inputs = generator.uniform(-2, 2, (5, 3))
    values = generator.uniform(-np.pi, np.pi, circuit.num_parameters - 3)
    names = [parameter.name for parameter in circuit.parameters]
    is_data = np.array([parameter in data.parameters for parameter in circuit.parameters])
    points = np.zeros((5, len(names)))
    points[:, is_data], points[:, ~is_data] = inputs, values
    options = {"inputs": inputs, "input_parameters": data.parameters}
    beyond = quantum_fisher(circuit, values, **options) - classical_fisher(circuit, values, **options)
    phases = phase_covariance(circuit, points, list(np.flatnonzero(~is_data)))
    assert_allclose(beyond, 4 * phases, rtol=0, atol=1e-12)


# --- eigenpairs -------------------------------------------------------------------------------------------


@cache
def pair() -> Race:
    return race(layers=2, contexts=16)


def test_eigenpairs_solve_their_equation_on_the_range_of_f_q():
    # Seen to fail: whitening by 1/q, the ascending order of directions left.
    made = pair()
    found = spectral_filter(made.f_c, made.f_q)
    assert found.directions.shape == (len(made.f_q), np.linalg.matrix_rank(made.f_q, tol=1e-10))
    assert_allclose(made.f_c @ found.directions, made.f_q @ found.directions * found.kept, atol=1e-9)
    assert_allclose(found.directions.T @ made.f_q @ found.directions, np.eye(len(found.kept)), atol=1e-9)
    assert (np.diff(found.kept) <= 0).all()
    assert found.kept[0] <= 1 + 1e-9
    assert found.kept[-1] >= 0


def test_eigenpairs_are_those_of_scipy_where_f_q_has_full_rank():
    generator = np.random.default_rng(0)
    first, second = (a @ a.T for a in generator.normal(size=(2, 6, 9)))
    assert_allclose(spectral_filter(first, second).kept, scipy.linalg.eigvalsh(first, second)[::-1])


def test_the_quantum_step_is_the_classical_step_times_mu():
    # Seen to fail with √μ.
    made = pair()
    found = spectral_filter(made.f_c, made.f_q)
    steps = [least_norm(matrix, made.gradient) for matrix in (made.f_q, made.f_c)]
    quantum_along, classical_along = (found.directions.T @ made.f_q @ step for step in steps)
    assert_allclose(quantum_along, found.kept * classical_along, atol=1e-8 * np.abs(quantum_along).max())


@pytest.mark.parametrize("s", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_mixtures_have_the_filter_between(s: float):
    # F_s = (1 − s)F_C + sF_Q: μ/(μ + s(1 − μ)). Seen to fail with s and 1 − s exchanged.
    made = pair()
    found = spectral_filter(made.f_c, made.f_q)
    mixed = spectral_filter(made.f_c, (1 - s) * made.f_c + s * made.f_q)
    kept = found.kept[found.kept > 1e-8]
    expected = kept / (kept + s * (1 - kept))
    assert_allclose(mixed.kept[: len(expected)], expected, atol=1e-8)


# --- oracle 23: the noise-free race, run by steps ---------------------------------------------------------


@pytest.mark.parametrize(("layers", "contexts"), [(1, 4), (2, 16), (3, 64)])
def test_race_at_equal_kl_is_the_formula(layers: int, contexts: int):
    # Seen to fail: shares of gᵀF_Q⁺g in place of gᵀF_C⁺g, and 1/ratio.
    made = race(layers, contexts)
    steps = [least_norm(matrix, made.gradient) for matrix in (made.f_q, made.f_c)]
    seen = made.drop(steps[0], made.divergence) / made.drop(steps[1], made.divergence)
    predicted = kl_race_ratio(spectral_filter(made.f_c, made.f_q), made.gradient)
    assert_allclose(predicted, seen, rtol=2e-4)
    assert predicted < 0.999
    alone = first_order_drop(factorized(made.f_q), made.f_c, made.gradient)
    assert_allclose(predicted, alone / first_order_drop(factorized(made.f_c), made.f_c, made.gradient))


def test_race_at_equal_bures_distance_exchanges_the_two():
    # Seen to fail with E_w μ² in place of E_w μ · E_w 1/μ.
    made = pair()
    root = scipy.linalg.sqrtm(np.linalg.pinv(made.f_q, 1e-10, hermitian=True)).real
    shortest = root @ least_norm(root @ made.f_c @ root, root @ made.gradient)
    of_q = made.drop(least_norm(made.f_q, made.gradient), made.bures)
    predicted = bures_race_ratio(spectral_filter(made.f_c, made.f_q), made.gradient)
    assert_allclose(predicted, made.drop(shortest, made.bures) / of_q, rtol=1e-3)
    assert predicted < 0.9
    assert made.drop(least_norm(made.f_c, made.gradient), made.bures) < predicted * of_q


def test_shares_are_of_the_classical_norm_of_the_gradient():
    made = pair()
    found = spectral_filter(made.f_c, made.f_q)
    weights = shares(found, made.gradient)
    norm = made.gradient @ np.linalg.pinv(made.f_c, 1e-10, hermitian=True) @ made.gradient
    used = weights > 0
    squares = (found.directions.T @ made.gradient)[used] ** 2
    assert_allclose(weights[used] * norm, squares / found.kept[used], rtol=1e-7)
    assert_allclose(weights.sum(), 1)


# --- noise ------------------------------------------------------------------------------------------------


def test_win_condition_is_the_race_of_whitened_noise():
    # Seen to fail: the noise left out of q, B squared, E(sμ) for the covariance, CV for √(1 + CV²).
    generator = np.random.default_rng(1)
    wins = []
    for _ in range(200):
        mu, amplitudes = generator.uniform(0.01, 1, 7), generator.normal(size=7) * generator.uniform(0, 1, 7)
        batch = generator.uniform(0.5, 50)
        condition = win_condition(mu, amplitudes, batch)
        noise, f_c = BatchNoise(np.eye(7), batch), np.eye(7)  # coordinates in which F_C = I and F_Q = 1/μ
        drops = [
            first_order_drop(factorized(f), f_c, amplitudes, noise=noise)[0] for f in (np.diag(1 / mu), f_c)
        ]
        assert_allclose(condition.ratio, drops[0] / drops[1], rtol=1e-10)
        assert condition.quantum_wins == (drops[0] > drops[1])
        wins.append(condition.quantum_wins)
    assert 10 < sum(wins) < 190


# --- oracle 26 --------------------------------------------------------------------------------------------


def test_pauli_heads_have_no_order():
    theta = Parameter("theta")
    circuit = QuantumCircuit(1)
    circuit.ry(theta, 0)
    head = PauliHead(2, 1, circuit=circuit, observables=["Z"], embedding=1)
    with torch.no_grad():
        head.values.fill_(torch.pi / 2)
        head.readout.weight.copy_(torch.tensor([[3.0], [-3.0]]))
        head.readout.bias.zero_()
    for parameter in (*head.readout.parameters(), *head.encoder.parameters()):
        parameter.requires_grad_(False)
    contexts = torch.tensor([[0]])
    f_c, f_q = (rule(head, contexts, None).to_dense().numpy() for rule in (classical, quantum))
    assert_allclose((f_c, f_q), ([[9.0]], [[1.0]]), atol=1e-12)
    assert_allclose(spectral_filter(f_c, f_q).kept, [9.0])


# --- mistakes ---------------------------------------------------------------------------------------------


def test_what_has_no_filter_is_said():
    with pytest.raises(ShapeError, match=r"one size, got \(2, 2\) and \(3, 3\)"):
        spectral_filter(np.eye(2), np.eye(3))
    with pytest.raises(ShapeError, match="square matrix"):
        spectral_filter(np.ones((2, 3)), np.eye(2))
    with pytest.raises(ShapeError, match="finite"):
        spectral_filter([[np.nan]], [[1.0]])
    with pytest.raises(ShapeError, match=r"vanish where F_Q does.*got 0\.5 of its trace"):
        spectral_filter(np.eye(2), np.diag([1.0, 0.0]))


def test_gradients_without_a_race_are_said():
    found = spectral_filter(np.diag([1.0, 0.0]), np.eye(2))
    with pytest.raises(ShapeError, match=r"in the range of F_C, got one with 0\.5 of its square outside"):
        kl_race_ratio(found, [1.0, 1.0])
    with pytest.raises(ShapeError, match="2 entries"):
        shares(found, [1.0])
    with pytest.raises(ShapeError, match="got none"):
        shares(found, [0.0, 0.0])
    assert kl_race_ratio(found, [2.0, 0.0]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, 0.0], [1.0, 1.0], 1), "positive μ"),
        (([1.0], [1.0, 1.0], 1), "one positive μ and one amplitude"),
        (([1.0], [0.0], 1), "not all zero"),
        (([1.0], [1.0], 0), "batch"),
    ],
)
def test_win_condition_needs_directions_signal_and_a_batch(arguments, message: str):
    with pytest.raises(ShapeError, match=message):
        win_condition(*arguments)
