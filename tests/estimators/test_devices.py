"""A fake device: permuted layouts, its noise, and 40 qubits as matrix product states."""

from __future__ import annotations

from functools import cache

import cases
import numpy as np
import pytest
import reference
from estimators.runs import circuit_of, generic_pair, shared_pair, values_of
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.primitives import BackendSamplerV2
from qiskit.transpiler import CouplingMap, generate_preset_pass_manager
from qiskit_aer import AerSimulator
from qiskit_aer.primitives import SamplerV2
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

import qgeo
from qgeo.errors import CircuitError
from qgeo.estimators.block_diagonal import BlockDiagonalQFI
from qgeo.estimators.diagonal import DiagonalQFI
from qgeo.estimators.layered import full_moments, layered_experiments
from qgeo.estimators.lin_comb import LinCombQFI
from qgeo.estimators.mid_circuit import MidCircuitQFI
from qgeo.estimators.outcomes import Outcomes
from qgeo.estimators.parameter_shift import ParameterShiftQFI
from qgeo.estimators.pauli_circuit import pauli_circuit
from qgeo.estimators.spsa import SPSAQFI

LAYOUT = [3, 1, 4]


class ByWidth:
    """A pass manager whose initial layout is as long as each circuit is wide."""

    def __init__(self, layout: list[int]) -> None:
        self.layout = layout

    def run(self, circuits):
        return [manila_passes(tuple(self.layout[: circuit.num_qubits])).run(circuit) for circuit in circuits]


@cache
def manila_passes(layout: tuple[int, ...]):
    return generate_preset_pass_manager(
        optimization_level=1, backend=FakeManilaV2(), initial_layout=list(layout), seed_transpiler=1
    )


# --- layouts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", [[0, 1, 2], LAYOUT, [4, 0, 2]], ids=str)
@pytest.mark.parametrize("method", [LinCombQFI, ParameterShiftQFI, MidCircuitQFI])
def test_a_layout_changes_nothing_without_noise(method, layout):
    circuit, values = generic_pair(), values_of(generic_pair())
    sampler = BackendSamplerV2(backend=AerSimulator(seed_simulator=7))
    actual = method(sampler, pass_manager=ByWidth(layout)).estimate(circuit, values, shots=4000)
    scores = (actual.matrix - reference.qfim(circuit, values)) / actual.stderr
    assert np.abs(scores).max() < 3.6


def test_a_plain_pass_manager_with_a_layout_serves_circuits_with_and_without_ancilla():
    sampler = BackendSamplerV2(backend=AerSimulator(seed_simulator=7))
    passes = manila_passes(tuple(LAYOUT))
    LinCombQFI(sampler, pass_manager=passes).estimate(generic_pair(), values_of(generic_pair()), shots=10)


def test_a_circuit_that_does_not_fit_is_refused():
    wide = cases.layered(5, 1)  # an ancilla makes six
    passes = generate_preset_pass_manager(1, coupling_map=CouplingMap.from_line(5))
    with pytest.raises(CircuitError, match=r"expected circuits that fit the target, got one of 6 qubits"):
        LinCombQFI(SamplerV2(), pass_manager=passes).estimate(wide, values_of(wide), shots=10)


# --- noise ----------------------------------------------------------------------------------------


def read_through(noise, isa: QuantumCircuit, values) -> Outcomes:
    """The exact noisy distribution of a transpiled circuit's bits, errors of the readout included."""
    bare, places = isa.assign_parameters(values), {}
    for step in isa.data:
        if step.operation.name == "measure":
            places[isa.find_bit(step.clbits[0]).index] = isa.find_bit(step.qubits[0]).index
    bare.remove_final_measurements()
    bits = sorted(places)
    bare.save_probabilities([places[bit] for bit in bits])
    simulator = AerSimulator(method="density_matrix", noise_model=noise)
    p = simulator.run(bare).result().data(0)["probabilities"].reshape((2,) * len(bits))
    for axis, bit in enumerate(reversed(bits)):
        confusion = np.array(noise._local_readout_errors[(places[bit],)].probabilities)
        p = np.moveaxis(np.tensordot(p, confusion, (axis, 0)), -1, axis)
    table = np.zeros((p.size, isa.num_clbits), dtype=bool)
    table[:, bits] = (np.arange(p.size)[:, None] >> np.arange(len(bits))) & 1
    return Outcomes(table, p.reshape(-1), np.inf)


@pytest.mark.parametrize("layout", [[0, 1, 2], LAYOUT], ids=str)
def test_an_estimate_on_a_noisy_device_is_that_of_its_noisy_circuits(layout):
    circuit, values = shared_pair(), values_of(shared_pair())
    device = AerSimulator.from_backend(FakeManilaV2(), seed_simulator=5)
    estimator = LinCombQFI(BackendSamplerV2(backend=device), pass_manager=ByWidth(layout))
    actual = estimator.estimate(circuit, values, shots=2000)
    source = pauli_circuit(circuit)
    prepared = layered_experiments(source, LinCombQFI.scheme)
    angles = source.angles(values[None])[0]
    outcomes = []
    for isa in ByWidth(layout).run([experiment.circuit for experiment in prepared.experiments]):
        here = {parameter: angles[parameter.index] for parameter in isa.parameters}
        outcomes.append(read_through(device.options.noise_model, isa, here))
    noisy = full_moments(prepared, outcomes, source.jacobian(values[None])[0]).matrix
    assert np.abs((actual.matrix - noisy) / actual.stderr).max() < 3.6
    assert np.abs((noisy - reference.qfim(circuit, values)) / actual.stderr).max() > 5  # the noise is seen


# --- 40 qubits ------------------------------------------------------------------------------------

WIDE = 40


def brickwork(num_qubits: int) -> QuantumCircuit:
    """ry and rz on each qubit, cz on even and odd pairs, ry on each qubit."""
    theta = iter(ParameterVector("θ", 3 * num_qubits))
    circuit = QuantumCircuit(num_qubits)
    for name in ("ry", "rz", "ry"):
        for qubit in range(num_qubits):
            getattr(circuit, name)(next(theta), qubit)
        if name == "rz":
            for start in (0, 1):
                for qubit in range(start, num_qubits - 1, 2):
                    circuit.cz(qubit, qubit + 1)
    return circuit


def product_sampler(seed: int) -> SamplerV2:
    return SamplerV2(seed=seed, options={"backend_options": {"method": "matrix_product_state"}})


def cone(values: np.ndarray, first: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """F_Q exactly of the brickwork on `width` neighbours, and the places of its parameters in the wide one.

    Away from the cut (two qubits of either end) its blocks are those of the wide circuit.
    """
    places = np.concatenate([layer * WIDE + first + np.arange(width) for layer in range(3)])
    return qgeo.quantum_fisher(brickwork(width), values[places]), places


VALUES = np.random.default_rng(1).uniform(-2, 2, 3 * WIDE)


INNER = [layer * 8 + qubit for layer in range(3) for qubit in range(2, 6)]
SHOTS = 1000


def errors_in_the_cone(actual, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F̂ − F and stderr on the kept entries of the inner qubits' blocks."""
    exact, places = cone(VALUES, 10, 8)
    there = np.ix_(places[INNER], places[INNER])
    return (actual.matrix[there] - exact[np.ix_(INNER, INNER)])[kept], actual.stderr[there][kept]


@pytest.mark.parametrize("method", [BlockDiagonalQFI, DiagonalQFI])
def test_forty_qubits_have_the_blocks_of_a_light_cone(method):
    # Seen to fail when bytes were read in the other order.
    actual = method(product_sampler(2)).estimate(brickwork(WIDE), VALUES, shots=SHOTS)
    assert (actual.circuits, actual.shots) == (3, 3 * SHOTS)
    layers = np.repeat(np.arange(3), 4)
    kept = np.eye(12, dtype=bool) if method is DiagonalQFI else np.equal.outer(layers, layers)
    error, stderr = errors_in_the_cone(actual, kept)
    assert (np.abs(error) < 4 * stderr + 5 / SHOTS).all()  # where nearly certain, errors have a Poisson tail
    assert np.sqrt(np.mean(error**2) / np.mean(stderr**2)) < 1.4


def test_random_directions_run_on_forty_qubits():
    estimator = SPSAQFI(product_sampler(3), generator=np.random.default_rng(4), draws=3, spread=0.05)
    actual = estimator.estimate(brickwork(WIDE), VALUES, shots=50)
    assert actual.matrix.shape == (120, 120)
    assert (actual.circuits, actual.shots) == (12, 600)
    assert np.isfinite(actual.matrix).all()


def test_small_circuits_are_read_from_several_bytes():
    circuit = circuit_of(9, *(("ry", 0.3 * qubit, qubit) for qubit in range(9)))
    circuit.rzz(cases.A, 0, 8)
    actual = BlockDiagonalQFI(SamplerV2(seed=1)).estimate(circuit, [0.2], shots=4000)
    error = actual.matrix - reference.qfim(circuit, [0.2])
    assert np.abs(error / actual.stderr).max() < 4
