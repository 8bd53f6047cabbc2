"""What a pipeline may trust: exit statuses, and that nothing of an answer is lost or renamed."""

from __future__ import annotations

import copy
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import text_format

from gemtune import TuningJob
from gemtune.cli.session import Session
from gemtune.errors import TransportError
from gemtune.flows.retry import Retrying
from tests.support.commandline import Ran, scripted, terminal

Gemtune = Callable[..., Ran]

PARENT = "projects/demo/locations/us-central1"
JOB = f"{PARENT}/tuningJobs/7"
BAD = {"name": f"{PARENT}/tuningJobs/9", "createTime": "1620000000"}


def job(state: str = "RUNNING", **fields: Any) -> dict[str, Any]:
    return {
        "name": JOB,
        "state": f"JOB_STATE_{state}",
        "createTime": "2026-11-24T10:00:02Z",
        "baseModel": "gemini-3.5-flash",
        "supervisedTuningSpec": {
            "trainingDatasetUri": "gs://bucket/train.jsonl",
            "hyperParameters": {"epochCount": "4"},
        },
        **fields,
    }


def refusal(http_status: int, status: str, message: str = "the service's words") -> tuple[int, Any]:
    return http_status, {"error": {"code": http_status, "status": status, "message": message}}


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Points the command line at a scripted service: `with at(get=[...], list=..., ...)`; the last answer stays."""

    @contextmanager
    def place(**answers: Any) -> Iterator[None]:
        left = {kind: list(value) if isinstance(value, list) else [value] for kind, value in answers.items()}

        def reply(verb: str, path: str, body: bytes) -> tuple[int, Any]:
            kind = "list" if path.partition("?")[0].endswith("/tuningJobs") else "get"
            if verb == "POST":
                kind = "cancel" if path.endswith(":cancel") else "create"
            came = left[kind].pop(0) if len(left[kind]) > 1 else left[kind][0]
            if callable(came):
                came = came(json.loads(body))
            return came if isinstance(came, tuple) else (200, came)

        with scripted(reply) as where:
            monkeypatch.setenv("GEMTUNE_EMULATOR_HOST", where)
            monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "demo")
            yield

    return place


def created(**changes: Any) -> Callable[[Any], Any]:
    return lambda asked: {**asked, "name": JOB, "state": "JOB_STATE_PENDING", **changes}


# -- lists ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["table", "json", "yaml", "textproto"])
def test_a_row_that_cannot_be_read_is_named_and_is_status_3(form: str, at: Any, gemtune: Gemtune) -> None:
    with at(list={"tuningJobs": [job(), BAD]}):
        ran = gemtune("list", "-o", form)
    assert ran.status == 3
    assert "tuningJobs/9" in ran.err
    assert "createTime" in ran.err
    assert "part of the response is missing" in ran.err
    assert JOB.rpartition("/")[2] in ran.out
    assert ran.err.count("tuningJobs/9") == 1, "it is said once"


def test_a_list_of_nothing_but_unreadable_rows_is_not_an_empty_one(at: Any, gemtune: Gemtune) -> None:
    with at(list={"tuningJobs": [BAD]}):
        ran = gemtune("list")
    assert ran.status == 3
    assert "no tuning jobs" not in ran.err


# -- what this version does not know ----------------------------------------------------------------------------------

UNKNOWN: list[dict[str, Any]] = [
    {"state": "JOB_STATE_PREEMPTED"},
    {"state": 99},
    {"newField": {"x": [1, "a", None, {"y": 12345678901234567890}]}},
    {'new field."]': 5},
    {"fancyTuningSpec": {"rank": 7}},
    {"tunedModel": {"model": "m", "shine": True}},
    {"tunedModel": {"checkpoints": [{"epoch": "1"}, {"epoch": "2", "loss": 0.25}]}},
    {"tuningDataStats": {"newDataStats": {"a": 1}}},
]
ASKED: list[dict[str, Any]] = [
    {"supervisedTuningSpec": {"hyperParameters": {"adapterSize": "ADAPTER_SIZE_SIXTY_FOUR"}}},
    {"supervisedTuningSpec": {"hyperParameters": {"warmth": 0.5}}},
    {"supervisedTuningSpec": {"tuningMode": "TUNING_MODE_DREAM"}},
    {"supervisedTuningSpec": {"evaluationConfig": {"newThing": "x"}}},
    {"fancyTuningSpec": {"rank": 7}},
]


def merged(tree: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """A job's JSON with more in it."""
    result = copy.deepcopy(tree)
    for key, value in more.items():
        result[key] = merged(result[key], value) if isinstance(value, dict) and key in result else value
    return result


@pytest.mark.parametrize("more", UNKNOWN + ASKED, ids=json.dumps)
def test_what_goes_in_comes_out(more: dict[str, Any], at: Any, gemtune: Gemtune) -> None:
    whole = merged(job(), more)
    with at(get=whole, list={"tuningJobs": [job(name=f"{PARENT}/tuningJobs/8"), whole]}):
        assert json.loads(gemtune("get", "7", "-o", "json").out) == whole
        assert yaml.safe_load(gemtune("get", "7", "-o", "yaml").out) == whole
        assert json.loads(gemtune("list", "-o", "json").out)["tuningJobs"][1] == whole
        out = gemtune("get", "7", "-o", "textproto").out
        assert text_format.Parse(out, TuningJob()).name == JOB
        table = gemtune("get", "7").out
    for text in (out, table):
        for name in re.findall(r'"(\w+)":', json.dumps(more)):
            if name in ("newField", "fancyTuningSpec", "shine", "loss", "newDataStats", "warmth", "newThing"):
                assert name in text
        for word in ("PREEMPTED", "SIXTY_FOUR", "DREAM"):
            assert (word in json.dumps(more)) == (word in text)


@pytest.mark.parametrize("more", ASKED, ids=json.dumps)
def test_a_spec_is_not_made_of_what_is_not_known(
    more: dict[str, Any], at: Any, gemtune: Gemtune, tmp_path: Path
) -> None:
    with at(get=job()):
        plain = gemtune("get", "7", "-o", "spec").out
    (tmp_path / "same.yaml").write_text(plain)
    named = re.findall(r'"(\w+)": (?!\{)', json.dumps(more))[-1]
    with at(get=merged(job(), more)):
        for args in (["get", "7", "-o", "spec"], ["diff", str(tmp_path / "same.yaml"), "7"], ["diff", "7", "7"]):
            ran = gemtune(*args)
            assert (ran.status, ran.out) == (2, "")
            assert named in ran.err or "fancyTuningSpec" in ran.err
            assert "does not know" in ran.err
            assert "upgrade gemtune" in ran.err


def test_what_is_not_known_of_the_outcome_does_not_matter_to_a_spec(at: Any, gemtune: Gemtune, tmp_path: Path) -> None:
    with at(get=job()):
        plain = gemtune("get", "7", "-o", "spec").out
    (tmp_path / "same.yaml").write_text(plain)
    for more in ({"state": "JOB_STATE_PREEMPTED"}, {"tunedModel": {"shine": True}}):
        with at(get=merged(job(), more)):
            assert gemtune("get", "7", "-o", "spec").out == plain
            ran = gemtune("diff", str(tmp_path / "same.yaml"), "7")
        assert ran.status == 0
        assert "the same spec  sha256:" in ran.err


@pytest.mark.parametrize(
    ("size", "line"),
    [
        (7, "adapter size +number 7, unknown to this version"),
        ("ADAPTER_SIZE_SIXTY_FOUR", "adapter size +ADAPTER_SIZE_SIXTY_FOUR, unknown to this version"),
        ("ADAPTER_SIZE_SIXTEEN", r"rank +16 \(ADAPTER_SIZE_SIXTEEN\)"),
        (4, r"rank +16 \(ADAPTER_SIZE_SIXTEEN\)"),
    ],
)
def test_an_adapter_size_that_is_not_known_is_no_rank(size: Any, line: str, at: Any, gemtune: Gemtune) -> None:
    with at(get=merged(job(), {"supervisedTuningSpec": {"hyperParameters": {"adapterSize": size}}})):
        out = gemtune("get", "7").out
        assert re.search(rf"^{line}$", out, re.M), out
        assert ("rank" in out) == line.startswith("rank")


# -- waits ------------------------------------------------------------------------------------------------------------

BACK = "come back with: gemtune wait 7 --location us-central1"


@pytest.mark.parametrize(
    "end",
    [refusal(401, "UNAUTHENTICATED"), refusal(403, "PERMISSION_DENIED"), refusal(404, "NOT_FOUND"),
     refusal(400, "INVALID_ARGUMENT"), {**job(), "createTime": "1"}, {}],
    ids=["401", "403", "404", "400", "unreadable", "nameless"],
)  # fmt: skip
class TestAWaitThatEndsBeforeItsJob:
    def test_is_status_3_once_the_job_was_seen(self, end: Any, at: Any, gemtune: Gemtune) -> None:
        with at(get=[job(), end]):
            ran = gemtune("wait", "7", "--poll-interval", "0.1s")
        assert ran.status == 3
        assert BACK in ran.err

    def test_is_status_3_for_a_job_that_was_just_created(
        self, end: Any, at: Any, gemtune: Gemtune, spec: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gemtune._client_base.GRACE", 0.2)
        with at(get=end, create=created()):
            ran = gemtune("create", "-f", spec, "--wait", "--poll-interval", "0.1s")
        assert ran.status == 3
        assert BACK in ran.err

    def test_is_what_the_answer_says_if_the_job_was_never_seen(self, end: Any, at: Any, gemtune: Gemtune) -> None:
        with at(get=end):
            ran = gemtune("wait", "7")
        assert ran.status == (1 if isinstance(end, tuple) else 3)
        assert "the job goes on" not in ran.err


def test_a_job_that_is_not_found_right_after_its_create_is_waited_for(at: Any, gemtune: Gemtune, spec: str) -> None:
    with at(get=[refusal(404, "NOT_FOUND"), refusal(404, "NOT_FOUND"), job("SUCCEEDED")], create=created()):
        ran = gemtune("create", "-f", spec, "--wait", "--poll-interval", "0.1s")
    assert ran.status == 0
    assert "error" not in ran.err


def test_a_job_that_ends_badly_is_status_1_after_all(at: Any, gemtune: Gemtune, spec: str) -> None:
    with at(get=[job(), job("FAILED", error={"code": 3, "message": "bad row"})], create=created()):
        ran = gemtune("create", "-f", spec, "--wait", "--poll-interval", "0.1s")
    assert ran.status == 1
    assert "come back" not in ran.err


def test_a_wait_without_an_answer_ends_in_time_and_says_how_to_come_back(at: Any, gemtune: Gemtune) -> None:
    with at(get=refusal(503, "UNAVAILABLE")):
        ran = gemtune("wait", "7", "--timeout", "0.5s")
    assert ran.status == 3
    assert BACK in ran.err
    assert "no answer about" in ran.err
    assert "503" in ran.err or "the service's words" in ran.err


def test_a_silence_is_told_once_a_minute_with_its_beginning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [1_764_000_000.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    session = Session()
    session.reached = True
    began = time.strftime("%H:%M", time.localtime(now[0]))
    error = TransportError("the connection broke", maybe_sent=True)
    for attempt in range(1, 41):
        session.note_retry(Retrying("GetTuningJob", attempt, error, 7.0))
        now[0] += 7
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "the connection broke; trying again"
    assert lines[1:] == [f"no response since {began}; still trying (the connection broke)"] * 4


# -- cancel -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "refused",
    [refusal(400, "FAILED_PRECONDITION"), refusal(400, "INVALID_ARGUMENT"), refusal(409, "ABORTED"),
     refusal(403, "PERMISSION_DENIED"), (200, {})],
    ids=["precondition", "argument", "aborted", "denied", "taken"],
)  # fmt: skip
@pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED", "EXPIRED", "PARTIALLY_SUCCEEDED"])
@pytest.mark.parametrize("form", ["table", "json"])
def test_cancelling_what_has_ended_is_status_0(refused: Any, state: str, form: str, at: Any, gemtune: Gemtune) -> None:
    with at(cancel=refused, get=job(state)):
        ran = gemtune("cancel", "7", "-o", form)
    assert ran.status == 0
    assert f"has already ended as {state}" in ran.err
    assert ran.out == ("{}\n" if form == "json" else "")


def test_a_cancel_that_is_refused_for_a_live_job_is_status_1(at: Any, gemtune: Gemtune) -> None:
    with at(cancel=refusal(400, "FAILED_PRECONDITION"), get=job()):
        ran = gemtune("cancel", "7")
    assert ran.status == 1
    assert "the service's words" in ran.err


def test_cancel_and_wait_of_what_has_ended_says_no(at: Any, gemtune: Gemtune) -> None:
    with at(cancel=refusal(400, "FAILED_PRECONDITION"), get=job("SUCCEEDED")):
        ran = gemtune("cancel", "7", "--wait")
    assert ran.status == 1
    assert "ended as SUCCEEDED before it could be cancelled" in ran.err


# -- a job that was made ----------------------------------------------------------------------------------------------

ODD = ["12:3", "a.b", "ü", "a b"]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("more", [[], ["-q"], ["-o", "json"], ["--wait"], ["--wait", "-o", "json"]], ids=str)
def test_a_made_job_is_never_wrong_input(odd: str, more: list[str], at: Any, gemtune: Gemtune, spec: str) -> None:
    name = f"{PARENT}/tuningJobs/{odd}"
    with at(create=created(name=name), get={**job("SUCCEEDED"), "name": name}):
        ran = gemtune("create", "-f", spec, *more)
        assert ran.status == 0, ran.err
        assert name in ran.out or json.loads(ran.out)["name"] == name
        if odd != "a b":  # with a blank in it, it is known to the run that was given it
            assert gemtune("wait", name).status == 0


@pytest.mark.parametrize("name", [f"{PARENT}/tuningJobs/12:3", "jobs/5", "x"])
def test_a_made_job_is_shown_on_a_terminal_as_it_is_named(name: str, at: Any, spec: str) -> None:
    with at(create=created(name=name)), terminal("create", "-f", spec) as shown:
        assert shown.end() == 0, shown.text
    assert name.rpartition("/")[2] in shown.text


# -- small ------------------------------------------------------------------------------------------------------------


def test_an_empty_error_is_no_ok(at: Any, gemtune: Gemtune) -> None:
    with at(get=job("FAILED", error={})):
        for args in (["get", "7"], ["wait", "7"], ["list"]):
            ran = gemtune(*args) if args != ["list"] else Ran(0, "", "")
            assert "OK" not in ran.out + ran.err


def test_a_partial_success_shows_its_error(at: Any, gemtune: Gemtune) -> None:
    partly = job("PARTIALLY_SUCCEEDED", error={"code": 13, "message": "no endpoint"}, tunedModel={"model": "m"})
    with at(get=partly):
        ran = gemtune("wait", "7")
        assert ran.status == 0
        assert "no endpoint" in ran.out
        with terminal("wait", "7") as shown:
            assert shown.end() == 0
        assert "no endpoint" in shown.text
