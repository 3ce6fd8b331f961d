"""A task: what a comparison trains on, with what is known exactly about it.

Text and sources come out in one shape: windows for training, validation and test, and characters to show
tokens by. A source adds its floor: the entropy rate h, and h_k, below which no head of context k can get. How
far a head is above that floor has an exact value, the excess

    Σ_x P(x) KL( p(· | x) ‖ q(· | x) )   in nats per token,

summed over all contexts x the source can show: no sampling noise, zero only for the true conditional
distribution.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from qgeo.errors import ConfigurationError, ShapeError, TaskError
from qgeo.heads.trunk import Trunk
from qgeo.tasks.named_sources import source as named_source
from qgeo.tasks.paragraphs import SplitRule, split_text
from qgeo.tasks.process import ContextDistribution, Floats
from qgeo.tasks.text import Vocabulary, digest, fold, read_corpus, spell
from qgeo.tasks.token_source import TokenSource
from qgeo.tasks.windows import Windows, check_context, split


@dataclass(frozen=True, eq=False)
class Task:
    """Windows of one corpus or source.

    Attributes:
        name: of the source or the text; kind says which of the two it is.
        characters: character i shows token i; V of them.
        context: k, tokens per context.
        train, validation, test: a source's are contiguous, in this order; a text's follow `split_rule`.
        entropy_rate: h in bits per symbol; None for text.
        context_entropy: h_k in bits, k = context; None for text.
        sha256: of the UTF-8 text as it was given; None for a source.
        source, seed: where the tokens came from; None for text.
        exact: every context of the source with its probability and conditional distribution; None for text.
        split_rule: "paragraphs" (`paragraphs.py`), or "contiguous".
        disjoint_blocks: of a replicate's task: whether its training tokens are in no other replicate's
            (`replicates.py`); None for a task with all of them.
        trunk: what heads read instead of an embedding of tokens; None for those.
    """

    name: str
    kind: Literal["text", "source"]
    characters: str
    context: int
    train: Windows
    validation: Windows
    test: Windows
    entropy_rate: float | None = None
    context_entropy: float | None = None
    sha256: str | None = None
    source: TokenSource | None = None
    seed: int | None = None
    exact: ContextDistribution | None = None
    split_rule: SplitRule = "contiguous"
    disjoint_blocks: bool | None = None
    trunk: Trunk | None = None

    @property
    def vocabulary_size(self) -> int:
        """V, the number of tokens."""
        return len(self.characters)

    def decode(self, tokens: Iterable[int]) -> str:
        """Token ids as characters, for display.

        Raises:
            TaskError: an id outside the vocabulary.
        """
        return spell(self.characters, tokens)

    def exact_excess(self, log_probs_of: Callable[[Tensor], Tensor]) -> float:
        """Σ_x P(x) KL(p(· | x) ‖ q(· | x)) in nats per token, over all contexts of the source.

        Args:
            log_probs_of: contexts (C, k) int64 → natural logarithms of q, (C, V).

        Returns:
            0 for the true conditional distribution, log V − h_k ln 2 for uniform tokens, inf where q is 0 and
            p is not.

        Raises:
            TaskError: the task is a text, whose distribution nobody knows.
            ShapeError: log-probabilities of another shape, or not normalised to 1e-4 (NaN included).
        """
        if self.exact is None:
            raise TaskError(
                "expected a source for an exact excess, got a text; compare validation losses instead"
            )
        with torch.no_grad():
            answer = log_probs_of(torch.from_numpy(self.exact.contexts))
        log_q = answer.detach().cpu().to(torch.float64).numpy()
        _check_normalised(log_q, self.exact.conditionals.shape)
        return _mean_divergence(self.exact, log_q)

    def describe(self) -> dict[str, Any]:
        """The task as it stands in `results.json`: numbers and strings; entropies in bits per symbol."""
        bracket = self.source.entropy_bracket if self.source else None
        return {
            "name": self.name,
            "kind": self.kind,
            "definition": self.source.definition if self.source else None,
            "vocabulary": self.vocabulary_size,
            "characters": self.characters,
            "context": self.context,
            "entropy_rate": self.entropy_rate,
            "entropy_rate_half_width": bracket.half_width if bracket else None,
            "context_entropy": self.context_entropy,
            "sha256": self.sha256,
            "seed": self.seed,
            "tokens": {part: len(getattr(self, part)) for part in ("train", "validation", "test")},
            "split": self.split_rule,
            "disjoint_blocks": self.disjoint_blocks,
        }


def text_task(corpus: str | Path, *, context: int = 3, vocabulary: int = 32, name: str | None = None) -> Task:
    """A task of characters, split by paragraphs where there are enough of them (`paragraphs.py`).

    The vocabulary is that of the training part.

    Args:
        corpus: the text itself (str), or the file that holds it (Path).
        context: k, characters a head sees.
        vocabulary: most tokens, "other" included.
        name: the stem of the file, or "text", by default.

    Raises:
        ConfigurationError: context below one, vocabulary outside 2 … 256.
        TaskError: a file that cannot be used, a text of one character, or one too short for its splits.

    >>> task = text_task("the cat sat on the mat. " * 20, context=2)
    >>> task.vocabulary_size, len(task.train), task.decode(task.train.contexts[0])
    (12, 382, 'th')
    """
    check_context(context)
    text = read_corpus(corpus) if isinstance(corpus, Path) else corpus
    rule, parts = split_text(fold(text))
    _check_lengths([sum(map(len, part)) for part in parts], context, "text")
    chosen = Vocabulary.of("".join(parts[0]), vocabulary)
    train, validation, test = (Windows.of_pieces(list(map(chosen.encode, part)), context) for part in parts)
    label = name or (corpus.stem if isinstance(corpus, Path) else "text")
    return Task(
        label,
        "text",
        chosen.signs,
        context,
        train,
        validation,
        test,
        sha256=digest(text),
        split_rule=rule,
    )


def source_task(source: str | TokenSource, *, context: int = 3, length: int = 20_000, seed: int = 0) -> Task:
    """A task of `length` tokens drawn from a source with `numpy.random.default_rng(seed)`.

    Raises:
        ConfigurationError: an unknown name, context below one, a negative seed.
        TaskError: too few tokens for the splits, or too many contexts to enumerate.

    >>> task = source_task("golden-mean", context=2, length=1000)
    >>> round(task.entropy_rate, 4), len(task.validation), task.exact.contexts.tolist()
    (0.6667, 98, [[0, 0], [0, 1], [1, 0]])
    """
    check_context(context)
    if seed < 0:
        raise ConfigurationError(f"expected a seed of 0 or more, got {seed}; choose another")
    chosen = named_source(source) if isinstance(source, str) else source
    exact = chosen.context_distribution(context)
    parts = split(chosen.sample(length, np.random.default_rng(seed)))
    _check_lengths(list(map(len, parts)), context, "source")
    train, validation, test = (Windows.of(part, context) for part in parts)
    return Task(
        chosen.name,
        "source",
        chosen.characters,
        context,
        train,
        validation,
        test,
        entropy_rate=chosen.entropy_rate(),
        context_entropy=chosen.conditional_entropy(context),
        source=chosen,
        seed=seed,
        exact=exact,
    )


def _check_lengths(lengths: list[int], context: int, kind: str) -> None:
    """Each split must hold one window."""
    if min(lengths) <= context:
        raise TaskError(
            f"expected a {kind} with at least {context + 1} tokens in each split, got {sum(lengths)} split "
            f"into {' + '.join(map(str, lengths))}; give a longer one or choose a shorter context"
        )


def _check_normalised(log_q: Floats, shape: tuple[int, ...]) -> None:
    """What is not a distribution could have an excess below zero."""
    with np.errstate(over="ignore"):
        totals = np.exp(log_q).sum(axis=-1)
    if log_q.shape != shape or not np.allclose(totals, 1, rtol=0, atol=1e-4):
        raise ShapeError(
            f"expected normalised log-probabilities of shape {shape}, got shape {log_q.shape} with sums of "
            f"probabilities from {totals.min():g} to {totals.max():g}; check the head"
        )


def _mean_divergence(exact: ContextDistribution, log_q: Floats) -> float:
    """Σ_x P(x) Σ_y p (log p − log q), over p > 0."""
    possible = exact.conditionals > 0
    p = exact.conditionals[possible]
    joint = (exact.probabilities[:, None] * exact.conditionals)[possible]
    return float(joint @ (np.log(p) - log_q[possible]))
