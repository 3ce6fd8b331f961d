"""How much a text of OpenQASM comes to, before Qiskit reads it: its depth, and for OpenQASM 2 its length.

Qiskit's reader defines gates lazily, so a definition that calls another one twice, forty times over, is read
in no time and written out never. Here definitions, calls and broadcasts over registers are counted by their
names; whether the text is correct is for the reader to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from qgeo.circuit.loops import MOST_INSTRUCTIONS
from qgeo.circuit.qasm.values import MOST_QUBITS
from qgeo.errors import CircuitError

_COMMENT = re.compile(r"//[^\n]*")
_DEFINITION = re.compile(r"\bgate\s+(\w+)[^{;]*\{([^}]*)\}")
_REGISTER = re.compile(r"\b([qc])reg\s+(\w+)\s*\[\s*(\d+)\s*\]")
_CALL = re.compile(r"\s*(?:if\s*\([^)]*\))?\s*([A-Za-z_]\w*)\s*(?:\((.*)\))?(.*)", re.DOTALL)
_SILENT = {"OPENQASM", "include", "qreg", "creg", "opaque", "barrier"}
_BRACKET = re.compile(r"[(){}\[\]]")
_DEEPEST = 200  # brackets, chosen: about as many as OpenQASM 3's parser takes
_SIGNS = re.compile(r"(?:[-+~!]\s*){200}")
_MOST_DIGITS = 12  # of a register's size that is read as a number; a longer one is too large anyway


def check_depth(text: str) -> None:
    """
    Raises:
        CircuitError: brackets within brackets, or signs before signs, on which a parser would spend minutes.
    """
    depth = 0
    for bracket in _BRACKET.findall(text):
        depth += 1 if bracket in "([{" else -1
        if depth > _DEEPEST:
            raise CircuitError("it is nested too deeply")
    if _SIGNS.search(text):
        raise CircuitError("it is nested too deeply")


def defined_gates(text: str) -> frozenset[str]:
    """Names of the gates that a text defines.

    >>> sorted(defined_gates("gate cu(a) q, r { cx q, r; } gate mine q { x q; }"))
    ['cu', 'mine']
    """
    return frozenset(name for name, _ in _DEFINITION.findall(_COMMENT.sub("", text)))


def check_version_2(text: str) -> None:
    """
    Raises:
        CircuitError: more qubits, bits or instructions than are read.
    """
    code = _COMMENT.sub("", text)
    for kind, name in (("q", "qubits"), ("c", "bits")):
        _check(
            sum(_size(size) for each, _, size in _REGISTER.findall(code) if each == kind), MOST_QUBITS, name
        )
    sizes = {name: _size(size) for _, name, size in _REGISTER.findall(code)}
    lengths: dict[str, int] = {}
    for name, body in _DEFINITION.findall(code):
        lengths[name] = max(1, sum(_length(call, lengths, {}) for call in body.split(";")))
        _check(lengths[name], MOST_INSTRUCTIONS, f"instructions in gate {name}")
    calls = _DEFINITION.sub("", code).split(";")
    _check(sum(_length(call, lengths, sizes) for call in calls), MOST_INSTRUCTIONS, "instructions")


def _length(call: str, lengths: Mapping[str, int], sizes: Mapping[str, int]) -> int:
    """Instructions that a statement comes to, with definitions and broadcasts written out."""
    found = _CALL.match(call)
    if found is None or found[1] in _SILENT:
        return 0
    name, arguments, places = found.groups()
    length = lengths.get(name, 1)
    if name == "u0" and name not in lengths and (arguments or "").strip().isdigit():
        length = _size(arguments.strip())  # so many identities
    return length * max((sizes.get(place.strip(), 1) for place in places.split(",")), default=1)


def _size(digits: str) -> int:
    return int(digits) if len(digits) <= _MOST_DIGITS else 10**_MOST_DIGITS


def _check(count: int, most: int, what: str) -> None:
    if count > most:
        raise CircuitError(f"at most {most:,} {what} are read, got {count:,}")
