"""Executes notebooks from scratch, in place: `make notebooks`; `python tutorials/run.py 01` for some of them.

Each runs in a fresh kernel of this interpreter, in a folder that holds answers.py alone: it may rely on the
installed package and on that file.
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

HERE = Path(__file__).parent
ANSWERS = HERE / "answers.py"
SECONDS = 120  # the longest that a notebook may take


def read(path: Path) -> Any:
    """The notebook of a file, checked against its schema."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def executed(path: Path, folder: Path) -> Any:
    """The notebook with the outputs of a fresh kernel in `folder`; an error, or one too slow, is raised."""
    notebook = read(path)
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    shutil.copy(ANSWERS, folder)
    deadline = monotonic() + SECONDS
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        record_timing=False,  # the file changes only where its outputs do
        resources={"metadata": {"path": str(folder)}},
        timeout_func=lambda _cell: max(1, int(deadline - monotonic())),  # each cell gets what is left
    )
    asyncio.run(client.async_execute())
    if monotonic() > deadline:
        raise TimeoutError(f"{path.name} took longer than {SECONDS} seconds")
    notebook.metadata.language_info = {"name": "python"}  # no version: it is that of whoever ran it last
    return notebook


def main(names: list[str]) -> None:
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # the kernel of this environment, not of the user
    os.environ.pop("MPLBACKEND", None)  # figures go into the notebook
    for path in sorted(HERE.glob("*.ipynb")):
        if names and not path.name.startswith(tuple(names)):
            continue
        begin = monotonic()
        with TemporaryDirectory() as folder:
            notebook = executed(path, Path(folder))
        nbformat.write(notebook, path)
        print(f"{path.name}: {monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
