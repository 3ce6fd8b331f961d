"""Jobs: which there are, where their outcomes lie, which there are of each replicate, which are run."""

from __future__ import annotations

import multiprocessing
import shutil
from dataclasses import replace

import pytest
from tiny_comparison import configuration, settings

import qgeo
from qgeo.comparison import schedule
from qgeo.comparison.arms import parse_arm
from qgeo.comparison.config import parse_configuration
from qgeo.comparison.jobs import Job, final_jobs, job_file, trial_losses, tuning_jobs
from qgeo.comparison.replicates import TUNING_SEED, replicates_of
from qgeo.comparison.run_folder import create_run_folder, part_file, write_json
from qgeo.comparison.schedule import Crew, crew
from qgeo.comparison.setting import Setting
from qgeo.comparison.trials import trials
from qgeo.errors import AgreementError, ConfigurationError, RunFolderError
from qgeo.workers.cluster import SchedulerLostError
from qgeo.workers.local import GUARD, NotImportedError, WorkersEndedError
from qgeo.workers.workforce import Workforce

ARMS = [parse_arm("born+quantum"), parse_arm("softmax+adam")]
PAIR = [*ARMS, parse_arm("born+classical")]


def chosen_of(config, arms=ARMS) -> dict:
    """The first trial, chosen in every replicate."""
    return {arm: (trials(arm, config.tuning)[0],) * len(replicates_of(config, arm, arms)) for arm in arms}


def test_every_arm_has_as_many_trials_on_seeds_of_their_own():
    # Seen to fail: tuning on seed 0.
    config = configuration(tuning={"kl": [0.1, 0.2, 0.4], "damping": [0.5], "seeds": 2})
    jobs = tuning_jobs(config, ARMS)
    by_arm = [[(j.setting, j.seed) for j in jobs if j.arm == arm] for arm in ARMS]
    assert [len(of_arm) for of_arm in by_arm] == [6, 6]
    assert [seed for _, seed in by_arm[0]] == [seed for _, seed in by_arm[1]]
    final = final_jobs(config, {ARMS[0]: (Setting(kl=0.1),), ARMS[1]: (Setting(lr=0.2),)})
    assert [(j.arm.name, j.setting.values, j.replicate, j.seed) for j in final] == [
        ("born+quantum", {"kl": 0.1}, 0, 0),
        ("born+quantum", {"kl": 0.1}, 0, 1),
        ("softmax+adam", {"lr": 0.2}, 0, 0),
        ("softmax+adam", {"lr": 0.2}, 0, 1),
    ]
    assert not {j.seed for j in jobs} & {j.seed for j in final}


def test_replicates_tune_and_end_on_seeds_of_their_own():
    # Seen to fail: every replicate tuned on the first one's seeds; final seeds shared between replicates.
    config = parse_configuration(settings() | {"protocol": {"replicates": 3, "finals": 2, "exploratory": 2}})
    jobs = [*tuning_jobs(config, PAIR), *final_jobs(config, chosen_of(config, PAIR))]
    by_replicate: dict[int, set[int]] = {}
    for job in jobs:
        by_replicate.setdefault(job.replicate, set()).add(job.seed)
    assert by_replicate == {
        0: {TUNING_SEED, 0, 1},
        1: {TUNING_SEED + 1, 2, 3},
        2: {TUNING_SEED + 2, 4, 5},
    }
    assert {job.replicate for job in jobs if job.arm == ARMS[1]} == {0, 1}  # explored, not decided


def test_an_arm_from_shots_is_tuned_as_its_exact_twin():
    # Seen to fail: trials of measured arms on their backend; the twin's trials run twice.
    config = configuration()
    measured = parse_arm("born+quantum@fake_manila")
    for arms in ([measured], [ARMS[0], measured], [measured, ARMS[0]]):
        assert [(job.arm.name, job.setting.kl) for job in tuning_jobs(config, arms)] == [
            ("born+quantum", 0.01),
            ("born+quantum", 0.1),
        ]


def test_an_arm_whose_settings_are_given_is_not_tuned():
    # Seen to fail: a trial of the given setting.
    frozen = replace(ARMS[0], kl=0.05, damping=0.3)
    config = configuration()
    assert tuning_jobs(config, [frozen]) == []
    assert {job.setting for job in final_jobs(config, {frozen: (frozen.setting,)})} == {Setting(0.05, 0.3)}


def test_tuning_seeds_lie_beyond_every_final_seed_that_is_allowed():
    assert configuration(training={"seeds": TUNING_SEED}).training.seeds == TUNING_SEED
    with pytest.raises(ConfigurationError, match="seeds"):
        configuration(training={"seeds": TUNING_SEED + 1})
    with pytest.raises(ConfigurationError, match="at most 10000 final runs"):
        parse_configuration({"protocol": {"replicates": 101, "finals": 100}})


def test_every_job_has_a_file_of_its_own():
    # Seen to fail: values written with six digits shared one file.
    config = configuration(tuning={"kl": [0.1, 0.1000000001, 1e-300, 1.0, 10.0], "seeds": 3})
    jobs = [*tuning_jobs(config, ARMS), *final_jobs(config, chosen_of(config))]
    assert len({job.key for job in jobs}) == len(jobs)
    assert all("/" not in job.key.split("/", 1)[1] for job in jobs)


def test_a_trial_of_which_one_seed_diverged_has_no_loss(tmp_path):
    config = configuration(tuning={"seeds": 2})
    folder, losses = create_run_folder(tmp_path / "run", "", None), iter([1.0, 3.0, 0.5, None])
    for job in tuning_jobs(config, ARMS[:1]):
        loss = next(losses)
        kept = {"job": job_file(job), "validation_loss": loss, "diverged": loss is None}
        folder.write_files([part_file(job.key, kept, folder.read_digests().inputs)])
    assert list(trial_losses(folder, config, ARMS[0], 0).values()) == [2.0, None]


def test_a_trial_s_file_copied_over_another_s_is_noticed(tmp_path):
    # Seen to fail: a setting that lost more took the loss of another, under its seal.
    config, folder = configuration(), create_run_folder(tmp_path / "run", "", None)
    jobs = tuning_jobs(config, ARMS[:1])
    for place, job in enumerate(jobs):
        kept = {"job": job_file(job), "validation_loss": float(place), "diverged": False}
        folder.write_files([part_file(job.key, kept, folder.read_digests().inputs)])
    shutil.copy(folder.part(jobs[0].key), folder.part(jobs[1].key))
    with pytest.raises(RunFolderError, match="it is the outcome of another run; remove it and use --resume"):
        trial_losses(folder, config, ARMS[0], 0)


def run_here(jobs, folder, progress=lambda: None) -> None:
    with crew(folder, Workforce(1)) as running:
        running.run(jobs, progress)


@pytest.fixture
def folder(tmp_path):
    return create_run_folder(tmp_path / "run", "", None)


def test_only_missing_jobs_are_run(folder, monkeypatch):
    done, ticks = [], []
    jobs = tuning_jobs(configuration(), ARMS)
    write_json(folder.part(jobs[1].key), {})

    def noted(inputs, job, _):
        done.append(job)
        return [(f"parts/{job.key}.json", inputs.digest.encode())]

    monkeypatch.setattr(schedule, "execute", noted)
    run_here(jobs, folder, lambda: ticks.append(1))
    assert done == [job for job in jobs if job is not jobs[1]]
    assert len(ticks) == len(jobs)
    assert folder.part(jobs[0].key).read_text() == folder.read_digests().inputs


def test_an_error_in_a_job_stops_the_stage(folder, monkeypatch):
    def fail(*_):
        raise AgreementError("no")

    monkeypatch.setattr(schedule, "execute", fail)
    with pytest.raises(AgreementError):
        run_here(tuning_jobs(configuration(), ARMS), folder)


def test_a_job_is_a_value():
    job = Job(parse_arm("born+quantum"), Setting(0.1, 1.0), 0, 0, final=True)
    assert job.key == "final/born+quantum-0"
    assert replace(job) == job


def test_a_worker_that_imports_the_calling_script_does_not_compare(monkeypatch, tmp_path):
    # Seen to fail: every worker made a run folder of its own, or was told that this one is in use.
    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    with pytest.raises(ConfigurationError, match=r"if __name__ == .*; put it there, or use workers=1$"):
        qgeo.compare(out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("scheduler", "broken", "error", "sentence"),
    [
        (
            None,
            NotImportedError(GUARD),
            ConfigurationError,
            r"if __name__ == .*; qgeo compare --resume .* goes on$",
        ),
        (None, WorkersEndedError(), RunFolderError, r"most likely for lack of memory; .* --workers 1$"),
        ("tcp://a:1", WorkersEndedError(), RunFolderError, r"lack of memory; .* --scheduler ADDRESS$"),
        (
            "tcp://a:1",
            SchedulerLostError(),
            RunFolderError,
            r"at tcp://a:1 is gone; .* --scheduler ADDRESS goes on$",
        ),
    ],
)
def test_workers_that_are_gone(folder, monkeypatch, scheduler, broken, error, sentence):
    # Seen to fail: workers that could not be started were said to lack memory.
    def gone(*_):
        raise broken

    monkeypatch.setattr(schedule, "results", gone)
    running = Crew(folder, Workforce(2, scheduler), pool=object())
    with pytest.raises(error, match=sentence):
        running.run(tuning_jobs(configuration(), ARMS), lambda: None)
