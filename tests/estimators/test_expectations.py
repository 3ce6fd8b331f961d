"""V2 estimators in the place of a sampler: the same numbers, the same cost, layouts kept."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from estimators.runs import generic_pair, values_of
from qiskit.primitives import BackendEstimatorV2, StatevectorEstimator
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qgeo.errors import CircuitError
from qgeo.estimators.block_diagonal import BlockDiagonalQFI
from qgeo.estimators.lin_comb import LinCombQFI
from qgeo.estimators.mid_circuit import MidCircuitQFI
from qgeo.estimators.parameter_shift import ParameterShiftQFI
from qgeo.estimators.sampled_cfi import SampledCFI

FULL = [LinCombQFI, ParameterShiftQFI]


class CountingSimulator(AerSimulator):
    """Counts circuits and shots; a fresh seed every time."""

    circuits = shots = 0

    def run(self, circuits, *args, **options):
        many = circuits if isinstance(circuits, list) else [circuits]
        type(self).circuits += len(many)
        type(self).shots += len(many) * options["shots"]
        return super().run(circuits, *args, **options)


@pytest.mark.parametrize("method", FULL)
def test_without_noise_it_is_the_reference(method):
    # Seen to fail: bits in reversed order, strings not laid out.
    circuit, values = generic_pair(), values_of(generic_pair())
    result = method(StatevectorEstimator(default_precision=0.0)).estimate(circuit, values, shots=10**7)
    assert np.abs(result.matrix - reference.qfim(circuit, values)).max() < 5e-3  # precision 1/√shots is noise


@pytest.mark.parametrize("method", [*FULL, BlockDiagonalQFI, SampledCFI])
def test_estimators_that_sample_agree_within_error_bars_and_the_cost_is_theirs(method):
    circuit, values = generic_pair(), values_of(generic_pair())
    CountingSimulator.circuits = CountingSimulator.shots = 0
    estimator = BackendEstimatorV2(backend=CountingSimulator(seed_simulator=11))
    result = method(estimator).estimate(circuit, values, shots=4000)
    exact = method().estimate(circuit, values, shots=None).matrix
    assert np.abs((result.matrix - exact)[result.stderr > 0] / result.stderr[result.stderr > 0]).max() < 4
    assert (CountingSimulator.circuits, CountingSimulator.shots) == (result.circuits, result.shots)


def test_a_layout_changes_nothing():
    circuit, values = generic_pair(), values_of(generic_pair())
    device = FakeManilaV2()
    passes = generate_preset_pass_manager(1, device, initial_layout=[3, 1, 4], seed_transpiler=1)
    noiseless = BackendEstimatorV2(backend=AerSimulator(seed_simulator=5))
    result = LinCombQFI(noiseless, pass_manager=passes).estimate(circuit, values, shots=8000)
    exact = reference.qfim(circuit, values)
    assert np.abs((result.matrix - exact)[result.stderr > 0] / result.stderr[result.stderr > 0]).max() < 4


def test_a_measurement_on_the_way_needs_a_sampler():
    with pytest.raises(CircuitError, match="expected a sampler for a measurement in mid-circuit"):
        MidCircuitQFI(StatevectorEstimator()).estimate(generic_pair(), np.zeros(4), shots=10)
