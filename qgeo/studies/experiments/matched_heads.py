"""Heads of one size on the same contexts, and which directions of output distributions they reach.

At a head's own output p the distributions over contexts x and tokens y are a space of B(V − 1) directions,
with the Fisher information as metric: u = √w (t − p)/√p points at a population t, |u|² being χ². Parameters
reach the range of S = √(w p) ∂log p in it, F_C = SᵀS. The share of a direction that is reached,

    s = |Π_S u|²/|u|² = gᵀF_C⁺g/χ²                      g = −Sᵀu the gradient of the loss on t

is the cosine² of the angle between u and what a head of these parameters can do next. It depends on p, t and
the range alone, not on parameters. Of an isotropic random u it is rank F_C/B(V − 1) on average.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from qgeo.comparison.config import parse_configuration
from qgeo.comparison.inputs import build_task
from qgeo.geometry.filter import spectral_filter
from qgeo.geometry.spectra import eigenvalues, rank
from qgeo.heads.jacobian import count_trainable
from qgeo.heads.kinds import HEADS, HeadSpec
from qgeo.heads.protocol import Head, checked_head
from qgeo.optim.exact import classical, quantum
from qgeo.studies.experiments.measured_output import Floats
from qgeo.studies.study import Row
from qgeo.tasks import SOURCES

VOCABULARY, CONTEXT, EMBEDDING, LAYERS = 16, 2, 2, 3

HEAD_NAMES = ("born", "softmax", "mlp")
Start = Literal["uniform", "random"]
STARTS: tuple[Start, ...] = ("uniform", "random")
Name = Literal["zipf-bigram", "text"]
POPULATIONS: tuple[Name, ...] = ("zipf-bigram", "text")

BEYOND = "text beyond its mean"
SHARES = (*POPULATIONS, BEYOND)
"""Directions whose share is measured; the last one leaves out the mean distribution of tokens, which the
biases of classical heads reach at once."""

DRAWS = 64
"""Of random directions per head."""

DIRECTIONS = VOCABULARY**CONTEXT * (VOCABULARY - 1)
"""B(V − 1) over all contexts."""

_NULL = 1e-6
"""Singular values of S of at most so much of the largest are zeros, 1e-12 in F_C."""


@dataclass(frozen=True, eq=False)
class Population:
    """Contexts (C, k) with their weights (C,) and distributions of the next token (C, V)."""

    contexts: Tensor
    weights: Floats
    conditionals: Floats


def matched_head(kind: str, qubits: int, start: Start, seed: int) -> Head:
    """A Born head on so many qubits, or a classical head with as many trainable numbers, as nearly as can be.

    Outcomes of more than 4 qubits are folded to the 16 tokens.
    """
    size = 0 if kind == "born" else count_trainable(_built("born", qubits, 0, start, seed))
    return checked_head(_built(kind, qubits, size, start, seed))


def _built(kind: str, qubits: int, size: int, start: Start, seed: int) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(seed)
    spec = HeadSpec(
        VOCABULARY, CONTEXT, EMBEDDING, "hardware-efficient", qubits, LAYERS, size, generator, start
    )
    return HEADS[kind](spec)


def all_contexts() -> Tensor:
    """Every context, (V^k, k)."""
    return torch.tensor(list(product(range(VOCABULARY), repeat=CONTEXT)))


@cache
def population(name: Name) -> Population:
    """Of a source, exactly; or of the default text, as often as its training windows have them."""
    return _of_text() if name == "text" else _of_source(name)


def _of_source(name: str) -> Population:
    exact = SOURCES[name]().context_distribution(CONTEXT)
    return Population(torch.from_numpy(exact.contexts), exact.probabilities, exact.conditionals)


def _of_text() -> Population:
    section = {"vocabulary": VOCABULARY, "context": CONTEXT}
    windows = build_task(parse_configuration({"task": section}).task).train
    number = windows.contexts @ torch.tensor([VOCABULARY**2, VOCABULARY]) + windows.targets
    counts = torch.bincount(number, minlength=VOCABULARY**3).view(-1, VOCABULARY).double().numpy()
    came = counts.sum(-1) > 0
    totals = counts[came].sum(-1, keepdims=True)
    weights = totals[:, 0] / totals.sum()
    return Population(all_contexts()[torch.from_numpy(came)], weights, counts[came] / totals)


@dataclass(frozen=True, eq=False)
class Reach:
    """Which directions of distributions a head's parameters reach, at some contexts.

    Attributes:
        root: √p, (B, V); basis: orthonormal, (B V, r) of the range of S; weights: w (B,).
    """

    root: Floats
    basis: Floats
    weights: Floats

    @classmethod
    def of(cls, head: Head, contexts: Tensor, weights: Floats) -> Reach:
        """At contexts (B, k) with weights (B,) that sum to 1."""
        log_probs, jacobian = (each.detach().numpy() for each in head.log_probs_and_jacobian(contexts))
        root = np.exp(log_probs / 2)
        rows = (np.sqrt(weights)[:, None] * root)[..., None] * jacobian
        left, sizes, _ = np.linalg.svd(rows.reshape(-1, rows.shape[-1]), full_matrices=False)
        return cls(root, left[:, sizes > _NULL * sizes[0]], weights)

    @property
    def rank(self) -> int:
        """Of F_C."""
        return int(self.basis.shape[1])

    def share(self, direction: Floats) -> float:
        """|Πu|²/|u|² of u (B, V)."""
        flat = direction.ravel()
        return float(np.sum((self.basis.T @ flat) ** 2) / (flat @ flat))

    def direction(self, change: Floats) -> Floats:
        """√w Δp/√p of a change Δp of the distributions, (B, V)."""
        return np.asarray(np.sqrt(self.weights)[:, None] * change / self.root)

    def towards(self, conditionals: Floats) -> Floats:
        """u = √w (t − p)/√p, (B, V)."""
        return self.direction(conditionals - self.root**2)

    def random_direction(self, generator: np.random.Generator) -> Floats:
        """Isotropic among those that leave Σ_y p = 1, (B, V)."""
        drawn = generator.normal(size=self.root.shape)
        return np.asarray(drawn - (drawn * self.root).sum(-1, keepdims=True) * self.root)


def measure_head(item: Row) -> Row:
    """Numbers per parameter, and shares of directions that are reached."""
    head, contexts = matched_head(item["head"], item["qubits"], item["start"], item["seed"]), all_contexts()
    f_c = classical(head, contexts).to_dense().numpy()
    reach = Reach.of(head, contexts, np.full(len(contexts), 1 / len(contexts)))
    generator = np.random.default_rng(item["seed"])
    drawn = [reach.share(reach.random_direction(generator)) for _ in range(DRAWS)]
    return {
        "N": len(f_c),
        "trace": float(np.trace(f_c) / len(f_c)),
        "rank": reach.rank,
        "random": float(np.mean(drawn)),
        "eigenvalues": eigenvalues(f_c).tolist(),
        **_shares(head),
        **(_quantum(head, f_c) if item["head"] == "born" else {}),
    }


def _shares(head: Head) -> dict[str, float]:
    """Per direction of `SHARES`."""
    towards = {name: population(name) for name in POPULATIONS}
    reach = {name: Reach.of(head, each.contexts, each.weights) for name, each in towards.items()}
    text = towards["text"]
    mean = text.weights @ text.conditionals
    beyond = reach["text"].direction(text.conditionals - mean)
    shares = {
        name: reach[name].share(reach[name].towards(each.conditionals)) for name, each in towards.items()
    }
    return shares | {BEYOND: reach["text"].share(beyond)}


def _quantum(head: Head, f_c: Floats) -> Row:
    """F_Q of the circuit before it is measured, and what of it the output keeps."""
    f_q = quantum(head, all_contexts()).to_dense().numpy()
    return {
        "trace_q": float(np.trace(f_q) / len(f_q)),
        "rank_q": rank(f_q),
        "kept": float(spectral_filter(f_c, f_q).kept.mean()),
        "eigenvalues_q": eigenvalues(f_q).tolist(),
    }
