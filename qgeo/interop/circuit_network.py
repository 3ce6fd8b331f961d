"""A circuit as a `NeuralNetwork`: the exact counterpart of `SamplerQNN`.

    forward    p(y|x; w) = Σ_{z read as y} |⟨z|U(x, w)|0⟩|²                     (B, outputs)
    backward   ∂p/∂w and, where wanted, ∂p/∂x                                   (B, outputs, weights)

One program serves all rows of a batch at once; there are no shots, and no circuits that are run one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit_machine_learning.neural_networks import NeuralNetwork
from torch import Tensor

from qgeo.circuit.compiler import compile
from qgeo.circuit.layout import logical_qubits
from qgeo.circuit.measured import (
    logical_outcomes,
    measures,
    names_physical_qubits,
    outcomes,
)
from qgeo.circuit.names import parameter_names
from qgeo.circuit.program import Program
from qgeo.errors import ConfigurationError, ShapeError
from qgeo.geometry.classical import is_seen, outcome_probabilities
from qgeo.geometry.exact import quantum_fisher
from qgeo.geometry.operators import DenseMatrix, GramMatrix, InformationMatrix
from qgeo.geometry.request import MEMORY_BUDGET, Request, requested
from qgeo.interop.gradients import ExactSamplerGradient
from qgeo.simulate.statevector import probabilities
from qgeo.simulate.tangents import states_and_tangents

Interpret = Callable[[int], int | tuple[int, ...]]
"""From an outcome to the position of its probability in the output."""


class CircuitNetwork(NeuralNetwork):
    """A parameterized circuit's outcome probabilities, exact, with exact derivatives.

    Inputs are (B, len(input_params)), weights (W,), outputs (B, *output_shape). A circuit that measures is
    read through its classical bits (`measured.py`); of one that does not, all qubits are read. A transpiled
    circuit is read through its layout, as `SamplerQNN` does, unless it was measured before it was transpiled:
    then its classical bits are the logical ones (`SamplerQNN` permutes those once more).

    Args:
        circuit: unitary up to measurements at its end and resets at its beginning.
        input_params: parameters that carry data, in the order of the columns of the input: Parameters, a
            ParameterVector, or names. Those of a `raw_feature_vector` are amplitudes of the initial state.
        weight_params: trainable ones, in the order of the weights; by default all others in circuit order.
        interpret: from an outcome, an integer, to an index of the output, an integer or a tuple; outcomes
            with the same index add up. By default the outcome itself.
        output_shape: what `interpret` indexes; by default 2ⁿ, as `SamplerQNN` has it, n the qubits
            before transpiling, with zeros where fewer bits are read. `interpret=int, output_shape=2**bits`
            leaves those out.
        input_gradients: whether `backward` gives ∂p/∂x too, which layers before this one need.
        sparse: whether `forward` and `backward` give `sparse.COO` arrays, for which the package `sparse`
            must be installed.

    Raises:
        CircuitError: an instruction that is not unitary, a measurement that is not at the end.
        ConfigurationError: `interpret` without `output_shape` or the other way round, or an index outside it;
            `sparse` without its package; at `backward`, input gradients of amplitudes.
        ShapeError: parameters that are not those of the circuit; later, numbers that are missing or not
            finite. Arrays of a wrong shape are errors of `NeuralNetwork` itself.

    >>> from qiskit.circuit import Parameter
    >>> x, w = Parameter("x"), Parameter("w")
    >>> circuit = QuantumCircuit(1)
    >>> _ = circuit.ry(x, 0), circuit.ry(w, 0)
    >>> network = CircuitNetwork(circuit, input_params=[x])
    >>> network.forward([[0.0], [np.pi / 2]], [np.pi / 2]).round(6)
    array([[0.5, 0.5],
           [0. , 1. ]])
    """

    def __init__(
        self,
        circuit: QuantumCircuit,
        *,
        input_params: Any = (),
        weight_params: Any = None,
        interpret: Interpret | None = None,
        output_shape: int | tuple[int, ...] | None = None,
        input_gradients: bool = False,
        sparse: bool = False,
    ) -> None:
        if sparse and find_spec("sparse") is None:
            raise ConfigurationError(
                "expected the package sparse for sparse output, found none; pip install it"
            )
        self._program, self._circuit = compile(circuit, input_parameters=input_params), circuit
        given = self._program.parameters if weight_params is None else weight_params
        names = parameter_names(given, "weight_params")
        self._weight_names = _checked_weights(self._program, names)
        self.set_interpret(interpret, output_shape)
        shape = self._output_shape
        super().__init__(len(self._program.given_inputs), len(names), sparse, shape, input_gradients)

    @property
    def circuit(self) -> QuantumCircuit:
        """The circuit as it was given."""
        return self._circuit

    @property
    def input_params(self) -> list[Parameter]:
        """Parameters of the inputs, in their order."""
        return [self._circuit.get_parameter(name) for name in self._program.given_inputs]

    @property
    def weight_params(self) -> list[Parameter]:
        """Parameters of the weights, in their order."""
        return [self._circuit.get_parameter(name) for name in self._weight_names]

    @property
    def num_virtual_qubits(self) -> int:
        """Qubits of the circuit before it was transpiled."""
        return len(logical_qubits(self._circuit))

    @property
    def gradient(self) -> ExactSamplerGradient:
        """A gradient in `SamplerQNN`'s form; `backward` needs none."""
        return ExactSamplerGradient()

    @property
    def interpret(self) -> Interpret:
        """From an outcome to an index of the output."""
        return self._interpret

    def set_interpret(
        self, interpret: Interpret | None = None, output_shape: int | tuple[int, ...] | None = None
    ) -> None:
        """Read other outputs; arguments and errors as in the constructor."""
        self._output_shape, index = _output(self._circuit, interpret, output_shape)
        self._index = torch.from_numpy(index)
        self._interpret: Interpret = (lambda outcome: outcome) if interpret is None else interpret

    @property
    def program(self) -> Program:
        """The compiled circuit; its parameters are in circuit order, not in that of the weights."""
        return self._program

    def information(self, name: str, inputs: Tensor, weights: Tensor) -> InformationMatrix:
        """Over the weights, mean over inputs (B, d): "quantum" F_Q, or "classical" F_C of the output.

        Raises:
            ConfigurationError: another name.
        """
        if name == "quantum":
            return self._quantum(inputs, weights)
        if name == "classical":
            return self._classical(inputs, weights)
        raise ConfigurationError(
            f"expected a metric of a circuit network, 'quantum' or 'classical', got {name!r}"
        )

    def _forward(self, input_data: Any, weights: Any) -> Any:
        request = self._request(input_data, weights)
        outcomes = probabilities(request.program, request.values, request.inputs)
        return self._given(self._folded(outcomes).reshape(-1, *self.output_shape).numpy())

    def _backward(self, input_data: Any, weights: Any) -> tuple[Any, Any]:
        parts = [part.slopes for part in self._derivatives(input_data, weights, self._wanted())]
        slopes = torch.cat(parts).unflatten(1, self.output_shape).numpy()
        split = self._num_weights
        by_inputs = self._given(slopes[..., split:]) if self._input_gradients else None
        return by_inputs, self._given(slopes[..., :split])

    def _given(self, array: NDArray[np.float64]) -> Any:
        """An output as it was asked for."""
        if not self._sparse:
            return array
        from sparse import COO

        return COO.from_numpy(array)

    def _wanted(self) -> tuple[int, ...]:
        """Columns of the program to differentiate by: weights in their order, then inputs."""
        if self._input_gradients and self._program.amplitudes is not None:
            raise ConfigurationError(
                "expected no input_gradients where inputs are amplitudes of the initial state; data that "
                "pass through a layer before this one go into angles of gates"
            )
        inputs = self._program.input_parameters if self._input_gradients else ()
        return tuple(self._program.columns.index(name) for name in (*self._weight_names, *inputs))

    def _derivatives(self, inputs: Any, weights: Any, columns: tuple[int, ...]) -> list[_Output]:
        """p and ∂p by the columns, chunk by chunk of the batch."""
        request = replace(self._request(inputs, weights), columns=columns)
        return [self._output_of(request, chunk) for chunk in request.chunks(MEMORY_BUDGET)]

    def _output_of(self, request: Request, chunk: Tensor | None) -> _Output:
        psi, tangents = states_and_tangents(request.program, request.values, chunk, columns=request.columns)
        slopes = 2 * (tangents.real * psi.real + tangents.imag * psi.imag)
        by_output = self._folded(slopes.flatten(0, 1)).unflatten(0, slopes.shape[:2])
        return _Output(self._folded(outcome_probabilities(psi)), by_output.permute(1, 2, 0))

    def _folded(self, by_outcome: Tensor) -> Tensor:
        """(M, 2ⁿ) over basis states → (M, outputs)."""
        size = int(np.prod(self.output_shape))
        return by_outcome.new_zeros(len(by_outcome), size).index_add_(1, self._index, by_outcome)

    def _request(self, inputs: Any, weights: Any) -> Request:
        values = np.zeros(0) if weights is None else np.asarray(weights)
        if len(values) != len(self._weight_names):
            raise ShapeError(f"expected {len(self._weight_names)} weights, got {len(values)}")
        by_name = dict(zip(self._weight_names, values, strict=True))
        in_order = [by_name[name] for name in self._program.parameters]
        if self._num_inputs:
            return requested(self._program, in_order, None, inputs, None)
        request = requested(self._program, in_order, None, None, None)
        rows = 1 if inputs is None else len(inputs)
        return replace(request, inputs=torch.zeros(rows, 0, dtype=torch.float64))

    def _quantum(self, inputs: Tensor, weights: Tensor) -> DenseMatrix:
        request = self._request(inputs, weights)
        data = inputs if self._num_inputs else None
        of_weights = quantum_fisher(
            request.program, request.values, parameters=self._weight_names, inputs=data
        )
        return DenseMatrix(torch.from_numpy(of_weights))

    def _classical(self, inputs: Tensor, weights: Tensor) -> GramMatrix:
        """Rows ∂p/√p of all outputs with p > 0."""
        parts = self._derivatives(inputs, weights, self._wanted()[: self._num_weights])
        amplitudes = torch.cat([part.probabilities for part in parts]).sqrt()
        seen = is_seen(amplitudes)
        rows = torch.cat([part.slopes for part in parts])[seen] / amplitudes[seen].unsqueeze(1)
        return GramMatrix(rows, scale=1 / len(amplitudes))


@dataclass(frozen=True, eq=False)
class _Output:
    """Probabilities (B, outputs) and their derivatives (B, outputs, R)."""

    probabilities: Tensor
    slopes: Tensor


def _checked_weights(program: Program, names: Sequence[str]) -> tuple[str, ...]:
    if sorted(names) != sorted(program.parameters):
        raise ShapeError(
            f"expected weight_params to be the circuit's parameters that are no inputs, "
            f"{list(program.parameters)}, got {list(names)}; name the others in input_params"
        )
    return tuple(names)


def _output(
    circuit: QuantumCircuit, interpret: Interpret | None, output_shape: int | tuple[int, ...] | None
) -> tuple[tuple[int, ...], NDArray[np.int64]]:
    """The output's shape, and for every basis state the position of its probability in the flat output."""
    read = _read(circuit)
    if (interpret is None) != (output_shape is None):
        raise ConfigurationError(
            "expected interpret and output_shape together, got one of them; leave both out for all outcomes"
        )
    if interpret is None or output_shape is None:
        # 2ⁿ as `SamplerQNN` has it, more only where more classical bits than qubits are read
        return (2 ** max(len(logical_qubits(circuit)), int(read.max()).bit_length()),), read
    shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
    place = {outcome: _position(interpret(outcome), shape, outcome) for outcome in set(read.tolist())}
    return shape, np.array([place[outcome] for outcome in read.tolist()])


def _read(circuit: QuantumCircuit) -> NDArray[np.int64]:
    """The outcome of every basis state."""
    if not measures(circuit) or names_physical_qubits(circuit):
        return logical_outcomes(circuit)
    return outcomes(circuit)


def _position(index: ArrayLike, shape: tuple[int, ...], outcome: int) -> int:
    index_of_outcome = np.atleast_1d(np.asarray(index))
    fits = index_of_outcome.dtype.kind in "iub" and index_of_outcome.shape == (len(shape),)
    if not fits or not all(0 <= i < size for i, size in zip(index_of_outcome, shape, strict=True)):
        raise ConfigurationError(
            f"expected interpret to give an index into an output of shape {shape}, "
            f"got {index!r} for outcome {outcome}"
        )
    return int(np.ravel_multi_index(tuple(index_of_outcome), shape))
