"""Run folders for tests of the report: chosen numbers in the shape of real ones (`test_real_run.py`).

Without replicates three seeds an arm; with them four replicates of two final runs, two of an exploratory arm.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from math import log

from qgeo.comparison.page.figures import draw_figures, svg_documents
from qgeo.comparison.page.report import render
from qgeo.comparison.page.series import read_run
from qgeo.comparison.verdicts import Question, difference_contrast, ratio_contrast, verdicts
from qgeo.statistics.means import mean_interval, paired_difference

STEPS = (10, 20, 30)
FLOOR = 2.2
LOSSES = {
    "born+classical": [2.45, 2.47, 2.44, 2.46],
    "born+quantum": [2.40, 2.43, 2.39, 2.42],
    "softmax+adam": [2.50, 2.49, 2.52, 2.51],
}
ELSEWHERE = 1.2
"""KL elsewhere in that on a step's own contexts, of the first run; a tenth more in each run after it."""


def build_results(seeds=3):
    """Of a run without replicates."""
    return _results({name: values[:seeds] for name, values in LOSSES.items()}, "seed", seeds, seeds)


def build_replicated():
    """Of a run with replicates, the exploratory arm of which has fewer."""
    losses = LOSSES | {"softmax+adam": LOSSES["softmax+adam"][:2]}
    return _results(losses, "replicate", 2, 8)


def an_arm(name, values, reference=None, quantum=True, tuned=1):
    """An arm whose replicates chose among three trials; tuned: how many of them."""
    head, metric = name.split("+")
    names = ("lr",) if metric == "adam" else ("kl", "damping")
    trials = [
        {"setting": dict.fromkeys(names, 1.0) | {names[0]: value}, "loss": loss, "chosen": chosen}
        for value, loss, chosen in ((0.1, 2.6, 0), (0.3, 2.5, tuned - tuned // 2), (1.0, None, tuned // 2))
    ]
    excess = [None if value is None else value - FLOOR for value in values]
    both = None if reference is None else min(len(values), len(reference))
    return {
        "name": name,
        "head": head,
        "metric": metric,
        "backend": "exact",
        "settings": {},
        "parameters": 45,
        "parameter_groups": {"circuit": 24, "encoder": 12, "readout": 9},
        "final_loss": asdict(mean_interval(values)) | {"values": values},
        "excess": asdict(mean_interval(excess)),
        "difference": both
        and {"reference": "born+classical"} | asdict(paired_difference(values[:both], reference[:both])),
        "circuit_evaluations": 1_234_567 if quantum else 0,
        "gradient_evaluations": 234_567 if quantum else 0,
        "metric_evaluations": 900_000 if quantum else 0,
        "line_evaluations": 100_000 if quantum else 0,
        "grouped_circuits": 4230 if quantum else 0,
        "circuits_per_context": circuits(9, 4, 1) if quantum else circuits(0, 0, 0),
        "circuits": 0,
        "shots": 0,
        "missed": 5 if quantum else 0,
        "seconds": 1.25,
        "start_losses": [None] * len(values),
        "sample": "the cat\nsat\ton ",
        "spectra": spectra() if quantum else None,
        "aer": agreement() if quantum else None,
        "noise": None,
        "diverged": sum(value is None for value in values),
        "tuned_as": name,
        "trials": trials,
        "chosen": [trial["setting"] for trial in trials for _ in range(trial["chosen"])],
        "at_edge": (tuned // 2) / tuned,
    }


def frozen(arm):
    """The same arm with its settings given."""
    return arm | {"tuned_as": None, "trials": [], "chosen": arm["chosen"][:1], "at_edge": None}


def circuits(gradient, metric, line):
    """Per distinct context; of a metric one more whose angles are fixed, where it sends any."""
    return {
        "gradient": {"per_context": gradient, "fixed": 0},
        "metric": {"per_context": metric, "fixed": min(metric, 1)},
        "line": line,
        "refresh": 1,
    }


def spectra():
    scalars = {"trace": 3.5, "rank": 4, "participation_ratio": 2.25, "degrees_of_freedom": 3.75}
    summary = {"quantum": scalars, "classical": scalars}
    kept = {"kept": [0.9, 0.5, 0.1], "effective_directions": 2.1}
    return {
        "quantum": [2.0, 1.0, 0.5, 1e-13],
        "classical": [1.0, 0.25, 0.0, 0.0],
        "summary": summary,
        "filter": kept,
    }


def agreement():
    return {
        "contexts": 256,
        "exact_loss": 2.451234,
        "aer_loss": 2.451234,
        "max_probability_difference": 3.1e-15,
        "shots": 4096,
        "sampled_loss": 2.4601,
        "sampled_bias": 0.0091,
        "chi2_smallest_p": 0.0031,
        "chi2_level": 3.9e-9,
    }


RACES = {
    0: ([0.021, 0.019, 0.022, 0.018], [0.020, 0.020, 0.021, 0.019]),
    5: ([0.016, 0.018, 0.017, 0.015], [0.020, 0.021, 0.022, 0.019]),
}
"""Step → drops of born+quantum and of born+classical, replicate by replicate."""


def a_race(step):
    ours, theirs = RACES[step]
    return {
        "arm": "born+quantum",
        "reference": "born+classical",
        "step": step,
        "ratio": asdict(ratio_contrast(ours, theirs).ci95),
        "predicted": 0.9 - 0.01 * step,
        "first_order_deviation": 3e-5,
        "checkpoints": 12,
        "missed": 2,
        "drops": {"quantum": ours, "classical": theirs},
    }


def race_question(step):
    role = "confirmatory" if step else "start"
    ends = ("born+quantum", "born+classical", f"race at step {step}", "steps")
    return Question(*ends, role, tuning_draws=4), ratio_contrast(*RACES[step])


def verdict_entries(losses, races=()):
    """Of every arm against born+classical, at log excess and in races at these steps."""
    roles, theirs = {"born+quantum": "confirmatory"}, losses["born+classical"]
    asked = []
    for name in reversed([name for name in losses if name != "born+classical"]):
        both = min(len(losses[name]), len(theirs))
        ours = [
            [None if v is None else log(v - FLOOR) for v in side[:both]] for side in (losses[name], theirs)
        ]
        role = roles.get(name, "exploratory")
        question = Question(name, "born+classical", "log excess", "steps", role, tuning_draws=both)
        asked.append((question, difference_contrast(*ours)))
    asked += [race_question(step) for step in races]
    return [asdict(verdict) for verdict in verdicts(asked)]


def _results(losses, unit, finals, runs):
    reference = losses["born+classical"]
    races = RACES if unit == "replicate" else {}
    arms = [
        an_arm(
            name,
            values,
            None if values is reference else reference,
            quantum=name.startswith("born"),
            tuned=1 if unit == "seed" else len(values),
        )
        for name, values in losses.items()
    ]
    return {
        "version": "0.1.0",
        "answer": "On golden-mean, born+quantum predicts best; it saw log excess -0.200 [-0.300, -0.100].",
        "verdicts": verdict_entries(losses, races),
        "race": [a_race(step) for step in races],
        "task": a_task(),
        "floor": FLOOR,
        "trunk": None,
        "bars": [a_bar("unigram", 2.8), a_bar("bigram", 2.42), a_bar("bigram", 2.52, "seen windows")],
        "reference": "born+classical",
        "warnings": [],
        "protocol": a_protocol(unit, finals, runs, len(reference)),
        "arms": arms,
        "environment": {"python": "3.12.1", "qgeo": "0.1.0", "git": None},
        "command": "qgeo compare config.toml --out NEW_FOLDER",
    }


def a_bar(name, loss, counted_on="all windows"):
    return {"name": name, "loss": loss, "discount": 0.75, "counted_on": counted_on}


def a_task():
    return {
        "name": "golden-mean",
        "kind": "source",
        "definition": "A: 0→A (1−p), 1→B (p); B: 0→A",
        "vocabulary": 2,
        "characters": "01",
        "context": 3,
        "entropy_rate": 0.6667,
        "entropy_rate_half_width": 0.0,
        "context_entropy": 0.6667,
        "sha256": None,
        "seed": 0,
        "tokens": {"train": 16000, "validation": 2000, "test": 2000},
        "split": "contiguous",
        "disjoint_blocks": None,
    }


def as_text(results):
    """The same run on a text, whose entropy nobody knows."""
    results |= {"floor": None}
    results["task"] |= {"kind": "text", "entropy_rate": None, "context_entropy": None, "sha256": "ab" * 32}
    results["task"] |= {"definition": None, "split": "paragraphs"}
    endpoint = {"primary_endpoint": "test loss", "endpoint_unit": 0.4321, "endpoint_scale": None}
    results["protocol"] |= endpoint | {"endpoint_margin": 0.1, "training_tokens": 400}
    for entry in results["verdicts"]:
        entry |= {"endpoint": "test loss", "margin": 0.1}
    for arm in results["arms"]:
        arm |= {"excess": None}
    return results


def a_protocol(unit, finals, runs, units):
    replicated = unit == "replicate"
    return {
        "unit": unit,
        "replicates": units if replicated else None,
        "finals": finals,
        "exploratory_replicates": 2 if replicated else 10,
        "training_tokens": 16000,
        "disjoint_blocks": True if replicated else None,
        "race": {"draws": 8, "steps": [0, 5], "kl": 0.003, "windows": 1024},
        "seeds": list(range(runs)),
        "tuning_seeds": list(range(10000, 10000 + (units if replicated else 1))),
        "trials": 3,
        "kl_grid": [0.1, 0.3, 1.0],
        "damping_grid": [1.0],
        "kl_alone_ends": [0.001, 2.0],
        "lr_ends": [0.1, 1.0],
        "steps": 30,
        "batch": 64,
        "schedule": "cosine",
        "refresh": 1,
        "matched_to": "born",
        "backend": "exact",
        "shots": 4096,
        "evaluate_every": 10,
        "validation_windows": 2048,
        "test_windows": 4096,
        "budget_axis": "steps",
        "primary_endpoint": "log excess",
        "endpoint_unit": 1.0,
        "endpoint_scale": 0.001,
        "endpoint_margin": log(1.1),
        "equivalence_margin": 0.01,
        "cost_formulae": {
            "gradient": "B (1 + Σ_r 2 s_r)",
            "classical": "0: reuses",
            "spsa": "B · 4",
            "length of a step": "B · evaluations",
        },
    }


def write_folder(path, results, config="[training]\nseeds = 3\n"):
    path.mkdir(exist_ok=True)
    (path / "results.json").write_text(json.dumps(results, allow_nan=False))
    (path / "config.toml").write_text(config, encoding="utf-8")
    size = 1 if results["protocol"]["unit"] == "seed" else results["protocol"]["finals"]
    records, timings = [], []
    for arm in results["arms"]:
        for seed in range(size * len(arm["final_loss"]["values"])):
            final = arm["final_loss"]["values"][seed // size]
            for step in STEPS if final is not None else STEPS[:2]:
                records.append(_record(arm, seed, step, size, final))
                timings.append({"arm": arm["name"], "seed": seed, "step": step, "seconds": 0.1 * step})
    for name, lines in (("records", records), ("timings", timings)):
        (path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def report_of(path, results, **options):
    run = read_run(write_folder(path, results, **options))
    return render(run, svg_documents(draw_figures(run)))


def _record(arm, seed, step, size, final):
    """Runs of a replicate lie on either side of its value, which is their mean."""
    loss = None if final is None and step == STEPS[1] else (final or 2.5) + 1 / step
    if loss is not None and size > 1:
        loss += 0.1 * (seed % size - (size - 1) / 2)
    kl = None if arm["metric"] == "adam" else 0.01 / step
    elsewhere = 0.5 if kl is None else kl * (ELSEWHERE + 0.1 * seed)
    return {
        "arm": arm["name"],
        "seed": seed,
        "step": step,
        "train_loss": loss,
        "validation_loss": loss,
        "kl": kl,
        "kl_elsewhere": elsewhere,
        "missed": 0,
        "gradient_contexts": 10 * step,
        "metric_contexts": 10 * step,
        "line_contexts": (10 + seed) * step,
        "gradient_evaluations": 1000 * step,
        "metric_evaluations": 100 * step,
        "line_evaluations": (10 + seed) * step,
        "circuits": 0,
        "shots": 0,
    }
