"""Memories and processes: what they accept, and what they say otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from qgeo.errors import ConfigurationError, ShapeError, TaskError
from qgeo.tasks import (
    SOURCES,
    HiddenMarkovMemory,
    LinearProcess,
    QubitMemory,
    TokenSource,
    bloch_walk,
    dyck2,
    golden_mean,
    mess3,
    noisy_parity,
    source,
    zipf_bigram,
)
from qgeo.tasks.token_source import SIGNS

HALF = np.full((2, 1, 1), 0.5)
APART = np.array([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]]])


@pytest.mark.parametrize("name", SOURCES)
def test_start_is_stationary(name):
    process = source(name).memory.process
    np.testing.assert_allclose(process.start @ process.operators.sum(axis=0), process.start, atol=1e-12)


def test_transient_states_are_never_occupied():
    memory = HiddenMarkovMemory.from_arrows([("start", 0, "A", 1.0), ("A", 0, "A", 0.5), ("A", 1, "A", 0.5)])
    assert memory.stationary.tolist() == [0, 1]


def test_qubit_operators_are_the_channel_on_density_matrices():
    # Seen to fail: K and Kᵀ exchanged, the factor ½ dropped.
    kraus = np.array([[[0.6, 0.0], [0.8, 0.0]], [[0.0, -0.8], [0.0, 0.6]]])
    memory = QubitMemory(kraus)
    x, z = 0.3, -0.5
    rho = np.array([[1 + z, x], [x, 1 - z]]) / 2
    for operator, k in zip(memory.process.operators, kraus, strict=True):
        after = k @ rho @ k.T
        found = np.array([1, x, z]) @ operator
        np.testing.assert_allclose(
            found, [np.trace(after), 2 * after[0, 1], after[0, 0] - after[1, 1]], atol=1e-15
        )


def test_memories_cannot_be_changed():
    for array in (source("even").memory.transitions, source("bloch-walk").memory.kraus):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_many_tokens_have_signs_of_their_own():
    assert len(set(SIGNS)) == len(SIGNS) == 256
    assert zipf_bigram(64).characters[60:] == "YZÀÁ"
    assert dyck2().characters == "()[]"


MISTAKES = [
    (lambda: source("golden"), ConfigurationError, r"golden-mean, even, .*zipf-bigram, got 'golden'"),
    (lambda: golden_mean(0.0), ConfigurationError, "expected p strictly between 0 and 1, got 0"),
    (lambda: golden_mean(float("nan")), ConfigurationError, "got nan"),
    (lambda: mess3(x=0.5), ConfigurationError, "expected x strictly between 0 and 0.5"),
    (lambda: noisy_parity(k=0), ConfigurationError, "expected k of 1 to 64, got 0"),
    (lambda: dyck2(0), ConfigurationError, "expected depth of 1 to 8, got 0"),
    (lambda: zipf_bigram(1), ConfigurationError, "expected vocabulary of 2 to 64, got 1"),
    (lambda: zipf_bigram(300), ConfigurationError, "got 300; choose one in between"),
    (lambda: bloch_walk(0, 0), ConfigurationError, "not both 0, got 0, 0"),
    (lambda: bloch_walk(beta=float("inf")), ConfigurationError, "expected finite alpha and beta"),
    (lambda: HiddenMarkovMemory(np.ones(3)), ShapeError, r"expected transitions .* got shape \(3,\)"),
    (lambda: HiddenMarkovMemory.from_arrows([]), ShapeError, "expected transitions"),
    (lambda: HiddenMarkovMemory(HALF * np.nan), ShapeError, "finite real numbers, got NaN"),
    (lambda: HiddenMarkovMemory(HALF * 1j), ShapeError, "complex128"),
    (
        lambda: HiddenMarkovMemory(HALF * 1.5),
        ShapeError,
        r"got sums \[1.5\] and a least entry",
    ),
    (lambda: HiddenMarkovMemory(np.array([[[1.5]], [[-0.5]]])), ShapeError, "least entry of -0.5"),
    (lambda: HiddenMarkovMemory(APART), TaskError, "one stationary distribution, got several; connect"),
    (lambda: HiddenMarkovMemory.from_arrows([("A", 0, "B", 1.0)]), ShapeError, r"sums \[1.0, 0.0\]"),
    (lambda: QubitMemory(np.eye(3)[None]), ShapeError, r"shape \(1, 3, 3\)"),
    (lambda: QubitMemory(np.eye(2)[None] * 2), ShapeError, "normalise them"),
    (lambda: QubitMemory(np.array([[[1.0, 0], [0, 0]], [[0, 1.0], [0, 0]]])), ShapeError, "KKᵀ"),
    (lambda: LinearProcess(HALF[:1], np.ones(1), np.ones(1)), ShapeError, "V of two or more"),
    (lambda: LinearProcess(HALF, np.ones(2), np.ones(1)), ShapeError, "give them one D"),
    (lambda: LinearProcess(HALF * 2, np.ones(1), np.ones(1)), ShapeError, "expected a stationary start"),
    (lambda: LinearProcess(HALF, np.ones(1), np.ones(1) * 2), ShapeError, "total probability one"),
    (
        lambda: LinearProcess(np.array([[[0.5, 0.1], [0.0, 0.4]]] * 2), np.full(2, 0.5), np.ones(2)),
        ShapeError,
        r"keep the total probability, got \[1.2, 0.8\] where \[1.0, 1.0\] belongs",
    ),
    (
        lambda: TokenSource("two", "", HiddenMarkovMemory(HALF), "abc"),
        ConfigurationError,
        "expected 2 characters",
    ),
    (
        lambda: source("mess3").conditional_entropy(-1),
        TaskError,
        "expected a context of 0 or more tokens, got -1",
    ),
    (lambda: source("mess3").conditional_entropy(40), TaskError, "choose a shorter one"),
    (lambda: source("zipf-bigram").context_distribution(6), TaskError, "got 65536 of 4 tokens already"),
    (
        lambda: source("even").sample(-1, np.random.default_rng(0)),
        TaskError,
        "a length of 0 or more tokens, got -1",
    ),
    (lambda: source("even").filtered_log_loss(np.zeros(9, int)), TaskError, "at least 128 tokens .* got 9"),
    (
        lambda: source("even").filtered_log_loss(np.full(200, 2)),
        TaskError,
        "from 0 to 1, got shape .* 2 to 2",
    ),
    (
        lambda: source("golden-mean").filtered_log_loss(np.ones(200, int)),
        TaskError,
        "token 1 at position 1, which",
    ),
]


@pytest.mark.parametrize(("mistake", "error", "message"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_explained(mistake, error, message):
    with pytest.raises(error, match=message):
        mistake()
