"""The section [trunk] of a configuration: what every head of a comparison stands on.

name = "none"        heads embed tokens themselves
name = "gpt"         a GPT (`qgeo/trunks/gpt.py`), trained on the task before any head
name = "models/…"    a causal model of Hugging Face, from a local folder
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from qgeo.comparison.section import Count, Section

NO_TRUNK, GPT_TRUNK = "none", "gpt"


class TrunkSection(Section):
    """What every head reads: tokens that it embeds itself, or the features of a language model that is
    trained before any head and then frozen. Its numbers are in no count of a head's parameters, and all
    replicates share it. The keys behind `name` are those of a gpt.
    """

    name: Annotated[str, Field(min_length=1)] = NO_TRUNK
    """none, gpt (trained on all training windows of the task), or the folder of a Hugging Face causal model
    (pip install transformers), on every machine that has workers."""
    width: Annotated[int, Field(ge=1, le=1024)] = 64
    """Numbers per token."""
    layers: Annotated[int, Field(ge=1, le=100)] = 2
    """Of attention and perceptron; at most 200,000 parameters in all."""
    attention_heads: Annotated[int, Field(ge=1, le=64)] = 4
    """Which share the width."""
    steps: Count = 3000
    """Of its training, by AdamW."""
    batch: Count = 256
    """Windows per step; every position of a window is predicted."""
    lr: Annotated[float, Field(gt=0, le=1)] = 0.003
    """Learning rate of the first step; it falls as a cosine."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Of its initial numbers and batches."""

    @property
    def folder(self) -> Path | None:
        """Of a model of Hugging Face; None for other trunks."""
        return None if self.name in (NO_TRUNK, GPT_TRUNK) else Path(self.name)

    @property
    def is_trained(self) -> bool:
        """Whether the comparison trains it."""
        return self.name == GPT_TRUNK

    def beside(self, place: Path) -> TrunkSection:
        """With a relative folder taken to be in `place`."""
        if self.folder is None or self.folder.is_absolute():
            return self
        return self.model_copy(update={"name": str(place / self.folder)})
