"""Faults on demand, by both doors: what a caller meets, what the service has done by then, and what is reported."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import grpc
import pytest

from gemtune.emulator.faults import INSTRUCTIONS, Faults, parse
from gemtune.emulator.outcomes import LABEL, Outcome, Outcomes
from gemtune.emulator.service import Service
from gemtune.emulator.storage import Storage
from gemtune.errors import GemtuneError, InvalidArgument, TransportError
from gemtune.rpc.states import state_name
from gemtune.testing import Emulator, emulator
from gemtune.transport.grpc import GrpcTransport
from gemtune.transport.rest import RestTransport
from gemtune_pb.v1 import CreateTuningJobRequest, ListTuningJobsRequest, TuningJob
from tests.support.frozen_service import METHODS, PARENT, Emulated, tuning_job

HEADER = "x-goog-emulator-instructions"
JOBS = f"/v1/{PARENT}/tuningJobs"


@pytest.fixture(scope="module")
def shared() -> Iterator[Emulator]:
    with emulator(job_duration=3600, grpc=True) as running:
        yield running


@pytest.fixture
def emulated_here(shared: Emulator) -> Iterator[Emulator]:
    yield shared
    for test in shared.report():
        shared._control.faults.remove(test.id)
    shared.advance(100)  # what is late comes before the next test begins


class Caller:
    """One attempt of a call over one of the transports, and what is there afterwards."""

    def __init__(self, running: Emulator, transport: str) -> None:
        self.emulator = running
        self.transport = transport
        kind: Any = RestTransport if transport == "rest" else GrpcTransport
        self._carrier = kind(running.url if transport == "rest" else f"http://{running.grpc}")

    def create(self, instructions: str = "", *, test: str = "", within: float = 10.0) -> TuningJob:
        pairs = [(HEADER, instructions)] if instructions else []
        pairs += [("x-retry-test-id", test)] if test else []
        request = CreateTuningJobRequest(parent=PARENT, tuning_job=tuning_job())
        deadline = time.monotonic() + within
        answer: TuningJob = self._carrier.send(METHODS["CreateTuningJob"], request, deadline=deadline, metadata=pairs)
        return answer

    def fails(self, instructions: str, **options: Any) -> GemtuneError:
        with pytest.raises(GemtuneError) as failure:
            self.create(instructions, **options)
        return failure.value

    def jobs(self) -> int:
        request = ListTuningJobsRequest(parent=PARENT, page_size=1000)
        deadline = time.monotonic() + 10
        return len(self._carrier.send(METHODS["ListTuningJobs"], request, deadline=deadline).tuning_jobs)

    def made_by(self, act: Callable[[], object]) -> int:
        before = self.jobs()
        act()
        return self.jobs() - before

    def close(self) -> None:
        self._carrier.close()


@pytest.fixture(params=["rest", "grpc"])
def caller(request: pytest.FixtureRequest, emulated_here: Emulator) -> Iterator[Caller]:
    caller = Caller(emulated_here, request.param)
    yield caller
    caller.close()


# -- instructions -----------------------------------------------------------------------------------------------------


def test_without_instructions_nothing_goes_wrong(caller: Caller) -> None:
    assert caller.made_by(lambda: caller.create("pass")) == 1


@pytest.mark.parametrize(
    ("code", "status", "http"),
    [
        ("503", "UNAVAILABLE", 503),
        ("404", "NOT_FOUND", 404),
        ("502", "UNAVAILABLE", 502),
        ("data_loss", "DATA_LOSS", 500),
        ("data-loss", "DATA_LOSS", 500),
        ("Deadline-Exceeded", "DEADLINE_EXCEEDED", 504),
    ],
)
def test_an_error_comes_in_place_of_acting(caller: Caller, code: str, status: str, http: int) -> None:
    errors: list[Any] = []
    assert caller.made_by(lambda: errors.append(caller.fails(f"return-{code}"))) == 0
    assert errors[0].status == status
    assert errors[0].http_status == (http if caller.transport == "rest" else None)


def test_an_error_may_come_after_acting(caller: Caller) -> None:
    assert caller.made_by(lambda: caller.fails("return-503-after")) == 1


def test_a_name_with_dashes_may_stand_before_the_rest_of_an_instruction(caller: Caller) -> None:
    assert caller.made_by(lambda: caller.fails("return-resource-exhausted-after")) == 1
    error: Any = caller.fails("return-resource-exhausted-retry-after-7")
    assert (error.status, error.retry_after) == ("RESOURCE_EXHAUSTED", 7)


def test_a_refusal_may_say_when_to_come_back(caller: Caller) -> None:
    error: Any = caller.fails("return-429-retry-after-7")
    assert error.status == "RESOURCE_EXHAUSTED"
    assert error.retry_after == 7


@pytest.mark.parametrize(
    ("instruction", "made"), [("return-reset-connection", 0), ("return-reset-connection-after", 1)]
)
def test_a_connection_is_reset_before_or_after_acting(caller: Caller, instruction: str, made: int) -> None:
    errors: list[Any] = []
    assert caller.made_by(lambda: errors.append(caller.fails(instruction))) == made
    assert isinstance(errors[0], TransportError)
    assert errors[0].maybe_sent, "whoever loses the answer cannot know which it was"


@pytest.mark.parametrize("instruction", ["truncated-body", "garbage-body"])
def test_an_answer_that_cannot_be_read_hides_a_job(caller: Caller, instruction: str) -> None:
    errors: list[Any] = []
    assert caller.made_by(lambda: errors.append(caller.fails(instruction))) == 1
    assert isinstance(errors[0], TransportError)
    assert errors[0].maybe_sent


@pytest.mark.parametrize("instruction", ["stall-for-0.3s", "slow-body-0.3s"])
def test_an_answer_may_be_slow(caller: Caller, instruction: str) -> None:
    began = time.monotonic()
    assert caller.create(instruction).name
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize(
    "end", ["return-reset-connection", "return-reset-connection-after", "commit-after-0", "return-503"]
)
def test_what_ends_a_call_that_stalls_comes_after_the_stall(caller: Caller, end: str) -> None:
    began = time.monotonic()
    caller.fails(f"stall-for-0.3,{end}")
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize("instruction", ["stall-for-60", "slow-body-60"])
def test_who_does_not_wait_for_it_finds_the_job_made(caller: Caller, instruction: str) -> None:
    errors: list[Any] = []
    assert caller.made_by(lambda: errors.append(caller.fails(instruction, within=1.5))) == 1
    assert isinstance(errors[0], TransportError)


def test_a_job_may_be_in_lists_only_later(caller: Caller) -> None:
    assert caller.made_by(lambda: caller.create("list-lag-30")) == 0
    before = caller.jobs()
    caller.emulator.advance(29)
    assert caller.jobs() == before
    caller.emulator.advance(1)
    assert caller.jobs() == before + 1


def test_a_job_that_lists_lack_is_got_by_its_name(caller: Caller) -> None:
    job = caller.create("list-lag-30")
    assert caller.emulator.client().get_tuning_job(job.name).name == job.name


def test_a_create_may_be_acted_on_after_its_connection_was_cut(caller: Caller) -> None:
    errors: list[Any] = []
    assert caller.made_by(lambda: errors.append(caller.fails("commit-after-30"))) == 0
    assert isinstance(errors[0], TransportError)
    before = caller.jobs()
    caller.emulator.advance(29.5)
    assert caller.jobs() == before
    caller.emulator.advance(0.5)
    assert caller.jobs() == before + 1


def test_a_job_that_is_made_late_was_created_then_and_may_lag_besides(caller: Caller) -> None:
    client = caller.emulator.client()
    caller.fails("commit-after-30,list-lag-10")
    before = caller.jobs()
    caller.emulator.advance(39)
    assert caller.jobs() == before
    caller.emulator.advance(2)
    job = next(iter(client.list_tuning_jobs()))
    assert caller.jobs() == before + 1
    assert 10 <= caller.emulator._control.clock() - job.create_time.ToNanoseconds() / 1e9 < 15


def test_what_would_have_been_refused_late_leaves_nothing(emulated_here: Emulator) -> None:
    answer = _post(emulated_here, JOBS, b'{"baseModel": "m"}', {HEADER: "commit-after-5"})
    assert answer is None
    emulated_here.advance(6)
    jobs = emulated_here.client().list_tuning_jobs()
    assert not [job for job in jobs if job.base_model == "m"]


def test_two_things_can_go_wrong_with_one_call(caller: Caller) -> None:
    before = caller.jobs()
    assert caller.fails("list-lag-20, return-503-after").status == "UNAVAILABLE"  # type: ignore[attr-defined]
    assert caller.jobs() == before
    caller.emulator.advance(21)
    assert caller.jobs() == before + 1


def test_a_fault_spoils_refusals_too(emulated_here: Emulator) -> None:
    assert _post(emulated_here, JOBS, b"{}", {HEADER: "return-reset-connection-after"}) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("explode", "'explode' is not an instruction; the instructions are pass, return-CODE,"),
        ("return-200", "200 is not an error; an HTTP error status is from 400 to 599"),
        ("return-teapot", "teapot is not a code; the codes are CANCELLED,"),
        ("return-ok", "ok is not a code"),
        ("stall-for-99999", "a call can be made to wait 3600 s at most"),
        ("return-503,return-504", "two faults that exclude each other"),
        ("return-503,return-reset-connection", "two faults that exclude each other"),
        ("commit-after-3,return-reset-connection", "two faults that exclude each other"),
        ("stall-for-", "is not an instruction"),
        ("return-503,", "'' is not an instruction"),
        ("return-503-", "'return-503-' is not an instruction"),
        ("return-broken-stream", "broken-stream is not a code"),
    ],
)
def test_instructions_that_make_no_sense_are_refused(caller: Caller, text: str, sentence: str) -> None:
    error: Any = caller.fails(text)
    assert error.status == "INVALID_ARGUMENT"
    assert sentence in error.message


@pytest.mark.parametrize("instruction", INSTRUCTIONS, ids=lambda i: i.form)
def test_every_instruction_is_found_by_its_form(instruction: Any) -> None:
    parse(instruction.form.replace("CODE", "503").replace("N", "1"))


# -- retry tests ------------------------------------------------------------------------------------------------------


def test_a_retry_test_scripts_one_call_after_the_other_and_reports(caller: Caller) -> None:
    test = caller.emulator.faults(
        {"CreateTuningJob": ["return-503", "pass", "return-reset-connection"]}, everyone=False
    )
    assert caller.create().name, "a call that does not name the test is none of its"
    assert caller.fails("", test=test.id).status == "UNAVAILABLE"  # type: ignore[attr-defined]
    assert test.left == {"CreateTuningJob": ["pass", "return-reset-connection"]}
    assert not test.completed
    assert caller.create(test=test.id).name
    assert isinstance(caller.fails("", test=test.id), TransportError)
    assert test.completed
    assert caller.create(test=test.id).name, "after its end nothing goes wrong"
    assert [(hit.rpc, hit.instruction) for hit in test.hits] == [
        ("CreateTuningJob", "return-503"),
        ("CreateTuningJob", "pass"),
        ("CreateTuningJob", "return-reset-connection"),
    ]
    assert {hit.transport for hit in test.hits} == {"REST" if caller.transport == "rest" else "gRPC"}


def test_a_test_for_everyone_needs_no_header(caller: Caller) -> None:
    test = caller.emulator.faults({"CreateTuningJob": "return-503"})
    assert caller.jobs() >= 0, "other calls go well"
    assert caller.fails("").status == "UNAVAILABLE"  # type: ignore[attr-defined]
    assert test.completed


def test_a_test_may_belong_to_one_door(caller: Caller) -> None:
    here, there = ("REST", "gRPC") if caller.transport == "rest" else ("gRPC", "REST")
    script = {"CreateTuningJob": ["return-503"]}
    other = caller.emulator._control.faults.add(script, everyone=True, transport=there)  # type: ignore[arg-type]
    own = caller.emulator._control.faults.add(script, everyone=True, transport=here)  # type: ignore[arg-type]
    assert caller.create(test=other.id).name
    caller.fails("")
    assert caller.create().name
    assert own.completed
    assert not other.hits


def test_the_testbenchs_name_of_the_header_will_do(emulated_here: Emulator) -> None:
    answer = _post(emulated_here, JOBS, b"{}", {"x-goog-testbench-instructions": "return-503"})
    assert answer is not None
    assert answer[0] == 503


def test_any_rpc_can_be_meant(caller: Caller) -> None:
    test = caller.emulator.faults({"*": ["return-503", "return-503"]})
    with pytest.raises(GemtuneError):
        caller.jobs()
    caller.fails("")
    assert [hit.rpc for hit in test.hits] == ["ListTuningJobs", "CreateTuningJob"]


def test_the_header_goes_before_the_script(caller: Caller) -> None:
    test = caller.emulator.faults({"CreateTuningJob": "return-503"})
    assert caller.create("pass").name
    assert not test.hits


def test_a_test_that_is_not_there_is_named(caller: Caller) -> None:
    assert "no retry test 'gone'" in str(caller.fails("", test="gone"))


def test_a_second_test_goes_on_when_the_first_is_used_up(caller: Caller) -> None:
    first, second = (caller.emulator.faults({"CreateTuningJob": "return-503"}) for _ in range(2))
    caller.fails("")
    caller.fails("")
    assert first.completed
    assert second.completed


def test_calls_at_once_each_take_their_own_instruction(caller: Caller) -> None:
    caller.jobs()  # connects: grpcio's watch of a channel outlives one that several threads opened at once
    test = caller.emulator.faults({"CreateTuningJob": ["return-503", "return-404", "return-409", "return-429"] * 5})

    def status(_: int) -> str:
        return str(caller.fails("").status)  # type: ignore[attr-defined]

    with ThreadPoolExecutor(8) as pool:
        met = sorted(pool.map(status, range(20)))
    assert met == sorted(["UNAVAILABLE", "NOT_FOUND", "ABORTED", "RESOURCE_EXHAUSTED"] * 5)
    assert test.completed


@pytest.mark.parametrize(
    ("instructions", "sentence"),
    [
        ({"CreateTunningJob": ["pass"]}, "'CreateTunningJob' is not an rpc; the rpcs are CancelOperation,"),
        ({"CreateTuningJob": ["pass", "oops"]}, "'oops' is not an instruction"),
        ({}, "instructions are empty; map rpcs to lists of faults"),
        ({"CreateTuningJob": []}, "the instructions of CreateTuningJob are empty"),
    ],
)
def test_a_script_that_makes_no_sense_is_refused_whole(instructions: Any, sentence: str) -> None:
    faults = Faults()
    with pytest.raises(InvalidArgument, match=sentence):
        faults.add(instructions)
    assert not faults.tests()


# -- the resources of the REST door -----------------------------------------------------------------------------------


def _exchange(
    running: Emulator, verb: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    with closing(http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=10)) as connection:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body)
        connection.request(verb, path, data, headers or {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def _post(running: Emulator, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any] | None:
    """None: the connection was reset."""
    try:
        return _exchange(running, "POST", path, body, headers)
    except ConnectionResetError:
        return None


def test_a_retry_test_is_made_read_and_ended_over_http(emulated_here: Emulator) -> None:
    script = {"instructions": {"CreateTuningJob": ["return-503", "pass"]}}
    status, made = _exchange(emulated_here, "POST", "/retry_test", script)
    assert status == 200
    assert made["instructions"] == script["instructions"]
    assert not made["completed"]
    body = json.dumps(
        {"baseModel": "gemini-2.5-flash", "supervisedTuningSpec": {"trainingDatasetUri": "gs://bucket/train.jsonl"}}
    ).encode()
    assert _exchange(emulated_here, "POST", JOBS, body, {"x-retry-test-id": made["id"]})[0] == 503
    _, report = _exchange(emulated_here, "GET", f"/retry_test/{made['id']}")
    assert report["instructions"] == {"CreateTuningJob": ["pass"]}
    assert [(hit["rpc"], hit["instruction"], hit["transport"]) for hit in report["hits"]] == [
        ("CreateTuningJob", "return-503", "REST")
    ]
    assert made["id"] in [test["id"] for test in _exchange(emulated_here, "GET", "/retry_tests")[1]["retryTests"]]
    assert _exchange(emulated_here, "DELETE", f"/retry_test/{made['id']}") == (200, {})
    assert _exchange(emulated_here, "GET", f"/retry_test/{made['id']}")[0] == 404
    assert _exchange(emulated_here, "DELETE", f"/retry_test/{made['id']}")[0] == 404


def test_a_test_for_everyone_is_made_over_http_too(emulated_here: Emulator) -> None:
    script = {"instructions": {"ListTuningJobs": ["return-503"]}, "everyone": True}
    _exchange(emulated_here, "POST", "/retry_test", script)
    assert _exchange(emulated_here, "GET", JOBS)[0] == 503
    assert _exchange(emulated_here, "GET", JOBS)[0] == 200


@pytest.mark.parametrize(("transport", "status"), [("HTTP", 503), ("GRPC", 200), (None, 503)])
def test_a_door_is_asked_for_as_the_testbench_asks(emulated_here: Emulator, transport: Any, status: int) -> None:
    script = {"instructions": {"ListTuningJobs": ["return-503"]}, "transport": transport}
    _, made = _exchange(emulated_here, "POST", "/retry_test", script)
    assert made["transport"] == transport
    assert _exchange(emulated_here, "GET", JOBS, headers={"x-retry-test-id": made["id"]})[0] == status


def test_whether_the_emulator_answers_is_asked_for_beside_the_api(emulated_here: Emulator) -> None:
    assert _exchange(emulated_here, "GET", "/emulator/health") == (200, {"status": "OK"})


def test_the_clock_is_moved_and_read_over_http() -> None:
    with emulator(job_duration=3600) as running:
        job = running.client().create_tuning_job(tuning_job())
        status, moved = _exchange(running, "POST", "/emulator/clock", {"advance": "3600s"})
        assert status == 200
        assert moved["ahead"] == "3600s"
        assert _exchange(running, "GET", "/emulator/clock")[1]["ahead"] == "3600s"
        assert state_name(running.client().get_tuning_job(job.name)) == "SUCCEEDED"


def test_outcomes_are_asked_for_over_http() -> None:
    with emulator() as running:
        sent = {"outcome": "fail-resource-exhausted", "count": 2, "message": "No room."}
        status, left = _exchange(running, "POST", "/emulator/outcomes", sent)
        assert status == 200
        shown = {"code": "RESOURCE_EXHAUSTED", "message": "No room."}
        assert left == {"next": [{"state": "JOB_STATE_FAILED", "count": 2, "error": shown}]}
        _exchange(running, "POST", "/emulator/outcomes", {"outcome": "expire", "count": None})
        client = running.client(instant=True)
        jobs = [client.create_tuning_job(tuning_job()) for _ in range(5)]
        running.advance(2)
        states = [state_name(client.get_tuning_job(job.name)) for job in jobs]
        assert states == ["FAILED", "FAILED", "EXPIRED", "EXPIRED", "EXPIRED"]
        assert _exchange(running, "DELETE", "/emulator/outcomes") == (200, {})
        assert _exchange(running, "GET", "/emulator/outcomes") == (200, {"next": []})


@pytest.mark.parametrize(
    ("verb", "path", "body", "status", "sentence"),
    [
        ("POST", "/retry_test", b"[", 400, "not a JSON object"),
        ("POST", "/retry_test", {"instructions": {"CreateTuningJob": "return-503"}}, 400, "instructions map rpcs to lists"),
        ("POST", "/retry_test", {"instruction": {}}, 400, "'instruction' is not known here; the known names are instructions"),
        ("POST", "/retry_test", {"instructions": {}, "everyone": 1}, 400, "everyone is 1; it is true or false"),
        ("POST", "/retry_test", {"instructions": {"X": ["pass"]}}, 400, "'X' is not an rpc"),
        ("POST", "/retry_test", {"instructions": {}}, 400, "instructions are empty; map rpcs to lists of faults"),
        ("POST", "/retry_test", {"instructions": {"*": ["pass"]}, "transport": "REST"}, 400, "transport is 'REST'; it is"),
        ("POST", "/emulator/health", {}, 405, "POST is not served at /emulator/health; GET is"),
        ("PUT", "/retry_test", {}, 405, "PUT is not served at /retry_test; POST is"),
        ("GET", "/retry_test/1/2", None, 404, "nothing at /retry_test/1/2"),
        ("GET", "/retry_testing", None, 404, "nothing at /retry_testing"),
        ("GET", "/emulator/moon", None, 404, "nothing at /emulator/moon"),
        ("POST", "/emulator/clock", {"advance": "1h"}, 400, "a duration in seconds, such as \"3600s\""),
        ("POST", "/emulator/clock", {"advance": 5}, 400, "advance is 5; it is a duration"),
        ("POST", "/emulator/clock", {"advance": "9999999999s"}, 400, "it moves forward, up to 1000000000 s in all"),
        ("POST", "/emulator/clock", {"set": "1"}, 400, "'set' is not known here"),
        ("POST", "/emulator/outcomes", {"outcome": "explode"}, 400, "'explode' is not an outcome; write fail-CODE"),
        ("POST", "/emulator/outcomes", {"outcome": 3}, 400, "outcome and message are strings"),
        ("POST", "/emulator/outcomes", {"outcome": "expire", "count": 0}, 400, "count is 0; it is a number from 1"),
        ("POST", "/emulator/outcomes", {"outcome": "expire", "count": True}, 400, "count is True"),
    ],
)  # fmt: skip
def test_what_these_resources_do_not_understand_is_said(
    emulated_here: Emulator, verb: str, path: str, body: Any, status: int, sentence: str
) -> None:
    got, answer = _exchange(emulated_here, verb, path, body)
    assert got == status
    assert sentence in answer["error"]["message"]


def test_these_resources_ask_for_the_token_too() -> None:
    with emulator(token="secret") as running:
        assert _exchange(running, "GET", "/emulator/clock")[0] == 401
        assert _exchange(running, "GET", "/emulator/clock", headers={"authorization": "Bearer secret"})[0] == 200


def test_a_cut_call_is_in_the_log() -> None:
    lines: list[str] = []
    with emulator(log=lines.append) as running:
        assert _post(running, JOBS, b"{}", {HEADER: "return-reset-connection"}) is None
    assert " cut " in lines[0]


def test_an_emulator_that_ends_does_not_wait_for_calls_that_stall() -> None:
    with emulator(grpc=True) as running:
        for transport in ("rest", "grpc"):
            stalling = Caller(running, transport)
            stalling.fails("stall-for-600", within=0.2)
            stalling.close()
        channel = grpc.insecure_channel(running.grpc)
        call = channel.unary_unary("/google.cloud.aiplatform.v1.GenAiTuningService/ListTuningJobs")
        pending = call.future(
            ListTuningJobsRequest(parent=PARENT).SerializeToString(), metadata=[(HEADER, "stall-for-600")]
        )
        time.sleep(0.3)  # a real server has to have begun
        began = time.monotonic()
    assert time.monotonic() - began < 4.5, "it waits five seconds for each door's calls, and then no longer"
    assert pending.exception() is not None or pending.result() is not None
    channel.close()


# -- outcomes ---------------------------------------------------------------------------------------------------------


def of_label(value: str) -> TuningJob:
    job = tuning_job()
    job.labels[LABEL] = value
    return job


def test_a_job_fails_as_its_label_says(emulated: Emulated) -> None:
    job = emulated.create(of_label("fail-13"))
    assert not job.HasField("error")
    emulated.clock.advance(50)
    running = emulated.get(job.name)
    assert state_name(running) == "RUNNING"
    assert not running.HasField("error")
    emulated.clock.advance(50)
    failed = emulated.get(job.name)
    assert state_name(failed) == "FAILED"
    assert failed.error.code == 13
    assert failed.error.message
    assert failed.end_time == failed.update_time
    assert not failed.HasField("tuned_model")
    assert failed.HasField("tuning_data_stats")


def test_a_job_may_stay_pending_until_it_is_cancelled(emulated: Emulated) -> None:
    job = emulated.create(of_label("stay-pending"))
    emulated.clock.advance(10**6)
    pending = emulated.get(job.name)
    assert state_name(pending) == "PENDING"
    assert not pending.HasField("start_time")
    assert not pending.experiment
    emulated.call("CancelTuningJob", METHODS["CancelTuningJob"].input_type(name=job.name))
    assert state_name(emulated.get(job.name)) == "CANCELLING"
    emulated.clock.advance(10)
    cancelled = emulated.get(job.name)
    assert state_name(cancelled) == "CANCELLED"
    assert cancelled.error.code == 1


def test_a_job_may_run_for_ever(emulated: Emulated) -> None:
    job = emulated.create(of_label("stay-running"))
    emulated.clock.advance(10**6)
    running = emulated.get(job.name)
    assert state_name(running) == "RUNNING"
    assert running.HasField("start_time")
    assert not running.HasField("end_time")
    assert not running.HasField("tuned_model")


def test_a_job_may_expire(emulated: Emulated) -> None:
    job = emulated.create(of_label("expire"))
    emulated.clock.advance(100)
    expired = emulated.get(job.name)
    assert state_name(expired) == "EXPIRED"
    assert expired.HasField("end_time")
    assert not expired.HasField("error")
    assert not expired.HasField("tuned_model")


def test_a_job_may_succeed_partially_with_a_model_and_no_endpoint(emulated: Emulated) -> None:
    job = emulated.create(of_label("succeed-partially"))
    emulated.clock.advance(100)
    partly = emulated.get(job.name)
    assert state_name(partly) == "PARTIALLY_SUCCEEDED"
    assert partly.tuned_model.model
    assert not partly.tuned_model.endpoint
    assert not any(checkpoint.endpoint for checkpoint in partly.tuned_model.checkpoints)


def test_a_label_that_names_no_outcome_is_refused_where_it_stands(emulated: Emulated) -> None:
    with pytest.raises(InvalidArgument, match="'explode' is not an outcome; write fail-CODE") as refusal:
        emulated.create(of_label("explode"))
    assert [v.field for v in refusal.value.violations] == ["tuning_job.labels[gemtune-emulator]"]


def test_the_label_goes_before_what_was_asked_for(storage: Storage, emulated: Emulated) -> None:
    outcomes = Outcomes()
    outcomes.add(Outcome.parse("expire"))
    service = Emulated(Service(storage, job_duration=1, clock=emulated.clock, outcomes=outcomes), emulated.clock)
    labelled, other = service.create(of_label("succeed")), service.create()
    emulated.clock.advance(1)
    assert [state_name(service.get(job.name)) for job in (labelled, other)] == ["SUCCEEDED", "EXPIRED"]


def test_what_is_asked_for_from_now_on_ends_with_the_next_wish() -> None:
    outcomes = Outcomes()
    outcomes.add(Outcome.parse("expire"), None)
    outcomes.add(Outcome.parse("stay-pending"))
    assert outcomes.of(tuning_job()) == Outcome.parse("stay-pending")
    assert outcomes.of(tuning_job()) == Outcome.parse("succeed")


def test_how_a_job_ends_outlives_the_emulator(storage: Storage, emulated: Emulated) -> None:
    job = emulated.create(of_label("fail-8"))
    emulated.clock.advance(100)
    again = Emulated(Service(storage, job_duration=7, clock=emulated.clock), emulated.clock)
    assert again.get(job.name).error.code == 8


@pytest.mark.parametrize("text", ["fail-0", "fail-17", "fail-ok", "fail-", "fail", "", "Succeed"])
def test_what_is_no_outcome_is_told_so(text: str) -> None:
    with pytest.raises(InvalidArgument, match="is not an outcome"):
        Outcome.parse(text)


# -- the handle -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_an_hours_job_is_waited_for_in_no_time(transport: str) -> None:
    with emulator(job_duration=3600, grpc=True) as running:
        client = running.client(transport=transport, instant=True)
        job = client.create_tuning_job(tuning_job())
        began = time.monotonic()
        assert state_name(client.wait_tuning_job(job.name)) == "SUCCEEDED"
        assert time.monotonic() - began < 10


def test_an_asynchronous_client_is_instant_too() -> None:
    import asyncio

    with emulator(job_duration=3600) as running:

        async def run() -> TuningJob:
            async with running.async_client(instant=True) as client:
                job = await client.create_tuning_job(tuning_job())
                return await client.wait_tuning_job(job.name)

        assert state_name(asyncio.run(run())) == "SUCCEEDED"


def test_the_clock_takes_a_timedelta_and_does_not_go_back() -> None:
    from datetime import timedelta

    with emulator(job_duration=3600) as running:
        job = running.client().create_tuning_job(tuning_job())
        running.advance(timedelta(hours=1))
        assert state_name(running.client().get_tuning_job(job.name)) == "SUCCEEDED"
        with pytest.raises(InvalidArgument, match="it moves forward"):
            running.advance(-1)


def test_the_environment_leads_other_programs_here(monkeypatch: pytest.MonkeyPatch) -> None:
    import gemtune

    with emulator(grpc=True) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        for transport in ("rest", "grpc"):
            with gemtune.TuningClient(transport=transport) as client:
                assert client.create_tuning_job(tuning_job()).name
        assert len(list(running.client().list_tuning_jobs())) == 2


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_an_emulator_with_a_token_gives_clients_that_have_it(transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    from google.oauth2.credentials import Credentials

    import gemtune

    with emulator(token="s3cret", grpc=True) as running:
        assert "s3cret" not in repr(running)
        assert list(running.client(transport=transport).list_tuning_jobs()) == []

        async def run() -> int:
            async with running.async_client(transport=transport) as client:
                return len([job async for job in client.list_tuning_jobs()])

        assert asyncio.run(run()) == 0
        with pytest.raises(gemtune.Unauthenticated):
            list(running.client(transport=transport, credentials=Credentials(token="x")).list_tuning_jobs())
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        with gemtune.TuningClient(transport=transport) as client:
            assert list(client.list_tuning_jobs()) == []


def test_without_a_token_the_environment_names_none() -> None:
    with emulator() as running:
        assert "GEMTUNE_EMULATOR_TOKEN" not in running.environment


def test_without_a_grpc_door_the_sentence_says_how_to_get_one() -> None:
    from gemtune.errors import ConfigurationError

    with emulator() as running, pytest.raises(ConfigurationError, match=r"emulator\(grpc=True\)"):
        running.client(transport="grpc")
