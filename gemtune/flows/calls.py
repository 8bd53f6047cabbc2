"""One call and its attempts: sent again while that is safe and may help."""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from typing import Any

from google.longrunning import operations_proto_pb2 as operations_pb2
from google.protobuf import empty_pb2
from google.protobuf.message import DecodeError, Message

from gemtune.errors import ApiError, GemtuneError, TransportError, Unauthenticated
from gemtune.flows.effects import Flow, Notify, Now, Send, Sleep
from gemtune.flows.retry import Budget, Retry, Retrying, may_pass, nothing_happened
from gemtune.rpc.methods import Method
from gemtune.rpc.status import error_from_status
from gemtune_pb.v1 import CancelTuningJobRequest, GetTuningJobRequest, JobState, TuningJob

__all__ = ["Pauses", "attempt_deadline", "call", "cancel", "operation_job", "operation_result"]


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
    now: float = yield Now()
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
        now: float = yield Now()
        if isinstance(error, Unauthenticated) and not self._refused:
            self._refused = True
            return now  # the transport has noted the refusal, and gets a new token for the next attempt
        seconds = self._retry.pause(attempt, error)
        # A pause that outlasts the deadline would only put off the news.
        late = now + seconds >= self._deadline
        if not may_pass(error) or late or (self._budget is not None and not self._budget.spend()):
            raise error
        yield Notify(Retrying(self._method.name, attempt, error, seconds, self._retry.on_retry))
        now = yield Sleep(seconds)
        return now


def cancel(method: Method, request: CancelTuningJobRequest, getter: Method, *, timeout: float, **options: Any) -> Flow:
    """Cancels a job. A job that is being cancelled, or is, cannot be refused as a failure: it is what was asked for.

    With which code the service refuses that is not documented, so after any refusal the job itself is looked at.
    """
    began: float = yield Now()
    try:
        return (yield from call(method, request, timeout=timeout, **options))
    except ApiError as error:
        if may_pass(error):
            raise
        now: float = yield Now()
        left = began + timeout - now
        try:
            job = yield from call(getter, GetTuningJobRequest(name=request.name), timeout=left, **options)
        except GemtuneError:
            raise error from None
        if job.state not in (JobState.JOB_STATE_CANCELLING, JobState.JOB_STATE_CANCELLED):
            raise
    return empty_pb2.Empty()


def operation_job(waiting: Flow) -> Flow:
    """Waits with a flow that returns a finished operation, and returns its job: its error is one of this call."""
    return operation_result((yield from waiting))


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
