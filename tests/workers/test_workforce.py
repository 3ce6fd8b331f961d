"""Who does the work: one answer to --workers and --scheduler."""

from __future__ import annotations

import pytest

from qgeo.errors import ConfigurationError
from qgeo.workers import workforce
from qgeo.workers.workforce import Workforce


def test_workers_or_a_scheduler(monkeypatch):
    # Seen to fail: --workers ignored beside --scheduler.
    monkeypatch.setattr(workforce, "check_answers", lambda _: None)
    assert Workforce.of(None, "tcp://a:1").scheduler == "tcp://a:1"
    assert Workforce.of(None, None).workers >= 1
    with pytest.raises(ConfigurationError, match=r"got both; a cluster has its own workers$"):
        Workforce.of(2, "tcp://a:1")
    with pytest.raises(ConfigurationError, match="at least 1 worker, got 0"):
        Workforce.of(0, None)


def test_one_worker_is_this_process():
    with Workforce(1).pool() as pool:
        assert pool is None
