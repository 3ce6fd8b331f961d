"""What every run of a comparison starts from: its configuration and its task, read from the run folder."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from qgeo.comparison.config import CONFIGURATION_FILES, parse_configuration, read_toml
from qgeo.comparison.run_folder import RUN_FILES, RunFolder, open_run_folder
from qgeo.comparison.sections import Configuration, TaskSection
from qgeo.comparison.trunk import KeptTrunk, read_trunk, with_trunk
from qgeo.tasks.task import Task, source_task, text_task
from qgeo.tasks.text import DEFAULT_CORPUS, read_corpus


@dataclass(frozen=True)
class RunInputs:
    """All that the jobs of a comparison have in common, as it travels to workers.

    Attributes:
        config: the run folder's config.toml; corpus: its text, None for a source.
        digest: of all, which outcomes are bound to; origin: where they lie, for messages.
        trunk: what heads stand on; None for none, and before it is trained.
    """

    config: str
    corpus: str | None
    digest: str
    origin: str
    trunk: KeptTrunk | None = None

    @classmethod
    def read(cls, folder: RunFolder) -> RunInputs:
        """Of a run folder.

        Raises:
            RunFolderError: they are no longer those that its runs are made with.
        """
        folder.check_inputs(read_toml(folder.config))
        digests = folder.read_digests()
        corpus = None if digests.corpus is None else read_corpus(folder.corpus)
        config = CONFIGURATION_FILES.read_text(folder.config)
        without = cls(config, corpus, digests.inputs, str(folder.config))
        if digests.trunk is None:
            return without
        configuration, task = _parsed(without)
        return replace(without, trunk=read_trunk(folder, configuration.trunk, task))

    def load(self) -> tuple[Configuration, Task]:
        """Configuration and task, made once per process."""
        return _loaded(self)


def load_inputs(path: Path) -> tuple[Configuration, Task]:
    """Configuration and task of a run folder."""
    return RunInputs.read(open_run_folder(path)).load()


@lru_cache(maxsize=8)
def _loaded(inputs: RunInputs) -> tuple[Configuration, Task]:
    configuration, task = _parsed(replace(inputs, trunk=None))
    return configuration, with_trunk(task, configuration.trunk, inputs.trunk)


@lru_cache(maxsize=8)
def _parsed(inputs: RunInputs) -> tuple[Configuration, Task]:
    """Without the trunk."""
    settings = tomllib.loads(inputs.config)
    settings.pop("environment", None)  # a run folder's own record of versions
    configuration = parse_configuration(settings, inputs.origin)
    return configuration, task_of(configuration.task, inputs.corpus)


def build_task(section: TaskSection) -> Task:
    """The task that a configuration names; errors as for `task_of`."""
    return task_of(section, None if section.name is not None else _corpus(section))


def task_ahead(configuration: Configuration) -> Task:
    """The task of a comparison that has not begun, its trunk with its initial numbers.

    Raises:
        TaskError, ConfigurationError: as for `task_of` and `with_trunk`.
    """
    return with_trunk(build_task(configuration.task), configuration.trunk)


def task_of(section: TaskSection, corpus: str | Path | None) -> Task:
    """The task of a configuration and its text, or of the source that it names.

    Raises:
        TaskError, ConfigurationError: a corpus that cannot be used, an unknown source, sizes out of range.
    """
    if corpus is None:
        name = section.name or ""
        return source_task(name, context=section.context, length=section.length, seed=section.seed)
    title = section.title or Path(section.text or DEFAULT_CORPUS).stem
    return text_task(corpus, context=section.context, vocabulary=section.vocabulary, name=title)


def with_own_corpus(configuration: Configuration) -> tuple[Configuration, str | None]:
    """The configuration as it stands in the run folder, and the text to copy there (None for a source); a
    trunk's folder by its whole path."""
    section, trunk = configuration.task, configuration.trunk.beside(Path.cwd())
    configuration = configuration.model_copy(update={"trunk": trunk})
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
