"""A GPT trained on the windows of a task, before any head stands on it.

    loss = mean over windows and positions i of −log p(x_{i+1} | x_1 … x_i),     x_{k+1} the target

AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101) with gradients clipped to norm 1 and a learning rate that
falls to zero along a cosine; batches in epochs, from a seeded generator.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from qgeo.errors import TaskError
from qgeo.tasks.windows import Windows, batches
from qgeo.trunks.gpt import GPT, GPTSizes

_CLIP = 1.0  # as in GPT-2's and nanoGPT's recipes
_WEIGHT_DECAY = 0.01  # torch's default
_BATCH_SEED_OFFSET = 3_000_017  # neither initial numbers nor a head's batches have the same generator


def untrained(sizes: GPTSizes, seed: int) -> GPT:
    """As it is before its first step."""
    return GPT(sizes, torch.Generator().manual_seed(seed))


def trained_gpt(sizes: GPTSizes, windows: Windows, *, steps: int, batch: int, lr: float, seed: int) -> GPT:
    """A GPT after so many steps on these windows.

    Raises:
        TaskError: its loss does not stay finite.
    """
    model = untrained(sizes, seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _cosine(steps))
    generator = torch.Generator().manual_seed(seed + _BATCH_SEED_OFFSET)
    for drawn in batches(windows, batch, steps, generator):
        loss = loss_of_all_positions(model, drawn)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), _CLIP)
        optimizer.step()
        schedule.step()
        if not math.isfinite(loss.item()):
            raise TaskError(
                "expected a trunk whose loss stays finite in training, got another; lower trunk.lr"
            )
    return model


def loss_of_all_positions(model: GPT, windows: Windows) -> Tensor:
    """Mean loss of every next token that the windows show, nats per token."""
    following = torch.cat([windows.contexts[:, 1:], windows.targets.unsqueeze(1)], 1)
    scores = model.scores(model(windows.contexts))
    return nn.functional.cross_entropy(scores.flatten(0, 1), following.flatten())


def _cosine(steps: int) -> Callable[[int], float]:
    return lambda step: math.cos(math.pi * step / (2 * steps)) ** 2
