"""A setting: what tuning decides for an arm, and which of several it decides on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Setting:
    """What tuning decides; None where an arm has no such thing.

    Attributes:
        kl: τ, nats per token of the first step; damping: relative, λ = damping · tr F / P.
        lr: learning rate of a first-order optimizer.
    """

    kl: float | None = None
    damping: float | None = None
    lr: float | None = None

    @property
    def values(self) -> dict[str, float]:
        """What there is.

        >>> Setting(kl=0.1, damping=3.0).values
        {'kl': 0.1, 'damping': 3.0}
        """
        return {name: value for name, value in asdict(self).items() if value is not None}

    @property
    def label(self) -> str:
        """Part of a file's name.

        >>> Setting(lr=0.01).label
        'lr0.01'
        """
        return "-".join(f"{name}{value!r}" for name, value in self.values.items())


def best(tried: Mapping[Setting, float | None]) -> Setting:
    """The setting of the lowest loss, the earlier of two alike; the first where every trial diverged.

    >>> best({Setting(lr=0.1): 2.0, Setting(lr=0.3): 1.5, Setting(lr=1.0): None})
    Setting(kl=None, damping=None, lr=0.3)
    """
    finished = {setting: loss for setting, loss in tried.items() if loss is not None}
    return min(finished, key=finished.__getitem__) if finished else next(iter(tried))


def is_at_edge(chosen: Setting, tried: Sequence[Setting]) -> bool:
    """Whether any value that was chosen among several is the least or the largest of them: a better one may
    lie beyond.

    >>> grid = tuple(Setting(lr=lr) for lr in (0.1, 0.3, 1.0))
    >>> is_at_edge(grid[0], grid), is_at_edge(grid[1], grid)
    (True, False)
    """
    return any(
        _is_end(value, [setting.values[name] for setting in tried]) for name, value in chosen.values.items()
    )


def _is_end(value: float, tried: list[float]) -> bool:
    return min(tried) < max(tried) and value in (min(tried), max(tried))
