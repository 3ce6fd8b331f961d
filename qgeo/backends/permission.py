"""Permission: whether something may be written or posted now.

not cancelled   neither the ledger nor the folder of all ledgers
within budget   everything that is written, charged or estimated, and what is wanted beside it
on the device   that can run it as it is now
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from qgeo.backends.clock import Clock
from qgeo.backends.ledger_files import cancelled_since
from qgeo.backends.posting import Commands
from qgeo.backends.spending import Charged, Spending
from qgeo.backends.work import Work
from qgeo.errors import HardwareError, PendingError, RefusedError

Check = Callable[[Work], None]
"""Refuses work that a device cannot run now."""


@dataclass(frozen=True, eq=False)
class Permission:
    """Args:
    folders: that may be cancelled; spending, max_seconds: the budget; charged, clock: for charges that are
    asked for; device: refuses what cannot run there now, if anybody does; commands: that go on.
    """

    folders: tuple[Path, ...]
    spending: Spending
    max_seconds: float
    charged: Charged
    clock: Clock
    device: Check | None
    commands: Commands

    def check_all(self, work: Work) -> None:
        """Right before a post: since its job was written the ledger may have been cancelled, charges may have
        turned out higher than estimates, and the device may have become another.

        Raises:
            HardwareError: it may not be posted.
        """
        self.check_not_cancelled()
        self.check_budget(0.0)
        self.check_device(work)

    def check_not_cancelled(self) -> None:
        """
        Raises:
            HardwareError: one of the folders was cancelled.
        """
        for folder in self.folders:
            since = cancelled_since(folder)
            if since is not None:
                raise HardwareError(
                    f"expected jobs to post, {folder} was cancelled at {since}; nothing of it is posted any "
                    "more, what is done can be collected; start anew in a new folder"
                )

    def check_budget(self, more: float) -> None:
        """
        Args:
            more: seconds that are wanted beside what is written.

        Raises:
            HardwareError: they do not fit.
        """
        self.spending.check(self.max_seconds, more, self.charged, self.clock, self.commands.raised)

    def check_device(self, work: Work) -> None:
        """
        Raises:
            UnfitError: the device cannot run it. RefusedError: it does not say how it is, or takes no jobs.
        """
        if self.device is None:
            return
        try:
            self.device(work)
        except PendingError as error:
            raise RefusedError(f"the job was not posted, as {error}") from None
