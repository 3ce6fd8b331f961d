"""A token source: a stationary process that emits tokens, with everything about it that is known exactly.

Exact: the distribution of contexts and of the token that follows, h_k = H(X_{k+1} | X_1 … X_k), and the
entropy rate h = lim h_k. Entropies are in bits per symbol, losses in nats per token.
Ready-made sources: `named_sources.py`.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qgeo.errors import ConfigurationError
from qgeo.tasks import entropy, stream
from qgeo.tasks.entropy import EntropyBracket
from qgeo.tasks.memory import Memory
from qgeo.tasks.process import ContextDistribution, Ints
from qgeo.tasks.stream import MeanLoss

SIGNS = string.digits + string.ascii_letters + "".join(map(chr, range(0xC0, 0x182)))
"""How up to 256 tokens of a source are shown when it has no characters of its own."""


@dataclass(frozen=True, eq=False)
class TokenSource:
    """A named memory that emits tokens, started from its stationary state.

    Args:
        name: as in `source(name)`.
        definition: one line for a report, with its numbers.
        memory: hidden Markov states or a qubit.
        characters: character i shows token i; `SIGNS` by default.

    Raises:
        ConfigurationError: not one character per token.

    >>> from qgeo.tasks import source
    >>> coin = source("perturbed-coin")
    >>> round(coin.entropy_rate(), 4), round(coin.conditional_entropy(0), 4)
    (0.7219, 1.0)
    >>> coin.sample(12, np.random.default_rng(1))
    array([1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1])
    """

    name: str
    definition: str
    memory: Memory
    characters: str = ""

    def __post_init__(self) -> None:
        characters = self.characters or SIGNS[: self.vocabulary_size]
        if len(characters) != self.vocabulary_size:
            raise ConfigurationError(
                f"expected {self.vocabulary_size} characters for the source {self.name}, one per token, "
                f"got {len(characters)}; set characters"
            )
        object.__setattr__(self, "characters", characters)

    @property
    def vocabulary_size(self) -> int:
        """V, the number of tokens."""
        return self.memory.process.vocabulary_size

    @cached_property
    def entropy_bracket(self) -> EntropyBracket:
        """What is known of h, in bits: a point where a closed form exists, an interval otherwise."""
        return self.memory.entropy_bracket()

    def entropy_rate(self) -> float:
        """h in bits per symbol: the midpoint of `entropy_bracket`."""
        return self.entropy_bracket.value

    def conditional_entropy(self, context: int) -> float:
        """h_k = H(X_{k+1} | X_1 … X_k) in bits, k = `context`: the floor of any head that sees k tokens.

        Raises:
            TaskError: a negative context, or one too long to enumerate.
        """
        return entropy.conditional_entropy(self.memory.process, context)

    def context_distribution(self, context: int) -> ContextDistribution:
        """Contexts of positive probability (C, k), their probabilities (C,), and p(y | x), (C, V).

        Raises:
            TaskError: too many contexts to enumerate.
        """
        return self.memory.process.context_distribution(context)

    def sample(self, length: int, generator: np.random.Generator) -> Ints:
        """`length` tokens, int64, the same for the same generator state; a million take a few seconds.

        Raises:
            TaskError: a negative length.
        """
        return stream.sample(self.memory.process, length, generator)

    def filtered_log_loss(self, tokens: Ints) -> MeanLoss:
        """Mean of −log p in nats per token when all the past is known, and its standard error.

        Raises:
            TaskError: too few tokens for a standard error, or tokens this source cannot emit.
        """
        return stream.filtered_log_loss(self.memory.process, tokens)
