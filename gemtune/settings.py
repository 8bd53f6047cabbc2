"""What a client is told by its arguments and, where they are silent, by the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from gemtune.errors import ConfigurationError
from gemtune.names import check_location, check_project

__all__ = ["DEFAULT_LOCATION", "Place", "endpoint_from", "location_from", "project_from"]

DEFAULT_LOCATION = "us-central1"


@dataclass(frozen=True)
class Place:
    """Where calls go.

    Attributes:
        endpoint: The endpoint for everything; None: the one that belongs to each resource's location.
        emulator: Whether it is an emulator, which is asked without credentials.
    """

    endpoint: str | None
    emulator: bool


_EMULATOR_HOST = {"rest": "GEMTUNE_EMULATOR_HOST", "grpc": "GEMTUNE_EMULATOR_GRPC_HOST"}


def endpoint_from(given: str | None, environ: Mapping[str, str] = os.environ, *, transport: str = "rest") -> Place:
    """The endpoint: as given, else the emulator of GEMTUNE_EMULATOR_HOST, else GEMTUNE_ENDPOINT.

    Over gRPC the emulator is at GEMTUNE_EMULATOR_GRPC_HOST.

    Raises:
        ConfigurationError: The emulator's variable is no host:port, or only that of another transport is set.
    """
    if given:
        return Place(given, emulator=False)
    variable = _EMULATOR_HOST.get(transport, "GEMTUNE_EMULATOR_HOST")
    host = environ.get(variable, "").removeprefix("http://").rstrip("/")
    if host:
        if "/" in host:
            raise ConfigurationError(f"{variable} is {host!r}; it must be host:port, such as 127.0.0.1:8085")
        return Place(f"http://{host}", emulator=True)
    endpoint = environ.get("GEMTUNE_ENDPOINT") or None
    others = [name for name in _EMULATOR_HOST.values() if environ.get(name)]
    if others and endpoint is None:  # a test that talks to an emulator must not reach the service by another door
        raise ConfigurationError(f"{others[0]} is set, but calls over {transport} go where {variable} says; set it too")
    return Place(endpoint, emulator=False)


def project_from(given: str | None, environ: Mapping[str, str] = os.environ) -> str | None:
    """The project: as given, else GOOGLE_CLOUD_PROJECT; None leaves it to the credentials."""
    project = given or environ.get("GOOGLE_CLOUD_PROJECT")
    return check_project(project) if project else None


def location_from(given: str | None, environ: Mapping[str, str] = os.environ) -> str:
    """The location: as given, else GOOGLE_CLOUD_LOCATION, else us-central1."""
    return check_location(given or environ.get("GOOGLE_CLOUD_LOCATION") or DEFAULT_LOCATION)
