"""The Hessian of the overlap by shift rules, in the exact limit, and the overlaps themselves."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from cases import CASES, FIXED_GATES, A, B
from estimators.runs import BY_NAME, circuit_of, generic_pair, three_repetitions, values_of, with_drawn_shots
from numpy.testing import assert_allclose

from qgeo.estimators.execution import Executor
from qgeo.estimators.overlaps import overlap_experiment, overlaps
from qgeo.estimators.parameter_shift import ParameterShiftQFI, _shifts
from qgeo.estimators.pauli_circuit import pauli_circuit

FIXED = [case for case in CASES if case.name.startswith("fixed-")]
OTHERS = ["CRXGate", "CPhaseGate", "UGate", "XXMinusYYGate", "mc-rx", "expression-arcs", "real-amplitudes-4"]


@pytest.mark.parametrize("case", [*FIXED, *map(BY_NAME.get, OTHERS), BY_NAME["shared-parameter"]], ids=str)
def test_shift_rules_are_the_reference(case):
    # Seen to fail when fixed gates were not inverted in the overlap.
    result = ParameterShiftQFI().estimate(case.circuit, case.values, shots=None)
    assert_allclose(result.matrix, reference.qfim(case.circuit, case.values), rtol=0, atol=1e-8)
    assert not result.stderr.any()


def test_table_holds_every_fixed_gate():
    assert len(FIXED) == len(FIXED_GATES)


def test_overlaps_are_those_of_the_states():
    circuit, generator = generic_pair(), np.random.default_rng(3)
    here, there = values_of(circuit), generator.uniform(-3, 3, (5, 4))
    source = pauli_circuit(circuit)
    result = overlaps(
        overlap_experiment(source), Executor(), source.angles(here[None]), source.angles(there)[None], None
    )
    psi = reference.states(circuit, here)
    expected = [abs(np.vdot(psi, reference.states(circuit, other))) ** 2 for other in there]
    assert_allclose(result.values, [expected], rtol=0, atol=1e-12)


def test_number_of_rows_for_24_terms():
    assert len(_shifts(pauli_circuit(three_repetitions()).num_terms)) == 4 * 276 + 24


def test_overlaps_whose_shots_all_agree_have_an_error():
    # Seen to fail: nothing for pairs. Two turns about one axis: the shifted overlaps are 0 and 1 exactly.
    circuit = circuit_of(1, ("ry", A, 0), ("ry", B, 0))
    result = with_drawn_shots(ParameterShiftQFI(), seed=1).estimate(circuit, [0.3, 0.4], shots=20)
    assert_allclose(result.matrix, np.ones((2, 2)))
    assert_allclose(result.stderr, result.stderr[0, 0])  # 4 · ¼ for a pair, 1 for a square
    assert result.stderr[0, 0] > 0
