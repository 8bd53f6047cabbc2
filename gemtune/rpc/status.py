"""The two forms of an `ApiError` on the wire: `google.rpc.Status`, and Google's HTTP error body. Both ways.

What is read may be anything: a body that is not Google's, a detail of a type that nobody here knows.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Iterable
from typing import Any

from google.protobuf import any_pb2, message_factory, struct_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, status_pb2

from gemtune._process import let_through
from gemtune.errors import ApiError, Unknown
from gemtune.rpc import codec, nesting

__all__ = ["HTTP_STATUS", "error_from_http", "error_from_status", "http_from_error", "status_from_error"]

HTTP_STATUS: dict[int, int] = {
    code_pb2.OK: 200,
    code_pb2.CANCELLED: 499,
    code_pb2.UNKNOWN: 500,
    code_pb2.INVALID_ARGUMENT: 400,
    code_pb2.DEADLINE_EXCEEDED: 504,
    code_pb2.NOT_FOUND: 404,
    code_pb2.ALREADY_EXISTS: 409,
    code_pb2.PERMISSION_DENIED: 403,
    code_pb2.RESOURCE_EXHAUSTED: 429,
    code_pb2.FAILED_PRECONDITION: 400,
    code_pb2.ABORTED: 409,
    code_pb2.OUT_OF_RANGE: 400,
    code_pb2.UNIMPLEMENTED: 501,
    code_pb2.INTERNAL: 500,
    code_pb2.UNAVAILABLE: 503,
    code_pb2.DATA_LOSS: 500,
    code_pb2.UNAUTHENTICATED: 401,
}
"""`google.rpc.Code` -> HTTP status, as google/rpc/code.proto gives it."""

# The other way round is not one to one: where several codes share a status, the broadest one. Statuses that no code
# has (a proxy's 502, a 405) get the code whose advice to the caller fits.
_CODE_OF_HTTP: dict[int, int] = {
    400: code_pb2.INVALID_ARGUMENT,
    401: code_pb2.UNAUTHENTICATED,
    403: code_pb2.PERMISSION_DENIED,
    404: code_pb2.NOT_FOUND,
    405: code_pb2.UNIMPLEMENTED,
    408: code_pb2.DEADLINE_EXCEEDED,
    409: code_pb2.ABORTED,
    416: code_pb2.OUT_OF_RANGE,
    429: code_pb2.RESOURCE_EXHAUSTED,
    499: code_pb2.CANCELLED,
    500: code_pb2.INTERNAL,
    501: code_pb2.UNIMPLEMENTED,
    502: code_pb2.UNAVAILABLE,
    503: code_pb2.UNAVAILABLE,
    504: code_pb2.DEADLINE_EXCEEDED,
}

_CODE_NAMES = frozenset(code_pb2.Code.keys()) - {"OK"}  # which no error is
_CLASSES: dict[int, type[ApiError]] = {cls.code: cls for cls in ApiError.__subclasses__()}


def _api_error(code: int, message: str, details: Iterable[Message], **context: Any) -> ApiError:
    return _CLASSES.get(code, Unknown)(message, code=code, details=details, **context)


def error_from_status(
    status: status_pb2.Status, *, http_status: int | None = None, request_id: str | None = None
) -> ApiError:
    """The exception for a `google.rpc.Status`, its details unpacked."""
    details = [_unpack(detail) for detail in status.details]
    return _api_error(status.code, status.message, details, http_status=http_status, request_id=request_id)


def status_from_error(error: ApiError) -> status_pb2.Status:
    """The `google.rpc.Status` that says what the exception says."""
    status = status_pb2.Status(code=error.code, message=error.message)
    for detail in error.details:
        if isinstance(detail, any_pb2.Any):  # of a type that nobody here knows
            status.details.append(detail)
        else:
            status.details.add().Pack(detail)
    return status


def error_from_http(
    http_status: int,
    body: bytes,
    *,
    content_type: str = "",
    where: str = "",
    request_id: str | None = None,
    retry_after: str | None = None,
) -> ApiError:
    """The exception for an HTTP answer that is not a success, whatever its body is.

    `status` in Google's error body decides before the HTTP status. A body that is not Google's (a proxy's HTML page,
    nothing at all) gives an error that says what came, and from `where`. `retry_after` is that header's value.
    """
    body_error = _google_error(body)
    fallback = _CODE_OF_HTTP.get(http_status, code_pb2.INTERNAL if http_status >= 500 else code_pb2.UNKNOWN)
    context: dict[str, Any] = {
        "http_status": http_status,
        "request_id": request_id,
        "retry_after": _seconds_from(retry_after),
    }
    if body_error is None:
        kind = content_type.split(";", maxsplit=1)[0].strip() or "an unnamed type"
        came = f"{len(body)} bytes of {kind}" if body else "an empty body"
        return _api_error(fallback, f"HTTP {http_status} with {came} from {where or 'the service'}", (), **context)
    name = body_error.get("status")
    code = code_pb2.Code.Value(name) if isinstance(name, str) and name in _CODE_NAMES else fallback
    message = body_error.get("message")
    details = body_error.get("details")
    unpacked = [_unpack_json(d) for d in details if isinstance(d, dict)] if isinstance(details, list) else []
    return _api_error(code, message if isinstance(message, str) else "", unpacked, **context)


def _seconds_from(retry_after: str | None) -> float | None:
    """A Retry-After header: seconds, or a date."""
    if not retry_after:
        return None
    try:
        return max(0.0, float(retry_after)) if math.isfinite(float(retry_after)) else None
    except ValueError:
        pass
    import email.utils  # heavy, and dates are rare here

    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, OverflowError, OSError):
        return None


def http_from_error(error: ApiError) -> tuple[int, bytes]:
    """The HTTP status and Google's error body for an exception."""
    http_status = error.http_status or HTTP_STATUS.get(error.code, 500)
    inner: dict[str, Any] = {"code": http_status, "message": error.message, "status": error.status}
    if error.details:
        inner["details"] = json.loads(codec.to_json(status_from_error(error)))["details"]
    return http_status, json.dumps({"error": inner}, indent=2, ensure_ascii=False).encode(errors="replace")


def _google_error(body: bytes) -> dict[str, Any] | None:
    try:
        parsed = nesting.loads(body)
    except (ValueError, RecursionError):
        return None
    if isinstance(parsed, list) and parsed:  # streaming methods wrap the error in a list
        parsed = parsed[0]
    error = parsed.get("error") if isinstance(parsed, dict) else None
    return error if isinstance(error, dict) else None


def _unpack(detail: Any) -> Message:
    """The message in an `Any`; of JSON that could not be read a `Struct`; the `Any` itself where nothing is known."""
    with contextlib.suppress(ValueError):
        return _struct(codec.kept_any(detail))
    descriptor = codec.find_type(detail.type_url)
    if descriptor is None:
        return detail
    try:
        return message_factory.GetMessageClass(descriptor).FromString(detail.value)
    except Exception as error:  # bytes that are not of the type they claim; upb and pure Python raise different classes
        let_through(error, "google")
        return detail


def _unpack_json(detail: dict[str, Any]) -> Message:
    try:
        return _unpack(codec.from_json(json.dumps(detail), any_pb2.Any, ignore_unknown_fields=True))
    except ValueError:
        return struct_pb2.Struct()


def _struct(tree: Any) -> struct_pb2.Struct:
    try:
        return codec.from_json(json.dumps(tree), struct_pb2.Struct)
    except ValueError:  # it is not an object, or holds what a Struct cannot
        return struct_pb2.Struct()
