"""Plans: what a request would run and cost. Circuits are built and transpiled, never simulated or posted.

The request is carried out on a `DrySampler`, which notes what it is asked for and answers with zeros; every
method, whatever it does with its samples, is planned by the code that will run it. What mitigation adds to
each job is counted behind that.
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
from qgeo.backends.ledger_sampler import job_groups
from qgeo.backends.mitigated_work import PLAIN, Mitigation
from qgeo.estimators.execution import brought_to
from qgeo.estimators.experiments import REGISTER
from qgeo.estimators.mitigation import calibration_circuits

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
    """Notes every job as a ledger would split it, and answers with zeros; a large run ends the request."""

    def __init__(self, mitigation: Mitigation = PLAIN) -> None:
        self.mitigation = mitigation
        self.jobs: list[list[Wanted]] = []

    def run(self, pubs: Iterable[Any], *, shots: int | None = None) -> Any:
        """Zeros of the right shape, whatever the circuits say."""
        coerced = [SamplerPub.coerce(pub, shots) for pub in pubs]
        wanted = [Wanted(p.circuit, max(1, p.parameter_values.size), p.shots) for p in coerced]
        self.jobs += [[wanted[place] for place in group] for group in job_groups(coerced, self.mitigation)]
        if sum(one.bindings * one.shots for one in wanted) > _MOST_ZEROS:
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
        name: of the request; jobs; circuits: bindings in all; distinct: circuits before binding; shots: all;
        with those of the mitigation.
        depth, two_qubit: largest after transpiling; seconds: QPU time by the documented formula.
        stderr: expected standard error of an entry, None where the method's spread is not known beforehand.
        readout: whether readout errors are inverted, which multiplies `stderr` by up to Π‖M⁻¹‖ > 1: that is
            known from the calibration only.
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
    readout: bool = False


def planned(
    name: str,
    request: Callable[[DrySampler], Any],
    pass_manager: Any,
    stderr: float | None,
    mitigation: Mitigation = PLAIN,
) -> Plan:
    """Carry out a request dry, and judge its circuits after transpiling.

    Args:
        request: runs an estimate or a training on the sampler it is given, untranspiled.
        pass_manager: to the device's target; None to judge circuits as they are.
        stderr: expected of the request; mitigation: what its jobs will run beside.

    Raises:
        ConfigurationError, CircuitError: circuits that cannot be mitigated so.
    """
    jobs = _jobs(request, mitigation)
    wanted, scales = [one for job in jobs for one in job], len(mitigation.scales)
    mitigation.check(one.circuit for one in wanted)
    isa = mitigation.folded(_transpiled([one.circuit for one in wanted], pass_manager))
    shots = scales * sum(one.bindings * one.shots for one in wanted)
    extra = mitigation.calibrations * sum(job[0].shots for job in jobs)
    return Plan(
        name=name,
        jobs=len(jobs),
        circuits=scales * sum(one.bindings for one in wanted) + mitigation.calibrations * len(jobs),
        distinct=scales * len({id(one.circuit) for one in wanted}) + mitigation.calibrations,
        shots=shots + extra,
        depth=max((circuit.depth() for circuit in isa), default=0),
        two_qubit=max(map(two_qubit_gates, isa), default=0),
        seconds=OVERHEAD_SECONDS * len(jobs) + _seconds(shots, isa) + _seconds(extra, _CALIBRATION),
        stderr=stderr,
        readout=mitigation.readout,
    )


_CALIBRATION = calibration_circuits([0], 1, REGISTER)


def _jobs(request: Callable[[DrySampler], Any], mitigation: Mitigation) -> list[list[Wanted]]:
    sampler = DrySampler(mitigation)
    with suppress(EnoughError):
        request(sampler)
    return sampler.jobs


def _seconds(executions: int, circuits: Sequence[QuantumCircuit]) -> float:
    """Of so many executions, spread evenly over circuits."""
    length = float(np.mean([circuit_seconds(circuit) for circuit in circuits])) if circuits else 0.0
    return executions * (REP_DELAY + length)


def _transpiled(circuits: Sequence[QuantumCircuit], pass_manager: Any) -> list[QuantumCircuit]:
    distinct = list({id(circuit): circuit for circuit in circuits}.values())
    chosen = distinct[:: max(1, -(-len(distinct) // TRANSPILED_AT_MOST))]
    return chosen if pass_manager is None else brought_to(pass_manager, chosen)


def expected_stderr(method: str, shots: int, mitigation: Mitigation = PLAIN) -> float | None:
    """Largest standard error of an entry between two single-term parameters.

    1/√s where one ±1 reading gives it, ½/√s where four overlaps do; None for methods whose random directions
    dominate. (3 F₁ − F₃)/2 multiplies it by √10/2. What the inversion of readout errors adds is not in it.
    """
    growth = 10**0.5 / 2 if mitigation.zero_noise else 1.0
    if method in ("lin-comb", "mid-circuit", "block-diagonal", "diagonal"):
        return float(growth * shots**-0.5)
    return float(growth * 0.5 * shots**-0.5) if method == "parameter-shift" else None
