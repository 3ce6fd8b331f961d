"""Opponents: F_Q of one circuit by qiskit-algorithms' ReverseQGT, or by qiskit-machine-learning's LinCombQGT.

Needs qiskit-algorithms, qiskit-machine-learning. Usage: see benchmarks/worker.py; the measurements are
`reverse` and `linear_combination`.
"""

from __future__ import annotations

import warnings
from typing import Any

from benchmarks.case import Case, point
from benchmarks.circuits import circuit_of
from benchmarks.worker import Call, serve

warnings.filterwarnings("ignore")


def reverse(case: Case) -> Call:
    from qiskit_algorithms.gradients import QFI, ReverseQGT

    return _fisher(case, QFI(ReverseQGT()))


def linear_combination(case: Case) -> Call:
    from qiskit.primitives import StatevectorEstimator
    from qiskit_machine_learning.gradients import QFI, LinCombQGT

    return _fisher(case, QFI(LinCombQGT(StatevectorEstimator())))


def _fisher(case: Case, qfi: Any) -> Call:
    (circuit, _), values = circuit_of(case), point(case).values
    return lambda: qfi.run([circuit], [values]).result().qfis[0]


if __name__ == "__main__":
    serve({"reverse": reverse, "linear_combination": linear_combination})
