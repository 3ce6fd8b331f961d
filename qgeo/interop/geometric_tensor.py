"""The exact quantum geometric tensor behind the interface of qiskit-machine-learning.

    Q_ij = ⟨∂_iψ|∂_jψ⟩ − ⟨∂_iψ|ψ⟩⟨ψ|∂_jψ⟩

`LinCombQGT` measures it term by term on circuits with one more qubit, for the gates of its own set. Here it
is computed from tangents (`qgeo.simulate.tangents`), for every gate and without a primitive; the second term,
the phase fix, can be left out as there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit_machine_learning.gradients import DerivativeType
from qiskit_machine_learning.gradients.base.base_qgt import BaseQGT
from qiskit_machine_learning.gradients.base.qgt_result import QGTResult
from torch import Tensor

from qgeo.estimators.primitives import PassManager
from qgeo.geometry.exact import check_domain
from qgeo.geometry.request import MEMORY_BUDGET
from qgeo.interop.programs import Batch, ProgramCache, batches
from qgeo.simulate.projection import projected_tangents
from qgeo.simulate.tangents import tangents_in_frame


class ExactQGT(BaseQGT):
    """Exact QGT of circuits, in the place of `LinCombQGT`; `QFI(ExactQGT())` gives F_Q = 4 Re Q.

    `run(circuits, parameter_values, parameters=None)` gives a job whose `QGTResult` holds one (R, R) matrix
    per circuit, rows in the order of `parameters`, complex128 or, for REAL and IMAG, float64; its `precision`
    is the one that was asked for, 0 if none was.

    Args:
        estimator, pass_manager, precision, transpiler, transpiler_options: accepted in the places where
            qiskit-machine-learning and qiskit-algorithms have them; nothing is run on them.
        phase_fix: whether the term ⟨∂_iψ|ψ⟩⟨ψ|∂_jψ⟩ is subtracted.
        derivative_type: Q, its real part or its imaginary part.

    Raises, at the job's `result()`:
        CircuitError: an instruction that is not unitary. Resets and `initialize` at the start are none;
            measurements at the end are left out, and a note is logged.
        ShapeError: values that are not finite real numbers, or outside an angle's domain.

    A ValueError from `run` is qiskit-machine-learning's own check of counts. Circuits are compiled once.

    >>> from qiskit.circuit import Parameter
    >>> circuit = QuantumCircuit(1)
    >>> _ = circuit.ry(Parameter("a"), 0), circuit.p(Parameter("b"), 0)
    >>> ExactQGT().run([circuit], [[np.pi / 6, 1.0]]).result().qgts[0].round(6) + 0.0
    array([[0.25  +0.j   , 0.    +0.125j],
           [0.    -0.125j, 0.0625+0.j   ]])
    """

    def __init__(
        self,
        estimator: Any = None,
        phase_fix: bool = True,
        derivative_type: DerivativeType = DerivativeType.COMPLEX,
        precision: float | None = None,
        *,
        pass_manager: PassManager | None = None,
        transpiler: Any = None,
        transpiler_options: Mapping[str, Any] | None = None,
    ) -> None:
        del transpiler, transpiler_options
        super().__init__(estimator, phase_fix, derivative_type, precision, pass_manager=pass_manager)
        self._programs = ProgramCache()

    def _run(
        self,
        circuits: Sequence[QuantumCircuit],
        parameter_values: Sequence[Sequence[float]],
        parameters: Sequence[Sequence[Any]],
        *,
        precision: float | Sequence[float] | None = None,
    ) -> QGTResult:
        asked = self._precision if precision is None else precision  # met exactly, whatever it is
        kind, qgts = self.derivative_type, [np.zeros((0, 0))] * len(circuits)
        for batch in batches(self._programs, circuits, parameter_values, parameters):
            tensors = _geometric_tensors(batch, self._phase_fix)
            for position, tensor in zip(batch.positions, tensors, strict=True):
                qgts[position] = _part(tensor, own_type(kind))
        metadata = [[{"parameters": wanted}] for wanted in parameters]
        return QGTResult(qgts=qgts, derivative_type=kind, metadata=metadata, precision=asked or 0.0)


def own_type(kind: Any) -> DerivativeType:
    """qiskit-machine-learning's type for qiskit-algorithms' one, which has the same names."""
    return DerivativeType[kind.name]


def _geometric_tensors(batch: Batch, phase_fix: bool) -> list[NDArray[np.complex128]]:
    """Q of every row, (R, R)."""
    request = batch.request
    tensors: list[NDArray[np.complex128]] = []
    for chunk in request.chunks(MEMORY_BUDGET):
        tangents = tangents_in_frame(
            request.program, request.values, chunk, columns=request.columns, frame="middle"
        )
        tensors.extend(_grams(tangents.states, tangents.ordered(), phase_fix))
    return tensors


def _grams(states: Tensor, tangents: Tensor, phase_fix: bool) -> NDArray[np.complex128]:
    """⟨∂_iψ|∂_jψ⟩ of each row, (B, R, R), of tangents without their part along ψ where the phase is fixed."""
    kets = tangents.transpose(0, 1)
    bras = projected_tangents(states, tangents).transpose(0, 1) if phase_fix else kets
    grams = bras.conj() @ kets.mT
    check_domain(grams)
    return grams.numpy()


def _part(tensor: NDArray[np.complex128], kind: DerivativeType) -> NDArray[Any]:
    if kind == DerivativeType.REAL:
        return tensor.real.copy()
    return tensor.imag.copy() if kind == DerivativeType.IMAG else tensor
