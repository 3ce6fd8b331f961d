"""Executes notebooks from scratch, in place: `make notebooks`; `python tutorials/run.py 01` for some of them.

Each runs in a fresh kernel of this interpreter, in a folder that holds the package answers alone: it may rely
on the installed package and on that. One that raises, warns, prints a path or takes too long is not stored.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import nbformat
from nbclient import NotebookClient

sys.path.insert(0, str(Path(__file__).parents[1]))  # this file is run as a script and imported as a module
from tutorials.outputs import code_cells, complaints, read

HERE = Path(__file__).parent
ANSWERS = HERE / "answers"
SECONDS = 120  # the longest that a notebook may take


def executed(path: Path, folder: Path) -> Any:
    """The notebook with the outputs of a fresh kernel in `folder`; an error, or one too slow, is raised."""
    notebook = read(path)
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    shutil.copytree(ANSWERS, folder / "answers", ignore=shutil.ignore_patterns("__pycache__"))
    deadline = monotonic() + SECONDS
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        record_timing=False,  # the file changes only where its outputs do,
        coalesce_streams=True,  # not where the kernel happened to send what is printed in two pieces
        resources={"metadata": {"path": str(folder)}},
        timeout_func=lambda _cell: max(1, int(deadline - monotonic())),  # each cell gets what is left
    )
    asyncio.run(client.async_execute())
    if monotonic() > deadline:
        raise TimeoutError(f"{path.name} took longer than {SECONDS} seconds")
    notebook.metadata.language_info = {"name": "python"}  # no version: it is that of whoever ran it last
    return notebook


def run(path: Path) -> list[str]:
    """Executes a notebook and stores it, unless something is wrong with its outputs: that is returned."""
    with TemporaryDirectory() as folder:
        notebook = executed(path, Path(folder))
    wrong = complaints(notebook)
    if not wrong:
        nbformat.write(notebook, path)
    return wrong


def main(names: list[str]) -> int:
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # the kernel of this environment, not of the user
    os.environ.pop("MPLBACKEND", None)  # figures go into the notebook
    status = 0
    for path in sorted(HERE.glob("*.ipynb")):
        if names and not path.name.startswith(tuple(names)):
            continue
        begin = monotonic()
        wrong = run(path)
        print(f"{path.name}: {monotonic() - begin:.0f} s", *wrong, sep="\n  ", flush=True)
        status = 1 if wrong else status
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
