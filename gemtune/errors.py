"""Exceptions: one tree.

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

Classes differ by who must act. `rpc.status` has the forms of an `ApiError` on the wire.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2

__all__ = [
    "Aborted",
    "AlreadyExists",
    "ApiError",
    "Cancelled",
    "ConfigurationError",
    "DataLoss",
    "DatasetError",
    "DatasetInvalid",
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
    "how_to_settle",
    "quotas_of",
    "resume_command",
]


_LIBRARY = re.compile(r"[\\/](?:gemtune|IPython)[\\/][^\\/]")
"""Files whose frames say nothing to whoever called."""


def _rebuild(cls: type[GemtuneError], args: tuple[Any, ...], state: dict[str, Any]) -> GemtuneError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    if isinstance(error, InDoubt):
        error.__cause__ = error.error
    return error


class GemtuneError(Exception):
    """The root of everything that gemtune raises on purpose.

    Attributes:
        rpc: The rpc that met it, such as `GetTuningJob`; "" where none did.
        resource: The resource that the rpc was about, such as `projects/p/locations/l/tuningJobs/1`.
        account: Who asked, where the credentials tell (a service account's do).
    """

    rpc: str = ""
    resource: str = ""
    account: str = ""

    def _render_traceback_(self) -> list[str]:
        """What IPython and notebooks show in place of every frame: the lines that are the caller's own."""
        import traceback

        shown = traceback.TracebackException.from_exception(self)
        own = [frame for frame in shown.stack if not _LIBRARY.search(frame.filename)]
        lines = ["Traceback (most recent call last):\n", *traceback.format_list(own), *shown.format_exception_only()]
        return "".join(lines).rstrip().split("\n")

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
        quota = next(iter(quotas_of(self)), None)
        if quota and quota.rpartition("/")[2] not in self.message:
            lines.append(f"  quota: {quota}")
        return "\n".join(lines)


def quotas_of(error: ApiError) -> list[str]:
    """The quotas that an error's details name, the best name first.

    A metric comes first (`aiplatform.googleapis.com/global_concurrent_tuning_jobs`), then a limit's id, then a
    sentence about it. The last is the subject, such as `project:123`, which says whose quota it is and not which.
    """
    metrics, limits, sentences, subjects = [], [], [], []
    for detail in error.details:
        if isinstance(detail, error_details_pb2.ErrorInfo):
            metrics.append(detail.metadata.get("quota_metric", ""))
            limits.append(detail.metadata.get("quota_limit", ""))
        elif isinstance(detail, error_details_pb2.QuotaFailure):
            for violation in detail.violations:
                # The oldest googleapis-common-protos that is supported does not have these two fields.
                metrics.append(getattr(violation, "quota_metric", ""))
                limits.append(getattr(violation, "quota_id", ""))
                sentences.append(violation.description)
                subjects.append(violation.subject)
    return list(dict.fromkeys(name for name in (*metrics, *limits, *sentences, *subjects) if name))


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
        answered: Whether something came back that is not the answer, or only a part of it. False: nothing came back.
    """

    def __init__(self, message: str, *, maybe_sent: bool, final: bool = False, answered: bool = False) -> None:
        super().__init__(message)
        self.maybe_sent = maybe_sent
        self.final = final
        self.answered = answered


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
        super().__init__(
            f"it is not known whether the job was created, and it was not sent again: {error}\n"
            f"  {how_to_settle(request_id, project=project, location=location)}"
        )
        self.request_id, self.project, self.location, self.error = request_id, project, location, error


def resume_command(request_id: str, options: Sequence[str]) -> str:
    """The command that tells what became of a submission, to be copied: the id may be any text."""
    import shlex

    # What begins with - would be taken for an option.
    words = [*options, "--", request_id] if request_id.startswith("-") else [request_id, *options]
    return shlex.join(["gemtune", "resume", *words])


def how_to_settle(request_id: str, *, project: str, location: str) -> str:
    """The command and the call that tell what became of a submission."""
    command = resume_command(request_id, ["--project", project, "--location", location])
    return f"To find out: {command}, or client.settle({request_id!r}, location={location!r})"


class DuplicateSubmission(UserWarning):
    """One submission became several jobs: the service acted more than once, or several processes used one id."""


class SpecInvalid(GemtuneError):
    """What was asked for is wrong; found before anything was sent.

    Attributes:
        violations: A `google.rpc.BadRequest`: for each mistake the field path in proto spelling, and what is wrong,
            what is allowed and how to fix it. All of them, not the first.
    """

    def __init__(self, violations: error_details_pb2.BadRequest) -> None:
        super().__init__(violations)
        self.violations = violations

    def __str__(self) -> str:
        return "\n".join(f"{v.field}: {v.description}" for v in self.violations.field_violations)


class DatasetInvalid(SpecInvalid):
    """The data that a spec names have an error; found before anything was sent.

    Attributes:
        report: What the check found: a `DatasetReport`. `violations` has the first errors.
    """

    def __init__(self, violations: error_details_pb2.BadRequest, report: Message) -> None:
        super().__init__(violations)
        self.report: Any = report


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


class DatasetError(GemtuneError):
    """A dataset's file cannot be read: it is not there, or breaks off."""


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


def bad_request(violations: Iterable[tuple[str, str]]) -> error_details_pb2.BadRequest:
    """A `google.rpc.BadRequest` of (field path, description) pairs."""
    return error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(field=field, description=description)
            for field, description in violations
        ]
    )
