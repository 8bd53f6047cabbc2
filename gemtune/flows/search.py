"""Looking for what one submission became: once, through a settle window, and again after it was sent more than once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gemtune.errors import GemtuneError, InDoubt
from gemtune.flows.effects import Flow, Now, Sleep
from gemtune.flows.find_jobs import SLACK, How, Rpcs, age, find, of_spec, ours
from gemtune.flows.retry import Budget, Retry, may_pass
from gemtune.flows.submission import Created, Submission
from gemtune_pb.v1 import TuningJob

__all__ = ["Search"]

_BEFORE = GemtuneError("an earlier call under this id may still be acted on")

_FIRST_LOOK, _LONGEST_LOOK = 0.5, 5.0
"""Seconds between looks for a job in doubt, growing from the one to the other; shorter where the window is short."""
_SHORTEST_LOOK = 0.02  # however short the window: a sick service is not asked without pause


@dataclass(kw_only=True)
class Search:
    """The looks of one run of a create.

    Attributes:
        rpcs: The methods to use.
        submission: Whose jobs.
        began: When the run began, by the driver's clock.
        deadline: When everything has to be over.
        retry: How a look is asked for again; None: not.
        budget: How many retries are left.
        submitted_at: When the submission was claimed first, where a store knows it, in seconds since 1970.
    """

    rpcs: Rpcs
    submission: Submission
    began: float
    deadline: float
    retry: Retry | None
    budget: Budget | None
    submitted_at: float | None = None

    def before(self, window: float) -> Flow:
        """The jobs under the id that others made, or this client's earlier calls; [] proves that it may be sent.

        Args:
            window: How many seconds longer what an earlier call sent may appear.

        Raises:
            InDoubt: The jobs cannot be seen, and so everything is in doubt.
        """
        if window and self.retry is not None:
            return (yield from self.settle(_BEFORE, window))
        back = yield from self._back()
        now: float = yield Now()
        try:
            found = yield from self._find(self.deadline - now, how="surely", back=back, budget=self.budget)
        except GemtuneError as error:
            raise self.in_doubt(error) from error
        if window and not found:
            raise self.in_doubt(_BEFORE) from _BEFORE
        return found

    def settle(self, doubt: GemtuneError, window: float, *, sent: int = 0, closing: How = "whole") -> Flow:
        """The jobs under the id, looked for until the window has ended; [] when it ended without one.

        Where this run has sent something, a job of another spec is not what is looked for. And where it has sent it
        more than once, one job that is found does not end the looking: there may be another.

        Args:
            doubt: Why it is not known whether there is a job.
            window: How many seconds longer one may appear.
            sent: How many times this run has sent it without learning what came of it.
            closing: How the last look is made, the one that began after the window. It does without a filter where
                something may be sent next: one that finds too little must not cost a second job.

        Raises:
            InDoubt: The deadline came first, or the jobs cannot be listed.
        """
        if self.retry is None:
            raise self.in_doubt(doubt) from doubt
        now: float = yield Now()
        ends = now + window
        seconds = max(min(_FIRST_LOOK, self.retry.settle / 60), _SHORTEST_LOOK)
        longest = max(min(_LONGEST_LOOK, self.retry.settle / 6), _SHORTEST_LOOK)
        seen: list[TuningJob] = []
        while True:
            last = now >= ends
            try:
                # A look goes over many pages: were each of them not asked for again, few looks would come to an end.
                timeout = self.deadline - now if last else min(self.deadline - now, self.retry.attempt)
                back = yield from self._back(sent=sent)
                found = yield from self._find(timeout, how=closing if last else "filtered", back=back)
            except GemtuneError as error:
                if not may_pass(error):
                    if seen:
                        return seen
                    raise self.in_doubt(error) from error
            else:
                # Only a look that began after the window, and saw everything, says that there is no such job.
                seen = list({job.name: job for job in (*seen, *found)}.values())
                enough = of_spec(seen, self.submission) if sent else seen
                if last or (enough and sent < 2):
                    return seen
            now = yield Now()
            if now >= self.deadline:
                if seen:
                    return seen
                raise self.in_doubt(doubt) from doubt
            until_end = ends - now if ends > now else seconds
            now = yield Sleep(min(seconds, until_end, self.deadline - now))
            seconds = min(seconds * 2, longest if now < ends else _LONGEST_LOOK)

    def counted(self, job: TuningJob) -> Flow:
        """The answer to a create that may not be the only one: its job, and what else there is under the id."""
        now: float = yield Now()
        timeout = min(self.deadline - now, 10.0 if self.retry is None else self.retry.attempt)
        # There is a job, whatever this look meets: a hook that raises may not hide it.
        quiet = replace(self.retry, on_retry=None) if self.retry is not None else None
        try:
            back = yield from self._back(sent=1)
            found = yield from find(self.rpcs, self.submission, timeout=timeout, retry=quiet, how="whole", back=back)
        except GemtuneError:
            found = []
        return self.made([job, *(other for other in found if other.name != job.name)])

    def made(self, found: Sequence[TuningJob]) -> Created:
        """What this run made, of what was found after something was sent."""
        return ours(found, self.submission)

    def in_doubt(self, error: GemtuneError) -> InDoubt:
        """The error of a create of which nobody knows what came."""
        s = self.submission
        return InDoubt(s.request_id, project=s.project, location=s.location, error=error)

    def _find(self, timeout: float, *, how: How, back: float | None, budget: Budget | None = None) -> Flow:
        return find(self.rpcs, self.submission, timeout=timeout, retry=self.retry, budget=budget, how=how, back=back)

    def _back(self, *, sent: int = 0) -> Flow:
        """How far back a look has to read: for what this run has sent, or for all that the submission may have become.

        Time is measured from the beginning on both clocks, and the longer one counts: one stands while the machine is
        suspended, the other one may be put back.
        """
        now: float = yield Now()
        wall: float = yield Now(wall=True)
        own = max(now - self.began, wall - (self.submission.resumed or wall)) + SLACK
        if sent or not self.submission.known:
            return own
        started = self.submission.started if self.submitted_at is None else self.submitted_at
        earlier = yield from age(started)
        return None if earlier is None else max(own, earlier)
