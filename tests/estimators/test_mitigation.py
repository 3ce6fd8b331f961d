"""Mitigation: readout errors inverted where their model holds, folding that changes nothing but noise."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.primitives import BaseSamplerV2
from qiskit.quantum_info import Operator
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError
from qiskit_aer.primitives import SamplerV2

import qgeo
from qgeo.backends.names import fake_device, resolve
from qgeo.errors import CircuitError, ConfigurationError
from qgeo.estimators.estimate import FisherEstimate
from qgeo.estimators.execution import CircuitTask, Executor
from qgeo.estimators.experiments import empty_circuit
from qgeo.estimators.lin_comb import LinCombQFI
from qgeo.estimators.mitigation import Folded, folded, without_readout_errors, zero_noise
from qgeo.estimators.outcomes import Outcomes, pooled

VALUES = np.array([0.4, 0.7, -0.3])


def circuit() -> QuantumCircuit:
    theta = ParameterVector("theta", 3)
    built = QuantumCircuit(2)
    built.ry(theta[0], 0)
    built.cx(0, 1)
    built.rz(theta[1], 1)
    built.rx(theta[2], 0)
    return built


def readout_noise() -> AerSimulator:
    noise = NoiseModel()
    noise.add_all_qubit_readout_error(ReadoutError([[0.97, 0.03], [0.08, 0.92]]))
    return AerSimulator(noise_model=noise, seed_simulator=3)


def test_the_inverse_of_a_known_confusion_is_exact():
    # Seen to fail: e₀ and e₁ swapped; the inverse transposed.
    true = np.array([0.5, 0.1, 0.15, 0.25]).reshape(2, 2)  # bit 0, bit 1
    flips = {0: np.array([0.03, 0.08]), 2: np.array([0.01, 0.05])}
    confusion = [np.array([[1 - e0, e1], [e0, 1 - e1]]) for e0, e1 in flips.values()]
    seen = np.einsum("ai,bj,ij->ab", *confusion, true)
    bits = np.array([[a, False, b] for a in (False, True) for b in (False, True)])
    result = without_readout_errors(Outcomes(bits, seen.reshape(-1), 1000), flips)
    np.testing.assert_allclose(result.weights, true.reshape(-1), atol=1e-12)
    assert result.shots == 1000


def test_readout_mitigation_removes_readout_errors_within_error_bars_and_counts_its_circuits():
    # Seen to fail: bits matched to the wrong qubits' rates.
    exact = qgeo.quantum_fisher(circuit(), VALUES)
    sampler = SamplerV2.from_backend(readout_noise())
    plain = LinCombQFI(sampler).estimate(circuit(), VALUES, shots=40_000)
    mitigated = LinCombQFI(sampler, mitigate_readout=True).estimate(circuit(), VALUES, shots=40_000)
    moves = mitigated.stderr > 0
    assert np.abs((mitigated.matrix - exact) / mitigated.stderr)[moves].max() < 4
    assert np.linalg.norm(plain.matrix - exact) > 4 * np.linalg.norm(mitigated.matrix - exact)
    assert mitigated.circuits == plain.circuits + 2
    assert mitigated.shots == plain.shots + 2 * 40_000


def test_folding_runs_the_gates_three_times_and_changes_nothing():
    device = fake_device("fake_manila")
    passes = generate_preset_pass_manager(1, device, seed_transpiler=1)
    plain = circuit().assign_parameters(VALUES)
    plain.measure_all()
    (isa,) = passes.run([plain])
    (three,) = Folded(passes, 3).run([plain])
    once, thrice = (c.remove_final_measurements(inplace=False) for c in (isa, three))
    assert Operator(once).equiv(Operator(thrice))
    assert thrice.count_ops()["cx"] == 3 * once.count_ops()["cx"]
    assert set(thrice.count_ops()) <= {"cx", "rz", "sx", "x", "barrier"}
    assert three.count_ops()["measure"] == isa.count_ops()["measure"]


def test_folding_goes_with_every_layout_and_any_estimator():
    backend = resolve("fake_manila", np.random.default_rng(0))
    result = LinCombQFI(backend.sampler, pass_manager=Folded(backend.pass_manager)).estimate(
        circuit(), VALUES, shots=4000
    )
    exact = qgeo.quantum_fisher(circuit(), VALUES)
    assert np.linalg.norm(result.matrix - exact) < 0.5 * np.linalg.norm(exact)


def test_a_linear_trend_is_extrapolated_to_zero():
    first, third = (FisherEstimate(np.eye(2) * (1 - x / 10), np.eye(2), 3, 30) for x in (1, 3))
    result = zero_noise(first, third)
    np.testing.assert_allclose(result.matrix, np.eye(2))
    np.testing.assert_allclose(result.stderr, np.eye(2) * np.sqrt(10) / 2)
    assert (result.circuits, result.shots) == (6, 60)


def test_what_cannot_be_mitigated_is_said():
    middle = QuantumCircuit(1, 1)
    middle.measure(0, 0)
    middle.h(0)
    with pytest.raises(CircuitError, match="got one in the middle"):
        folded(middle, 3)
    middle.measure(0, 0)  # seen to fail: a look at a qubit's last step alone, which is a measurement now
    with pytest.raises(CircuitError, match="got one in the middle"):
        folded(middle, 3)
    with pytest.raises(ConfigurationError, match="an odd scale"):
        Folded(None, 2)
    with pytest.raises(ConfigurationError, match="readout errors that can be inverted, got"):
        without_readout_errors(Outcomes(np.zeros((1, 1), bool), np.ones(1), 10), {0: np.array([0.5, 0.45])})
    wide = {bit: np.zeros(2) for bit in range(13)}
    with pytest.raises(ConfigurationError, match="at most 12 measured bits"):
        without_readout_errors(Outcomes(np.zeros((1, 13), bool), np.ones(1), 10), wide)


class Never(BaseSamplerV2):
    """A sampler that may not be asked, and that transpiles what it is given."""

    transpiles = True

    def run(self, pubs, *, shots=None):
        raise AssertionError((pubs, shots))


def test_thirteen_bits_are_refused_before_they_are_run():
    # Seen to fail: refused only when the shots had been taken.
    wide = empty_circuit(13)
    wide.measure(range(13), range(13))
    sampler = Never()
    sampler.transpiles = False
    executor = Executor(sampler, mitigate_readout=True)
    with pytest.raises(
        ConfigurationError, match="at most 12 measured bits to mitigate readout errors, got 13"
    ):
        executor.run([CircuitTask(wide, np.zeros((1, 0)), 10)])


def test_a_sampler_that_transpiles_mitigates_itself():
    with pytest.raises(ConfigurationError, match="ask that sampler to mitigate them"):
        LinCombQFI(Never(), mitigate_readout=True)


@pytest.mark.parametrize("probability", [0.0, 0.02, 0.5, 0.98, 1.0])
def test_error_bars_hold_the_inversion_and_its_calibration_at_certain_outcomes_too(probability):
    # Seen to fail: the variance of quasi-probabilities times Π‖M⁻¹‖², which is 0 at a certain outcome.
    generator, shots, flips = np.random.default_rng(2), 2000, np.array([0.04, 0.11])
    seen = probability * (1 - flips[1]) + (1 - probability) * flips[0]
    bits = np.array([[False], [True]])
    means, reported = [], []
    for ones, *wrong in generator.binomial(shots, [seen, *flips], (500, 3)) / shots:
        result = without_readout_errors(
            Outcomes(bits, np.array([1 - ones, ones]), shots), {0: np.array(wrong)}
        )
        reading = 1.0 - 2 * result.bits[:, 0]
        means.append(result.weights @ reading)
        reported.append(np.sqrt(result.errors @ (reading - means[-1]) ** 2 / shots))
    assert np.mean(means) == pytest.approx(1 - 2 * probability, abs=4 * np.std(means) / 500**0.5)
    assert 0.9 < np.mean(reported) / np.std(means) < 1.15


def test_pooled_runs_keep_their_error_weights():
    plain = Outcomes(np.array([[False], [True]]), np.array([0.5, 0.5]), 100)
    mitigated = without_readout_errors(plain, {0: np.array([0.1, 0.1])})
    both = pooled(mitigated, mitigated)
    assert both.errors.sum() == pytest.approx(mitigated.errors.sum())
    assert both.shots == 200
    assert pooled(plain, plain).error_weights is None
