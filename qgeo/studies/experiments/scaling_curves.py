"""Excess losses of two families of heads against their size, each trained as far as it goes.

    excess(N) = L(N) − h ≥ 0,   L exact over all contexts of the source, the best of five restarts

    born   p = |⟨y|U|0⟩|², 3 qubits, 8 outcomes folded to 6 tokens; L layers, a data angle of its own for
           every qubit and layer (Pérez-Salinas et al. 2020), x affine in the embedded tokens:
           U = Π_l C Π_q RX(θ_lq) RY(x_lq),    C a chain of CX
    mlp    one hidden layer on an embedding of the same width, as many hidden units as give the same N

L-BFGS sees the exact loss, not batches: what is left at its end is the family's, or that of a minimum beside
the best one, or of the number of iterations, which is why the excess half-way is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from scipy.optimize import minimize
from torch import Tensor, nn

from qgeo.circuit.ansatz import zero_padded
from qgeo.heads.born import BornHead
from qgeo.heads.classical import MLPHead, matched_features
from qgeo.heads.jacobian import flat_parameters, trainable
from qgeo.optim.line import move_to
from qgeo.studies.experiments.graded_sources import entropy_rate, graded_source
from qgeo.studies.experiments.matched_heads import Population
from qgeo.studies.experiments.measured_output import Floats
from qgeo.studies.study import Row

VOCABULARY, CONTEXT, QUBITS, BETA = 6, 4, 3, 1.0
FAMILIES = ("born", "mlp")
RESTARTS = 5

SIZES = ((1, 1), (1, 2), (1, 4), (2, 5), (2, 10), (3, 14), (4, 22), (5, 36))
"""Width of the embedding and layers: 24 to 2,406 trainable numbers of a Born head, each about twice the one
before; a source has 6,480 free ones. Both grow together: an embedding of 5 holds all there is of a token."""

MOST_ITERATIONS = 400
CONVERGED = 1e-6
"""Largest entry of the gradient, nats per token, at which a training ends."""

_MEMORY = 50
"""Of L-BFGS, in steps."""
_DATA_SCALE = 0.1
"""Of the weights of data angles at the start. With 1, deep circuits ended at an excess many times as large;
with .02 to .3 the best of four restarts was the same within their spread (a pilot)."""


@dataclass(frozen=True)
class Minimum:
    """Where a training ended: excess there and half-way, nats per token; largest entry of the gradient."""

    excess: float
    half_way: float
    gradient: float


def measure_curve(item: Row) -> Row:
    """Of one family on one source: excess by size and restart."""
    source = graded_source(VOCABULARY, CONTEXT, BETA, np.random.default_rng(item["replicate"]))
    numbers, minima = [], []
    for place in range(item["sizes"]):
        heads = [head_of(item["kind"], place, restart) for restart in range(RESTARTS)]
        numbers.append(len(flat_parameters(heads[0])))
        minima.append([lowest(head, source) for head in heads])
    names = ("excess", "half_way", "gradient")
    fields = {name: [[getattr(one, name) for one in at] for at in minima] for name in names}
    return {"numbers": numbers, "floor": entropy_rate(source), **fields}


def head_of(family: str, place: int, restart: int) -> nn.Module:
    """A head of the size at this place of `SIZES`; restarts have the same seeds in all of them."""
    embedding, layers = SIZES[place]
    generator = torch.Generator().manual_seed(restart)
    return {"born": _born, "mlp": _mlp}[family](embedding, layers, generator)


def _born(embedding: int, layers: int, generator: torch.Generator) -> nn.Module:
    circuit, data = layered(QUBITS, layers)
    head = BornHead(
        VOCABULARY,
        CONTEXT,
        circuit=circuit,
        input_parameters=data,
        embedding=embedding,
        smoothing=0.0,
        start="random",
        generator=generator,
    )
    with torch.no_grad():
        head.get_parameter("encoder.weight").mul_(_DATA_SCALE)
    return head


def _mlp(embedding: int, layers: int, generator: torch.Generator) -> nn.Module:
    features = matched_features(VOCABULARY, CONTEXT, embedding, born_size(embedding, layers))
    return MLPHead(
        VOCABULARY, CONTEXT, features=features, embedding=embedding, start="random", generator=generator
    )


def born_size(embedding: int, layers: int) -> int:
    """Trainable numbers of a Born head: embedding of tokens, data angles, θ.

    >>> [born_size(*size) for size in SIZES]
    [24, 42, 78, 162, 312, 606, 1212, 2406]
    """
    angles = QUBITS * (CONTEXT * embedding + 1)
    return VOCABULARY * embedding + layers * (angles + QUBITS)


@cache
def layered(qubits: int, layers: int) -> tuple[QuantumCircuit, tuple[str, ...]]:
    """The circuit, and the names of its data angles: RY(x), RX(θ) on every qubit, then CX in a chain."""
    circuit = QuantumCircuit(qubits)
    data, trained = zero_padded("x", qubits * layers), zero_padded("theta", qubits * layers)
    for layer in range(layers):
        _add_layer(circuit, data[layer * qubits :], trained[layer * qubits :])
    return circuit, tuple(angle.name for angle in data)


def _add_layer(circuit: QuantumCircuit, data: list[Parameter], trained: list[Parameter]) -> None:
    for qubit in range(circuit.num_qubits):
        circuit.ry(data[qubit], qubit)
        circuit.rx(trained[qubit], qubit)
    for qubit in range(circuit.num_qubits - 1):
        circuit.cx(qubit, qubit + 1)


def lowest(head: nn.Module, source: Population, iterations: int = MOST_ITERATIONS) -> Minimum:
    """Train on the exact loss; the head is left where training ended."""
    parameters = [parameter for _, parameter in trainable(head)]
    joint, floor = torch.from_numpy(source.weights[:, None] * source.conditionals), entropy_rate(source)
    path: list[float] = []

    def excess(at: Floats) -> tuple[float, Floats]:
        with torch.no_grad():
            move_to(parameters, torch.from_numpy(at))
        loss: Tensor = -(joint * head(source.contexts)).sum()
        slopes = torch.autograd.grad(loss, parameters)
        return loss.item() - floor, torch.cat([slope.flatten() for slope in slopes]).numpy()

    end = minimize(
        excess,
        flat_parameters(head).numpy().copy(),
        jac=True,
        method="L-BFGS-B",
        callback=lambda intermediate_result: path.append(intermediate_result.fun),
        options={
            "maxiter": iterations,
            "maxfun": 20 * iterations,
            "gtol": CONVERGED,
            "ftol": 0,
            "maxcor": _MEMORY,
        },
    )
    half_way = path[min(iterations // 2, len(path)) - 1]
    return Minimum(float(end.fun), float(half_way), float(np.abs(end.jac).max()))
