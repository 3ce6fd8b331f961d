"""Trained heads under noise: their loss as every gate gets less reliable, exactly by density matrices.

    two-qubit gates   depolarizing, probability p          one-qubit gates   depolarizing, probability p/10

The head is not trained again; what moves is the distribution that its circuit puts out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

from qgeo.comparison.threads import THREADS
from qgeo.estimators.derivatives import state_circuit
from qgeo.estimators.execution import ONE_QUBIT_GATES, TWO_QUBIT_GATES, decomposition
from qgeo.estimators.pauli_circuit import pauli_circuit
from qgeo.heads.circuit_head import CircuitHead
from qgeo.optim.estimated import distinct_rows
from qgeo.tasks.windows import Windows

Floats = NDArray[np.float64]

PROBABILITIES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
"""A choice, two a decade."""
ONE_QUBIT_SHARE = 0.1
"""A choice: one-qubit gates are better than two-qubit ones."""


def noise_sweep(
    head: CircuitHead, windows: Windows, probabilities: Sequence[float] = PROBABILITIES
) -> list[float]:
    """Mean −log p̃(target|context) in nats per token at every depolarizing probability."""
    return [_loss(head, windows, probability) for probability in probabilities]


def depolarizing_noise(probability: float) -> NoiseModel:
    """The noise model described above."""
    model = NoiseModel()
    single = depolarizing_error(ONE_QUBIT_SHARE * probability, 1)
    model.add_all_qubit_quantum_error(single, list(ONE_QUBIT_GATES))
    model.add_all_qubit_quantum_error(depolarizing_error(probability, 2), list(TWO_QUBIT_GATES))
    return model


def _loss(head: CircuitHead, windows: Windows, probability: float) -> float:
    rows, row_of_context = distinct_rows(head, windows.contexts)
    probabilities = torch.from_numpy(_noisy_probabilities(head, rows, probability)[row_of_context])
    with torch.no_grad():
        log_probs = head.readout(head.measurement.from_probabilities(probabilities))
        return float(torch.nn.functional.nll_loss(log_probs, windows.targets))


def _noisy_probabilities(head: CircuitHead, rows: Floats, probability: float) -> Floats:
    """(U, 2ⁿ) outcome probabilities at rows of the circuit's parameters."""
    source = pauli_circuit(head.choice.circuit)
    bare = state_circuit(source).remove_final_measurements(inplace=False)
    (circuit,) = decomposition().run([bare])
    circuit.save_probabilities(list(range(source.num_qubits)))
    angles = source.angles(rows)
    binds = [{p: angles[:, p.index].tolist() for p in circuit.parameters}] if circuit.num_parameters else []
    noise = depolarizing_noise(probability)
    simulator = AerSimulator(method="density_matrix", noise_model=noise, max_parallel_threads=THREADS)
    result = simulator.run(circuit, parameter_binds=binds).result()
    probabilities = [np.asarray(result.data(row)["probabilities"]) for row in range(len(result.results))]
    return np.broadcast_to(np.array(probabilities), (len(rows), 2**source.num_qubits)).copy()
