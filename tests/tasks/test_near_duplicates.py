"""Near-duplicate paragraphs: which belong together."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from qgeo.tasks.near_duplicates import clusters

SENTENCE = "it is a truth that a single paragraph is in want of a second one, however little is known of it."


def by_hand(texts: list[str]) -> list[int]:
    """Every pair, and labels lowered until nothing changes."""
    labels = list(range(len(texts)))
    sets = [{text[i : i + 8] for i in range(max(1, len(text) - 7))} for text in texts]
    pairs = combinations(labels, 2)
    near = [(a, b) for a, b in pairs if 2 * len(sets[a] & sets[b]) >= len(sets[a] | sets[b])]
    before: list[int] = []
    while labels != before:
        before = labels.copy()
        for a, b in near:
            labels[a] = labels[b] = min(labels[a], labels[b])
    return labels


def random_texts(seed: int, count: int) -> list[str]:
    """Texts of few words, many of them changed copies of earlier ones."""
    generator = np.random.default_rng(seed)
    texts: list[str] = []
    for _ in range(count):
        words = list(
            generator.choice(["one", "two", "three", "seven", "eleven", "a"], generator.integers(1, 30))
        )
        if texts and generator.random() < 0.6:
            words = texts[generator.integers(len(texts))].split()
            words[generator.integers(len(words))] = "changed"
        texts.append(" ".join(words))
    return texts


@pytest.mark.parametrize("seed", range(2))
def test_all_pairs_are_compared_and_chains_belong_together(seed):
    # Seen to fail: pairs of one chunk of rows only, thresholds .45 and .55, |A ∩ B|/min(|A|, |B|).
    texts = random_texts(seed, 700)  # more than one chunk of rows
    assert clusters(texts) == by_hand(texts)
    assert 10 < len(set(by_hand(texts))) < 600


def test_a_changed_letter_a_line_end_and_a_copy():
    # Seen to fail: white space kept as it is.
    wrapped = SENTENCE.replace(" ", "\n")
    copies = [SENTENCE, SENTENCE.replace("single", "simgle"), wrapped, SENTENCE[::-1]]
    assert clusters(copies) == [0, 0, 0, 3]


def test_the_threshold_belongs_to_the_near():
    # 8 + n characters have n + 1 shingles: 2 of 4 in common, then 2 of 5.
    assert clusters(["abcdefghi1", "abcdefghi2"]) == [0, 0]
    assert clusters(["abcdefghi1", "abcdefghi23"]) == [0, 1]


def test_short_and_no_paragraphs():
    assert clusters(["yes", "no", "yes"]) == [0, 1, 0]
    assert clusters([]) == []
