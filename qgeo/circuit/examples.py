"""Single circuits of the frozen catalogue: those that are no member of a family.

First gates first, θ and x in numerical order, CX_{control,target}:

    stokes_circuit          the demonstration of quantum natural gradient, 3 qubits, 4 parameters
    abbas_network           a feature map of x, then real amplitudes in θ: 4 qubits, 40 parameters, 4 inputs
    bloch_walk_step         one step of the Bloch walk: a memory qubit and the two bits it emits
    controlled_rotations    RY(θ₀) RY(θ₁) RY(θ₂), then CRX₀₁(θ₃) CRY₁₂(θ₄) CRZ₂₀(θ₅) CP₀₁(θ₆) CRX₁₂(θ₃)

Stokes, Izaac, Killoran & Carleo, Quantum 4, 269 (2020); Abbas et al., Nature Computational Science 1, 403
(2021). The other circuits of the catalogue: `ansatz.py`, `variational.py`.
"""

from __future__ import annotations

from math import pi

from qiskit import QuantumCircuit
from qiskit.circuit.library import real_amplitudes, z_feature_map, zz_feature_map

from qgeo.circuit.ansatz import zero_padded


def stokes_circuit() -> QuantumCircuit:
    """The demonstration circuit of quantum natural gradient (Stokes et al. 2020, as in PennyLane's tutorial).

    RY(π/4), RY(π/3), RY(π/7) on 0, 1, 2;  RZ(θ₀) on 0, RZ(θ₁) on 1;  CX₀₁ CX₁₂;
    RY(θ₂) on 1, RX(θ₃) on 2;  CX₀₁ CX₁₂                                             (first to last)
    """
    theta = zero_padded("theta", 4)
    circuit = QuantumCircuit(3)
    for qubit, angle in enumerate((pi / 4, pi / 3, pi / 7)):
        circuit.ry(angle, qubit)
    circuit.rz(theta[0], 0)
    circuit.rz(theta[1], 1)
    _chain(circuit)
    circuit.ry(theta[2], 1)
    circuit.rx(theta[3], 2)
    _chain(circuit)
    return circuit


def _chain(circuit: QuantumCircuit) -> None:
    circuit.cx(0, 1)
    circuit.cx(1, 2)


def abbas_network(feature_map: str) -> QuantumCircuit:
    """A quantum neural network of Abbas et al. 2021, figure 3a: 4 qubits, 40 parameters, 4 inputs.

    zz_feature_map(4, reps=2) for "zz", z_feature_map(4, reps=1) for "z", then real_amplitudes(4, reps=9),
    with the parameters `theta_00` … `theta_39` and the inputs `x_00` … `x_03`.

    >>> abbas_network("z").num_parameters
    44
    """
    data = {"zz": zz_feature_map(4, reps=2), "z": z_feature_map(4, reps=1)}[feature_map]
    trained = real_amplitudes(4, reps=9)
    return QuantumCircuit(4).compose(_renamed(data, "x")).compose(_renamed(trained, "theta"))


def _renamed(circuit: QuantumCircuit, prefix: str) -> QuantumCircuit:
    """The circuit with its parameters, in their order, called `prefix_00`, `prefix_01`, …"""
    return circuit.assign_parameters(zero_padded(prefix, circuit.num_parameters))


def bloch_walk_step() -> QuantumCircuit:
    """One step of the Bloch walk as a unitary: memory on qubit 0, sign on 1, axis on 2, which start in |0⟩.

    RY(x₀) prepares the memory: it meets no other states than real ones. RY(θ₀) on the axis and RY(θ₁) on the
    sign, then, with P = Z where the axis is 0 and X where it is 1,

        CZ RY₁(θ₂) CZ = exp(−i θ₂ Y₁ Z₀/2),  Z₀ turned into P by controlled Hadamards on both sides

    At θ = (π/2, π/2, −2 arctan(β/α)) the memory is left as K|ψ⟩ where the axis a and the sign s are measured,

        K = (αI + (−1)ˢ βP)/(2√(α² + β²))

    the Kraus operators of the source `bloch-walk`, whose token is 2a + s.
    """
    theta, x = zero_padded("theta", 3), zero_padded("x", 1)
    memory, sign, axis = range(3)
    circuit = QuantumCircuit(3)
    circuit.ry(x[0], memory)
    circuit.ry(theta[0], axis)
    circuit.ry(theta[1], sign)
    circuit.ch(axis, memory)
    circuit.cz(memory, sign)
    circuit.ry(theta[2], sign)
    circuit.cz(memory, sign)
    circuit.ch(axis, memory)
    return circuit


def controlled_rotations() -> QuantumCircuit:
    """Controlled rotations about every axis, one angle in two gates; the gates stand at the top of this file.

    The generator of a controlled rotation is a projector times a Pauli matrix, with eigenvalues −1, 0, 1: not
    an involution, which is what rules for plain rotations take for granted.
    """
    theta = zero_padded("theta", 7)
    circuit = QuantumCircuit(3)
    for qubit in range(3):
        circuit.ry(theta[qubit], qubit)
    circuit.crx(theta[3], 0, 1)
    circuit.cry(theta[4], 1, 2)
    circuit.crz(theta[5], 2, 0)
    circuit.cp(theta[6], 0, 1)
    circuit.crx(theta[3], 1, 2)
    return circuit
