"""From an entry on disk to exactly one job, whatever becomes of the answers.

    id on disk?      it is that job
    listed by tag?   it is that one
    sent lately?     then it may exist and not be listed yet: a sentence, no post
    listed now?      it is that one: getting ready took a while
    post             refused: again after a wait        no answer: search for a minute, then a sentence
    another beside   of two copies of the folder: the older one stays

A post is repeated in this process only where it certainly made no job. Of any other the ledger keeps the
time (`attempted.json`, on disk before a byte leaves), so that neither a lost answer nor kill -9 lets the next
process post too early. Only a clock set forward while the machine was started anew can do that (`clock.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from pathlib import Path
from shlex import quote

from qgeo.backends.clock import Clock
from qgeo.backends.ledger import Ledger
from qgeo.backends.listing import Listing, only_id
from qgeo.backends.runner import Listed, Runner, Tags
from qgeo.backends.work import Work
from qgeo.errors import PendingError, QGeoError, RefusedError, UnansweredError

_log = logging.getLogger(__name__)

WAITS_AFTER_REFUSAL = (2.0, 10.0, 60.0)
"""Seconds after the first, second, … post that was refused for a passing reason."""

WAITS_BEFORE_SEARCH = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before the first, second, … search for a job whose post had no answer."""

MINUTES_BEFORE_POSTING_AGAIN = 15.0
"""After a post without an answer: as long as the client waits for one, and far longer than jobs take to be
listed."""


@dataclass(frozen=True)
class Commands:
    """What somebody types to go on with a ledger; retry: to give up jobs that ended without a result;
    raised: with more seconds, which follow; post_anyway: without waiting after a post without an answer,
    where there is such a command."""

    resume: str
    retry: str
    raised: str
    post_anyway: str | None = None

    def with_advice(self, error: RefusedError) -> RefusedError:
        """A post that was not made, with the command that makes it."""
        return RefusedError(f"{error}; nothing is lost, {self.resume} tries again")


def commands_of(folder: Path) -> Commands:
    """Of a ledger that `qgeo hardware submit` made."""
    place = quote(str(folder))
    resume = f"qgeo hardware resume {place}"
    raised, post_anyway = f"{resume} --max-seconds", f"{resume} --post-anyway"
    return Commands(resume, f"qgeo hardware retry {place}", raised, post_anyway)


def commands_of_run(folder: Path) -> Commands:
    """Of a comparison's run folder. A sum that is raised by what is wanted next need not finish it."""
    place = quote(str(folder))
    resume = f"qgeo compare --resume {place}"
    return Commands(resume, f"qgeo hardware retry {place}", f"{resume} --partial --max-seconds")


@dataclass(frozen=True, eq=False)
class Posting:
    """How entries of a ledger become jobs of a runner.

    may_post: without it jobs are only looked for; post_anyway: post again what had no answer lately, if no
    search finds it; before_post: refuses what must not be posted now; commands: that go on with it.
    """

    ledger: Ledger
    runner: Runner
    clock: Clock
    may_post: bool
    post_anyway: bool
    before_post: Callable[[Work], None] = lambda _: None
    commands: Commands | None = None

    @property
    def _commands(self) -> Commands:
        return self.commands or commands_of(self.ledger.folder)

    def job_id(self, number: int) -> str:
        """The job's id: known, found by its tag, or of a new post.

        Raises:
            PendingError: it is not posted and may not be. RefusedError: it was not posted.
            UnansweredError: it may have been.
        """
        job = self.ledger.job(number)
        known = job.job_id()
        if known is not None:
            return known
        tag = job.tag()
        job_id = self._searched(tag) or self._posted(number, tag)
        job.write_job_id(job_id, next(iter(self.runner.instances()), None))
        return job_id

    @cached_property
    def listing(self) -> Listing:
        """What the service lists, as far as this process has asked."""
        return Listing(self.ledger, self.runner)

    def _searched(self, tag: str) -> str | None:
        """A job with the tag; without an answer nothing is posted, and whoever wanted that is told."""
        try:
            return self.listing.find(tag)
        except PendingError as error:
            if not self.may_post:
                raise
            raise self._commands.with_advice(RefusedError(f"the job was not posted, as {error}")) from None

    def _posted(self, number: int, tag: str) -> str:
        if not self.may_post:
            if self.ledger.is_cancelled:
                raise PendingError(f"job {number} was never posted, as {self.ledger.folder} was cancelled")
            raise PendingError(f"job {number} is written but not posted; {self._commands.resume} posts it")
        if not self.post_anyway:
            self.listing.check_strangers(number)
            self._check_last_attempt(number, tag)
        for wait in WAITS_AFTER_REFUSAL:
            try:
                return self._posted_once(number, tag)
            except RefusedError as error:
                if not error.is_passing:
                    raise self._commands.with_advice(error) from None
            self.clock.pause(wait)
        try:
            return self._posted_once(number, tag)
        except RefusedError as error:
            raise self._commands.with_advice(error) from None

    def _check_last_attempt(self, number: int, tag: str) -> None:
        """Refuse to post while an earlier post may still bring a job to light."""
        minutes = self._minutes_since_attempt(number)
        if minutes is not None and minutes < MINUTES_BEFORE_POSTING_AGAIN:
            left = ceil(MINUTES_BEFORE_POSTING_AGAIN - minutes)
            raise UnansweredError(
                f"expected {MINUTES_BEFORE_POSTING_AGAIN:.0f} minutes since the post of job {number}, which "
                f"had no answer, got {minutes:.0f}; its job may exist and not be listed yet: resume in "
                f"{left} minutes, {self._commands.resume}{self._without_waiting(tag)}"
            )

    def _without_waiting(self, tag: str) -> str:
        command = self._commands.post_anyway
        return f" ({command} does not wait, if you know that no job has the tag {tag})" if command else ""

    def _minutes_since_attempt(self, number: int) -> float | None:
        job = self.ledger.job(number)
        last, now = job.attempt(), self.clock.now()
        if last is None:
            return None
        passed = now.seconds_since(last)
        if passed < 0:  # a clock was set back: nobody knows how long ago, so it counts from here
            job.write_attempt(now)
        return max(0.0, passed) / 60

    def _posted_once(self, number: int, tag: str) -> str:
        job = self.ledger.job(number)
        overridden = self.post_anyway and job.has_attempt()
        work, tags = job.work(), Tags(tag, self.ledger.tag)
        self.before_post(work)
        meanwhile = self._searched(tag) if self.runner.open() else None
        if meanwhile is not None:  # a copy of the folder goes on, too
            return meanwhile
        try:
            posted = self.runner.post(work, tags, lambda: job.write_attempt(self.clock.now()))
            return self._oldest(posted, tag)
        except RefusedError:
            if not overridden:  # the earlier post still has no answer
                job.forget_attempt()
            raise
        except UnansweredError as error:
            return self._found_later(number, tag, error)

    def _oldest(self, posted: str, tag: str) -> str:
        """Of the jobs that copies of the folder posted in the same second the oldest is kept, by all of them:
        lists have the newest first."""
        ids = [job.job_id for job in self._search(tag)]
        if posted not in ids or ids[-1] == posted:
            return posted
        with suppress(QGeoError):
            self.runner.cancel(posted, tag)
        _log.warning("qgeo: a copy of the folder posted %s, too; %s was cancelled", ids[-1], posted)
        return ids[-1]

    def _found_later(self, number: int, tag: str, error: UnansweredError) -> str:
        for wait in WAITS_BEFORE_SEARCH:
            self.clock.pause(wait)
            job_id = only_id(self._search(tag), tag)
            if job_id:
                return job_id
        self.ledger.job(number).write_attempt(self.clock.now())
        raise UnansweredError(
            f"expected an answer to the post of job {number}, got none ({error}), and no job with its tag is "
            f"listed; it may be yet, so resume in {MINUTES_BEFORE_POSTING_AGAIN:.0f} minutes: "
            f"{self._commands.resume} searches again, then posts"
        ) from None

    def _search(self, tag: str) -> list[Listed]:
        try:
            return self.runner.find(tag)
        except PendingError:  # no answer to this either
            return []
