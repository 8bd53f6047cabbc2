"""REST over urllib3: messages as JSON over HTTP, one attempt per `send`."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import certifi
import urllib3
import urllib3.util.ssl_
from google.protobuf.message import Message

from gemtune.endpoints import Endpoint, Endpoints
from gemtune.methods import Method
from gemtune.transport import Metadata, mtls, wire
from gemtune.transport._fork import renew_in_child
from gemtune.transport._http import Exchange, Pools, current
from gemtune.transport.credentials import Authorizer

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

__all__ = ["RestTransport"]

_LATE = (urllib3.exceptions.TimeoutError, TimeoutError)


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
        self._who = wire.identity(f"urllib3/{getattr(urllib3, '__version__', '2')}", application)
        self._pools = Pools(connections, _tls)
        self._proxies: dict[str, str | None] = {}
        self._parents: list[Pools] = []
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
        response, body = self._carry(sent, sent.headers | token | own, endpoint, exchange)
        if response.status == 401:
            self._authorizer.refused(token)
        exchange.headers = response.headers
        return wire.read(sent, response.status, response.headers, body)

    def _carry(
        self, sent: wire.WireRequest, headers: Mapping[str, str], endpoint: Endpoint, exchange: Exchange
    ) -> tuple[urllib3.BaseHTTPResponse, bytes]:
        current.exchange = exchange
        try:
            return self._pools.carry(
                sent.verb,
                endpoint.url,
                sent.url.removeprefix(endpoint.url),
                headers=headers,
                body=sent.body,
                connect=self._connect_timeout,
                proxy=self._proxy_of(endpoint),
            )
        except (urllib3.exceptions.HTTPError, TimeoutError) as error:
            # A refused connection is a kind of timeout to urllib3; a read that ran out of time may be a broken one.
            is_late = isinstance(error, _LATE) and not isinstance(error, urllib3.exceptions.NewConnectionError)
            if is_late or exchange.deadline <= time.monotonic():
                raise wire.late(sent.where, sent=exchange.sent) from error
            raise wire.unreachable(sent.where, error, sent=exchange.sent) from error
        finally:
            current.exchange = None
            exchange.over()

    def _proxy_of(self, endpoint: Endpoint) -> str | None:
        if endpoint.url not in self._proxies:  # what the environment says is settled once per host
            self._proxies[endpoint.url] = wire.proxy_of(endpoint)
        return self._proxies[endpoint.url]

    def close(self) -> None:
        """Closes the connections. A later call opens new ones."""
        self._pools.close()

    def renew(self) -> None:
        """In a forked child: forgets the parent's connections, which stay open there."""
        self._parents.append(self._pools)  # kept, for closing takes locks that a thread of the parent may hold
        self._pools = Pools(self._connections, _tls)
        self._authorizer.renew()


def _tls() -> ssl.SSLContext:
    """What connections are secured with: whom the environment trusts, or certifi, and the client's certificate."""
    context = urllib3.util.ssl_.create_urllib3_context()
    trusted = wire.ca_bundle() or certifi.where()
    context.load_verify_locations(**{"capath" if Path(trusted).is_dir() else "cafile": trusted})
    shown = mtls.certificate()
    if shown is not None:
        mtls.load_into(context, shown)
    return context
