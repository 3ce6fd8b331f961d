"""The compiled sweeps (`sweeps.h`) over a program, in one of two precisions.

The lanes of a register are neighbouring amplitudes of one context, or, where states are short, one amplitude
of neighbouring contexts. Tangents need not be stored: their products are all that leaves the cache.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import torch
from torch import Tensor

from qgeo.circuit.program import Program
from qgeo.simulate.compiled.bound import BoundCircuit, BoundOrder, address
from qgeo.simulate.compiled.calls import sweep
from qgeo.simulate.compiled.carried import Carried, carried
from qgeo.simulate.compiled.layout import CDestination
from qgeo.simulate.compiled.library import Sweep, Sweeps, sweeps_of
from qgeo.simulate.compiled.operations import Operations, operations_of
from qgeo.simulate.compiled.tangent_order import TangentOrder, tangent_order
from qgeo.simulate.compiled.teams import Parts, parts
from qgeo.simulate.meeting import Frame

MOST_QUBITS = 26
"""Widest circuit that the kernel takes: its tables have 32-bit indices."""

MOST_QUBITS_ACROSS = 5
"""Widest circuit with contexts in the lanes: beyond it the amplitudes of one context fill registers enough
(benchmarks/NOTES.md, "lanes")."""

FEWEST_CONTEXTS = 4
"""With fewer, lanes are better filled with amplitudes than with contexts: half of a register, chosen."""

_LONG = 2**15  # amplitudes of a state that is one thread's: longer ones are cut (LONG_STATE of propagation.h)
_WORTH_A_THREAD = 1_500_000
"""Amplitudes moved by one thread, about a tenth of a millisecond: QFIM at n = 8 (1.0 million) takes 0.12 ms
on one thread and 0.13 on two, at n = 10 (6.6 million) 0.35 and 0.23; on a busy core a second one keeps the
first waiting for its turn."""


@dataclass(frozen=True, eq=False)
class Structure:
    """A program's operations, whatever the precision."""

    program: Program
    pieces: Carried

    @cached_property
    def inside(self) -> Operations:
        """Everything but the Clifford gates at the end, which no product in the circuit's middle sees."""
        return operations_of(self.pieces, dimension=self.program.dimension)

    @cached_property
    def complete(self) -> Operations:
        return operations_of(self.pieces.applied(), dimension=self.program.dimension)

    def operations(self, frame: Frame) -> Operations:
        return self.complete if frame == "end" else self.inside


@dataclass(frozen=True, eq=False)
class Kernel:
    """The sweeps over a program. Angles and sums over registers are float64 whatever the states are."""

    structure: Structure
    sweeps: Sweeps

    @property
    def program(self) -> Program:
        return self.structure.program

    def bound(self, frame: Frame, shared: Tensor, by_context: Tensor) -> BoundCircuit:
        """The circuit at shared angles (m,) and per-context ones (B, m'), whole where its end is seen."""
        across = self.program.num_qubits <= MOST_QUBITS_ACROSS and by_context.shape[0] >= FEWEST_CONTEXTS
        operations = self.structure.operations(frame)
        return BoundCircuit(self.program, operations, shared, by_context, contexts_in_lanes=across)

    def order(self, columns: tuple[int, ...], frame: Frame) -> TangentOrder:
        """Where tangents by these columns meet, and their rows."""
        return tangent_order(self.program, self.structure.operations(frame), columns, frame)

    def states(self, circuit: BoundCircuit) -> Tensor:
        """U|0…0⟩, (B, 2ⁿ)."""
        psi = torch.empty((circuit.num_contexts, self.program.dimension), dtype=self.sweeps.dtype)
        chosen, shared = self._of_one_state(circuit), self._bytes("shared_bytes", circuit)
        self._sweep(self.sweeps.states, circuit, chosen, "states_bytes", shared, states=address(psi))
        return psi

    def probabilities(self, circuit: BoundCircuit) -> tuple[Tensor, Tensor]:
        """|U|0…0⟩|², (B, 2ⁿ), and the states as they lie in registers, for `probability_gradient`."""
        result = torch.empty((circuit.num_contexts, self.program.dimension), dtype=self.sweeps.real)
        size = self._registers(circuit) * self._bytes("state_bytes", circuit)
        states = torch.empty(size, dtype=torch.uint8)
        to = {"states": address(states), "others": address(result)}
        chosen, shared = self._of_one_state(circuit), self._bytes("shared_bytes", circuit)
        self._sweep(self.sweeps.probabilities, circuit, chosen, "states_bytes", shared, **to)
        return result, states

    def gradient(self, circuit: BoundCircuit, psi: Tensor, cotangent: Tensor) -> tuple[Tensor, Tensor]:
        """∂L/∂angles, (m,) and (B, m'), for dL = Re⟨cotangent|dψ⟩ and final states ψ, (B, 2ⁿ) each."""
        psi, cotangent = psi.contiguous(), cotangent.contiguous().resolve_conj()
        return self._gradient(self.sweeps.gradient, circuit, psi, cotangent)

    def probability_gradient(
        self, circuit: BoundCircuit, states: Tensor, weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The same for dL = Σ w d|ψ|², from the states of `probabilities` and weights (B, 2ⁿ)."""
        return self._gradient(self.sweeps.probability_gradient, circuit, states, weights.contiguous())

    def _gradient(
        self, function: Sweep, circuit: BoundCircuit, states: Tensor, cotangent: Tensor
    ) -> tuple[Tensor, Tensor]:
        chosen = self._of_one_state(circuit)
        sums = _zeros(chosen.count, circuit.shared.shape[0])
        by_context = _zeros(chosen.count // chosen.groups, *circuit.by_context.shape)
        shared = self._bytes("shared_bytes", circuit)
        given = {"states": address(states), "others": address(cotangent)}
        sums_of = {"sums": sums, "by_context": by_context}
        self._sweep(function, circuit, chosen, "gradient_bytes", shared, **sums_of, **given)
        return _summed(sums), _summed(by_context)

    def tangents(self, circuit: BoundCircuit, bound: BoundOrder, memory: Tensor) -> tuple[Tensor, Tensor]:
        """States (B, 2ⁿ) and rows of tangents (R, B, 2ⁿ) in the frame, the rows in `memory`."""
        rows = len(bound.order.rows)
        psi = torch.empty((circuit.num_contexts, self.program.dimension), dtype=self.sweeps.dtype)
        tangents = memory[: rows * psi.numel()].view(rows, *psi.shape)
        to = {"order": bound.address, "states": address(psi), "others": address(tangents)}
        chosen = self._parts(circuit, rows)
        shared = self._bytes("shared_bytes", circuit)
        self._sweep(self.sweeps.tangents, circuit, chosen, "tangents_bytes", shared, **to)
        return psi, tangents

    def quantum_products(
        self, circuit: BoundCircuit, bound: BoundOrder, num_columns: int, num_summed: int
    ) -> tuple[Tensor, Tensor]:
        """Re⟨u_i|u_j⟩ of projected tangents u = (1 − |ψ⟩⟨ψ|)∂ψ, in any frame.

        Returns:
            those of the first columns with each other, summed over contexts, (num_summed, num_summed); and
            by context those of the others, the data, with all, (B, num_columns − num_summed, num_columns).
        """
        kept = _zeros(1, circuit.num_contexts, num_columns - num_summed, num_columns)
        sums = self._gram(self.sweeps.quantum_gram, circuit, bound, num_columns, num_summed, by_context=kept)
        return sums, kept[0]

    def classical_products(
        self, circuit: BoundCircuit, bound: BoundOrder, count: int, least: float
    ) -> Tensor:
        """Σ over contexts and outcomes of ∂_ip ∂_jp/p, (P, P), `bound` to an order at the circuit's end.

        Outcomes whose amplitude is at most `least` times the largest of their context are left out.
        """
        return self._gram(self.sweeps.classical_gram, circuit, bound, count, count, least=least)

    def _gram(
        self,
        function: Sweep,
        circuit: BoundCircuit,
        bound: BoundOrder,
        num_columns: int,
        num_summed: int,
        **others: Any,
    ) -> Tensor:
        """Sums (num_summed, num_summed) of products of rows, which a team shares."""
        parameters = bound.order.parameter_of_row.ctypes.data
        to = CDestination(num_summed, num_columns - num_summed, num_columns, parameters)
        chosen = self._parts(circuit, len(bound.order.rows))
        sums = _zeros(chosen.count, num_summed, num_summed)
        rows = self.sweeps.rows_bytes(circuit.at, bound.at)
        given = {"order": bound.address, "destination": ctypes.addressof(to), **others}
        self._sweep(function, circuit, chosen, "tangents_bytes", rows, sums=sums, **given)
        return _summed(sums)

    def _sweep(
        self, function: Sweep, circuit: BoundCircuit, chosen: Parts, own: str, shared: int, **given: Any
    ) -> None:
        """See `sweep`; `own` is the name of the size of what a part works in."""
        size = self._bytes(own, circuit)
        contexts = circuit.num_contexts
        sweep(function, chosen, size, shared, circuit=circuit.address, contexts=contexts, **given)

    def _of_one_state(self, circuit: BoundCircuit) -> Parts:
        return self._parts(circuit, 2, of_one_state=True)

    def _parts(self, circuit: BoundCircuit, rows: int, *, of_one_state: bool = False) -> Parts:
        """As many threads as torch has, where moving so many rows is worth it."""
        contexts, dimension = circuit.num_contexts, self.program.dimension
        work = contexts * rows * circuit.operations.count * dimension
        if work < 2 * _WORTH_A_THREAD:
            return parts(contexts, 1, 1)
        threads = min(torch.get_num_threads(), work // _WORTH_A_THREAD)
        together = self.sweeps.lanes if circuit.contexts_in_lanes else 1
        if of_one_state and dimension <= _LONG:
            threads = min(threads, -(-contexts // together))
        return parts(contexts, together, threads)

    def _bytes(self, what: str, circuit: BoundCircuit) -> int:
        """Of memory that a sweep wants, asked once for circuits that only differ in their angles."""
        key = (what, circuit.operations, circuit.contexts_in_lanes)
        if key not in self._known_bytes:
            self._known_bytes[key] = int(getattr(self.sweeps, what)(circuit.at))
        return self._known_bytes[key]

    @cached_property
    def _known_bytes(self) -> dict[tuple[str, Operations, bool], int]:
        return {}

    def _registers(self, circuit: BoundCircuit) -> int:
        """How many states there are in lanes: one for as many contexts as lie side by side."""
        return (
            -(-circuit.num_contexts // self.sweeps.lanes)
            if circuit.contexts_in_lanes
            else circuit.num_contexts
        )


@lru_cache(maxsize=512)
def kernel_of(program: Program, dtype: torch.dtype = torch.complex128) -> Kernel | None:
    """The kernel for a program, or None where it is too wide, has a wide generator that is no sum of
    commuting strings, or was not built."""
    sweeps, structure = sweeps_of(dtype), structure_of(program)
    return None if sweeps is None or structure is None else Kernel(structure, sweeps)


@lru_cache(maxsize=256)
def structure_of(program: Program) -> Structure | None:
    """The program's operations, where the sweeps take all of them."""
    pieces = carried(program) if program.num_qubits <= MOST_QUBITS else None
    return None if pieces is None else Structure(program, pieces)


def _zeros(*shape: int) -> Tensor:
    return torch.zeros(shape, dtype=torch.float64)


def _summed(of_part: Tensor) -> Tensor:
    """Σ of what each thread added up."""
    return of_part[0] if of_part.shape[0] == 1 else of_part.sum(0)
