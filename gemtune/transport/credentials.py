"""Who calls: Application Default Credentials or credentials of the caller's, as headers of a request."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from gemtune.endpoints import Endpoint
from gemtune.errors import ConfigurationError, Unauthenticated

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

__all__ = ["ANONYMOUS", "SCOPE", "Authorizer", "default_project"]

ANONYMOUS: Any = object()
"""In place of credentials: none are wanted, wherever the call goes (an emulator)."""

SCOPE = "https://www.googleapis.com/auth/cloud-platform"

_HOW = "run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to a key file"


def _default() -> tuple[Any, str | None]:
    import google.auth
    import google.auth.exceptions

    try:
        return google.auth.default(scopes=[SCOPE])
    except google.auth.exceptions.GoogleAuthError as error:
        raise ConfigurationError(f"no credentials were found: {_HOW} ({_first_line(error)})") from error


def default_project() -> str | None:
    """The project that Application Default Credentials name; None when there are none, or they name none."""
    try:
        return _default()[1]
    except ConfigurationError:
        return None


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".")


class Authorizer:
    """Gives the headers that authenticate a request. Shared by threads: a token is refreshed once, not by each."""

    def __init__(self, credentials: Credentials | None) -> None:
        """Takes credentials; None means Application Default Credentials, looked up when first needed."""
        self._credentials: Any = credentials
        self._lock = threading.Lock()

    def headers(self, endpoint: Endpoint) -> dict[str, str]:
        """The headers for a request to `endpoint`. This machine over plain HTTP needs none, and gets those given.

        Raises:
            ConfigurationError: There are no credentials, or they would travel over plain HTTP to another machine.
            Unauthenticated: They are there and cannot be turned into a token.
        """
        if self._credentials is ANONYMOUS or (endpoint.loopback and self._credentials is None):
            return {}
        if not endpoint.secure and not endpoint.loopback:
            raise ConfigurationError(
                f"credentials do not travel over plain HTTP to {endpoint.host}; use https://, or set "
                " GEMTUNE_EMULATOR_HOST if it is an emulator"
            )
        with self._lock:
            if self._credentials is None:
                self._credentials = _default()[0]
            return self._fresh()

    def _fresh(self) -> dict[str, str]:
        import google.auth.exceptions
        from google.auth.transport import requests as google_requests

        headers: dict[str, str] = {}
        try:
            if not self._credentials.valid:
                self._credentials.refresh(google_requests.Request())
            self._credentials.apply(headers)
        except google.auth.exceptions.RefreshError as error:
            raise Unauthenticated(f"the credentials were refused: {_how_to_renew(error)}") from error
        except google.auth.exceptions.GoogleAuthError as error:
            raise ConfigurationError(f"no token could be had: {_first_line(error)}") from error
        quota_project = getattr(self._credentials, "quota_project_id", None)
        if quota_project:
            headers.setdefault("x-goog-user-project", quota_project)
        return headers


def _how_to_renew(error: Exception) -> str:
    return f"{_first_line(error)}; to renew them, {_HOW}"
