"""Where calls go: the endpoint of a resource, and what may travel there."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from gemtune.errors import ConfigurationError
from gemtune.names import host_of, location_of

__all__ = ["Endpoint", "Endpoints"]


_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")


@dataclass(frozen=True)
class Endpoint:
    """One server.

    Attributes:
        url: Scheme, host and port, without a slash at the end.
        host: The host alone.
        secure: Whether it is reached over TLS.
        loopback: Whether it is this very machine, which no proxy stands before and no credentials are needed for.
    """

    url: str
    host: str
    secure: bool
    loopback: bool

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """An endpoint from `https://host[:port]`, `http://host:port` or a bare `host[:port]` (https).

        Raises:
            ConfigurationError: It is no such thing.
        """
        parts = urlsplit(text if "://" in text else f"https://{text}")
        wanted = "an endpoint looks like https://host or http://127.0.0.1:8085"
        try:
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        extra = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
        # urlsplit passes over line breaks, and takes any character for one of a host.
        fits = host and _HOST.fullmatch(host) and not re.search(r"[\s\x00-\x1f]", text)
        if parts.scheme not in ("http", "https") or not host or not fits or extra:
            shown = re.sub(r"//[^/@]*@", "//***@", re.split(r"[?#]", text, maxsplit=1)[0])  # it may hold a secret
            raise ConfigurationError(f"{shown!r} is not an endpoint; {wanted}")
        shown = f"[{host}]" if ":" in host else host
        url = f"{parts.scheme}://{shown}" + (f":{port}" if port is not None else "")
        return cls(url, host, parts.scheme == "https", _is_loopback(host))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Endpoints:
    """Finds the endpoint for a resource: the one given, or the host that belongs to the location in its name."""

    def __init__(self, given: str | None) -> None:
        self._given = Endpoint.parse(given) if given else None
        self._by_location: dict[str, Endpoint] = {}

    def of(self, resource: str) -> Endpoint:
        """The endpoint that serves `resource`.

        Raises:
            ConfigurationError: No endpoint was given and the name has no location.
        """
        if self._given is not None:
            return self._given
        location = location_of(resource)
        if location is None:
            raise ConfigurationError(f"no endpoint is given, and {resource!r} has no location that would tell one")
        endpoint = self._by_location.get(location)
        if endpoint is None:
            endpoint = self._by_location[location] = Endpoint.parse(host_of(location))
        return endpoint
