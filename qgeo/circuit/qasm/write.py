"""Circuits → OpenQASM 3 text that reads back as the same circuit.

Qiskit's exporter drops global phases, renames `θ[0]` and permutes the arguments of composite gates, all
without a word. So composite gates are written out as the gates of their definitions, parameters get names
that OpenQASM keeps, in the same order, and the text is read again and compared before it is given away.

Names: `θ[3]` of a vector of twelve becomes `θ_03`; what is no identifier, or has a meaning in OpenQASM, gets
underscores; where that would change the order of names, all get their number in front, `p07_θ_03`. A comment
in the text says which name is which.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from qiskit import QuantumCircuit, qasm3
from qiskit.circuit import Parameter
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Operator

from qgeo.circuit.qasm.read import read_version_3, reason
from qgeo.circuit.standard_gates import WIDEST_KEPT, WITHOUT_MATRIX, in_standard_gates
from qgeo.errors import CircuitError

_TOLERANCE = 1e-12  # of a matrix's entries: angles are written to 16 digits, rounding adds up over factors
_HEADER = "OPENQASM 3.0;\n"


def dump_qasm(circuit: QuantumCircuit) -> str:
    """OpenQASM 3 text of a circuit, which reads back as the same circuit, its parameters in the same order.

    Raises:
        CircuitError: something that OpenQASM, as Qiskit writes and reads it, cannot carry: an instruction
            without a definition, one that its written definition does not reproduce, control flow that
            depends on outcomes.

    >>> from qiskit.circuit import ParameterVector
    >>> theta, circuit = ParameterVector("theta", 11), QuantumCircuit(1)
    >>> for angle in theta:
    ...     circuit.rx(angle, 0) and None
    >>> [line for line in dump_qasm(circuit).splitlines() if line.startswith("input")][2:4]
    ['input float[64] theta_02;', 'input float[64] theta_03;']
    """
    flat = in_standard_gates(circuit)
    names = _kept_names(flat)
    named = _with_names(flat, names)
    text = _exported(named)
    back = _read_back(text)
    return _commented(_with_phase(text, named, _lost_phase(named, back)), circuit, names)


# --- names --------------------------------------------------------------------------------------------------


def _kept_names(circuit: QuantumCircuit) -> list[str]:
    """Names for the parameters that OpenQASM keeps, in an order that stays."""
    width = len(str(circuit.num_parameters))
    own = list(_identifiers(circuit.parameters))
    numbered = [f"p{i:0{width}}_{name}" for i, name in enumerate(own)]
    for names in (own, [f"{name}_" for name in own], numbered):
        if names == sorted(set(names)) and _come_back(names):
            return names
    return [f"p{i:0{width}}" for i in range(len(own))]


def _identifiers(parameters: Sequence[Any]) -> Iterator[str]:
    """Names without brackets and other signs; indices of a vector as long as its longest one."""
    longest: dict[str, int] = {}
    for parameter in parameters:
        if getattr(parameter, "vector", None) is not None:
            name = parameter.vector.name
            longest[name] = max(longest.get(name, 0), len(str(parameter.index)))
    for parameter in parameters:
        vector = getattr(parameter, "vector", None)
        name = (
            parameter.name if vector is None else f"{vector.name}_{parameter.index:0{longest[vector.name]}}"
        )
        yield re.sub(r"\W|^(?=\d)", "_", name)


def _come_back(names: Sequence[str]) -> bool:
    """Whether Qiskit writes these names and reads them again."""
    probe = QuantumCircuit(1)
    for name in names:
        probe.rx(Parameter(name), 0)
    try:
        back = _read_back(_exported(probe))
    except CircuitError:
        return False
    return [parameter.name for parameter in back.parameters] == list(names)


def _with_names(circuit: QuantumCircuit, names: Sequence[str]) -> QuantumCircuit:
    changed = {old: Parameter(name) for old, name in _changed(circuit, names)}
    return circuit.assign_parameters(changed) if changed else circuit


def _changed(circuit: QuantumCircuit, names: Sequence[str]) -> list[tuple[Parameter, str]]:
    """Parameters with their new names, where those are new."""
    pairs = zip(circuit.parameters, names, strict=True)
    return [(parameter, name) for parameter, name in pairs if parameter.name != name]


def _commented(text: str, circuit: QuantumCircuit, names: Sequence[str]) -> str:
    """The text with a line for every name that was changed."""
    changed = _changed(circuit, names)
    lines = "".join(f"// {name} is {' '.join(old.name.split())}\n" for old, name in changed)
    return text.replace(_HEADER, f"{_HEADER}{lines}", 1)


# --- writing and comparing ----------------------------------------------------------------------------------


def _exported(circuit: QuantumCircuit) -> str:
    try:
        return str(qasm3.dumps(circuit))
    except Exception as error:
        raise CircuitError(
            f"expected a circuit that OpenQASM 3 can express; Qiskit says: {reason(error)}"
        ) from None


def _read_back(text: str) -> QuantumCircuit:
    try:
        return read_version_3(text).circuit
    except Exception as error:
        raise CircuitError(
            "expected gates on qubits and angles of elementary functions, got a circuit whose OpenQASM text "
            f"cannot be read back ({reason(error)}); decompose() the circuit first"
        ) from None


def _lost_phase(circuit: QuantumCircuit, back: QuantumCircuit) -> float:
    """The constant phase that the instructions of `back` lack together; in all else they must be the same."""
    if len(circuit.data) != len(back.data):
        raise CircuitError(
            f"expected {len(circuit.data)} instructions back from OpenQASM, got {len(back.data)}; "
            "decompose() the circuit first"
        )
    points = np.random.default_rng(0).uniform(0.1, 1, (2, circuit.num_parameters))
    phases = [_instruction_phases(_bound(circuit, point), _bound(back, point)) for point in points]
    for position, (here, there) in enumerate(zip(*phases, strict=True)):
        if not abs(here - there) < _TOLERANCE:  # NaN: the matrices differ by more than a phase
            name = circuit.data[position].operation.name
            raise CircuitError(
                f"instruction {position} ({name!r}): expected a unitary on at most {WIDEST_KEPT} qubits "
                "that OpenQASM reproduces up to a constant phase; decompose() this one, and remove control "
                "flow"
            )
    constant = float(np.angle(np.prod(phases[0])))
    return constant if abs(constant) > _TOLERANCE else 0.0


def _bound(circuit: QuantumCircuit, values: Any) -> QuantumCircuit:
    try:
        return circuit.assign_parameters(list(values))
    except QiskitError as error:
        raise CircuitError(
            f"expected a circuit whose parameters can be bound ({reason(error)}); decompose() it first"
        ) from None


def _instruction_phases(circuit: QuantumCircuit, back: QuantumCircuit) -> list[complex]:
    """For each instruction the factor e^{iφ} = mine / theirs; NaN where they differ by more than a phase."""
    return [
        _phase_factor(mine.operation, theirs.operation)
        if _places(circuit, mine) == _places(back, theirs)
        else complex("nan")
        for mine, theirs in zip(circuit.data, back.data, strict=True)
    ]


def _places(circuit: QuantumCircuit, instruction: Any) -> list[int]:
    return [circuit.find_bit(bit).index for bit in (*instruction.qubits, *instruction.clbits)]


def _phase_factor(mine: Any, theirs: Any) -> complex:
    if isinstance(mine, WITHOUT_MATRIX) and mine.name == theirs.name:
        return 1
    if mine.num_qubits > WIDEST_KEPT:
        return complex("nan")
    try:
        a, b = Operator(mine).data, Operator(theirs).data
    except QiskitError:
        return complex("nan")
    factor = complex(np.vdot(b, a)) / len(a)
    return factor if np.allclose(a, factor * b, rtol=0, atol=_TOLERANCE) else complex("nan")


def _with_phase(text: str, circuit: QuantumCircuit, constant: float) -> str:
    """The text with a `gphase` statement, which Qiskit reads but does not write."""
    phase = circuit.global_phase + constant
    if not getattr(phase, "parameters", None) and float(phase) == 0:
        return text
    text = f"{text.rstrip()}\ngphase({phase});\n"
    point = np.random.default_rng(1).uniform(0.1, 1, circuit.num_parameters)
    mine, theirs = (float(_bound(each, point).global_phase) for each in (circuit, _read_back(text)))
    if abs(np.exp(1j * (mine + constant - theirs)) - 1) > _TOLERANCE:
        raise CircuitError(
            f"expected a global phase that OpenQASM keeps, got {phase}; set circuit.global_phase = 0 "
            "(no Fisher matrix depends on it)"
        )
    return text
