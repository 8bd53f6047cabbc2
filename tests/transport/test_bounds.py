"""A call's `timeout` bounds all that it waits for, an answer's length has a bound, and whatever comes is an error of ours."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import gzip
import math
import socket
import ssl
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.oauth2 import service_account
from hypothesis import HealthCheck, given, settings, strategies as st

from gemtune import ConfigurationError, CreateTuningJobRequest, GetTuningJobRequest, TuningClient
from gemtune.errors import ApiError, GemtuneError, TransportError
from gemtune.transport.credentials import ANONYMOUS
from gemtune.transport.helper_thread import Aside
from gemtune.transport.rest import RestTransport
from gemtune.transport.rest_aio import AsyncRestTransport
from tests.support.grpc_servers import serving as serving_grpc
from tests.support.servers import Heard, Server, answer, serving
from tests.support.transport_harness import METHODS, Carrier

NAME = "projects/p/locations/us-central1/tuningJobs/1"
GET = GetTuningJobRequest(name=NAME)
CREATE = CreateTuningJobRequest(parent="projects/p/locations/us-central1")
JOB = answer(b'{"name": "%s"}' % NAME.encode())
PATIENCE = 20.0
"""Seconds after which a server that never ends ends after all, so that a call without bound fails and does not hang."""


class Endless:
    """Replies that do not end while anybody waits for them; `ended` is whether somebody waited for all of it."""

    def __init__(self, data: bytes = b"") -> None:
        self.ended = False
        self.stop = threading.Event()
        self._data = data

    def drip(self, connection: socket.socket, _: Heard | None = None) -> bool:
        until = time.monotonic() + PATIENCE
        position = 0
        with contextlib.suppress(OSError):
            while not self.stop.wait(0.02) and time.monotonic() < until:
                connection.sendall(self._data[position : position + 1] or b" " if self._data else b"")
                position += 1
        self.ended = time.monotonic() >= until
        return False


@pytest.fixture
def endless() -> Iterator[Callable[[bytes], Endless]]:
    made: list[Endless] = []

    def make(data: bytes = b"") -> Endless:
        made.append(Endless(data))
        return made[-1]

    yield make
    for each in made:
        each.stop.set()


@pytest.fixture(scope="module")
def key() -> bytes:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def account(key: bytes, token_server: str) -> Any:
    info = {
        "client_email": "a@b.example",
        "token_uri": token_server,
        "private_key": key.decode(),
        "type": "service_account",
    }
    return service_account.Credentials.from_service_account_info(info)  # type: ignore[no-untyped-call]


# -- time -------------------------------------------------------------------------------------------------------------

TOKEN = answer(b'{"access_token": "t", "expires_in": 3600}')


@pytest.mark.parametrize("data", [b"", TOKEN[:-20], TOKEN[:10]])
def test_a_server_of_tokens_that_drips_takes_no_longer_than_the_call(
    rest: Carrier, endless: Any, key: bytes, data: bytes
) -> None:
    dripping = endless(data)
    with serving(dripping.drip) as tokens, serving(JOB) as server:
        transport = rest.open(server.url, credentials=account(key, tokens.url))
        for _ in range(2):
            with pytest.raises(TransportError, match="no token was there in time; nothing was sent") as caught:
                rest.send(transport, "GetTuningJob", GET, within=0.3)
            assert not caught.value.maybe_sent
        assert not dripping.ended
        assert len(tokens.heard) <= 1, "one asks, whoever waits"
        assert server.heard == []
        dripping.stop.set()


def test_over_grpc_as_well(rpc: Carrier, endless: Any, key: bytes) -> None:
    dripping = endless(TOKEN[:-20])
    with serving(dripping.drip) as tokens, serving_grpc() as (url, called):
        with pytest.raises(TransportError, match="no token was there in time"):
            rpc.send(rpc.open(url, credentials=account(key, tokens.url)), "GetTuningJob", GET, within=0.3)
        assert not dripping.ended
        assert not called.calls
        dripping.stop.set()


def test_a_server_of_tokens_that_never_answers_is_asked_anew_after_a_while(
    endless: Any, key: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gemtune.transport.credentials._REFRESH_TIMEOUT", 0.2)
    dripping = endless(TOKEN[:-20])
    served: list[int] = []

    def reply(connection: socket.socket, heard: Heard) -> bool:
        served.append(1)
        if len(served) == 1:
            return dripping.drip(connection)
        connection.sendall(TOKEN)
        return True

    with serving(reply) as tokens, serving(JOB) as server:
        transport = RestTransport(server.url, credentials=account(key, tokens.url))
        with pytest.raises(TransportError, match="no token was there in time"):
            transport.send(METHODS["GetTuningJob"], GET, deadline=math.inf)
        transport.send(METHODS["GetTuningJob"], GET, deadline=time.monotonic() + 10)
        transport.close()
        dripping.stop.set()
    assert server.heard[0].headers["authorization"] == "Bearer t"


BAD_TOKENS = [b"", b"5", b'"text"', b"[]", b"[1]", b"null", b"true", b"{}", b'{"access_token": null}', b"<html>", b"\xff", b'{"access_token": 5}',
              b'{"access_token": {"a": 1}}', b'{"access_token": "t", "expires_in": "x"}', b'{"access_token": "t", "expires_in": []}',
              b'{"access_token": "t\\n", "expires_in": 3600}', b'{"access_token": "t", "expires_in": 1e400}', b"[" * 5000]  # fmt: skip


@pytest.mark.parametrize("status", [200, 400, 403, 503])
@pytest.mark.parametrize("body", BAD_TOKENS)
def test_what_is_no_token_is_told_in_a_sentence(
    key: bytes, body: bytes, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)  # google-auth's own retries
    with serving(answer(body, status)) as tokens, serving(JOB) as server:
        transport = RestTransport(server.url, credentials=account(key, tokens.url))
        try:
            transport.send(METHODS["GetTuningJob"], GET, deadline=time.monotonic() + PATIENCE)
        except GemtuneError as error:
            text = str(error)
            assert not any(
                words in text for words in ("indices", "NoneType", "object", "unsupported", "not subscriptable")
            )
        finally:
            transport.close()


def test_the_end_of_asyncio_run_waits_for_no_token(endless: Any, key: bytes) -> None:
    dripping = endless(TOKEN[:-20])

    async def main(url: str, credentials: Any) -> None:
        transport = AsyncRestTransport(url, credentials=credentials)
        with pytest.raises(TransportError):
            await transport.send(METHODS["GetTuningJob"], GET, deadline=time.monotonic() + 0.3)
        await transport.close()

    with serving(dripping.drip) as tokens, serving(JOB) as server:
        asyncio.run(main(server.url, account(key, tokens.url)))
        assert not dripping.ended
        dripping.stop.set()


@pytest.fixture
def blocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A resolver that says nothing; what is there tells that somebody waited until it gave up."""
    stop, gave_up = threading.Event(), list[str]()
    genuine = socket.getaddrinfo

    def silent(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not stop.wait(PATIENCE):
            gave_up.append(host)
        return genuine("127.0.0.1", *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    yield gave_up
    stop.set()


def test_a_resolver_that_blocks_takes_no_longer_than_the_call(blocked: list[str]) -> None:
    transport = RestTransport("http://localhost:9")
    with pytest.raises(TransportError, match="did not answer in time") as caught:
        transport.send(METHODS["GetTuningJob"], GET, deadline=time.monotonic() + 0.2)
    assert not caught.value.maybe_sent
    transport = RestTransport("http://localhost:9", connect_timeout=0.2)
    with pytest.raises(TransportError, match="could not be reached") as caught:
        transport.send(METHODS["GetTuningJob"], GET, deadline=math.inf)
    assert not caught.value.maybe_sent
    assert not blocked


def test_nor_on_an_event_loop_nor_at_its_end(blocked: list[str]) -> None:
    async def main() -> None:
        transport = AsyncRestTransport("http://localhost:9")
        with pytest.raises(TransportError) as caught:
            await transport.send(METHODS["GetTuningJob"], GET, deadline=time.monotonic() + 0.2)
        assert not caught.value.maybe_sent
        await transport.close()

    asyncio.run(main())
    assert not blocked


@contextlib.contextmanager
def accepting(serve: Callable[[socket.socket], object]) -> Iterator[int]:
    """A server that does as a test says with each connection, from its first byte."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def run(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            serve(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threads.append(threading.Thread(target=run, args=(connection,)))
                threads[-1].start()

    threads.append(threading.Thread(target=accept))
    threads[-1].start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("data", [b"", b"\x16\x03\x03\x40\x00"], ids=["silence", "a record that drips"])
def test_a_handshake_takes_no_longer_than_the_call(rest: Carrier, endless: Any, data: bytes) -> None:
    dripping = endless(data)
    with accepting(dripping.drip) as port:
        with pytest.raises(TransportError, match="did not answer in time") as caught:
            rest.send(rest.open(f"https://127.0.0.1:{port}", credentials=ANONYMOUS), "GetTuningJob", GET, within=0.4)
        transport = rest.open(f"https://127.0.0.1:{port}", credentials=ANONYMOUS, connect_timeout=0.4)
        with pytest.raises(TransportError) as given_up:
            rest.send(transport, "GetTuningJob", GET, within=math.inf)
        assert not dripping.ended
        dripping.stop.set()
    assert not caught.value.maybe_sent
    assert not given_up.value.maybe_sent


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200 OK\r\nx: "], ids=["silence", "headers that drip"])
def test_a_proxy_takes_no_longer_than_the_call(
    rest: Carrier, endless: Any, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    dripping = endless(data)
    with serving(dripping.drip) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        transport = rest.open("https://aiplatform.example", credentials=ANONYMOUS)
        with pytest.raises(TransportError, match="did not answer in time") as caught:
            rest.send(transport, "CreateTuningJob", CREATE, within=0.4)
        assert not dripping.ended
        dripping.stop.set()
    assert not caught.value.maybe_sent


def test_through_a_proxy_of_tls_to_a_server_of_tls(
    monkeypatch: pytest.MonkeyPatch, certificate: Path, tls: ssl.SSLContext
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with serving(JOB, tls=tls) as server:

        def relay(near: ssl.SSLSocket) -> None:
            with near, socket.create_connection(("127.0.0.1", server.port)) as far:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += near.recv(4096)
                heads.append(head)
                near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=pump, args=(far, near))
                back.start()
                pump(near, far)
                back.join()

        def pump(source: Any, sink: Any) -> None:
            with contextlib.suppress(OSError, ValueError):
                while data := source.recv(65536):
                    sink.sendall(data)
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_RDWR)

        heads: list[bytes] = []
        with accepting(lambda plain: relay(tls.wrap_socket(plain, server_side=True))) as port:
            # This machine is never proxied, so the name that is asked for is another one, which the proxy leads here.
            monkeypatch.setenv("HTTPS_PROXY", f"https://user:pass%20word@localhost:{port}")
            monkeypatch.setattr(
                "gemtune.transport.rest_wire.proxy_of", lambda _: f"https://user:pass%20word@localhost:{port}"
            )
            transport = RestTransport(server.url, credentials=ANONYMOUS)
            for _ in range(2):
                transport.send(METHODS["GetTuningJob"], GET, deadline=time.monotonic() + PATIENCE)
            transport.close()
    assert len(server.heard) == 2
    assert server.connections == 1
    assert heads[0].startswith(b"CONNECT localhost:%d HTTP/1.1\r\n" % server.port)
    assert b"proxy-authorization: Basic dXNlcjpwYXNzIHdvcmQ=" in heads[0]


def test_what_happens_aside_is_waited_for_by_many_and_left_by_each() -> None:
    go = threading.Event()
    aside = Aside(lambda: go.wait(PATIENCE) and "done")
    with pytest.raises(TimeoutError):
        aside.wait(time.monotonic() + 0.01)
    outcomes: list[Any] = []
    threads = [threading.Thread(target=lambda: outcomes.append(aside.wait(math.inf))) for _ in range(5)]
    for thread in threads:
        thread.start()

    async def awaiting() -> None:
        waiting = asyncio.create_task(aside.awaited())
        other = asyncio.create_task(aside.awaited())
        await asyncio.sleep(0)
        other.cancel()
        go.set()
        outcomes.append(await waiting)

    asyncio.run(awaiting())
    for thread in threads:
        thread.join()
    assert outcomes == ["done"] * 6
    assert aside.wait(-1) == "done"


# -- length -----------------------------------------------------------------------------------------------------------

LONG = b'{"name": "%s"}' % (b"n" * 5000)


def chunked(body: bytes, status: int = 200, encoding: str = "") -> bytes:
    head = b"HTTP/1.1 %d Yes\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n" % status
    if encoding:
        head += b"content-encoding: %s\r\n" % encoding.encode()
    pieces = [body[i : i + 1000] for i in range(0, len(body), 1000)]
    return head + b"\r\n" + b"".join(b"%x;a=b\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\nx: y\r\n\r\n"


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def packed(body: bytes, encoding: str) -> bytes:
    pack = {"gzip": gzip.compress, "deflate": zlib.compress}[encoding]
    return answer(pack(body), headers={"content-encoding": encoding})


FORMS = {
    "length": answer(LONG),
    "chunks": chunked(LONG),
    "to the end": b"HTTP/1.1 200 Yes\r\ncontent-type: application/json\r\n\r\n" + LONG,
    "gzip": packed(LONG, "gzip"),
    "gzip of two": answer(gzip.compress(LONG[:99]) + gzip.compress(LONG[99:]), headers={"content-encoding": "gzip"}),
    "deflate": packed(LONG, "deflate"),
    "raw deflate": answer(raw_deflate(LONG), headers={"content-encoding": "deflate"}),
    "gzip in chunks": chunked(gzip.compress(LONG), encoding="gzip"),
}


def once(data: bytes) -> Callable[[socket.socket, Heard], bool]:
    def reply(connection: socket.socket, _: Heard) -> bool:
        connection.sendall(data)
        return False

    return reply


@pytest.mark.parametrize("form", FORMS)
def test_an_answer_may_be_as_long_as_is_allowed_and_no_longer(rest: Carrier, form: str) -> None:
    with serving(once(FORMS[form])) as server:
        fits = rest.open(server.url, max_answer_bytes=len(LONG))
        assert len(rest.send(fits, "GetTuningJob", GET).name) == 5000
        too_long = rest.open(server.url, max_answer_bytes=len(LONG) - 1)
        with pytest.raises(TransportError, match=r"longer than 5,0\d\d bytes.*max_answer_bytes") as caught:
            rest.send(too_long, "GetTuningJob", GET)
    assert caught.value.maybe_sent
    assert caught.value.answered
    assert caught.value.final


def test_a_refusal_keeps_its_status_however_long_it_is(rest: Carrier) -> None:
    for data in (
        answer(b" " * 3_000_000, 403),
        answer(gzip.compress(b" " * 9_000_000), 403, {"content-encoding": "gzip"}),
    ):
        with serving(once(data)) as server, pytest.raises(ApiError) as caught:
            rest.send(rest.open(server.url), "GetTuningJob", GET)
        assert caught.value.http_status == 403


@pytest.mark.parametrize("given", [0, -1, True, "64", 1.5, None])
def test_a_limit_is_a_number_of_bytes(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_answer_bytes is"):
        TuningClient("p", endpoint="http://127.0.0.1:1", max_answer_bytes=given)


BOMB = """
import asyncio, resource, sys, time
sys.path[:0] = [""]
from tests.support.transport_harness import METHODS
from gemtune import GetTuningJobRequest, GemtuneError
from gemtune.transport.rest import RestTransport
from gemtune.transport.rest_aio import AsyncRestTransport
url, kind = sys.argv[1:]
GET = GetTuningJobRequest(name="projects/p/locations/us-central1/tuningJobs/1")
def sync(send):
    return send(METHODS["GetTuningJob"], GET, deadline=time.monotonic() + 60)
async def loop(transport):
    return await sync(transport.send)
def call(path):
    transport = (RestTransport if kind == "rest" else AsyncRestTransport)(path)
    try:
        sync(transport.send) if kind == "rest" else asyncio.run(loop(transport))
    except GemtuneError as error:
        print(error, file=sys.stderr)
call("http://127.0.0.1:9")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
call(url)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@cache
def bomb(mebibytes: int) -> bytes:
    """That many MiB of spaces, compressed."""
    pieces = zlib.compressobj(wbits=31)
    return b"".join(pieces.compress(b" " * 2**20) for _ in range(mebibytes)) + pieces.flush()


@pytest.mark.parametrize("kind", ["rest", "aiohttp"])
@pytest.mark.parametrize("status", [200, 503])
@pytest.mark.parametrize("size", [63, 300], ids=["63 MiB", "300 MiB"])
def test_a_bomb_costs_less_than_300_mib(kind: str, status: int, size: int) -> None:
    with serving(once(answer(bomb(size), status, {"content-encoding": "gzip"}))) as server:
        ran = subprocess.run(
            [sys.executable, "-c", BOMB, server.url, kind], check=False, capture_output=True, text=True
        )
        assert len(server.heard) == 1
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) < 300


# -- anything ---------------------------------------------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 Yes\r\ncontent-type: application/json\r\n"
ODD = [
    HEAD + b"transfer-encoding: chunked\r\n\r\n" + size + b"\r\n{}\r\n0\r\n\r\n"
    for size in (b"f" * 5000, b"-5", b"", b"0x2", b"2_0", b"+2", b" 2", b"g", "２".encode(), b"9" * 15, b"\xff")
] + [
    HEAD + b"content-length: " + length + b"\r\n\r\n{}"
    for length in (b"9" * 5000, b"-5", b"", b"0x2", b"+2", b"2, 3", b"1e3", "２".encode(), b"9" * 15, b"\xff")
] + [
    HEAD + b"content-encoding: br\r\ncontent-length: 2\r\n\r\n{}",
    HEAD + b"content-encoding: gzip, gzip\r\ncontent-length: 2\r\n\r\n{}",
    HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    HEAD + b"x: " + b"y" * 100_000 + b"\r\n\r\n{}",
    HEAD + b"x: y\r\n" * 20_000 + b"\r\n{}",
    HEAD + b"no colon\r\n: no name\r\n folded\r\n\r\n{}",
    HEAD + b"x-goog-request-id: \xff\x00\x1b[31m\r\nretry-after: \xff\r\n\r\n{}",
    b"HTTP/1.1 503 No\r\nretry-after: " + b"9" * 5000 + b"\r\n\r\n",
    b"HTTP/1.1 503 No\r\nretry-after: nan\r\n\r\n", b"HTTP/1.1 503 No\r\nretry-after: Fri, 99 Foo 99999 99:99:99 GMT\r\n\r\n",
    b"HTTP/1.1 302 No\r\nlocation: https://[::1\r\n\r\n", b"HTTP/1.1 302 No\r\nlocation: \xff\x00\r\n\r\n",
    b"HTTP/1.1 2000 Yes\r\n\r\n", b"HTTP/1.1 20 Yes\r\n\r\n", b"HTTP/1.1 -20 Yes\r\n\r\n", b"HTTP/1.1 000 Yes\r\n\r\n",
    b"HTTP/3 200 Yes\r\n\r\n{}", b"HTTP/1.1\r\n\r\n", b"\r\n\r\n", b"\x00" * 100_000, b"HTTP/1.1 200" + b" " * 100_000,
    HEAD + b"content-length: 2\r\n\r\n[]", HEAD + b"content-length: 5000\r\n\r\n" + b"[" * 5000,
]  # fmt: skip

PARTS = st.sampled_from(
    [b"HTTP/1.1 ", b"HTTP/1.0 ", b"200 OK", b"204 No", b"304 Not", b"100 C", b"102 P", b"503 X", b"101 S", b"\r\n", b"\n", b"\r\n\r\n", b"{}", b"0", b"2",
     b"content-length: ", b"transfer-encoding: chunked", b"connection: close", b"content-encoding: gzip", b"location: ", b":", b"-", b" ",
     b"content-type: application/json", gzip.compress(b"{}"), b"0\r\n\r\n", b"2\r\n{}\r\n"]
)  # fmt: skip
ANYTHING = st.lists(PARTS | st.binary(max_size=6), max_size=14).map(b"".join)


@pytest.fixture(scope="module")
def talking() -> Iterator[tuple[Server, list[bytes]]]:
    said: list[bytes] = [b""]
    with serving(lambda connection, heard: connection.sendall(said[0]) or False) as server:  # type: ignore[func-returns-value]
        yield server, said


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=ANYTHING)
def test_whatever_bytes_are_answered_there_is_an_answer_or_an_error_of_ours(
    talking: tuple[Server, list[bytes]], data: bytes
) -> None:
    server, said = talking
    said[0] = data
    with contextlib.closing(RestTransport(server.url)) as transport, contextlib.suppress(GemtuneError):
        transport.send(METHODS["GetTuningJob"], GET, deadline=time.monotonic() + PATIENCE)


@pytest.mark.parametrize("data", ODD)
def test_odd_answers_are_answers_or_errors_of_ours(rest: Carrier, data: bytes) -> None:
    with serving(once(data)) as server:
        with contextlib.suppress(GemtuneError):
            rest.send(rest.open(server.url), "GetTuningJob", GET)
        assert len(server.heard) == 1


def test_what_follows_an_answer_is_no_answer_to_the_next_request(rest: Carrier) -> None:
    stray = answer(b'{"name": "stray"}')
    with serving(lambda connection, heard: connection.sendall(JOB + stray)) as server:  # type: ignore[arg-type]
        transport = rest.open(server.url)
        for _ in range(3):
            with contextlib.suppress(TransportError):
                assert rest.send(transport, "GetTuningJob", GET).name == NAME


TIMEOUTS: list[tuple[Any, bool]] = [
    (0, True), (0.5, True), (math.inf, True), (1e300, True), (10**400, True), (None, True), (True, False), (-1, False),
    (-math.inf, False), (math.nan, False), ("5", False), (b"5", False), ([], False), (datetime.timedelta(seconds=1), False),
]  # fmt: skip


@pytest.mark.parametrize("transport", ["rest", "grpc"])
@pytest.mark.parametrize(("timeout", "fits"), TIMEOUTS)
def test_a_timeout_is_seconds_or_none(transport: str, timeout: Any, fits: bool) -> None:
    with contextlib.ExitStack() as stack:
        if transport == "rest":
            url = stack.enter_context(serving(JOB)).url
        else:
            url, _ = stack.enter_context(serving_grpc())
        for options in ({"timeout": timeout}, {}):
            expected = (
                contextlib.nullcontext()
                if fits
                else pytest.raises(ConfigurationError, match=r"timeout is .*; give seconds")
            )
            late = contextlib.suppress(TransportError) if timeout == 0 else contextlib.nullcontext()
            with expected, late, TuningClient("p", endpoint=url, transport=transport, retry=None, **options) as client:
                client.get_tuning_job("1", **({} if options else {"timeout": timeout}))


@pytest.mark.parametrize("field", ["attempt", "initial", "maximum", "multiplier", "settle"])
@pytest.mark.parametrize("value", [math.nan, -1, "5", None, True])
def test_the_numbers_of_a_retry_are_numbers(field: str, value: Any) -> None:
    from gemtune import Retry

    with pytest.raises(ConfigurationError, match=f"Retry's {field} is"):
        Retry(**{field: value})
