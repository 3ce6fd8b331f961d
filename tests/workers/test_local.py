"""Processes of this machine: more than one works, and whoever ends them is told apart."""

from __future__ import annotations

import multiprocessing

import pytest
from workers.worker_functions import fatal, refused, slowly_squared

from qgeo.workers.batches import results
from qgeo.workers.local import NotImportedError, WorkersEndedError, check_guard, default_workers, local_pool


def test_processes_share_the_work():
    # Seen to fail: one worker for all batches; the last batch forgotten.
    with local_pool(2) as pool:
        found = dict(results(slowly_squared, 1, range(8), pool))
    assert [found[item][0] for item in range(8)] == [1 + item**2 for item in range(8)]
    assert len({process for _, process in found.values()}) == 2


def test_an_error_of_the_work_ends_the_pool():
    with pytest.raises(ValueError, match="no "), local_pool(2) as pool:
        list(results(refused, 0, range(4), pool))


@pytest.mark.parametrize(("item", "error"), [(1, WorkersEndedError), (-1, NotImportedError)])
def test_workers_that_are_gone(item, error):
    # Seen to fail: exit status 1, which a script without guard leaves, taken for a lack of memory.
    with pytest.raises(error), local_pool(2) as pool:
        list(results(fatal, 0, [item], pool))


def test_a_worker_that_imports_the_calling_script_has_no_workers(monkeypatch):
    check_guard()
    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    with pytest.raises(NotImportedError, match=r"if __name__ == .*; put it there, or use workers=1$"):
        check_guard()
    assert default_workers() >= 1
