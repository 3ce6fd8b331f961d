"""Random circuits of all families by both engines; many more of them: `external/test_many_circuits.py`."""

from __future__ import annotations

import pytest
import torch
from circuit_families import FAMILIES
from two_engines import deviations, random_point

from qgeo.simulate.compiled.kernel import kernel_of

CLOSE = {torch.complex128: 2e-12, torch.complex64: 3e-5}
"""Of the largest number or 1: of 6,000 circuits the furthest apart were 2.9e-13 and 1.1e-5."""

CLASSICAL_CLOSE = 0.01
"""F_C in complex64: the phase of an amplitude, and so its part of F_C, is good to 1/64 where it is barely
more than rounding (`geometry/classical.py`). Seen was 1.2e-3."""


@pytest.mark.usefixtures("registers")
@pytest.mark.parametrize("seed", range(14 * len(FAMILIES)))
def test_a_circuit_by_both_engines(seed):
    agree(seed, torch.complex128)
    if seed % 10 == 0:
        agree(seed, torch.complex64)


def agree(seed: int, dtype: torch.dtype) -> dict[str, float]:
    """What is compared, and how far apart it is."""
    point = random_point(seed)
    assert kernel_of(point.program) is not None
    found = deviations(point, dtype)
    for what, off in found.items():
        close = CLASSICAL_CLOSE if (what, dtype) == ("F_C", torch.complex64) else CLOSE[dtype]
        assert off < close, f"{point.name}, {what}: {off:.1e}"
    return found
