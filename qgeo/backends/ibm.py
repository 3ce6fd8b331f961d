"""IBM Quantum through qiskit-ibm-runtime: jobs that are tagged, found again, and never posted twice.

The account comes from the environment (QISKIT_IBM_TOKEN, QISKIT_IBM_INSTANCE) or from IBM's own saved
account; the key is stored nowhere, and masked where an error echoes it (`masking.py`). The client posts again
by itself after an answer of 500, up to five times, although the job may exist: that is turned off
(`ibm_transport.py`). A runner posts once and says what became of it; whether to post again is decided in
`posting.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from qgeo.backends.clock import Clock
from qgeo.backends.ledger import Work
from qgeo.backends.masking import readable
from qgeo.backends.runner import Bits, Finished
from qgeo.backends.usage import final_charge, final_seconds
from qgeo.errors import (
    ConfigurationError,
    HardwareError,
    PendingError,
    QGeoError,
    RefusedError,
    UnansweredError,
)
from qgeo.estimators.experiments import REGISTER

_STATUS = {
    "INITIALIZING": "queued",
    "QUEUED": "queued",
    "RUNNING": "running",
    "DONE": "done",
    "COMPLETED": "done",
    "CANCELLED": "cancelled",
    "ERROR": "failed",
    "FAILED": "failed",
}
Answer = TypeVar("Answer")


def connected_service() -> Any:
    """The account's service.

    Raises:
        ConfigurationError: the package is missing, or there is no account.
    """
    try:
        from qiskit_ibm_runtime import QiskitRuntimeService
    except ImportError:
        raise ConfigurationError(
            "expected qiskit-ibm-runtime for IBM Quantum, found none; pip install 'qgeo[ibm]'"
        ) from None
    try:
        return QiskitRuntimeService()
    except Exception as error:
        raise ConfigurationError(
            "expected an IBM Quantum account in QISKIT_IBM_TOKEN and QISKIT_IBM_INSTANCE, or one saved by "
            f"qiskit-ibm-runtime: {readable(error)}"
        ) from None


def connected_backend(name: str) -> Any:
    """A device of the account, or its least busy one.

    Raises:
        ConfigurationError: no account, or no such device.
    """
    service = connected_service()
    try:
        if name == "least-busy":
            return service.least_busy(operational=True, simulator=False)
        return service.backend(name)
    except Exception as error:
        raise ConfigurationError(
            f"expected a device of your account, got {name!r}: {readable(error)}"
        ) from None


def account_devices() -> tuple[str, ...]:
    """Names of the account's devices.

    Raises:
        ConfigurationError: no account, or none that answers for its instance: the client makes an empty list
            of that.
    """
    service = connected_service()
    try:
        found = tuple(sorted(backend.name for backend in service.backends()))
    except Exception as error:
        raise ConfigurationError(
            f"expected the devices of your account, got no list: {readable(error)}; try again later"
        ) from None
    if not found:
        raise ConfigurationError(
            "expected devices of your account, got an empty list; check QISKIT_IBM_INSTANCE, or try later"
        )
    return found


class IBMRunner:
    """Jobs on one device of an account, all of them in one batch or session, until it is closed.

    Args:
        backend: from `connected_backend`.
        options: `mode` ("batch", or "session" where the plan has sessions), `dynamical_decoupling`,
            `twirling`, `max_execution_time` (seconds).
        clock: what posts are spaced by.
    """

    def __init__(self, backend: Any, options: dict[str, Any], *, clock: Clock | None = None) -> None:
        from qgeo.backends.ibm_transport import transport_of

        self.backend, self.service, self.options = backend, backend.service, options
        self._clock, self._transport = clock or Clock(), transport_of(self.service)
        self._opened: Any = None

    def post(self, work: Work, tag: str, sending: Callable[[], None]) -> str:
        """Post a job with this tag, once, as soon as the service allows another post.

        Raises:
            RefusedError: there is no job. UnansweredError: there may be one.
        """
        self._transport.wait_for_turn(self._clock)
        with self._transport.watched(sending):
            try:
                return self._post(work, tag)
            except QGeoError:  # of `sending`: nothing left
                raise
            except Exception as error:
                raise self._verdict(error) from None

    def find(self, tag: str) -> list[str]:
        """Ids of the jobs with this tag."""
        return [job.job_id() for job in _asked(lambda: self.service.jobs(limit=None, job_tags=[tag]))]

    def status(self, job_id: str) -> str:
        """queued, running, done, failed or cancelled."""
        status = _asked(lambda: self.service.job(job_id).status())
        return _STATUS.get(str(getattr(status, "name", status)).upper(), "queued")

    def result(self, job_id: str, work: Work) -> Finished:
        """The bits of a job that is done, and what it was charged if that is final."""
        job = _asked(lambda: self.service.job(job_id))
        results = _asked(job.result)
        bits = tuple(
            _bits(result, rows, work.shots) for result, rows in zip(results, work.values, strict=True)
        )
        return Finished(bits, _charged(job))

    def charged(self, job_id: str) -> float | None:
        """See `Runner`."""
        return final_charge(_asked(lambda: self.service.job(job_id).metrics()))

    def cancel(self, job_id: str) -> None:
        """Cancel a job; one that has ended stays as it is."""
        if self.status(job_id) in ("queued", "running"):
            _asked(lambda: self.service.job(job_id).cancel())

    def remaining_seconds(self) -> float | None:
        """What is left of the allowance, at least 0; None where the service names no number of seconds."""
        return _remaining(_asked(lambda: _usage_of(self.service)))

    def close(self) -> None:
        """Let the batch or session take no more jobs; those that wait in it still run."""
        opened, self._opened = self._opened, None
        if opened is not None:
            with suppress(Exception):  # no answer: it ends by itself at its limit of time
                opened.close()

    def _post(self, work: Work, tag: str) -> str:
        from qiskit_ibm_runtime.executor_sampler import Sampler

        pubs = [(c, v) if c.num_parameters else (c,) for c, v in zip(work.circuits, work.values, strict=True)]
        sampler = Sampler(mode=self._mode())
        self._set_options(sampler.options, tag)
        return str(sampler.run(pubs, shots=work.shots).job_id())

    def _mode(self) -> Any:
        """The batch or session, opened with the first job."""
        from qiskit_ibm_runtime import Batch, Session

        if self._opened is None:
            mode = Session if self.options.get("mode") == "session" else Batch
            self._opened = mode(backend=self.backend)
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

        if self._transport.fate is Fate.UNKNOWN:
            return UnansweredError(readable(error))
        is_passing = self._transport.is_passing
        if self._has_closed():
            self._opened, is_passing = None, True
        return RefusedError(
            f"the job was not posted: {readable(error)}; nothing is lost, resume tries again",
            is_passing=is_passing,
        )

    def _set_options(self, options: Any, tag: str) -> None:
        options.environment.job_tags = ["qgeo", tag]
        options.dynamical_decoupling.enable = bool(self.options.get("dynamical_decoupling"))
        options.twirling.enable_measure = bool(self.options.get("twirling"))
        if self.options.get("max_execution_time"):
            options.max_execution_time = int(self.options["max_execution_time"])


def _asked(question: Callable[[], Answer]) -> Answer:
    """An answer of the service; a lost connection is no loss.

    Raises:
        PendingError: no answer now.
    """
    try:
        return question()
    except Exception as error:
        raise PendingError(
            f"the service gave no usable answer: {readable(error)}; nothing is lost, try again later"
        ) from None


def _bits(result: Any, rows: Any, shots: int) -> Bits:
    return result.data[REGISTER].array.reshape(len(rows), shots, -1)


def _usage_of(service: Any) -> Any:
    try:
        return service.usage()
    except TypeError:  # the client subtracts what the service left out
        return None


def _remaining(usage: Any) -> float | None:
    left = usage.get("usage_remaining_seconds") if isinstance(usage, dict) else None
    return 0.0 if isinstance(left, int | float) and left < 0 else final_seconds(left)


def _charged(job: Any) -> float | None:
    """QPU seconds of a job; no answer is no loss: it is asked for again."""
    try:
        return final_charge(job.metrics())
    except Exception:
        return None
