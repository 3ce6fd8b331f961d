"""Layers of a circuit, by hand: what moves back past what, and what stands alone.

The comment in each test names the planted faults it was seen to fail under, of: open (a fixed gate closes no
layer), order (a rotation joins only the last layer), half (a rotation joins a layer of which it commutes with
some), idle (a delay closes no layer), together (a generator that does not commute with itself takes others).
"""

from __future__ import annotations

import pytest
from cases import A, B, C
from estimators.runs import circuit_of
from qiskit import QuantumCircuit
from qiskit.circuit.library import PauliEvolutionGate
from qiskit.quantum_info import SparsePauliOp

from qgeo.circuit.compiler import compile


def evolving(labels: list[str], *, before: tuple = (), after: tuple = ()) -> QuantumCircuit:
    """An evolution by B under a sum of strings, rotations before and behind it."""
    circuit = circuit_of(2, *before)
    circuit.append(PauliEvolutionGate(SparsePauliOp(labels), B), [0, 1])
    return circuit.compose(circuit_of(2, *after))


def with_phase() -> QuantumCircuit:
    circuit = circuit_of(1, ("h", 0), ("rz", A, 0))
    circuit.global_phase = 2 * B
    return circuit


X, Z, H = ("rx", A, 0), ("rz", A, 0), ("h", 0)
LAYERS = {  # circuit: parameters of its layers
    "same axis": (circuit_of(1, X, ("rx", B, 0)), ["ab"]),
    "another axis": (circuit_of(1, X, ("rz", B, 0)), ["a", "b"]),
    "a gate between": (circuit_of(1, X, H, ("rx", B, 0)), ["a", "b"]),
    "a gate that does nothing to it between": (circuit_of(1, X, ("x", 0), ("rx", B, 0)), ["a", "b"]),
    "a gate elsewhere": (circuit_of(2, X, ("h", 1), ("rx", B, 0)), ["ab"]),
    "a gate on both": (circuit_of(2, X, ("rx", B, 1), ("cx", 0, 1), ("rx", C, 1)), ["ab", "c"]),
    "a delay between": (circuit_of(1, X, ("delay", 5, 0), ("rx", B, 0)), ["a", "b"]),
    "an identity between": (circuit_of(1, X, ("id", 0), ("rx", B, 0)), ["a", "b"]),
    "a barrier between": (circuit_of(1, X, ("barrier",), ("rx", B, 0)), ["ab"]),
    "past what commutes": (circuit_of(2, ("rzz", A, 0, 1), ("rxx", B, 0, 1)), ["ab"]),
    "past one layer into the first": (circuit_of(2, X, ("rz", B, 0), ("rx", C, 1)), ["ac", "b"]),
    "not past half a layer": (
        circuit_of(2, ("rx", A, 0), ("rz", B, 1), ("rzz", C, 0, 1)),
        ["ab", "c"],
    ),
    "two terms of a gate": (circuit_of(2, ("crx", A, 0, 1), ("rz", B, 0)), ["ab"]),
    "terms of one evolution": (evolving(["XX", "ZZ"], after=(("rzz", C, 0, 1),)), ["bbc"]),
    "an evolution stays whole": (evolving(["XI", "IZ"], before=(X,), after=(("rx", C, 1),)), ["ac", "bb"]),
    "terms that do not commute": (evolving(["XI", "ZI"], before=(Z,), after=(("rz", C, 0),)), ["ac", "b"]),
    "terms that do not commute stand alone": (evolving(["XI", "ZI"], after=(("rz", C, 0),)), ["b", "c"]),
    "terms that meet": (evolving(["XI", "ZI"], before=(("rz", A, 1),), after=(("rz", C, 1),)), [*"abc"]),
    "a phase": (with_phase(), ["a"]),
    "none": (circuit_of(1, H), []),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_by_hand(name):
    # Seen to fail under open, order, half, idle, together.
    circuit, expected = LAYERS[name]
    program = compile(circuit)
    names = [program.columns[column] for angle in program.angles for column in angle.columns]
    assert ["".join(sorted(names[angle] for angle in layer)) for layer in program.layers] == expected


def test_layers_are_found_when_they_are_asked_for():
    assert "layers" not in vars(compile(circuit_of(1, X)))
