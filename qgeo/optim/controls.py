"""Control metrics: what F_Q and F_C are compared with, to see what in them does the work.

    identity            I: the length of a step alone, whatever the geometry
    classical-diagonal  the diagonal of F_C
    mixture-s           F_s = (1 − s) F_C + s F_Q; its filter is μ/(μ + s(1 − μ)) (`geometry/filter.py`)
    random-spectrum     RᵀF_Q R: the eigenvalues of F_Q in a random basis
    rotated-phase       F_C + Rᵀ(F_Q − F_C)R: what phases add to F_C, in a random basis
    monte-carlo         F_C by one token per context, drawn from the head's own distribution

R is Haar-random. Where F_Q does not reach, behind the measurement, the F_C block stands as in `quantum` and
is not turned.

Randomness without state: a rule is a function of the head, so R and the drawn tokens come from a generator
seeded by a digest of the head's trainable numbers, to the last bit, and of the metric's name. Another seed or
another step means other numbers and so another R; the same point means the same R, so that a resumed run
repeats itself bit by bit.

A stale metric is no metric of its own: it is an arm whose `refresh` is larger than its number of steps.
"""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import torch
from scipy.stats import ortho_group
from torch import Tensor

from qgeo.errors import ConfigurationError
from qgeo.geometry.classical import check_contexts_are_there
from qgeo.geometry.monte_carlo import sampled_gradients
from qgeo.geometry.operators import DenseMatrix, DiagonalMatrix, GramMatrix, InformationMatrix
from qgeo.heads.protocol import Head, QuantumHead
from qgeo.optim.exact import Rule, classical, quantum

MIXTURES = (0.25, 0.5, 0.75)
"""Shares s of F_Q in the mixtures that have a name."""

_ORDERED = -1e-8
"""An eigenvalue of F_Q − F_C, relative to the trace of F_Q, that is rounding below zero."""


def identity(head: Head, contexts: Tensor, targets: Tensor | None = None) -> InformationMatrix:
    """I over the head's trainable parameters: gradient descent, with the steps of natural gradient."""
    del targets
    check_contexts_are_there(len(contexts))
    trained = [parameter for _, parameter in head.named_parameters() if parameter.requires_grad]
    ones = [torch.ones_like(parameter, dtype=torch.float64).flatten() for parameter in trained]
    return DiagonalMatrix(torch.cat(ones))


def diagonal_of(rule: Rule) -> Rule:
    """The diagonal of another metric."""

    def diagonal(head: Head, contexts: Tensor, targets: Tensor | None = None) -> InformationMatrix:
        return DiagonalMatrix(rule(head, contexts, targets).diagonal())

    return diagonal


def mixture(share: float) -> Rule:
    """F_s = (1 − s) F_C + s F_Q.

    Args:
        share: s, from 0 (F_C) to 1 (F_Q).

    Raises:
        ConfigurationError: s outside [0, 1], where F_s may be indefinite.
    """
    if not 0 <= share <= 1:
        raise ConfigurationError(f"expected a share of F_Q from 0 to 1, got {share}")

    def mixed(head: Head, contexts: Tensor, targets: Tensor | None = None) -> InformationMatrix:
        f_q = quantum(head, contexts, targets).to_dense()
        return DenseMatrix((1 - share) * classical(head, contexts, targets).to_dense() + share * f_q)

    return mixed


def random_spectrum(head: Head, contexts: Tensor, targets: Tensor | None = None) -> InformationMatrix:
    """RᵀF_Q R; F_C over the readout."""
    f_q = quantum(head, contexts, targets).to_dense()
    before = len(f_q) - _readout_size(head, contexts)
    turned = _turned(f_q[:before, :before], generator_at(head, "random-spectrum"))
    return DenseMatrix(torch.block_diag(turned, f_q[before:, before:]))


def rotated_phase(head: Head, contexts: Tensor, targets: Tensor | None = None) -> InformationMatrix:
    """F_C + Rᵀ(F_Q − F_C)R over what is before the measurement; F_C over the readout.

    Raises:
        ConfigurationError: F_C ⪯ F_Q does not hold, as behind a Pauli readout, which is no measurement.
    """
    f_q = quantum(head, contexts, targets).to_dense()
    before = len(f_q) - _readout_size(head, contexts)
    f_c = classical(head, contexts, targets).to_dense()[:before, :before]
    phases = f_q[:before, :before] - f_c
    _check_order(head, phases, f_q)
    turned = f_c + _turned(phases, generator_at(head, "rotated-phase"))
    return DenseMatrix(torch.block_diag(turned, f_q[before:, before:]))


def monte_carlo(head: Head, contexts: Tensor, targets: Tensor | None = None) -> InformationMatrix:
    """F_C by one drawn token per context: ∇log p(y|x)∇log p(y|x)ᵀ, y ~ p(·|x), averaged."""
    del targets
    log_probs, jacobian = head.log_probs_and_jacobian(contexts)
    seed = int(generator_at(head, "monte-carlo").integers(2**63))
    drawn = sampled_gradients(log_probs, jacobian, torch.Generator().manual_seed(seed), draws=1)
    return GramMatrix(drawn.flatten(0, 1), scale=1 / len(contexts))


def generator_at(head: Head, purpose: str) -> np.random.Generator:
    """The generator that belongs to a head's point: seeded by SHA-256 of the purpose's name and the head's
    trainable numbers, float64 little-endian in `named_parameters` order."""
    digest = sha256(purpose.encode())
    for numbers in _trained(head):
        digest.update(numbers.numpy().astype("<f8").tobytes())
    return np.random.default_rng(int.from_bytes(digest.digest()))


def _trained(head: Head) -> list[Tensor]:
    """The trainable numbers, flat, tensor by tensor."""
    tensors = (parameter for _, parameter in head.named_parameters() if parameter.requires_grad)
    return [tensor.detach().cpu().flatten() for tensor in tensors]


def _turned(matrix: Tensor, generator: np.random.Generator) -> Tensor:
    """RᵀAR, R Haar-random and orthogonal; symmetric to the last bit."""
    if len(matrix) < 2:  # a number has no basis
        return matrix
    rotation = torch.from_numpy(ortho_group.rvs(len(matrix), random_state=generator)).to(matrix.device)
    turned = rotation.mT @ matrix @ rotation
    return (turned + turned.mT) / 2


def _readout_size(head: Head, contexts: Tensor) -> int:
    """Trainable numbers behind the measurement."""
    assert isinstance(head, QuantumHead)  # `quantum` refused any other
    return head.circuit_point(contexts[:1]).num_readout


def _check_order(head: Head, phases: Tensor, f_q: Tensor) -> None:
    smallest = float(torch.linalg.eigvalsh(phases).min()) if len(phases) else 0.0
    if smallest < _ORDERED * float(f_q.trace()):
        raise ConfigurationError(
            f"expected F_C ⪯ F_Q for 'rotated-phase', which does not hold for {type(head).__name__}, whose "
            "output is no measurement; use a Born head"
        )
