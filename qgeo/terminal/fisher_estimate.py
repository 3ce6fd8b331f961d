"""`qgeo fisher --method …`: an estimator on a backend, with a progress bar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qgeo.errors import ConfigurationError
from qgeo.terminal.progress import bars

EXACT, MIXED = "exact", "mixed-state"
KINDS = ("quantum", "classical")
"""Of information: F_Q, and F_C of the measured bits."""


@dataclass(frozen=True)
class FisherOptions:
    """How a matrix is computed; None where the command line did not say.

    `seed` is that of the sampling; `project` asks for the nearest positive semidefinite matrix; `fisher` is
    the information wanted, where the method gives more than one.
    """

    method: str = EXACT
    backend: str | None = None
    shots: int | None = None
    draws: int | None = None
    seed: int = 0
    project: bool = False
    fisher: str | None = None


DEFAULT_SHOTS = 4096
"""A choice: the standard error of an entry is then about 1/64."""


def method_names() -> tuple[str, ...]:
    """Everything that `--method` takes."""
    from qgeo.estimators.methods import METHODS

    return (EXACT, *METHODS, MIXED)


def method_kind(method: str) -> str:
    """Which information a method gives: "quantum" or "classical"; of the exact one, unless it is asked."""
    from qgeo.estimators.methods import METHODS

    return METHODS[method].fisher if method in METHODS else "quantum"


def information_kind(options: FisherOptions) -> str:
    """Which information is computed."""
    return options.fisher or method_kind(options.method)


def check_options(options: FisherOptions) -> None:
    """
    Raises:
        ConfigurationError: an unknown method, or options that do not go together.
    """
    from qgeo.estimators.estimator import MOST_SHOTS
    from qgeo.estimators.methods import methods_with

    method, backend, shots = options.method, options.backend, options.shots
    if method not in method_names():
        raise ConfigurationError(f"expected a method of {', '.join(method_names())}, got {method!r}")
    if method == EXACT and (backend not in (None, "exact") or shots is not None or options.project):
        raise ConfigurationError(
            "expected no --backend, --shots or --project with the method exact; choose another --method"
        )
    if method == MIXED and shots is not None:
        raise ConfigurationError("expected no --shots with the method mixed-state, which is exact")
    if shots is not None and shots < 2:
        raise ConfigurationError(f"expected at least 2 shots, got {shots}")
    if shots is not None and shots > MOST_SHOTS:
        raise ConfigurationError(f"expected at most {MOST_SHOTS:,} shots, got {shots}")
    if backend == "exact" and shots is not None:
        raise ConfigurationError("expected no --shots on the backend exact; choose --backend aer")
    _check_kind(method, options.fisher)
    drawing = methods_with(lambda each: each.has_draws)
    if options.draws is not None and method not in drawing:
        raise ConfigurationError(f"expected --draws with one of {', '.join(drawing)}, got {method!r}")


def _check_kind(method: str, fisher: str | None) -> None:
    if fisher not in (None, *KINDS):
        raise ConfigurationError(f"expected --fisher {' or '.join(KINDS)}, got {fisher!r}")
    if fisher is not None and method != EXACT and fisher != method_kind(method):
        able = ", ".join(each for each in method_names() if each == EXACT or method_kind(each) == fisher)
        raise ConfigurationError(f"expected a method of {able} for --fisher {fisher}, got {method!r}")


def estimated_report(circuit: Any, values: NDArray[np.float64], options: FisherOptions) -> dict[str, Any]:
    """The matrix as an estimator gives it, with its standard errors and cost.

    Without a backend, shots mean Aer, and no shots the exact limit; a backend without shots gets 4096.
    """
    from qgeo.backends.names import resolve
    from qgeo.estimators.repair import nearest_positive_semidefinite

    generator = np.random.default_rng(options.seed)
    name = options.backend or ("exact" if options.shots is None else "aer")
    backend = resolve(name, generator)
    shots = None if options.method == MIXED or backend.sampler is None else options.shots or DEFAULT_SHOTS
    started = perf_counter()
    with _bar(shots is not None) as progress:
        estimate = _estimator(options, backend, generator, progress).estimate(circuit, values, shots=shots)
    if options.project:
        estimate = nearest_positive_semidefinite(estimate)
    seconds = perf_counter() - started
    report = {
        "parameters": list(estimate.parameters),
        "matrix": estimate.matrix.tolist(),
        "stderr": None if options.method == MIXED else estimate.stderr.tolist(),
        "flagged": estimate.flagged.tolist(),
        "method": options.method,
        "cost": {"circuits": estimate.circuits, "shots": estimate.shots, "seconds": seconds},
    }
    return report if options.fisher is None else report | {"fisher": options.fisher}


def _estimator(options: FisherOptions, backend: Any, generator: np.random.Generator, progress: Any) -> Any:
    from qgeo.estimators.methods import METHODS
    from qgeo.estimators.mixed_state import MixedStateQFI

    if options.method == MIXED:
        return MixedStateQFI(backend.density_simulator(), pass_manager=backend.pass_manager)
    more = {} if options.draws is None else {"draws": options.draws}
    return METHODS[options.method](
        backend.sampler,
        pass_manager=backend.pass_manager,
        generator=generator,
        progress=progress,
        **more,
    )


@contextmanager
def _bar(wanted: bool) -> Iterator[Any]:
    """A progress bar over circuits on stderr, or nothing."""
    if not wanted:
        yield None
        return
    with bars(stays=False) as progress:
        task = progress.add_task("circuits")
        yield lambda done, total: progress.update(task, completed=done, total=total)
