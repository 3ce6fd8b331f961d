"""What an estimator is: circuit, values, shots → FisherEstimate.

One protocol for every method: `estimate` at one point, `estimate_mean` for the mean over contexts, pulled
back through the module that makes the circuit's angles, F = E_x[J(x)ᵀ F(x) J(x)]. `shots=None` is the exact
limit of the same code path.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit import QuantumCircuit

from qgeo.circuit.measured import note_measurements
from qgeo.errors import CircuitError, ConfigurationError, ShapeError
from qgeo.estimators.estimate import FisherEstimate
from qgeo.geometry.request import in_order, real_array, span

Floats = NDArray[np.float64]
MOST_SHOTS = 10_000_000  # per circuit: what IBM's Sampler takes a job
MOST_NUMBERS = 2**29  # of all draws' estimates together, chosen: 4 GiB, as the memory budget
Prepared = TypeVar("Prepared")


@dataclass(frozen=True, eq=False)
class Points:
    """Where an estimate is taken, checked.

    rows: (B, P) all of the circuit's parameters; jacobian: (B, P, W) ∂rows/∂w, None for the identity; share:
    (B,) the rows' weights, sum 1.
    """

    rows: Floats
    jacobian: Floats | None
    share: Floats

    def pulled_back(self, by_row: Floats) -> Floats:
        """∂·/∂rows (B, K, P) → ∂·/∂w (B, K, W)."""
        return by_row if self.jacobian is None else by_row @ self.jacobian


def largest_entries(by_term: Floats, share: Floats) -> Floats:
    """(W, W) what |F_ij| can be at most: E[b_i b_j], b = Σ_k |T_k| the largest gap of each generator.

    by_term: (B, K, W) the derivatives T of the terms' angles; share: (B,) the rows' weights.
    """
    gaps = np.abs(by_term).sum(1)
    rounding = 1 + 1e-9  # of an exact value at its largest
    return np.asarray(np.einsum("b,bi,bj->ij", share, gaps, gaps)) * rounding


class FisherEstimator(ABC):
    """A method; a subclass writes `at_points`.

    reads_measurements: whether measurements at the end of a circuit say what is estimated; where they do not,
    they are left out, and a note is logged.
    """

    least_shots: int = 2
    reads_measurements: bool = False

    def estimate(
        self, circuit: QuantumCircuit, values: ArrayLike | Mapping[Any, float], *, shots: int | None
    ) -> FisherEstimate:
        """The information matrix at one point.

        Args:
            circuit: a circuit of unitary gates, up to resets and `initialize` at its beginning and
                measurements at its end; all of its parameters trainable.
            values: (P,) real numbers in `circuit.parameters` order, or a mapping from Parameters, names or
                ParameterVectors to numbers.
            shots: per circuit execution; None for the exact limit.

        Raises:
            CircuitError: a gate that the method cannot treat, named with its position.
            ShapeError: a wrong number of values, or none that are real and finite.
            ConfigurationError: shots that are no positive integer.
        """
        check_circuit(circuit)
        names = [parameter.name for parameter in circuit.parameters]
        row = real_array(in_order(values, names), "values")
        if row.shape != (len(names),):
            raise ShapeError(
                f"expected {len(names)} values for {span(names)}, got an array of shape {row.shape}"
            )
        return self.estimate_mean(circuit, row[None], shots=shots)

    def estimate_mean(
        self,
        circuit: QuantumCircuit,
        values: Floats,
        *,
        shots: int | None,
        jacobian: Floats | None = None,
        weights: Floats | None = None,
    ) -> FisherEstimate:
        """E_x[J(x)ᵀ F(x) J(x)], the weighted mean over rows.

        Args:
            values: (B, P) all of the circuit's parameters, data included, per context.
            jacobian: (B, P, W) ∂values/∂w; None for the identity, W = P.
            weights: (B,) of the rows, sum 1; None for all alike. Equal contexts are best measured once.

        Raises:
            See `estimate`; ShapeError for a Jacobian or weights of another shape too.
        """
        rows = checked_rows(circuit, values)
        if not self.reads_measurements:
            note_measurements(circuit)
        pull, share = checked_jacobian(jacobian, rows.shape), checked_weights(weights, len(rows))
        return self.at_points(circuit, Points(rows, pull, share), checked_shots(shots, self.least_shots))

    @abstractmethod
    def at_points(self, circuit: QuantumCircuit, points: Points, shots: int | None) -> FisherEstimate:
        """The method itself, its arguments checked."""


def checked_shots(shots: int | None, least: int = 2) -> int | None:
    """The number of shots, or None.

    Raises:
        ConfigurationError: it is no integer of at least `least`.
    """
    if shots is None:
        return None
    if isinstance(shots, bool) or not isinstance(shots, int | np.integer) or shots < least:
        raise ConfigurationError(
            f"expected at least {least} shots per circuit, or None for the exact limit, got {shots}"
        )
    if shots > MOST_SHOTS:
        raise ConfigurationError(f"expected at most {MOST_SHOTS:,} shots per circuit, got {shots}")
    return int(shots)


def checked_draws(draws: int, entries: int) -> int:
    """Random draws whose matrices of `entries` numbers fit into memory.

    Raises:
        ConfigurationError: fewer than 2, or too many.
    """
    most = MOST_NUMBERS // max(entries, 1)
    if not 2 <= draws <= most:
        raise ConfigurationError(f"expected 2 to {most:,} draws, got {draws}")
    return draws


def check_circuit(circuit: Any) -> None:
    """
    Raises:
        CircuitError: it is no circuit.
    """
    if not isinstance(circuit, QuantumCircuit):
        raise CircuitError(f"expected a QuantumCircuit, got {type(circuit).__name__}")


def checked_jacobian(jacobian: Floats | None, shape: tuple[int, ...]) -> Floats | None:
    """A Jacobian (B, P, W) over rows of `shape` (B, P), or None.

    Raises:
        ShapeError: another shape, or one that is not finite.
    """
    if jacobian is None:
        return None
    checked = real_array(jacobian, "a Jacobian")
    if checked.ndim != 3 or checked.shape[:2] != shape:
        raise ShapeError(f"expected a Jacobian of shape ({shape[0]}, {shape[1]}, W), got {checked.shape}")
    return checked


def checked_rows(circuit: QuantumCircuit, values: ArrayLike) -> Floats:
    """Values (B, P), finite.

    Raises:
        ShapeError: another shape.
    """
    check_circuit(circuit)
    rows = real_array(values, "values")
    if rows.ndim != 2 or rows.shape[1] != circuit.num_parameters or not len(rows):
        raise ShapeError(f"expected values of shape (B, {circuit.num_parameters}), got {rows.shape}")
    return rows


def checked_weights(weights: Floats | None, rows: int) -> Floats:
    """(B,) weights that sum to 1.

    Raises:
        ShapeError: another number of them, negative ones, or another sum.
    """
    if weights is None:
        return np.full(rows, 1 / rows)
    if weights.shape != (rows,) or not (weights >= 0).all() or not abs(weights.sum() - 1) <= 1e-9:
        raise ShapeError(f"expected {rows} weights ≥ 0 with sum 1, got {weights}")
    return weights


class Remembered(Generic[Prepared]):
    """What was built for the last circuit; an equal circuit gets it again, a changed one does not."""

    def __init__(self, build: Callable[[QuantumCircuit], Prepared]) -> None:
        self._build = build
        self._last: tuple[QuantumCircuit, Prepared] | None = None

    def __call__(self, circuit: QuantumCircuit) -> Prepared:
        if self._last is None or self._last[0] != circuit:
            self._last = (circuit.copy(), self._build(circuit))
        return self._last[1]
