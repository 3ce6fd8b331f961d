"""Minimizations: energies against exact ones, folders that go on bit by bit, and what the command says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from qiskit.circuit.library import efficient_su2, real_amplitudes
from qiskit.quantum_info import SparsePauliOp, Statevector

from qgeo import cli
from qgeo.circuit import catalogue
from qgeo.circuit.compiler import compile
from qgeo.circuit.qasm import load_circuit, save_circuit
from qgeo.errors import ConfigurationError, QGeoError, RunFolderError
from qgeo.observables.files import load_observable, save_observable
from qgeo.observables.ground import ground_energy
from qgeo.vqe import folder as vqe_folder
from qgeo.vqe.folder import PROGRESS, create, go_on
from qgeo.vqe.minimization import Minimization, Problem, circuits_per_step
from qgeo.vqe.settings import METHODS, default_lr, settings_for

OBSERVABLES = Path(__file__).parents[2] / "circuits" / "observables"
ISING = SparsePauliOp(["ZZ", "XI", "IX"], [-1.0, -1.0, -1.0])
GROUND = -np.sqrt(5)
PROBLEM = Problem(efficient_su2(2, reps=1), ISING)


def settings(method: str = "quantum", **others):
    return settings_for(compile(PROBLEM.circuit), ISING, method=method, **others)


def made(path: Path, method: str = "quantum", *, partial: bool = False, **others) -> Path:
    path.mkdir(exist_ok=True)
    source = path / "source.qasm"
    save_circuit(PROBLEM.circuit, source)
    problem = Problem(load_circuit(source), ISING)
    create(path / "run", source.read_bytes(), problem, settings(method, **others), partial=partial)
    return path / "run"


@pytest.fixture
def without_report(monkeypatch) -> None:
    """Figures take a second; most tests do not look at them."""
    monkeypatch.setattr(vqe_folder, "write_report", lambda *_: None)


@pytest.mark.usefixtures("without_report")
@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_the_ground_energy(method: str, tmp_path: Path):
    # Seen to fail: energies of the wrong sign lowered.
    result = go_on(made(tmp_path, method, steps=1500, tolerance=1e-5))
    assert result["energy"] == pytest.approx(GROUND, abs=1e-8)
    assert result["ground_energy"] == pytest.approx(GROUND, abs=1e-10)
    assert result["gradient"] < 1e-5
    numbers = dict(zip(result["parameters"], result["values"], strict=True))
    circuit = load_circuit(tmp_path / "run" / "circuit.qasm")
    state = Statevector(circuit.assign_parameters(numbers))
    assert state.expectation_value(ISING).real == pytest.approx(result["energy"], abs=1e-12)


class Killed(Exception):
    pass


SHOTS = {"backend": "sampled", "shots": 64}


@pytest.mark.usefixtures("without_report")
@pytest.mark.parametrize(
    ("method", "others"),
    [
        ("quantum", {}),
        ("quantum", {"damping": 1e-3}),
        ("adam", {}),
        ("quantum", SHOTS),
        ("quantum-diagonal", SHOTS | {"damping": "adaptive"}),
        ("gradient", SHOTS),
    ],
)
def test_a_killed_minimization_goes_on_as_if_it_had_not_been(method, others, tmp_path: Path, monkeypatch):
    # Seen to fail: the optimizer's state left out (adam); the step after the last stored point taken twice;
    # the generator's state left out (shots); the cost of before.
    monkeypatch.setattr(vqe_folder, "_BETWEEN", 0.0)
    whole = go_on(made(tmp_path / "a", method, steps=12, tolerance=0.0, **others))

    def kill(record) -> None:
        if record.step == 7:
            raise Killed

    path = made(tmp_path / "b", method, steps=12, tolerance=0.0, **others)
    with pytest.raises(Killed):
        go_on(path, kill)
    assert (path / PROGRESS).exists()
    assert go_on(path) == whole
    tables = [(tmp_path / each / "run" / "energies.csv").read_bytes() for each in "ab"]
    assert tables[0] == tables[1]
    assert go_on(path) == whole  # a finished one stays as it is


@pytest.mark.usefixtures("without_report")
@pytest.mark.parametrize("backend", ["aer", "fake_manila"])
def test_energies_fall_on_simulators_too(backend: str, tmp_path: Path):
    result = go_on(made(tmp_path, "quantum-block-diagonal", backend=backend, shots=500, steps=6))
    assert result["exact_energy"] < -1.6  # from -0.2
    assert abs(result["energy"] - result["exact_energy"]) < 6 * result["stderr"] + 0.2 * (backend != "aer")
    assert result["shots"] == 500 * result["circuits"] > 0


def jobs(path: Path) -> dict[str, bytes]:
    """Everything of a ledger's jobs."""
    place = path / "ledger" / "energy" / "jobs"
    return {str(each.relative_to(place)): each.read_bytes() for each in place.rglob("*") if each.is_file()}


@pytest.mark.usefixtures("without_report")
def test_on_a_device_a_killed_minimization_pays_for_nothing_twice(tmp_path: Path, monkeypatch):
    # Seen to fail: gone on with from the stored progress, so that the first job answered a later call.
    monkeypatch.setattr(vqe_folder, "_BETWEEN", 0.0)
    device = {"backend": "fake_manila", "shots": 64, "steps": 1, "tolerance": 0.0, "max_seconds": 1e4}

    def kill(_) -> None:
        raise Killed

    path = made(tmp_path, "quantum-diagonal", **device)
    with pytest.raises(Killed):
        go_on(path, kill)
    before = jobs(path)
    assert {name.split("/")[0] for name in before} == {"0000", "0001", "0002"}  # energy, gradient, metric
    result = go_on(path)
    after = jobs(path)
    assert {name: after[name] for name in before} == before
    assert {name.split("/")[0] for name in after} == {f"000{number}" for number in range(5)}
    assert result["shots"] == 64 * result["circuits"]


@pytest.mark.usefixtures("without_report")
def test_a_budget_that_is_used_up_says_how_to_go_on(tmp_path: Path):
    device = {"backend": "fake_manila", "shots": 64, "steps": 1, "max_seconds": 1.0}
    path = made(tmp_path, "gradient", partial=True, **device)
    with pytest.raises(QGeoError, match=r"qgeo vqe --resume .* --max-seconds"):
        go_on(path)
    assert go_on(path, max_seconds=1e4)["steps"] == 1


def test_the_angle_is_that_of_the_step_taken():
    minimization = Minimization(PROBLEM, settings(steps=3))
    before = minimization.module.values.detach().clone()
    record = minimization.advance()
    step = (minimization.module.values.detach() - before).numpy()
    minimization.module.values.data.copy_(before)
    minimization.optimizer.zero_grad()
    minimization.module().sum().backward()
    gradient = minimization.module.values.grad.numpy()
    cosine = -step @ gradient / np.linalg.norm(step) / np.linalg.norm(gradient)
    assert record.angle == pytest.approx(np.degrees(np.arccos(cosine)))
    assert 1 < record.angle < 90
    assert Minimization(PROBLEM, settings("adam")).advance().angle is None


def catalogued(name: str, **asked) -> tuple[Minimization, float]:
    """A minimization of a circuit of the catalogue, and the ground energy of its observable."""
    circuit, observable = catalogue.circuit(name), load_observable(OBSERVABLES / f"{name}.txt")
    minimization = Minimization(
        Problem(circuit, observable), settings_for(compile(circuit), observable, **asked)
    )
    return minimization, ground_energy(observable)


def test_adaptive_damping_reaches_what_a_fixed_one_does_not():
    # Seen to fail: λ kept at its first value.
    energies = {}
    for damping in ("adaptive", 1e-3):
        minimization, ground = catalogued("ising-10", damping=damping, steps=250)
        minimization.run(lambda _: None)
        energies[damping] = np.array([record.exact for record in minimization.records])
    assert energies["adaptive"][-1] - ground < 1e-6
    assert energies[1e-3][-1] - ground > 1e-4
    assert np.diff(energies["adaptive"]).max() < 1e-12  # none rises


def test_maxcut_ends_at_the_lowest_energy_of_its_circuit():
    # The catalogue's value, of other starts and another method; no start of 48 was seen below.
    minimization, _ = catalogued("maxcut-8", seed=8, steps=300)
    minimization.run(lambda _: None)
    assert minimization.records[-1].exact == pytest.approx(-9.6582099902, abs=1e-8)


def test_circuits_are_those_of_groups_shifts_and_metric():
    minimization = Minimization(PROBLEM, settings())
    rotations = len(minimization.module.program.angles)
    pairs = rotations * (rotations - 1) // 2 + rotations
    assert rotations == 8
    assert minimization.circuits_per_step == 2 * (2 + 2 * 8) + pairs  # adaptive: an energy behind every step
    assert circuits_per_step(minimization.module, ISING, "gradient") == 2 * (1 + 2 * 8)  # ZZ alone; X on both
    assert circuits_per_step(minimization.module, ISING, "quantum") == 2 * (1 + 2 * 8) + pairs


def test_the_default_step_knows_weights_and_repeated_parameters():
    program = compile(PROBLEM.circuit)
    shifted = ISING + SparsePauliOp("II", 100.0)
    assert default_lr(program, shifted, "quantum") == pytest.approx(2 / 3)
    assert default_lr(program, shifted, "gradient") == pytest.approx(2 / 3)
    repeated = real_amplitudes(2, reps=1)
    repeated.ry(repeated.parameters[0], 0)
    assert default_lr(compile(repeated), ISING, "gradient") == pytest.approx(1 / 3)


def test_the_report_is_one_page_without_requests(tmp_path: Path):
    path = made(tmp_path, steps=5)
    go_on(path)
    page = (path / "report.html").read_text("utf-8")
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
    assert "mathdefault" not in page
    for caption in ("Energy over steps", "Energy over circuits", "Angle between the steps"):
        assert caption in page
    assert "<caption>" in page
    assert {each.name for each in path.glob("*.pdf")} == {
        "energies.pdf",
        "energies-over-circuits.pdf",
        "angles.pdf",
    }


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    save_circuit(PROBLEM.circuit, tmp_path / "c.qasm")
    save_observable(ISING, tmp_path / "h.txt")
    return str(tmp_path / "c.qasm"), str(tmp_path / "h.txt")


def test_the_command_prints_what_it_found(files, tmp_path: Path, capsys):
    out = str(tmp_path / "run")
    assert cli.run(["vqe", files[0], "--observable", "-1.0*ZZ - XI - IX", "--out", out]) == 0
    printed = capsys.readouterr().out
    assert "ground energy -2.2360679775" in printed
    assert "not converged" not in printed
    assert cli.run(["vqe", "--resume", out, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["energy"] == pytest.approx(GROUND, abs=1e-9)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "expected a circuit and --observable, or --resume FOLDER"),
        (["C"], "expected a circuit and --observable"),
        (["C", "--observable", "H", "--metric", "classical"], "expected a metric of quantum"),
        (["C", "--observable", "ZZZ"], "expected labels of 2 letters"),
        (["C", "--observable", "H", "--lr", "-1"], "options: lr: expected more than 0"),
        (
            ["C", "--observable", "H", "--damping", "x"],
            "expected --damping as a number from 0 on, or adaptive",
        ),
        (
            ["C", "--observable", "H", "--damping", "-1"],
            "expected --damping as a number from 0 on, or adaptive",
        ),
        (["C", "--observable", "H", "--damping", "nan"], "or adaptive, got 'nan'"),
        (["C", "--observable", "H", "--shots", "9"], "expected --backend with --shots"),
        (["C", "--observable", "H", "--backend", "ibm_torino"], "expected a simulator here"),
        (["C", "--observable", "H", "--resume", "R"], "expected --resume alone"),
        (["--resume", "R", "--lr", "1", "--metric", "adam"], "expected --resume alone, or with --steps"),
        (["--resume", "R"], "expected a folder that qgeo vqe made"),
        (["C", "--observable", "H", "--out", "C"], "expected a new or empty folder"),
    ],
)
def test_mistakes_are_a_sentence(
    options: list[str], sentence: str, files, tmp_path: Path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    names = {"C": files[0], "H": files[1], "R": str(tmp_path / "nothing")}
    before = sorted(tmp_path.iterdir())
    assert cli.run(["vqe", *(names.get(each, each) for each in options)]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert sentence in said[-1]
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.usefixtures("without_report")
def test_a_damaged_folder_is_refused(tmp_path: Path):
    path = made(tmp_path, steps=3)
    go_on(path)
    text = (path / PROGRESS).read_text()
    (path / PROGRESS).write_text(text.replace('"done": true', '"done": false'))
    with pytest.raises(RunFolderError, match=r"progress\.json"):
        go_on(path)


@pytest.mark.usefixtures("without_report")
@pytest.mark.parametrize("name", ["observable.txt", "circuit.qasm", "settings.json"])
def test_a_folder_that_was_changed_is_refused(name: str, tmp_path: Path):
    # Seen to fail: an observable that is not held against what the minimization began with.
    path = made(tmp_path, steps=3)
    go_on(path)
    (path / name).write_bytes((path / name).read_bytes().replace(b"1", b"2"))
    with pytest.raises(RunFolderError, match=f"{name}.*start anew in another folder"):
        go_on(path)


@pytest.mark.usefixtures("without_report")
@pytest.mark.parametrize("method", ["quantum", "adam"])
def test_more_steps_go_on_as_if_they_had_been_asked_for(method: str, tmp_path: Path):
    # Seen to fail: the last point kept, from which no step was taken.
    whole = go_on(made(tmp_path / "a", method, steps=9, tolerance=0.0))
    path = made(tmp_path / "b", method, steps=4, tolerance=0.0)
    go_on(path)
    assert go_on(path, steps=9) == whole
    assert go_on(path) == whole
    with pytest.raises(ConfigurationError, match="expected --steps of 9 or more"):
        go_on(path, steps=8)


def test_a_circuit_without_parameters_is_refused():
    fixed = PROBLEM.circuit.assign_parameters(np.zeros(8))
    with pytest.raises(ConfigurationError, match="expected a circuit with parameters"):
        Minimization(Problem(fixed, ISING), settings())
