"""One face for every client: blocking or not, over REST, gRPC or no wire at all. And time that tests move."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message

import gemtune
from gemtune.emulator.service import Service
from gemtune.flows.driver import Clock
from gemtune.rpc.methods import Method

__all__ = ["AsyncMemory", "Face", "Memory", "Time"]


class Time:
    """Real time, and what tests have skipped of it. Emulator and client look at the same."""

    def __init__(self) -> None:
        self.skipped = 0.0

    def skip(self, seconds: float) -> None:
        self.skipped += seconds

    async def askip(self, seconds: float) -> None:
        self.skipped += seconds

    def wall(self) -> float:
        """Seconds since 1970, for the emulator."""
        return time.time() + self.skipped

    def clock(self) -> Clock:
        """For a client: its sleeps skip time."""
        return Clock(now=lambda: time.monotonic() + self.skipped, sleep=self.skip, asleep=self.askip)


class Memory:
    """A transport without a wire: the emulator's service is called, with a copy of the request."""

    def __init__(self, service: Service, api_version: str = "v1") -> None:
        self._service = service
        self._api_version = api_version
        self.closed = False

    def send(self, method: Method, request: Message, *, deadline: float, metadata: Any = ()) -> Message:
        read = method.input_type.FromString(request.SerializeToString())
        answer = self._service.handle(method, read, api_version=self._api_version)
        return method.output_type.FromString(answer.SerializeToString())

    def close(self) -> None:
        self.closed = True


class AsyncMemory(Memory):
    """The same for an event loop."""

    async def send(self, method: Method, request: Message, *, deadline: float, metadata: Any = ()) -> Message:  # type: ignore[override]
        await asyncio.sleep(0)
        return super().send(method, request, deadline=deadline, metadata=metadata)

    async def close(self) -> None:  # type: ignore[override]
        self.closed = True


class Face:
    """A client whose every method blocks and whose every iterator is an ordinary one."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.asynchronous = isinstance(client, gemtune.AsyncTuningClient)
        self._loop = asyncio.new_event_loop() if self.asynchronous else None

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.client, name)
        return self._blocking(attribute) if callable(attribute) else attribute

    def _blocking(self, method: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            return self.settled(method(*args, **kwargs))

        return call

    def settled(self, value: Any) -> Any:
        """A value; what an awaitable gives; an iterator over what an asynchronous one gives."""
        if self._loop is None:
            return value
        if inspect.isawaitable(value):
            return self._loop.run_until_complete(value)
        return self._items(value) if hasattr(value, "__aiter__") else value

    def pages(self, jobs: Any) -> Iterator[Any]:
        """The pages of what `list_tuning_jobs` of the client itself returned."""
        return self.settled(jobs.pages())

    def _items(self, iterable: Any) -> Iterator[Any]:
        iterator = aiter(iterable)
        assert self._loop is not None
        while True:
            try:
                yield self._loop.run_until_complete(anext(iterator))
            except StopAsyncIteration:
                return

    def end(self) -> None:
        self.settled(self.client.close())
        if self._loop is not None:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()
