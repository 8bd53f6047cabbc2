"""The REST door over real sockets: what belongs to HTTP and JSON, and nothing of what the service does."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import pytest
import requests

from gemtune.emulator import running
from gemtune.emulator.service import Service
from tests.support.frozen_service import Clock

BODY = {
    "baseModel": "gemini-2.5-flash",
    "supervisedTuningSpec": {
        "training_dataset_uri": "gs://bucket/train.jsonl",
        "hyperParameters": {"adapter_size": "ADAPTER_SIZE_FOUR"},
    },
    "labels": {"team": "search"},
}
JOBS = "projects/demo/locations/us-central1/tuningJobs"


class Door:
    """An emulator's URL, a session of requests, and what was logged."""

    def __init__(self, url: str, session: requests.Session, log: list[str], clock: Clock) -> None:
        self.url, self.session, self.log, self.clock = url, session, log, clock

    def __call__(self, verb: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        data = body if body is None or isinstance(body, bytes | str) else json.dumps(body)
        return self.session.request(verb, f"{self.url}/{path}", data=data, **options)

    def create(self, body: Any = BODY, *, version: str = "v1") -> dict[str, Any]:
        answer = self("POST", f"{version}/{JOBS}", body)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    log: list[str] = []
    clock = Clock()
    with running(job_duration=10, log=log.append, clock=clock) as url, requests.Session() as session:
        session.trust_env = False
        yield Door(url, session, log, clock)


def error(answer: requests.Response) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()["error"]
    assert body["code"] == answer.status_code
    return body


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_a_job_is_created_read_listed_and_cancelled(door: Door, version: str) -> None:
    job = door.create(version=version)
    assert job["supervisedTuningSpec"]["trainingDatasetUri"] == "gs://bucket/train.jsonl"
    assert door("GET", f"{version}/{job['name']}").json()["name"] == job["name"]
    listed = door("GET", f'{version}/{JOBS}?filter=labels.team="search"&pageSize=1').json()
    assert [found["name"] for found in listed["tuningJobs"]] == [job["name"]]
    assert door("POST", f"{version}/{job['name']}:cancel").json() == {}
    door.clock.advance(10)
    assert door("GET", f"{version}/{job['name']}").json()["state"] == "JOB_STATE_CANCELLED"


def test_answers_carry_the_services_headers(door: Door) -> None:
    for answer in (door("GET", f"v1/{JOBS}"), door("GET", "nowhere")):
        assert answer.headers["content-type"] == "application/json; charset=UTF-8"
        assert answer.headers["server"] == "ESF"


@pytest.mark.parametrize(
    ("body", "headers"),
    [(None, {}), ("", {"content-type": "application/json"}), ("{}", {"content-type": "application/json"}),
     ("{}", {}), (" \n", {})],
)  # fmt: skip
def test_a_cancel_may_have_any_body_that_says_nothing(door: Door, body: str | None, headers: dict[str, str]) -> None:
    name = door.create()["name"]
    answer = door("POST", f"v1/{name}:cancel", body, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {})


def test_a_body_is_json_whatever_it_says_it_is(door: Door) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}  # what curl -d sends
    assert door("POST", f"v1/{JOBS}", BODY, headers=form).status_code == 200


# -- how an answer is written -------------------------------------------------------------------------------------


@pytest.mark.parametrize("parameter", ["$alt", "alt"])
def test_enums_are_numbers_where_that_is_asked_for(door: Door, parameter: str) -> None:
    evaluated = json.loads(json.dumps(BODY))
    evaluated["supervisedTuningSpec"]["evaluationConfig"] = {
        "metrics": [{"aggregationMetrics": ["AVERAGE", "MODE"], "bleuSpec": {}}],
        "outputConfig": {"gcsDestination": {"outputUriPrefix": "gs://bucket/x"}},
    }
    name = door.create(evaluated)["name"]
    job = door("GET", f"v1/{name}?{parameter}=json;enum-encoding=int").json()
    assert job["state"] == 2
    assert job["supervisedTuningSpec"]["hyperParameters"]["adapterSize"] == 2
    assert job["supervisedTuningSpec"]["evaluationConfig"]["metrics"][0]["aggregationMetrics"] == [1, 2]
    assert job["labels"] == {"team": "search"}
    listed = door("GET", f"v1/{JOBS}?{parameter}=json%3Benum-encoding%3Dint").json()
    assert {type(found["state"]) for found in listed["tuningJobs"]} == {int}


def test_answers_are_written_to_be_read_unless_asked_otherwise(door: Door) -> None:
    name = door.create()["name"]
    assert door("GET", f"v1/{name}").text.startswith('{\n  "name": "projects/')
    for parameter in ("prettyPrint", "$prettyPrint"):
        assert "\n" not in door("GET", f"v1/{name}?{parameter}=false").text


def test_an_answer_that_nobody_reads_is_written_in_one_line(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    name = door.create()["name"]
    monkeypatch.setattr("gemtune.emulator.rest._READABLE", 100)
    assert "\n" not in door("GET", f"v1/{name}").text
    assert "\n" in door("GET", f"v1/{name}?prettyPrint=true").text


def test_another_form_than_json_is_refused(door: Door) -> None:
    assert error(door("GET", f"v1/{JOBS}?alt=proto"))["message"] == "alt=proto is not served; use alt=json"


# -- what is refused ----------------------------------------------------------------------------------------------


def test_a_path_that_no_method_has_is_not_found(door: Door) -> None:
    for path in ("v1", "v1/", "v2/" + JOBS, "v1/projects/p/tuningJobs", f"v1/{JOBS}/1/2", f"v1/{JOBS}/1:start"):
        assert error(door("GET", path))["status"] == "NOT_FOUND", path


@pytest.mark.parametrize(
    ("verb", "path", "right"),
    [("DELETE", JOBS, "GET or POST"), ("PATCH", f"{JOBS}/1", "GET"), ("PUT", f"{JOBS}/1:cancel", "GET or POST"),
     ("OPTIONS", JOBS, "GET or POST")],
)  # fmt: skip
def test_a_verb_that_the_path_does_not_take_is_not_allowed(door: Door, verb: str, path: str, right: str) -> None:
    answer = door(verb, f"v1/{path}")
    assert answer.status_code == 405
    assert error(answer)["message"].endswith(f"use {right}")


def test_an_unknown_field_is_named(door: Door) -> None:
    found = error(door("POST", f"v1/{JOBS}", BODY | {"base_modell": "x"}))
    sentence = "Invalid JSON payload received. Unknown name \"base_modell\" at 'tuning_job': Cannot find field."
    assert (found["status"], found["message"]) == ("INVALID_ARGUMENT", sentence)
    [detail] = found["details"]
    assert detail["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    assert detail["fieldViolations"] == [{"field": "tuning_job", "description": sentence}]


def test_what_is_wrong_beside_a_trailing_comma_is_said(door: Door) -> None:
    body = '{"baseModel": "m", "colour": "red",}'
    assert 'Unknown name "colour"' in error(door("POST", f"v1/{JOBS}", body))["message"]
    assert "line 1 column 19" in error(door("POST", f"v1/{JOBS}", '{"baseModel": "m",,}'))["message"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("{", "Expected a name in quotes or } at line 1 column 2."),
        ('{"a": 1,,}', "Expected a name in quotes or } at line 1 column 9."),
        ('{"a": 1,\n ,\n }', "Expected a name in quotes or } at line 3 column 2."),
        ('{"a": [1,,]}', "Expected a value at line 1 column 10."),
        ('{"a": [1,\n', "Expected a value at line 2 column 1."),
        ('{"a" 1}', "Expected : after a name at line 1 column 6."),
        ('{"a": 1 "b": 2}', "Expected , or a closing bracket at line 1 column 9."),
        ('{"a": x}', "Expected a value at line 1 column 7."),
        ("{'a': 1}", "Expected a name in quotes or } at line 1 column 2."),
        ("{} {}", "Expected nothing more after the value at line 1 column 4."),
        ('{"a": "x}', "Expected a quote at the end of the text that begins at line 1 column 7."),
        ('{"a": "x\ny"}', "Expected no control character in a text at line 1 column 9."),
        (r'{"a": "\x"}', "Expected a known escape after \\ at line 1 column 8."),
        (r'{"a": "\u12"}', "Expected a known escape after \\ at line 1 column 9."),
    ],
)
def test_what_is_no_json_is_said_alike_by_every_python(door: Door, body: str, says: str) -> None:
    assert error(door("POST", f"v1/{JOBS}", body))["message"] == f"Invalid JSON payload received. {says}"


def test_a_trailing_comma_alone_is_overlooked(door: Door) -> None:
    door.create(json.dumps(BODY).replace("}", ",}"))


def test_a_body_that_is_no_json_is_refused(door: Door) -> None:
    for body in ("{", b"\xff\xfe", "baseModel=x", "[" * 100_000):
        found = error(door("POST", f"v1/{JOBS}", body))
        assert found["status"] == "INVALID_ARGUMENT"
        assert found["message"].startswith("Invalid JSON payload received. ")


def test_a_field_given_under_both_names_is_refused(door: Door) -> None:
    assert error(door("POST", f"v1/{JOBS}", BODY | {"base_model": "x"}))["status"] == "INVALID_ARGUMENT"


def test_field_violations_come_as_details(door: Door) -> None:
    [detail] = error(door("POST", f"v1/{JOBS}", {}))["details"]
    fields = [violation["field"] for violation in detail["fieldViolations"]]
    assert fields == ["tuning_job.base_model", "tuning_job.supervised_tuning_spec"]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("pageSize=many", "Invalid value at 'page_size' (TYPE_INT32), \"many\""),
        ("page_size=3000000000", "Invalid value at 'page_size' (TYPE_INT32), \"3000000000\""),
        ("colour=red", "Cannot bind query parameter. Field 'colour' could not be found in request message."),
        ("pageSize=1&pageSize=2", "takes one value"),
        ("filter=state%3D", "Invalid filter: at character 7"),
        ("pageToken=x", "page_token"),
    ],
)
def test_a_query_that_does_not_fit_is_refused(door: Door, query: str, says: str) -> None:
    assert says in error(door("GET", f"v1/{JOBS}?{query}"))["message"]


def test_system_parameters_are_no_fields(door: Door) -> None:
    query = "key=k&quotaUser=me&fields=name,state&$.xgafv=2&prettyPrint=false"
    assert door("GET", f"v1/{JOBS}?{query}").status_code == 200


def test_a_body_that_is_too_large_is_read_to_its_end_and_refused(door: Door) -> None:
    size = 30 * 2**20
    answer = door("POST", f"v1/{JOBS}", b" " * size)
    assert (answer.status_code, error(answer)["message"]) == (413, "the body is larger than 10485760 bytes")
    pieces = (b" " * 2**20 for _ in range(30))
    assert door.session.post(f"{door.url}/v1/{JOBS}", data=pieces).status_code == 413


def test_a_compressed_body_is_refused(door: Door) -> None:
    body = gzip.compress(json.dumps(BODY).encode())
    answer = door("POST", f"v1/{JOBS}", body, headers={"content-encoding": "gzip"})
    assert (answer.status_code, error(answer)["status"]) == (415, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ("us-central1", "us%2Dcentral1", 200),
        ("tuningJobs", "tuning%4Aobs", 404),
        ("/tuningJobs/", "/tuningJobs%2F", 404),
    ],
)
def test_a_name_is_unescaped_and_a_path_is_not(door: Door, old: str, new: str, status: int) -> None:
    name = door.create()["name"]
    host = door.url.removeprefix("http://")
    with closing(HTTPConnection(host, timeout=10)) as connection:  # requests would unescape before it sends
        connection.request("GET", f"/v1/{name.replace(old, new)}")
        assert connection.getresponse().status == status


# -- the token ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "status"),
    [(None, 401), ("Bearer other", 401), ("Basic s3cret", 401), ("s3cret", 401), ("Bearer s3cret", 200)],
)
def test_a_token_is_asked_for_where_one_was_given(header: str | None, status: int) -> None:
    with running(token="s3cret") as url:
        headers = {} if header is None else {"authorization": header}
        answer = requests.get(f"{url}/v1/{JOBS}", headers=headers, timeout=10)
    assert answer.status_code == status
    if status == 401:
        assert error(answer)["status"] == "UNAUTHENTICATED"
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "s3cret" not in answer.text


def test_without_a_token_any_authorization_will_do(door: Door) -> None:
    assert door("GET", f"v1/{JOBS}", headers={"authorization": "Bearer whatever"}).status_code == 200


# -- locations and operations -------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["v1", "v1beta1", "ui"])
def test_locations_are_listed_and_read(door: Door, version: str) -> None:
    listed = door("GET", f"{version}/projects/demo/locations").json()["locations"]
    assert {"us-central1", "europe-west4"} <= {location["locationId"] for location in listed}
    name = "projects/demo/locations/europe-west4"
    assert door("GET", f"{version}/{name}").json() == {
        "name": name,
        "locationId": "europe-west4",
        "labels": {"cloud.googleapis.com/region": "europe-west4"},
    }
    assert error(door("GET", f"{version}/projects/demo/locations/moon"))["status"] == "NOT_FOUND"


def test_a_rebase_is_followed_under_the_paths_that_clients_use(door: Door) -> None:
    job = door.create(version="v1beta1")
    door.clock.advance(10)
    place = job["name"].partition("/tuningJobs")[0]
    body = {"tunedModelRef": {"tuningJob": job["name"]}}
    operation = door("POST", f"v1beta1/{place}/tuningJobs:rebaseTunedModel", body).json()
    assert operation["metadata"]["genericMetadata"]["createTime"]
    door.clock.advance(10)
    for path, version in (("v1", "v1"), ("v1beta1", "v1beta1"), ("ui", "v1beta1")):
        done = door("GET", f"{path}/{operation['name']}").json()
        assert done["done"] is True
        assert done["response"]["@type"] == f"type.googleapis.com/google.cloud.aiplatform.{version}.TuningJob"
    listed = door("GET", f"v1/{operation['name'].rpartition('/')[0]}").json()
    assert [found["name"] for found in listed["operations"]] == [operation["name"]]
    assert door("POST", f"v1/{operation['name']}:cancel").json() == {}


# -- what is logged -----------------------------------------------------------------------------------------------


def test_each_request_is_logged_in_a_line(door: Door) -> None:
    name = door.create()["name"]
    headers = {"user-agent": "google-genai-sdk/3.6 gl-python/3.11"}
    door("POST", f"v1/{name}:cancel", headers=headers)
    line = door.log[-1]
    job_id = name.rpartition("/")[2]
    assert re.fullmatch(
        rf"\d\d:\d\d:\d\d POST /v1/…/tuningJobs/{job_id}:cancel 200 \d+ ms  google-genai-sdk/3\.6", line
    )


def test_a_line_holds_nothing_that_moves_a_cursor(door: Door) -> None:
    door("GET", "v1/x%1b%0a", headers={"user-agent": "evil\x9b31m"})
    assert door.log[-1].isprintable()
    assert "/v1/x%1B%0A 404" in door.log[-1]


def test_a_defect_is_an_internal_error_without_its_traceback(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the inside of the emulator")

    monkeypatch.setattr(Service, "handle", broken)
    found = error(door("GET", f"v1/{JOBS}"))
    assert (found["code"], found["status"], found["message"]) == (500, "INTERNAL", "Internal error encountered.")
    assert "RuntimeError: the inside of the emulator" in door.log[-2]
