"""From finished runs to results.json: intervals, paired differences, verdicts, bars, the answer.

Losses in nats per token on the test windows. `final_loss` is the loss after the last step: a value per
replicate, the mean of its final runs, or per seed where there are no replicates; intervals are over these
values. `difference` is paired with the reference arm, value by value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from math import log
from typing import Any

import numpy as np
import torch
from torch import nn

from qgeo.comparison.answer import answer, standing
from qgeo.comparison.arms import Arm, build_head, parameter_groups
from qgeo.comparison.bars import ngram_bars, text_unit, trunk_bars, windows_seen
from qgeo.comparison.config import parse_configuration
from qgeo.comparison.cost import formulae
from qgeo.comparison.endpoints import endpoint, final_questions, unit_means
from qgeo.comparison.grouped_cost import grouped_cost
from qgeo.comparison.jobs import Choices, choices, final_jobs, final_key, outcome_of, trial_losses
from qgeo.comparison.matching import size_warnings
from qgeo.comparison.noise import PROBABILITIES
from qgeo.comparison.outcomes import FinalOutcome
from qgeo.comparison.presets import decided, preset, task_of
from qgeo.comparison.replicates import data_of, final_seeds, finals, tuning_seeds
from qgeo.comparison.run_folder import RunFolder, check_trained, load_head
from qgeo.comparison.sections import Configuration
from qgeo.comparison.setting import is_at_edge
from qgeo.comparison.shadow_race import race_jobs, race_questions, race_results
from qgeo.comparison.threads import single_thread
from qgeo.comparison.training import final_windows
from qgeo.comparison.trials import trials
from qgeo.comparison.trunk import trunk_facts
from qgeo.comparison.verdicts import verdicts
from qgeo.errors import ShapeError
from qgeo.geometry.effective_number import effective_directions
from qgeo.geometry.filter import spectral_filter
from qgeo.geometry.spectra import eigenvalues, summary
from qgeo.heads.protocol import Head, checked_head
from qgeo.heads.sampling import sample_tokens
from qgeo.optim.exact import classical, quantum
from qgeo.statistics.means import Floats, mean_interval, paired_difference
from qgeo.tasks.task import Task
from qgeo.tasks.windows import Windows

EQUIVALENCE_MARGIN = 0.01
"""Nats per token: a difference whose interval lies inside ±0.01 counts as none."""

SPECTRUM_CONTEXTS = 256
SAMPLE_LENGTH = 240


def final_outcomes(
    folder: RunFolder, configuration: Configuration, chosen: Choices
) -> dict[Arm, list[dict[str, Any]]]:
    """Per arm its finished runs in the order of their seeds."""
    outcomes: dict[Arm, list[dict[str, Any]]] = {arm: [] for arm in chosen}
    for job in final_jobs(configuration, chosen):
        outcomes[job.arm].append(outcome_of(folder, job, FinalOutcome).model_dump())
    return outcomes


def build_results(
    folder: RunFolder, configuration: Configuration, task: Task, environment: dict[str, str]
) -> dict[str, Any]:
    """The content of results.json."""
    chosen = choices(folder, configuration)
    outcomes = final_outcomes(folder, configuration, chosen)
    reference = {arm.name: arm for arm in chosen}[reference_arm([arm.name for arm in chosen])]
    judged = final_windows(task, configuration.training.test_windows)
    unit = text_unit(task, judged)
    with single_thread():
        arms = [
            _arm_results(folder, configuration, task, arm, outcomes, reference)
            | _tuning_results(folder, configuration, arm, chosen)
            for arm in chosen
        ]
    protocol = _protocol(configuration, task, unit)
    races = race_results(folder, configuration, race_jobs(configuration, chosen))
    asked = final_questions(configuration, task, outcomes, reference, unit)
    asked += race_questions(configuration, races, chosen)
    entries = [asdict(verdict) for verdict in verdicts(asked)]
    trunk = trunk_facts(task, configuration)
    bars = ngram_bars(task, judged, _seen(configuration, task)) + trunk_bars(trunk)
    floor = None if task.context_entropy is None else task.context_entropy * log(2)
    return {
        "version": environment["qgeo"],
        "answer": " ".join(
            [answer(arms, bars, entries, protocol, task.name, floor), *_standing(configuration, task)]
        ),
        "verdicts": entries,
        "race": races,
        "task": task.describe(),
        "floor": floor,
        "bars": bars,
        "trunk": trunk,
        "reference": reference.name,
        "warnings": size_warnings(configuration, task),
        "protocol": protocol,
        "arms": arms,
        "environment": environment,
        "command": "qgeo compare config.toml --out NEW_FOLDER",
    }


def _seen(configuration: Configuration, task: Task) -> Windows:
    """Training windows that the first run of every arm sees."""
    return windows_seen(data_of(configuration, task, 0).train, configuration.training, seed=0)


def _standing(configuration: Configuration, task: Task) -> list[str]:
    """What the standard run decided, where this comparison has its settings, but for seeds, and its task: a
    name is no task, and what holds for one budget says nothing about another."""
    kept, quick = decided().get(task.name), parse_configuration(preset("quick"))
    same = all(
        getattr(configuration, name) == getattr(quick, name)
        for name in ("arms", "arm", "heads", "trunk", "protocol")
    )
    seeds = {"seeds": quick.training.seeds}
    same &= configuration.training.model_copy(update=seeds) == quick.training
    return [standing(kept)] if kept and same and kept["task"] == task_of(task.describe()) else []


def reference_arm(names: Sequence[str]) -> str:
    """The arm that others are paired with: F_C on the Born head, else the first Adam arm, else the first."""
    for wanted in ("born+classical", "born+adam", "softmax+adam"):
        if wanted in names:
            return wanted
    return names[0]


def _arm_results(
    folder: RunFolder,
    configuration: Configuration,
    task: Task,
    arm: Arm,
    outcomes: dict[Arm, list[dict[str, Any]]],
    reference: Arm,
) -> dict[str, Any]:
    runs = outcomes[arm]
    losses = unit_means(configuration, runs, "test_loss")
    of_reference = unit_means(configuration, outcomes[reference], "test_loss")
    head = trained_head(folder, configuration, task, arm, seed=0)
    groups = parameter_groups(head)
    last, grouped = runs[0]["records"][-1], grouped_cost(configuration, task, arm)
    counted = ("gradient_evaluations", "metric_evaluations", "line_evaluations")
    return {
        "name": arm.name,
        "head": arm.head,
        "metric": arm.metric,
        "backend": arm.backend,
        "settings": arm.settings,
        "parameters": sum(groups.values()),
        "parameter_groups": groups,
        "final_loss": _interval(losses) | {"values": losses},
        "excess": None if task.exact is None else _interval(unit_means(configuration, runs, "excess")),
        "difference": _difference(losses, of_reference, arm, reference),
        "circuit_evaluations": sum(last[name] for name in counted),
        **{name: last[name] for name in counted},
        "grouped_circuits": None if grouped is None else grouped.of(last),
        "circuits_per_context": None if grouped is None else asdict(grouped),
        "circuits": last["circuits"],
        "shots": last["shots"],
        "missed": sum(run["records"][-1]["missed"] for run in runs),
        "seconds": float(np.mean([run["seconds"][-1] for run in runs])),
        "start_losses": [run["start_loss"] for run in runs],
        "sample": "" if runs[0]["diverged"] else _sample(checked_head(head), task),
        "spectra": _spectra(arm, checked_head(head), task)
        if arm.is_quantum and not runs[0]["diverged"]
        else None,
        "aer": _worst_agreement([run["agreement"] for run in runs if run["agreement"]]),
        "noise": _noise([run["noise"] for run in runs if run["noise"]]),
        "diverged": sum(run["diverged"] for run in runs),
    }


def _tuning_results(
    folder: RunFolder, configuration: Configuration, arm: Arm, chosen: Choices
) -> dict[str, Any]:
    """What an arm was tried with, what its replicates chose, and how many of them chose an edge."""
    if arm.setting is not None:
        return {"tuned_as": None, "trials": [], "chosen": [arm.setting.values], "at_edge": None}
    grid, settings = trials(arm.twin, configuration.tuning), chosen[arm]
    losses = [trial_losses(folder, configuration, arm, replicate) for replicate in range(len(settings))]
    counts = Counter(settings)
    tried = [
        {"setting": setting.values, "loss": _mean([of[setting] for of in losses]), "chosen": counts[setting]}
        for setting in grid
    ]
    return {
        "tuned_as": arm.twin.name,
        "trials": tried,
        "chosen": [setting.values for setting in settings],
        "at_edge": sum(is_at_edge(setting, grid) for setting in settings) / len(settings),
    }


def _mean(losses: Sequence[float | None]) -> float | None:
    return mean_interval(losses).mean


def trained_head(
    folder: RunFolder, configuration: Configuration, task: Task, arm: Arm, seed: int
) -> nn.Module:
    """The head of a finished run, as it was after its last step."""
    check_trained(folder.head(arm.name, seed))
    kept = folder.read_outcome(final_key(arm.name, seed), FinalOutcome)
    fresh = build_head(arm, task.vocabulary_size, task.context, configuration.heads, seed, task.trunk)
    return load_head(folder.head(arm.name, seed), fresh, kept.head)


def _interval(values: Sequence[float | None]) -> dict[str, Any]:
    return asdict(mean_interval(values))


def _difference(
    losses: Sequence[float | None], of_reference: Sequence[float | None], arm: Arm, reference: Arm
) -> dict[str, Any] | None:
    """None for the reference, and for an arm of another seed stream: its runs are paired with none."""
    if arm == reference or arm.seed_stream != reference.seed_stream:
        return None
    both = min(len(losses), len(of_reference))
    return {"reference": reference.name} | asdict(paired_difference(losses[:both], of_reference[:both]))


def _sample(head: Head, task: Task) -> str:
    generator = torch.Generator().manual_seed(0)
    return task.decode(sample_tokens(head, task.validation.contexts[0], SAMPLE_LENGTH, generator).tolist())


def _spectra(arm: Arm, head: Head, task: Task) -> dict[str, Any]:
    """Eigenvalues of F_Q and F_C over all parameters at the trained head of seed 0, and their summaries."""
    contexts = final_windows(task, SPECTRUM_CONTEXTS).contexts
    matrices = {"quantum": quantum(head, contexts), "classical": classical(head, contexts)}
    dense = {name: matrix.to_dense().numpy() for name, matrix in matrices.items()}
    spectra: dict[str, Any] = {name: eigenvalues(matrix).tolist() for name, matrix in dense.items()}
    summaries = {name: summary(matrix, damping=1e-2) for name, matrix in dense.items()}
    kept = _filter(dense["classical"], dense["quantum"]) if arm.is_measurement else None
    return spectra | {"summary": summaries, "filter": kept}


def _filter(f_c: Floats, f_q: Floats) -> dict[str, Any] | None:
    """Shares μ of F_Q's information that the readout keeps, and how many directions of F_C a step of F_Q
    uses; None where F_C leaves the range of F_Q. Behind a readout that is no measurement it may stay there
    with μ > 1, which is no share."""
    try:
        kept = spectral_filter(f_c, f_q).kept
    except ShapeError:
        return None
    return {"kept": kept.tolist(), "effective_directions": effective_directions(f_q, f_c)}


def _worst_agreement(agreements: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Mean losses over seeds; the largest difference and the smallest p-value of all."""
    if not agreements:
        return None
    means = {
        key: float(np.mean([a[key] for a in agreements])) if agreements[0][key] is not None else None
        for key in ("exact_loss", "aer_loss", "sampled_loss", "sampled_bias")
    }
    return (
        agreements[0]
        | means
        | {
            "max_probability_difference": max(a["max_probability_difference"] for a in agreements),
            "chi2_smallest_p": min(a["chi2_smallest_p"] for a in agreements),
        }
    )


def _noise(losses: Sequence[list[float]]) -> dict[str, Any] | None:
    return {"probabilities": list(PROBABILITIES), "losses": list(losses)} if losses else None


def _protocol(configuration: Configuration, task: Task, unit: float) -> dict[str, Any]:
    training, tuning, protocol = configuration.training, configuration.tuning, configuration.protocol
    replicates = range(protocol.replicates or 1)
    compared = endpoint(task, unit)
    return {
        "unit": "seed" if protocol.replicates is None else "replicate",
        "replicates": protocol.replicates,
        "finals": finals(configuration),
        "exploratory_replicates": protocol.exploratory,
        "training_tokens": len(data_of(configuration, task, 0).train),
        "disjoint_blocks": data_of(configuration, task, 0).disjoint_blocks,
        "race": configuration.race.model_dump(mode="json"),
        "seeds": [seed for r in replicates for seed in final_seeds(configuration, r)],
        "tuning_seeds": [seed for r in replicates for seed in tuning_seeds(configuration, r)],
        "trials": len(tuning.kl) * len(tuning.damping),
        "kl_grid": list(tuning.kl),
        "damping_grid": list(tuning.damping),
        "kl_alone_ends": list(tuning.kl_alone),
        "lr_ends": list(tuning.lr),
        "steps": training.steps,
        "batch": training.batch,
        "schedule": training.schedule,
        "refresh": training.refresh,
        "matched_to": configuration.heads.matched_to,
        "backend": configuration.backend.name,
        "shots": configuration.backend.shots,
        "evaluate_every": training.evaluate_every,
        "validation_windows": training.validation_windows,
        "test_windows": training.test_windows,
        "budget_axis": protocol.axis,
        "primary_endpoint": compared.name,
        "endpoint_unit": compared.unit,
        "endpoint_scale": compared.scale,
        "endpoint_margin": compared.margin,
        "equivalence_margin": EQUIVALENCE_MARGIN,
        "cost_formulae": formulae(),
    }
