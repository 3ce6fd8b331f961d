"""A spy on fake devices: what a ledger posts there, answered at once without a simulation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from qgeo.backends.ledger import Work
from qgeo.backends.runner import Finished, LocalRunner, Wanted


@dataclass
class Spy:
    """What was posted, and nothing else."""

    works: list[Work] = field(default_factory=list)

    def count(self) -> tuple[int, int, int]:
        """Jobs, bindings, executions."""
        rows = [(work.shots, len(rows)) for work in self.works for rows in work.values]
        return len(self.works), sum(number for _, number in rows), sum(s * number for s, number in rows)


def spy_on_posts(monkeypatch: pytest.MonkeyPatch) -> Spy:
    found, post = Spy(), LocalRunner.post

    def watched(self: LocalRunner, work: Work, tag: str, sending: Callable[[], None]) -> str:
        found.works.append(work)
        return post(self, work, tag, sending)

    monkeypatch.setattr(LocalRunner, "post", watched)
    monkeypatch.setattr(LocalRunner, "find", lambda *_: [])
    monkeypatch.setattr(LocalRunner, "result", zeros)
    return found


def zeros(_runner: Any, _job_id: str, wanted: Wanted) -> Finished:
    """The answer of a device that reads every bit as 0, but those of a calibration in |1⟩."""
    work = wanted.work()
    bits = []
    for circuit, rows in zip(work.circuits, work.values, strict=True):
        ones = set(circuit.count_ops()) == {"x", "measure"}
        size = len(rows), work.shots, -(-circuit.num_clbits // 8)
        bits.append(np.full(size, 255 * ones, dtype=np.uint8))
    return Finished(tuple(bits), None)
