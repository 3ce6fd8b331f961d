"""The trunk of a comparison: trained once before all runs, kept in the run folder, under every head.

    task.train ──AdamW──▶ trunk.npz ──▶ task.trunk ──▶ every head's encoder

A task carries its trunk. Before it is trained, what asks for shapes, memory or time alone gets one with its
initial numbers. A model in a folder of its own stays there and is known by the digest of its files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from qgeo.array_files import archive_overhead, array_bytes, parsed_arrays, size_of
from qgeo.comparison.run_folder import RUN_FILES, RunFolder, specs_of
from qgeo.comparison.sections import Configuration
from qgeo.comparison.threads import single_thread
from qgeo.comparison.training import final_windows, mean_loss, validation_windows
from qgeo.comparison.trunk_section import TrunkSection
from qgeo.errors import ConfigurationError, RunFolderError
from qgeo.heads.trunk import MemoisedTrunk, memoised
from qgeo.tasks.task import Task
from qgeo.trunks.gpt import GPT, GPTSizes, GPTTrunk
from qgeo.trunks.hugging_face import HuggingFaceTrunk, folder_digest
from qgeo.trunks.training import trained_gpt, untrained


@dataclass(frozen=True)
class KeptTrunk:
    """A trunk as it travels to workers.

    Attributes:
        digest: of its arrays, or of the model's files; content: of trunk.npz, None for a model in a folder.
    """

    digest: str
    content: bytes | None


def with_trunk(task: Task, section: TrunkSection, kept: KeptTrunk | None = None) -> Task:
    """The task with what its heads stand on; untrained where nothing is kept yet.

    Raises:
        ConfigurationError: sizes out of range, no such model, or other files in its folder than were kept.
        RunFolderError: arrays of another trunk.
    """
    return replace(task, trunk=_trunk(task, section, kept))


def _trunk(task: Task, section: TrunkSection, kept: KeptTrunk | None) -> MemoisedTrunk | None:
    if section.folder is not None:
        return memoised(_model_in(section.folder, task, kept))
    if not section.is_trained:
        return None
    model = untrained(sizes_of(section, task), section.seed)
    if kept is not None and kept.content is not None:
        _fill(model, kept.content)
    return memoised(GPTTrunk(model))


def sizes_of(section: TrunkSection, task: Task) -> GPTSizes:
    """Of a task's GPT; errors as for `GPTSizes`."""
    return GPTSizes(
        task.vocabulary_size, task.context, section.width, section.layers, section.attention_heads
    )


def digest_beforehand(section: TrunkSection) -> str | None:
    """What a model in a folder is known by; None for a trunk that is still to be trained, or none."""
    return None if section.folder is None else folder_digest(section.folder)


def train_trunk(folder: RunFolder, configuration: Configuration, task: Task) -> None:
    """Train the comparison's trunk, and keep it with the digest that all runs are bound to."""
    section = configuration.trunk
    with single_thread():
        model = trained_gpt(
            sizes_of(section, task),
            task.train,
            steps=section.steps,
            batch=section.batch,
            lr=section.lr,
            seed=section.seed,
        )
    arrays = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    folder.keep_trunk(array_bytes(arrays, compressed=False))


def is_to_train(folder: RunFolder, section: TrunkSection) -> bool:
    """Whether the trunk is one that is trained here, and is not yet."""
    return section.is_trained and folder.read_digests().trunk is None


def read_trunk(folder: RunFolder, section: TrunkSection, task: Task) -> KeptTrunk | None:
    """What is kept of the trunk; None before it is trained, and where there is none.

    Raises:
        RunFolderError: its file is missing, or another one.
    """
    digest = folder.read_digests().trunk
    if digest is None:
        return None
    if not section.is_trained:
        return KeptTrunk(digest, None)
    if not RUN_FILES.is_there(folder.trunk):
        raise RunFolderError(
            f"expected the trunk that all runs stand on at {folder.trunk}, found none; restore it from a "
            "copy, or start anew"
        )
    specs = specs_of(untrained(sizes_of(section, task), 0))
    content = RUN_FILES.checked_bytes(folder.trunk, digest, size_of(specs) + archive_overhead(specs))
    return KeptTrunk(digest, content)


def trunk_facts(task: Task, configuration: Configuration) -> dict[str, Any] | None:
    """What results.json says of the trunk; losses of its own in nats per token, where it has them."""
    if task.trunk is None:
        return None
    trunk, training = task.trunk, configuration.training
    facts = {"name": trunk.name, "parameters": trunk.parameters, "width": trunk.width}
    windows = {
        "validation_loss": validation_windows(task, training.validation_windows),
        "test_loss": final_windows(task, training.test_windows),
    }
    own = getattr(getattr(trunk, "trunk", trunk), "log_probs", None)
    return facts | {key: None if own is None else mean_loss(own, some) for key, some in windows.items()}


def _fill(model: GPT, content: bytes) -> None:
    specs = specs_of(model)
    arrays = parsed_arrays(RUN_FILES, Path("trunk.npz"), content, specs, most=size_of(specs))
    model.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})


def _model_in(folder: Path, task: Task, kept: KeptTrunk | None) -> HuggingFaceTrunk:
    model = HuggingFaceTrunk(folder, task.characters, task.context)
    if kept is not None and folder_digest(folder) != kept.digest:
        raise ConfigurationError(
            f"expected the model in {folder} as it was when the comparison began, got other files; restore "
            "them, or start anew"
        )
    return model
