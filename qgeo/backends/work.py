"""Work: what one job runs, its fingerprint, and its circuits in a file."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit, qpy

from qgeo.backends.ledger_files import CircuitShape, shape_of
from qgeo.errors import LedgerError

Bits = NDArray[np.uint8]
"""Packed: rows, shots, bytes."""

_SAFE_QPY = 13
"""First version of Qiskit's format of circuits whose formulas are read without being evaluated as text."""


@dataclass(frozen=True, eq=False)
class Work:
    """Circuits of one job, their angles (rows, parameters) in `circuit.parameters` order, and its shots."""

    circuits: tuple[QuantumCircuit, ...]
    values: tuple[NDArray[np.float64], ...]
    shots: int

    @property
    def executions(self) -> int:
        return self.shots * sum(len(rows) for rows in self.values)

    @property
    def shapes(self) -> tuple[CircuitShape, ...]:
        """What its circuits look like from outside."""
        return tuple(shape_of(c, v) for c, v in zip(self.circuits, self.values, strict=True))


def fingerprint(work: Work, mark: str = "") -> str:
    """SHA-256 of gates, angles, shots and a mark: the same in every process, as QPY is not."""
    summary = hashlib.sha256((str(work.shots) + mark).encode())
    for circuit, rows in zip(work.circuits, work.values, strict=True):
        for step in circuit.data:
            places = [circuit.find_bit(bit).index for bit in (*step.qubits, *step.clbits)]
            numbers = [np.asarray(p).tolist() if isinstance(p, np.ndarray) else str(p) for p in step.params]
            summary.update(repr((step.operation.name, numbers, places)).encode())
        summary.update(np.ascontiguousarray(rows).tobytes())
    return summary.hexdigest()


def loaded_circuits(content: bytes) -> list[QuantumCircuit]:
    """Circuits of a QPY file, as this version of Qiskit or one that is not much older writes it.

    Forms older than that are refused: they hold formulas as text, and reading those evaluates them.

    Raises:
        LedgerError: another form, or damage.
    """
    version = content[6] if content[:6] == b"QISKIT" and len(content) > 6 else 0
    if not _SAFE_QPY <= version <= qpy.common.QPY_VERSION:
        raise LedgerError(
            f"expected circuits in QPY version {_SAFE_QPY} to {qpy.common.QPY_VERSION}, as this version of "
            "Qiskit reads them, got another form; use the versions that the manifest names"
        )
    try:
        return list(qpy.load(io.BytesIO(content)))
    except Exception as error:
        raise LedgerError(f"expected circuits in a QPY file, got damage: {type(error).__name__}") from None


def qpy_bytes(circuits: Sequence[QuantumCircuit]) -> bytes:
    """Circuits as this version of Qiskit writes them."""
    buffer = io.BytesIO()
    qpy.dump(list(circuits), buffer)
    return buffer.getvalue()
