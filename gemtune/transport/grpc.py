"""gRPC over grpcio: the same calls as REST, under the service's own method names."""

from __future__ import annotations

import _thread
import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import Message

from gemtune._process import is_of_others, renew_in_child
from gemtune.errors import GemtuneError
from gemtune.rpc.methods import Method
from gemtune.settings import Endpoint, Endpoints
from gemtune.transport import Metadata, grpc_wire, rest_wire, sealing
from gemtune.transport.credentials import Authorizer
from gemtune.transport.helper_thread import unsignalled
from gemtune.transport.response_body import MAX_ANSWER

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

__all__ = ["GrpcTransport"]


class GrpcTransport:
    """Carries calls as gRPC. May be shared by threads; a forked child opens channels of its own."""

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
        """Opens nothing yet.

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
        self._authorizer = Authorizer(credentials)
        self._caller = grpc_wire.Caller.of(api_version, application)
        self._connect_timeout = connect_timeout
        self._limit = max_answer_bytes
        self._lock = threading.Lock()
        self._channels: dict[str, _Opened] = {}
        self._parents: list[_Opened] = []
        renew_in_child(self)

    def send(self, method: Method, request: Message, *, deadline: float, metadata: Metadata = ()) -> Message:
        """Sends one request once; see `gemtune.transport.Transport`."""
        secrets: list[str] = []
        try:
            return self._send(method, request, deadline, metadata, secrets)
        except GemtuneError as error:
            sealing.seal(error, secrets)
            raise

    def _send(
        self, method: Method, request: Message, deadline: float, metadata: Metadata, secrets: list[str]
    ) -> Message:
        grpc_wire.refuse_unpublished(request, self._caller.api_version)
        resource = method.resource(request)
        endpoint = self._endpoints.of(resource)
        token = self._authorizer.headers(endpoint, deadline=deadline)
        pairs = self._caller.metadata(method, resource, token, metadata)
        secrets += rest_wire.secrets_of(pairs)
        opened = self._opened(endpoint)
        try:
            if not opened.connected:
                unsignalled(lambda: self._connect(opened, self._where(endpoint, method), deadline))
            call = opened.call(method, self._caller)
            # grpcio's channel has a lock that a signal can leave locked, and with it every later call hanging.
            data = unsignalled(lambda: call(request, timeout=grpc_wire.seconds(deadline), metadata=pairs))
        except grpc.RpcError as error:
            opened.connected = opened.connected and not grpc_wire.may_be_gone(error)
            failure = grpc_wire.error_from_rpc(error, where=self._where(endpoint, method), deadline=deadline)
            if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                self._authorizer.refused(token)
                self._authorizer.explain(failure)
            raise failure from error
        except ValueError as error:  # what grpcio says of a channel that another thread has closed
            if self._channels.get(endpoint.url) is opened or is_of_others(error, "grpc"):
                raise
            raise grpc_wire.closed(self._where(endpoint, method)) from error
        return grpc_wire.read(method, data, where=lambda: self._where(endpoint, method))

    def _where(self, endpoint: Endpoint, method: Method) -> str:
        return f"{endpoint.url}{self._caller.path(method)}"

    def _connect(self, opened: _Opened, where: str, deadline: float) -> None:
        """Waits until a connection stands. Where none does, the request is never handed to gRPC: that proves it."""
        settled = _thread.allocate_lock()  # an Event may be left locked by a signal, and its callback hang for ever
        settled.acquire()
        states: list[grpc.ChannelConnectivity] = []

        def seen(state: grpc.ChannelConnectivity) -> None:
            if state in (grpc.ChannelConnectivity.READY, grpc.ChannelConnectivity.TRANSIENT_FAILURE):
                states.append(state)
                with contextlib.suppress(RuntimeError):  # it has settled before
                    settled.release()

        until = min(deadline, time.monotonic() + self._connect_timeout)
        opened.channel.subscribe(seen, try_to_connect=True)
        try:
            if not settled.acquire(timeout=max(0.0, until - time.monotonic())):
                raise grpc_wire.not_connected(where, is_late=until == deadline)
        finally:
            opened.channel.unsubscribe(seen)
        if grpc.ChannelConnectivity.READY not in states:
            self._ask_why(opened, where, until)
        opened.connected = True

    def _ask_why(self, opened: _Opened, where: str, until: float) -> None:
        """Has gRPC say why there is no connection, by a request that does nothing. There may be one by now."""
        try:
            harmless: Any = opened.channel.unary_unary(grpc_wire.HARMLESS)
            harmless(b"", timeout=grpc_wire.seconds(until))
        except grpc.RpcError as error:
            grpc_wire.raise_unconnected(error, where)

    def _opened(self, endpoint: Endpoint) -> _Opened:
        opened = self._channels.get(endpoint.url)
        if opened is None:
            if self._parents:
                grpc_wire.refuse_after_fork()
            with self._lock:
                opened = self._channels.get(endpoint.url)
                if opened is None:
                    opened = self._channels[endpoint.url] = _Opened(endpoint, self._caller.agent, self._limit)
        return opened

    def close(self) -> None:
        """Closes the connections. A later call opens new ones."""
        with self._lock:
            channels, self._channels = self._channels, {}
        for opened in channels.values():
            unsignalled(opened.channel.close)

    def renew(self) -> None:
        """In a forked child: forgets the parent's channels, which stay open there."""
        self._lock = threading.Lock()
        self._parents += self._channels.values()
        self._channels = {}
        self._authorizer.renew()


class _Opened:
    """A channel, and its callables."""

    def __init__(self, endpoint: Endpoint, agent: str, limit: int) -> None:
        target, options = grpc_wire.target(endpoint), grpc_wire.options(endpoint, agent, limit)
        tls = grpc_wire.credentials_of(endpoint)
        self.channel: grpc.Channel = (
            grpc.insecure_channel(target, options) if tls is None else grpc.secure_channel(target, tls, options)
        )
        self.connected = False
        self._calls: dict[Method, Any] = {}

    def call(self, method: Method, caller: grpc_wire.Caller) -> Any:
        call = self._calls.get(method)
        if call is None:
            path = caller.path(method)
            call = self.channel.unary_unary(path, request_serializer=method.input_type.SerializeToString)
            self._calls[method] = call
        return call
