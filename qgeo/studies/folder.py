"""The folder of a study, resumable after a kill at any moment.

    study.json                   sealed: which study, which preset, what it was begun with
    parts/                       a sealed file per piece of work that is done
    rows.jsonl  results.json     all pieces in order; verdict, answer, checks, tables, key numbers
    figures/  report.html        written last

The folder appears by a rename, and so does every file in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from qgeo.comparison.run_folder import RUN_FILES, write_json, write_json_lines
from qgeo.comparison.threads import single_thread
from qgeo.environment import environment
from qgeo.errors import RunFolderError
from qgeo.files import FileModel, digest, sweep
from qgeo.locks import alone
from qgeo.studies.catalogue import STUDIES
from qgeo.studies.page import write_page
from qgeo.studies.study import Preset, Row, Study
from qgeo.workers.batches import Pool, results
from qgeo.workers.workforce import Workforce

BEGUN, ROWS, RESULTS, REPORT = "study.json", "rows.jsonl", "results.json", "report.html"
_ANEW = "start anew in another folder"

Progress = Callable[[int, int], None]
"""Told how many pieces of work are done, of how many."""


class Begun(FileModel):
    """What a study was begun with; items: the digest of its pieces of work."""

    format: Literal[1] = 1
    study: str
    preset: Preset
    items: str
    environment: dict[str, str]


class Part(FileModel):
    """A piece of work that is done."""

    item: dict[str, Any]
    outcome: dict[str, Any]


@dataclass(frozen=True)
class StudyFolder:
    """A study with its pieces of work, and where they are kept."""

    path: Path
    study: Study
    begun: Begun

    @property
    def items(self) -> list[Row]:
        return self.study.items(self.begun.preset)

    def part(self, place: int) -> Path:
        return self.path / "parts" / f"{place:04d}.json"

    def keep(self, place: int, item: Row, outcome: Row) -> None:
        """Store what a piece of work gave."""
        RUN_FILES.write_sealed(self.part(place), {"item": item, "outcome": outcome})

    def rows(self) -> list[Row]:
        """Every item with what it gave.

        Raises:
            RunFolderError: a part is missing, damaged, or that of another item.
        """
        return [self._row(place, item) for place, item in enumerate(self.items)]

    def _row(self, place: int, item: Row) -> Row:
        part = RUN_FILES.read_sealed(self.part(place), Part)
        if part.item != item:
            raise RUN_FILES.damaged(self.part(place), "it is another piece of work")
        return item | part.outcome


def create(path: Path, name: str, preset: Preset) -> StudyFolder:
    """A new folder, in which nothing is done yet.

    Raises:
        ConfigurationError: no study of this name. RunFolderError: something is there, or nothing can be
            written.
    """
    study = STUDIES[name]
    items = _digest(study.items(preset))
    begun = Begun(study=name, preset=preset, items=items, environment=environment())

    def fill(draft: Path) -> None:
        RUN_FILES.make_folder(draft / "parts")
        RUN_FILES.write_sealed(draft / BEGUN, begun.model_dump())

    RUN_FILES.publish_folder(path, fill)
    return StudyFolder(path, study, begun)


def open_folder(path: Path) -> StudyFolder:
    """An existing one.

    Raises:
        RunFolderError: there is none, or its study has other pieces of work in this version.
    """
    if not (path / BEGUN).is_file():
        raise RunFolderError(
            f"expected a folder that qgeo study run made, got {path}; start one with qgeo study run NAME"
        )
    begun = RUN_FILES.read_sealed(path / BEGUN, Begun, _ANEW)
    study = STUDIES[begun.study]
    if _digest(study.items(begun.preset)) != begun.items:
        raise RunFolderError(
            f"expected the pieces of work of {begun.study}, got those of another version of qgeo in {path}; "
            f"use that version, or {_ANEW}"
        )
    return StudyFolder(path, study, begun)


def go_on(folder: StudyFolder, workforce: Workforce, on_progress: Progress = lambda *_: None) -> Row:
    """Do what is left, write the page; the content of results.json.

    Raises:
        RunFolderError: a part is damaged, nothing can be written, or somebody is at work in the folder.
    """
    with alone(folder.path, RUN_FILES):
        sweep(folder.path / "parts")
        _work(folder, workforce, on_progress)
        rows = folder.rows()
        summary = _summary(folder, rows)
        write_json_lines(folder.path / ROWS, rows)
        write_json(folder.path / RESULTS, summary)
        write_page(folder.path, folder.study, summary, folder.study.draw(rows))
        return summary


def _work(folder: StudyFolder, workforce: Workforce, on_progress: Progress) -> None:
    """Every piece that has no part yet; only this process writes."""
    items = folder.items
    missing = [place for place in range(len(items)) if not RUN_FILES.is_there(folder.part(place))]
    done = len(items) - len(missing)
    on_progress(done, len(items))
    if not missing:
        return
    with workforce.losses_told(f"qgeo study run --resume {folder.path}"), workforce.pool() as pool:
        for place, outcome in _outcomes(folder, missing, pool):
            folder.keep(place, items[place], outcome)
            done += 1
            on_progress(done, len(items))


def _outcomes(folder: StudyFolder, places: list[int], pool: Pool | None) -> Iterator[tuple[int, Row]]:
    common, items = folder.begun.study, folder.items
    pieces = [(place, items[place]) for place in places]
    if pool is None:
        yield from ((place, measured(common, (place, item))) for place, item in pieces)
    else:
        yield from ((place, outcome) for (place, _), outcome in results(measured, common, pieces, pool))


def measured(study: str, piece: tuple[int, Row]) -> Row:
    """What one piece of a study's work gives, in one thread: the same numbers wherever it is done."""
    with single_thread():
        return STUDIES[study].measure(piece[1])


def _summary(folder: StudyFolder, rows: list[Row]) -> Row:
    findings = folder.study.conclude(rows)
    verdict, reason = findings.allowed
    return {
        "study": folder.begun.study,
        "preset": folder.begun.preset,
        "claim": folder.study.claim,
        "verdict": verdict,
        "reason": reason,
        "answer": findings.answer,
        "replicates": findings.replicates,
        "checks": [asdict(check) for check in findings.checks],
        "tables": [asdict(table) for table in findings.tables],
        "numbers": findings.numbers,
        "environment": folder.begun.environment,
    }


def _digest(items: list[Row]) -> str:
    return digest(json.dumps(items, sort_keys=True).encode())
