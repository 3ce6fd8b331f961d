"""What every run of a comparison starts from: its configuration and its task, read from the run folder."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from qgeo.comparison.config import load_configuration, read_toml
from qgeo.comparison.run_folder import RUN_FILES, RunFolder, open_run_folder
from qgeo.comparison.sections import Configuration, TaskSection
from qgeo.tasks.task import Task, source_task, text_task
from qgeo.tasks.text import DEFAULT_CORPUS, read_corpus

_VERSIONS = ("qgeo", "torch", "numpy", "scipy", "qiskit", "qiskit-aer")


def load_inputs(path: Path) -> tuple[Configuration, Task]:
    """Configuration and task of a run folder, made once per process and folder."""
    return _loaded_inputs(path, open_run_folder(path).config.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _loaded_inputs(path: Path, written_at: int) -> tuple[Configuration, Task]:
    """A run folder's inputs never change, but another one may come to lie at the same path."""
    del written_at
    folder = open_run_folder(path)
    folder.check_inputs(read_toml(folder.config))
    configuration = load_configuration(folder.config)
    return configuration, build_task(configuration.task)


def build_task(section: TaskSection) -> Task:
    """The task that a configuration names.

    Raises:
        TaskError, ConfigurationError: a corpus that cannot be used, an unknown source, sizes out of range.
    """
    if section.name is not None:
        return source_task(section.name, context=section.context, length=section.length, seed=section.seed)
    corpus = _corpus(section)
    return text_task(corpus, context=section.context, vocabulary=section.vocabulary, name=section.title)


def with_own_corpus(configuration: Configuration) -> tuple[Configuration, str | None]:
    """The configuration as it stands in the run folder, and the text to copy there (None for a source)."""
    section = configuration.task
    if section.name is not None:
        return configuration, None
    corpus = _corpus(section)
    copied = section.model_copy(update={"text": "corpus.txt", "title": section.title or corpus.stem})
    return configuration.model_copy(update={"task": copied}), read_corpus(corpus)


def _corpus(section: TaskSection) -> Path:
    return DEFAULT_CORPUS if section.text is None else Path(section.text)


def recorded_environment(folder: RunFolder) -> dict[str, str]:
    """Versions that a run folder was made with.

    Raises:
        RunFolderError: its configuration has none, or no texts.
    """
    versions = read_toml(folder.config).get("environment")
    if not isinstance(versions, dict) or "qgeo" not in versions or set(map(type, versions.values())) != {str}:
        raise RUN_FILES.damaged(
            folder.config, "expected versions as texts in [environment]", "restore it from a copy"
        )
    return versions


def environment() -> dict[str, str]:
    """Versions, platform and git revision that a comparison ran with."""
    versions = {name: version(name) for name in _VERSIONS}
    versions |= {"python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}"}
    versions["cores"] = str(os.cpu_count())
    revision = _git_revision()
    return versions | ({"git": revision} if revision else {})


def _git_revision() -> str | None:
    """The checkout that this file lies in, with + where it has changes."""
    here = Path(__file__).parent
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
            cwd=here,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None if answer.returncode == 0 and _is_our_checkout(here) else None


def _is_our_checkout(here: Path) -> bool:
    return (here.parents[1] / ".git").exists()
