"""F_C behind a fixed channel, against ∂p'∂p'ᵀ/p' of p' = M p with ψ and ∂ψ of the reference.

The comment in each test names the planted faults it was seen to fail under.
"""

from __future__ import annotations

import numpy as np
import pytest
import reference
from interop.jobs import generic, measured, values_for
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit

import qgeo
from qgeo.errors import ShapeError

TIGHT = {"rtol": 1e-10, "atol": 1e-12}
CIRCUIT = generic(3)
VALUES = values_for(CIRCUIT)
PARITY = np.array([[bin(z).count("1") % 2 == outcome for z in range(8)] for outcome in (0, 1)], dtype=float)


def drawn(outcomes: int, strings: int, seed: int = 0) -> np.ndarray:
    """A channel with columns from a Dirichlet distribution."""
    return np.random.default_rng(seed).dirichlet(np.ones(outcomes), strings).T


def by_hand(
    channel: np.ndarray, circuit: QuantumCircuit = CIRCUIT, values: np.ndarray = VALUES
) -> np.ndarray:
    psi, dpsi = reference.state_and_tangents(circuit, values)
    p, dp = channel @ np.abs(psi) ** 2, channel @ (2 * (psi.conj() * dpsi).real).T
    return sum(np.outer(slope, slope) / probability for slope, probability in zip(dp, p, strict=True))


@pytest.mark.parametrize("channel", [PARITY, drawn(5, 8), drawn(11, 8), np.eye(8)[::-1]], ids=len)
def test_it_is_the_fisher_information_of_what_the_channel_gives_out(channel: np.ndarray):
    # Seen to fail: M² and √M entry by entry, 1/p left out, the readout left out.
    assert_allclose(qgeo.classical_fisher(CIRCUIT, VALUES, readout=channel), by_hand(channel), **TIGHT)


def test_parity_is_what_a_chain_of_cx_leaves_on_a_qubit():
    chain = CIRCUIT.copy()
    chain.cx(1, 0)
    chain.cx(2, 0)
    expected = qgeo.classical_fisher(measured(chain, 1, (0, 0)), VALUES)
    assert_allclose(qgeo.classical_fisher(CIRCUIT, VALUES, readout=PARITY), expected, **TIGHT)


def test_it_stands_behind_the_bits_that_are_measured():
    # Seen to fail: columns by the lowest bits of a basis state, whichever are measured.
    channel = drawn(3, 4)
    wide = channel[:, [(z >> 2 & 1) << 1 | z & 1 for z in range(8)]]  # qubits 0 and 2
    ended = measured(CIRCUIT, 2, (2, 0), (0, 1))
    assert_allclose(qgeo.classical_fisher(ended, VALUES, readout=channel), by_hand(wide), **TIGHT)
    every = measured(CIRCUIT, 3, (0, 2), (1, 1), (2, 0))
    assert_allclose(qgeo.classical_fisher(every, VALUES, readout=PARITY), by_hand(PARITY), **TIGHT)


def test_it_only_loses():
    # Seen to fail: 1/p left out, the readout left out.
    bits = qgeo.classical_fisher(CIRCUIT, VALUES)
    assert_allclose(qgeo.classical_fisher(CIRCUIT, VALUES, readout=np.eye(8)), bits, **TIGHT)
    for channel in (PARITY, drawn(8, 8)):
        left = bits - qgeo.classical_fisher(CIRCUIT, VALUES, readout=channel)
        assert np.linalg.eigvalsh(left).min() > -1e-12
        assert np.trace(left) > 0.1
    assert_allclose(qgeo.classical_fisher(CIRCUIT, VALUES, readout=np.full((2, 8), 0.5)), 0, atol=1e-15)


def test_it_is_averaged_over_contexts():
    # Seen to fail: one distribution of all contexts.
    data, channel, inputs = CIRCUIT.parameters[0], drawn(3, 8), np.array([[0.4], [1.3], [2.2]])
    each = [by_hand(channel, values=np.array([x, *VALUES[1:]]))[1:, 1:] for [x] in inputs]
    options = {"inputs": inputs, "input_parameters": [data], "readout": channel}
    assert_allclose(qgeo.classical_fisher(CIRCUIT, VALUES[1:], **options), np.mean(each, 0), **TIGHT)
    small = qgeo.classical_fisher(CIRCUIT, VALUES[1:], dtype="complex64", **options)
    assert_allclose(small, np.mean(each, 0), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("readout", "message"),
    [
        (np.eye(4), r"shape \(outcomes, 8\), a column for each string of 3 measured bits, got \(4, 4\)"),
        (np.ones(8), r"got \(8,\)"),
        (np.ones((2, 8)), "columns are probabilities"),
        (np.stack([np.full(8, 1.5), np.full(8, -0.5)]), "columns are probabilities"),
        (["even", "odd"], "real numbers as a readout"),
        (np.full((2, 8), np.nan), "finite a readout"),
    ],
)
def test_what_is_no_channel_is_said(readout, message: str):
    # Seen to fail: negative probabilities, other sums.
    with pytest.raises(ShapeError, match=message):
        qgeo.classical_fisher(CIRCUIT, VALUES, readout=readout)
