"""Plans: what a request would run and cost. Circuits are built and transpiled, never simulated or posted.

The request is carried out on a `DrySampler`, which notes what it is asked for and answers with zeros; every
method, whatever it does with its samples, is planned by the code that will run it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.primitives import BaseSamplerV2, BitArray, DataBin, PrimitiveResult, SamplerPubResult
from qiskit.primitives.containers.sampler_pub import SamplerPub

from qgeo.backends.cost import OVERHEAD_SECONDS, REP_DELAY, circuit_seconds, two_qubit_gates
from qgeo.estimators.execution import brought_to
from qgeo.estimators.experiments import REGISTER

_MOST_ZEROS = 500_000
TRANSPILED_AT_MOST = 24
"""Circuits that a plan transpiles; more are judged by an even choice of so many."""


@dataclass(frozen=True)
class Wanted:
    """A circuit of a request: bindings of it, and shots for each."""

    circuit: QuantumCircuit
    bindings: int
    shots: int


class EnoughError(Exception):
    """A job so large that its zeros would take long: it is noted, and that is all a plan needs."""


class DrySampler(BaseSamplerV2):
    """Notes every job and answers with zeros; a very large job ends the request."""

    def __init__(self) -> None:
        self.jobs: list[list[Wanted]] = []

    def run(self, pubs: Iterable[Any], *, shots: int | None = None) -> Any:
        """Zeros of the right shape, whatever the circuits say."""
        coerced = [SamplerPub.coerce(pub, shots) for pub in pubs]
        job = [Wanted(p.circuit, max(1, p.parameter_values.size), p.shots) for p in coerced]
        self.jobs.append(job)
        if sum(one.bindings * one.shots for one in job) > _MOST_ZEROS:
            raise EnoughError
        return _Zeros([_zeros(pub) for pub in coerced])


class _Zeros:
    def __init__(self, results: list[SamplerPubResult]) -> None:
        self._results = results

    def result(self) -> PrimitiveResult:
        return PrimitiveResult(self._results)


def _zeros(pub: SamplerPub) -> SamplerPubResult:
    register = next(r for r in pub.circuit.cregs if r.name == REGISTER)
    bits = np.zeros((*pub.shape, pub.shots, -(-register.size // 8)), dtype=np.uint8)
    return SamplerPubResult(DataBin(**{REGISTER: BitArray(bits, register.size)}, shape=pub.shape))


@dataclass(frozen=True)
class Plan:
    """What a request costs.

    Attributes:
        name: of the request; jobs; circuits: bindings in all; distinct: circuits before binding; shots: all.
        depth, two_qubit: largest after transpiling; seconds: QPU time by the documented formula.
        stderr: expected standard error of an entry, None where the method's spread is not known beforehand.
    """

    name: str
    jobs: int
    circuits: int
    distinct: int
    shots: int
    depth: int
    two_qubit: int
    seconds: float
    stderr: float | None


def planned(name: str, request: Callable[[DrySampler], Any], pass_manager: Any, stderr: float | None) -> Plan:
    """Carry out a request dry, and judge its circuits after transpiling.

    Args:
        request: runs an estimate or a training on the sampler it is given, untranspiled.
        pass_manager: to the device's target; None to judge circuits as they are.
    """
    sampler = DrySampler()
    with suppress(EnoughError):
        request(sampler)
    wanted = [one for job in sampler.jobs for one in job]
    isa = _transpiled([one.circuit for one in wanted], pass_manager)
    length = float(np.mean([circuit_seconds(circuit) for circuit in isa])) if isa else 0.0
    shots = sum(one.bindings * one.shots for one in wanted)
    return Plan(
        name=name,
        jobs=len(sampler.jobs),
        circuits=sum(one.bindings for one in wanted),
        distinct=len({id(one.circuit) for one in wanted}),
        shots=shots,
        depth=max((circuit.depth() for circuit in isa), default=0),
        two_qubit=max(map(two_qubit_gates, isa), default=0),
        seconds=OVERHEAD_SECONDS * len(sampler.jobs) + shots * (REP_DELAY + length),
        stderr=stderr,
    )


def _transpiled(circuits: Sequence[QuantumCircuit], pass_manager: Any) -> list[QuantumCircuit]:
    distinct = list({id(circuit): circuit for circuit in circuits}.values())
    chosen = distinct[:: max(1, -(-len(distinct) // TRANSPILED_AT_MOST))]
    return chosen if pass_manager is None else brought_to(pass_manager, chosen)


def expected_stderr(method: str, shots: int) -> float | None:
    """Largest standard error of an entry between two single-term parameters.

    1/√s where one ±1 reading gives it, ½/√s where four overlaps do; None for methods whose random directions
    dominate.
    """
    if method in ("lin-comb", "mid-circuit", "block-diagonal", "diagonal"):
        return float(shots**-0.5)
    return float(0.5 * shots**-0.5) if method == "parameter-shift" else None
