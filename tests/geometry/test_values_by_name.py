"""Values as mappings, as Qiskit's `assign_parameters` takes them: by Parameter, by name, by vector."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector

import qgeo
from qgeo.errors import ShapeError
from qgeo.estimators import LinCombQFI

B, A, T = Parameter("b"), Parameter("a"), ParameterVector("t", 11)
VALUES = {B: 0.3, A: 0.4, T: np.linspace(0.5, 1.5, 11)}
ROW = [0.4, 0.3, *np.linspace(0.5, 1.5, 11)]


def circuit() -> QuantumCircuit:
    result = QuantumCircuit(2)
    result.ry(B, 0)
    result.crx(A, 0, 1)
    for element in T:
        result.rz(element, 0)
        result.ry(element * B, 1)
    return result


FORMS = {
    "parameters and a vector": VALUES,
    "names": dict(zip(["a", "b", *(f"t[{i}]" for i in range(11))], ROW, strict=True)),
    "elements": {A: 0.4, B: 0.3, **dict(zip(reversed(T), reversed(ROW), strict=False))},
}


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_a_mapping_means_what_its_keys_say(form):
    # Seen to fail: the numbers taken in the order of the mapping.
    for function in (qgeo.quantum_fisher, qgeo.classical_fisher, qgeo.quantum_geometric_tensor):
        assert_array_equal(function(circuit(), form), function(circuit(), ROW))
    operators = (qgeo.quantum_fisher_operator(circuit(), v, method="dense").to_dense() for v in (form, ROW))
    assert_array_equal(*operators)
    estimates = (LinCombQFI().estimate(circuit(), v, shots=None).matrix for v in (form, ROW))
    assert_array_equal(*estimates)


def test_inputs_stay_apart():
    inputs, names = [[0.4], [1.1]], [A]
    values = {key: number for key, number in VALUES.items() if key is not A}
    data = {"inputs": inputs, "input_parameters": names}
    by_name = qgeo.quantum_fisher(circuit(), values, **data)
    assert_array_equal(
        by_name, qgeo.quantum_fisher(circuit(), ROW[1:], inputs=inputs, input_parameters=names)
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({B: 0.3, T: ROW[2:]}, "expected values for a … t\\[10\\], got none for a"),
        ({**VALUES, "z": 1.0}, "got one for z"),
        ({A: 0.1, B: 0.2, T: [0.3]}, "expected 11 values for a vector of parameters, got 1"),
        ({**VALUES, A: "half"}, "expected real numbers as values"),
        ({**VALUES, A: np.nan}, "expected finite values"),
        ({**VALUES, 3: 0.1}, "got one for 3"),
    ],
)
def test_mappings_that_do_not_fit(values, message):
    with pytest.raises(ShapeError, match=message):
        qgeo.quantum_fisher(circuit(), values)


def test_a_parameter_given_twice_is_refused():
    # Seen to fail: the later number was taken without a word.
    with pytest.raises(ShapeError, match="expected each parameter once, got a twice"):
        qgeo.quantum_fisher(circuit(), VALUES | {"a": 0.7})
