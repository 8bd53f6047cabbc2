"""REST over aiohttp, for an event loop: the same requests as `rest`, and the same errors."""

from __future__ import annotations

import asyncio
import math
import socket
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import aiohttp
import aiohttp.abc
import yarl
from google.protobuf.message import Message

from gemtune._process import is_of_others, renew_in_child
from gemtune.errors import ConfigurationError, GemtuneError, Unauthenticated
from gemtune.rpc.methods import Method
from gemtune.safe_text import origin
from gemtune.settings import Endpoint, Endpoints
from gemtune.transport import Metadata, rest_wire, sealing, tls
from gemtune.transport.credentials import AsyncAuthorizer, Authorizer
from gemtune.transport.helper_thread import Aside
from gemtune.transport.http1 import Exchange
from gemtune.transport.response_body import MAX_ANSWER, Body

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

__all__ = ["AsyncRestTransport"]


_EARLIER = 0.005  # seconds

_LIBRARIES = ("aiohttp", "yarl", "multidict", "aiohappyeyeballs", "async_timeout", "idna")


class AsyncRestTransport:
    """Carries calls as REST JSON. Belongs to the event loop that uses it first, until that is closed."""

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        credentials: Credentials | None = None,
        api_version: str | None = None,
        connections: int = 100,
        connect_timeout: float = rest_wire.CONNECT_TIMEOUT,
        application: str | None = None,
        max_answer_bytes: int = MAX_ANSWER,
    ) -> None:
        """Opens nothing yet, and needs no running loop.

        Args:
            endpoint: `https://host[:port]`, or `http://host:port` of this machine; None: the host that belongs to
                the location in each request's resource name.
            credentials: From google-auth; None: Application Default Credentials, when first needed.
            api_version: Picks the HTTP bindings whose path begins with it; None: the first that fits a request.
            connections: How many connections there are at most; calls beyond them wait their turn.
            connect_timeout: Seconds for a connection to stand.
            application: A token of your program for the user agent, such as `my-pipeline/1.2`.
            max_answer_bytes: Bytes that an answer may have, unpacked; a longer one is an error.
        """
        self._endpoints = Endpoints(endpoint)
        self._threaded = Authorizer(credentials)
        self._authorizer = AsyncAuthorizer(self._threaded)
        self._api_version = api_version
        self._connections = connections
        self._connect_timeout = connect_timeout
        self._who = rest_wire.identity(f"aiohttp/{aiohttp.__version__}", application)
        self._limit = max_answer_bytes
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: aiohttp.ClientSession | None = None
        self._proxies: dict[str, str | None] = {}
        self._parents: list[aiohttp.ClientSession] = []
        renew_in_child(self)

    async def send(self, method: Method, request: Message, *, deadline: float, metadata: Metadata = ()) -> Message:
        """Sends one request once; see `gemtune.transport.AsyncTransport`."""
        secrets: list[str] = []
        try:
            return await self._send(method, request, deadline, metadata, secrets)
        except GemtuneError as error:
            sealing.seal(error, secrets)
            raise

    async def _send(
        self, method: Method, request: Message, deadline: float, metadata: Metadata, secrets: list[str]
    ) -> Message:
        resource = method.resource(request)
        endpoint = self._endpoints.of(resource)
        sent = rest_wire.write(
            method, request, endpoint=endpoint, resource=resource, api_version=self._api_version, who=self._who
        )
        own = rest_wire.metadata_headers(metadata) if metadata else {}
        session = await self._opened()
        token = await self._authorizer.headers(endpoint, deadline=deadline)
        secrets += rest_wire.secrets_of((token | own).items())
        proxy = self._proxy(endpoint)
        exchange = Exchange(deadline)
        try:
            async with session.request(
                sent.verb,
                yarl.URL(sent.url, encoded=True),
                headers=sent.headers | token | own,
                data=sent.body,
                allow_redirects=False,
                proxy=proxy,
                timeout=self._timeout(exchange.left()),
                trace_request_ctx=exchange,
            ) as response:
                exchange.answered = True
                body = await self._body(response)
        except GemtuneError:
            raise
        except Exception as error:  # a socket, TLS, a proxy and what speaks HTTP here may fail in any way
            if is_of_others(error, *_LIBRARIES):
                raise
            what_came = (aiohttp.ClientResponseError, aiohttp.ClientPayloadError)
            raise rest_wire.failed(
                sent.where,
                error,
                sent=exchange.sent,
                answered=exchange.answered or (exchange.sent and isinstance(error, what_came)),
                is_late=(exchange.sent and isinstance(error, TimeoutError))
                or deadline - time.monotonic() < 2 * _EARLIER,
            ) from error
        if response.status == 401:
            self._authorizer.refused(token)
        try:
            return rest_wire.read(sent, response.status, response.headers, body, secrets=secrets)
        except Unauthenticated as error:
            self._authorizer.explain(error)
            raise

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        """A body to its end; of a refusal what came, for its status says what became of the request."""
        refused = response.status >= 400
        limit = min(self._limit, Body.REFUSAL) if refused else self._limit
        body = Body(response.headers.get("content-encoding", ""), limit)
        try:
            async for piece in response.content.iter_any():
                body.add(piece)
            return body.end()
        except Exception as error:
            response.close()
            if not refused or is_of_others(error, *_LIBRARIES):
                raise
            return body.so_far

    def _timeout(self, left: float) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(
            total=None if left == math.inf else left,
            # A little earlier, so that a call that has no connection ends as one: nothing was sent then.
            connect=None if left == math.inf else max(left - _EARLIER, 1e-3),
            sock_connect=self._connect_timeout,
            ceil_threshold=math.inf,  # else what is above 5 s is rounded up to whole seconds
        )

    async def _opened(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is not None and self._loop is not loop:
            if self._loop is not None and not self._loop.is_closed():
                raise ConfigurationError("this client is in use on another event loop; make one for each loop")
            await self.close()
        if self._session is None:
            self._loop = loop
            self._authorizer = AsyncAuthorizer(self._threaded)
            # The environment has no say (netrc would replace the token), a call leaves no cookies.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections, ssl=tls.context(), resolver=_Resolver()),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,  # it would unpack without bound
                trace_configs=[_noting()],
            )
            # A get over a connection that the server has just closed would be sent again behind our back.
            self._session._retry_connection = False  # pyright: ignore[reportPrivateUsage]
        return self._session

    def _proxy(self, endpoint: Endpoint) -> str | None:
        if endpoint.url not in self._proxies:
            proxy = rest_wire.proxy_of(endpoint)
            if proxy and not proxy.startswith(("http://", "https://")):
                raise ConfigurationError(f"the proxy {origin(proxy)} is of a kind that aiohttp does not speak")
            self._proxies[endpoint.url] = proxy
        return self._proxies[endpoint.url]

    async def close(self) -> None:
        """Closes the connections. A later call opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def renew(self) -> None:
        """In a forked child: forgets the parent's connections, which stay open there."""
        if self._session is not None:
            self._parents.append(self._session)
            self._session = None
        self._threaded.renew()


def _noting() -> aiohttp.TraceConfig:
    """Notes in an exchange that a connection stands for it: before that, nothing was sent."""

    async def stands(_session: aiohttp.ClientSession, context: SimpleNamespace, _: object) -> None:
        context.trace_request_ctx.sent = True

    noting = aiohttp.TraceConfig()
    noting.on_connection_create_end.append(stands)
    noting.on_connection_reuseconn.append(stands)
    return noting


class _Resolver(aiohttp.abc.AbstractResolver):
    """The system's name lookup, on threads that `asyncio.run` does not wait for at its end."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[aiohttp.abc.ResolveResult]:
        def look_up() -> list[aiohttp.abc.ResolveResult]:
            return [
                {
                    "hostname": host,
                    "host": str(address[0]),
                    "port": int(address[1]),
                    "family": kind,
                    "proto": protocol,
                    "flags": socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                }
                for kind, _, protocol, _, address in socket.getaddrinfo(
                    host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
                )
            ]

        return await Aside(look_up).awaited()

    async def close(self) -> None:
        pass
