"""Errors: every code to its class, both wire forms and back, and bodies that are not Google's."""

from __future__ import annotations

import json
import pickle

import pytest
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

from gemtune import errors
from gemtune.rpc import status
from gemtune_pb.v1 import TuningJob

CODES = [
    ("CANCELLED", errors.Cancelled, 499),
    ("UNKNOWN", errors.Unknown, 500),
    ("INVALID_ARGUMENT", errors.InvalidArgument, 400),
    ("DEADLINE_EXCEEDED", errors.DeadlineExceeded, 504),
    ("NOT_FOUND", errors.NotFound, 404),
    ("ALREADY_EXISTS", errors.AlreadyExists, 409),
    ("PERMISSION_DENIED", errors.PermissionDenied, 403),
    ("RESOURCE_EXHAUSTED", errors.ResourceExhausted, 429),
    ("FAILED_PRECONDITION", errors.FailedPrecondition, 400),
    ("ABORTED", errors.Aborted, 409),
    ("OUT_OF_RANGE", errors.OutOfRange, 400),
    ("UNIMPLEMENTED", errors.Unimplemented, 501),
    ("INTERNAL", errors.Internal, 500),
    ("UNAVAILABLE", errors.Unavailable, 503),
    ("DATA_LOSS", errors.DataLoss, 500),
    ("UNAUTHENTICATED", errors.Unauthenticated, 401),
]


def test_no_code_is_forgotten() -> None:
    assert {name for name, _, _ in CODES} == set(code_pb2.Code.keys()) - {"OK"}


@pytest.mark.parametrize(("name", "cls", "http"), CODES)
def test_each_code_has_its_class_in_both_forms(name: str, cls: type[errors.ApiError], http: int) -> None:
    code = code_pb2.Code.Value(name)
    error = status.error_from_status(status_pb2.Status(code=code, message="m"))
    assert type(error) is cls
    assert (error.code, error.status, error.message) == (code, name, "m")
    http_status, body = status.http_from_error(error)
    assert http_status == http
    again = status.error_from_http(http_status, body)
    assert type(again) is cls
    assert (again.message, again.http_status) == ("m", http)


@pytest.mark.parametrize(
    ("http", "cls"),
    [
        (400, errors.InvalidArgument), (401, errors.Unauthenticated), (403, errors.PermissionDenied),
        (404, errors.NotFound), (405, errors.Unimplemented), (408, errors.DeadlineExceeded), (409, errors.Aborted),
        (418, errors.Unknown), (429, errors.ResourceExhausted), (499, errors.Cancelled), (500, errors.Internal),
        (501, errors.Unimplemented), (502, errors.Unavailable), (503, errors.Unavailable),
        (504, errors.DeadlineExceeded), (599, errors.Internal),
    ],
)  # fmt: skip
def test_without_a_readable_body_the_http_status_decides(http: int, cls: type[errors.ApiError]) -> None:
    assert type(status.error_from_http(http, b"")) is cls


def test_the_status_in_the_body_decides_before_the_http_status() -> None:
    body = b'{"error": {"code": 400, "message": "m", "status": "FAILED_PRECONDITION"}}'
    assert type(status.error_from_http(400, body)) is errors.FailedPrecondition


def test_details_are_unpacked_from_a_body_as_the_service_sends_it() -> None:
    body = json.dumps(
        {
            "error": {
                "code": 400,
                "message": "List of found errors: ...",
                "status": "INVALID_ARGUMENT",
                "details": [
                    {
                        "@type": "type.googleapis.com/google.rpc.BadRequest",
                        "fieldViolations": [{"field": "tuning_job.base_model", "description": "required"}],
                    },
                    {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.5s"},
                    {"@type": "type.googleapis.com/some.Unknown", "a": [1]},
                    "not even an object",
                ],
            }
        }
    )
    error = status.error_from_http(400, body.encode())
    bad, retry, unknown = error.details
    assert isinstance(bad, error_details_pb2.BadRequest)
    assert isinstance(retry, error_details_pb2.RetryInfo)
    assert retry.retry_delay.nanos == 500_000_000
    assert unknown["a"] == [1]
    assert [v.field for v in error.violations] == ["tuning_job.base_model"]
    assert "tuning_job.base_model: required" in str(error)


def test_details_survive_a_status_and_back() -> None:
    info = error_details_pb2.ErrorInfo(reason="SERVICE_DISABLED", domain="googleapis.com")
    error = errors.PermissionDenied("no", details=[info])
    assert status.error_from_status(status.status_from_error(error)).details == (info,)


def test_a_detail_of_an_unknown_type_stays_as_it_came() -> None:
    detail = any_pb2.Any(type_url="type.googleapis.com/some.Unknown", value=b"\x01")
    assert status.error_from_status(status_pb2.Status(code=3, details=[detail])).details == (detail,)


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        (b"<html>Not found</html>", "text/html; charset=UTF-8", "HTTP 404 with 22 bytes of text/html from https://h/x"),
        (b"", "", "HTTP 404 with an empty body from https://h/x"),
        (b'{"error": "text"}', "application/json", "HTTP 404 with 17 bytes of application/json from https://h/x"),
        (b'{"error": {"mess', "application/json", "HTTP 404 with 16 bytes"),
        (b"[" * 100_000, "application/json", "HTTP 404 with 100000 bytes"),
        (b"[]", "application/json", "HTTP 404 with 2 bytes"),
        (b"\xff\xfe", "", "HTTP 404 with 2 bytes of an unnamed type"),
    ],
)
def test_a_body_that_is_not_googles_is_described(body: bytes, kind: str, says: str) -> None:
    error = status.error_from_http(404, body, content_type=kind, where="https://h/x")
    assert type(error) is errors.NotFound
    assert says in str(error)


def test_a_quota_that_the_message_does_not_name_is_told() -> None:
    metric = "aiplatform.googleapis.com/global_concurrent_tuning_jobs"
    info = error_details_pb2.ErrorInfo(metadata={"quota_metric": metric, "quota_limit": "per-project"})
    bare = errors.ResourceExhausted("Resource has been exhausted (e.g. check quota).", details=[info])
    assert str(bare) == f"Resource has been exhausted (e.g. check quota). (RESOURCE_EXHAUSTED)\n  quota: {metric}"
    named = errors.ResourceExhausted(f"The following quota metrics exceed quota limits: {metric}", details=[info])
    assert str(named) == f"{named.message} (RESOURCE_EXHAUSTED)"


def test_an_error_wrapped_in_a_list_is_read() -> None:
    assert status.error_from_http(429, b'[{"error": {"message": "m"}}]').message == "m"


@pytest.mark.parametrize(
    "error",
    [
        errors.NotFound("m", details=[error_details_pb2.Help()], http_status=404, request_id="r"),
        errors.TransportError("m", maybe_sent=True),
        errors.SpecInvalid(errors.bad_request([("a", "b")])),
        errors.SpecFileError("m", file="f", line=1, column=2),
        errors.JobFailed("m", TuningJob(name="j")),
        errors.ConfigurationError("m"),
        errors.JsonError("m"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_errors_are_pickled_whole(error: errors.GemtuneError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.__dict__ == error.__dict__


def test_every_error_is_a_gemtune_error() -> None:
    exceptions = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert len(exceptions) > 20
    assert all(issubclass(value, errors.GemtuneError | Warning) for value in exceptions)
