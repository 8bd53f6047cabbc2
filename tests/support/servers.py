"""Tiny servers on real sockets that answer as a test says: whole, slowly, wrongly or not at all."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

__all__ = ["Heard", "Server", "answer", "drip", "serving"]


@dataclass
class Heard:
    """One HTTP request as it came."""

    verb: str
    target: str
    headers: dict[str, str]
    body: bytes


Reply = Callable[[socket.socket, Heard], None]


@dataclass
class Server:
    """What a server has heard; `url` is where it is."""

    port: int
    host: str
    heard: list[Heard] = field(default_factory=list)
    connections: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"{self.host}:{self.port}"


@contextlib.contextmanager
def serving(reply: Reply | bytes, *, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Serves meanwhile: reads each request whole, then lets `reply` write to the connection, and closes it if asked.

    Args:
        reply: Writes the answer; or the answer's bytes. A reply that raises, or returns False, ends its connection.
        tls: Speaks TLS.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(listener.getsockname()[1], "https://localhost" if tls else "http://127.0.0.1")
    threads: list[threading.Thread] = []
    open_connections: list[socket.socket] = []

    def serve(plain: socket.socket) -> None:
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError, ValueError):  # gone, or no HTTP/1.1
            connection = stack.enter_context(plain)
            if tls is not None:
                connection = stack.enter_context(tls.wrap_socket(plain, server_side=True))
            reader = connection.makefile("rb")
            with reader:
                while (heard := _read(reader)) is not None:
                    server.heard.append(heard)
                    if isinstance(reply, bytes):
                        connection.sendall(reply)
                    elif reply(connection, heard) is False:
                        return

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            server.connections += 1
            open_connections.append(connection)
            thread = threading.Thread(target=serve, args=(connection,))
            threads.append(thread)
            thread.start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield server
    finally:
        server.stopping.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join()
        for connection in open_connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()


def _read(reader: object) -> Heard | None:
    line = reader.readline()  # type: ignore[attr-defined]
    if not line:
        return None
    verb, target, _ = line.decode().split(" ", 2)
    headers: dict[str, str] = {}
    while line := reader.readline().strip():  # type: ignore[attr-defined]
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    body = reader.read(int(headers.get("content-length", 0)))  # type: ignore[attr-defined]
    return Heard(verb, target, headers, body)


def answer(
    body: bytes = b"{}", status: int = 200, headers: Mapping[str, str] | None = None, *, length: int | None = None
) -> bytes:
    """The bytes of a whole HTTP answer; `length` is what it claims to have, where that is not true."""
    lines = [f"HTTP/1.1 {status} Because"]
    all_headers = {"content-type": "application/json", "content-length": str(len(body) if length is None else length)}
    lines += [f"{name}: {value}" for name, value in (all_headers | dict(headers or {})).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def drip(data: bytes, *, every: float) -> Reply:
    """Sends `data` a byte at a time."""

    def reply(connection: socket.socket, _heard: Heard) -> None:
        for i in range(len(data)):
            connection.sendall(data[i : i + 1])
            time.sleep(every)

    return reply
