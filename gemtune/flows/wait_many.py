"""Waiting for many jobs at once: one sweep over a location's list in each interval, however many jobs are waited for.

A flow like those of `flows`, run once a round. A thousand jobs of one location cost ten list pages an interval rather
than a thousand gets; where gets are the cheaper way (few jobs, or jobs that lie deep in a long list), they are taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable
from typing import Any, NoReturn, TypeAlias

from google.protobuf.message import Message

from gemtune.errors import GemtuneError, NotFound, TransportError, WaitTimeout
from gemtune.flows.effects import Effect, Flow, Notify, Now, Sleep
from gemtune.flows.paging import Pages
from gemtune.flows.retry import Retrying, may_pass
from gemtune.flows.wait import FIRST_PAUSE, LONGEST_PAUSE
from gemtune.rpc.states import has_ended
from gemtune_pb.v1 import GetTuningJobRequest, ListTuningJobsRequest, TuningJob

__all__ = ["WaitMany"]

Looks: TypeAlias = Generator[Effect, Any, dict[str, TuningJob]]

PAGE = 100
"""Jobs in a page of a sweep; what the service gives at most is not documented."""


class WaitMany:
    """The jobs that are still waited for, and the flow that looks at all of them.

    Attributes:
        pending: Full resource names, by location (`projects/P/locations/L`) and id. A job's name in an answer may have
            the project's number where it was asked for by the project's id, so a job is known by location and id.
    """

    def __init__(
        self,
        names: Iterable[str],
        call: Callable[[str, Message], Flow],
        *,
        timeout: float | None = None,
        poll_interval: float | None = None,
        patient: bool = True,
        on_retry: Callable[[Retrying], object] | None = None,
        missing_until: Callable[[str], float] = lambda _: -math.inf,
    ) -> None:
        """Takes the full resource names of jobs; one that comes twice is waited for once.

        Args:
            names: The names.
            call: Makes the flow of one call, of a method's name and its request.
            timeout: Seconds for the whole wait; None: as long as it takes; 0: one round.
            poll_interval: Seconds between rounds; None: half a second at first, then longer, up to 30.
            patient: Whether the wait outlives the service's outages: a look that fails in a way that may pass is put
                off to the next round.
            on_retry: Is told of a round that was put off.
            missing_until: Job name -> until when NotFound may pass, on the driver's clock.
        """
        self.pending: dict[str, dict[str, str]] = {}
        for name in names:
            parent, _, job_id = name.rpartition("/tuningJobs/")
            self.pending.setdefault(parent, {})[job_id] = name
        self._call = call
        self._timeout = timeout
        self._interval = poll_interval
        self._patient = patient
        self._on_retry = on_retry
        self._missing_until = missing_until
        self._pause = FIRST_PAUSE if poll_interval is None else poll_interval
        self._start: float | None = None
        self._now = self._next = 0.0
        self._rounds = 0
        self._last: TuningJob | None = None
        self._failure: GemtuneError | None = None
        self._unreadable: dict[str, GemtuneError] = {}  # by full name

    @property
    def left(self) -> float:
        """Seconds that a call may take: what is left of the wait."""
        return self._end - self._now if self._timeout else math.inf

    @property
    def _end(self) -> float:
        return math.inf if self._timeout is None else (self._start or 0.0) + self._timeout

    def round(self) -> Generator[Effect, Any, list[TuningJob]]:
        """Waits until the next round is due, looks at every job once, and returns those that have ended.

        Each job that was seen rides on a `Sleep.why`. `pending` is empty once all have ended. A job whose answer cannot
        be read is not asked for again, and raises when all others have ended.

        Raises:
            WaitTimeout: Time is up; `.job` is one that goes on.
            ApiError: The service refuses to show a job.
            TransportError: What is left cannot be read.
        """
        waiting_for = {name for waiting in self.pending.values() for name in waiting.values()}
        if self._unreadable and waiting_for <= self._unreadable.keys():
            raise next(iter(self._unreadable.values()))
        yield from self._until_due()
        ended: list[TuningJob] = []
        for parent, waiting in list(self.pending.items()):
            looks = yield from self._look(parent, waiting)
            for job_id, job in looks.items():
                yield Notify(job)
                if has_ended(job):
                    ended.append(job)
                    del waiting[job_id]
                else:
                    self._last = job
            if not waiting:
                del self.pending[parent]
        yield from self._look_at_clock()
        self._rounds += 1
        self._next = self._now + self._pause
        if self._interval is None:
            self._pause = min(self._pause * 1.5, LONGEST_PAUSE)
        return ended

    def _look_at_clock(self) -> Flow:
        self._now = yield Now()

    def _until_due(self) -> Flow:
        yield from self._look_at_clock()
        if self._start is None:
            self._start = self._now
            return  # whatever the timeout, each job is looked at once
        due = min(self._next, self._end)
        failure, self._failure = self._failure, None
        if failure is not None and self._on_retry is not None:
            pause = max(due - self._now, 0)
            yield Notify(Retrying("ListTuningJobs", self._rounds, failure, pause, self._on_retry))
        if self._now < due:
            self._now = yield Sleep(due - self._now)
        if self._now >= self._end:
            self._run_out(failure)

    def _run_out(self, failure: GemtuneError | None) -> NoReturn:
        left = sum(map(len, self.pending.values()))
        if self._last is None and failure is not None:
            gone = f"no answer about {left} of the jobs waited for came in {self._timeout:g} s"
            raise WaitTimeout(
                f"{gone}, so it is not known whether they have ended: {failure}", TuningJob()
            ) from failure
        raise WaitTimeout(
            f"{left} of the jobs waited for have not ended after {self._timeout:g} s; they go on",
            self._last or TuningJob(),
        ) from failure

    def _look(self, parent: str, waiting: dict[str, str]) -> Looks:
        """Each job that is waited for in one location, by its id, in its current state."""
        found: dict[str, TuningJob] = {}
        missing = {job_id: name for job_id, name in waiting.items() if name not in self._unreadable}
        try:
            yield from self._find(parent, missing, found)
        except GemtuneError as error:
            yield from self._look_at_clock()
            if not may_pass(error) or not (self._patient or self.left <= 1e-6):
                raise
            self._failure = error
        return found

    def _find(self, parent: str, missing: dict[str, str], found: dict[str, TuningJob]) -> Flow:
        request = ListTuningJobsRequest(parent=parent, page_size=PAGE)
        pages, tokens = 0, Pages()
        while len(missing) > max(pages, 1):  # once as many pages are read as gets are left, gets are cheaper
            page = yield from self._asked("ListTuningJobs", request)
            pages += 1
            for job in page.tuning_jobs:
                job_id = job.name.rpartition("/")[2]
                if missing.pop(job_id, None):
                    found[job_id] = job
            token = tokens.after(page)
            if not token:
                break
            request = ListTuningJobsRequest(parent=parent, page_size=PAGE, page_token=token)
        for job_id, name in missing.items():  # a list may lag behind
            try:
                found[job_id] = yield from self._asked("GetTuningJob", GetTuningJobRequest(name=name))
            except NotFound:
                if self._now >= self._missing_until(name):
                    raise
            except TransportError as error:
                if not (error.final and error.maybe_sent):
                    raise
                self._unreadable[name] = error

    def _asked(self, method: str, request: Message) -> Flow:
        yield from self._look_at_clock()
        return (yield from self._call(method, request))
