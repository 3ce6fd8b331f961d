"""The outcome of a run, as it is kept in a part of the run folder: sealed, in types, bound to its inputs.

A part says which settings and corpus it was made with, and which head it left, so that no part of another
comparison, no edited number and no exchanged head is taken for one of this.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from qgeo.files import FileModel

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Row = dict[str, str | int | float | None]
"""A line of a table: a record of a step, an agreement with Aer."""


class JobFile(FileModel):
    """Which run it is."""

    arm: str
    setting: dict[str, float | None]
    replicate: int
    seed: int
    final: bool


class Part(FileModel):
    """What every part says; inputs: digest of settings and corpus."""

    inputs: Digest


class Outcome(Part):
    """Of any run."""

    job: JobFile
    validation_loss: float | None
    diverged: bool


class FinalOutcome(Outcome):
    """Of a final run: its records, and what its head was found to be; head: the digest of its file."""

    test_loss: float | None
    head: Digest
    records: list[Row]
    seconds: list[float]
    excess: float | None
    agreement: Row | None
    noise: list[float] | None
    start_loss: float | None = None
    """Validation loss before the first step; runs of before 2026-11-27 have none."""


class RaceOutcome(Part):
    """Of a replicate's race; pair: names of the F_Q and the F_C arm; rows: per trajectory and step."""

    pair: list[str]
    replicate: int
    rows: list[Row]
