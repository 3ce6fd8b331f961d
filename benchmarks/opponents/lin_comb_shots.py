"""qiskit-machine-learning's LinCombQGT on BackendEstimatorV2(AerSimulator()), counting all it runs.

precision = 1/√shots, so that every circuit it runs gets `shots`.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from qiskit import transpile
from qiskit.primitives import BackendEstimatorV2
from qiskit_aer import AerSimulator
from qiskit_machine_learning.gradients import QFI, LinCombQGT


class CountingSimulator(AerSimulator):
    """Aer, fresh seeds, and a count of circuits and shots."""

    def __init__(self, generator, **options):
        super().__init__(**options)
        self._generator, self.circuits, self.shots = generator, 0, 0

    def run(self, circuits, *args, **options):
        many = circuits if isinstance(circuits, list) else [circuits]
        self.circuits += len(many)
        self.shots += len(many) * options["shots"]
        options["seed_simulator"] = int(self._generator.integers(2**31))
        return super().run(circuits, *args, **options)


class LinCombFromShots:
    """The same call as an estimator of qgeo."""

    def __init__(self, generator):
        self.simulator = CountingSimulator(generator)

    def estimate(self, circuit, values, *, shots):
        self.simulator.circuits = self.simulator.shots = 0
        estimator = BackendEstimatorV2(backend=self.simulator, options={"default_precision": shots**-0.5})
        qfi = QFI(LinCombQGT(estimator), precision=shots**-0.5)
        matrix = qfi.run([circuit], [values], [circuit.parameters]).result().qfis[0]
        return SimpleNamespace(
            matrix=np.real(matrix), circuits=self.simulator.circuits, shots=self.simulator.shots
        )
