"""Exact metrics: the rules that give a head its information matrix at some contexts.

    quantum                  F_Q over everything before the measurement, pulled back through the encoder;
                             behind the measurement F_Q is zero and the F_C block stands in
    quantum-block-diagonal   F_Q's blocks on the circuit's commuting layers, pulled back
    quantum-diagonal         the diagonal of those blocks
    quantum-matrix-free      the same as quantum, by products and conjugate gradients
    classical                F_C of the head's output, exact
    empirical                gradients at the observed tokens (needs targets)

A rule is a function (head, contexts, targets) → `InformationMatrix` over the head's trainable parameters, in
`named_parameters` order. Geometry does not know heads; this file joins the two. Their names: `metrics.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from qgeo.errors import ConfigurationError
from qgeo.geometry.blockwise import connected_blocks, layer_blocks_fisher
from qgeo.geometry.classical import output_fisher
from qgeo.geometry.empirical import empirical_fisher
from qgeo.geometry.matrix_free import MatrixFreeFisher
from qgeo.geometry.operators import (
    BlockDiagonalMatrix,
    DenseMatrix,
    DiagonalMatrix,
    DirectSum,
    InformationMatrix,
)
from qgeo.geometry.pullback import pulled_back_fisher, readout_fisher, staged_output_fisher
from qgeo.heads.protocol import CircuitPoint, Head, QuantumHead, StagedHead
from qgeo.simulate.tangents import tangent_products

Rule = Callable[[Head, Tensor, Tensor | None], InformationMatrix]


@runtime_checkable
class KeepsState(Protocol):
    """A rule that keeps something from step to step, plain data, for a resumed training."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


def classical(head: Head, contexts: Tensor, targets: Tensor | None = None) -> InformationMatrix:
    """F_C of the head's output over all its trainable parameters."""
    del targets
    if not isinstance(head, StagedHead):
        return output_fisher(*head.log_probs_and_jacobian(contexts))
    return staged_output_fisher(head.staged_jacobian(contexts))


def empirical(head: Head, contexts: Tensor, targets: Tensor | None = None) -> InformationMatrix:
    """Empirical Fisher at the observed tokens."""
    if targets is None:
        raise ConfigurationError("the metric 'empirical' needs targets, got none; pass step(targets=...)")
    return empirical_fisher(head.log_probs_and_jacobian(contexts)[1], targets)


def quantum(head: Head, contexts: Tensor, targets: Tensor | None = None) -> InformationMatrix:
    """F_Q over circuit and encoder, F_C over the readout, no block between the two."""
    del targets
    quantum_head = checked_quantum(head)
    point = quantum_head.circuit_point(contexts)
    before = _before_measurement(point)
    if not point.num_readout:
        return DenseMatrix(before)
    return DirectSum((DenseMatrix(before), DenseMatrix(readout_block(quantum_head, contexts))))


def quantum_block_diagonal(head: Head, contexts: Tensor, targets: Tensor | None = None) -> InformationMatrix:
    """F_Q's blocks on the circuit's commuting layers, pulled back; F_C over the readout."""
    del targets
    quantum_head = checked_quantum(head)
    point = quantum_head.circuit_point(contexts)
    before = _layer_blocks(point)
    groups = connected_blocks(before)
    blocks = [before[group][:, group] for group in groups]
    if point.num_readout:
        blocks.append(readout_block(quantum_head, contexts))
        groups.append(len(before) + torch.arange(point.num_readout, device=before.device))
    return BlockDiagonalMatrix(
        tuple(blocks), torch.cat(groups) if groups else torch.arange(0, device=before.device)
    )


def quantum_matrix_free(head: Head, contexts: Tensor, targets: Tensor | None = None) -> InformationMatrix:
    """`quantum` by products alone, solved by conjugate gradients: for very many parameters."""
    del targets
    quantum_head = checked_quantum(head)
    point = quantum_head.circuit_point(contexts)
    before = MatrixFreeFisher(
        point.program, point.values, point.angles, point.own_columns, point.encoder.dense()
    )
    if not point.num_readout:
        return before
    return DirectSum((before, DenseMatrix(readout_block(quantum_head, contexts))))


def quantum_diagonal(head: Head, contexts: Tensor, targets: Tensor | None = None) -> InformationMatrix:
    """The diagonal of those blocks; F_C over the readout."""
    del targets
    quantum_head = checked_quantum(head)
    point = quantum_head.circuit_point(contexts)
    before = DiagonalMatrix(_layer_blocks(point).diagonal())
    if not point.num_readout:
        return before
    return DirectSum((before, DenseMatrix(readout_block(quantum_head, contexts))))


def checked_quantum(head: Head) -> QuantumHead:
    """The head, if it has a circuit.

    Raises:
        ConfigurationError: it has none.
    """
    if not isinstance(head, QuantumHead):
        raise ConfigurationError(
            f"expected a quantum head for a quantum metric, got {type(head).__name__}; use 'classical'"
        )
    return head


def _before_measurement(point: CircuitPoint) -> Tensor:
    """F_Q over the circuit's trainable parameters and the encoder's, (P + W, P + W)."""
    columns, num_own = (*point.own_columns, *point.data_columns), len(point.own_columns)
    products = tangent_products(point.program, point.values, point.angles, columns, num_own)
    if not point.num_encoder:
        return 4 / len(point.angles) * products.summed
    return pulled_back_fisher(products, point.encoder).matrix


def _layer_blocks(point: CircuitPoint) -> Tensor:
    return layer_blocks_fisher(
        point.program, point.values, point.angles, point.own_columns, point.encoder.dense()
    )


def readout_block(head: QuantumHead, contexts: Tensor) -> Tensor:
    """F_C over what is behind the measurement, (R, R)."""
    return readout_fisher(*head.readout_jacobian(contexts))
