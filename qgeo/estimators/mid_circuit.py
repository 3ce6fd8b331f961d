"""MidCircuitQFI: F_Q without ancilla and without controlled gates, by measuring on the way.

    E[m_i m_j] = ½⟨{P_i, W†P_jW}⟩ = Re⟨P_i W†P_jW⟩,      F_ij = E[m_i m_j] − ⟨P_i⟩⟨P_j⟩

P_i is measured right after its layer (outcome m_i = ±1, a projective, non-demolition measurement), the
circuit goes on, the later layer is read. What is disturbed on the way is exactly the anticommutator
(Mitarai and Fujii 2019, arXiv 1901.00015, section II, replacing an indirect measurement by a direct one).
"""

from __future__ import annotations

from qgeo.estimators.experiments import mid_circuit_experiment
from qgeo.estimators.layered import Scheme, full_moments
from qgeo.estimators.layered_estimator import LayeredEstimator


class MidCircuitQFI(LayeredEstimator):
    """Full F_Q on devices that measure in mid-circuit; unbiased. Arguments: see `LayeredEstimator`.

    >>> import numpy as np
    >>> from qiskit import QuantumCircuit
    >>> from qiskit.circuit import Parameter
    >>> circuit = QuantumCircuit(1)
    >>> _ = circuit.ry(Parameter("0_theta"), 0), circuit.rz(Parameter("1_phi"), 0)
    >>> MidCircuitQFI().estimate(circuit, [np.pi / 6, 1.0], shots=None).matrix.round(6)
    array([[1.  , 0.  ],
           [0.  , 0.25]])
    """

    scheme = Scheme(mid_circuit_experiment, full_moments)
