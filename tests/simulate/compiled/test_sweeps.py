"""Every operation of the compiled sweeps, every sweep, against dense matrices made here.

    ψ = V RY_last(c) U(a) RY_0(b) W |0⟩,      U(a) = exp(−iaG/2) or a fixed unitary

a is a datum, of 1, 3, 8 and 11 contexts, on 1 to 8 qubits, in both precisions: lanes are contexts or
amplitudes, and there are fewer of either than there is room for. V and W hold gates of all kinds.

Seen to fail, planted in the C files: both of two partners with the sine, or the variant, of one; the
inverse of a rotation within a register as itself; a sign where entries are real; lanes that are not
exchanged; the parity of a lane, or all masks but the first, left out of a variant; rates not halved;
opposite sines taken for the same; a monomial matrix for its inverse, or without its phases; eigenvalues
of a dense matrix halved twice; a table of phases without its last rotation, or not conjugated on the way
back; the last context of a register left out. In Python: the sign of a string behind a Clifford gate, the
phase of the Clifford gates at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, product

import numpy as np
import pytest
import torch
from circuit_families import CLIFFORD_GATES
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.circuit import Gate, Parameter
from qiskit.circuit import library as lib
from qiskit.quantum_info import Operator, SparsePauliOp, random_clifford, random_unitary

import qgeo
from qgeo.simulate.angle_tables import angle_tables
from qgeo.simulate.compiled.carried import carried
from qgeo.simulate.compiled.engine import CompiledEngine
from qgeo.simulate.compiled.kernel import kernel_of
from qgeo.simulate.compiled.pieces import DenseRotation, StringsRotation
from qgeo.simulate.statevector import gradient_by_parameters

pytestmark = pytest.mark.usefixtures("registers")
A, B, C = Parameter("a"), Parameter("b"), Parameter("c")
CLOSE = {torch.complex128: 1e-13, torch.complex64: 1e-5}
CONTEXTS = (1, 3, 8, 11)
QUBITS = range(1, 9)
Matrix = np.ndarray
PAULI_Y = np.array([[0, -1j], [1j, 0]])


@dataclass(frozen=True, eq=False)
class Operation:
    """How it stands in a circuit at an angle, and its generator, or its matrix where it has no angle."""

    circuit: QuantumCircuit
    generator: Matrix | None = None

    @property
    def matrix(self) -> Matrix:
        return Operator(self.circuit).data


def about(num_qubits: int, *terms: tuple[str, list[int], float]) -> Operation:
    """The rotation about a sum of strings, of one generator."""
    generator = SparsePauliOp.from_sparse_list(list(terms), num_qubits).to_matrix()
    circuit = QuantumCircuit(num_qubits)
    circuit.append(lib.HamiltonianGate(generator / 2, A), range(num_qubits))
    return Operation(circuit, generator)


def evolution(num_qubits: int, *terms: tuple[str, list[int], float]) -> Operation:
    """The same as a gate about strings, on the qubits that they act on."""
    operator = SparsePauliOp.from_sparse_list([(p, q, w / 2) for p, q, w in terms], num_qubits)
    circuit = QuantumCircuit(num_qubits)
    circuit.append(lib.PauliEvolutionGate(operator, A), range(num_qubits))
    return Operation(circuit, 2 * operator.to_matrix())


def in_turn(num_qubits: int, *terms: tuple[str, list[int], float]) -> Operation:
    """The same, a gate for each string: neighbouring diagonal ones make a table."""
    each = [evolution(num_qubits, term) for term in terms]
    circuit = QuantumCircuit(num_qubits)
    for part in each:
        circuit = circuit.compose(part.circuit)
    return Operation(circuit, sum(part.generator for part in each))


def fixed(num_qubits: int, *gates: tuple[Gate, list[int]]) -> Operation:
    circuit = QuantumCircuit(num_qubits)
    for gate, qubits in gates:
        circuit.append(gate, qubits)
    return Operation(circuit)


# --- the table ------------------------------------------------------------------------------------


def rotations(n: int) -> dict[str, Operation]:
    """About one string: within a register and across, with and without lanes exchanged, real and not."""
    last, whole = n - 1, list(range(n))
    return {
        **{f"{letter} low": about(n, (letter, [0], 0.7)) for letter in "XYZ"},
        **{f"{letter} high": about(n, (letter, [last], -1.0)) for letter in "XYZ"},
        "phase": about(n, ("", [], 1.0), ("Z", [0], 0.4)),
        "all qubits": evolution(n, (("XYZ" * n)[:n], whole, 0.9)),
        "all qubits, Ys": evolution(n, ("Y" * n, whole, 1.1)),
        "table": in_turn(n, *(("Z", [q], 0.3 + q) for q in whole), *(("ZZ", [*p], 0.5) for p in pairs(n))),
    }


def pairs(n: int) -> list[tuple[int, int]]:
    return list(combinations(range(n), 2))[:6]


def sums_of_strings(n: int) -> dict[str, Operation]:
    """Strings that flip the same bits: under a control, XX + YY, excitations, up to 64 variants."""
    last, draw = n - 1, np.random.default_rng(n)
    table = {
        "XX + YY": about(n, ("XX", [0, last], 0.5), ("YY", [0, last], 0.5)),
        "XY − YX": about(n, ("XY", [0, last], 0.5), ("YX", [0, last], -0.5)),
        "control above": about(n, ("X", [0], 0.5), ("XZ", [0, last], -0.5)),
        "control below": about(n, ("Y", [last], 0.5), ("YZ", [last, 0], -0.5)),
        "control, phase": about(
            n, *((s, [0, last][: len(s)], 0.25 * (-1) ** len(s)) for s in ("", "Z", "ZZ"))
        ),
    }
    if n >= 4:
        labels = ("XXXY", "XXYX", "XYXX", "YXXX", "YYYX", "YYXY", "YXYY", "XYYY")
        signs = (1, 1, -1, -1, -1, -1, 1, 1)
        for name, places in (("low", [0, 1, 2, 3]), ("high", [last, 0, last - 1, 1])):
            double = [(label, places, sign / 8) for label, sign in zip(labels, signs, strict=True)]
            table[f"double excitation {name}"] = about(n, *double)
            table[f"double excitation {name}, string by string"] = evolution(n, *double)
    for masks in range(2, min(8, n)):
        subsets = [s for size in range(masks + 1) for s in combinations(range(1, masks + 1), size)]
        terms = [("X" + "Z" * len(s), [0, *s], draw.uniform(-1, 1)) for s in subsets]
        table[f"{masks} masks"] = about(n, *terms)
    return table


def dense(n: int) -> dict[str, Operation]:
    """Strings that do not commute, and random unitaries, on one to five qubits."""
    table = {}
    for size in range(1, min(5, n) + 1):
        draw = np.random.default_rng(size)
        places = [int(q) for q in draw.permutation(n)[:size]]
        labels = [
            ("X" * size, 0.7),
            ("Z" * size, 0.4),
            ("Y" + "X" * (size - 1), -0.9),
            ("Z" + "Y" * (size - 1), 0.3),
        ]
        table[f"evolution on {size}"] = evolution(n, *((label, places, weight) for label, weight in labels))
        table[f"unitary on {size}"] = fixed(n, (lib.UnitaryGate(random_unitary(2**size, seed=size)), places))
    return table


def fixed_gates(n: int) -> dict[str, Operation]:
    """Clifford gates, each between others, whole Clifford operators, and gates that are none."""
    draw, table = np.random.default_rng(n), {}
    others = (
        lib.TGate(),
        lib.CHGate(),
        lib.CSGate(),
        lib.CSXGate(),
        lib.CCXGate(),
        lib.CSwapGate(),
        lib.RCCXGate(),
    )
    for i, gate in enumerate((*CLIFFORD_GATES, *others)):
        if gate.num_qubits <= n:
            places = [int(q) for q in draw.permutation(n)[: gate.num_qubits]]
            table[f"{i} {gate.name}"] = fixed(n, (gate, places), (lib.HGate(), [0]), (gate, places))
    operator = random_clifford(min(3, n), seed=n)
    table["Clifford operator"] = fixed(n, (lib.UnitaryGate(operator.to_operator()), list(range(min(3, n)))))
    return table


KINDS: dict[str, Callable[[int], dict[str, Operation]]] = {
    kind.__name__: kind for kind in (rotations, sums_of_strings, dense, fixed_gates)
}
TABLE = [
    pytest.param(n, kind, name, id=f"n={n}-{name}")
    for n in QUBITS
    for kind in KINDS
    if n > 1 or kind != "sums_of_strings"
    for name in KINDS[kind](n)
]
operations = lru_cache(lambda kind, n: KINDS[kind](n))


# --- what is expected -----------------------------------------------------------------------------


@lru_cache
def without_cliffords(n: int) -> tuple[QuantumCircuit, Matrix]:
    """A generic state, and nothing for a string to be carried behind: it is applied as it is given."""
    draw, circuit = np.random.default_rng(1), QuantumCircuit(n)
    for qubit in range(n):
        circuit.u(*draw.uniform(0.3, 2.8, 3), qubit)
    for qubit in range(n - 1):
        circuit.rxx(0.8, qubit, qubit + 1)
        circuit.rz(0.3, qubit)
    return circuit, Operator(circuit).data


@lru_cache
def with_cliffords(n: int) -> tuple[QuantumCircuit, Matrix]:
    """Fixed gates of all kinds, behind which strings become others."""
    circuit = without_cliffords(n)[0].copy()
    for qubit in range(n - 1):
        circuit.append((lib.CXGate(), lib.ECRGate(), lib.iSwapGate())[qubit % 3], [qubit, qubit + 1])
        circuit.sx(qubit)
    circuit.rx(0.8, n - 1)
    return circuit, Operator(circuit).data


def on(matrix: Matrix, qubit: int, n: int) -> Matrix:
    return np.kron(np.kron(np.eye(2 ** (n - 1 - qubit)), matrix), np.eye(2**qubit))


def turned(generator: Matrix, angle: float) -> Matrix:
    spectrum, basis = np.linalg.eigh(generator)
    return (basis * np.exp(-0.5j * angle * spectrum)) @ basis.conj().T


@dataclass(frozen=True, eq=False)
class Setting:
    """A circuit of one operation, states (B, 2ⁿ), tangents (3, B, 2ⁿ) by b, c and a, or by b and c."""

    program: qgeo.Program
    values: Matrix
    inputs: Matrix
    states: Matrix
    tangents: Matrix


@lru_cache(maxsize=4)
def setting(kind: str, n: int, name: str, is_carried: bool) -> Setting:
    """At as many contexts as there are at most."""
    operation, (after, behind) = operations(kind, n)[name], with_cliffords(n)
    before, ahead = with_cliffords(n) if is_carried else without_cliffords(n)
    circuit = before.copy()
    circuit.ry(B, 0)
    circuit = circuit.compose(operation.circuit)
    circuit.ry(C, n - 1)
    names = ["a"] if operation.generator is not None else []
    program = qgeo.compile(circuit.compose(after), input_parameters=names)
    values, data = np.array([0.7, -1.1]), np.linspace(0.4, 2.6, CONTEXTS[-1])[:, None]
    generator = np.zeros((2**n, 2**n)) if operation.generator is None else operation.generator
    first, last = on(PAULI_Y, 0, n), on(PAULI_Y, n - 1, n)
    start, end = turned(first, values[0]) @ ahead[:, 0], behind @ turned(last, values[1])
    if names:
        spectrum, basis = np.linalg.eigh(generator)
        matrices = np.exp(-0.5j * data[:, :, None] * spectrum) * basis @ basis.conj().T
    else:
        matrices = np.broadcast_to(operation.matrix, (len(data), 2**n, 2**n))
    middle = matrices @ start
    rows = [matrices @ (first @ start), middle @ last.T, middle @ generator.T][: 2 + len(names)]
    return Setting(program, values, data[:, : len(names)], middle @ end.T, -0.5j * np.array(rows) @ end.T)


@pytest.mark.parametrize("dtype", CLOSE, ids=str)
@pytest.mark.parametrize(("n", "kind", "name"), TABLE)
def test_all_sweeps_of_an_operation(n, kind, name, dtype):
    for contexts in CONTEXTS:
        check(setting(kind, n, name, False), contexts, dtype)
    for contexts in CONTEXTS[1::2]:
        check(setting(kind, n, name, True), contexts, dtype)


def check(expected: Setting, contexts: int, dtype: torch.dtype) -> None:
    """States, tangents, gradients and products of the first so many contexts."""
    kernel = kernel_of(expected.program, dtype)
    assert kernel is not None
    inputs = torch.from_numpy(expected.inputs[:contexts])
    engine = CompiledEngine(kernel, torch.from_numpy(expected.values), inputs)
    psi, rows = expected.states[:contexts], expected.tangents[:, :contexts]
    columns = tuple(range(len(rows)))
    close = {"rtol": 0, "atol": CLOSE[dtype] * max(1, np.abs(rows).max())}
    assert_allclose(engine.states(), psi, **close)
    assert_allclose(engine.probabilities()[0], np.abs(psi) ** 2, **close)
    assert_allclose(engine.tangents(columns, "end").of().ordered(), rows, **close)
    check_gradients(engine, psi, rows, dtype, close)
    check_products(engine, psi, rows, close)


def check_gradients(
    engine: CompiledEngine, psi: Matrix, rows: Matrix, dtype: torch.dtype, close: dict
) -> None:
    """Of Re⟨v|ψ⟩ for some v of modulus 1, and of Σ w |ψ|²."""
    draw = np.random.default_rng(0)
    v = draw.normal(size=(*psi.shape, 2)).view(complex)[..., 0]
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    of_v, of_w = (np.einsum("bx,pbx->bp", cotangent.conj(), rows).real for cotangent in (v, 2 * v.real * psi))
    found = engine.gradient(torch.from_numpy(psi).to(dtype), torch.from_numpy(v).to(dtype), data_too=True)
    check_gradient(engine, found, of_v, close)
    weights = torch.from_numpy(v.real.copy()).to(engine.kernel.sweeps.real)
    found = engine.probability_gradient(engine.probabilities()[1], weights, data_too=True)
    check_gradient(engine, found, of_w, close)


def check_gradient(engine: CompiledEngine, by_angle: tuple, expected: Matrix, close: dict) -> None:
    tables = angle_tables(engine.kernel.program, engine.values.device)
    by_values, by_inputs = gradient_by_parameters(tables, engine.values, engine.inputs, by_angle)
    shared = len(engine.values)
    sums = close | {"atol": len(expected) * close["atol"]}
    assert_allclose(by_values, expected[:, :shared].sum(0), **sums)
    assert_allclose(by_inputs, expected[:, shared:], **close)


def check_products(engine: CompiledEngine, psi: Matrix, rows: Matrix, close: dict) -> None:
    """F_Q of what is trained, summed, and of the datum with all by context; F_C of all outcomes."""
    trained, columns = engine.kernel.program.num_parameters, tuple(range(len(rows)))
    u = rows - np.einsum("bx,pbx->pb", psi.conj(), rows)[..., None] * psi
    by_context = np.einsum("pbx,qbx->bpq", u.conj(), u).real
    found = engine.products(columns, trained, ())
    sums = close | {"atol": close["atol"] * len(psi) * max(1, np.abs(by_context).max())}
    assert_allclose(found.summed, by_context[:, :trained, :trained].sum(0), **sums)
    assert_allclose(found.by_context, by_context[:, trained:], **sums)
    seen = np.abs(psi) > 1e-12
    slopes = 2 * np.where(seen, (psi.conj() / np.where(seen, np.abs(psi), 1) * rows).real, 0)
    classical = np.einsum("pbx,qbx->pq", slopes, slopes)
    assert_allclose(engine.bitstring_products(columns, 1e-14), classical, **sums)


# --- the table holds every form -------------------------------------------------------------------


@lru_cache
def pieces_of_the_table() -> list:
    programs = [setting(kind, n, name, False).program for n, kind, name in (each.values for each in TABLE)]
    return [piece for program in programs for piece in carried(program).pieces]


@pytest.mark.parametrize("bits", [0, 3, 4])
def test_the_table_holds_every_form_of_a_rotation(bits):
    """Real or not, lanes exchanged or not, one string or several, across registers or within."""
    # Seen to fail: sums of strings behind Clifford gates alone, which give them different flips.
    rotations = [piece for piece in pieces_of_the_table() if isinstance(piece, StringsRotation)]
    forms = {
        (
            rotation.real,
            rotation.x & (1 << bits) - 1 > 0,
            is_about_one_string(rotation),
            rotation.x >> bits > 0,
        )
        for rotation in rotations
    }
    wanted = set(product([True, False], [True, False] if bits else [False], [True, False], [True, False]))
    assert forms == {form for form in wanted if form[1] or form[3] or not form[0]}
    assert {len(rotation.masks) for rotation in rotations} == set(range(6))


def is_about_one_string(turn: StringsRotation) -> bool:
    return len(turn.masks) == 1 and turn.entries[0] == -turn.entries[1]


def test_the_table_holds_dense_matrices_of_every_size():
    dense = {(len(p.qubits), p.angle < 0) for p in pieces_of_the_table() if isinstance(p, DenseRotation)}
    assert dense == {*((size, False) for size in range(1, 6)), *((size, True) for size in range(2, 6))}
