"""A C program that holds circuits, calls `sweeps.c` on them, and compares with numbers from this machine.

Written by tests, compiled for whatever machine a compiler makes programs for, and run there: without Python.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch

from qgeo.simulate.compiled.kernel import Kernel
from qgeo.simulate.compiled.layout import Bundle, KernelStep, Operation

PROLOGUE = """
#include "sweeps.c"
#include <stdio.h>

static double workspace[{numbers}] __attribute__((aligned(64))), kept[{numbers}] __attribute__((aligned(64)));
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

    def text(self) -> str:
        body = "\n".join(["{", *self.arrays, *self.calls, "}"])
        return PROLOGUE.format(numbers=self.numbers) + body + EPILOGUE

    def add(self, name: str, kernel: Kernel, values: torch.Tensor, inputs: torch.Tensor) -> None:
        """All sweeps of a circuit at these values (P,) and inputs (B, d)."""
        point = _Point(name, kernel, values, inputs, self)
        point.states_and_gradient()
        for width in (1, 8):
            point.tangents(width)
            point.products(width)

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
        operations, put = kernel.operations, test.array
        parts = (
            test.rows(f"{name}_operations", "operation", operations.table),
            test.rows(f"{name}_steps", "step", operations.steps),
            put(f"{name}_numbers", operations.numbers),
            put(f"{name}_indices", operations.indices),
            put(f"{name}_shared", self.circuit.shared.numpy()),
            put(f"{name}_by_context", self.circuit.by_context.numpy()),
        )
        sizes = (
            *(kernel.program.num_qubits, len(operations.table), len(operations.steps), operations.num_phases),
            *(len(self.circuit.shared), self.circuit.by_context.shape[1]),
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
        self._workspace(8)
        test.calls.append(f"    clear(); qgeo_states(&{name}, 0, {self.count}, out, workspace);")
        test.compare(f"{name}, states", "out", _reals(psi))
        given = [test.array(f"{name}_{what}", _reals(x)) for what, x in (("psi", psi), ("back", cotangent))]
        arguments = f"&{name}, 0, {self.count}, {given[0]}, {given[1]}, out, more, workspace"
        test.calls.append(f"    clear(); qgeo_gradient({arguments});")
        test.compare(f"{name}, gradient by shared angles", "out", shared.numpy())
        test.compare(f"{name}, gradient by angles of contexts", "more", by_context.numpy())

    def tangents(self, width: int) -> None:
        """All tangents, at the end."""
        bound, name = self._order("end", width), f"{self.name}_end_{width}"
        rows = len(bound.order.parameter_of_row)
        room = torch.zeros(rows * self.count * self.kernel.program.dimension, dtype=torch.complex128)
        psi, tangents = self.kernel.tangents(self.circuit, bound, room)
        self._workspace(len(bound.order.bundles) + 8)
        arguments = f"&{self.name}, &{name}, 0, {self.count}, {self.count}, out, more, workspace"
        self.test.calls.append(f"    clear(); qgeo_tangents({arguments});")
        self.test.compare(f"{name}, states", "out", _reals(psi))
        self.test.compare(f"{name}, tangents", "more", _reals(tangents))

    def products(self, width: int) -> None:
        """Gram matrix of projected tangents, summed over contexts."""
        bound, name = self._order("middle", width), f"{self.name}_middle_{width}"
        columns = len(self.kernel.program.columns)
        total, _ = self.kernel.products(self.circuit, bound, columns, columns)
        self._workspace(2 * len(bound.order.bundles) + 16)
        parameters = self.test.array(f"{name}_parameters", bound.order.parameter_of_row.astype(np.int32))
        to = f"&(destination){{{columns}, 0, {columns}, {parameters}}}"
        circuit, order = f"&{self.name}", f"&{name}"
        calls = [f"qgeo_gram({circuit}, {order}, {to}, 0, {self.count}, out, more, workspace);"]
        if width > 1:
            calls = [
                f"qgeo_bundles({circuit}, {order}, {context}, 0, 1, (amplitude *)kept, workspace); "
                f"qgeo_gram_of_bundles({circuit}, {order}, {to}, 0, 1, (const amplitude *)kept, out);"
                for context in range(self.count)
            ]
        self.test.calls += ["    clear();", *(f"    {call}" for call in calls)]
        self.test.compare(f"{name}, products", "out", total.numpy())

    def _order(self, frame: str, width: int):
        """A tangent order of all columns, declared under its frame and width."""
        columns = tuple(range(len(self.kernel.program.columns)))
        order, name = self.kernel._order(columns, frame, width), f"{self.name}_{frame}_{width}"
        bound = self.kernel.bound_order(order, self.engine.parameters)
        parts = (
            self.test.rows(f"{name}_bundles", "bundle", order.bundles),
            self.test.array(f"{name}_first", order.first_entry),
            self.test.array(f"{name}_row", order.row_of_entry),
            self.test.array(f"{name}_slopes", bound._shared.numpy()),
            self.test.array(f"{name}_context_slopes", bound._by_context.numpy()),
        )
        sizes = (order.frame, order.width, len(order.bundles), order.forward)
        slopes = (len(bound._shared), bound._by_context.shape[1])
        fields = ", ".join(map(str, (*sizes, *slopes, *parts)))
        self.test.arrays.append(f"const tangent_order {name} = {{{fields}}};")
        assert order.bundles.shape[1] == len(Bundle._fields)
        return bound

    def _workspace(self, states: int) -> None:
        self.test.numbers = max(self.test.numbers, self.kernel._numbers(states, propagated=True))


def _reals(tensor: torch.Tensor) -> np.ndarray:
    return torch.view_as_real(tensor.resolve_conj()).contiguous().numpy()
