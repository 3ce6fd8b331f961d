"""What every section of a configuration has in common: strict types, no unknown key, texts under the keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1, le=10_000_000)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]

List = Field(strict=False)
"""TOML has lists where we have tuples."""


class Section(BaseModel):
    """Strict: true is no number, and "3" none either."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)
