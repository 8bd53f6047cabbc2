"""What an answer may be, and what becomes of it: rows that cannot be read, other jobs' answers, refusals, silence."""

from __future__ import annotations

import itertools
import json
import logging
from pathlib import Path
from typing import Any

import pytest

import gemtune
from gemtune import TuningJob
from gemtune.errors import (
    GemtuneError,
    InDoubt,
    NotFound,
    SpecInvalid,
    TransportError,
    Unavailable,
    WaitTimeout,
)
from gemtune.flows.retry import Retry
from tests.support.canned_service import JOB, PARENT, Canned, client_of, collected, job, page, refusal, run
from tests.support.jobs import spec

BAD = job(9, createTime="1620000000")
WAYS = pytest.mark.parametrize("way", ["sync", "async"])
SPEC = spec()


def made(asked: str, **changes: Any) -> dict[str, Any]:
    """The answer to a create: what was asked for, with a name."""
    return {**json.loads(asked), "name": JOB, "state": "JOB_STATE_PENDING", **changes}


# -- rows of a list ---------------------------------------------------------------------------------------------------

ROWS: list[Any] = [
    BAD,
    job(9, supervisedTuningSpec={"hyperParameters": {"epochCount": "many"}}),
    job(9, labels=["a"]),
    job(9, labels={"a": 1}),
    {**job(9), "state": {"x": 1}},
    {"name": 9},
    {},
    5,
    None,
    "text",
    [],
]


@WAYS
@pytest.mark.parametrize("row", ROWS, ids=lambda row: json.dumps(row)[-24:])
def test_one_row_that_cannot_be_read_costs_neither_the_page_nor_a_minute(
    row: Any, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    canned = Canned([page(job(1), row, job(2), token="t"), page(job(3))])
    jobs = client_of(canned, way).list_tuning_jobs()
    assert [each.name[-1] for each in collected(jobs)] == ["1", "2", "3"]
    assert canned.now == 1000
    (lost,) = jobs.unreadable
    assert lost.index == 1
    assert lost.why
    assert lost.row in (row, {}), "a row that reads as an empty one has no name, and is as good as none"
    assert str(lost.name or "row 2 of the page") in caplog.text
    assert caplog.records[0].levelno == logging.WARNING


@WAYS
def test_a_page_of_unreadable_rows_does_not_end_a_list(way: str) -> None:
    canned = Canned([page(BAD, BAD, token="t"), page(job(3))])
    jobs = client_of(canned, way).list_tuning_jobs()
    assert [each.name[-1] for each in collected(jobs)] == ["3"]
    assert [lost.name for lost in jobs.unreadable] == [f"{PARENT}/tuningJobs/9"] * 2
    assert [each.name for each in collected(jobs)] == [f"{PARENT}/tuningJobs/3"]
    assert not jobs.unreadable, "they are those of the last time that it was read"


@WAYS
@pytest.mark.parametrize(
    "answer",
    [
        {"tuningJobs": 5},
        {"tuningJobs": {"a": 1}},
        {"nextPageToken": {"a": 1}},
        {"tuningJobs": [BAD], "nextPageToken": []},
    ],
    ids=str,
)
def test_an_answer_that_is_json_and_no_page_is_not_asked_for_again(answer: Any, way: str) -> None:
    canned = Canned([answer])
    with pytest.raises(TransportError):
        collected(client_of(canned, way).list_tuning_jobs())
    assert canned.calls == ["ListTuningJobs"]


@WAYS
@pytest.mark.parametrize("body", [b'{"tuningJobs": [{"na', b"<html>", b"\xff"], ids=["json", "html", "binary"])
def test_an_answer_that_was_cut_is_asked_for_again(body: bytes, way: str) -> None:
    canned = Canned([body, body, page(job(1))])
    assert len(collected(client_of(canned, way).list_tuning_jobs())) == 1


@WAYS
def test_a_job_that_can_never_be_read_is_asked_for_once(way: str) -> None:
    canned = Canned([BAD])
    with pytest.raises(TransportError, match="createTime"):
        run(client_of(canned, way).get_tuning_job("9"))
    with pytest.raises(TransportError, match="createTime"):
        run(client_of(canned, way).wait_tuning_job("9"))
    assert len(canned.calls) == 2


@WAYS
def test_a_job_that_cannot_be_read_does_not_keep_the_others_from_a_waiter(way: str) -> None:
    states = iter(["RUNNING", "SUCCEEDED"])
    seen: list[str] = []

    def reply(rpc: str, asked: str) -> Any:
        if rpc == "GetTuningJob":
            return BAD if "/9" in asked else job(asked[-1], next(states, "SUCCEEDED"))
        return page(job(1, next(states, "SUCCEEDED")), BAD, job(2, "SUCCEEDED"))

    canned = Canned(reply)
    client = client_of(canned, way)

    async def over() -> None:
        async for ended in client.wait_tuning_jobs(["1", "9", "2"]):
            seen.append(ended.name[-1])

    def through() -> None:
        seen.extend(ended.name[-1] for ended in client.wait_tuning_jobs(["1", "9", "2"]))

    with pytest.raises(TransportError, match="createTime"):
        through() if way == "sync" else run(over())
    assert seen == ["2", "1"]
    assert canned.calls.count("GetTuningJob") <= 2, "what can never be read is not asked for again"


LOST = TransportError("the connection broke", maybe_sent=True)


def looked_for(row: Any, **options: Any) -> tuple[Canned, Any]:
    """A create whose answer is lost, and whose lists show one row; `OURS` in it is the label of the create."""
    label: list[str] = []

    def reply(rpc: str, asked: str) -> Any:
        if rpc == "CreateTuningJob":
            label.append(json.loads(asked)["labels"]["gemtune-request"])
            return LOST
        return json.loads(json.dumps(page(row)).replace("OURS", label[0]))

    canned = Canned(reply)
    return canned, client_of(canned, **options)


@WAYS
@pytest.mark.parametrize(
    "row",
    [
        {**BAD, "labels": {"gemtune-request": "OURS"}},
        {**BAD, "labels": "?"},
        {**BAD, "labels": {"gemtune-request": 5}},
        {"labels": {"gemtune-request": "OURS"}},
        5,
        None,
    ],
    ids=str,
)
def test_a_row_that_may_be_the_job_leaves_a_create_in_doubt(row: Any, way: str) -> None:
    canned, client = looked_for(row, way=way)
    with pytest.raises(InDoubt):
        run(client.create_tuning_job(SPEC, retry=Retry(settle=5)))
    assert canned.calls.count("CreateTuningJob") == 1


@WAYS
@pytest.mark.parametrize(
    "row",
    [
        BAD,
        {**BAD, "labels": {"gemtune-request": "another"}},
        {**BAD, "labels": {"team": "search"}},
        {**BAD, "labels": None},
    ],
    ids=str,
)
def test_a_row_that_is_anothers_is_no_obstacle(row: Any, way: str) -> None:
    canned, client = looked_for(row, way=way)
    with pytest.raises(InDoubt, match="broke"):
        run(client.create_tuning_job(SPEC, retry=Retry(settle=5, resend=True), timeout=20))
    assert canned.calls.count("CreateTuningJob") >= 2, "it was seen that the job is not there"


# -- the answer and the question --------------------------------------------------------------------------------------


@WAYS
@pytest.mark.parametrize(
    "name", ["", f"{PARENT}/tuningJobs/8", "projects/p/locations/europe-west4/tuningJobs/7", "7", "x"]
)
@pytest.mark.parametrize("call", ["get_tuning_job", "wait_tuning_job"])
def test_another_jobs_answer_is_none(call: str, name: str, way: str) -> None:
    canned = Canned([{"name": name, "state": "JOB_STATE_SUCCEEDED"} if name else {}])
    with pytest.raises(TransportError, match="7"):
        run(getattr(client_of(canned, way), call)("7"))
    assert canned.now < 1002


@WAYS
@pytest.mark.parametrize("name", [JOB, "projects/646763706049/locations/us-central1/tuningJobs/7"])
def test_a_project_may_be_named_by_its_number(name: str, way: str) -> None:
    canned = Canned([{"name": name, "state": "JOB_STATE_SUCCEEDED"}])
    assert run(client_of(canned, way).wait_tuning_job("7")).name == name


@WAYS
@pytest.mark.parametrize(
    "changes",
    [{"labels": {}}, {"labels": {"gemtune-request": "another"}}, {"name": ""},
     {"name": "projects/p/locations/europe-west4/tuningJobs/7"}],
    ids=str,
)  # fmt: skip
def test_a_create_that_is_answered_with_another_job_is_looked_for(changes: dict[str, Any], way: str) -> None:
    real: list[Any] = []

    def reply(rpc: str, asked: str) -> Any:
        if rpc == "CreateTuningJob":
            real.append(made(asked))
            return made(asked, **changes)
        return page(*real)

    canned = Canned(reply)
    assert run(client_of(canned, way).create_tuning_job(SPEC)).name == JOB
    assert canned.calls == ["CreateTuningJob", "ListTuningJobs"]


@WAYS
def test_without_labels_none_is_asked_for(way: str) -> None:
    canned = Canned([job(7)])
    assert run(client_of(canned, way, request_labels=False).create_tuning_job(SPEC)).name == JOB


@pytest.mark.parametrize("answer", [{}, job(999), {"name": JOB.replace("/7", "/8")}], ids=str)
def test_a_stored_job_that_is_answered_with_another_is_in_doubt(answer: Any, tmp_path: Path) -> None:
    from gemtune.store import SpecStore

    with SpecStore(str(tmp_path / "store.db")) as store:

        def reply(rpc: str, asked: str) -> Any:
            return made(asked) if rpc == "CreateTuningJob" else answer

        canned = Canned(reply)
        client = client_of(canned, store=store)
        assert client.create_tuning_job(SPEC, request_id="mine").name == JOB
        with pytest.raises(InDoubt):
            client.create_tuning_job(SPEC, request_id="mine")


OPERATION = f"{JOB}/operations/5"


@WAYS
@pytest.mark.parametrize(
    "answer",
    [{}, {"done": True}, {"name": OPERATION[:-1] + "6"}, {"name": OPERATION, "done": True},
     {"name": OPERATION, "done": True, "response": {"@type": "type.googleapis.com/google.cloud.aiplatform.v1.TuningJob"}},
     {"name": OPERATION, "done": True,
      "response": {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "1s"}}],
    ids=str,
)  # fmt: skip
def test_an_operation_is_held_against_its_name_and_holds_a_job(answer: Any, way: str) -> None:
    canned = Canned([answer])
    with pytest.raises(GemtuneError, match="operations/5"):
        run(client_of(canned, way).wait_operation(OPERATION))
    assert canned.now < 1002


@WAYS
def test_a_rebase_without_an_operations_name_is_no_answer(way: str) -> None:
    client = client_of(Canned([{}]), way)
    with pytest.raises(TransportError) as caught:
        run(client.rebase_tuned_model(gemtune.TunedModelRef(tuning_job=JOB)))
    assert caught.value.maybe_sent


# -- waits ------------------------------------------------------------------------------------------------------------

SICK = refusal(503, "UNAVAILABLE")


def waiting(client: Any, kind: str, **options: Any) -> Any:
    """Waits in one of the three ways."""
    if kind == "job":
        return run(client.wait_tuning_job("7", **options))
    if kind == "operation":
        return run(client.wait_operation(OPERATION, **options))
    return collected(client.wait_tuning_jobs(["7", "8"][: 1 if kind == "sweep of one" else 2], **options))


KINDS = pytest.mark.parametrize("kind", ["job", "operation", "sweep of one", "sweep"])


@WAYS
@KINDS
@pytest.mark.parametrize(
    ("answer", "takes"),
    [(SICK, 0.0), (SICK, 2.0), (Unavailable("x"), 0.0), (LOST, 0.0), (page(), 15.0), (page(), 1000.0)],
    ids=["503", "slow 503", "UNAVAILABLE", "broken", "15 s", "never"],
)
@pytest.mark.parametrize("timeout", [0.2, 5.0, 70.0])
def test_a_wait_takes_no_longer_than_it_may(answer: Any, takes: float, timeout: float, kind: str, way: str) -> None:
    if takes > timeout or answer != page():
        canned = Canned([answer], takes=takes)
        with pytest.raises(WaitTimeout) as caught:
            waiting(client_of(canned, way), kind, timeout=timeout)
        assert caught.value.__cause__ is not None, "what was met in place of an answer"
        assert "no answer" in str(caught.value)
    else:

        def reply(rpc: str, asked: str) -> Any:
            if rpc == "GetOperation":
                return {"name": OPERATION}
            return page() if rpc == "ListTuningJobs" else job(asked[-1])

        canned = Canned(reply, takes=takes)
        with pytest.raises(WaitTimeout, match=r"go(es)? on") as caught:
            waiting(client_of(canned, way), kind, timeout=timeout)
    assert canned.now - 1000 == pytest.approx(timeout)


@WAYS
def test_what_was_seen_last_is_there_when_a_wait_runs_out_in_an_outage(way: str) -> None:
    canned = Canned([job(7), SICK])
    with pytest.raises(WaitTimeout, match="has not ended after 30 s; it goes on") as caught:
        run(client_of(canned, way).wait_tuning_job("7", timeout=30))
    assert caught.value.job.name == JOB
    assert canned.now == pytest.approx(1030)


@WAYS
def test_without_retries_a_look_that_runs_out_of_the_waits_time_is_its_end(way: str) -> None:
    canned = Canned([job(7)], takes=15)
    with pytest.raises(WaitTimeout):
        run(client_of(canned, way, retry=None).wait_tuning_job("7", timeout=5))


@WAYS
def test_no_time_at_all_is_one_look(way: str) -> None:
    canned = Canned([job(7)], takes=1)
    with pytest.raises(WaitTimeout, match="it goes on"):
        run(client_of(canned, way).wait_tuning_job("7", timeout=0))
    assert canned.calls == ["GetTuningJob"]


@WAYS
def test_whoever_hears_of_retries_hears_of_a_silence_all_the_time(way: str) -> None:
    heard: list[float] = []
    canned = Canned([job(7), LOST])
    retry = Retry(on_retry=lambda _: heard.append(canned.now))
    with pytest.raises(WaitTimeout):
        run(client_of(canned, way, retry=retry).wait_tuning_job("7", timeout=1800))
    gaps = [later - earlier for earlier, later in itertools.pairwise(heard)]
    assert max(gaps) <= 60
    assert heard[-1] > 2700


# -- a job that is not there yet --------------------------------------------------------------------------------------


def born_late(seconds: float) -> Canned:
    """A service that knows a job by name only some seconds after it was created."""
    canned = Canned([])

    def reply(rpc: str, asked: str) -> Any:
        if rpc == "CreateTuningJob":
            return made(asked)
        return refusal(404, "NOT_FOUND") if canned.now < 1000 + seconds else job(7, "SUCCEEDED")

    canned.reply = reply
    return canned


@WAYS
@pytest.mark.parametrize("seconds", [0.1, 5, 29])
@pytest.mark.parametrize("many", [False, True])
def test_a_created_job_that_is_not_found_at_once_is_waited_for(many: bool, seconds: float, way: str) -> None:
    client = client_of(born_late(seconds), way)
    name = run(client.create_tuning_job(SPEC)).name
    done = collected(client.wait_tuning_jobs([name])) if many else [run(client.wait_tuning_job(name))]
    assert [each.state for each in done] == [gemtune.JobState.JOB_STATE_SUCCEEDED]


@WAYS
def test_a_created_job_that_is_never_found_is_not_waited_for_without_end(way: str) -> None:
    canned = born_late(1e9)
    client = client_of(canned, way)
    name = run(client.create_tuning_job(SPEC)).name
    with pytest.raises(NotFound):
        run(client.wait_tuning_job(name))
    assert 30 <= canned.now - 1000 <= 100
    with pytest.raises(NotFound):
        run(client_of(Canned([refusal(404, "NOT_FOUND")]), way).wait_tuning_job(name))


# -- cancel -----------------------------------------------------------------------------------------------------------


@WAYS
@pytest.mark.parametrize(
    "refused",
    [refusal(400, "FAILED_PRECONDITION"), refusal(400, "INVALID_ARGUMENT"), refusal(409, "ABORTED"),
     refusal(409, "ALREADY_EXISTS"), refusal(403, "PERMISSION_DENIED"), refusal(404, "NOT_FOUND"),
     refusal(501, "UNIMPLEMENTED"), refusal(418, "TEAPOT")],
    ids=lambda r: r[1]["error"]["status"],
)  # fmt: skip
@pytest.mark.parametrize(
    ("state", "good"), [("CANCELLED", True), ("CANCELLING", True), ("SUCCEEDED", False), ("RUNNING", False)]
)
def test_a_cancel_that_is_refused_has_happened_or_has_not(refused: Any, state: str, good: bool, way: str) -> None:
    client = client_of(Canned(lambda rpc, _: refused if rpc == "CancelTuningJob" else job(7, state)), way)
    if good:
        assert run(client.cancel_tuning_job("7")) is None
    else:
        with pytest.raises(gemtune.ApiError):
            run(client.cancel_tuning_job("7"))


# -- names ------------------------------------------------------------------------------------------------------------


@WAYS
@pytest.mark.parametrize(
    "name",
    [
        TuningJob(name=JOB),
        f"//aiplatform.googleapis.com/{JOB}",
        f"//us-central1-aiplatform.googleapis.com/{JOB}",
        f"{JOB}/",
        "tuningJobs/7/",
        f" {JOB}/\n",
    ],
    ids=["itself", "global", "regional", "slash", "short", "spaces"],
)
@pytest.mark.parametrize("call", ["get_tuning_job", "wait_tuning_job", "cancel_tuning_job"])
def test_a_job_is_named_by_itself_and_by_what_logs_hold(name: Any, call: str, way: str) -> None:
    canned = Canned(lambda rpc, _: {} if rpc == "CancelTuningJob" else job(7, "SUCCEEDED"))
    run(getattr(client_of(canned, way), call)(name))
    assert len(canned.calls) == 1


@WAYS
@pytest.mark.parametrize("name", [4982013113894174720, None, b"7", 7.0, TuningJob(), True, ["7"]], ids=repr)
def test_what_is_no_text_is_no_name(name: Any, way: str) -> None:
    with pytest.raises(SpecInvalid, match="a job is named by its id"):
        run(client_of(Canned([job(7)]), way).get_tuning_job(name))


ODD = [f"{PARENT}/tuningJobs/12:3", f"{PARENT}/tuningJobs/a.b", f"{PARENT}/tuningJobs/ü", f"{PARENT}/tuningJobs/a b%2F"]


@WAYS
@pytest.mark.parametrize("name", ODD, ids=["colon", "dot", "umlaut", "space"])
def test_a_name_that_the_service_gave_can_be_asked_for(name: str, way: str) -> None:
    def reply(rpc: str, asked: str) -> Any:
        return made(asked, name=name) if rpc == "CreateTuningJob" else {"name": name, "state": "JOB_STATE_SUCCEEDED"}

    client = client_of(Canned(reply), way)
    created = run(client.create_tuning_job(SPEC))
    assert created.name == name
    assert run(client.wait_tuning_job(created.name)).name == name
