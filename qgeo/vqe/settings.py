"""What a minimization is asked for: method, length of steps, damping, how many, when it is done."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from qiskit.quantum_info import SparsePauliOp

from qgeo.errors import ConfigurationError
from qgeo.files import FileModel
from qgeo.modules.fisher import MODULE_METRICS

EUCLIDEAN = ("gradient", "adam")
"""Methods without a metric: plain descent, and Adam."""

METHODS = (*(name for name in MODULE_METRICS if name != "classical"), *EUCLIDEAN)

ADAM_LR = 0.05
"""In radians: Adam's steps do not depend on the size of energies."""


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


def settings_for(observable: SparsePauliOp, method: str, lr: float | None, **others: Any) -> VqeSettings:
    """With the default length of a step where none is given.

    Raises:
        ConfigurationError: an unknown method.
    """
    if method not in METHODS:
        raise ConfigurationError(f"expected a metric of {', '.join(METHODS)}, got {method!r}")
    return VqeSettings(method=method, lr=default_lr(observable, method) if lr is None else lr, **others)


def default_lr(observable: SparsePauliOp, method: str) -> float:
    """2/Σ|w| over all strings but the identity, .05 for Adam.

    A natural step of lr is imaginary time lr/2 (F θ̇ = −2∇E), stable while it is below 2/(E_max − E_min); and
    E_max − E_min ≤ 2 Σ|w|. Plain descent is measured in the same unit, F being of order 1.
    """
    if method == "adam":
        return ADAM_LR
    plain = observable.simplify()
    size = sum(abs(w) for label, w in plain.to_list() if set(label) != {"I"})
    return 2 / size if size else 1.0
