"""Routes of tangents: every frame gives the same geometry, and the middle costs less than the end.

Seen to fail: an insertion point one block too late in the sweep forward; rows of the sweep back in the
wrong half.
"""

from __future__ import annotations

import cases
import pytest
import torch
from numpy.testing import assert_allclose

from qgeo.circuit.compiler import compile
from qgeo.geometry.quantum import geometric_tensor_sum
from qgeo.simulate.dense.route import tangent_route
from qgeo.simulate.tangents import tangent_sweep, tangents_in_frame
from tests.simulate.test_adjoint import DATA_CASES

TIGHT = {"rtol": 1e-11, "atol": 1e-12}


@pytest.mark.parametrize("width", [1, 2, 5])
@pytest.mark.parametrize("case", DATA_CASES, ids=str)
def test_geometry_is_the_same_in_every_frame(case, width):
    program, (values, inputs) = case.program(width), case.numbers()
    columns = range(len(program.columns))
    result = [
        tangents_in_frame(program, values, inputs, columns=columns, frame=frame)
        for frame in ("end", "middle")
    ]
    at_end, in_middle = (geometric_tensor_sum(each.states, each.ordered()) for each in result)
    assert_allclose(in_middle, at_end, **TIGHT)
    for each in result:
        assert_allclose(each.folded(geometric_tensor_sum(each.states, each.rows)), at_end, **TIGHT)


@pytest.mark.parametrize("frame", ["end", "middle"])
@pytest.mark.parametrize("case", DATA_CASES[3:9], ids=str)
def test_contexts_can_be_taken_some_at_a_time(case, frame):
    program, (values, inputs) = case.program(2), case.numbers()
    sweep = tangent_sweep(program, values, inputs, frame=frame)
    whole, parts = sweep.of(), [sweep.of(slice(0, 2)), sweep.of(slice(2, 3))]
    assert_allclose(torch.cat([part.states for part in parts]), whole.states, **TIGHT)
    assert_allclose(torch.cat([part.rows for part in parts], 1), whole.rows, **TIGHT)


@pytest.mark.parametrize("layers", [2, 3, 6])
def test_the_middle_halves_the_way(layers):
    circuit = cases.layered(10, layers)
    program = compile(circuit)
    wanted = tuple(range(program.num_parameters))
    route = tangent_route(program, wanted, "middle")
    assert 0 < route.frame < len(program.blocks)
    assert route.rows_forward + route.rows_back == len(wanted)
    assert abs(route.rows_forward - route.rows_back) <= len(wanted) / layers
    assert tangent_route(program, wanted, "end").rows_back == 0
