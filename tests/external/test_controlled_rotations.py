"""What the provenance of `controlled-rotations` says of other tools, and PennyLane's own reading of its text.

PennyLane has the gates of stdgates.inc built in, and no `include`. A tool of another version than the
recorded one may have been mended: then nothing is said of it here.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import pytest
import reference
from numpy.testing import assert_allclose

from qgeo import quantum_fisher
from qgeo.circuit import catalogue

qml = pytest.importorskip("pennylane")

ENTRY = catalogue.entry("controlled-rotations")
CIRCUIT = catalogue.circuit("controlled-rotations")
WIRES = [f"q[{qubit}]" for qubit in range(3)]

TOLERANCE = 1e-12


def recorded(package: str) -> None:
    """Skip what was recorded of another version."""
    if f"{package} {version(package)}" not in ENTRY.provenance.replace("PennyLane", "pennylane"):
        pytest.skip(f"the provenance is of another version of {package}")


def pennylane_matrix(tensor: Callable, **options) -> np.ndarray:
    """F_Q = 4g, g a metric tensor of PennyLane's for the circuit as PennyLane reads it."""
    gates = qml.from_qasm3(catalogue.text(ENTRY.name).replace('include "stdgates.inc";', ""))

    @qml.qnode(qml.device("default.qubit", wires=[*WIRES, "spare"]))
    def node(angles):
        gates(**dict(zip(ENTRY.parameters, angles, strict=True)))
        return qml.expval(qml.Z(WIRES[0]))

    return 4 * np.asarray(tensor(node, **options)(qml.numpy.array(ENTRY.values, requires_grad=True)))


def test_pennylane_s_adjoint_metric_is_ours():
    # Seen to fail: crz written where the text has crx.
    theirs = pennylane_matrix(qml.adjoint_metric_tensor)
    assert_allclose(theirs, quantum_fisher(CIRCUIT, ENTRY.values), rtol=0, atol=TOLERANCE)
    assert_allclose(theirs, reference.qfim(CIRCUIT, ENTRY.values), rtol=0, atol=TOLERANCE)


def test_pennylane_s_metric_tensor_is_wrong_without_a_warning():
    """Warnings are errors in these tests."""
    recorded("pennylane")
    theirs = pennylane_matrix(qml.metric_tensor, approx=None, aux_wire="spare")
    wrong = np.abs(theirs - reference.qfim(CIRCUIT, ENTRY.values)).max()
    assert_allclose(wrong, 0.94, rtol=0, atol=0.005)
    assert "wrong by up to 0.94" in ENTRY.provenance


def test_reverse_qgt_ends_with_a_key_error():
    gradients = pytest.importorskip("qiskit_algorithms.gradients")
    recorded("qiskit-algorithms")
    with pytest.raises(KeyError):
        gradients.ReverseQGT().run([CIRCUIT], [list(ENTRY.values)]).result()


def test_lin_comb_qgt_ends_with_a_name_conflict():
    recorded("qiskit-machine-learning")
    from qiskit.circuit.exceptions import CircuitError
    from qiskit.primitives import StatevectorEstimator
    from qiskit_machine_learning.gradients import LinCombQGT

    with pytest.raises(CircuitError, match="name conflict adding parameter"):
        LinCombQGT(StatevectorEstimator()).run([CIRCUIT], [list(ENTRY.values)]).result()
