"""Which engine is chosen, in the one place where that is done.

Seen to fail: single precision refused, one qubit more than the widest taken, tensors of another device taken.
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
from qgeo.simulate.compiled.kernel import MOST_QUBITS
from qgeo.simulate.compiled.layout import MOST_MASKS
from qgeo.simulate.compiled.library import library
from qgeo.simulate.dense.engine import DenseEngine
from qgeo.simulate.engine import engine_at, kernel_for

DOUBLE, SINGLE = torch.complex128, torch.complex64
SHAPES = [(1, 1), (4, 1), (4, 64), (11, 3), (15, 4), (20, 1)]  # qubits, contexts


@pytest.fixture(autouse=True)
def _built():
    if library() is None:
        pytest.skip("the kernel was not compiled: no C compiler at installation")


def chosen(circuit: QuantumCircuit, contexts: int, dtype: torch.dtype) -> type:
    program = compile(circuit)
    values = torch.zeros(program.num_parameters, dtype=torch.float64)
    return type(engine_at(program, values, torch.zeros(contexts, 0), dtype))


def wide(num_qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(num_qubits)
    circuit.rx(Parameter("a"), num_qubits - 1)
    return circuit


@pytest.mark.parametrize("dtype", [DOUBLE, SINGLE], ids=str)
@pytest.mark.parametrize(("qubits", "contexts"), SHAPES)
def test_the_compiled_engine_takes_both_precisions_and_all_shapes(qubits, contexts, dtype):
    assert chosen(layered(qubits, 1), contexts, dtype) is CompiledEngine


@pytest.mark.parametrize("dtype", [DOUBLE, SINGLE], ids=str)
def test_up_to_the_widest(dtype):
    assert chosen(wide(MOST_QUBITS), 1, dtype) is CompiledEngine
    assert chosen(wide(MOST_QUBITS + 1), 1, dtype) is DenseEngine


def non_commuting(num_qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(num_qubits)
    operator = SparsePauliOp(["X" * num_qubits, "Z" + "I" * (num_qubits - 1)])
    circuit.append(PauliEvolutionGate(operator, Parameter("a")), range(num_qubits))
    return circuit


def test_strings_that_do_not_commute_go_through_torch_where_they_are_wide():
    assert chosen(non_commuting(MOST_MASKS), 64, DOUBLE) is CompiledEngine
    assert chosen(non_commuting(MOST_MASKS + 1), 64, DOUBLE) is DenseEngine


def test_on_other_devices_everything_goes_through_torch():
    assert kernel_for(compile(layered(4, 1)), DOUBLE, torch.device("cpu")) is not None
    assert kernel_for(compile(layered(4, 1)), DOUBLE, torch.device("meta")) is None


def test_without_a_kernel_everything_goes_through_torch(monkeypatch):
    monkeypatch.setattr(engines, "kernel_for", lambda *_: None)
    assert chosen(layered(4, 1), 64, DOUBLE) is DenseEngine
