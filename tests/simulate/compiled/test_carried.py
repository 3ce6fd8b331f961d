"""Programs as pieces: fixed gates written as rotations, Clifford gates carried behind what follows.

Against Qiskit's operators, with their phases. The comment in each test names the planted faults it was seen
to fail under.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.circuit.library import UnitaryGate
from qiskit.quantum_info import Statevector, random_unitary

import qgeo
from qgeo.simulate.statevector import states

NONE = torch.zeros(0, dtype=torch.float64)


@pytest.mark.parametrize("off", [1e-3, 1e-6, 1e-9, 1e-11])
@pytest.mark.parametrize("nearly", ["diagonal", "antidiagonal"])
@pytest.mark.parametrize("seed", range(4))
def test_a_fixed_gate_with_entries_that_are_nearly_zero(seed, nearly, off):
    """Products of matrices, whose small entries are good to 1e-16 alone: their phases are not."""
    # Seen to fail: the phase of each entry but one read off, as before (off by 1e-16 over the small entry).
    there, back = random_unitary(2, seed=seed).data, random_unitary(2, seed=seed + 9).data
    near_one = np.array([[np.cos(off), -np.sin(off) * 1j], [-np.sin(off) * 1j, np.cos(off)]])
    matrix = np.diag([np.exp(0.4j), np.exp(-1.1j)]) @ near_one
    matrix = there @ (there.conj().T @ matrix @ back) @ back.conj().T
    if nearly == "antidiagonal":
        matrix = matrix[::-1]
    circuit = QuantumCircuit(1)
    circuit.h(0)
    circuit.append(UnitaryGate(matrix), [0])
    circuit.h(0)
    assert_allclose(states(qgeo.compile(circuit), NONE)[0], Statevector(circuit).data, rtol=0, atol=1e-14)
