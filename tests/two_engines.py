"""What the compiled engine and the dense one give of one circuit, and how far apart the two are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from circuit_families import FAMILIES
from torch import Tensor

import qgeo
from qgeo.simulate import engine as engines
from qgeo.simulate.statevector import probabilities, states
from qgeo.simulate.tangents import tangent_products

CONTEXTS = (1, 3, 8, 11)
MOST_QUBITS = 8


@dataclass(frozen=True, eq=False)
class Point:
    """A program at values (P,) and inputs (B, d)."""

    name: str
    program: qgeo.Program
    values: Tensor
    inputs: Tensor


def random_point(seed: int) -> Point:
    """The families in turn, of 1 to 8 qubits; in every other circuit some parameters are data."""
    family, draw = list(FAMILIES)[seed % len(FAMILIES)], np.random.default_rng(seed)
    num_qubits = int(draw.integers(1, MOST_QUBITS + 1))
    circuit = FAMILIES[family](draw, num_qubits)
    names = [parameter.name for parameter in circuit.parameters]
    data = [name for name in names if name.startswith("x[")]
    if not data and draw.integers(2):
        data = [name for name in names[1:] if draw.integers(3) == 0]
    program = qgeo.compile(circuit, input_parameters=data)
    contexts = CONTEXTS[draw.integers(len(CONTEXTS))]
    return Point(
        f"{seed} {family} n={num_qubits} B={contexts}",
        program,
        torch.from_numpy(draw.uniform(-np.pi, np.pi, program.num_parameters)),
        torch.from_numpy(draw.uniform(-np.pi, np.pi, (contexts, len(data)))),
    )


@contextmanager
def torch_alone() -> Iterator[None]:
    """Without the compiled engine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "kernel_for", lambda *_: None)
        yield


def results(point: Point, dtype: torch.dtype) -> dict[str, Tensor]:
    """States with their phase, gradients, F_Q, products with data by context, F_C."""
    program, given = point.program, (point.values, point.inputs)
    size, columns = program.num_parameters, range(len(program.columns))
    leaves = [each.clone().requires_grad_() for each in given]
    psi = states(program, *leaves, dtype=dtype)
    draw = torch.Generator().manual_seed(1)
    cotangent = torch.randn(psi.shape, dtype=torch.complex128, generator=draw).to(dtype)
    gradient = torch.autograd.grad(psi, leaves, cotangent, materialize_grads=True)
    p = probabilities(program, *leaves, dtype=dtype)
    of_p = torch.autograd.grad(p, leaves, cotangent.real.to(p.dtype), materialize_grads=True)
    products = tangent_products(program, *given, columns, size, dtype=dtype)
    inputs = point.inputs.numpy() if point.inputs.shape[1] else None
    name = str(dtype).removeprefix("torch.")
    classical = qgeo.classical_fisher(program, point.values.numpy(), inputs=inputs, dtype=name)
    return {
        "states": psi.detach(),
        "gradient": torch.cat([each.flatten() for each in gradient]),
        "probabilities": p.detach(),
        "their gradient": torch.cat([each.flatten() for each in of_p]),
        "F_Q": 4 * products.summed,
        "by context": products.by_context,
        "F_C": torch.from_numpy(classical),
    }


def deviations(point: Point, dtype: torch.dtype) -> dict[str, float]:
    """Largest differences of the compiled engine in `dtype` from the dense one in complex128.

    In units of the largest number where that is above 1.
    """
    ours = results(point, dtype)
    with torch_alone():
        exact = results(point, torch.complex128)
    return {name: _difference(ours[name], exact[name]) for name in exact}


def _difference(ours: Tensor, exact: Tensor) -> float:
    if not exact.numel():
        return 0.0
    return float((ours - exact).abs().max()) / max(1.0, float(exact.abs().max()))
