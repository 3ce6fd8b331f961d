"""Ansätze: named families of parameterized circuits, data inputs included, measurement not.

With the encoding E(x) = Π_q RZ_q(x_{n+q}) RY_q(x_q), the rotations
R_l = Π_q RZ_q(θ_{2nl+n+q}) RY_q(θ_{2nl+q}), l = 0 … L−1,
and the chain C = CX_{n−2,n−1} ⋯ CX_{1,2} CX_{0,1} (rightmost factor first, CX_{control,target}):

    hardware-efficient   (C R_{L−1}) ⋯ (C R_0) E(x)                                 P = 2nL      2n inputs
    brickwork            (B_{L−1} R_{L−1}) ⋯ (B_0 R_0) E(x)                         P = 2nL      2n inputs
                         B_l = CX_{0,1} CX_{2,3} ⋯ for even l, CX_{1,2} CX_{3,4} ⋯ for odd l
    reuploading          (C R_{L−1} E(x)) ⋯ (C R_0 E(x))                            P = 2nL      2n inputs
    real-amplitudes      Π_l [C Π_q RY_q(θ_{nl+q})] · Π_q RY_q(x_q)                 P = nL       n inputs
    separable            R_{L−1} ⋯ R_0 E(x), no entangling gate: the control        P = 2nL      2n inputs
    separable-…          the same twin of reuploading and real-amplitudes           as theirs
    iqp                  H^⊗n Π_{q<r} RZZ_qr(θ) Π_q RZ_q(θ_q) Π_q RZ_q(x_q) H^⊗n    P = n(n+1)/2   n inputs

Start. With θ_0 … θ_{n−1} = π/2, all other θ and all x 0, every outcome has probability 2⁻ⁿ: RY(π/2) of the
first layer makes |+⟩ⁿ, which CX maps to itself; in iqp H RZ(π/2) H does the same to outcomes. The RZ of all
families but iqp are phases there: no outcome's probability depends on their angles.

Kandala et al. 2017 (hardware-efficient); Pérez-Salinas et al. 2020 (re-uploading); Shepherd & Bremner 2009
(IQP). Names are zero-padded (`theta_00`, `x_00`), so that their lexical order, which is Qiskit's and
survives OpenQASM, is their numerical order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations
from math import pi
from types import MappingProxyType

from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from qgeo.arguments import checked_integer
from qgeo.errors import ConfigurationError

BORN_ANSATZ, BORN_LAYERS = "hardware-efficient", 3
"""The circuit of a Born head where nothing else is asked for, and of the catalogue's born-4 to born-6."""

MAX_QUBITS, MAX_LAYERS = 30, 1000
"""Beyond these no statevector fits into memory, and no chain of gates is a tiny head any more."""


@dataclass(frozen=True)
class Start:
    """Where all outcomes of a family are equally probable, with data angles 0.

    Attributes:
        values: (P,) numbers of the trainable parameters there.
        phases: names of the angles, data included, that change no probability there, whatever they are.
    """

    values: tuple[float, ...]
    phases: frozenset[str]


@dataclass(frozen=True, eq=False)
class Ansatz:
    """A circuit of a named family.

    Attributes:
        name: the family, a key of `ANSATZE`.
        num_qubits, layers: n and L.
        circuit: without measurement; `circuit.parameters` is θ in numerical order, then x.
        input_parameters: names of the data parameters, in numerical order; all others are trainable.
        start: where all outcomes are equally probable.
    """

    name: str
    num_qubits: int
    layers: int
    circuit: QuantumCircuit
    input_parameters: tuple[str, ...]
    start: Start

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the trainable parameters, in numerical order."""
        data = set(self.input_parameters)
        return tuple(p.name for p in self.circuit.parameters if p.name not in data)


def ansatz(name: str, num_qubits: int, layers: int) -> Ansatz:
    """Build a circuit of the family `name`; the formulas stand at the top of this file.

    Args:
        name: a key of `ANSATZE`.
        num_qubits: n, 1 to 30.
        layers: L, 1 to 1000; "iqp" has exactly one, because its layers would commute.

    Raises:
        ConfigurationError: an unknown name, or numbers out of range.

    >>> built = ansatz("hardware-efficient", 2, 3)
    >>> built.parameters[:2], len(built.parameters), built.input_parameters
    (('theta_00', 'theta_01'), 12, ('x_00', 'x_01', 'x_02', 'x_03'))
    """
    if name not in ANSATZE:
        raise ConfigurationError(
            f"expected an ansatz out of {', '.join(ANSATZE)}, got {name!r}; choose one of these"
        )
    num_qubits = checked_integer("num_qubits", num_qubits, 1, MAX_QUBITS)
    layers = checked_integer("layers", layers, 1, MAX_LAYERS)
    circuit, inputs, phases = ANSATZE[name](num_qubits, layers)
    circuit.name = name
    others = circuit.num_parameters - len(inputs) - num_qubits
    start = Start((pi / 2,) * num_qubits + (0.0,) * others, frozenset(angle.name for angle in phases))
    return Ansatz(name, num_qubits, layers, circuit, tuple(angle.name for angle in inputs), start)


def zero_padded(prefix: str, count: int) -> list[Parameter]:
    """`prefix_00`, `prefix_01`, …: at least two digits, as many as the last one needs.

    >>> [parameter.name for parameter in zero_padded("theta", 101)][-2:]
    ['theta_099', 'theta_100']
    """
    width = max(2, len(str(count - 1)))
    return [Parameter(f"{prefix}_{number:0{width}d}") for number in range(count)]


# --- parts ------------------------------------------------------------------------------------------------

Built = tuple[QuantumCircuit, list[Parameter], list[Parameter]]
"""A circuit, its data parameters, and the parameters that are phases at the start."""

Entangler = Callable[[QuantumCircuit, int], None]


def _rotate(circuit: QuantumCircuit, angles: list[Parameter]) -> None:
    """RY(angles[q]), then RZ(angles[n + q]) on every qubit q."""
    n = circuit.num_qubits
    for qubit in range(n):
        circuit.ry(angles[qubit], qubit)
        circuit.rz(angles[n + qubit], qubit)


def _no_entangler(circuit: QuantumCircuit, layer: int) -> None:
    """Nothing: qubits stay in a product state."""


def _chain(circuit: QuantumCircuit, layer: int) -> None:  # noqa: ARG001 (every layer is the same)
    _cx(circuit, range(circuit.num_qubits - 1))


def _bricks(circuit: QuantumCircuit, layer: int) -> None:
    _cx(circuit, range(layer % 2, circuit.num_qubits - 1, 2))


def _cx(circuit: QuantumCircuit, controls: Iterable[int]) -> None:
    for qubit in controls:
        circuit.cx(qubit, qubit + 1)


def _layered(entangle: Entangler, *, encode_every_layer: bool = False) -> Callable[[int, int], Built]:
    def build(num_qubits: int, layers: int) -> Built:
        size = 2 * num_qubits
        theta, x = zero_padded("theta", size * layers), zero_padded("x", size)
        circuit = QuantumCircuit(num_qubits)
        for layer in range(layers):
            if layer == 0 or encode_every_layer:
                _rotate(circuit, x)
            _rotate(circuit, theta[layer * size : (layer + 1) * size])
            entangle(circuit, layer)
        phases = [angle for place, angle in enumerate([*theta, *x]) if place % size >= num_qubits]
        return circuit, x, phases

    return build


# --- families ---------------------------------------------------------------------------------------------


def _real(entangle: Entangler) -> Callable[[int, int], Built]:
    def build(num_qubits: int, layers: int) -> Built:
        theta, x = zero_padded("theta", num_qubits * layers), zero_padded("x", num_qubits)
        circuit = QuantumCircuit(num_qubits)
        for qubit in range(num_qubits):
            circuit.ry(x[qubit], qubit)
        for layer in range(layers):
            for qubit in range(num_qubits):
                circuit.ry(theta[layer * num_qubits + qubit], qubit)
            entangle(circuit, layer)
        return circuit, x, []

    return build


def _iqp(num_qubits: int, layers: int) -> Built:
    """Data enters by gates that commute with the trainable ones, so that F_Q = I for every θ and every x."""
    if layers != 1:
        raise ConfigurationError(f"expected layers = 1 for 'iqp', whose layers would commute, got {layers}")
    x = zero_padded("x", num_qubits)
    return iqp_circuit(num_qubits, x), x, []


def iqp_circuit(num_qubits: int, x: Iterable[Parameter] = ()) -> QuantumCircuit:
    """H^⊗n Π_{q<r} RZZ_qr(θ) Π_q RZ_q(θ_q) Π_q RZ_q(x_q) H^⊗n; pairs (q, r) in lexical order, after the RZ.

    The generators are distinct products Z_S, and ⟨+|Z_S Z_T|+⟩ = δ_ST: F_Q = I over θ, for every θ and x.
    """
    theta = zero_padded("theta", num_qubits * (num_qubits + 1) // 2)
    pairs = combinations(range(num_qubits), 2)
    circuit = QuantumCircuit(num_qubits)
    circuit.h(range(num_qubits))
    for qubit, angle in enumerate(x):
        circuit.rz(angle, qubit)
    for qubit in range(num_qubits):
        circuit.rz(theta[qubit], qubit)
    for angle, (first, second) in zip(theta[num_qubits:], pairs, strict=True):
        circuit.rzz(angle, first, second)
    circuit.h(range(num_qubits))
    return circuit


ANSATZE = MappingProxyType(
    {
        "hardware-efficient": _layered(_chain),
        "brickwork": _layered(_bricks),
        "reuploading": _layered(_chain, encode_every_layer=True),
        "iqp": _iqp,
        "real-amplitudes": _real(_chain),
        "separable": _layered(_no_entangler),
        "separable-reuploading": _layered(_no_entangler, encode_every_layer=True),
        "separable-real-amplitudes": _real(_no_entangler),
    }
)
"""Name → builder (num_qubits, layers) → (circuit, input parameters in numerical order, phases)."""

_SEPARABLE_TWINS = {
    "hardware-efficient": "separable",
    "brickwork": "separable",
    "reuploading": "separable-reuploading",
    "real-amplitudes": "separable-real-amplitudes",
}


def separable_twin(name: str) -> str:
    """The family with the same parameterized gates and no entangling one: what entanglement is compared with.

    Raises:
        ConfigurationError: it has none. In "iqp" the entangling gates are the trainable ones.

    >>> separable_twin("reuploading")
    'separable-reuploading'
    """
    if name not in _SEPARABLE_TWINS:
        raise ConfigurationError(f"expected an ansatz out of {', '.join(_SEPARABLE_TWINS)}, got {name!r}")
    return _SEPARABLE_TWINS[name]
