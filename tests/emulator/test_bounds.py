"""What one caller sends does not keep others waiting, nor fill the memory: it is refused early, in a sentence."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import requests

from gemtune import emulator
from gemtune.emulator import bounds, faults, outcomes, server, service
from gemtune.emulator.bounds import check_json, too_large
from gemtune.emulator.delayed import MOST_LATE, Lateness
from gemtune.emulator.faults import Faults
from gemtune.emulator.list_filter import parse
from gemtune.emulator.outcomes import Outcome, Outcomes
from gemtune.errors import InvalidArgument, ResourceExhausted
from gemtune_pb.v1 import CreateTuningJobRequest, ListTuningJobsRequest, SupervisedTuningSpec, TuningJob
from tests.support.frozen_service import PARENT, Emulated

JOBS = "v1/projects/demo/locations/us-central1/tuningJobs"
SPEC = {"trainingDatasetUri": "gs://my-bucket/t.jsonl"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with emulator.running() as url:
        yield url


# -- sizes --------------------------------------------------------------------------------------------------------------

MANY = 600_000
HUGE: dict[str, tuple[Any, str]] = {
    "labels": ({"labels": {f"k{i}": "v" for i in range(MANY)}}, "more than 20,000 values"),
    "metrics": (
        {"supervisedTuningSpec": {**SPEC, "evaluationConfig": {"metrics": [{}] * MANY}}},
        "more than 20,000 values",
    ),
    "unknown names": ({f"x{i}": 1 for i in range(MANY)}, "more than 20,000 values"),
    "wrong kinds": ({"labels": [1] * MANY}, "more than 20,000 values"),
    "some labels": ({"labels": {f"K{i}": "V" for i in range(15_000)}}, "tuning_job.labels; Message: there are 15,000"),
    "a name": ({"tunedModelDisplayName": "x," * 4_000_000}, "it has 8,0"),
    "a label": ({"labels": {"a": "b" * 4_000_000}}, "it has 4,0"),
}


@pytest.mark.parametrize("name", HUGE)
def test_a_body_of_too_much_is_refused_in_a_sentence(url: str, name: str) -> None:
    changes, sentence = HUGE[name]
    sent = json.dumps({"baseModel": "gemini-2.5-flash", "supervisedTuningSpec": SPEC, **changes}).encode()
    answer = requests.post(f"{url}/{JOBS}", data=sent, timeout=60)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]["message"]
    assert len(answer.content) < 2_000


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (b'{"a": "' + b"," * 100_000 + b'"}', False),
        (b'{"a": "\\"' + b"," * 100_000, False),
        (b"[" + b"1," * (bounds.MOST_VALUES - 1) + b"1]", False),
        (b"[" + b"1," * bounds.MOST_VALUES + b"1]", True),
        (b'["a\\"' + b'","b' * bounds.MOST_VALUES, True),
    ],
)
def test_only_commas_between_values_count(body: bytes, refused: bool) -> None:
    if refused:
        with pytest.raises(InvalidArgument, match="more than 20,000 values"):
            check_json(body)
    else:
        check_json(body)


def test_a_message_is_bounded_at_any_depth() -> None:
    job = TuningJob(supervised_tuning_spec=SupervisedTuningSpec())
    metrics = job.supervised_tuning_spec.evaluation_config.metrics
    for _ in range(bounds.MOST_ITEMS):
        metrics.add()
    assert too_large(job, "tuning_job") == []
    metrics.add()
    [(path, sentence)] = too_large(job, "tuning_job")
    assert path == "tuning_job.supervised_tuning_spec.evaluation_config.metrics"
    assert sentence == "there are 1,001 metrics, and at most 1,000 are read."


def test_an_answer_names_a_hundred_mistakes(url: str) -> None:
    evaluation = {"metrics": [{}] * 900, "outputConfig": {"gcsDestination": {"outputUriPrefix": "gs://my-bucket/o"}}}
    sent = {"baseModel": "gemini-2.5-flash", "supervisedTuningSpec": {**SPEC, "evaluationConfig": evaluation}}
    error = requests.post(f"{url}/{JOBS}", json=sent, timeout=60).json()["error"]
    assert len(error["details"][0]["fieldViolations"]) == 100


# -- filters ------------------------------------------------------------------------------------------------------------


def jobs(emulated: Emulated, count: int) -> None:
    job = TuningJob(base_model="gemini-2.5-flash", labels={"a": "b"})
    job.supervised_tuning_spec.training_dataset_uri = "gs://my-bucket/t.jsonl"
    for _ in range(count):
        emulated.call("CreateTuningJob", CreateTuningJobRequest(parent=PARENT, tuning_job=job))


def test_a_filter_counts_its_restrictions() -> None:
    assert parse("").restrictions == 0
    assert parse('labels.a="b" AND (NOT state="JOB_STATE_RUNNING" OR -labels:c)').restrictions == 3


@pytest.mark.parametrize("page_size", [3, 100])
def test_a_filter_looks_at_so_many_jobs_and_goes_on_with_the_next_page(
    emulated: Emulated, monkeypatch: pytest.MonkeyPatch, page_size: int
) -> None:
    jobs(emulated, 25)
    monkeypatch.setattr(service, "_MOST_EFFORT", 4 * (service._EFFORT_OF_A_JOB + 2))
    request = ListTuningJobsRequest(parent=PARENT, filter='labels.a="b" OR labels.a="c"', page_size=page_size)
    found, pages = [], 0
    while True:
        answer = emulated.call("ListTuningJobs", request)
        found += [job.name for job in answer.tuning_jobs]
        pages += 1
        if not answer.next_page_token:
            break
        request.page_token = answer.next_page_token
    assert len(found) == len(set(found)) == 25
    assert pages >= 5


def test_a_filter_that_fits_nothing_ends(emulated: Emulated, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs(emulated, 12)
    monkeypatch.setattr(service, "_MOST_EFFORT", 0)
    request = ListTuningJobsRequest(parent=PARENT, filter='labels.a="none"')
    pages = []
    while not pages or request.page_token:
        answer = emulated.call("ListTuningJobs", request)
        pages.append(len(answer.tuning_jobs))
        request.page_token = answer.next_page_token
    assert set(pages) == {0}
    assert len(pages) == 12


def test_lists_with_a_filter_wait_and_others_do_not(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Abandoned filters that wait are dropped; meanwhile calls without one are answered."""
    hold, running = threading.Event(), threading.Semaphore(0)
    parsed: list[str] = []

    def slow(text: str) -> Any:
        if text:
            parsed.append(text)
            running.release()
            hold.wait(30)
        return parse(text)

    monkeypatch.setattr(service.list_filter, "parse", slow)
    host, port = url.removeprefix("http://").split(":")
    abandoned = [socket.create_connection((host, int(port))) for _ in range(8)]
    for connection in abandoned:
        connection.sendall(f"GET /{JOBS}?filter=labels.a=b HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    assert running.acquire(timeout=10)
    assert running.acquire(timeout=10)
    assert requests.get(f"{url}/{JOBS}", timeout=10).status_code == 200  # while two are held and six wait
    for connection in abandoned:
        connection.close()
    assert requests.get(f"{url}/{JOBS}", timeout=10).status_code == 200  # by then the server knows that they are gone
    hold.set()
    assert requests.get(f"{url}/{JOBS}?filter=labels.z=z", timeout=10).status_code == 200
    assert len(parsed) == 3


# -- what tests hold ----------------------------------------------------------------------------------------------------


def test_retry_tests_are_bounded_in_number_and_size(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Faults()
    with pytest.raises(InvalidArgument, match="more than 10,000 instructions"):
        held.add({"*": ["pass"] * 6_000, "GetTuningJob": ["pass"] * 6_000})
    with pytest.raises(InvalidArgument, match=r"has 400 characters, and at most 200 are read"):
        held.add({"*": ["x" * 400]})
    for _ in range(10):
        held.add({"*": ["pass"] * faults.MOST_INSTRUCTIONS})
    with pytest.raises(ResourceExhausted, match=r"10 retry tests with 100,000 instructions.* DELETE /retry_test/ID"):
        held.add({"*": ["pass"]})
    held.remove(held.tests()[0].id)
    for _ in range(faults.MOST_TESTS - 9):
        held.add({"*": ["pass"]})
    with pytest.raises(ResourceExhausted, match="there are 1,000 retry tests"):
        held.add({"*": ["pass"]})


def test_too_many_retry_tests_are_429_and_too_large_ones_400(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    large = {"instructions": {"*": ["pass"] * 200_000}}
    assert requests.post(f"{url}/retry_test", json=large, timeout=60).status_code == 400
    monkeypatch.setattr(faults, "MOST_TESTS", 0)
    answer = requests.post(f"{url}/retry_test", json={"instructions": {"*": ["pass"]}}, timeout=10)
    assert (answer.status_code, answer.json()["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")


def test_outcomes_and_what_is_late_are_bounded() -> None:
    held = Outcomes()
    for _ in range(outcomes.MOST_OUTCOMES):
        held.add(Outcome.parse("expire"))
    with pytest.raises(ResourceExhausted, match="use count, or drop them"):
        held.add(Outcome.parse("expire"))
    with pytest.raises(InvalidArgument, match="message has 20,000 characters"):
        Outcome.parse("fail-13", message="x" * 20_000)
    late = Lateness()
    for i in range(MOST_LATE):
        late.later(10, lambda due: due)
        late.hide(i + 1, 10, 0)
    with pytest.raises(ResourceExhausted, match="1,000 calls"):
        late.later(10, lambda due: due)
    late.hide(0, 10, 0)
    assert len(late.hidden(0)) == MOST_LATE


# -- half-sent requests -------------------------------------------------------------------------------------------------

WHOLE = b"GET /emulator/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        [b""],
        [b"GET /v1"],
        [b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "],
        [WHOLE, b"GET"],
        [b"POST /retry_test HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n{"],
        [b"POST /retry_test HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"],
    ],
)
def test_the_rest_of_a_request_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch, pieces: list[bytes]
) -> None:
    monkeypatch.setattr(server, "HEADERS_WITHIN", 0.2)
    monkeypatch.setattr(server, "BODY_GOES_ON_WITHIN", 0.2)
    with emulator.running() as url:
        host, port = url.removeprefix("http://").split(":")
        with closing(socket.create_connection((host, int(port)), timeout=20)) as connection:
            received = b""
            for i, piece in enumerate(pieces):
                if i:
                    received += connection.recv(65536)
                connection.sendall(piece)
            while more := connection.recv(65536):
                received += more
        assert received.count(b"HTTP/1.1 408 Request Timeout") == 1
        assert received.count(b"HTTP/1.1 200") == len(pieces) - 1


def test_a_slow_answer_and_a_slow_body_are_no_half_sent_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEADERS_WITHIN", 0.2)
    monkeypatch.setattr(server, "BODY_GOES_ON_WITHIN", 5)

    def body() -> Iterator[bytes]:
        yield b'{"instructions": '
        time.sleep(0.3)  # longer than the headers may take
        yield b'{"*": ["pass"]}}'

    with emulator.running() as url:
        assert requests.post(f"{url}/retry_test", data=body(), timeout=20).status_code == 200
        headers = {"x-goog-emulator-instructions": "stall-for-0.3"}
        assert requests.get(f"{url}/{JOBS}", headers=headers, timeout=20).status_code == 200
