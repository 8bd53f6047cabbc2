"""A network that breaks: a proxy on a socket between a client and a server, which decides the fate of each exchange.

It reads one HTTP request, forwards it or not, and passes the answer on, or part of it, or nothing.
"""

from __future__ import annotations

import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

__all__ = ["BREAKS", "BreakingProxy"]

BREAKS = ("cut-before", "cut-after", "cut-inside", "garbage", "error")
"""What a broken exchange is: cut before the server sees it; after it acted; inside its answer; an answer that is no
HTTP; a 503 in the place of the answer."""


class BreakingProxy:
    """Listens on a free port of this machine while it is entered."""

    def __init__(self, upstream: str, share: float, seed: int = 1, choose: Callable[[], str] | None = None) -> None:
        """Breaks `share` of all exchanges with the server at `upstream` (`http://host:port`)."""
        host, _, port = upstream.removeprefix("http://").partition(":")
        self._upstream = (host, int(port))
        self._share = share
        self._random = random.Random(seed)
        self._choose = choose or self._draw
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self.fates: Counter[str] = Counter()

    def _draw(self) -> str:
        with self._lock:
            return self._random.choice(BREAKS) if self._random.random() < self._share else "passed"

    def __enter__(self) -> Self:
        self._server = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        return self

    def __exit__(self, *_: TracebackType | type[BaseException] | BaseException | None) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._accepting.join(5)
        with self._lock:
            for connection in self._open:
                with _ignoring():
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
        try:
            with connection, _ignoring():
                connection.settimeout(60)
                while request := _read_message(connection):
                    if not self._exchange(connection, request):
                        return
        finally:
            with self._lock:
                self._open.discard(connection)

    def _exchange(self, connection: socket.socket, request: bytes) -> bool:
        """Whether the connection lives on."""
        fate = self._choose()
        with self._lock:
            self.fates[fate] += 1
        answer = b"" if fate == "cut-before" else self._forward(request)
        if fate in ("cut-before", "cut-after"):
            # A reset, not a farewell: that is what a broken network looks like.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if fate == "cut-inside":
            connection.sendall(answer[: len(answer) * 2 // 3])
            return False
        if fate == "garbage":
            connection.sendall(b"\x00\x01garbage\r\n\r\n")
            return False
        if fate == "error":
            connection.sendall(b"HTTP/1.1 503 Sick\r\ncontent-length: 0\r\n\r\n")
            return True
        connection.sendall(answer)
        return True

    def _forward(self, request: bytes) -> bytes:
        with socket.create_connection(self._upstream, 30) as upstream:
            upstream.sendall(request)
            return _read_message(upstream)


def _read_message(connection: socket.socket) -> bytes:
    """One request or answer: its head, and as much body as its content-length says."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return b""
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
    )
    while len(body) < length:
        part = connection.recv(65536)
        if not part:
            return b""
        body += part
    return head + b"\r\n\r\n" + body


def _ignoring() -> suppress:
    return suppress(OSError)
