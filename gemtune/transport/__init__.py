"""Carriers of calls. A transport is one method wide; credentials, hosts and connections are its own business."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Protocol, TypeAlias

from google.protobuf.message import Message

from gemtune.rpc.methods import Method

__all__ = ["AsyncTransport", "Metadata", "Transport", "request_id"]

Metadata: TypeAlias = Sequence[tuple[str, str]]
"""Headers of one call, as gRPC's metadata: lower-case names."""

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The service's id of the exchange that this thread or task had last: a transport notes it, for the log."""


class Transport(Protocol):
    """What a client needs of a carrier; an object of yours will do. A `close()`, if it has one, ends it."""

    def send(self, method: Method, request: Message, *, deadline: float, metadata: Metadata = ()) -> Message:
        """Sends one request once and returns the answer.

        Args:
            method: The method to call.
            request: Its request message.
            deadline: When the exchange, to the last byte of the answer, has to be over, in `time.monotonic` seconds.
            metadata: Headers of the caller's.

        Raises:
            ApiError: The service answered with an error.
            TransportError: No answer came, or none that can be read.
            GemtuneError: Nothing was sent: the request or the configuration is wrong.
        """
        ...


class AsyncTransport(Protocol):
    """A carrier for `AsyncTuningClient`. A `close()`, if it has one, is awaited."""

    async def send(self, method: Method, request: Message, *, deadline: float, metadata: Metadata = ()) -> Message:
        """As `Transport.send`; cancelling the task that awaits it cancels the exchange."""
        ...
