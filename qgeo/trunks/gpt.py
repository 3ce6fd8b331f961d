"""A minimal GPT: pre-norm causal transformer with learned positions and an output tied to the embedding.

    h⁰_i = E(x_i) + P(i)
    hˡ   = h + MLP(norm(h)),  h = hˡ⁻¹ + Attention(norm(hˡ⁻¹))          token i sees tokens ≤ i alone
    f(x) = norm(h^L)_k,       p(x_{i+1} | x_1 … x_i) = softmax(E norm(h^L)_i + b)

Vaswani et al. 2017 (arXiv 1706.03762); pre-norm, GELU and the scaled start of residual branches as in GPT-2
(Radford et al. 2019). It trains in float32; as a trunk its numbers are taken to float64, so that a context's
features depend on no other context of its batch.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from qgeo.errors import ConfigurationError

MOST_PARAMETERS = 200_000
"""Of a trunk, chosen: heads have hundreds, and a laptop trains this in a minute."""

_SPREAD = 0.02
"""Of initial weights, as in GPT-2."""


@dataclass(frozen=True)
class GPTSizes:
    """What makes the tensors of a GPT.

    Attributes:
        vocabulary: V; context: k, positions; width: numbers per token, a multiple of attention_heads.
        layers: blocks of attention and perceptron.

    Raises:
        ConfigurationError: a width that the attention heads do not share evenly, more than 200,000
            parameters.
    """

    vocabulary: int
    context: int
    width: int
    layers: int
    attention_heads: int

    def __post_init__(self) -> None:
        if self.width % self.attention_heads:
            raise ConfigurationError(
                f"expected trunk.width as a multiple of trunk.attention_heads, got {self.width} and "
                f"{self.attention_heads}; choose others"
            )
        if self.parameters > MOST_PARAMETERS:
            raise ConfigurationError(
                f"expected a trunk of at most {MOST_PARAMETERS:,} parameters, got {self.parameters:,}; lower "
                "trunk.width or trunk.layers"
            )

    @property
    def parameters(self) -> int:
        """
        >>> GPTSizes(vocabulary=32, context=3, width=64, layers=3, attention_heads=4).parameters
        152352
        """
        per_layer = 12 * self.width**2 + 13 * self.width
        positions = self.vocabulary + self.context
        return positions * self.width + self.layers * per_layer + 2 * self.width + self.vocabulary


class _Block(nn.Module):
    """Attention and perceptron, each added to what it reads."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention, self.norm_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.read, self.write = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.expand, self.contract = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = hidden + self.write(self._attended(self.norm_attention(hidden)))
        expanded = nn.functional.gelu(self.expand(self.norm_mlp(hidden)))
        added: Tensor = hidden + self.contract(expanded)
        return added

    def _attended(self, hidden: Tensor) -> Tensor:
        """(B, t, width) → the same, each position from those up to it."""
        batch, length, width = hidden.shape
        split = self.read(hidden).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        seen = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return seen.transpose(1, 2).reshape(batch, length, width)


class GPT(nn.Module):
    """Tokens (B, t ≤ k) → features of every position (B, t, width).

    Args:
        sizes: of its tensors; generator: source of its initial numbers, N(0, 0.02²), those that write to the
            residual stream divided by √(2 layers).
    """

    def __init__(self, sizes: GPTSizes, generator: torch.Generator) -> None:
        super().__init__()
        self.sizes, width = sizes, sizes.width
        self.tokens = nn.Parameter(torch.empty(sizes.vocabulary, width))
        self.positions = nn.Parameter(torch.empty(sizes.context, width))
        self.bias = nn.Parameter(torch.empty(sizes.vocabulary))
        with torch.random.fork_rng(devices=()):  # torch draws a start of its own, which is written over
            self.blocks = nn.ModuleList(_Block(width, sizes.attention_heads) for _ in range(sizes.layers))
        self.norm = nn.LayerNorm(width)
        _start(self, generator)

    def forward(self, tokens: Tensor) -> Tensor:
        hidden = self.tokens[tokens] + self.positions[: tokens.shape[1]]
        for block in self.blocks:
            hidden = block(hidden)
        normed: Tensor = self.norm(hidden)
        return normed

    def scores(self, features: Tensor) -> Tensor:
        """Log-probabilities of the next token up to a constant, (…, V), from features (…, width)."""
        return features @ self.tokens.mT + self.bias


def _start(model: GPT, generator: torch.Generator) -> None:
    """Norms stay as torch makes them, 1 and 0."""
    to_residual = ("write.weight", "contract.weight")
    numbers = {name: tensor.detach() for name, tensor in model.named_parameters() if "norm" not in name}
    for name, tensor in numbers.items():
        spread = _SPREAD / (2 * model.sizes.layers) ** 0.5 if name.endswith(to_residual) else _SPREAD
        tensor.normal_(0.0, spread, generator=generator) if tensor.dim() > 1 else tensor.zero_()


class GPTTrunk:
    """A trained GPT as a trunk: features of the last position, and what it says of the next token itself."""

    name = "gpt"

    def __init__(self, model: GPT) -> None:
        self._model = _as_double(model)
        self.sizes = model.sizes

    @property
    def vocabulary(self) -> int:
        return self.sizes.vocabulary

    @property
    def context(self) -> int:
        return self.sizes.context

    @property
    def width(self) -> int:
        return self.sizes.width

    @property
    def parameters(self) -> int:
        return self.sizes.parameters

    def features(self, contexts: Tensor) -> Tensor:
        """(B, width) float64, of contexts (B, k)."""
        with torch.no_grad():
            features: Tensor = self._model(contexts)[:, -1]
        return features

    def log_probs(self, contexts: Tensor) -> Tensor:
        """Its own log-probabilities of the next token, (B, V) float64."""
        with torch.no_grad():
            return torch.log_softmax(self._model.scores(self.features(contexts)), dim=-1)


def _as_double(model: GPT) -> GPT:
    """A copy in float64 that nothing trains."""
    copied = GPT(GPTSizes(**asdict(model.sizes)), torch.Generator())
    copied.load_state_dict(model.state_dict())
    return copied.double().requires_grad_(False)
