"""When to send again: which errors may pass, which prove that nothing happened, how long to wait, and when to stop.

Full jitter (each pause is drawn evenly from 0 to a bound that doubles) is one line, so no library stands here: those
for backoff drive the call themselves, and here a flow does.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from google.rpc import code_pb2

from gemtune.errors import ApiError, GemtuneError, TransportError
from gemtune.settings import seconds_from

__all__ = ["Budget", "Retry", "Retrying", "asked_for", "may_pass", "nothing_happened"]

_PASSING = frozenset(
    {
        code_pb2.UNAVAILABLE,
        code_pb2.RESOURCE_EXHAUSTED,
        code_pb2.DEADLINE_EXCEEDED,
        code_pb2.INTERNAL,
        code_pb2.UNKNOWN,
    }
)
_REFUSALS = frozenset(
    {
        code_pb2.INVALID_ARGUMENT,
        code_pb2.UNAUTHENTICATED,
        code_pb2.PERMISSION_DENIED,
        code_pb2.NOT_FOUND,
        code_pb2.FAILED_PRECONDITION,
        code_pb2.OUT_OF_RANGE,
        code_pb2.RESOURCE_EXHAUSTED,
        code_pb2.UNIMPLEMENTED,
    }
)
"""The codes by which a service says that it does not act. All others, unknown ones too, say nothing about that."""

_HTTP_REFUSALS = (frozenset(range(400, 500)) - {408, 409, 499}) | {501}
"""The same of HTTP's statuses: there may be an act behind a 408, a 409, a 499, any other 5xx, a 1xx and a 3xx."""

_NOT_OUR_FAULT = frozenset({408, 429, 499})  # HTTP statuses below 500 that say nothing about the request


def may_pass(error: GemtuneError) -> bool:
    """Whether the same request may succeed a little later."""
    if isinstance(error, TransportError):
        return not error.final
    if not isinstance(error, ApiError) or error.code not in _PASSING:
        return False
    # A status that this package has no code for reads as UNKNOWN; a 418 is a refusal all the same.
    return error.http_status is None or error.http_status >= 500 or error.http_status in _NOT_OUR_FAULT


def nothing_happened(error: GemtuneError) -> bool:
    """Whether the error proves that the service did not act on the request.

    What proves it is listed here: a connection that never stood, a refusal, a mistake found on this side.
    """
    if isinstance(error, TransportError):
        return not error.maybe_sent
    if isinstance(error, ApiError):
        if error.http_status is not None:  # the status line decides: a 5xx proves nothing, whatever its body says
            return error.http_status in _HTTP_REFUSALS
        return error.code in _REFUSALS
    return True  # found on this side: the request, the configuration or the credentials are wrong


@dataclass(frozen=True, slots=True)
class Retrying:
    """What `on_retry` and the log are told before a pause.

    Attributes:
        method: The rpc's name.
        attempt: How many attempts there have been.
        error: What the last one met.
        pause: Seconds until the next one.
        hook: Who is told besides the log.
    """

    method: str
    attempt: int
    error: GemtuneError
    pause: float
    hook: Callable[[Retrying], object] | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Retry:
    """How calls are sent again. In seconds.

    Attributes:
        attempt: What one attempt may take of the whole call.
        initial: The bound of the first pause; each pause is drawn evenly from 0 to its bound.
        maximum: The largest bound.
        multiplier: The factor from one bound to the next.
        settle: How long a create whose outcome is unknown is looked for, counted from the end of its attempt, before it
            may be sent again.
        resend: Whether it may be sent again then: after each window that ends without a job, until the call's deadline,
            and with a count of the jobs under its id afterwards. False: `InDoubt` after the first window.
        on_retry: Is given a `Retrying` before each pause.
    """

    attempt: float = 20.0
    initial: float = 0.5
    maximum: float = 20.0
    multiplier: float = 2.0
    settle: float = 30.0
    resend: bool = True
    on_retry: Callable[[Retrying], object] | None = None

    def __post_init__(self) -> None:
        for name in ("attempt", "initial", "maximum", "multiplier", "settle"):
            seconds_from(f"Retry's {name}", getattr(self, name))

    def pause(self, attempts: int, error: GemtuneError | None = None) -> float:
        """Seconds to wait after so many attempts; never less than the service asked for."""
        bound = min(self.maximum, self.initial * self.multiplier ** min(attempts - 1, 64))
        return max(asked_for(error), random.uniform(0, bound))  # noqa: S311  jitter is not a secret


def asked_for(error: GemtuneError | None) -> float:
    """Seconds that the service asks to be left alone for; 0 when it does not. More than a day is no answer to take."""
    asked = error.retry_after if isinstance(error, ApiError) else None
    return min(asked or 0.0, 86_400.0)


class Budget:
    """How many retries a client has left: each takes one, each success gives two back.

    A service that fails now and then leaves it full; one that fails always is asked `size` times more and then no
    longer, whatever the deadlines allow. Shared by threads.
    """

    def __init__(self, size: int = 50) -> None:
        self._size = size
        self._left = size
        self._lock = threading.Lock()

    def earn(self) -> None:
        """A call succeeded."""
        with self._lock:
            self._left = min(self._size, self._left + 2)

    def spend(self) -> bool:
        """Takes one retry; False when there is none left."""
        with self._lock:
            self._left = max(-1, self._left - 1)
            return self._left >= 0
