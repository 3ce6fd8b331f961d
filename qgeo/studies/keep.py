"""The summaries of finished studies, small enough to be committed: results/studies/NAME.

    python -m qgeo.studies.keep RUN …          results.json and figures of every folder, as they are

RESULTS.md quotes from there, and shows these figures.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from qgeo.comparison.run_folder import RUN_FILES
from qgeo.errors import QGeoError, RunFolderError
from qgeo.studies.folder import RESULTS, open_folder

KEPT = Path(__file__).parents[2] / "results" / "studies"


def keep(run: Path, kept: Path = KEPT) -> Path:
    """Copy what a finished study found; the folder it lies in.

    Raises:
        RunFolderError: it is no folder of a study, or not finished.
    """
    folder = open_folder(run)
    if not (run / RESULTS).is_file():
        raise RunFolderError(f"expected a finished study, got {run}; qgeo study run --resume {run} goes on")
    place = kept / folder.begun.study
    RUN_FILES.make_folder(place)
    for file in [run / RESULTS, *sorted((run / "figures").glob("*.svg"))]:
        shutil.copyfile(file, place / file.name)
    return place


def main(runs: Sequence[str]) -> int:
    """Keep all of them; exit status."""
    try:
        for run in runs:
            print(keep(Path(run)))
    except QGeoError as error:
        print(f"qgeo: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
