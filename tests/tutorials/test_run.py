"""Executing a notebook: what it may rely on, and that one with something wrong is not stored."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError, CellTimeoutError

from tutorials import run
from tutorials.outputs import code_cells, read


@pytest.fixture(autouse=True)
def own_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")  # the kernel of this environment, not of the user
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))


def test_it_may_rely_on_answers_and_is_stored(tmp_path: Path) -> None:
    # Seen to fail: answers not copied; the notebook not written.
    path = _notebook(tmp_path, "import answers", "answers.check_1a(6.25)")
    assert run.run(path) == []
    cells = code_cells(read(path))
    assert [cell.execution_count for cell in cells] == [1, 2]
    assert cells[1].outputs[0].text == "right\n"


def test_what_is_printed_with_a_pause_is_one_output(tmp_path: Path) -> None:
    # Seen to fail: coalesce_streams left out.
    path = _notebook(tmp_path, "import time; print(1, flush=True); time.sleep(0.5); print(2, flush=True)")
    assert run.run(path) == []
    assert [output.text for output in code_cells(read(path))[0].outputs] == ["1\n2\n"]


def test_it_may_not_rely_on_the_folder_of_notebooks(tmp_path: Path) -> None:
    # Seen to fail: the kernel started in the folder of the notebook.
    (tmp_path / "beside.py").touch()
    with pytest.raises(CellExecutionError, match="No module named 'beside'"):
        run.run(_notebook(tmp_path, "import beside"))


def test_one_that_warns_is_not_stored(tmp_path: Path) -> None:
    # Seen to fail: written before its outputs were looked at.
    path = _notebook(tmp_path, "import warnings; warnings.warn('odd')")
    before = path.read_bytes()
    assert [words.partition(":")[0] for words in run.run(path)] == ["stderr"]
    assert path.read_bytes() == before


def test_one_that_is_too_slow_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Seen to fail: no limit given to the cells.
    monkeypatch.setattr(run, "SECONDS", 1)
    with pytest.raises(CellTimeoutError):
        run.run(_notebook(tmp_path, "import time; time.sleep(20)"))


def _notebook(folder: Path, *sources: str) -> Path:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = folder / "tiny.ipynb"
    nbformat.write(notebook, path)
    return path
