"""A circuit whose initial state is data, with rotations in the place of `ParameterizedInitialize`.

qiskit-machine-learning's `raw_feature_vector` begins with an instruction that has a definition only at
numbers. It is recognised by its class, without importing that package.
"""

from __future__ import annotations

from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import Instruction, Parameter, Reset

from qgeo.circuit.amplitudes import AmplitudeData, angle_names, rotations
from qgeo.circuit.unroll import WITHOUT_EFFECT, is_symbolic
from qgeo.errors import CircuitError

_PREPARES_NOTHING = (*WITHOUT_EFFECT, Reset)


def with_rotations(
    circuit: QuantumCircuit, inputs: tuple[str, ...]
) -> tuple[QuantumCircuit, AmplitudeData | None]:
    """The circuit with rotations by angles of the data, one instruction for one, or itself without such data.

    Raises:
        CircuitError: amplitudes that are no inputs, stand elsewhere too, or are set on qubits in use.
    """
    found = [i for i, each in enumerate(circuit.data) if _is_free(each.operation)]
    if not found:
        return circuit, None
    _check(circuit, found, inputs)
    amplitudes = [parameter.name for parameter in circuit.data[found[0]].operation.params]
    angles = angle_names(len(amplitudes) - 1, [parameter.name for parameter in circuit.parameters])
    result = circuit.copy_empty_like()
    for position, each in enumerate(circuit.data):
        result.append(_prepared(angles) if position == found[0] else each.operation, each.qubits, each.clbits)
    return result, AmplitudeData(inputs, tuple(map(inputs.index, amplitudes)), angles)


def _is_free(operation: Any) -> bool:
    """Whether an operation sets amplitudes that are parameters."""
    kind = type(operation)
    theirs = (kind.__module__ or "").startswith("qiskit_machine_learning.")
    return theirs and kind.__name__ == "ParameterizedInitialize" and is_symbolic(operation)


def _prepared(angles: tuple[str, ...]) -> Instruction:
    num_qubits = len(angles).bit_length()
    circuit = QuantumCircuit(num_qubits, name="amplitudes")
    for name, (qubit, control) in zip(angles, rotations(num_qubits), strict=True):
        circuit.ry(Parameter(name), qubit)
        if control is not None:
            circuit.cx(control, qubit)
    return circuit.to_instruction()


def _check(circuit: QuantumCircuit, found: list[int], inputs: tuple[str, ...]) -> None:
    position = found[0]
    where = f"instruction {position} ('ParameterizedInitialize')"
    params = circuit.data[position].operation.params
    if len(found) > 1:
        raise CircuitError(f"{where}: expected one initial state that is data, got {len(found)}")
    names = {parameter.name for parameter in params if isinstance(parameter, Parameter)}
    if len(names) < len(params) or not names <= set(inputs):
        raise CircuitError(
            f"{where}: expected {len(params)} different amplitudes, all of them input parameters, as only "
            "data are given so; name them in input_parameters"
        )
    shared = names & _names_elsewhere(circuit, position)
    if shared:
        raise CircuitError(f"{where}: expected amplitudes that no gate has, got {sorted(shared)}")
    if _touched(circuit, position) & set(circuit.data[position].qubits):
        raise CircuitError(f"{where}: expected an initial state on qubits that nothing has touched")


def _names_elsewhere(circuit: QuantumCircuit, position: int) -> set[str]:
    """Parameters of all instructions but one."""
    others = (each.operation.params for i, each in enumerate(circuit.data) if i != position)
    angles = (angle for params in others for angle in params)
    return {parameter.name for angle in angles for parameter in getattr(angle, "parameters", ())}


def _touched(circuit: QuantumCircuit, position: int) -> set[Any]:
    """Qubits on which something acts before an instruction."""
    before = (each for each in circuit.data[:position] if not isinstance(each.operation, _PREPARES_NOTHING))
    return {qubit for each in before for qubit in each.qubits}
