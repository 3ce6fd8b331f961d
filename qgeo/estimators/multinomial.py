"""Shots without a simulator: multinomial draws from exact probabilities, the distribution of noise-free Aer.

    counts of a row ~ Multinomial(shots, p),      p the exact probabilities of the measured circuit's outcomes

Circuits are compiled once and run in one call for all rows of angles; Aer, which is the reference, binds and
simulates every row by itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from qgeo.estimators.outcomes import MeasuredProgram, Outcomes, measured_program

_KEPT_PROGRAMS = 4096
"""Compiled circuits, a choice: more than one estimate has, and no leak over a training."""


class MultinomialSampler:
    """In the place of a sampler: draws outcomes of measured circuits from their exact distribution.

    Args:
        generator: of the draws.
    """

    def __init__(self, generator: np.random.Generator | None = None) -> None:
        self.generator = np.random.default_rng() if generator is None else generator
        self._programs: dict[int, tuple[QuantumCircuit, MeasuredProgram]] = {}

    def outcomes(self, circuit: QuantumCircuit, angles: NDArray[np.float64], shots: int) -> list[Outcomes]:
        """What `shots` runs of a circuit gave, for every row of angles (B, K).

        Raises:
            CircuitError: the circuit is too wide for a statevector.

        >>> coin = QuantumCircuit(1, 1)
        >>> _ = coin.h(0), coin.measure(0, 0)
        >>> sampler = MultinomialSampler(np.random.default_rng(0))
        >>> float(sampler.outcomes(coin, np.zeros((1, 0)), 100)[0].weights.sum())
        1.0
        """
        program = self._program(circuit)
        exact = program.probabilities(angles).clip(min=0)
        counts = self.generator.multinomial(shots, exact / exact.sum(1, keepdims=True))
        return [Outcomes(program.bits[row > 0], row[row > 0] / shots, shots) for row in counts]

    def _program(self, circuit: QuantumCircuit) -> MeasuredProgram:
        """Compiled once per circuit object, which is kept so that its identity stays its own."""
        if id(circuit) not in self._programs:
            self._programs[id(circuit)] = (circuit, measured_program(circuit))
        while len(self._programs) > _KEPT_PROGRAMS:
            del self._programs[next(iter(self._programs))]
        return self._programs[id(circuit)][1]
