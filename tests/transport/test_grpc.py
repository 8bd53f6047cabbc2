"""What gRPC carries and how it fails, blocking and on an event loop, against grpcio servers of the tests' own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.longrunning import operations_pb2
from google.oauth2.credentials import Credentials
from google.protobuf import empty_pb2
from google.rpc import error_details_pb2, status_pb2

import gemtune
from gemtune import errors
from gemtune.settings import Endpoint
from gemtune.transport import grpc_wire
from gemtune.transport.grpc_aio import AsyncGrpcTransport
from tests.support.grpc_servers import JOB, NAME, Called, refusing, serving
from tests.support.transport_harness import METHODS, Carrier

GET = gemtune.GetTuningJobRequest(name=NAME)
PARENT = "projects/p/locations/us-central1"


# -- what is called ---------------------------------------------------------------------------------------------------

V1, V1BETA1 = "/google.cloud.aiplatform.v1.GenAiTuningService", "/google.cloud.aiplatform.v1beta1.GenAiTuningService"


@pytest.mark.parametrize(
    ("version", "name", "request_", "path"),
    [
        ("v1", "GetTuningJob", GET, f"{V1}/GetTuningJob"),
        ("v1beta1", "GetTuningJob", GET, f"{V1BETA1}/GetTuningJob"),
        (None, "CreateTuningJob", gemtune.CreateTuningJobRequest(parent=PARENT), f"{V1}/CreateTuningJob"),
        ("v1", "ListTuningJobs", gemtune.ListTuningJobsRequest(parent=PARENT), f"{V1}/ListTuningJobs"),
        ("v1", "CancelTuningJob", gemtune.CancelTuningJobRequest(name=NAME), f"{V1}/CancelTuningJob"),
        ("v1beta1", "RebaseTunedModel", gemtune.RebaseTunedModelRequest(parent=PARENT), f"{V1BETA1}/RebaseTunedModel"),
        (
            "v1",
            "GetOperation",
            operations_pb2.GetOperationRequest(name="o"),
            "/google.longrunning.Operations/GetOperation",
        ),
        (
            "v1beta1",
            "CancelOperation",
            operations_pb2.CancelOperationRequest(name="o"),
            "/google.longrunning.Operations/CancelOperation",
        ),
    ],
)
def test_calls_go_by_the_names_that_the_service_has(
    rpc: Carrier, version: str | None, name: str, request_: Any, path: str
) -> None:
    with serving(lambda context: b"") as (url, called):
        answer = rpc.send(rpc.open(url, api_version=version), name, request_)
    assert isinstance(answer, METHODS[name].output_type)
    [(method, _, data)] = called.calls
    assert method == path
    assert data == request_.SerializeToString()


def test_metadata_route_the_call_and_name_the_program(rpc: Carrier) -> None:
    with serving() as (url, called):
        transport = rpc.open(url, application="my-pipeline/1.2")
        rpc.send(transport, "GetTuningJob", GET, metadata=[("X-Mine", "1")])
        rpc.send(transport, "GetTuningJob", GET, metadata=[("x-goog-request-params", "mine")])
    first, second = (metadata for _, metadata, _ in called.calls)
    assert first["x-goog-request-params"] == f"name={NAME}"
    assert first["x-mine"] == "1"
    assert first["user-agent"].startswith(f"my-pipeline/1.2 gemtune/{gemtune.__version__} ")
    assert f"gemtune/{gemtune.__version__} grpc/{grpc.__version__}" in first["x-goog-api-client"]
    assert second["x-goog-request-params"] == "mine"


@pytest.mark.parametrize(
    "pair", [("x-bin", "text"), ("x-a", "line\r\nbreak"), ("host", "x"), ("te", "x"), ("x-a", "é")]
)
def test_metadata_are_checked_as_over_rest(rpc: Carrier, pair: tuple[str, str]) -> None:
    with serving() as (url, called), pytest.raises(errors.ConfigurationError):
        rpc.send(rpc.open(url), "GetTuningJob", GET, metadata=[pair])
    assert not called.calls


def test_channels_are_kept_and_close_lets_go_of_them(rpc: Carrier) -> None:
    peers: list[str] = []

    def act(context: grpc.ServicerContext) -> bytes:
        peers.append(context.peer())
        return b""

    with serving(act) as (url, _):
        transport = rpc.open(url)
        for _ in range(3):
            rpc.send(transport, "GetTuningJob", GET)
        rpc.wait(transport.close())
        rpc.send(transport, "GetTuningJob", GET)
    assert peers[0] == peers[1] == peers[2] != peers[3]


def test_an_answer_may_be_larger_than_grpcs_own_limit(rpc: Carrier) -> None:
    big = gemtune.TuningJob(description="x" * 5_000_000)
    with serving(lambda context: big.SerializeToString()) as (url, _):
        assert len(rpc.send(rpc.open(url), "GetTuningJob", GET).description) == 5_000_000


# -- credentials ------------------------------------------------------------------------------------------------------


def token(**options: str) -> Credentials:
    return Credentials(token="the-token", **options)  # type: ignore[no-untyped-call]


def test_over_tls_the_token_and_the_quota_project_travel(
    rpc: Carrier, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    pem = certificate.read_bytes()
    with serving(tls=grpc.ssl_server_credentials([(pem, pem)])) as (url, called):
        transport = rpc.open(url, credentials=token(quota_project_id="payer"))
        assert rpc.send(transport, "GetTuningJob", GET) == JOB
    [(_, metadata, _)] = called.calls
    assert (metadata["authorization"], metadata["x-goog-user-project"]) == ("Bearer the-token", "payer")


def test_credentials_never_travel_without_tls_to_another_machine(rpc: Carrier) -> None:
    with pytest.raises(errors.ConfigurationError, match=r"do not travel over plain HTTP to emulator\.example"):
        rpc.send(rpc.open("http://emulator.example:8086", credentials=token()), "GetTuningJob", GET)


def test_a_certificate_that_is_not_trusted_is_no_connection(rpc: Carrier, certificate: Path) -> None:
    pem = certificate.read_bytes()
    with serving(tls=grpc.ssl_server_credentials([(pem, pem)])) as (url, called):
        with pytest.raises(
            errors.TransportError, match=f"{url}.* could not be reached: .*CERTIFICATE_VERIFY"
        ) as caught:
            rpc.send(rpc.open(url, credentials=token()), "GetTuningJob", GET)
        assert called.calls == []
    assert not caught.value.maybe_sent


def test_a_proxy_of_the_environment_does_not_stand_before_loopback(
    rpc: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    with serving() as (url, _):
        assert rpc.send(rpc.open(url), "GetTuningJob", GET) == JOB


# -- what would be lost -----------------------------------------------------------------------------------------------


def lossy(**fields: Any) -> gemtune.CreateTuningJobRequest:
    return gemtune.CreateTuningJobRequest(parent=PARENT, tuning_job=gemtune.TuningJob(**fields))


@pytest.mark.parametrize(
    ("version", "request_", "path", "words"),
    [
        (
            "v1beta1",
            lossy(preference_optimization_spec={"training_dataset_uri": "gs://bucket/x.jsonl"}),
            "tuning_job.preference_optimization_spec",
            'preference_optimization_spec does not travel over v1beta1\'s gRPC and would be lost; use transport="rest"',
        ),
        (
            "v1",
            lossy(supervised_tuning_spec={"hyper_parameters": {"batch_size": 8}}),
            "tuning_job.supervised_tuning_spec.hyper_parameters.batch_size",
            'batch_size does not travel over v1\'s gRPC and would be lost; use transport="rest" or api_version="v1beta1"',
        ),
    ],
)
def test_a_request_that_would_lose_a_field_is_refused(
    rpc: Carrier, version: str, request_: Any, path: str, words: str
) -> None:
    with serving() as (url, called):
        with pytest.raises(errors.SpecInvalid) as caught:
            rpc.send(rpc.open(url, api_version=version), "CreateTuningJob", request_)
        assert called.calls == []
    [violation] = caught.value.violations.field_violations
    assert (violation.field, violation.description) == (path, words)


def test_what_the_version_publishes_travels(rpc: Carrier) -> None:
    request = lossy(supervised_tuning_spec={"hyper_parameters": {"batch_size": 8}})
    with serving() as (url, called):
        rpc.send(rpc.open(url, api_version="v1beta1"), "CreateTuningJob", request)
    assert called.calls[0][2] == request.SerializeToString()


# -- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_every_code_has_the_class_that_rest_gives_it(rpc: Carrier, code: grpc.StatusCode) -> None:
    with serving(refusing(code, "the service's words")) as (url, _), pytest.raises(errors.ApiError) as caught:
        rpc.send(rpc.open(url), "GetTuningJob", GET)
    error = caught.value
    assert type(error).__name__ == "".join(word.capitalize() for word in code.name.split("_"))
    assert (error.code, error.status, error.message) == (code.value[0], code.name, "the service's words")
    assert error.http_status is None


def test_details_come_out_of_the_trailer(rpc: Carrier) -> None:
    wrong = errors.bad_request([("name", "is wrong")])
    wait = error_details_pb2.RetryInfo()
    wait.retry_delay.seconds = 7
    act = refusing(grpc.StatusCode.RESOURCE_EXHAUSTED, "no", wrong, wait)
    with serving(act) as (url, _), pytest.raises(errors.ResourceExhausted) as caught:
        rpc.send(rpc.open(url), "GetTuningJob", GET)
    assert caught.value.details == (wrong, wait)
    assert caught.value.retry_after == 7


@pytest.mark.parametrize("trailer", [b"\xff\xff", status_pb2.Status(code=5, message="another").SerializeToString()])
def test_a_trailer_that_makes_no_sense_is_passed_over(rpc: Carrier, trailer: bytes) -> None:
    def act(context: grpc.ServicerContext) -> bytes:
        context.set_trailing_metadata((("grpc-status-details-bin", trailer), ("x-goog-request-id", "abc")))
        context.abort(grpc.StatusCode.UNAVAILABLE, "busy")

    with serving(act) as (url, _), pytest.raises(errors.Unavailable, match="busy") as caught:
        rpc.send(rpc.open(url), "GetTuningJob", GET)
    assert caught.value.details == ()
    assert caught.value.request_id == "abc"


def test_a_refused_connection_proves_that_nothing_was_sent(rpc: Carrier) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(errors.TransportError, match=f"{url}.*GetTuningJob could not be reached: .*refused") as caught:
        rpc.send(rpc.open(url), "GetTuningJob", GET)
    assert not caught.value.maybe_sent


def test_a_server_that_says_nothing_was_sent_nothing(rpc: Carrier) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(errors.TransportError, match="did not answer in time") as late:
            rpc.send(rpc.open(url), "GetTuningJob", GET, within=0.3)
        with pytest.raises(errors.TransportError, match="no connection in time") as never:
            rpc.send(rpc.open(url, connect_timeout=0.3), "GetTuningJob", GET, within=10)
    assert not late.value.maybe_sent
    assert not never.value.maybe_sent


def test_a_server_that_speaks_no_http2_was_sent_nothing(rpc: Carrier) -> None:
    from tests.support.servers import answer, serving as serving_http

    with serving_http(answer()) as server, pytest.raises(errors.TransportError, match="could not be reached") as caught:
        rpc.send(rpc.open(server.url), "GetTuningJob", GET)
    assert not caught.value.maybe_sent


def test_a_slow_answer_ends_at_the_deadline_and_may_come_of_something(rpc: Carrier) -> None:
    go = threading.Event()

    def act(context: grpc.ServicerContext) -> bytes:
        go.wait(10)
        return b""

    with serving(act) as (url, _):
        begun = time.monotonic()
        with pytest.raises(errors.TransportError, match="did not answer in time") as caught:
            rpc.send(rpc.open(url), "GetTuningJob", GET, within=0.4)
        took = time.monotonic() - begun
        go.set()
    assert 0.35 < took < 2
    assert caught.value.maybe_sent


def test_a_deadline_that_the_service_reports_is_the_services(rpc: Carrier) -> None:
    act = refusing(grpc.StatusCode.DEADLINE_EXCEEDED, "backend slow")
    with serving(act) as (url, _), pytest.raises(errors.DeadlineExceeded, match="backend slow"):
        rpc.send(rpc.open(url), "GetTuningJob", GET, within=30)


def test_a_connection_that_breaks_may_have_brought_the_request(rpc: Carrier) -> None:
    with broken() as url, pytest.raises(errors.TransportError, match="broke before the answer was whole") as caught:
        rpc.send(rpc.open(url), "CreateTuningJob", lossy())
    assert caught.value.maybe_sent


def test_a_status_that_this_side_made_is_no_answer(rpc: Carrier) -> None:
    """Metadata beyond gRPC's limit become RESOURCE_EXHAUSTED here; the service has acted."""

    def act(context: grpc.ServicerContext) -> bytes:
        context.set_trailing_metadata((("x-big", "a" * 20_000),))
        return b""

    with serving(act) as (url, _), pytest.raises(errors.TransportError) as caught:
        rpc.send(rpc.open(url), "CreateTuningJob", lossy())
    assert caught.value.maybe_sent


def test_a_channel_that_is_closed_during_a_call_is_a_broken_connection() -> None:
    async def call_and_close(url: str, called: Called) -> None:
        transport = AsyncGrpcTransport(url)
        sending = transport.send(METHODS["CreateTuningJob"], lossy(), deadline=time.monotonic() + 10)
        task = asyncio.create_task(sending)
        while not called.calls:
            await asyncio.sleep(0.01)
        await transport.close()
        with pytest.raises(errors.TransportError) as caught:
            await task
        assert caught.value.maybe_sent

    go = threading.Event()

    def act(context: grpc.ServicerContext) -> bytes:
        go.wait(10)
        return b""

    with serving(act) as (url, called):
        asyncio.run(call_and_close(url, called))
        go.set()


@contextlib.contextmanager
def broken() -> Iterator[str]:
    """A server behind a wire that is cut as soon as a request has come through it."""
    came = threading.Event()

    def act(context: grpc.ServicerContext) -> bytes:
        came.set()
        time.sleep(0.5)
        return b""

    with serving(act) as (url, _), socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(url.rpartition(":")[2])

        def wire() -> None:
            near, _ = listener.accept()
            far = socket.create_connection(("127.0.0.1", port))

            def pump(source: socket.socket, sink: socket.socket) -> None:
                with contextlib.suppress(OSError):
                    while data := source.recv(65536):
                        sink.sendall(data)

            pumps = [threading.Thread(target=pump, args=pair) for pair in ((near, far), (far, near))]
            for each in pumps:
                each.start()
            came.wait(10)
            for end in (near, far):
                end.shutdown(socket.SHUT_RDWR)
            for each in pumps:
                each.join()
            near.close()
            far.close()

        thread = threading.Thread(target=wire)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def test_an_answer_that_is_not_the_message_is_no_answer(rpc: Carrier) -> None:
    garbage = serving(lambda context: b"\xff\xff\xff")
    with garbage as (url, _), pytest.raises(errors.TransportError, match="3 bytes that are not a TuningJob") as caught:
        rpc.send(rpc.open(url), "GetTuningJob", GET)
    assert caught.value.maybe_sent


def test_an_empty_answer_is_an_empty_message(rpc: Carrier) -> None:
    with serving(lambda context: b"") as (url, _):
        answer = rpc.send(rpc.open(url), "CancelTuningJob", gemtune.CancelTuningJobRequest(name=NAME))
    assert answer == empty_pb2.Empty()


def test_a_refused_token_is_renewed_for_the_next_call(rpc: Carrier) -> None:
    class Renewable(Credentials):
        renewed = 0

        def refresh(self, request: object) -> None:
            self.renewed += 1
            self.token = f"token-{self.renewed}"

    def act(context: grpc.ServicerContext) -> bytes:
        if dict(context.invocation_metadata())["authorization"] != "Bearer token-1":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "old")
        return b""

    credentials = Renewable(token="revoked")  # type: ignore[no-untyped-call]
    with serving(act) as (url, _):
        transport = rpc.open(url, credentials=credentials)
        with pytest.raises(errors.Unauthenticated):
            rpc.send(transport, "GetTuningJob", GET)
        for _ in range(2):
            rpc.send(transport, "GetTuningJob", GET)
    assert credentials.renewed == 1


# -- without I/O ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "target"),
    [
        ("https://us-central1-aiplatform.googleapis.com", "us-central1-aiplatform.googleapis.com:443"),
        ("https://host:8443", "host:8443"),
        ("http://127.0.0.1:8086", "127.0.0.1:8086"),
        ("http://localhost", "localhost:80"),
        ("http://[::1]:8086", "[::1]:8086"),
        ("https://[2001:db8::1]", "[2001:db8::1]:443"),
    ],
)
def test_an_endpoint_becomes_a_target(endpoint: str, target: str) -> None:
    assert grpc_wire.target(Endpoint.parse(endpoint)) == target


def test_a_call_is_one_attempt_and_kept_alive_while_it_lasts() -> None:
    options = dict(grpc_wire.options(Endpoint.parse("https://host"), "agent", 5))
    assert options["grpc.enable_retries"] == 0
    assert options["grpc.keepalive_time_ms"] == 60_000
    assert options["grpc.enable_http_proxy"] == 1
    assert "grpc.keepalive_permit_without_calls" not in options  # idle connections are left alone


@pytest.mark.parametrize(
    ("client", "module", "extra", "words"),
    [
        ("TuningClient('p', transport='grpc')", "grpc", "grpc", "this client over grpc needs grpc"),
        ("AsyncTuningClient('p', transport='grpc')", "grpc", "grpc", "an asynchronous client over grpc needs grpc"),
        ("AsyncTuningClient('p')", "aiohttp", "aio", "an asynchronous client over rest needs aiohttp"),
    ],
)
def test_without_the_extra_the_sentence_names_it(client: str, module: str, extra: str, words: str) -> None:
    code = f"""
import sys
sys.modules[{module!r}] = None
import gemtune
try:
    gemtune.{client}
except gemtune.ConfigurationError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == f"{words}: pip install 'gemtune[{extra}]'"


def test_a_rest_channel_without_grpcio_raises_an_error_of_the_same_shape() -> None:
    code = """
import sys
sys.modules["grpc"] = None
import gemtune
call = gemtune.RestChannel("http://127.0.0.1:1").unary_unary(
    "/gemtune.v1.TuningService/GetTuningJob", gemtune.GetTuningJobRequest.SerializeToString, gemtune.TuningJob.FromString
)
try:
    call(gemtune.GetTuningJobRequest(name="x"))
except Exception as error:
    print(type(error).__name__, error.code().name, type(error.__cause__).__name__)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["RestRpcError", "INVALID_ARGUMENT", "SpecInvalid"]


def test_a_channel_that_another_thread_closes_before_the_call_begins_is_a_broken_connection(
    rpc: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as (url, _):
        transport = rpc.open(url)
        rpc.send(transport, "GetTuningJob", GET)
        opened = next(iter(transport._channels.values()))
        rpc.wait(opened.channel.close())
        transport._channels.clear()
        monkeypatch.setattr(transport, "_opened", lambda _: opened)
        with pytest.raises(errors.TransportError, match="was closed during the call"):
            rpc.send(transport, "GetTuningJob", GET)


def test_a_token_that_a_server_sends_back_is_hidden(rpc: Carrier) -> None:
    """In the message, in details at any depth, in the id of the exchange, and in what grpcio raised."""
    held = token().token
    violation = error_details_pb2.BadRequest.FieldViolation(field=held, description=f"not {held}")
    detail = error_details_pb2.BadRequest(field_violations=[violation])

    def act(context: grpc.ServicerContext) -> bytes:
        context.send_initial_metadata((("x-goog-request-id", held),))
        return refusing(grpc.StatusCode.PERMISSION_DENIED, f"Bearer {held} may not", detail)(context)

    with serving(act) as (url, _), pytest.raises(errors.PermissionDenied) as caught:
        rpc.send(rpc.open(url, credentials=token()), "GetTuningJob", GET)
    error = caught.value
    assert held not in str(error) + repr(error) + repr(vars(error))
    assert error.violations[0].description.startswith("not ")
    assert error.__cause__ is None
    assert error.__context__ is None
