"""REST over HTTP/1.1: messages as JSON over HTTP, one attempt per `send`."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from google.protobuf.message import Message

from gemtune._process import is_of_others, renew_in_child
from gemtune._version import __version__
from gemtune.errors import GemtuneError, Unauthenticated
from gemtune.rpc.methods import Method
from gemtune.settings import Endpoint, Endpoints
from gemtune.transport import Metadata, rest_wire, sealing, tls
from gemtune.transport.credentials import Authorizer
from gemtune.transport.http1 import LIBRARIES, Connections, Exchange
from gemtune.transport.response_body import MAX_ANSWER

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

__all__ = ["RestTransport"]

_EARLIER = 0.005
"""Seconds: a socket's timeout may come that much before the deadline that it was made of."""


class RestTransport:
    """Carries calls as REST JSON. May be shared by threads; a forked child opens connections of its own."""

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        credentials: Credentials | None = None,
        api_version: str | None = None,
        connections: int = 32,
        connect_timeout: float = rest_wire.CONNECT_TIMEOUT,
        application: str | None = None,
        max_answer_bytes: int = MAX_ANSWER,
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
            max_answer_bytes: Bytes that an answer may have, unpacked; a longer one is an error.
        """
        self._endpoints = Endpoints(endpoint)
        self._authorizer = Authorizer(credentials)
        self._api_version = api_version
        self._connections = connections
        self._connect_timeout = connect_timeout
        self._who = rest_wire.identity(f"rest/{__version__}", application)
        self._limit = max_answer_bytes
        self._open = Connections(connections, tls.context, connect_timeout=connect_timeout)
        self._proxies: dict[str, str | None] = {}
        self._parents: list[Connections] = []
        renew_in_child(self)

    def send(self, method: Method, request: Message, *, deadline: float, metadata: Metadata = ()) -> Message:
        """Sends one request once; see `gemtune.transport.Transport`."""
        return self.exchange(method, request, Exchange(deadline), metadata)

    def exchange(
        self, method: Method, request: Message, exchange: Exchange, metadata: Iterable[tuple[str, str | bytes]] = ()
    ) -> Message:
        """As `send`, for those who also want the answer's headers, or to abort the exchange from another thread."""
        secrets: list[str] = []
        try:
            endpoint, sent = self._request(method, request)
            own = rest_wire.metadata_headers(metadata) if metadata else {}
            token = self._authorizer.headers(endpoint, deadline=exchange.deadline)
            secrets += rest_wire.secrets_of((token | own).items())
            try:
                status, headers, body = self._open.carry(
                    exchange,
                    sent.verb,
                    endpoint.url,
                    sent.url.removeprefix(endpoint.url),
                    headers=sent.headers | token | own,
                    body=sent.body,
                    proxy=self._proxy_of(endpoint),
                    limit=self._limit,
                )
            except GemtuneError:
                raise
            except Exception as error:  # a socket, TLS or a proxy may fail in any way
                if is_of_others(error, *LIBRARIES):
                    raise
                raise _failure(error, sent.where, exchange) from error
            if status == 401:
                self._authorizer.refused(token)
            try:
                return rest_wire.read(sent, status, headers, body, secrets=secrets)
            except Unauthenticated as error:
                self._authorizer.explain(error)
                raise
        except GemtuneError as error:
            sealing.seal(error, secrets)
            raise

    def _request(self, method: Method, request: Message) -> tuple[Endpoint, rest_wire.WireRequest]:
        resource = method.resource(request)
        endpoint = self._endpoints.of(resource)
        version, who = self._api_version, self._who
        return endpoint, rest_wire.write(
            method, request, endpoint=endpoint, resource=resource, api_version=version, who=who
        )

    def _proxy_of(self, endpoint: Endpoint) -> str | None:
        if endpoint.url not in self._proxies:  # what the environment says is settled once per host
            self._proxies[endpoint.url] = rest_wire.proxy_of(endpoint)
        return self._proxies[endpoint.url]

    def close(self) -> None:
        """Closes the connections. A later call opens new ones."""
        self._open.close()

    def renew(self) -> None:
        """In a forked child: forgets the parent's connections, which stay open there."""
        self._parents.append(self._open)
        self._open = Connections(self._connections, tls.context, connect_timeout=self._connect_timeout)
        self._authorizer.renew()


def _failure(error: Exception, where: str, exchange: Exchange) -> GemtuneError:
    timed_out = exchange.sent and isinstance(error, TimeoutError)
    return rest_wire.failed(
        where,
        error.__cause__ or error,
        sent=exchange.sent,
        answered=exchange.answered,
        is_late=timed_out or exchange.deadline - time.monotonic() < _EARLIER,
    )
