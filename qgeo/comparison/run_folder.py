"""The folder of a comparison: written atomically, so that a kill at any moment leaves it resumable.

    config.toml       the resolved configuration, versions, git revision
    digests.json      the format; what the files must be
    corpus.txt        the text, where there is one
    parts/            one sealed JSON file per finished run; whatever is missing is run again
    ledger/           jobs on hardware, a ledger per run
    trunk.npz         the trunk under all heads, where the comparison trained one
    heads/            trained parameters by arm and seed (.npz, never pickle)
    records.jsonl     a line per arm, seed, step; timings.jsonl the wall times; both made from parts/
    results.json  report.html  figures/

The folder appears by a rename, already holding its configuration and corpus. Files appear by a rename too.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import torch
from pydantic import Field
from torch import nn

from qgeo.array_files import ArraySpec, archive_overhead, array_bytes, parsed_arrays, size_of
from qgeo.comparison.outcomes import Digest, Part
from qgeo.errors import RunFolderError
from qgeo.files import MOST_JSON_BYTES, FileModel, Storage, digest, sealed, sweep

RUN_FILES = Storage(
    name="run folder",
    error=RunFolderError,
    file_mode=0o644,
    folder_mode=0o755,
    when_full="choose another folder",
    when_damaged="remove it and use --resume",
    when_missing="finish the run with --resume",
)


FORMAT: Literal[3] = 3
"""Of run folders; those of qgeo 0.1 have no number."""

UNDECISIVE = (("backend", "max_seconds"), ("task", "title"))
"""Settings that decide no number."""

OUTPUTS = ("results.json", "records.jsonl", "timings.jsonl")
"""Made from the parts, and again if the report is removed."""

REMAKE = "remove report.html and use --resume, which makes it again"


class Digests(FileModel):
    """SHA-256 of what must not change: settings that decide numbers, the corpus, the trunk once there is one,
    in the end the outputs."""

    format: Literal[3]
    settings: Digest
    corpus: Digest | None
    corpus_bytes: Annotated[int, Field(ge=0)]
    trunk: Digest | None = None
    outputs: dict[str, Digest] = Field(default_factory=dict)

    @property
    def inputs(self) -> str:
        """Of settings and corpus together, and of the trunk, on which all runs depend that stand on it."""
        trunk = "" if self.trunk is None else f" {self.trunk}"
        return digest(f"{self.settings} {self.corpus}{trunk}".encode())


Files = Sequence[tuple[str, bytes]]
"""Names in a run folder with their content, in the order in which they are written."""

Kind = TypeVar("Kind", bound=Part)
Object = dict[str, Any]


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
    def trunk(self) -> Path:
        return self.path / "trunk.npz"

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

    @property
    def digests(self) -> Path:
        return self.path / "digests.json"

    def part(self, key: str) -> Path:
        return self.path / part_name(key)

    def read_digests(self) -> Digests:
        """What the folder's files must be.

        Raises:
            RunFolderError: the file is missing, damaged, or of another version.
        """
        return RUN_FILES.read_versioned(self.digests, {FORMAT: Digests}, "restore it from a copy")

    def check_inputs(self, settings: Mapping[str, Any]) -> None:
        """Whether settings and corpus are still those that the runs are made with.

        Args:
            settings: the content of config.toml.

        Raises:
            RunFolderError: they are not.
        """
        written = self.read_digests()
        if settings_digest(settings) != written.settings:
            raise RunFolderError(
                f"expected {self.config} to decide the same numbers as when the folder was made, got other "
                f"settings; undo the change, or start anew with qgeo compare {self.config} --out NEW_FOLDER"
            )
        if written.corpus is not None:
            RUN_FILES.checked_bytes(self.corpus, written.corpus, written.corpus_bytes)

    def read_outcome(self, key: str, model: type[Kind]) -> Kind:
        """The outcome of a run.

        Raises:
            RunFolderError: it is missing, damaged, or not one of this comparison.
        """
        outcome = RUN_FILES.read_sealed(self.part(key), model)
        if outcome.inputs != self.read_digests().inputs:
            raise RUN_FILES.damaged(self.part(key), "it was made with other settings or another corpus")
        return outcome

    def write_files(self, files: Files) -> None:
        """Keep what a job left, each file by a rename, in this order."""
        for name, content in files:
            RUN_FILES.make_folder((self.path / name).parent)
            RUN_FILES.write_bytes(self.path / name, content)

    def keep_trunk(self, content: bytes) -> None:
        """Keep the arrays of the trunk, then their digest: none is recorded that is not there."""
        RUN_FILES.write_bytes(self.trunk, content)
        RUN_FILES.write_json(self.digests, self.read_digests().model_copy(update={"trunk": digest(content)}))

    def seal_outputs(self) -> None:
        """Record what results and records are, so that a change is noticed."""
        outputs = {name: digest(self._output(name)) for name in OUTPUTS}
        RUN_FILES.write_json(self.digests, self.read_digests().model_copy(update={"outputs": outputs}))

    def read_results(self) -> Object:
        """The content of results.json.

        Raises:
            RunFolderError: it is missing, damaged, or was changed.
        """
        return RUN_FILES.parsed_json(self.results, self.read_output("results.json"), Object, REMAKE)

    def read_lines(self, name: str) -> list[Object]:
        """The lines of records.jsonl or timings.jsonl; errors as for `read_results`."""
        lines = self.read_output(name).splitlines()
        return [RUN_FILES.parsed_json(self.path / name, line, Object, REMAKE) for line in lines]

    def read_output(self, name: str) -> bytes:
        """The content of results.json, records.jsonl or timings.jsonl, as it was sealed, if it was.

        Raises:
            RunFolderError: it is missing, or was changed.
        """
        content = self._output(name)
        sealed = self.read_digests().outputs.get(name) if RUN_FILES.is_there(self.digests) else None
        if sealed not in (None, digest(content)):
            raise RUN_FILES.damaged(
                self.path / name, "expected it as it was written, got another content", REMAKE
            )
        return content

    def _output(self, name: str) -> bytes:
        return RUN_FILES.read_bytes(self.path / name, MOST_JSON_BYTES, REMAKE)

    @property
    def ledgers(self) -> Path:
        """Where the hardware jobs of all runs are kept, in a ledger each."""
        return self.path / "ledger"

    def head(self, arm: str, seed: int) -> Path:
        return self.path / head_name(arm, seed)


def create_run_folder(path: Path, config: str, corpus: str | None, trunk: str | None = None) -> RunFolder:
    """Make a new folder with its configuration and corpus; it appears complete or not at all.

    Args:
        trunk: the digest of one that is there already.

    Raises:
        RunFolderError: it exists and is not empty, or cannot be written.
    """

    def fill(draft: Path) -> None:
        folder = RunFolder(draft)
        RUN_FILES.write_text(folder.config, config)
        if corpus is not None:
            RUN_FILES.write_text(folder.corpus, corpus)
        written = Digests(
            format=FORMAT,
            settings=settings_digest(tomllib.loads(config)),
            corpus=None if corpus is None else digest(corpus.encode()),
            corpus_bytes=len((corpus or "").encode()),
            trunk=trunk,
        )
        RUN_FILES.write_json(folder.digests, written)

    RUN_FILES.publish_folder(path, fill)
    return RunFolder(path)


def open_run_folder(path: Path) -> RunFolder:
    """An existing run folder of this format.

    Raises:
        RunFolderError: there is none, or one that another version wrote.
    """
    folder = RunFolder(path)
    if not folder.config.is_file():
        raise RunFolderError(f"expected a run folder with a config.toml, found none at {path}")
    if not RUN_FILES.is_there(folder.digests):
        raise RunFolderError(
            f"expected a run folder in format {FORMAT}, with a digests.json, found none at {path}: qgeo 0.1 "
            "wrote it, or the file was removed; use that version, or start anew with qgeo compare "
            f"{folder.config} --out NEW_FOLDER"
        )
    folder.read_digests()
    return folder


def sweep_drafts(folder: RunFolder) -> None:
    """Remove what killed processes were writing."""
    places = ("", "parts/tuning", "parts/final", "parts/race", "heads", "figures")
    for place in places:
        sweep(folder.path / place)


def settings_digest(settings: Mapping[str, Any]) -> str:
    """Of the settings that decide numbers: of a configuration's TOML without budget, title and versions."""
    decisive = {name: section for name, section in settings.items() if name != "environment"}
    for name, key in UNDECISIVE:
        if isinstance(decisive.get(name), dict):
            decisive[name] = {k: value for k, value in decisive[name].items() if k != key}
    return digest(json.dumps(decisive, sort_keys=True, default=str).encode())


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


def part_name(key: str) -> str:
    """Where the outcome of a job lies."""
    return f"parts/{key}.json"


def part_file(key: str, outcome: Mapping[str, Any], inputs: str) -> tuple[str, bytes]:
    """The outcome of a job, sealed, bound to what all jobs start from by the digest of that."""
    return part_name(key), sealed({"inputs": inputs, **outcome}).encode()


def head_name(arm: str, seed: int) -> str:
    """Where a trained head lies."""
    return f"heads/{arm}-{seed}.npz"


def head_bytes(head: nn.Module) -> bytes:
    """A head's parameters as arrays."""
    return array_bytes({name: tensor.numpy() for name, tensor in head.state_dict().items()}, compressed=False)


def load_head(path: Path, head: nn.Module, wanted: str | None = None) -> nn.Module:
    """Fill a freshly built head with saved parameters; other arrays and pickled content are refused.

    Args:
        wanted: the digest of the file, where it is known.

    Raises:
        RunFolderError: it is missing, damaged, or another one.
    """
    check_trained(path)
    expected = specs_of(head)
    advice, most = _again(path), size_of(expected)
    content = RUN_FILES.read_bytes(path, most + archive_overhead(expected), advice)
    if wanted is not None and digest(content) != wanted:
        raise RUN_FILES.damaged(path, "expected the head that its run left, got another", advice)
    arrays = parsed_arrays(RUN_FILES, path, content, expected, most=most, advice=advice)
    head.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    return head


def check_trained(path: Path) -> None:
    """
    Raises:
        RunFolderError: there is no head yet.
    """
    if not RUN_FILES.is_there(path):
        raise RunFolderError(
            f"expected a trained head, found none at {path}; finish the run first, or {_again(path)}"
        )


def specs_of(module: nn.Module) -> dict[str, ArraySpec]:
    """The arrays of a module's parameters."""
    return {
        name: ArraySpec(tuple(tensor.shape), tensor.numpy().dtype)
        for name, tensor in module.state_dict().items()
    }


def _again(path: Path) -> str:
    part = path.parents[1] / "parts" / "final" / f"{path.stem}.json"
    return f"remove it, {part} and report.html, and use --resume"
