"""The workers of a Dask cluster: real processes, some of which are killed."""

from __future__ import annotations

from importlib import import_module
from logging import ERROR, getLogger
from threading import Timer

import pytest
from workers.cluster_processes import cluster
from workers.worker_functions import fatal, fatal_once, refused, slowly_squared

from qgeo.errors import ConfigurationError
from qgeo.workers.batches import results
from qgeo.workers.cluster import SchedulerLostError, _quiet, check_answers, cluster_pool
from qgeo.workers.local import WorkersEndedError


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """Two workers that no test takes down."""
    with cluster(tmp_path_factory.mktemp("cluster"), workers=2) as processes:
        yield processes


def test_workers_share_the_work(running):
    # Seen to fail: one worker for all batches.
    with cluster_pool(running.address) as pool:
        found = dict(results(slowly_squared, 1, range(12), pool))
        assert pool.size() == 2
    assert [found[item][0] for item in range(12)] == [1 + item**2 for item in range(12)]
    assert {process for _, process in found.values()} == {worker.pid for worker in running.workers}


def test_an_error_of_the_work_ends_the_pool(running):
    with pytest.raises(ValueError, match="no "):
        _worked(running.address, refused, range(4))


def test_a_worker_that_is_killed_costs_only_its_batch(tmp_path):
    with cluster(tmp_path, workers=2) as processes, cluster_pool(processes.address) as pool:
        found = list(results(fatal_once, str(tmp_path), range(20), pool))
    assert (tmp_path / "fallen").exists()
    assert sorted(found) == [(item, item) for item in range(20)]


def test_work_that_takes_every_worker_down_is_given_up(tmp_path):
    with cluster(tmp_path, workers=5) as processes, pytest.raises(WorkersEndedError):
        _worked(processes.address, fatal, [1])


def test_a_scheduler_that_ends_is_told(tmp_path):
    # Seen to fail: CancelledError, or waiting for ever.
    with cluster(tmp_path, workers=1) as processes:
        Timer(2.0, processes.scheduler.kill).start()
        with pytest.raises(SchedulerLostError):
            _worked(processes.address, slowly_squared, range(10_000))


def test_workers_with_other_versions_are_refused(running, monkeypatch):
    # Seen to fail: any versions taken.
    monkeypatch.setattr("qgeo.workers.cluster.environment", lambda: {"qgeo": "0.0.1"})
    with pytest.raises(ConfigurationError, match=r"qgeo 0\.0\.1 here and .* there.*same environment$"):
        _worked(running.address, slowly_squared, [1])


def test_a_cluster_without_our_modules_is_told(tmp_path):
    # Seen to fail: RuntimeError with the address of a page of Dask's.
    sentence = r"No module named 'workers'.*same environment$"
    bare = cluster(tmp_path, workers=1, PYTHONPATH="")
    with bare as processes, pytest.raises(ConfigurationError, match=sentence):
        _worked(processes.address, slowly_squared, [1])


@pytest.mark.parametrize("address", ["", "nonsense", "tcp://127.0.0.1:1", "foo://127.0.0.1:8786:1"])
def test_nobody_answers(address):
    with pytest.raises(
        ConfigurationError, match=r"expected a Dask scheduler at .*, got no answer: .*; check"
    ):
        check_answers(address)


def test_without_dask_it_says_how_to_install_it(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr("qgeo.workers.cluster.import_module", missing)
    with pytest.raises(ConfigurationError, match=r"pip install 'dask\[distributed\]'$"):
        check_answers("tcp://127.0.0.1:8786")


def _worked(address: str, work, items) -> list:
    with cluster_pool(address) as pool:
        return list(results(work, 0, items, pool))


@pytest.mark.parametrize("name", ["distributed", "distributed.client"])
def test_what_dask_logs_of_a_loss_is_not_shown(name):
    # Seen to fail: a traceback of the client, which has a level of its own, above the sentence of an error.
    import_module("distributed")  # which sets levels
    logger = getLogger(name)
    before = logger.level
    with _quiet():
        assert not logger.isEnabledFor(ERROR)
    assert logger.level == before
