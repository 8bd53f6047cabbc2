"""Both REST transports behind one face, so that each test of what REST does runs over requests and over aiohttp."""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any

from gemtune.methods import Method, service_methods
from gemtune.transport.rest import RestTransport
from gemtune.transport.rest_aio import AsyncRestTransport
from gemtune_pb.v1 import tuning_service_pb2

__all__ = ["METHODS", "Rest"]

METHODS = service_methods(tuning_service_pb2.DESCRIPTOR.services_by_name["TuningService"])


class Rest:
    """Makes transports of one kind, sends over them from blocking code, and closes them in the end."""

    def __init__(self, *, asynchronous: bool) -> None:
        self.asynchronous = asynchronous
        self._loop = asyncio.new_event_loop() if asynchronous else None
        self._opened: list[Any] = []

    def open(self, endpoint: str | None = None, **options: Any) -> Any:
        """A transport."""
        transport = (AsyncRestTransport if self.asynchronous else RestTransport)(endpoint, **options)
        self._opened.append(transport)
        return transport

    def send(self, transport: Any, rpc: str | Method, request: Any, *, within: float = 5.0, **options: Any) -> Any:
        """What one call answers, or its error raised."""
        method = METHODS[rpc] if isinstance(rpc, str) else rpc
        deadline = math.inf if within == math.inf else time.monotonic() + within
        return self.wait(transport.send(method, request, deadline=deadline, **options))

    def wait(self, value: Any) -> Any:
        """A value, or what an awaitable gives."""
        return value if self._loop is None else self._loop.run_until_complete(value)

    def close(self) -> None:
        for transport in self._opened:
            self.wait(transport.close())
        if self._loop is not None:
            self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.close()
