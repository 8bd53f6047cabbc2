"""HTTP/1.1 over kept connections: one deadline over a whole exchange, and the truth about what was sent.

Own code, and not urllib3 or http.client, for what they do not offer: a deadline over a body that drips (their timeout
is per read), interim answers read past, a bound on what an answer may grow to, and connections that a signal at any
moment leaves usable (a queue of Python's, such as urllib3 keeps its connections in, may be locked for ever by one).
What is sent is bounded and known, and a connection stands before a byte of it leaves, so that is all there is to it.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import select
import socket
import ssl
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from gemtune._process import is_of_others
from gemtune.errors import ConfigurationError, GemtuneError
from gemtune.transport.helper_thread import Aside
from gemtune.transport.response_body import Body

__all__ = ["LIBRARIES", "Broken", "Connections", "Exchange", "Unconnected"]

LIBRARIES = ("urllib3", "socks")
"""Whose code may be at work within an exchange."""


class Unconnected(Exception):
    """No connection could be had; its cause says why."""


class ProxyError(Exception):
    """No way through a proxy could be had; its cause says why."""


class Broken(Exception):
    """What came is no answer of HTTP's, or ends before it is whole."""


@dataclass(slots=True)
class Exchange:
    """One request and its answer.

    Attributes:
        deadline: When it has to be over, in `time.monotonic` seconds.
        sent: Whether a byte of the request may have been sent.
        answered: Whether a byte came back.
        headers: The answer's headers by lower-case name, once there are any.
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
        if not left > 0 or self._aborted:  # what is not a number is not a time either
            raise TimeoutError("the deadline has passed")
        return min(left, threading.TIMEOUT_MAX)  # infinity is not a timeout that a socket takes

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
                with contextlib.suppress(OSError, AttributeError):  # just closed; or TLS within TLS
                    self._socket.shutdown(socket.SHUT_RDWR)


# -- reading ----------------------------------------------------------------------------------------------------------

_LINE = 1 << 16  # bytes of a line, and of all headers
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([0-9]{3})(?: [^\r\n]*)?")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[\t ]*(?:;.*)?")
_LENGTH = re.compile(r"[0-9]{1,15}")


class _Incoming:
    """What comes through a socket; each read has just the time that the exchange has left."""

    def __init__(self, sock: socket.socket, exchange: Exchange) -> None:
        self._sock, self._exchange = sock, exchange
        self._buffer, self._at = b"", 0

    @property
    def left_over(self) -> bool:
        """Whether more has come than was read."""
        return self._at < len(self._buffer)

    def _fill(self) -> bool:
        self._sock.settimeout(self._exchange.left())
        came = self._sock.recv(_LINE)
        self._buffer, self._at = self._buffer[self._at :] + came, 0
        self._exchange.answered = self._exchange.answered or bool(came)
        return bool(came)

    def line(self) -> bytes:
        """A line, without its end."""
        while (end := self._buffer.find(b"\n", self._at)) < 0:
            if len(self._buffer) - self._at > _LINE:
                raise Broken("a line of the answer is too long")
            if not self._fill():
                raise Broken("the connection was closed")
        line, self._at = self._buffer[self._at : end], end + 1
        return line.removesuffix(b"\r")

    def some(self, most: int = _LINE) -> bytes:
        """What comes next, up to so many bytes; none at the connection's end."""
        if not self.left_over and not self._fill():
            return b""
        piece = self._buffer[self._at : self._at + most]
        self._at += len(piece)
        return piece

    def take(self, length: int, body: Body) -> None:
        """The next `length` bytes, into a body."""
        while length:
            piece = self.some(length)
            if not piece:
                raise Broken("the connection was closed")
            length -= len(piece)
            body.add(piece)

    def head(self) -> tuple[int, dict[str, str], bool]:
        """A status, the headers by lower-case name, and whether the connection stays by itself."""
        while True:
            line = self.line()
            found = _STATUS_LINE.fullmatch(line)
            if found is None:
                raise Broken("it is not HTTP/1.1")
            headers = self.headers()
            status = int(found[2])
            if not 100 <= status < 200 or status == 101:  # others are interim: the answer follows (RFC 9110, 15.2)
                return status, headers, found[1] == b"1"

    def headers(self) -> dict[str, str]:
        """Headers, or a chunked body's trailers, to the empty line that ends them."""
        headers: dict[str, str] = {}
        size = 0
        while line := self.line():
            size += len(line)
            if size > _LINE:
                raise Broken("the answer's headers are too long")
            name, _, value = line.decode("latin-1").partition(":")
            name, value = name.lower(), value.strip()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return headers


def _read_body(incoming: _Incoming, headers: Mapping[str, str], body: Body) -> bool:
    """Reads a body to its end, and tells whether that was told before the connection's."""
    if "transfer-encoding" in headers:
        if headers["transfer-encoding"].lower() != "chunked":
            raise Broken("its transfer encoding is not known")
        while True:
            size = _CHUNK_SIZE.fullmatch(incoming.line())
            if size is None:
                raise Broken("a chunk has no size")
            length = int(size[1], 16)
            if not length:
                incoming.headers()
                return True
            incoming.take(length, body)
            if incoming.line():
                raise Broken("a chunk is longer than it says")
    if "content-length" in headers:
        lengths = {each.strip() for each in headers["content-length"].split(",")}
        length_text = lengths.pop()
        if lengths or not _LENGTH.fullmatch(length_text):
            raise Broken("its length is not a number")
        incoming.take(int(length_text), body)
        return True
    while piece := incoming.some():
        body.add(piece)
    return False


# -- connecting -------------------------------------------------------------------------------------------------------


def _connected(host: str, port: int, deadline: float) -> socket.socket:
    """A connection to one of a host's addresses, each of which has its share of the time."""
    failure: OSError | None = None
    places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for number, (family, kind, protocol, _, address) in enumerate(places):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(_left(deadline) / (len(places) - number))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            failure = error
            sock.close()
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure or OSError("the host has no address")


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.001)


def _through_socks(proxy: str, host: str, port: int, deadline: float) -> Any:
    try:
        socks: Any = importlib.import_module("socks")
    except ImportError as error:
        raise ConfigurationError("the proxy is a SOCKS proxy, which needs PySocks: pip install PySocks") from error
    parts = urlsplit(proxy)
    return socks.create_connection(
        (host, port),
        timeout=_left(deadline),
        proxy_type=socks.PROXY_TYPE_SOCKS4 if parts.scheme.lower().startswith("socks4") else socks.PROXY_TYPE_SOCKS5,
        proxy_addr=parts.hostname,
        proxy_port=parts.port or 1080,
        proxy_rdns=parts.scheme.lower() in ("socks5h", "socks4a"),
        proxy_username=unquote(parts.username) if parts.username else None,
        proxy_password=unquote(parts.password) if parts.password else None,
    )


def _proxy_headers(proxy: str) -> dict[str, str]:
    """What a proxy is told: the name and the password in its URL."""
    from base64 import b64encode

    parts = urlsplit(proxy)
    if not parts.username:
        return {}
    known = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"proxy-authorization": f"Basic {b64encode(known.encode()).decode()}"}


def _tunnel(sock: socket.socket, place: str, proxy: str, deadline: float) -> None:
    """Has a proxy connect to a place."""
    headers = {"host": place, **_proxy_headers(proxy)}
    sock.settimeout(_left(deadline))
    sock.sendall(_head("CONNECT", place, headers))
    status, _, _ = _Incoming(sock, Exchange(deadline)).head()
    if not 200 <= status < 300:
        raise Broken(f"the proxy answers with HTTP {status}")


def _secured(sock: Any, context: ssl.SSLContext, host: str, deadline: float) -> Any:
    sock.settimeout(_left(deadline))
    if isinstance(sock, socket.socket) and not isinstance(sock, ssl.SSLSocket):
        return context.wrap_socket(sock, server_hostname=host)
    from urllib3.util.ssltransport import SSLTransport  # TLS within TLS, which ssl's sockets do not offer

    return SSLTransport(sock, context, host)


def _through(
    proxy: str, place: tuple[str, int], context: ssl.SSLContext | None, *, tunnel: bool, deadline: float
) -> Any:
    """A connection to a place through a proxy, or to the proxy, where that is asked for the whole URL."""
    host, port = place
    sock: Any = None
    try:
        if proxy.lower().startswith("socks"):
            return _through_socks(proxy, host, port, deadline)
        before = urlsplit(proxy)
        at = before.hostname or ""
        sock = _connected(at, before.port or (443 if before.scheme == "https" else 80), deadline)
        if before.scheme == "https" and context is not None:
            sock = _secured(sock, context, at, deadline)
        if tunnel:
            _tunnel(sock, f"[{host}]:{port}" if ":" in host else f"{host}:{port}", proxy, deadline)
    except Exception as error:
        if sock is not None:
            sock.close()
        if isinstance(error, (GemtuneError, TimeoutError)):
            raise
        raise ProxyError from error
    return sock


def _dial(endpoint: str, proxy: str | None, tls: Callable[[], ssl.SSLContext], deadline: float) -> Any:
    """A connection to an endpoint, straight or through a proxy."""
    parts = urlsplit(endpoint)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    context = tls() if endpoint.startswith("https:") or (proxy or "").startswith("https:") else None
    sock: Any = None
    try:
        if proxy is None:
            sock = _connected(host, port, deadline)
        else:
            sock = _through(proxy, (host, port), context, tunnel=parts.scheme == "https", deadline=deadline)
        return sock if parts.scheme == "http" or context is None else _secured(sock, context, host, deadline)
    except BaseException:
        if sock is not None:
            sock.close()
        raise


def _dialled(endpoint: str, proxy: str | None, tls: Callable[[], ssl.SSLContext], deadline: float) -> Any:
    try:
        return _dial(endpoint, proxy, tls, deadline)
    except GemtuneError:
        raise
    except Exception as error:  # a resolver, TLS or a proxy may fail in any way; on this thread no signal comes
        raise Unconnected from error


def _close_unwanted(dialled: Aside[Any]) -> None:
    with contextlib.suppress(BaseException):
        dialled.result().close()


def _is_stale(sock: Any) -> bool:
    """Whether the other side has closed a connection, or said something that nobody asked."""
    if hasattr(select, "poll"):  # not on Windows; select's own bound is 1024 open files
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([sock], [], [], 0)[0])


# -- exchanges --------------------------------------------------------------------------------------------------------

_PRINTABLE = re.compile(r"[\t\x20-\x7e]*")
_TARGET = re.compile(r"[!-~]+")
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_BODILESS = frozenset({101, 204, 304})


def _head(verb: str, target: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"{verb} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if not _TARGET.fullmatch(verb + target) or not _PRINTABLE.fullmatch("".join(lines)):
        raise ValueError("a request has characters that HTTP does not carry")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


class Connections:
    """Kept-alive connections to endpoints, straight or through proxies. May be shared by threads.

    Nothing is locked: deques give and take in one step. One that is interrupted loses its connection, no more.
    """

    def __init__(self, keep: int, tls: Callable[[], ssl.SSLContext], *, connect_timeout: float) -> None:
        """Opens nothing yet.

        Args:
            keep: How many are kept to each host.
            tls: Makes what they are secured with, when that is first needed.
            connect_timeout: Seconds for a connection to stand.
        """
        self._keep = keep
        self._make_tls = tls
        self._context: ssl.SSLContext | None = None
        self._connect_timeout = connect_timeout
        self._idle: dict[tuple[str, str | None], deque[Any]] = {}
        self._closings = 0
        weakref.finalize(self, _close_every, self._idle)  # of a client that nobody closes

    def carry(
        self,
        exchange: Exchange,
        verb: str,
        endpoint: str,
        target: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        proxy: str | None,
        limit: int,
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Sends a request once, and reads the answer to its end.

        Of a refusal that breaks off, or is too long, what came is enough: its status says what became of the request.

        Args:
            exchange: What it is part of; its deadline bounds everything, and it is told what was sent.
            verb: The HTTP method.
            endpoint: Scheme, host and port.
            target: The path and the query, percent-encoded.
            headers: By lower-case name.
            body: None: there is none.
            proxy: The URL of what stands before the host; None: nothing does.
            limit: Bytes that the answer's body may have, unpacked.

        Returns:
            The status, the headers by lower-case name and the body.

        Raises:
            Exception: There is none that can be read: this or that, by what broke. `exchange` has what was sent.
        """
        headers = {"host": urlsplit(endpoint).netloc, **headers}
        if body is not None or verb in _WITH_BODY:
            headers["content-length"] = str(len(body or b""))
        if proxy is not None and endpoint.startswith("http:") and not proxy.lower().startswith("socks"):
            target = endpoint + target  # such a proxy is asked for the whole URL, and sees all of it
            headers |= _proxy_headers(proxy)
        data = _head(verb, target, headers) + (body or b"")
        idle, closings = self._idle.setdefault((endpoint, proxy), deque()), self._closings
        sock = self._kept(idle) or self._dialled(endpoint, proxy, exchange)
        try:
            exchange.begins(sock)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may have answered before it closed
                sock.sendall(data)
            incoming = _Incoming(sock, exchange)
            status, came, stays = incoming.head()
            exchange.headers = came
            answer = Body(came.get("content-encoding", ""), limit if status < 400 else min(limit, Body.REFUSAL))
            try:
                told = verb == "HEAD" or status in _BODILESS or _read_body(incoming, came, answer)
                whole = answer.end()
            except Exception as error:
                if status < 400 or is_of_others(error, *LIBRARIES):
                    raise
                told, whole = False, answer.so_far
            stays = stays and told and not incoming.left_over and "close" not in came.get("connection", "").lower()
        except BaseException:
            sock.close()
            raise
        finally:
            exchange.over()
        if stays and status != 101 and len(idle) < self._keep:
            idle.append(sock)
            if self._closings != closings:  # closed meanwhile
                _close(idle)
        else:
            sock.close()
        return status, came, whole

    def _kept(self, idle: deque[Any]) -> Any:
        with contextlib.suppress(IndexError):
            while True:
                sock = idle.pop()
                if not _is_stale(sock):
                    return sock
                sock.close()
        return None

    def _dialled(self, endpoint: str, proxy: str | None, exchange: Exchange) -> Any:
        deadline = min(time.monotonic() + exchange.left(), time.monotonic() + self._connect_timeout)
        dialled = Aside(lambda: _dialled(endpoint, proxy, self._tls, deadline))
        try:
            return dialled.wait(deadline)
        except BaseException:  # nobody waits for it any more
            dialled.tell(lambda: _close_unwanted(dialled))
            raise

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = self._make_tls()
        return self._context

    def close(self) -> None:
        """Closes the connections that nobody uses. A later call opens new ones."""
        self._closings += 1
        _close_every(self._idle)


def _close_every(every: Mapping[Any, deque[Any]]) -> None:
    for idle in list(every.values()):
        _close(idle)


def _close(idle: deque[Any]) -> None:
    with contextlib.suppress(IndexError):
        while True:
            idle.pop().close()
