"""Near-duplicate paragraphs: those that share most of their characters' 8-grams.

    J(a, b) = |S(a) ∩ S(b)| / |S(a) ∪ S(b)|        S: the set of a paragraph's shingles

Shingles are the runs of `SHINGLE` characters of the paragraph, its white space made single spaces
(Broder, "On the resemblance and containment of documents", 1997). Two paragraphs with J ≥ `RESEMBLANCE`
are near-duplicates, and so are the first and the last of a chain of them (single linkage). All pairs are
compared, exactly.

One changed letter takes at most 8 shingles out: in 200 characters J stays above .9. Not found: a sentence
quoted in another paragraph, a paraphrase.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

SHINGLE = 8
"""Characters of a shingle; a shorter paragraph is one shingle."""

RESEMBLANCE = 0.5
"""Least Jaccard index of near-duplicates."""

ROWS = 512
"""Paragraphs compared with all others at a time: bounds the memory."""


def clusters(paragraphs: Sequence[str]) -> list[int]:
    """The cluster of each paragraph: the position of the first paragraph in it.

    >>> clusters(["the cat sat on the mat", "a dog", "the cat  sat on the hat", "a dog"])
    [0, 1, 0, 1]
    """
    texts = [" ".join(paragraph.split()) for paragraph in paragraphs]
    different = list(dict.fromkeys(texts))
    linked = _linked(_incidence([_shingles(text) for text in different]))
    label = dict(zip(different, linked.tolist(), strict=True))
    first: dict[int, int] = {}
    return [first.setdefault(label[text], place) for place, text in enumerate(texts)]


def _shingles(text: str) -> set[str]:
    return {text[start : start + SHINGLE] for start in range(max(1, len(text) - SHINGLE + 1))}


def _incidence(sets: Sequence[set[str]]) -> sparse.csr_array:
    """(paragraphs, shingles), 1 where the paragraph has the shingle."""
    numbers: dict[str, int] = {}
    columns = [numbers.setdefault(shingle, len(numbers)) for shingle in chain.from_iterable(sets)]
    ends = np.cumsum([0, *map(len, sets)])
    return sparse.csr_array((np.ones(len(columns), np.int32), columns, ends), shape=(len(sets), len(numbers)))


def _linked(incidence: sparse.csr_array) -> NDArray[np.int32]:
    """Labels of the connected components of near-duplicates."""
    pairs = np.concatenate([np.zeros((2, 0), np.int64), *_pairs(incidence)], axis=1)
    count = incidence.shape[0]
    graph = sparse.coo_array((np.ones(pairs.shape[1]), tuple(pairs)), shape=(count, count))
    labels: NDArray[np.int32] = sparse.csgraph.connected_components(graph, directed=False)[1]
    return labels


def _pairs(incidence: sparse.csr_array) -> Iterator[NDArray[np.int64]]:
    """(2, M) positions of near-duplicates, some rows at a time."""
    sizes = incidence.sum(axis=1)
    for start in range(0, incidence.shape[0], ROWS):
        common = (incidence[start : start + ROWS] @ incidence.T).tocoo()
        rows, columns = common.row + start, common.col
        near = common.data >= RESEMBLANCE * (sizes[rows] + sizes[columns] - common.data)
        yield np.stack([rows[near], columns[near]]).astype(np.int64)
