"""Plans beside a spy: what is planned is what is posted, to the job and the execution, however divided."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hardware.small_jobs import request
from qiskit import QuantumCircuit
from quick_clock import QuickClock
from scripted_runner import ScriptedRunner

from qgeo.backends.device import Device, device_by_name, ledger_sampler
from qgeo.backends.ledger import Ledger
from qgeo.backends.ledger_sampler import LedgerSampler, Untouched
from qgeo.backends.mitigated_work import PLAIN, Mitigation
from qgeo.backends.splitting import Limits
from qgeo.errors import PendingError
from qgeo.estimators.dry_run import wanted
from qgeo.estimators.experiments import empty_circuit
from qgeo.hardware import plan
from qgeo.hardware.plan import planned
from qgeo.hardware.requests import FisherRequest

READOUT, BOTH = Mitigation(readout=True), Mitigation(True, True)
SMALL = Limits(executions=3_000)
"""Of which `request(2000)` divides rows, and shots too once circuits are folded and calibrated."""


@pytest.fixture
def where() -> Device:
    return device_by_name("fake_manila", clock=QuickClock())


def limited(where: Device, limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(where), "limits", property(lambda _: limits))


def spied(wanted: FisherRequest, where: Device, folder: Path) -> Ledger:
    """Everything written and posted, to a runner in memory that runs nothing."""
    ledger, runner = Ledger(folder), ScriptedRunner()
    ledger.create({"kind": "test"})
    used = ledger_sampler(
        where, ledger, runner, max_seconds=1e9, may_fetch=False, mitigation=wanted.mitigation
    )
    with pytest.raises(PendingError):
        wanted.carried_out(used)
    assert len(runner.posted) == ledger.count()
    for number, (tag, work) in enumerate(runner.posted):
        assert (tag, work.executions) == (
            ledger.job(number).entry().tag,
            ledger.job(number).entry().executions,
        )
        assert work.executions <= where.limits.executions
    return ledger


def check(wanted: FisherRequest, where: Device, folder: Path) -> int:
    """The plan is what the spy counts; how many jobs that are."""
    planned, ledger = wanted.plan(where), spied(wanted, where, folder)
    entries = [ledger.job(number).entry() for number in range(ledger.count())]
    assert planned.jobs == len(entries)
    assert planned.shots == sum(entry.executions for entry in entries)
    assert planned.circuits == sum(entry.circuits for entry in entries)
    assert planned.seconds == pytest.approx(sum(entry.seconds for entry in entries))
    return planned.jobs


@pytest.mark.parametrize(
    "limits", [Limits(), SMALL, Limits(seconds=2.9)], ids=["one job", "by count", "by time"]
)
@pytest.mark.parametrize(
    ("method", "mitigation"),
    [
        ("block-diagonal", PLAIN),
        ("lin-comb", PLAIN),
        ("lin-comb", READOUT),
        ("lin-comb", BOTH),
        ("spsa", PLAIN),
    ],
    ids=str,
)
def test_a_plan_is_what_is_posted(where, monkeypatch, tmp_path, limits, method, mitigation):
    # Seen to fail: calibrations counted once for several jobs; PUBs that are never divided.
    limited(where, limits, monkeypatch)
    wanted = replace(request(2000, mitigation), method=method, draws=2 if method == "spsa" else None)
    jobs = check(wanted, where, tmp_path / "ledger")
    assert (jobs > 1) is (limits != Limits())


@pytest.mark.parametrize(
    ("shots", "mitigation", "are_shots_divided"),
    [(2_000_000, PLAIN, False), (1_000_000, BOTH, False), (9_000_000, PLAIN, True), (9_000_000, BOTH, True)],
)
def test_what_the_service_would_refuse_or_end_is_planned_as_it_is_posted(
    where, tmp_path, shots, mitigation, are_shots_divided
):
    wanted = replace(request(shots, mitigation), method="lin-comb")
    assert check(wanted, where, tmp_path / "ledger") >= 2
    ledger = Ledger(tmp_path / "ledger")
    entries = [ledger.job(number).entry() for number in range(ledger.count())]
    assert max(entry.executions for entry in entries) <= 5_000_000 < 10_000_000
    assert max(entry.seconds for entry in entries) <= 5_400 < 3 * 3600
    divided = {piece.first_shot for entry in entries for piece in entry.pieces}
    assert (len(divided) > 1) is are_shots_divided


def long(microseconds: float) -> QuantumCircuit:
    circuit = empty_circuit(2)
    for _ in range(round(microseconds / 0.3)):
        circuit.cz(0, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit


def test_where_the_seconds_may_divide_a_job_every_circuit_is_transpiled(monkeypatch, tmp_path):
    # Seen to fail: jobs counted by the mean of a choice of circuits, which is not what fills a job.
    monkeypatch.setattr(plan, "TRANSPILED_AT_MOST", 4)
    pubs = [(long(200 * number), None, 1000) for number in range(8)]
    limits, ledger = Limits(seconds=4.9), Ledger(tmp_path / "ledger")
    ledger.create({"kind": "test"})
    used = LedgerSampler(
        ledger, ScriptedRunner(), Untouched(), max_seconds=1e9, may_fetch=False, limits=limits
    )
    used.run(pubs)
    found = planned(
        "", lambda dry: dry.note([wanted(circuit, 1, n) for circuit, _, n in pubs]), None, None, limits=limits
    )
    assert found.jobs == ledger.count() == 4
    assert found.seconds == pytest.approx(ledger.seconds())


def test_a_longer_time_than_a_job_may_take_is_asked_of_several(tmp_path, where):
    hasty = device_by_name("fake_manila", options={"max_execution_time": 3}, clock=QuickClock())
    wanted = replace(request(4000), method="lin-comb")
    assert wanted.plan(where).jobs == 1
    assert check(wanted, hasty, tmp_path / "ledger") > 1
    ledger = Ledger(tmp_path / "ledger")
    assert max(ledger.job(number).entry().seconds for number in range(ledger.count())) <= 3.0


def test_twirled_measurements_cost_the_shots_that_the_client_makes_of_them(tmp_path, where):
    # Seen to fail: ten shots of a row estimated as ten, where the client runs sixty-four.
    twirling = device_by_name("fake_manila", options={"twirling": True}, clock=QuickClock())
    wanted = request(10)
    check(wanted, twirling, tmp_path / "ledger")
    plain, twirled = (wanted.plan(there).seconds - 2.0 for there in (where, twirling))
    assert twirled == pytest.approx(6.4 * plain)
