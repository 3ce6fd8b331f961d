"""A C program that holds circuits, calls the sweeps on them, and compares with numbers from this machine.

Written by tests, compiled for whatever machine a compiler makes programs for, and run there: without Python.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch

from qgeo.simulate.compiled.bound import bound_order
from qgeo.simulate.compiled.kernel import Kernel
from qgeo.simulate.compiled.layout import Insertion, KernelStep, Operation, Row

PROLOGUE = """
#include "complex128.c"
#include <stdio.h>

static char own[{bytes}] __attribute__((aligned(64))), shared[{bytes}] __attribute__((aligned(64)));
static double out[{numbers}], more[{numbers}];
static int failures;

static void compare(const char *what, const double *got, const double *expected, long count)
{{
    double worst = 0, largest = 1;
    for (long i = 0; i < count; i++) {{
        const double off = fabs(got[i] - expected[i]), size = fabs(expected[i]);
        if (!(off <= worst)) worst = off;
        if (size > largest) largest = size;
    }}
    const int wrong = !(worst <= 1e-13 * largest);
    failures += wrong;
    printf("%s %s: %ld numbers, worst %.1e\\n", wrong ? "WRONG" : "equal", what, count, worst);
}}

static void clear(void) {{ memset(out, 0, sizeof out); memset(more, 0, sizeof more); }}

int main(void)
{{
"""
EPILOGUE = """
    return failures != 0;
}
"""


@dataclass
class SelfTest:
    """A program that grows by circuits."""

    arrays: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    numbers: int = 1
    bytes: int = 64

    def text(self) -> str:
        body = "\n".join(["{", *self.arrays, *self.calls, "}"])
        return PROLOGUE.format(numbers=self.numbers, bytes=self.bytes) + body + EPILOGUE

    def add(self, name: str, kernel: Kernel, values: torch.Tensor, inputs: torch.Tensor) -> None:
        """All sweeps of a circuit at these values (P,) and inputs (B, d)."""
        point = _Point(name, kernel, values, inputs, self)
        point.states_and_gradient()
        point.tangents()
        point.products()

    def array(self, name: str, content: np.ndarray) -> str:
        """Declare a constant array of doubles, or of 32-bit integers; its name."""
        flat = np.ascontiguousarray(content).ravel()
        is_real = flat.dtype == np.float64
        numbers = ",".join(float(x).hex() if is_real else str(int(x)) for x in flat) or "0"
        self.arrays.append(f"static const {'double' if is_real else 'int32_t'} {name}[] = {{{numbers}}};")
        return name

    def rows(self, name: str, kind: str, content: np.ndarray) -> str:
        """Declare rows of integers as an array of a structure."""
        rows = ",".join("{" + ",".join(map(str, row)) + "}" for row in content.tolist())
        self.arrays.append(f"static const {kind} {name}[] = {{{rows or '{0}'}}};")
        return name

    def compare(self, what: str, got: str, expected: np.ndarray) -> None:
        name = self.array(f"expected_{len(self.arrays)}", expected)
        self.numbers = max(self.numbers, expected.size)
        self.calls.append(f'    compare("{what}", {got}, {name}, {expected.size});')


class _Point:
    """A circuit at values and inputs, its structures declared."""

    def __init__(
        self, name: str, kernel: Kernel, values: torch.Tensor, inputs: torch.Tensor, test: SelfTest
    ) -> None:
        from qgeo.simulate.compiled.engine import CompiledEngine

        self.name, self.kernel, self.test, self.count = name, kernel, test, len(inputs)
        self.engine = CompiledEngine(kernel, values, inputs)
        self.circuit = self.engine.circuit
        self._declare(name, self.circuit)

    def _declare(self, name: str, circuit) -> None:
        operations, test = circuit.operations, self.test
        parts = (
            test.rows(f"{name}_operations", "operation", operations.table),
            test.rows(f"{name}_steps", "step", operations.steps),
            test.array(f"{name}_numbers", operations.numbers),
            test.array(f"{name}_indices", operations.indices),
            test.array(f"{name}_shared", circuit.shared.numpy()),
            test.array(f"{name}_by_context", circuit.by_context.numpy()),
        )
        sizes = (
            *(self.kernel.program.num_qubits, int(circuit.contexts_in_lanes)),
            *(len(operations.table), len(operations.steps), operations.num_phases, operations.num_vectors),
            *(len(circuit.shared), circuit.by_context.shape[1]),
            *(operations.start.real.hex(), operations.start.imag.hex()),
        )
        fields = ", ".join(map(str, (*sizes, *parts)))
        test.arrays.append(f"const circuit {name} = {{{fields}}};")
        assert operations.table.shape[1] == len(Operation._fields)
        assert operations.steps.shape[1] == len(KernelStep._fields)

    def states_and_gradient(self) -> None:
        """States, and the gradient of a random linear loss."""
        name, test, generator = self.name, self.test, torch.Generator().manual_seed(3)
        psi = self.kernel.states(self.circuit)
        cotangent = torch.randn(psi.shape, dtype=torch.complex128, generator=generator)
        shared, by_context = self.kernel.gradient(self.circuit, psi, cotangent)
        self._call("states", states="out")
        test.compare(f"{name}, states", "out", _reals(psi))
        given = [test.array(f"{name}_{what}", _reals(x)) for what, x in (("psi", psi), ("back", cotangent))]
        states, others = (f"(double *){each}" for each in given)
        self._call("gradient", states=states, others=others, sums="out", by_context="more")
        test.compare(f"{name}, gradient by shared angles", "out", shared.numpy())
        test.compare(f"{name}, gradient by angles of contexts", "more", by_context.numpy())

    def tangents(self) -> None:
        """All tangents, at the end; and F_C."""
        columns = tuple(range(len(self.kernel.program.columns)))
        bound, name = self._order("end", self.name)
        room = torch.zeros(
            len(bound.order.rows) * self.count * self.kernel.program.dimension, dtype=torch.complex128
        )
        psi, tangents = self.kernel.tangents(self.circuit, bound, room)
        self._call("tangents", order=f"&{name}", states="out", others="more")
        self.test.compare(f"{name}, states", "out", _reals(psi))
        self.test.compare(f"{name}, tangents", "more", _reals(tangents))
        classical = self.kernel.classical_products(self.circuit, bound, len(columns), 1e-14)
        to = self._destination(name, bound, len(columns))
        self._call("classical_gram", order=f"&{name}", destination=to, least="1e-14", sums="out")
        self.test.compare(f"{name}, F_C", "out", classical.numpy())

    def products(self) -> None:
        """Gram matrix of projected tangents, summed over contexts, in the middle."""
        middle = self.engine._bound("middle")
        self._declare(f"{self.name}_inside", middle)
        bound, name = self._order("middle", f"{self.name}_inside")
        columns = len(self.kernel.program.columns)
        total, _ = self.kernel.quantum_products(middle, bound, columns, columns)
        to = self._destination(name, bound, columns)
        self._call(
            "quantum_gram", circuit=f"{self.name}_inside", order=f"&{name}", destination=to, sums="out"
        )
        self.test.compare(f"{name}, products", "out", total.numpy())

    def _order(self, frame: str, circuit: str):
        """A tangent order of all columns, declared under its frame."""
        columns = tuple(range(len(self.kernel.program.columns)))
        order, name = self.kernel.order(columns, frame), f"{circuit}_{frame}"
        bound = bound_order(self.kernel.program, order, self.engine.values, self.engine.inputs)
        parts = (
            self.test.rows(f"{name}_rows", "row", order.rows),
            self.test.rows(f"{name}_insertions", "insertion", order.insertions),
            self.test.array(f"{name}_slopes", bound._shared.numpy()),
            self.test.array(f"{name}_context_slopes", bound._by_context.numpy()),
        )
        sizes = (order.frame, len(order.rows), order.forward, len(bound._shared), bound._by_context.shape[1])
        fields = ", ".join(map(str, (*sizes, *parts)))
        self.test.arrays.append(f"const tangent_order {name} = {{{fields}}};")
        assert (order.rows.shape[1], order.insertions.shape[1]) == (len(Row._fields), len(Insertion._fields))
        rows = self.kernel.sweeps.rows_bytes(self.circuit.at, bound.at)
        self.test.bytes = max(self.test.bytes, rows, self.kernel.sweeps.tangents_bytes(self.circuit.at))
        return bound, name

    def _destination(self, name: str, bound, columns: int) -> str:
        parameters = self.test.array(f"{name}_parameters", bound.order.parameter_of_row.astype(np.int32))
        return f"&(destination){{{columns}, 0, {columns}, {parameters}}}"

    def _call(self, sweep: str, *, circuit: str | None = None, **fields: str) -> None:
        """Of all contexts, alone."""
        sweeps, at = self.kernel.sweeps, self.circuit.at
        sizes = sweeps.gradient_bytes(at), sweeps.tangents_bytes(at), sweeps.shared_bytes(at)
        self.test.bytes = max(self.test.bytes, *sizes)
        given = ", ".join(f".{field} = {value}" for field, value in fields.items())
        contexts = f".members = {{0, 1, NULL}}, .last = {self.count}, .contexts = {self.count}"
        memory = ".workspace = own, .shared_workspace = shared"
        arguments = f".circuit = &{circuit or self.name}, {contexts}, {given}, {memory}"
        self.test.calls.append(f"    clear(); qgeo_{sweep}_complex128(&(call){{{arguments}}});")


def _reals(tensor: torch.Tensor) -> np.ndarray:
    return torch.view_as_real(tensor.resolve_conj()).contiguous().numpy()
