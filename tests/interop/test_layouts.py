"""Transpiled circuits: every adapter reads the circuit's own qubits wherever they lie, or refuses.

The comment in each test names the planted faults it was seen to fail under, of: physical (basis states read
as they are numbered), initial (the layout before routing), bits (qubits in order, whatever was measured into
which bit), all (outcomes of idle qubits listed too), unasked (no refusal).
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from interop.jobs import distribution_slopes, generic, measured, values_for
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import CouplingMap, generate_preset_pass_manager
from qiskit_machine_learning.neural_networks import SamplerQNN
from qiskit_machine_learning.primitives import QMLSampler

from qgeo.circuit.layout import logical_qubits
from qgeo.errors import CircuitError
from qgeo.heads.born import BornHead
from qgeo.heads.pauli import PauliHead
from qgeo.interop import CircuitNetwork, ExactEstimatorGradient, ExactQGT, ExactSamplerGradient

PLAIN = generic(3, 4)
VALUES = values_for(PLAIN)
PAIRS = [(0, 0), (1, 1), (2, 2)]
LAYOUTS = [[0, 1, 2], [1, 0, 2], [3, 1, 4], [4, 0, 2]]
PERMUTED = [(0, 2), (1, 0), (2, 1)]


def on_a_line(circuit: QuantumCircuit, layout: list[int]) -> QuantumCircuit:
    """Transpiled to a line of five qubits, so that routing moves some."""
    line, basis = CouplingMap.from_line(5), ["rz", "sx", "x", "cx"]
    return generate_preset_pass_manager(
        1, coupling_map=line, basis_gates=basis, initial_layout=layout, seed_transpiler=1
    ).run(circuit)


def transpiled(layout: list[int], when: str = "never") -> QuantumCircuit:
    """The circuit on a line, measured before or behind the transpiler."""
    circuit = PLAIN.copy()
    if when == "before":
        circuit.measure_all()
    isa = on_a_line(circuit, layout)
    if when == "behind":
        isa.measure_all()
    return isa


def expected() -> tuple[np.ndarray, np.ndarray]:
    """p (8,) and ∂p (8, P) of the circuit before it was transpiled."""
    p, slopes = distribution_slopes(PLAIN, VALUES, 3, PAIRS)
    return np.array([p[y] for y in range(8)]), np.array([[own[y] for own in slopes] for y in range(8)])


def test_routing_moves_qubits_here():
    assert [logical_qubits(transpiled(layout)) for layout in LAYOUTS] != LAYOUTS


@pytest.mark.parametrize("when", ["never", "before", "behind"])
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_a_network_reads_the_circuits_own_qubits(layout, when):
    # Seen to fail under physical, initial.
    network = CircuitNetwork(transpiled(layout, when), weight_params=list(PLAIN.parameters))
    p, slopes = expected()
    assert network.output_shape == (8,)
    assert_allclose(network.forward(None, VALUES)[0], p, rtol=1e-9, atol=1e-12)
    assert_allclose(network.backward(None, VALUES)[1][0], slopes, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_sampler_qnn_reads_the_same(layout):
    # Seen to fail under physical, initial.
    isa = transpiled(layout)
    theirs = SamplerQNN(circuit=isa, weight_params=list(PLAIN.parameters), sampler=QMLSampler(shots=None))
    ours = CircuitNetwork(isa, weight_params=list(PLAIN.parameters))
    assert_allclose(ours.forward(None, VALUES), theirs.forward(None, VALUES), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_a_network_reads_what_was_measured_into_which_bit(layout):
    # Seen to fail under bits.
    circuit = measured(PLAIN, 3, *PERMUTED)
    network = CircuitNetwork(on_a_line(circuit, layout), weight_params=list(PLAIN.parameters))
    p, _ = distribution_slopes(PLAIN, VALUES, 3, PERMUTED)
    assert_allclose(network.forward(None, VALUES)[0], [p[y] for y in range(8)], rtol=1e-9, atol=1e-12)


def in_place() -> QuantumCircuit:
    """On five physical qubits all connected, the circuit's own ones first."""
    basis, full = ["rz", "sx", "x", "cx"], CouplingMap.from_full(5)
    return generate_preset_pass_manager(
        1, coupling_map=full, basis_gates=basis, initial_layout=[0, 1, 2], seed_transpiler=1
    ).run(PLAIN)


ISA = {"in place": in_place, **{str(own): partial(transpiled, own, "before") for own in LAYOUTS}}


@pytest.mark.parametrize("isa", ISA)
def test_a_gradient_inside_sampler_qnn(isa):
    # Seen to fail under all: their table has no place for outcomes of idle qubits.
    network = SamplerQNN(
        circuit=ISA[isa](),
        weight_params=list(PLAIN.parameters),
        gradient=ExactSamplerGradient(),
        sampler=QMLSampler(),
    )
    assert_allclose(network.backward(None, VALUES)[1][0], expected()[1], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("layout", LAYOUTS[1:], ids=str)
def test_a_gradient_by_physical_qubits_is_refused(layout):
    # Seen to fail under unasked.
    isa = transpiled(layout, "behind")
    with pytest.raises(CircuitError, match="measured before it was transpiled"):
        ExactSamplerGradient().run([isa], [VALUES]).result()


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_what_reads_no_outcomes_needs_no_layout(layout):
    isa = transpiled(layout)
    [found] = ExactQGT().run([isa], [VALUES]).result().qgts
    [wanted] = ExactQGT().run([PLAIN], [VALUES]).result().qgts
    assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)
    z = SparsePauliOp("IZX")
    [slopes] = ExactEstimatorGradient().run([isa], [z.apply_layout(isa.layout)], [VALUES]).result().gradients
    assert_allclose(
        slopes, ExactEstimatorGradient().run([PLAIN], [z], [VALUES]).result().gradients[0], rtol=1e-9
    )


@pytest.mark.parametrize("head", [BornHead, PauliHead])
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_a_head_takes_the_circuit_before_it_is_transpiled(head, layout):
    # Seen to fail under unasked: 32 outcomes of physical qubits were folded into 8 tokens.
    with pytest.raises(CircuitError, match="before it was transpiled"):
        head(8, 1, circuit=transpiled(layout))


def test_a_device_wide_circuit_is_refused_before_its_outcomes_are_listed():
    # Seen to fail where 2^40 outcomes were asked of numpy.
    wide = QuantumCircuit(40)
    wide.compose(PLAIN, [0, 1, 2], inplace=True)
    with pytest.raises(CircuitError, match=r"at most 26 qubits.*got 40"):
        CircuitNetwork(wide)
