"""What a job was charged: a figure counts only once it is final, finite and not negative.

    usage   {"status": "pending", "qpu_charge_time_seconds": 0}     nothing is known yet, whatever the figure
            {"status": "complete", "qpu_charge_time_seconds": 12}   12 s

The service computes the usage of a job some time after it has ended. Until then the estimate stands for it.
"""

from __future__ import annotations

from typing import Any

_FINAL = ("complete", "completed", "final")
"""Statuses after which the figure stays: "complete" by the service, the others in case it says so one day."""


MOST_SECONDS_CHARGED = 366 * 86_400.0
"""A larger figure is no charge of a job: it would be added up to infinity, or fit no float at all."""


def final_seconds(figure: Any) -> float | None:
    """A charge in seconds, None where the figure is none: missing, not a number, NaN, negative, above a year.

    >>> final_seconds(12), final_seconds(float("nan")), final_seconds(-1.0), final_seconds("12")
    (12.0, None, None, None)
    """
    if isinstance(figure, bool) or not isinstance(figure, int | float):
        return None
    return float(figure) if 0 <= figure <= MOST_SECONDS_CHARGED else None  # NaN is not between


def final_charge(metrics: Any) -> float | None:
    """The charge in a job's metrics as the service gives them, None until it is final.

    >>> final_charge({"usage": {"status": "complete", "qpu_charge_time_seconds": 3}})
    3.0
    >>> final_charge({"usage": {"status": "pending", "qpu_charge_time_seconds": 0}})
    """
    usage = metrics.get("usage") if isinstance(metrics, dict) else None
    if not isinstance(usage, dict) or str(usage.get("status")).lower() not in _FINAL:
        return None
    return final_seconds(usage.get("qpu_charge_time_seconds"))
