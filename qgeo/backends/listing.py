"""What the service lists of a ledger: jobs that exist although this folder does not know them.

    before the first post of a process   by the tag of the ledger: whatever any copy of the folder posted
    before every other one               by the tag of the job: what had no answer, or was posted meanwhile

A job's tag follows from the ledger's, its number and its circuits: a copy of the folder that writes the same
job gives it the same tag, so that either finds what the other one posted.
"""

from __future__ import annotations

import logging

from qgeo.backends.ledger import Ledger
from qgeo.backends.runner import Listed, Runner
from qgeo.errors import RefusedError

_log = logging.getLogger(__name__)


class Listing:
    """Args: ledger; runner: who lists."""

    def __init__(self, ledger: Ledger, runner: Runner) -> None:
        self.ledger, self.runner = ledger, runner
        self._of_ledger: list[Listed] | None = None
        self._strangers: list[Listed] = []
        self._entries = 0

    def find(self, tag: str) -> str | None:
        """The id of the job with this tag, None if none is listed.

        Raises:
            PendingError: no usable answer.
        """
        known = only_id(self._of_ledger or [], tag)
        if known:
            return known
        jobs = self._ask_for_ledger() if self._of_ledger is None else None
        return only_id(self.runner.find(tag) if jobs is None else jobs, tag)

    def check_strangers(self, number: int) -> None:
        """Whether a job that is not listed under its tag may be posted.

        Raises:
            RefusedError: jobs of this ledger are listed that no entry here stands for: this may be one.
        """
        count = self.ledger.count() if self._strangers else 0
        for known in range(self._entries, count):
            tags = self.ledger.job(known).tags()
            self._strangers = [listed for listed in self._strangers if listed.tags.isdisjoint(tags)]
        self._entries = max(self._entries, count)
        if self._strangers:
            raise RefusedError(
                f"job {number} was not posted, as jobs of this ledger are listed that this folder does not "
                f"know ({len(self._strangers)}, such as {self._strangers[0].job_id}): a copy of it posted "
                "them; go on with the copy, or submit into a new folder"
            )

    def _ask_for_ledger(self) -> list[Listed] | None:
        """All jobs of the ledger; None where it has no tag."""
        tag = self.ledger.tag
        self._of_ledger = [] if tag is None else self.runner.find(tag)
        self._strangers = list(self._of_ledger)
        return None if tag is None else self._of_ledger


def only_id(jobs: list[Listed], tag: str) -> str | None:
    """The id of the job with a tag, None without one. Of several, which no post of ours makes, the first;
    whoever pays for the others is told."""
    ids = list(dict.fromkeys(listed.job_id for listed in jobs if tag in listed.tags))
    if len(ids) > 1:
        for other in ids[1:]:
            _log.warning("qgeo: job %s has the same tag as %s, which is taken; cancel it", other, ids[0])
    return ids[0] if ids else None
