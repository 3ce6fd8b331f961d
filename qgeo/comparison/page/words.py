"""Words that the page uses before it explains them, and what they mean: the one place where that is written.

The page has them as a section, and links their names from its top.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """A word and its meaning; letters after an underscore become subscripts.

    Attributes:
        anchor: what its id in the page ends with.
    """

    name: str
    anchor: str
    meaning: str


WORDS = (
    Word(
        "head",
        "head",
        "A small model that gives a probability to every next token, from the few tokens before it: born and "
        "pauli are parameterized quantum circuits, softmax and mlp classical networks.",
    ),
    Word(
        "Born head",
        "born",
        "A circuit whose measured bits are the next token: p(token | context) is the probability |⟨bits|ψ⟩|² "
        "of the bits that stand for it. A pauli head has a trainable layer and a softmax behind what it "
        "measures.",
    ),
    Word(
        "arm",
        "arm",
        "What is compared: a head with the metric or optimizer that trains it, HEAD+METRIC; after an @ the "
        "backend whose shots it trains from.",
    ),
    Word(
        "replicate",
        "replicate",
        "A repetition of everything, other training data and another tuning included. Seeds without "
        "replicates repeat the final runs alone, with other initial numbers and batches.",
    ),
    Word(
        "F_Q",
        "quantum-fisher",
        "Quantum Fisher information, how far the state ψ moves with the parameters: 4 Re(⟨∂ᵢψ|∂ⱼψ⟩ − "
        "⟨∂ᵢψ|ψ⟩⟨ψ|∂ⱼψ⟩), mean over contexts. F_Q is zero behind the measurement: for readout parameters the "
        "F_C block stands in, which is a convention unless the readout is Born’s without smoothing.",
    ),
    Word(
        "F_C",
        "classical-fisher",
        "Classical Fisher information, how far what is predicted moves: Σᵧ ∂ᵢp(y) ∂ⱼp(y) / p(y) over the "
        "head’s output, mean over contexts: the exact one, not the empirical one of observed tokens.",
    ),
    Word(
        "nats",
        "nats",
        "Unit of a loss, −log p(token | context), mean over windows: L nats per token are as uncertain as an "
        "even choice among exp(L) tokens. One nat is 1.44 bits.",
    ),
    Word(
        "bigram bar",
        "bigram",
        "The loss of a table of token pairs that is counted, not trained. A head above it has learned less "
        "than which token follows which.",
    ),
    Word(
        "KL τ of a step",
        "step",
        "How far a natural step moves the predictions: KL(p before ‖ p after) = τ nats per token at the "
        "first step, whatever the metric. The step is δ = −s (F + λI)⁻¹ ∇L, with s found so that this holds.",
    ),
    Word(
        "damping",
        "damping",
        "What is added to a metric before it is inverted: λ = damping · tr F / P for P parameters, so that "
        "no metric gains by its units. Much of it makes a step one of plain gradient descent.",
    ),
)
