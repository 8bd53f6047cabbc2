"""Create exactly once: the flow that never sends again while the first may still appear.

The service has no idempotency key, so a submission carries its id in a label, `gemtune-request`, and an attempt whose
outcome is unknown is looked for by that label before anything else. `docs/exactly-once.md` has the rules; this module
is their one implementation.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from gemtune.errors import (
    GemtuneError,
    InDoubt,
    InvalidArgument,
    NotFound,
    SpecInvalid,
    TransportError,
    Unauthenticated,
    bad_request,
)
from gemtune.flows import Flow, Record, Send, Sleep, attempt_deadline, call, pause
from gemtune.methods import Method
from gemtune.retry import Budget, Retry, may_pass, nothing_happened
from gemtune_pb.v1 import CreateTuningJobRequest, GetTuningJobRequest, JobState, ListTuningJobsRequest, TuningJob

__all__ = [
    "REQUEST_LABEL",
    "SPEC_LABEL",
    "Created",
    "Rpcs",
    "Submission",
    "born",
    "create",
    "label_value",
    "new_request_id",
    "same_spec",
    "settle",
]

_OVERTAKEN = GemtuneError("another process is submitting under this id")

REQUEST_LABEL = "gemtune-request"
SPEC_LABEL = "gemtune-spec"
MOST_LABELS = 64
CLOCK_SKEW = 600.0
"""Seconds: how much earlier than its submission, by the service's clock, a job may seem to have been created."""

_FIRST_LOOK, _LONGEST_LOOK = 0.5, 5.0
"""Seconds between looks for a job in doubt, growing from the one to the other."""
_SHORTEST_LOOK = 0.01  # however short the window: a sick service is not asked without pause

_LONGEST_ATTEMPT = 600.0
"""Seconds that an attempt without a `Retry` may take where a store is told how long it lasts."""

_PLAIN = re.compile(r"[a-z0-9_-]{1,63}")


def label_value(request_id: str) -> str:
    """The label value of a request id: the id itself, or a hash of it where it breaks the rules of label values.

    Those are at most 63 characters, lower-case letters, digits, `_` and `-`. The hash is `sha256-` and the first 56
    hexadecimal digits of the id's SHA-256.
    """
    if _PLAIN.fullmatch(request_id):
        return request_id
    return f"sha256-{hashlib.sha256(request_id.encode('utf-8', 'surrogatepass')).hexdigest()[:56]}"


def new_request_id() -> str:
    """A new id: a UUID of version 7, whose first 48 bits are the time in milliseconds (RFC 9562)."""
    stamp = int(time.time() * 1000).to_bytes(6, "big")
    text = str(uuid.UUID(bytes=stamp + secrets.token_bytes(10), version=4))
    return f"{text[:14]}7{text[15:]}"  # the digit of the version


def born(request_id: str) -> float | None:
    """When an id was made, in seconds since 1970, where the id itself says so; its job cannot be older."""
    if not re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", request_id):
        return None
    return int(request_id.replace("-", "")[:12], 16) / 1000


@dataclass(frozen=True, kw_only=True)
class Submission:
    """One submission of one spec.

    Attributes:
        request_id: What names it, for ever, within its project and location.
        fingerprint: The spec's, whole: `sha256:` and 64 digits.
        project: Where it is sent.
        location: Where it is sent.
        known: Whether the id may have been used before (the caller's own, or a resumed one): then the service is asked
            for it before anything is sent.
        started: When it began, in seconds since 1970; None: not known.
        resumed: When this run of it began, in seconds since 1970; None: not known. What this run sends is no older.
    """

    request_id: str
    fingerprint: str
    project: str
    location: str
    known: bool
    started: float | None
    resumed: float | None = None

    @property
    def parent(self) -> str:
        """The resource that the job is created under."""
        return f"projects/{self.project}/locations/{self.location}"

    @property
    def labels(self) -> dict[str, str]:
        """The labels that mark its job. A value holds 63 characters, so the fingerprint is cut to 40 digits."""
        return {
            REQUEST_LABEL: label_value(self.request_id),
            SPEC_LABEL: self.fingerprint.removeprefix("sha256:")[:40],
        }

    def marked(self, job: TuningJob) -> TuningJob:
        """A copy of the spec with the labels on.

        Raises:
            SpecInvalid: There is no room for them.
        """
        marked = TuningJob()
        marked.CopyFrom(job)
        marked.labels.update(self.labels)
        if len(marked.labels) > MOST_LABELS:
            own = len(marked.labels) - len(self.labels)
            raise SpecInvalid(
                bad_request(
                    [
                        (
                            "labels",
                            f"{own} labels leave no room for the two of gemtune's that make a create safe to repeat; "
                            f"use at most {MOST_LABELS - len(self.labels)}, or request_labels=False",
                        )
                    ]
                )
            )
        return marked


@dataclass(frozen=True)
class Created:
    """What came of a submission.

    Attributes:
        job: Its job; the oldest one where there are several.
        doubles: Further jobs under the same id: the service acted more than once.
    """

    job: TuningJob
    doubles: Sequence[TuningJob] = field(default_factory=tuple)


@dataclass(frozen=True)
class Rpcs:
    """The methods that the flow uses."""

    create: Method
    get: Method
    list: Method


def settle(rpcs: Rpcs, submission: Submission, *, timeout: float, retry: Retry | None, budget: Budget | None) -> Flow:
    """Looks for a submission's job once. Returns `Created`, or None when there is no such job (yet)."""
    found = yield from _find(rpcs, submission, timeout=timeout, retry=retry, budget=budget)
    return _oldest(found, submission) if found else None


def same_spec(
    rpcs: Rpcs, submission: Submission, *, timeout: float, retry: Retry | None, budget: Budget | None
) -> Flow:
    """The newest job of the same spec that is live or succeeded; None when there is none."""
    found = yield from _find(rpcs, submission, timeout=timeout, retry=retry, budget=budget, key=SPEC_LABEL)
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


def create(
    rpcs: Rpcs,
    job: TuningJob,
    submission: Submission,
    *,
    timeout: float,
    retry: Retry | None,
    budget: Budget | None,
    stored: bool = False,
) -> Flow:
    """Submits a spec so that it becomes one job.

    Args:
        rpcs: The methods to use.
        job: The spec; not changed.
        submission: Its id and place.
        timeout: Seconds for everything.
        retry: How to look and send again; None: one attempt, and `InDoubt` if its outcome is unknown.
        budget: How many retries are left.
        stored: Whether a store decides which process sends, and remembers that this one is about to.

    Returns:
        `Created`.

    Raises:
        InDoubt: The outcome could not be learnt.
        SpecInvalid: The id names another spec already.
        GemtuneError: Nothing was created, and this is why.
    """
    request = CreateTuningJobRequest(parent=submission.parent, tuning_job=submission.marked(job))
    now: float = yield Sleep(0, why=submission)
    once = _Once(
        rpcs=rpcs,
        submission=submission,
        request=request,
        deadline=now + timeout,
        retry=retry,
        budget=budget,
        stored=stored,
    )
    created = yield from once.run(job)
    if stored:
        for made in (created.job, *created.doubles):
            yield Record("record", submission, made)  # a store that fails now costs no job: it is found by its label
    return created


@dataclass(kw_only=True)
class _Once:
    """One run of the flow: what its steps share."""

    rpcs: Rpcs
    submission: Submission
    request: CreateTuningJobRequest
    deadline: float
    retry: Retry | None
    budget: Budget | None
    stored: bool
    token: int | None = None

    def run(self, job: TuningJob) -> Flow:
        look_first = self.submission.known
        if self.stored:
            claimed = yield from self._claim(job)
            if isinstance(claimed, Created):
                return claimed
            look_first = look_first or claimed
        if look_first:
            found = yield from self._look()
            if found:
                return _oldest(found, self.submission)
            if not (yield from self._renew(job)):  # looking may have taken longer than the claim lasts
                raise self._in_doubt(_OVERTAKEN)
        doubt: GemtuneError | None = None
        while True:
            try:
                outcome = yield from self._send(job)
            except InDoubt:
                raise
            except GemtuneError as error:
                if doubt is None:
                    raise
                # It proves that this attempt did nothing; about the one before it says nothing.
                raise self._in_doubt(error) from error
            if isinstance(outcome, TuningJob):
                # Under an id of the caller's another process may have sent as well, where no store decides.
                alone = doubt is None and (self.stored or not self.submission.known)
                return Created(outcome) if alone else (yield from self._counted(outcome))
            found = yield from self._settle(outcome, sent=True)
            if found:
                return _ours(found, self.submission)
            if self.retry is None or not self.retry.resend or not (yield from self._renew(job)):
                raise self._in_doubt(outcome) from outcome
            doubt = outcome

    def _counted(self, job: TuningJob) -> Flow:
        """The answer to a create that may not be the only one: its job, and what else there is under the id."""
        now: float = yield Sleep(0)
        try:
            timeout = min(self.deadline - now, self._left_for_a_look)
            found = yield from _find(self.rpcs, self.submission, timeout=timeout, retry=self.retry)
        except GemtuneError:
            found = []
        return _ours([job, *(other for other in found if other.name != job.name)], self.submission)

    # -- sending --------------------------------------------------------------------------------------------------

    def _send(self, job: TuningJob) -> Flow:
        """The job; or, as a value, the error after which the service may have acted.

        Raises:
            GemtuneError: Nothing happened, and sending again cannot help.
        """
        now: float = yield Sleep(0)
        for attempt in count(1):
            deadline = attempt_deadline(now, self.deadline, self.retry)
            if self.stored and self.retry is None:
                deadline = min(deadline, now + _LONGEST_ATTEMPT)
            outcome = yield Send(self.rpcs.create, self.request, deadline, attempt)
            if isinstance(outcome, TuningJob) and not outcome.name:  # `{}` reads as a job, and is the answer to nothing
                outcome = TransportError("the create was answered with a job that has no name", maybe_sent=True)
            if not isinstance(outcome, GemtuneError):
                if self.budget is not None:
                    self.budget.earn()
                return outcome
            error = outcome
            if not nothing_happened(error):
                return error
            if self.retry is None:
                raise error
            now = yield from pause(
                self.rpcs.create, error, attempt, deadline=self.deadline, retry=self.retry, budget=self.budget
            )
            if not (yield from self._renew(job)):  # another process has taken over
                raise self._in_doubt(error) from error
        raise AssertionError("unreachable")

    # -- looking --------------------------------------------------------------------------------------------------

    def _look(self) -> Flow:
        """The jobs under the id, before anything is sent. That they cannot be seen leaves everything in doubt."""
        now: float = yield Sleep(0)
        try:
            return (
                yield from _find(
                    self.rpcs, self.submission, timeout=self.deadline - now, retry=self.retry, budget=self.budget
                )
            )
        except GemtuneError as error:
            raise self._in_doubt(error) from error

    def _settle(self, doubt: GemtuneError, window: float | None = None, *, sent: bool = False) -> Flow:
        """The jobs under the id, looked for until the window has ended; [] when it ended without one.

        Where this run has sent something, a job of another spec is not what is looked for; and the last look, after
        which it may be sent again, does without a filter: one that finds too little must not cost a second job.

        Raises:
            InDoubt: The deadline came first, or the jobs cannot be listed.
        """
        if self.retry is None:
            raise self._in_doubt(doubt) from doubt
        now: float = yield Sleep(0)
        ends = now + (self.retry.settle if window is None else window)
        seconds = max(min(_FIRST_LOOK, self.retry.settle / 4), _SHORTEST_LOOK)
        refused = False
        while True:
            began = now
            last = began >= ends
            try:
                timeout = min(self.deadline - now, self.retry.attempt)
                found = yield from _find(
                    self.rpcs, self.submission, timeout=timeout, retry=None, filtered=not (last and sent)
                )
            except GemtuneError as error:
                again = isinstance(error, Unauthenticated) and not refused  # the next one has a new token
                refused = refused or again
                if not again and not may_pass(error):
                    raise self._in_doubt(error) from error
            else:
                # Only a look that began after the window, and saw everything, says that there is no such job.
                if last or (_of_spec(found, self.submission) if sent else found):
                    return found
            now = yield Sleep(0)
            if now >= self.deadline:
                raise self._in_doubt(doubt) from doubt
            until_end = ends - now if ends > now else seconds
            now = yield Sleep(min(seconds, until_end, self.deadline - now))
            seconds = min(seconds * 2, _LONGEST_LOOK)

    @property
    def _left_for_a_look(self) -> float:
        return 10.0 if self.retry is None else self.retry.attempt

    # -- the store ------------------------------------------------------------------------------------------------

    def _lasting(self) -> Flow:
        """How long what this process sends may still appear at the service, counted from now."""
        now: float = yield Sleep(0)
        attempt = self.retry.attempt if self.retry is not None else _LONGEST_ATTEMPT
        settle = (self.retry or Retry()).settle
        return max(0.0, min(attempt, self.deadline - now)) + settle

    def _claim(self, job: TuningJob) -> Flow:
        """Asks the store who sends. Returns what another process made of it, or whether one may have sent already."""
        while True:
            lasting = yield from self._lasting()
            claim = yield Record("claim", self.submission, job, lasting=lasting)
            if isinstance(claim, GemtuneError):
                raise claim  # nothing was sent
            if claim.fingerprint != self.submission.fingerprint:
                raise _other_spec(self.submission, "a stored submission", claim.fingerprint)
            if claim.job_name:
                return Created((yield from self._known(claim.job_name)))
            if claim.granted:
                self.token = claim.token
                return claim.token > 1
            found = yield from self._settle(_OVERTAKEN, window=claim.wait)
            if found:
                return _oldest(found, self.submission)

    def _known(self, name: str) -> Flow:
        """The job that the store says came of it. That it cannot be read now does not undo it."""
        now: float = yield Sleep(0)
        request = GetTuningJobRequest(name=name)
        try:
            return (
                yield from call(
                    self.rpcs.get, request, timeout=self.deadline - now, retry=self.retry, budget=self.budget
                )
            )
        except NotFound:
            raise
        except GemtuneError as error:
            raise self._in_doubt(error) from error

    def _renew(self, job: TuningJob) -> Flow:
        """Whether this process may still send."""
        if not self.stored:
            return True
        lasting = yield from self._lasting()
        claim = yield Record("claim", self.submission, job, lasting=lasting, token=self.token)
        if isinstance(claim, GemtuneError) or not claim.granted:
            return False
        self.token = claim.token
        return True

    def _in_doubt(self, error: GemtuneError) -> InDoubt:
        s = self.submission
        return InDoubt(s.request_id, project=s.project, location=s.location, error=error)


def _find(
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
        except InvalidArgument:
            if not request.filter:
                raise
            request = ListTuningJobsRequest(parent=submission.parent)
            found = []
        else:
            found += [job for job in page.tuning_jobs if job.labels.get(key) == value]
            if not page.next_page_token or (not request.filter and _all_older(page.tuning_jobs, since)):
                return found
            request.page_token = page.next_page_token
        now = yield Sleep(0)


def _all_older(jobs: Sequence[TuningJob], since: float | None) -> bool:
    if since is None or not jobs:
        return False
    return all(job.create_time.seconds < since - CLOCK_SKEW for job in jobs)


def _of_spec(found: Sequence[TuningJob], submission: Submission) -> list[TuningJob]:
    """Those that are of the submission's spec, as far as their labels tell."""
    wanted = submission.labels[SPEC_LABEL]
    return [job for job in found if job.labels.get(SPEC_LABEL, "") in ("", wanted)]


def _ours(found: Sequence[TuningJob], submission: Submission) -> Created:
    """The job that this run, which has sent something, made, and the doubles. One of another spec is a double too.

    Raises:
        SpecInvalid: There are only jobs of another spec under the id, and so none of this run's.
    """
    mine = _of_spec(found, submission)
    if not mine:
        return _oldest(found, submission)
    first, *others = sorted(mine, key=_age)
    names = {job.name for job in mine}
    return Created(first, (*others, *(job for job in found if job.name not in names)))


def _oldest(found: Sequence[TuningJob], submission: Submission) -> Created:
    """The submission's job among those found, and the doubles.

    Raises:
        SpecInvalid: The id was used for another spec.
    """
    first, *others = sorted(found, key=_age)
    spec = first.labels.get(SPEC_LABEL, "")
    if spec and submission.fingerprint and spec != submission.labels[SPEC_LABEL]:
        raise _other_spec(submission, first.name, spec)
    return Created(first, tuple(others))


def _other_spec(submission: Submission, owner: str, fingerprint: Any) -> SpecInvalid:
    return SpecInvalid(
        bad_request(
            [
                (
                    "request_id",
                    f"{submission.request_id!r} names {owner} already, whose spec is {fingerprint}; this spec is "
                    f"{submission.fingerprint}: an id names one submission for ever, so use another one",
                )
            ]
        )
    )
