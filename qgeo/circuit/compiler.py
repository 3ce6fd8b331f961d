"""compile: a Qiskit circuit → a Program, once; later calls cost no Qiskit work."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
from qiskit import QuantumCircuit

from qgeo.arguments import checked_integer
from qgeo.circuit.amplitude_circuit import with_rotations
from qgeo.circuit.elements import Element, Fixed, Placed, Rotation
from qgeo.circuit.expression import Expression, expression
from qgeo.circuit.layers import Placeable
from qgeo.circuit.measured import measured_qubits, unitary_part
from qgeo.circuit.names import parameter_names
from qgeo.circuit.program import Program
from qgeo.circuit.unroll import Item, circuit_items
from qgeo.errors import CircuitError, ShapeError


def compile(
    circuit: QuantumCircuit, *, input_parameters: Any = (), block_width: int | None = None
) -> Program:
    """Compile a circuit for exact simulation.

    Args:
        circuit: any circuit made of unitary instructions, up to resets and `initialize` at its beginning and
            measurements at its end, which only name what `classical_fisher` reads; angles may be
            differentiable `ParameterExpression`s, parameters may repeat, the global phase may be
            parameterized.
        input_parameters: parameters that carry data (Parameters, a ParameterVector, or names), in the
            order of the columns of `inputs`; all others are trainable. Those of a `raw_feature_vector` are
            amplitudes of an initial state, normalised where they are not.
        block_width: most qubits whose gates are fused into one matrix, where the circuit goes through torch;
            by default what was measured to be fastest for the number of qubits.

    Returns:
        The program. Its trainable parameters are in `circuit.parameters` order.

    Raises:
        CircuitError: no qubits, or an instruction that is not unitary (named, with its position).
        ShapeError: an input parameter that the circuit does not have, or one named twice.
        ConfigurationError: a block width that is no positive integer.

    >>> from qiskit.circuit import Parameter
    >>> circuit = QuantumCircuit(1)
    >>> _ = circuit.ry(2 * Parameter("a"), 0)
    >>> compile(circuit)
    Program(1 qubits, 1 parameters, 0 inputs, 1 elements)
    """
    if isinstance(circuit, Program):
        raise CircuitError("expected a QuantumCircuit, got a Program, which is compiled; pass its circuit")
    if not isinstance(circuit, QuantumCircuit):
        raise CircuitError(f"expected a QuantumCircuit or a Program, got {type(circuit).__name__}")
    if circuit.num_qubits == 0:
        raise CircuitError("expected a circuit with at least one qubit, got none")
    width = None if block_width is None else checked_integer("block_width", block_width, 1)
    inputs = parameter_names(input_parameters)
    names = [parameter.name for parameter in circuit.parameters]
    _check_inputs(inputs, names)
    trainable = tuple(name for name in names if name not in set(inputs))
    rotated, amplitudes = with_rotations(circuit, inputs)
    inputs = inputs if amplitudes is None else amplitudes.names
    items = list(circuit_items(unitary_part(rotated)))
    elements = [_on_some_qubit(element) for item in items for element in item.elements]
    angles, numbered, num_shared = _number_angles(elements, trainable, inputs)
    return Program(
        num_qubits=circuit.num_qubits,
        parameters=trainable,
        input_parameters=inputs,
        angles=angles,
        num_shared_angles=num_shared,
        elements=numbered,
        items=_placeable(items, numbered),
        block_width=width,
        measured=measured_qubits(circuit),
        amplitudes=amplitudes,
    )


def _check_inputs(inputs: tuple[str, ...], names: list[str]) -> None:
    unknown = [name for name in inputs if name not in set(names)]
    if unknown:
        raise ShapeError(f"expected input parameters of the circuit, got {unknown}; it has {names[:8]}")
    if len(set(inputs)) < len(inputs):
        raise ShapeError(f"expected each input parameter once, got {list(inputs)}")


def _placeable(items: list[Item], numbered: tuple[Placed, ...]) -> tuple[Placeable, ...]:
    """The items as layers see them, with the angles of their elements."""
    angles = iter(placed.angle for placed in numbered)
    of_item = ([angle for angle in islice(angles, len(item.elements)) if angle is not None] for item in items)
    return tuple(item.placeable(tuple(chosen)) for item, chosen in zip(items, of_item, strict=True))


def _on_some_qubit(element: Element) -> Element:
    """A global phase acts on qubit 0, as a multiple of the identity."""
    if element.qubits:
        return element
    if isinstance(element, Fixed):
        return Fixed(np.kron(np.eye(2), element.matrix), (0,))
    assert isinstance(element, Rotation)
    return Rotation(np.kron(np.eye(2), element.generator), (0,), element.angle)


def _number_angles(
    elements: list[Element], trainable: tuple[str, ...], inputs: tuple[str, ...]
) -> tuple[tuple[Expression, ...], tuple[Placed, ...], int]:
    """Give every rotation the index of its angle, shared angles first."""
    columns = {name: column for column, name in enumerate(trainable + inputs)}
    read = [None if isinstance(e, Fixed) else expression(e.angle, columns) for e in elements]
    on_data = [angle is not None and max(angle.columns) >= len(trainable) for angle in read]
    order = sorted((i for i, angle in enumerate(read) if angle is not None), key=lambda i: on_data[i])
    index = {i: position for position, i in enumerate(order)}
    numbered = tuple(
        Placed(e if isinstance(e, Fixed) else replace(e, angle=index[i]), on_data[i])
        for i, e in enumerate(elements)
    )
    angles = tuple(angle for angle in (read[i] for i in order) if angle is not None)
    return angles, numbered, sum(not on_data[i] for i in order)
