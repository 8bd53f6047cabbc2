"""A REST service without a socket: what it answers is said beforehand, in bytes, and its time is virtual."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

import gemtune
from gemtune.errors import GemtuneError, TransportError
from gemtune.flows.driver import Clock
from gemtune.rpc.methods import Method
from gemtune.settings import Endpoints
from gemtune.transport import rest_wire

__all__ = ["JOB", "PARENT", "AsyncCanned", "Canned", "client_of", "collected", "job", "page", "refusal", "run"]

PARENT = "projects/p/locations/us-central1"
JOB = f"{PARENT}/tuningJobs/7"

Reply = Callable[[str, str], Any]
"""(rpc, the request's body or URL) -> JSON, `(status, JSON)`, bytes of a body, or an exception."""


def job(job_id: object = 7, state: str = "RUNNING", **fields: Any) -> dict[str, Any]:
    """The JSON of a job."""
    return {"name": f"{PARENT}/tuningJobs/{job_id}", "state": f"JOB_STATE_{state}", **fields}


def page(*jobs: Any, token: str = "") -> dict[str, Any]:
    """The JSON of a page."""
    return {"tuningJobs": list(jobs), **({"nextPageToken": token} if token else {})}


def refusal(http_status: int, status: str, message: str = "no") -> tuple[int, dict[str, Any]]:
    """An error as Google's services send it."""
    return http_status, {"error": {"code": http_status, "status": status, "message": message}}


@dataclass
class Canned:
    """A transport that reads and writes JSON as the real one does.

    Attributes:
        reply: What the service answers; or a list of answers, the last of which stays.
        takes: Seconds for each exchange; one that would end after its deadline ends there, without an answer.
    """

    reply: Reply | list[Any]
    takes: float = 0.0
    now: float = 1000.0
    sent: list[tuple[str, float]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    @property
    def calls(self) -> list[str]:
        return [rpc for rpc, _ in self.sent]

    def send(self, method: Method, request: Message, *, deadline: float, metadata: Any = ()) -> Message:
        assert len(self.sent) < 5000, "it is asked without end"
        resource = method.resource(request)
        endpoint = Endpoints("http://127.0.0.1:1").of(resource)
        out = rest_wire.write(method, request, endpoint=endpoint, resource=resource, api_version="v1", who={})
        self.sent.append((method.name, self.now))
        came = self._next(method.name, (out.body or b"").decode() or out.url)
        if isinstance(came, GemtuneError):
            raise came
        if self.now + self.takes > deadline:
            self.now = deadline
            raise TransportError("it did not answer in time", maybe_sent=True)
        self.now += self.takes
        status, body = came if isinstance(came, tuple) else (200, came)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return rest_wire.read(out, status, {"content-type": "application/json"}, data)

    def _next(self, rpc: str, asked: str) -> Any:
        if callable(self.reply):
            return self.reply(rpc, asked)
        return self.reply.pop(0) if len(self.reply) > 1 else self.reply[0]

    def clock(self) -> Clock:
        return Clock(now=lambda: self.now, sleep=self.sleep, asleep=self.asleep)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    async def asleep(self, seconds: float) -> None:
        self.sleep(seconds)


class AsyncCanned:
    """The same for an event loop."""

    def __init__(self, canned: Canned) -> None:
        self._canned = canned

    async def send(self, method: Method, request: Message, *, deadline: float, metadata: Any = ()) -> Message:
        return self._canned.send(method, request, deadline=deadline, metadata=metadata)


def client_of(canned: Canned, way: str = "sync", **options: Any) -> Any:
    """A client of the canned service, on its clock."""
    if way == "sync":
        return gemtune.TuningClient("p", transport=canned, clock=canned.clock(), **options)
    return gemtune.AsyncTuningClient("p", transport=AsyncCanned(canned), clock=canned.clock(), **options)


def run(value: Any) -> Any:
    """What a call gives, awaited where it has to be."""
    import asyncio
    import inspect

    async def whole() -> Any:
        return await value

    return asyncio.run(whole()) if inspect.isawaitable(value) else value


def collected(iterable: Any) -> list[Any]:
    """All items of an iterable, asynchronous or not."""
    import asyncio

    async def whole() -> list[Any]:
        return [item async for item in iterable]

    return asyncio.run(whole()) if hasattr(iterable, "__aiter__") else list(iterable)


def each(*answers: Any) -> Iterator[Any]:
    """The answers one after the other."""
    yield from answers
