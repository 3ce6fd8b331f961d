"""A trained quantum head run again on Aer, and whether the two agree.

    exact     outcome probabilities of Aer's statevector method agree to 1e-9
    sampled   likelihood-ratio χ² of the counts against the exact p, per context; the smallest p-value times
              the number of contexts (Bonferroni) stays above 1e-6

The first seed of an arm is checked both ways, all others exactly. A disagreement is an error. The sampled
loss reads outcome probabilities as (count + ½)/(shots + 2ⁿ/2); that estimate is biased, and the bias is the
exact binomial mean of the loss minus the loss at the exact p.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import special, stats
from torch import Tensor

from qgeo.backends.aer import exact_probabilities, sampled_counts
from qgeo.errors import AgreementError
from qgeo.geometry.classical import outcome_probabilities
from qgeo.heads.circuit_head import CircuitHead
from qgeo.tasks.windows import Windows

EXACT_TOLERANCE = 1e-9
"""Of probabilities: far above rounding, far below any real disagreement."""
FAMILY_LEVEL = 1e-6
"""Of a false alarm in one comparison: it would end the run."""
_SMALLEST_EXPECTED = 5.0
"""Counts a cell of a χ² test: the textbook rule."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """The same head on Aer. Losses in nats per token over `contexts` contexts with their own targets."""

    contexts: int
    shots: int
    exact_loss: float
    aer_loss: float
    max_probability_difference: float
    sampled_loss: float
    sampled_bias: float | None
    chi2_smallest_p: float
    chi2_level: float


def check_agreement(head: CircuitHead, windows: Windows, shots: int, seed: int, who: str) -> dict[str, Any]:
    """Run `head` on Aer at these contexts and compare; the result as a dictionary for the records.

    Raises:
        AgreementError: probabilities differ by more than 1e-9, or the counts do not come from p.
    """
    with torch.no_grad():
        probabilities = outcome_probabilities(head.states(windows.contexts)).numpy()
        bindings = circuit_bindings(head, windows.contexts)
    circuit = head.choice.circuit
    aer = exact_probabilities(circuit, bindings)
    counts = sampled_counts(circuit, bindings, shots, seed)
    agreement = Agreement(
        contexts=len(windows),
        shots=shots,
        exact_loss=_loss(head, probabilities, windows.targets),
        aer_loss=_loss(head, aer, windows.targets),
        max_probability_difference=float(np.abs(aer - probabilities).max()),
        sampled_loss=_loss(head, add_half(counts), windows.targets),
        sampled_bias=_expected_bias(head, probabilities, windows.targets, shots),
        chi2_smallest_p=min(map(goodness_of_fit, counts, probabilities)),
        chi2_level=FAMILY_LEVEL / len(windows),
    )
    _check_difference(agreement.max_probability_difference, who)
    _check_counts(agreement, who)
    return asdict(agreement)


def check_probabilities(head: CircuitHead, windows: Windows, who: str) -> None:
    """The exact half of `check_agreement` alone: shots take twenty times as long.

    Raises:
        AgreementError: probabilities differ by more than 1e-9.
    """
    with torch.no_grad():
        probabilities = outcome_probabilities(head.states(windows.contexts)).numpy()
        aer = exact_probabilities(head.choice.circuit, circuit_bindings(head, windows.contexts))
    _check_difference(float(np.abs(aer - probabilities).max()), who)


def circuit_bindings(head: CircuitHead, contexts: Tensor) -> Floats:
    """(B, parameters) numbers in `circuit.parameters` order: the head's values and the encoder's angles."""
    values = head.values.detach().expand(len(contexts), -1)
    table = torch.cat([values, head.encoder(contexts)], dim=1)
    column = {name: position for position, name in enumerate(head.program.columns)}
    return table[:, [column[p.name] for p in head.choice.circuit.parameters]].detach().numpy()


def add_half(counts: NDArray[np.int64]) -> Floats:
    """(count + ½)/(shots + outcomes/2): no outcome gets probability zero."""
    return np.asarray((counts + 0.5) / (counts.sum(1, keepdims=True) + counts.shape[1] / 2))


def goodness_of_fit(counts: NDArray[np.int64], probabilities: Floats) -> float:
    """p-value of counts under p: likelihood-ratio χ², outcomes pooled until each cell expects at least 5.

        G = 2 Σ O log(O/E) / q,   q = 1 + (Σ 1/p − 1) / (6 N (K − 1))     (Williams, Biometrika 63, 33, 1976)

    Pearson's χ² is the same to first order, but at the level asked for here it rejects a true p up to 350
    times too often where a cell expects few counts. Counts where p = 0 to rounding give 0.0: impossible
    outcomes came.

    >>> goodness_of_fit(np.array([50, 50]), np.array([0.5, 0.5]))
    1.0
    """
    if counts[probabilities < 1e-15].any():
        return 0.0
    expected = probabilities / probabilities.sum() * counts.sum()
    cell = _cells(expected)
    pooled_expected, pooled = np.bincount(cell, expected), np.bincount(cell, counts)
    if len(pooled) < 2:
        return 1.0
    degrees, total = len(pooled) - 1, counts.sum()
    ratio = 2 * float(special.xlogy(pooled, pooled / pooled_expected).sum())
    correction = 1 + ((total / pooled_expected).sum() - 1) / (6 * total * degrees)
    return float(stats.chi2.sf(max(ratio, 0.0) / correction, degrees))


def _cells(expected: Floats) -> NDArray[np.int64]:
    """A cell number per outcome: the rarest are pooled until a cell expects at least 5 counts."""
    cell, number, total = np.empty(len(expected), dtype=np.int64), 0, 0.0
    for outcome in np.argsort(expected, kind="stable"):
        cell[outcome] = number
        total += expected[outcome]
        if total >= _SMALLEST_EXPECTED:
            number, total = number + 1, 0.0
    return np.minimum(cell, max(number - 1, 0))


def _loss(head: CircuitHead, probabilities: Floats, targets: Tensor) -> float:
    with torch.no_grad():
        measured = head.measurement.from_probabilities(torch.from_numpy(probabilities))
        return float(torch.nn.functional.nll_loss(head.readout(measured), targets))


def _expected_bias(head: CircuitHead, probabilities: Floats, targets: Tensor, shots: int) -> float | None:
    """E[sampled loss] − exact loss, where a target's loss depends on one count only; else None."""
    event_of = getattr(head.readout, "target_event", None)
    if event_of is None:
        return None
    event, log_prob = event_of(targets)
    chance = (event.numpy() * probabilities).sum(1).clip(0, 1)
    counts = np.arange(shots + 1)
    size, outcomes = event.sum(1, keepdim=True).numpy(), probabilities.shape[1]
    shares = torch.from_numpy((counts + size / 2) / (shots + outcomes / 2))
    sampled = (stats.binom.pmf(counts, shots, chance[:, None]) * -log_prob(shares).numpy()).sum(1)
    exact = -log_prob(torch.from_numpy(chance[:, None])).numpy()[:, 0]
    return float((sampled - exact).mean())


def _check_difference(difference: float, who: str) -> None:
    if not difference <= EXACT_TOLERANCE:
        raise AgreementError(
            f"{who}: expected Aer's exact probabilities to agree to {EXACT_TOLERANCE:g}, "
            f"got a difference of {difference:g}"
        )


def _check_counts(agreement: Agreement, who: str) -> None:
    if not agreement.chi2_smallest_p >= agreement.chi2_level:
        raise AgreementError(
            f"{who}: expected {agreement.shots} Aer samples per context to follow the exact probabilities, "
            f"got a χ² p-value of {agreement.chi2_smallest_p:g}, below {agreement.chi2_level:g}"
        )
