"""What a notebook's stored outputs say: its code cells, and what is wrong with one of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat

ABSOLUTE_PATH = re.compile(r"(?<![\w./])/(?:home|root|Users|tmp|work|usr|opt|var|mnt|private)/|\b[A-Z]:\\")
WARNING = re.compile(r"\b\w*Warning:|\[\w+\] WARNING")


def read(path: Path) -> Any:
    """The notebook of a file, checked against its schema."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def complaints(notebook: Any) -> list[str]:
    """What is wrong with the outputs of each code cell that something is wrong with."""
    return [words for words in map(complaint, code_cells(notebook)) if words]


def complaint(cell: Any) -> str:
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
