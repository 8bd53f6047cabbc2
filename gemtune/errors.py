"""Exceptions, and the two forms an error has on the wire: `google.rpc.Status` and Google's HTTP error body.

    GemtuneError
    ├── ApiError              the service answered with an error: one subclass for each google.rpc.Code
    ├── TransportError        no answer, or none that can be read
    ├── InDoubt               a create whose outcome could not be learnt
    ├── SpecInvalid           what was asked for is wrong; found before anything was sent
    ├── SpecFileError         a spec file cannot be read
    ├── JsonError             text is not the JSON form of the message wanted
    ├── ConfigurationError    project, location, credentials or an extra is missing or contradictory
    ├── JobFailed             the job ended, but not well
    └── WaitTimeout           the wait ended, the job goes on

Classes differ by who must act. This module knows messages and HTTP statuses, not transports.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable
from typing import Any

from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

__all__ = [
    "HTTP_STATUS",
    "Aborted",
    "AlreadyExists",
    "ApiError",
    "Cancelled",
    "ConfigurationError",
    "DataLoss",
    "DeadlineExceeded",
    "DuplicateSubmission",
    "FailedPrecondition",
    "GemtuneError",
    "InDoubt",
    "Internal",
    "InvalidArgument",
    "JobFailed",
    "JsonError",
    "NotFound",
    "OutOfRange",
    "PermissionDenied",
    "ResourceExhausted",
    "SpecFileError",
    "SpecInvalid",
    "TransportError",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Unknown",
    "WaitTimeout",
    "bad_request",
    "error_from_http",
    "error_from_status",
    "http_from_error",
    "status_from_error",
]


def _rebuild(cls: type[GemtuneError], args: tuple[Any, ...], state: dict[str, Any]) -> GemtuneError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class GemtuneError(Exception):
    """The root of everything that gemtune raises on purpose."""

    def __reduce__(self) -> tuple[Callable[..., GemtuneError], tuple[Any, ...]]:
        # Exception's own pickling calls the class with `args` and so loses keyword-only state.
        return _rebuild, (type(self), self.args, self.__dict__)


class ApiError(GemtuneError):
    """The service answered with an error.

    Attributes:
        code: A `google.rpc.Code` number, such as `google.rpc.code_pb2.NOT_FOUND`.
        message: The service's own words.
        details: The unpacked details: `google.rpc.BadRequest`, `ErrorInfo`, `QuotaFailure`, `RetryInfo`, ...
            A detail of a type that this process does not know stays as it came (an `Any`, or a `Struct` from JSON).
        http_status: The HTTP status of the answer; None where the answer did not come over HTTP.
        request_id: The service's id of the exchange, when it sent one.
        retry_after: Seconds that the service asks to be left alone for; None when it did not say.
    """

    code: int = code_pb2.UNKNOWN

    def __init__(
        self,
        message: str,
        *,
        code: int | None = None,
        details: Iterable[Message] = (),
        http_status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        self.message = message
        self.details = tuple(details)
        self.http_status = http_status
        self.request_id = request_id
        delays = [d.retry_delay for d in self.details if isinstance(d, error_details_pb2.RetryInfo)]
        self.retry_after = delays[0].seconds + delays[0].nanos / 1e9 if delays else retry_after

    @property
    def status(self) -> str:
        """The code's name, such as `NOT_FOUND`."""
        known = code_pb2.Code.DESCRIPTOR.values_by_number.get(self.code)
        return known.name if known else str(self.code)

    @property
    def violations(self) -> list[error_details_pb2.BadRequest.FieldViolation]:
        """The field violations among the details."""
        return [v for d in self.details if isinstance(d, error_details_pb2.BadRequest) for v in d.field_violations]

    def __str__(self) -> str:
        lines = [f"{self.message or 'the service gave no reason'} ({self.status})"]
        lines += [f"  {v.field}: {v.description}" for v in self.violations if v.description not in self.message]
        return "\n".join(lines)


class Cancelled(ApiError):
    """The operation was cancelled, typically by the caller (HTTP 499)."""

    code = code_pb2.CANCELLED


class Unknown(ApiError):
    """An error that the service could not classify (HTTP 500)."""

    code = code_pb2.UNKNOWN


class InvalidArgument(ApiError):
    """The request is wrong whatever the state of the service (HTTP 400)."""

    code = code_pb2.INVALID_ARGUMENT


class DeadlineExceeded(ApiError):
    """The service ran out of time; it may still have acted (HTTP 504)."""

    code = code_pb2.DEADLINE_EXCEEDED


class NotFound(ApiError):
    """The named thing does not exist, or not for this caller (HTTP 404)."""

    code = code_pb2.NOT_FOUND


class AlreadyExists(ApiError):
    """What should be created is there already (HTTP 409)."""

    code = code_pb2.ALREADY_EXISTS


class PermissionDenied(ApiError):
    """The caller is known but may not do this (HTTP 403)."""

    code = code_pb2.PERMISSION_DENIED


class ResourceExhausted(ApiError):
    """A quota or rate limit is used up (HTTP 429)."""

    code = code_pb2.RESOURCE_EXHAUSTED


class FailedPrecondition(ApiError):
    """The system is not in the state the request needs (HTTP 400)."""

    code = code_pb2.FAILED_PRECONDITION


class Aborted(ApiError):
    """The operation met a conflict, such as a concurrent change (HTTP 409)."""

    code = code_pb2.ABORTED


class OutOfRange(ApiError):
    """The request went past the valid range (HTTP 400)."""

    code = code_pb2.OUT_OF_RANGE


class Unimplemented(ApiError):
    """The service does not offer this operation (HTTP 501)."""

    code = code_pb2.UNIMPLEMENTED


class Internal(ApiError):
    """Something is broken inside the service (HTTP 500)."""

    code = code_pb2.INTERNAL


class Unavailable(ApiError):
    """The service cannot answer just now (HTTP 503)."""

    code = code_pb2.UNAVAILABLE


class DataLoss(ApiError):
    """Data was lost or corrupted beyond repair (HTTP 500)."""

    code = code_pb2.DATA_LOSS


class Unauthenticated(ApiError):
    """The credentials are missing, invalid or expired (HTTP 401)."""

    code = code_pb2.UNAUTHENTICATED


class TransportError(GemtuneError):
    """No answer came, or none that can be read.

    Attributes:
        maybe_sent: Whether the request may have reached the service. False is a proof: nothing was sent.
        final: Whether sending again would meet the same (a redirect, a certificate that is not trusted).
    """

    def __init__(self, message: str, *, maybe_sent: bool, final: bool = False) -> None:
        super().__init__(message)
        self.maybe_sent = maybe_sent
        self.final = final


class InDoubt(GemtuneError):  # the contract's name
    """A create whose outcome could not be learnt. The job may exist or appear; it was not sent again.

    Attributes:
        request_id: The submission's id, by which it can be settled: `client.settle(request_id)`, or
            `gemtune resume REQUEST_ID`.
        project: The project it was sent for.
        location: The location it was sent to.
        error: The last error met, which is also the cause.
    """

    def __init__(self, request_id: str, *, project: str, location: str, error: GemtuneError) -> None:
        place = f"--project {project} --location {location}"
        super().__init__(
            f"it is not known whether the job was created, and it was not sent again: {error}\n"
            f"  To find out: gemtune resume {request_id} {place}, or client.settle({request_id!r})"
        )
        self.request_id, self.project, self.location, self.error = request_id, project, location, error


class DuplicateSubmission(UserWarning):
    """One submission became several jobs: the service acted more than once, or several processes used one id."""


class SpecInvalid(GemtuneError):
    """What was asked for is wrong; found before anything was sent.

    Attributes:
        violations: A `google.rpc.BadRequest`: for each mistake the field path in proto spelling, and what is wrong,
            what is allowed and how to mend it. All of them, not the first.
    """

    def __init__(self, violations: error_details_pb2.BadRequest) -> None:
        super().__init__(violations)
        self.violations = violations

    def __str__(self) -> str:
        return "\n".join(f"{v.field}: {v.description}" for v in self.violations.field_violations)


class SpecFileError(GemtuneError):
    """A spec file cannot be read.

    Attributes:
        file: The file's name as it was given.
        line: The line, from 1; None where the whole file is meant.
        column: The column, from 1.
    """

    def __init__(self, message: str, *, file: str, line: int | None = None, column: int | None = None) -> None:
        place = ":".join(str(p) for p in (file, line, column) if p is not None)
        super().__init__(f"{place}: {message}")
        self.message, self.file, self.line, self.column = message, file, line, column


class JsonError(GemtuneError, ValueError):
    """Text is not JSON, or not the JSON form of the message that was wanted."""


class ConfigurationError(GemtuneError):
    """Project, location, credentials or an extra is missing or contradictory; the sentence says what to set."""


class _WithJob(GemtuneError):
    def __init__(self, message: str, job: Message) -> None:
        super().__init__(message)
        self.job: Any = job


class JobFailed(_WithJob):
    """The job ended, but not well: `.job` as the service showed it last."""


class WaitTimeout(_WithJob):
    """The wait ended, the job goes on: `.job` as the service showed it last."""


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

_CODE_NAMES = frozenset(code_pb2.Code.keys())
_CLASSES: dict[int, type[ApiError]] = {cls.code: cls for cls in ApiError.__subclasses__()}


def _api_error(code: int, message: str, details: Iterable[Message], **context: Any) -> ApiError:
    return _CLASSES.get(code, Unknown)(message, code=code, details=details, **context)


def bad_request(violations: Iterable[tuple[str, str]]) -> error_details_pb2.BadRequest:
    """A `google.rpc.BadRequest` of (field path, description) pairs."""
    return error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(field=field, description=description)
            for field, description in violations
        ]
    )


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
    """The exception for an HTTP answer that is no success, whatever its body is.

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
    except ValueError:
        return None


def http_from_error(error: ApiError) -> tuple[int, bytes]:
    """The HTTP status and Google's error body for an exception."""
    http_status = error.http_status or HTTP_STATUS.get(error.code, 500)
    inner: dict[str, Any] = {"code": http_status, "message": error.message, "status": error.status}
    if error.details:
        from google.protobuf import json_format

        status = status_from_error(error)
        inner["details"] = [json_format.MessageToDict(detail) for detail in status.details]
    return http_status, json.dumps({"error": inner}, indent=2, ensure_ascii=False).encode()


def _google_error(body: bytes) -> dict[str, Any] | None:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if isinstance(parsed, list) and parsed:  # streaming methods wrap the error in a list
        parsed = parsed[0]
    error = parsed.get("error") if isinstance(parsed, dict) else None
    return error if isinstance(error, dict) else None


def _unpack(detail: Any) -> Message:
    from google.protobuf import symbol_database

    try:
        cls = symbol_database.Default().GetSymbol(detail.TypeName())
    except KeyError:
        return detail
    message = cls()
    try:
        return message if detail.Unpack(message) else detail
    except Exception:  # bytes that are not of the type they claim; upb and pure Python raise different classes
        return detail


def _unpack_json(detail: dict[str, Any]) -> Message:
    from google.protobuf import any_pb2, json_format, struct_pb2

    try:
        return _unpack(json_format.ParseDict(detail, any_pb2.Any(), ignore_unknown_fields=True))
    except Exception:  # a type this process does not know, or a shape that is not that type's
        struct = struct_pb2.Struct()
        try:
            return json_format.ParseDict(detail, struct)
        except Exception:
            return struct
