"""What heads refuse when they are made: one sentence, before any memory is taken."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

import qgeo
from qgeo.errors import QGeoError, ShapeError

HEADS = [qgeo.BornHead, qgeo.PauliHead, qgeo.SoftmaxHead, qgeo.MLPHead]
every_head = pytest.mark.parametrize("head", HEADS, ids=lambda head: head.__name__)
A, B = Parameter("a"), Parameter("b")


def circuit() -> QuantumCircuit:
    made = QuantumCircuit(2)
    made.ry(A, 0)
    made.rx(B, 1)
    return made


OF_EVERY_HEAD = [
    ({"vocabulary": 4.0}, "expected vocabulary to be an integer, got 4.0"),
    ({"vocabulary": "4"}, "expected vocabulary to be an integer, got '4'"),
    ({"vocabulary": 1}, "expected vocabulary ≥ 2, got 1"),
    ({"vocabulary": 10**9}, "numbers in the embedding of tokens of a head, got 1,000,000,000 × 4"),
    ({"vocabulary": 10**18}, "embedding of tokens"),
    ({"context": "2"}, "expected context to be an integer, got '2'"),
    ({"context": 10**9}, "at most 536,870,912 numbers in the encoder of a head"),
    ({"embedding": 2.0}, "expected embedding to be an integer, got 2.0"),
    ({"embedding": True}, "expected embedding to be an integer, got True"),
    ({"generator": 5}, r"expected a torch Generator as generator, got 5; torch\.Generator\(\)\.manual_seed"),
    ({"generator": np.random.default_rng(0)}, "expected a torch Generator as generator, got Generator;"),
]


@every_head
@pytest.mark.parametrize(("given", "sentence"), OF_EVERY_HEAD)
def test_arguments_of_every_head(head, given, sentence):
    # Seen to fail where sizes went to torch unchecked.
    with pytest.raises(QGeoError, match=sentence):
        head(**{"vocabulary": 4, "context": 1} | given)


@every_head
def test_sizes_of_numpy_are_integers(head):
    # Seen to fail: numpy's integers had no bit_length.
    made = head(np.int64(4), np.int64(1))
    assert type(made.vocabulary) is type(made.context) is int


@every_head
def test_an_empty_batch_of_contexts_is_refused(head):
    # Seen to fail: torch could not reshape a tensor of 0 elements.
    with pytest.raises(ShapeError, match="expected at least one context, got none"):
        head(4, 1)(torch.zeros(0, 1, dtype=torch.long))


@every_head
def test_an_unknown_argument_names_the_head(head):
    # Seen to fail: _FeatureHead, which nobody called.
    with pytest.raises(TypeError, match=rf"^{head.__name__}\.__init__"):
        head(4, 1, layer=2)


OF_A_CIRCUIT = [
    ({"num_qubits": 3}, r"expected num_qubits only with an ansatz by name, got num_qubits=3; leave it out"),
    ({"layers": 2}, r"expected layers only with an ansatz by name, got layers=2"),
    ({"input_parameters": 5}, r"expected parameters or their names as input_parameters, got 5"),
    (
        {"circuit": "brickwork", "input_parameters": [A]},
        "expected input_parameters only with a circuit of your own",
    ),
    ({"circuit": None}, "expected a QuantumCircuit or a Program, got NoneType"),
]


@pytest.mark.parametrize("head", HEADS[:2], ids=lambda head: head.__name__)
@pytest.mark.parametrize(("given", "sentence"), OF_A_CIRCUIT)
def test_options_that_do_not_go_with_a_circuit(head, given, sentence):
    # Seen to fail where they had no effect.
    with pytest.raises(QGeoError, match=sentence):
        head(4, 1, **{"circuit": circuit()} | given)


@pytest.mark.parametrize("smoothing", ["x", None, True, 1, -0.1, float("nan")], ids=repr)
def test_smoothing(smoothing):
    with pytest.raises(QGeoError, match=r"expected smoothing, a number in \[0, 1\), got "):
        qgeo.BornHead(4, 1, smoothing=smoothing)


@pytest.mark.parametrize("observables", [5, "ZZ", [5], ["Z"], []], ids=repr)
def test_observables(observables):
    # Seen to fail: a string was taken letter by letter.
    with pytest.raises(QGeoError, match=r"expected Pauli labels of 2 letters, such as \['ZZ'\], got "):
        qgeo.PauliHead(4, 1, observables=observables)


def test_a_readout_that_takes_too_much_is_refused():
    with pytest.raises(QGeoError, match="numbers in the readout of a head, got 65,536 × 65,536"):
        qgeo.BornHead(2**16, 1, num_qubits=16, layers=1)


@pytest.mark.parametrize("features", [0, 2.0, 10**9], ids=repr)
def test_features(features):
    with pytest.raises(QGeoError, match=r"features|encoder"):
        qgeo.MLPHead(4, 1, features=features)
