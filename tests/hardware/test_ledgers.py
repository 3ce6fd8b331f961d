"""Many ledgers, one runner: one batch, one distance between posts, one budget, one device."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from copy import copy
from itertools import pairwise

import pytest
from hardware.loopback import LoopbackService
from hardware.small_jobs import request, serving, two_qubits
from qiskit import ClassicalRegister
from quick_clock import QuickClock

from qgeo.backends.device import device_by_name, ledger_sampler
from qgeo.backends.ibm_transport import SECONDS_BETWEEN_POSTS
from qgeo.backends.ledger import Ledger
from qgeo.backends.ledger_files import DeviceManifest
from qgeo.backends.ledgers import POLL_SECONDS, Ledgers
from qgeo.errors import HardwareError, RefusedError
from qgeo.estimators.experiments import REGISTER
from qgeo.hardware.requests import submit

MEASURED = two_qubits()
MEASURED.add_register(ClassicalRegister(2, REGISTER))
MEASURED.measure([0, 1], [0, 1])


@pytest.fixture(autouse=True)
def quick(quick):
    """Every test here."""


@pytest.fixture
def ledgers(running, where, clock, tmp_path) -> Ledgers:  # noqa: ARG001
    made = Ledgers(tmp_path / "ledger", "ibm_manila", 1000.0, clock=clock)
    vars(made)["device"] = where  # connected once for all tests
    return made


def post(sampler, shots: int = 50) -> None:
    """One job, which is not waited for."""
    sampler.run([(MEASURED, [0.3, 2.0])], shots=shots)


def opened(running: LoopbackService) -> int:
    return running.requests.count(("POST", "/sessions"))


# ---- batches and sessions --------------------------------------------------------------------------------


def test_all_jobs_of_a_runner_share_a_batch_and_run_after_it_is_closed(running, ledgers):
    # Seen to fail: a batch per job, as it was; `cancel` in place of `close`.
    running.delay = 600.0
    samplers = [ledgers.sampler(key, {}) for key in ("tuning/a", "tuning/b", "final/a")]
    assert opened(running) == 0
    for sampler in (*samplers, *samplers):
        post(sampler)
    assert (opened(running), running.posts()) == (1, 6)
    (batch,) = running.state.sessions.values()
    assert {job.session_id for job in running.jobs} == {batch["id"]}
    assert batch["accepting_jobs"]
    ledgers.close()
    assert (batch["accepting_jobs"], batch["state"]) == (False, "closed")
    for job in running.jobs:
        job.posted -= 600.0
    assert [sampler.fetched(number) is None for sampler in samplers for number in range(2)] == 6 * [False]


def test_a_batch_that_has_ended_is_opened_again(running, ledgers):
    # Seen to fail: the refusal taken for the last word.
    post(ledgers.sampler("a", {}))
    (first,) = running.state.sessions.values()
    first.update(accepting_jobs=False, state="closed")
    post(ledgers.sampler("b", {}))
    assert opened(running) == len({job.session_id for job in running.jobs}) == 2
    assert (len(running.jobs), running.posts()) == (2, 3)  # the refused one made no job
    ledgers.close()
    assert not any(batch["accepting_jobs"] for batch in running.state.sessions.values())


def test_a_closed_runner_opens_another_batch_if_it_must(running, ledgers):
    sampler = ledgers.sampler("a", {})
    ledgers.close()
    post(sampler)
    ledgers.close()
    post(sampler)
    ledgers.close()
    assert (opened(running), running.posts()) == (2, 2)


def test_a_submitted_request_leaves_nothing_open(running, where, tmp_path):
    # Seen to fail: a runner that nobody closes.
    submit(request(), where, tmp_path / "ledger", 60.0)
    (batch,) = running.state.sessions.values()
    assert not batch["accepting_jobs"]


def test_a_session_that_the_plan_does_not_have_is_a_sentence_and_no_post(running, clock, tmp_path):
    own = device_by_name("ibm_manila", options={"mode": "session"}, clock=clock)
    with pytest.raises(RefusedError, match=r"the job was not posted: .* open plan"):
        submit(request(), own, tmp_path / "ledger", 60.0)
    assert (opened(running), running.posts()) == (1, 0)


# ---- posts and seconds -----------------------------------------------------------------------------------


def test_posts_of_all_ledgers_are_spaced(ledgers):
    # Seen to fail: a runner for each ledger, as it was, that spaced its own posts only.
    samplers = [ledgers.sampler(key, {}) for key in "abc"]
    for sampler in (*samplers, *samplers):
        post(sampler)
    moments = [sampler.ledger.job(number).attempt() for number in range(2) for sampler in samplers]
    between = [later.seconds_since(earlier) for earlier, later in pairwise(moments)]
    assert min(between) >= SECONDS_BETWEEN_POSTS


def test_the_folders_of_all_ledgers_are_the_owners_alone(ledgers):
    # Seen to fail: parents of a new folder made with the mode of any other.
    ledgers.sampler("tuning/a", {})
    for path in (ledgers.folder, ledgers.folder / "tuning", ledgers.folder / "tuning" / "a"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700, path


def test_two_runners_of_one_service_space_their_posts_too(where, tmp_path):
    # Seen to fail: a transport for each runner.
    moments = []
    for name in "abc":
        ledger = Ledger(tmp_path / name)
        ledger.create({})
        post(ledger_sampler(where, ledger, max_seconds=100.0))
        moments.append(ledger.job(0).attempt())
    assert min(b.seconds_since(a) for a, b in pairwise(moments)) >= SECONDS_BETWEEN_POSTS


def test_tuning_and_final_runs_share_the_budget(running, ledgers):
    # Seen to fail: a budget for each stage, as it was, so that twice of it could be spent.
    running.delay = 600.0
    ledgers.max_seconds = 5.0
    post(ledgers.sampler("tuning/a", {}))
    post(ledgers.sampler("final/a", {}))
    with pytest.raises(HardwareError, match="expected at most 5 QPU seconds, this would make it about 6"):
        post(ledgers.sampler("final/b", {}))
    assert running.posts() == 2
    assert 4.0 < ledgers.spending.seconds() < 5.0


# ---- the device ------------------------------------------------------------------------------------------


@pytest.fixture
def two() -> Iterator[LoopbackService]:
    """A service with two devices, jobs staying in their queues."""
    with serving("ibm_manila", "ibm_quito") as service, service.applied():
        service.delay = 600.0
        yield service


def test_the_least_busy_device_is_chosen_once(two, tmp_path):
    # Seen to fail: chosen anew in each process, connected anew for each ledger.
    first = Ledgers(tmp_path / "ledger", "least-busy", 100.0, clock=QuickClock())
    post(first.sampler("tuning/a", {}))  # now the other one is less busy
    post(first.sampler("tuning/b", {}))
    assert first.device is first.device
    assert device_by_name("least-busy").name == "ibm_quito"
    again = Ledgers(tmp_path / "ledger", "least-busy", 100.0, clock=QuickClock())
    post(again.sampler("tuning/a", {}))
    post(again.sampler("final/a", {}))
    assert [job.backend.name for job in two.jobs] == 3 * ["ibm_manila"]
    for place in ("tuning/a", "tuning/b", "final/a"):
        assert Ledger(tmp_path / "ledger" / place).manifest(DeviceManifest).device == "ibm_manila"
    other = Ledgers(tmp_path / "other", "least-busy", 100.0, clock=QuickClock())
    assert other.device.name == "ibm_quito"


def test_a_request_goes_on_where_it_was_submitted(two, tmp_path):
    clock = QuickClock()
    submit(request(), device_by_name("least-busy", clock=clock), tmp_path / "ledger", 60.0)
    ledger = Ledger(tmp_path / "ledger")
    assert ledger.manifest(DeviceManifest).device == two.jobs[0].backend.name == "ibm_manila"
    assert device_by_name("least-busy").name == "ibm_quito"


def test_waiting_for_a_job_goes_through_the_clock(running, where, ledgers):
    class Passing(QuickClock):
        def pause(self, seconds: float) -> None:
            super().pause(seconds)
            running.jobs[0].posted -= seconds

    running.delay = 60.0
    patient = Passing()
    vars(ledgers)["device"], vars(ledgers)["runner"] = (there := copy(where)), where.runner()
    there.clock = patient
    assert ledgers.sampler("a", {}).run([(MEASURED, [0.3, 2.0])], shots=50).result()
    assert patient.pauses == 6 * [POLL_SECONDS]
