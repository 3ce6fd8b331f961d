"""Checks of tutorial 3, a language model in a circuit."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from .verdicts import NOT_YET, RIGHT, number_verdict, unanswered

ONES = 1 / 3  # of the tokens of the golden-mean source; after each comes a 0
VOCABULARY, CONTEXT, LAYERS, EMBEDDING = 32, 3, 3, 4  # of the head in exercise 3b
FISHER, GRADIENT, DAMPING, SCALE = 0.01, 1.0, 0.1, 5.0  # of θ₂ in exercise 3c; θ₂ = SCALE φ₂


def check_3a(answer: Any) -> None:
    """Excess of a unigram on the golden-mean source, H(⅓) − ⅔ log 2, in nats per token."""
    unigram, floor, coin = _entropy(ONES), (1 - ONES) * np.log(2), np.log(2)
    right = unigram - floor
    hints = {
        unigram: "this is its loss; the excess is what it has above the floor",
        right / np.log(2): "this is in bits; nats are asked for",
        unigram / np.log(2): "this is its loss in bits; the excess is the loss less the floor, in nats",
        coin - floor: "this is the coin flip of section 1; a unigram knows that two tokens in three are 0s",
        floor: "this is the floor: what no model gets below",
    }
    print(number_verdict(answer, right, hints, "the entropy of (⅔, ⅓) less the floor of section 1"))


def check_3b(answer: Any) -> None:
    """Trainable numbers of a Born head: values, embedding, weight, bias."""
    if unanswered(answer):
        print(NOT_YET)
    elif not isinstance(answer, Integral):
        print(f"hint: a whole number is asked for, not {answer!r}")
    else:
        print(_count_verdict(int(answer)))


def check_3c(answer: Any) -> None:
    """δθ₂ of the damped step in φ₂ = θ₂/s: −s (s²F + λ)⁻¹ s∇L."""
    fisher, gradient = SCALE**2 * FISHER, SCALE * GRADIENT
    step = -gradient / (fisher + DAMPING)
    right, once = SCALE * step, SCALE * FISHER + DAMPING
    hints = {
        -right: "the size is right; the step goes down, so it is negative",
        step: "this is the change of φ₂; θ₂ changes 5 times as much",
        -GRADIENT / (FISHER + DAMPING): "this is your own step; with damping theirs is another one",
        -GRADIENT / FISHER: "this is the step without damping, the same for both of you",
        -SCALE * gradient / once: "A stands on both sides of AᵀFA: their F_C is 25 × 0.01",
    }
    otherwise = "their F_C is AᵀFA, their gradient Aᵀ∇L, A = 5; take the damped step, then go back by A"
    print(number_verdict(answer, right, hints, otherwise))


# --- helpers -----------------------------------------------------------------------------------------------


def _entropy(share: float) -> float:
    """H of (share, 1 − share), in nats."""
    return float(-share * np.log(share) - (1 - share) * np.log(1 - share))


def _qubits(vocabulary: int) -> int:
    """The fewest n with 2ⁿ ≥ V."""
    return (vocabulary - 1).bit_length()


def _parts(qubits: int) -> tuple[int, int, int, int]:
    """Values, embedding, weight, bias: two angles per qubit in each layer, and two that carry the context."""
    angles = 2 * qubits
    return angles * LAYERS, VOCABULARY * EMBEDDING, angles * CONTEXT * EMBEDDING, angles


def _count_verdict(answer: int) -> str:
    values, embedding, weight, bias = parts = _parts(_qubits(VOCABULARY))
    if answer == sum(parts):
        return RIGHT
    hints = {
        values: "these are the angles of the circuit; the encoder has numbers, too",
        values + embedding + weight: "the encoder's bias is missing, one number for each angle that it gives",
        values + weight + bias: "the embedding is missing: four numbers for each of the 32 tokens",
        embedding + weight + bias: "this is the encoder; the circuit's own angles are missing",
        sum(_parts(_qubits(16))): "these are the numbers with four qubits; 32 tokens need five",
        values + embedding + weight // CONTEXT + bias: "W takes the numbers of all three tokens of a context",
    }
    otherwise = "add up values, embedding, weight and bias as printed in section 2, with five qubits"
    return "hint: " + hints.get(answer, otherwise)
