"""Methods by name: what `qgeo fisher --method` and the metrics of a training know.

Every method runs on any Qiskit V2 sampler; `mixed-state` needs a density-matrix simulator instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qgeo.errors import ConfigurationError
from qgeo.estimators.block_diagonal import BlockDiagonalQFI
from qgeo.estimators.diagonal import DiagonalQFI
from qgeo.estimators.estimator import FisherEstimator
from qgeo.estimators.lin_comb import LinCombQFI
from qgeo.estimators.mid_circuit import MidCircuitQFI
from qgeo.estimators.parameter_shift import ParameterShiftQFI
from qgeo.estimators.random_measurement import RandomMeasurementQFI
from qgeo.estimators.sampled_cfi import SampledCFI
from qgeo.estimators.spsa import SPSAQFI
from qgeo.estimators.stein import SteinQFI

METHODS: dict[str, Callable[..., FisherEstimator]] = {
    "lin-comb": LinCombQFI,
    "mid-circuit": MidCircuitQFI,
    "parameter-shift": ParameterShiftQFI,
    "block-diagonal": BlockDiagonalQFI,
    "diagonal": DiagonalQFI,
    "spsa": SPSAQFI,
    "stein": SteinQFI,
    "random-measurement": RandomMeasurementQFI,
    "sampled-cfi": SampledCFI,
}
WITH_DRAWS = ("spsa", "stein", "random-measurement")
"""Methods that average over random draws."""

WITH_READOUT = ("lin-comb", "mid-circuit", "block-diagonal", "diagonal", "spsa", "stein")
"""Methods that readout errors can be inverted for. The others divide by frequencies, or take error bars from
single ones; the inversion makes quasi-probabilities of them, which may be negative."""


def estimator_by_name(name: str, sampler: Any = None, **options: Any) -> FisherEstimator:
    """The method called `name` on a sampler.

    Raises:
        ConfigurationError: there is none.
    """
    if name not in METHODS:
        raise ConfigurationError(f"expected a method among {', '.join(METHODS)}, got {name!r}")
    return METHODS[name](sampler, **options)
