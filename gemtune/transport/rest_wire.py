"""REST without I/O: a message as verb, URL, headers and body, and an answer or a failure as what the caller gets.

Pure functions, shared by the blocking transport and the one over aiohttp.
"""

from __future__ import annotations

import logging
import platform
import re
import ssl
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from google.api import httpbody_pb2
from google.protobuf.message import Message

from gemtune import safe_text
from gemtune._version import __version__
from gemtune.errors import ConfigurationError, JsonError, TransportError
from gemtune.rpc import http_rule, nesting
from gemtune.rpc.methods import Method
from gemtune.rpc.status import error_from_http
from gemtune.safe_text import origin, without
from gemtune.settings import Endpoint
from gemtune.transport import list_rows, request_id, unknown_log
from gemtune.transport.connection_errors import reason, within
from gemtune.transport.response_body import BodyError, BodyTooLong
from gemtune.transport.tls import untrusted

__all__ = [
    "WireRequest",
    "failed",
    "identity",
    "late",
    "metadata_headers",
    "metadata_pairs",
    "proxy_of",
    "read",
    "routing",
    "secrets_of",
    "unreachable",
    "write",
]

logger = safe_text.logger("gemtune.http")

CONNECT_TIMEOUT = 10.0
"""Seconds for a connection to stand; a host that is there answers in one. Less, where the call has less left."""

_SHOWN = 200  # characters of a body that is not an answer, in an error
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?:/[A-Za-z0-9!#$%&'*+.^_`|~-]+)?")
_HEADER_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
_HOP_BY_HOP = frozenset("connection content-length host keep-alive te trailer transfer-encoding upgrade".split())


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request as it goes over HTTP, but for the headers that authenticate it.

    Attributes:
        method: The rpc.
        binding: The HTTP binding it goes by.
        verb: The HTTP method.
        url: With its query, percent-encoded.
        headers: By lower-case name.
        body: The body's bytes; None when there is none.
    """

    method: Method
    binding: http_rule.Binding
    verb: str
    url: str
    headers: dict[str, str]
    body: bytes | None

    @property
    def where(self) -> str:
        """The URL as errors show it: without the query."""
        return self.url.split("?", 1)[0]


def identity(library: str, application: str | None = None) -> dict[str, str]:
    """The headers that say which program asks.

    Args:
        library: What carries the request, such as `requests/2.32.3`.
        application: A token of the caller's program, `name/version`, put first.

    Raises:
        ConfigurationError: `application` is no such token.
    """
    if application is not None and not _TOKEN.fullmatch(application):
        raise ConfigurationError(f"application {application!r} is not a token; one looks like my-pipeline/1.2")
    python = platform.python_version()
    agent = f"gemtune/{__version__} python/{python} {library}"
    return {
        "user-agent": f"{application} {agent}" if application else agent,
        "x-goog-api-client": f"gl-python/{python} gemtune/{__version__} {library}",
    }


@lru_cache(maxsize=1024)
def routing(method: Method, resource: str) -> str:
    """The value of `x-goog-request-params`, by which Google's front ends route a request."""
    return f"{method.routing_field}={quote(resource)}"


def write(
    method: Method,
    request: Message,
    *,
    endpoint: Endpoint,
    resource: str,
    api_version: str | None,
    who: Mapping[str, str],
) -> WireRequest:
    """How a request goes over HTTP.

    Args:
        method: The rpc.
        request: Its message.
        endpoint: Where it goes.
        resource: The resource name in `request`; "" when there is none.
        api_version: Picks the HTTP binding; None: the first that fits.
        who: The headers of `identity`.

    Raises:
        SpecInvalid: A field that the path needs is missing or malformed, or has no form in a query.
        Unimplemented: The method has no HTTP binding.
        JsonError: The message has no JSON form.
    """
    http = http_rule.expand(method, request, api_version=api_version)
    query = f"?{urlencode(http.query)}" if http.query else ""
    headers = {"accept": "application/json", "accept-encoding": "gzip, deflate", **who}
    body = http.body
    raw = _raw_body(http.binding, request)
    if raw is not None:
        body = raw.data
        headers["content-type"] = _checked("content_type", raw.content_type) or "application/octet-stream"
    elif body is not None:
        headers["content-type"] = "application/json"
    if resource:
        headers["x-goog-request-params"] = routing(method, resource)
    return WireRequest(method, http.binding, http.verb, f"{endpoint.url}{http.path}{query}", headers, body)


def _raw_body(binding: http_rule.Binding, request: Message) -> Any:
    """The `google.api.HttpBody` that is the request's body, unchanged; None: the body is JSON."""
    if not binding.body:
        return None
    part: Any = request if binding.body == "*" else getattr(request, binding.body)
    return part if isinstance(part, httpbody_pb2.HttpBody) else None


def metadata_pairs(metadata: Iterable[tuple[str, str | bytes]]) -> list[tuple[str, str | bytes]]:
    """A caller's metadata as they may be sent: bytes under names that end in `-bin`, and texts under all others.

    Raises:
        ConfigurationError: A name or a value cannot be a header, or would talk of the connection and not of the call.
    """
    pairs: list[tuple[str, str | bytes]] = []
    for key, value in metadata:
        name = key.lower()
        if not _HEADER_NAME.fullmatch(name) or name in _HOP_BY_HOP:
            raise ConfigurationError(f"metadata {key!r} cannot be sent as a header; leave it out")
        if name.endswith("-bin"):
            if not isinstance(value, bytes):
                raise ConfigurationError(f"metadata {key!r} takes bytes, as its name ends in -bin")
            pairs.append((name, value))
        else:
            text = value.decode("ascii", "replace") if isinstance(value, bytes) else value
            pairs.append((name, _checked(name, text)))
    return pairs


def metadata_headers(metadata: Iterable[tuple[str, str | bytes]]) -> dict[str, str]:
    """A caller's metadata as HTTP headers; bytes go as base64.

    Raises:
        ConfigurationError: As `metadata_pairs`.
    """
    pairs = metadata_pairs(metadata)
    return {name: b64encode(value).decode() if isinstance(value, bytes) else value for name, value in pairs}


def _checked(name: str, value: str) -> str:
    if not _HEADER_VALUE.fullmatch(value):
        raise ConfigurationError(f"the value of {name} cannot be sent as a header; it may be printable ASCII alone")
    return value


def read(
    sent: WireRequest, http_status: int, headers: Mapping[str, str], body: bytes, *, secrets: Sequence[str] = ()
) -> Message:
    """What an answer means.

    Args:
        sent: The request that it answers.
        http_status: Its HTTP status.
        headers: Its headers, found by lower-case name.
        body: Its body, decoded.
        secrets: What the request held that must not be shown, whatever the server sends back.

    Raises:
        ApiError: The service answered with an error.
        TransportError: It is a redirect, or cannot be read.
    """
    its_id = headers.get("x-goog-request-id") or headers.get("x-request-id")
    request_id.set(without(its_id, secrets) if its_id else None)
    if logger.level == logging.DEBUG:  # by its name, that is: `gemtune` has a line for each attempt already
        logger.debug('"%s %s HTTP/1.1" %d %d', sent.verb, urlsplit(sent.url).path, http_status, len(body))
    content_type = headers.get("content-type", "")
    if 300 <= http_status < 400 and "location" in headers:
        raise TransportError(
            f"{sent.where} redirects to {_place(sent, headers['location'])}; redirects are not followed: set the "
            "endpoint that is meant",
            maybe_sent=True,  # many a service answers what it has done by sending one elsewhere, under any of these
            final=True,
            answered=True,
        )
    if not 200 <= http_status < 300:
        raise error_from_http(
            http_status,
            body,
            content_type=content_type,
            where=sent.where,
            request_id=its_id,
            retry_after=headers.get("retry-after"),
        )
    answer = _raw_answer(sent, content_type, body)
    if answer is not None:
        return answer
    ignored: list[tuple[str, Any]] = []

    def note(path: str, value: Any) -> None:
        ignored.append((path, value))

    try:
        message = http_rule.read_answer(sent.binding, body, sent.method.output_type, on_unknown=note)
    except JsonError as error:
        ignored.clear()
        page = None
        if not sent.binding.response_body:
            page = list_rows.read_page(body, sent.method.output_type, on_unknown=note, secrets=secrets)
        if page is None:
            came = body[:_SHOWN].decode(errors="replace")
            raise TransportError(
                f"{sent.where} answered {http_status} with something that is not a "
                f"{sent.method.output_type.DESCRIPTOR.name} ({error}): {came!r}",
                maybe_sent=True,
                answered=True,
                final=_is_json(body),
            ) from error
        message = page
    if ignored:
        unknown_log.keep_and_log(message, ignored, secrets)
    return message


def _is_json(body: bytes) -> bool:
    """Whether a body is whole: what was cut may come whole another time, what is whole and wrong will not."""
    try:
        nesting.loads(body)
    except JsonError:  # nested too deeply: so it is when it comes again
        return True
    except ValueError:
        return False
    return True


def _place(sent: WireRequest, location: str) -> str:
    """Where an answer redirects to, as it may be shown: a path may hold a secret as well as a query."""
    if location.startswith("//"):
        location = f"{urlsplit(sent.url).scheme}:{location}"
    if location.startswith("/"):
        return "another path of the same host"
    return origin(location) or "somewhere that is not a URL"


def _raw_answer(sent: WireRequest, content_type: str, body: bytes) -> Message | None:
    """The answer where it is, or holds as its body, a `google.api.HttpBody`: bytes of any type."""
    answer: Any = sent.method.output_type()
    part = getattr(answer, sent.binding.response_body) if sent.binding.response_body else answer
    if not isinstance(part, httpbody_pb2.HttpBody):
        return None
    part.content_type, part.data = content_type, body
    return answer


def late(where: str, *, sent: bool) -> TransportError:
    """The deadline passed."""
    return TransportError(f"{where} did not answer in time", maybe_sent=sent)


def failed(where: str, error: BaseException, *, sent: bool, answered: bool, is_late: bool) -> TransportError:
    """Why there is no answer that can be read.

    Args:
        where: The URL, as errors show it.
        error: What broke; the library's.
        sent: Whether a byte of the request may have left.
        answered: Whether a byte came back.
        is_late: Whether the deadline has passed.
    """
    if isinstance(error, BodyError):
        words = f"{where} answered with a body that cannot be read: {error}"
        return TransportError(words, maybe_sent=True, final=isinstance(error, BodyTooLong), answered=True)
    failure = late(where, sent=sent) if is_late else unreachable(where, error, sent=sent)
    failure.answered = answered
    return failure


def unreachable(where: str, error: BaseException, *, sent: bool) -> TransportError:
    """No connection could be had, or it broke; `error` is the library's."""
    causes = list(within(error))
    no_tls = (isinstance(one, ssl.SSLError) and getattr(one, "reason", "") == "WRONG_VERSION_NUMBER" for one in causes)
    if not sent and any(no_tls):
        words = f"{where} does not speak TLS; if it is an emulator: {where.replace('https', 'http', 1)}"
        return TransportError(words, maybe_sent=False, final=True)
    refused = [one for one in causes if isinstance(one, ssl.SSLCertVerificationError)]
    if refused:
        knows = next((one for one in refused if hasattr(one, "verify_code")), None)  # aiohttp's own does not
        why = untrusted(knows) if knows is not None else "the certificate was refused"
        return TransportError(f"{where} is not trusted: {why}", maybe_sent=False, final=True)
    if sent:
        words = f"the connection to {where} broke before the answer was whole: {reason(error)}"
        return TransportError(words, maybe_sent=True)
    return TransportError(f"{where} could not be reached: {reason(error, where)}", maybe_sent=False)


def proxy_of(endpoint: Endpoint) -> str | None:
    """The proxy that stands before an endpoint, as HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY say.

    Loopback is never proxied, whatever HTTP_PROXY says and NO_PROXY leaves out.

    Raises:
        ConfigurationError: What they say is not a proxy's URL. It is not shown, for it may hold a password.
    """
    if endpoint.loopback:
        return None
    from requests.utils import get_environ_proxies, select_proxy

    proxy = select_proxy(endpoint.url, get_environ_proxies(endpoint.url))
    if not proxy:
        return None
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        fits = parts.hostname and (parts.port or True) and not (parts.path.strip("/") or parts.query or parts.fragment)
    except ValueError:
        fits = False
    if not fits:
        raise ConfigurationError(
            "the proxy that the environment names (HTTPS_PROXY, HTTP_PROXY or ALL_PROXY) is not a URL like "
            "http://user:password@host:3128; percent-encode what is special in its password"
        )
    return proxy


_SECRET_HEADER = re.compile(r"auth|key|token|secret|cookie|password|assertion", re.IGNORECASE)


def secrets_of(headers: Iterable[tuple[str, Any]]) -> tuple[str, ...]:
    """The secrets among the headers of a request: of `Bearer TOKEN` the token, the longest ones first."""
    found: set[str] = set()
    for name, value in headers:
        if isinstance(value, str) and _SECRET_HEADER.search(name):
            found |= {value, value.rpartition(" ")[2]}
    return tuple(sorted(found, key=len, reverse=True))
