"""Circuits with values: one table for every test of an exact information matrix.

Each gate stands between fixed complex layers, so that no state is real, no probability is zero, and every
angle of the gate moves the state. Values are drawn per case from an explicit generator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import reference
from qiskit.circuit import (
    AnnotatedOperation,
    ControlModifier,
    Gate,
    InverseModifier,
    Parameter,
    ParameterVector,
    PowerModifier,
    QuantumCircuit,
)
from qiskit.circuit import library as lib
from qiskit.quantum_info import SparsePauliOp, random_unitary

A, B, C, D = (Parameter(name) for name in "abcd")


@dataclass(frozen=True, eq=False)
class Case:
    """A circuit, and one number for each of its parameters in `circuit.parameters` order."""

    name: str
    circuit: QuantumCircuit
    values: np.ndarray

    def __str__(self) -> str:
        return self.name

    @cached_property
    def vectors(self) -> tuple[np.ndarray, np.ndarray]:
        """The reference's ψ (2ⁿ,) and ∂ψ (P, 2ⁿ), computed once for all tests."""
        return reference.state_and_tangents(self.circuit, self.values)


def case(name: str, circuit: QuantumCircuit, seed: int = 0) -> Case:
    """A case with values from [0.2, 2.9): generic, and inside the domain of every function used here."""
    return Case(name, circuit, np.random.default_rng(seed).uniform(0.2, 2.9, circuit.num_parameters))


# --- layers ---------------------------------------------------------------------------------------


def scramble(num_qubits: int, seed: int) -> QuantumCircuit:
    """Fixed u on each qubit and a ladder of cx: a generic complex state or basis."""
    generator = np.random.default_rng(seed)
    layer = QuantumCircuit(num_qubits)
    for qubit in range(num_qubits):
        layer.u(*generator.uniform(0.3, 2.8, 3), qubit)
    for qubit in range(num_qubits - 1):
        layer.cx(qubit, qubit + 1)
    return layer


def around(*gates: Gate) -> QuantumCircuit:
    """Scramble, the gates with a trainable ry before and after each, scramble; qubits in reversed order."""
    num_qubits = max(1, *(gate.num_qubits for gate in gates))
    first, last = Parameter("first"), Parameter("last")
    circuit = scramble(num_qubits, seed=1)
    circuit.ry(first, 0)
    for gate in gates:
        circuit.append(gate, list(reversed(range(gate.num_qubits))))
        circuit.ry(last, num_qubits - 1)
    return circuit.compose(scramble(num_qubits, seed=2))


# --- every gate -----------------------------------------------------------------------------------

ANGLE_GATES: dict[type[Gate], int] = {  # gate: how many angles
    **{lib.RXGate: 1, lib.RYGate: 1, lib.RZGate: 1, lib.RGate: 2, lib.PhaseGate: 1},
    **{lib.U1Gate: 1, lib.U2Gate: 2, lib.U3Gate: 3, lib.UGate: 3},
    **{lib.RXXGate: 1, lib.RYYGate: 1, lib.RZZGate: 1, lib.RZXGate: 1},
    **{lib.CRXGate: 1, lib.CRYGate: 1, lib.CRZGate: 1, lib.CPhaseGate: 1},
    **{lib.CU1Gate: 1, lib.CU3Gate: 3, lib.CUGate: 4},
    **{lib.XXPlusYYGate: 2, lib.XXMinusYYGate: 2},
}

FIXED_GATES: tuple[Gate, ...] = (
    *(lib.IGate(), lib.XGate(), lib.YGate(), lib.ZGate(), lib.HGate(), lib.SXGate(), lib.SXdgGate()),
    *(lib.SGate(), lib.SdgGate(), lib.TGate(), lib.TdgGate(), lib.RXGate(0.3), lib.UGate(0.1, 0.2, 0.3)),
    *(lib.CXGate(), lib.CYGate(), lib.CZGate(), lib.CHGate(), lib.CSGate(), lib.CSdgGate(), lib.CSXGate()),
    *(lib.SwapGate(), lib.iSwapGate(), lib.DCXGate(), lib.ECRGate(), lib.CPhaseGate(0.4), lib.RZZGate(0.7)),
    *(lib.CCXGate(), lib.CCZGate(), lib.CSwapGate(), lib.RCCXGate(), lib.CXGate(ctrl_state=0)),
    lib.UnitaryGate(random_unitary(4, seed=5)),
    lib.PauliGate("XYZ"),
    lib.PermutationGate([2, 0, 1]),
    lib.DiagonalGate([1, 1j, -1, -1j]),
    lib.MCXGate(3, ctrl_state=5),
    lib.GlobalPhaseGate(0.4),
)


def angle_gate_cases() -> list[Case]:
    """Each standard gate with angles: once with its own parameters, once with numbers mixed in."""
    table = []
    for gate, angles in ANGLE_GATES.items():
        own = [A, B, C, D][:angles]
        mixed = [*own[:1], *(0.3 + 0.2 * i for i in range(angles - 1))]
        table.append(case(gate.__name__, around(gate(*own), gate(*mixed))))
    return table


def fixed_gate_cases() -> list[Case]:
    """One circuit per fixed gate, between trainable rotations."""
    return [case(f"fixed-{i:02d}-{gate.name}", around(gate)) for i, gate in enumerate(FIXED_GATES)]


# --- expressions, phases, vectors -----------------------------------------------------------------

EXPRESSIONS = {
    "2a": 2 * A,
    "minus-a-over-3": -A / 3,
    "a-plus-offset": A + 0.7,
    "a-b": A * B,
    "a-over-b": A / B,
    "a-squared": A**2,
    "a-to-the-b": A**B,
    "sin-a": A.sin(),
    "cos-tan": (A * B).cos() + (B / 4).tan(),
    "exp-a": (A / 3).exp(),
    "log-a": A.log(),
    "arcs": (A / 4).arcsin() - (B / 4).arccos() + B.arctan(),
    "abs-a-minus-2b": (A - 2 * B).abs(),
    "sum-of-three": 0.5 * A + 2 * B - C,
    "cancels": A - A + 0.3 * B,
    "product-of-sums": (A + B) * (A - C),
    "a-squared-minus-a-b": A**2 - A * B,
}


def expression_cases() -> list[Case]:
    """Each expression as an angle of rotations, of a gate with two angles, and in two places."""
    return [
        case(f"expression-{name}", around(lib.RXGate(e), lib.RGate(e, A), lib.RZXGate(e)))
        for name, e in EXPRESSIONS.items()
    ]


def shared_parameter() -> QuantumCircuit:
    """One parameter in many gates of many kinds, a second one in some of them."""
    circuit = scramble(3, seed=3)
    for qubit in range(3):
        circuit.rx(A, qubit)
        circuit.p(A, qubit)
    circuit.crx(A, 0, 1)
    circuit.u(A, A * B, A, 2)
    circuit.cu(A, B, A, 2 * A, 2, 0)
    circuit.rzz(A, 1, 2)
    circuit.ry(A, 1)
    return circuit


def parameterized_phase() -> QuantumCircuit:
    """A global phase of one shared parameter and one of its own: F is zero on the latter."""
    circuit = scramble(2, seed=4)
    circuit.rx(A, 0)
    circuit.ry(B, 1)
    circuit.crz(A, 0, 1)
    circuit.global_phase = A**2 + 3 * C
    return circuit


def phase_gate() -> QuantumCircuit:
    """A phase as an instruction, also under a control."""
    circuit = scramble(2, seed=4)
    circuit.append(lib.GlobalPhaseGate(2 * A), [])
    circuit.append(lib.GlobalPhaseGate(B).control(1, annotated=False), [1])
    circuit.rx(A, 0)
    return circuit


def long_vector() -> QuantumCircuit:
    """A vector of 14 elements: index order θ[2] < θ[10] is not name order. Used back to front."""
    theta = ParameterVector("θ", 14)
    circuit = scramble(3, seed=5)
    for i, angle in enumerate(reversed(theta)):
        getattr(circuit, ("rx", "ry", "rz", "p")[i % 4])(angle, i % 3)
        circuit.cx(i % 3, (i + 1) % 3)
    return circuit


def two_vectors() -> QuantumCircuit:
    """Two vectors and loose parameters, interleaved, their names out of order of appearance."""
    beta, alpha = ParameterVector("β", 11), ParameterVector("α", 3)
    circuit = scramble(2, seed=6)
    circuit.ry(Parameter("z"), 0)
    for i, angle in enumerate(beta):
        circuit.rx(angle + alpha[i % 3], i % 2)
        circuit.cp(angle * alpha[i % 3], 0, 1)
    circuit.ry(Parameter("A"), 1)
    return circuit


# --- composites, modifiers, controls --------------------------------------------------------------


def block(first, second) -> QuantumCircuit:
    """A two-qubit subcircuit with two angles and a phase of its own."""
    circuit = QuantumCircuit(2, name="block", global_phase=first / 2)
    circuit.rx(first, 0)
    circuit.cx(0, 1)
    circuit.crz(2 * second, 1, 0)
    circuit.rzz(first * second, 0, 1)
    return circuit


def nested_block() -> Gate:
    """A gate made of gates made of gates."""
    circuit = QuantumCircuit(3, name="nested")
    circuit.append(block(A, B).to_gate(), [2, 0])
    circuit.append(block(B, A + B).to_gate().inverse(), [0, 1])
    circuit.ry(C, 2)
    return circuit.to_gate()


def annotated(gate: Gate, *modifiers) -> AnnotatedOperation:
    return AnnotatedOperation(gate, list(modifiers))


COMPOSITES = {
    "composite": block(A, B).to_gate(),
    "composite-instruction": block(A, B).to_instruction(),
    "composite-inverse": block(A, B).to_gate().inverse(),
    "composite-nested": nested_block(),
    "composite-nested-inverse": nested_block().inverse(),
    "composite-control": block(A, B).to_gate().control(1, annotated=False),
    "composite-control-open": block(A, B).to_gate().control(2, ctrl_state=1, annotated=False),
    "composite-power": block(A, B).power(2).to_gate(),
    "inverse-u": lib.UGate(A, B, C).inverse(),
    "inverse-u2": lib.U2Gate(A, B).inverse(),
    "inverse-cu": lib.CUGate(A, B, C, D).inverse(),
    "inverse-crx": lib.CRXGate(2 * A).inverse(),
    "inverse-r": lib.RGate(A, B).inverse(),
    "power-rx": lib.RXGate(A).power(3),
    "annotated-inverse": annotated(lib.UGate(A, B, C), InverseModifier()),
    "annotated-control": annotated(lib.RYGate(A), ControlModifier(2, 1)),
    "annotated-power": annotated(lib.UGate(A, B, C), PowerModifier(3)),
    "annotated-power-negative": annotated(lib.RGate(A, B), PowerModifier(-2)),
    "annotated-all": annotated(
        lib.UGate(A, B, A * B), PowerModifier(2), ControlModifier(1, 0), InverseModifier()
    ),
    "annotated-control-power": annotated(lib.PhaseGate(A), ControlModifier(1), PowerModifier(2)),
    "annotated-composite": annotated(block(A, B).to_gate(), InverseModifier(), ControlModifier(1)),
    "annotated-of-annotated": annotated(annotated(lib.RXGate(A), ControlModifier(1)), InverseModifier()),
    "annotated-fixed": annotated(lib.SGate(), ControlModifier(1), InverseModifier()),
    "annotated-evolution": annotated(
        lib.PauliEvolutionGate(SparsePauliOp(["XY", "ZI"], [0.7, 0.4]), A), ControlModifier(1, 0)
    ),
    "mc-rx": lib.RXGate(A).control(2, annotated=False),
    "mc-rx-state": lib.RXGate(A * B).control(3, ctrl_state="010", annotated=False),
    "mc-ry-state": lib.RYGate(A).control(2, ctrl_state=0, annotated=False),
    "mc-rz-state": lib.RZGate(A).control(2, ctrl_state=1, annotated=False),
    "mc-p": lib.MCPhaseGate(A, 3),
    "mc-p-state": lib.PhaseGate(A).control(3, ctrl_state=5, annotated=False),
    "mc-u": lib.UGate(A, B, C).control(2, ctrl_state=2, annotated=False),
    "mc-r": lib.RGate(A, B).control(1, annotated=False),
    "mc-rzz": lib.RZZGate(A).control(1, annotated=False),
    "mc-cu": lib.CUGate(A, B, C, D).control(1, annotated=False),
    "mc-crx": lib.CRXGate(A).control(1, ctrl_state=0, annotated=False),
    "crx-open": lib.CRXGate(A, ctrl_state=0),
    "cry-open": lib.CRYGate(A, ctrl_state=0),
    "crz-open": lib.CRZGate(A, ctrl_state=0),
    "cp-open": lib.CPhaseGate(A, ctrl_state=0),
    "cu-open": lib.CUGate(A, B, C, D, ctrl_state=0),
    "mc-rx-wide": lib.RXGate(A).control(5, ctrl_state=11, annotated=False),
    "mc-multi-target": lib.MCMTGate(lib.RYGate(A), 1, 2),
    "mc-annotated": lib.RXGate(A).control(3, ctrl_state=6, annotated=True),
}


def composite_cases() -> list[Case]:
    return [case(name, around(gate)) for name, gate in COMPOSITES.items()]


# --- evolutions -----------------------------------------------------------------------------------

COMMUTING = SparsePauliOp(["XX", "ZZ", "YY"], [0.5, -0.8, 0.3])
NON_COMMUTING = SparsePauliOp(["XZ", "ZY", "IX", "YI"], [0.5, 0.8, -0.3, 1.1])

EVOLUTIONS = {
    "evolution-one-term": lib.PauliEvolutionGate(SparsePauliOp(["XYZ"], [0.6]), A),
    "evolution-commuting": lib.PauliEvolutionGate(COMMUTING, A),
    "evolution-identity-term": lib.PauliEvolutionGate(SparsePauliOp(["II", "XY"], [0.9, 0.4]), A),
    "evolution-only-identity": lib.PauliEvolutionGate(SparsePauliOp(["II"], [0.9]), A),
    "evolution-non-commuting": lib.PauliEvolutionGate(NON_COMMUTING, A),
    "evolution-expression": lib.PauliEvolutionGate(NON_COMMUTING, A**2 + A * B),
    "evolution-list": lib.PauliEvolutionGate([COMMUTING, SparsePauliOp(["XI", "IX"], [0.4, 0.2])], A),
    "evolution-inverse": lib.PauliEvolutionGate(NON_COMMUTING, A).inverse(),
    "evolution-control": lib.PauliEvolutionGate(NON_COMMUTING, A).control(1, annotated=False),
    "evolution-heisenberg-5": lib.PauliEvolutionGate(
        SparsePauliOp.from_sparse_list(
            [(p, [i, i + 1], 0.4 + 0.1 * i) for i in range(4) for p in ("XX", "YY", "ZZ")], num_qubits=5
        ),
        A,
    ),
    "evolution-wide-string": lib.PauliEvolutionGate(SparsePauliOp(["XYZIYXZ"], [0.6]), A),
    "evolution-hamiltonian-gate": lib.HamiltonianGate(NON_COMMUTING.to_matrix(), 2 * A),
    "evolution-fixed-time": lib.PauliEvolutionGate(NON_COMMUTING, 0.6),
}


def evolution_cases() -> list[Case]:
    """exp(−i t H): one term, commuting terms, others; the time a parameter or an expression."""
    return [case(name, around(gate)) for name, gate in EVOLUTIONS.items()]


# --- whole circuits -------------------------------------------------------------------------------


def with_barriers_and_idle_qubits() -> QuantumCircuit:
    """Qubits 1 and 4 of five are never touched; a delay does nothing."""
    circuit = QuantumCircuit(5)
    circuit.h(0)
    circuit.rx(A, 2)
    circuit.barrier()
    circuit.delay(100, 2)
    circuit.crx(B, 2, 0)
    circuit.barrier(0, 3)
    circuit.u(A, B, C, 3)
    circuit.iswap(3, 0)
    circuit.ry(C, 3)
    return circuit


def layered(num_qubits: int, layers: int) -> QuantumCircuit:
    """A generic ansatz: ry, rz on every qubit, rzx on a ring, layer after layer."""
    theta = ParameterVector("θ", layers * 3 * num_qubits)
    angles = iter(theta)
    circuit = QuantumCircuit(num_qubits)
    for _ in range(layers):
        for qubit in range(num_qubits):
            circuit.ry(next(angles), qubit)
            circuit.rz(next(angles), qubit)
            circuit.rx(next(angles), qubit)
        for qubit in range(num_qubits - 1):
            circuit.cx(qubit, qubit + 1)
    return circuit


def dead_parameters() -> QuantumCircuit:
    """rz and p on |0⟩: the phase term removes them from F."""
    circuit = QuantumCircuit(2)
    circuit.rz(A, 0)
    circuit.p(B, 1)
    circuit.rz(C, 1)
    circuit.ry(D, 0)
    return circuit


def iqp(num_qubits: int) -> QuantumCircuit:
    """H, then rz and rzz on every subset of one or two qubits, then H. Oracle 11."""
    subsets = [s for size in (1, 2) for s in combinations(range(num_qubits), size)]
    circuit = QuantumCircuit(num_qubits)
    circuit.h(range(num_qubits))
    for angle, subset in zip(ParameterVector("θ", len(subsets)), subsets, strict=True):
        circuit.append(lib.RZGate(angle) if len(subset) == 1 else lib.RZZGate(angle), subset)
    circuit.h(range(num_qubits))
    return circuit


def named_like_gates() -> QuantumCircuit:
    """Composite gates whose names are those of standard instructions; a name has no meaning."""
    circuit = scramble(2, seed=7)
    for name in ("rx", "p", "u", "rzz", "id", "delay", "barrier", "initialize", "global_phase"):
        for first, second in ((A, B), (0.3, 0.4)):
            named = block(first, second)
            named.name = name
            circuit.append(named.to_gate(), [0, 1])
    return circuit


WHOLE: dict[str, Callable[[], QuantumCircuit]] = {
    "shared-parameter": shared_parameter,
    "parameterized-phase": parameterized_phase,
    "phase-gate": phase_gate,
    "long-vector": long_vector,
    "two-vectors": two_vectors,
    "barriers-idle-qubits": with_barriers_and_idle_qubits,
    "dead-parameters": dead_parameters,
    "named-like-gates": named_like_gates,
    "inverted-circuit": lambda: shared_parameter().inverse(),
    "controlled-circuit": lambda: scramble(4, seed=8).compose(shared_parameter().control(1, annotated=False)),
    "iqp-4": lambda: iqp(4),
    "layered-1": lambda: layered(1, 2),
    "layered-2-overparameterized": lambda: layered(2, 3),
    "layered-6": lambda: layered(6, 1),
    "layered-7": lambda: layered(7, 1),
    "real-amplitudes-4": lambda: lib.real_amplitudes(4, reps=2),
    "efficient-su2-5": lambda: lib.efficient_su2(5, reps=1),
    "zz-feature-map-3": lambda: lib.zz_feature_map(3, reps=2),
    "no-parameters": lambda: scramble(2, seed=9),
}


def whole_cases() -> list[Case]:
    return [case(name, build(), seed=i) for i, (name, build) in enumerate(WHOLE.items())]


CASES: list[Case] = [
    *angle_gate_cases(),
    *fixed_gate_cases(),
    *expression_cases(),
    *composite_cases(),
    *evolution_cases(),
    *whole_cases(),
]


# --- random circuits ------------------------------------------------------------------------------


def random_angle(generator: np.random.Generator, pool: list[Parameter]):
    """A number, a parameter of the pool, or an expression of one or two of them."""
    p, q = (pool[i] for i in generator.integers(len(pool), size=2))
    kinds = (generator.uniform(-3, 3), p, p, p, 2 * p, -p / 3 + 0.4, p * q, p**2, p.sin(), p + q)
    return kinds[generator.integers(len(kinds))]


def random_angle_gate(generator: np.random.Generator, pool: list[Parameter]) -> Gate:
    gate, angles = list(ANGLE_GATES.items())[generator.integers(len(ANGLE_GATES))]
    return gate(*(random_angle(generator, pool) for _ in range(angles)))


def random_gate(generator: np.random.Generator, pool: list[Parameter]) -> Gate:
    """Mostly a standard gate with angles; also fixed gates, controls, modifiers, evolutions, composites."""
    angle = random_angle(generator, pool)
    kinds: tuple[Callable[[], Gate], ...] = (
        lambda: FIXED_GATES[generator.integers(len(FIXED_GATES))],
        lambda: random_angle_gate(generator, pool).control(
            1, ctrl_state=int(generator.integers(2)), annotated=False
        ),
        lambda: annotated(random_angle_gate(generator, pool), InverseModifier(), PowerModifier(2)),
        lambda: lib.PauliEvolutionGate(NON_COMMUTING, angle),
        lambda: block(angle, random_angle(generator, pool)).to_gate(),
    )
    weights = np.array([len(kinds) * 2] + [1] * len(kinds))
    choice = generator.choice(len(weights), p=weights / weights.sum())
    return random_angle_gate(generator, pool) if choice == 0 else kinds[choice - 1]()


def random_circuit(generator: np.random.Generator, num_qubits: int, num_gates: int) -> QuantumCircuit:
    """Gates on random qubits, with few parameters that are reused and stand in expressions."""
    pool = [*ParameterVector("θ", 12)[8:], A, B]
    circuit = QuantumCircuit(num_qubits)
    circuit.h(range(num_qubits))
    while len(circuit.data) < num_qubits + num_gates:
        gate = random_gate(generator, pool)
        if gate.num_qubits <= num_qubits:
            qubits = generator.choice(num_qubits, size=gate.num_qubits, replace=False)
            circuit.append(gate, [int(q) for q in qubits])
    circuit.global_phase = random_angle(generator, pool)
    return circuit


def random_case(seed: int, *, num_qubits: int, num_gates: int) -> Case:
    generator = np.random.default_rng(seed)
    circuit = random_circuit(generator, num_qubits, num_gates)
    values = generator.uniform(-np.pi, np.pi, circuit.num_parameters)
    return Case(f"random-{seed:02d}-n{num_qubits}", circuit, values)


RANDOM_CASES: list[Case] = [
    random_case(seed, num_qubits=1 + seed % 5, num_gates=8 + seed % 9) for seed in range(40)
]
