"""The gRPC front end: grpcio over the same service object, under the names that Google's clients and ours call.

Our messages have the bytes of Google's, so a request is read and an answer written as ours. What the service's .proto
does not publish, because REST alone has it, is left out of answers under Google's names.
"""

from __future__ import annotations

import concurrent.futures
import hmac
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn, TypeAlias

import grpc
from google.cloud.location import locations_pb2
from google.longrunning import operations_proto_pb2 as operations_pb2
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2

from gemtune.emulator.experiments import GetContextRequest, get_context
from gemtune.emulator.faults import ConnectionDropped, Fault, Faults, FaultyService
from gemtune.emulator.service import Service
from gemtune.errors import ApiError, ConfigurationError, Internal, InvalidArgument, Unauthenticated
from gemtune.rpc.methods import Method, service_methods
from gemtune.rpc.status import status_from_error
from gemtune.schema import grpc_fields
from gemtune_pb.v1 import prediction_service_pb2, tuning_service_pb2

__all__ = ["GrpcFrontEnd"]

LARGEST_REQUEST = 10 * 2**20
"""Bytes; the same as over REST."""

_GOOGLE = "google.cloud.aiplatform"

_GARBAGE = b"\xff\xff\xff garbage"  # no message of any type: the first byte is no tag
_RESET = "Connection reset by the emulator: an injected fault"  # begins as C-core's words for it do

Answer: TypeAlias = Callable[[Any, grpc.ServicerContext], Message | bytes]


class GrpcFrontEnd:
    """A gRPC server that carries requests to a service."""

    def __init__(
        self,
        service: Service,
        *,
        token: str | None = None,
        log: Callable[[str], None] | None = None,
        threads: int = 16,
        faults: Faults | None = None,
    ) -> None:
        """Serves nothing yet.

        Args:
            service: What answers.
            token: Calls must carry it as metadata `authorization: Bearer TOKEN`; None: nothing is asked.
            log: Is given a line a call, and what went wrong inside; None: silence.
            threads: How many calls are answered at once.
            faults: What goes wrong on demand; None: what calls ask for in their metadata alone.
        """
        self._faults = faults or Faults()
        self._ending = threading.Event()
        self._service = service
        self._token = token
        self._log = log
        self._server = grpc.server(
            concurrent.futures.ThreadPoolExecutor(threads, thread_name_prefix="gemtune-grpc"),
            handlers=list(self._handlers()),
            options=[
                ("grpc.max_receive_message_length", LARGEST_REQUEST),
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", 0),  # a port that is taken is an error, not a port that is shared
            ],
        )

    def start(self, host: str, port: int) -> str:
        """Serves, and returns `host:port`; port 0 picks a free one.

        Raises:
            ConfigurationError: The address cannot be used.
        """
        shown = f"[{host}]" if ":" in host else host
        try:
            bound = self._server.add_insecure_port(f"{shown}:{port}")
        except (RuntimeError, ValueError) as error:
            raise ConfigurationError(
                f"cannot listen for gRPC on {host} port {port}: is it in use? port 0 picks a free one"
            ) from error
        self._server.start()
        return f"{shown}:{bound}"

    def stop(self, grace: float = 5.0) -> None:
        """Ends it, when the calls under way have been answered; after `grace` seconds without waiting for them."""
        self._ending.set()
        self._server.stop(grace).wait()

    # -- what is served -------------------------------------------------------------------------------------------

    def _handlers(self) -> Iterator[grpc.GenericRpcHandler]:
        ours = service_methods(tuning_service_pb2.DESCRIPTOR.services_by_name["TuningService"])
        yield self._served("gemtune.v1.TuningService", ours, "v1")
        counting = _methods(prediction_service_pb2, "PredictionService")
        yield self._served("gemtune.v1.PredictionService", counting, "v1")
        for version in ("v1", "v1beta1"):
            named = {name: m for name, m in ours.items() if not name.removesuffix("s").endswith("Operation")}
            yield self._served(f"{_GOOGLE}.{version}.GenAiTuningService", named, version, strip=version)
            counts = {"v1": "LlmUtilityService", "v1beta1": "PredictionService"}[version]
            yield self._served(f"{_GOOGLE}.{version}.{counts}", counting, version, strip=version)
        # These two do not say which version they are asked in: an answer is as its subject was created.
        yield self._served("google.longrunning.Operations", _methods(operations_pb2, "Operations"), "")
        yield self._served("google.cloud.location.Locations", _methods(locations_pb2, "Locations"), "")
        for version in ("v1", "v1beta1"):
            name = f"{_GOOGLE}.{version}.MetadataService"
            context = self._handler(f"{name}/GetContext", GetContextRequest, lambda request, _: get_context(request))
            handlers = {"GetContext": context}
            yield grpc.method_handlers_generic_handler(name, handlers)

    def _served(
        self, name: str, methods: Mapping[str, Method], version: str, *, strip: str | None = None
    ) -> grpc.GenericRpcHandler:
        def answer_to(method: Method) -> Answer:
            def answer(request: Message, context: grpc.ServicerContext) -> Message | bytes:
                faulty = FaultyService(self._service, self._faults, _metadata(context), "gRPC")
                try:
                    message = faulty.handle(method, request, api_version=version)
                finally:
                    self._wait(faulty.fault, context)
                if strip is not None:
                    grpc_fields.strip(message, strip)
                return _spoiled(faulty.fault, message)

            return answer

        handlers = {m.name: self._handler(f"{name}/{m.name}", m.input_type, answer_to(m)) for m in methods.values()}
        return grpc.method_handlers_generic_handler(name, handlers)

    def _handler(
        self, path: str, request_type: type[Message], answer: Answer
    ) -> grpc.RpcMethodHandler[bytes, Message | bytes]:
        def handle(request: bytes, context: grpc.ServicerContext) -> Message | bytes:
            begun = time.perf_counter()
            status = "OK"
            try:
                self._authorize(context)
                return answer(_read(request, request_type), context)
            except ApiError as error:
                status = error.status
                _abort(context, error)
            except ConnectionDropped:
                status = "cut"
                context.abort(grpc.StatusCode.UNAVAILABLE, _RESET)
            except Exception as error:
                if self._log:
                    self._log("".join(traceback.format_exception(error)))
                status = "INTERNAL"
                _abort(context, Internal("Internal error encountered."))
            finally:
                if self._log:
                    self._log(_line(path, status, time.perf_counter() - begun, context))

        return grpc.unary_unary_rpc_method_handler(
            handle,
            request_deserializer=None,  # grpcio would call bytes that are no message its own, internal, error
            response_serializer=lambda answer: answer if isinstance(answer, bytes) else answer.SerializeToString(),
        )

    def _authorize(self, context: grpc.ServicerContext) -> None:
        if self._token is None:
            return
        given = _metadata(context).get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            raise Unauthenticated(
                "Request had invalid authentication credentials. Expected authorization: Bearer TOKEN, with the token "
                "that the emulator was started with."
            )

    def _wait(self, fault: Fault, context: grpc.ServicerContext) -> None:
        """Stalls. A message is one piece here, so a slow body is late as a whole; a server that ends does not wait."""
        end = time.monotonic() + fault.stall + fault.slow
        while (left := end - time.monotonic()) > 0 and context.is_active() and not self._ending.wait(min(left, 0.05)):
            pass


def _read(data: bytes, request_type: type[Message]) -> Message:
    try:
        return request_type.FromString(data)
    except DecodeError as error:
        raise InvalidArgument(f"the request is not a {request_type.DESCRIPTOR.name}") from error


def _metadata(context: grpc.ServicerContext) -> Mapping[str, str]:
    """The metadata of a call, but for those that are bytes."""
    return {name: value for name, value in context.invocation_metadata() if isinstance(value, str)}


def _spoiled(fault: Fault, message: Message) -> Message | bytes:
    """The answer's bytes, if they are to be spoiled."""
    if fault.body == "whole":
        return message
    whole = message.SerializeToString()
    if fault.body == "truncated":
        for size in range(len(whole) * 2 // 3, 0, -1):
            try:
                type(message).FromString(whole[:size])
            except DecodeError:
                return whole[:size]
    return _GARBAGE


def _methods(module: Any, service: str) -> Mapping[str, Method]:
    return service_methods(module.DESCRIPTOR.services_by_name[service])


def _abort(context: grpc.ServicerContext, error: ApiError) -> NoReturn:
    """Ends a call with an error, its details in the trailer where Google's clients look for them."""
    if error.retry_after is not None and not error.details:
        info = error_details_pb2.RetryInfo()
        info.retry_delay.FromNanoseconds(int(error.retry_after * 1e9))
        error.details = (info,)
    if error.details:
        context.set_trailing_metadata((("grpc-status-details-bin", status_from_error(error).SerializeToString()),))
    code = next((c for c in grpc.StatusCode if c.value[0] == error.code), grpc.StatusCode.UNKNOWN)
    context.abort(code, error.message)


def _line(path: str, status: str, seconds: float, context: grpc.ServicerContext) -> str:
    """`10:00:02 gRPC google.cloud.aiplatform.v1.GenAiTuningService/GetTuningJob OK 1 ms  grpc-python/1.80`."""
    agent = _metadata(context).get("user-agent", "-").split(" ", maxsplit=1)[0]
    line = f"{time.strftime('%H:%M:%S')} gRPC {path} {status} {seconds * 1e3:.0f} ms  {agent}"
    return "".join(c for c in line if c.isprintable())
