"""A case of a paired measurement, and the numbers that every process draws for it.

Opponents run in environments without qgeo or Qiskit: this file and `generators.py` need numpy alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.generators import GENERATORS, TITLES, Generator


@dataclass(frozen=True)
class Case:
    """A circuit and its sizes.

    Attributes:
        circuit: "layered" (RY–RZ–CX layers), "reuploaded" (the same with RY(x) in front of every layer
        instead of
            the first one alone), or a name of `generators.GENERATORS`.
        contexts: rows of data that are averaged over; 0 for a circuit without data.
    """

    circuit: str
    n: int
    layers: int
    contexts: int = 0

    @property
    def is_layered(self) -> bool:
        return self.circuit not in GENERATORS

    @property
    def generators(self) -> list[Generator]:
        """Of the parameters of a circuit that is not layered, in their order."""
        return GENERATORS[self.circuit](self.n, self.layers)

    @property
    def num_parameters(self) -> int:
        return 2 * self.n * self.layers if self.is_layered else len(self.generators)

    @property
    def arguments(self) -> list[str]:
        return [self.circuit, str(self.n), str(self.layers), str(self.contexts)]

    @property
    def label(self) -> str:
        name = "" if self.is_layered else f"{TITLES[self.circuit]}, "
        contexts = f", B={self.contexts}" if self.contexts else ""
        return f"{name}n={self.n}, P={self.num_parameters}{contexts}"


@dataclass(frozen=True)
class Point:
    """Where a case is measured: values (P,), inputs (B, n), a target outcome of every context (B,)."""

    values: np.ndarray
    inputs: np.ndarray
    targets: np.ndarray


def point(case: Case) -> Point:
    draw = np.random.default_rng(0)
    values = draw.uniform(-np.pi, np.pi, case.num_parameters)
    inputs = draw.uniform(-np.pi, np.pi, (case.contexts, case.n))
    return Point(values, inputs, draw.integers(0, 2**case.n, case.contexts))
