"""Plans: what a request would run and cost. Circuits are built and transpiled, never simulated or posted.

The request is carried out on a `DrySampler`, which notes what it is asked for and answers with zeros; every
method, whatever it does with its samples, is planned by the code that will run it, and divided into jobs by
the code that will divide it.
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

from qgeo.backends.cost import OVERHEAD_SECONDS, two_qubit_gates
from qgeo.backends.mitigated_work import PLAIN, Mitigation
from qgeo.backends.splitting import Beside, Demand, Limits, split
from qgeo.estimators.execution import brought_to
from qgeo.estimators.experiments import REGISTER

_MOST_ZEROS = 500_000
TRANSPILED_AT_MOST = 24
"""Circuits that a plan transpiles; more are judged by an even choice of so many, and all of them where the
seconds of a job may reach their limit: how many jobs there are is then decided by each circuit."""
_HOW_UNLIKE = 4.0
"""How many times longer a circuit may be than the longest of those that were chosen: all are parts of one
circuit, and the choice holds early and late ones."""


@dataclass(frozen=True)
class Wanted:
    """A circuit of a request: bindings of it, and shots for each."""

    circuit: QuantumCircuit
    bindings: int
    shots: int


class EnoughError(Exception):
    """A call so large that its zeros would take long: it is noted, and that is all a plan needs."""


class DrySampler(BaseSamplerV2):
    """Notes what every call wants, and answers with zeros; a large call ends the request."""

    def __init__(self) -> None:
        self.calls: list[list[Wanted]] = []

    def run(self, pubs: Iterable[Any], *, shots: int | None = None) -> Any:
        """Zeros of the right shape, whatever the circuits say."""
        coerced = [SamplerPub.coerce(pub, shots) for pub in pubs]
        wanted = [Wanted(p.circuit, max(1, p.parameter_values.size), p.shots) for p in coerced]
        self.calls.append(wanted)
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
    limits: Limits | None = None,
) -> Plan:
    """Carry out a request dry, and judge its circuits after transpiling.

    Its calls are divided into jobs by the code that will divide them when they are written.

    Args:
        request: runs an estimate or a training on the sampler it is given, untranspiled.
        pass_manager: to the device's target; None to judge circuits as they are.
        stderr: expected of the request; mitigation: what its jobs will run beside; limits: of a job.

    Raises:
        ConfigurationError, CircuitError: circuits that cannot be mitigated so.
    """
    calls, limits, beside = _calls(request), limits or Limits(), mitigation.beside
    circuits = {id(one.circuit): one.circuit for call in calls for one in call}
    mitigation.check(circuits.values())
    judged = _judged(list(circuits.values()), pass_manager, mitigation, TRANSPILED_AT_MOST)
    if _may_be_long(calls, judged, beside, limits):
        judged = _judged(list(circuits.values()), pass_manager, mitigation, len(circuits))
    demands = [
        [Demand(one.bindings, one.shots, judged.seconds(one.circuit)) for one in call] for call in calls
    ]
    parts = [(part, call) for call in demands for part in split(call, beside, limits)]
    return Plan(
        name=name,
        jobs=len(parts),
        circuits=sum(part.circuits(beside) for part, _ in parts),
        distinct=beside.scales * len(circuits) + beside.calibrations,
        shots=sum(part.shots * part.circuits(beside) for part, _ in parts),
        depth=judged.depth,
        two_qubit=judged.two_qubit,
        seconds=sum(part.seconds(call, beside, limits) for part, call in parts),
        stderr=stderr,
        readout=mitigation.readout,
    )


@dataclass(frozen=True)
class _Judged:
    """Circuits after transpiling: seconds of a shot at every scale, by the identity of the circuit before."""

    by_circuit: dict[int, float]
    depth: int
    two_qubit: int

    def seconds(self, circuit: QuantumCircuit) -> float:
        """Its own, or the mean of the others."""
        return self.by_circuit.get(id(circuit), float(np.mean(list(self.by_circuit.values()))))


def _judged(
    circuits: Sequence[QuantumCircuit], pass_manager: Any, mitigation: Mitigation, most: int
) -> _Judged:
    """Of an even choice of circuits."""
    chosen = list(circuits[:: max(1, -(-len(circuits) // most))])
    isa = chosen if pass_manager is None else brought_to(pass_manager, chosen)
    seconds = {id(before): mitigation.seconds(after) for before, after in zip(chosen, isa, strict=True)}
    run = mitigation.folded(isa)
    depth, gates = (max(map(of, run), default=0) for of in (QuantumCircuit.depth, two_qubit_gates))
    return _Judged(seconds, depth, gates)


def _may_be_long(calls: Sequence[Sequence[Wanted]], judged: _Judged, beside: Beside, limits: Limits) -> bool:
    """Whether the limit of seconds may divide a job, where circuits are longer than those that were
    judged."""
    longest = _HOW_UNLIKE * max(judged.by_circuit.values(), default=0.0) + beside.seconds
    most = max((sum(one.bindings * one.shots for one in call) for call in calls), default=0)
    return OVERHEAD_SECONDS + min(most, limits.executions) * longest > limits.seconds


def _calls(request: Callable[[DrySampler], Any]) -> list[list[Wanted]]:
    sampler = DrySampler()
    with suppress(EnoughError):
        request(sampler)
    return sampler.calls


def expected_stderr(method: str, shots: int, mitigation: Mitigation = PLAIN) -> float | None:
    """Largest standard error of an entry between two single-term parameters.

    1/√s where one ±1 reading gives it, ½/√s where four overlaps do; None for methods whose random directions
    dominate. (3 F₁ − F₃)/2 multiplies it by √10/2. What the inversion of readout errors adds is not in it.
    """
    growth = 10**0.5 / 2 if mitigation.zero_noise else 1.0
    if method in ("lin-comb", "mid-circuit", "block-diagonal", "diagonal"):
        return float(growth * shots**-0.5)
    return float(growth * 0.5 * shots**-0.5) if method == "parameter-shift" else None
