"""The REST front end: an ASGI application over the service. Paths, queries and bodies are read by `http_rule`.

The front end adds what belongs only to HTTP and JSON: authorization, a limit for bodies, the system parameters of
Google's APIs, the forms of errors.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import hmac
import json
import re
import time
import traceback
from collections.abc import Callable, Iterable
from typing import Any, cast
from urllib.parse import parse_qsl

from google.api import http_pb2
from google.cloud.location import locations_pb2
from google.protobuf.message import Message
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gemtune.descriptors import is_well_known
from gemtune.emulator.bounds import check_json
from gemtune.emulator.broken_responses import BrokenResponse, Connections
from gemtune.emulator.control import Control, is_control
from gemtune.emulator.cut_paths import HEALTH, lacking
from gemtune.emulator.faults import NONE, ConnectionDropped, FaultyService
from gemtune.emulator.json_errors import explain, without_trailing_commas
from gemtune.emulator.lone_values import as_lists
from gemtune.emulator.origins import check_origin
from gemtune.emulator.service import Service
from gemtune.errors import ApiError, Internal, InvalidArgument, NotFound, Unauthenticated
from gemtune.rpc.http_rule import Match, Router, bindings, write_answer
from gemtune.rpc.methods import Method, service_methods
from gemtune.rpc.status import http_from_error
from gemtune_pb.v1 import prediction_service_pb2, tuning_service_pb2

__all__ = ["RestFrontEnd", "answer"]

LARGEST_BODY = 10 * 2**20
"""Bytes. A create is a few thousand."""

_DRAINED = 10 * LARGEST_BODY  # of a body that is too large, so that its sender gets to read the answer

FILTERED_AT_ONCE = 2
"""Lists with a filter, which may look at many jobs: the others wait, and leave the threads to short calls."""

MOST_HEADERS = 100
"""Of one request; browsers and Google's clients send a dozen. The server itself bounds their size, to 64 KiB."""

_READABLE = 64 * 2**10  # bytes of an answer that is written for reading, as the service's are; it doubles the time

_HEADERS = {"content-type": "application/json; charset=UTF-8", "server": "ESF"}

# Google's service configuration of the API gives the services that it shares with other APIs paths of its own, beside
# those of their annotations (aiplatform_v1.yaml in googleapis); the generated clients ask there.
_SHARED: Iterable[tuple[Any, str, list[str]]] = (
    (
        locations_pb2,
        "Locations.ListLocations",
        [f"/{v}/{{name=projects/*}}/locations" for v in ("v1", "v1beta1", "ui")],
    ),
    (
        locations_pb2,
        "Locations.GetLocation",
        [f"/{v}/{{name=projects/*/locations/*}}" for v in ("v1", "v1beta1", "ui")],
    ),
)


def _served() -> Iterable[Method]:
    yield from service_methods(tuning_service_pb2.DESCRIPTOR.services_by_name["TuningService"]).values()
    yield from service_methods(prediction_service_pb2.DESCRIPTOR.services_by_name["PredictionService"]).values()
    for module, name, paths in _SHARED:
        service, _, rpc = name.partition(".")
        method = service_methods(module.DESCRIPTOR.services_by_name[service])[rpc]
        rule = http_pb2.HttpRule(get=paths[0], additional_bindings=[http_pb2.HttpRule(get=path) for path in paths[1:]])
        descriptor: Any = method.input_type.DESCRIPTOR
        yield dataclasses.replace(method, bindings=bindings(rule, descriptor))


ROUTER = Router(_served())


class RestFrontEnd:
    """An ASGI application that carries requests to a service."""

    def __init__(
        self,
        service: Service,
        *,
        token: str | None = None,
        log: Callable[[str], None] | None = None,
        control: Control | None = None,
        connections: Connections | None = None,
        loopback: bool = True,
    ) -> None:
        """Serves nothing yet; a server such as uvicorn calls it.

        Args:
            service: What answers.
            token: Requests must carry it as `Authorization: Bearer TOKEN`; None: nothing is asked.
            log: Is given a line a request, and what went wrong inside; None: silence.
            control: What tests ask for; None: nobody else holds it.
            connections: Those of the server, to break them on demand.
            loopback: Whether it listens for this machine alone. Without a token, requests must call it by a name of
                this machine then.
        """
        self._service = service
        self._token = token
        self._log = log
        self._control = control or Control()
        self._connections = connections or Connections()
        self._filtering = asyncio.Semaphore(FILTERED_AT_ONCE)
        self._any_host = token is not None or not loopback  # no page knows the token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; see the ASGI specification."""
        begun = time.perf_counter()
        request = Request(scope, receive)
        fault = NONE
        retry_after: float | None = None
        try:
            sent = await _read(request)  # to its end, whatever the answer: a client that still sends may not read it
            check_origin(request.headers, any_host=self._any_host)
            self._authorize(request)
            faulty = FaultyService(self._service, self._control.faults, request.headers, "REST")
            try:
                status, body = 200, await self._answer(faulty, request, sent)
            finally:
                fault = faulty.fault
        except ApiError as error:
            status, body = http_from_error(error)
            retry_after = error.retry_after
        except ConnectionDropped:
            status, body = 0, b""
        except ClientDisconnect:
            return
        except Exception as error:
            if self._log:
                self._log("".join(traceback.format_exception(error)))
            status, body = http_from_error(Internal("Internal error encountered."))
        if self._log:  # before the answer: who has it finds its line in the log
            self._log(_line(request, status, time.perf_counter() - begun))
        headers = _HEADERS | ({"www-authenticate": "Bearer"} if status == 401 else {})
        if retry_after is not None:
            headers |= {"retry-after": f"{retry_after:g}"}
        if fault is NONE:
            await Response(body, status, headers)(scope, receive, send)
        else:
            spoiled = BrokenResponse(fault, body, status, headers)
            await spoiled.send(scope, receive, send, connections=self._connections)

    def _authorize(self, request: Request) -> None:
        if self._token is None:
            return
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            raise Unauthenticated(
                "Request had invalid authentication credentials. Expected Authorization: Bearer TOKEN, with the token "
                "that the emulator was started with."
            )

    async def _answer(self, faulty: FaultyService, request: Request, body: bytes) -> bytes:
        path = _path(request)
        if is_control(path):
            return self._control.answer(request.method, path, body)
        query = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        # A thread: the service waits for the disk, and large bodies take their time to read.
        act = functools.partial(answer, faulty, request.method, path, query=query, body=body)
        if not any(name == "filter" for name, _ in query):
            return await asyncio.to_thread(act)
        async with self._filtering:
            if await request.is_disconnected():  # while it waited
                raise ClientDisconnect
            return await asyncio.to_thread(act)


def answer(
    service: Service | FaultyService, verb: str, path: str, *, query: list[tuple[str, str]], body: bytes
) -> bytes:
    """The body of the answer to a request.

    Args:
        service: What answers.
        verb: The HTTP method.
        path: The path as it came, still percent-encoded.
        query: The query's pairs, decoded.
        body: The body's bytes; empty when there is none.

    Raises:
        ApiError: The request is refused.
    """
    form = _form(dict(query))
    check_json(body)
    try:
        match = _match(verb, path, query, body)
    except NotFound as refusal:
        raise _not_found(refusal, path) from None
    message = service.handle(match.method, match.message, api_version=match.api_version)
    return form.write(match, message)


def _not_found(refusal: NotFound, path: str) -> NotFound:
    more = [lacking(path)] if lacking(path) else []
    if path == "/":
        more.append(f"GET {HEALTH} tells whether the emulator answers")
    return NotFound("; ".join([refusal.message, *more]))


# -- reading ------------------------------------------------------------------------------------------------------


def _path(request: Request) -> str:
    """The path as it came, still percent-encoded."""
    return cast("bytes", request.scope["raw_path"]).decode("latin-1")


async def _read(request: Request) -> bytes:
    chunks: list[bytes] = []
    size = 0
    if len(request.headers) > MOST_HEADERS:
        raise InvalidArgument(f"the request has more than {MOST_HEADERS} headers", http_status=431)
    async for chunk in request.stream():
        size += len(chunk)
        if size <= LARGEST_BODY:
            chunks.append(chunk)
        elif size > _DRAINED:
            break
    if size > LARGEST_BODY:
        raise InvalidArgument(f"the body is larger than {LARGEST_BODY} bytes", http_status=413)
    if request.headers.get("content-encoding", "identity") != "identity":
        raise InvalidArgument("a compressed body is not read; send it without content-encoding", http_status=415)
    return b"".join(chunks)


def _match(verb: str, path: str, query: list[tuple[str, str]], body: bytes) -> Match:
    try:
        match = ROUTER.match(verb, path, query, body)
    except InvalidArgument as refusal:
        bare = _without_body(verb, path, query)
        if not bare.binding.body or not body.strip():
            raise
        mended = as_lists(without_trailing_commas(body), _body_type(bare))
        error = _explained(bare, mended) or (refusal if mended == body else None)
        if error is not None:
            raise error from None
        match, body = ROUTER.match(verb, path, query, mended), mended
    strange = _strange(match, query, body)
    if strange is not None:
        raise strange
    return match


def _strange(match: Match, query: list[tuple[str, str]], body: bytes) -> InvalidArgument | None:
    """What the codec takes for a number or a time, and the service does not."""
    descriptor: Any = match.method.input_type.DESCRIPTOR
    fields = json.dumps({name: value for name, value in query if _field_of(descriptor, name) is not None}).encode()
    error = explain(fields, descriptor, path="", package=_package(match), was_read=True)
    if error is None and match.binding.body and body.strip():
        error = _explained(match, body, was_read=True)
    return error


def _field_of(descriptor: Any, name: str) -> Any:
    return next((field for field in descriptor.fields if name in (field.name, field.json_name)), None)


def _without_body(verb: str, path: str, query: list[tuple[str, str]]) -> Match:
    """What path and query alone say; raises what is wrong with them."""
    try:
        return ROUTER.match(verb, path, query, b"")
    except InvalidArgument as refusal:
        match = ROUTER.match(verb, path, [], b"")
        descriptor: Any = match.method.input_type.DESCRIPTOR
        fields = json.dumps({name: value for name, value in query if _field_of(descriptor, name) is not None}).encode()
        raise explain(fields, descriptor, path="", package=_package(match)) or refusal from None


def _package(match: Match) -> str:
    """The proto package of the service's own types."""
    return f"google.cloud.aiplatform.{match.api_version}"


def _explained(match: Match, body: bytes, *, was_read: bool = False) -> InvalidArgument | None:
    path = "" if match.binding.body == "*" else match.binding.body
    return explain(body, _body_type(match), path=path, package=_package(match), was_read=was_read)


def _body_type(match: Match) -> Any:
    """The type of the message that a body is."""
    descriptor: Any = match.method.input_type.DESCRIPTOR
    field = match.binding.body
    return descriptor if field == "*" else descriptor.fields_by_name[field].message_type


# -- writing ------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class _Form:
    """How an answer is to be written, as the system parameters ask for it.

    Attributes:
        enum_numbers: Enums as numbers in place of names.
        pretty: Over many lines; None: where a person might read it.
    """

    enum_numbers: bool
    pretty: bool | None

    def write(self, match: Match, answer: Message) -> bytes:
        body = write_answer(match.binding, answer)
        pretty = len(body) <= _READABLE if self.pretty is None else self.pretty
        if not self.enum_numbers and not pretty:
            return body
        value = json.loads(body)
        if self.enum_numbers:
            _number_enums(value, answer.DESCRIPTOR)
        return json.dumps(value, indent=2 if pretty else None, ensure_ascii=False).encode()


def _form(query: dict[str, str]) -> _Form:
    """Reads `alt` (json, or json;enum-encoding=int) and `prettyPrint`; both may begin with a `$`."""
    alt = query.get("$alt", query.get("alt", "json"))
    kind, *options = (word.strip() for word in alt.split(";"))
    if kind != "json":
        raise InvalidArgument(f"alt={alt} is not served; use alt=json")
    pretty = query.get("$prettyPrint", query.get("prettyPrint"))
    return _Form("enum-encoding=int" in options, None if pretty is None else pretty != "false")


def _number_enums(value: Any, descriptor: Any) -> None:
    """Replaces the names of enum values in the JSON of a message by their numbers; not in what an `Any` holds."""
    fields = {field.json_name: field for field in descriptor.fields}
    for key, item in value.items():
        field = fields.get(key)
        if field is None:
            continue
        many: bool = isinstance(item, list)
        items: list[Any] = item if many else [item]
        if field.enum_type is not None:
            numbers = field.enum_type.values_by_name
            found = [numbers[name].number if name in numbers else name for name in items]
            value[key] = found if many else found[0]
        elif field.message_type is not None and not _has_own_json(field.message_type):
            for part in items:
                _number_enums(part, field.message_type)


def _has_own_json(descriptor: Any) -> bool:
    return descriptor.GetOptions().map_entry or is_well_known(descriptor)


def _line(request: Request, status: int, seconds: float) -> str:
    """`10:00:02 POST /v1/…/tuningJobs 200 3 ms  google-genai/3.6`; status 0: it was not answered."""
    path = re.sub(r"projects/[^/]+/locations/[^/]+", "…", _path(request), count=1)
    agent = request.headers.get("user-agent", "-").split(" ")[0]
    line = f"{time.strftime('%H:%M:%S')} {request.method} {path} {status or 'cut'} {seconds * 1e3:.0f} ms  {agent}"
    return "".join(c for c in line if c.isprintable())  # a header may hold what would move a terminal's cursor
