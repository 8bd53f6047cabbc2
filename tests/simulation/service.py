"""A model of the service in virtual time: it acts late, its lists lag behind, its filters may see nothing.

What it keeps to is what `docs/exactly-once.md` presupposes: a job appears in lists before the settle window of the
attempt that made it has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gemtune.errors import (
    Aborted,
    GemtuneError,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    TransportError,
    Unavailable,
)
from gemtune_pb.v1 import JobState, ListTuningJobsResponse, TuningJob

__all__ = ["ATTEMPT", "SETTLE", "Made", "Service"]

ATTEMPT, SETTLE = 0.1, 0.06
LATE = SETTLE * 0.6
EXCHANGE = 0.001
PAGE = 3

LOST = TransportError("the connection broke", maybe_sent=True)
SICK = Unavailable("try later", http_status=503)


@dataclass
class Made:
    """A job: when it is made and when lists show it, at the latest; and which call of whom made it."""

    at: float
    shown: float
    promised: float
    call: Any
    job: TuningJob
    answered: bool  # whether its caller got the answer


@dataclass
class Service:
    """Its jobs, and its moods."""

    now: float
    made: list[Made] = field(default_factory=list)
    strangers: list[TuningJob] = field(default_factory=list)
    blind: bool = False
    plain: bool = False  # refuses filters

    def __post_init__(self) -> None:
        for number in range(2 * PAGE):
            self.strange(self.now - 86_400.0 * (100 + number))

    def strange(self, at: float) -> None:
        job = TuningJob(name=f"projects/p/locations/l/tuningJobs/s{len(self.strangers)}")
        job.create_time.FromMicroseconds(int(at * 1e6))
        self.strangers.append(job)

    # -- creating ---------------------------------------------------------------------------------------------------

    CREATE = (
        "answered", "lost", "lost, acted", "lost, acted late", "503, acted late", "409, acted", "400", "429",
        "unreachable", "shown late", "nameless", "too slow",
    )  # fmt: skip

    def create(self, fate: str, request: Any, deadline: float, call: Any) -> TuningJob | GemtuneError:
        """What the caller meets. The clock moves to the end of the exchange."""
        slow = fate == "too slow"
        end = max(deadline, self.now) if slow else self.now + EXCHANGE
        self.now = end
        refused: dict[str, GemtuneError] = {
            "lost": LOST,
            "400": InvalidArgument("no", http_status=400),
            "429": ResourceExhausted("no", http_status=429),
            "unreachable": TransportError("refused", maybe_sent=False),
        }
        if fate in refused:
            return refused[fate]
        late = fate in ("lost, acted late", "503, acted late", "too slow", "under way")
        answered = fate in ("answered", "shown late")
        job = self._make(
            request, at=end + LATE if late else end, late=late or fate == "shown late", call=call,
            answered=answered,
        )  # fmt: skip
        met: dict[str, GemtuneError | TuningJob] = {
            "503, acted late": SICK,
            "409, acted": Aborted("conflict", http_status=409),
            "nameless": TuningJob(),
        }
        if fate.startswith("lost") or slow or fate == "under way":
            return LOST
        return met.get(fate, job)

    def _make(self, request: Any, *, at: float, late: bool, call: Any, answered: bool) -> TuningJob:
        job = TuningJob()
        job.CopyFrom(request.tuning_job)
        job.name = f"{request.parent}/tuningJobs/{len(self.made) + 1}"
        job.state = JobState.JOB_STATE_PENDING
        job.create_time.FromMicroseconds(int(at * 1e6))
        promised = self.now + SETTLE - 1e-6
        self.made.append(Made(at, promised if late else at, promised, call, job, answered))
        return job

    # -- looking ----------------------------------------------------------------------------------------------------

    LIST = ("answered", "503", "403", "stale", "busy")
    FILTERED = (*LIST, "blind", "filters refused")

    def list(self, fate: str, request: Any) -> ListTuningJobsResponse | GemtuneError:
        began, self.now = self.now, self.now + EXCHANGE
        if fate == "503":
            return SICK
        if fate == "403":
            return PermissionDenied("no", http_status=403)
        if fate == "busy":
            for _ in range(2 * PAGE):
                self.strange(self.now)
        self.blind = self.blind or fate == "blind"
        self.plain = self.plain or fate == "filters refused"
        if request.filter and self.plain:
            return InvalidArgument("no filters", http_status=400)
        if request.filter and self.blind:
            return ListTuningJobsResponse()
        shown = [
            made.job for made in self.made if made.shown <= began and not (fate == "stale" and began < made.promised)
        ]
        if request.filter:
            wanted = request.filter.partition('="')[2].rstrip('"')
            shown = [job for job in shown if job.labels["gemtune-request"] == wanted]
        else:
            shown += self.strangers
        shown.sort(key=lambda job: job.create_time.ToNanoseconds(), reverse=True)
        return page(shown, request.page_token)

    GET = ("answered", "503", "404")

    def get(self, fate: str, request: Any) -> TuningJob | GemtuneError:
        self.now += EXCHANGE
        if fate == "503":
            return SICK
        for made in self.made:
            if made.job.name == request.name and made.at <= self.now and fate != "404":
                return made.job
        return NotFound("no such job", http_status=404)


def page(jobs: Sequence[TuningJob], token: str) -> ListTuningJobsResponse:
    start = int(token or 0)
    more = str(start + PAGE) if start + PAGE < len(jobs) else ""
    return ListTuningJobsResponse(tuning_jobs=jobs[start : start + PAGE], next_page_token=more)
