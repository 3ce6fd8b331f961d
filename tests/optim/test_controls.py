"""Control metrics: what each keeps of F_Q and F_C, and the planted cases in which metrics must agree or lose.

The comment in each test names the planted faults it was seen to fail under.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from filter_cases import race
from head_cases import build, own, some_contexts, some_targets
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import block_diag

from qgeo.errors import ConfigurationError
from qgeo.estimators.execution import Executor
from qgeo.geometry.drop import factorized, first_order_drop, predicted_ratio
from qgeo.heads.born import BornHead
from qgeo.heads.measured import MeasuredHead
from qgeo.optim.controls import generator_at, mixture
from qgeo.optim.metrics import METRICS, Sizes
from qgeo.optim.natural_gradient import NaturalGradient

RANDOM = ("random-spectrum", "rotated-phase", "monte-carlo")
BORN = ("born", "born-folded", "born-class-word-smooth", "born-smooth", "born-user")


def dense(head, metric: str, contexts) -> np.ndarray:
    return METRICS[metric](head, contexts, None).to_dense().numpy()


def nudged(head, size: float = 1e-12) -> None:
    """Every trainable number moved by less than any metric shows."""
    with torch.no_grad():
        for parameter in own(head):
            parameter += size


def before(head) -> int:
    """Trainable numbers before the measurement."""
    return sum(p.numel() for p in own(head)) - sum(p.numel() for p in head.readout.parameters())


# --- what each keeps --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["softmax", "born-class-word", "pauli"])
def test_identity_and_diagonal_are_of_all_trainable_numbers(name: str):
    # Seen to fail: frozen numbers counted.
    head = build(name)
    head.encoder.requires_grad_(False)
    contexts = some_contexts(head)
    full = dense(head, "classical", contexts)
    assert_array_equal(dense(head, "identity", contexts), np.eye(len(full)))
    assert_allclose(dense(head, "classical-diagonal", contexts), np.diag(np.diag(full)), atol=1e-15)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
@pytest.mark.parametrize("name", ["born", "pauli"])
def test_mixtures_are_between(name: str, share: float):
    # Seen to fail: s and 1 − s exchanged.
    head = build(name)
    contexts = some_contexts(head)
    expected = (1 - share) * dense(head, "classical", contexts) + share * dense(head, "quantum", contexts)
    assert_allclose(dense(head, f"mixture-{share}", contexts), expected, atol=1e-14)


def test_a_mixture_needs_a_share():
    with pytest.raises(ConfigurationError, match=r"share of F_Q from 0 to 1, got 1\.5"):
        mixture(1.5)


@pytest.mark.parametrize("name", [*BORN, "pauli"])
def test_random_spectrum_keeps_the_eigenvalues_of_f_q_and_the_readout(name: str):
    # Seen to fail: R of independent normals, the readout turned with the rest, R for Rᵀ.
    head = build(name)
    contexts, first = some_contexts(head), before(head)
    turned, f_q = (dense(head, metric, contexts) for metric in ("random-spectrum", "quantum"))
    spectra = [np.linalg.eigvalsh(matrix[:first, :first]) for matrix in (turned, f_q)]
    assert_allclose(*spectra, atol=1e-12 * spectra[1][-1])
    assert_array_equal(turned[:first, :first], turned[:first, :first].T)
    assert_array_equal(turned[first:], f_q[first:])
    assert np.abs(turned - f_q).max() > 0.01 * spectra[1][-1]


@pytest.mark.parametrize("name", BORN)
def test_rotated_phase_keeps_f_c_and_the_eigenvalues_of_what_phases_add(name: str):
    # Seen to fail: F_Q turned in place of F_Q − F_C, added to F_C or not; the readout's cross block kept.
    head = build(name)
    contexts, first = some_contexts(head), before(head)
    turned, f_q, f_c = (dense(head, metric, contexts) for metric in ("rotated-phase", "quantum", "classical"))
    spectra = [np.linalg.eigvalsh((matrix - f_c)[:first, :first]) for matrix in (turned, f_q)]
    assert_allclose(*spectra, atol=1e-12 * np.trace(f_q))
    assert_array_equal(turned[first:], f_q[first:])
    assert np.abs(turned - f_q).max() > 1e-3 * np.trace(f_q) / len(f_q)
    assert np.linalg.eigvalsh(turned).min() > -1e-12 * np.trace(f_q)


@pytest.mark.parametrize("name", ["pauli", "pauli-user"])
def test_rotated_phase_needs_a_measurement(name: str):
    # Seen to fail: an indefinite matrix given to the solve.
    head = build(name)
    with torch.no_grad():
        head.readout.weight.mul_(6)
    with pytest.raises(ConfigurationError, match=r"F_C ⪯ F_Q.*PauliHead.*Born head"):
        METRICS["rotated-phase"](head, some_contexts(head, 3), None)


def test_bases_are_haar_random():
    # The mean of RᵀAR is tr A/P · I. Seen to fail: R a permutation, one R everywhere, a digest in float32.
    head = BornHead(4, 1, layers=2, embedding=1)
    head.encoder.requires_grad_(False)
    contexts, draws = torch.arange(4)[:, None], 1500
    f_q, size = dense(head, "quantum", contexts), before(head)
    turned = np.empty((draws, size, size))
    for draw in range(draws):
        nudged(head)
        turned[draw] = dense(head, "random-spectrum", contexts)
    error = turned.std(0) / np.sqrt(draws)
    scores = (turned.mean(0) - np.trace(f_q) / size * np.eye(size)) / error
    assert np.abs(scores).max() < 4.5
    # E[(RᵀAR)_11²] = (2 tr A² + (tr A)²)/(P(P + 2)) for the Haar measure alone
    expected = (2 * np.trace(f_q @ f_q) + np.trace(f_q) ** 2) / (size * (size + 2))
    squares = turned[:, range(size), range(size)] ** 2
    assert np.abs((squares.mean(0) - expected) / (squares.std(0) / np.sqrt(draws))).max() < 4.5


def test_monte_carlo_is_f_c_on_average():
    # Seen to fail: uniform tokens, a mean over contexts and tokens.
    head = BornHead(4, 1, layers=1, embedding=1)
    head.encoder.requires_grad_(False)
    contexts, draws = torch.arange(4)[:, None], 3000
    drawn = np.empty((draws, before(head), before(head)))
    for draw in range(draws):
        nudged(head)
        drawn[draw] = dense(head, "monte-carlo", contexts)
    error = drawn.std(0) / np.sqrt(draws)
    difference = drawn.mean(0) - dense(head, "classical", contexts)
    assert np.abs(difference / np.where(error > 1e-12, error, np.inf)).max() < 4.5
    assert np.abs(difference[error <= 1e-12]).max(initial=0) < 1e-9
    assert np.linalg.matrix_rank(drawn[0], tol=1e-9) <= len(contexts)


# --- randomness without state -----------------------------------------------------------------------------


@pytest.mark.parametrize("metric", RANDOM)
def test_the_same_point_has_the_same_randomness_and_another_another(metric: str):
    # Seen to fail: a generator of the module's own, a digest of the first tensor alone.
    head, again = build("born"), build("born")
    contexts = some_contexts(head, 32)
    torch.manual_seed(1)
    first = dense(head, metric, contexts)
    state = torch.get_rng_state()
    assert_array_equal(dense(again, metric, contexts), first)
    assert torch.equal(torch.get_rng_state(), state)
    with torch.no_grad():
        again.encoder.bias[-1] += 1e-14
    assert np.abs(dense(again, metric, contexts) - first).max() > 1e-3 * np.trace(first) / len(first)


def test_randomness_is_each_metric_s_own_and_of_trained_numbers_alone():
    # Seen to fail: a digest without the metric's name.
    head = build("born")
    numbers = [generator_at(head, metric).random() for metric in RANDOM]
    assert len(set(numbers)) == 3
    head.encoder.requires_grad_(False)
    alone = generator_at(head, "x").random()
    with torch.no_grad():
        head.encoder.bias += 1
    assert generator_at(head, "x").random() == alone


def step(head, optimizer, contexts, targets) -> None:
    optimizer.zero_grad()
    torch.nn.functional.nll_loss(head(contexts), targets).backward()
    optimizer.step(contexts=contexts, targets=targets)


@pytest.mark.parametrize("metric", [*RANDOM, "qn-spsa"])
def test_a_run_that_is_resumed_repeats_itself_bit_by_bit(metric: str):
    # Seen to fail: a generator that goes on from call to call; an average that is not stored.
    ends = []
    for cut in (False, True):
        head = build("born")
        contexts, targets = some_contexts(head, 16), some_targets(head, 16)
        optimizer = NaturalGradient(head, metric=metric, lr=0.1, damping=0.1, refresh=2)
        for number in range(6):
            if cut and number == 3:
                state, numbers = optimizer.state_dict(), head.state_dict()
                head = build("born", seed=5)
                head.load_state_dict(numbers)
                optimizer = NaturalGradient(head, metric=metric, lr=0.1, damping=0.1, refresh=2)
                optimizer.load_state_dict(state)
            step(head, optimizer, contexts, targets)
        ends.append(torch.cat([parameter.detach().flatten() for parameter in head.parameters()]))
    assert torch.equal(*ends)


# --- planted checks ---------------------------------------------------------------------------------------


def trained(head, metric: str, lr: float = 0.3, damping: float = 0.05) -> torch.Tensor:
    """The head's numbers after five steps."""
    contexts = torch.cartesian_prod(torch.arange(head.vocabulary), torch.arange(head.vocabulary))
    targets = some_targets(head, len(contexts))
    optimizer = NaturalGradient(head, metric=metric, lr=lr, damping=damping)
    for _ in range(5):
        step(head, optimizer, contexts, targets)
    return torch.cat([parameter.detach().flatten() for parameter in head.parameters()])


def iqp(frozen: bool) -> BornHead:
    head = BornHead(8, 2, circuit="iqp", layers=1, embedding=2)
    head.encoder.requires_grad_(not frozen)
    return head


def test_iqp_with_a_frozen_encoder_knows_no_quantum_geometry():
    # Check (iv): F_Q = I, so that F_Q's steps are the identity's. Seen to fail: g for F_Q, a trained encoder.
    head = iqp(frozen=True)
    assert not list(head.readout.parameters())
    contexts = some_contexts(head, 20)
    gradient = torch.randn(6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    steps = [
        METRICS[metric](head, contexts, None).solve(gradient, 0.01) for metric in ("quantum", "identity")
    ]
    assert_allclose(*steps, rtol=0, atol=1e-10)
    assert_allclose(trained(iqp(True), "quantum"), trained(iqp(True), "identity"), rtol=0, atol=1e-10)
    assert (trained(iqp(True), "classical") - trained(iqp(True), "identity")).abs().max() > 1e-3
    assert (trained(iqp(False), "quantum") - trained(iqp(False), "identity")).abs().max() > 1e-3


def real(vocabulary: int = 8, smoothing: float = 0.0) -> BornHead:
    return BornHead(vocabulary, 2, circuit="real-amplitudes", layers=2, embedding=2, smoothing=smoothing)


def test_real_amplitudes_have_one_geometry():
    # Check (v): no phases, all bits, no smoothing, no folding: F_Q ≡ F_C. The other heads below fail it.
    contexts = some_contexts(real(), 20)
    f_q, f_c = (dense(real(), metric, contexts) for metric in ("quantum", "classical"))
    assert_allclose(f_q, f_c, rtol=0, atol=1e-9)
    short = {"lr": 0.02, "damping": 1.0}  # without smoothing a loss is steep, and long steps are chaotic
    assert_allclose(
        trained(real(), "quantum", **short), trained(real(), "classical", **short), rtol=0, atol=1e-9
    )
    for other in (real(smoothing=0.1), real(vocabulary=6)):
        contexts = some_contexts(other, 20)
        f_q, f_c = (dense(other, metric, contexts) for metric in ("quantum", "classical"))
        assert np.abs(f_q - f_c).max() > 0.01


@pytest.mark.parametrize(("layers", "contexts"), [(2, 16), (3, 8), (3, 64)])
def test_a_wishart_matrix_beside_f_q_loses_the_race(layers: int, contexts: int):
    # Check (vi), full gradient, first order: below F_Q, which is below F_C.
    # Seen to fail: a Wishart matrix of 1e-6 of F_Q's trace.
    made = race(layers, contexts)
    generator = np.random.default_rng(layers)
    size = len(made.gradient)
    quantum_ratio = predicted_ratio(made.f_q, made.f_c, made.f_c, made.gradient)
    assert quantum_ratio < 1
    for _ in range(20):
        draw = generator.normal(size=(size, 2 * size))
        wishart = draw @ draw.T * np.trace(made.f_q) / np.trace(draw @ draw.T)
        assert np.linalg.matrix_rank(wishart) == size
        assert predicted_ratio(made.f_q + wishart, made.f_c, made.f_c, made.gradient) < 0.99 * quantum_ratio


def test_metrics_with_f_q_s_spectrum_alone_lose_the_race():
    made = race(3, 64)
    drops = {
        metric: first_order_drop(
            factorized(dense(made.head, metric, made.contexts)), made.f_c, made.gradient, 1e-3
        )[0]
        for metric in ("classical", "mixture-0.5", "quantum", "random-spectrum", "rotated-phase")
    }
    assert drops["classical"] > drops["mixture-0.5"] > drops["quantum"]
    assert drops["quantum"] > max(drops["random-spectrum"], drops["rotated-phase"])


# --- records ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "needs_circuit", "from_shots"),
    [
        ("identity", False, True),
        ("classical-diagonal", False, True),
        ("mixture-0.25", True, False),
        ("random-spectrum", True, False),
        ("rotated-phase", True, False),
        ("monte-carlo", False, False),
    ],
)
def test_records_say_what_a_control_needs(metric: str, needs_circuit: bool, from_shots: bool):
    record = METRICS[metric]
    assert record.needs_circuit == needs_circuit
    assert (record.from_shots is not None) == from_shots
    sizes = Sizes(batch=8, vocabulary=4, parameters=10, amplitudes=4, columns=6)
    assert record.bytes(sizes) >= (METRICS["quantum"].bytes(sizes) if needs_circuit else 0)


@pytest.mark.parametrize("metric", ["identity", "classical-diagonal"])
def test_from_shots_a_control_has_its_exact_limit(metric: str):
    # Seen to fail: F_C itself in place of its diagonal.
    head = build("born")
    contexts = some_contexts(head)
    measured = MeasuredHead(head, Executor(), shots=None)
    found = METRICS[metric].from_shots(measured, None)(measured, contexts, None)
    assert_allclose(found.to_dense(), dense(head, metric, contexts), atol=1e-8)


def test_the_readout_block_is_the_one_of_quantum():
    head = build("born-class-word")
    contexts, first = some_contexts(head), before(head)
    f_q = dense(head, "quantum", contexts)
    for metric in ("random-spectrum", "rotated-phase"):
        matrix = dense(head, metric, contexts)
        assert_array_equal(matrix, block_diag(matrix[:first, :first], f_q[first:, first:]))
