"""Why no connection stands, in words of ours: a proxy, a name that nobody knows, a host that refuses.

Libraries nest these three deep in classes of their own; what they say is for whoever wrote them.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

__all__ = ["plain_reason"]

_PROXY_ERRORS = frozenset(("ProxyError", "ClientProxyConnectionError", "ClientHttpProxyError", "SOCKSError"))

_ERRNOS = {
    errno.ECONNREFUSED: "it refuses connections (Connection refused)",
    errno.ECONNRESET: "the connection was reset",
    errno.ENETUNREACH: "there is no way to it on this network; is this machine online?",
    errno.EHOSTUNREACH: "there is no way to it on this network; is this machine online?",
}


def plain_reason(error: BaseException, url: str) -> str:
    """Why a host could not be reached; "" where the reason is none of those known here.

    Args:
        error: What a library raised.
        url: Of the host; "" where only the error knows it.
    """
    chain = list(_chain(error))
    host = urlsplit(url).hostname or next((_host_of(each) for each in chain if _host_of(each)), "")
    why = _why(chain)
    if any(type(each).__name__ in _PROXY_ERRORS for each in chain):
        variable, proxy = _proxy_of(urlsplit(url).scheme or "https")
        status = next((str(status) for each in chain if (status := getattr(each, "status", None))), "")
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


def _why(chain: list[Any]) -> tuple[str, str] | None:
    for each in chain:
        if isinstance(each, socket.gaierror) or type(each).__name__ in (
            "NameResolutionError",
            "ClientConnectorDNSError",
        ):
            return "name", "cannot be resolved"
    for each in chain:
        if isinstance(each, OSError) and (words := _ERRNOS.get(each.errno or 0)):
            return "host", words
    return None


def _chain(error: BaseException) -> Iterator[Any]:
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
            getattr(each, name, None) for name in ("os_error", "reason", "original_error", "__cause__", "__context__")
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
            try:
                parts = urlsplit(value if "://" in value else f"http://{value}")
                return name, parts.hostname + (f":{parts.port}" if parts.port else "") if parts.hostname else "there"
            except ValueError:
                return name, "there"
    return "HTTPS_PROXY", "of this machine's settings"
