"""The loopback service serves the real client: what a user of IBM Quantum does, from submission to result."""

from __future__ import annotations

import signal
import socket
from typing import Any

import numpy as np
import pytest
from hardware.loopback import LoopbackService
from hardware.loopback_faults import Slow
from hardware.small_jobs import (
    ISA,
    MANILA,
    VALUES,
    frequencies,
    measured,
    on_device,
    python,
    submit,
    two_qubits,
    until,
)
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit_aer.primitives import SamplerV2 as AerSampler
from qiskit_ibm_runtime import Batch, IBMBackend, QiskitRuntimeService, Session
from qiskit_ibm_runtime.api.exceptions import RequestsApiError
from qiskit_ibm_runtime.exceptions import (
    IBMInputValueError,
    IBMRuntimeError,
    RuntimeInvalidStateError,
    RuntimeJobNotFound,
    RuntimeJobTimeoutError,
)
from qiskit_ibm_runtime.executor_estimator import Estimator
from qiskit_ibm_runtime.executor_sampler import Sampler


def test_the_device_is_listed_and_has_the_target_of_the_fake_one(service: QiskitRuntimeService):
    [device] = service.backends()
    assert device.name == "fake_manila"
    assert device.target.build_coupling_map() == MANILA.target.build_coupling_map()
    assert {"rz", "sx", "x", "cx", "measure"} <= set(device.target.operation_names)
    assert device.status().operational


def test_a_broadcast_job_comes_back_with_the_distribution_of_the_fake_device(
    loopback: LoopbackService, device: IBMBackend
):
    # Seen to fail when the bits of an outcome, the two parameters or the two axes of the values were swapped.
    job = submit(device, shots=4000, values=VALUES)
    bits = job.result(poll_interval=0.1)[0].data.meas
    assert (bits.shape, bits.num_shots) == ((3, 2), 4000)
    direct = AerSampler.from_backend(MANILA, seed=7).run([(ISA, VALUES)], shots=4000).result()[0].data.meas
    distance = np.abs(frequencies(bits) - frequencies(direct)).sum(axis=-1) / 2
    assert distance.max() < 0.04
    ideal = np.array(
        [[Statevector(two_qubits().assign_parameters(v)).probabilities() for v in r] for r in VALUES]
    )
    assert np.abs(frequencies(bits) - ideal).sum(axis=-1).max() / 2 < 0.15
    assert loopback.jobs[0].executions == 6 * 4000


def test_several_pubs_with_one_number_of_shots_are_one_job(loopback: LoopbackService, device: IBMBackend):
    fixed = measured(two_qubits().assign_parameters([np.pi, 0.0]))
    result = Sampler(mode=device).run([(ISA, VALUES[0], 200), (fixed,)], shots=200).result(poll_interval=0.1)
    assert [pub.data.meas.shape for pub in result] == [(2,), ()]
    assert result[1].data.meas.get_counts()["11"] > 150
    assert loopback.posts() == 1


def test_pubs_with_different_shots_are_refused_by_the_client(loopback: LoopbackService, device: IBMBackend):
    with pytest.raises(IBMInputValueError, match="same number of shots"):
        Sampler(mode=device).run([(ISA, [0.1, 0.2], 100), (ISA, [0.1, 0.2], 200)])
    assert loopback.posts() == 0


def test_an_estimator_job_comes_back(loopback: LoopbackService, device: IBMBackend):
    circuit = on_device(two_qubits())
    observables = [[SparsePauliOp(pauli).apply_layout(circuit.layout)] for pauli in ("IZ", "ZI")]
    job = Estimator(mode=device).run([(circuit, observables, [0.4, 0.0])], precision=0.02)
    evs = job.result(poll_interval=0.1)[0].data.evs
    np.testing.assert_allclose(evs, [[np.cos(0.4)], [np.cos(0.4)]], atol=0.15)
    assert loopback.posts() == 1


def test_tags_find_exactly_their_jobs(
    loopback: LoopbackService, service: QiskitRuntimeService, device: IBMBackend
):
    loopback.delay = 60.0  # nothing has to run
    mine = [submit(device, "run-1", f"part-{i % 2}", shots=1).job_id() for i in range(22)]  # more than a page
    submit(device, "run-2")
    found = service.jobs(job_tags=["run-1"], limit=None)
    assert [job.job_id() for job in found] == mine[::-1]
    assert len(service.jobs(job_tags=["run-1", "part-0"], limit=None)) == 11
    assert service.jobs(job_tags=["nobody"], limit=None) == []
    assert found[0].tags == ["run-1", "part-1"]
    assert loopback.jobs[0].tags == ["run-1", "part-0"]
    assert found[0].update_tags(["renamed"]) == ["renamed"]
    assert [job.job_id() for job in service.jobs(job_tags=["renamed"])] == [mine[-1]]


def test_a_slow_job_is_queued_then_runs_then_is_done(
    loopback: LoopbackService, service: QiskitRuntimeService, device: IBMBackend
):
    loopback.delay = 60.0
    job = submit(device, "slow")
    assert job.status() == "QUEUED"
    loopback.jobs[0].posted -= 40.0
    assert job.status() == "RUNNING"
    assert [found.job_id() for found in service.jobs(pending=True)] == [job.job_id()]
    with pytest.raises(RuntimeJobTimeoutError):
        job.result(timeout=0.1, poll_interval=0.1)
    loopback.jobs[0].posted -= 40.0
    assert job.status() == "DONE"
    assert service.job(job.job_id()).result()[0].data.meas.num_shots == 100


def test_cancel(loopback: LoopbackService, service: QiskitRuntimeService, device: IBMBackend):
    loopback.delay = 60.0
    job = submit(device)
    job.cancel()
    assert job.status() == "CANCELLED"
    with pytest.raises(RuntimeInvalidStateError, match="Job was cancelled"):
        job.result()
    with pytest.raises(RuntimeInvalidStateError, match="cannot be cancelled"):
        service.job(job.job_id()).cancel()
    assert loopback.jobs[0].seconds == 0


def test_an_unknown_job_is_not_found(service: QiskitRuntimeService):
    with pytest.raises(RuntimeJobNotFound):
        service.job("no-such-job")


@pytest.mark.usefixtures("loopback")
def test_usage_is_charged_when_a_job_has_run(service: QiskitRuntimeService, device: IBMBackend):
    assert service.usage()["usage_remaining_seconds"] == 600
    job = submit(device, shots=1000)
    assert job.usage() == pytest.approx(2.35)
    assert job.usage_estimation == {"quantum_seconds": pytest.approx(2.35)}
    assert job.metrics()["usage"]["status"] == "complete"
    assert service.usage()["usage_remaining_seconds"] == pytest.approx(597.65)


def test_a_spent_allowance_is_a_warning_and_the_job_is_posted(
    loopback: LoopbackService, device: IBMBackend, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(loopback.state, "limit_seconds", 1.0)
    submit(device).result(poll_interval=0.1)
    with pytest.warns(UserWarning, match="usage limit"):
        submit(device)
    assert len(loopback.jobs) == 2


def test_a_batch_takes_jobs_until_it_is_closed(loopback: LoopbackService, device: IBMBackend):
    with Batch(backend=device) as batch:
        jobs = [submit(batch, "batched") for _ in range(2)]
        assert batch.details()["accepting_jobs"]
    assert {job.session_id for job in jobs} == {batch.session_id} == {job.session_id for job in loopback.jobs}
    assert batch.details()["state"] == "closed"
    assert [job.result(poll_interval=0.1)[0].data.meas.num_shots for job in jobs] == [100, 100]
    with pytest.raises(IBMRuntimeError, match="session is closed"):
        submit(batch)


def test_a_batch_can_be_joined_and_cancelled(
    loopback: LoopbackService, service: QiskitRuntimeService, device: IBMBackend
):
    loopback.delay = 60.0
    job = submit(Batch(backend=device))
    batch = Batch.from_id(job.session_id, service=service)
    batch.cancel()
    assert job.status() == "CANCELLED"


@pytest.mark.usefixtures("loopback")
def test_a_dedicated_session_is_refused_as_on_the_open_plan(device: IBMBackend):
    with pytest.raises(RequestsApiError, match="open plan"):
        Session(backend=device)


# ---- other processes -------------------------------------------------------------------------------------

COLLECT = """
from qiskit_ibm_runtime import QiskitRuntimeService
[job] = QiskitRuntimeService().jobs(job_tags=["across"], limit=None)
print(job.job_id(), sum(job.result(poll_interval=0.1)[0].data.meas.get_counts().values()))
"""
SUBMIT = """
from hardware.small_jobs import submit
from qiskit_ibm_runtime import QiskitRuntimeService
submit(QiskitRuntimeService().backend("fake_manila"), "orphan")
"""
ELSEWHERE = "import urllib.request as r; r.urlopen('http://{}/', timeout=1)"


def test_a_second_process_collects_what_the_first_submitted(loopback: LoopbackService, device: IBMBackend):
    job = submit(device, "across", shots=321)
    output, errors = python(loopback, COLLECT).communicate(timeout=60)
    assert output.split() == [job.job_id(), "321"], errors


def test_a_process_killed_while_it_posts_leaves_a_job_that_its_tag_finds(
    loopback: LoopbackService, service: QiskitRuntimeService
):
    loopback.inject(Slow(60.0, on="post_job"))
    child = python(loopback, SUBMIT)
    until(lambda: loopback.jobs or child.poll() is not None)
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=10)
    assert child.returncode == -signal.SIGKILL
    [orphan] = service.jobs(job_tags=["orphan"])
    assert orphan.result(poll_interval=0.1)[0].data.meas.num_shots == 100
    assert loopback.posts() == 1


# ---- no other address ------------------------------------------------------------------------------------


def test_a_whole_round_trip_connects_to_loopback_only(loopback: LoopbackService, only_loopback: list[Any]):
    client = loopback.service()
    submit(client.least_busy(operational=True)).result(poll_interval=0.1)
    addresses = {address[0] for address in only_loopback}
    assert addresses == {"127.0.0.1"}


def test_the_usual_environment_serves_this_process_too(loopback: LoopbackService):
    with loopback.applied():
        client = QiskitRuntimeService()
        assert [device.name for device in client.backends()] == ["fake_manila"]


@pytest.mark.parametrize("host", ["192.0.2.1", "quantum.cloud.ibm.com"])  # a documentation address; a name
def test_another_address_is_refused_here_and_in_a_child(loopback: LoopbackService, host: str):
    with pytest.raises(pytest.fail.Exception, match=r"127\.0\.0\.1 only"):
        socket.create_connection((host, 80), timeout=1)
    _, errors = python(loopback, ELSEWHERE.format(host)).communicate(timeout=60)
    assert "expected loopback connections only" in errors
