"""Text from a trained head of a run folder."""

from __future__ import annotations

from pathlib import Path

import torch

from qgeo.comparison.arms import parse_arm
from qgeo.comparison.inputs import load_inputs
from qgeo.comparison.outcomes import FinalOutcome
from qgeo.comparison.results import trained_head
from qgeo.comparison.run_folder import open_run_folder
from qgeo.errors import ConfigurationError
from qgeo.heads.sampling import sample_tokens

LONGEST = 1_000_000


def generate(path: Path, *, arm: str | None = None, seed: int = 0, length: int = 200, draw: int = 0) -> str:
    """Sample `length` tokens from a trained head, starting from the first validation context.

    Args:
        path: a run folder; arm: by default the first one; seed: which of its runs.
        draw: seed of the sampling.

    Raises:
        RunFolderError: no such folder, or the head is not trained yet.
        ConfigurationError: an arm or a seed that the comparison does not have, or a diverged run.
    """
    folder = open_run_folder(path)
    configuration, task = load_inputs(path.resolve())
    name = arm or configuration.arms.names[0]
    if name not in configuration.arms.names:
        raise ConfigurationError(f"expected an arm of {', '.join(configuration.arms.names)}, got {name!r}")
    if not 1 <= length <= LONGEST:
        raise ConfigurationError(f"expected a length of 1 to {LONGEST}, got {length}")
    if seed not in range(configuration.training.seeds):
        raise ConfigurationError(f"expected a seed of 0 to {configuration.training.seeds - 1}, got {seed}")
    head = trained_head(folder, configuration, task, parse_arm(name), seed)
    if folder.read_outcome(f"final/{name}-{seed}", FinalOutcome).diverged:
        raise ConfigurationError(f"{name} with seed {seed} diverged and writes no text; choose another run")
    generator = torch.Generator().manual_seed(draw)
    return task.decode(sample_tokens(head, task.validation.contexts[0], length, generator).tolist())
