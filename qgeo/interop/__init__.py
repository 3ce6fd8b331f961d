"""Adapters into qiskit-machine-learning: exact parts where its own need a primitive, shots or a gate set.

    of qiskit-machine-learning                         here
    gradients.LinCombQGT, also inside gradients.QFI    ExactQGT
    gradients.ParamShiftSamplerGradient, LinComb…      ExactSamplerGradient, also inside SamplerQNN
    gradients.ParamShiftEstimatorGradient, LinComb…    ExactEstimatorGradient, also inside EstimatorQNN
    neural_networks.SamplerQNN                         CircuitNetwork
    –                                                  HeadNetwork: a head of qgeo as a NeuralNetwork
    –                                                  network_metric: NaturalGradient on a TorchConnector

They run no circuit: everything is computed from statevectors, for every gate that `qgeo.compile` reads, in
float64. `import qgeo` does not import this package; `import qgeo.interop` imports qiskit-machine-learning.
"""

from __future__ import annotations

from qgeo.interop.circuit_network import CircuitNetwork as CircuitNetwork
from qgeo.interop.geometric_tensor import ExactQGT as ExactQGT
from qgeo.interop.gradients import ExactEstimatorGradient as ExactEstimatorGradient
from qgeo.interop.gradients import ExactSamplerGradient as ExactSamplerGradient
from qgeo.interop.head_network import HeadNetwork as HeadNetwork
from qgeo.interop.metric import network_metric as network_metric

__all__ = [
    "CircuitNetwork",
    "ExactEstimatorGradient",
    "ExactQGT",
    "ExactSamplerGradient",
    "HeadNetwork",
    "network_metric",
]
