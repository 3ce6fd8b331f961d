"""Dense matrices of gates on some qubits, the first qubit the least significant bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[Any]  # complex, 2ᵏ × 2ᵏ


def embedded(matrix: Matrix, positions: tuple[int, ...], num_qubits: int) -> Matrix:
    """`matrix` on the qubits at `positions`, the identity elsewhere: (2ⁿ, 2ⁿ)."""
    index = np.arange(2**num_qubits)
    inside = sum((((index >> q) & 1) << slot for slot, q in enumerate(positions)), np.zeros_like(index))
    mask = sum(1 << q for q in positions)
    same_elsewhere = (index[:, None] & ~mask) == (index[None, :] & ~mask)
    return np.where(same_elsewhere, matrix[inside[:, None], inside[None, :]], 0)
