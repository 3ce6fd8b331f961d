"""`qgeo compare` in a terminal: options to a configuration, progress bars, the table of arms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from qgeo.compare.comparison import ComparisonResult, prepare, resume
from qgeo.compare.config import Configuration, load_configuration, parse_configuration
from qgeo.compare.run_folder import open_run_folder
from qgeo.errors import ConfigurationError
from qgeo.terminal.console import messages, tables

_STAGES = {"tuning": "tuning runs", "training": "final runs", "report": "report"}


def compare_with_progress(options: dict[str, Any], workers: int | None) -> ComparisonResult:
    """Run or resume a comparison with progress bars on stderr.

    Args:
        options: config, text, task, arms, seeds, steps, backend, shots, max_seconds, out, resume; None where
            not given.
    """
    folder = _run_folder(options)
    messages().print(f"run folder: {folder}", soft_wrap=True)
    bars = (TextColumn("{task.description:12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*bars, console=messages()) as progress:
        known: dict[str, Any] = {}

        def report(stage: str, jobs: int) -> None:
            if stage not in known:
                known[stage] = progress.add_task(_STAGES[stage], total=jobs)
            else:
                progress.advance(known[stage])

        return resume(folder, workers=workers, on_progress=report)


def print_comparison(result: ComparisonResult) -> None:
    """The answer, a row per arm, the bars, and where the report is."""
    console, results = tables(), result.results
    console.print(results["answer"], soft_wrap=True)
    console.print(_arms_table(results))
    bars = ", ".join(f"{bar['name']} {bar['loss']:.3f}" for bar in results["bars"])
    floor = "" if results["floor"] is None else f"; floor h_k = {results['floor']:.4f}"
    console.print(f"bars (nats per token): {bars}{floor}", soft_wrap=True)
    console.print(f"report: {result.report}", soft_wrap=True)


def _run_folder(options: dict[str, Any]) -> Path:
    if options["resume"] is None:
        return prepare(_configuration(options), options["out"]).path
    others = [name for name, value in options.items() if name != "resume" and value is not None]
    if others:
        raise ConfigurationError(
            f"--resume takes no other option, got {', '.join(others)}; its folder has them"
        )
    return open_run_folder(options["resume"]).path


def _configuration(options: dict[str, Any]) -> Configuration:
    """The configuration file's settings (or the defaults), overridden by what the options say."""
    base = load_configuration(options["config"]) if options["config"] else Configuration()
    settings = base.model_dump(exclude_none=True)
    if options["text"] is not None and options["task"] is not None:
        raise ConfigurationError("expected one of --text and --task, got both; choose one")
    if options["text"] is not None:
        settings["task"] = _without(settings["task"], "name", "title") | {"text": str(options["text"])}
    if options["task"] is not None:
        settings["task"] = _without(settings["task"], "text", "title") | {"name": options["task"]}
    if options["arms"] is not None:
        settings["arms"]["names"] = [name.strip() for name in options["arms"].split(",")]
    for key in ("seeds", "steps"):
        if options[key] is not None:
            settings["training"][key] = options[key]
    if options["shots"] is not None and options["backend"] is None and base.backend.name == "exact":
        raise ConfigurationError("expected --backend with --shots, got none; choose --backend aer")
    for option, key in (("backend", "name"), ("shots", "shots"), ("max_seconds", "max_seconds")):
        if options[option] is not None:
            settings["backend"][key] = options[option]
    return parse_configuration(settings)


def _without(section: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in section.items() if key not in keys}


def _arms_table(results: dict[str, Any]) -> Table:
    table = Table(title=f"final validation loss on {results['task']['name']}, nats per token")
    columns = ("arm", "parameters", "lr", "loss", "95% interval", "n", "circuit evaluations", "seconds")
    has_excess = any(arm["excess"] for arm in results["arms"])
    for name in (*columns, *(("excess",) if has_excess else ())):
        table.add_column(name, justify="left" if name == "arm" else "right")
    for arm in results["arms"]:
        table.add_row(*_arm_row(arm), *((_number(arm["excess"]["mean"], 4),) if has_excess else ()))
    return table


def _arm_row(arm: dict[str, Any]) -> list[str]:
    final = arm["final_loss"]
    interval = "–" if final["ci_low"] is None else f"[{final['ci_low']:.3f}, {final['ci_high']:.3f}]"
    return [
        arm["name"],
        str(arm["parameters"]),
        f"{arm['lr']:g}",
        _number(final["mean"], 3),
        interval,
        str(final["n"]),
        f"{arm['circuit_evaluations']:,}",
        f"{arm['seconds']:.1f}",
    ]


def _number(value: float | None, digits: int) -> str:
    return "diverged" if value is None else f"{value:.{digits}f}"
