"""RunningAverage: an estimator whose noise is averaged over the steps of a training (Gacon et al. 2021).

    F̄_k = F̄_{k−1} + w (F̂_k − F̄_{k−1}),      w = 1/k until 1/k falls below 1 − memory

The mean follows a moving θ with a delay: biased by what F changes within its memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from qgeo.errors import ConfigurationError
from qgeo.estimators.estimate import FisherEstimate
from qgeo.estimators.estimator import FisherEstimator, Points

Floats = NDArray[np.float64]


class RunningAverage(FisherEstimator):
    """Wraps an estimator; every call adds to the average.

    Args:
        inner: the estimator of each step; memory: 0 keeps nothing, 1 averages over all steps alike.
    """

    def __init__(self, inner: FisherEstimator, *, memory: float = 1.0) -> None:
        if not 0 <= memory <= 1:
            raise ConfigurationError(f"expected a memory from 0 to 1, got {memory}")
        self.inner, self.memory, self.least_shots = inner, memory, inner.least_shots
        self.steps = 0
        self._mean: FisherEstimate | None = None

    def at_points(self, circuit: QuantumCircuit, points: Points, shots: int | None) -> FisherEstimate:
        """See `FisherEstimator`; the cost is that of this call alone."""
        new = self.inner.at_points(circuit, points, shots)
        self.steps += 1
        old, weight = self._mean or new, max(1 / self.steps, 1 - self.memory)
        self._mean = replace(
            new,
            matrix=old.matrix + weight * (new.matrix - old.matrix),
            stderr=new.stderr if self.steps == 1 else _blend(old.stderr, new.stderr, weight),
            resolution=new.resolution if self.steps == 1 else _blend(old.resolution, new.resolution, weight),
            bias=old.bias + weight * (new.bias - old.bias),
            squares=np.zeros(()),
            largest=np.maximum(old.largest, new.largest),
        )
        return self._mean

    def state_dict(self) -> dict[str, Any]:
        """Steps and average as plain data: numbers, names and nested lists."""
        mean = None if self._mean is None else {name: _plain(getattr(self._mean, name)) for name in _KEPT}
        return {"steps": self.steps, "mean": mean}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken; its generator is the user's to restore."""
        kept = state["mean"]
        arrays: dict[str, Any] = {} if kept is None else {name: np.array(kept[name]) for name in _KEPT}
        self.steps = int(state["steps"])
        self._mean = None if kept is None else FisherEstimate(circuits=0, shots=0, **arrays)


_KEPT = ("matrix", "stderr", "resolution", "bias", "largest")
"""Of an average, what the next step adds to."""


def _plain(array: Floats) -> Any:
    return np.asarray(array).tolist()


def _blend(old: Floats, new: Floats, weight: float) -> Floats:
    return np.sqrt((1 - weight) ** 2 * old**2 + weight**2 * new**2)
