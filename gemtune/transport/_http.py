"""What requests does not do by itself: one deadline over a whole exchange, and the truth about what was sent.

requests' timeout is per read, so a body that drips a byte a second outlives any of them; and its exceptions do not
tell whether the request had left. Both are known at the socket: each read is given the time that is left, and the
first byte sent is noted.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import requests.adapters
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

__all__ = ["Adapter", "Exchange", "current"]


@dataclass(slots=True)
class Exchange:
    """One request and its answer.

    Attributes:
        deadline: When it has to be over, in `time.monotonic` seconds.
        sent: Whether a byte of the request may have been sent.
        headers: The answer's headers, once there are any.
    """

    deadline: float
    sent: bool = False
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    _socket: socket.socket | None = None
    _aborted: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def left(self) -> float:
        """Seconds left.

        Raises:
            TimeoutError: There are none.
        """
        left = self.deadline - time.monotonic()
        if left <= 0 or self._aborted:
            raise TimeoutError("the deadline has passed")
        return min(left, threading.TIMEOUT_MAX)  # infinity is no timeout that a socket takes

    def begins(self, sock: socket.socket) -> None:
        """The request begins to leave through `sock`."""
        sock.settimeout(self.left())
        self.sent = True
        self._socket = sock

    def over(self) -> None:
        """The exchange has ended; its connection may serve another one."""
        with self._lock:
            self._socket = None

    def abort(self) -> None:
        """Ends the exchange, from another thread than the one that is in it."""
        with self._lock:
            self._aborted = True
            if self._socket is not None:
                with contextlib.suppress(OSError):  # it has just been closed
                    self._socket.shutdown(socket.SHUT_RDWR)


class _Current(threading.local):
    exchange: Exchange | None = None


current = _Current()
"""The exchange that this thread is in; connections look it up, as requests offers no way to hand it down."""


class _TimedRaw(io.RawIOBase):
    """A socket's reading side whose every read has just the time that the exchange has left."""

    def __init__(self, sock: socket.socket, exchange: Exchange) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._exchange = exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._exchange.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _TimedSocket:
    """Stands for a socket where http.client asks for its reading side, and for nothing else."""

    def __init__(self, sock: socket.socket, exchange: Exchange) -> None:
        self._sock, self._exchange = sock, exchange

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedRaw(self._sock, self._exchange))


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        exchange = current.exchange
        super().__init__(cast("socket.socket", _TimedSocket(sock, exchange)) if exchange else sock, *args, **kwargs)


if TYPE_CHECKING:
    _Connection = HTTPConnection  # what it is mixed into
else:
    _Connection = object


class _Noting(_Connection):
    """Mixed into a connection: notes when the request begins to leave."""

    response_class: Any = _Response
    _connecting = False

    def connect(self) -> None:
        self._connecting = True  # what a proxy's CONNECT sends is not the request
        try:
            super().connect()
        finally:
            self._connecting = False

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        if current.exchange is not None and self.sock is not None and not self._connecting:
            current.exchange.begins(self.sock)
        super().send(data)


class _Plain(_Noting, HTTPConnection):
    pass


class _Tls(_Noting, HTTPSConnection):
    pass


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls: Any = _Plain


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls: Any = _Tls


_POOLS = {"http": _PlainPool, "https": _TlsPool}


class Adapter(requests.adapters.HTTPAdapter):
    """requests' adapter over such connections; never tries twice by itself."""

    def __init__(self, connections: int, *, tls: ssl.SSLContext | None = None) -> None:
        """Keeps up to `connections` connections to each host.

        Args:
            connections: How many.
            tls: What they are secured with; None: requests' own. Whom to trust is settled for each request.
        """
        self._tls: dict[str, Any] = {} if tls is None else {"ssl_context": tls}
        super().__init__(pool_maxsize=connections, max_retries=urllib3.Retry(0, read=False, redirect=0))

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **(kwargs | self._tls))
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **(kwargs | self._tls))
        manager.pool_classes_by_scheme = _POOLS
        return manager
