"""Random circuits by families: what people write, and what each kind of operation of the engines is made of.

A family is a function of a generator and of a number of qubits. Angles are parameters unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations, count

import numpy as np
from cases import random_circuit
from qiskit.circuit import Parameter, ParameterExpression, ParameterVector, QuantumCircuit
from qiskit.circuit import library as lib
from qiskit.quantum_info import SparsePauliOp, random_clifford, random_unitary

Generator = np.random.Generator
Angles = Iterator[ParameterExpression]

CLIFFORD_GATES = (
    *(
        lib.HGate(),
        lib.SGate(),
        lib.SdgGate(),
        lib.SXGate(),
        lib.SXdgGate(),
        lib.XGate(),
        lib.YGate(),
        lib.ZGate(),
    ),
    *(
        lib.CXGate(),
        lib.CYGate(),
        lib.CZGate(),
        lib.SwapGate(),
        lib.iSwapGate(),
        lib.DCXGate(),
        lib.ECRGate(),
    ),
    *(lib.CXGate(ctrl_state=0), lib.RYGate(np.pi / 2), lib.RZXGate(-np.pi / 2), lib.GlobalPhaseGate(0.7)),
)
OTHER_FIXED = (
    lib.TGate(),
    lib.CHGate(),
    lib.CSGate(),
    lib.CSXGate(),
    lib.CCXGate(),
    lib.CSwapGate(),
    lib.CCZGate(),
)


def angles() -> Angles:
    """A new parameter each."""
    return (Parameter(f"t{i}") for i in count())


def some(draw: Generator, num_qubits: int, size: int) -> list[int]:
    """Different qubits in any order."""
    return [int(q) for q in draw.permutation(num_qubits)[:size]]


def layer(circuit: QuantumCircuit, t: Angles) -> None:
    """A generic start: every state moves by every later angle."""
    for qubit in range(circuit.num_qubits):
        circuit.ry(next(t), qubit)
        circuit.rz(next(t), qubit)


def add_fixed(circuit: QuantumCircuit, draw: Generator, gates: tuple) -> None:
    """One gate that fits, on some qubits."""
    fitting = [gate for gate in gates if gate.num_qubits <= circuit.num_qubits]
    gate = fitting[draw.integers(len(fitting))]
    circuit.append(gate, some(draw, circuit.num_qubits, gate.num_qubits))


def random_label(draw: Generator, num_qubits: int, fewest: int, most: int) -> str:
    """A string on so many qubits."""
    size = int(draw.integers(min(fewest, num_qubits), min(most, num_qubits) + 1))
    places = some(draw, num_qubits, size)
    return "".join("XYZ"[draw.integers(3)] if q in places else "I" for q in range(num_qubits))


# --- families -------------------------------------------------------------------------------------


def anything(draw: Generator, n: int) -> QuantumCircuit:
    """The circuits of `cases.random_case`."""
    return random_circuit(draw, n, int(draw.integers(6, 16)))


def strings(draw: Generator, n: int) -> QuantumCircuit:
    """Rotations about Pauli strings on 1 to n qubits."""
    circuit, t = QuantumCircuit(n), angles()
    layer(circuit, t)
    for _ in range(8):
        string = SparsePauliOp(random_label(draw, n, min(3, n), n), draw.uniform(-1, 1))
        circuit.append(lib.PauliEvolutionGate(string, next(t)), range(n))
        add_fixed(circuit, draw, CLIFFORD_GATES)
    return circuit


def doubles(draw: Generator, n: int) -> QuantumCircuit:
    """Singles and doubles of unitary coupled cluster: eight commuting strings of one angle."""
    circuit, t = QuantumCircuit(n), angles()
    circuit.x(0)
    layer(circuit, t)
    labels = {2: ("XY", "YX"), 4: ("XXXY", "XXYX", "XYXX", "YXXX", "YYYX", "YYXY", "YXYY", "XYYY")}
    signs = {2: (1, -1), 4: (1, 1, -1, -1, -1, -1, 1, 1)}
    for _ in range(5):
        size = 4 if n >= 4 and draw.integers(3) else 2
        if n < size:
            circuit.rx(next(t), 0)
            continue
        pairs = list(zip(labels[size], signs[size], strict=True))
        excitation = SparsePauliOp.from_list([(label, sign / size) for label, sign in pairs])
        circuit.append(lib.PauliEvolutionGate(excitation, next(t)), some(draw, n, size))
    return circuit


def native(draw: Generator, n: int) -> QuantumCircuit:
    """rz and sx with ecr or cz."""
    circuit, t = QuantumCircuit(n), angles()
    for _ in range(3):
        for qubit in range(n):
            for _ in range(2):
                circuit.rz(next(t), qubit)
                circuit.sx(qubit)
        for _ in range(n - 1):
            add_fixed(circuit, draw, ((lib.ECRGate(), lib.CZGate())[int(draw.integers(2))], lib.XGate()))
    return circuit


def controlled(draw: Generator, n: int) -> QuantumCircuit:
    """crx, cry, crz, cp, cu, rzz, rxx, XX+YY, u and rotations under more controls."""
    circuit, t = QuantumCircuit(n), angles()
    layer(circuit, t)
    kinds = (lib.CRXGate, lib.CRYGate, lib.CRZGate, lib.CPhaseGate, lib.RZZGate, lib.RXXGate, lib.RYYGate)
    for _ in range(8):
        choice = int(draw.integers(5))
        if n == 1 or choice == 0:
            circuit.u(next(t), next(t), next(t), int(draw.integers(n)))
        elif choice == 1:
            gate = (lib.XXPlusYYGate, lib.XXMinusYYGate)[draw.integers(2)](next(t), next(t))
            circuit.append(gate, some(draw, n, 2))
        elif choice == 2:
            controls = int(draw.integers(1, min(5, n)))
            base = (lib.RXGate, lib.RYGate, lib.RZGate, lib.PhaseGate)[draw.integers(4)](next(t))
            state = int(draw.integers(2**controls))
            gate = base.control(controls, ctrl_state=state, annotated=False)
            circuit.append(gate, some(draw, n, controls + 1))
        else:
            circuit.append(kinds[draw.integers(len(kinds))](next(t)), some(draw, n, 2))
    return circuit


def qaoa(draw: Generator, n: int) -> QuantumCircuit:
    """A weighted graph; every parameter in many angles."""
    circuit, t = QuantumCircuit(n), angles()
    circuit.h(range(n))
    weights = {pair: draw.uniform(-1, 1) for pair in combinations(range(n), 2)}
    for _ in range(3):
        cost, mixer = next(t), next(t)
        for pair, weight in weights.items():
            circuit.rzz(weight * cost, *pair)
        circuit.rz(0.3 * cost, 0)
        circuit.rx(2 * mixer, range(n))
    return circuit


def iqp(draw: Generator, n: int) -> QuantumCircuit:
    """Diagonal rotations on one to three qubits between Hadamard gates."""
    circuit, t = QuantumCircuit(n), angles()
    circuit.h(range(n))
    subsets = [s for size in (1, 2, 3) for s in combinations(range(n), size)]
    for i in draw.permutation(len(subsets))[:12]:
        label = "".join("Z" if q in subsets[i] else "I" for q in reversed(range(n)))
        circuit.append(lib.PauliEvolutionGate(SparsePauliOp(label), next(t)), range(n))
    circuit.h(range(n))
    for qubit in range(n):
        circuit.rx(next(t), qubit)
    return circuit


def evolutions(draw: Generator, n: int) -> QuantumCircuit:
    """exp(−itH) of strings that do not commute, on up to five qubits, and of an angle's fixed multiple."""
    circuit, t = QuantumCircuit(n), angles()
    layer(circuit, t)
    for _ in range(3):
        size = int(draw.integers(1, min(5, n) + 1))
        terms = [(random_label(draw, size, 1, size), draw.uniform(-1, 1)) for _ in range(4)]
        time = (next(t), 0.4)[int(draw.integers(4) == 0)]
        circuit.append(lib.PauliEvolutionGate(SparsePauliOp.from_list(terms), time), some(draw, n, size))
        add_fixed(circuit, draw, CLIFFORD_GATES)
        circuit.ry(next(t), int(draw.integers(n)))
    return circuit


def fixed(draw: Generator, n: int) -> QuantumCircuit:
    """Fixed gates that are no Clifford gates, and random unitaries on up to five qubits."""
    circuit, t = QuantumCircuit(n), angles()
    layer(circuit, t)
    for _ in range(4):
        add_fixed(circuit, draw, OTHER_FIXED)
        size = int(draw.integers(1, min(5, n) + 1))
        circuit.unitary(random_unitary(2**size, seed=int(draw.integers(2**31))), some(draw, n, size))
        circuit.rx(next(t), int(draw.integers(n)))
        circuit.rz(next(t), int(draw.integers(n)))
    return circuit


def clifford(draw: Generator, n: int) -> QuantumCircuit:
    """Clifford gates of all kinds and whole Clifford operators, with a rotation now and then."""
    circuit, t = QuantumCircuit(n), angles()
    for _ in range(5):
        for _ in range(2 * n):
            add_fixed(circuit, draw, CLIFFORD_GATES)
        size = int(draw.integers(1, min(3, n) + 1))
        operator = random_clifford(size, seed=int(draw.integers(2**31))).to_operator()
        circuit.unitary(operator, some(draw, n, size))
        circuit.append(
            (lib.RXGate, lib.RYGate, lib.RZGate)[draw.integers(3)](next(t)), [int(draw.integers(n))]
        )
        circuit.rz(next(t), int(draw.integers(n)))
    return circuit


def uploading(draw: Generator, n: int) -> QuantumCircuit:
    """Inputs in every layer, plain, scaled by a weight, and shared by gates."""
    circuit, t = QuantumCircuit(n), angles()
    x = ParameterVector("x", max(1, n // 2))
    for _ in range(3):
        for qubit in range(n):
            circuit.ry(x[qubit % len(x)], qubit)
            circuit.rz(next(t) * x[0], qubit)
            circuit.rx(next(t), qubit)
        for qubit in range(n - 1):
            circuit.append(
                (lib.CXGate(), lib.CZGate(), lib.RZZGate(x[0]))[draw.integers(3)], [qubit, qubit + 1]
            )
    return circuit


FAMILIES: dict[str, Callable[[Generator, int], QuantumCircuit]] = {
    family.__name__: family
    for family in (
        *(anything, strings, doubles, native, controlled, qaoa, iqp, evolutions, fixed, clifford, uploading),
    )
}
