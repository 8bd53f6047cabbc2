"""Flows by hand and in virtual time: what is sent again, how long is waited, and when it ends."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from google.longrunning import operations_proto_pb2 as operations_pb2
from google.protobuf import duration_pb2, empty_pb2
from google.rpc import error_details_pb2

from gemtune._client_base import METHODS
from gemtune.errors import (
    AlreadyExists,
    ConfigurationError,
    DeadlineExceeded,
    FailedPrecondition,
    GemtuneError,
    Internal,
    InvalidArgument,
    JobFailed,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    TransportError,
    Unauthenticated,
    Unavailable,
    Unknown,
    WaitTimeout,
)
from gemtune.flows import calls, wait as waiting
from gemtune.flows.driver import Clock, Driver
from gemtune.flows.effects import Now, Send
from gemtune.flows.retry import Budget, Retry, Retrying, may_pass, nothing_happened
from gemtune.flows.wait import succeeded
from gemtune.rpc.status import error_from_http
from gemtune_pb.v1 import CancelTuningJobRequest, GetTuningJobRequest, JobState, TuningJob

GET, CREATE, CANCEL = METHODS["GetTuningJob"], METHODS["CreateTuningJob"], METHODS["CancelTuningJob"]
SICK = Unavailable("try later", http_status=503)
LOST = TransportError("the connection broke", maybe_sent=True)
REFUSED = TransportError("connection refused", maybe_sent=False)
JOB = TuningJob(name="j")


class Script:
    """A transport that answers what it is told to, in virtual time."""

    def __init__(self, answers: Iterable[Any], takes: float = 0.0) -> None:
        self.answers = iter(answers)
        self.takes = takes
        self.now = 0.0
        self.sent: list[tuple[str, float, float]] = []  # rpc, when, deadline
        self.slept: list[float] = []

    def send(self, method: Any, request: Any, *, deadline: float, metadata: Any = ()) -> Any:
        self.sent.append((method.name, self.now, deadline))
        self.now = min(self.now + self.takes, deadline)
        answer = next(self.answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def drive(self, flow: Any, on_event: Callable[[Any], object] | None = None) -> Any:
        return Driver(self, Clock(now=lambda: self.now, sleep=self.sleep)).run(flow, on_event)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class TestCall:
    def test_one_attempt_without_a_policy(self) -> None:
        script = Script([SICK])
        with pytest.raises(Unavailable):
            script.drive(calls.call(GET, GetTuningJobRequest(), timeout=60))
        assert script.sent == [("GetTuningJob", 0.0, 60.0)]

    @pytest.mark.parametrize(
        "error", [SICK, LOST, REFUSED, Internal("m"), ResourceExhausted("m"), DeadlineExceeded("m")]
    )
    def test_a_safe_method_is_sent_again(self, error: GemtuneError) -> None:
        script = Script([error, error, JOB])
        assert script.drive(calls.call(GET, GetTuningJobRequest(), timeout=60, retry=Retry())) is JOB

    @pytest.mark.parametrize("error", [PermissionDenied("m"), InvalidArgument("m"), NotFound("m"), AlreadyExists("m")])
    def test_a_refusal_is_not(self, error: GemtuneError) -> None:
        script = Script([error])
        with pytest.raises(type(error)):
            script.drive(calls.call(GET, GetTuningJobRequest(), timeout=60, retry=Retry()))

    def test_a_refused_token_is_replaced_once(self) -> None:
        script = Script([Unauthenticated("expired"), JOB])
        assert script.drive(calls.call(GET, GetTuningJobRequest(), timeout=60, retry=Retry())) is JOB
        assert not script.slept
        script = Script([SICK, Unauthenticated("expired"), SICK, JOB])
        assert script.drive(calls.call(GET, GetTuningJobRequest(), timeout=60, retry=Retry())) is JOB
        script = Script([Unauthenticated("expired"), SICK, Unauthenticated("wrong")])
        with pytest.raises(Unauthenticated, match="wrong"):
            script.drive(calls.call(GET, GetTuningJobRequest(), timeout=60, retry=Retry()))
        script = Script([Unauthenticated("expired"), Unauthenticated("wrong")])
        with pytest.raises(Unauthenticated, match="wrong"):
            script.drive(calls.call(CREATE, TuningJob(), timeout=60, retry=Retry()))

    @pytest.mark.parametrize("error", [SICK, LOST, Internal("m", http_status=500)])
    def test_a_method_that_is_not_idempotent_is_sent_again_only_after_proof(self, error: GemtuneError) -> None:
        script = Script([REFUSED, error])
        with pytest.raises(type(error)) as met:
            script.drive(calls.call(CREATE, TuningJob(), timeout=60, retry=Retry()))
        assert met.value is error
        assert len(script.sent) == 2

    def test_the_deadline_bounds_attempts_and_pauses(self) -> None:
        script = Script(itertools.repeat(SICK), takes=5)
        with pytest.raises(Unavailable):
            script.drive(calls.call(GET, GetTuningJobRequest(), timeout=60, retry=Retry()))
        assert script.now <= 60
        assert all(deadline <= 60 and deadline - when <= 20.001 for _, when, deadline in script.sent)

    def test_pauses_are_jittered_and_grow(self) -> None:
        random.seed(0)
        bounds = [0.5, 1, 2, 4, 8, 16, 20, 20]
        retry = Retry()
        for n, bound in enumerate(bounds, start=1):
            drawn = [retry.pause(n) for _ in range(300)]
            assert max(drawn) <= bound
            assert min(drawn) < bound / 4 < bound * 3 / 4 < max(drawn)
        assert Retry().pause(10_000) <= 20

    @pytest.mark.parametrize(
        "error",
        [
            ResourceExhausted("m", details=[error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=7))]),
            error_from_http(429, b"", retry_after="7"),
        ],
    )
    def test_what_the_service_asks_for_is_waited(self, error: GemtuneError) -> None:
        script = Script([error, JOB])
        script.drive(calls.call(GET, GetTuningJobRequest(), timeout=60, retry=Retry()))
        assert script.slept[0] >= 7

    def test_a_pause_that_outlasts_the_deadline_is_not_begun(self) -> None:
        assert Retry().pause(1, error_from_http(503, b"", retry_after="1e308")) == 86_400
        script = Script([error_from_http(503, b"", retry_after="300")])
        with pytest.raises(Unavailable):
            script.drive(calls.call(GET, GetTuningJobRequest(), timeout=60, retry=Retry()))
        assert script.now < 1

    def test_a_budget_ends_the_hammering_of_a_sick_service(self) -> None:
        budget = Budget(10)
        script = Script(itertools.repeat(SICK))
        for _ in range(20):
            with pytest.raises(Unavailable):
                script.drive(
                    calls.call(GET, GetTuningJobRequest(), timeout=1000, retry=Retry(maximum=1), budget=budget)
                )
        assert len(script.sent) == 20 + 10
        healthy = Script(itertools.repeat(JOB))
        for _ in range(5):
            healthy.drive(calls.call(GET, GetTuningJobRequest(), timeout=10, retry=Retry(), budget=budget))
        recovering = Script([SICK, JOB])
        assert recovering.drive(calls.call(GET, GetTuningJobRequest(), timeout=10, retry=Retry(), budget=budget)) is JOB

    def test_each_retry_is_told_before_its_pause(self) -> None:
        heard: list[Any] = []
        script = Script([SICK, LOST, JOB])
        script.drive(calls.call(GET, GetTuningJobRequest(), timeout=60, retry=Retry(on_retry=heard.append)))
        assert [(type(h), h.method, h.attempt, h.error) for h in heard] == [
            (Retrying, "GetTuningJob", 1, SICK),
            (Retrying, "GetTuningJob", 2, LOST),
        ]
        assert [h.pause for h in heard] == script.slept

    @pytest.mark.parametrize("name", ["attempt", "initial", "maximum", "multiplier", "settle"])
    def test_a_number_that_is_none_is_refused_by_its_name(self, name: str) -> None:
        with pytest.raises(ConfigurationError, match=f"Retry's {name} is -1"):
            Retry(**{name: -1.0})

    def test_a_flow_needs_no_driver(self) -> None:
        flow = calls.call(GET, GetTuningJobRequest(name="n"), timeout=9)
        assert next(flow) == Now()
        sent = flow.send(100.0)
        assert sent == Send(GET, GetTuningJobRequest(name="n"), 109.0, 1)
        with pytest.raises(StopIteration) as stop:
            flow.send(JOB)
        assert stop.value.value is JOB


@pytest.mark.parametrize(
    ("error", "passing", "proof"),
    [
        (SICK, True, False),
        (Internal("m", http_status=500), True, False),
        (Unknown("m", http_status=500), True, False),
        (Unknown("m", http_status=418), False, True),
        (error_from_http(502, b"<html>"), True, False),
        (error_from_http(408, b""), True, False),
        (ResourceExhausted("m", http_status=429), True, True),
        (InvalidArgument("m", http_status=400), False, True),
        (PermissionDenied("m", http_status=403), False, True),
        (LOST, True, False),
        (REFUSED, True, True),
        (TransportError("redirects", maybe_sent=False, final=True), False, True),
        (GemtuneError("of our own"), False, True),
    ],
)
def test_what_an_error_says(error: GemtuneError, passing: bool, proof: bool) -> None:
    assert (may_pass(error), nothing_happened(error)) == (passing, proof)


class TestCancel:
    REQUEST = CancelTuningJobRequest(name="j")

    def cancel(self, *answers: Any) -> Any:
        return Script(answers).drive(calls.cancel(CANCEL, self.REQUEST, GET, timeout=60, retry=Retry()))

    @pytest.mark.parametrize("state", [JobState.JOB_STATE_CANCELLING, JobState.JOB_STATE_CANCELLED])
    def test_a_retried_cancel_that_meets_its_own_success_succeeds(self, state: Any) -> None:
        job = TuningJob(name="j", state=state)
        assert self.cancel(LOST, FailedPrecondition("already cancelled"), job) == empty_pb2.Empty()

    def test_a_job_that_ended_otherwise_is_refused(self) -> None:
        with pytest.raises(FailedPrecondition):
            self.cancel(LOST, FailedPrecondition("m"), TuningJob(state=JobState.JOB_STATE_SUCCEEDED))


class TestAnOperationsResult:
    @staticmethod
    def operation(type_url: str, value: bytes) -> operations_pb2.Operation:
        return operations_pb2.Operation(name="o", done=True, response={"type_url": type_url, "value": value})

    def test_is_the_job_that_it_holds_under_googles_name_for_it(self) -> None:
        held = self.operation("type.googleapis.com/google.cloud.aiplatform.v1.TuningJob", JOB.SerializeToString())
        assert calls.operation_result(held) == JOB

    def test_is_the_error_that_it_ended_with(self) -> None:
        with pytest.raises(NotFound, match="no such model"):
            calls.operation_result(operations_pb2.Operation(done=True, error={"code": 5, "message": "no such model"}))

    @pytest.mark.parametrize(
        ("type_url", "value"), [("x/y.TuningJob", b"\xff"), ("x/y.TunedModel", JOB.SerializeToString()), ("", b"")]
    )
    def test_is_an_answer_that_says_nothing_where_it_holds_no_job(self, type_url: str, value: bytes) -> None:
        with pytest.raises(TransportError, match="o is done, and holds neither a job nor an error") as caught:
            calls.operation_result(self.operation(type_url, value))
        assert (caught.value.maybe_sent, caught.value.final) == (True, True)


def job(state: str, **fields: Any) -> TuningJob:
    return TuningJob(name="j", state=JobState.Value(f"JOB_STATE_{state}"), **fields)


def wait(script: Script, *, timeout: float | None = None, retry: Retry | None = Retry(), **options: Any) -> Any:  # noqa: B008
    from gemtune.rpc.states import has_ended

    flow = waiting.wait(
        GET, GetTuningJobRequest(name="j"), over=has_ended, call_timeout=60, timeout=timeout,
        poll_interval=options.get("poll_interval"), retry=retry, budget=Budget(),
    )  # fmt: skip
    return script.drive(flow, options.get("observe"))


class TestWait:
    def test_it_looks_often_at_first_and_rarely_later(self) -> None:
        script = Script([*[job("RUNNING")] * 40, job("SUCCEEDED")])
        assert wait(script).state == JobState.JOB_STATE_SUCCEEDED
        assert script.slept[0] == 0.5
        assert max(script.slept) == script.slept[-1] == 30
        assert script.slept == sorted(script.slept)

    def test_an_hour_of_outages_is_outlived(self) -> None:
        outage = itertools.cycle([SICK, LOST, REFUSED, ResourceExhausted("m"), DeadlineExceeded("m")])
        script = Script([job("RUNNING")])

        def answers() -> Any:
            yield job("RUNNING")
            while script.now < 3600:
                yield next(outage)
            yield job("SUCCEEDED")

        script.answers = answers()
        assert wait(script).state == JobState.JOB_STATE_SUCCEEDED
        assert script.now >= 3600
        assert len(script.sent) < 3600 / 5, "and the service is not hammered meanwhile"

    def test_a_refusal_ends_it(self) -> None:
        with pytest.raises(PermissionDenied):
            wait(Script([job("RUNNING"), PermissionDenied("m")]))

    def test_its_end_says_that_the_job_goes_on(self) -> None:
        script = Script(itertools.repeat(job("RUNNING")))
        with pytest.raises(WaitTimeout, match="it goes on") as end:
            wait(script, timeout=100)
        assert end.value.job.name == "j"
        assert 99 <= script.now <= 101

    def test_its_last_look_is_shortly_before_its_end(self) -> None:
        """A second before it, for a wait of 100 s: one that was made a little earlier is not the last."""
        script = Script(itertools.repeat(job("RUNNING")))
        with pytest.raises(WaitTimeout):
            wait(script, timeout=100, poll_interval=98.5)
        assert [when for _, when, _ in script.sent] == [0.0, 98.5, 99.0]

    def test_without_retries_a_failure_is_one_as_long_as_time_is_left(self) -> None:
        with pytest.raises(Unavailable):
            wait(Script([job("RUNNING"), SICK]), timeout=100, poll_interval=99, retry=None)

    def test_updates_are_told_and_retries_are_no_updates(self) -> None:
        heard: list[Any] = []
        wait(Script([job("PENDING"), SICK, job("RUNNING"), job("SUCCEEDED")]), observe=heard.append)
        assert [h.state for h in heard if isinstance(h, TuningJob)] == [2, 3, 4]

    @pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "PARTIALLY_SUCCEEDED"])
    def test_every_end_is_one(self, state: str) -> None:
        assert wait(Script([job(state)])).state == JobState.Value(f"JOB_STATE_{state}")

    def test_a_paused_job_is_not_over(self) -> None:
        assert wait(Script([job("PAUSED"), job("SUCCEEDED")])).state == JobState.JOB_STATE_SUCCEEDED

    def test_a_state_of_tomorrow_does_not_keep_a_waiter_for_ever(self) -> None:
        ended = TuningJob(name="j", state=99)
        ended.end_time.GetCurrentTime()
        assert wait(Script([TuningJob(name="j", state=99), ended])) is ended
        unread = TuningJob(name="j")
        unread.error.code = 13
        assert wait(Script([TuningJob(name="j"), unread])) is unread

    def test_a_failure_is_raised_with_the_services_reason(self) -> None:
        failed = job("FAILED", error={"code": 13, "message": "Failed to create endpoint."})
        with pytest.raises(JobFailed, match=r"FAILED: Failed to create endpoint\."):
            succeeded(failed)
        assert succeeded(failed, or_raise=False) is failed
