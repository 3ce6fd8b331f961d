"""RV(v) = exp(−i (v_x X + v_y Y + v_z Z)/2) as rotations about fixed axes, for angles that are expressions.

    RV(v) = RZ(φ) RY(θ) RZ(|v|) RY(−θ) RZ(−φ),      v = |v| (sin θ cos φ, sin θ sin φ, cos θ)

Qiskit defines the gate at numbers only. Spherical coordinates have no derivative on the z axis (nor, as they
are written here, where v_y = 0 and v_x < 0 with both free): there the angles leave their domain.
"""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit.library import RVGate


def rotation_vector(gate: RVGate) -> QuantumCircuit:
    """The circuit of a gate of which at least one number is free."""
    circuit = QuantumCircuit(1, name=gate.name)
    free = [not _is_zero(number) for number in gate.params]
    if sum(free) == 1:
        axis = free.index(True)
        (circuit.rx, circuit.ry, circuit.rz)[axis](gate.params[axis], 0)
        return circuit
    azimuth, polar, length = _spherical(*gate.params)
    circuit.rz(-azimuth, 0)
    circuit.ry(-polar, 0)
    circuit.rz(length, 0)
    circuit.ry(polar, 0)
    circuit.rz(azimuth, 0)
    return circuit


def _spherical(x: Any, y: Any, z: Any) -> tuple[Any, Any, Any]:
    """(φ, θ, |v|); in a plane through the z axis θ has a sign, so that φ stays fixed."""
    length = _root(x * x + y * y + z * z)
    if _is_zero(y):
        return 0.0, 2 * _arctan(x / (length + z)), length
    if _is_zero(x):
        return pi / 2, 2 * _arctan(y / (length + z)), length
    across = _root(x * x + y * y)
    azimuth = 2 * _arctan(y / (across + x))
    return azimuth, pi / 2 if _is_zero(z) else 2 * _arctan(across / (length + z)), length


def _is_zero(number: Any) -> bool:
    return not getattr(number, "parameters", None) and float(number) == 0


def _root(number: Any) -> Any:
    return number**0.5


def _arctan(number: Any) -> Any:
    return number.arctan() if getattr(number, "parameters", None) else float(np.arctan(float(number)))
