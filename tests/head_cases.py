"""Heads of every kind: one table for the tests of heads, of their geometry and of the optimizer.

Each is built anew by `build(name)` from a random start and moved off it, so that no logit is zero and no
symmetry helps. `autograd_jacobian` and `central_differences` differentiate a head without any of its own
Jacobians.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from cases import scramble
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from torch import Tensor

from qgeo.heads.born import BornHead
from qgeo.heads.classical import MLPHead, SoftmaxHead
from qgeo.heads.pauli import PauliHead

CONTEXT = 2


def user_circuit() -> QuantumCircuit:
    """Three qubits; data added to, multiplied with and curved by parameters; gates on qubits 0 and 2."""
    a, b, c = (Parameter(name) for name in "abc")
    x = ParameterVector("x", 3)
    circuit = scramble(3, seed=1)
    circuit.rx(a, 0)
    circuit.crx(x[2] * b, 0, 2)
    circuit.ry(x[0] + c, 1)
    circuit.rzz(b**2, 0, 2)
    circuit.rx(x[1].sin(), 2)
    circuit.ry(a, 2)
    return circuit.compose(scramble(3, seed=2))


USER = {"circuit": user_circuit(), "input_parameters": ["x[2]", "x[0]", "x[1]"]}


def without_data() -> QuantumCircuit:
    """No input parameters: the encoder has no outputs."""
    theta = ParameterVector("θ", 3)
    circuit = scramble(2, seed=3)
    circuit.ry(theta[0], 0)
    circuit.rxx(theta[1], 0, 1)
    circuit.rx(theta[2], 1)
    return circuit


class TableTrunk:
    """Features from a table of random numbers, of the last token and of both together; counts its batches."""

    name, context, parameters = "table", CONTEXT, 0

    def __init__(self, vocabulary: int, width: int = 3) -> None:
        self.vocabulary, self.width, self.batches = vocabulary, width, 0
        generator = torch.Generator().manual_seed(11)
        self.table = torch.randn(CONTEXT, vocabulary, width, generator=generator, dtype=torch.float64)

    def features(self, contexts: Tensor) -> Tensor:
        self.batches += 1
        first, last = (self.table[i, contexts[:, i]] for i in range(CONTEXT))
        return torch.sin(first * last) + last

    def by_hand(self, context: list[int]) -> np.ndarray:
        """The same of one context, (width,), in numpy."""
        first, last = (self.table[i, token].numpy() for i, token in enumerate(context))
        return np.sin(first * last) + last


RANDOM_START = {"start": "random"}

BUILDERS: dict[str, Callable[[], Any]] = {
    "softmax": lambda: SoftmaxHead(5, CONTEXT, features=3, embedding=2, **RANDOM_START),
    "mlp": lambda: MLPHead(4, CONTEXT, features=3, embedding=2, **RANDOM_START),
    "born": lambda: BornHead(4, CONTEXT, layers=2, embedding=2, **RANDOM_START),
    "born-folded": lambda: BornHead(5, CONTEXT, layers=1, embedding=2, **RANDOM_START),
    "born-class-word": lambda: BornHead(7, CONTEXT, num_qubits=2, layers=1, embedding=2, **RANDOM_START),
    "born-class-word-smooth": lambda: BornHead(
        7, CONTEXT, num_qubits=2, layers=1, smoothing=0.2, **RANDOM_START
    ),
    "born-smooth": lambda: BornHead(3, CONTEXT, layers=2, embedding=1, smoothing=0.3, **RANDOM_START),
    "born-sharp": lambda: BornHead(4, CONTEXT, layers=2, embedding=2, smoothing=0.0, **RANDOM_START),
    "born-reuploading": lambda: BornHead(
        4, CONTEXT, circuit="reuploading", layers=2, embedding=2, **RANDOM_START
    ),
    "born-user": lambda: BornHead(6, CONTEXT, embedding=2, **USER),
    "born-without-data": lambda: BornHead(4, CONTEXT, circuit=without_data(), embedding=1),
    "softmax-trunk": lambda: SoftmaxHead(5, CONTEXT, features=2, trunk=TableTrunk(5), **RANDOM_START),
    "mlp-trunk": lambda: MLPHead(4, CONTEXT, features=3, trunk=TableTrunk(4), **RANDOM_START),
    "born-trunk": lambda: BornHead(4, CONTEXT, layers=1, trunk=TableTrunk(4), **RANDOM_START),
    "pauli-trunk": lambda: PauliHead(3, CONTEXT, layers=1, trunk=TableTrunk(3), **RANDOM_START),
    "pauli": lambda: PauliHead(4, CONTEXT, layers=1, embedding=2, **RANDOM_START),
    "pauli-xyz": lambda: PauliHead(
        3, CONTEXT, num_qubits=2, layers=2, embedding=1, observables=["XY", "ZI", "YY", "IX"], **RANDOM_START
    ),
    "pauli-user": lambda: PauliHead(5, CONTEXT, embedding=1, observables=["XYZ", "IIY"], **USER),
}
NAMES = tuple(BUILDERS)
QUANTUM = tuple(name for name in NAMES if name.startswith(("born", "pauli")))
BORN = tuple(name for name in NAMES if name.startswith("born"))


def build(name: str, seed: int = 0) -> Any:
    """A head of the table, every parameter moved by N(0, 0.3²)."""
    head = BUILDERS[name]()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return head


def some_contexts(head: Any, count: int = 3, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(head.vocabulary, (count, head.context), generator=generator)


def some_targets(head: Any, count: int = 3, seed: int = 0) -> Tensor:
    return torch.randint(head.vocabulary, (count,), generator=torch.Generator().manual_seed(100 + seed))


# --- differentiation that knows no head -----------------------------------------------------------


def own(head: Any) -> list[Tensor]:
    """Trainable tensors in `named_parameters` order."""
    return [parameter for parameter in head.parameters() if parameter.requires_grad]


def flat(tensors: list[Tensor]) -> Tensor:
    return torch.cat([tensor.detach().flatten() for tensor in tensors])


def autograd_gradient(head: Any, loss: Tensor) -> Tensor:
    """∂ loss over all trainable numbers, (P,)."""
    return flat(list(torch.autograd.grad(loss, own(head), retain_graph=True, materialize_grads=True)))


def autograd_jacobian(head: Any, outputs: Tensor) -> Tensor:
    """∂ outputs (B, V) over all trainable numbers, one backward pass per output: (B, V, P)."""
    rows = [autograd_gradient(head, output) for output in outputs.flatten()]
    return torch.stack(rows).view(*outputs.shape, -1)


def move_to(head: Any, point: Tensor) -> None:
    with torch.no_grad():
        for parameter, part in zip(own(head), point.split([p.numel() for p in own(head)]), strict=True):
            parameter.copy_(part.view_as(parameter))


def central_differences(head: Any, function: Callable[[], Tensor], step: float = 2e-3) -> np.ndarray:
    """∂ function() over all trainable numbers, (P, ...), by fourth-order central differences."""
    start = flat(own(head))
    derivatives = []
    for direction in torch.eye(len(start), dtype=start.dtype):
        samples = []
        for factor in (-2, -1, 1, 2):
            move_to(head, start + factor * step * direction)
            with torch.no_grad():
                samples.append(function().numpy().copy())
        outer, inner = samples[3] - samples[0], samples[2] - samples[1]
        derivatives.append((8 * inner - outer) / (12 * step))
    move_to(head, start)
    return np.stack(derivatives)
