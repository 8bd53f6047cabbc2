"""Answers over HTTP with which something goes wrong: late, slow, cut short, or not there at all.

ASGI knows no way to break a connection, so the server's connections are kept here, by the address of the client.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.types import Receive, Scope, Send

from gemtune.emulator.faults import Fault

__all__ = ["GARBAGE", "BrokenResponse", "Connections"]

GARBAGE = b'\x00\x01{"name": \xff\xfe garbage'
"""A body that is neither JSON nor text nor a protobuf message."""

_STEP = 0.05  # seconds between two pieces of a slow body, and between two looks whether the server ends


class Connections:
    """The connections of a server, by the address of the client. Belongs to the server's event loop."""

    def __init__(self) -> None:
        self._open: dict[Any, asyncio.Transport] = {}
        self.ending = False

    def add(self, transport: asyncio.Transport) -> None:
        """A client has connected."""
        self._open[_client(transport)] = transport

    def remove(self, transport: asyncio.Transport) -> None:
        """A connection is no more."""
        self._open.pop(_client(transport), None)

    def reset(self, client: Any) -> None:
        """Breaks a client's connection, with a reset and no farewell: that is what a broken network looks like."""
        transport = self._open.get(tuple(client or ()))
        if transport is not None:
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()

    def close(self, client: Any) -> None:
        """Closes a client's connection, after what was written to it."""
        transport = self._open.get(tuple(client or ()))
        if transport is not None:
            transport.close()


def _client(transport: asyncio.Transport) -> Any:
    return tuple(transport.get_extra_info("peername")[:2])


@dataclass(frozen=True)
class BrokenResponse:
    """An answer, and what goes wrong with it.

    Attributes:
        fault: What goes wrong.
        body: Its body, if it were whole.
        status: Its HTTP status.
        headers: Its headers, but for the length.
    """

    fault: Fault
    body: bytes
    status: int
    headers: Mapping[str, str]

    async def send(self, scope: Scope, receive: Receive, send: Send, *, connections: Connections) -> None:
        """Answers a request with it, or does not."""
        client = scope["client"]
        if not await _pause(self.fault.stall, receive, connections):
            return
        if self.fault.cut or self.fault.commit_after is not None:
            connections.reset(client)
            await _gone(receive)
            return
        body = GARBAGE if self.fault.body == "garbage" else self.body
        whole = self.fault.body != "truncated"
        fields = {**self.headers, "content-length": str(len(body))}
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": raw})
        for piece, pause in self._pieces(body if whole else body[: len(body) // 2]):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            if not await _pause(pause, receive, connections):
                return
        if whole:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            connections.close(client)
            await _gone(receive)

    def _pieces(self, body: bytes) -> Iterable[tuple[bytes, float]]:
        """The body in pieces, and the seconds after each."""
        count = max(1, min(len(body), int(self.fault.slow / _STEP) + 1))
        size = max(1, -(-len(body) // count))
        return [(body[begin : begin + size], self.fault.slow / count) for begin in range(0, len(body), size)]


async def _gone(receive: Receive) -> None:
    """Waits until the server knows that a connection is no more; it would answer by itself otherwise."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _pause(seconds: float, receive: Receive, connections: Connections) -> bool:
    """Waits; False when the client has gone meanwhile. A server that ends does not wait."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while (left := end - loop.time()) > 0 and not connections.ending:
        try:
            message = await asyncio.wait_for(receive(), min(left, _STEP))
        except TimeoutError:
            continue
        if message["type"] == "http.disconnect":
            return False
    return True
