"""Abbas et al. 2021 (arXiv 2011.00027), figure 3b: a quantum network learns two kinds of iris.

zz_feature_map(4, reps=2), then real_amplitudes(4, reps=1), P = 8; even parity is class A (rows 0–48 of iris),
odd parity class B (rows 50–98), features scaled to norm 1; the loss is the mean of −log p(class). 100 starts:
θ = 2πu, u the second eight numbers of numpy's legacy generator with seeds 0 to 99. Adam: lr .1,
β = (.9, .99), ε = 1e-8, and the loss is that after each step. Published: its mean over the starts, from the
plot's source data in the authors' repository (github.com/amyami187/effective_dimension). They differentiate
by differences of 1e-10, whose rounding is the 3e-7 by which exact gradients are away from them in the end.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from external.published import show
from numpy.testing import assert_allclose
from qiskit.circuit.library import real_amplitudes, zz_feature_map
from sklearn.datasets import load_iris
from sklearn.preprocessing import normalize
from torch import Tensor

import qgeo
from qgeo.simulate.statevector import probabilities

STARTS = 100
PUBLISHED = {1: "0.6369857", 10: "0.3694205", 50: "0.2467453", 100: "0.2314505"}
PARITY = [[float(z.bit_count() % 2 == kind) for z in range(16)] for kind in (0, 1)]


def flowers() -> tuple[Tensor, Tensor]:
    """Features (98, 4), and the bitstrings of each flower's class, (98, 16)."""
    features = normalize(load_iris().data)
    chosen = np.concatenate([features[:49], features[50:99]])
    return torch.from_numpy(chosen), torch.tensor(PARITY, dtype=torch.float64).repeat_interleave(49, 0)


def starts() -> Tensor:
    """(100, 8)."""
    draws = [np.random.RandomState(seed).rand(16)[8:] for seed in range(STARTS)]
    return 2 * np.pi * torch.from_numpy(np.stack(draws))


def network() -> qgeo.Program:
    """The circuit with θ among its inputs too, so that every start is a context like every flower."""
    data, trained = zz_feature_map(4, reps=2), real_amplitudes(4, reps=1)
    return qgeo.compile(data.compose(trained), input_parameters=[*trained.parameters, *data.parameters])


def losses(program: qgeo.Program, thetas: Tensor) -> Tensor:
    """Of every start, (100,)."""
    features, classes = flowers()
    rows = torch.cat([thetas.repeat_interleave(len(features), 0), features.repeat(len(thetas), 1)], 1)
    p = probabilities(program, rows.new_zeros(0), rows) * classes.repeat(len(thetas), 1)
    return -p.sum(1).log().view(len(thetas), -1).mean(1)


def curve(steps: int) -> list[float]:
    """Mean loss before the first step and after each; Adam goes entry by entry, so all starts go at once."""
    program, thetas = network(), starts().requires_grad_()
    optimizer, seen = torch.optim.Adam([thetas], lr=0.1, betas=(0.9, 0.99), eps=1e-8), []
    for _ in range(steps + 1):
        optimizer.zero_grad()
        each = losses(program, thetas)
        each.sum().backward()
        optimizer.step()
        seen.append(each.mean().item())
    return seen


@pytest.mark.parametrize("steps", [10, pytest.param(100, marks=pytest.mark.studies)])
def test_the_published_curve(steps: int):
    # Seen to fail: the first eight numbers of a seed, β = (.9, .999), losses before the step, another flower,
    # features that are not scaled, even and odd exchanged.
    seen = curve(steps)
    figures = {step: (published, seen[step]) for step, published in PUBLISHED.items() if step <= steps}
    show("mean loss", {f"after step {step}": pair for step, pair in figures.items()})
    assert_allclose(
        [ours for _, ours in figures.values()],
        [float(text) for text, _ in figures.values()],
        rtol=0,
        atol=1e-6,
    )
