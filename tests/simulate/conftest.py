"""Tests of the compiled library are skipped where it was not built; some run on registers of both lengths."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from qgeo.simulate.compiled.kernel import kernel_of
from qgeo.simulate.compiled.library import library, sweeps_of


@pytest.fixture(scope="session")
def built() -> None:
    if library() is None:
        pytest.skip("the kernel was not compiled: no C compiler at installation")


@pytest.fixture(params=["the processor's registers", "32 bytes"])
def registers(
    request: pytest.FixtureRequest,
    built: None,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    """Sweeps over the registers that this processor has, and over those that every one has."""
    if request.param != "32 bytes":
        yield
        return
    monkeypatch.setattr(library(), "qgeo_has_long_registers", lambda: 0)
    forget()
    yield
    monkeypatch.undo()
    forget()


def forget() -> None:
    """Which sweeps were taken."""
    sweeps_of.cache_clear()
    kernel_of.cache_clear()
