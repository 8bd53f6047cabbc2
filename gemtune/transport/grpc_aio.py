"""gRPC over grpc.aio, for an event loop: the same calls as `grpc`, and the same errors."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from google.protobuf.message import Message

from gemtune._process import renew_in_child
from gemtune.errors import ConfigurationError, GemtuneError
from gemtune.rpc.methods import Method
from gemtune.settings import Endpoint, Endpoints
from gemtune.transport import Metadata, grpc_wire, rest_wire, sealing
from gemtune.transport.credentials import AsyncAuthorizer, Authorizer
from gemtune.transport.response_body import MAX_ANSWER

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

__all__ = ["AsyncGrpcTransport"]


class AsyncGrpcTransport:
    """Carries calls as gRPC. Belongs to the event loop that uses it first, until that is closed."""

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        credentials: Credentials | None = None,
        api_version: str | None = None,
        connect_timeout: float = rest_wire.CONNECT_TIMEOUT,
        application: str | None = None,
        max_answer_bytes: int = MAX_ANSWER,
    ) -> None:
        """Opens nothing yet, and needs no running loop.

        Args:
            endpoint: `https://host[:port]`, or `http://host:port` of this machine, without TLS; None: the host that
                belongs to the location in each request's resource name.
            credentials: From google-auth; None: Application Default Credentials, when first needed.
            api_version: `v1` or `v1beta1`; None: v1.
            connect_timeout: Seconds for a connection to stand.
            application: A token of your program for the user agent, such as `my-pipeline/1.2`.
            max_answer_bytes: Bytes that an answer may have; a longer one is an error.
        """
        self._endpoints = Endpoints(endpoint)
        self._threaded = Authorizer(credentials)
        self._authorizer = AsyncAuthorizer(self._threaded)
        self._caller = grpc_wire.Caller.of(api_version, application)
        self._connect_timeout = connect_timeout
        self._limit = max_answer_bytes
        self._loop: asyncio.AbstractEventLoop | None = None
        self._channels: dict[str, _Opened] = {}
        self._parents: list[_Opened] = []
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
        grpc_wire.refuse_unpublished(request, self._caller.api_version)
        resource = method.resource(request)
        endpoint = self._endpoints.of(resource)
        opened = self._opened(endpoint)
        token = await self._authorizer.headers(endpoint, deadline=deadline)
        pairs = self._caller.metadata(method, resource, token, metadata)
        secrets += rest_wire.secrets_of(pairs)
        try:
            if opened.channel.get_state() is not grpc.ChannelConnectivity.READY:
                await self._connect(opened, self._where(endpoint, method), deadline)
            data = await opened.call(method, self._caller)(request, timeout=grpc_wire.seconds(deadline), metadata=pairs)
        except grpc.aio.AioRpcError as error:
            failure = grpc_wire.error_from_rpc(error, where=self._where(endpoint, method), deadline=deadline)
            if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                self._authorizer.refused(token)
                self._authorizer.explain(failure)
            raise failure from error
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # Nobody cancelled the task: the channel was closed under the call.
            raise grpc_wire.closed(self._where(endpoint, method)) from error
        except grpc.aio.UsageError as error:
            raise grpc_wire.closed(self._where(endpoint, method)) from error
        return grpc_wire.read(method, data, where=lambda: self._where(endpoint, method))

    def _where(self, endpoint: Endpoint, method: Method) -> str:
        return f"{endpoint.url}{self._caller.path(method)}"

    async def _connect(self, opened: _Opened, where: str, deadline: float) -> None:
        """Waits until a connection stands. Where none does, the request is never handed to gRPC: that proves it."""
        until = min(deadline, time.monotonic() + self._connect_timeout)
        channel = opened.channel
        try:
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                state = channel.get_state(try_to_connect=True)
                while state not in (grpc.ChannelConnectivity.READY, grpc.ChannelConnectivity.TRANSIENT_FAILURE):
                    await channel.wait_for_state_change(state)
                    state = channel.get_state(try_to_connect=True)
        except TimeoutError:
            raise grpc_wire.not_connected(where, is_late=until == deadline) from None
        if state is not grpc.ChannelConnectivity.READY:
            await self._ask_why(opened, where, until)

    async def _ask_why(self, opened: _Opened, where: str, until: float) -> None:
        """Has gRPC say why there is no connection, by a request that does nothing. There may be one by now."""
        try:
            harmless: Any = opened.channel.unary_unary(grpc_wire.HARMLESS)
            await harmless(b"", timeout=grpc_wire.seconds(until))
        except grpc.aio.AioRpcError as error:
            grpc_wire.raise_unconnected(error, where)

    def _opened(self, endpoint: Endpoint) -> _Opened:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            if self._channels and self._loop is not None and not self._loop.is_closed():
                raise ConfigurationError("this client is in use on another event loop; make one for each loop")
            self._loop = loop
            self._channels = {}
            self._authorizer = AsyncAuthorizer(self._threaded)
        opened = self._channels.get(endpoint.url)
        if opened is None:
            if self._parents:
                grpc_wire.refuse_after_fork()
            opened = self._channels[endpoint.url] = _Opened(endpoint, self._caller.agent, self._limit)
        return opened

    async def close(self) -> None:
        """Closes the connections. A later call opens new ones."""
        channels, self._channels = self._channels, {}
        for opened in channels.values():
            await opened.channel.close()

    def renew(self) -> None:
        """In a forked child: forgets the parent's channels, which stay open there."""
        self._parents += self._channels.values()
        self._channels = {}
        self._threaded.renew()


class _Opened:
    """A channel, and its callables."""

    def __init__(self, endpoint: Endpoint, agent: str, limit: int) -> None:
        target, options = grpc_wire.target(endpoint), grpc_wire.options(endpoint, agent, limit)
        tls = grpc_wire.credentials_of(endpoint)
        self.channel: grpc.aio.Channel = (
            grpc.aio.insecure_channel(target, options) if tls is None else grpc.aio.secure_channel(target, tls, options)
        )
        self._calls: dict[Method, Any] = {}

    def call(self, method: Method, caller: grpc_wire.Caller) -> Any:
        call = self._calls.get(method)
        if call is None:
            path = caller.path(method)
            call = self.channel.unary_unary(path, request_serializer=method.input_type.SerializeToString)
            self._calls[method] = call
        return call
