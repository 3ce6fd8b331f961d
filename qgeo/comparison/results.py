"""From finished runs to results.json: intervals over seeds, paired differences, bars, the answer.

Losses in nats per token on the validation windows. `final_loss` is the loss after the last step, mean over
seeds; `difference` is paired with the reference arm, seed by seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from math import log
from typing import Any

import numpy as np
import torch
from torch import nn

from qgeo.comparison.answer import answer
from qgeo.comparison.arms import Arm, arms_of, build_head, parameter_groups
from qgeo.comparison.cost import formulae
from qgeo.comparison.matching import size_warnings
from qgeo.comparison.noise import PROBABILITIES
from qgeo.comparison.outcomes import FinalOutcome
from qgeo.comparison.run_folder import RunFolder, check_trained, load_head
from qgeo.comparison.schedule import (
    TUNING_SEED,
    best_learning_rate,
    final_jobs,
    final_key,
    mean_trial_losses,
)
from qgeo.comparison.sections import Configuration
from qgeo.comparison.statistics import mean_interval, paired_difference
from qgeo.comparison.threads import single_thread
from qgeo.comparison.training import mean_loss, validation_windows
from qgeo.geometry.spectra import eigenvalues, summary
from qgeo.heads.ngram import LARGEST_TABLE, NgramHead
from qgeo.heads.protocol import Head, checked_head
from qgeo.heads.sampling import sample_tokens
from qgeo.optim.exact import classical, quantum
from qgeo.tasks.task import Task

EQUIVALENCE_MARGIN = 0.01
"""Nats per token: a difference whose interval lies inside ±0.01 counts as none."""

SPECTRUM_CONTEXTS = 256
SAMPLE_LENGTH = 240
_BAR_NAMES = {1: "unigram", 2: "bigram", 3: "trigram"}


def final_outcomes(
    folder: RunFolder, configuration: Configuration, chosen: dict[Arm, float]
) -> dict[str, list[dict[str, Any]]]:
    """Per arm, by its name, its finished runs in the order of their seeds."""
    outcomes: dict[str, list[dict[str, Any]]] = {arm.name: [] for arm in chosen}
    for job in final_jobs(configuration, chosen):
        outcomes[job.arm.name].append(folder.read_outcome(job.key, FinalOutcome).model_dump())
    return outcomes


def chosen_learning_rates(folder: RunFolder, configuration: Configuration) -> dict[Arm, float]:
    """Per arm, the learning rate with the lowest mean loss over its trials."""
    return {
        arm: best_learning_rate(mean_trial_losses(folder, configuration, arm))
        for arm in arms_of(configuration)
    }


def build_results(
    folder: RunFolder, configuration: Configuration, task: Task, environment: dict[str, str]
) -> dict[str, Any]:
    """The content of results.json."""
    chosen = chosen_learning_rates(folder, configuration)
    outcomes = final_outcomes(folder, configuration, chosen)
    arms_by_name = {arm.name: arm for arm in chosen}
    reference = arms_by_name[reference_arm(list(arms_by_name))]
    with single_thread():
        arms = [
            _arm_results(folder, configuration, task, arm, lr, outcomes, reference)
            for arm, lr in chosen.items()
        ]
    protocol = _protocol(configuration)
    return {
        "version": environment["qgeo"],
        "answer": answer(arms, protocol, task.name, EQUIVALENCE_MARGIN),
        "task": task.describe(),
        "floor": None if task.context_entropy is None else task.context_entropy * log(2),
        "bars": ngram_bars(task, configuration.training.validation_windows),
        "reference": reference.name,
        "warnings": size_warnings(configuration, task),
        "protocol": protocol,
        "arms": arms,
        "environment": environment,
        "command": "qgeo compare config.toml --out NEW_FOLDER",
    }


def reference_arm(names: Sequence[str]) -> str:
    """The arm that others are paired with: F_C on the Born head, else the first Adam arm, else the first."""
    for wanted in ("born+classical", "born+adam", "softmax+adam"):
        if wanted in names:
            return wanted
    return names[0]


def ngram_bars(task: Task, validation: int) -> list[dict[str, Any]]:
    """Losses of n-gram tables up to the context, on the windows that the arms are judged by."""
    windows = validation_windows(task, validation)
    orders = [n for n in range(1, task.context + 2) if task.vocabulary_size**n <= LARGEST_TABLE]
    return [
        {"name": _BAR_NAMES.get(n, f"{n}-gram"), "loss": mean_loss(_table(task, n), windows)} for n in orders
    ]


def _table(task: Task, order: int) -> NgramHead:
    return NgramHead(task.train.contexts, task.train.targets, task.vocabulary_size, order)


def _arm_results(
    folder: RunFolder,
    configuration: Configuration,
    task: Task,
    arm: Arm,
    lr: float,
    outcomes: dict[str, list[dict[str, Any]]],
    reference: Arm,
) -> dict[str, Any]:
    runs = outcomes[arm.name]
    losses = [run["final_loss"] for run in runs]
    of_reference = [run["final_loss"] for run in outcomes[reference.name]]
    head = trained_head(folder, configuration, task, arm, seed=0)
    groups = parameter_groups(head)
    last = runs[0]["records"][-1]
    trials = mean_trial_losses(folder, configuration, arm)
    damping = (arm.damping or configuration.tuning.damping) if arm.is_natural else None
    return {
        "name": arm.name,
        "head": arm.head,
        "metric": arm.metric,
        "backend": arm.backend,
        "settings": arm.settings,
        "parameters": sum(groups.values()),
        "parameter_groups": groups,
        "lr": lr,
        "damping": damping,
        "tuned_as": arm.twin.name,
        "trials": [{"lr": rate, "damping": damping, "loss": loss} for rate, loss in trials],
        "final_loss": _interval(losses) | {"values": losses},
        "excess": None if task.exact is None else _interval([run["excess"] for run in runs]),
        "difference": _difference(losses, of_reference, arm, reference),
        "circuit_evaluations": last["gradient_evaluations"] + last["metric_evaluations"],
        "gradient_evaluations": last["gradient_evaluations"],
        "metric_evaluations": last["metric_evaluations"],
        "circuits": last["circuits"],
        "shots": last["shots"],
        "seconds": float(np.mean([run["seconds"][-1] for run in runs])),
        "sample": "" if runs[0]["diverged"] else _sample(checked_head(head), task),
        "spectra": _spectra(checked_head(head), task) if arm.is_quantum and not runs[0]["diverged"] else None,
        "aer": _worst_agreement([run["agreement"] for run in runs if run["agreement"]]),
        "noise": _noise([run["noise"] for run in runs if run["noise"]]),
        "diverged": sum(run["diverged"] for run in runs),
    }


def trained_head(
    folder: RunFolder, configuration: Configuration, task: Task, arm: Arm, seed: int
) -> nn.Module:
    """The head of a finished run, as it was after its last step."""
    check_trained(folder.head(arm.name, seed))
    kept = folder.read_outcome(final_key(arm.name, seed), FinalOutcome)
    fresh = build_head(arm, task.vocabulary_size, task.context, configuration.heads, seed)
    return load_head(folder.head(arm.name, seed), fresh, kept.head)


def _interval(values: Sequence[float | None]) -> dict[str, Any]:
    return asdict(mean_interval(values))


def _difference(
    losses: Sequence[float | None], of_reference: Sequence[float | None], arm: Arm, reference: Arm
) -> dict[str, Any] | None:
    """None for the reference, and for an arm of another seed stream: its runs are paired with none."""
    if arm == reference or arm.seed_stream != reference.seed_stream:
        return None
    return {"reference": reference.name} | asdict(paired_difference(losses, of_reference))


def _sample(head: Head, task: Task) -> str:
    generator = torch.Generator().manual_seed(0)
    return task.decode(sample_tokens(head, task.validation.contexts[0], SAMPLE_LENGTH, generator).tolist())


def _spectra(head: Head, task: Task) -> dict[str, Any]:
    """Eigenvalues of F_Q and F_C over all parameters at the trained head of seed 0, and their summaries."""
    contexts = validation_windows(task, SPECTRUM_CONTEXTS).contexts
    matrices = {"quantum": quantum(head, contexts), "classical": classical(head, contexts)}
    dense = {name: matrix.to_dense().numpy() for name, matrix in matrices.items()}
    spectra: dict[str, Any] = {name: eigenvalues(matrix).tolist() for name, matrix in dense.items()}
    return spectra | {"summary": {name: summary(matrix, damping=1e-2) for name, matrix in dense.items()}}


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


def _protocol(configuration: Configuration) -> dict[str, Any]:
    training, tuning = configuration.training, configuration.tuning
    return {
        "seeds": list(range(training.seeds)),
        "tuning_seeds": list(range(TUNING_SEED, TUNING_SEED + tuning.seeds)),
        "trials": len(tuning.lr),
        "lr_grid": list(tuning.lr),
        "damping_grid": [tuning.damping],
        "steps": training.steps,
        "batch": training.batch,
        "schedule": training.schedule,
        "trust_region": training.trust_region,
        "refresh": training.refresh,
        "matched_to": configuration.heads.matched_to,
        "backend": configuration.backend.name,
        "shots": configuration.backend.shots,
        "evaluate_every": training.evaluate_every,
        "validation_windows": training.validation_windows,
        "budget_axis": "steps",
        "primary_endpoint": "validation loss after the last step, nats per token, mean over seeds",
        "equivalence_margin": EQUIVALENCE_MARGIN,
        "cost_formulae": formulae(),
    }
