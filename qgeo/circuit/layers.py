"""Layers of commuting rotations: the blocks of the block-diagonal metric.

A rotation joins the current layer of its qubits if it commutes with every rotation of that layer and no
other gate came between; otherwise it opens the next one (Stokes et al. 2020, arXiv 1909.02108, section 3).
"""

from __future__ import annotations

import numpy as np

from qgeo.circuit.elements import Rotation, embedded
from qgeo.circuit.expression import Expression
from qgeo.circuit.fusion import Placed


def commuting_layers(
    items: list[Placed], angles: tuple[Expression, ...], num_parameters: int
) -> tuple[tuple[int, ...], ...]:
    """Trainable columns grouped by layer, in circuit order.

    Args:
        items: the circuit's elements; angles: their expressions; num_parameters: P, columns below it train.
    """
    levels = _rotation_levels(items)
    layer_of: dict[int, int] = {}
    for item, level in zip(items, levels, strict=True):
        for column in angles[item.angle].columns if item.angle is not None else ():
            if column < num_parameters:
                layer_of.setdefault(column, level)
    for column in range(num_parameters):  # one that moves nothing stands in the first layer
        layer_of.setdefault(column, 0)
    used = sorted(set(layer_of.values()))
    return tuple(tuple(sorted(c for c, layer in layer_of.items() if layer == level)) for level in used)


def _rotation_levels(items: list[Placed]) -> list[int]:
    """The layer number of each rotation (of the layer it ends, for other elements)."""
    level_of_qubit: dict[int, int] = {}
    members: dict[int, list[Rotation]] = {}
    levels = []
    for item in items:
        element = item.element
        level = max((level_of_qubit.get(qubit, 0) for qubit in element.qubits), default=0)
        if isinstance(element, Rotation):
            level = _joined_level(element, level, members)
            members.setdefault(level, []).append(element)
            after = level
        else:
            after = level + 1 if _touches(element.qubits, members.get(level, [])) else level
        level_of_qubit |= dict.fromkeys(element.qubits, after)
        levels.append(level)
    return levels


def _joined_level(rotation: Rotation, level: int, members: dict[int, list[Rotation]]) -> int:
    return level if all(_commute(rotation, other) for other in members.get(level, [])) else level + 1


def _touches(qubits: tuple[int, ...], rotations: list[Rotation]) -> bool:
    return any(set(qubits) & set(rotation.qubits) for rotation in rotations)


def _commute(one: Rotation, two: Rotation) -> bool:
    if not set(one.qubits) & set(two.qubits):
        return True
    qubits = sorted(set(one.qubits) | set(two.qubits))
    a, b = (
        embedded(rotation.generator, tuple(qubits.index(q) for q in rotation.qubits), len(qubits))
        for rotation in (one, two)
    )
    return bool(np.abs(a @ b - b @ a).max() <= 1e-12 * np.abs(a).max() * np.abs(b).max())
