"""Looking for the jobs of a submission or of a spec, by label, in one look over all pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gemtune.errors import FailedPrecondition, InvalidArgument, OutOfRange, SpecInvalid, Unimplemented, bad_request
from gemtune.flows import Flow, Sleep, call
from gemtune.methods import Method
from gemtune.retry import Budget, Retry
from gemtune.submission import REQUEST_LABEL, SPEC_LABEL, Created, Submission
from gemtune_pb.v1 import JobState, ListTuningJobsRequest, TuningJob

__all__ = ["Rpcs", "find", "of_spec", "oldest", "other_spec", "ours", "same_spec", "settle"]

CLOCK_SKEW = 600.0
"""Seconds: how much earlier than its submission, by the service's clock, a job may seem to have been created."""


@dataclass(frozen=True)
class Rpcs:
    """The methods that the flow uses."""

    create: Method
    get: Method
    list: Method


def settle(rpcs: Rpcs, submission: Submission, *, timeout: float, retry: Retry | None, budget: Budget | None) -> Flow:
    """Looks for a submission's job once. Returns `Created`, or None when there is no such job (yet)."""
    found = yield from find(rpcs, submission, timeout=timeout, retry=retry, budget=budget)
    return oldest(found, submission) if found else None


def same_spec(
    rpcs: Rpcs, submission: Submission, *, timeout: float, retry: Retry | None, budget: Budget | None
) -> Flow:
    """The newest job of the same spec that is live or succeeded; None when there is none."""
    found = yield from find(rpcs, submission, timeout=timeout, retry=retry, budget=budget, key=SPEC_LABEL)
    usable = [job for job in found if job.state not in _LOST_STATES]
    return max(usable, key=_age, default=None)


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
    filtered: bool = True,
) -> Flow:
    """Every job that carries the submission's label `key`, in one look over all pages.

    The filter is a help and not a proof: each job that comes back is checked. A service that refuses the filter is read
    whole, newest first, back to before the submission began; with `filtered=False` only what this run can have sent is
    read, and no filter asked for (where it is not known when the run began, one is).
    """
    value = submission.labels[key]
    since = submission.started
    if not filtered and submission.resumed is not None:
        since = submission.resumed
    filter_ = "" if not filtered and since is not None else f'labels.{key}="{value}"'
    request = ListTuningJobsRequest(parent=submission.parent, filter=filter_)
    now: float = yield Sleep(0)
    deadline = now + timeout
    found: list[TuningJob] = []
    while True:
        try:
            page = yield from call(rpcs.list, request, timeout=deadline - now, retry=retry, budget=budget)
        except (InvalidArgument, FailedPrecondition, OutOfRange, Unimplemented):
            if not request.filter:
                raise
            request = ListTuningJobsRequest(parent=submission.parent)
            found = []
        else:
            found += [job for job in page.tuning_jobs if job.labels.get(key) == value]
            if not page.next_page_token or (not request.filter and _all_older(page.tuning_jobs, since)):
                return list({job.name: job for job in found}.values())  # a job made meanwhile moves the pages
            request.page_token = page.next_page_token
        now = yield Sleep(0)


def _all_older(jobs: Sequence[TuningJob], since: float | None) -> bool:
    if since is None or not jobs:
        return False
    return all(job.create_time.seconds < since - CLOCK_SKEW for job in jobs)


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
    spec = first.labels.get(SPEC_LABEL, "")
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
