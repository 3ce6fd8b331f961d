"""What is exact about a source: words against enumeration by hand, entropies against closed forms.

The reference is naive on purpose: arrows in dictionaries, stationary distributions worked out on paper, sums
over hidden paths, density matrices for the qubit. It knows nothing of beliefs, operators or merging.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import islice, pairwise, product
from math import log2, sqrt

import numpy as np
import pytest

from qgeo.tasks import SOURCES, bloch_walk, dyck2, mess3, noisy_parity, perturbed_coin, source
from qgeo.tasks.entropy import bracket, entropies_by_depth
from qgeo.tasks.memory import QUBIT_DEPTH, HiddenMarkovMemory
from qgeo.tasks.token_source import TokenSource

Words = dict[tuple[int, ...], float]


def binary_entropy(p: float) -> float:
    return -p * log2(p) - (1 - p) * log2(1 - p)


# --- the naive reference --------------------------------------------------------------------------


def words_of_paths(start: dict, arrows: dict, length: int) -> Words:
    """P(word), summed over all hidden paths; arrows: state → [(token, next state, probability)]."""
    paths = {((), state): p for state, p in start.items()}
    for _ in range(length):
        longer: dict = defaultdict(float)
        for (word, state), p in paths.items():
            for token, after, q in arrows[state]:
                longer[(*word, token), after] += p * q
        paths = longer
    words: Words = defaultdict(float)
    for (word, _), p in paths.items():
        words[word] += p
    return {word: p for word, p in words.items() if p > 0}


def words_of_qubit(beta: float, length: int) -> Words:
    """P(word) = tr K_k … K_1 (I/2) K_1† … K_k† with K = (I ± βσ)/(2√(1+β²)), σ = Z, X."""
    pauli_z, pauli_x = np.diag([1.0, -1.0]).astype(complex), np.array([[0, 1], [1, 0]], dtype=complex)
    kraus = [
        (np.eye(2) + sign * beta * pauli) / (2 * sqrt(1 + beta**2))
        for pauli in (pauli_z, pauli_x)
        for sign in (1, -1)
    ]
    words = {}
    for word in product(range(4), repeat=length):
        rho = np.eye(2, dtype=complex) / 2
        for token in word:
            rho = kraus[token] @ rho @ kraus[token].conj().T
        words[word] = float(np.trace(rho).real)
    return words


def parity_words(eps: float, length: int) -> Words:
    """Two fair bits, then their parity, wrong with probability eps; the phase is unknown at first."""
    words: Words = defaultdict(float)
    for phase in range(3):
        for bits in product((0, 1), repeat=length + 3):
            p = 1.0
            for block in (bits[i : i + 3] for i in range(0, length + 3, 3)):
                p *= 0.5 ** min(len(block), 2)
                if len(block) == 3:
                    p *= eps if block[0] ^ block[1] ^ block[2] else 1 - eps
            words[bits[phase : phase + length]] += p / 3
    return {word: p for word, p in words.items() if p > 0}


def bracket_arrows() -> tuple[dict, dict]:
    """Depth 3, opened with 1/2: the depth is a walk on 0, 1, 2, 3 with π = 1/6, 1/3, 1/3, 1/6."""
    depths = (1 / 6, 1 / 3, 1 / 3, 1 / 6)
    stacks = [stack for d in range(4) for stack in product("([", repeat=d)]
    arrows = {}
    for stack in stacks:
        closing = {"(": 1, "[": 3}
        up, down = {0: (1.0, 0.0), 3: (0.0, 1.0)}.get(len(stack), (0.5, 0.5))
        arrows[stack] = [(0, (*stack, "("), up / 2), (2, (*stack, "["), up / 2)] if up else []
        arrows[stack] += [(closing[stack[-1]], stack[:-1], down)] if down else []
    return {stack: depths[len(stack)] / 2 ** len(stack) for stack in stacks}, arrows


def words_by_hand(name: str, length: int) -> Words:
    thirds, halves = {"A": 2 / 3, "B": 1 / 3}, {"A": 1 / 2, "B": 1 / 2}
    zipf = [1 / rank for rank in range(1, 17)]
    machines = {
        "golden-mean": (thirds, {"A": [(0, "A", 0.5), (1, "B", 0.5)], "B": [(0, "A", 1.0)]}),
        "even": (thirds, {"A": [(0, "A", 0.5), (1, "B", 0.5)], "B": [(1, "A", 1.0)]}),
        "perturbed-coin": (
            halves,
            {"A": [(0, "A", 0.8), (1, "B", 0.2)], "B": [(1, "B", 0.8), (0, "A", 0.2)]},
        ),
        "sns": (halves, {"A": [(0, "A", 0.5), (0, "B", 0.5)], "B": [(0, "B", 0.5), (1, "A", 0.5)]}),
        "mess3": (
            dict.fromkeys(range(3), 1 / 3),
            {
                s: [
                    (y, t, (0.7 if s == t else 0.15) * (0.6 if y == t else 0.2))
                    for y, t in product(range(3), repeat=2)
                ]
                for s in range(3)
            },
        ),
        "dyck-2": bracket_arrows(),
        "zipf-bigram": (
            dict.fromkeys(range(16), 1 / 16),
            {i: [((i + r) % 16, (i + r) % 16, zipf[r] / sum(zipf)) for r in range(16)] for i in range(16)},
        ),
    }
    if name == "bloch-walk":
        return words_of_qubit(2.0, length)
    if name in ("rrxor", "noisy-parity"):
        return parity_words(0.0 if name == "rrxor" else 0.1, length)
    return words_of_paths(*machines[name], length)


def block_entropy(words: Words) -> float:
    return -sum(p * log2(p) for p in words.values())


# --- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SOURCES)
def test_contexts_match_enumeration_by_hand(name):
    # Seen to fail: weights of branches without P(token), a uniform instead of the stationary start,
    # even with B: 0→A, XOR without its last bit, brackets that close the wrong kind.
    for context in range(1, 3 if name == "zipf-bigram" else 5):
        exact = source(name).context_distribution(context)
        by_hand = words_by_hand(name, context)
        assert [tuple(row) for row in exact.contexts.tolist()] == sorted(by_hand)
        np.testing.assert_allclose(exact.probabilities, [by_hand[w] for w in sorted(by_hand)], atol=1e-13)
        longer = words_by_hand(name, context + 1)
        joint = [
            [longer.get((*word, y), 0.0) for y in range(exact.conditionals.shape[1])]
            for word in sorted(by_hand)
        ]
        np.testing.assert_allclose(exact.conditionals * exact.probabilities[:, None], joint, atol=1e-13)


@pytest.mark.parametrize("name", SOURCES)
def test_distributions_are_normalised(name):
    exact = source(name).context_distribution(3)
    assert exact.contexts.dtype == np.int64
    assert exact.probabilities.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(exact.conditionals.sum(axis=1), 1, atol=1e-12)
    assert exact.probabilities.min() > 0


# --- entropies ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SOURCES)
def test_conditional_entropy_is_the_difference_of_block_entropies(name):
    # Seen to fail: nats for bits, merged beliefs that keep the weight of the first only.
    blocks = [block_entropy(words_by_hand(name, k)) for k in range(4 if name == "zipf-bigram" else 6)]
    expected = [after - before for before, after in pairwise(blocks)]
    found = [source(name).conditional_entropy(k) for k in range(len(expected))]
    np.testing.assert_allclose(found, expected, atol=1e-12)


RATES = [  # source, h in bits, and to how many digits it is known
    (perturbed_coin(0.2), binary_entropy(0.2), 12),
    (source("golden-mean"), 2 / 3, 12),
    (SOURCES["golden-mean"](0.3), binary_entropy(0.3) / 1.3, 12),
    (source("even"), 2 / 3, 12),
    (SOURCES["even"](0.3), binary_entropy(0.3) / 1.3, 12),
    (source("rrxor"), 2 / 3, 12),
    (source("sns"), 0.6779, 4),
    (mess3(0.05, 0.85), 1.1447, 4),
    (mess3(0.15, 0.6), 1.5709, 4),
    (bloch_walk(beta=1.0), 1.5, 12),
    (bloch_walk(beta=1.5), 1.6305, 4),
    (bloch_walk(beta=2.0), 1.743, 3),
    (bloch_walk(beta=1 + sqrt(2)), 1.805, 3),
    (bloch_walk(beta=4.3), 1.928, 3),
    (noisy_parity(), (2 + binary_entropy(0.1)) / 3, 12),
    (noisy_parity(k=4, eps=0.3), (4 + binary_entropy(0.3)) / 5, 12),
    (dyck2(3), 7 / 6, 12),
    (dyck2(4), 1.25, 12),
    (source("zipf-bigram"), 3.403, 3),
]


@pytest.mark.parametrize(("process", "rate", "digits"), RATES, ids=lambda v: getattr(v, "name", None))
def test_entropy_rate(process: TokenSource, rate, digits):
    # Seen to fail: a uniform for the stationary distribution, nats for bits, a qubit that sees one token.
    assert process.entropy_rate() == pytest.approx(rate, abs=0.5000001 * 10.0**-digits)


@pytest.mark.parametrize("name", SOURCES)
def test_conditional_entropies_fall_to_the_entropy_rate(name):
    one = source(name)
    entropies = [one.conditional_entropy(k) for k in range(4 if name == "zipf-bigram" else 9)]
    assert all(after <= before + 1e-12 for before, after in pairwise(entropies))
    assert entropies[-1] >= one.entropy_bracket.lower - 1e-12


@pytest.mark.parametrize(
    ("name", "half_width"), [("sns", 1e-9), ("mess3", 1e-8), ("bloch-walk", 1e-5), ("even", 0.0)]
)
def test_how_well_the_entropy_rate_is_known(name, half_width):
    known = source(name).entropy_bracket
    assert known.lower <= known.value <= known.upper
    assert known.half_width <= half_width


@pytest.mark.parametrize("name", ["golden-mean", "even", "perturbed-coin", "rrxor", "noisy-parity"])
def test_the_bracket_meets_the_closed_form(name):
    # Two derivations of one number.
    memory = source(name).memory
    assert isinstance(memory, HiddenMarkovMemory)
    assert memory.unifilar
    found = bracket(memory.process, np.eye(memory.states), memory.stationary)
    assert found.lower - 1e-9 <= source(name).entropy_rate() <= found.upper + 1e-9
    assert found.half_width < 1e-6


@pytest.mark.parametrize("name", ["golden-mean", "even", "rrxor", "noisy-parity", "dyck-2"])
def test_knowing_the_first_state_is_knowing_all_where_tokens_tell_the_next(name):
    # Unifilar: H(X_{k+1} | X_1 … X_k, S) = h at every k. Seen to fail: starts merged without their weights.
    memory = source(name).memory
    assert isinstance(memory, HiddenMarkovMemory)
    depths = entropies_by_depth(memory.process, np.eye(memory.states), memory.stationary)
    np.testing.assert_allclose(list(islice(depths, 8)), source(name).entropy_rate(), atol=1e-12)


def test_deeper_entropies_of_a_qubit_stay_in_its_bracket():
    # One token more is a mean over pure states of one token less. Seen to fail: one pure state for all.
    one = source("bloch-walk")
    for angle in (0.1, 0.7, 4.0):
        pure = np.array([[1.0, np.sin(angle), np.cos(angle)]])
        deeper = list(islice(entropies_by_depth(one.memory.process, pure, np.ones(1)), QUBIT_DEPTH + 2))[-1]
        assert one.entropy_bracket.lower < deeper < one.entropy_bracket.upper


def test_markov_chain_needs_one_token():
    for name in ("golden-mean", "perturbed-coin", "zipf-bigram"):
        assert source(name).conditional_entropy(1) == pytest.approx(source(name).entropy_rate(), abs=1e-12)


def test_a_long_context_costs_nothing_where_beliefs_are_few():
    assert source("even").conditional_entropy(200) == pytest.approx(2 / 3, abs=1e-12)
