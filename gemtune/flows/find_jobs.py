"""Looking for the jobs of a submission or of a spec, by label, in one look over all pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from gemtune.errors import (
    FailedPrecondition,
    InvalidArgument,
    OutOfRange,
    SpecInvalid,
    TransportError,
    Unimplemented,
    bad_request,
)
from gemtune.flows.calls import call
from gemtune.flows.effects import Flow, Now
from gemtune.flows.paging import Pages
from gemtune.flows.retry import Budget, Retry
from gemtune.flows.submission import Created, Submission
from gemtune.names import REQUEST_LABEL, SPEC_LABEL
from gemtune.rpc.methods import Method
from gemtune.rpc.unknown import Unreadable, unreadable
from gemtune_pb.v1 import JobState, ListTuningJobsRequest, TuningJob

__all__ = ["SLACK", "How", "Rpcs", "age", "find", "of_spec", "oldest", "other_spec", "ours", "same_spec", "settle"]

PAGE = 100
"""Jobs in a page of a look without a filter; what the service gives at most is not documented."""

SLACK = 600.0
"""Seconds by which the clocks of the service's machines may differ: a look without a filter reads so much further."""

ZONES = 26 * 3600.0
"""The same for a beginning that another run noted: its machine's clock may have shown the time of another zone."""

How: TypeAlias = Literal["filtered", "surely", "whole"]
"""How jobs are looked for: by filter; by filter, and without one where that shows nothing; without one."""


@dataclass(frozen=True)
class Rpcs:
    """The methods that the flow uses."""

    create: Method
    get: Method
    list: Method


def settle(rpcs: Rpcs, submission: Submission, *, timeout: float, retry: Retry | None, budget: Budget | None) -> Flow:
    """Looks for a submission's job once. Returns `Created`, or None when there is no such job (yet)."""
    back = yield from age(submission.started)
    found = yield from find(rpcs, submission, timeout=timeout, retry=retry, budget=budget, how="surely", back=back)
    return oldest(found, submission) if found else None


def same_spec(
    rpcs: Rpcs, submission: Submission, *, timeout: float, retry: Retry | None, budget: Budget | None
) -> Flow:
    """The newest job of the same spec that is live or succeeded; None when there is none."""
    usable = yield from find(
        rpcs,
        submission,
        timeout=timeout,
        retry=retry,
        budget=budget,
        key=SPEC_LABEL,
        how="surely",
        accept=lambda job: job.state not in _LOST_STATES,
    )
    return max(usable, key=_age, default=None)


def age(started: float | None) -> Flow:
    """How far back, from the newest job, a look has to read for what began then, in seconds; None: through all jobs.

    A difference of two times of the same clock, so that it is right however wrong that clock is.

    Args:
        started: In seconds since 1970, by this machine's clock or one that agrees with it; None: not known.
    """
    wall: float = yield Now(wall=True)
    return None if started is None else max(wall - started, 0.0) + ZONES


_LOST_STATES = frozenset(
    {
        JobState.JOB_STATE_FAILED,
        JobState.JOB_STATE_CANCELLING,
        JobState.JOB_STATE_CANCELLED,
        JobState.JOB_STATE_EXPIRED,
    }
)


def _age(job: TuningJob) -> tuple[int, int, str]:
    return job.create_time.seconds, job.create_time.nanos, job.name


def find(
    rpcs: Rpcs,
    submission: Submission,
    *,
    timeout: float,
    retry: Retry | None,
    budget: Budget | None = None,
    key: str = REQUEST_LABEL,
    how: How = "filtered",
    back: float | None = None,
    accept: Callable[[TuningJob], bool] = lambda _: True,
) -> Flow:
    """Every job that carries the submission's label `key`, in one look over all pages.

    The filter is a help and not a proof: each job that comes back is checked, and a look after which something may be
    sent ends with one that does without. So does one whose filter the service refuses. Without a filter, jobs are read
    newest first.

    Args:
        rpcs: The methods to use.
        submission: Whose jobs.
        timeout: Seconds for everything.
        retry: How a page is asked for again.
        budget: How many retries are left.
        key: The label.
        how: With or without a filter.
        back: Without one, how many seconds before the newest job the reading ends; None: at the last job.
        accept: Which of the jobs count.

    Raises:
        TransportError: A row that cannot be read may be such a job: that is no "there is none".
        GemtuneError: The jobs cannot be listed.
    """
    value = submission.labels[key]
    whole = ListTuningJobsRequest(parent=submission.parent, page_size=PAGE)
    request = whole
    if how != "whole":
        request = ListTuningJobsRequest(parent=submission.parent, filter=f'labels.{key}="{value}"')
    now: float = yield Now()
    deadline = now + timeout
    found: dict[str, TuningJob] = {}  # by name: a job made meanwhile moves the pages, so that one may come twice
    newest = 0.0
    pages = Pages()
    while True:
        try:
            page = yield from call(rpcs.list, request, timeout=deadline - now, retry=retry, budget=budget)
        except (InvalidArgument, FailedPrecondition, OutOfRange, Unimplemented):
            if not request.filter:
                raise
            request, found, pages = _copy(whole), {}, Pages()
        else:
            for row in unreadable(page):
                if _may_carry(row, key, value):
                    sentence = f"a job that may be the one looked for is in the list, but {row}"
                    raise TransportError(sentence, maybe_sent=True, final=True, answered=True)
            found |= {job.name: job for job in page.tuning_jobs if job.labels.get(key) == value and accept(job)}
            newest = max([newest, *map(_made_at, page.tuning_jobs)])
            old = back is not None and _all_before(newest - back, page.tuning_jobs)
            token = pages.after(page)
            if token and (request.filter or not old):
                request.page_token = token
            elif request.filter and how == "surely" and not found:
                request, pages = _copy(whole), Pages()
            else:
                return list(found.values())
        now = yield Now()


def _may_carry(row: Unreadable, key: str, value: str) -> bool:
    """Whether a row that cannot be read may have the label: not where its labels can, and it is not among them."""
    if not isinstance(row.row, dict):
        return True
    labels = row.row.get("labels")
    if not isinstance(labels, dict):
        return labels is not None
    found = labels.get(key, "")
    return not isinstance(found, str) or found == value


def _copy(request: ListTuningJobsRequest) -> ListTuningJobsRequest:
    copy = ListTuningJobsRequest()
    copy.CopyFrom(request)
    return copy


def _made_at(job: TuningJob) -> float:
    return job.create_time.seconds + job.create_time.nanos / 1e9


def _all_before(limit: float, jobs: Sequence[TuningJob]) -> bool:
    """Whether a page, and so each one after it, is older. A job that does not say when it was made is not."""
    return bool(jobs) and all(job.HasField("create_time") and _made_at(job) < limit for job in jobs)


def of_spec(found: Sequence[TuningJob], submission: Submission) -> list[TuningJob]:
    """Those that are of the submission's spec, as far as their labels tell."""
    wanted = submission.labels[SPEC_LABEL]
    return [job for job in found if job.labels.get(SPEC_LABEL, "") in ("", wanted)]


def ours(found: Sequence[TuningJob], submission: Submission) -> Created:
    """The job that this run, which has sent something, made, and the doubles. One of another spec is a double too.

    Raises:
        SpecInvalid: There are only jobs of another spec under the id, and so none of this run's.
    """
    mine = of_spec(found, submission)
    if not mine:
        return oldest(found, submission)
    first, *others = sorted(mine, key=_age)
    names = {job.name for job in mine}
    return Created(first, (*others, *(job for job in found if job.name not in names)))


def oldest(found: Sequence[TuningJob], submission: Submission) -> Created:
    """The submission's job among those found, and the doubles.

    Raises:
        SpecInvalid: The id was used for another spec.
    """
    first, *others = sorted(found, key=_age)
    spec = first.labels.get(SPEC_LABEL)
    if spec and submission.fingerprint and spec != submission.labels[SPEC_LABEL]:
        raise other_spec(submission, first.name, spec)
    return Created(first, tuple(others))


def other_spec(submission: Submission, owner: str, fingerprint: str) -> SpecInvalid:
    """The refusal of an id that names another spec already."""
    theirs, this = (f.removeprefix("sha256:") for f in (fingerprint, submission.fingerprint))
    digits = min(len(theirs), len(this))  # a label has 40 of the 64; shown alike, they can be compared by eye
    return SpecInvalid(
        bad_request(
            [
                (
                    "request_id",
                    f"{submission.request_id!r} names {owner} already, whose spec is sha256:{theirs[:digits]}; this "
                    f"spec is sha256:{this[:digits]}: an id names one submission for ever, so use another one",
                )
            ]
        )
    )
