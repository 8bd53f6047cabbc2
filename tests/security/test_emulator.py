"""What the emulator bears from whoever reaches it: headers, bodies, paths, links. It listens on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import pytest

import gemtune.emulator
from gemtune.emulator import rest
from gemtune.testing import Emulator, emulator

JOBS = "/v1/projects/demo/locations/us-central1/tuningJobs"


@pytest.fixture(scope="module")
def service() -> Iterator[Emulator]:
    with emulator(grpc=True) as running:
        yield running


def exchange(running: Emulator | str, data: bytes) -> bytes:
    """The answer to bytes, up to the end of the connection."""
    place = urlsplit(running if isinstance(running, str) else running.url)
    with closing(socket.create_connection((str(place.hostname), place.port), 10)) as connection:
        answer = b""
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):  # it need not read to the end what it refuses
            connection.sendall(data)
            while part := connection.recv(65536):
                answer += part
        return answer


def request(
    path: str = JOBS, *headers: str, verb: str = "GET", body: bytes = b"", host: str = "localhost:8085"
) -> bytes:
    lines = [f"{verb} {path} HTTP/1.1", f"host: {host}", "connection: close", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def test_a_request_with_very_many_headers_is_refused(service: Emulator) -> None:
    few = [f"x-{n}: 1" for n in range(rest.MOST_HEADERS - 4)]
    assert exchange(service, request(JOBS, *few)).startswith(b"HTTP/1.1 200")
    answer = exchange(service, request(JOBS, *few, "x: 1", "y: 1"))
    assert answer.startswith(b"HTTP/1.1 431")
    assert b"more than 100 headers" in answer


def test_headers_without_end_are_cut_off(service: Emulator) -> None:
    answer = exchange(service, request(JOBS, "x: " + "y" * 10**6))
    assert answer.startswith(b"HTTP/1.1 400") or not answer


def test_a_body_without_end_is_cut_off_and_costs_no_memory(service: Emulator) -> None:
    place = urlsplit(service.url)
    with closing(socket.create_connection((str(place.hostname), place.port), 10)) as connection:
        head = f"POST {JOBS} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {10**12}\r\n\r\n"
        connection.sendall(head.encode())
        sent = 0
        try:
            while sent < 20 * rest.LARGEST_BODY:
                sent += connection.send(b" " * 2**20)
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert sent < 15 * rest.LARGEST_BODY, "somebody stopped reading"


def test_a_message_that_is_too_large_is_refused_over_grpc_too(service: Emulator) -> None:
    with grpc.insecure_channel(str(service.grpc)) as channel:
        call = channel.unary_unary("/google.cloud.aiplatform.v1.GenAiTuningService/ListTuningJobs")
        with pytest.raises(grpc.RpcError) as refusal:
            call(b"\x12" + b"\xff\xff\xff\x07" + b"a" * 11 * 2**20, timeout=20)
    assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED  # type: ignore[attr-defined]


def test_an_emulator_that_ends_does_not_wait_for_the_rest_of_a_body(caplog: pytest.LogCaptureFixture) -> None:
    with contextlib.ExitStack() as stack:
        with emulator() as running:
            place = urlsplit(running.url)
            connection = stack.enter_context(closing(socket.create_connection((str(place.hostname), place.port), 10)))
            connection.sendall(b"POST /retry_test HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{")
            assert exchange(running, request()).startswith(b"HTTP/1.1 200")  # so the other has been read by now
            began = time.monotonic()
        assert time.monotonic() - began < 4.5, "what is under way has five seconds"
    assert not caplog.records


def test_json_that_is_nested_without_end_is_refused(service: Emulator) -> None:
    for body in (b"[" * 200_000, b'{"labels":' * 50_000, b'{"error":' * 50_000 + b"1" + b"}" * 50_000):
        assert exchange(service, request(verb="POST", body=body)).startswith(b"HTTP/1.1 400")
    for path in ("/retry_test", "/emulator/clock"):
        assert exchange(service, request(path, verb="POST", body=b"[" * 200_000)).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "place", [b'"baseModel":%s', b'"zork":%s,', b'"supervisedTuningSpec":{"hyperParameters":{"epochCount":%s}}']
)
def test_a_number_of_very_many_digits_is_refused(service: Emulator, place: bytes) -> None:
    body = b"{" + place % (b"9" * 5000) + b"}"
    for path in (JOBS, "/emulator/outcomes"):
        assert exchange(service, request(path, verb="POST", body=body)).startswith(b"HTTP/1.1 400"), path
    assert b"more than 4,300 digits" in exchange(service, request(verb="POST", body=body))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/emulator/outcomes", b'{"outcome": "fail-13", "message": "\\ud800"}'),
        ("/emulator/outcomes", b'{"outcome": "\\ud800"}'),
        ("/emulator/outcomes", b'{"\\ud800": 1}'),
        ("/emulator/clock", b'{"advance": "\\ud800"}'),
        ("/retry_test", b'{"instructions": {"\\ud800": ["pass"]}}'),
        ("/retry_test", b'{"instructions": {"*": ["return-\\udfff"]}}'),
        ("/retry_test", b'{"instructions": {"*": ["pass"]}, "transport": "\\ud800"}'),
    ],
)
def test_half_a_surrogate_pair_is_refused_by_the_emulators_own_resources(
    service: Emulator, path: str, body: bytes
) -> None:
    answer = exchange(service, request(path, verb="POST", body=body))
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"the body is not a JSON object of UTF-8 text" in answer


@pytest.mark.parametrize(
    "path",
    ["/../../etc/passwd", "/v1/..%2f..%2fetc/passwd", "//etc/passwd", "/retry_test/../../x", "/%00", "/emulator/../v1"],
)
def test_paths_lead_to_nothing_but_the_api(service: Emulator, path: str) -> None:
    answer = exchange(service, request(path))
    assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400"))


# -- web pages in a browser of this machine ---------------------------------------------------------------------------

SCRIPT = b'{"instructions": {"*": ["return-503"]}, "everyone": true}'
FROM_ANOTHER_PAGE = [
    ("sec-fetch-site: cross-site", "sec-fetch-site: cross-site"),
    ("sec-fetch-site: same-site", "sec-fetch-site: same-site"),
    ("origin: https://evil.example", "origin: https://evil.example"),
    ("origin: http://localhost:3000", "origin: http://localhost:3000"),
    ("origin: null", "origin: null"),
]


@pytest.mark.parametrize(("header", "said"), FROM_ANOTHER_PAGE)
def test_another_web_page_can_neither_make_faults_nor_jobs(service: Emulator, header: str, said: str) -> None:
    for path in ("/retry_test", "/emulator/clock", JOBS):
        answer = exchange(service, request(path, header, "content-type: text/plain", verb="POST", body=SCRIPT))
        assert answer.startswith(b"HTTP/1.1 403"), path
        assert f"The emulator does not serve other web pages ({said}).".encode() in answer
    assert not service.report()


@pytest.mark.parametrize(
    "host", ["evil.example:8085", "evil.example", "x", "localhost.evil.example", "10.0.0.1", "[::2]", "[", "@"]
)
def test_a_host_whose_name_was_changed_to_mean_this_machine_cannot_read(service: Emulator, host: str) -> None:
    answer = exchange(service, request(JOBS, "sec-fetch-site: same-origin", f"origin: http://{host}", host=host))
    assert answer.startswith(b"HTTP/1.1 403"), answer
    assert f"The emulator is not {host}. Call it as localhost".encode() in answer


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8085", "127.0.0.1:8085", "127.9.9.9", "[::1]:8085"])
@pytest.mark.parametrize(
    "headers", [[], ["sec-fetch-site: none"], ["sec-fetch-site: same-origin", "origin: http://HOST"]]
)
def test_who_calls_this_machine_by_its_name_is_served(service: Emulator, host: str, headers: list[str]) -> None:
    headers = [header.replace("HOST", host) for header in headers]
    assert exchange(service, request(JOBS, *headers, host=host)).startswith(b"HTTP/1.1 200")


def test_an_old_client_that_names_no_host_is_served(service: Emulator) -> None:
    assert exchange(service, f"GET {JOBS} HTTP/1.0\r\n\r\n".encode()).startswith(b"HTTP/1.1 200")


def test_with_a_token_any_host_will_do_and_other_pages_still_not() -> None:
    bearer = "authorization: Bearer s3cret"
    with emulator(token="s3cret") as running:
        assert exchange(running, request(JOBS, bearer, host="host.docker.internal")).startswith(b"HTTP/1.1 200")
        answer = exchange(running, request(JOBS, bearer, "origin: http://evil.example"))
    assert answer.startswith(b"HTTP/1.1 403")


def test_on_another_address_any_host_will_do_and_other_pages_still_not() -> None:
    lines: list[str] = []
    with gemtune.emulator.running(host="0.0.0.0", log=lines.append) as address:
        url = address.replace("0.0.0.0", "127.0.0.1")
        assert exchange(url, request(JOBS, host="build-7.example:8085")).startswith(b"HTTP/1.1 200")
        assert exchange(url, request(JOBS, "origin: http://evil.example", host="x")).startswith(b"HTTP/1.1 403")
    assert lines[0].startswith(
        "warning: 0.0.0.0 is reachable from other machines: whoever reaches it can use the emulator; "
    )


def test_who_gives_no_log_is_warned_of_an_address_that_others_can_reach() -> None:
    expected = pytest.warns(RuntimeWarning, match="is reachable from other machines")
    with expected as warned, gemtune.emulator.running(host="0.0.0.0"):
        pass
    assert warned[0].filename == __file__


# -- where it listens -------------------------------------------------------------------------------------------------


def listening_on(*options: str) -> tuple[str, str]:
    """Where `gemtune emulator` listens, and what it says on standard error."""
    command = [sys.executable, "-m", "gemtune.cli", "emulator", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.terminate()
        _, talk = process.communicate(timeout=30)
    return line, talk


def test_it_listens_on_loopback_unless_told_otherwise_and_warns_then(tmp_path: Path) -> None:
    line, talk = listening_on("--db", str(tmp_path / "a.db"))
    assert "rest=http://127.0.0.1:" in line
    assert "warning" not in talk
    line, talk = listening_on("--db", str(tmp_path / "b.db"), "--host", "0.0.0.0")
    assert "rest=http://0.0.0.0:" in line
    assert "whoever reaches it can use the emulator" in talk


# -- the directory that stands for Cloud Storage ----------------------------------------------------------------------

ROW = json.dumps(
    {"contents": [{"role": "user", "parts": [{"text": "q" * 4000}]}, {"role": "model", "parts": [{"text": "a"}]}]}
)


def examples(running: Emulator, uri: str) -> Any:
    """How many examples a job of that dataset shows; those of a file that may not be read are made up, 500 of them."""
    body = json.dumps({"baseModel": "gemini-2.5-flash", "supervisedTuningSpec": {"trainingDatasetUri": uri}}).encode()
    answer = exchange(running, request(verb="POST", body=body))
    if not answer.startswith(b"HTTP/1.1 200"):
        return "refused"
    job = json.loads(answer.partition(b"\r\n\r\n")[2])
    running.advance(10)
    shown = json.loads(exchange(running, request(f"/v1/{job['name']}")).partition(b"\r\n\r\n")[2])
    if shown["state"] == "JOB_STATE_FAILED":
        assert shown["error"] == {"code": 5, "message": f"{uri} does not exist."}
        return "missing"
    return int(shown["tuningDataStats"]["supervisedTuningDataStats"]["tuningDatasetExampleCount"])


def test_the_root_cannot_be_left_by_dots_links_or_absolute_names(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    for directory in (root / "bucket" / "deep", outside):
        directory.mkdir(parents=True)
    (root / "bucket" / "train.jsonl").write_text(ROW)
    (outside / "secret.jsonl").write_text(ROW)
    (root / "bucket" / "link.jsonl").symlink_to(outside / "secret.jsonl")
    (root / "bucket" / "links").symlink_to(outside)
    (root / "linked-bucket").symlink_to(outside)
    (root / "bucket" / "inside.jsonl").symlink_to(root / "bucket" / "train.jsonl")
    with emulator(gcs_root=root) as running:
        assert examples(running, "gs://bucket/train.jsonl") == 1
        for way in (
            "gs://bucket/../../outside/secret.jsonl",
            "gs://bucket/deep/../../../outside/secret.jsonl",
            "gs://bucket/link.jsonl",
            "gs://bucket/inside.jsonl",
            "gs://bucket/links/secret.jsonl",
            "gs://linked-bucket/secret.jsonl",
            f"gs://bucket/{outside}/secret.jsonl",
            "gs://../outside/secret.jsonl",
        ):
            assert examples(running, way) in (500, "refused", "missing"), way


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such files here")
def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "bucket").mkdir()
    os.mkfifo(tmp_path / "bucket" / "pipe.jsonl")
    with emulator(gcs_root=tmp_path) as running:
        told: list[Any] = []
        asking = threading.Thread(target=lambda: told.append(examples(running, "gs://bucket/pipe.jsonl")), daemon=True)
        asking.start()
        asking.join(10)
        if not told:  # let it go, so that the emulator can end
            os.close(os.open(tmp_path / "bucket" / "pipe.jsonl", os.O_WRONLY | os.O_NONBLOCK))
    assert told == [500]
