"""The quantum neural networks of Abbas et al. 2021 (Nature Computational Science 1, 403; arXiv 2011.00027).

Figure 3a, effective dimensions: zz_feature_map(4, reps=2) or z_feature_map(4, reps=1), then
real_amplitudes(4, reps=9), P = 40, read by parity. First 100 θ are drawn, uniform in [0, 1), then 100 inputs
x, standard normal and the same for every θ, by numpy's legacy generator with seed 0. Published: the plot's
source data in the authors' repository (github.com/amyami187/effective_dimension), and norm and single entries
of the normalised matrices there (`4qubits_9layer_f_hats_dep2.npy`, `…_pauli.npy`), all of whose entries were
seen to agree to 1e-14.

Figure 3b, two kinds of iris: zz_feature_map(4, reps=2), then real_amplitudes(4, reps=1), P = 8; even parity
is class A (rows 0–48 of iris), odd parity class B (rows 50–98), features scaled to norm 1; the loss is the
mean of −log p(class). 100 starts: θ = 2πu, u the second eight numbers of the legacy generator with seeds 0 to
99. Adam: lr .1, β = (.9, .99), ε = 1e-8, and the loss is that after each step. They differentiate by
differences of 1e-10, whose rounding is the 3e-7 by which exact gradients are away from them in the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from qiskit.circuit.library import real_amplitudes, zz_feature_map
from torch import Tensor

from qgeo.circuit.compiler import compile
from qgeo.circuit.examples import abbas_network
from qgeo.circuit.program import Program
from qgeo.geometry.effective_dimension import effective_dimension, normalised_fishers
from qgeo.simulate.statevector import probabilities
from qgeo.studies.experiments.measured_output import parity_readout
from qgeo.studies.experiments.published_numbers import PublishedNumber
from qgeo.studies.experiments.readings import DataCircuit, Floats

FEATURE_MAPS = ("zz", "z")
QUBITS, PARAMETERS, POINTS = 4, 40, 100

OBSERVATIONS = (1000, 2000, 8000, 10000, 40000, 60000, 100000, 150000, 200000, 500000, 1000000)
"""n."""

CURVES = {
    "zz": (0.8211, 0.8310, 0.8581, 0.8624, 0.8860, 0.8918, 0.8984, 0.9032, 0.9064, 0.9153, 0.9211),
    "z": (0.6744, 0.6833, 0.7129, 0.7182, 0.7511, 0.7603, 0.7715, 0.7799, 0.7857, 0.8028, 0.8146),
}
"""d(n)/P of figure 3a, printed with four digits."""

RECORDED = {"bits": (0.9761, 0.9753), "F_Q": (0.9769, 0.9774)}
"""What these readings give at the largest n, zz and z: nobody's figures but ours."""

NORMS = {"zz": "94.6525665089", "z": "117.6286952577"}
"""Of all F̂ together, Frobenius."""

ENTRIES = {
    "zz": {(0, 0, 0): "0.888875007505", (57, 3, 21): "0.163280122282", (99, 39, 39): "1.431182517024"},
    "z": {(0, 0, 0): "1.240188464832", (57, 3, 21): "-0.059470704588", (99, 39, 39): "1.777394645492"},
}
"""Of F̂, by θ, row, column."""

IRIS_LOSSES = {1: "0.6369857", 10: "0.3694205", 50: "0.2467453", 100: "0.2314505"}
"""Of figure 3b, by step."""

IRIS_ROUNDING = 1e-6
"""Theirs, three times what is seen."""


@cache
def network(feature_map: str) -> DataCircuit:
    """Of figure 3a."""
    circuit = abbas_network(feature_map)
    return DataCircuit(circuit, tuple(parameter.name for parameter in circuit.parameters[PARAMETERS:]))


def drawn(seed: int = 0) -> tuple[Floats, Floats]:
    """θ (100, 40), then x (100, 4); theirs by seed 0."""
    legacy = np.random.RandomState(seed)
    return legacy.uniform(0, 1, (POINTS, PARAMETERS)), legacy.normal(0, 1, (POINTS, QUBITS))


def curve(fishers: Floats) -> Floats:
    """d(n)/P at their n, from F at every θ."""
    return effective_dimension(fishers, OBSERVATIONS) / PARAMETERS


def figure_3a(feature_map: str, normalised_dimensions: Sequence[float] | Floats) -> list[PublishedNumber]:
    """Every number of a curve beside ours."""
    at = zip(OBSERVATIONS, CURVES[feature_map], normalised_dimensions, strict=True)
    return [PublishedNumber(f"{feature_map}, d/P at n = {n}", f"{d:.4f}", float(ours)) for n, d, ours in at]


def matrices_3a(feature_map: str, parity_fishers: Floats) -> list[PublishedNumber]:
    """Norm and entries of the stored matrices beside ours."""
    normalised = normalised_fishers(parity_fishers)
    norm = float(np.linalg.norm(normalised))
    return [PublishedNumber(f"{feature_map}, norm of F̂", NORMS[feature_map], norm)] + [
        PublishedNumber(f"{feature_map}, F̂ at {at}", text, float(normalised[at]))
        for at, text in ENTRIES[feature_map].items()
    ]


def figure_3b(steps: int) -> list[PublishedNumber]:
    """Losses up to so many steps beside ours."""
    seen = iris_losses(steps)
    return [
        PublishedNumber(f"mean loss after step {step}", text, seen[step], IRIS_ROUNDING)
        for step, text in IRIS_LOSSES.items()
        if step <= steps
    ]


def iris_losses(steps: int) -> list[float]:
    """Mean loss before the first step and after each; Adam goes entry by entry, so all starts go at once."""
    program, thetas, flowers = _iris_network(), _starts().requires_grad_(), _flowers()
    optimizer, seen = torch.optim.Adam([thetas], lr=0.1, betas=(0.9, 0.99), eps=1e-8), []
    for _ in range(steps + 1):
        optimizer.zero_grad()
        each = _losses(program, thetas, *flowers)
        each.sum().backward()
        optimizer.step()
        seen.append(each.mean().item())
    return seen


def _iris_network() -> Program:
    """The circuit with θ among its inputs too, so that every start is a context like every flower."""
    data, trained = zz_feature_map(QUBITS, reps=2), real_amplitudes(QUBITS, reps=1)
    return compile(data.compose(trained), input_parameters=[*trained.parameters, *data.parameters])


def _starts() -> Tensor:
    """(100, 8)."""
    draws = [np.random.RandomState(seed).rand(16)[8:] for seed in range(POINTS)]
    return 2 * np.pi * torch.from_numpy(np.stack(draws))


def _flowers() -> tuple[Tensor, Tensor]:
    """Features (98, 4), and the bitstrings of each flower's class, (98, 16)."""
    from sklearn.datasets import load_iris  # a second to import, which listing studies need not wait for
    from sklearn.preprocessing import normalize

    features = normalize(load_iris().data)
    chosen = np.concatenate([features[:49], features[50:99]])
    return torch.from_numpy(chosen), torch.from_numpy(parity_readout(QUBITS)).repeat_interleave(49, 0)


def _losses(program: Program, thetas: Tensor, features: Tensor, classes: Tensor) -> Tensor:
    """Of every start, (100,)."""
    rows = torch.cat([thetas.repeat_interleave(len(features), 0), features.repeat(len(thetas), 1)], 1)
    p = probabilities(program, rows.new_zeros(0), rows) * classes.repeat(len(thetas), 1)
    return -p.sum(1).log().view(len(thetas), -1).mean(1)
