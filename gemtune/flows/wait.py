"""Waiting for what goes on at the service: looking again and again until it is over."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import count
from typing import Any

from gemtune.errors import GemtuneError, JobFailed, NotFound, WaitTimeout
from gemtune.flows.calls import call
from gemtune.flows.effects import Flow, Notify, Now, Sleep
from gemtune.flows.retry import Budget, Retry, Retrying, may_pass
from gemtune.rpc.methods import Method
from gemtune.rpc.states import has_succeeded, state_name
from gemtune_pb.v1 import TuningJob

__all__ = ["FIRST_PAUSE", "GRACE", "LONGEST_PAUSE", "succeeded", "wait"]

GRACE = 60.0
"""Seconds after a create in which its job may not be found yet: other parts of a service hear of it a little later."""

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between the looks of a wait: a job that is refused at once is seen at once, one of an hour costs little."""


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
    now: float = yield Now()
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
                yield Notify(answer)
                return answer
        now = yield Now()
        if failure is not None and not (isinstance(failure, NotFound) and now < missing_until):
            passes = may_pass(failure) and (retry is not None or time.is_up(now))
            if not passes:
                raise failure
        why: Any = answer
        if failure is not None:
            why = Retrying(method.name, attempt, failure, seconds, retry.on_retry if retry is not None else None)
        yield Notify(why)
        if time.is_last(now):
            now = yield Sleep(time.left(now))
            if answer is None:
                gone = f"no answer about {request.name} came in {timeout:g} s, so it is not known whether it has ended"
                raise WaitTimeout(f"{gone}: {failure}", method.output_type(name=request.name)) from failure
            raise WaitTimeout(f"{answer.name} has not ended after {timeout:g} s; it goes on", answer) from failure
        now = yield Sleep(time.pause(now, seconds))
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
