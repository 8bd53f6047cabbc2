"""What a client is told by its arguments and, where they are silent, by the environment."""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gemtune.endpoints import Endpoint
from gemtune.errors import ConfigurationError
from gemtune.names import check_location, check_project
from gemtune.shown import origin

__all__ = ["DEFAULT_LOCATION", "Place", "endpoint_from", "location_from", "project_from", "seconds_from", "shortened"]

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
    if others and endpoint is None:  # a test that talks to an emulator must not reach the service by another door
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
    """Seconds as they are given for `name`: a number, 0 or more; infinity is no limit.

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
