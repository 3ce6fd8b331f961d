"""What a minimization is asked for: method, length of steps, damping, how many, when it is done."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Final, Literal

from pydantic import Field
from qiskit.quantum_info import SparsePauliOp

from qgeo.circuit.program import Program
from qgeo.errors import ConfigurationError
from qgeo.files import FileModel
from qgeo.modules.fisher import MODULE_METRICS

EUCLIDEAN = ("gradient", "adam")
"""Methods without a metric: plain descent, and Adam."""

METHODS = (*(name for name in MODULE_METRICS if name != "classical"), *EUCLIDEAN)

EXACT = "exact"

SHOTS = 4096
"""Per circuit on a backend where nobody says how many."""

ADAPTIVE: Final = "adaptive"
"""Levenberg–Marquardt: λ falls where the energy falls as F predicted, rises where it does not, and a step
that raised the energy is taken back. Flat directions need it: their eigenvalues of F lie far below any λ
that is safe at the start (docs/energies.md)."""

DAMPING_FROM_SHOTS = 0.05
"""λ by default from shots, above the noise of the smallest eigenvalues; a noisy energy judges no step."""

FIRST_DAMPING = 1e-3
"""Of an adaptive one. With 1e-4 throughout, energies of an XXZ chain on efficient_su2(5, reps=3) rose in 18
to 195 of 500 steps, with 1e-3 in at most one (three seeds)."""

STEPS, STEPS_FROM_SHOTS = 1000, 500
"""By default."""

ADAM_LR = 0.05
"""In radians, a choice."""


class VqeSettings(FileModel):
    """Of a folder's `settings.json`.

    Attributes:
        method: of `METHODS`; lr: length of a step; damping: λ of the metric, or `ADAPTIVE`.
        steps: at most; tolerance: done where the gradient's norm is below, in units of the observable.
        seed: of the first values, N(0, 0.1²), and of shots.
        backend: "exact", a simulator by name, or with max_seconds a device; shots: per circuit there.
        max_seconds: QPU seconds that jobs may take; they go through a ledger then.
    """

    format: Literal[1] = 1
    method: str = "quantum"
    lr: Annotated[float, Field(gt=0)]
    damping: Annotated[float, Field(ge=0)] | Literal["adaptive"] = ADAPTIVE
    steps: Annotated[int, Field(ge=0)] = STEPS
    tolerance: Annotated[float, Field(ge=0)] = 1e-6
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    backend: str = EXACT
    shots: Annotated[int, Field(ge=2)] | None = None
    max_seconds: Annotated[float, Field(gt=0)] | None = None

    @property
    def is_adaptive(self) -> bool:
        """Whether every step is followed by an energy that judges it."""
        return self.method not in EUCLIDEAN and self.damping == ADAPTIVE

    @property
    def is_exact(self) -> bool:
        return self.backend == EXACT


class Begun(FileModel):
    """What `settings.json` holds: what was asked for, and the SHA-256 of what it was asked of."""

    settings: VqeSettings
    circuit: str
    observable: str


def settings_for(program: Program, observable: SparsePauliOp, **asked: Any) -> VqeSettings:
    """What was asked for, defaults where None was given.

    Args:
        asked: attributes of `VqeSettings`.

    Raises:
        ConfigurationError: an unknown method, or shots without a backend.
    """
    given = {name: value for name, value in asked.items() if value is not None}
    method, is_exact = given.get("method", "quantum"), given.get("backend", EXACT) == EXACT
    if method not in METHODS:
        raise ConfigurationError(f"expected a metric of {', '.join(METHODS)}, got {method!r}")
    for option in ("shots", "max_seconds"):
        if is_exact and option in given:
            name = f"--{option.replace('_', '-')}"
            raise ConfigurationError(f"expected --backend with {name}, got exact energies; leave {name} out")
    defaults = {
        "lr": default_lr(program, observable, method),
        "damping": ADAPTIVE if is_exact else DAMPING_FROM_SHOTS,
        "steps": STEPS if is_exact else STEPS_FROM_SHOTS,
        "shots": None if is_exact else SHOTS,
    }
    return VqeSettings(**(defaults | given))


def default_lr(program: Program, observable: SparsePauliOp, method: str) -> float:
    """2/Σ|w| over all strings but the identity; of plain descent over the most rotations of a parameter too.

    A natural step of lr is imaginary time lr/2 (F θ̇ = −2∇E), stable while it is below 2/(E_max − E_min) and F
    is well conditioned, which damping is for; and E_max − E_min ≤ 2 Σ|w|. F of a parameter of r rotations is
    up to r², which plain descent does not know.
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
