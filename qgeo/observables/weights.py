"""The weights of an observable H = Σ_k w_k P_k: real numbers, for else H is not Hermitian."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.quantum_info import SparsePauliOp

from qgeo.arguments import checked_instance, shown
from qgeo.errors import ConfigurationError

ROUNDING = 1e-12
"""Of the largest weight: smaller imaginary parts are left over from products of operators."""


def real_weights(observable: Any) -> NDArray[np.float64]:
    """w_k, one per term, in the observable's order.

    Raises:
        ConfigurationError: no SparsePauliOp, one without terms, or weights that are complex, not finite, or
            parameters without a value.

    >>> real_weights(SparsePauliOp(["ZZ", "XI"], [0.5, -0.2]))
    array([ 0.5, -0.2])
    """
    advice = 'SparsePauliOp(["ZZ", "XI"], [0.5, -0.2]) is one'
    coefficients = checked_instance("an observable", observable, SparsePauliOp, advice).coeffs
    if not len(coefficients):
        raise ConfigurationError(f"expected an observable of one or more terms, got none; {advice}")
    if coefficients.dtype == object:
        raise ConfigurationError(
            "expected an observable with numbers as weights, got parameters; give them values with "
            "assign_parameters"
        )
    least = ROUNDING * np.abs(coefficients).max()
    wrong = ~np.isfinite(coefficients) | (np.abs(coefficients.imag) > least)
    if wrong.any():
        raise ConfigurationError(
            f"expected an observable with finite real weights, got {shown(complex(coefficients[wrong][0]))}; "
            "only then it is Hermitian and has an energy"
        )
    return np.asarray(coefficients.real, dtype=np.float64)
