"""What urllib3 does not do by itself: one deadline over a whole exchange, and the truth about what was sent.

urllib3's timeout is per read, so a body that drips a byte a second outlives any of them; and its exceptions do not
tell whether the request had left. Both are known at the socket: each read is given the time that is left, and the
first byte sent is noted.

urllib3 and not requests, which is built on it: what that adds (cookies, netrc, redirects, a look at the environment for
every call) is not wanted here, and costs more than half of a call.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urlsplit, urlunsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import make_headers

from gemtune.errors import ConfigurationError

__all__ = ["Exchange", "Pools", "current"]


@dataclass(slots=True)
class Exchange:
    """One request and its answer.

    Attributes:
        deadline: When it has to be over, in `time.monotonic` seconds.
        sent: Whether a byte of the request may have been sent.
        answered: Whether a byte of the answer has come.
        headers: The answer's headers, once there are any.
    """

    deadline: float
    sent: bool = False
    answered: bool = False
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
"""The exchange that this thread is in; connections look it up, as urllib3 offers no way to hand it down."""


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
        came = self._raw.readinto(buffer)
        if came and self._exchange.sent:  # before that, it is a proxy that speaks
            self._exchange.answered = True
        return came

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


_PIECE = 1 << 16  # bytes of a refusal that are read at a time

_POOLS: dict[str, Any] = {"http": _PlainPool, "https": _TlsPool}


class Pools:
    """Kept-alive connections to endpoints, straight or through proxies. May be shared by threads."""

    def __init__(self, connections: int, tls: Callable[[], ssl.SSLContext]) -> None:
        """Opens nothing yet.

        Args:
            connections: How many are kept to each host.
            tls: Makes what they are secured with, when that is first needed.
        """
        self._connections = connections
        self._tls = tls
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str | None], Any] = {}

    def carry(
        self,
        verb: str,
        endpoint: str,
        target: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        connect: float,
        proxy: str | None,
    ) -> tuple[urllib3.BaseHTTPResponse, bytes]:
        """Sends a request once, within `current.exchange`, and reads the answer to its end.

        Of a refusal that breaks off, what came is enough: its status says what became of the request.

        Args:
            verb: The HTTP method.
            endpoint: Scheme, host and port.
            target: The path and the query, percent-encoded.
            headers: By name.
            body: None: there is none.
            connect: Seconds for a connection to stand.
            proxy: The URL of what stands before the host; None: nothing does.

        Returns:
            The answer, and its body.

        Raises:
            ConfigurationError: The proxy is of a kind that nothing here speaks.
            urllib3.exceptions.HTTPError: No answer, or none that can be read.
            TimeoutError: The exchange's deadline has passed.
        """
        exchange = current.exchange
        left = exchange.left() if exchange is not None else math.inf
        pool = self._open.get((endpoint, proxy)) or self._opened(endpoint, proxy)
        # A proxy is asked for the whole URL, and its manager knows when it is not; the rest of us name the target.
        response: urllib3.BaseHTTPResponse = pool.urlopen(
            verb,
            target if proxy is None else endpoint + target,
            body=body,
            headers=headers,
            timeout=urllib3.Timeout(connect=min(left, connect), read=min(left, threading.TIMEOUT_MAX)),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        if response.status < 400:
            return response, response.read()
        came: list[bytes] = []
        try:
            for piece in response.stream(_PIECE):
                came.append(piece)
        except (urllib3.exceptions.HTTPError, TimeoutError):
            response.close()
        return response, b"".join(came)

    def _opened(self, endpoint: str, proxy: str | None) -> Any:
        with self._lock:
            if (endpoint, proxy) not in self._open:
                settings: dict[str, Any] = {"maxsize": self._connections}
                if endpoint.startswith("https:"):
                    settings["ssl_context"] = self._tls()
                manager = urllib3.PoolManager(**settings) if proxy is None else _through(proxy, settings)
                manager.pool_classes_by_scheme = _POOLS
                self._open[endpoint, proxy] = manager.connection_from_url(endpoint) if proxy is None else manager
            return self._open[endpoint, proxy]

    def close(self) -> None:
        """Closes the connections that nobody uses. A later call opens new ones."""
        with self._lock:
            for pool in self._open.values():
                pool.clear() if isinstance(pool, urllib3.PoolManager) else pool.close()
            self._open = {}


def _through(proxy: str, settings: Mapping[str, Any]) -> urllib3.PoolManager:
    """Connections through a proxy, who is told the name and password in its URL."""
    if proxy.lower().startswith("socks"):
        try:
            from urllib3.contrib.socks import SOCKSProxyManager
        except ImportError as error:
            raise ConfigurationError("the proxy is a SOCKS proxy, which needs PySocks: pip install PySocks") from error

        return SOCKSProxyManager(proxy, **settings)
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    known = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
    shown = make_headers(proxy_basic_auth=known) if known else {}
    return urllib3.ProxyManager(urlunsplit(parts), proxy_headers=shown, **settings)
