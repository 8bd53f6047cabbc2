"""Transports behind one face, blocking or not, so that each test of what REST or gRPC does is written once."""

from __future__ import annotations

import asyncio
import inspect
import math
import time
from collections.abc import Callable
from typing import Any

from gemtune.rpc.methods import Method, service_methods
from gemtune_pb.v1 import tuning_service_pb2

__all__ = ["METHODS", "Carrier"]

METHODS = service_methods(tuning_service_pb2.DESCRIPTOR.services_by_name["TuningService"])


class Carrier:
    """Makes transports of one kind, sends over them from blocking code, and closes them in the end."""

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make
        asynchronous = self.asynchronous = inspect.iscoroutinefunction(make.send)  # type: ignore[attr-defined]
        self._loop = asyncio.new_event_loop() if asynchronous else None
        self._opened: list[Any] = []

    def open(self, endpoint: str | None = None, **options: Any) -> Any:
        """A transport."""
        transport = self._make(endpoint, **options)
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
