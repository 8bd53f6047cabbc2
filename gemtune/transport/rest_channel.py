"""`RestChannel`: the unary part of a `grpc.Channel`, over REST. For generated stubs of any service with HTTP rules.

An adapter over `RestTransport`, out of the client's way: it turns what a stub hands over into a method and a message,
and what the transport raises into what a stub's users catch.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from google.protobuf.message import Message

from gemtune.errors import (
    ApiError,
    Cancelled,
    ConfigurationError,
    GemtuneError,
    Internal,
    InvalidArgument,
    TransportError,
    Unimplemented,
)
from gemtune.rpc.methods import Method, find_method, with_rule
from gemtune.rpc.status import status_from_error
from gemtune.rpc.unknown import unreadable
from gemtune.transport import mixins
from gemtune.transport._grpc_types import (
    Call,
    Channel,
    Future,
    FutureCancelledError,
    FutureTimeoutError,
    RpcError,
    StatusCode,
)
from gemtune.transport.http1 import Exchange
from gemtune.transport.response_body import MAX_ANSWER
from gemtune.transport.rest import RestTransport

if TYPE_CHECKING:
    from typing import Self

    from google.auth.credentials import Credentials

__all__ = ["RestChannel", "RestRpcError"]

_CODES: dict[int, StatusCode] = {code.value[0]: code for code in StatusCode}


class Metadatum(NamedTuple):
    """One header, in the form of gRPC's metadata."""

    key: str
    value: str | bytes


class _Ended(Call):
    """What there is to know of a call that is over."""

    _status: StatusCode = StatusCode.OK
    _details: str = ""
    _headers: tuple[Metadatum, ...] = ()
    _trailers: tuple[Metadatum, ...] = ()

    def code(self) -> StatusCode:
        """The status."""
        return self._status

    def details(self) -> str:
        """What the service, or this side, says of it."""
        return self._details

    def initial_metadata(self) -> Any:
        """The answer's HTTP headers."""
        return self._headers

    def trailing_metadata(self) -> Any:
        """`grpc-status-details-bin`, where the service gave details; HTTP has no trailers of its own."""
        return self._trailers

    def is_active(self) -> bool:
        """False: it is over."""
        return False

    def time_remaining(self) -> Any:
        """None: it is over."""
        return None

    def cancel(self) -> bool:
        """False: it is over."""
        return False

    def add_callback(self, callback: Callable[[], None]) -> bool:  # noqa: ARG002  the interface's
        """False: it is over, and `callback` is not called."""
        return False


class _Succeeded(_Ended):
    def __init__(self, headers: tuple[Metadatum, ...]) -> None:
        self._headers = headers


class RestRpcError(_Ended, RpcError):
    """A call failed; the `GemtuneError` that says why is its `__cause__`, in a copy or a pickle of it too."""

    def __init__(
        self,
        error: GemtuneError,
        *,
        late: bool = False,
        headers: tuple[Metadatum, ...] = (),
    ) -> None:
        """What a stub's users catch.

        Args:
            error: Why the call failed.
            late: Whether its deadline had passed.
            headers: The answer's.
        """
        RpcError.__init__(self, str(error))
        self.__cause__ = self._error = error
        self._headers = headers
        self._details = error.message if isinstance(error, ApiError) else str(error)
        if isinstance(error, ApiError):
            self._status = _CODES.get(error.code, StatusCode.UNKNOWN)
            if error.details:
                status = status_from_error(error).SerializeToString()
                self._trailers = (Metadatum("grpc-status-details-bin", status),)
        elif isinstance(error, TransportError):
            # Retries of other libraries send again what is UNAVAILABLE. An answer that cannot be read is none of it:
            # the service may have done what was asked. INTERNAL is what gRPC itself says of such an answer.
            unread = error.final or error.answered
            here = StatusCode.INTERNAL if unread else StatusCode.UNAVAILABLE
            self._status = StatusCode.DEADLINE_EXCEEDED if late else here
        elif isinstance(error, ConfigurationError):
            self._status = StatusCode.FAILED_PRECONDITION
        else:
            self._status = StatusCode.INVALID_ARGUMENT

    def __reduce__(self) -> tuple[Callable[..., RestRpcError], tuple[Any, ...]]:
        # Exception's own pickling calls the class with `args`, and loses the cause.
        return _again, (type(self), self.args, self.__dict__)

    def debug_error_string(self) -> str:
        """The whole of the error in one string, as grpcio's errors have it."""
        return f"{self._status.name}: {self}"


def _again(cls: type[RestRpcError], args: tuple[Any, ...], state: dict[str, Any]) -> RestRpcError:
    error = cls.__new__(cls)
    error.args = args
    vars(error).update(state)
    error.__cause__ = state["_error"]
    return error


class RestChannel(Channel):
    """Carries the unary calls of generated stubs as REST JSON. May be shared by threads; a context manager.

    >>> stub = gemtune.TuningServiceStub(gemtune.RestChannel("https://us-central1-aiplatform.googleapis.com"))
    >>> stub.GetTuningJob(gemtune.GetTuningJobRequest(name=...), timeout=10)

    Verb, path, query and body come from the `google.api.http` annotation of each method. Metadata travel as headers. A
    failure is raised as a `grpc.RpcError` with `code()`, `details()` and `trailing_metadata()`; its `__cause__` is the
    `ApiError` or `TransportError`. Streaming methods, and those without an annotation, are refused when called.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        credentials: Credentials | None = None,
        api_version: str | None = None,
        connections: int = 32,
        application: str | None = None,
        http_rules: mixins.Rules = None,
        max_answer_bytes: int = MAX_ANSWER,
    ) -> None:
        """Opens nothing yet.

        Args:
            endpoint: `https://host[:port]`, or `http://host:port` of this machine.
            credentials: From google-auth; None: Application Default Credentials, when first needed.
            api_version: Picks the HTTP bindings whose path begins with it; None: the first that fits a request.
            connections: How many connections are kept alive, and how many futures run at once.
            application: A token of your program for the user agent, such as `my-pipeline/1.2`.
            http_rules: HTTP rules in place of those in the methods' annotations: a `google.api.Service`, a
                `google.api.Http`, `HttpRule`s with selectors, or a mapping of selector to `HttpRule` (or to a list of
                mappings with `method`, `uri` and `body`, as google-api-core has them in `http_options`).
            max_answer_bytes: Bytes that an answer may have, unpacked; a longer one is an error.

        Raises:
            ConfigurationError: The endpoint is none, or `http_rules` are no rules.
        """
        self._api_version = api_version
        self._rules = mixins.rules_by_method(http_rules)
        self._transport = RestTransport(
            endpoint,
            credentials=credentials,
            api_version=api_version,
            connections=connections,
            application=application,
            max_answer_bytes=max_answer_bytes,
        )
        self._workers = connections
        self._lock = threading.Lock()
        self._pool: concurrent.futures.ThreadPoolExecutor | None = None

    def unary_unary(
        self,
        method: str,
        request_serializer: Callable[[Any], bytes] | None = None,
        response_deserializer: Callable[[bytes], Any] | None = None,
        _registered_method: bool | None = False,
    ) -> Any:
        """A callable for one unary method, as a stub asks for it.

        Args:
            method: `/package.Service/Method`. The service has to be described in this process: the module with its
                messages is imported, as it is wherever its stub is.
            request_serializer: A request -> bytes; None: requests are bytes.
            response_deserializer: Bytes -> an answer; None: answers are bytes.
        """
        return _UnaryUnary(self, method, request_serializer, response_deserializer)

    def unary_stream(self, method: str, *_: Any, **__: Any) -> Any:
        """A callable that refuses: nothing streams over this channel."""
        return _Refused(method)

    def stream_unary(self, method: str, *_: Any, **__: Any) -> Any:
        """A callable that refuses: nothing streams over this channel."""
        return _Refused(method)

    def stream_stream(self, method: str, *_: Any, **__: Any) -> Any:
        """A callable that refuses: nothing streams over this channel."""
        return _Refused(method)

    def subscribe(self, callback: Callable[[Any], object], try_to_connect: bool | None = False) -> None:  # noqa: ARG002
        """Tells `callback` once that the channel is ready: connections are made when they are needed."""
        from grpc import ChannelConnectivity

        callback(ChannelConnectivity.READY)

    def unsubscribe(self, callback: Callable[[Any], object]) -> None:
        """Does nothing: there are no further changes to tell of."""

    def close(self) -> None:
        """Closes the connections, after the futures under way. A later call opens new ones."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- for the callables ------------------------------------------------------------------------------------------

    def find(self, path: str) -> Method:
        """The method that a stub calls `path`, as it goes over HTTP here.

        Raises:
            KeyError: No module that describes its service has been imported.
        """
        method = find_method(path)
        rule = self._rules.get(method.full_name) or mixins.default_rule(method, self._api_version)
        return method if rule is None else with_rule(method, rule)

    def carry(self, method: Method, request: Message, exchange: Exchange, metadata: Any) -> Message:
        """Sends one request; raises what a stub's users catch."""
        try:
            answer = self._transport.exchange(method, request, exchange, metadata)
            if rows := unreadable(answer):  # a stub's user has no way to hear of them
                raise TransportError(f"a part of the answer is missing: {rows[0]}", maybe_sent=True, answered=True)
            return answer
        except GemtuneError as error:
            failure = error
        late = time.monotonic() >= exchange.deadline
        raise RestRpcError(failure, late=late, headers=_metadata(exchange))

    def later(self, work: Callable[[], None]) -> None:
        """Has `work` done by a thread."""
        with self._lock:
            if self._pool is None:
                self._pool = concurrent.futures.ThreadPoolExecutor(self._workers, thread_name_prefix="gemtune")
            self._pool.submit(work)


def _metadata(exchange: Exchange) -> tuple[Metadatum, ...]:
    return tuple(Metadatum(key.lower(), value) for key, value in exchange.headers.items())


def _refuse(sentence: str, kind: type[ApiError] = Unimplemented) -> NoReturn:
    raise RestRpcError(kind(sentence))


def _deadline(timeout: Any) -> float:
    if timeout is None:
        return math.inf
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or math.isnan(timeout):
        _refuse(f"timeout is {timeout!r}; give seconds, or None for no limit", InvalidArgument)
    return time.monotonic() + timeout


def _pairs(metadata: Any) -> list[tuple[str, str | bytes]]:
    """Metadata as pairs, whatever a caller gave."""
    try:
        pairs: list[Any] = [(key, value) for key, value in metadata or ()]
    except (TypeError, ValueError):
        pairs = [(None, None)]
    if not all(isinstance(key, str) and isinstance(value, (str, bytes)) for key, value in pairs):
        _refuse("metadata are pairs of a name and a str (bytes, where the name ends in -bin)", InvalidArgument)
    return pairs


class _Refused:
    """In place of a streaming method: a stub with such a method can be made, and its other methods work."""

    def __init__(self, method: str) -> None:
        self._method = method.lstrip("/")

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        _refuse(f"{self._method} streams, and a RestChannel carries unary methods only; use a gRPC channel for it")

    with_call = future = __call__


class _UnaryUnary:
    """Calls one method; the interface of `grpc.UnaryUnaryMultiCallable`."""

    def __init__(
        self,
        channel: RestChannel,
        path: str,
        serialize: Callable[[Any], bytes] | None,
        deserialize: Callable[[bytes], Any] | None,
    ) -> None:
        self._channel = channel
        self._path = path
        self._serialize = serialize
        self._deserialize = deserialize
        self._found: Method | None = None

    def __call__(  # noqa: PLR0917  the interface's
        self,
        request: Any,
        timeout: float | None = None,
        metadata: Iterable[tuple[str, str | bytes]] | None = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> Any:
        """Sends `request` and returns the answer.

        Args:
            request: The request, as the stub's serializer takes it.
            timeout: Seconds for the whole call; None: no limit.
            metadata: Sent as headers.
            credentials: Not taken: give `RestChannel` credentials of google-auth.
            wait_for_ready: Without meaning here.
            compression: Without meaning here; answers may come compressed.
        """
        return self.with_call(request, timeout, metadata, credentials, wait_for_ready, compression)[0]

    def with_call(  # noqa: PLR0917  the interface's
        self,
        request: Any,
        timeout: float | None = None,
        metadata: Iterable[tuple[str, str | bytes]] | None = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,  # noqa: ARG002
        compression: Any = None,  # noqa: ARG002
    ) -> tuple[Any, Call]:
        """As `__call__`; returns the answer and the call, which has the headers."""
        _without_call_credentials(credentials)
        method, pairs = self._method(), _pairs(metadata)
        exchange = Exchange(_deadline(timeout))
        answer = self._channel.carry(method, self._message(method, request), exchange, pairs)
        return self._answer(method, answer), _Succeeded(_metadata(exchange))

    def future(  # noqa: PLR0917  the interface's
        self,
        request: Any,
        timeout: float | None = None,
        metadata: Iterable[tuple[str, str | bytes]] | None = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,  # noqa: ARG002
        compression: Any = None,  # noqa: ARG002
    ) -> Any:
        """As `__call__`, on a thread of the channel's; returns at once."""
        _without_call_credentials(credentials)
        method, pairs = self._method(), _pairs(metadata)
        message = self._message(method, request)
        exchange = Exchange(_deadline(timeout))
        future = _RestFuture(
            exchange, lambda: self._answer(method, self._channel.carry(method, message, exchange, pairs))
        )
        self._channel.later(future.work)
        return future

    def _method(self) -> Method:
        if self._found is None:
            try:
                method = self._channel.find(self._path)
            except KeyError:
                _refuse(
                    f"{self._path.lstrip('/')} is described by no module that is imported; import the _pb2 module with "
                    "its service"
                )
            if method.streaming:
                _refuse(f"{method.full_name} streams, and a RestChannel carries unary methods only; use a gRPC channel")
            if not method.bindings:
                _refuse(f"{method.full_name} {method.why_not_rest}; give RestChannel http_rules=, or use gRPC for it")
            self._found = method
        return self._found

    def _message(self, method: Method, request: Any) -> Message:
        if isinstance(request, method.input_type):
            return request
        # Another class for the same bytes: proto-plus, a pool of the caller's.
        try:
            return method.input_type.FromString(request if self._serialize is None else self._serialize(request))
        except Exception as error:  # a serializer is the caller's, and may raise anything
            failure = f"the request is no {method.input_type.DESCRIPTOR.name}: {type(error).__name__}"
        _refuse(failure, Internal)  # as grpcio says it

    def _answer(self, method: Method, answer: Message) -> Any:
        if self._deserialize == method.output_type.FromString:
            return answer
        data = answer.SerializePartialToString()
        if self._deserialize is None:
            return data
        try:
            return self._deserialize(data)
        except Exception as error:  # as above
            failure = f"the answer cannot be read by the stub's deserializer: {type(error).__name__}"
        _refuse(failure, Internal)


def _without_call_credentials(credentials: Any) -> None:
    if credentials is not None:
        raise RestRpcError(
            ConfigurationError("call credentials are gRPC's own; give RestChannel credentials= of google-auth")
        )


class _RestFuture(Future, Call):  # type: ignore[type-arg]  # pyright: ignore[reportMissingTypeArgument]  # no generic at run time
    """A call under way on a thread."""

    def __init__(self, exchange: Exchange, work: Callable[[], Any]) -> None:
        self._exchange = exchange
        self._work = work
        self._outcome: concurrent.futures.Future[Any] = concurrent.futures.Future()

    def work(self) -> None:
        """Does it, in the thread that it runs on."""
        if self._outcome.cancelled():
            return
        try:
            answer = self._work()
        except BaseException as error:
            with contextlib.suppress(concurrent.futures.InvalidStateError):  # it has been cancelled
                self._outcome.set_exception(error)
        else:
            with contextlib.suppress(concurrent.futures.InvalidStateError):
                self._outcome.set_result(answer)

    def cancel(self) -> bool:
        """Cancels the request, if it is not over; the service may have acted on it all the same."""
        if self._outcome.done() or not self._outcome.cancel():
            return False
        self._exchange.abort()
        return True

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._outcome.cancelled()

    def running(self) -> bool:
        """Whether it is under way."""
        return not self._outcome.done()

    def is_active(self) -> bool:
        """Whether it is under way."""
        return not self._outcome.done()

    def done(self) -> bool:
        """Whether it is over."""
        return self._outcome.done()

    def time_remaining(self) -> Any:
        """Seconds until its deadline; None: it has none."""
        return None if self._exchange.deadline == math.inf else max(self._exchange.deadline - time.monotonic(), 0)

    def result(self, timeout: float | None = None) -> Any:
        """The answer; raises what the call raised, `grpc.FutureCancelledError` or `grpc.FutureTimeoutError`."""
        with self._grpc_errors():
            return self._outcome.result(timeout)

    def exception(self, timeout: float | None = None) -> Any:
        """What the call raised; None when it succeeded."""
        with self._grpc_errors():
            return self._outcome.exception(timeout)

    def traceback(self, timeout: float | None = None) -> TracebackType | None:
        """Where it raised that."""
        error = self.exception(timeout)
        return None if error is None else error.__traceback__

    @contextlib.contextmanager
    def _grpc_errors(self) -> Any:
        try:
            yield
        except concurrent.futures.CancelledError:
            raise FutureCancelledError from None
        except concurrent.futures.TimeoutError:
            raise FutureTimeoutError from None

    def add_done_callback(self, fn: Callable[[Any], Any]) -> None:
        """Calls `fn` with this future when it is over, or at once."""
        self._outcome.add_done_callback(lambda _: fn(self))

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Calls `callback` when it is over; False when it is over already."""
        if self._outcome.done():
            return False
        self._outcome.add_done_callback(lambda _: callback())
        return True

    def _end(self) -> _Ended:
        """What there is to know of it, once it is over."""
        try:
            error = self._outcome.exception()
        except concurrent.futures.CancelledError:
            return RestRpcError(Cancelled("cancelled on this side"))
        return error if isinstance(error, _Ended) else _Succeeded(_metadata(self._exchange))

    def code(self) -> StatusCode:
        """The status; waits for the end, as the next three do."""
        return self._end().code()

    def details(self) -> str:
        """What the service, or this side, says of it."""
        return self._end().details()

    def initial_metadata(self) -> Any:
        """The answer's HTTP headers."""
        return self._end().initial_metadata()

    def trailing_metadata(self) -> Any:
        """`grpc-status-details-bin`, where the service gave details."""
        return self._end().trailing_metadata()
