"""Makes the effects of a flow happen, blocking (`run`) or on an event loop (`arun`): the only place that waits."""

from __future__ import annotations

import inspect
import logging
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gemtune import safe_text
from gemtune.errors import ApiError, GemtuneError, TransportError
from gemtune.flows.answers import fitting
from gemtune.flows.effects import Effect, Flow, Record, Send, Sleep
from gemtune.transport import AsyncTransport, Transport, request_id

if TYPE_CHECKING:
    from gemtune.store import SpecStore

__all__ = ["Clock", "arun", "run"]

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


def run(
    flow: Flow,
    transport: Transport,
    *,
    clock: Clock,
    observe: Callable[[Any], object] | None = None,
    store: SpecStore | None = None,
) -> Any:
    """Runs a flow to its end and returns what it returns.

    Args:
        flow: The flow.
        transport: What carries its calls.
        clock: What its sleeps are made of.
        observe: Is told each `Sleep.why`, outside the flow; what it raises ends the run.
        store: What answers a `Record`.
    """
    outcome: Any = None
    try:
        while True:
            try:
                effect: Effect = flow.send(outcome)
            except StopIteration as stop:
                return stop.value
            if isinstance(effect, Sleep):
                if observe is not None and effect.why is not None:
                    observe(effect.why)
                if effect.seconds > 0:
                    (time.sleep if effect.turn else clock.sleep)(effect.seconds)
                outcome = clock.wall() if effect.wall else clock.now()
            elif isinstance(effect, Record):
                outcome = _record(store, effect, clock.wall())
            else:
                began = _begin()
                try:
                    _check_time(effect, clock)
                    answer = transport.send(effect.method, effect.request, deadline=effect.deadline)
                    outcome = fitting(effect.method, effect.request, answer)
                except GemtuneError as error:
                    outcome = _of(effect, error)
                _log(effect, outcome, began)
    finally:
        flow.close()


async def arun(
    flow: Flow,
    transport: AsyncTransport,
    *,
    clock: Clock,
    observe: Callable[[Any], object] | None = None,
    store: SpecStore | None = None,
) -> Any:
    """Runs a flow as `run` does, awaiting where that blocks.

    Cancelling the task cancels the request that is under way, and ends the flow: a cancellation is no outcome that the
    flow is told, so it can never be taken for a failure to retry.

    Args:
        flow: The flow.
        transport: What carries its calls.
        clock: What its sleeps are made of.
        observe: Is told each `Sleep.why`, and awaited if it is a coroutine function.
        store: What answers a `Record`, on a thread: it blocks.
    """
    outcome: Any = None
    try:
        while True:
            try:
                effect: Effect = flow.send(outcome)
            except StopIteration as stop:
                return stop.value
            if isinstance(effect, Sleep):
                if observe is not None and effect.why is not None:
                    told = observe(effect.why)
                    if inspect.isawaitable(told):
                        await told
                if effect.seconds > 0:
                    await (_asleep if effect.turn else clock.asleep)(effect.seconds)
                outcome = clock.wall() if effect.wall else clock.now()
            elif isinstance(effect, Record):
                outcome = await _on_thread(_record, store, effect, clock.wall())
            else:
                began = _begin()
                try:
                    _check_time(effect, clock)
                    answer = await transport.send(effect.method, effect.request, deadline=effect.deadline)
                    outcome = fitting(effect.method, effect.request, answer)
                except GemtuneError as error:
                    outcome = _of(effect, error)
                _log(effect, outcome, began)
    finally:
        flow.close()


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
