"""OpenQASM: circuits in and out of text, without surprises.

    read_qasm(dump_qasm(c)) ≡ c        same parameters in the same order, same matrix of every instruction

Reading: OpenQASM 3 (and 2, which has no parameters). Qiskit orders parameters by name, not by declaration
(`t_2, t_10` become `t_10, t_2`): `LoadedCircuit.declared` keeps the file's order, `LoadedCircuit.warning`
tells where the two differ. Writing: Qiskit's exporter drops global phases, renames `θ[0]` and writes
functions it cannot read back, all without a word, so `dump_qasm` reads its own text again, compares, and
adds the phase.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openqasm3
import qiskit_qasm3_import
from qiskit import QuantumCircuit, qasm2, qasm3
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Operator

from qgeo.errors import CircuitError

MAX_BYTES = 2**20
"""Longer text takes the OpenQASM parser minutes."""

MAX_QUBITS = 10_000
"""Largest register that is read at all."""

_WIDEST_COMPARED = 8  # qubits of an instruction whose matrix is compared after the round trip
_WITHOUT_MATRIX = {"barrier", "delay"}
_TOLERANCE = 1e-12  # of a matrix's entries: angles are written to 16 digits, rounding adds up over factors


@dataclass(frozen=True, eq=False)
class LoadedCircuit:
    """A circuit that came as text.

    Attributes:
        circuit: its parameters are in Qiskit's order, by name.
        declared: names of the inputs in the order of their declaration in the text.
    """

    circuit: QuantumCircuit
    declared: tuple[str, ...]

    @property
    def warning(self) -> str | None:
        """One sentence where the declared order is not the order of parameters, else None."""
        order = [parameter.name for parameter in self.circuit.parameters]
        differing = [i for i, pair in enumerate(zip(self.declared, order, strict=False)) if len({*pair}) > 1]
        if not differing:
            return None
        return (
            f"the circuit declares {_listed(self.declared)}, but values are taken in the order "
            f"{_listed(order)} (by name; they differ from position {differing[0]} on): give them in that "
            "order or by name, or pad numbers in names with zeros"
        )


def load_qasm(path: str | Path) -> LoadedCircuit:
    """Read an OpenQASM 3 or 2 file.

    Raises:
        CircuitError: the file cannot be read, is no UTF-8 text, or no OpenQASM that Qiskit understands; one
            sentence, with the line where it is known.
    """
    wanted = f"expected an OpenQASM file, got {str(path)!r}"
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise CircuitError(f"{wanted}, which cannot be opened ({_reason(error)}); check the path") from None
    return _parsed(_decoded(content, wanted), wanted)


def read_qasm(text: str) -> LoadedCircuit:
    """Read OpenQASM 3 or 2 text; errors as in `load_qasm`.

    >>> loaded = read_qasm("OPENQASM 3.0; input float t_2; input float t_10; qubit q; U(t_2, t_10, 0) q;")
    >>> loaded.declared, [parameter.name for parameter in loaded.circuit.parameters]
    (('t_2', 't_10'), ['t_10', 't_2'])
    """
    return _parsed(text, "expected OpenQASM text")


def dump_qasm(circuit: QuantumCircuit) -> str:
    """OpenQASM 3 text of a circuit, which reads back as the same circuit.

    Raises:
        CircuitError: something that OpenQASM, as Qiskit writes and reads it, cannot carry: a parameter name
            that is no identifier, functions or powers in angles, an instruction without a unitary or one
            that its written definition does not reproduce.
    """
    text = _exported(circuit)
    back = _read_back(text)
    _check_names(circuit, back)
    return _with_phase(text, circuit, _lost_phase(circuit, back))


# --- reading ------------------------------------------------------------------------------------------------


def _decoded(content: bytes, wanted: str) -> str:
    if len(content) > MAX_BYTES:
        raise CircuitError(f"{wanted}, which has more than {MAX_BYTES} bytes; compose it of smaller circuits")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CircuitError(f"{wanted}, which is not UTF-8 (byte {error.start}); check the path") from None
    if "\0" in text:
        raise CircuitError(f"{wanted}, which is a binary file; check the path")
    return text


def _parsed(text: str, wanted: str) -> LoadedCircuit:
    if not text.strip():
        raise CircuitError(f"{wanted}, which is empty; write it with qiskit.qasm3.dumps")
    widest = max((int(size) for size in re.findall(r"\[\s*(\d{1,18})\s*\]", text)), default=0)
    if widest > MAX_QUBITS:
        raise CircuitError(f"{wanted} with a register of {widest} qubits; at most {MAX_QUBITS} are read")
    version = _version(text)
    if version not in ("2", "3"):
        raise CircuitError(f"{wanted} in version {version}; OpenQASM 2 and 3 are known")
    try:
        return _read_version_2(text) if version == "2" else _read_version_3(text)
    except Exception as error:  # importers raise TypeError, IndexError, RecursionError … on strange text
        raise CircuitError(
            f"{wanted} that Qiskit cannot read ({_reason(error)}); correct it, or write the circuit with "
            "qiskit.qasm3.dumps"
        ) from None


def _version(text: str) -> str:
    """The major version a text declares, 3 where it declares none."""
    without_comments = re.sub(r"//[^\n]*|/\*.*?\*/", " ", text, flags=re.DOTALL)
    header = re.match(r"\s*OPENQASM\s+(\d+)", without_comments)
    return header[1] if header else "3"


def _read_version_2(text: str) -> LoadedCircuit:
    circuit = qasm2.loads(text, include_path=(), custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
    return LoadedCircuit(circuit, ())


def _read_version_3(text: str) -> LoadedCircuit:
    """As `qiskit.qasm3.loads` reads it, keeping the syntax tree for the declarations."""
    with redirect_stderr(io.StringIO()):  # the parser also prints what it raises
        program = openqasm3.parse(text)
    return LoadedCircuit(qiskit_qasm3_import.convert(program), _declared(program))


def _declared(program: openqasm3.ast.Program) -> tuple[str, ...]:
    statements = (s for s in program.statements if isinstance(s, openqasm3.ast.IODeclaration))
    return tuple(s.identifier.name for s in statements if s.io_identifier.name == "input")


def _reason(error: BaseException) -> str:
    """What went wrong, on one line; the parser's messages start with a position or are empty."""
    token = _offending_token(error)
    if token is not None:
        return f"line {token.line}, column {token.column}: unexpected {token.text!r}"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    message = " ".join(str(getattr(error, "message", error)).split()) or type(error).__name__
    position = r"^(?:<input>:)?L?(\d+)(?:,|:C)(\d+): ?"
    return re.sub(position, r"line \1, column \2: ", message)


def _offending_token(error: BaseException | None) -> Any:
    """The token at which the parser gave up, found along the chain of exceptions."""
    while error is not None:
        inner = next((a for a in (error, *error.args) if getattr(a, "offendingToken", None)), None)
        if inner is not None:
            return inner.offendingToken
        error = error.__cause__
    return None


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names) if len(names) <= 12 else f"{', '.join(names[:11])}, … ({len(names)} in all)"


# --- writing ------------------------------------------------------------------------------------------------


def _exported(circuit: QuantumCircuit) -> str:
    try:
        return str(qasm3.dumps(circuit))
    except Exception as error:
        raise CircuitError(
            f"expected a circuit that OpenQASM 3 can express; Qiskit says: {_reason(error)}"
        ) from None


def _read_back(text: str) -> QuantumCircuit:
    try:
        return _read_version_3(text).circuit
    except Exception as error:
        raise CircuitError(
            "expected gates on qubits and angles of + − * / and numbers only, got a circuit whose OpenQASM "
            f"text cannot be read back ({_reason(error)}); give functions and powers parameters of their own"
        ) from None


def _check_names(circuit: QuantumCircuit, back: QuantumCircuit) -> None:
    """Equal names also mean equal order: both are sorted by name."""
    mine, theirs = ([p.name for p in each.parameters] for each in (circuit, back))
    if sorted(mine) != sorted(theirs):
        lost = sorted(set(mine) - set(theirs))
        raise CircuitError(
            f"expected parameter names that OpenQASM keeps, got {_listed(lost)}; rename to identifiers such "
            "as theta_00, theta_01 with numbers of equal length, so that they keep their order too"
        )


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
                f"instruction {position} ({name!r}): expected a unitary on at most {_WIDEST_COMPARED} qubits "
                "that OpenQASM reproduces up to a constant phase; decompose() this one, and remove "
                "measurements, resets and control flow"
            )
    constant = float(np.angle(np.prod(phases[0])))
    return constant if abs(constant) > _TOLERANCE else 0.0


def _bound(circuit: QuantumCircuit, values: Any) -> QuantumCircuit:
    try:
        return circuit.assign_parameters(list(values))
    except QiskitError as error:
        raise CircuitError(
            f"expected a circuit whose parameters can be bound ({_reason(error)}); decompose() it first"
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
    return [circuit.find_bit(qubit).index for qubit in instruction.qubits]


def _phase_factor(mine: Any, theirs: Any) -> complex:
    if mine.name in _WITHOUT_MATRIX and mine.name == theirs.name:
        return 1
    if mine.num_qubits > _WIDEST_COMPARED:
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
