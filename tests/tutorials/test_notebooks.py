"""Every notebook in tutorials/ is stored as it ran, clean, in cells that are read at one glance.

`make notebooks` executes them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

from tutorials.outputs import ABSOLUTE_PATH, code_cells, complaint, complaints, read

TUTORIALS = Path(__file__).parents[2] / "tutorials"
NOTEBOOKS = sorted(TUTORIALS.glob("*.ipynb"))
LARGEST_FILE = 2**20
MOST_LINES = 15  # of a code cell: what is read at one glance

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


def test_the_table_of_contents_has_each() -> None:
    # Seen to fail: the row of the last notebook removed.
    contents = (TUTORIALS / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in NOTEBOOKS if f"({path.name})" not in contents] == []


@each_notebook
def test_it_is_stored_as_it_ran(path: Path) -> None:
    # Seen to fail for a cleared notebook, one run out of order, one with a cell added afterwards.
    cells = code_cells(read(path))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert any(cell.outputs for cell in cells)
    assert path.stat().st_size < LARGEST_FILE


@each_notebook
def test_its_stored_outputs_are_clean(path: Path) -> None:
    # Seen to fail for a stored traceback, a stream on stderr, a printed warning, a printed path.
    assert complaints(read(path)) == []


@each_notebook
def test_it_names_the_common_kernel_and_no_place(path: Path) -> None:
    notebook = read(path)
    assert notebook.metadata.kernelspec.name == "python3"
    assert not ABSOLUTE_PATH.search("\n".join(cell.source for cell in notebook.cells))
    assert not ABSOLUTE_PATH.search(str(notebook.metadata))


@each_notebook
def test_its_cells_are_short(path: Path) -> None:
    # Seen to fail: a cell of 16 lines.
    assert max(len(cell.source.splitlines()) for cell in code_cells(read(path))) <= MOST_LINES


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ({"output_type": "stream", "name": "stdout", "text": "loss 0.46, see runs/a and and/or"}, ""),
        ({"output_type": "stream", "name": "stderr", "text": "hm"}, "stderr"),
        ({"output_type": "error", "ename": "E", "evalue": "no", "traceback": []}, "error"),
        ({"output_type": "stream", "name": "stdout", "text": "a.py:1: UserWarning: odd"}, "warning"),
        ({"output_type": "stream", "name": "stdout", "text": "in /home/ada/a.py"}, "path"),
        ({"output_type": "display_data", "metadata": {}, "data": {"text/html": "<p>C:\\Users"}}, "path"),
        ({"output_type": "display_data", "metadata": {}, "data": {"image/png": "ab/tmp/9C:\\"}}, ""),
    ],
)
def test_the_checks_see_what_they_look_for(output: dict[str, Any], words: str) -> None:
    cell = nbformat.v4.new_code_cell("x", outputs=[nbformat.from_dict(output)])
    assert complaint(cell).partition(":")[0] == words
