"""Tests of the compiled library are skipped where it was not built."""

from __future__ import annotations

import pytest

from qgeo.simulate.compiled import kernel


@pytest.fixture(scope="session")
def built() -> None:
    if kernel.library() is None:
        pytest.skip("the kernel was not compiled: no C compiler at installation")
