"""Exact gradients of outcome probabilities and of expectation values, in qiskit-machine-learning's forms.

    sampler      ∂_i p(y) = Σ_{z read as y} 2 Re ψ_z* ∂_iψ_z      from tangents
    estimator    ∂_i ⟨O⟩ = 2 Re ⟨ψ|O|∂_iψ⟩                        one adjoint sweep, however many i

The rows of a job that share a circuit are computed as one batch, so that the backward pass of a `SamplerQNN`
or `EstimatorQNN` that is given one of these is one call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.primitives import BaseEstimatorV2
from qiskit.providers import Options
from qiskit.quantum_info import Operator, SparsePauliOp
from qiskit_machine_learning.gradients import (
    BaseEstimatorGradient,
    BaseSamplerGradient,
    DerivativeType,
    EstimatorGradientResult,
    SamplerGradientResult,
)
from torch import Tensor

from qgeo.errors import ConfigurationError
from qgeo.estimators.primitives import PassManager, Primitive
from qgeo.geometry.exact import check_domain
from qgeo.geometry.request import MEMORY_BUDGET
from qgeo.interop.geometric_tensor import own_type
from qgeo.interop.programs import Batch, ProgramCache, batches
from qgeo.simulate.statevector import states
from qgeo.simulate.tangents import states_and_tangents

Gradient = dict[int, float]
"""∂p(y) by outcome y."""


class ExactSamplerGradient(BaseSamplerGradient):
    """Exact gradients of outcome probabilities, in the place of `ParamShiftSamplerGradient`.

    `run(circuits, parameter_values, parameters=None)` gives a job whose `SamplerGradientResult` holds, for
    each circuit and parameter, a dictionary from outcomes to ∂p. Outcomes are integers, classical bit 0 the
    least significant (`measured.py`); all that the measured bits can hold are listed, also where ∂p = 0, but
    for those with a 1 of a qubit that no gate acts on.

    Args:
        sampler, pass_manager, shots, transpiler, transpiler_options: accepted in the places where
            qiskit-machine-learning and qiskit-algorithms have them; nothing is run on them.
        options: passed through to the result; a number, qiskit-algorithms' shots, is none.

    Raises, at the job's `result()`:
        CircuitError: no measurement, one that is not at the end, or an instruction that is not unitary; a
            circuit that was measured behind a transpiler that moved its qubits.
        ShapeError: values that are not finite real numbers, or outside an angle's domain.

    >>> from qiskit.circuit import Parameter
    >>> circuit = QuantumCircuit(1)
    >>> _ = circuit.ry(Parameter("a"), 0), circuit.measure_all()
    >>> [[gradient]] = ExactSamplerGradient().run([circuit], [[np.pi / 2]]).result().gradients
    >>> {outcome: round(slope, 6) for outcome, slope in gradient.items()}
    {0: -0.5, 1: 0.5}
    """

    def __init__(
        self,
        sampler: Primitive | None = None,
        options: Mapping[str, Any] | int | None = None,
        pass_manager: PassManager | None = None,
        *,
        shots: int | None = None,
        transpiler: Any = None,
        transpiler_options: Mapping[str, Any] | None = None,
    ) -> None:
        del shots, transpiler, transpiler_options
        super().__init__(sampler, _mapping(options), pass_manager)
        self._programs = ProgramCache(measured=True)

    def _run(
        self,
        circuits: Sequence[QuantumCircuit],
        parameter_values: Sequence[Sequence[float]],
        parameters: Sequence[Sequence[Any]],
        **options: Any,
    ) -> SamplerGradientResult:
        gradients: list[list[Gradient]] = [[]] * len(circuits)
        for batch in batches(self._programs, circuits, parameter_values, parameters):
            for position, own in zip(batch.positions, _outcome_gradients(batch), strict=True):
                gradients[position] = own
        metadata = [[{"parameters": wanted}] for wanted in parameters]
        return SamplerGradientResult(gradients=gradients, metadata=metadata, options=Options(**options))

    def _get_local_options(self, options: Mapping[str, Any]) -> Options:
        return Options(**options)  # there is no primitive whose options could be added


class ExactEstimatorGradient(BaseEstimatorGradient):
    """Exact gradients of expectation values, in the place of `ParamShiftEstimatorGradient`.

    `run(circuits, observables, parameter_values, parameters=None)` gives a job whose
    `EstimatorGradientResult` holds an array (R,) for each circuit, in the order of `parameters`. Time does
    not grow with R.

    Args:
        estimator, pass_manager, precision, transpiler, transpiler_options: accepted in the places where
            qiskit-machine-learning and qiskit-algorithms have them; nothing is run on them.
        options: passed through to the result; a number, qiskit-algorithms' precision, is none.
        derivative_type: 2⟨ψ|O|∂ψ⟩, its real part (the gradient) or its imaginary part.

    Raises, at the job's `result()`:
        CircuitError: an instruction that is not unitary. Resets and `initialize` at the start are none;
            measurements at the end are left out, and a note is logged.
        ConfigurationError: an observable that is not Hermitian.
        ShapeError: values that are not finite real numbers, or outside an angle's domain.

    >>> from qiskit.circuit import Parameter
    >>> circuit = QuantumCircuit(1)
    >>> _ = circuit.ry(Parameter("a"), 0)
    >>> ExactEstimatorGradient().run([circuit], [SparsePauliOp("Z")], [[np.pi / 2]]).result().gradients
    [array([-1.])]
    """

    def __init__(
        self,
        estimator: BaseEstimatorV2 | None = None,
        options: Mapping[str, Any] | float | None = None,
        derivative_type: DerivativeType = DerivativeType.REAL,
        pass_manager: PassManager | None = None,
        *,
        precision: float | None = None,
        transpiler: Any = None,
        transpiler_options: Mapping[str, Any] | None = None,
    ) -> None:
        del precision, transpiler, transpiler_options
        super().__init__(estimator, _mapping(options), derivative_type, pass_manager)
        self._programs = ProgramCache()

    def _run(
        self,
        circuits: Sequence[QuantumCircuit],
        observables: Sequence[Any],
        parameter_values: Sequence[Sequence[float]],
        parameters: Sequence[Sequence[Any]],
        **options: Any,
    ) -> EstimatorGradientResult:
        matrices = _matrices(observables)
        gradients: list[NDArray[Any]] = [np.zeros(0)] * len(circuits)
        for batch in batches(self._programs, circuits, parameter_values, parameters):
            observed = [matrices[position] for position in batch.positions]
            of_batch = _expectation_gradients(batch, observed, own_type(self.derivative_type))
            for position, gradient in zip(batch.positions, of_batch, strict=True):
                gradients[position] = gradient
        metadata = [{"parameters": wanted} for wanted in parameters]
        return EstimatorGradientResult(gradients=gradients, metadata=metadata, options=Options(**options))

    def _get_local_options(self, options: Mapping[str, Any]) -> Options:
        return Options(**options)


def _mapping(options: Mapping[str, Any] | float | None) -> Mapping[str, Any] | None:
    """Options, where they are some: in their place qiskit-algorithms has shots or a precision."""
    return options if isinstance(options, Mapping) else None


def _outcome_gradients(batch: Batch) -> list[list[Gradient]]:
    """For every row and parameter, ∂p by outcome."""
    request = batch.request
    known = _known(batch)
    read, place = np.unique(known[known >= 0], return_inverse=True)
    names: list[int] = read.tolist()
    gradients: list[list[Gradient]] = []
    for chunk in request.chunks(MEMORY_BUDGET):
        psi, tangents = states_and_tangents(request.program, request.values, chunk, columns=request.columns)
        slopes = 2 * (tangents.real * psi.real + tangents.imag * psi.imag)
        folded = slopes.new_zeros(*slopes.shape[:2], len(read))
        folded.index_add_(2, torch.from_numpy(place), slopes[..., torch.from_numpy(known >= 0)])
        check_domain(folded)
        gradients.extend([dict(zip(names, row, strict=True)) for row in rows] for rows in _by_row(folded))
    return gradients


def _known(batch: Batch) -> NDArray[np.int64]:
    assert batch.compiled.outcomes is not None
    return batch.compiled.outcomes


def _by_row(folded: Tensor) -> list[list[list[float]]]:
    return folded.transpose(0, 1).tolist()


def _expectation_gradients(batch: Batch, matrices: list[Any], kind: DerivativeType) -> list[NDArray[Any]]:
    """2⟨ψ|O|∂ψ⟩ of every row, (R,), or a part of it."""
    request = batch.request
    assert request.inputs is not None
    inputs = request.inputs.requires_grad_()
    psi = states(request.program, request.values, inputs)
    acted = np.stack([matrix @ row for matrix, row in zip(matrices, psi.detach().numpy(), strict=True)])
    both = _real_and_imaginary(psi, inputs, 2 * torch.from_numpy(acted), kind)[:, list(request.columns)]
    check_domain(both)
    return list(both.numpy())


def _real_and_imaginary(psi: Tensor, inputs: Tensor, ket: Tensor, kind: DerivativeType) -> Tensor:
    """Parts of ⟨ket|∂ψ⟩, (B, P): the gradient of dL = Re⟨λ|dψ⟩ for λ = ket, and for λ = i·ket."""

    def swept(cotangent: Tensor) -> Tensor:
        return torch.autograd.grad(psi, inputs, cotangent, retain_graph=True)[0]

    if kind == DerivativeType.REAL:
        return swept(ket)
    return swept(1j * ket) if kind == DerivativeType.IMAG else torch.complex(swept(ket), swept(1j * ket))


def _matrices(observables: Sequence[Any]) -> list[Any]:
    """Sparse or dense matrices; the same object is converted once."""
    known = {id(observable): observable for observable in observables}
    made = {key: _matrix(observable) for key, observable in known.items()}
    return [made[id(observable)] for observable in observables]


def _matrix(observable: Any) -> Any:
    dense = isinstance(observable, Operator)
    matrix = observable.data if dense else SparsePauliOp(observable).to_matrix(sparse=True)
    if abs(matrix - matrix.conj().T).max() > 1e-10 * max(1.0, abs(matrix).max()):
        raise ConfigurationError(
            "expected Hermitian observables, got one that is not; take its Hermitian part"
        )
    return matrix
