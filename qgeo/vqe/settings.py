"""What a minimization is asked for: method, length of steps, damping, how many, when it is done."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import Field
from qiskit.quantum_info import SparsePauliOp

from qgeo.circuit.program import Program
from qgeo.errors import ConfigurationError
from qgeo.files import FileModel
from qgeo.modules.fisher import MODULE_METRICS

EUCLIDEAN = ("gradient", "adam")
"""Methods without a metric: plain descent, and Adam."""

METHODS = (*(name for name in MODULE_METRICS if name != "classical"), *EUCLIDEAN)

ADAM_LR = 0.05
"""In radians, a choice."""


class VqeSettings(FileModel):
    """Of a folder's `settings.json`.

    Attributes:
        method: of `METHODS`; lr: length of a step; damping: λ of the metric.
        steps: at most; tolerance: done where the gradient's norm is below, in units of the observable.
        seed: of the first values, N(0, 0.1²).
    """

    format: Literal[1] = 1
    method: str = "quantum"
    lr: Annotated[float, Field(gt=0)]
    damping: Annotated[float, Field(ge=0)] = 1e-4
    steps: Annotated[int, Field(ge=0)] = 500
    tolerance: Annotated[float, Field(ge=0)] = 1e-6
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0


def settings_for(
    program: Program, observable: SparsePauliOp, method: str, lr: float | None, **others: Any
) -> VqeSettings:
    """With the default length of a step where none is given.

    Raises:
        ConfigurationError: an unknown method.
    """
    if method not in METHODS:
        raise ConfigurationError(f"expected a metric of {', '.join(METHODS)}, got {method!r}")
    default = default_lr(program, observable, method)
    return VqeSettings(method=method, lr=default if lr is None else lr, **others)


def default_lr(program: Program, observable: SparsePauliOp, method: str) -> float:
    """2/Σ|w| over all strings but the identity; of plain descent over the most rotations of a parameter too.

    A natural step of lr is imaginary time lr/2 (F θ̇ = −2∇E), stable while it is below 2/(E_max − E_min); and
    E_max − E_min ≤ 2 Σ|w|. F of a parameter of r rotations is up to r², which plain descent does not know.
    Adam's steps do not depend on the size of energies.
    """
    if method == "adam":
        return ADAM_LR
    plain = observable.simplify()
    size = sum(abs(w) for label, w in plain.to_list() if set(label) != {"I"}) or 2.0
    return 2 / size / (_most_rotations(program) if method == "gradient" else 1)


def _most_rotations(program: Program) -> int:
    """Of one parameter."""
    counts = Counter(column for angle in program.angles for column in angle.columns)
    return max(counts.values(), default=1)
