"""Files that survive a crash: complete or absent, on the disk before the next step; read back without trust.

A `Storage` is one kind of folder (a ledger, a run folder): the error that its files raise, the mode that new
ones get. Everything of ours that is read back goes through one: a regular file of bounded size, in the types
that its `FileModel` says, finite numbers, no key too many. Arrays: `array_files.py`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic_core import from_json

from qgeo.errors import QGeoError
from qgeo.system import is_alive, opened_regular, replace_file, replace_folder, sync_folder, write_synced
from qgeo.validation import first_problem

MOST_JSON_BYTES = 64 * 2**20
"""A results.json of a hundred arms has 2 MB, a manifest of a million values 20 MB."""

_SEAL = re.compile(rb'\{\n "sha256": "([0-9a-f]{64})",\n')


class FileModel(BaseModel):
    """What a file of ours holds: exact types, finite numbers, no other keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=BaseModel)
Content = TypeVar("Content")


@dataclass(frozen=True)
class Storage:
    """How the files of one kind of folder are written and read.

    name: of the kind, in messages; error: raised for a file that cannot be written, read or trusted.
    file_mode, folder_mode: of what is new; when_full: what to know or do where nothing can be written;
    when_damaged, when_missing: what to do about a file that cannot be read, or is not there.
    """

    name: str
    error: type[QGeoError]
    file_mode: int
    folder_mode: int
    when_full: str
    when_damaged: str
    when_missing: str

    # --- writing --------------------------------------------------------------------------------------------

    def make_folder(self, path: Path) -> None:
        """A folder, with its parents.

        Raises:
            the storage's error: it cannot be made.
        """
        with self._writing(path):
            self._make(path)

    def publish_folder(self, path: Path, fill: Callable[[Path], None]) -> None:
        """A new folder that appears complete or not at all: filled under another name, then renamed.

        Raises:
            the storage's error: something is there already, or it cannot be written.
        """
        with self._writing(path):
            if path.exists() and (not path.is_dir() or any(path.iterdir())):
                raise self.error(f"expected a new or empty folder for --out, got {path}; choose another name")
            self._make(path.parent)
            sweep(path.parent, path.name)
            draft = _draft_of(path)
            shutil.rmtree(draft, ignore_errors=True)  # of a dead process with this one's number
            try:
                draft.mkdir(mode=self.folder_mode)
                fill(draft)
                draft.chmod(self.folder_mode)  # whatever the umask
                replace_folder(draft, path)
                sync_folder(path.parent)
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                raise

    def write_bytes(self, path: Path, content: bytes) -> None:
        """Write, fsync, rename, fsync the folder: complete or not there.

        Raises:
            the storage's error: the disk is full or the folder cannot be written.
        """
        draft = _draft_of(path)
        with self._writing(path):
            try:
                write_synced(draft, content, self.file_mode)
                replace_file(draft, path)
                sync_folder(path.parent)
            except OSError:
                _remove(draft)
                raise

    def write_text(self, path: Path, text: str) -> None:
        """UTF-8, as `write_bytes` does."""
        self.write_bytes(path, text.encode("utf-8"))

    def write_json(self, path: Path, content: Any) -> None:
        """JSON, as `write_bytes` does.

        Raises:
            ValueError: NaN or an infinity, which no reader would take.
        """
        self.write_text(path, _json(content))

    def write_sealed(self, path: Path, content: Any) -> None:
        """JSON whose first key is the SHA-256 of all that follows, so that any change is noticed."""
        self.write_text(path, sealed(content))

    def remove(self, path: Path) -> None:
        """Remove a file, if it is there.

        Raises:
            the storage's error: it cannot be removed.
        """
        with self._writing(path):
            path.unlink(missing_ok=True)

    # --- reading --------------------------------------------------------------------------------------------

    def is_there(self, path: Path) -> bool:
        """Whether there is anything under this name, readable or not."""
        return os.path.lexists(path)

    def listed(self, folder: Path) -> list[Path]:
        """What a folder holds; nothing if it is not there.

        Raises:
            the storage's error: it is no folder, or cannot be read.
        """
        try:
            return sorted(folder.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self.damaged(folder, str(error.strerror)) from None

    def read_bytes(self, path: Path, most: int, advice: str | None = None) -> bytes:
        """The content of a regular file of at most `most` bytes.

        Args:
            advice: what to do about a damaged one, if not `when_damaged`.

        Raises:
            the storage's error: it is missing, no regular file (a folder, a pipe, a device, a ring of links),
                too large, or cannot be read.
        """
        content = self._start_of(path, most + 1, advice)
        if len(content) > most:
            raise self.damaged(path, f"expected at most {most:,} bytes, got more", advice)
        return content

    def read_text(self, path: Path, most: int = MOST_JSON_BYTES, advice: str | None = None) -> str:
        """UTF-8 text.

        Raises:
            the storage's error: as for `read_bytes`, or it is not UTF-8.
        """
        try:
            return self.read_bytes(path, most, advice).decode("utf-8")
        except UnicodeDecodeError as error:
            reason = f"expected UTF-8 text, got another byte at {error.start}"
            raise self.damaged(path, reason, advice) from None

    def read_json(self, path: Path, model: type[Content], advice: str | None = None) -> Content:
        """The content of a JSON file, of the types that a `FileModel` or another type form says.

        Raises:
            the storage's error: it is missing, damaged, or holds something else; the first thing is named.
        """
        return self.parsed_json(path, self.read_bytes(path, MOST_JSON_BYTES, advice), model, advice)

    def read_sealed(self, path: Path, model: type[Content], advice: str | None = None) -> Content:
        """The content of a file of `write_sealed`.

        Raises:
            the storage's error: as for `read_json`, or the file was changed after it was written.
        """
        content = self.read_bytes(path, MOST_JSON_BYTES, advice)
        return self.parsed_json(path, self._unsealed(path, content, advice), model, advice)

    def read_json_lines(self, path: Path, model: type[Content], advice: str | None = None) -> list[Content]:
        """The content of a file of one JSON value a line.

        Raises:
            the storage's error: as for `read_json`.
        """
        lines = self.read_bytes(path, MOST_JSON_BYTES, advice).splitlines()
        return [self.parsed_json(path, line, model, advice) for line in lines]

    def read_versioned(
        self,
        path: Path,
        models: Mapping[int, type[Model]],
        advice: str | None = None,
        *,
        sealed: Container[int] = (),
    ) -> Model:
        """A JSON object whose key `format` says by which model it is read; 1 where there is none.

        Args:
            sealed: formats that `write_sealed` wrote.

        Raises:
            the storage's error: as for `read_json`, or a format that is not known here.
        """
        content = self.read_bytes(path, MOST_JSON_BYTES, advice)
        try:
            parsed = from_json(content, allow_inf_nan=False)
        except ValueError as error:
            raise self.damaged(path, f"expected JSON ({error})", advice) from None
        version = parsed.get("format", 1) if isinstance(parsed, dict) else None
        if isinstance(version, bool) or not isinstance(version, int):
            raise self.damaged(path, "expected an object with a number as its format", advice)
        if version not in models:
            known = " or ".join(map(str, sorted(models)))
            raise self.error(
                f"expected {path} in format {known}, got {version}, which another version of qgeo wrote; "
                "use that version"
            )
        inner = self._unsealed(path, content, advice) if version in sealed else content
        return self.parsed_json(path, inner, models[version], advice)

    def checked_bytes(self, path: Path, wanted: str, most: int) -> bytes:
        """A file's content, if its SHA-256 is the one recorded.

        Raises:
            the storage's error: it is missing, or somebody changed it; it is not read further.
        """
        content = self._start_of(path, most + 1, None)
        if len(content) > most or digest(content) != wanted:
            raise self.error(
                f"expected {path} as it was written (SHA-256 {wanted[:12]}…), got another content"
            )
        return content

    def missing(self, path: Path) -> QGeoError:
        """The error of a file that is not there."""
        article = "an" if self.name[0] in "aeiou" else "a"
        return self.error(f"expected {article} {self.name} file at {path}, found none; {self.when_missing}")

    def damaged(self, path: Path, reason: str, advice: str | None = None) -> QGeoError:
        """The error of a file that cannot be used."""
        return self.error(f"cannot read {path}: {reason}; {advice or self.when_damaged}")

    def parsed_json(
        self, path: Path, content: bytes, model: type[Content], advice: str | None = None
    ) -> Content:
        """The content of a JSON file that was read already; see `read_json`."""
        try:
            return TypeAdapter(model).validate_json(content)
        except ValidationError as error:
            raise self.damaged(path, first_problem(error), advice) from None

    def _start_of(self, path: Path, most: int, advice: str | None) -> bytes:
        """At most so many bytes of a regular file."""
        try:
            with opened_regular(path) as file:
                return file.read(min(os.fstat(file.fileno()).st_size, most))
        except FileNotFoundError:
            raise self.missing(path) from None
        except OSError as error:
            raise self.damaged(path, str(error.strerror), advice) from None

    def _unsealed(self, path: Path, content: bytes, advice: str | None) -> bytes:
        seal = _SEAL.match(content)
        if seal is None or digest(content[seal.end() :]) != seal[1].decode():
            raise self.damaged(path, "expected the file as it was written, got another content", advice)
        return b"{\n" + content[seal.end() :]

    def _make(self, path: Path) -> None:
        for folder in (*reversed(path.parents), path):  # mkdir gives its mode to the last of them alone
            if not folder.exists():
                folder.mkdir(mode=self.folder_mode, exist_ok=True)

    @contextmanager
    def _writing(self, path: Path) -> Iterator[None]:
        """What the system refuses, as one sentence."""
        try:
            yield
        except OSError as error:
            raise self.error(f"cannot write {path}: {error.strerror}; {self.when_full}") from None


def _json(content: Any) -> str:
    plain = content.model_dump(mode="json") if isinstance(content, BaseModel) else content
    return json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def sealed(content: Any) -> str:
    """The text of a file of `write_sealed`."""
    rest = _json(content).removeprefix("{\n")
    return f'{{\n "sha256": "{digest(rest.encode())}",\n{rest}'


def digest(content: bytes) -> str:
    """SHA-256, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def sweep(folder: Path, name: str = "") -> None:
    """Remove drafts (`.NAME.PID.tmp`) in a folder whose processes are dead: no rename will ever use them."""
    for draft in folder.iterdir() if folder.is_dir() else ():
        process = _process_of_draft(draft.name, name)
        if process is not None and not is_alive(process):
            shutil.rmtree(draft, ignore_errors=True) if draft.is_dir() else _remove(draft)


def _draft_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def _process_of_draft(draft: str, name: str) -> int | None:
    """The number in `.NAME.PID.tmp`; "" as a name stands for any."""
    match = re.fullmatch(r"\.(.+)\.(\d{1,18})\.tmp", draft)
    return int(match[2]) if match and name in ("", match[1]) else None


def _remove(draft: Path) -> None:
    try:
        draft.unlink(missing_ok=True)
    except OSError:  # below a file, or a name too long: it was never there
        return
