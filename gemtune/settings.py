"""Where calls go and with what: arguments and, where they are silent, the environment; endpoints and their hosts."""

from __future__ import annotations

import contextlib
import ipaddress
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from gemtune.errors import ConfigurationError
from gemtune.names import check_location, check_project, host_of, location_of
from gemtune.safe_text import origin

__all__ = [
    "DEFAULT_LOCATION",
    "Endpoint",
    "Endpoints",
    "Place",
    "endpoint_from",
    "location_from",
    "project_from",
    "seconds_from",
    "shortened",
]

DEFAULT_LOCATION = "us-central1"


@dataclass(frozen=True)
class Place:
    """Where calls go.

    Attributes:
        endpoint: The endpoint for everything; None: the one that belongs to each resource's location.
        emulator: Whether it is an emulator, which is asked without credentials.
        token: What the emulator asks for (its `--token`); None: nothing.
    """

    endpoint: str | None
    emulator: bool
    token: str | None = field(default=None, repr=False)


_EMULATOR_HOST = {"rest": "GEMTUNE_EMULATOR_HOST", "grpc": "GEMTUNE_EMULATOR_GRPC_HOST"}


def endpoint_from(given: str | None, environ: Mapping[str, str] = os.environ, *, transport: str = "rest") -> Place:
    """The endpoint: as given, else the emulator of GEMTUNE_EMULATOR_HOST, else GEMTUNE_ENDPOINT.

    Over gRPC the emulator is at GEMTUNE_EMULATOR_GRPC_HOST. Its token, if it asks for one, is GEMTUNE_EMULATOR_TOKEN.

    Raises:
        ConfigurationError: The endpoint is this machine and does not say whether over TLS; the emulator's variable is
            no host:port; or only that of another transport is set.
    """
    if given:
        _need_scheme(given)
        return Place(given, emulator=False)
    variable = _EMULATOR_HOST.get(transport, "GEMTUNE_EMULATOR_HOST")
    host = environ.get(variable, "").removeprefix("http://").rstrip("/")
    if host:
        if re.fullmatch(r":?\d+", host):
            raise ConfigurationError(f"{variable} is {host!r}, a port alone; write 127.0.0.1:{host.lstrip(':')}")
        if "/" in host:
            shown = f"is {origin(f'http://{host}')} with more to it" if origin(f"http://{host}") else "is no host:port"
            raise ConfigurationError(f"{variable} {shown}; it must be host:port, such as 127.0.0.1:8085")
        return Place(f"http://{host}", emulator=True, token=environ.get("GEMTUNE_EMULATOR_TOKEN") or None)
    endpoint = environ.get("GEMTUNE_ENDPOINT") or None
    if endpoint is not None:
        _need_scheme(endpoint)
    others = [name for name in _EMULATOR_HOST.values() if environ.get(name)]
    if (
        others and endpoint is None
    ):  # a test that talks to an emulator must not reach the service over another transport
        raise ConfigurationError(f"{others[0]} is set, but calls over {transport} go where {variable} says; set it too")
    return Place(endpoint, emulator=False)


def _need_scheme(endpoint: str) -> None:
    """Refuses this machine without a scheme: a host alone means TLS, which what listens here seldom speaks."""
    if Endpoint.parse(endpoint).loopback and "://" not in endpoint:
        raise ConfigurationError(
            f"the endpoint {endpoint!r} is this machine and has no scheme; write http://{endpoint} (an emulator), or "
            f"https://{endpoint}"
        )


def project_from(given: str | None, environ: Mapping[str, str] = os.environ) -> str | None:
    """The project: as given, else GOOGLE_CLOUD_PROJECT; None leaves it to the credentials."""
    project = given or environ.get("GOOGLE_CLOUD_PROJECT")
    return check_project(project) if project else None


def location_from(given: str | None, environ: Mapping[str, str] = os.environ) -> str:
    """The location: as given, else GOOGLE_CLOUD_LOCATION, else us-central1."""
    return check_location(given or environ.get("GOOGLE_CLOUD_LOCATION") or DEFAULT_LOCATION)


def seconds_from(name: str, given: object) -> float:
    """Seconds as they are given for `name`: a number, 0 or more; infinity is not a limit.

    Raises:
        ConfigurationError: It is no such number.
    """
    seconds = math.nan
    if not isinstance(given, str | bytes | bool):
        with contextlib.suppress(TypeError, ValueError):
            try:
                seconds = float(given)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            except OverflowError:  # an int beyond all floats
                seconds = math.inf if given > 0 else -math.inf  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
    if not seconds >= 0:
        raise ConfigurationError(f"{name} is {shortened(given)}; give seconds, 0 or more, or None for no limit")
    return seconds


def shortened(value: object) -> str:
    """A value that is wrong, as an error shows it."""
    try:
        text = repr(value)
    except Exception:  # an int of more digits than Python writes, or an object of anybody's
        return f"a {type(value).__name__} that cannot be shown"
    return text if len(text) <= 80 else f"{text[:77]}..."


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
