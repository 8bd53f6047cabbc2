"""REST: messages as JSON over HTTP, one attempt per `send`."""

from __future__ import annotations

import os
import platform
import threading
import time
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import requests
import requests.exceptions
from google.protobuf.message import Message
from requests.utils import get_environ_proxies

from gemtune import __version__, http_rule
from gemtune.endpoints import Endpoint, Endpoints
from gemtune.errors import JsonError, TransportError, error_from_http
from gemtune.methods import Method
from gemtune.transport import Metadata
from gemtune.transport._http import Adapter, Exchange, current
from gemtune.transport.credentials import Authorizer

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

__all__ = ["RestTransport"]

_AGENT = f"gemtune/{__version__} python/{platform.python_version()} requests/{requests.__version__}"
_API_CLIENT = f"gl-python/{platform.python_version()} gemtune/{__version__} rest/{requests.__version__}"
_SHOWN = 200  # characters of a body that is not an answer, in an error


class RestTransport:
    """Carries calls as REST JSON. May be shared by threads."""

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        credentials: Credentials | None = None,
        api_version: str | None = None,
        connections: int = 32,
    ) -> None:
        """Opens nothing yet.

        Args:
            endpoint: `https://host[:port]`, or `http://host:port` of this machine; None: the host that belongs to
                the location in each request's resource name.
            credentials: From google-auth; None: Application Default Credentials, when first needed.
            api_version: Picks the HTTP bindings whose path begins with it; None: the first that fits a request.
            connections: How many connections per host are kept alive; as many as threads that call at once.
        """
        self._endpoints = Endpoints(endpoint)
        self._authorizer = Authorizer(credentials)
        self._api_version = api_version
        self._connections = connections
        self._lock = threading.Lock()
        self._session: requests.Session | None = None
        self._settings: dict[str, dict[str, Any]] = {}

    def send(self, method: Method, request: Message, *, deadline: float, metadata: Metadata = ()) -> Message:
        """Sends one request once; see `gemtune.transport.Transport`."""
        http = http_rule.expand(method, request, api_version=self._api_version)
        resource = method.resource(request)
        endpoint = self._endpoints.of(resource)
        query = f"?{urlencode(http.query)}" if http.query else ""
        headers = {
            "accept": "application/json",
            "accept-encoding": "gzip, deflate",
            "user-agent": _AGENT,
            "x-goog-api-client": _API_CLIENT,
        }
        if http.body is not None:
            headers["content-type"] = "application/json"
        if resource:
            headers["x-goog-request-params"] = f"{method.routing_field}={quote(resource)}"
        headers |= self._authorizer.headers(endpoint)
        headers |= dict(metadata)
        prepared = requests.Request(http.verb, f"{endpoint.url}{http.path}{query}", headers, data=http.body).prepare()
        response = self._exchange(prepared, endpoint, Exchange(deadline))
        return self._read(method, http, prepared, response)

    def _exchange(
        self, prepared: requests.PreparedRequest, endpoint: Endpoint, exchange: Exchange
    ) -> requests.Response:
        where = _where(prepared)
        current.exchange = exchange
        try:
            left = exchange.left()
            # Session.send, not .request: that would read netrc, which replaces the Authorization header, and follow
            # a redirect, which posts the body to another host.
            response = self._opened().send(
                prepared, timeout=(left, left), allow_redirects=False, **self._settings_for(endpoint)
            )
        except (requests.exceptions.Timeout, TimeoutError) as error:
            raise TransportError(f"{where} did not answer in time", maybe_sent=exchange.sent) from error
        except requests.exceptions.RequestException as error:
            if exchange.deadline <= time.monotonic():  # a read that ran out of time surfaces as a broken connection
                raise TransportError(f"{where} did not answer in time", maybe_sent=exchange.sent) from error
            raise TransportError(_unreachable(where, error, sent=exchange.sent), maybe_sent=exchange.sent) from error
        finally:
            current.exchange = None
        return response

    def _read(
        self,
        method: Method,
        http: http_rule.HttpRequest,
        prepared: requests.PreparedRequest,
        response: requests.Response,
    ) -> Message:
        where = _where(prepared)
        request_id = response.headers.get("x-goog-request-id") or response.headers.get("x-request-id")
        content_type = response.headers.get("content-type", "")
        if response.is_redirect:
            target = response.headers.get("location", "nowhere")
            raise TransportError(
                f"{where} redirects to {target}; redirects are not followed: set the endpoint that is meant",
                maybe_sent=False,
            )
        if not 200 <= response.status_code < 300:
            raise error_from_http(
                response.status_code, response.content, content_type=content_type, where=where, request_id=request_id
            )
        try:
            return http_rule.read_answer(http.binding, response.content, method.output_type)
        except JsonError as error:
            came = response.content[:_SHOWN].decode(errors="replace")
            raise TransportError(
                f"{where} answered {response.status_code} with something that is not a "
                f"{method.output_type.DESCRIPTOR.name} ({error}): {came!r}",
                maybe_sent=True,
            ) from error

    def _opened(self) -> requests.Session:
        if self._session is None:
            with self._lock:
                if self._session is None:
                    session = requests.Session()
                    session.trust_env = False  # what the environment says is settled in _settings_for, once per host
                    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # a call leaves no state
                    adapter = Adapter(self._connections)
                    session.mount("https://", adapter)
                    session.mount("http://", adapter)
                    self._session = session
        return self._session

    def _settings_for(self, endpoint: Endpoint) -> dict[str, Any]:
        settings = self._settings.get(endpoint.url)
        if settings is None:
            bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
            # Loopback is never proxied, whatever HTTP_PROXY says and NO_PROXY leaves out.
            proxies = {} if endpoint.loopback else get_environ_proxies(endpoint.url)
            settings = self._settings[endpoint.url] = {"verify": bundle, "proxies": proxies}
        return settings

    def close(self) -> None:
        """Closes the connections. A later call opens new ones."""
        with self._lock:
            if self._session is not None:
                self._session.close()
                self._session = None


def _where(prepared: requests.PreparedRequest) -> str:
    return (prepared.url or "").split("?")[0]


def _unreachable(where: str, error: Exception, *, sent: bool) -> str:
    reason: BaseException = error
    while (deeper := getattr(reason, "reason", None) or next(iter(reason.args), None)) and isinstance(
        deeper, BaseException
    ):
        reason = deeper
    text = str(reason).split(": ", 1)[-1] or type(reason).__name__
    if sent:
        return f"the connection to {where} broke before the answer was whole: {text}"
    return f"{where} could not be reached: {text}"
