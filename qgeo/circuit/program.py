"""Program: a circuit as data, ready for simulation, with no Qiskit object inside.

A program is a sequence of blocks. A block acts on a few qubits and is a product of factors, fixed
unitaries and rotations; its unitary and the unitary's derivatives are small dense matrices, and everything a
simulation does to states is a product with one of them. Blocks that depend on data have one matrix per
context; all others are shared by all contexts. Fixed gates between blocks that only move amplitudes and
change their phases are monomial matrices on all qubits at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from qgeo.circuit.amplitudes import AmplitudeData
from qgeo.circuit.elements import Matrix
from qgeo.circuit.expression import Expression
from qgeo.circuit.layers import Placeable, angle_layers
from qgeo.circuit.monomial import MonomialMatrix


@dataclass(frozen=True, eq=False)
class FixedFactor:
    """A unitary on all qubits of its block, (2ᵏ, 2ᵏ)."""

    matrix: Matrix


@dataclass(frozen=True, eq=False)
class RotationFactor:
    """exp(−i a G/2) on some qubits of its block.

    `positions` are positions in the block's qubits, the first the least significant bit of `generator`;
    `angle` is an index into the program's angles.
    """

    generator: Matrix
    positions: tuple[int, ...]
    angle: int


Factor = FixedFactor | RotationFactor


@dataclass(frozen=True, eq=False)
class Block:
    """A product of factors, first to last, on `qubits` (ascending, the first the least significant bit)."""

    qubits: tuple[int, ...]
    factors: tuple[Factor, ...]
    per_context: bool

    @property
    def dimension(self) -> int:
        return 1 << len(self.qubits)

    @property
    def rotations(self) -> tuple[RotationFactor, ...]:
        return tuple(factor for factor in self.factors if isinstance(factor, RotationFactor))


Part = Block | MonomialMatrix
"""What a program is a sequence of."""


def rotations_of(block: Part) -> tuple[RotationFactor, ...]:
    """The rotations of a block; nothing in a monomial matrix depends on a parameter."""
    return block.rotations if isinstance(block, Block) else ()


@dataclass(frozen=True, eq=False)
class Program:
    """A compiled circuit.

    Attributes:
        num_qubits: n; states have 2ⁿ amplitudes, qubit 0 the least significant bit.
        parameters: names of the trainable parameters, in `circuit.parameters` order; P of them.
        input_parameters: names of the data parameters, in the order they were given; d of them.
        angles: one expression per rotation over the columns (parameters, then input parameters);
            the first `num_shared_angles` depend on no data.
        blocks: what acts on |0…0⟩, first to last.
        items: what `layers` are made of.
        amplitudes: which inputs are given as amplitudes, and stand among `input_parameters` as angles; None
            where all are given as they are.
        measured: qubits that are read at the end, ascending; None where the circuit does not say, all then.
    """

    num_qubits: int
    parameters: tuple[str, ...]
    input_parameters: tuple[str, ...]
    angles: tuple[Expression, ...]
    num_shared_angles: int
    blocks: tuple[Part, ...]
    items: tuple[Placeable, ...]
    measured: tuple[int, ...] | None = None
    amplitudes: AmplitudeData | None = None

    @property
    def given_inputs(self) -> tuple[str, ...]:
        """Names of the inputs as they are given."""
        return self.input_parameters if self.amplitudes is None else self.amplitudes.given

    @property
    def dimension(self) -> int:
        return 1 << self.num_qubits

    @cached_property
    def layers(self) -> tuple[tuple[int, ...], ...]:
        """Angles by layers of commuting rotations, in circuit order (`layers.py`)."""
        return angle_layers(self.items)

    @cached_property
    def by_angle(self) -> Program:
        """The same circuit with a parameter of its own for every angle, an input where it depends on data."""
        names = tuple(f"angle_{angle}" for angle in range(len(self.angles)))
        shared = self.num_shared_angles
        plain = tuple(Expression((angle,), (1.0,), 0.0, None) for angle in range(len(names)))
        return replace(self, parameters=names[:shared], input_parameters=names[shared:], angles=plain)

    @property
    def num_parameters(self) -> int:
        return len(self.parameters)

    @property
    def num_inputs(self) -> int:
        return len(self.input_parameters)

    @property
    def rotations(self) -> tuple[RotationFactor, ...]:
        """Every rotation, block by block."""
        return tuple(rotation for block in self.blocks for rotation in rotations_of(block))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all parameters: trainable ones, then data."""
        return self.parameters + self.input_parameters

    def __repr__(self) -> str:
        return (
            f"Program({self.num_qubits} qubits, {self.num_parameters} parameters, "
            f"{self.num_inputs} inputs, {len(self.blocks)} blocks)"
        )
