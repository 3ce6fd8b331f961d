"""What must come out the same on a GPU as on the CPU: engine, information matrices, heads, energies, steps.

Every check is a function of a device that gives numbers; the oracle is the same function on the CPU, whose
numbers the tests hold against references of their own. A check with a complex type is one of states of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from torch import Tensor, nn

import qgeo
from benchmarks.circuits import layered_circuit
from benchmarks.energies import ising
from qgeo.heads.protocol import QuantumHead
from qgeo.heads.sampling import sample_tokens
from qgeo.modules.fisher import MODULE_METRICS
from qgeo.optim.metrics import METRICS
from qgeo.optim.realised_kl import RealisedKL
from qgeo.simulate.statevector import probabilities, states
from qgeo.simulate.tangents import states_and_tangents

Compute = Callable[[torch.device], Tensor]

TYPES = {"complex128": (torch.complex128, torch.float64), "complex64": (torch.complex64, torch.float32)}


@dataclass(frozen=True, eq=False)
class Check:
    """Numbers by device; `dtype`: complex type of the states."""

    name: str
    compute: Compute
    dtype: str = "complex128"


def checks() -> Iterator[Check]:
    """All of them, engine first."""
    for dtype in TYPES:
        for name, compute in _of_states(dtype):
            yield Check(name, compute, dtype)
    yield from (Check(name, compute) for name, compute in _of_forms())
    for name in HEADS:
        yield from (Check(f"{name}: {what}", compute) for what, compute in _of_head(HEADS[name]))
    yield from (Check(name, compute) for name, compute in _of_energies())


def difference(found: Tensor, expected: Tensor) -> float:
    """Largest one, relative to the largest number."""
    ours, theirs = found.detach().cpu(), expected.detach().cpu()
    return float((ours - theirs).abs().max() / theirs.abs().max().clamp_min(1e-300))


# --- engine and information matrices ------------------------------------------------------------------------


def _of_states(dtype: str) -> Iterator[tuple[str, Compute]]:
    for name, contexts, n in (("one circuit, n = 6", 1, 6), ("16 contexts, n = 6", 16, 6), ("n = 16", 1, 16)):
        point = partial(_point, n, 2 if n < 10 else 1, contexts)
        yield f"states, {name}", partial(_states, point, dtype)
        yield f"gradient of probabilities, {name}", partial(_gradient, point, dtype)
        yield f"tangents, {name}", partial(_tangents, point, dtype)
        for kind in ("quantum_fisher", "quantum_geometric_tensor", "classical_fisher"):
            yield f"{kind}, {name}", partial(_matrix, point, dtype, kind)


def _point(n: int, layers: int, contexts: int) -> tuple[qgeo.Program, Tensor, Tensor | None]:
    circuit, x = layered_circuit(n, layers, data=contexts > 1, again=True)
    draw = np.random.default_rng(0)
    values, inputs = draw.uniform(-3, 3, 2 * n * layers), draw.uniform(-3, 3, (contexts, n))
    if contexts == 1:
        return qgeo.compile(circuit), torch.from_numpy(values), None
    return qgeo.compile(circuit, input_parameters=x), torch.from_numpy(values), torch.from_numpy(inputs)


Point = Callable[[], tuple[qgeo.Program, Tensor, Tensor | None]]


def _moved(point: Point, device: torch.device) -> tuple[qgeo.Program, Tensor, Tensor | None]:
    program, values, inputs = point()
    return program, values.to(device), None if inputs is None else inputs.to(device)


def _states(point: Point, dtype: str, device: torch.device) -> Tensor:
    return states(*_moved(point, device), dtype=TYPES[dtype][0])


def _gradient(point: Point, dtype: str, device: torch.device) -> Tensor:
    program, values, inputs = _moved(point, device)
    given = [each.requires_grad_() for each in (values, inputs) if each is not None]
    p = probabilities(program, *given, dtype=TYPES[dtype][0])
    weights = torch.linspace(-1, 1, p.shape[1], dtype=p.dtype, device=device)
    return torch.cat([each.flatten() for each in torch.autograd.grad((p @ weights).sum(), given)])


def _tangents(point: Point, dtype: str, device: torch.device) -> Tensor:
    return states_and_tangents(*_moved(point, device), dtype=TYPES[dtype][0])[1]


def _matrix(point: Point, dtype: str, kind: str, device: torch.device) -> Tensor:
    program, values, inputs = point()
    given = None if inputs is None else inputs.numpy()
    matrix = getattr(qgeo, kind)(program, values, inputs=given, dtype=dtype, device=str(device))
    return torch.from_numpy(matrix)


# --- other forms of F_Q and F_C -----------------------------------------------------------------------------


def _of_forms() -> Iterator[tuple[str, Compute]]:
    for method in ("dense", "gram", "matrix-free"):
        yield f"operator {method}: F v and a solve", partial(_operator, method)
    yield "parameters that come again, angles that are not affine", _entangled_angles
    yield "gradient of log det F_Q", _log_det
    yield "F_C of two measured qubits", partial(_of_readout, None)
    yield "F_C behind a parity", partial(_of_readout, [[1, 0, 0, 1], [0, 1, 1, 0]])


def _operator(method: str, device: torch.device) -> Tensor:
    program, values, inputs = _point(5, 2, 8)
    assert inputs is not None
    matrix = qgeo.quantum_fisher_operator(
        program, values, inputs=inputs.numpy(), method=method, device=str(device)
    )
    vector = torch.linspace(-1, 1, len(values), dtype=torch.float64).to(device)
    return torch.cat([matrix @ vector, matrix.solve(vector, damping=0.1), matrix.diagonal()])


def _entangled_angles(device: torch.device) -> Tensor:
    """States, gradients, tangents in both frames."""
    a, b, x = Parameter("a"), Parameter("b"), Parameter("x")
    circuit = QuantumCircuit(4)
    for layer in range(3):
        for qubit in range(4):
            circuit.ry(a + layer * qubit * 0.1, qubit)
            circuit.rz(b * a.sin() + x, qubit)
        circuit.cx(layer, layer + 1)
        circuit.crx(2 * b * x, 3, layer)
    program = qgeo.compile(circuit, input_parameters=[x])
    values, inputs = torch.tensor([0.4, -1.1]).double(), torch.tensor([[0.3], [2.0], [-0.7]]).double()
    moved = values.to(device).requires_grad_(), inputs.to(device).requires_grad_()
    loss = probabilities(program, *moved)[:, 3].log().sum()
    tangents = states_and_tangents(program, *(each.detach() for each in moved), columns=range(3))[1]
    kinds = (qgeo.quantum_fisher, qgeo.classical_fisher)
    matrices = [kind(program, values, inputs=inputs, device=str(device)) for kind in kinds]
    parts = [*torch.autograd.grad(loss, moved), torch.view_as_real(tangents)]
    numbers = [torch.from_numpy(matrix).to(device) for matrix in matrices]
    return torch.cat([each.flatten() for each in (*parts, *numbers)])


def _log_det(device: torch.device) -> Tensor:
    program, values, _ = _point(3, 1, 1)
    values = values.to(device).requires_grad_()
    matrix = qgeo.differentiable_quantum_fisher(program, values)
    damped = matrix + 0.1 * torch.eye(len(values), dtype=torch.float64, device=device)
    return torch.autograd.grad(damped.logdet(), values)[0]


def _of_readout(readout: list[list[int]] | None, device: torch.device) -> Tensor:
    layers, _ = layered_circuit(4, 2, data=False)
    circuit = QuantumCircuit(4, 2)
    circuit.compose(layers, inplace=True)
    circuit.measure([1, 3], [0, 1])
    values = np.random.default_rng(0).uniform(-3, 3, circuit.num_parameters)
    return torch.from_numpy(qgeo.classical_fisher(circuit, values, readout=readout, device=str(device)))


# --- heads --------------------------------------------------------------------------------------------------

HEADS: dict[str, Callable[[], nn.Module]] = {
    "born, V = 2ⁿ": lambda: qgeo.BornHead(vocabulary=16, context=2),
    "born, V < 2ⁿ": lambda: qgeo.BornHead(vocabulary=10, context=2),
    "born, V > 2ⁿ": lambda: qgeo.BornHead(vocabulary=20, context=2, num_qubits=3),
    "pauli": lambda: qgeo.PauliHead(vocabulary=8, context=2, observables=["XXI", "IZZ", "YIY", "ZII"]),
    "softmax": lambda: qgeo.SoftmaxHead(vocabulary=8, context=2),
    "mlp": lambda: qgeo.MLPHead(vocabulary=8, context=2),
}


def _of_head(build: Callable[[], nn.Module]) -> Iterator[tuple[str, Compute]]:
    yield "log-probabilities", lambda device: _trained(build, device, 0)[0](_windows(device)[0])
    yield "gradient of the loss", lambda device: _loss_gradient(build, device)
    yield "Jacobian", lambda device: build().to(device).log_probs_and_jacobian(_windows(device)[0])[1]
    yield "sampled tokens", lambda device: _sampled(build, device)
    is_quantum = isinstance(build(), QuantumHead)
    for name, metric in METRICS.items():
        if (is_quantum or not metric.needs_circuit) and not _is_refused(build, name):
            yield f"metric {name}, and a solve", partial(_metric, build, name)
    kinds = ("quantum", "quantum-block-diagonal") if is_quantum else ()
    for name in (*kinds, "classical"):
        for words, region in (("", None), (", KL at most", 0.01), (", KL exactly", RealisedKL(0.01))):
            yield f"three steps by {name}{words}", partial(_steps, build, name, region)


def _is_refused(build: Callable[[], nn.Module], name: str) -> bool:
    """Behind a Pauli readout nothing is ordered."""
    return name == "rotated-phase" and isinstance(build(), qgeo.PauliHead)


def _windows(device: torch.device, vocabulary: int = 8) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    contexts = torch.randint(0, vocabulary, (12, 2), generator=generator)
    return contexts.to(device), torch.randint(0, vocabulary, (12,), generator=generator).to(device)


def _loss_gradient(build: Callable[[], nn.Module], device: torch.device) -> Tensor:
    head, (contexts, targets) = build().to(device), _windows(device)
    nn.functional.nll_loss(head(contexts), targets).backward()
    return torch.cat([parameter.grad.flatten() for parameter in head.parameters()])


def _sampled(build: Callable[[], nn.Module], device: torch.device) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    tokens = sample_tokens(build().to(device), torch.tensor([1, 2]).to(device), 20, generator)
    return tokens.double()


def _metric(build: Callable[[], nn.Module], name: str, device: torch.device) -> Tensor:
    head, (contexts, targets) = build().to(device), _windows(device)
    matrix = METRICS[name].begun()(head, contexts, targets)
    vector = torch.linspace(-1, 1, matrix.size, dtype=torch.float64).to(device)
    return torch.cat([matrix.to_dense().flatten(), matrix.solve(vector, 0.1), matrix.diagonal()])


def _trained(
    build: Callable[[], nn.Module],
    device: torch.device,
    steps: int,
    metric: str = "classical",
    region: object = None,
) -> tuple[nn.Module, Tensor]:
    head, (contexts, targets) = build().to(device), _windows(device)
    optimizer = qgeo.NaturalGradient(
        head, metric=metric, lr=0.3, damping=1e-2, trust_region=region, momentum=0.3
    )
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.nll_loss(head(contexts), targets).backward()
        optimizer.step(contexts=contexts, targets=targets)
    return head, torch.cat([parameter.detach().flatten() for parameter in head.parameters()])


def _steps(build: Callable[[], nn.Module], metric: str, region: object, device: torch.device) -> Tensor:
    return _trained(build, device, 3, metric, region)[1]


# --- energies, and circuits inside a model ------------------------------------------------------------------


def _of_energies() -> Iterator[tuple[str, Compute]]:
    yield "energies and their gradient", _energies
    for name in (*MODULE_METRICS, "qn-spsa"):
        if name != "classical":
            yield f"three steps of an energy by {name}", partial(_energy_steps, name)
    for name in MODULE_METRICS:
        yield f"two steps of a model by {name}", partial(_model_steps, name)


def _energies(device: torch.device) -> Tensor:
    circuit, x = layered_circuit(4, 2, data=True)
    module = qgeo.Expectation(circuit, [ising(4), "XYZI"], input_parameters=x).to(device)
    inputs = torch.linspace(-1, 1, 12, dtype=torch.float64).view(3, 4).to(device).requires_grad_()
    energies = module(inputs)
    gradients = torch.autograd.grad(energies.square().sum(), (module.values, inputs))
    return torch.cat([each.flatten() for each in (energies, *gradients)])


def _energy_steps(metric: str, device: torch.device) -> Tensor:
    circuit, _ = layered_circuit(4, 2, data=False)
    module = qgeo.Expectation(circuit, ising(4)).to(device)
    optimizer = qgeo.NaturalGradient(module, metric=metric, lr=0.1, damping=1e-2)
    for _ in range(
        3 if metric != "qn-spsa" else 1
    ):  # whose directions are drawn by the last bit of the numbers
        optimizer.zero_grad()
        module().sum().backward()
        optimizer.step()
    return module.values


def _model_steps(metric: str, device: torch.device) -> Tensor:
    circuit, x = layered_circuit(3, 1, data=True)
    torch.manual_seed(0)
    layer = qgeo.Expectation(circuit, ["ZII", "IZZ"], input_parameters=x)
    model = nn.Sequential(nn.Linear(2, 3), layer, nn.Dropout(0.0), nn.Linear(2, 4)).double().to(device)
    optimizer = qgeo.NaturalGradient(model, metric=metric, likelihood="categorical", lr=0.3, damping=1e-2)
    inputs = torch.linspace(-1, 1, 10, dtype=torch.float64).view(5, 2).to(device)
    targets = torch.tensor([0, 1, 2, 3, 0]).to(device)
    for _ in range(2):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), targets).backward()
        optimizer.step(contexts=inputs)
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
