"""Expectation: the energies of a circuit's states as a torch module, exact, with exact gradients.

    E_k(θ, x) = ⟨ψ(θ, x)|H_k|ψ(θ, x)⟩,      ∂E_k = 2 Re⟨H_k ψ|∂ψ⟩

by the adjoint method: one sweep forth and one back, however many parameters (Jones and Gacon 2020,
arXiv 2009.02823).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from qgeo.arguments import GENERATOR_ADVICE, checked_instance, shown
from qgeo.circuit.compiler import compile
from qgeo.circuit.layout import is_laid_out
from qgeo.circuit.names import parameter_names
from qgeo.circuit.program import Program
from qgeo.errors import CircuitError, ConfigurationError, ShapeError
from qgeo.modules.calls import CircuitCall
from qgeo.observables.pauli_sum import pauli_sums
from qgeo.simulate.statevector import expectations

START_SPREAD = 0.1
"""Standard deviation of the angles at the start, in radians: near the identity, where gradients of deep
circuits are not small (Grant et al. 2019, arXiv 1903.05076), and not on it, where many vanish by symmetry."""

_TYPES = {"complex128": (torch.complex128, torch.float64), "complex64": (torch.complex64, torch.float32)}


class Expectation(nn.Module):
    """Expectation values of observables in the states of a parameterized circuit.

    Args:
        circuit: unitary gates (as `qgeo.compile` takes them), n qubits.
        observables: a `SparsePauliOp`, a Pauli label, or a list of K of these, on n qubits.
        input_parameters: parameters that carry data, in the order of the inputs' columns.
        values: (P,) initial numbers of the others in `circuit.parameters` order; by default N(0, 0.1²), near
            the identity.
        generator: of the default's draw; by default seeded with 0.
        dtype: "complex128", or "complex64" for half the memory and about 1e-6 accuracy.

    `forward()` gives (K,) energies, `forward(inputs)` (B, K) for inputs (B, d), in the inputs' own type, so
    that layers of any precision stand before and behind. The trainable parameter is `values` (P,).
    Differentiable once; second derivatives are had by finite differences of gradients.

    Raises:
        CircuitError: the circuit is not unitary, transpiled, or takes amplitudes.
        ConfigurationError: observables or a type that do not fit.
        ShapeError: another number of values; later, of inputs.

    >>> from qiskit.circuit.library import real_amplitudes
    >>> from qiskit.quantum_info import SparsePauliOp
    >>> energy = Expectation(real_amplitudes(2, reps=1), SparsePauliOp(["ZZ", "XI"], [1.0, 0.5]))
    >>> energy().shape, energy.values.shape
    (torch.Size([1]), torch.Size([4]))
    """

    def __init__(
        self,
        circuit: Any,
        observables: Any,
        *,
        input_parameters: Any = (),
        values: Any = None,
        generator: torch.Generator | None = None,
        dtype: str = "complex128",
    ) -> None:
        super().__init__()
        if dtype not in _TYPES:
            raise ConfigurationError(f"expected dtype to be {' or '.join(_TYPES)}, got {shown(dtype)}")
        self.state_type, real = _TYPES[dtype]
        self.circuit, self.program = circuit, _compiled(circuit, parameter_names(input_parameters))
        self.observables = pauli_sums(observables, self.program.num_qubits)
        self.values = nn.Parameter(_start(self.program, values, generator).to(real))

    def forward(self, inputs: Tensor | None = None) -> Tensor:
        """(K,) energies; (B, K) at inputs (B, d)."""
        self.check_inputs(inputs)
        energies = expectations(self.program, self.values, inputs, self.observables, dtype=self.state_type)
        return energies[0] if inputs is None else energies.to(inputs.dtype)

    def circuit_call(self, inputs: Tensor | None = None) -> CircuitCall:
        """Where the circuit stands when the module is called so; with the graph that leads there."""
        self.check_inputs(inputs)
        return CircuitCall(self.program, self.values, inputs, self.circuit)

    def extra_repr(self) -> str:
        """Sizes."""
        program = self.program
        return (
            f"qubits={program.num_qubits}, parameters={program.num_parameters}, inputs={program.num_inputs}, "
            f"observables={len(self.observables)}"
        )

    def check_inputs(self, inputs: Any) -> None:
        """Raise a ShapeError for inputs that the circuit does not take."""
        wanted = self.program.num_inputs
        if inputs is None and not wanted:
            return
        if isinstance(inputs, Tensor) and inputs.dim() == 2 and inputs.shape[1] == wanted and len(inputs):
            if inputs.is_floating_point() and bool(torch.isfinite(inputs).all()):
                return
            raise ShapeError("expected inputs that are real and finite, got others")
        came = "none" if inputs is None else tuple(getattr(inputs, "shape", ())) or shown(inputs)
        needed = f"a tensor (B, {wanted}) of inputs, B ≥ 1" if wanted else "no inputs, or a tensor (B, 0)"
        raise ShapeError(f"expected {needed}, for the circuit's {wanted} input parameters, got {came}")


def _compiled(circuit: Any, inputs: tuple[str, ...]) -> Program:
    program = compile(circuit, input_parameters=inputs)
    if program.amplitudes is not None:
        raise CircuitError("expected data as angles of gates, got amplitudes of an initial state")
    if program.measured is not None:
        raise CircuitError(
            "expected a circuit without measurements, whose states observables are taken in, got one that "
            "measures; circuit.remove_final_measurements() takes them away"
        )
    if is_laid_out(circuit):
        raise CircuitError(
            "expected the circuit as it was before it was transpiled, got one on physical qubits"
        )
    return program


def _start(program: Program, values: Any, generator: torch.Generator | None) -> Tensor:
    """(P,) float64."""
    size = program.num_parameters
    if values is None:
        if generator is None:
            generator = torch.Generator().manual_seed(0)
        checked_instance("generator", generator, torch.Generator, GENERATOR_ADVICE)
        return START_SPREAD * torch.randn(size, generator=generator, dtype=torch.float64)
    given = torch.as_tensor(values, dtype=torch.float64).detach().clone()
    if given.shape != (size,) or not bool(torch.isfinite(given).all()):
        raise ShapeError(
            f"expected {size} real finite values for the circuit's parameters, got {tuple(given.shape)}"
        )
    return given
