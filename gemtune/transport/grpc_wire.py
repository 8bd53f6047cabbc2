"""gRPC without I/O: names, metadata and channel options, and what a failure means. Shared by both transports."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import code_pb2, status_pb2

from gemtune.errors import ConfigurationError, GemtuneError, SpecInvalid, TransportError, bad_request
from gemtune.rpc.methods import Method
from gemtune.rpc.status import error_from_status
from gemtune.schema.grpc_fields import published_in, unpublished
from gemtune.settings import Endpoint
from gemtune.transport import Metadata, request_id, rest_wire, tls

__all__ = [
    "HARMLESS",
    "Caller",
    "closed",
    "credentials_of",
    "error_from_rpc",
    "may_be_gone",
    "not_connected",
    "options",
    "raise_unconnected",
    "read",
    "refuse_after_fork",
    "refuse_unpublished",
    "seconds",
    "target",
]

_OURS = "gemtune.v1.TuningService"
_COUNTS = {"v1": "LlmUtilityService", "v1beta1": "PredictionService"}
"""Version of the API -> the service that has our PredictionService's one method on a gRPC wire."""
_OPERATIONS = frozenset({"GetOperation", "ListOperations", "CancelOperation", "DeleteOperation", "WaitOperation"})
"""Methods of our service that are google.longrunning.Operations' on a gRPC wire."""

KEEPALIVE, KEEPALIVE_TIMEOUT = 60.0, 20.0
"""Seconds without a byte before a ping, while a call is under way, and until its answer. Servers bear one a minute."""

HARMLESS = "/grpc.health.v1.Health/Check"
"""A method that does nothing, wherever it is asked for."""

# How C-core words a failure of its own. These are words, which a service may use too (it relays the error of a service
# behind it, say): they make an outcome more doubtful, and never less.
_BROKEN = ("failed to connect to", "errors resolving", "DNS resolution failed", "connections to all", "RST_STREAM",
           "essage larger than max", "Compression algorithm", "Stream removed", "Socket closed", "Connection reset",
           "recvmsg:", "Broken pipe", "keepalive", "GOAWAY",
           "Transport closed", "Endpoint closing", "Connection closed", "Channel closed", "Connection dropped",
           "Stream refused", "sendmsg:", "End of TCP stream", "Cancelling all calls", "received metadata size",
           "received initial metadata size", "received trailing metadata size")  # fmt: skip


@dataclass(frozen=True)
class Caller:
    """What a transport says of itself in every call, and which version of the API it speaks.

    Attributes:
        api_version: `v1` or `v1beta1`.
        who: Metadata that name the program.
        agent: The beginning of the user agent.
    """

    api_version: str
    who: tuple[tuple[str, str], ...]
    agent: str

    @classmethod
    def of(cls, api_version: str | None, application: str | None) -> Caller:
        """The caller of an API version (None: v1), of a program that may have a token of its own."""
        named = rest_wire.identity(f"grpc/{grpc.__version__}", application)
        return cls(api_version or "v1", (("x-goog-api-client", named["x-goog-api-client"]),), named["user-agent"])

    def path(self, method: Method) -> str:
        """The name of a method on the wire: ours has Google's names there."""
        if method.service == "gemtune.v1.PredictionService":
            return f"/google.cloud.aiplatform.{self.api_version}.{_COUNTS[self.api_version]}/{method.name}"
        if method.service != _OURS:
            return f"/{method.full_name}"
        if method.name in _OPERATIONS:
            return f"/google.longrunning.Operations/{method.name}"
        return f"/google.cloud.aiplatform.{self.api_version}.GenAiTuningService/{method.name}"

    def metadata(
        self, method: Method, resource: str, token: Mapping[str, str], given: Metadata
    ) -> list[tuple[str, str | bytes]]:
        """The metadata of one call; what the caller gives takes the place of ours."""
        metadata: list[tuple[str, str | bytes]] = [*self.who, *token.items()]
        if resource:
            metadata.append(("x-goog-request-params", rest_wire.routing(method, resource)))
        if given:
            pairs = rest_wire.metadata_pairs(given)
            names = {name for name, _ in pairs}
            metadata = [pair for pair in metadata if pair[0] not in names] + pairs
        return metadata


def refuse_unpublished(request: Message, api_version: str) -> None:
    """Refuses a request that would lose something on its way.

    Raises:
        SpecInvalid: It sets fields that have no number in that version's .proto.
    """
    other = "v1beta1" if api_version == "v1" else "v1"
    lost: list[tuple[str, str]] = []
    for path, field in unpublished(request, api_version):
        versions = published_in(field)
        help_ = 'use transport="rest"' + (f' or api_version="{other}"' if versions == (other,) else "")
        what = f"this {field.name}" if api_version in versions else field.name  # then one of its values does not travel
        lost.append((path, f"{what} does not travel over {api_version}'s gRPC and would be lost; {help_}"))
    if lost:
        raise SpecInvalid(bad_request(lost))


def target(endpoint: Endpoint) -> str:
    """Host and port, as a channel takes them."""
    place = endpoint.url.partition("://")[2]
    has_port = place.rpartition("]")[2].count(":") == 1
    return place if has_port else f"{place}:{443 if endpoint.secure else 80}"


def options(endpoint: Endpoint, agent: str, limit: int) -> list[tuple[str, Any]]:
    """The options of a channel; an answer may have `limit` bytes.

    Raises:
        ConfigurationError: A proxy stands before it whose URL is none: C-core would show it.
    """
    rest_wire.proxy_of(endpoint)
    return [
        ("grpc.primary_user_agent", agent),
        ("grpc.enable_retries", 0),  # one attempt a call: what is sent again is the client's decision
        ("grpc.service_config_disable_resolution", 1),  # nor is it that of a DNS record
        ("grpc.max_receive_message_length", limit),
        # Answers come as they are: what unpacks them does so without bound, and looks at the length afterwards.
        ("grpc.compression_enabled_algorithms_bitset", 1),
        ("grpc.keepalive_time_ms", int(KEEPALIVE * 1000)),
        ("grpc.keepalive_timeout_ms", int(KEEPALIVE_TIMEOUT * 1000)),
        ("grpc.enable_http_proxy", 0 if endpoint.loopback else 1),
        ("grpc.use_local_subchannel_pool", 1),  # close() closes this channel's connections, whoever else is connected
    ]


def refuse_after_fork() -> None:
    """Refuses gRPC in a child that was forked from a process with channels open: grpcio may crash or hang there.

    Raises:
        ConfigurationError: grpcio was not told, before it was loaded, that the process would fork.
    """
    if os.environ.get("GRPC_ENABLE_FORK_SUPPORT", "").lower() not in ("1", "true", "yes"):
        raise ConfigurationError(
            "this process was forked from one that had used gRPC, which grpcio does not bear: fork before the first "
            'call, start processes with "spawn", use transport="rest", or set GRPC_ENABLE_FORK_SUPPORT=1 before '
            "grpcio is loaded and fork while no call is under way"
        )


def credentials_of(endpoint: Endpoint) -> grpc.ChannelCredentials | None:
    """TLS with the certificates that the environment names, or gRPC's own; None for plain HTTP/2."""
    if not endpoint.secure:
        return None
    bundle = tls.ca_bundle()
    trusted = None if bundle is None else Path(bundle).read_bytes()
    chain, key = tls.certificate() or (None, None)
    return grpc.ssl_channel_credentials(trusted, key, chain)


def seconds(deadline: float) -> float | None:
    """The time that a call has left, as gRPC takes it."""
    left = deadline - time.monotonic()
    return None if left > _LONGEST else left


_LONGEST = 10.0**8
"""Seconds; what is longer, infinity too, is not a deadline that C-core can hold."""


def not_connected(where: str, *, is_late: bool) -> TransportError:
    """No connection stood in time, so nothing was sent."""
    if is_late:
        return rest_wire.late(where, sent=False)
    return TransportError(f"{where} could not be reached: no connection in time", maybe_sent=False)


def closed(where: str) -> TransportError:
    """Somebody closed the transport while a call was under way."""
    return TransportError(f"the connection to {where} was closed during the call", maybe_sent=True)


def raise_unconnected(error: Any, where: str) -> None:
    """Raises why there is no connection; returns where there is one after all, for the error is a server's.

    Args:
        error: The `grpc.RpcError` of a request for HARMLESS.
        where: Server and method, for sentences.

    Raises:
        TransportError: There is none. What was to be sent has not been handed over, so its words need not be true.
    """
    code = error.code()
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        raise not_connected(where, is_late=False) from error
    if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
        words = f"{where} could not be reached: {_reason(error.details() or '')}"
        raise TransportError(words, maybe_sent=False) from error


def may_be_gone(error: Any) -> bool:
    """Whether, after such an error, the connection has to be seen to stand before the next request."""
    return error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED)


def read(method: Method, data: bytes, *, where: Callable[[], str]) -> Message:
    """The answer in its bytes. grpc.aio would give None for what cannot be read.

    Raises:
        TransportError: They are not that message.
    """
    try:
        return method.output_type.FromString(data)
    except DecodeError as error:
        name = method.output_type.DESCRIPTOR.name
        words = f"{where} answered with {len(data)} bytes that are not a {name}"
        raise TransportError(words, maybe_sent=True, answered=True) from error


def error_from_rpc(error: Any, *, where: str, deadline: float) -> GemtuneError:
    """What a failed call means.

    Args:
        error: The `grpc.RpcError`, sync or asyncio.
        where: Server and method, for sentences.
        deadline: The call's.
    """
    number: int = error.code().value[0]
    details: str = error.details() or ""
    trailers = _pairs(error.trailing_metadata())
    headers = _pairs(error.initial_metadata())
    its_id = trailers.get("x-goog-request-id") or headers.get("x-goog-request-id")
    request_id.set(its_id)
    answered = bool(headers or trailers)
    if number == code_pb2.DEADLINE_EXCEEDED and not answered and time.monotonic() >= deadline - 0.01:
        return rest_wire.late(where, sent=True)
    if not answered and any(words in details for words in _BROKEN):
        words = f"the connection to {where} broke before the answer was whole: {_reason(details)}"
        too_long = "larger than max" in details
        return TransportError(words, maybe_sent=True, final=too_long, answered=too_long)
    status = _status(trailers)
    if status is None or status.code != number:
        status = status_pb2.Status(code=number, message=details)
    return error_from_status(status, request_id=its_id)


def _pairs(metadata: Any) -> dict[str, Any]:
    return {name: value for name, value in metadata or ()}  # noqa: C416  grpc.aio's was a mapping of another kind once


def _status(trailers: Mapping[str, Any]) -> status_pb2.Status | None:
    data = trailers.get("grpc-status-details-bin")
    if not isinstance(data, bytes):
        return None
    try:
        return status_pb2.Status.FromString(data)
    except DecodeError:
        return None


def _reason(details: str) -> str:
    """C-core's words without its wrapping: what the last address, or the stream, met."""
    inner = details.rpartition("last error: ")[2]
    if inner.startswith("Stream removed (") and inner.endswith(")"):
        return inner.removeprefix("Stream removed (")[:-1]
    return inner.removeprefix("UNKNOWN: ").removeprefix("UNAVAILABLE: ")
