"""The errors qgeo raises on purpose: each says what was expected, what came, and what to do.

The command line prints a `QGeoError` as one line and exits with status 2; anything else is a defect of ours.
"""

from __future__ import annotations


class QGeoError(Exception):
    """A mistake in what was asked, explained in one sentence."""


class CircuitError(QGeoError):
    """A circuit that cannot be compiled: it measures, resets, or holds an instruction without a unitary."""


class ShapeError(QGeoError):
    """Numbers of the wrong count, shape or kind (NaN included)."""


class ConfigurationError(QGeoError):
    """A configuration, a name or an option that does not exist or does not fit."""


class TaskError(QGeoError):
    """A corpus or a source that cannot be used as asked."""


class RunFolderError(QGeoError):
    """A run folder that cannot be written, read or resumed."""


class AgreementError(QGeoError):
    """Two ways to compute the same number disagree: never a footnote."""


class LedgerError(QGeoError):
    """A hardware ledger that cannot be written, read or trusted."""


class HardwareError(QGeoError):
    """A job that failed, cannot be posted, or would cost more than allowed."""


class FailedJobError(HardwareError):
    """A job that ended without a result; the message names the command that has it run again."""


class UnfitError(HardwareError):
    """Circuits that a device cannot run, or no more."""


class RefusedError(HardwareError):
    """A post that certainly made no job; `is_passing`: the same may be accepted in a minute."""

    def __init__(self, message: str, *, is_passing: bool = False) -> None:
        super().__init__(message)
        self.is_passing = is_passing


class UnansweredError(HardwareError):
    """A post whose answer was lost: a job may exist that no search finds yet, so none is posted again."""


class StoppedError(QGeoError):
    """Somebody pressed Ctrl-C; the message names the command that goes on where it was stopped."""


class PendingError(QGeoError):
    """A job that has not finished yet: nothing is wrong, collect again later."""
