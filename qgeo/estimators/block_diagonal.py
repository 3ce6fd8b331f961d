"""BlockDiagonalQFI: the blocks of F_Q on commuting layers (Stokes et al. 2020, arXiv 1909.02108, eq. 12).

    F_rs = ⟨P_r P_s⟩ − ⟨P_r⟩⟨P_s⟩   for rotations r, s of one layer;   0 elsewhere

One circuit per layer, no ancilla. Its entries are those of the full matrix, so a parameter with
rotations in several layers, whose diagonal entry would miss their correlations, is refused. As a metric,
pulled back through a Jacobian it is E_x[Kᵀ block(F) K], K = ∂angles/∂w, the sum of such a parameter's blocks,
and the exact metric `quantum-block-diagonal` is the same matrix (`geometry/blockwise.py`).
"""

from __future__ import annotations

import numpy as np

from qgeo.errors import CircuitError
from qgeo.estimators.layered import Scheme, block_moments
from qgeo.estimators.layered_estimator import LayeredEstimator
from qgeo.estimators.pauli_circuit import PauliCircuit


class BlockDiagonalQFI(LayeredEstimator):
    """Blocks of F_Q, exact zeros between layers. Arguments: see `LayeredEstimator`."""

    scheme = Scheme(None, block_moments)

    def check_entries(self, source: PauliCircuit) -> None:
        """
        Raises:
            CircuitError: a parameter acts in several layers.
        """
        for column, name in enumerate(source.parameters):
            if len(_layers_of(source, column)) > 1:
                raise CircuitError(
                    f"expected every parameter in one commuting layer, got {name!r} in "
                    f"{len(_layers_of(source, column))} of them; use the method lin-comb"
                )


def _layers_of(source: PauliCircuit, column: int) -> set[int]:
    gates = [gate for gate, angle in enumerate(source.gate_angles) if column in angle.columns]
    terms = np.flatnonzero(np.isin(source.gate_of_term, gates)).tolist()
    return {source.layer_of_term[term] for term in terms}
