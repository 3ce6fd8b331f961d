"""OpenQASM text and files → circuits, with the order in which their parameters were declared.

Qiskit orders parameters by name, not by declaration (`t_2, t_10` become `t_10, t_2`):
`LoadedCircuit.declared` keeps the text's order, `LoadedCircuit.warning` tells where the two differ. Elements
of a vector, which Qiskit's exporter writes as `_θ_0_ … _θ_11_`, become elements of a vector again, in their
order.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openqasm3
from qiskit import QuantumCircuit, qasm2
from qiskit.circuit import ParameterVector

from qgeo.arguments import checked_path, shown
from qgeo.circuit.qasm.convert import Converter
from qgeo.circuit.qasm.count import check_length
from qgeo.circuit.qasm.limits import check_depth, check_version_2, defined_gates
from qgeo.errors import CircuitError

MAX_BYTES = 2**20
"""Longer OpenQASM 3 takes its parser minutes."""

MAX_BYTES_2 = 2**24
"""Of OpenQASM 2, whose parser reads 3 MB in a second."""

_HEADER = re.compile(r"^[ \t]*OPENQASM\s+(\d+)(?:\.\d+)?\s*;", re.MULTILINE)
_GATES_2 = re.compile(r"\binclude\s+\"qelib1\.inc\"")
_COMMENTS = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_ELEMENT = re.compile(r"_(.+)_(\d{1,4})_")
_FREE_NAME = re.compile(r"'(\w+)' is not a parameter or custom instruction|Undefined symbol '(\w+)'")
_ADVICE = "correct it, or write the circuit with qgeo.save_circuit"


@dataclass(frozen=True, eq=False)
class LoadedCircuit:
    """A circuit that came as text.

    Attributes:
        circuit: its parameters are in Qiskit's order: by name, elements of a vector by index.
        declared: names of the inputs in the order of their declaration in the text.
        version: of OpenQASM, 2 or 3.
        permuted: a sentence for each call whose arguments look permuted.
    """

    circuit: QuantumCircuit
    declared: tuple[str, ...]
    version: int = 3
    permuted: tuple[str, ...] = ()

    @property
    def warning(self) -> str | None:
        """One sentence where the declared order is not that of parameters, or a call's looks permuted."""
        sentences = [self._order(), *self.permuted[:3]]
        return "; ".join(sentence for sentence in sentences if sentence) or None

    def _order(self) -> str | None:
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
        CircuitError: the file cannot be read, is no UTF-8 text, no OpenQASM that Qiskit understands, or
            comes to more than is read; one sentence, with the line where it is known.
    """
    wanted = f"expected an OpenQASM file, got {str(path)!r}"
    place = checked_path("an OpenQASM file to read", path, CircuitError)
    try:
        with place.open("rb") as file:
            content = file.read(MAX_BYTES_2 + 1)
    except (OSError, ValueError) as error:
        raise CircuitError(f"{wanted}, which cannot be opened ({reason(error)}); check the path") from None
    return _read(_decoded(content, wanted), wanted)


def read_qasm(text: str) -> LoadedCircuit:
    """Read OpenQASM 3 or 2 text; errors as in `load_qasm`.

    >>> loaded = read_qasm("OPENQASM 3.0; input float t_2; input float t_10; qubit q; U(t_2, t_10, 0) q;")
    >>> loaded.declared, [parameter.name for parameter in loaded.circuit.parameters]
    (('t_2', 't_10'), ['t_10', 't_2'])
    """
    if not isinstance(text, str):
        raise CircuitError(f"expected OpenQASM text, a str, got {shown(text)}; load_qasm(path) reads a file")
    return _read(text, "expected OpenQASM text")


def original_name(name: str) -> str:
    """What Qiskit called a parameter that its exporter wrote as `name`, where it was an element of a vector.

    >>> original_name("_θ_3_"), original_name("theta_03")
    ('θ[3]', 'theta_03')
    """
    element = _ELEMENT.fullmatch(name)
    return name if element is None else f"{element[1]}[{int(element[2])}]"


def _decoded(content: bytes, wanted: str) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(content) <= MAX_BYTES_2:  # else a character may be cut
            raise CircuitError(f"{wanted}, which is not UTF-8 (byte {error.start}); check the path") from None
        text = content.decode("utf-8-sig", errors="replace")
    if "\0" in text:
        raise CircuitError(f"{wanted}, which is a binary file; check the path")
    return text


def _read(text: str, wanted: str) -> LoadedCircuit:
    if not text.strip():
        raise CircuitError(f"{wanted}, which is empty; write it with qgeo.save_circuit")
    version = _version(text)
    if version not in ("2", "3"):
        raise CircuitError(f"{wanted} in version {version}; OpenQASM 2 and 3 are known")
    most = MAX_BYTES_2 if version == "2" else MAX_BYTES
    if len(text) > most:
        raise CircuitError(
            f"{wanted}, which has more than {most} bytes, the most of OpenQASM {version}; compose it of "
            "smaller circuits"
        )
    try:
        check_depth(text)
        text = _header_first(text)
        return read_version_2(text) if version == "2" else read_version_3(text)
    except Exception as error:  # importers raise TypeError, IndexError, RecursionError … on strange text
        problem = f"{wanted} that Qiskit cannot read ({reason(error)})"
        raise CircuitError(f"{problem}; {_advice(reason(error), text, version)}") from None


def _advice(problem: str, text: str, version: str) -> str:
    """What to do about a text that cannot be read."""
    if _HEADER.search(_blanked(text)) is None:
        return "it has no header, as in OPENQASM 3.0; check that this is the file you mean"
    free = _FREE_NAME.search(problem)
    if free is None:
        return _ADVICE
    declared = f"'input float {free[1] or free[2]};'"
    if version == "3":
        return f"declare it, a parameter by {declared}"
    return (
        f"OpenQASM 2 has no parameters: declare it in OpenQASM 3, by {declared}, or write numbers, of which "
        "--parametrize makes parameters"
    )


def _version(text: str) -> str:
    """The major version a text declares; where it declares none, 2 if it includes the gates of 2, else 3."""
    code = _blanked(text)
    header = _HEADER.search(code)
    if header is not None:
        return header[1]
    return "2" if _GATES_2.search(code) else "3"


def _blanked(text: str) -> str:
    """The text with blanks for comments, so that lines and columns stay."""
    return _COMMENTS.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def _header_first(text: str) -> str:
    """The text with its header before all else, on the same lines: some files include gates first."""
    code = _blanked(text)
    header = _HEADER.search(code)
    if header is None or not code[: header.start()].strip():
        return text
    rest = text[: header.start()] + " " * (header.end() - header.start()) + text[header.end() :]
    return header[0].strip() + rest


def read_version_2(text: str) -> LoadedCircuit:
    """OpenQASM 2, which has no inputs. A gate that the text defines means what it says there."""
    check_version_2(text)
    own = defined_gates(text)
    known = [each for each in qasm2.LEGACY_CUSTOM_INSTRUCTIONS if each.name not in own]
    circuit = qasm2.loads(text, include_path=(), custom_instructions=known)
    return LoadedCircuit(circuit, (), version=2)


def read_version_3(text: str) -> LoadedCircuit:
    """OpenQASM 3, keeping the syntax tree for the declarations."""
    with redirect_stderr(io.StringIO()):  # the parser also prints what it raises
        program = openqasm3.parse(text)
    check_length(program)
    converter = Converter()
    circuit = converter.convert(program).circuit
    declared = _declared(program, circuit)
    names = _original_names(declared)
    return LoadedCircuit(
        _renamed(circuit, names),
        tuple(names[name] for name in declared),
        permuted=tuple(dict.fromkeys(converter.permuted)),
    )


def _declared(program: openqasm3.ast.Program, circuit: QuantumCircuit) -> tuple[str, ...]:
    """Names of the inputs as they are declared, a vector's elements one by one."""
    statements = (s for s in program.statements if isinstance(s, openqasm3.ast.IODeclaration))
    inputs = [s.identifier.name for s in statements if s.io_identifier.name == "input"]
    elements: dict[str, list[str]] = {}
    for parameter in circuit.parameters:
        vector = getattr(parameter, "vector", None)
        elements.setdefault(parameter.name if vector is None else vector.name, []).append(parameter.name)
    return tuple(name for each in inputs for name in elements.get(each, []))


def _original_names(declared: tuple[str, ...]) -> dict[str, str]:
    """What Qiskit called the inputs before it wrote them, where they are the elements of vectors in order."""
    originals = {name: original_name(name) for name in declared}
    indices: dict[str, list[int]] = {}
    for name in declared:
        element = _ELEMENT.fullmatch(name)
        if element is not None:
            indices.setdefault(element[1], []).append(int(element[2]))
    ordered = {vector for vector, own in indices.items() if own == sorted(set(own))}
    is_clear = len(set(originals.values())) == len(originals)
    return {
        name: original if is_clear and original.rpartition("[")[0] in ordered else name
        for name, original in originals.items()
    }


def _renamed(circuit: QuantumCircuit, names: dict[str, str]) -> QuantumCircuit:
    changed = {old: _ELEMENT.fullmatch(old) for old, new in names.items() if old != new}
    if not changed:
        return circuit
    places = {old: (match[1], int(match[2])) for old, match in changed.items() if match is not None}
    longest: dict[str, int] = {}
    for vector, index in places.values():
        longest[vector] = max(longest.get(vector, 0), index + 1)
    vectors = {vector: ParameterVector(vector, length) for vector, length in longest.items()}
    return circuit.assign_parameters({old: vectors[vector][index] for old, (vector, index) in places.items()})


def reason(error: BaseException) -> str:
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
