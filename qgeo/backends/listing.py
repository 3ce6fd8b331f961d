"""What the service lists of a ledger: jobs that exist although this folder does not know them.

    before the first post of a process   by the tag of the ledger: whatever any copy of the folder posted
    before every other one               by the tag of the job: what had no answer, or was posted meanwhile

A job's tag follows from the ledger's, its number and its circuits: a copy of the folder that writes the same
job gives it the same tag, so that either finds what the other one posted.
"""

from __future__ import annotations

from qgeo.backends.ledger import Ledger
from qgeo.backends.runner import Listed, Runner
from qgeo.errors import RefusedError


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
        found = _with(tag, self._of_ledger or [])
        if found:
            return found[0].job_id
        jobs = self._ask_for_ledger() if self._of_ledger is None else None
        found = _with(tag, self.runner.find(tag) if jobs is None else jobs)
        return found[0].job_id if found else None

    def check_strangers(self, number: int) -> None:
        """Whether a job that is not listed under its tag may be posted.

        Raises:
            RefusedError: jobs of this ledger are listed that no entry here stands for: this may be one.
        """
        count = self.ledger.count() if self._strangers else 0
        for known in range(self._entries, count):
            tag = self.ledger.entry(known).tag
            self._strangers = [listed for listed in self._strangers if tag not in listed.tags]
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


def _with(tag: str, jobs: list[Listed]) -> list[Listed]:
    return [listed for listed in jobs if tag in listed.tags]
