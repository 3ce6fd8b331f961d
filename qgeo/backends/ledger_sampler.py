"""LedgerSampler: a Qiskit V2 sampler whose jobs live in a ledger.

The n-th job that is wanted is the ledger's n-th entry. With a result on disk it answers at once; else it is
transpiled, checked, written, then posted (once), then waited for or reported as pending. Whatever repeats its
calls from the same seed (an estimate, a training run) therefore goes on where it was cut, in this process or
another, whatever a device's calibration has become meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.primitives import BaseSamplerV2, BitArray, DataBin, PrimitiveResult, SamplerPubResult
from qiskit.primitives.containers.sampler_pub import SamplerPub

from qgeo.backends.clock import Clock
from qgeo.backends.cost import work_seconds
from qgeo.backends.ledger import Ledger, Work, fingerprint
from qgeo.backends.ledger_files import LEDGER_FILES
from qgeo.backends.mitigated_work import PLAIN, Flips, Mitigation
from qgeo.backends.posting import Posting
from qgeo.backends.runner import Runner, Wanted
from qgeo.backends.spending import Spending, charge_now
from qgeo.errors import HardwareError, LedgerError, PendingError
from qgeo.estimators.execution import brought_to
from qgeo.estimators.experiments import REGISTER
from qgeo.estimators.mitigation import CALIBRATION, READOUT_FLIPS
from qgeo.locks import locked

MOST_EXECUTIONS = 5_000_000
"""Per job; the service takes ten million."""

Check = Callable[[Work], None]


class LedgerSampler(BaseSamplerV2):
    """Args:
    ledger: where jobs are kept; runner: where they run; pass_manager: to its gates.
    max_seconds: QPU seconds that may be taken, estimated or charged; shared: the folder of all ledgers that
        share them, if this is not the only one.
    wait: seconds between looks at a job that is not done; None raises `PendingError` instead.
    check: refuses what cannot run there, before anything is written.
    may_post: whether entries may be made and posted; may_fetch: whether results may be asked for. Without
        the one only what was posted is read, without the other everything is posted and nothing waited for.
    post_anyway: post again what was sent lately and had no answer (`posting.py`); clock: how time is had.
    mitigation: what every job runs beside its circuits; results say the readout errors that it measured.
    spending: of `shared`, where several samplers keep one sum; resume: the command that goes on with this.
    """

    transpiles = True

    def __init__(
        self,
        ledger: Ledger,
        runner: Runner,
        pass_manager: Any,
        *,
        max_seconds: float,
        wait: float | None = None,
        check: Check | None = None,
        shared: Path | None = None,
        may_post: bool = True,
        may_fetch: bool = True,
        post_anyway: bool = False,
        clock: Clock | None = None,
        mitigation: Mitigation = PLAIN,
        spending: Spending | None = None,
        resume: str | None = None,
    ) -> None:
        self.ledger, self.runner, self.pass_manager = ledger, runner, pass_manager
        self.max_seconds = max_seconds
        self.wait, self.check, self.shared = wait, check, shared or ledger.folder
        self.may_post, self.may_fetch = may_post, may_fetch
        self._clock = clock or Clock()
        self._posting = Posting(ledger, runner, self._clock, may_post, post_anyway)
        self.spending = spending or Spending(self.shared)
        self.resume = resume or f"qgeo hardware resume {ledger.folder}"
        self.mitigation, self._scale = mitigation, mitigation.scales[0]
        self._next = 0

    def at_scale(self, scale: int) -> LedgerSampler:
        """The same jobs from the first one on, read where circuits were folded so."""
        made = copy(self)
        made._next, made._scale = 0, scale
        return made

    def run(self, pubs: Iterable[Any], *, shots: int | None = None) -> Any:
        """A job whose `result()` is on disk, waited for, or pending."""
        coerced = [SamplerPub.coerce(pub, shots) for pub in pubs]
        self.mitigation.check(pub.circuit for pub in coerced)
        groups = list(job_groups(coerced, self.mitigation))
        numbers = range(self._next, self._next + len(groups))
        self._next += len(groups)
        for number, group in zip(numbers, groups, strict=True):
            self._prepare(number, _work([coerced[place] for place in group]))
        return _LedgerJob(self, coerced, dict(zip(numbers, groups, strict=True)))

    def read(self, number: int) -> list[tuple[Any, Flips | None]]:
        """The packed bits of one job's circuits, and what is known of their readout errors."""
        return self.mitigation.read(self.bits(number), self._scale, lambda: self.ledger.reads(number))

    def calibration(self, numbers: Iterable[int]) -> tuple[int, int]:
        """Circuits and shots that measured these jobs' readout errors; scales share them, the first pays."""
        circuits = self.mitigation.calibrations if self._scale == self.mitigation.scales[0] else 0
        shots = [circuits * self.ledger.entry(number).shots for number in numbers]
        return circuits * len(shots), sum(shots)

    def bits(self, number: int) -> list[Any]:
        """The packed bits of one job: from disk, else from the runner."""
        while (found := self.fetched(number)) is None:
            if self.wait is None:
                raise PendingError(f"job {self.ledger.job_id(number)} is not done yet; collect again later")
            self._clock.pause(self.wait)
        return found

    def fetched(self, number: int) -> list[Any] | None:
        """A job's bits if it is done, kept on disk from then on.

        Raises:
            HardwareError: it failed or was cancelled.
        """
        kept = self.ledger.result(number)
        if kept is not None or not self.may_fetch:
            return kept
        job_id = self._posting.job_id(number)
        status = self.runner.status(job_id)
        if status in ("failed", "cancelled"):
            self._keep_usage(number, job_id)
            raise HardwareError(
                f"expected job {job_id} to be done, it is {status}; everything before it is kept; submit "
                "into a new folder to run it again"
            )
        if status != "done":
            return None
        finished = self.runner.result(job_id, self._wanted(number))
        self.ledger.write_result(number, finished.bits, finished.seconds)
        self.spending.settle(self.ledger, number)
        return list(finished.bits)

    def _keep_usage(self, number: int, job_id: str) -> None:
        """What a job without a result was charged: nothing, or what it ran until it ended."""
        if self.ledger.charged(number) is None:
            self.ledger.write_usage(number, charge_now(self.runner.charged, job_id))
            self.spending.settle(self.ledger, number)

    def _wanted(self, number: int) -> Wanted:
        shapes, shots = self.ledger.shapes(number), self.ledger.entry(number).shots
        return Wanted(shapes, shots, lambda: self.ledger.work(number))

    def _prepare(self, number: int, work: Work) -> None:
        """An entry on disk, then a job: under a lock, so that two processes neither post it twice nor spend
        the same seconds."""
        with locked(self.shared, LEDGER_FILES):
            if not self.ledger.has_entry(number):
                self._write(number, work)
            elif self.ledger.entry(number).fingerprint != fingerprint(work, self.mitigation.mark):
                raise LedgerError(
                    f"expected job {number} of {self.ledger.folder} to be the one computed here, got another,"
                    " made with other settings or versions; submit into a new folder"
                )
            if not self.ledger.has_result(number):
                self.ledger.checked(number)  # a job that exists is read by these files, too
                self._posting.job_id(number)

    def _write(self, number: int, wanted: Work) -> None:
        if not self.may_post:
            raise PendingError(f"job {number} is not posted yet; qgeo hardware submit posts it")
        work = self.mitigation.added(transpiled(wanted, self.pass_manager))
        if self.check is not None:
            self.check(work)
        seconds = work_seconds(work)
        self.spending.check(self.max_seconds, seconds, self.runner.charged, self._clock, self.resume)
        self.ledger.write_entry(number, work, seconds, fingerprint(wanted, self.mitigation.mark))


def transpiled(work: Work, pass_manager: Any) -> Work:
    """The same work in the gates of a target; angles follow the parameters of the circuits really run."""
    isa = brought_to(pass_manager, list(work.circuits))
    values = []
    for before, after, rows in zip(work.circuits, isa, work.values, strict=True):
        column = {parameter: place for place, parameter in enumerate(before.parameters)}
        values.append(rows[:, [column[parameter] for parameter in after.parameters]])
    return Work(tuple(isa), tuple(values), work.shots)


class Untouched:
    """A pass manager that leaves circuits as they are: the ledger transpiles what it writes."""

    def run(self, circuits: list[QuantumCircuit]) -> list[QuantumCircuit]:
        """The circuits."""
        return circuits


class _LedgerJob:
    """What `LedgerSampler.run` returns: only `result` is used."""

    def __init__(self, sampler: LedgerSampler, pubs: list[SamplerPub], groups: dict[int, list[int]]) -> None:
        self._sampler, self._pubs, self._groups = sampler, pubs, groups

    def result(self) -> PrimitiveResult:
        """Bits of all PUBs, in their order."""
        found: dict[int, SamplerPubResult] = {}
        for number, group in self._groups.items():
            for place, (bits, flips) in zip(group, self._sampler.read(number), strict=True):
                found[place] = _pub_result(self._pubs[place], bits, flips)
        metadata = {CALIBRATION: self._sampler.calibration(self._groups)}
        return PrimitiveResult([found[place] for place in range(len(self._pubs))], metadata=metadata)


def job_groups(pubs: list[SamplerPub], mitigation: Mitigation) -> Iterator[list[int]]:
    """PUBs by shots, as a job has one number of them, each group within the limit of a job."""
    for shots in sorted({pub.shots for pub in pubs}):
        group: list[int] = []
        executions = least = shots * mitigation.calibrations
        for place, pub in enumerate(pubs):
            if pub.shots != shots:
                continue
            more = shots * max(1, pub.parameter_values.size) * len(mitigation.scales)
            if group and executions + more > MOST_EXECUTIONS:
                yield group
                group, executions = [], least
            group.append(place)
            executions += more
        yield group


def _work(pubs: list[SamplerPub]) -> Work:
    values = []
    for pub in pubs:
        rows, width = pub.parameter_values.as_array(pub.circuit.parameters), pub.circuit.num_parameters
        values.append(np.asarray(rows, dtype=float).reshape(-1, width) if width else np.zeros((1, 0)))
    return Work(tuple(pub.circuit for pub in pubs), tuple(values), pubs[0].shots)


def _pub_result(pub: SamplerPub, bits: Any, flips: Flips | None) -> SamplerPubResult:
    register = next(r for r in pub.circuit.cregs if r.name == REGISTER)
    shaped = bits.reshape(*pub.shape, pub.shots, -1)
    data = DataBin(**{REGISTER: BitArray(shaped, register.size)}, shape=pub.shape)
    return SamplerPubResult(data, {} if flips is None else {READOUT_FLIPS: flips})
