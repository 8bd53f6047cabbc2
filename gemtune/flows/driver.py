"""Performs the effects of flows, blocking (`Driver`) or on an event loop (`AsyncDriver`): the only place that waits."""

from __future__ import annotations

import inspect
import logging
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.longrunning import operations_proto_pb2 as operations_pb2
from google.protobuf.message import Message

from gemtune import safe_text
from gemtune.errors import ApiError, GemtuneError, TransportError
from gemtune.flows.effects import Effect, Flow, Notify, Now, Record, Send, Sleep, Turn
from gemtune.flows.retry import Retrying
from gemtune.names import REQUEST_LABEL
from gemtune.remedies.explain import explained
from gemtune.rpc.methods import Method
from gemtune.rpc.unknown import Unreadable, json_tree, keep_rows
from gemtune.transport import AsyncTransport, Transport, request_id
from gemtune.transport.credentials import account_of
from gemtune_pb.v1 import CreateTuningJobRequest, ListTuningJobsResponse, RebaseTunedModelRequest, TuningJob

if TYPE_CHECKING:
    from gemtune.store import SpecStore

__all__ = ["AsyncDriver", "Clock", "Driver"]

logger = safe_text.logger("gemtune")


async def _asleep(seconds: float) -> None:
    import asyncio  # a program that never awaits does not load it

    await asyncio.sleep(seconds)


@dataclass(frozen=True)
class Clock:
    """Where time comes from; tests pass their own.

    Attributes:
        now: Monotonic seconds.
        sleep: What a blocking pause is made of.
        asleep: What a pause on an event loop is made of.
        wall: Seconds since 1970.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    asleep: Callable[[float], Awaitable[None]] = _asleep
    wall: Callable[[], float] = time.time


class Driver:
    """Performs the effects of flows, blocking."""

    def __init__(self, transport: Transport, clock: Clock, store: SpecStore | None = None) -> None:
        """Holds what flows need.

        Args:
            transport: What carries their calls.
            clock: Where their times come from.
            store: What answers a `Record`; None: no flow asks.
        """
        self.transport, self._clock, self._store = transport, clock, store

    def run(self, flow: Flow, on_event: Callable[[Any], object] | None = None) -> Any:
        """Runs a flow to its end and returns what it returns.

        Args:
            flow: The flow.
            on_event: Is given what a `Notify` carries, retries excepted; what it raises ends the run.

        Raises:
            GemtuneError: As the flow raises it, with what is known of it besides.
        """
        clock = self._clock
        outcome: Any = None
        try:
            while True:
                try:
                    effect: Effect = flow.send(outcome)
                except StopIteration as stop:  # of the flow: one that a callback raises ends the run
                    return stop.value
                if isinstance(effect, Send):
                    began = _begin()
                    try:
                        _check_time(effect, clock)
                        answer = self.transport.send(effect.method, effect.request, deadline=effect.deadline)
                        outcome = fitting(effect.method, effect.request, answer)
                    except GemtuneError as error:
                        outcome = _of(effect, error)
                    _log(effect, outcome, began)
                elif isinstance(effect, Notify):
                    _notify(effect.event, on_event)
                    outcome = None
                elif isinstance(effect, Record):
                    outcome = _record(self._store, effect, clock.wall())
                else:
                    if isinstance(effect, Sleep | Turn) and effect.seconds > 0:
                        (clock.sleep if isinstance(effect, Sleep) else time.sleep)(effect.seconds)
                    outcome = _time(effect, clock)
        except GemtuneError as error:
            raise explained(error, account=account_of(self.transport))  # noqa: B904  the same one
        finally:
            flow.close()


class AsyncDriver:
    """Performs the effects of flows, awaiting where that blocks."""

    def __init__(self, transport: AsyncTransport, clock: Clock, store: SpecStore | None = None) -> None:
        """As `Driver`; what answers a `Record` blocks, and does so on a thread."""
        self.transport, self._clock, self._store = transport, clock, store

    async def run(self, flow: Flow, on_event: Callable[[Any], object] | None = None) -> Any:
        """Runs a flow as `Driver.run` does; `on_event` is awaited if it is a coroutine function.

        Cancelling the task cancels the request that is under way, and ends the flow: the flow does not get a
        cancellation as an outcome, so it can never be taken for a failure to retry.
        """
        clock = self._clock
        outcome: Any = None
        try:
            while True:
                try:
                    effect: Effect = flow.send(outcome)
                except StopIteration as stop:  # of the flow: one that a callback raises ends the run
                    return stop.value
                if isinstance(effect, Send):
                    began = _begin()
                    try:
                        _check_time(effect, clock)
                        answer = await self.transport.send(effect.method, effect.request, deadline=effect.deadline)
                        outcome = fitting(effect.method, effect.request, answer)
                    except GemtuneError as error:
                        outcome = _of(effect, error)
                    _log(effect, outcome, began)
                elif isinstance(effect, Notify):
                    told = _notify(effect.event, on_event)
                    if inspect.isawaitable(told):
                        await told
                    outcome = None
                elif isinstance(effect, Record):
                    outcome = await _on_thread(_record, self._store, effect, clock.wall())
                else:
                    if isinstance(effect, Sleep | Turn) and effect.seconds > 0:
                        await (clock.asleep if isinstance(effect, Sleep) else _asleep)(effect.seconds)
                    outcome = _time(effect, clock)
        except GemtuneError as error:
            raise explained(error, account=account_of(self.transport))  # noqa: B904  the same one
        finally:
            flow.close()


def _time(effect: Now | Sleep | Turn, clock: Clock) -> float:
    return clock.wall() if isinstance(effect, Now) and effect.wall else clock.now()


def _notify(event: Any, on_event: Callable[[Any], object] | None) -> Any:
    """Tells whom an event concerns: of a retry the log and the hook of its `Retry`, of all else the caller."""
    if not isinstance(event, Retrying):
        return on_event(event) if on_event is not None else None
    what = event.method, event.pause, event.attempt, event.error
    logger.info("%s is tried again in %.1f s, after attempt %d: %s", *what)
    return event.hook(event) if event.hook is not None else None


def _check_time(send: Send, clock: Clock) -> None:
    """Refuses to send what was allowed for a time that is over: another process may be sending by now."""
    if send.until < math.inf and (clock.wall() >= send.until or clock.now() >= send.deadline):
        raise TransportError("nothing was sent: the time for which the store had allowed it was over", maybe_sent=False)


def _record(store: SpecStore | None, effect: Record, wall: float) -> Any:
    """The store's answer. `wall` is from before it was asked: a claim must not outlast what was asked for."""
    submission = effect.submission
    place = {"project": submission.project, "location": submission.location}
    if store is None:
        raise AssertionError("a flow asks for a store that no client has")
    try:
        if effect.step == "record":
            return store.record(submission.request_id, job=effect.job, **place)
        if effect.step == "release":
            return store.release(submission.request_id, token=effect.token or 0, **place)
        until = wall + effect.lasting
        return store.claim(submission.request_id, job=effect.job, until=until, token=effect.token, **place)
    except GemtuneError as error:
        if effect.step != "claim":  # no reason to lose the job, or the error, that is there
            logger.warning("the store did not take what became of request %s: %s", submission.request_id, error)
        return error


async def _on_thread(function: Callable[..., Any], *args: Any) -> Any:
    import asyncio  # as above

    return await asyncio.to_thread(function, *args)


def _of(sent: Send, error: GemtuneError) -> GemtuneError:
    """The error, which knows now what it is about."""
    error.rpc, error.resource = sent.method.name, sent.method.resource(sent.request)
    return error


def _begin() -> float:
    request_id.set(None)
    return time.monotonic()


def _log(sent: Send, outcome: Any, began: float) -> None:
    """One line an attempt. What is sent and what the credentials are is no business of a log."""
    level = logging.INFO if isinstance(outcome, GemtuneError) else logging.DEBUG
    if not logger.isEnabledFor(level):
        return
    ended = {
        "rpc": sent.method.name,
        "status": _status(outcome),
        "latency": time.monotonic() - began,
        "attempt": sent.attempt,
        "request_id": getattr(outcome, "request_id", None) or request_id.get(),
    }
    words = "%(rpc)s %(status)s in %(latency).3f s, attempt %(attempt)d"
    logger.log(level, words + (", request %(request_id)s" if ended["request_id"] else ""), ended, extra=ended)


def _status(outcome: Any) -> str:
    if isinstance(outcome, ApiError):
        return outcome.status if outcome.http_status is None else f"{outcome.http_status} {outcome.status}"
    return type(outcome).__name__ if isinstance(outcome, GemtuneError) else "OK"


# -- answers that do not fit their request -----------------------------------------------------------------------------


def fitting(method: Method, request: Message, answer: Message) -> Message:
    """The answer, if it fits the request.

    A project may be named by its id in one and by its number in the other. A row of a page that has no name goes to the
    rows that cannot be read.

    Args:
        method: What was called.
        request: What was asked.
        answer: What came.

    Raises:
        TransportError: It is the answer to another question. What was asked for may have happened all the same.
    """
    problem = ""
    if isinstance(answer, ListTuningJobsResponse):
        _part_nameless(answer)
    elif isinstance(answer, TuningJob | operations_pb2.Operation):
        if isinstance(request, CreateTuningJobRequest | RebaseTunedModelRequest):
            problem = _not_below(request.parent, answer.name)
        else:
            problem = _another(method.resource(request), answer.name)
    if isinstance(answer, TuningJob) and isinstance(request, CreateTuningJobRequest) and not problem:
        label = request.tuning_job.labels.get(REQUEST_LABEL)
        if label is not None and answer.labels.get(REQUEST_LABEL) != label:
            problem = f"{answer.name}, which does not carry the label {REQUEST_LABEL} of this create"
    if problem:
        asked = method.resource(request)
        raise TransportError(
            f"{method.name} of {asked} was answered with {problem}", maybe_sent=True, final=True, answered=True
        )
    return answer


def _not_below(parent: str, name: str) -> str:
    if not name:
        return "something that has no name"
    place, parts = parent.split("/"), name.split("/")
    if parts[0] == "projects" and parts[2:3] == ["locations"] and len(place) == 4 and parts[3:4] != place[3:]:
        return f"{name}, which is elsewhere"
    return ""


def _another(asked: str, name: str) -> str:
    if not name:
        return "something that has no name" if asked else ""
    question, parts = asked.split("/"), name.split("/")
    if len(question) < 6 or (len(parts) >= 6 and parts[0] == "projects" and parts[2:] == question[2:]):
        return ""
    return name


def _part_nameless(page: ListTuningJobsResponse) -> None:
    if all(job.name for job in page.tuning_jobs):
        return
    jobs = list(page.tuning_jobs)
    keep_rows(page, [Unreadable(i, json_tree(job), "it has no name") for i, job in enumerate(jobs) if not job.name])
    named = [job for job in jobs if job.name]
    del page.tuning_jobs[:]
    page.tuning_jobs.extend(named)
