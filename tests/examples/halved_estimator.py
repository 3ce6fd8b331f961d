"""An estimator of one's own: block-diagonal F_Q at half of the shots."""

from __future__ import annotations

from qiskit import QuantumCircuit

from qgeo.estimators.block_diagonal import BlockDiagonalQFI
from qgeo.estimators.estimate import FisherEstimate
from qgeo.estimators.estimator import Points
from qgeo.estimators.methods import METHODS, Method


class HalvedQFI(BlockDiagonalQFI):
    """As `BlockDiagonalQFI`, with ⌈s/2⌉ shots per circuit."""

    def at_points(self, circuit: QuantumCircuit, points: Points, shots: int | None) -> FisherEstimate:
        return super().at_points(circuit, points, None if shots is None else -(-shots // 2))


METHODS.register(
    Method(
        "halved",
        HalvedQFI,
        "blocks at half of the shots",
        inverts_readout=True,
        stderr=lambda shots: (shots / 2) ** -0.5,
    )
)
