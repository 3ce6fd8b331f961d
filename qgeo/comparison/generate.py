"""Text from a trained head of a run folder."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

import torch

from qgeo.comparison.arms import arm_by_name, arms_of
from qgeo.comparison.inputs import load_inputs
from qgeo.comparison.jobs import final_key
from qgeo.comparison.outcomes import FinalOutcome
from qgeo.comparison.replicates import finals, replicates_of
from qgeo.comparison.results import trained_head
from qgeo.comparison.run_folder import RUN_FILES, RunFolder, open_run_folder
from qgeo.errors import ConfigurationError, RunFolderError
from qgeo.heads.protocol import checked_head
from qgeo.heads.sampling import sample_tokens
from qgeo.locks import at_work

LONGEST = 1_000_000
"""Tokens; a choice: minutes of sampling."""


def generate(path: Path, *, arm: str | None = None, run: int = 0, length: int = 200, seed: int = 0) -> str:
    """Sample `length` tokens from a trained head, starting from the first validation context.

    Args:
        path: a run folder; arm: by default the first one; run: which of its runs; seed: of the sampling.

    Raises:
        RunFolderError: no such folder, or the head is not trained yet.
        ConfigurationError: an arm or a run that the comparison does not have, or a diverged run.
    """
    folder = open_run_folder(path)
    configuration, task = load_inputs(path.resolve())
    arms = arms_of(configuration)
    chosen = arms[0] if arm is None else arm_by_name(configuration, arm)
    runs = len(replicates_of(configuration, chosen, arms)) * finals(configuration)
    if not 1 <= length <= LONGEST:
        raise ConfigurationError(f"expected a length of 1 to {LONGEST}, got {length}")
    if run not in range(runs):
        raise ConfigurationError(f"expected a run of 0 to {runs - 1}, got {run}")
    _check_trained(folder, chosen.name, run)
    head = trained_head(folder, configuration, task, chosen, run)
    if folder.read_outcome(final_key(chosen.name, run), FinalOutcome).diverged:
        raise ConfigurationError(f"run {run} of {chosen.name} diverged and writes no text; choose another")
    generator = torch.Generator().manual_seed(seed)
    return task.decode(
        sample_tokens(checked_head(head), task.validation.contexts[0], length, generator).tolist()
    )


def _check_trained(folder: RunFolder, arm: str, run: int) -> None:
    """Raise a RunFolderError where a run is not finished yet, whether somebody is at it or not."""
    if RUN_FILES.is_there(folder.part(final_key(arm, run))):
        return
    who = at_work(folder.path, RUN_FILES)
    advice = f"qgeo compare --resume {quote(str(folder.path))} trains it"
    raise RunFolderError(
        f"expected run {run} of {arm} to be trained in {folder.path}, it is not yet; "
        + (advice if who is None else f"{who} is at work there: wait until it ends")
    )
