"""What proves that nothing was sent, or done, is a list; whatever is not on it leaves the outcome in doubt."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import grpc
import pytest
from google.rpc import code_pb2

import gemtune
from gemtune import CreateTuningJobRequest, GetTuningJobRequest
from gemtune.errors import ApiError, GemtuneError, TransportError
from gemtune.flows.retry import nothing_happened
from gemtune.transport.credentials import ANONYMOUS
from tests.support.grpc_servers import refusing, serving as serving_grpc
from tests.support.servers import Heard, answer, serving
from tests.support.transport_harness import Carrier

NAME = "projects/p/locations/us-central1/tuningJobs/1"
GET = GetTuningJobRequest(name=NAME)
CREATE = CreateTuningJobRequest(
    parent="projects/p/locations/us-central1", tuning_job=gemtune.TuningJob(base_model="gemini-2.5-flash")
)
JOB = answer(b'{"name": "%s"}' % NAME.encode())


def failure(carrier: Carrier, url: str, **options: object) -> GemtuneError:
    with pytest.raises(GemtuneError) as caught:
        carrier.send(carrier.open(url), "CreateTuningJob", CREATE, **options)  # type: ignore[arg-type]
    return caught.value


# -- HTTP -------------------------------------------------------------------------------------------------------------

REFUSALS = {*range(400, 408), *range(410, 499), 501}


@pytest.mark.parametrize(
    "body", [b"", b'{"error": {"status": "INVALID_ARGUMENT"}}', b'{"error": {"status": "UNAVAILABLE"}}']
)
def test_of_http_statuses_the_refusals_alone_are_a_proof(body: bytes) -> None:
    from gemtune.rpc.status import error_from_http

    proofs = {status for status in range(1000) if nothing_happened(error_from_http(status, body))}
    assert proofs == REFUSALS


@pytest.mark.parametrize("location", [None, "https://elsewhere.example/x", "/there"])
@pytest.mark.parametrize(
    "status", [101, 199, 300, 301, 302, 303, 304, 305, 307, 308, 399, 408, 409, 499, 500, 503, 600, 999]
)
def test_an_answer_that_is_no_refusal_leaves_a_create_in_doubt(
    rest: Carrier, status: int, location: str | None
) -> None:
    headers = {"location": location} if location else {}

    def reply(connection: socket.socket, _: Heard) -> bool:
        connection.sendall(answer(b"", status, headers))
        return False

    with serving(reply) as server:
        assert not nothing_happened(failure(rest, server.url))


@pytest.mark.parametrize("interim", [(100,), (102,), (103, 103), (100, 102, 150, 199)])
def test_interim_answers_are_read_past(rest: Carrier, interim: tuple[int, ...]) -> None:
    first = b"".join(b"HTTP/1.1 %d Wait\r\nlink: </x>; rel=preload\r\n\r\n" % status for status in interim)
    with serving(first + JOB) as server:
        transport = rest.open(server.url)
        for _ in range(2):
            assert rest.send(transport, "GetTuningJob", GET).name == NAME
    assert server.connections == 1


def test_an_interim_answer_alone_is_none(rest: Carrier) -> None:
    def reply(connection: socket.socket, _: Heard) -> bool:
        connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\n")
        return False

    with serving(reply) as server:
        error = failure(rest, server.url)
    assert isinstance(error, TransportError)
    assert error.maybe_sent


@pytest.mark.parametrize(
    "answered", [b"", b"\x00\x01junk\r\n\r\n", b"HTTP/1.1 502 No\r\n\r\n", b"HTTP/1.1 407 Who\r\n\r\n"]
)
def test_a_proxy_that_does_not_connect_was_sent_nothing(
    rest: Carrier, monkeypatch: pytest.MonkeyPatch, answered: bytes
) -> None:
    def reply(connection: socket.socket, _: Heard) -> bool:
        connection.sendall(answered)
        return False

    with serving(reply) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        error = failure(rest, "https://aiplatform.example")
    assert nothing_happened(error)


def test_what_came_back_is_told_from_nothing(rest: Carrier) -> None:
    def cut(data: bytes) -> Callable[[socket.socket, Heard], bool]:
        def reply(connection: socket.socket, _: Heard) -> bool:
            connection.sendall(data)
            return False

        return reply

    for data, answered in (
        (b"", False),
        (answer(b'{"na', length=90), True),
        (answer(b"[]"), True),
        (b"junk\r\n\r\n", True),
    ):
        with serving(cut(data)) as server:
            error = failure(rest, server.url)
        assert isinstance(error, TransportError)
        assert (error.maybe_sent, error.answered) == (True, answered), data


# -- gRPC -------------------------------------------------------------------------------------------------------------

GRPC_REFUSALS = {
    code_pb2.INVALID_ARGUMENT, code_pb2.UNAUTHENTICATED, code_pb2.PERMISSION_DENIED, code_pb2.NOT_FOUND,
    code_pb2.FAILED_PRECONDITION, code_pb2.OUT_OF_RANGE, code_pb2.RESOURCE_EXHAUSTED, code_pb2.UNIMPLEMENTED,
}  # fmt: skip

WORDS = [
    "failed to connect to all addresses; last error: UNKNOWN: ipv4:10.0.0.1:443: Connection refused",
    "DNS resolution failed for backend:443",
    "errors resolving backend",
    "connections to all backends failing",
    "UNKNOWN:failed to connect",
    "Socket closed",
    "Error received from peer",
    "boom",
    "",
]


def test_of_codes_the_refusals_alone_are_a_proof() -> None:
    assert {code for code in range(-5, 100) if nothing_happened(ApiError("", code=code))} == GRPC_REFUSALS


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_no_words_of_a_status_prove_that_nothing_was_sent(rpc: Carrier, code: grpc.StatusCode, words: str) -> None:
    """A service that has acted, and then relays what gRPC said of a service behind it, says the very same."""
    with serving_grpc(refusing(code, words)) as (url, called):
        error = failure(rpc, url)
        assert len(called.calls) == 1
    if code.value[0] not in GRPC_REFUSALS:
        assert not nothing_happened(error)


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


@contextlib.contextmanager
def http2(after: Callable[[socket.socket], object]) -> Iterator[str]:
    """A server that speaks just enough HTTP/2 to take a request, and then does as a test says."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []
    open_connections: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.sendall(frame(4, 0, 0, b"") + frame(4, 1, 0, b""))
            data = connection.recv(24)
            data = b""
            while came := connection.recv(65536):
                data += came
                while len(data) >= 9 and len(data) >= (size := 9 + int.from_bytes(data[:3], "big")):
                    if data[3] == 0 and data[4] & 1:  # the end of the request's DATA
                        after(connection)
                    data = data[size:]

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                open_connections.append(connection)
                threads.append(threading.Thread(target=serve, args=(connection,)))
                threads[-1].start()

    threads.append(threading.Thread(target=accept))
    threads[-1].start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in open_connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("code", range(15))
def test_a_stream_that_is_reset_may_have_brought_the_request(rpc: Carrier, code: int) -> None:
    """C-core makes refusals of some resets: RESOURCE_EXHAUSTED of 11, PERMISSION_DENIED of 12."""
    with http2(lambda connection: connection.sendall(frame(3, 0, 1, struct.pack(">I", code)))) as url:
        assert not nothing_happened(failure(rpc, url))


def test_the_words_of_a_goaway_are_the_other_sides_too(rpc: Carrier) -> None:
    def after(connection: socket.socket) -> None:
        connection.sendall(frame(7, 0, 0, struct.pack(">II", 0, 2) + b"failed to connect to all addresses"))
        connection.shutdown(socket.SHUT_RDWR)

    with http2(after) as url:
        assert not nothing_happened(failure(rpc, url))


def test_what_never_connects_was_sent_nothing(rpc: Carrier) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        refused = f"http://127.0.0.1:{listener.getsockname()[1]}"
    transport = rpc.open(refused)
    for _ in range(2):
        with pytest.raises(TransportError, match=r"could not be reached: .*refused") as caught:
            rpc.send(transport, "CreateTuningJob", CREATE)
        assert not caught.value.maybe_sent
    with pytest.raises(TransportError, match="could not be reached") as caught:
        rpc.send(rpc.open("http://no-such-host.invalid:1", credentials=ANONYMOUS), "CreateTuningJob", CREATE)
    assert not caught.value.maybe_sent


def test_after_a_server_has_gone_requests_are_soon_known_not_to_be_sent(rpc: Carrier) -> None:
    """gRPC takes a moment to notice; until then they may have been sent."""
    with serving_grpc() as (url, _):
        transport = rpc.open(url)
        rpc.send(transport, "GetTuningJob", GET)
    for _ in range(20):
        with pytest.raises(GemtuneError) as caught:
            rpc.send(transport, "CreateTuningJob", CREATE, within=2)
        if nothing_happened(caught.value):
            return
    pytest.fail("it is never noticed")


def test_a_server_that_comes_back_is_found_again(rpc: Carrier) -> None:
    with serving_grpc() as (url, _):
        transport = rpc.open(url)
        rpc.send(transport, "GetTuningJob", GET)
    with pytest.raises(TransportError):
        rpc.send(transport, "GetTuningJob", GET, within=1)
    import concurrent.futures

    from tests.support.grpc_servers import Called

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2), handlers=[Called(lambda _: b"")])
    server.add_insecure_port(url.removeprefix("http://"))
    server.start()
    try:
        for _ in range(20):
            try:
                rpc.send(transport, "GetTuningJob", GET, within=2)
                break
            except TransportError:
                time.sleep(0.1)
        else:
            pytest.fail("it is not found again")
    finally:
        server.stop(0).wait()


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_an_answer_that_is_too_long_leaves_a_create_in_doubt(rpc: Carrier, compression: grpc.Compression) -> None:
    import concurrent.futures

    from tests.support.grpc_servers import Called

    called = Called(lambda _: b"\x0a" + b"\x00" * 100_000)
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2), handlers=[called], compression=compression)
    url = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        with pytest.raises(TransportError) as caught:
            rpc.send(rpc.open(url, max_answer_bytes=50_000), "CreateTuningJob", CREATE)
    finally:
        server.stop(0).wait()
    assert called.calls
    assert caught.value.maybe_sent
