"""What to send, what an answer means, and when to look again: generators without I/O and without a clock.

A flow yields an effect and is resumed with what came of it; `drive` makes the effects happen. Times are seconds on
the driver's monotonic clock, which every `Sleep` is resumed with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeAlias

from gemtune_pb.v1 import TuningJob
from google.longrunning import operations_proto_pb2 as operations_pb2
from google.protobuf.message import Message

from gemtune.errors import GemtuneError, JobFailed, WaitTimeout, error_from_status
from gemtune.methods import Method
from gemtune.states import has_succeeded, state_name

__all__ = ["Effect", "Flow", "Send", "Sleep", "call", "operation_result", "succeeded", "wait"]

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
    """

    method: Method
    request: Message
    deadline: float
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Sleep:
    """A pause; resumed with the clock's time after it.

    Attributes:
        seconds: How long; 0 only asks for the time.
        why: What the caller's observer is told before the pause: a job as it stands, say. None: nothing.
    """

    seconds: float
    why: Any = None


Effect: TypeAlias = Send | Sleep
Flow: TypeAlias = Generator[Effect, Any, Any]


def call(method: Method, request: Message, *, timeout: float) -> Flow:
    """One call, one attempt.

    Args:
        method: The method.
        request: Its request message.
        timeout: Seconds for the whole call.

    Returns:
        The answer.
    """
    now: float = yield Sleep(0)
    outcome = yield Send(method, request, now + timeout)
    if isinstance(outcome, GemtuneError):
        raise outcome
    return outcome


def wait(
    method: Method,
    request: Message,
    *,
    over: Callable[[Any], bool],
    call_timeout: float,
    timeout: float | None,
    poll_interval: float | None,
) -> Flow:
    """Asks again and again until what is asked for is over.

    Args:
        method: The method that gets it (a job, an operation).
        request: Its request.
        over: Whether an answer shows it as over.
        call_timeout: Seconds for one look.
        timeout: Seconds for the whole wait; None: as long as it takes.
        poll_interval: Seconds between looks; None: short at first, then longer, up to half a minute.

    Returns:
        The last answer.
    """
    start: float = yield Sleep(0)
    pause = FIRST_PAUSE if poll_interval is None else poll_interval
    while True:
        answer = yield from call(method, request, timeout=call_timeout)
        if over(answer):
            return answer
        now: float = yield Sleep(0)
        left = math.inf if timeout is None else start + timeout - now
        if left <= 0:
            raise WaitTimeout(f"{answer.name} has not ended after {timeout:g} s; it goes on", answer)
        yield Sleep(min(pause, left), why=answer)
        if poll_interval is None:
            pause = min(pause * 1.5, LONGEST_PAUSE)


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
    return TuningJob.FromString(operation.response.value)
