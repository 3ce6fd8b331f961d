"""`qgeo generate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qgeo.commands.options import SamplingSeed


def generate(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder of qgeo compare.")],
    length: Annotated[int, typer.Option(help="Tokens to sample, at most a million.")] = 200,
    arm: Annotated[
        str | None, typer.Option(help="Which arm (default the first).", show_default=False)
    ] = None,
    run: Annotated[int, typer.Option(help="Which of the arm's runs.")] = 0,
    seed: SamplingSeed = 0,
) -> None:
    """Sample text from a trained head."""
    from qgeo.comparison.generate import generate as sample
    from qgeo.terminal.progress import saying

    with saying(f"sampling {length:,} tokens"):
        text = sample(folder, arm=arm, run=run, length=length, seed=seed)
    print(text)
