"""`qgeo compare` in a terminal: options to a configuration, progress bars, the table of arms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from rich.table import Table

from qgeo.comparison.comparison import ComparisonResult, finish, prepare, resume
from qgeo.comparison.config import load_settings, parse_configuration
from qgeo.comparison.config_file import commented
from qgeo.comparison.endpoints import TEST_LOSS
from qgeo.comparison.inputs import load_inputs
from qgeo.comparison.matching import size_warnings
from qgeo.comparison.outlook import Outlook
from qgeo.comparison.page.entries import bar_name, chosen_settings, counted, is_confirmatory, is_race
from qgeo.comparison.presets import preset
from qgeo.comparison.rehearsal import Rehearsal, rehearse
from qgeo.comparison.run_folder import open_run_folder
from qgeo.comparison.sections import Configuration
from qgeo.comparison.trunk_section import TrunkSection
from qgeo.errors import ConfigurationError, RunFolderError
from qgeo.terminal.console import messages, print_table, stoppable, tables, write_new_file
from qgeo.terminal.progress import bars, saying
from qgeo.workers.local import default_workers
from qgeo.workers.workforce import Workforce

_WITH_RESUME = ("resume", "max_seconds", "partial")
_STAGES = {
    "trunk": "trunk",
    "tuning": "tuning runs",
    "training": "final runs",
    "race": "races",
    "report": "report",
}


def compare_with_progress(
    options: dict[str, Any], workers: int | None, scheduler: str | None
) -> ComparisonResult:
    """Run or resume a comparison with progress bars on stderr.

    Args:
        options: config, preset, text, task, arms, trunk, seeds, steps, backend, shots, max_seconds, partial,
            out, resume; None where not given.
    """
    workforce = Workforce.of(workers, scheduler)
    folder = _run_folder(options)
    messages().print(f"run folder: {folder}", soft_wrap=True)
    configuration, task = load_inputs(folder.resolve())
    for warning in size_warnings(configuration, task):
        messages().print(f"warning: {warning}", soft_wrap=True)
    for note in _idle_workers(configuration, workers, scheduler):
        messages().print(f"note: {note}", soft_wrap=True)
    stopping = stoppable("qgeo compare --resume", folder / "config.toml")
    with bars() as progress, stopping:
        known: dict[str, Any] = {}

        def report(stage: str, jobs: int) -> None:
            if stage not in known:
                known[stage] = progress.add_task(_STAGES[stage], total=jobs)
            else:
                progress.advance(known[stage])

        if options["resume"] is None:
            return finish(folder, workforce, on_progress=report)
        return resume(
            folder,
            workers=workers,
            scheduler=scheduler,
            max_seconds=options["max_seconds"],
            partial=bool(options["partial"]),
            look=print_outlook,
            on_progress=report,
        )


def _idle_workers(configuration: Configuration, workers: int | None, scheduler: str | None) -> list[str]:
    """What those that were asked for have no part in: a ledger has one writer, which counts one budget."""
    asked = f"--workers {workers}" if scheduler is None else f"--scheduler {scheduler}"
    if configuration.backend.max_seconds is None or (scheduler is None and (workers or 1) == 1):
        return []
    return [
        f"{asked} serves tuning runs and races only: with a budget the final runs go through the ledger of "
        f"{configuration.backend.name}, in this process"
    ]


def rebuild_report(run: Path) -> Path:
    """The report of a finished comparison, written anew.

    Raises:
        RunFolderError: there is no such run, or it is not finished.
    """
    from qgeo.comparison.page.report import write_report

    return write_report(_finished_run(run))


def report_side_by_side(runs: Sequence[Path], page: Path) -> Path:
    """One page on several finished comparisons; errors as for `rebuild_report`, or the page exists."""
    from qgeo.comparison.page.side_by_side import write_side_by_side

    return write_side_by_side([_finished_run(run) for run in runs], page)


def _finished_run(run: Path) -> Path:
    if not open_run_folder(run).results.exists():
        raise RunFolderError(
            f"expected a finished comparison in {run}, got one without results.json; qgeo compare --resume "
            f"{quote(str(run))} finishes it"
        )
    return run


def write_configuration(options: dict[str, Any], path: Path) -> None:
    """Write what the options say as a whole configuration, with what every key means.

    Raises:
        ConfigurationError: the file exists, or cannot be written.
    """
    write_new_file(path, commented(_configuration(options, Path.cwd())))
    messages().print(f"written: {path}; qgeo compare {quote(str(path))} runs it", soft_wrap=True)


def rehearsal_of(options: dict[str, Any], workers: int | None) -> Rehearsal:
    """What a comparison with these options would take, from a few steps of every arm."""
    with saying("training every arm for a few steps"):
        return rehearse(_configuration(options), workers or default_workers())


def print_rehearsal(rehearsal: Rehearsal) -> None:
    """A row per arm, and what all of them take."""
    table = Table(title=f"{rehearsal.runs} runs of {rehearsal.steps:,} steps; nothing was written")
    for name in ("arm", "parameters", "runs", "ms a step", "MiB a run"):
        table.add_column(name, justify="left" if name == "arm" else "right")
    for arm in rehearsal.arms:
        step = "–" if arm.seconds is None else f"{1e3 * arm.seconds:.1f}"
        table.add_row(arm.name, str(arm.parameters), str(arm.runs), step, f"{arm.bytes / 2**20:,.0f}")
    print_table(tables(), table)
    tables().print(
        f"about {_duration(rehearsal.seconds)} of training steps on {rehearsal.workers} processes, with "
        f"{rehearsal.bytes / 2**20:,.0f} MiB beside the imports; validation, the report and a trunk's "
        "training come on top",
        soft_wrap=True,
    )


def _duration(seconds: float) -> str:
    """In the largest unit of which there are two."""
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} seconds"


def print_outlook(ahead: Outlook) -> None:
    """What a comparison will take on its device, arm by arm, beside its budget."""
    for plan in ahead.plan.arms:
        messages().print(
            f"plan: {plan.name}, {plan.jobs:,} jobs, {plan.shots:,} executions, {plan.seconds:,.1f} QPU s",
            soft_wrap=True,
        )
    messages().print(
        f"budget on {ahead.plan.device}: {ahead.budget:,g} QPU s for {ahead.total:,.1f} in all, of which "
        f"{ahead.spent:,.1f} are spent",
        soft_wrap=True,
    )


def print_comparison(result: ComparisonResult) -> None:
    """The answer with what its verdicts rest on, a row per arm, the bars, and where the report is."""
    console, results = tables(), result.results
    console.print(results["answer"], soft_wrap=True)
    for verdict in filter(is_confirmatory, results["verdicts"]):
        console.print(_verdict_line(verdict, results["protocol"]["endpoint_unit"]), soft_wrap=True)
    print_table(console, _arms_table(results))
    for warning in [*results["warnings"], *_unmet_steps(results["arms"])]:
        console.print(f"warning: {warning}", soft_wrap=True)
    bars = ", ".join(f"{bar_name(bar)} {bar['loss']:.3f}" for bar in results["bars"])
    floor = "" if results["floor"] is None else f"; floor h_k = {results['floor']:.4f}"
    console.print(f"bars (nats per token): {bars}{floor}", soft_wrap=True)
    console.print(f"report: {result.report}", soft_wrap=True)


def _run_folder(options: dict[str, Any]) -> Path:
    if options["resume"] is None:
        partial = bool(options["partial"])
        return prepare(_configuration(options), options["out"], partial=partial, look=print_outlook).path
    others = [name for name, value in options.items() if name not in _WITH_RESUME and value is not None]
    if others:
        raise ConfigurationError(
            f"--resume takes no other option, got {', '.join(others)}; its folder has them, and only "
            "--max-seconds may change (and --partial be given)"
        )
    return open_run_folder(options["resume"]).path


def _configuration(options: dict[str, Any], text_from: Path = Path()) -> Configuration:
    """The configuration file's settings (or none), overridden by what the options say.

    Args:
        text_from: the folder that a relative --text, or --trunk, is in.
    """
    if options["resume"] is not None:
        raise ConfigurationError("expected --dry-run or --write-config without --resume, got both; drop one")
    settings = _base(options)
    if options["text"] is not None and options["task"] is not None:
        raise ConfigurationError("expected one of --text and --task, got both; choose one")
    if options["shots"] is not None and options["backend"] is None and not _has_backend(settings):
        raise ConfigurationError("expected --backend with --shots, got none; choose --backend aer")
    if options["text"] is not None:
        _override(settings, "task", {"text": str(text_from / options["text"])}, dropped=("name", "title"))
    if options["task"] is not None:
        _override(settings, "task", {"name": options["task"]}, dropped=("text", "title"))
    if options["arms"] is not None:
        settings.pop("arm", None)  # arms that are named stand for all
        _override(settings, "arms", {"names": [name.strip() for name in options["arms"].split(",")]})
    if options["trunk"] is not None:
        _override(settings, "trunk", {"name": TrunkSection(name=options["trunk"]).beside(text_from).name})
    _override(settings, "training", _given(options, seeds="seeds", steps="steps"))
    _override(settings, "backend", _given(options, backend="name", shots="shots", max_seconds="max_seconds"))
    return parse_configuration(settings)


def _base(options: dict[str, Any]) -> dict[str, Any]:
    """The settings of a file or a preset, or none."""
    if options["config"] is None:
        return preset(options["preset"]) if options["preset"] is not None else {}
    if options["preset"] is not None:
        raise ConfigurationError("expected a configuration file or --preset, got both; choose one")
    return load_settings(options["config"])


def _has_backend(settings: dict[str, Any]) -> bool:
    return parse_configuration(settings).backend.name != "exact"


def _given(options: dict[str, Any], **keys: str) -> dict[str, Any]:
    """Options that were given, by the keys that they set."""
    return {key: options[option] for option, key in keys.items() if options[option] is not None}


def _override(
    settings: dict[str, Any], section: str, values: dict[str, Any], dropped: tuple[str, ...] = ()
) -> None:
    kept = {key: value for key, value in settings.get(section, {}).items() if key not in dropped}
    if kept | values:
        settings[section] = kept | values


def _verdict_line(verdict: dict[str, Any], unit: float) -> str:
    """What the answer leaves out: which arms, the 90% interval and the margin that it is held against; of a
    text's loss in nats, as the answer has it."""
    sign, middle = ("", "1 ± ") if is_race(verdict) else ("+", "±")
    in_units = verdict["endpoint"] == TEST_LOSS
    endpoint, scale = ("test loss in nats per token", unit) if in_units else (verdict["endpoint"], 1.0)
    ends = None if verdict["ci90"] is None else [f"{end * scale:{sign}.3f}" for end in verdict["ci90"]]
    narrow = "none" if ends is None else f"[{', '.join(ends)}]"
    return (
        f"verdict on {verdict['arm']} against {verdict['reference']}, {endpoint}: "
        f"{verdict['verdict']}; 90% interval {narrow}, margin {middle}{verdict['margin'] * scale:.3f}"
    )


def _unmet_steps(arms: list[dict[str, Any]]) -> list[str]:
    return [
        f"{arm['name']}: {counted(arm['missed'], 'step')} of its final runs did not meet the KL asked for"
        for arm in arms
        if arm["missed"]
    ]


def _arms_table(results: dict[str, Any]) -> Table:
    table = Table(title=f"final test loss on {results['task']['name']}, nats per token, with 95% intervals")
    has_excess = any(arm["excess"] for arm in results["arms"])
    losses = ("test loss", "excess") if has_excess else ("test loss",)
    unit = f"{results['protocol']['unit']}s"
    for name in ("arm", *losses, unit, "parameters", "setting", "circuits, first run", "seconds"):
        table.add_column(name, justify="left" if name in ("arm", "setting") else "right")
    for arm in results["arms"]:
        table.add_row(*_arm_row(arm, has_excess))
    return table


def _arm_row(arm: dict[str, Any], has_excess: bool) -> list[str]:
    excess = [_interval(arm["excess"], 4)] if has_excess else []
    return [
        arm["name"],
        _interval(arm["final_loss"], 3),
        *excess,
        str(arm["final_loss"]["n"]),
        str(arm["parameters"]),
        _setting(arm["chosen"]),
        "–" if arm["grouped_circuits"] is None else f"{arm['grouped_circuits']:,}",
        f"{arm['seconds']:.1f}",
    ]


def _setting(chosen: list[dict[str, float]]) -> str:
    """The setting that most replicates chose, and how many of how many where they differ."""
    (common, share), *others = chosen_settings(chosen)
    text = f"{common} ({share} of {len(chosen)})" if others else common
    return text.replace(", ", "\n")


def _interval(values: dict[str, Any], digits: int) -> str:
    """The mean, its interval in a second line."""
    if values["mean"] is None:
        return "diverged"
    mean = f"{values['mean']:.{digits}f}"
    if values["ci_low"] is None:
        return mean
    return f"{mean}\n[{values['ci_low']:.{digits}f}, {values['ci_high']:.{digits}f}]"
