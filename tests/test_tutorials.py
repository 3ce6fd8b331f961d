"""Every notebook in tutorials/ runs from scratch in under two minutes, and is stored as it ran, clean.

The notebooks run in a kernel of this interpreter, in an empty folder: they may rely on the installed package
and on nothing else.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from time import monotonic
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

TUTORIALS = Path(__file__).parents[1] / "tutorials"
NOTEBOOKS = sorted(TUTORIALS.glob("*.ipynb"))
SECONDS = 120
LARGEST_FILE = 2**20

ABSOLUTE_PATH = re.compile(r"(?<![\w./])/(?:home|root|Users|tmp|work|usr|opt|var|mnt|private)/|\b[A-Z]:\\")
WARNING = re.compile(r"\b\w*Warning:|\[\w+\] WARNING")

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@each_notebook
def test_it_runs_from_scratch(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Seen to fail when a cell raised, when a cell warned, when a cell slept for longer than the limit.
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")  # the kernel of this environment, not of the user
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("MPLBACKEND", raising=False)  # figures go into the notebook
    executed = _executed(path, tmp_path)
    assert [_complaint(cell) for cell in _code(executed) if _complaint(cell)] == []
    assert _figures(executed) == _figures(_read(path)), "stored figures are not those of the code; run again"


@each_notebook
def test_it_is_stored_as_it_ran(path: Path) -> None:
    # Seen to fail for a cleared notebook, one run out of order, one with a cell added afterwards.
    cells = _code(_read(path))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert any(cell.outputs for cell in cells)
    assert path.stat().st_size < LARGEST_FILE


@each_notebook
def test_its_stored_outputs_are_clean(path: Path) -> None:
    # Seen to fail for a stored traceback, a stream on stderr, a printed warning, a printed path.
    assert [_complaint(cell) for cell in _code(_read(path)) if _complaint(cell)] == []


@each_notebook
def test_it_names_the_common_kernel_and_no_place(path: Path) -> None:
    notebook = _read(path)
    assert notebook.metadata.kernelspec.name == "python3"
    assert not ABSOLUTE_PATH.search("\n".join(cell.source for cell in notebook.cells))
    assert not ABSOLUTE_PATH.search(str(notebook.metadata))


@pytest.mark.parametrize(
    ("output", "complaint"),
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
def test_the_checks_see_what_they_look_for(output: dict[str, Any], complaint: str) -> None:
    cell = nbformat.v4.new_code_cell("x", outputs=[nbformat.from_dict(output)])
    assert _complaint(cell).partition(":")[0] == complaint


# --- helpers ----------------------------------------------------------------------------------------------


def _executed(path: Path, folder: Path) -> Any:
    """The notebook with the outputs of a fresh kernel; a cell's error, or one too slow, is raised."""
    notebook = _read(path)
    for cell in _code(notebook):
        cell.outputs, cell.execution_count = [], None
    deadline = monotonic() + SECONDS
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        timeout_func=lambda _cell: max(1, int(deadline - monotonic())),  # each cell gets what is left
    )
    asyncio.run(client.async_execute())
    assert monotonic() < deadline
    return notebook


def _read(path: Path) -> Any:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def _code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _figures(notebook: Any) -> list[int]:
    """How many figures each cell shows."""
    return [sum("image/png" in output.get("data", {}) for output in cell.outputs) for cell in _code(notebook)]


def _complaint(cell: Any) -> str:
    """What is wrong with a cell's outputs, in words; empty if nothing is."""
    for output in cell.outputs:
        if output.output_type == "error":
            return f"error: {output.ename}: {output.evalue}"
        if output.output_type == "stream" and output.name == "stderr":
            return f"stderr: {output.text}"
        text = _text(output)
        if WARNING.search(text):
            return f"warning: {text}"
        if ABSOLUTE_PATH.search(text):
            return f"path: {text}"
    return ""


def _text(output: Any) -> str:
    """What a reader would read of an output: everything but pictures."""
    data = output.get("data", {})
    parts = [output.get("text", "")] + [data[kind] for kind in data if not kind.startswith("image/png")]
    return "\n".join(str(part) for part in parts)
