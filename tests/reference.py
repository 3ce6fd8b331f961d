"""The naive reference: exact information matrices with neither qgeo nor torch.

    Q_ij = ⟨∂_iψ|∂_jψ⟩ − ⟨∂_iψ|ψ⟩⟨ψ|∂_jψ⟩        F_Q = 4 Re Q        F_C = Σ_y ∂_ip(y) ∂_jp(y) / p(y)

Qiskit gives the matrix of a bound gate, `Operator(gate)`, and the list of instructions; everything else is
dense numpy of size 2ⁿ × 2ⁿ. Derivatives are analytic, by the product rule over instructions. The entries of a
standard gate are trigonometric polynomials in each of its angles, with frequencies that are multiples of 1/2,
so the derivative by trigonometric interpolation over one period 4π is exact to rounding (Trefethen, Spectral
Methods in MATLAB, ch. 3). Evolutions, modifiers and composite gates are differentiated by their own formulas.
`test_reference.py` checks each step against something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from qiskit.circuit import (
    AnnotatedOperation,
    Barrier,
    ControlledGate,
    ControlModifier,
    Delay,
    InverseModifier,
    Operation,
    Parameter,
    ParameterExpression,
    QuantumCircuit,
)
from qiskit.circuit import library as lib
from qiskit.quantum_info import Operator, SparseObservable, SparsePauliOp
from scipy.linalg import expm

THRESHOLD = 1e-14
"""Outcomes with a probability of at most this are left out of F_C."""

ANGLE_GATES = frozenset(
    {
        *(lib.RGate, lib.RXGate, lib.RYGate, lib.RZGate, lib.PhaseGate, lib.GlobalPhaseGate),
        *(lib.UGate, lib.U1Gate, lib.U2Gate, lib.U3Gate),
        *(lib.RXXGate, lib.RYYGate, lib.RZZGate, lib.RZXGate, lib.XXPlusYYGate, lib.XXMinusYYGate),
        *(lib.CRXGate, lib.CRYGate, lib.CRZGate, lib.CPhaseGate, lib.CUGate, lib.CU1Gate, lib.CU3Gate),
    }
)
"""Gates whose parameters are angles: the matrix has period 4π in each of them."""

Values = Mapping[Parameter, float]
Derivatives = dict[Parameter, np.ndarray]


# --- trigonometric interpolation ------------------------------------------------------------------

SAMPLES = 21
"""Odd; exact for frequencies up to (SAMPLES − 1)/4 = 5."""

_STEPS = np.arange(1, SAMPLES)
SHIFTS = 4 * np.pi * _STEPS / SAMPLES
WEIGHTS = 0.25 * (-1.0) ** (_STEPS + 1) / np.sin(np.pi * _STEPS / SAMPLES)
"""f'(a) = Σ_j WEIGHTS_j f(a + SHIFTS_j) for every f of period 4π within the band."""


def angle_derivative(matrix_at, angles: list[float], position: int) -> np.ndarray:
    """∂ matrix_at(angles) / ∂ angles[position]."""
    unit = np.eye(len(angles))[position]
    samples = [matrix_at(list(angles + shift * unit)) for shift in SHIFTS]
    return np.tensordot(WEIGHTS, samples, axes=1)


# --- numbers from expressions ---------------------------------------------------------------------


def number(expression: ParameterExpression | float, values: Values) -> float:
    """The value of an angle, a time or a phase."""
    if not isinstance(expression, ParameterExpression):
        return float(expression)
    return float(expression.bind({p: values[p] for p in expression.parameters}).numeric())


def slopes(expression: ParameterExpression | float, values: Values) -> dict[Parameter, float]:
    """∂ expression / ∂ p for each parameter p in it."""
    if not isinstance(expression, ParameterExpression):
        return {}
    return {p: number(expression.gradient(p), values) for p in expression.parameters}


# --- one instruction: its matrix and the derivatives of that matrix -------------------------------


def unitary(operation: Operation, values: Values) -> tuple[np.ndarray, Derivatives]:
    """The matrix of an operation, and its derivative by every parameter in it."""
    if isinstance(operation, AnnotatedOperation):
        return _annotated(operation, values)
    if isinstance(operation, lib.PauliEvolutionGate):
        return _evolution(hamiltonian(operation), operation.time, values)
    if isinstance(operation, lib.HamiltonianGate):
        return _evolution(operation.params[0], operation.params[1], values)
    if not any(isinstance(p, ParameterExpression) for p in operation.params):
        return Operator(operation).data, {}
    if type(operation) in ANGLE_GATES:
        return _angle_gate(operation, values)
    if isinstance(operation, ControlledGate) and not isinstance(operation, lib.MCMTGate):
        base = unitary(operation.base_gate, values)
        return _control(base, operation.num_ctrl_qubits, operation.ctrl_state)
    return evolve(operation.definition, values, np.eye(2**operation.num_qubits, dtype=complex))


def _angle_gate(operation: Operation, values: Values) -> tuple[np.ndarray, Derivatives]:
    angles = [number(p, values) for p in operation.params]
    derivatives: Derivatives = {}
    for position, expression in enumerate(operation.params):
        parts = slopes(expression, values)
        if not parts:
            continue
        by_angle = angle_derivative(lambda a: matrix_at(operation, a), angles, position)
        for parameter, slope in parts.items():
            derivatives[parameter] = derivatives.get(parameter, 0) + slope * by_angle
    return matrix_at(operation, angles), derivatives


def matrix_at(operation: Operation, angles: list[float]) -> np.ndarray:
    """Operator(gate) with the gate's parameters replaced by numbers.

    A CUGate under a further control is, in Qiskit 2, a control on a UGate that holds four numbers,
    and means e^{iγ} U(θ, φ, λ).
    """
    phase = angles[3] if type(operation) is lib.UGate and len(angles) == 4 else None
    bound = operation.to_mutable()
    bound.params = list(angles if phase is None else angles[:3])
    return Operator(bound).data if phase is None else np.exp(1j * phase) * Operator(bound).data


def hamiltonian(gate: lib.PauliEvolutionGate) -> np.ndarray:
    """H of exp(−i t H), dense; a list of operators means their sum."""
    terms = gate.operator if isinstance(gate.operator, list) else [gate.operator]
    return sum(_dense(term) for term in terms)


def _dense(operator) -> np.ndarray:
    if isinstance(operator, SparseObservable):
        operator = SparsePauliOp.from_sparse_observable(operator)
    return operator.to_matrix()


def _evolution(h: np.ndarray, time, values: Values) -> tuple[np.ndarray, Derivatives]:
    matrix = expm(-1j * number(time, values) * h)
    return matrix, {p: slope * -1j * h @ matrix for p, slope in slopes(time, values).items()}


def _annotated(operation: AnnotatedOperation, values: Values) -> tuple[np.ndarray, Derivatives]:
    result = unitary(operation.base_op, values)
    for modifier in operation.modifiers:
        if isinstance(modifier, InverseModifier):
            result = _adjoint(result)
        elif isinstance(modifier, ControlModifier):
            result = _control(result, modifier.num_ctrl_qubits, modifier.ctrl_state)
        else:
            result = _power(result, modifier.power)
    return result


def _adjoint(result: tuple[np.ndarray, Derivatives]) -> tuple[np.ndarray, Derivatives]:
    matrix, derivatives = result
    return matrix.conj().T, {p: d.conj().T for p, d in derivatives.items()}


def _control(
    result: tuple[np.ndarray, Derivatives], controls: int, state: int
) -> tuple[np.ndarray, Derivatives]:
    """The controls are the first qubits of the operation, its least significant bits."""
    matrix, derivatives = result
    active = np.diag(np.eye(2**controls)[state])
    idle = np.kron(np.eye(len(matrix)), np.eye(2**controls) - active)
    return np.kron(matrix, active) + idle, {p: np.kron(d, active) for p, d in derivatives.items()}


def _power(result: tuple[np.ndarray, Derivatives], exponent: int) -> tuple[np.ndarray, Derivatives]:
    """d(Mᵏ) = Σ_j Mʲ dM Mᵏ⁻¹⁻ʲ for an integer k."""
    assert exponent == int(exponent), "a fractional power is not differentiated here"
    matrix, derivatives = _adjoint(result) if exponent < 0 else result
    times = abs(int(exponent))
    powers = [np.linalg.matrix_power(matrix, j) for j in range(times + 1)]
    return powers[times], {
        p: sum((powers[j] @ d @ powers[times - 1 - j] for j in range(times)), np.zeros_like(matrix))
        for p, d in derivatives.items()
    }


# --- a circuit ------------------------------------------------------------------------------------


def embed(matrix: np.ndarray, qubits: list[int], num_qubits: int) -> np.ndarray:
    """matrix on `qubits` (its first qubit the least significant) ⊗ identity on the rest, 2ⁿ × 2ⁿ."""
    rest = [q for q in range(num_qubits) if q not in qubits]
    full = np.kron(np.eye(2 ** len(rest)), matrix).reshape((2,) * (2 * num_qubits))
    held_by = rest + qubits[::-1]
    order = [held_by.index(q) for q in reversed(range(num_qubits))]
    return full.transpose(order + [num_qubits + i for i in order]).reshape(2**num_qubits, 2**num_qubits)


def evolve(circuit: QuantumCircuit, values: Values, start: np.ndarray) -> tuple[np.ndarray, Derivatives]:
    """U·start and ∂U·start for each parameter, by the product rule, instruction after instruction."""
    final, derivatives = start, {}
    for instruction in circuit.data:
        if isinstance(instruction.operation, (Barrier, Delay)):
            continue
        qubits = [circuit.find_bit(q).index for q in instruction.qubits]
        matrix, own = unitary(instruction.operation, values)
        gate = embed(matrix, qubits, circuit.num_qubits)
        derivatives = {p: gate @ d for p, d in derivatives.items()}
        for p, d in own.items():
            derivatives[p] = derivatives.get(p, 0) + embed(d, qubits, circuit.num_qubits) @ final
        final = gate @ final
    return _with_phase(circuit.global_phase, values, final, derivatives)


def _with_phase(
    phase: ParameterExpression | float, values: Values, final: np.ndarray, derivatives: Derivatives
) -> tuple[np.ndarray, Derivatives]:
    factor = np.exp(1j * number(phase, values))
    final, derivatives = factor * final, {p: factor * d for p, d in derivatives.items()}
    for p, slope in slopes(phase, values).items():
        derivatives[p] = derivatives.get(p, 0) + 1j * slope * final
    return final, derivatives


def bind(parameters: Iterable[Parameter], values) -> dict[Parameter, float]:
    """Values by parameter, from a mapping (parameters or names) or from numbers in order."""
    parameters = list(parameters)
    if isinstance(values, Mapping):
        by_name = {getattr(key, "name", key): float(value) for key, value in values.items()}
        return {p: by_name[p.name] for p in parameters}
    return dict(zip(parameters, map(float, values), strict=True))


def state_and_tangents(circuit: QuantumCircuit, values) -> tuple[np.ndarray, np.ndarray]:
    """ψ, shape (2ⁿ,), and ∂ψ, shape (P, 2ⁿ), rows in `circuit.parameters` order."""
    zero = np.eye(2**circuit.num_qubits, dtype=complex)[0]
    psi, derivatives = evolve(circuit, bind(circuit.parameters, values), zero)
    rows = [derivatives.get(p, np.zeros_like(psi)) for p in circuit.parameters]
    return psi, np.array(rows, dtype=complex).reshape(len(rows), len(psi))


def states(circuit: QuantumCircuit, values) -> np.ndarray:
    """ψ, shape (2ⁿ,)."""
    return state_and_tangents(circuit, values)[0]


def tangents(circuit: QuantumCircuit, values) -> np.ndarray:
    """∂ψ, shape (P, 2ⁿ), rows in `circuit.parameters` order."""
    return state_and_tangents(circuit, values)[1]


# --- information matrices -------------------------------------------------------------------------


def qgt_of(psi: np.ndarray, dpsi: np.ndarray) -> np.ndarray:
    """Q of one state and its tangents."""
    overlap = dpsi.conj() @ psi
    return dpsi.conj() @ dpsi.T - np.outer(overlap, overlap.conj())


def cfim_of(psi: np.ndarray, dpsi: np.ndarray) -> np.ndarray:
    """F_C of one state and its tangents, all qubits measured in Z."""
    p, dp = np.abs(psi) ** 2, 2 * (psi.conj() * dpsi).real
    seen = p > THRESHOLD
    return (dp[:, seen] / p[seen]) @ dp[:, seen].T


def qgt(circuit: QuantumCircuit, values, **options) -> np.ndarray:
    """Q, complex (P, P); options as in `information`."""
    return information(qgt_of, circuit, values, **options)


def qfim(circuit: QuantumCircuit, values, **options) -> np.ndarray:
    """F_Q = 4 Re Q, real (P, P)."""
    return 4 * qgt(circuit, values, **options).real


def cfim(circuit: QuantumCircuit, values, **options) -> np.ndarray:
    """F_C of the measured bitstrings, real (P, P)."""
    return information(cfim_of, circuit, values, **options)


def information(
    matrix_of, circuit: QuantumCircuit, values, *, parameters=None, inputs=None, input_parameters=()
) -> np.ndarray:
    """The mean over rows of `inputs` of matrix_of(ψ, ∂ψ), rows restricted to and ordered by `parameters`."""
    data = [_find(circuit, p) for p in input_parameters]
    trainable = [p for p in circuit.parameters if p not in data]
    shown = trainable if parameters is None else [_find(circuit, p) for p in parameters]
    index = {p: i for i, p in enumerate(circuit.parameters)}
    rows = [index[p] for p in shown]
    matrices = []
    for context in [()] if inputs is None else np.asarray(inputs, dtype=float):
        psi, dpsi = state_and_tangents(circuit, bind(trainable, values) | bind(data, context))
        matrices.append(matrix_of(psi, dpsi[rows]))
    return np.mean(matrices, axis=0)


def _find(circuit: QuantumCircuit, parameter: Parameter | str) -> Parameter:
    return circuit.get_parameter(getattr(parameter, "name", parameter))
