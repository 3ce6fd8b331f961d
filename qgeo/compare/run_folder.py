"""The folder of a comparison: written atomically, so that a kill at any moment leaves it resumable.

    config.toml       the resolved configuration, versions, git revision
    corpus.txt        the text, where there is one
    parts/            one JSON file and one .npz per finished run; whatever is missing is run again
    ledger/           jobs on hardware, a ledger per run
    heads/            trained parameters by arm and seed (.npz, never pickle)
    records.jsonl     a line per arm, seed, step; timings.jsonl the wall times; both made from parts/
    results.json  report.html  figures/

The folder appears by a rename, already holding its configuration and corpus. Files appear by a rename too.
"""

from __future__ import annotations

import io
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import nn

from qgeo.errors import RunFolderError
from qgeo.files import Storage

RUN_FILES = Storage(
    name="run folder",
    error=RunFolderError,
    file_mode=0o644,
    folder_mode=0o755,
    when_full="choose another folder",
    when_damaged="remove it and use --resume",
    when_missing="finish the run with --resume",
)


@dataclass(frozen=True)
class RunFolder:
    """Paths of a comparison's files."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.toml"

    @property
    def corpus(self) -> Path:
        return self.path / "corpus.txt"

    @property
    def results(self) -> Path:
        return self.path / "results.json"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def is_finished(self) -> bool:
        """The report is written last."""
        return self.report.exists() and self.results.exists()

    def part(self, key: str) -> Path:
        return self.path / "parts" / f"{key}.json"

    @property
    def ledgers(self) -> Path:
        """Where the hardware jobs of all runs are kept, in a ledger each."""
        return self.path / "ledger"

    def head(self, arm: str, seed: int) -> Path:
        return self.path / "heads" / f"{arm}-{seed}.npz"


def create_run_folder(path: Path, config: str, corpus: str | None) -> RunFolder:
    """Make a new folder with its configuration and corpus; it appears complete or not at all.

    Raises:
        RunFolderError: it exists and is not empty, or cannot be written.
    """
    with _writing(path):
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise RunFolderError(f"expected a new or empty folder for --out, got {path}; choose another name")
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        try:
            write_atomically(draft / "config.toml", config)
            if corpus is not None:
                write_atomically(draft / "corpus.txt", corpus)
            draft.chmod(0o755)
            draft.replace(path)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    return RunFolder(path)


def open_run_folder(path: Path) -> RunFolder:
    """An existing run folder.

    Raises:
        RunFolderError: there is none.
    """
    folder = RunFolder(path)
    if not folder.config.is_file():
        raise RunFolderError(f"expected a run folder with a config.toml, found none at {path}")
    return folder


def write_atomically(path: Path, text: str) -> None:
    """Write a file that is either absent, old, or complete."""
    RUN_FILES.make_folder(path.parent)
    RUN_FILES.write_text(path, text)


def write_json(path: Path, content: Any) -> None:
    """Write JSON atomically; NaN and infinities are refused."""
    RUN_FILES.make_folder(path.parent)
    RUN_FILES.write_json(path, content)


def write_json_lines(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Write one JSON object a line, atomically."""
    write_atomically(path, "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines))


def read_json(path: Path) -> Any:
    """Read JSON, or say which file of the run folder is damaged."""
    return RUN_FILES.read_json(path, dict[str, Any])


def save_head(path: Path, head: nn.Module) -> None:
    """Write a head's parameters as arrays."""
    content = io.BytesIO()
    np.savez(content, **{name: tensor.numpy() for name, tensor in head.state_dict().items()})
    RUN_FILES.make_folder(path.parent)
    RUN_FILES.write_bytes(path, content.getvalue())


def load_head(path: Path, head: nn.Module) -> nn.Module:
    """Fill a freshly built head with saved parameters; pickled content is refused."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            state = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        head.load_state_dict(state)
    except FileNotFoundError:
        part = path.parents[1] / "parts" / "final" / f"{path.stem}.json"
        raise RunFolderError(
            f"expected a trained head, found none at {path}; finish the run first, or remove {part} and "
            "report.html to run it again"
        ) from None
    except (OSError, EOFError, TypeError, ValueError, RuntimeError, BadZipFile) as error:
        first_line = next(iter(str(error).splitlines()), type(error).__name__)
        raise RunFolderError(
            f"cannot read the trained head {path}: {first_line}; remove it and its part, and use --resume"
        ) from None
    return head


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """What the system refuses, as one sentence."""
    try:
        yield
    except OSError as error:
        raise RunFolderError(f"cannot write {path}: {error.strerror}; choose another folder") from None
