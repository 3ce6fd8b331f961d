"""What estimators run circuits on, and through what: any V2 primitive of Qiskit, or one of ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from qiskit import QuantumCircuit
from qiskit.primitives import BaseEstimatorV2, BaseSamplerV2

from qgeo.estimators.dry_run import DryRun
from qgeo.estimators.multinomial import MultinomialSampler

Primitive: TypeAlias = BaseSamplerV2 | BaseEstimatorV2 | DryRun | MultinomialSampler
"""A sampler; an estimator, which is asked for the Pauli strings of an outcome's distribution
(`expectations.py`); a note of what either would be asked for; or draws from exact probabilities."""


class PassManager(Protocol):
    """Brings circuits to a target: Qiskit's pass managers, and whatever has their `run`."""

    def run(self, circuits: list[QuantumCircuit]) -> Sequence[QuantumCircuit]: ...
