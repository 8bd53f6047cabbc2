"""Whatever names, labels, filters and places hold: one request leaves, to the host and path that are meant, or none.

What is looked at is the bytes on a socket, not what a library says that it has sent.
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from google.protobuf.message import Message
from hypothesis import example, given, strategies as st

import gemtune
from gemtune.errors import ConfigurationError, GemtuneError
from gemtune.names import host_of
from gemtune.settings import Endpoint, Endpoints, endpoint_from
from gemtune.transport.grpc_wire import Caller
from gemtune.transport.rest import RestTransport
from gemtune_pb.v1 import CancelTuningJobRequest, GetTuningJobRequest, ListTuningJobsRequest
from tests.support.jobs import spec
from tests.support.transport_harness import METHODS

HEADERS = frozenset(
    "host user-agent accept accept-encoding connection content-type content-length x-goog-api-client "
    "x-goog-request-params authorization".split()
)


@dataclass
class Wire:
    """A server that keeps every byte of every connection; `taken()` gives what came since the last time."""

    url: str = ""
    _came: list[bytes] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, data: bytes) -> None:
        with self._lock:
            self._came.append(data)

    def taken(self) -> list[bytes]:
        with self._lock:
            came, self._came = self._came, []
            return came


@contextlib.contextmanager
def wiretapped() -> Iterator[Wire]:
    listener = socket.create_server(("127.0.0.1", 0))
    wire = Wire(f"http://127.0.0.1:{listener.getsockname()[1]}")

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            data = b""
            while not _whole(data) and (part := connection.recv(65536)):
                data += part
            wire.keep(data)
            connection.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}")

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            serve(connection)

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield wire
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _whole(data: bytes) -> bool:
    head, end, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return bool(end) and len(body) >= (int(length[1]) if length else 0)


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    with wiretapped() as tapped:
        yield tapped


@dataclass
class Sent:
    """The one request that came."""

    verb: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


def the_request(wire: Wire) -> Sent | None:
    """What came, if anything did; fails when it is not exactly one well-formed request with the headers that are ours."""
    came = wire.taken()
    assert len(came) <= 1
    return parsed(came[0], wire) if came else None


def parsed(request: bytes, wire: Wire) -> Sent:
    """One request; fails when it is not well-formed, or has headers that are not ours."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *lines = head.split(b"\r\n")
    found = re.fullmatch(rb"(GET|POST) (/v1/[!-~]*) HTTP/1\.1", line)
    assert found, line
    headers: dict[str, str] = {}
    for each in lines:
        name, separator, value = each.decode("ascii").partition(": ")
        assert separator
        assert name.lower() in HEADERS
        assert name.lower() not in headers, "twice"
        assert value.isprintable()
        headers[name.lower()] = value
    assert headers["host"] == urlsplit(wire.url).netloc
    assert len(body) == int(headers.get("content-length", "0")), "nothing follows the request"
    target = urlsplit(found[2].decode())
    return Sent(
        found[1].decode(), target.path, dict(parse_qsl(target.query, strict_parsing=bool(target.query))), headers, body
    )


AWKWARD = st.sampled_from(
    [
        "\r\n", "\n", "\r", "\0", " ", "\t", "/", "\\", "?", "#", "@", ":", "..", ".", "%", "%0d%0a", "%2F", "%2e%2e", ";", "&", "=",
        "evil.example", "\r\nX-Evil: 1", " HTTP/1.1\r\nHost: evil.example\r\n\r\nGET /v1/", "//evil.example/", "https://evil.example",
        "é", "\u2028", "\U0001f600", "\ud800", "\x7f", "projects/p/locations/l/tuningJobs/", "tuningJobs/", "123", "us-central1", ":cancel",
    ]
)  # fmt: skip
TEXTS = st.lists(AWKWARD | st.text(max_size=4), max_size=5).map("".join)
FULL = st.lists(TEXTS, min_size=3, max_size=3).map(lambda t: f"projects/{t[0]}/locations/{t[1]}/tuningJobs/{t[2]}")
NAMES = TEXTS | FULL | TEXTS.map(lambda t: f"projects/p/locations/us-central1/tuningJobs/{t}")
ENDING = "\r\nX-Evil: 1"


def client(wire: Wire, **options: Any) -> gemtune.TuningClient:
    return gemtune.TuningClient(endpoint=wire.url, retry=None, timeout=5, **options)


@given(NAMES, st.sampled_from(["get_tuning_job", "cancel_tuning_job", "get_operation", "settle"]))
@example("1" + ENDING, "get_tuning_job")
@example("projects/p/locations/us-central1/tuningJobs/..", "cancel_tuning_job")
def test_a_name_reaches_its_own_path_or_none(wire: Wire, name: str, call: str) -> None:
    with client(wire, project="demo") as asking, contextlib.suppress(GemtuneError):
        getattr(asking, call)(name)
    path = r"/v1/projects/[A-Za-z0-9][\w:.-]*/locations/[a-z][a-z0-9-]*/tuningJobs"
    if call != "settle":
        path += r"/[^/]+"
    if call == "get_operation":
        path += r"/operations/[^/]+"
    if call == "cancel_tuning_job":
        path += ":cancel"
    for request in wire.taken():
        sent = parsed(request, wire)
        assert re.fullmatch(path, unquote(sent.path)), sent.path


@given(TEXTS, TEXTS)
@example("demo" + ENDING, "us-central1")
@example("demo", "us-central1" + ENDING)
@example("demo/locations/x/tuningJobs?", "us-central1")
def test_project_and_location_stay_in_their_segments(wire: Wire, project: str, location: str) -> None:
    with contextlib.suppress(GemtuneError), client(wire, project=project or "-", location=location or "-") as asking:
        list(asking.list_tuning_jobs())
    sent = the_request(wire)
    if sent is not None:
        assert unquote(sent.path) == f"/v1/projects/{project}/locations/{location}/tuningJobs"
        assert sent.query == {}


@given(TEXTS)
@example('a="b"' + ENDING)
@example("&pageSize=1000#")
def test_a_filter_is_one_parameter(wire: Wire, text: str) -> None:
    with client(wire, project="demo") as asking, contextlib.suppress(GemtuneError, UnicodeEncodeError):
        list(asking.list_tuning_jobs(filter=text))  # protobuf itself refuses half a surrogate pair
    sent = the_request(wire)
    if sent is not None:
        assert sent.path == "/v1/projects/demo/locations/us-central1/tuningJobs"
        assert sent.query == ({"filter": text} if text else {})


@given(TEXTS, TEXTS, TEXTS, TEXTS)
@example("team", "search" + ENDING, 'x", "baseModel": "other', "summaries" + ENDING)
def test_labels_ids_and_texts_stay_in_the_body(wire: Wire, key: str, value: str, request_id: str, text: str) -> None:
    with client(wire, project="demo") as asking, contextlib.suppress(GemtuneError, UnicodeEncodeError, ValueError):
        job = spec(description=text, tuned_model_display_name=text)
        job.labels[key] = value
        asking.create_tuning_job(job, validate=False, timeout=5, retry=None)
    for sent in [the_request(wire)]:
        if sent is not None:
            assert (sent.verb, sent.path, sent.query) == (
                "POST",
                "/v1/projects/demo/locations/us-central1/tuningJobs",
                {},
            )
            body = json.loads(sent.body)
            assert body["labels"][key] == value
            assert body["baseModel"] == "gemini-3.5-flash"
            assert body.get("description", "") == text


@given(TEXTS.filter(bool))
@example("mine" + ENDING)
@example('mine" OR labels.a="b')
def test_a_request_id_is_one_label_in_one_filter(wire: Wire, request_id: str) -> None:
    with client(wire, project="demo") as asking, contextlib.suppress(GemtuneError):
        asking.settle(request_id)
    sent, unfiltered = (parsed(request, wire) for request in wire.taken())
    assert "filter" not in unfiltered.query
    assert re.fullmatch(r'labels\.gemtune-request="[a-z0-9_-]{1,63}"', sent.query["filter"])


@given(NAMES, st.sampled_from(["GetTuningJob", "CancelTuningJob", "ListTuningJobs"]))
@example("projects/p/locations/us-central1/tuningJobs/..", "GetTuningJob")
@example("projects/p/locations/../tuningJobs/1", "GetTuningJob")
@example("projects/p/locations/us-central1/tuningJobs/.", "CancelTuningJob")
@example("projects/p/locations/%2e%2e/tuningJobs/1", "GetTuningJob")
def test_a_message_whose_names_nobody_has_looked_at_reaches_its_own_path_or_none(
    wire: Wire, name: str, rpc: str
) -> None:
    """What a generated stub over `RestChannel` is given."""
    transport = RestTransport(wire.url)
    suffix = {"GetTuningJob": "", "CancelTuningJob": ":cancel", "ListTuningJobs": "/tuningJobs"}[rpc]
    try:
        request: Message
        if rpc == "ListTuningJobs":
            name = name.partition("/tuningJobs")[0]
            request = ListTuningJobsRequest(parent=name)
        else:
            request = (GetTuningJobRequest if rpc == "GetTuningJob" else CancelTuningJobRequest)(name=name)
        transport.send(METHODS[rpc], request, deadline=time.monotonic() + 5)
    except (GemtuneError, UnicodeEncodeError):
        pass
    finally:
        transport.close()
    sent = the_request(wire)
    if sent is not None:
        assert unquote(sent.path) == f"/v1/{name}{suffix}"
        assert sent.query == {}
        routed = dict(parse_qsl(sent.headers["x-goog-request-params"]))
        assert list(routed.values()) == [name] or not name


@given(TEXTS)
@example("evil.example/")
@example("us-central1\n")
@example("x.evil.example#")
def test_no_location_leads_to_another_host(location: str) -> None:
    try:
        host = host_of(location)
    except ConfigurationError:
        return
    assert re.fullmatch(r"([a-z][a-z0-9-]*-)?aiplatform(\.(us|eu)\.rep)?\.googleapis\.com\Z", host)
    assert Endpoints(None).of(f"projects/p/locations/{location}/tuningJobs/1") == Endpoint.parse(host)


@given(TEXTS)
@example("127.0.0.1:8085@evil.example")
@example("127.0.0.1:8085#@evil.example")
def test_a_variable_for_an_emulator_leads_to_the_host_that_it_shows(text: str) -> None:
    try:
        place = endpoint_from(None, {"GEMTUNE_EMULATOR_HOST": text})
        endpoint = Endpoint.parse(place.endpoint) if place.endpoint else None
    except GemtuneError:
        return
    if endpoint is not None:
        assert endpoint.url.removeprefix("http://").lower() == text.removeprefix("http://").rstrip("/?#").lower()


@given(NAMES)
@example("projects/p" + ENDING)
def test_metadata_over_grpc_are_printable_whatever_is_named(name: str) -> None:
    with contextlib.suppress(UnicodeEncodeError):
        request = GetTuningJobRequest(name=name)
        method = METHODS["GetTuningJob"]
        for _, value in Caller.of("v1", None).metadata(method, method.resource(request), {}, ()):
            assert value.isascii()
            assert value.isprintable()


@given(TEXTS)
@example("x; rm -rf ~")
@example("-x y")
def test_a_command_that_an_error_offers_is_one_command(request_id: str) -> None:
    doubt = gemtune.InDoubt(request_id, project="p", location="l", error=GemtuneError("m"))
    offered = str(doubt).partition("To find out: ")[2].rpartition(", or client.settle(")[0]
    place = ["--project", "p", "--location", "l"]
    words = [*place, "--", request_id] if request_id.startswith("-") else [request_id, *place]
    assert shlex.split(offered) == ["gemtune", "resume", *words]
