"""Who calls: Application Default Credentials or credentials of the caller's, as headers of a request."""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import re
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gemtune.endpoints import Endpoint
from gemtune.errors import ConfigurationError, TransportError, Unauthenticated
from gemtune.transport.reasons import plain_reason

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

__all__ = ["ANONYMOUS", "SCOPE", "Authorizer", "account_of", "default_project"]

logger = logging.getLogger("gemtune.credentials")

ANONYMOUS: Any = object()
"""In place of credentials: none are wanted, wherever the call goes (an emulator)."""

SCOPE = "https://www.googleapis.com/auth/cloud-platform"

_HEADER = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_REFRESH_TIMEOUT = 60.0  # seconds for one exchange with whoever gives out tokens

_HOW = "run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to a key file"


def _default() -> tuple[Any, str | None]:
    logger.debug("looking up credentials")
    import google.auth

    try:
        return google.auth.default(scopes=[SCOPE])
    except Exception as error:  # a file of theirs may hold anything
        raise ConfigurationError(f"no credentials were found: {_HOW} ({_first_line(error)})") from error


def default_project() -> str | None:
    """The project that Application Default Credentials name; None when there are none, or they name none."""
    try:
        return _default()[1]
    except ConfigurationError:
        return None


def account_of(transport: object) -> str:
    """The account whose credentials a transport uses; "" where it has none, or they do not say."""
    credentials = getattr(getattr(transport, "_authorizer", None), "_credentials", None)
    names = (getattr(credentials, name, None) for name in ("service_account_email", "account"))
    return next((name for name in names if isinstance(name, str) and "@" in name), "")


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".")


class Authorizer:
    """Gives the headers that authenticate a request. Shared by threads: a token is refreshed once, not by each."""

    def __init__(self, credentials: Credentials | None) -> None:
        """Takes credentials; None means Application Default Credentials, looked up when first needed."""
        self._credentials: Any = credentials
        self._scoped = False
        self._refused: str | None = None
        self._lock = threading.Lock()

    def headers(self, endpoint: Endpoint, *, deadline: float = math.inf) -> dict[str, str]:
        """The headers for a request to `endpoint`. This machine over plain HTTP needs none, and gets those given.

        Args:
            endpoint: Where the request goes.
            deadline: When a token has to be there, in `time.monotonic` seconds.

        Raises:
            ConfigurationError: There are no credentials, or they would travel over plain HTTP to another machine.
            Unauthenticated: They are there and cannot be turned into a token.
            TransportError: Whoever gives out tokens did not answer; the request itself was not sent.
        """
        if not self._wanted(endpoint):
            return {}
        left = deadline - time.monotonic()
        if not self._lock.acquire(timeout=min(max(left, 0), threading.TIMEOUT_MAX)):
            raise TransportError("no token was there in time; nothing was sent", maybe_sent=False)
        try:
            return self._fresh(deadline)
        finally:
            self._lock.release()

    def ready(self, endpoint: Endpoint) -> dict[str, str] | None:
        """The headers, if they are there without waiting; None when a token has to be fetched first.

        Raises:
            ConfigurationError: As `headers`.
        """
        if not self._wanted(endpoint):
            return {}
        if not self._lock.acquire(blocking=False):
            return None
        try:
            stale = not self._scoped or not self._credentials.valid
            headers = {} if stale else self._applied()
            return None if stale or headers.get("authorization") == self._refused else headers
        finally:
            self._lock.release()

    def refused(self, headers: Mapping[str, str]) -> None:
        """Notes that the service did not accept these headers (HTTP 401): the next ones have a new token."""
        self._refused = headers.get("authorization")

    def renew(self) -> None:
        """In a forked child: a new lock, for a thread of the parent may have held the old one."""
        self._lock = threading.Lock()

    def _wanted(self, endpoint: Endpoint) -> bool:
        if self._credentials is ANONYMOUS or (endpoint.loopback and self._credentials is None):
            return False
        if not endpoint.secure and not endpoint.loopback:
            raise ConfigurationError(
                f"credentials do not travel over plain HTTP to {endpoint.host}; use https://, or set "
                "GEMTUNE_EMULATOR_HOST if it is an emulator"
            )
        return True

    def _fresh(self, deadline: float) -> dict[str, str]:
        if not self._scoped:
            self._credentials = _scoped(self._credentials) if self._credentials is not None else _default()[0]
            self._scoped = True
        if not self._credentials.valid:
            _refresh(self._credentials, deadline)
        elif self._refused is not None and self._applied().get("authorization") == self._refused:
            # By its own account the token is good still; where another cannot be had, the service has the last word.
            with contextlib.suppress(Unauthenticated):
                _refresh(self._credentials, deadline)
        self._refused = None
        return self._applied()

    def _applied(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        self._credentials.apply(headers)
        quota_project = getattr(self._credentials, "quota_project_id", None)
        if quota_project:
            headers.setdefault("x-goog-user-project", quota_project)
        for name, value in headers.items():
            if not _HEADER.fullmatch(value):  # whose libraries would show it in their error
                raise ConfigurationError(
                    f"the credentials' {name} cannot be sent as a header: it holds a line break, or characters beyond "
                    "ASCII; was it read from a file with its last line's end?"
                )
        return headers


def _scoped(credentials: Any) -> Any:
    import google.auth.credentials

    return google.auth.credentials.with_scopes_if_required(credentials, [SCOPE])  # type: ignore[no-untyped-call]


def _refresh(credentials: Any, deadline: float) -> None:
    import google.auth.exceptions
    from google.auth.transport import requests as google_requests

    left = deadline - time.monotonic()
    timeout: Any = min(max(left, 0.001), _REFRESH_TIMEOUT)  # annotated as int there; a float will do
    request = functools.partial(google_requests.Request(), timeout=timeout)
    logger.debug("asking for a token")
    try:
        credentials.refresh(request)
    except (google.auth.exceptions.TransportError, OSError) as error:
        reason = plain_reason(error, "") or _first_line(error)
        raise TransportError(f"no token could be had: {reason}", maybe_sent=False) from error
    except google.auth.exceptions.RefreshError as error:
        if getattr(error, "retryable", False):
            raise TransportError(f"no token could be had: {_first_line(error)}", maybe_sent=False) from error
        raise Unauthenticated(f"the credentials were refused: {_first_line(error)}; to renew them, {_HOW}") from error
    except Exception as error:  # credentials may be of anybody's making
        raise ConfigurationError(f"no token could be had: {_first_line(error)}") from error
