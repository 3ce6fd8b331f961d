"""Workers of any Dask cluster that is there already: processes elsewhere, which share no files with this one.

A worker that is lost costs its batch, which the scheduler has done again elsewhere. Workers may come and go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import closing, contextmanager
from functools import lru_cache
from importlib import import_module
from logging import CRITICAL, getLogger
from socket import create_connection
from time import monotonic
from typing import Any

from qgeo.environment import differences, environment
from qgeo.errors import ConfigurationError
from qgeo.workers.batches import Common, Item, Result, Work, worked
from qgeo.workers.local import WorkersEndedError

CONNECT_SECONDS = 20
"""That a scheduler has to answer, chosen."""

_COUNT_SECONDS = 2.0
"""How long a count of workers is kept: a question to the scheduler for each batch of a thousand workers would
keep it busy."""


class SchedulerLostError(Exception):
    """The scheduler, or the way to it, is gone."""


@contextmanager
def cluster_pool(address: str) -> Iterator[ClusterPool]:
    """The workers of a scheduler.

    Args:
        address: as Dask writes it, tcp://HOST:8786.

    Raises:
        ConfigurationError: Dask is not installed, or nobody answers.
    """
    with _quiet(), closing(_client(address)) as client:
        yield ClusterPool(client)


class ClusterPool:
    """Batches as tasks of a Dask client."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._executor = client.get_executor(pure=False)
        self._environment = environment()
        self._counted_at, self._size = -_COUNT_SECONDS, 0

    def share(self, common: Any) -> Any:
        """Sent once, as a task of its own: it can be had again when the worker that holds it is lost."""
        return self._client.submit(_same, common, pure=False)

    def submit(self, work: Work[Any, Any, Any], common: Any, items: Sequence[Any]) -> Future[Any]:
        """Send a batch to the scheduler; errors as for `result`."""
        with _losses_told():
            submitted: Future[Any] = self._executor.submit(
                worked_alike, self._environment, work, common, list(items)
            )
        return submitted

    def result(self, future: Future[Any]) -> Any:
        """What a batch came to.

        Raises:
            ConfigurationError: a worker has other versions, or lacks our packages.
            SchedulerLostError: the scheduler ended, or cannot be reached any more.
            WorkersEndedError: the batch took one worker after another down.
        """
        with _losses_told():
            return future.result()

    def size(self) -> int:
        """Workers, counted every other second."""
        if monotonic() - self._counted_at >= _COUNT_SECONDS:
            with _losses_told():
                self._counted_at, self._size = monotonic(), len(self._client.nthreads())
        return self._size


@contextmanager
def _losses_told() -> Iterator[None]:
    """What Dask raises, in our words."""
    lost = import_module("distributed.comm.core").CommClosedError
    killed = import_module("distributed.scheduler").KilledWorker
    try:
        yield
    except (CancelledError, lost):
        raise SchedulerLostError from None
    except killed:
        raise WorkersEndedError from None
    except (ImportError, RuntimeError) as error:
        raise _without_our_modules(error) from None


def worked_alike(
    theirs: dict[str, str], work: Work[Common, Item, Result], common: Common, items: Sequence[Item]
) -> tuple[list[Result], float]:
    """As `worked`, in an environment that is the client's.

    Raises:
        ConfigurationError: it is another one, whose numbers may be others.
    """
    if unlike := differences(theirs, _environment()):
        raise ConfigurationError(
            f"expected workers with the versions of this process, got {', '.join(unlike)}; "
            "start them from the same environment"
        )
    return worked(work, common, items)


@lru_cache
def _environment() -> dict[str, str]:
    return environment()


def _same(common: Common) -> Common:
    return common


def check_answers(address: str) -> None:
    """
    Raises:
        ConfigurationError: Dask is not installed, or nobody answers.
    """
    _dask()
    try:
        host = import_module("distributed.comm.addressing").parse_host_port(address)
        create_connection(host, CONNECT_SECONDS).close()  # a client that finds nobody complains at its end
    except (OSError, ValueError) as error:
        raise _unanswered(address, error) from None


def _client(address: str) -> Any:
    check_answers(address)
    try:
        return _dask().Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise _unanswered(address, error) from None


def _unanswered(address: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"expected a Dask scheduler at {address}, tcp://HOST:PORT, got no answer: {error}; check that it "
        "runs and can be reached from here"
    )


def _dask() -> Any:
    try:
        return import_module("distributed")
    except ImportError:
        raise ConfigurationError(
            "expected Dask for --scheduler, found none; pip install 'dask[distributed]'"
        ) from None


def _without_our_modules(error: Exception) -> Exception:
    """A sentence about a scheduler or a worker that cannot import what was sent; other errors as they are."""
    missing = error if isinstance(error, ImportError) else error.__cause__
    if not isinstance(missing, ImportError):
        return error
    return ConfigurationError(
        f"expected a scheduler and workers with the packages of this process, got: {missing}; start them "
        "from the same environment"
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what Dask logs of a lost connection: the error says it. Its client has a level of its own."""
    _dask()  # which sets both levels when it is imported
    levels = {logger: logger.level for logger in map(getLogger, ("distributed", "distributed.client"))}
    for logger in levels:
        logger.setLevel(CRITICAL)
    try:
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)
