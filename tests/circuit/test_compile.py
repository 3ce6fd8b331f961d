"""compile: what a Program holds, and that its blocks are the circuit, for every block width.

Seen to fail: embedding with qubits in reversed order, a block joined although a later one holds its qubit,
fixed matrices merged in the wrong order, the global phase dropped, the ladder of a wide Pauli rotation not
undone, input columns sorted by name.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import cases
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit import library as lib
from qiskit.quantum_info import Kraus, Pauli, SparsePauliOp, Statevector

import qgeo
from qgeo import Program, compile
from qgeo.circuit.blocks import Block
from qgeo.errors import CircuitError, QGeoError, ShapeError
from qgeo.simulate.statevector import states

# Qiskit exponentiates a CSR matrix in Operator(PauliEvolutionGate).
pytestmark = pytest.mark.filterwarnings("ignore::scipy.sparse.SparseEfficiencyWarning")

ALL = [*cases.CASES, *cases.RANDOM_CASES]
BINDABLE = [
    c for c in ALL if c.name != "annotated-of-annotated"
]  # qiskit 2.6.2 cannot bind nested annotations


def state_of(program: Program, values, inputs=None) -> np.ndarray:
    rows = None if inputs is None else torch.as_tensor(np.asarray(inputs))
    return states(program, torch.as_tensor(np.asarray(values, dtype=float)), rows).numpy()


def expected_state(circuit: QuantumCircuit, values) -> np.ndarray:
    return Statevector(circuit.assign_parameters(values)).data


# --- parameters and inputs --------------------------------------------------------------------------------


def circuit_with_data() -> QuantumCircuit:
    """Trainable a, θ[0] … θ[11]; data x[0], x[1], y. Angles mix them."""
    theta, x = ParameterVector("θ", 12), ParameterVector("x", 2)
    a, y = Parameter("a"), Parameter("y")
    circuit = QuantumCircuit(3)
    for k, element in enumerate(theta):
        circuit.ry(element, k % 3)
        circuit.cx(k % 3, (k + 1) % 3)
    circuit.rx(a * x[0], 2)
    circuit.rz(x[1] - y, 0)
    circuit.ry(y, 1)
    circuit.cx(0, 2)
    circuit.crx(a, 2, 1)
    return circuit


X0, X1, Y = (
    next(p for p in circuit_with_data().parameters if p.name == name) for name in ("x[0]", "x[1]", "y")
)


@pytest.mark.parametrize(
    ("inputs", "names"),
    [
        ((), ()),
        (None, ()),
        ("y", ("y",)),
        (Y, ("y",)),
        ([Y, X1], ("y", "x[1]")),
        (["x[1]", Y, "x[0]"], ("x[1]", "y", "x[0]")),
        (ParameterVector("x", 2), ("x[0]", "x[1]")),
        (iter(["y"]), ("y",)),
    ],
    ids=["none", "None", "name", "parameter", "parameters", "mixed", "vector", "iterator"],
)
def test_order_of_parameters_and_inputs(inputs, names):
    circuit = circuit_with_data()
    program = compile(circuit, input_parameters=inputs)
    assert program.input_parameters == names
    assert program.parameters == tuple(p.name for p in circuit.parameters if p.name not in names)
    assert program.columns == program.parameters + names
    assert program.parameters.index("θ[2]") < program.parameters.index("θ[10]")
    assert (program.num_parameters, program.num_inputs) == (len(program.parameters), len(names))
    assert (program.num_qubits, program.dimension) == (3, 8)


@pytest.mark.parametrize("order", [("x[1]", "y", "x[0]"), ("y", "x[0]"), ("x[0]", "x[1]", "y")])
@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_states_with_data_are_those_of_bound_circuits(order, width: int):
    circuit = circuit_with_data()
    program = compile(circuit, input_parameters=order, block_width=width)
    generator = np.random.default_rng(5)
    values = generator.uniform(-3, 3, program.num_parameters)
    inputs = generator.uniform(-3, 3, (4, program.num_inputs))
    actual = state_of(program, values, inputs)
    for row, state in zip(inputs, actual, strict=True):
        bound = dict(zip(program.columns, [*values, *row], strict=True))
        assert_allclose(state, expected_state(circuit, bound), rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"circuit": "circuit.qasm"}, CircuitError, "expected a QuantumCircuit or a Program, got str"),
        (
            {"circuit": qgeo.compile(QuantumCircuit(1))},
            CircuitError,
            "a Program, which is compiled; pass its circuit",
        ),
        ({"circuit": QuantumCircuit(0)}, CircuitError, "at least one qubit"),
        ({"input_parameters": ["z"]}, ShapeError, r"expected input parameters of the circuit, got \['z'\]"),
        ({"input_parameters": "yy"}, ShapeError, r"got \['yy'\]"),
        ({"input_parameters": ["y", Y]}, ShapeError, "each input parameter once"),
        ({"input_parameters": ParameterVector("x", 3)}, ShapeError, r"got \['x\[2\]'\]"),
    ],
)
def test_mistakes_are_explained(arguments: dict, error: type[QGeoError], message: str):
    with pytest.raises(error, match=message) as caught:
        compile(**{"circuit": circuit_with_data(), **arguments})
    assert "\n" not in str(caught.value)


def not_unitary() -> dict[str, QuantumCircuit]:
    noisy, reset, initialized, conditional = (QuantumCircuit(2, 1) for _ in range(4))
    for circuit in (noisy, reset, initialized, conditional):
        circuit.rx(Parameter("a"), 0)
    noisy.append(Kraus([[[1, 0], [0, 0.6]], [[0, 0.8], [0, 0]]]).to_instruction(), [1])
    reset.reset(0)
    initialized.initialize([0, 1], 0)
    with conditional.if_test((0, 1)):
        conditional.x(1)
    return {"kraus": noisy, "reset": reset, "initialize": initialized, "if_else": conditional}


@pytest.mark.parametrize("name", not_unitary())
def test_what_has_no_unitary_is_named_with_its_position(name: str):
    with pytest.raises(
        CircuitError, match=rf"instruction 1 \('{name}' on qubits \[.*[01]\]\): expected unitary"
    ):
        compile(not_unitary()[name])


# --- fusion -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", BINDABLE, ids=str)
def test_states_do_not_depend_on_the_block_width(case: cases.Case):
    expected = expected_state(case.circuit, case.values)
    for width in range(1, 7):
        program = compile(case.circuit, block_width=width)
        assert_allclose(state_of(program, case.values)[0], expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("width", range(1, 7))
def test_blocks_keep_to_the_width(width: int):
    circuit = cases.random_circuit(np.random.default_rng(1), 6, 60)
    program = compile(circuit, block_width=width)
    widest_gate = max(instruction.operation.num_qubits for instruction in circuit.data)
    blocks = [block for block in program.blocks if isinstance(block, Block)]
    assert max(len(block.qubits) for block in blocks) <= max(width, widest_gate)
    assert all(block.qubits == tuple(sorted(set(block.qubits))) for block in blocks)
    for block in blocks:
        for step in block.rotations:
            assert set(step.positions) <= set(range(len(block.qubits)))


def test_wider_blocks_are_fewer():
    circuit = lib.efficient_su2(6, reps=3)
    counts = [len(compile(circuit, block_width=width).blocks) for width in range(1, 7)]
    assert counts[-1] == 1
    assert counts == sorted(counts, reverse=True)


@pytest.mark.parametrize("width", range(1, 7))
@pytest.mark.parametrize("seed", range(6))
def test_scattered_qubits(seed: int, width: int):
    """Gates on qubits far apart and in any order, three and four of them at a time."""
    generator = np.random.default_rng(seed)
    angles = [Parameter(f"p{i:02d}") for i in range(12)]
    circuit = QuantumCircuit(7)
    for angle in angles:
        gates = (
            lib.RZXGate(angle),
            lib.CRYGate(angle),
            lib.RXGate(angle).control(3, ctrl_state=5, annotated=False),
            lib.CSwapGate(),
        )
        for gate in (gates[generator.integers(4)], lib.RYGate(angle)):
            circuit.append(gate, [int(q) for q in generator.permutation(7)[: gate.num_qubits]])
    values = generator.uniform(-3, 3, circuit.num_parameters)
    program = compile(circuit, block_width=width)
    assert_allclose(state_of(program, values)[0], expected_state(circuit, values), rtol=0, atol=1e-13)


def test_registers_and_repeated_registers():
    a, b = Parameter("a"), Parameter("b")
    low, high = QuantumRegister(2, "low"), QuantumRegister(2, "high")
    circuit = QuantumCircuit(high, low)  # high holds qubits 0 and 1
    circuit.ry(a, high[1])
    circuit.crx(b, high[1], low[1])
    assert_allclose(
        state_of(compile(circuit), [1.1, 0.4])[0], expected_state(circuit, [1.1, 0.4]), rtol=0, atol=1e-14
    )


# --- Pauli rotations and phases ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "label", ["ZZZZZZZZ", "XYZXYZXYZ", "YIIXIIIZIY", "XIIIIIIIIIY", "IIIIYIIII", "YYYY", "IIIIIIII"]
)
def test_wide_pauli_rotations(label: str):
    """exp(−i t P) = cos t − i sin t P, on a state without symmetry."""
    n, t = len(label), Parameter("t")
    start = cases.scramble(n, seed=3)
    circuit = start.copy()
    circuit.append(lib.PauliEvolutionGate(SparsePauliOp(label), time=t), range(n))
    psi = Statevector(start)
    expected = np.cos(0.7) * psi.data - 1j * np.sin(0.7) * psi.evolve(Pauli(label)).data
    for width in (2, 5):
        actual = state_of(compile(circuit, block_width=width), [0.7])[0]
        assert_allclose(actual, expected, rtol=0, atol=1e-13)


def test_a_parameterized_global_phase():
    a, x = Parameter("a"), Parameter("x")
    circuit = QuantumCircuit(2, global_phase=2 * a - x * a)
    circuit.ry(a, 1)
    program = compile(circuit, input_parameters=[x])
    state = np.kron([np.cos(0.4), np.sin(0.4)], [1, 0])
    expected = [np.exp(1j * (1.6 - 0.8 * data)) * state for data in (0.3, -2.0)]
    assert_allclose(state_of(program, [0.8], [[0.3], [-2.0]]), expected, rtol=0, atol=1e-14)
    assert_allclose(qgeo.quantum_fisher(program, [0.8], inputs=[[0.3], [-2.0]]), [[1]], atol=1e-14)


def test_a_phase_on_nothing_else():
    circuit = QuantumCircuit(3, global_phase=Parameter("a"))
    assert_allclose(state_of(compile(circuit), [0.5])[0], np.exp(0.5j) * np.eye(8)[0], atol=1e-15)


def test_a_fixed_phase_and_an_empty_circuit():
    assert_allclose(state_of(compile(QuantumCircuit(2, global_phase=0.3)), []), [[np.exp(0.3j), 0, 0, 0]])
    assert_allclose(state_of(compile(QuantumCircuit(2)), []), [[1, 0, 0, 0]])


# --- a program is data ------------------------------------------------------------------------------------

DATA_MODULES = ("builtins", "numpy", "qgeo")


def foreign(thing: Any, path: str = "program") -> list[str]:
    """Paths to everything that is neither a number, text, an array, a tuple nor one of our dataclasses."""
    home = type(thing).__module__.split(".")[0]
    here = [] if home in DATA_MODULES else [f"{path}: {type(thing)}"]
    if is_dataclass(thing):
        children = {field.name: getattr(thing, field.name) for field in fields(thing)}
    elif isinstance(thing, (tuple, list, set, frozenset)):
        children = dict(enumerate(thing))
    elif isinstance(thing, dict):
        children = {str(key): part for pair in thing.items() for key, part in enumerate(pair)}
    elif isinstance(thing, np.ndarray) and thing.dtype == object:
        children = dict(enumerate(thing.ravel()))
    else:
        children = vars(thing) if hasattr(thing, "__dict__") and home == "qgeo" else {}
    return here + [result for key, child in children.items() for result in foreign(child, f"{path}.{key}")]


@pytest.mark.parametrize("case", ALL, ids=str)
def test_a_program_holds_no_qiskit_object(case: cases.Case):
    assert foreign(compile(case.circuit)) == []


def test_the_walk_finds_what_it_looks_for():
    program = compile(circuit_with_data())
    object.__setattr__(program.angles[0], "offset", Parameter("a"))
    assert len(foreign(program)) == 1


def test_angles_shared_by_all_contexts_come_first():
    program = compile(circuit_with_data(), input_parameters=["x[0]", "x[1]", "y"])
    on_data = [max(angle.columns) >= program.num_parameters for angle in program.angles]
    assert on_data == sorted(on_data)
    assert on_data.index(True) == program.num_shared_angles == 13
    for block in program.blocks:
        assert {on_data[step.angle] for step in block.rotations} <= {block.per_context}


def test_repr_is_short():
    assert repr(compile(circuit_with_data(), input_parameters=[Y])).startswith(
        "Program(3 qubits, 15 parameters, 1 "
    )


@pytest.mark.parametrize("scale", [1e-6, 1e-9, 1e-13])
def test_small_generators_with_large_angles_are_not_taken_for_none(scale):
    """Once dropped below 1e-8, and below 1e-13 taken to commute with everything."""
    a, b = Parameter("a"), Parameter("b")
    matrix = np.array([[1, 0.5], [0.5, -1]])
    tilted = SparsePauliOp(["X", "Z"], [0.5, 1.0])
    plain, scaled, evolved = QuantumCircuit(1), QuantumCircuit(1), QuantumCircuit(1)
    for circuit in (plain, scaled, evolved):
        circuit.ry(0.8, 0)
        circuit.rz(b, 0)
    plain.append(lib.PauliEvolutionGate(tilted, a), [0])
    scaled.append(lib.HamiltonianGate(matrix * scale, a / scale), [0])
    evolved.append(lib.PauliEvolutionGate(tilted * scale, a / scale), [0])
    expected = qgeo.quantum_fisher(plain, [0.7, 0.4])
    assert_allclose(qgeo.quantum_fisher(scaled, [0.7, 0.4]), expected, rtol=1e-10, atol=1e-12)
    assert_allclose(qgeo.quantum_fisher(evolved, [0.7, 0.4]), expected, rtol=1e-10, atol=1e-12)
    assert compile(scaled).layers == compile(evolved).layers == compile(plain).layers
