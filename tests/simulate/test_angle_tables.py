"""Angles as tables: what may be read off the parameters as it stands."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from qgeo import quantum_fisher

A, B = Parameter("a"), Parameter("b")


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_an_offset_is_part_of_an_angle(offset):
    # Seen to fail: angles a − 1 taken for plain parameters.
    circuit = QuantumCircuit(2)
    circuit.rx(A + offset, 0)
    circuit.cx(0, 1)
    circuit.ry(B + offset, 1)
    circuit.rz(A + offset, 1)
    values = np.array([0.3, 0.8])
    assert_allclose(quantum_fisher(circuit, values), reference.qfim(circuit, values), atol=1e-12)
