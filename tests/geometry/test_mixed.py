"""SLD quantum Fisher information of density matrices, from pen and paper. Numbers in brackets: oracles."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from cases import CASES
from numpy.testing import assert_allclose
from scipy.linalg import solve_sylvester

from qgeo.errors import ShapeError
from qgeo.geometry.mixed import pure_state_fisher, sld_fisher

PAULIS = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])


def bloch(theta: float, phi: float, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """ρ on the sphere of a radius, and its derivatives by θ and φ."""
    sin, cos = np.sin, np.cos
    point = [sin(theta) * cos(phi), sin(theta) * sin(phi), cos(theta)]
    by_theta = [cos(theta) * cos(phi), cos(theta) * sin(phi), -sin(theta)]
    by_phi = [-sin(theta) * sin(phi), sin(theta) * cos(phi), 0]
    rho = np.eye(2) / 2 + radius * np.tensordot(point, PAULIS, 1) / 2
    return rho, radius * np.tensordot([by_theta, by_phi], PAULIS, 1) / 2


@pytest.mark.parametrize("radius", [1.0, 0.9, 0.5, 0.01, 0.0])
@pytest.mark.parametrize(("theta", "phi"), [(0.7, 0.4), (2.2, -1.0)])
def test_bloch_sphere(theta, phi, radius):  # [10]
    # Seen to fail when the 2 of 2/(λ_k + λ_l) or the conjugation was dropped.
    rho, derivatives = bloch(theta, phi, radius)
    expected = radius**2 * np.diag([1, np.sin(theta) ** 2])
    assert_allclose(sld_fisher(rho, derivatives), expected, rtol=1e-9, atol=1e-12)


def rotated_ghz(num_qubits: int) -> tuple[np.ndarray, np.ndarray]:
    """|GHZ⟩⟨GHZ| and the generator Σ Z/2 of a shared rz."""
    psi = np.zeros(2**num_qubits)
    psi[[0, -1]] = np.sqrt(0.5)
    ones = np.array([bin(index).count("1") for index in range(2**num_qubits)])
    return np.outer(psi, psi), np.diag(num_qubits / 2 - ones)


@pytest.mark.parametrize("num_qubits", [2, 3, 4])
@pytest.mark.parametrize("visibility", [1.0, 0.7, 0.2])
def test_ghz_states_under_noise(num_qubits, visibility):  # [10]
    # Seen to fail when the pure formula took the place of the weights.
    pure, generator = rotated_ghz(num_qubits)
    slope = -1j * (generator @ pure - pure @ generator)
    dephased = visibility * pure + (1 - visibility) * np.diag(np.diag(pure))
    ideal = visibility**2 * num_qubits**2
    assert_allclose(sld_fisher(dephased, visibility * slope[None]), [[ideal]], rtol=1e-9)
    white = visibility * pure + (1 - visibility) * np.eye(len(pure)) / len(pure)
    expected = ideal / (visibility + 2 * (1 - visibility) / len(pure))
    assert_allclose(sld_fisher(white, visibility * slope[None]), [[expected]], rtol=1e-9)
    if (num_qubits, visibility) == (3, 0.7):
        assert expected == pytest.approx(5.69, abs=5e-3)


def case_of(name: str):
    return next(case for case in CASES if case.name == name)


def density_of(psi: np.ndarray, dpsi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    half = np.einsum("pa,b->pab", dpsi, psi.conj())
    return np.outer(psi, psi.conj()), half + half.conj().transpose(0, 2, 1)


STATES = ["UGate", "CRXGate", "shared-parameter", "real-amplitudes-4", "dead-parameters", "long-vector"]


@pytest.mark.parametrize("name", STATES)
def test_pure_states_give_the_reference(name):
    rho, derivatives = density_of(*case_of(name).vectors)
    expected = 4 * reference.qgt_of(*case_of(name).vectors).real
    assert_allclose(sld_fisher(rho, derivatives), expected, rtol=1e-8, atol=1e-9)
    assert_allclose(pure_state_fisher(derivatives), expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("kept", [0.8, 0.3])
def test_depolarised_states_lose_a_known_factor(name, kept):  # [10]
    rho, derivatives = density_of(*case_of(name).vectors)
    size = len(rho)
    noisy = kept * rho + (1 - kept) * np.eye(size) / size
    factor = kept**2 / (kept + 2 * (1 - kept) / size)
    expected = factor * 4 * reference.qgt_of(*case_of(name).vectors).real
    assert_allclose(sld_fisher(noisy, kept * derivatives), expected, rtol=1e-9, atol=1e-12)
    if (size, kept) == (4, 0.8):
        assert factor == pytest.approx(0.7111, abs=5e-5)


@pytest.mark.parametrize("seed", range(5))
def test_random_states_of_full_rank_agree_with_the_lyapunov_equation(seed):
    """F_ij = Re Tr(ρ L_i L_j), ρL + Lρ = 2∂ρ solved by scipy."""
    generator = np.random.default_rng(seed)
    raw = generator.normal(size=(3, 4, 4)) + 1j * generator.normal(size=(3, 4, 4))
    rho = raw[0] @ raw[0].conj().T
    rho /= np.trace(rho).real
    slopes = raw[1:] + raw[1:].conj().transpose(0, 2, 1)
    slopes -= np.trace(slopes, axis1=1, axis2=2)[:, None, None] * np.eye(4) / 4
    logs = [solve_sylvester(rho, rho, 2 * slope) for slope in slopes]
    expected = [[np.trace(rho @ left @ right).real for right in logs] for left in logs]
    result = sld_fisher(rho, slopes)
    assert_allclose(result, expected, rtol=1e-9)
    assert np.linalg.eigvalsh(result - pure_state_fisher(slopes)).min() > -1e-9  # a lower bound


def test_classical_mixtures_have_the_classical_information():
    assert_allclose(sld_fisher(np.diag([0.2, 0.8]), np.array([np.diag([1.0, -1.0])])), [[1 / 0.2 + 1 / 0.8]])


@pytest.mark.parametrize("shape", [(2, 2), (1, 3, 3), (1, 2)], ids=str)
def test_shapes_that_do_not_fit_are_refused(shape):
    with pytest.raises(ShapeError, match=r"expected ρ of shape \(N, N\) and derivatives \(P, N, N\)"):
        sld_fisher(np.eye(2) / 2, np.zeros(shape))
