"""`qgeo hardware` and `qgeo backends` on fake devices: plan, submit, collect, and mistakes."""

from __future__ import annotations

import json
import re
import tomllib
from types import SimpleNamespace
from uuid import UUID

import numpy as np
import pytest
from posted_work import spy_on_posts

import qgeo
from qgeo.backends.device import Device
from qgeo.backends.splitting import Limits
from qgeo.circuit.measured import measured_qubits
from qgeo.circuit.qasm import load_qasm
from qgeo.cli import run
from qgeo.comparison import execution
from qgeo.comparison.page import report as report_page
from qgeo.estimators.methods import METHODS
from qgeo.hardware.requests import FisherRequest
from qgeo.terminal.hardware import fisher_request, open_ledger

BELL = """OPENQASM 3.0;
include "stdgates.inc";
input float a;
input float b;
qubit[2] q;
ry(a) q[0];
cx q[0], q[1];
rz(b) q[1];
rx(a + b) q[0];
"""


@pytest.fixture
def circuit(tmp_path):
    place = tmp_path / "bell.qasm"
    place.write_text(BELL)
    return place


def call(capsys, *arguments):
    status = run(["hardware", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_a_plan_compares_every_method(circuit, capsys):
    arguments = ("plan", "--circuit", circuit, "--backend", "fake_torino", "--method", "lin-comb", "--json")
    status, out, _ = call(capsys, *arguments)
    report = json.loads(out)
    assert status == 0
    assert report["device"] == "fake_torino"
    assert report["qubits"] == 133
    named = [plan["name"] for plan in report["alternatives"]] + [r.split(":")[0] for r in report["refused"]]
    assert sorted(named) == sorted(METHODS)
    assert report["plan"]["shots"] == 1000 * report["plan"]["circuits"]
    assert report["plan"]["seconds"] > 2
    assert any("block-diagonal: expected every parameter in one" in reason for reason in report["refused"])


@pytest.mark.parametrize("shots", [300, 3_000_000])
@pytest.mark.parametrize(
    "mitigation", [(), ("--readout-mitigation",), ("--readout-mitigation", "--zero-noise")]
)
def test_a_plan_counts_what_is_then_submitted(mitigation, shots, circuit, capsys, tmp_path):
    # Seen to fail: a plan that forgets the in-layer circuits, the folded ones, or the calibration.
    common = ("--circuit", circuit, "--backend", "fake_manila", "--shots", shots, *mitigation)
    _, out, _ = call(capsys, "plan", *common, "--json")
    plan = json.loads(out)["plan"]
    more = ("--random", 1, "--max-seconds", 60_000, "--out", tmp_path / "ledger", "--json")
    _, out, _ = call(capsys, "submit", *common, *more)
    jobs = json.loads(out)["jobs"]
    assert len(jobs) == plan["jobs"]
    assert (len(jobs) > 1) is (shots == 3_000_000)
    assert sum(job["executions"] for job in jobs) == plan["shots"]
    assert sum(job["circuits"] for job in jobs) == plan["circuits"]
    assert sum(job["seconds"] for job in jobs) == pytest.approx(plan["seconds"], rel=0.02)


def test_a_budget_that_was_too_small_is_raised_and_nothing_is_paid_twice(
    circuit, capsys, tmp_path, monkeypatch
):
    # Seen to fail: jobs checked one by one; two of three are posted, and every later command is refused.
    monkeypatch.setattr(Device, "limits", Limits(executions=30_000))
    folder = tmp_path / "ledger"
    monkeypatch.setattr(FisherRequest, "plan", lambda *_: SimpleNamespace(seconds=1.0))  # a plan too low
    base = ("--circuit", circuit, "--backend", "fake_manila", "--random", 1, "--shots", 30_000)
    status, _, err = call(capsys, "submit", *base, "--max-seconds", 20, "--out", folder)
    assert (status, err.count("\n")) == (2, 1)
    needed = int(re.search(r"expected at most 20 QPU seconds, .*--max-seconds (\d+) goes on", err)[1])
    assert f"qgeo hardware resume {folder} --max-seconds {needed} goes on" in err
    assert not list(folder.rglob("entry.json"))
    assert call(capsys, "resume", folder)[0] == 2
    for given in (0, "inf", "nan"):
        status, _, err = call(capsys, "resume", folder, "--max-seconds", given)
        assert status == 2
        assert "expected a budget in QPU seconds above 0 and finite" in err
    for _ in range(2):
        assert call(capsys, "resume", folder, "--max-seconds", needed)[0] == 0
    jobs = json.loads(call(capsys, "status", folder, "--json")[1])
    assert len(jobs) == 3
    assert needed - 1 < sum(job["seconds"] for job in jobs) <= needed
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["max_seconds"] == needed
    assert [budget["max_seconds"] for budget in manifest["earlier_budgets"]] == [20]
    assert call(capsys, "collect", folder)[0] == 0


def test_a_plan_says_what_mitigation_costs_each_method(circuit, capsys):
    common = ("plan", "--circuit", circuit, "--backend", "fake_manila")
    both = ("--readout-mitigation", "--zero-noise")
    plain, mitigated = (json.loads(call(capsys, *common, *more, "--json")[1]) for more in ((), both))
    once, thrice = plain["plan"], mitigated["plan"]
    assert thrice["circuits"] == 2 * once["circuits"] + 2
    assert thrice["two_qubit"] == 3 * once["two_qubit"]
    assert thrice["seconds"] > 2 * once["seconds"] - 2  # one overhead for all
    assert thrice["stderr"] == pytest.approx(once["stderr"] * 10**0.5 / 2)
    reasons = "\n".join(mitigated["refused"])
    assert "mid-circuit: expected measurements at the end of a circuit to fold" in reasons
    able = "lin-comb, mid-circuit, block-diagonal, diagonal, spsa, stein"
    assert f"sampled-cfi: expected a method of {able}" in reasons  # seen to fail without the last two
    out = call(capsys, *common, *both)[1]
    assert "≥ 0.050" in out
    assert "inverting readout errors adds to it" in out
    assert "≥" not in call(capsys, *common)[1]


def test_mitigation_is_submitted_resumed_and_collected(circuit, capsys, tmp_path, monkeypatch):
    # Seen to fail: a manifest that does not keep what was asked for.
    monkeypatch.setattr("uuid.uuid4", lambda: UUID(int=1))  # seeds the fake device
    common = ("submit", "--circuit", circuit, "--backend", "fake_manila", "--random", 1, "--shots", 40_000)
    exact = qgeo.quantum_fisher(
        load_qasm(circuit).circuit, np.random.default_rng(1).uniform(-np.pi, np.pi, 2)
    )
    off = {}
    for name, more in {"raw": (), "mitigated": ("--readout-mitigation", "--zero-noise")}.items():
        folder = tmp_path / name
        assert call(capsys, *common, *more, "--max-seconds", 999, "--out", folder)[0] == 0
        assert call(capsys, "resume", folder)[0] == 0
        (job,) = json.loads(call(capsys, "status", folder, "--json")[1])
        report = json.loads(call(capsys, "collect", folder, "--json")[1])
        asked = bool(more)
        assert report["mitigation"] == {"readout": asked, "zero_noise": asked}
        assert (job["circuits"], job["executions"]) == (report["cost"]["circuits"], report["cost"]["shots"])
        off[name] = np.linalg.norm(report["matrix"] - exact)
    assert off["mitigated"] < off["raw"] / 2


def test_a_folder_from_before_there_was_mitigation_is_read_and_a_changed_one_refused(
    circuit, capsys, tmp_path
):
    folder = tmp_path / "ledger"
    common = ("submit", "--circuit", circuit, "--backend", "fake_manila", "--random", 1, "--shots", 50)
    assert call(capsys, *common, "--max-seconds", 60, "--out", folder)[0] == 0
    manifest = folder / "manifest.json"
    settings = json.loads(manifest.read_text())
    for changed, said in (
        ({"zero_noise": True}, "got another"),
        ({"x": 1}, "unknown key 'mitigation.x'"),
        ({"readout": 1}, "mitigation.readout: expected true or false, got 1"),
    ):
        manifest.write_text(json.dumps(settings | {"mitigation": changed}))
        status, _, err = call(capsys, "collect", folder)
        assert (status, err.count("\n")) == (2, 1)
        assert said in err
    del settings["mitigation"]
    manifest.write_text(json.dumps(settings))
    assert call(capsys, "collect", folder)[0] == 0


TRAINING = """
[task]
name = "golden-mean"
context = 2
length = 600
[arms]
names = ["born+quantum", "born+adam", "softmax+adam"]
[heads]
layers = 1
[training]
steps = 6
seeds = 2
batch = 64
[tuning]
kl = [0.3]
damping = [1.0]
kl_alone = [0.3, 0.3]
lr = [0.3, 0.3]
[backend]
shots = 100
"""


def test_a_training_is_planned_arm_by_arm(capsys, tmp_path):
    config = tmp_path / "compare.toml"
    config.write_text(TRAINING)
    base = ("plan", "--config", config, "--backend", "fake_manila")
    _, out, _ = call(capsys, *base, "--json")
    quantum, adam = json.loads(out)["alternatives"]
    assert [quantum["name"], adam["name"]] == ["born+quantum@fake_manila", "born+adam@fake_manila"]
    assert quantum["shots"] > adam["shots"] > 0
    distinct, terms = 4, 4  # at most four contexts of two tokens; two rotations, two data angles
    assert adam["circuits"] <= 6 * 3 * distinct * (1 + 2 * terms)
    _, out, _ = call(capsys, *base, "--steps", 12, "--json")
    assert json.loads(out)["alternatives"][1]["shots"] == 2 * adam["shots"]
    readout = call(capsys, *base, "--readout-mitigation", "--json")[1]
    assert json.loads(readout)["alternatives"][1]["circuits"] == adam["circuits"] + 2 * adam["jobs"]
    status, _, err = call(capsys, *base, "--zero-noise")
    assert (status, err.count("\n")) == (2, 1)
    assert "expected --zero-noise with --circuit only" in err
    status, _, err = call(capsys, "plan", "--backend", "fake_manila")
    assert (status, err.count("\n")) == (2, 1)
    assert "expected one of --circuit FILE and --config FILE" in err


def test_a_training_is_fitted_to_seconds_as_a_configuration_of_compare(capsys, tmp_path, monkeypatch):
    # Seen to fail: tables on stdout; a text looked for beside another file; a budget left out.
    config, small, out = tmp_path / "compare.toml", tmp_path / "elsewhere" / "small.toml", tmp_path / "run"
    (tmp_path / "corpus.txt").write_text("the cat sat on the mat. " * 40)
    text = TRAINING.replace('name = "golden-mean"', 'text = "corpus.txt"\nvocabulary = 4')
    config.write_text(text.replace("steps = 6", "steps = 60"))
    monkeypatch.chdir(tmp_path)
    plan = ("plan", "--config", "compare.toml", "--backend", "fake_manila")
    status, printed, err = call(capsys, *plan, "--fit", 150)
    assert status == 0
    assert "  all " in err
    assert "…" not in err  # no number or name is cut
    small.parent.mkdir()
    small.write_text(printed)
    settings = tomllib.loads(printed)
    assert settings["backend"] == {
        "name": "fake_manila",
        "shots": 64,
        "metric_shots": 64,
        "max_seconds": 150.0,
    }
    assert settings["training"]["seeds"] == 2
    assert settings["training"]["steps"] < 60
    assert "# training.steps was 60" in printed
    report = json.loads(call(capsys, "plan", "--config", small, "--json")[1])
    assert 100 < report["total"]["seconds"] <= 150
    assert f"# takes about {report['total']['seconds']:,.1f} of 150 QPU seconds" in printed
    same = json.loads(call(capsys, *plan, "--fit", 150, "--json")[1])
    assert same["configuration"] == settings
    assert same["total"] == report["total"]
    posts = spy_on_posts(monkeypatch)
    monkeypatch.setattr(report_page, "write_report", lambda _: None)
    monkeypatch.setattr(execution, "noise_sweep", lambda *_: [])
    assert run(["compare", str(small), "--out", str(out), "--workers", "1"]) == 0
    capsys.readouterr()
    assert len(posts.works) == report["total"]["jobs"]
    assert posts.count()[2] == report["total"]["executions"]
    # a fit that is met already changes nothing
    again = tomllib.loads(call(capsys, "plan", "--config", small, "--fit", 150)[1])
    assert again == settings


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--fit", 1), "expected a training that fits 1 QPU seconds"),
        (("--fit", 0), "expected --fit in QPU seconds above 0 and finite, got 0"),
        (("--fit", "inf"), "above 0 and finite, got inf"),
        (("--fit", "nan"), "above 0 and finite, got nan"),
        (("--backend", "aer"), "expected a device fake_NAME, ibm_NAME or least-busy, got 'aer'"),
        (("--backend", ""), "expected a device"),
    ],
)
def test_a_mistake_in_a_plan_of_a_training_is_one_line(more, said, capsys, tmp_path):
    config = tmp_path / "compare.toml"
    config.write_text(TRAINING)
    status, out, err = call(capsys, "plan", "--config", config, "--backend", "fake_manila", *more)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_a_plan_needs_a_device_and_a_fit_a_configuration(circuit, capsys, tmp_path):
    config = tmp_path / "compare.toml"
    config.write_text(TRAINING)
    for arguments, said in (
        (
            ("--config", config),
            f"expected a device to plan for, got none; pass --backend, or name one in {config}",
        ),
        (("--circuit", circuit), "expected a device to plan for, got none; pass --backend"),
        (("--circuit", circuit, "--backend", "fake_manila", "--fit", 5), "expected --fit with --config only"),
    ):
        status, out, err = call(capsys, "plan", *arguments)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert said in err
    config.write_text(TRAINING + 'name = "fake_manila"\n')
    assert json.loads(call(capsys, "plan", "--config", config, "--json")[1])["device"] == "fake_manila"


def test_submit_then_collect_is_an_estimate_within_its_error_bars(circuit, capsys, tmp_path):
    folder = tmp_path / "ledger"
    common = ("--circuit", circuit, "--backend", "fake_manila", "--random", 1, "--shots", 4000)
    status, out, _ = call(capsys, "submit", *common, "--max-seconds", 60, "--out", folder)
    assert status == 0
    assert "done" in out
    _, out, _ = call(capsys, "status", folder, "--json")
    assert [job["status"] for job in json.loads(out)] == ["done"]
    _, first, _ = call(capsys, "collect", folder, "--json")
    _, again, _ = call(capsys, "collect", folder, "--json")
    assert first == again
    report = json.loads(first)
    values = np.random.default_rng(1).uniform(-np.pi, np.pi, 2)
    exact = qgeo.quantum_fisher(load_qasm(circuit).circuit, values)
    assert report["parameters"] == ["a", "b"]
    # the device's noise moves the estimate by a few per cent, its shots by the standard errors
    assert np.all(np.abs(report["matrix"] - exact) < 5 * np.array(report["stderr"]) + 0.25)
    assert report["flagged"] == [[False, False], [False, False]]
    _, out, _ = call(capsys, "cancel", folder)
    assert "collected" in out
    status, out, _ = call(capsys, "resume", folder)
    assert (status, out.count("collected")) == (0, 1)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ((), "expected a budget, got none"),
        (("--max-seconds", 0), "expected a budget in QPU seconds above 0"),
        (("--max-seconds", 2.1), "expected at most 2.1 QPU seconds, this needs about"),
        (("--max-seconds", 60, "--shots", 1), "expected at least 2 shots"),
        (("--max-seconds", 60, "--backend", "aer"), "expected a device fake_NAME, ibm_NAME or least-busy"),
        (("--max-seconds", 60, "--backend", "fake_manilla"), "near names: fake_manila"),
        (("--max-seconds", 60, "--method", "nothing"), "expected a method of"),
        (("--max-seconds", "inf"), "above 0 and finite, got inf"),
        (("--max-seconds", 60, "--shots", 10**20), "expected at most 10,000,000 shots"),
        (("--max-seconds", 60, "--draws", 4), "expected --draws with one of spsa"),
        (("--max-seconds", 60, "--method", "spsa", "--draws", 10**9), "expected 2 to"),
        (
            ("--max-seconds", 60, "--method", "mid-circuit", "--zero-noise"),
            "got one in the middle; go without",
        ),
        (
            ("--max-seconds", 60, "--method", "parameter-shift", "--readout-mitigation"),
            "expected a method of lin-comb, mid-circuit, block-diagonal, diagonal, spsa, stein for readout",
        ),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(more, said, circuit, capsys, tmp_path):
    base = ["submit", "--circuit", circuit, "--backend", "fake_manila", "--random", 1]
    status, out, err = call(capsys, *base, *more, "--out", tmp_path / "ledger")
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "ledger").exists()


def test_a_folder_that_is_no_ledger_or_holds_one_already(circuit, capsys, tmp_path):
    status, _, err = call(capsys, "collect", tmp_path)
    assert status == 2
    assert "expected a ledger file" in err
    base = ["submit", "--circuit", circuit, "--backend", "fake_manila", "--random", 1, "--max-seconds", 60]
    assert call(capsys, *base, "--out", tmp_path / "ledger")[0] == 0
    status, _, err = call(capsys, *base, "--out", tmp_path / "ledger")
    assert status == 2
    assert f"holds a ledger; qgeo hardware resume {tmp_path / 'ledger'} goes on with it, or choose" in err


def test_a_circuit_that_does_not_fit_is_one_line_and_other_methods_are_still_planned(tmp_path, capsys):
    # Seen to fail: a traceback from the transpiler.
    wide = tmp_path / "wide.qasm"
    lines = [f"input float t_{q};" for q in range(5)] + ["qubit[5] q;"]
    wide.write_text(BELL.split("input")[0] + "\n".join(lines + [f"ry(t_{q}) q[{q}];" for q in range(5)]))
    base = ["--circuit", wide, "--backend", "fake_manila"]
    status, _, err = call(capsys, "plan", *base)
    assert (status, err.count("\n")) == (2, 1)
    assert "got one of 6 qubits (an ancilla included" in err
    assert "method without ancilla such as mid-circuit" in err
    _, out, _ = call(capsys, "plan", *base, "--method", "mid-circuit", "--json")
    report = json.loads(out)
    assert {"mid-circuit", "block-diagonal"} <= {plan["name"] for plan in report["alternatives"]}
    assert any(reason.startswith("lin-comb: expected circuits that fit") for reason in report["refused"])


def test_damage_is_one_line_that_names_the_file(circuit, capsys, tmp_path):
    # Seen to fail: an empty result taken for an interrupt, a KeyError from an empty manifest.
    folder = tmp_path / "ledger"
    base = ["submit", "--circuit", circuit, "--backend", "fake_manila", "--random", 1, "--max-seconds", 60]
    assert call(capsys, *base, "--out", folder)[0] == 0
    assert call(capsys, "collect", folder)[0] == 0
    result = folder / "jobs" / "0000" / "result.npz"
    for content in (b"", b"PK", result.read_bytes()[:-30]):
        result.write_bytes(content)
        status, _, err = call(capsys, "collect", folder)
        assert (status, err.count("\n")) == (2, 1)
        assert "result.npz: expected arrays, got a damaged file" in err
        assert "; remove it and collect again" in err
    result.unlink()
    assert call(capsys, "collect", folder)[0] == 0
    (folder / "manifest.json").write_text("{}")
    for command in ("status", "resume", "collect", "cancel"):
        status, _, err = call(capsys, command, folder)
        assert (status, err.count("\n")) == (2, 1)
        assert "device: expected a value, got none" in err


def test_a_circuit_without_parameters_has_nothing_to_plan(tmp_path, capsys):
    fixed = tmp_path / "fixed.qasm"
    fixed.write_text(BELL.split("input")[0] + "qubit q;\nh q;\n")
    status, _, err = call(capsys, "plan", "--circuit", fixed, "--backend", "fake_manila")
    assert (status, err.count("\n")) == (2, 1)
    assert "expected a circuit with parameters" in err


def test_a_layout_looks_at_the_errors_of_a_device(circuit, capsys, tmp_path):
    # Seen to fail with the first qubits of the device: one of fake_torino's reads wrongly in one of six.
    folder = tmp_path / "ledger"
    common = ("--circuit", circuit, "--backend", "fake_torino", "--random", 1, "--shots", 4000)
    assert call(capsys, "submit", *common, "--max-seconds", 60, "--out", folder)[0] == 0
    report = json.loads(call(capsys, "collect", folder, "--json")[1])
    exact = qgeo.quantum_fisher(
        load_qasm(circuit).circuit, np.random.default_rng(1).uniform(-np.pi, np.pi, 2)
    )
    assert np.abs(report["matrix"] - exact).max() < 0.2


def test_no_account_is_one_line(circuit, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("QISKIT_IBM_TOKEN", "QISKIT_IBM_INSTANCE", "QISKIT_IBM_URL", "QISKIT_IBM_CHANNEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(
        "qiskit_ibm_runtime.accounts.management._DEFAULT_ACCOUNT_CONFIG_JSON_FILE", "/nowhere"
    )
    status, _, err = call(capsys, "plan", "--circuit", circuit, "--backend", "ibm_nowhere")
    assert status == 2
    assert "expected an IBM Quantum account" in err
    assert err.count("\n") == 1


def test_backends_are_listed(capsys):
    assert run(["backends", "--json"]) == 0
    names = json.loads(capsys.readouterr().out)
    assert {"exact", "aer", "fake_manila", "fake_torino"} <= set(names)
    assert run(["backends"]) == 0
    assert "fake_fez" in capsys.readouterr().out


def test_a_resumed_folder_posts_with_the_options_of_its_submission(circuit, capsys, tmp_path):
    folder = tmp_path / "ledger"
    common = ("--circuit", circuit, "--backend", "fake_manila", "--random", 1, "--max-seconds", 60)
    more = ("--session", "--decoupling", "--max-execution-time", 7, "--out", folder)
    assert call(capsys, "submit", *common, *more)[0] == 0
    assert open_ledger(folder)[1].options == {
        "mode": "session",
        "dynamical_decoupling": True,
        "twirling": False,
        "max_execution_time": 7,
    }


def test_thirteen_measured_bits_are_not_mitigated_and_nothing_is_written(tmp_path, capsys):
    # Seen to fail: refused only when the jobs had been paid for.
    wide, qubits = tmp_path / "wide.qasm", range(13)
    lines = (
        [f"input float t_{q:02};" for q in qubits]
        + ["qubit[13] q;"]
        + [f"ry(t_{q:02}) q[{q}];" for q in qubits]
    )
    wide.write_text(BELL.split("input")[0] + "\n".join(lines))
    base = ["--circuit", wide, "--backend", "fake_guadalupe", "--method", "diagonal", "--shots", 10]
    more = ("--readout-mitigation", "--random", 1, "--max-seconds", 60, "--out", tmp_path / "ledger")
    status, _, err = call(capsys, "submit", *base, *more)
    assert (status, err.count("\n")) == (2, 1)
    assert "expected at most 12 measured bits to mitigate readout errors, got 13" in err
    assert not (tmp_path / "ledger").exists()
    assert call(capsys, "plan", *base)[0] == 0


ENDED = BELL.replace("qubit[2] q;", "qubit[2] q;\nbit[1] c;\nreset q;") + "c[0] = measure q[1];\n"


@pytest.mark.parametrize(("method", "bits"), [("block-diagonal", None), ("sampled-cfi", (1,))])
def test_measurements_at_the_end_are_kept_for_the_method_that_reads_them(method, bits, tmp_path, capsys):
    place = tmp_path / "ended.qasm"
    place.write_text(ENDED)
    request = fisher_request(place, None, 1, method, 100, 0, None)
    assert measured_qubits(request.as_written) == bits
    assert ("are left out" in capsys.readouterr().err) is (bits is None)


def test_numeric_angles_are_planned_as_parameters(tmp_path, capsys):
    place = tmp_path / "bound.qasm"
    place.write_text('OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\nrx(0.3) q[0];\ncrz(0.4) q[0],q[1];\n')
    request = fisher_request(place, None, None, "block-diagonal", 100, 0, None, parametrize=True)
    assert request.values.tolist() == [0.3, 0.4]
    common = ("plan", "--circuit", place, "--backend", "fake_manila", "--json")
    status, _, err = call(capsys, *common)
    assert status == 2
    assert "--parametrize makes parameters" in err
    status, out, _ = call(capsys, *common, "--parametrize")
    assert status == 0
    assert json.loads(out)["plan"]["circuits"] > 0
