"""QN-SPSA: F_Q from overlaps along two random sign vectors a step, averaged over the steps of a training.

    f(δ)  = E_x |⟨ψ(θ, x)|ψ(θ + δ, x)⟩|²
    F̂     = −δf/ε² · ½(Δ₁Δ₂ᵀ + Δ₂Δ₁ᵀ),     δf = f(εΔ₁ + εΔ₂) − f(εΔ₁) − f(εΔ₂ − εΔ₁) + f(−εΔ₁)
    F̄_k   = F̄_{k−1} + (F̂_k − F̄_{k−1})/k,   its part of negative eigenvalues taken away for the step

over all that is trained before the measurement, the encoder's numbers too; F_C over the readout. Of a module
with several circuits the state is their product, and so is the overlap. What a step costs does not depend on
the number of parameters (Gacon et al. 2021, arXiv 2103.09232, eq. 9 to 12).

The average is state, so that every training has a rule of its own (`Metric.begun`), which is stored with the
optimizer. The sign vectors come from a generator seeded by the head's numbers, as all randomness of control
metrics: a resumed run repeats itself bit by bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qgeo.errors import ConfigurationError
from qgeo.estimators.primitives import PassManager, Primitive
from qgeo.estimators.repair import without_negative_part
from qgeo.estimators.running_average import RunningAverage
from qgeo.estimators.spsa import SPSAQFI
from qgeo.geometry.operators import DenseMatrix, DirectSum, InformationMatrix
from qgeo.heads.protocol import Head, QuantumHead
from qgeo.modules.calls import circuit_calls, output_behind_circuits
from qgeo.modules.fisher import output_fisher_sum
from qgeo.modules.likelihood import Likelihood
from qgeo.optim.controls import generator_at
from qgeo.optim.exact import checked_quantum, readout_block
from qgeo.optim.line import move_to
from qgeo.simulate.statevector import states

DRAWS = 2
"""Pairs of sign vectors a step, four overlaps each: `SPSAQFI` needs two for a standard error."""

SPREAD = 0.1
"""ε in radians, as `SPSAQFI` has it: the bias is of order ε², the noise of shots of order 1/ε²."""


class QNSPSA:
    """A rule with its average: overlaps are exact, only the directions are random.

    Args:
        likelihood: of the output of a module that is no head, for what it trains behind its circuits.
    """

    def __init__(self, likelihood: Likelihood | None = None) -> None:
        self.likelihood = likelihood
        self.steps = 0
        self.mean: Tensor | None = None

    def __call__(
        self, head: Head, contexts: Tensor | None, targets: Tensor | None = None
    ) -> InformationMatrix:
        """The average with this step's estimate in it."""
        del targets
        before = self._averaged(one_step(head, contexts))
        if isinstance(head, QuantumHead):
            assert contexts is not None  # a head's step has them
            return _with_readout(before, head, contexts)
        return DenseMatrix(before + _behind(head, contexts, self.likelihood))

    def _averaged(self, new: Tensor) -> Tensor:
        self.steps += 1
        old = new if self.mean is None else self.mean
        self.mean = old + (new - old) / self.steps
        return torch.from_numpy(without_negative_part(self.mean.cpu().numpy())).to(new.device)

    def state_dict(self) -> dict[str, Any]:
        """Steps and average: plain data."""
        return {"steps": self.steps, "mean": self.mean}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken."""
        self.steps, self.mean = state["steps"], state["mean"]


@torch.no_grad()
def one_step(head: Head, contexts: Tensor | None) -> Tensor:
    """F̂ of `DRAWS` pairs of sign vectors, (P, P) over what is trained before the measurement."""
    size = sum(map(torch.numel, _trained(head))) - _readout_size(head, contexts)
    drawn = SPSAQFI(generator=generator_at(head, "qn-spsa"), draws=DRAWS, spread=SPREAD).directions(size)
    device = _trained(head)[0].device
    shifts, weights, patterns = (
        torch.from_numpy(each).to(device)
        for each in (drawn.shifts.reshape(-1, size), drawn.weights, drawn.patterns)
    )
    lost = 1 - _overlaps(head, contexts, shifts)
    return torch.einsum("m,mij->ij", -lost.view(DRAWS, -1) @ weights, patterns) / DRAWS


def _overlaps(head: Head, contexts: Tensor | None, shifts: Tensor) -> Tensor:
    """f of every shift (M, P), the head's numbers being moved there and back."""
    start = torch.cat([numbers.flatten() for numbers in _trained(head)]).double()
    rows, here = 1 if contexts is None else len(contexts), _states(head, contexts)
    try:
        there = [_states_at(head, contexts, start, shift) for shift in shifts]
        return torch.stack([_overlap(here, each, rows) for each in there])
    finally:
        move_to(_trained(head), start)


def _states_at(head: Head, contexts: Tensor | None, start: Tensor, shift: Tensor) -> list[Tensor]:
    there = start.clone()
    there[: len(shift)] += shift  # the readout stays
    move_to(_trained(head), there)
    return _states(head, contexts)


def _states(head: Any, contexts: Tensor | None) -> list[Tensor]:
    """Of every circuit, (R, 2ⁿ)."""
    if isinstance(head, Head):
        assert contexts is not None
        point = checked_quantum(head).circuit_point(contexts)
        return [states(point.program, point.values, point.angles)]
    calls = circuit_calls(head, contexts)
    return [states(call.program, call.values, call.inputs).detach() for call in calls]


def _overlap(here: Sequence[Tensor], there: Sequence[Tensor], rows: int) -> Tensor:
    """Of the product of all circuits' states at a row, averaged over rows."""
    pairs = zip(here, there, strict=True)
    each = [(old.conj() * new).sum(1).abs().square().view(rows, -1).prod(1) for old, new in pairs]
    return torch.stack(each).prod(0).mean()


def _trained(head: Head) -> list[Tensor]:
    return [parameter for _, parameter in head.named_parameters() if parameter.requires_grad]


def _readout_size(head: Head, contexts: Tensor | None) -> int:
    """Trainable numbers at the end that no state depends on."""
    if isinstance(head, QuantumHead) and contexts is not None:
        return head.circuit_point(contexts[:1]).num_readout
    return 0


def _with_readout(before: Tensor, head: QuantumHead, contexts: Tensor) -> InformationMatrix:
    if not _readout_size(head, contexts):
        return DenseMatrix(before)
    return DirectSum((DenseMatrix(before), DenseMatrix(readout_block(head, contexts))))


@torch.enable_grad()
def _behind(module: Any, inputs: Tensor | None, likelihood: Likelihood | None) -> Tensor:
    output = output_behind_circuits(module, inputs)
    total = output_fisher_sum(output, inputs, _trained(module), likelihood)
    return total / (1 if inputs is None else len(inputs))


def averaged_spsa(
    sampler: Primitive | None,
    *,
    pass_manager: PassManager | None,
    generator: np.random.Generator | None,
    mitigate_readout: bool,
) -> RunningAverage:
    """The same from shots: sign vectors over the circuit's parameters, drawn anew at every context.

    Raises:
        ConfigurationError: readout is to be mitigated, which overlaps are not.
    """
    if mitigate_readout:
        raise ConfigurationError("expected no readout mitigation for 'qn-spsa', got mitigate_readout = true")
    each = SPSAQFI(sampler, pass_manager=pass_manager, generator=generator, draws=DRAWS, spread=SPREAD)
    return RunningAverage(each)
