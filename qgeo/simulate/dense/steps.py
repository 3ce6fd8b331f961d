"""Steps of a block: commuting rotations in their common eigenbasis, fixed gates absorbed in their neighbours.

    E(a) = F · V diag(exp(−i/2 Σ_r a_r λ_r)) V† · F₀,      V† G_r V = diag(λ_r) for every rotation r

A layer of rotations on different qubits, or of diagonal ones, is one step and costs one product, however
many rotations it has. Numbers only, made once per program.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from qgeo.circuit.blocks import Block, RotationFactor
from qgeo.circuit.matrices import Matrix, embedded


@dataclass(frozen=True, eq=False)
class CommutingStep:
    """Rotations that share an eigenbasis, D = 2ᵏ dimensions of a block.

    Attributes:
        left, right: (D, D), F·V and V†·F₀; spectra: one (D,) a rotation; generators: −i/2 F G_r F†.
        support: positions of the qubits that the rotations act on; ends: whether a fixed gate came behind.
    """

    left: Matrix
    right: Matrix
    spectra: tuple[Matrix, ...]
    generators: tuple[Matrix, ...]
    support: frozenset[int]
    ends: bool = False


def commuting_steps(block: Block) -> list[CommutingStep]:
    """The steps whose product, first to last, is the block; it has at least one rotation."""
    size = len(block.qubits)
    steps: list[CommutingStep] = []
    nothing: Matrix = np.eye(block.dimension, dtype=complex)
    leading = nothing
    for factor in block.factors:
        if isinstance(factor, RotationFactor):
            joined = _joined(steps[-1], factor, size) if steps else None
            if joined is None:
                steps.append(_opened(factor, size, nothing if steps else leading))
            else:
                steps[-1] = joined
        elif steps:
            steps[-1] = _followed(steps[-1], factor.matrix)
        else:
            leading = factor.matrix @ leading
    return steps


def _opened(rotation: RotationFactor, size: int, leading: Matrix) -> CommutingStep:
    spectrum, basis, generator = _embedded_eigenbasis(rotation, size)
    support = frozenset(rotation.positions)
    return CommutingStep(basis, basis.conj().T @ leading, (spectrum,), (-0.5j * generator,), support)


def _joined(step: CommutingStep, rotation: RotationFactor, size: int) -> CommutingStep | None:
    """The step with one more rotation, or None where they have no common eigenbasis at hand."""
    if step.ends:
        return None
    spectrum, basis, generator = _embedded_eigenbasis(rotation, size)
    left, right = step.left, step.right
    if step.support.isdisjoint(rotation.positions):
        left, right = left @ basis, basis.conj().T @ right
    else:
        inside = left.conj().T @ generator @ left
        spectrum = inside.diagonal().real
        if np.abs(inside - np.diag(spectrum)).max() > 1e-13 * np.abs(inside).max():
            return None
    return replace(
        step,
        left=left,
        right=right,
        spectra=(*step.spectra, spectrum),
        generators=(*step.generators, -0.5j * generator),
        support=step.support | set(rotation.positions),
    )


def _followed(step: CommutingStep, fixed: Matrix) -> CommutingStep:
    """The step with a fixed gate behind it: F ← fixed · F."""
    behind = tuple(fixed @ generator @ fixed.conj().T for generator in step.generators)
    return replace(step, left=fixed @ step.left, generators=behind, ends=True)


def _embedded_eigenbasis(rotation: RotationFactor, size: int) -> tuple[Matrix, Matrix, Matrix]:
    """Eigenvalues (D,) and eigenvectors (D, D) of a generator on all qubits of its block, and itself."""
    values, vectors = np.linalg.eigh(rotation.generator)
    index = np.arange(2**size)
    inside = sum(((index >> q) & 1) << slot for slot, q in enumerate(rotation.positions))
    basis = embedded(vectors, rotation.positions, size)
    return values[inside], basis, embedded(rotation.generator, rotation.positions, size)
