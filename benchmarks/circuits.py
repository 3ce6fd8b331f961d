"""The circuits that are measured: RY–RZ–CX layers, and families that differ in their gates.

A family appends a layer to a circuit, with angles from an endless iterator; `FAMILIES` has them by name.
Those that are products of exponentials (`generators.py`) opponents without Qiskit build too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Instruction, Parameter, ParameterVector
from qiskit.circuit.library import PauliEvolutionGate
from qiskit.quantum_info import SparsePauliOp

from benchmarks.case import Case
from benchmarks.generators import GENERATORS, Generator, occupied_orbitals

Angles = Iterator[Parameter]
Layer = Callable[[QuantumCircuit, Angles, int], None]
"""Circuit, angles, number of the layer: appends it."""

_ROTATIONS = {"u": 3, "crx": 2, "cp": 3}
"""Pauli rotations that a gate of one angle or more is a product of, where it is not one."""


def circuit_of(case: Case) -> tuple[QuantumCircuit, ParameterVector]:
    """The circuit of a paired measurement and its data parameters, none where it has no contexts."""
    if case.is_layered:
        again = case.circuit == "reuploaded"
        return layered_circuit(case.n, case.layers, data=case.contexts > 0, again=again)
    return exponentials(case.circuit, case.n, case.layers), ParameterVector("x", 0)


def layered_circuit(
    num_qubits: int, layers: int, data: bool, again: bool = False
) -> tuple[QuantumCircuit, ParameterVector]:
    """RY(x) on every qubit, once or `again` in every layer; layers of RY, RZ and a CX chain."""
    x, t = ParameterVector("x", num_qubits), ParameterVector("t", 2 * num_qubits * layers)
    circuit, angles = QuantumCircuit(num_qubits), iter(t)
    for layer in range(layers):
        for qubit in range(num_qubits if data and (again or layer == 0) else 0):
            circuit.ry(x[qubit], qubit)
        _ry_rz(circuit, angles)
        _chain(circuit, circuit.cx)
    return circuit, x


def layered_with(num_qubits: int, num_parameters: int) -> QuantumCircuit:
    """RY–RZ–CX layers with so many parameters: the last layer ends where they do."""
    circuit, t = QuantumCircuit(num_qubits), ParameterVector("t", num_parameters)
    for number, angle in enumerate(t):
        row, qubit = divmod(number % (2 * num_qubits), num_qubits)
        (circuit.ry, circuit.rz)[row](angle, qubit)
        if (row, qubit) == (1, num_qubits - 1):
            _chain(circuit, circuit.cx)
    return circuit


def exponentials(name: str, n: int, layers: int) -> QuantumCircuit:
    """Π_k exp(−i t_k G_k) on |1…10…0⟩ for UCC, on |0…0⟩ otherwise."""
    circuit, found = QuantumCircuit(n), GENERATORS[name](n, layers)
    for qubit in occupied_orbitals(name, n):
        circuit.x(qubit)
    for generator, angle in zip(found, ParameterVector("t", len(found)), strict=True):
        _append(circuit, generator, angle, range(n))
    return circuit


def family(name: str, n: int, layers: int) -> QuantumCircuit:
    if name in GENERATORS:
        return exponentials(name, n, layers)
    circuit, angles = QuantumCircuit(n), (Parameter(f"t{number:05}") for number in count())
    for layer in range(layers):
        FAMILIES[name](circuit, angles, layer)
    return circuit


def num_rotations(circuit: QuantumCircuit) -> int:
    """Pauli rotations with an angle, counted as the gates are defined."""
    return sum(_rotations_of(each.operation) for each in circuit.data if each.operation.params)


def _rotations_of(gate: Instruction) -> int:
    if isinstance(gate, PauliEvolutionGate):
        return len(gate.operator)
    return _ROTATIONS.get(gate.name, 1)


def _append(
    circuit: QuantumCircuit, generator: Generator, angle: Parameter, qubits: range | list[int]
) -> None:
    circuit.append(PauliEvolutionGate(SparsePauliOp.from_list(generator), angle), qubits)


# --- layers -------------------------------------------------------------------------------------------------


def _ry_rz(circuit: QuantumCircuit, angles: Angles) -> None:
    _on_each(circuit, circuit.ry, angles)
    _on_each(circuit, circuit.rz, angles)


def _on_each(circuit: QuantumCircuit, gate: Callable[..., object], angles: Angles) -> None:
    for qubit in range(circuit.num_qubits):
        gate(next(angles), qubit)


def _chain(circuit: QuantumCircuit, gate: Callable[[int, int], object]) -> None:
    for qubit in range(circuit.num_qubits - 1):
        gate(qubit, qubit + 1)


def _chain_of_angles(circuit: QuantumCircuit, gate: Callable[..., object], angles: Angles) -> None:
    _chain(circuit, lambda first, second: gate(next(angles), first, second))


def _ring_of_angles(circuit: QuantumCircuit, angles: Angles) -> None:
    for qubit in range(circuit.num_qubits):
        circuit.rzz(next(angles), qubit, (qubit + 1) % circuit.num_qubits)


def _same(angle: Parameter) -> Angles:
    return (angle for _ in count())


def _ry_rz_cx(circuit: QuantumCircuit, angles: Angles, _layer: int) -> None:
    _ry_rz(circuit, angles)
    _chain(circuit, circuit.cx)


def _ry_rz_cz(circuit: QuantumCircuit, angles: Angles, _layer: int) -> None:
    _ry_rz(circuit, angles)
    _chain(circuit, circuit.cz)


def _u_cx(circuit: QuantumCircuit, angles: Angles, _layer: int) -> None:
    for qubit in range(circuit.num_qubits):
        circuit.u(next(angles), next(angles), next(angles), qubit)
    _chain(circuit, circuit.cx)


def _ry_crx(circuit: QuantumCircuit, angles: Angles, _layer: int) -> None:
    _on_each(circuit, circuit.ry, angles)
    _chain_of_angles(circuit, circuit.crx, angles)


def _ry_cp(circuit: QuantumCircuit, angles: Angles, _layer: int) -> None:
    _on_each(circuit, circuit.ry, angles)
    _chain_of_angles(circuit, circuit.cp, angles)


def _rx_rzz(circuit: QuantumCircuit, angles: Angles, _layer: int) -> None:
    _on_each(circuit, circuit.rx, angles)
    _chain_of_angles(circuit, circuit.rzz, angles)


def _h_ry_rz_cx(circuit: QuantumCircuit, angles: Angles, _layer: int) -> None:
    circuit.h(range(circuit.num_qubits))
    _ry_rz_cx(circuit, angles, _layer)


def _iqp(circuit: QuantumCircuit, angles: Angles, _layer: int) -> None:
    circuit.h(range(circuit.num_qubits))
    _on_each(circuit, circuit.rz, angles)
    _chain_of_angles(circuit, circuit.rzz, angles)


def _rz_sx(circuit: QuantumCircuit, angles: Angles) -> None:
    for _ in range(2):
        _on_each(circuit, circuit.rz, angles)
        circuit.sx(range(circuit.num_qubits))


def _rz_sx_ecr(circuit: QuantumCircuit, angles: Angles, _layer: int) -> None:
    _rz_sx(circuit, angles)
    _chain(circuit, circuit.ecr)


def _rz_sx_cz(circuit: QuantumCircuit, angles: Angles, _layer: int) -> None:
    _rz_sx(circuit, angles)
    _chain(circuit, circuit.cz)


def _qaoa(circuit: QuantumCircuit, angles: Angles, layer: int) -> None:
    """MaxCut of a ring: one angle for all RZZ, one for all RX."""
    if layer == 0:
        circuit.h(range(circuit.num_qubits))
    _ring_of_angles(circuit, _same(next(angles)))
    _on_each(circuit, circuit.rx, _same(next(angles)))


def _multi_angle_qaoa(circuit: QuantumCircuit, angles: Angles, layer: int) -> None:
    if layer == 0:
        circuit.h(range(circuit.num_qubits))
    _ring_of_angles(circuit, angles)
    _on_each(circuit, circuit.rx, angles)


_NON_COMMUTING: Generator = (("XX", 1.0), ("ZI", 0.5), ("IZ", 0.3))


def _non_commuting(circuit: QuantumCircuit, angles: Angles, _layer: int) -> None:
    """exp(−i t (XX + Z/2 + 0.3 Z)) on pairs, RY between the even ones and the odd ones."""
    for start in (0, 1):
        for qubit in range(start, circuit.num_qubits - 1, 2):
            _append(circuit, _NON_COMMUTING, next(angles), [qubit, qubit + 1])
        if start == 0:
            _on_each(circuit, circuit.ry, angles)


def _one_non_commuting(circuit: QuantumCircuit, angles: Angles, layer: int) -> None:
    _ry_rz_cx(circuit, angles, layer)
    if layer == 0:
        _append(circuit, _NON_COMMUTING, next(angles), [0, 1])


def _random(circuit: QuantumCircuit, angles: Angles, layer: int) -> None:
    """2n gates from a list of common ones, on qubits drawn without replacement."""
    draw = np.random.default_rng((7, layer))
    for _ in range(2 * circuit.num_qubits):
        first, second = (int(qubit) for qubit in draw.choice(circuit.num_qubits, 2, replace=False))
        name = str(draw.choice(["rx", "ry", "rz", "rxx", "ryy", "rzz", "crx", "cp", "h", "cx", "u", "t"]))
        num_angles, num_qubits = {"u": (3, 1), "h": (0, 1), "t": (0, 1), "cx": (0, 2)}.get(
            name, (1, 2 if len(name) == 3 or name == "cp" else 1)
        )
        gate = getattr(circuit, name)
        gate(*(next(angles) for _ in range(num_angles)), *(first, second)[:num_qubits])


FAMILIES: dict[str, Layer] = {
    "ryrzcx": _ry_rz_cx,
    "ryrzcz": _ry_rz_cz,
    "ucx": _u_cx,
    "crx": _ry_crx,
    "cp": _ry_cp,
    "rxrzz": _rx_rzz,
    "h": _h_ry_rz_cx,
    "iqp": _iqp,
    "ecr": _rz_sx_ecr,
    "cz": _rz_sx_cz,
    "qaoa": _qaoa,
    "maqaoa": _multi_angle_qaoa,
    "noncommuting": _non_commuting,
    "onenoncommuting": _one_non_commuting,
    "random": _random,
}
