"""REST over requests: messages as JSON over HTTP, one attempt per `send`."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import requests
import requests.exceptions
import urllib3.util.ssl_
from google.protobuf.message import Message

from gemtune.endpoints import Endpoint, Endpoints
from gemtune.methods import Method
from gemtune.transport import Metadata, mtls, wire
from gemtune.transport._fork import renew_in_child
from gemtune.transport._http import Adapter, Exchange, current
from gemtune.transport.credentials import Authorizer

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

__all__ = ["RestTransport"]


class RestTransport:
    """Carries calls as REST JSON. May be shared by threads; a forked child opens connections of its own."""

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        credentials: Credentials | None = None,
        api_version: str | None = None,
        connections: int = 32,
        connect_timeout: float = wire.CONNECT_TIMEOUT,
        application: str | None = None,
    ) -> None:
        """Opens nothing yet.

        Args:
            endpoint: `https://host[:port]`, or `http://host:port` of this machine; None: the host that belongs to
                the location in each request's resource name.
            credentials: From google-auth; None: Application Default Credentials, when first needed.
            api_version: Picks the HTTP bindings whose path begins with it; None: the first that fits a request.
            connections: How many connections per host are kept alive; as many as threads that call at once.
            connect_timeout: Seconds for a connection to stand.
            application: A token of your program for the user agent, such as `my-pipeline/1.2`.
        """
        self._endpoints = Endpoints(endpoint)
        self._authorizer = Authorizer(credentials)
        self._api_version = api_version
        self._connections = connections
        self._connect_timeout = connect_timeout
        self._who = wire.identity(f"requests/{requests.__version__}", application)
        self._lock = threading.Lock()
        self._session: requests.Session | None = None
        self._settings: dict[str, dict[str, Any]] = {}
        self._parents: list[requests.Session] = []
        renew_in_child(self)

    def send(self, method: Method, request: Message, *, deadline: float, metadata: Metadata = ()) -> Message:
        """Sends one request once; see `gemtune.transport.Transport`."""
        return self.exchange(method, request, Exchange(deadline), metadata)

    def exchange(
        self, method: Method, request: Message, exchange: Exchange, metadata: Iterable[tuple[str, str | bytes]] = ()
    ) -> Message:
        """As `send`, for those who also want the answer's headers, or to abort the exchange from another thread."""
        resource = method.resource(request)
        endpoint = self._endpoints.of(resource)
        sent = wire.write(
            method, request, endpoint=endpoint, resource=resource, api_version=self._api_version, who=self._who
        )
        own = wire.metadata_headers(metadata) if metadata else {}
        token = self._authorizer.headers(endpoint, deadline=exchange.deadline)
        prepared = requests.Request(sent.verb, sent.url, sent.headers | token | own, data=sent.body).prepare()
        response = self._carry(prepared, endpoint, sent.where, exchange)
        if response.status_code == 401:
            self._authorizer.refused(token)
        exchange.headers = response.headers
        return wire.read(sent, response.status_code, response.headers, response.content)

    def _carry(
        self, prepared: requests.PreparedRequest, endpoint: Endpoint, where: str, exchange: Exchange
    ) -> requests.Response:
        current.exchange = exchange
        try:
            left = exchange.left()
            # Session.send, not .request: that would read netrc, which replaces the Authorization header, and follow
            # a redirect, which posts the body to another host.
            return self._opened().send(
                prepared,
                timeout=(min(left, self._connect_timeout), left),
                allow_redirects=False,
                **self._settings_for(endpoint),
            )
        except (requests.exceptions.Timeout, TimeoutError) as error:
            raise wire.late(where, sent=exchange.sent) from error
        except requests.exceptions.RequestException as error:
            if exchange.deadline <= time.monotonic():  # a read that ran out of time surfaces as a broken connection
                raise wire.late(where, sent=exchange.sent) from error
            raise wire.unreachable(where, error, sent=exchange.sent) from error
        finally:
            current.exchange = None
            exchange.over()

    def _opened(self) -> requests.Session:
        if self._session is None:
            with self._lock:
                if self._session is None:
                    session = requests.Session()
                    session.trust_env = False  # what the environment says is settled in _settings_for, once per host
                    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # a call leaves no state
                    session.mount("https://", Adapter(self._connections, tls=_tls()))
                    session.mount("http://", Adapter(self._connections))
                    self._session = session
        return self._session

    def _settings_for(self, endpoint: Endpoint) -> dict[str, Any]:
        settings = self._settings.get(endpoint.url)
        if settings is None:
            proxy = wire.proxy_of(endpoint)
            proxies = {"http": proxy, "https": proxy} if proxy else {}
            settings = self._settings[endpoint.url] = {"verify": wire.ca_bundle() or True, "proxies": proxies}
        return settings

    def close(self) -> None:
        """Closes the connections. A later call opens new ones."""
        with self._lock:
            if self._session is not None:
                self._session.close()
                self._session = None

    def renew(self) -> None:
        """In a forked child: forgets the parent's connections, which stay open there."""
        self._lock = threading.Lock()
        if self._session is not None:
            self._parents.append(self._session)  # kept, for closing takes locks that a thread of the parent may hold
            self._session = None
        self._authorizer.renew()


def _tls() -> ssl.SSLContext | None:
    """A context that shows the client's certificate; None: there is none to be shown."""
    shown = mtls.certificate()
    if shown is None:
        return None
    context = urllib3.util.ssl_.create_urllib3_context()
    mtls.load_into(context, shown)
    return context
