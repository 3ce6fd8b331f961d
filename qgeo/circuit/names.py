"""Names of parameters, in whatever form they are given, and of qubits, for messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from qiskit import QuantumCircuit

from qgeo.arguments import shown
from qgeo.errors import ShapeError


def parameter_names(given: Any, what: str = "input_parameters") -> tuple[str, ...]:
    """Names of Parameters, of a ParameterVector's elements, or the names themselves; of one of them too.

    Args:
        what: the argument, for the message.

    Raises:
        ShapeError: something that is no parameter and no name.

    >>> parameter_names("theta"), parameter_names(None)
    (('theta',), ())
    """
    if given is None:
        return ()
    each = given if isinstance(given, Iterable) and not isinstance(given, str) else (given,)
    return tuple(_name(parameter, what) for parameter in each)


def _name(parameter: Any, what: str) -> str:
    name = parameter if isinstance(parameter, str) else getattr(parameter, "name", None)
    if not isinstance(name, str):
        raise ShapeError(f"expected parameters or their names as {what}, got {shown(parameter)}")
    return name


def in_registers(circuit: QuantumCircuit, qubits: Sequence[int]) -> str:
    """What qubits are called by a circuit of several registers, behind their numbers in a message.

    >>> from qiskit import QuantumRegister
    >>> circuit = QuantumCircuit(QuantumRegister(2, "a"), QuantumRegister(2, "b"))
    >>> f"qubit 2{in_registers(circuit, [2])}"
    'qubit 2, b[0]'
    """
    if len(circuit.qregs) < 2:
        return ""
    places = (circuit.find_bit(circuit.qubits[qubit]).registers[:1] for qubit in qubits)
    return "".join(f", {register.name}[{index}]" for place in places for register, index in place)
