"""5,500 random circuits of all families by both engines: states with their phase, gradients, F_Q, F_C."""

from __future__ import annotations

import pytest
import torch
from circuit_families import FAMILIES

from tests.simulate.test_two_engines import agree

EACH = 500


@pytest.mark.studies
@pytest.mark.parametrize("family", FAMILIES)
def test_many_circuits_of_a_family(family: str):
    """The largest deviations are printed."""
    worst: dict[tuple[str, torch.dtype], float] = {}
    first = 10_000 * len(FAMILIES) + list(FAMILIES).index(family)
    for number in range(EACH):
        seed = first + number * len(FAMILIES)
        for dtype in (torch.complex128, torch.complex64)[: 2 if number % 10 == 0 else 1]:
            for what, off in agree(seed, dtype).items():
                worst[what, dtype] = max(worst.get((what, dtype), 0.0), off)
    print(family, *(f"{what} {dtype}: {off:.1e}" for (what, dtype), off in worst.items()), sep="\n  ")
