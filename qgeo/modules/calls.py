"""Where the circuits inside a torch module stand when the module is called.

A circuit is a submodule with a method `circuit_call`, which says at which values and inputs its circuit runs
(`CircuitModule`; `qgeo.Expectation` is one), a quantum head, or one that `find` knows how to ask. They are
watched by hooks while the module runs as it always does, so that the model's own code needs no change.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import torch
from qiskit import QuantumCircuit
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from qgeo.circuit.program import Program
from qgeo.errors import ConfigurationError
from qgeo.heads.circuit_head import CircuitHead


@dataclass(frozen=True, eq=False)
class CircuitCall:
    """A circuit at its point, with the graph that leads there.

    Attributes:
        program: the circuit; values: (P,) its own parameters; inputs: (R, d) its data angles, or None.
        circuit: as Qiskit has it, for estimates from shots; None where nobody has it.
    """

    program: Program
    values: Tensor
    inputs: Tensor | None
    circuit: QuantumCircuit | None = None


@runtime_checkable
class CircuitModule(Protocol):
    """A module that runs one circuit a call."""

    def circuit_call(self, *arguments: Any) -> CircuitCall:
        """The circuit's point for these arguments of `forward`."""
        ...


Ask = Callable[..., CircuitCall]
Find = Callable[[nn.Module], Ask | None]
"""From a submodule to what says where its circuit stands, or None where it has no circuit."""


def own_call(module: nn.Module) -> Ask | None:
    """The submodule's own `circuit_call`; a quantum head's circuit behind its encoder.

    Raises:
        ConfigurationError: a class with another `forward` than that which `circuit_call` speaks for.
    """
    if isinstance(module, CircuitHead):
        _check_forward(module, CircuitHead)
        return partial(_call_of_head, module)
    if not isinstance(module, CircuitModule):
        return None
    _check_forward(module, _defining(module, "circuit_call"))
    return module.circuit_call


def _call_of_head(head: CircuitHead, contexts: Tensor) -> CircuitCall:
    return CircuitCall(head.program, head.values, head.encoder(contexts), head.choice.circuit)


def _defining(module: nn.Module, name: str) -> type:
    """The class that a method comes from."""
    return next(kind for kind in type(module).__mro__ if name in vars(kind))


def _check_forward(module: nn.Module, speaks: type) -> None:
    """Raise a ConfigurationError where `forward` comes from a class that knows more than `speaks`."""
    kinds, runs = type(module).__mro__, _defining(module, "forward")
    if kinds.index(runs) < kinds.index(speaks):
        raise ConfigurationError(
            f"expected a circuit with the forward of {speaks.__name__}, got {runs.__name__} with one of its "
            f"own, of which nothing is known; keep a {speaks.__name__} as a part of a module instead"
        )


def circuits_of(module: nn.Module, find: Find = own_call) -> dict[nn.Module, Ask]:
    """Every circuit inside, itself included.

    Raises:
        ConfigurationError: there is none.
    """
    asked = {each: find(each) for each in module.modules()}
    circuits = {each: ask for each, ask in asked.items() if ask is not None}
    if not circuits:
        raise ConfigurationError(
            "expected a module with a circuit inside (qgeo.Expectation, a quantum head, or a TorchConnector "
            "with metric=qgeo.interop.network_metric(model)) for a quantum metric, got "
            f"{type(module).__name__}"
        )
    return circuits


def circuit_calls(module: nn.Module, inputs: Tensor | None, find: Find = own_call) -> tuple[CircuitCall, ...]:
    """The circuits' points in one run of the module, in the order in which they ran.

    Args:
        inputs: what the module is called with; None for a module that takes no data.
    """
    circuits = circuits_of(module, find)
    if module in circuits:  # nothing is before it
        return (circuits[module](*_arguments(inputs)),)
    calls: list[CircuitCall] = []

    def hook_of(ask: Ask) -> Callable[..., None]:
        return lambda _, given, named: calls.append(ask(*given, **named))

    hooks = [each.register_forward_pre_hook(hook_of(ask), with_kwargs=True) for each, ask in circuits.items()]
    with _removed(hooks), torch.enable_grad():
        run(module, inputs)
    if not calls:
        raise ConfigurationError(
            f"expected a {type(module).__name__} that calls its circuits as modules, self.circuit(inputs), "
            "got a run in which none was seen; forward() itself passes by torch's hooks"
        )
    return tuple(calls)


def output_behind_circuits(module: nn.Module, inputs: Tensor | None, find: Find = own_call) -> Tensor:
    """The module's output as a function of what lies behind its circuits alone: their outputs are held."""
    circuits = circuits_of(module, find)
    if module in circuits and not isinstance(module, CircuitHead):  # nothing is behind it
        return torch.zeros(1)
    with _removed([_hold(each) for each in circuits]):
        return run(module, inputs)


def run(module: nn.Module, inputs: Tensor | None) -> Tensor:
    """The module's output at inputs; at none for a module that takes no data.

    Raises:
        ConfigurationError: it gives no tensor.
    """
    with _undisturbed(module):
        output = _called(module, inputs)
    if not isinstance(output, Tensor):
        raise ConfigurationError(
            f"expected a module that gives a tensor, got {type(output).__name__}; wrap it in one that does"
        )
    return output


def _called(module: nn.Module, inputs: Tensor | None) -> Any:
    """
    Raises:
        ConfigurationError: it takes inputs, and there are none.
    """
    if inputs is not None:
        return module(inputs)
    try:
        inspect.signature(module.forward).bind()
    except TypeError:
        raise ConfigurationError(
            f"expected the inputs of a {type(module).__name__}, at which its metric is taken, got none; pass "
            "step(contexts=inputs)"
        ) from None
    return module()


def _arguments(inputs: Tensor | None) -> tuple[Tensor, ...]:
    return () if inputs is None else (inputs,)


def _hold(circuit: nn.Module) -> RemovableHandle:
    """What the circuit gives is held: its output, or what its own readout is given."""
    if isinstance(circuit, CircuitHead):
        behind: nn.Module = circuit.readout
        return behind.register_forward_pre_hook(lambda _, given: (given[0].detach(),))
    return circuit.register_forward_hook(lambda _module, _given, output: output.detach())


@contextmanager
def _removed(hooks: Sequence[RemovableHandle]) -> Iterator[None]:
    """Hooks are removed afterwards, whatever happens."""
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def _undisturbed(module: nn.Module) -> Iterator[None]:
    """A run more leaves no trace: running means and other buffers, and torch's generator, are as before.

    The run moves copies, which its graph may keep.
    """
    kept = [(each, dict(each._buffers)) for each in module.modules() if each._buffers]
    for each, buffers in kept:
        each._buffers.update({name: None if b is None else b.clone() for name, b in buffers.items()})
    try:
        with torch.random.fork_rng(devices=_gpus(module)):
            yield
    finally:
        for each, buffers in kept:
            each._buffers.update(buffers)


def _gpus(module: nn.Module) -> list[int]:
    """Whose generators dropout inside may draw from, beside the CPU's."""
    if not torch.cuda.is_available():
        return []
    return sorted({p.device.index or 0 for p in module.parameters() if p.device.type == "cuda"})
