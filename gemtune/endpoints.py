"""Where calls go: the endpoint of a resource, and what may travel there."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from gemtune.errors import ConfigurationError
from gemtune.names import host_of, location_of
from gemtune.shown import origin

__all__ = ["Endpoint", "Endpoints"]


_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")


@dataclass(frozen=True)
class Endpoint:
    """One server.

    Attributes:
        url: Scheme, host and port, without a slash at the end.
        host: The host alone.
        secure: Whether it is reached over TLS.
        loopback: Whether it is this very machine, which no proxy stands before, and which needs no credentials over
            plain HTTP.
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
        wanted = "an endpoint looks like https://host or http://127.0.0.1:8085"
        if not isinstance(text, str):
            raise ConfigurationError(f"a {type(text).__name__} is not an endpoint; {wanted}")
        whole = text if "://" in text else f"https://{text}"
        url = origin(whole)
        if url is None:  # of what cannot be read nothing is shown: it may hold a secret
            raise ConfigurationError(f"the endpoint cannot be read as a URL; {wanted}")
        parts = urlsplit(whole)
        host, port = parts.hostname or "", parts.port
        wrong = None
        if not _is_host(host, bracketed="[" in parts.netloc):
            raise ConfigurationError(f"the endpoint names no host that there can be; {wanted}")
        if parts.scheme not in ("http", "https"):
            wrong = "has another scheme"
        elif parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
            wrong = "has more than a scheme, a host and a port (the rest is not shown)"
        elif port == 0:
            wrong = "has the port 0, at which nothing can be reached"
        if wrong is not None:
            raise ConfigurationError(f"{url!r} is not an endpoint: it {wrong}; {wanted}")
        return cls(url, host, parts.scheme == "https", _is_loopback(host))


def _is_host(host: str, *, bracketed: bool) -> bool:
    """Whether it is a name that DNS can have, or an address."""
    if not bracketed:
        return bool(_NAME.fullmatch(host))
    try:
        return "%" not in host and bool(ipaddress.IPv6Address(host))
    except ValueError:
        return False


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
