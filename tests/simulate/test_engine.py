"""Which engine is chosen, in the one place where that is done.

Seen to fail: another precision or a wide circuit given to the compiled engine, a wide single state given to
it, its tangents refused where its states are.
"""

from __future__ import annotations

import pytest
import torch
from cases import layered
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import PauliEvolutionGate
from qiskit.quantum_info import SparsePauliOp

from qgeo.circuit.compiler import compile
from qgeo.simulate import engine as engines
from qgeo.simulate.compiled.engine import CompiledEngine
from qgeo.simulate.compiled.library import library
from qgeo.simulate.dense.engine import DenseEngine
from qgeo.simulate.engine import engine_at

DOUBLE, SINGLE = torch.complex128, torch.complex64
CHOICES = {  # qubits, contexts, type of the states: whether the compiled engine gives states, and tangents
    "short": (4, 1, DOUBLE, True, True),
    "short, many": (4, 64, DOUBLE, True, True),
    "single precision": (4, 64, SINGLE, False, False),
    "wider than one state pays": (11, 3, DOUBLE, False, True),
    "wide and many": (11, 4, DOUBLE, True, True),
    "widest": (14, 4, DOUBLE, True, True),
    "too wide": (15, 4, DOUBLE, False, False),
}


@pytest.fixture(autouse=True)
def _built():
    if library() is None:
        pytest.skip("the kernel was not compiled: no C compiler at installation")


def chosen(circuit: QuantumCircuit, contexts: int, dtype: torch.dtype, work: engines.Work) -> type:
    program = compile(circuit)
    values = torch.zeros(program.num_parameters, dtype=torch.float64)
    return type(engine_at(program, values, torch.zeros(contexts, 0), dtype, work))


@pytest.mark.parametrize("name", CHOICES)
def test_the_choice_is_that_of_the_table(name):
    qubits, contexts, dtype, *compiled = CHOICES[name]
    for work, is_compiled in zip(("states", "tangents"), compiled, strict=True):
        expected = CompiledEngine if is_compiled else DenseEngine
        assert chosen(layered(qubits, 1), contexts, dtype, work) is expected


def test_strings_that_do_not_commute_go_through_torch():
    circuit = QuantumCircuit(1)
    circuit.append(PauliEvolutionGate(SparsePauliOp(["X", "Z"]), Parameter("a")), [0])
    assert chosen(circuit, 64, DOUBLE, "tangents") is DenseEngine


def test_without_a_kernel_everything_goes_through_torch(monkeypatch):
    monkeypatch.setattr(engines, "kernel_for", lambda *_: None)
    assert chosen(layered(4, 1), 64, DOUBLE, "tangents") is DenseEngine
