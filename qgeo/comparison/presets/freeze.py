"""From finished standard runs to what the quick preset takes from them.

    runs/standard-*  →  results/standard/TASK/   configuration and results, as far as they decide anything
                     →  quick.toml               arms with the settings of the lowest mean loss of all trials
                     →  decided.json             verdicts and races of each task, the digest of its results

Frozen settings are those that lost least over all replicates' trials; a replicate may have chosen others.
`python -m qgeo.comparison.presets.freeze RUN RUN` writes them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tomli_w

from qgeo.comparison.config import load_configuration, parse_configuration
from qgeo.comparison.presets import HERE, decided, preset, task_of
from qgeo.comparison.run_folder import RunFolder, open_run_folder
from qgeo.comparison.verdicts import Verdict, over_all_tasks
from qgeo.errors import RunFolderError
from qgeo.files import digest

QUICK = (
    "born+quantum",
    "born+classical",
    "born+identity",
    "born+adam",
    "born+quantum, separable",
    "pauli+adam",
    "mlp+adam, as pauli",
)
"""Arms of the quick preset: the sharp pair, what tells a metric from none, and who predicts best."""

SEEDS = 10
"""Of the quick preset."""

RESULTS = Path("results/standard")
"""In a checkout."""

LEFT_OUT = ("spectra", "sample", "noise", "parameter_groups", "aer", "circuits", "shots", "start_losses")
"""Of an arm's entry: what decides nothing."""

_HEADER = f"""\
# A demonstration of two minutes: {SEEDS} seeds, nothing is tuned. The settings are those of the standard run
# whose verdicts are in decided.json; python -m qgeo.comparison.presets.freeze wrote both.

"""


def freeze(runs: Sequence[Path], results: Path, presets: Path = HERE) -> None:
    """Write what is committed of standard runs, one per task; the first one's settings are frozen.

    Raises:
        RunFolderError: a run is missing, not finished, or none of the standard preset; two are of one task.
    """
    folders = [_finished(run) for run in runs]
    found = [folder.read_results() for folder in folders]
    _check_tasks([results["task"]["name"] for results in found])
    decided = _decided(found)
    for folder, kept in zip(folders, found, strict=True):
        place = results / kept["task"]["name"]
        place.mkdir(parents=True, exist_ok=True)
        text = json.dumps(_without_drawings(kept), indent=1, ensure_ascii=False) + "\n"
        (place / "results.json").write_text(text, encoding="utf-8")
        (place / "config.toml").write_bytes(folder.config.read_bytes())
        decided[kept["task"]["name"]]["digest"] = digest(text.encode())
    (presets / "decided.json").write_text(json.dumps(decided, indent=1) + "\n", encoding="utf-8")
    (presets / "quick.toml").write_text(_HEADER + tomli_w.dumps(quick_settings(found[0])), encoding="utf-8")


def committed(results: Path = RESULTS) -> dict[str, Path]:
    """The committed results of every task that a standard run decided, the one with the settings first."""
    return {task: results / task / "results.json" for task in decided()}


def quick_settings(results: Mapping[str, Any]) -> dict[str, Any]:
    """The quick preset, from the results of a standard run."""
    arms = {arm["name"]: arm for arm in results["arms"]}
    return {"training": {"seeds": SEEDS}, "arm": [_frozen(arms[name]) for name in QUICK]}


def _frozen(arm: Mapping[str, Any]) -> dict[str, Any]:
    tried = [trial for trial in arm["trials"] if trial["loss"] is not None]
    best = min(tried, key=lambda trial: trial["loss"])["setting"]
    own = {key: value for key, value in arm["settings"].items() if value}
    return {"name": arm["name"], "head": arm["head"], "metric": arm["metric"], **own, **best}


def _decided(found: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Per task, verdicts adjusted over all tasks, and races beside their predictions."""
    entries = [[Verdict(**entry) for entry in results["verdicts"]] for results in found]
    joint = iter(over_all_tasks([entry for of_task in entries for entry in of_task]))
    return {
        results["task"]["name"]: {
            "revision": results["environment"].get("git"),
            "task": task_of(results["task"]),
            "unit": results["protocol"]["endpoint_unit"],
            "scale": results["protocol"]["endpoint_scale"],
            "verdicts": [asdict(next(joint)) for _ in of_task],
            "race": [{key: race[key] for key in ("step", "ratio", "predicted")} for race in results["race"]],
        }
        for results, of_task in zip(found, entries, strict=True)
    }


def _without_drawings(results: Mapping[str, Any]) -> dict[str, Any]:
    arms = [{key: value for key, value in arm.items() if key not in LEFT_OUT} for arm in results["arms"]]
    return {**results, "arms": arms}


def _finished(run: Path) -> RunFolder:
    folder = open_run_folder(run)
    if not folder.is_finished:
        raise RunFolderError(f"expected a finished run in {run}, got one at work; use qgeo compare --resume")
    if folder.read_results()["protocol"]["replicates"] is None:
        raise RunFolderError(f"expected a run with replicates in {run}; use qgeo compare --preset standard")
    _check_standard(run, folder)
    return folder


def _check_standard(run: Path, folder: RunFolder) -> None:
    """A verdict that is quoted as the standard run's is one."""
    wanted, found = parse_configuration(preset("standard")), load_configuration(folder.config)
    sections = [name for name in type(wanted).model_fields if name != "task"]
    changed = [name for name in sections if getattr(found, name) != getattr(wanted, name)]
    if changed:
        raise RunFolderError(
            f"expected the settings of the standard preset in {run}, got others in {', '.join(changed)}; use "
            "qgeo compare --preset standard"
        )


def _check_tasks(names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        raise RunFolderError(f"expected runs of different tasks, got {', '.join(names)}; give one of each")


def main() -> None:
    parser = argparse.ArgumentParser(description="Freeze the settings of standard runs for the quick preset.")
    parser.add_argument("runs", nargs="+", type=Path, help="run folders, the one to take settings from first")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    freeze(options.runs, options.results)


if __name__ == "__main__":
    main()
