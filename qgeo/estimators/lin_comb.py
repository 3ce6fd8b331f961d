"""LinCombQFI: F_Q by linear combination of unitaries, one ancilla, grouped by commuting layers.

    F_ij = ⟨X ⊗ P_j⟩ − ⟨P_i⟩⟨P_j⟩

with an ancilla in |+⟩ controlling P_i after the rotation i, everything read right after the layer of j
(Schuld et al. 2019, arXiv 1811.11184; Li and Benjamin 2017, arXiv 1611.09301; the phase term: Stokes et al.
2020, arXiv 1909.02108). One circuit serves a term i and *all* terms of a later layer; one circuit per layer
gives the ⟨P_j⟩ and the block of the layer itself. Three repetitions of RY, RZ and a CX chain on four qubits
(24 parameters) take 60 + 6 = 66 circuits; one circuit per entry would be 348.
"""

from __future__ import annotations

from qgeo.estimators.experiments import ancilla_experiment
from qgeo.estimators.layered import Scheme, full_moments
from qgeo.estimators.layered_estimator import LayeredEstimator


class LinCombQFI(LayeredEstimator):
    """Full F_Q with one ancilla; unbiased. Arguments: see `LayeredEstimator`.

    >>> import numpy as np
    >>> from qiskit import QuantumCircuit
    >>> from qiskit.circuit import Parameter
    >>> circuit = QuantumCircuit(1)
    >>> _ = circuit.ry(Parameter("0_theta"), 0), circuit.rz(Parameter("1_phi"), 0)
    >>> LinCombQFI().estimate(circuit, [np.pi / 6, 1.0], shots=None).matrix.round(6)
    array([[1.  , 0.  ],
           [0.  , 0.25]])
    """

    scheme = Scheme(ancilla_experiment, full_moments, ancillas=1)
