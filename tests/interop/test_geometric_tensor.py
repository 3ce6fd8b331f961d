"""ExactQGT against the naive reference for every gate, and against LinCombQGT where that is right.

The comment in each test names the planted faults it was seen to fail under, of: factor (2Q), conjugate (the
bra's conjugation dropped), phase (the phase fix always off), always (it is always on), imaginary (the real
part for IMAG), order (rows in circuit order), rows (results in the order of computing), identity (a circuit
is known by its object alone), forgetful (nothing is kept).
"""

from __future__ import annotations

import numpy as np
import pytest
import reference
from cases import A, B, C, block
from interop.jobs import SHOWN, generic, values_for
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.circuit import library as lib
from qiskit_machine_learning.gradients import QFI, DerivativeType, LinCombQGT
from qiskit_machine_learning.primitives import QMLEstimator

from qgeo.errors import CircuitError, ShapeError
from qgeo.interop import ExactQGT, programs
from qgeo.interop.programs import ProgramCache

TIGHT = {"rtol": 1e-10, "atol": 1e-12}
PARTS = {DerivativeType.REAL: np.real, DerivativeType.IMAG: np.imag, DerivativeType.COMPLEX: np.asarray}


def one(qgt, circuit, values, parameters=None):
    """The matrix of one circuit."""
    [matrix] = qgt.run([circuit], [values], None if parameters is None else [parameters]).result().qgts
    return matrix


@pytest.mark.parametrize("case", SHOWN, ids=str)
def test_every_gate_matches_the_reference(case):
    # Seen to fail under factor, conjugate, phase, always.
    psi, dpsi = case.vectors
    assert_allclose(one(ExactQGT(), case.circuit, case.values), reference.qgt_of(psi, dpsi), **TIGHT)
    unfixed = one(ExactQGT(phase_fix=False), case.circuit, case.values)
    assert_allclose(unfixed, dpsi.conj() @ dpsi.T, **TIGHT)


@pytest.mark.parametrize("phase_fix", [True, False])
@pytest.mark.parametrize("kind", DerivativeType)
def test_it_agrees_with_lin_comb_where_that_is_right(kind, phase_fix):
    # Seen to fail under factor, conjugate, phase, always, imaginary.
    circuit = lib.efficient_su2(2, reps=1)
    values = values_for(circuit)
    theirs = LinCombQGT(QMLEstimator(), phase_fix, kind).run([circuit], [values]).result()
    ours = ExactQGT(None, phase_fix, kind).run([circuit], [values]).result()
    assert_allclose(ours.qgts[0], theirs.qgts[0], rtol=1e-8, atol=1e-10)
    assert ours.qgts[0].dtype == theirs.qgts[0].dtype
    assert ours.derivative_type == theirs.derivative_type
    assert ours.metadata == theirs.metadata
    assert ours.precision == 0


@pytest.mark.parametrize("kind", DerivativeType)
def test_parts_are_those_of_the_tensor(kind):
    # Seen to fail under factor, conjugate, phase, imaginary.
    circuit = generic(3)
    qgt, values = ExactQGT(), values_for(circuit)
    qgt.derivative_type = kind
    assert_allclose(one(qgt, circuit, values), PARTS[kind](reference.qgt(circuit, values)), **TIGHT)


def circuit_of(num_qubits: int, *gates: tuple, **options) -> QuantumCircuit:
    """A circuit from (method name, arguments…) rows."""
    circuit = QuantumCircuit(num_qubits, **options)
    for name, *arguments in gates:
        getattr(circuit, name)(*arguments)
    return circuit


WRONG_THERE = {  # LinCombQGT raises on these, but for the last one
    "p": circuit_of(1, ("ry", A, 0), ("p", B, 0)),
    "u": circuit_of(1, ("u", A, B, C, 0)),
    "cp": circuit_of(2, ("h", [0, 1]), ("cp", A, 0, 1), ("ry", B, 0)),
    "r": circuit_of(1, ("r", A, B, 0)),
    "global-phase": circuit_of(1, ("ry", A, 0), global_phase=B),
    "phase-and-expression": circuit_of(1, ("ry", A * B, 0), ("p", A, 0)),
    "twelve-angles": lib.efficient_su2(2, reps=2),  # past ten, entries of its imaginary part change sign
}


@pytest.mark.parametrize("name", WRONG_THERE)
def test_circuits_on_which_lin_comb_fails(name):
    # Seen to fail under factor, conjugate, phase.
    circuit = WRONG_THERE[name]
    values = values_for(circuit)
    expected = reference.qgt(circuit, values)
    try:
        theirs = one(LinCombQGT(QMLEstimator()), circuit, values)
    except Exception:  # whatever it raises
        theirs = np.full_like(expected, np.nan)
    assert not np.allclose(theirs, expected, atol=1e-6), "qiskit-machine-learning learned it: drop the case"
    assert_allclose(one(ExactQGT(), circuit, values), expected, **TIGHT)


@pytest.mark.parametrize("case", SHOWN[:4], ids=str)
def test_inside_their_qfi_it_is_the_quantum_fisher_information(case):
    # Seen to fail under factor, conjugate, phase.
    qfi = QFI(ExactQGT())
    [found] = qfi.run([case.circuit], [case.values]).result().qfis
    assert_allclose(found, reference.qfim(case.circuit, case.values), **TIGHT)


def test_a_job_of_several_circuits_keeps_its_order():
    # Seen to fail under order, rows.
    first, second = generic(2), generic(3, 3)
    values = [values_for(first, 1), values_for(second, 2), values_for(first, 3), values_for(first, 4)]
    circuits = [first, second, first, first]
    wanted = [None, [second.parameters[2], second.parameters[0]], None, [first.parameters[1]]]
    result = ExactQGT().run(circuits, values, wanted).result()
    for circuit, numbers, chosen, matrix in zip(circuits, values, wanted, result.qgts, strict=True):
        assert_allclose(matrix, reference.qgt(circuit, numbers, parameters=chosen), **TIGHT)
    assert [list(entry[0]["parameters"]) for entry in result.metadata] == [
        list(circuit.parameters if chosen is None else chosen)
        for circuit, chosen in zip(circuits, wanted, strict=True)
    ]


def test_chunks_change_nothing(monkeypatch):
    # Seen to fail under factor, conjugate, phase.
    circuit = generic(2)
    rows = [values_for(circuit, seed) for seed in range(5)]
    monkeypatch.setattr("qgeo.interop.geometric_tensor.MEMORY_BUDGET", 40_000)
    found = ExactQGT().run([circuit] * 5, rows).result().qgts
    assert_allclose(found, [reference.qgt(circuit, row) for row in rows], **TIGHT)


# --- programs are kept ----------------------------------------------------------------------------


@pytest.fixture
def compilations(monkeypatch):
    """Circuits that were compiled, in order."""
    done, genuine = [], programs.compile
    monkeypatch.setattr(programs, "compile", lambda c, **kw: (done.append(c), genuine(c, **kw))[1])
    return done


def test_a_circuit_is_compiled_once(compilations):
    # Seen to fail under identity, forgetful.
    circuit = lib.efficient_su2(2, reps=1)
    circuit.append(block(A, B).to_gate(), [0, 1])
    qgt = ExactQGT()
    for seed in range(3):
        qgt.run([circuit, circuit.copy()], [values_for(circuit, seed)] * 2).result()
    assert len(compilations) == 1


def test_a_changed_circuit_is_compiled_anew(compilations):
    # Seen to fail under identity.
    circuit, qgt = QuantumCircuit(1), ExactQGT()
    circuit.ry(A, 0)
    one(qgt, circuit, [0.4])
    circuit.ry(0.3 * A, 0)
    assert_allclose(one(qgt, circuit, [0.4]), [[1.3**2 / 4]], **TIGHT)
    circuit.global_phase = B
    assert one(qgt, circuit, [0.4, 0.1]).shape == (2, 2)
    assert len(compilations) == 3


def test_gates_of_one_name_are_told_apart():
    # LinCombQGT knows a circuit by the names of its gates and gives the first one's matrix twice.
    circuits = []
    for factor in (1, 3):
        gate = QuantumCircuit(1, name="own")
        gate.ry(factor * A, 0)
        circuits.append(QuantumCircuit(1))
        circuits[-1].append(gate.to_gate(), [0])
    qgt = ExactQGT()
    assert_allclose([one(qgt, circuit, [0.4])[0, 0] for circuit in circuits], [0.25, 2.25], **TIGHT)


def test_few_programs_are_kept():
    # Seen to fail under forgetful.
    cache = ProgramCache(size=2)
    circuits = [generic(2, count) for count in (1, 2, 3)]
    first, second = (cache.compiled(circuit) for circuit in circuits[:2])
    assert cache.compiled(circuits[0]) is first
    cache.compiled(circuits[2])
    assert len(cache) == 2
    assert cache.compiled(circuits[0]) is first
    assert cache.compiled(circuits[1]) is not second


# --- mistakes -------------------------------------------------------------------------------------


def test_an_initial_state_is_no_mistake():
    circuit, by_hand = QuantumCircuit(2), QuantumCircuit(2)
    circuit.initialize([0.5, 0.5j, -0.5, 0.5], [0, 1])
    by_hand.prepare_state([0.5, 0.5j, -0.5, 0.5], [0, 1])
    for each in (circuit, by_hand):
        each.crx(A, 0, 1)
    assert_allclose(one(ExactQGT(), circuit, [0.7]), one(ExactQGT(), by_hand, [0.7]), **TIGHT)


@pytest.mark.parametrize("name", ["measure", "reset"])
def test_what_is_not_unitary_is_named_with_its_position(name):
    circuit = QuantumCircuit(1, 1)
    circuit.ry(A, 0)
    _ = circuit.measure(0, 0) if name == "measure" else circuit.reset(0)
    circuit.h(0)
    with pytest.raises(CircuitError, match=rf"instruction 1 \('{name}' on qubit"):
        ExactQGT().run([circuit], [[0.3]]).result()


def test_measurements_at_the_end_are_left_out_with_a_note(caplog):
    circuit = QuantumCircuit(2)
    circuit.ry(A, 0)
    circuit.crx(B, 0, 1)
    ended = circuit.copy()
    ended.measure_all()
    assert_allclose(one(ExactQGT(), ended, [0.3, 0.7]), one(ExactQGT(), circuit, [0.3, 0.7]), **TIGHT)
    assert "(2 of 2 qubits) are left out" in caplog.text


def test_numbers_that_do_not_fit():
    circuit = QuantumCircuit(1)
    circuit.ry(A.log(), 0)
    with pytest.raises(ValueError, match="number of values"):
        ExactQGT().run([circuit], [[0.3, 0.4]])
    with pytest.raises(ShapeError, match="expected finite inputs, got nan"):
        ExactQGT().run([circuit], [[np.nan]]).result()
    with pytest.raises(ShapeError, match="inside the domain"):
        ExactQGT().run([circuit], [[-1.0]]).result()
