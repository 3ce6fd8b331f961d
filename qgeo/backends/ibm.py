"""IBM Quantum through qiskit-ibm-runtime: jobs that are tagged, found again, and never posted twice.

The client posts again by itself after an answer of 500, up to five times, although the job may exist: that is
turned off (`ibm_transport.py`). A runner posts once and says what became of it; whether to post again is
decided in `posting.py`. Whatever is asked of jobs that exist needs no device (`ibm_account.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit.primitives import BitArray

from qgeo.backends.clock import Clock
from qgeo.backends.ibm_account import Account, asked, is_job_id
from qgeo.backends.ledger_files import CircuitShape
from qgeo.backends.masking import mask_logs_of_client, readable
from qgeo.backends.runner import Bits, Finished, Listed, Tags, Wanted
from qgeo.backends.splitting import Limits
from qgeo.backends.usage import final_charge, final_seconds
from qgeo.backends.work import Work
from qgeo.errors import HardwareError, PendingError, QGeoError, RefusedError, UnansweredError
from qgeo.estimators.experiments import REGISTER

if TYPE_CHECKING:
    from qgeo.backends.ibm_transport import Transport


class IBMRunner:
    """Jobs on one device of an account, all of them in one batch or session, until it is closed.

    Args:
        account: whose; backend: looks the device up, which only a post needs.
        options: `mode` ("batch", or "session" where the plan has sessions), `dynamical_decoupling`,
            `twirling`, `max_execution_time` (seconds).
        clock: what posts are spaced by.
    """

    def __init__(
        self,
        account: Account,
        backend: Callable[[], Any],
        options: dict[str, Any],
        *,
        clock: Clock | None = None,
    ) -> None:
        self.account, self._backend, self.options = account, backend, options
        self._clock = clock or Clock()
        self._opened: Any = None

    @property
    def service(self) -> Any:
        """The client."""
        return self.account.service

    @property
    def transport(self) -> Transport:
        """Of all requests of the service."""
        from qgeo.backends.ibm_transport import transport_of

        return transport_of(self.service)

    def post(self, work: Work, tags: Tags, sending: Callable[[], None]) -> str:
        """Post a job with these tags, once; see `open`.

        Raises:
            RefusedError: there is no job. UnansweredError: there may be one.
        """
        with self.transport.watched(sending):
            try:
                return self._post(work, tags)
            except QGeoError:  # of `sending`: nothing left
                raise
            except Exception as error:
                raise self._verdict(error) from None

    def find(self, tag: str) -> list[Listed]:
        """The jobs with this tag."""
        return [Listed(job.id, frozenset(job.tags)) for job in self.account.jobs_with(tag)]

    def status(self, job_id: str, tag: str) -> str:
        """See `Runner`."""
        return self.account.status(job_id, tag)

    def instances(self) -> tuple[str, ...]:
        """See `Runner`."""
        return self.account.instances()

    def open(self) -> bool:
        """Wait until the service allows another post, and open the batch or session.

        Raises:
            RefusedError: it cannot be opened now.
        """
        waited, was_open = self.transport.wait_for_turn(self._clock), self._opened is not None
        with self.transport.watched(lambda: None):
            try:
                self._mode()
            except QGeoError:
                raise
            except Exception as error:
                raise self._verdict(error) from None
        return waited or not was_open

    def result(self, job_id: str, wanted: Wanted) -> Finished:
        """The bits of a job that is done, and what it was charged.

        Raises:
            HardwareError: other bits than were asked for.
        """
        results = list(self.account.result(job_id) or ())
        try:
            bits = _all_bits(results, wanted, self._shots_made(wanted.shots))
        except HardwareError as error:
            raise HardwareError(
                f"{error} as the result of job {job_id}; nothing of it was kept: look at the job on the web "
                "page, and submit into a new folder to run it again"
            ) from None
        return Finished(bits, self._charged(job_id))

    def _shots_made(self, shots: int) -> int:
        """Of those asked for: twirled ones come in as many for each random choice."""
        return Limits(twirled=bool(self.options.get("twirling"))).run_shots(shots)

    def charged(self, job_id: str) -> float | None:
        """See `Runner`."""
        return final_charge(self.account.metrics(job_id))

    def cancel(self, job_id: str, tag: str) -> None:
        """Cancel a job; one that has ended stays as it is."""
        if self.status(job_id, tag) in ("queued", "running"):
            self.account.cancel(job_id)

    def remaining_seconds(self) -> float | None:
        """What is left of the allowance, at least 0; None where the service names no number of seconds."""
        return _remaining(asked(lambda: _usage_of(self.service)))

    def close(self) -> None:
        """Let the batch or session take no more jobs; those that wait in it still run."""
        opened, self._opened = self._opened, None
        if opened is not None:
            with suppress(Exception):  # no answer: it ends by itself at its limit of time
                opened.close()

    def _charged(self, job_id: str) -> float | None:
        """No answer is no loss: it is asked for again."""
        try:
            return self.charged(job_id)
        except PendingError:
            return None

    def _post(self, work: Work, tags: Tags) -> str:
        from qiskit_ibm_runtime.executor_sampler import Sampler

        mask_logs_of_client()
        pubs = [(c, v) if c.num_parameters else (c,) for c, v in zip(work.circuits, work.values, strict=True)]
        sampler = Sampler(mode=self._mode())
        self._set_options(sampler.options, tags)
        job_id = sampler.run(pubs, shots=work.shots).job_id()
        if not is_job_id(job_id):
            raise ValueError(f"expected the id of a job, got {str(job_id)[:40]!r}")
        return str(job_id)

    def _mode(self) -> Any:
        """The batch or session, opened with the first job."""
        from qiskit_ibm_runtime import Batch, Session

        if self._opened is None:
            mode = Session if self.options.get("mode") == "session" else Batch
            self._opened = mode(backend=self._backend())
        return self._opened

    def _has_closed(self) -> bool:
        """Whether the batch or session ended without us, at its limit of time or on the web page."""
        try:
            return self._opened is not None and not self._opened.details()["accepting_jobs"]
        except Exception:  # no answer: as it was
            return False

    def _verdict(self, error: Exception) -> HardwareError:
        """What a failed post means for the job."""
        from qgeo.backends.ibm_transport import Fate

        if self.transport.fate is Fate.UNKNOWN:
            answered = self.transport.status is not None and self.transport.status < 300
            return UnansweredError("an answer without a usable job id: " * answered + readable(error))
        is_passing = self.transport.is_passing
        if self._has_closed():
            self._opened, is_passing = None, True
        return RefusedError(f"the job was not posted: {readable(error)}", is_passing=is_passing)

    def _set_options(self, options: Any, tags: Tags) -> None:
        options.environment.job_tags = ["qgeo", tags.job, *([tags.ledger] if tags.ledger else [])]
        options.dynamical_decoupling.enable = bool(self.options.get("dynamical_decoupling"))
        options.twirling.enable_measure = bool(self.options.get("twirling"))
        if self.options.get("max_execution_time"):
            options.max_execution_time = int(self.options["max_execution_time"])


def _all_bits(results: list[Any], wanted: Wanted, made: int) -> tuple[Bits, ...]:
    """The bits of as many shots as were wanted, the first of those made."""
    if len(results) != len(wanted.shapes):
        raise HardwareError(f"expected bits of {len(wanted.shapes)} circuits, got {len(results)}")
    return tuple(
        checked_bits(result, shape, made)[:, : wanted.shots]
        for result, shape in zip(results, wanted.shapes, strict=True)
    )


def checked_bits(result: Any, shape: CircuitShape, shots: int) -> Bits:
    """The bits of one circuit, if they are those that were asked for.

    Raises:
        HardwareError: another register, or another number of bits, shots or bindings.
    """
    bits = getattr(getattr(result, "data", None), REGISTER, None)
    if not isinstance(bits, BitArray):
        raise HardwareError(f"expected bits in a register {REGISTER!r}, got other registers")
    numbers = (math.prod(bits.shape), bits.num_shots, bits.num_bits)
    if numbers != (shape.rows, shots, shape.bits):
        raise HardwareError(
            f"expected {shape.rows} × {shots} shots of {shape.bits} bits, got {numbers[0]} × {numbers[1]} of "
            f"{numbers[2]}"
        )
    return np.asarray(bits.array.reshape(shape.rows, shots, -1))


def _usage_of(service: Any) -> Any:
    try:
        return service.usage()
    except TypeError:  # the client subtracts what the service left out
        return None


def _remaining(usage: Any) -> float | None:
    left = usage.get("usage_remaining_seconds") if isinstance(usage, dict) else None
    return 0.0 if isinstance(left, int | float) and left < 0 else final_seconds(left)
