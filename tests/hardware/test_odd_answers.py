"""Answers that are none, late, or of another job: a sentence, nothing adopted, nothing lost, nobody hangs."""

from __future__ import annotations

import json
import logging
import re
import time
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from hardware.loopback_faults import Changed, Dropped, HttpError, ListedLate, Slow, TokenRevoked, Unfiltered
from hardware.small_jobs import persistently, request, serving
from ibm_quantum_schemas.common import CompressedTensorModel
from ibm_quantum_schemas.executor.version_2_0 import QuantumProgramResultModel

from qgeo.backends import ibm_account, ibm_transport
from qgeo.backends.device import Device, device_by_name
from qgeo.backends.ibm_account import Account
from qgeo.backends.ledger import Ledger
from qgeo.backends.posting import WAITS_BEFORE_SEARCH
from qgeo.backends.splitting import Limits
from qgeo.cli import run
from qgeo.errors import (
    ConfigurationError,
    HardwareError,
    LedgerError,
    PendingError,
    QGeoError,
    RefusedError,
    UnansweredError,
)
from qgeo.hardware.requests import cancel, collect, post, submit


@pytest.fixture(autouse=True)
def quick(quick):
    """Every test here."""


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return Ledger(tmp_path / "ledger")


@pytest.fixture
def impatient(monkeypatch):
    """From its call on, limits of a second."""

    def set_limits() -> None:
        monkeypatch.setattr(ibm_transport, "READ_SECONDS", 1.0)
        monkeypatch.setattr(ibm_transport, "POST_SECONDS", 1.0)
        monkeypatch.setattr(ibm_transport, "SECONDS_BEFORE_SAYING", 0.2)

    return set_limits


def answering(content) -> Changed:
    """To a POST, whatever it made."""
    return Changed(lambda _: content if isinstance(content, str) else json.dumps(content))


# ---- the id of a job -------------------------------------------------------------------------------------

WITHOUT_ID = [
    {"id": None, "backend": "ibm_manila"},
    {"id": "", "backend": "ibm_manila"},
    {"id": 7, "backend": "ibm_manila"},
    {"id": "None", "backend": "ibm_manila"},
    {"id": ["a"], "backend": "ibm_manila"},
    {"id": "../../instances", "backend": "ibm_manila"},
    {"id": "<html>no</html>", "backend": "ibm_manila"},
    {"backend": "ibm_manila"},
    {},
    [],
    None,
    "<html><body>Service maintenance</body></html>",
]


@pytest.mark.parametrize("content", WITHOUT_ID, ids=str)
def test_a_post_without_a_usable_id_is_found_by_its_tag(running, where, ledger, content):
    # Seen to fail: "None" and "7" taken for ids.
    running.inject(answering(content))
    (job,) = submit(request(), where, ledger.folder, 60.0)
    assert job.job_id == ledger.job(0).job_id() == running.jobs[0].id
    assert (running.posts(), len(running.jobs)) == (1, 1)


def test_and_if_it_is_not_listed_it_is_unanswered(running, where, ledger):
    running.inject(answering({"id": None}))
    running.inject(Changed(lambda _: '{"jobs": [], "count": 0}', on="list_jobs", times=8))
    with pytest.raises(UnansweredError, match=r"got none \(an answer without a usable job id: .* is listed;"):
        submit(request(), where, ledger.folder, 60.0)
    assert ledger.job(0).job_id() is None
    assert ledger.job(0).has_attempt()


# ---- searches --------------------------------------------------------------------------------------------


def foreign_job(where, tmp_path) -> None:
    submit(request(50), where, tmp_path / "foreign", 60.0)


def test_a_search_that_ignores_its_filter_adopts_nothing(running, where, ledger, tmp_path, clock):
    # Seen to fail: the newest job of the account taken for ours.
    foreign_job(where, tmp_path)
    running.inject(Unfiltered(times=9))
    with pytest.raises(RefusedError, match=r"not posted, as the service answered .* with 1 jobs that do not"):
        submit(request(), where, ledger.folder, 60.0)
    assert ledger.job(0).job_id() is None
    assert running.posts() == 1
    running.state.faults.clear()
    persistently(lambda: post(ledger, where), clock)
    assert ledger.job(0).job_id() == running.jobs[1].id
    assert len(running.jobs) == 2


def test_ours_among_others_is_ours(running, where, ledger, tmp_path):
    # Seen to fail: the newest of the list, whatever its tags.
    foreign_job(where, tmp_path)
    running.inject(answering({"id": None}), Changed(lambda body: body, on="list_jobs"))

    def ours_last(body: str) -> str:
        listed = json.loads(body)
        return json.dumps(listed | {"jobs": listed["jobs"][::-1]})

    running.inject(Changed(lambda body: body, on="list_jobs"))  # the look right before the post
    running.inject(Unfiltered(), Changed(ours_last, on="list_jobs"))
    submit(request(), where, ledger.folder, 60.0)
    assert ledger.job(0).job_id() == running.jobs[1].id


ODD_LISTS = [
    "{}",
    "[]",
    "null",
    "<html></html>",
    '{"jobs": {}, "count": 0}',
    '{"jobs": [{"id": null, "tags": []}], "count": 1}',
    '{"jobs": [{"id": "a"}], "count": 1}',
    '{"jobs": [7], "count": 1}',
    '{"jobs": [], "count": "many"}',
]


@pytest.mark.parametrize("body", ODD_LISTS)
def test_a_list_that_is_none_posts_nothing(running, where, ledger, body):
    running.inject(Changed(lambda _: body, on="list_jobs"))
    with pytest.raises(RefusedError, match="not posted, as the service gave no usable answer") as caught:
        submit(request(), where, ledger.folder, 60.0)
    assert "\n" not in str(caught.value)
    assert running.posts() == 0
    post(ledger, where)
    assert (running.posts(), len(running.jobs)) == (1, 1)


def test_a_list_that_counts_wrongly_comes_to_an_end(running, monkeypatch):
    # Seen to fail: the client's own list, which asks for ever.
    monkeypatch.setattr(ibm_account, "MOST_PAGES", 5)
    running.inject(Changed(lambda _: '{"jobs": [], "count": 9}', on="list_jobs"))
    assert Account().jobs_with("t") == []
    one = '{"jobs": [{"id": "a", "tags": ["t"]}], "count": 1000000}'
    running.inject(Changed(lambda _: one, on="list_jobs", times=99))
    with pytest.raises(PendingError, match="expected at most 1000 jobs with a tag, got more"):
        Account().jobs_with("t")


# ---- statuses --------------------------------------------------------------------------------------------


def with_status(status) -> Changed:
    def change(body: str) -> str:
        described = json.loads(body)
        described["state"]["status"] = described["status"] = status
        return json.dumps(described)

    return Changed(change, on="poll")


@pytest.mark.parametrize("status", ["Paused", "", "completed-ish", "<b>"])
def test_an_unknown_status_is_a_sentence(running, where, ledger, status):
    # Seen to fail: taken for queued, and waited for for ever.
    submit(request(), where, ledger.folder, 60.0)
    running.inject(with_status(status))
    with pytest.raises(PendingError, match=re.escape(f"the service says {status!r} of job")):
        collect(ledger, where)
    assert not ledger.job(0).has_result()
    assert collect(ledger, where).shots > 0


@pytest.mark.parametrize("status", [None, 7, {}])
def test_a_status_that_is_no_text_is_no_answer(running, where, ledger, status):
    submit(request(), where, ledger.folder, 60.0)
    running.inject(with_status(status))
    with pytest.raises(PendingError, match=r"no usable answer: state.status: expected text"):
        collect(ledger, where)
    assert collect(ledger, where).shots > 0


def test_a_job_that_ran_too_long_has_failed(running, where, ledger):
    submit(request(), where, ledger.folder, 60.0)
    running.inject(with_status("Cancelled - Ran too long"))
    with pytest.raises(HardwareError, match="it is cancelled"):
        collect(ledger, where)


# ---- jobs of somebody else -------------------------------------------------------------------------------


def with_tags(tags) -> Changed:
    def change(body: str) -> str:
        described = {key: value for key, value in json.loads(body).items() if key != "tags"}
        return json.dumps(described if tags is None else described | {"tags": tags})

    return Changed(change, on="poll")


def test_a_post_answered_with_the_id_of_another_job_is_noticed(running, where, ledger, tmp_path):
    # Seen to fail: the other job's bits taken for those of this one.
    foreign_job(where, tmp_path)
    running.inject(answering({"id": running.jobs[0].id, "backend": "ibm_manila"}))
    with pytest.raises(LedgerError, match=r"expected job \w+ to have the tag .* another job has it; remove"):
        submit(request(50), where, ledger.folder, 60.0)
    with pytest.raises(LedgerError, match="to have the tag"):
        collect(ledger, where)
    assert not ledger.job(0).has_result()
    (ledger.folder / "jobs" / "0000" / "posted.json").unlink()
    post(ledger, where)
    assert ledger.job(0).job_id() == running.jobs[1].id
    assert len(running.jobs) == 2


def test_ids_that_changed_places_are_noticed(running, where, ledger, monkeypatch):
    # Seen to fail: rows of one job read as those of the other.
    monkeypatch.setattr(Device, "limits", Limits(executions=400))
    submit(request(400), where, ledger.folder, 60.0)
    first, second = (ledger.folder / "jobs" / name / "posted.json" for name in ("0000", "0001"))
    swapped = second.read_bytes(), first.read_bytes()
    first.write_bytes(swapped[0])
    second.write_bytes(swapped[1])
    with pytest.raises(LedgerError, match="to have the tag"):
        collect(ledger, where)
    for path in (first, second):
        path.unlink()
    assert collect(ledger, where).shots > 0
    assert running.posts() == len(running.jobs)


@pytest.mark.parametrize("tags", [[], ["qgeo"], ["qgeo", "00000000-0000-0000-0000-000000000000"]])
def test_a_description_of_another_job_is_noticed(running, where, ledger, tags):
    submit(request(), where, ledger.folder, 60.0)
    running.inject(with_tags(tags))
    with pytest.raises(PendingError, match="the service describes another job as"):
        collect(ledger, where)
    assert collect(ledger, where).shots > 0


def test_edited_tags_are_said_and_nothing_is_posted_for_them(running, where, ledger):
    # Seen to fail: the advice to remove posted.json, after which another job is posted and paid for.
    submit(request(), where, ledger.folder, 60.0)
    tags, running.jobs[0].tags = running.jobs[0].tags, ["mine"]
    with pytest.raises(
        LedgerError, match=r"no job has it: its tags were edited, .* give it the tag if it is"
    ):
        collect(ledger, where)
    running.jobs[0].tags = tags
    assert collect(ledger, where).shots > 0


def test_a_description_without_tags_is_held_against_the_list(running, where, ledger):
    submit(request(), where, ledger.folder, 60.0)
    running.inject(with_tags(None))
    assert collect(ledger, where).shots > 0


def test_nothing_of_somebody_else_is_cancelled(running, where, ledger, tmp_path):
    running.delay = 600.0
    foreign_job(where, tmp_path)
    submit(request(), where, ledger.folder, 60.0)
    (foreign, ours), path = running.jobs, ledger.folder / "jobs" / "0000" / "posted.json"
    ledger.job(0).write_job_id(foreign.id)
    with pytest.raises(
        HardwareError, match=r"all but 1 are: job 0: .* to have the tag .* another job has it"
    ):
        cancel(ledger, where)
    assert foreign.status == "Queued"
    path.unlink()
    cancel(ledger, where)
    running.delay = 0.0
    assert (foreign.status, ours.status) == ("Queued", "Cancelled")


def test_two_jobs_with_one_tag_are_said(running, where, ledger, caplog):
    # Seen to fail: a second job, paid for in vain, without a word.
    running.inject(Dropped(took_effect=True), ListedLate(len(WAITS_BEFORE_SEARCH)))
    with pytest.raises(UnansweredError):
        submit(request(), where, ledger.folder, 60.0)
    running.state.jobs.append(replace(running.jobs[0], id="second"))
    with caplog.at_level(logging.WARNING):
        post(ledger, where)
    assert f"qgeo: job {running.jobs[0].id} has the same tag as second, which is taken" in caplog.text


# ---- results ---------------------------------------------------------------------------------------------


def with_arrays(change, names=lambda name: name) -> Changed:
    """The arrays of a result, changed and renamed."""

    def changed(body: str) -> str:
        result = QuantumProgramResultModel.model_validate_json(body)
        for item in result.data:
            item.results = {
                names(name): CompressedTensorModel.from_numpy(change(tensor.to_numpy()))
                for name, tensor in item.results.items()
            }
        return result.model_dump_json()

    return Changed(changed, on="results")


def fewer_circuits(body: str) -> str:
    result = QuantumProgramResultModel.model_validate_json(body)
    result.data = result.data[:-1]
    return result.model_dump_json()


OTHER_RESULTS = {
    "fewer shots": with_arrays(lambda bits: bits[:, :-1] if bits.ndim == 3 else bits[:-1]),
    "more shots": with_arrays(lambda bits: np.concatenate([bits, bits], axis=-2)),
    "fewer bits": with_arrays(lambda bits: bits[..., :-1]),
    "more bits": with_arrays(lambda bits: np.concatenate([bits, bits], axis=-1)),
    "other register": with_arrays(lambda bits: bits, lambda _: "meas"),
    "more bindings": with_arrays(lambda bits: np.stack([bits, bits])),
    "fewer circuits": Changed(fewer_circuits, on="results"),
}


@pytest.mark.parametrize("kind", OTHER_RESULTS)
def test_other_bits_than_were_asked_for_are_not_adopted(running, where, ledger, kind):
    # Seen to fail: 99 of 100 shots taken for the result.
    submit(request(), where, ledger.folder, 60.0)
    running.inject(OTHER_RESULTS[kind])
    with pytest.raises(QGeoError) as caught:
        collect(ledger, where)
    assert "\n" not in str(caught.value)
    assert not ledger.job(0).has_result()
    assert collect(ledger, where).shots == running.jobs[0].executions


@pytest.mark.parametrize("body", ["", "{}", "[]", "null", "7", "<html></html>", '{"data": []}'])
def test_a_result_that_is_none_is_no_loss(running, where, ledger, body):
    submit(request(), where, ledger.folder, 60.0)
    running.inject(Changed(lambda _: body, on="results"))
    with pytest.raises(QGeoError) as caught:
        collect(ledger, where)
    assert "\n" not in str(caught.value)
    assert not ledger.job(0).has_result()
    assert collect(ledger, where).shots > 0


# ---- silence ---------------------------------------------------------------------------------------------


def silence():
    return pytest.raises(PendingError, match=r"the service gave no usable answer: .*Read timed out")


@contextmanager
def without_charge():
    """The bits are there; what they cost is asked for later."""
    yield


@pytest.mark.parametrize("on", ["poll", "results", "metrics"])
def test_a_silent_service_is_given_up_and_said(running, where, ledger, caplog, impatient, on):
    # Seen to fail: without a limit the command hangs.
    submit(request(), where, ledger.folder, 60.0)
    running.inject(Slow(4.0, on=on))
    impatient()
    started = time.monotonic()
    with caplog.at_level(logging.WARNING), without_charge() if on == "metrics" else silence():
        collect(ledger, where)
    assert time.monotonic() - started < 3.5
    (said,) = caplog.messages
    waiting = r"qgeo: waiting for an answer of 127\.0\.0\.1 to GET /experimental/jobs/\w+(/\w+)?, at most 1 s"
    assert re.fullmatch(waiting, said)
    assert collect(ledger, where).shots > 0
    assert running.posts() == 1


def test_a_silent_post_is_found_by_its_tag(running, where, ledger, caplog, impatient):
    impatient()
    running.inject(Slow(4.0, on="post_job"))
    with caplog.at_level(logging.WARNING):
        (job,) = submit(request(), where, ledger.folder, 60.0)
    assert job.job_id == running.jobs[0].id
    assert "waiting for an answer of 127.0.0.1 to POST" in caplog.text
    assert (running.posts(), len(running.jobs)) == (1, 1)


def test_a_silent_search_posts_nothing(running, where, ledger, impatient):
    impatient()
    running.inject(Slow(4.0, on="list_jobs"))
    with pytest.raises(RefusedError, match="not posted, as the service gave no usable answer"):
        submit(request(), where, ledger.folder, 60.0)
    assert running.posts() == 0
    post(ledger, where)
    assert running.posts() == 1


def test_a_silent_service_can_be_connected_to_no_longer_than_that(running, capsys, impatient):
    # Seen to fail: the client's constructor asks without a limit.
    impatient()
    running.inject(Slow(4.0, on="backends"))
    started = time.monotonic()
    assert run(["backends", "--json"]) == 0
    assert time.monotonic() - started < 3.5
    capsys.readouterr()


# ---- access tokens ---------------------------------------------------------------------------------------


def test_a_refused_key_is_a_sentence_at_once_for_every_request(recwarn):
    # Seen to fail: a minute for each request, and the key itself sent to the service.
    with serving() as service, service.applied():
        there = device_by_name("ibm_manila")
        service.inject(TokenRevoked())
        there.runner().account.service._active_api_client._session.auth.auth.tm.expire_time = 0
        service.inject(HttpError(400, on="token", times=9))
        account = there.runner().account
        started = time.monotonic()
        for _ in range(3):
            with pytest.raises(PendingError, match=r"IBM Cloud gave no access token \(status 400\)"):
                account.status("a", "t")
        assert time.monotonic() - started < 3
        assert not [request for request in service.requests if request == ("GET", "/jobs/a")]
        service.state.faults.clear()
        assert account.status("a", "t") == "missing"
    assert not recwarn.list


def test_a_wrong_key_from_the_start_is_a_sentence_at_once():
    with serving() as service, service.applied():
        service.inject(HttpError(400, on="token", times=20))
        started = time.monotonic()
        with pytest.raises(ConfigurationError, match=r"IBM Cloud gave no access token \(status 400\)"):
            device_by_name("ibm_manila")
        assert time.monotonic() - started < 5
