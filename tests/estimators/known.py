"""F_Q known from pen and paper: the project's oracles 1 to 9 and 14, as (circuit, values, matrix)."""

from __future__ import annotations

import numpy as np
from cases import A
from estimators.runs import circuit_of
from numpy import cos, pi, sin
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.circuit import library as lib

T0, T1, T2, T3 = ParameterVector("t", 4)


def symmetric(*rows: list[float]) -> np.ndarray:
    """A symmetric matrix from the rows of its upper triangle."""
    upper = np.array([[0.0] * i + list(row) for i, row in enumerate(rows)])
    return upper + np.triu(upper, 1).T


def ghz(num_qubits: int) -> list[tuple]:
    return [("h", 0), *(("cx", i, i + 1) for i in range(num_qubits - 1))]


def shared_rz(num_qubits: int) -> list[tuple]:
    return [("rz", A, qubit) for qubit in range(num_qubits)]


def entangled_expressions() -> QuantumCircuit:
    circuit = lib.real_amplitudes(2, reps=1)
    t = circuit.parameters
    circuit.rz(t[0].exp() + 2 * t[1], 0)
    circuit.rx(3 * t[2] + t[3].sin(), 1)
    return circuit


def behind_an_entangler(a: float, b: float) -> np.ndarray:
    last = 3 - 2 * cos(a) ** 2 * cos(2 * b) - cos(2 * a)
    return symmetric([1, 0, -sin(b)], [cos(a) ** 2, -4 * 0.017259], [last / 4])


EULER = circuit_of(1, ("rx", T0, 0), ("ry", T1, 0), ("rz", T2, 0))
STOKES = circuit_of(
    3,
    *(("ry", pi / 4, 0), ("ry", pi / 3, 1), ("ry", pi / 7, 2), ("rz", T0, 0), ("rz", T1, 1)),
    *(("cx", 0, 1), ("cx", 1, 2), ("ry", T2, 1), ("rx", T3, 2), ("cx", 0, 1), ("cx", 1, 2)),
)
QUARTER_TURNS = [
    *([5.707309, 4.292483, 1.529587, 0.193860], [4.914214, 0.75, 0.883883]),
    *([3.443019, 0.075825], [1.135723]),
]
STOKES_METRIC = symmetric([0.125, 0, -0.005763, 0], [0.1875, 0.004075, 0], [0.249734, -0.015247], [0.202936])

ORACLES = {
    "1-berry": (circuit_of(1, ("h", 0), ("rz", T0, 0), ("rx", T1, 0)), [0.4, 1.1], [1, sin(0.4) ** 2]),
    "2-euler": (EULER, [1, 2, 3], symmetric([1, 0, -0.909297], [0.291927, -0.189201], [0.949445])),
    "3-quarter-turns": (
        circuit_of(1, ("rx", T0, 0), ("rz", T1, 0), ("rx", T2, 0)),
        [pi / 4] * 3,
        4 * symmetric([0.25, 0, 0.176777], [0.125, -0.088388], [0.1875]),
    ),
    "4-expressions": (entangled_expressions(), [pi / 4] * 4, symmetric(*QUARTER_TURNS)),
    "5-crx": (circuit_of(2, ("h", [0, 1]), ("crx", T0, 0, 1), ("ry", T1, 0)), [pi / 2, pi], [0.25, 0.5]),
    "6-stokes": (STOKES, [0.432, -0.123, 0.543, 0.233], 4 * STOKES_METRIC),
    "7-phase": (
        circuit_of(2, ("rx", T0, 0), ("ry", T1, 0), ("cx", 0, 1), ("p", T2, 1)),
        [1.7, 1.0, 0.5],
        behind_an_entangler(1.7, 1.0),
    ),
    "8-p": (circuit_of(1, ("h", 0), ("p", A, 0)), [0.3], [1]),
    "8-cp": (circuit_of(2, ("h", [0, 1]), ("cp", A, 0, 1)), [0.3], [0.75]),
    "8-crx-plus-zero": (circuit_of(2, ("h", 0), ("crx", A, 0, 1)), [0.3], [0.5]),
    "8-crx-plus-plus": (circuit_of(2, ("h", [0, 1]), ("crx", A, 0, 1)), [0.3], [0.25]),
    "8-crz-plus-plus": (circuit_of(2, ("h", [0, 1]), ("crz", A, 0, 1)), [0.3], [0.5]),
    "8-rzz-plus-plus": (circuit_of(2, ("h", [0, 1]), ("rzz", A, 0, 1)), [0.3], [1]),
    "8-rx-twice": (circuit_of(1, ("rx", A, 0), ("rx", A, 0)), [0.3], [4]),
    "8-rx-3a": (circuit_of(1, ("rx", 3 * A, 0)), [0.3], [9]),
    "8-ry-a-squared": (circuit_of(1, ("ry", A**2, 0)), [0.3], [0.36]),
    "8-rz-plus-5": (circuit_of(5, ("h", range(5)), *shared_rz(5)), [0.3], [5]),
    "8-rz-ghz-5": (circuit_of(5, *ghz(5), *shared_rz(5)), [0.3], [25]),
    "8-u": (circuit_of(1, ("u", T0, T1, T2, 0)), [0.8, 0.3, -1.4], [1, sin(0.8) ** 2, 0]),
    "9-bloch": (circuit_of(1, ("ry", T0, 0), ("rz", T1, 0)), [0.5, 0.2], [1, sin(0.5) ** 2]),
    "14-crx-gaps": (
        circuit_of(2, ("ry", pi / 2, 0), ("ry", 1.1, 1), ("crx", A, 0, 1)),
        [0.4],
        [1 / 2 - (sin(1.1) / 2) ** 2],
    ),
}


def oracle(name: str) -> tuple[QuantumCircuit, list[float], np.ndarray]:
    """Circuit, values, F_Q; the numbers of the list have six digits."""
    circuit, values, expected = ORACLES[name]
    return circuit, values, np.diag(expected) if np.ndim(expected) == 1 else expected
