"""Why no connection stands, or why it broke, in words of ours: a proxy, a name that nobody knows, a host that refuses.

Libraries nest these three deep in classes of their own; what they say is for whoever wrote them. It may show what is
secret, too (aiohttp's has the proxy's URL), so none of it is repeated: an error is known by its class and its numbers.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from gemtune.safe_text import origin

__all__ = ["plain_reason", "reason", "within"]

_PROXY_ERRORS = frozenset(("ProxyError", "ClientProxyConnectionError", "ClientHttpProxyError", "SOCKSError"))

_ERRNOS = {
    errno.ECONNREFUSED: "it refuses connections (Connection refused)",
    errno.ECONNRESET: "the connection was reset",
    errno.ENETUNREACH: "there is no way to it on this network; is this machine online?",
    errno.EHOSTUNREACH: "there is no way to it on this network; is this machine online?",
}


_WORDS: dict[str, str] = {
    "ServerDisconnectedError": "the server closed it without an answer",
    "RemoteDisconnected": "the server closed it without an answer",
    "ClientPayloadError": "the answer ended too early",
    "IncompleteRead": "the answer ended too early",
    "InvalidChunkLength": "the answer is not an HTTP",
    "BadStatusLine": "the answer is not an HTTP",
    "LineTooLong": "the answer is not an HTTP: a line of it is too long",
    "HTTPException": "the answer is not an HTTP",
    "HeaderParsingError": "the answer is not an HTTP",
    "ClientResponseError": "the answer is not an HTTP",
    "HttpProcessingError": "the answer is not an HTTP",
    "DecodeError": "the answer cannot be unpacked",
    "ContentEncodingError": "the answer cannot be unpacked",
    "ConnectTimeoutError": "no connection in time",
    "ConnectionTimeoutError": "no connection in time",
    "InvalidURL": "its URL is none",
    "LocationParseError": "its URL is none",
    "TimeoutError": "no connection in time",
}
"""A class of a library, or its base -> what it means."""


def plain_reason(error: BaseException, url: str) -> str:
    """Why a host could not be reached; "" where the reason is none of those known here.

    Args:
        error: What a library raised.
        url: Of the host; "" where only the error knows it.
    """
    chain = list(within(error))
    host = urlsplit(url).hostname or next((_host_of(each) for each in chain if _host_of(each)), "")
    why = _why(chain)
    if any(type(each).__name__ in _PROXY_ERRORS for each in chain):
        variable, proxy = _proxy_of(urlsplit(url).scheme or "https")
        status = next((status for each in chain if (status := _proxy_status(each))), "")
        found = f"it answers {status}" if status else why[1] if why else "no way through it was had"
        return (
            f"the proxy {proxy} does not let the call through: {found}; correct {variable}, unset it, or name {host} "
            "in NO_PROXY"
        )
    if why is None:
        return ""
    if why[0] == "name":
        right = ", and is the location, or the endpoint, right?" if url else "?"
        return f"the name {host or 'of the host'} {why[1]}; is this machine online{right}"
    return why[1]


def reason(error: BaseException, url: str | None = None) -> str:
    """What an error of a library is about.

    Args:
        error: What the library raised.
        url: Of the host that was to be reached, or "" where only the error knows it; None: it was reached.
    """
    if url is not None and (plain := plain_reason(error, url)):
        return plain
    every = list(within(error))
    ours = [str(one) for one in every if type(one).__name__ == "Broken" and type(one).__module__.startswith("gemtune.")]
    if ours:
        return ours[0]
    tls = [one for one in every if isinstance(one, ssl.SSLError)]
    if tls:
        return _of_tls(tls)
    numbers = [one.errno for one in every if isinstance(one, OSError) and isinstance(one.errno, int)]
    if numbers:
        return os.strerror(numbers[0])
    # The innermost knows best.
    known = [_WORDS[kind.__name__] for one in reversed(every) for kind in type(one).__mro__ if kind.__name__ in _WORDS]
    return known[0] if known else type(every[-1]).__name__


def _of_tls(every: Sequence[BaseException]) -> str:
    """What TLS says, out of OpenSSL's own lists of sentences, which hold nothing of the other side's."""
    if any(isinstance(one, ssl.SSLCertVerificationError) for one in every):
        said = [words for one in every if isinstance(words := getattr(one, "verify_message", None), str)]
        return f"the certificate: {said[0].rstrip('.')}" if said else "the certificate was refused"
    said = [words for one in every if isinstance(words := getattr(one, "reason", None), str)]
    return f"TLS: {said[0].lower().replace('_', ' ')}" if said else "TLS failed"


def _proxy_status(error: BaseException) -> str:
    """The status with which a proxy refused a tunnel; "" where it did not."""
    if type(error).__name__ == "ClientHttpProxyError":
        return str(int(getattr(error, "status", 0)))
    # The first is what requests says, for tokens; the second is ours. Of neither more than the number is taken.
    found = re.match(r"(?:Tunnel connection failed: |the proxy answers with HTTP )(\d{3})\b", str(error))
    return found[1] if found else ""


def _why(chain: list[Any]) -> tuple[str, str] | None:
    for each in chain:
        if isinstance(each, socket.gaierror) or type(each).__name__ in (
            "NameResolutionError",
            "ClientConnectorDNSError",
        ):
            return "name", "cannot be resolved"
    for each in chain:
        if isinstance(each, OSError) and isinstance(each.errno, int) and (words := _ERRNOS.get(each.errno)):
            return "host", words
    return None


def within(error: BaseException) -> Iterator[Any]:
    """An error and everything that it is about, wherever libraries keep that."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        each = waiting.pop(0)
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = [
            getattr(each, name, None)
            for name in ("os_error", "certificate_error", "reason", "original_error", "__cause__", "__context__")
        ]
        waiting += [*inner, *each.args]


def _host_of(error: Any) -> str:
    pool = getattr(error, "pool", None)
    host = getattr(pool, "host", None) or getattr(error, "host", None)
    return host if isinstance(host, str) else ""


def _proxy_of(scheme: str) -> tuple[str, str]:
    """The variable that names the proxy of a scheme, and the proxy's host and port."""
    for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper(), "all_proxy", "ALL_PROXY"):
        if value := os.environ.get(name):
            shown = origin(value if "://" in value else f"http://{value}")
            return name, shown.partition("://")[2] if shown else "there"
    return "HTTPS_PROXY", "of this machine's settings"
