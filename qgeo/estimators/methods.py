"""Methods by name: the one place where an estimator is entered.

`qgeo fisher --method`, plans on hardware, mitigation and the metrics of a training that estimate know a
method by its record alone. Every method runs on any Qiskit V2 sampler; `mixed-state` is none of them: it
needs a density-matrix simulator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from qgeo.estimators.block_diagonal import BlockDiagonalQFI
from qgeo.estimators.diagonal import DiagonalQFI
from qgeo.estimators.estimator import FisherEstimator
from qgeo.estimators.lin_comb import LinCombQFI
from qgeo.estimators.mid_circuit import MidCircuitQFI
from qgeo.estimators.parameter_shift import ParameterShiftQFI
from qgeo.estimators.primitives import Primitive
from qgeo.estimators.random_measurement import RandomMeasurementQFI
from qgeo.estimators.sampled_cfi import SampledCFI
from qgeo.estimators.spsa import SPSAQFI
from qgeo.estimators.stein import SteinQFI
from qgeo.registry import Registry


def one_reading(shots: int) -> float:
    """1/√s: an entry is the mean of one ±1 reading, less a phase term."""
    return float(shots**-0.5)


def four_overlaps(shots: int) -> float:
    """½/√s: an entry is a difference of four overlaps, an eighth each way."""
    return float(0.5 * shots**-0.5)


@dataclass(frozen=True)
class Method:
    """An estimator by name.

    Attributes:
        build: (sampler, **options) → the estimator; see `FisherEstimator` for options that all of them take.
        summary: a few words for a list; fisher: which information it estimates.
        has_draws: whether it averages over random directions or bases, and takes `draws`.
        inverts_readout: whether readout errors can be inverted for it. Others divide by frequencies, or take
            error bars from single ones; the inversion makes quasi-probabilities of them, which may be
            negative.
        stderr: from shots to the standard error to expect of an entry between two single-term parameters. It
            bounds every entry but those of lin-comb and mid-circuit between layers: their phase term is
            measured apart, and they may have √2 times as much. None where random draws dominate it.
    """

    name: str
    build: Callable[..., FisherEstimator]
    summary: str
    fisher: Literal["quantum", "classical"] = "quantum"
    has_draws: bool = False
    inverts_readout: bool = False
    stderr: Callable[[int], float] | None = None

    def __call__(self, sampler: Primitive | None = None, **options: Any) -> FisherEstimator:
        """The estimator on a sampler."""
        return self.build(sampler, **options)


METHODS: Registry[Method] = Registry(
    "a method",
    (
        Method("lin-comb", LinCombQFI, "full F_Q, one ancilla", inverts_readout=True, stderr=one_reading),
        Method(
            "mid-circuit", MidCircuitQFI, "full F_Q, no ancilla", inverts_readout=True, stderr=one_reading
        ),
        Method("parameter-shift", ParameterShiftQFI, "full F_Q from overlaps", stderr=four_overlaps),
        Method("block-diagonal", BlockDiagonalQFI, "F_Q in layers", inverts_readout=True, stderr=one_reading),
        Method("diagonal", DiagonalQFI, "F_Q's diagonal", inverts_readout=True, stderr=one_reading),
        Method("spsa", SPSAQFI, "full F_Q along random signs", has_draws=True, inverts_readout=True),
        Method("stein", SteinQFI, "full F_Q along Gaussian directions", has_draws=True, inverts_readout=True),
        Method("random-measurement", RandomMeasurementQFI, "twice F_C in random bases", has_draws=True),
        Method("sampled-cfi", SampledCFI, "F_C of the bitstrings", fisher="classical"),
    ),
    reserved=("exact", "mixed-state"),
)


def methods_with(has: Callable[[Method], bool]) -> tuple[str, ...]:
    """Names of the methods that have something."""
    return tuple(name for name, method in METHODS.items() if has(method))
