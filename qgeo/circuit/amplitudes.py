"""Amplitude data: inputs that are the amplitudes of an initial state, as rotation angles.

    x ∈ ℝ^(2ⁿ), x ≠ 0      →      Σ_z x_z/|x| |z⟩ = product of RY and CX

From the highest qubit to the lowest, an RY for every value of the qubits above divides a block of amplitudes
in two, by α = 2 arctan2(|second half|, |first half|), with signs in the last step. All RY of a qubit are 2ᵏ
plain ones with CX between them, by angles θ = M α, M_ij = (−1)^(b_j·g_i)/2ᵏ, g the Gray code (Möttönen et al.
2004).

Every angle is defined for every x ≠ 0, but not its derivative: where a block vanishes there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qgeo.errors import ShapeError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AmplitudeData:
    """Which inputs are amplitudes, and what the circuit gets instead of them.

    Attributes:
        given: names of the inputs as they are given; amplitudes: positions among them, basis state by basis
            state; angles: names of the 2ⁿ − 1 angles, which come after the other inputs.
    """

    given: tuple[str, ...]
    amplitudes: tuple[int, ...]
    angles: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the inputs that the circuit gets."""
        return tuple(self.given[i] for i in self._others()) + self.angles

    def encoded(self, inputs: Floats) -> Floats:
        """(B, len(given)) → (B, len(names)).

        Raises:
            ShapeError: amplitudes that are all 0.
        """
        angles = rotation_angles(inputs[:, list(self.amplitudes)])
        return np.concatenate([inputs[:, self._others()], angles], 1)

    def _others(self) -> list[int]:
        return [i for i in range(len(self.given)) if i not in set(self.amplitudes)]


def rotation_angles(amplitudes: Floats) -> Floats:
    """(B, 2ⁿ) → (B, 2ⁿ − 1) angles of the RY, in the order of `rotations`.

    Raises:
        ShapeError: a row of zeros.

    >>> rotation_angles(np.array([[0.0, 1.0]])) / np.pi
    array([[1.]])
    """
    if not amplitudes.any(1).all():
        row = int(np.flatnonzero(~amplitudes.any(1))[0])
        raise ShapeError(f"expected amplitudes that are not all 0, got zeros in row {row} of the inputs")
    num_qubits = amplitudes.shape[1].bit_length() - 1
    return np.concatenate([_angles_of(amplitudes, qubit) for qubit in reversed(range(num_qubits))], 1)


def rotations(num_qubits: int) -> Iterator[tuple[int, int | None]]:
    """For every RY its qubit, and the control of the CX behind it, if there is one.

    >>> list(rotations(2))
    [(1, None), (0, 1), (0, 1)]
    """
    for qubit in reversed(range(num_qubits)):
        count = 1 << (num_qubits - 1 - qubit)
        if count == 1:
            yield qubit, None
            continue
        for i in range(count):
            changed = _gray(i) ^ _gray((i + 1) % count)
            yield qubit, qubit + changed.bit_length()


def _angles_of(amplitudes: Floats, qubit: int) -> Floats:
    """θ of one qubit's rotations."""
    halves = amplitudes.reshape(len(amplitudes), -1, 2, 1 << qubit)
    sizes = halves[..., 0] if qubit == 0 else np.linalg.norm(halves, axis=-1)
    return np.asarray(2 * np.arctan2(sizes[..., 1], sizes[..., 0]) @ _mixing(sizes.shape[1]).T)


def _mixing(count: int) -> Floats:
    """M, (count, count)."""
    common = [[(j & _gray(i)).bit_count() for j in range(count)] for i in range(count)]
    return np.asarray((-1.0) ** np.array(common) / count)


def _gray(number: int) -> int:
    return number ^ (number >> 1)


def angle_names(count: int, taken: Sequence[str]) -> tuple[str, ...]:
    """Names of angles that no parameter has."""
    stem = "amplitude angle"
    while any(name.startswith(stem) for name in taken):
        stem = f"_{stem}"
    return tuple(f"{stem} {i:0{len(str(count))}}" for i in range(count))
