"""OpenQASM: circuits in and out of text, without surprises.

    read_qasm(dump_qasm(c)) ≡ c        same parameters in the same order, same matrix of every instruction

Reading (`read.py`): OpenQASM 3 (and 2, which has no parameters). Writing (`write.py`): OpenQASM 3.
"""

from __future__ import annotations

import logging
from pathlib import Path

from qiskit import QuantumCircuit

from qgeo.arguments import checked_path
from qgeo.circuit.qasm.read import MAX_BYTES, LoadedCircuit, load_qasm, read_qasm
from qgeo.circuit.qasm.write import dump_qasm
from qgeo.errors import CircuitError

__all__ = [
    "MAX_BYTES",
    "LoadedCircuit",
    "dump_qasm",
    "load_circuit",
    "load_qasm",
    "read_qasm",
    "save_circuit",
]


def load_circuit(path: str | Path) -> QuantumCircuit:
    """The circuit of an OpenQASM 3 or 2 file.

    Its parameters are in Qiskit's order, `circuit.parameters`; where the file declares another, or gives the
    arguments of a call in an order that looks permuted, a warning is logged.

    Raises:
        CircuitError: the file cannot be read, holds no OpenQASM that Qiskit understands, or comes to more
            than is read; one sentence, with the line where it is known.
    """
    loaded = load_qasm(path)
    if loaded.warning:
        logging.getLogger("qgeo").warning("%s: %s", path, loaded.warning)
    return loaded.circuit


def save_circuit(circuit: QuantumCircuit, path: str | Path) -> None:
    """Write a circuit as an OpenQASM 3 file that `load_circuit` reads back as the same circuit.

    A file that is there already is replaced, as by `numpy.save`.

    Parameters keep their order; those whose names OpenQASM lacks are renamed (`θ[3]` of twelve to `θ_03`), as
    comments in the file say.

    Raises:
        CircuitError: something that OpenQASM cannot carry, or a file that cannot be written.
    """
    if not isinstance(circuit, QuantumCircuit):
        raise CircuitError(
            f"expected a QuantumCircuit to save, got {type(circuit).__name__}; save_circuit(circuit, path)"
        )
    place = checked_path("an OpenQASM file to write", path, CircuitError)
    text = dump_qasm(circuit)
    try:
        place.write_text(text, encoding="utf-8", newline="\n")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CircuitError(f"cannot write {str(path)!r}: {reason}; choose another path") from None
