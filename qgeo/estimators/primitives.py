"""What estimators run circuits on, and through what: any V2 primitive of Qiskit, or a dry run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from qiskit import QuantumCircuit
from qiskit.primitives import BaseEstimatorV2, BaseSamplerV2

from qgeo.estimators.dry_run import DryRun

Primitive: TypeAlias = BaseSamplerV2 | BaseEstimatorV2 | DryRun
"""A sampler; an estimator, which is asked for the Pauli strings of an outcome's distribution
(`expectations.py`); or a note of what either would be asked for."""


class PassManager(Protocol):
    """Brings circuits to a target: Qiskit's pass managers, and whatever has their `run`."""

    def run(self, circuits: list[QuantumCircuit]) -> Sequence[QuantumCircuit]: ...
