"""Who calls: Application Default Credentials or credentials of the caller's, as headers of a request."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import re
import threading
import time
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

from gemtune import safe_text
from gemtune.errors import ConfigurationError, GemtuneError, TransportError, Unauthenticated
from gemtune.settings import Endpoint
from gemtune.transport.connection_errors import reason
from gemtune.transport.helper_thread import Aside, NotYet

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

__all__ = ["ANONYMOUS", "SCOPE", "AsyncAuthorizer", "Authorizer", "account_of", "default_project", "no_token_in_time"]

logger = safe_text.logger("gemtune.credentials")

ANONYMOUS: Any = object()
"""In place of credentials: none are wanted, wherever the call goes (an emulator)."""

SCOPE = "https://www.googleapis.com/auth/cloud-platform"

_HEADER = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_REFRESH_TIMEOUT = 60
"""Seconds for whoever gives out tokens. One that has not answered by then is asked anew by the next who needs one."""

_FILE = "GOOGLE_APPLICATION_CREDENTIALS"
_HOW = "run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to a key file"


def _default() -> tuple[Any, str | None]:
    logger.debug("looking up credentials")
    import google.auth

    try:
        return google.auth.default(scopes=[SCOPE])
    except Exception:  # a file of theirs may hold anything, and their error may show it
        failed = f"no credentials were found{_why_none()}: {_HOW}"
    raise ConfigurationError(failed)


def _why_none() -> str:
    """What is wrong with the file that the environment names. Its name is not shown: some put the key itself there."""
    name = os.environ.get(_FILE, "")
    if not name:
        return ""
    if not os.path.isfile(name):  # noqa: PTH113  a name of any kind, a whole JSON text too
        return f", as {_FILE} names no file"
    readable = os.access(name, os.R_OK)
    return f", as the file that {_FILE} names {'holds none' if readable else 'cannot be read'}"


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


def no_token_in_time() -> TransportError:
    """The deadline of a call passed before there was a token for it."""
    return TransportError("no token was there in time; nothing was sent", maybe_sent=False)


class Authorizer:
    """Gives the headers that authenticate a request. Shared by threads: a token is refreshed once, not by each.

    google-auth's own timeout is per read, so what it does happens aside, and each call waits for as long as it has.
    """

    def __init__(self, credentials: Credentials | None) -> None:
        """Takes credentials; None means Application Default Credentials, looked up when first needed."""
        self._credentials: Any = credentials
        self._scoped = False
        self._refused: str | None = None
        self._reason: str | None = None  # why no token could be had in place of a refused one
        self._fetching: Aside[dict[str, str]] | None = None
        self._lock = threading.Lock()  # held for what cannot block, and by `with` alone: no signal leaves it locked

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
        headers = self.ready(endpoint)
        if headers is not None:
            return headers
        fetching = self.fetching()
        try:
            return fetching.wait(self.until(fetching, deadline))
        except NotYet as error:
            raise no_token_in_time() from error

    def ready(self, endpoint: Endpoint) -> dict[str, str] | None:
        """The headers, if they are there without waiting; None when a token has to be fetched first.

        Raises:
            ConfigurationError: As `headers`.
        """
        if not self._wanted(endpoint):
            return {}
        with self._lock:
            if not self._scoped or self._under_way() or not self._credentials.valid:
                return None
            headers = self._applied()
            return None if headers.get("authorization") == self._refused else headers

    def fetching(self) -> Aside[dict[str, str]]:
        """The fetching of a token that is under way, or a new one; it gives the headers."""
        with self._lock:
            if self._fetching is None or not self._under_way():
                self._fetching = Aside(self._fresh)
            return self._fetching

    def until(self, fetching: Aside[dict[str, str]], deadline: float) -> float:
        """When a call that has a deadline no longer waits for a token."""
        return min(deadline, fetching.began + _REFRESH_TIMEOUT)

    def _under_way(self) -> bool:
        fetching = self._fetching
        return fetching is not None and not fetching.done and time.monotonic() < fetching.began + _REFRESH_TIMEOUT

    def refused(self, headers: Mapping[str, str]) -> None:
        """Notes that the service did not accept these headers (HTTP 401): the next ones have a new token."""
        self._refused = headers.get("authorization")

    def explain(self, error: GemtuneError) -> None:
        """Adds to the service's refusal of a token why no other one could be had in its place, if that was tried."""
        if self._reason is not None:
            error.add_note(self._reason)

    def renew(self) -> None:
        """In a forked child: a new lock, for a thread of the parent may have held the old one, and is not here."""
        self._lock = threading.Lock()
        self._fetching = None

    def _wanted(self, endpoint: Endpoint) -> bool:
        plain = endpoint.loopback and not endpoint.secure  # over TLS it may be a tunnel to the service
        if self._credentials is ANONYMOUS or (plain and self._credentials is None):
            return False
        if not endpoint.secure and not endpoint.loopback:
            raise ConfigurationError(
                f"credentials do not travel over plain HTTP to {endpoint.host}; use https://, or set "
                "GEMTUNE_EMULATOR_HOST if it is an emulator"
            )
        return True

    def _fresh(self) -> dict[str, str]:
        """The headers, with a token that is fetched if need be. On a thread of its own, where no signal comes."""
        if not self._scoped:
            self._credentials = _scoped(self._credentials) if self._credentials is not None else _default()[0]
            self._scoped = True
        with _in_a_sentence(self._credentials):
            return self._refreshed()

    def _refreshed(self) -> dict[str, str]:
        if not self._credentials.valid:
            _refresh(self._credentials)
        elif self._refused is not None and self._applied().get("authorization") == self._refused:
            # By its own account the token is good still; where another cannot be had, the service has the last word.
            try:
                _refresh(self._credentials)
            except Unauthenticated as error:
                # Of a bare token there is nothing to tell: nobody expects that it can be renewed.
                self._reason = str(error) if getattr(self._credentials, "refresh_token", True) else None
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


class AsyncAuthorizer:
    """An `Authorizer` for an event loop."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer
        self.refused = authorizer.refused
        self.explain = authorizer.explain

    async def headers(self, endpoint: Endpoint, *, deadline: float = math.inf) -> dict[str, str]:
        """As `Authorizer.headers`. Cancelling one of those who wait does not take the token from the others."""
        import asyncio  # a program that never awaits does not load it

        headers = self._authorizer.ready(endpoint)
        if headers is not None:
            return headers
        fetching = self._authorizer.fetching()
        try:
            async with asyncio.timeout(self._authorizer.until(fetching, deadline) - time.monotonic()):
                return await fetching.awaited()
        except TimeoutError as error:
            raise no_token_in_time() from error


def _scoped(credentials: Any) -> Any:
    import google.auth.credentials

    return google.auth.credentials.with_scopes_if_required(credentials, [SCOPE])  # type: ignore[no-untyped-call]


def _refresh(credentials: Any) -> None:
    from google.auth.transport import requests as google_requests

    logger.debug("asking for a token")
    with _in_a_sentence(credentials):  # once more around it: one kind of its errors is borne by the caller
        credentials.refresh(functools.partial(google_requests.Request(), timeout=_REFRESH_TIMEOUT))  # per read


@contextlib.contextmanager
def _in_a_sentence(credentials: Any) -> Generator[None]:
    """Turns what credentials raise into errors of ours. They may be of anybody's making, and raise anything."""
    import google.auth.exceptions

    try:
        yield
    except GemtuneError:
        raise
    except (google.auth.exceptions.TransportError, OSError) as error:
        failure: GemtuneError = TransportError(f"no token could be had: {_could_not(error)}", maybe_sent=False)
    except google.auth.exceptions.RefreshError as error:
        if getattr(error, "retryable", False):
            failure = TransportError(f"no token could be had: {_could_not(error)}", maybe_sent=False)
        else:
            failure = Unauthenticated(f"the credentials were refused: {_refused(error)}; to renew them, {_HOW}")
    except Exception as error:
        failure = ConfigurationError(
            f"no token could be had: {type(credentials).__name__} failed with {type(error).__name__}, as it does where "
            "the server of tokens answers something else than a token; check its address (token_uri), or what stands "
            "before it"
        )
    else:
        return
    raise failure  # outside of the handlers: what they caught, which may show a secret, is not a context of it


def _could_not(error: Exception) -> str:
    said = reason(error, "")
    return "whoever gives out tokens did not answer" if said in _GENERAL else said


_GENERAL = frozenset({"TransportError", "RefreshError", "OSError"})

# https://www.rfc-editor.org/rfc/rfc6749#section-5.2, and what Google adds to it.
_OAUTH: dict[str, str] = {
    "invalid_grant": "they have expired or were revoked, or the clock here is wrong (invalid_grant)",
    "invalid_client": "their client is not known or was deleted (invalid_client)",
    "unauthorized_client": "their client may not ask for this (unauthorized_client)",
    "invalid_scope": "the scope is not granted to them (invalid_scope)",
    "invalid_request": "the request for a token was malformed (invalid_request)",
    "unsupported_grant_type": "their kind is not supported (unsupported_grant_type)",
    "access_denied": "the service that gives out tokens denies access (access_denied)",
    "invalid_target": "the audience is not allowed (invalid_target)",
    "Reauthentication is needed": "Reauthentication is needed",
    "rapt_required": "a new login is asked for (rapt_required)",
}


def _refused(error: Exception) -> str:
    """What a refusal says, by the code in it: the words around it are a server's or a library's."""
    said = str(error)
    found = next((words for code, words in _OAUTH.items() if code in said), "")
    if found or "do not contain the necessary fields" not in said:
        return found or "the service that gives out tokens says no"
    return "they hold a token alone, and nothing to renew it with"
