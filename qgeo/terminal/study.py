"""`qgeo study` in a terminal: the list, one study's text, a bar of pieces of work, answer and checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

from rich.table import Table

from qgeo.errors import ConfigurationError
from qgeo.studies.catalogue import STUDIES
from qgeo.studies.folder import BEGUN, REPORT, StudyFolder, create, go_on, open_folder
from qgeo.studies.published import PUBLISHED
from qgeo.studies.study import PRESETS, Preset
from qgeo.terminal.console import messages, print_table, stoppable, tables
from qgeo.terminal.progress import bars
from qgeo.workers.workforce import Workforce

ALL = "all"
"""In place of names."""


def study_list() -> list[dict[str, str]]:
    """Every study's name and question."""
    return [{"name": name, "title": study.title, "claim": study.claim} for name, study in STUDIES.items()]


def print_studies(entries: Sequence[dict[str, str]]) -> None:
    """A table."""
    table = Table()
    table.add_column("study", no_wrap=True)
    table.add_column("question")
    for entry in entries:
        table.add_row(entry["name"], entry["title"])
    print_table(tables(), table)


def study_facts(name: str) -> dict[str, Any]:
    """What is known of a study before it is run.

    Raises:
        ConfigurationError: there is none of this name.
    """
    study = STUDIES[name]
    texts = ("name", "title", "claim", "source", "theorem", "method", "limits")
    facts: dict[str, Any] = {text: getattr(study, text).strip("\n") for text in texts}
    return facts | {"items": {preset: len(study.items(preset)) for preset in PRESETS}}


def print_study(facts: dict[str, Any]) -> None:
    """Its text, as it stands in the page."""
    console = tables()
    console.print(f"{facts['title']}\n\n{facts['claim']} ({facts['source']})")
    for title in ("theorem", "method", "limits"):
        if facts[title]:
            console.print(f"\n{title}\n{facts[title]}")
    counts = ", ".join(f"{count:,} in preset {preset}" for preset, count in facts["items"].items())
    console.print(f"\npieces of work: {counts}")


def begin(names: Sequence[str], preset: str, out: Path | None, resume: Path | None) -> Iterator[StudyFolder]:
    """Folders to go on with, each made when its turn comes.

    Raises:
        ConfigurationError: neither names nor --resume, or both; an unknown name or preset.
    """
    if bool(names) == (resume is not None):
        raise ConfigurationError(
            f"expected names of studies, {ALL}, or --resume FOLDER; {STUDIES.kind} is one of {STUDIES}"
        )
    if resume is not None:
        if out is not None:
            raise ConfigurationError("expected --resume alone, got --out too; the folder knows the rest")
        return iter([open_folder(resume)])
    if preset not in PRESETS:
        raise ConfigurationError(f"expected --preset {' or '.join(get_args(Preset))}, got {preset!r}")
    chosen = list(STUDIES) if list(names) == [ALL] else list(names)
    for name in chosen:
        STUDIES[name]
    return (create(_place(name, chosen, out), name, _preset(preset)) for name in chosen)


def begin_published(preset: str, out: Path | None, resume: Path | None) -> StudyFolder:
    """The folder of the study that reproduces published numbers, to go on with.

    Raises:
        ConfigurationError: --out beside --resume, the folder of another study; an unknown preset.
    """
    folder = next(begin([] if resume else [PUBLISHED.name], preset, out, resume))
    if folder.study.name != PUBLISHED.name:
        raise ConfigurationError(
            f"expected a folder of the study {PUBLISHED.name}, got one of {folder.study.name} in {resume}; "
            f"go on with it by qgeo study run --resume {resume}"
        )
    return folder


def _preset(name: str) -> Preset:
    return "quick" if name == "quick" else "full"


def _place(name: str, chosen: Sequence[str], out: Path | None) -> Path:
    if out is None:
        return Path("runs") / f"study-{name}-{datetime.now():%Y%m%d-%H%M%S}"
    return out if len(chosen) == 1 else out / name


def finish(folder: StudyFolder, workers: int | None, scheduler: str | None) -> dict[str, Any]:
    """Go on to the end, with a bar on stderr; the content of results.json."""
    workforce = Workforce.of(workers, scheduler)
    messages().print(f"folder: {folder.path}", soft_wrap=True)
    stopping = stoppable("qgeo study run --resume", folder.path / BEGUN)
    with bars() as progress, stopping:
        task = progress.add_task(folder.study.name, total=None)

        def shown(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        return go_on(folder, workforce, shown)


def print_summary(summary: dict[str, Any], path: Path) -> None:
    """Verdict, answer, checks, where the page is."""
    console = tables()
    console.print(f"{summary['study']}: {summary['verdict']}. {summary['answer']}", soft_wrap=True)
    if summary["reason"]:
        console.print(f"no verdict: {summary['reason']}", soft_wrap=True)
    lines = (
        (check["role"], check["expected"], check["seen"], "yes" if check["holds"] else "NO")
        for check in summary["checks"]
    )
    print_table(console, _table(("check", "expected", "seen", "holds"), lines))
    console.print(f"page: {path / REPORT}", soft_wrap=True)


def print_published(summary: dict[str, Any], path: Path) -> None:
    """Every number beside ours, what they add up to, where the page is."""
    console = tables()
    for each in summary["tables"]:
        print_table(console, _table(each["columns"], each["rows"]))
    console.print(summary["answer"], soft_wrap=True)
    for check in summary["checks"]:
        if not check["holds"]:
            console.print(f"failed: expected {check['expected']}, saw {check['seen']}", soft_wrap=True)
    console.print(f"page: {path / REPORT}", soft_wrap=True)


def _table(names: Sequence[str], lines: Iterable[Sequence[str]]) -> Table:
    table = Table()
    for name in names:
        table.add_column(name)
    for line in lines:
        table.add_row(*line)
    return table
