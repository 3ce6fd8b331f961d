"""Heads trained until their training loss is the same, and what their geometry is there.

    Adam on batches, decoupled weight decay, constant learning rate, until L_train(θ) = L*
    gap = L_population(θ) − L*,    the population's loss exact, from the source

The last step is cut short where the loss of all training windows is L*, to 1e-9: what generalises better then
has the smaller loss of the population, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import log

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor, nn

from qgeo.geometry.effective_dimension import effective_dimension
from qgeo.geometry.spectra import eigenvalues, participation_ratio
from qgeo.heads.jacobian import flat_parameters, trainable
from qgeo.heads.kinds import HEADS, HeadSpec
from qgeo.heads.protocol import checked_head
from qgeo.optim.exact import classical
from qgeo.optim.line import move_to
from qgeo.optim.loss import loss_gradient
from qgeo.optim.sharpness import sharpness_curve
from qgeo.studies.study import Row
from qgeo.tasks.named_sources import bloch_walk, mess3
from qgeo.tasks.token_source import TokenSource
from qgeo.tasks.windows import Windows, batches

SOURCES = {"bloch-walk": bloch_walk, "mess3": lambda: mess3(x=0.05, a=0.85)}
"""By name; Mess3 with clearer tokens than the standard one, whose conditionals hardly differ from uniform."""

CONTEXT, MOST_STEPS = 2, 800
SHARE = 0.2
"""L* above the floor h_k, in ln V − h_k: low enough to be trained for, within reach of all heads."""

N_TRAIN = (512, 128, 32)
"""Windows."""

EPSILON, DAMPING = 0.01, 0.03
"""KL divergence of sharpness, nats per token; of the condition number, relative to the mean eigenvalue."""


@dataclass(frozen=True)
class Setting:
    """Of a training."""

    lr: float
    batch: int
    decay: float


SETTINGS = tuple(Setting(*each) for each in product((0.01, 0.05), (16, 64), (0.0, 0.1)))

SIZES = {"small": {"born": (1, 5), "pauli": (1, 1)}, "large": {"born": (2, 5), "pauli": (2, 1)}}
"""Width of the embedding and layers of quantum heads of two qubits, so that both have about 36 or 48
trainable numbers; classical ones come as close to born as they can."""


def head_of(kind: str, size: str, vocabulary: int, generator: torch.Generator) -> nn.Module:
    """Of this kind, near uniform."""
    embedding, layers = SIZES[size].get(kind, SIZES[size]["born"])
    return HEADS[kind](_spec(vocabulary, embedding, layers, _born_size(vocabulary, size), generator))


def _born_size(vocabulary: int, size: str) -> int:
    embedding, layers = SIZES[size]["born"]
    return len(flat_parameters(HEADS["born"](_spec(vocabulary, embedding, layers, 0, torch.Generator()))))


def _spec(
    vocabulary: int, embedding: int, layers: int, parameters: int, generator: torch.Generator
) -> HeadSpec:
    return HeadSpec(vocabulary, CONTEXT, embedding, "hardware-efficient", 2, layers, parameters, generator)


def training_loss(source: TokenSource, context: int = CONTEXT) -> float:
    """L* of heads that see so many tokens, nats per token."""
    floor = source.conditional_entropy(context) * log(2)
    return floor + SHARE * (log(source.vocabulary_size) - floor)


def population_loss(source: TokenSource, head: nn.Module) -> float:
    """−Σ_x P(x) Σ_y p(y|x) log q(y|x), nats per token."""
    exact = source.context_distribution(checked_head(head).context)
    with torch.no_grad():
        log_q = head(torch.from_numpy(exact.contexts)).numpy()
    return float(-(exact.probabilities @ (exact.conditionals * log_q).sum(1)))


def mean_loss(head: nn.Module, windows: Windows) -> Tensor:
    """Of all windows, nats per token."""
    return torch.nn.functional.nll_loss(head(windows.contexts), windows.targets)


def train_to(head: nn.Module, windows: Windows, loss: float, setting: Setting, seed: int) -> bool:
    """Train until the loss of all windows is this one; False where it never is."""
    optimizer = torch.optim.AdamW(head.parameters(), lr=setting.lr, weight_decay=setting.decay)
    generator = torch.Generator().manual_seed(seed)
    for batch in batches(windows, setting.batch, MOST_STEPS, generator):
        before = flat_parameters(head)
        optimizer.zero_grad()
        mean_loss(head, batch).backward()
        optimizer.step()
        if _loss(head, windows) <= loss:
            _cut_short(head, windows, before, loss)
            return True
    return False


def _cut_short(head: nn.Module, windows: Windows, before: Tensor, loss: float) -> None:
    """Back along the step that came from `before`, to where the loss is this one; all of it from a start that
    was below already."""
    parameters, after = [parameter for _, parameter in trainable(head)], flat_parameters(head)

    def surplus(share: float) -> float:
        with torch.no_grad():
            move_to(parameters, before + share * (after - before))
        return _loss(head, windows) - loss

    if surplus(0.0) > 0:
        surplus(brentq(surplus, 0.0, 1.0, xtol=1e-12))
    else:
        surplus(1.0)


def _loss(head: nn.Module, windows: Windows) -> float:
    with torch.no_grad():
        return float(mean_loss(head, windows))


SCALARS = (
    "KL-sharpness",
    "KL-sharpness, second order",
    "tr F_C",
    "largest eigenvalue",
    "participation ratio",
    "effective dimension",
    "condition number, damped",
)


def scalars(head: nn.Module, windows: Windows) -> Row:
    """Of a head at its training windows, by the names of `SCALARS`."""
    fisher = classical(checked_head(head), windows.contexts).to_dense().numpy()
    spectrum = eigenvalues(fisher)
    damping = DAMPING * spectrum.mean()
    curve = sharpness_curve(head, windows.contexts, windows.targets, [EPSILON])
    values = (
        curve.realised[0],
        curve.second_order[0],
        spectrum.sum(),
        spectrum[0],
        participation_ratio(fisher),
        effective_dimension(fisher[None], len(windows))[0],
        (spectrum[0] + damping) / (spectrum[-1] + damping),
    )
    return dict(zip(SCALARS, map(float, values), strict=True))


def trained_row(source: TokenSource, head: nn.Module, windows: Windows, setting: int, seed: int) -> Row:
    """Of a head that is trained here: its size; where it reaches L*, gap and scalars."""
    level = training_loss(source, checked_head(head).context)
    row: Row = {"setting": setting, "parameters": len(flat_parameters(head))}
    if train_to(head, windows, level, SETTINGS[setting], seed):
        row |= {"gap": population_loss(source, head) - level} | scalars(head, windows)
    return row


def fitted_head(kind: str, generator: np.random.Generator) -> tuple[nn.Module, Windows]:
    """A head that is the distribution of its windows: one context, four tokens, random counts; by L-BFGS."""
    targets = np.repeat(np.arange(4), generator.integers(1, 12, 4))
    windows = Windows(torch.zeros(len(targets), CONTEXT, dtype=torch.long), torch.from_numpy(targets))
    seed = int(generator.integers(2**31))
    head = head_of(kind, "large", 4, torch.Generator().manual_seed(seed))
    optimizer = torch.optim.LBFGS(
        head.parameters(),
        max_iter=500,
        tolerance_grad=1e-11,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = mean_loss(head, windows)
        loss.backward()
        return loss

    optimizer.step(closure)
    for _ in range(3):
        _newton_step(head, windows)
    return head, windows


def _newton_step(head: nn.Module, windows: Windows) -> None:
    """Where the head is the data's distribution, F_C is the loss's second derivative."""
    fisher = classical(checked_head(head), windows.contexts).to_dense()
    gradient = loss_gradient(head, windows.contexts, windows.targets)
    step = torch.linalg.pinv(fisher, rtol=1e-10, hermitian=True) @ gradient
    with torch.no_grad():
        move_to([parameter for _, parameter in trainable(head)], flat_parameters(head) - step)
