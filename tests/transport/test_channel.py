"""Generated stubs over REST JSON: ours, Google's own, and a service that uses every feature of the HTTP rule."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import grpc
import pytest
from google.api import annotations_pb2, http_pb2, httpbody_pb2
from google.iam.v1 import iam_policy_pb2, iam_policy_pb2_grpc
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.oauth2.credentials import Credentials
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.rpc import error_details_pb2

import gemtune
from gemtune import emulator
from tests.support.jobs import spec
from tests.support.servers import Heard, answer, serving

NAME = "projects/p/locations/us-central1/tuningJobs/1"
GET = gemtune.GetTuningJobRequest(name=NAME)
JOB = answer(json.dumps({"name": NAME, "state": "JOB_STATE_RUNNING"}).encode())


@pytest.fixture
def demo() -> Iterator[tuple[Any, str]]:
    """Our stub over REST, and a job of the emulator."""
    with emulator.running(job_duration=100) as url, gemtune.RestChannel(url) as channel:
        stub = gemtune.TuningServiceStub(channel)
        parent = "projects/demo/locations/us-central1"
        job = spec()
        created = stub.CreateTuningJob(gemtune.CreateTuningJobRequest(parent=parent, tuning_job=job))
        yield stub, created.name


def test_our_generated_stub_works_over_rest(demo: tuple[Any, str]) -> None:
    stub, name = demo
    assert stub.GetTuningJob(gemtune.GetTuningJobRequest(name=name), timeout=10).name == name
    listed = stub.ListTuningJobs(gemtune.ListTuningJobsRequest(parent="projects/demo/locations/us-central1"))
    assert [job.name for job in listed.tuning_jobs] == [name]


def test_with_call_gives_the_call_too(demo: tuple[Any, str]) -> None:
    stub, name = demo
    job, call = stub.GetTuningJob.with_call(gemtune.GetTuningJobRequest(name=name))
    assert job.name == name
    assert isinstance(call, grpc.Call)
    assert call.code() is grpc.StatusCode.OK
    assert dict(call.initial_metadata())["content-type"] == "application/json; charset=UTF-8"
    assert call.trailing_metadata() == ()
    assert not call.is_active()


def test_a_page_that_lacks_a_row_is_no_page_for_a_stub() -> None:
    rows = [{"name": NAME}, {"name": "b", "createTime": "1620000000"}]
    with (
        serving(answer(json.dumps({"tuningJobs": rows}).encode())) as server,
        gemtune.RestChannel(server.url) as channel,
    ):
        with pytest.raises(grpc.RpcError) as caught:
            gemtune.TuningServiceStub(channel).ListTuningJobs(
                gemtune.ListTuningJobsRequest(parent="projects/p/locations/us-central1")
            )
        assert caught.value.code() is grpc.StatusCode.INTERNAL
        assert "createTime" in caught.value.details()


# -- failures ---------------------------------------------------------------------------------------------------------


def test_an_error_of_the_service_is_an_rpc_error_with_the_api_error_as_its_cause(demo: tuple[Any, str]) -> None:
    stub, name = demo
    with pytest.raises(grpc.RpcError) as caught:
        stub.GetTuningJob(gemtune.GetTuningJobRequest(name=name[:-5] + "11111"))
    error = caught.value
    assert isinstance(error, grpc.Call)
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert error.details() == "The TuningJob does not exist."
    assert isinstance(error.__cause__, gemtune.NotFound)
    assert "NOT_FOUND" in error.debug_error_string()


def test_details_of_an_error_are_where_googles_clients_look_for_them(demo: tuple[Any, str]) -> None:
    from google.api_core import exceptions
    from grpc_status import rpc_status

    stub, _ = demo
    request = gemtune.CreateTuningJobRequest(
        parent="projects/demo/locations/us-central1", tuning_job=gemtune.TuningJob()
    )
    with pytest.raises(grpc.RpcError) as caught:
        stub.CreateTuningJob(request)
    status = rpc_status.from_call(caught.value)
    violations = error_details_pb2.BadRequest()
    assert status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert status.details[0].Unpack(violations)
    assert len(violations.field_violations) > 1
    translated = exceptions.from_grpc_error(caught.value)
    assert isinstance(translated, exceptions.InvalidArgument)


def test_a_deadline_and_a_missing_server_have_grpcs_codes() -> None:
    with serving(lambda connection, heard: time.sleep(2)) as server, gemtune.RestChannel(server.url) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            gemtune.TuningServiceStub(channel).GetTuningJob(GET, timeout=0.2)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    with gemtune.RestChannel(server.url) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            gemtune.TuningServiceStub(channel).GetTuningJob(GET)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert isinstance(caught.value.__cause__, gemtune.TransportError)


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        (
            lambda stub: stub.GetTuningJob(gemtune.GetTuningJobRequest(name="x")),
            "INVALID_ARGUMENT",
            "does not look like",
        ),
        (
            lambda stub: stub.GetTuningJob(GET, metadata=[("a b", "c")]),
            "FAILED_PRECONDITION",
            "cannot be sent as a header",
        ),
        (
            lambda stub: stub.GetTuningJob(GET, credentials=grpc.access_token_call_credentials("t")),
            "FAILED_PRECONDITION",
            "give RestChannel credentials=",
        ),
    ],
)
def test_what_is_wrong_on_this_side_is_an_rpc_error_too(call: Any, code: str, words: str) -> None:
    with gemtune.RestChannel("http://127.0.0.1:1") as channel, pytest.raises(grpc.RpcError, match=words) as caught:
        call(gemtune.TuningServiceStub(channel))
    assert caught.value.code() is grpc.StatusCode[code]
    assert words in caught.value.details()


# -- metadata, credentials, interceptors ------------------------------------------------------------------------------


def test_metadata_are_headers_and_credentials_are_googles() -> None:
    credentials = Credentials(token="t", quota_project_id="payer")  # type: ignore[no-untyped-call]
    with serving(JOB) as server, gemtune.RestChannel(server.url, credentials=credentials) as channel:
        gemtune.TuningServiceStub(channel).GetTuningJob(GET, metadata=(("x-mine", "1"), ("x-trace-bin", b"\x01")))
    headers = server.heard[0].headers
    assert headers["authorization"] == "Bearer t"
    assert headers["x-goog-user-project"] == "payer"
    assert (headers["x-mine"], headers["x-trace-bin"]) == ("1", "AQ==")


def test_the_version_picks_the_binding_and_left_out_the_first_that_fits() -> None:
    with serving(JOB) as server:
        for version in (None, "v1", "v1beta1"):
            with gemtune.RestChannel(server.url, api_version=version) as channel:
                gemtune.TuningServiceStub(channel).GetTuningJob(GET)
    assert [heard.target.split("/")[1] for heard in server.heard] == ["v1", "v1", "v1beta1"]


def test_interceptors_of_grpcio_fit_around_it() -> None:
    class Adds(grpc.UnaryUnaryClientInterceptor):  # type: ignore[type-arg,misc]
        def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
            return continuation(details._replace(metadata=[("x-intercepted", details.method)]), request)

    with serving(JOB) as server, gemtune.RestChannel(server.url) as channel:
        stub = gemtune.TuningServiceStub(grpc.intercept_channel(channel, Adds()))
        assert stub.GetTuningJob(GET).name == NAME
    assert server.heard[0].headers["x-intercepted"] == "/gemtune.v1.TuningService/GetTuningJob"


def test_it_is_ready_at_once() -> None:
    with gemtune.RestChannel("http://127.0.0.1:1") as channel:
        grpc.channel_ready_future(channel).result(timeout=5)


# -- futures ----------------------------------------------------------------------------------------------------------


def test_a_future_gives_the_answer_and_calls_back() -> None:
    called: list[Any] = []
    with serving(JOB) as server, gemtune.RestChannel(server.url) as channel:
        future = gemtune.TuningServiceStub(channel).GetTuningJob.future(GET, timeout=10)
        future.add_done_callback(called.append)
        assert future.result(timeout=10).name == NAME
    assert isinstance(future, grpc.Future)
    assert future.done()
    assert not future.running()
    assert future.exception() is None
    assert future.traceback() is None
    assert future.code() is grpc.StatusCode.OK
    assert called == [future]


def test_a_future_of_a_failure_has_the_error_and_its_traceback() -> None:
    refusal = answer(b'{"error": {"status": "NOT_FOUND", "message": "no"}}', 404)
    with serving(refusal) as server, gemtune.RestChannel(server.url) as channel:
        future = gemtune.TuningServiceStub(channel).GetTuningJob.future(GET)
        with pytest.raises(grpc.RpcError, match="no"):
            future.result(timeout=10)
    assert future.code() is grpc.StatusCode.NOT_FOUND
    assert future.details() == "no"
    assert future.traceback() is not None


def test_a_future_that_is_not_done_in_time_says_so_and_goes_on() -> None:
    go = threading.Event()

    def reply(connection: Any, heard: Heard) -> None:
        go.wait(10)
        connection.sendall(JOB)

    with serving(reply) as server, gemtune.RestChannel(server.url) as channel:
        future = gemtune.TuningServiceStub(channel).GetTuningJob.future(GET, timeout=30)
        with pytest.raises(grpc.FutureTimeoutError):
            future.result(timeout=0.05)
        assert future.running()
        assert future.time_remaining() > 20
        go.set()
        assert future.result(timeout=10).name == NAME


def test_cancelling_a_future_ends_its_request() -> None:
    came, left = threading.Event(), threading.Event()

    def reply(connection: Any, heard: Heard) -> bool:
        came.set()
        if connection.recv(1) == b"":  # the other side has gone
            left.set()
        return False

    with serving(reply) as server, gemtune.RestChannel(server.url) as channel:
        future = gemtune.TuningServiceStub(channel).GetTuningJob.future(GET)
        assert came.wait(10)
        assert future.cancel()
        assert left.wait(10)
        assert future.cancelled()
        with pytest.raises(grpc.FutureCancelledError):
            future.result()
        assert future.code() is grpc.StatusCode.CANCELLED
        assert not future.cancel()


def test_cancelling_a_finished_future_leaves_the_connection_to_the_next_call() -> None:
    with serving(JOB) as server, gemtune.RestChannel(server.url) as channel:
        stub = gemtune.TuningServiceStub(channel)
        future = stub.GetTuningJob.future(GET)
        future.result(timeout=10)
        assert not future.cancel()
        assert stub.GetTuningJob(GET).name == NAME
    assert server.connections == 1


# -- other services ---------------------------------------------------------------------------------------------------


def test_googles_operations_stub_works_over_rest() -> None:
    body = {"operations": [{"name": "operations/a/b", "done": True}], "nextPageToken": "next"}
    with serving(answer(json.dumps(body).encode())) as server, gemtune.RestChannel(server.url) as channel:
        stub = operations_pb2_grpc.OperationsStub(channel)
        listed = stub.ListOperations(
            operations_pb2.ListOperationsRequest(name="operations", filter="done=true", page_size=3)
        )
        stub.CancelOperation(operations_pb2.CancelOperationRequest(name="operations/a/b"))
        stub.DeleteOperation(operations_pb2.DeleteOperationRequest(name="operations/a/b"))
    assert (listed.operations[0].name, listed.next_page_token) == ("operations/a/b", "next")
    assert [(heard.verb, heard.target, heard.body) for heard in server.heard] == [
        ("GET", "/v1/operations?filter=done%3Dtrue&pageSize=3", b""),
        ("POST", "/v1/operations/a/b:cancel", b"{}"),
        ("DELETE", "/v1/operations/a/b", b""),
    ]


def test_a_method_without_a_rule_is_refused_and_its_neighbours_work() -> None:
    with serving(answer(b'{"permissions": ["a"]}')) as server, gemtune.RestChannel(server.url) as channel:
        iam = iam_policy_pb2_grpc.IAMPolicyStub(channel)
        request = iam_policy_pb2.TestIamPermissionsRequest(resource="projects/p/topics/t", permissions=["a", "b"])
        assert list(iam.TestIamPermissions(request).permissions) == ["a"]
        with pytest.raises(
            grpc.RpcError, match=r"Operations/WaitOperation has no google\.api\.http annotation"
        ) as caught:
            operations_pb2_grpc.OperationsStub(channel).WaitOperation(operations_pb2.WaitOperationRequest())
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    [heard] = server.heard
    assert (heard.verb, heard.target) == ("POST", "/v1/projects/p/topics/t:testIamPermissions")
    assert json.loads(heard.body) == {"permissions": ["a", "b"]}


def test_a_streaming_method_is_refused_and_its_neighbours_work(rules: ModuleType) -> None:
    import rules_pb2_grpc  # type: ignore[import-not-found]

    with serving(answer()) as server, gemtune.RestChannel(server.url) as channel:
        stub = rules_pb2_grpc.RulesStub(channel)
        stub.Plain(rules.Everything(text="x"))
        with pytest.raises(grpc.RpcError, match="Rules/Streaming streams, and a RestChannel carries unary") as caught:
            stub.Streaming(rules.Everything(name="n"))
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        with pytest.raises(grpc.RpcError, match=r"no google\.api\.http annotation"):
            stub.Unbound(rules.Everything())
    assert json.loads(server.heard[0].body) == {"text": "x"}


def test_a_service_that_nobody_describes_is_refused_with_what_to_import() -> None:
    with gemtune.RestChannel("http://127.0.0.1:1") as channel:
        call = channel.unary_unary("/no.such.Service/Method", bytes, bytes)
        with pytest.raises(grpc.RpcError, match=r"no\.such\.Service/Method is described by no module") as caught:
            call(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_requests_and_answers_may_be_bytes_or_of_another_class() -> None:
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pool.Default().FindFileByName("google/longrunning/operations.proto").dependencies:
        _copy(file, pool)
    _copy(operations_pb2.DESCRIPTOR, pool)
    twin = message_factory.GetMessageClass(pool.FindMessageTypeByName("google.longrunning.GetOperationRequest"))
    method = "/google.longrunning.Operations/GetOperation"
    with serving(answer(b'{"name": "operations/1"}')) as server, gemtune.RestChannel(server.url) as channel:
        of_bytes = channel.unary_unary(method)(
            operations_pb2.GetOperationRequest(name="operations/1").SerializeToString()
        )
        of_twin = channel.unary_unary(method, twin.SerializeToString, lambda data: data)(twin(name="operations/1"))
    wanted = operations_pb2.Operation(name="operations/1").SerializeToString()
    assert (of_bytes, of_twin) == (wanted, wanted)
    assert [heard.target for heard in server.heard] == ["/v1/operations/1"] * 2


def _copy(file: Any, pool: descriptor_pool.DescriptorPool) -> None:
    try:
        pool.FindFileByName(file.name)
    except KeyError:
        for dependency in file.dependencies:
            _copy(dependency, pool)
        pool.AddSerializedFile(file.serialized_pb)


# -- google.api.HttpBody ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def media() -> str:
    """The name of a service whose bodies are raw bytes, in the common pool."""
    file = descriptor_pb2.FileDescriptorProto(
        name="gemtune_tests/media.proto",
        package="gemtune_tests.media",
        syntax="proto3",
        dependency=["google/api/httpbody.proto", "google/api/annotations.proto"],
    )
    upload = file.message_type.add(name="Upload")
    upload.field.add(name="name", number=1, type=9, label=1)
    upload.field.add(name="content", number=2, type=11, label=1, type_name=".google.api.HttpBody")
    service = file.service.add(name="Media")
    body = ".google.api.HttpBody"
    for name, input_type, output_type, rule in (
        ("Whole", body, body, http_pb2.HttpRule(post="/v1/whole", body="*")),
        ("Part", ".gemtune_tests.media.Upload", body, http_pb2.HttpRule(post="/v1/parts/{name}", body="content")),
        ("Download", ".gemtune_tests.media.Upload", ".gemtune_tests.media.Upload",
         http_pb2.HttpRule(get="/v1/parts/{name}", response_body="content")),
    ):  # fmt: skip
        method = service.method.add(name=name, input_type=input_type, output_type=output_type)
        method.options.Extensions[annotations_pb2.http].CopyFrom(rule)
    assert httpbody_pb2.DESCRIPTOR.name in file.dependency
    descriptor_pool.Default().AddSerializedFile(file.SerializeToString())
    return "gemtune_tests.media"


def test_an_http_body_travels_as_it_is(media: str) -> None:
    upload = message_factory.GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(f"{media}.Upload"))
    raw = httpbody_pb2.HttpBody(content_type="image/png", data=b"\x89PNG\x00")
    page = answer(b"<p>", headers={"content-type": "text/html"})
    with serving(page) as server, gemtune.RestChannel(server.url) as channel:
        whole = channel.unary_unary(
            f"/{media}.Media/Whole", httpbody_pb2.HttpBody.SerializeToString, httpbody_pb2.HttpBody.FromString
        )(raw)
        part = channel.unary_unary(f"/{media}.Media/Part", upload.SerializeToString, httpbody_pb2.HttpBody.FromString)(
            upload(name="a", content=raw)
        )
        download = channel.unary_unary(f"/{media}.Media/Download", upload.SerializeToString, upload.FromString)(
            upload(name="a")
        )
    sent = [(heard.target, heard.headers.get("content-type"), heard.body) for heard in server.heard]
    assert sent == [
        ("/v1/whole", "image/png", raw.data),
        ("/v1/parts/a", "image/png", raw.data),
        ("/v1/parts/a", None, b""),
    ]
    wanted = httpbody_pb2.HttpBody(content_type="text/html", data=b"<p>")
    assert whole == part == download.content == wanted
