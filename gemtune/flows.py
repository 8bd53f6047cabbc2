"""What to send, what an answer means, and when to look again: generators without I/O and without a clock.

A flow yields an effect and is resumed with what came of it; `drive` makes the effects happen. Times are seconds on
the driver's monotonic clock, which every `Sleep` is resumed with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from google.longrunning import operations_proto_pb2 as operations_pb2
from google.protobuf import empty_pb2
from google.protobuf.message import DecodeError, Message

from gemtune.error_forms import error_from_status
from gemtune.errors import ApiError, GemtuneError, JobFailed, NotFound, TransportError, Unauthenticated, WaitTimeout
from gemtune.methods import Method
from gemtune.retry import Budget, Retry, Retrying, may_pass, nothing_happened
from gemtune.states import has_succeeded, state_name
from gemtune_pb.v1 import CancelTuningJobRequest, GetTuningJobRequest, JobState, TuningJob

if TYPE_CHECKING:
    from gemtune.submission import Submission

__all__ = [
    "Effect",
    "Flow",
    "Pauses",
    "Record",
    "Send",
    "Sleep",
    "attempt_deadline",
    "call",
    "cancel",
    "operation_result",
    "succeeded",
    "wait",
]

GRACE = 60.0
"""Seconds after a create in which its job may not be found yet: other parts of a service hear of it a little later."""

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between the looks of a wait: a job that is refused at once is seen at once, one of an hour costs little."""


@dataclass(frozen=True, slots=True)
class Send:
    """One attempt of one call; resumed with the answer, or with the `GemtuneError` that came instead.

    Attributes:
        method: The method.
        request: Its request message.
        deadline: When the attempt has to be over.
        attempt: Which one of the call it is, from 1.
        until: When it may no longer leave, in seconds since 1970: what it was allowed by is over then. The monotonic
            clock of a suspended machine stands, so it does not tell that alone.
    """

    method: Method
    request: Message
    deadline: float
    attempt: int = 1
    until: float = math.inf


@dataclass(frozen=True, slots=True)
class Sleep:
    """A pause; resumed with the clock's time after it.

    Attributes:
        seconds: How long; 0 only asks for the time.
        why: What the caller's observer is told before the pause: a job as it stands, say. None: nothing.
        wall: Whether it is resumed with the seconds since 1970 instead.
        turn: Whether it waits for another call of this process: that takes real time, whatever the clock.
    """

    seconds: float
    why: Any = None
    wall: bool = False
    turn: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A word to the store of a create; resumed with its answer, or with the `GemtuneError` that came instead.

    Attributes:
        step: `claim`: may this process send? Answered with a `Claim`. `release`: the claim is given back, nothing was
            created. `record`: this is the job that came of it. Answered with all the jobs that are known to have.
        submission: The submission.
        job: What is submitted, or what came of it.
        lasting: For a claim: seconds, from now, that what is sent may need to appear at the service.
        token: The one that this process holds already, to renew its claim or to give it back.
    """

    step: Literal["claim", "release", "record"]
    submission: Submission
    job: TuningJob
    lasting: float = 0.0
    token: int | None = None


Effect: TypeAlias = Send | Sleep | Record
Flow: TypeAlias = Generator[Effect, Any, Any]


def call(
    method: Method, request: Message, *, timeout: float, retry: Retry | None = None, budget: Budget | None = None
) -> Flow:
    """One call, sent again while that is safe and may help.

    A method that is not idempotent is sent again only after an error that proves that nothing happened.

    Args:
        method: The method.
        request: Its request message.
        timeout: Seconds for the whole call: all attempts, pauses and the last byte of a slow answer.
        retry: How it is sent again; None: one attempt.
        budget: How many retries are left; None: any number.

    Returns:
        The answer.
    """
    now: float = yield Sleep(0)
    deadline = now + timeout
    pauses = Pauses(method, deadline=deadline, retry=retry, budget=budget) if retry is not None else None
    for attempt in count(1):
        outcome = yield Send(method, request, attempt_deadline(now, deadline, retry), attempt)
        if not isinstance(outcome, GemtuneError):
            if budget is not None:
                budget.earn()
            return outcome
        safe = method.idempotent or nothing_happened(outcome)
        if pauses is None or not safe:
            raise outcome
        now = yield from pauses.after(outcome, attempt)
    raise AssertionError("unreachable")


def attempt_deadline(now: float, deadline: float, retry: Retry | None) -> float:
    """When one attempt of a call has to be over."""
    return deadline if retry is None else min(deadline, now + retry.attempt)


class Pauses:
    """The waiting between the attempts of one call."""

    def __init__(self, method: Method, *, deadline: float, retry: Retry, budget: Budget | None) -> None:
        """Waits no longer than to the call's deadline, and as often as the budget allows."""
        self._method, self._deadline, self._retry, self._budget = method, deadline, retry, budget
        self._refused = False

    def after(self, error: GemtuneError, attempt: int) -> Flow:
        """Waits before the next attempt and returns the time; raises `error` where waiting cannot help."""
        now: float = yield Sleep(0)
        if isinstance(error, Unauthenticated) and not self._refused:
            self._refused = True
            return now  # the transport has noted the refusal, and gets a new token for the next attempt
        seconds = self._retry.pause(attempt, error)
        # A pause that outlasts the deadline would only put off the news.
        late = now + seconds >= self._deadline
        if not may_pass(error) or late or (self._budget is not None and not self._budget.spend()):
            raise error
        now = yield Sleep(seconds, why=Retrying(self._method.name, attempt, error, seconds, self._retry.on_retry))
        return now


def cancel(method: Method, request: CancelTuningJobRequest, getter: Method, *, timeout: float, **options: Any) -> Flow:
    """Cancels a job. A job that is being cancelled, or is, cannot be refused as a failure: it is what was asked for.

    With which code the service refuses that is not documented, so after any refusal the job itself is looked at.
    """
    began: float = yield Sleep(0)
    try:
        return (yield from call(method, request, timeout=timeout, **options))
    except ApiError as error:
        if may_pass(error):
            raise
        now: float = yield Sleep(0)
        left = began + timeout - now
        try:
            job = yield from call(getter, GetTuningJobRequest(name=request.name), timeout=left, **options)
        except GemtuneError:
            raise error from None
        if job.state not in (JobState.JOB_STATE_CANCELLING, JobState.JOB_STATE_CANCELLED):
            raise
    return empty_pb2.Empty()


def wait(
    method: Method,
    request: Any,
    *,
    over: Callable[[Any], bool],
    call_timeout: float,
    timeout: float | None,
    poll_interval: float | None,
    retry: Retry | None = None,
    budget: Budget | None = None,
    missing_until: float = -math.inf,
) -> Flow:
    """Asks again and again until what is asked for is over.

    Args:
        method: The method that gets it (a job, an operation).
        request: Its request, with its name.
        over: Whether an answer shows it as over.
        call_timeout: Seconds for one look.
        timeout: Seconds for the whole wait, its last look included; None: as long as it takes; 0: one look.
        poll_interval: Seconds between looks; None: short at first, then longer, up to half a minute.
        retry: How a look is sent again. With one, a wait outlives the service's outages: a look that fails for good in
            a way that may pass is only put off to the next one, and `on_retry` is told of it.
        budget: How many retries are left.
        missing_until: Until when NotFound may pass, on the driver's clock: for a job that was just created.

    Returns:
        The last answer.

    Raises:
        WaitTimeout: Time is up.
        GemtuneError: A look was refused, or its answer cannot be read.
    """
    now: float = yield Sleep(0)
    time = _Time(now, timeout)
    seconds = FIRST_PAUSE if poll_interval is None else poll_interval
    answer: Any = None
    for attempt in count(1):
        failure: GemtuneError | None = None
        try:
            look = time.look(now, call_timeout)
            answer = yield from call(method, request, timeout=look, retry=retry, budget=budget)
        except GemtuneError as error:
            failure = error
        else:
            if over(answer):
                return answer
        now = yield Sleep(0)
        if failure is not None and not (isinstance(failure, NotFound) and now < missing_until):
            passes = may_pass(failure) and (retry is not None or time.is_up(now))
            if not passes:
                raise failure
        why: Any = answer
        if failure is not None:
            why = Retrying(method.name, attempt, failure, seconds, retry.on_retry if retry is not None else None)
        if time.is_last(now):
            now = yield Sleep(time.left(now), why=why)
            if answer is None:
                gone = f"no answer about {request.name} came in {timeout:g} s, so it is not known whether it has ended"
                raise WaitTimeout(f"{gone}: {failure}", method.output_type(name=request.name)) from failure
            raise WaitTimeout(f"{answer.name} has not ended after {timeout:g} s; it goes on", answer) from failure
        now = yield Sleep(time.pause(now, seconds), why=why)
        if poll_interval is None:
            seconds = min(seconds * 1.5, LONGEST_PAUSE)
    raise AssertionError("unreachable")


class _Time:
    """The time of a wait: what is left of it, and a last look shortly before its end."""

    def __init__(self, start: float, timeout: float | None) -> None:
        self._end = math.inf if timeout is None else start + timeout
        self._look_once = timeout is not None and timeout <= 0
        self._reserve = min(1.0, (timeout or 0) / 10)  # for the last look

    def left(self, now: float) -> float:
        return max(self._end - now, 0)

    def is_up(self, now: float) -> bool:
        return self._end - now < 1e-6  # the deadline of a call is a sum of its own, and rounded

    def is_last(self, now: float) -> bool:
        return self._end - now <= self._reserve + 1e-6

    def look(self, now: float, call_timeout: float) -> float:
        return call_timeout if self._look_once else min(call_timeout, self.left(now))

    def pause(self, now: float, seconds: float) -> float:
        return min(seconds, self.left(now) - self._reserve)


def succeeded(job: TuningJob, *, or_raise: bool = True) -> TuningJob:
    """The job that has ended, or `JobFailed` if it ended without success."""
    if or_raise and not has_succeeded(job):
        reason = f": {job.error.message}" if job.error.message else ""
        raise JobFailed(f"{job.name} ended as {state_name(job)}{reason}", job)
    return job


def operation_result(operation: operations_pb2.Operation) -> TuningJob:
    """The job that a finished operation made, or its error raised."""
    if operation.HasField("error"):
        raise error_from_status(operation.error)
    # The service names the type google.cloud.aiplatform.v1.TuningJob; ours has the same bytes.
    held, job = operation.response, TuningJob()
    if held.type_url.endswith(".TuningJob"):
        with suppress(DecodeError):
            job = TuningJob.FromString(held.value)
    if not job.name:
        raise TransportError(
            f"{operation.name} is done, and holds neither a job nor an error", maybe_sent=True, final=True
        )
    return job
