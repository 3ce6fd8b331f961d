"""Observables H = Σ_k w_k P_k as text: a file, or a sum such as "0.5*ZZ - 0.2*XI + XX".

A file is UTF-8 text with one term a line, its real weight before its label:

    # the transverse-field Ising model on two qubits
    -1.0 ZZ
    -1.0 IX
    -1.0 XI

Labels are of the letters I X Y Z, the rightmost on qubit 0, as Qiskit's. Repeated labels add up.
"""

from __future__ import annotations

import io
import math
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from qiskit.quantum_info import SparsePauliOp

from qgeo.arguments import checked_integer, checked_path
from qgeo.errors import ConfigurationError, QGeoError
from qgeo.files import Storage
from qgeo.observables.weights import real_weights

OBSERVABLE_FILES = Storage(
    name="observable",
    error=ConfigurationError,
    file_mode=0o644,
    folder_mode=0o755,
    when_full="choose another place",
    when_damaged="check the file",
    when_missing="check the path",
)

MOST_BYTES = 2**22
"""Some 130,000 terms of 12 qubits, read in two seconds."""

_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_LINE = re.compile(rf"(?P<weight>[+-]?{_NUMBER})\s+(?P<label>[IXYZ]+)", re.ASCII)
_SUMMAND = re.compile(
    rf"\s*(?P<sign>[+-]?)\s*(?:(?P<weight>[+-]?{_NUMBER})\s*\*?\s*)?(?P<label>[IXYZ]+)\s*(?=[+-]|$)", re.ASCII
)
_PATH = re.compile(
    r"\A[^\s*+]*([/\\][^*+]*|\.[A-Za-z]\w*)\Z"
)  # as paths have, and sums that can be read do not
_SHOWN = 40  # characters of a term in a message

Problem = Callable[[str], QGeoError]
"""The error of a text, from what is wrong with it."""


class _Term(NamedTuple):
    place: str  # "line 3"
    weight: float
    label: str


def load_observable(source: str | Path, num_qubits: int | None = None) -> SparsePauliOp:
    """The observable of a file or of a sum.

    Args:
        source: the path of a file, or a sum of terms; a string that is the path of an existing file is one.
        num_qubits: of the circuit that it is for, if that is known.

    Returns:
        each label once, in the order of the text, with real weights.

    Raises:
        ConfigurationError: a file that cannot be read, no terms, a weight that is not real and finite, labels
            of several lengths or other letters, or another number of qubits; with the file and the line.

    >>> load_observable("0.5*ZZ - 0.2*XI + XX")
    SparsePauliOp(['ZZ', 'XI', 'XX'],
                  coeffs=[ 0.5+0.j, -0.2+0.j,  1. +0.j])
    """
    path = checked_path("an observable to read", source)
    is_file = not isinstance(source, str) or os.path.isfile(source)  # unlike Path's, False for any odd name
    if num_qubits is not None:
        checked_integer("num_qubits", num_qubits, 1)
    return _from_file(path, num_qubits) if is_file else _from_sum(str(source), num_qubits)


def save_observable(observable: SparsePauliOp, path: str | Path) -> None:
    """Write a file that `load_observable` reads as the same observable, to the last bit of every weight.

    A file that is there already is replaced, once the new one is complete.

    Raises:
        ConfigurationError: weights that are not real and finite, no observable, or a file that cannot be
            written.
    """
    weights = real_weights(observable)
    place = checked_path("an observable file to write", path)
    pairs = zip(weights.tolist(), observable.paulis.to_labels(), strict=True)
    text = "".join(f"{weight!r} {label}\n" for weight, label in pairs)
    try:
        OBSERVABLE_FILES.write_text(place, text)
    except ValueError as error:  # a name that no file can have
        raise ConfigurationError(f"cannot write {str(path)!r}: {error}; choose another path") from None


# --- a file -------------------------------------------------------------------------------------------------


def _from_file(path: Path, num_qubits: int | None) -> SparsePauliOp:
    def problem(reason: str) -> QGeoError:
        return OBSERVABLE_FILES.damaged(path, reason)

    try:
        text = OBSERVABLE_FILES.read_text(path, MOST_BYTES)
    except ValueError as error:
        raise problem(str(error)) from None
    return _observable(list(_lines(text.removeprefix("\ufeff"), problem)), num_qubits, problem)


def _lines(text: str, problem: Problem) -> Iterator[_Term]:
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        content = line.partition("#")[0].strip()
        if not content:
            continue
        match = _LINE.fullmatch(content)
        if match is None:
            raise problem(
                f"line {number}: expected a finite real weight and a label of the letters I X Y Z, as in "
                f"'-0.2 XI', got {_shortened(content)}"
            )
        yield _Term(f"line {number}", float(match["weight"]), match["label"])


# --- a sum --------------------------------------------------------------------------------------------------


def _from_sum(text: str, num_qubits: int | None) -> SparsePauliOp:
    def problem(reason: str) -> QGeoError:
        if _PATH.search(text):
            came = "which is a folder" if os.path.isdir(text) else "and there is no such file"
            return ConfigurationError(
                f"expected a file of an observable, or a sum such as '0.5*ZZ - 0.2*XI', got {text!r}, "
                f"{came}; check the path"
            )
        return ConfigurationError(
            f"cannot read the observable {_shortened(text)}, which is no existing file: {reason}; give the "
            "path of a file, or a sum such as '0.5*ZZ - 0.2*XI'"
        )

    return _observable(list(_summands(text, problem)), num_qubits, problem)


def _summands(text: str, problem: Problem) -> Iterator[_Term]:
    end = number = 0
    while text[end:].strip():
        number += 1
        match = _SUMMAND.match(text, end)
        if match is None or (number > 1 and not match["sign"]):
            raise problem(
                f"term {number}: expected a finite real weight and a label of the letters I X Y Z, got "
                f"{_shortened(text[end:].strip())}"
            )
        sign = -1.0 if match["sign"] == "-" else 1.0
        yield _Term(f"term {number}", sign * float(match["weight"] or 1), match["label"])
        end = match.end()


# --- terms --------------------------------------------------------------------------------------------------


def _observable(terms: list[_Term], num_qubits: int | None, problem: Problem) -> SparsePauliOp:
    if not terms:
        raise problem("expected one or more terms, got none")
    first, weights = terms[0], dict[str, float]()
    for place, weight, label in terms:
        if len(label) != len(first.label):
            raise problem(
                f"{place}: expected a label of {len(first.label)} letters, as in {first.place}, got "
                f"{_shortened(label)} of {len(label)}"
            )
        weights[label] = weights.get(label, 0.0) + weight
        if not math.isfinite(weights[label]):
            raise problem(f"{place}: expected a finite weight of {_shortened(label)}, got {weights[label]}")
    if num_qubits is not None and len(first.label) != num_qubits:
        raise problem(f"expected labels of {num_qubits} letters, one per qubit, got {len(first.label)}")
    return SparsePauliOp(list(weights), np.array(list(weights.values())))


def _shortened(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…")
