"""A service in virtual time, for flows: what happens to each create and each list is said beforehand.

A create has a `Fate`: what the caller meets, whether the service acts on it, how much later, and how much later again
the job is in lists. The clock moves only when somebody sleeps or waits for an answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

from gemtune.errors import GemtuneError, NotFound, TransportError, Unavailable
from gemtune.flows.driver import Clock, Driver
from gemtune.rpc.methods import Method
from gemtune_pb.v1 import JobState, ListTuningJobsResponse, TuningJob

__all__ = ["OK", "Fate", "World"]


@dataclass(frozen=True)
class Fate:
    """What becomes of one create.

    Attributes:
        meets: What the caller meets; None: the answer.
        acts: Whether the service makes a job of it.
        late: Seconds until it does, counted from the end of the exchange.
        lag: Seconds from then until the job is in lists.
        takes: Seconds until the caller meets it.
        nameless: Whether the answer is a job without a name.
    """

    meets: GemtuneError | None = None
    acts: bool = True
    late: float = 0.0
    lag: float = 0.0
    takes: float = 0.1
    nameless: bool = False


OK = Fate()


@dataclass
class World:
    """The service, its clock, and what it has seen."""

    fates: Iterable[Fate] = ()
    lists: Iterable[GemtuneError | None] = ()  # what each list meets; None: the answer
    now: float = 1000.0
    filters: bool = True  # whether the list filter is understood
    jobs: list[tuple[float, TuningJob]] = field(default_factory=list)  # visible from, job
    sent: list[tuple[float, str]] = field(default_factory=list)  # when, rpc
    slept: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._fates: Iterator[Fate] = iter(self.fates)
        self._lists: Iterator[GemtuneError | None] = iter(self.lists)
        self._born = 0

    @property
    def creates(self) -> list[float]:
        """When each create was sent."""
        return [when for when, rpc in self.sent if rpc == "CreateTuningJob"]

    def clock(self) -> Clock:
        return Clock(now=lambda: self.now, sleep=self._sleep, wall=lambda: self.now)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def drive(self, flow: Any, store: Any = None) -> Any:
        return Driver(self, self.clock(), store).run(flow)

    def send(self, method: Method, request: Any, *, deadline: float, metadata: Any = ()) -> Message:
        self.sent.append((self.now, method.name))
        answer: Message = getattr(self, method.name)(request, deadline)
        return answer

    def CreateTuningJob(self, request: Any, deadline: float) -> TuningJob:
        fate = next(self._fates, OK)
        self.now = min(self.now + fate.takes, deadline)
        job = TuningJob()
        job.CopyFrom(request.tuning_job)
        self._born += 1
        job.name = f"{request.parent}/tuningJobs/{self._born}"
        job.create_time.FromMilliseconds(int((self.now + fate.late) * 1000))
        job.state = JobState.JOB_STATE_PENDING
        if fate.acts:
            self.jobs.append((self.now + fate.late + fate.lag, job))
        if fate.takes > deadline - self.sent[-1][0]:
            raise TransportError("no answer in time", maybe_sent=True)
        if fate.meets is not None:
            raise fate.meets
        return TuningJob() if fate.nameless else job

    def ListTuningJobs(self, request: Any, deadline: float) -> ListTuningJobsResponse:
        self.now += 0.01
        meets = next(self._lists, None)
        if meets is not None:
            raise meets
        if request.filter and not self.filters:
            from gemtune.errors import InvalidArgument

            raise InvalidArgument("the filter is not understood")
        wanted = request.filter.partition('="')[2].rstrip('"')
        seen = [j for at, j in self.jobs if at <= self.now and (not wanted or wanted in j.labels.values())]
        seen.sort(key=lambda j: j.create_time.seconds + j.create_time.nanos / 1e9, reverse=True)
        start = int(request.page_token or 0)
        page = seen[start : start + 2]
        more = start + 2 < len(seen)
        return ListTuningJobsResponse(tuning_jobs=page, next_page_token=str(start + 2) if more else "")

    def GetTuningJob(self, request: Any, deadline: float) -> TuningJob:
        self.now += 0.01
        for _, job in self.jobs:
            if job.name == request.name:
                return job
        raise NotFound("no such job")


LOST = TransportError("the connection broke", maybe_sent=True)
REFUSED = TransportError("connection refused", maybe_sent=False)
SICK = Unavailable("try later", http_status=503)
