"""Keeps web pages away from the emulator.

A browser lets any page send simple requests to this machine. It cannot read the answers, but it can make jobs and
faults. And a page whose host's name is changed to mean this machine (DNS rebinding) can read too. Browsers say in
headers where a request comes from; other clients do not send these, and are not looked at.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from gemtune.errors import PermissionDenied

__all__ = ["check_origin"]


def check_origin(headers: Headers, *, any_host: bool) -> None:
    """Refuses the request of a web page that is not the emulator's own.

    Args:
        headers: Of the request.
        any_host: Whether it may call this machine by any name; otherwise by `localhost` or a loopback address alone.

    Raises:
        PermissionDenied: It comes from another place, or is meant for another host.
    """
    host = headers.get("host", "")
    site = headers.get("sec-fetch-site", "none")
    if site in ("cross-site", "same-site"):
        raise PermissionDenied(f"The emulator does not serve other web pages (sec-fetch-site: {site}).")
    for origin in headers.getlist("origin"):
        if origin.partition("://")[2].lower() != host.lower():
            raise PermissionDenied(f"The emulator does not serve other web pages (origin: {origin}).")
    if host and not any_host and not _is_this_machine(host):
        raise PermissionDenied(
            f"The emulator is not {host}. Call it as localhost or 127.0.0.1; with --token it takes any name."
        )


def _is_this_machine(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:  # no address
        return False
