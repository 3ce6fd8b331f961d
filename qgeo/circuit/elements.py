"""Elements: what a circuit is once Qiskit's gate names are gone.

    Rotation   U(a) = exp(−i a G / 2)      G Hermitian, a the angle (a parameter expression)
    Fixed      U                           any unitary

Every parameterized gate is a short product of rotations; controls, inverses and integer powers act on
elements, so that a gate is described once and its controlled, inverted and annotated forms follow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[Any]  # complex, 2ᵏ × 2ᵏ


@dataclass(frozen=True, eq=False)
class Rotation:
    """exp(−i angle generator / 2) on `qubits`, the first of them the least significant bit of the matrix.

    No qubits and a 1×1 generator make a global phase.
    """

    generator: Matrix
    qubits: tuple[int, ...]
    angle: Any  # a Qiskit ParameterExpression while compiling; the Program keeps an index instead


@dataclass(frozen=True, eq=False)
class Fixed:
    """A unitary without parameters on `qubits`, the first of them the least significant bit of the matrix."""

    matrix: Matrix
    qubits: tuple[int, ...]


Element = Rotation | Fixed


def rotation(generator: Matrix, qubits: tuple[int, ...], angle: Any) -> Element:
    """The rotation, or the fixed unitary it already is when its angle is a number."""
    if getattr(angle, "parameters", None):
        return Rotation(generator, qubits, angle)
    spectrum, basis = np.linalg.eigh(generator)
    return Fixed((basis * np.exp(-0.5j * float(angle) * spectrum)) @ basis.conj().T, qubits)


def global_phase(angle: Any) -> Element:
    """exp(i angle): a rotation about −2 on no qubits."""
    return rotation(np.array([[-2.0 + 0j]]), (), angle)


def controlled(elements: list[Element], controls: tuple[int, ...], state: int) -> list[Element]:
    """The same elements, acting only where the control qubits read `state`."""
    projector = np.zeros((2 ** len(controls),) * 2, dtype=complex)
    projector[state, state] = 1
    return [_control(element, controls, projector) for element in elements]


def _control(element: Element, controls: tuple[int, ...], projector: Matrix) -> Element:
    qubits = controls + element.qubits
    if isinstance(element, Rotation):
        return Rotation(np.kron(element.generator, projector), qubits, element.angle)
    idle = np.eye(len(projector)) - projector
    return Fixed(np.kron(np.eye(len(element.matrix)), idle) + np.kron(element.matrix, projector), qubits)


def inverted(elements: list[Element]) -> list[Element]:
    """The inverse: reversed order, opposite angles."""
    return [_invert(element) for element in reversed(elements)]


def _invert(element: Element) -> Element:
    if isinstance(element, Rotation):
        return replace(element, angle=-1 * element.angle)
    return Fixed(element.matrix.conj().T, element.qubits)


def placed(elements: list[Element], qubits: tuple[int, ...]) -> list[Element]:
    """The same elements with their qubit numbers read as positions in `qubits`."""
    return [replace(element, qubits=tuple(qubits[q] for q in element.qubits)) for element in elements]


def embedded(matrix: Matrix, positions: tuple[int, ...], num_qubits: int) -> Matrix:
    """`matrix` on the qubits at `positions`, the identity elsewhere: (2ⁿ, 2ⁿ)."""
    index = np.arange(2**num_qubits)
    inside = sum((((index >> q) & 1) << slot for slot, q in enumerate(positions)), np.zeros_like(index))
    mask = sum(1 << q for q in positions)
    same_elsewhere = (index[:, None] & ~mask) == (index[None, :] & ~mask)
    return np.where(same_elsewhere, matrix[inside[:, None], inside[None, :]], 0)
