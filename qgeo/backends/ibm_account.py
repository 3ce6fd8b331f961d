"""The account at IBM Quantum: its devices, and jobs by id and by tag. No question about a job needs a device.

The account comes from the environment (QISKIT_IBM_TOKEN, QISKIT_IBM_INSTANCE) or from IBM's own saved
account; the key is stored nowhere, and masked where an error echoes it (`masking.py`). Jobs are asked for by
the client's own requests, not by its job objects and lists: those look every device up, one that is retired
too, and a list goes on for ever where the service counts wrongly. What comes back is checked before it is
believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from qgeo.backends.ledger_files import JobId
from qgeo.backends.masking import account_secrets, mask_logs_of_client, masked, readable
from qgeo.errors import ConfigurationError, LedgerError, PendingError, RefusedError
from qgeo.files import digest
from qgeo.validation import first_problem

JOBS_A_PAGE = 200  # the service's limit
MOST_PAGES = 100
"""20,000 jobs with one tag; a list that counts wrongly would never end."""
RESULT_SECONDS = 30.0
"""For a job that was done to be done still: the client would wait for ever."""

NOT_FOUND = 404

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


class _Answer(BaseModel):
    """What we need of an answer; the service may say more."""

    model_config = ConfigDict(strict=True, extra="ignore")


class ListedJob(_Answer):
    """A job in a list: its tags show whether it was asked for."""

    id: JobId
    tags: list[str]


class _Page(_Answer):
    jobs: list[ListedJob]
    count: Annotated[int, Field(ge=0)]


class _State(_Answer):
    status: str


class _Description(_Answer):
    state: _State
    tags: list[str] | None = None


class UnknownJobError(PendingError):
    """No instance of the account has this job: it was deleted, or is another account's."""


class Account:
    """The account of this environment; it connects with the first question."""

    @cached_property
    def service(self) -> Any:
        """The client.

        Raises:
            ConfigurationError: the package is missing, or there is no account.
        """
        return connected_service()

    def device(self, name: str) -> Any:
        """A device of the account, or its least busy one.

        Raises:
            ConfigurationError: no account, or no such device.
        """
        service = self.service
        try:
            if name == "least-busy":
                return service.least_busy(operational=True, simulator=False)
            return service.backend(name)
        except Exception as error:
            raise ConfigurationError(
                f"expected a device of your account, got {name!r}: {readable(error)}{self._remark()}"
            ) from None

    def look_again(self, backend: Any) -> None:
        """Bring what is known of a device up to date: its gates, connections and qubits that work.

        Raises:
            PendingError: no usable answer. RefusedError: it takes no jobs now.
        """
        asked(backend.refresh)
        with suppress(PendingError):  # whether it takes jobs is then seen by the post
            status = asked(backend.status)
            if not status.operational:
                said = masked(str(status.status_msg), account_secrets())[:40]
                raise RefusedError(f"the job was not posted: {backend.name} takes no jobs now ({said})")

    def jobs_with(self, tag: str) -> list[ListedJob]:
        """The jobs that have a tag, newest first.

        Raises:
            PendingError: no usable answer, or a list that was not chosen by the tag and has none that has it.
        """
        listed = asked(lambda: [job for client in self._clients() for job in _listed(client, tag)])
        ours = [job for job in listed if tag in job.tags]
        if listed and not ours:
            raise PendingError(
                f"the service answered the search for the tag {tag} with {len(listed)} jobs that do not have "
                "it; nothing is lost, try again later"
            )
        return ours

    def status(self, job_id: str, tag: str) -> str:
        """queued, running, done, failed, cancelled, or missing where no instance of the account knows it.

        Raises:
            PendingError: no usable answer, or a status that is none of these.
            LedgerError: the job has not this tag.
        """
        try:
            answer = asked(lambda: _Description.model_validate(self._described(job_id)[1]))
        except UnknownJobError:
            self._check_is_gone(job_id, tag)
            return "missing"
        if answer.tags is None or tag not in answer.tags:
            self._check_is_listed(job_id, tag)
        if answer.tags is not None and tag not in answer.tags:
            raise PendingError(
                f"the service describes another job as {job_id}; nothing is lost, try again later"
            )
        said = answer.state.status
        known = _STATUS.get(said.upper().partition(" ")[0])
        if known is None:
            raise PendingError(
                f"the service says {masked(said, account_secrets())[:40]!r} of job {job_id}, which is no "
                "status that is known here; nothing is lost, try again later, or look at it on the web page"
            )
        return known

    def _check_is_gone(self, job_id: str, tag: str) -> None:
        """One answer of 404 is not believed: what is gone is not listed either."""
        listed = [job.id for job in self.jobs_with(tag)]
        if job_id in listed:
            raise PendingError(f"the service lists job {job_id} and does not find it; try again later")
        if listed:
            raise _is_another(job_id, tag)

    def _check_is_listed(self, job_id: str, tag: str) -> None:
        """An id on disk, or in the answer to a post, may be another job's; tags may have been edited."""
        listed = [job.id for job in self.jobs_with(tag)]
        if listed and job_id not in listed:
            raise _is_another(job_id, tag)
        if not listed:
            raise LedgerError(
                f"expected job {job_id} to have the tag {tag}, and no job has it: its tags were edited, or "
                "it is another job; look at it on the web page, and give it the tag if it is the one"
            )

    def instances(self) -> tuple[str, ...]:
        """Marks of the account's instances, the one in use first, told by no key."""
        return tuple(digest(str(client._instance).encode()) for client in self._clients())

    def result(self, job_id: str) -> Any:
        """What the client makes of the result of a job that is done."""
        from qiskit_ibm_runtime import RuntimeJobV2

        client, raw = asked(lambda: self._described(job_id))
        job = RuntimeJobV2(
            backend=None,
            api_client=client,
            job_id=job_id,
            program_id=str((raw.get("program") or {}).get("id", "")),
            service=self.service,
        )
        return asked(lambda: job.result(timeout=RESULT_SECONDS))

    def metrics(self, job_id: str) -> Any:
        """When it ran, and what it was charged."""
        return asked(lambda: self._described(job_id)[0].job_metadata(job_id))

    def cancel(self, job_id: str) -> None:
        """End a job that is not done."""
        asked(lambda: self._described(job_id)[0].job_cancel(job_id))

    def _described(self, job_id: str) -> tuple[Any, dict[str, Any]]:
        """The client of the instance that has a job, and what it says of the job.

        Raises:
            UnknownJobError: all of them say that there is no such job.
        """
        errors = []
        for client in self._clients():
            try:
                return client, dict(client.job_get(job_id))
            except Exception as error:
                errors.append(error)
        if all(getattr(error, "status_code", None) == NOT_FOUND for error in errors):
            raise UnknownJobError(f"the service knows no job {job_id}")
        raise next(error for error in errors if getattr(error, "status_code", None) != NOT_FOUND)

    def _clients(self) -> Iterator[Any]:
        """One for each instance, the one in use first; their requests are bounded (`ibm_transport.py`)."""
        from qgeo.backends.ibm_transport import transport_of

        transport_of(self.service)
        active = self.service._active_api_client
        yield active
        others = {client._instance: client for client in self.service._api_clients.values()}
        others.pop(active._instance, None)
        yield from others.values()

    def _remark(self) -> str:
        from qgeo.backends.ibm_transport import transport_of

        trouble = transport_of(self.service).trouble
        return f" ({trouble})" if trouble else ""


def _is_another(job_id: str, tag: str) -> LedgerError:
    return LedgerError(
        f"expected job {job_id} to have the tag {tag}, another job has it; remove the posted.json that names "
        f"{job_id}, and go on: the job is then found by its tag"
    )


def connected_service() -> Any:
    """The account's service, with bounded requests.

    Raises:
        ConfigurationError: the package is missing, or there is no account.
    """
    try:
        from qiskit_ibm_runtime import QiskitRuntimeService

        from qgeo.backends.ibm_transport import bounded_sessions, told
    except ImportError:
        raise ConfigurationError(
            "expected qiskit-ibm-runtime for IBM Quantum, found none; pip install qiskit-ibm-runtime"
        ) from None
    mask_logs_of_client()
    try:
        with bounded_sessions(), told("IBM Quantum to connect"):
            return QiskitRuntimeService()
    except Exception as error:
        raise ConfigurationError(
            "expected an IBM Quantum account in QISKIT_IBM_TOKEN and QISKIT_IBM_INSTANCE, or one saved by "
            f"qiskit-ibm-runtime: {readable(error)}"
        ) from None


def account_devices() -> tuple[str, ...]:
    """Names of the account's devices.

    Raises:
        ConfigurationError: no account, or none that answers for its instance: the client makes an empty list
            of that.
    """
    service = connected_service()
    try:
        names = tuple(sorted(backend.name for backend in service.backends()))
    except Exception as error:
        raise ConfigurationError(
            f"expected the devices of your account, got no list: {readable(error)}; try again later"
        ) from None
    if not names:
        raise ConfigurationError(
            "expected devices of your account, got an empty list; check QISKIT_IBM_INSTANCE, or try later"
        )
    return names


def asked(question: Callable[[], Answer]) -> Answer:
    """An answer of the service; a lost connection is no loss.

    Raises:
        PendingError: no usable answer now.
    """
    try:
        return question()
    except (ConfigurationError, UnknownJobError):  # no account, no such job
        raise
    except ValidationError as error:
        raise _unusable(first_problem(error)) from None
    except Exception as error:
        raise _unusable(readable(error)) from None


def _unusable(reason: str) -> PendingError:
    return PendingError(f"the service gave no usable answer: {reason}; nothing is lost, try again later")


def is_job_id(candidate: Any) -> bool:
    """Whether this can be the id of a job."""
    try:
        TypeAdapter(JobId).validate_python(candidate, strict=True)
    except ValueError:
        return False
    return str(candidate).lower() not in ("none", "null", "undefined")


def _listed(client: Any, tag: str) -> list[ListedJob]:
    """All pages of a list."""
    listed: list[ListedJob] = []
    for _ in range(MOST_PAGES):
        page = _Page.model_validate(client.jobs_get(limit=JOBS_A_PAGE, skip=len(listed), job_tags=[tag]))
        listed += page.jobs
        if not page.jobs or len(listed) >= page.count:
            return listed
    raise ValueError(f"expected at most {MOST_PAGES * JOBS_A_PAGE} jobs with a tag, got more")
