"""Program: a circuit as data, ready for simulation, with no Qiskit object inside.

A program is a sequence of elements: rotations about generators or Pauli strings, whose angles are functions
of its parameters, and fixed unitaries. The compiled engine reads these; the dense engine takes them fused
into blocks (`blocks.py`), which is done when first asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from qgeo.circuit.amplitudes import AmplitudeData
from qgeo.circuit.blocks import Part, RotationFactor, rotations_of
from qgeo.circuit.elements import Placed
from qgeo.circuit.expression import Expression
from qgeo.circuit.fusion import BlockShape, block_shapes, fuse
from qgeo.circuit.layers import Placeable, angle_layers


@dataclass(frozen=True, eq=False)
class Program:
    """A compiled circuit.

    Attributes:
        num_qubits: n; states have 2ⁿ amplitudes, qubit 0 the least significant bit.
        parameters: names of the trainable parameters, in `circuit.parameters` order; P of them.
        input_parameters: names of the data parameters, in the order they were given; d of them.
        angles: one expression per rotation over the columns (parameters, then input parameters);
            the first `num_shared_angles` depend on no data.
        elements: what acts on |0…0⟩, first to last, with indices of `angles`.
        items: what `layers` are made of.
        block_width: most qubits of a block of the dense engine; None for what was measured to be fastest.
        amplitudes: which inputs are given as amplitudes, and stand among `input_parameters` as angles; None
            where all are given as they are.
        measured: qubits that are read at the end, ascending; None where the circuit does not say, all then.
    """

    num_qubits: int
    parameters: tuple[str, ...]
    input_parameters: tuple[str, ...]
    angles: tuple[Expression, ...]
    num_shared_angles: int
    elements: tuple[Placed, ...]
    items: tuple[Placeable, ...]
    block_width: int | None = None
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
    def blocks(self) -> tuple[Part, ...]:
        """The elements, fused: matrices whose product, first to last, is theirs (`fusion.py`)."""
        return fuse(self.elements, self.num_qubits, self.block_width)

    @cached_property
    def block_shapes(self) -> tuple[BlockShape, ...]:
        """Sizes of the blocks, without making their matrices."""
        return block_shapes(self.elements, self.num_qubits, self.block_width)

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
            f"{self.num_inputs} inputs, {len(self.elements)} elements)"
        )
