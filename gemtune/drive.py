"""Makes a flow's effects happen. The only place that sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gemtune.errors import GemtuneError
from gemtune.flows import Flow, Send
from gemtune.transport import Transport

__all__ = ["Clock", "run"]


@dataclass(frozen=True)
class Clock:
    """Where time comes from; tests pass their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def run(flow: Flow, transport: Transport, *, clock: Clock, observe: Callable[[Any], object] | None = None) -> Any:
    """Runs a flow to its end and returns what it returns.

    Args:
        flow: The flow.
        transport: What carries its calls.
        clock: What its sleeps are made of.
        observe: Is told each `Sleep.why`, outside the flow; what it raises ends the run.
    """
    outcome: Any = None
    try:
        while True:
            effect = flow.send(outcome)
            if isinstance(effect, Send):
                try:
                    outcome = transport.send(effect.method, effect.request, deadline=effect.deadline)
                except GemtuneError as error:
                    outcome = error
            else:
                if observe is not None and effect.why is not None:
                    observe(effect.why)
                if effect.seconds > 0:
                    clock.sleep(effect.seconds)
                outcome = clock.now()
    except StopIteration as stop:
        return stop.value
    finally:
        flow.close()
