"""An answer that holds an `Any` that nobody here can read: the call succeeds, over each carrier, and says what it kept."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from google.longrunning import operations_pb2

import gemtune
from gemtune._client_base import METHODS
from gemtune.errors import JobFailed
from gemtune.flows import calls
from gemtune.flows.wait import succeeded
from gemtune.rpc import states
from gemtune.rpc.unknown import json_tree
from gemtune.settings import Endpoints
from gemtune.transport import rest_wire, unknown_log
from gemtune_pb.v1 import GetTuningJobRequest, ListTuningJobsRequest

PARENT = "projects/p/locations/us-central1"
NAME = f"{PARENT}/tuningJobs/1"
DETAIL = {"@type": "type.googleapis.com/google.cloud.aiplatform.internal.Foo", "x": 1}
FAILED = {
    "name": NAME,
    "state": "JOB_STATE_FAILED",
    "endTime": "2026-11-01T10:30:00Z",
    "error": {"code": 3, "message": "bad row", "details": [DETAIL]},
}


@pytest.fixture(autouse=True)
def nothing_said_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unknown_log, "_said", set())


def answered(rpc: str, request: Any, tree: Any) -> Any:
    endpoint = Endpoints("http://127.0.0.1:1").of(PARENT)
    sent = rest_wire.write(METHODS[rpc], request, endpoint=endpoint, resource=PARENT, api_version="v1", who={})
    return rest_wire.read(sent, 200, {"content-type": "application/json"}, json.dumps(tree).encode())


UNREADABLE: list[Any] = [
    DETAIL,
    {"x": 1},
    {"@type": 5},
    "abc",
    [],
    None,
    {"@type": "t/google.rpc.ErrorInfo", "reason": 5},
]


@pytest.mark.parametrize("detail", UNREADABLE)
def test_a_failed_job_is_read(detail: Any, caplog: pytest.LogCaptureFixture) -> None:
    tree = json.loads(json.dumps(FAILED))
    tree["error"]["details"] = [detail]
    job = answered("GetTuningJob", GetTuningJobRequest(name=NAME), tree)
    assert states.has_ended(job)
    with pytest.raises(JobFailed, match="bad row"):
        succeeded(job)
    assert (job.error.code, job.state) == (3, gemtune.JobState.JOB_STATE_FAILED)
    assert json.loads(gemtune.to_json(job))["error"]["details"] == [detail]
    [record] = caplog.records
    assert (record.name, record.levelno) == ("gemtune", logging.WARNING)
    assert "TuningJob has error.details[] = " in record.getMessage()


@pytest.mark.parametrize("detail", UNREADABLE)
def test_it_is_shown_once_and_as_it_came(detail: Any) -> None:
    for details in ([detail], [{}, detail, {}], [detail, detail]):
        tree = json.loads(json.dumps(FAILED))
        tree["error"]["details"] = details
        job = answered("GetTuningJob", GetTuningJobRequest(name=NAME), tree)
        assert json_tree(job)["error"]["details"] == details


def test_one_of_a_page_costs_neither_the_others_nor_itself() -> None:
    page = answered(
        "ListTuningJobs",
        ListTuningJobsRequest(parent=PARENT),
        {"tuningJobs": [{"name": "a"}, FAILED, {"name": "c"}], "nextPageToken": "t"},
    )
    assert [job.name for job in page.tuning_jobs] == ["a", NAME, "c"]
    assert page.tuning_jobs[1].error.message == "bad row"


def test_an_operation_of_which_only_the_job_is_known() -> None:
    job = {"@type": "type.googleapis.com/google.cloud.aiplatform.v1.TuningJob", "name": NAME}
    request = METHODS["GetOperation"].input_type(name=f"{NAME}/operations/2")
    operation = answered("GetOperation", request, {"name": "o", "metadata": DETAIL, "done": True, "response": job})
    assert calls.operation_result(operation).name == NAME
    assert operation.metadata.type_url == DETAIL["@type"]


@pytest.mark.parametrize(
    "response",
    [
        {"@type": "type.googleapis.com/google.cloud.aiplatform.v1.TuningJob", "name": 5},
        {"@type": "type.googleapis.com/google.cloud.aiplatform.v1.TuningJob", "tunedModel": []},
        {"@type": "type.googleapis.com/google.cloud.aiplatform.v1.Model", "name": "m"},
        {"@type": "type.googleapis.com/google.protobuf.Empty"},
        {"name": NAME},
        {},
        5,
    ],
)
def test_a_result_that_is_no_job_is_said_to_be_none(response: Any) -> None:
    request = METHODS["GetOperation"].input_type(name=f"{NAME}/operations/2")
    operation = answered("GetOperation", request, {"name": "o", "done": True, "response": response, "new": 1})
    with pytest.raises(gemtune.TransportError, match="o is done, and holds neither a job nor an error"):
        calls.operation_result(operation)


def test_error_details_of_an_operation_are_as_those_of_a_call() -> None:
    from gemtune.rpc.status import error_from_http, error_from_status

    error = {"code": 3, "message": "bad", "status": "INVALID_ARGUMENT", "details": [DETAIL]}
    of_call = error_from_http(400, json.dumps({"error": error}).encode())
    operation = gemtune.from_json(
        json.dumps({"error": {"code": 3, "message": "bad", "details": [DETAIL]}}),
        operations_pb2.Operation,
        ignore_unknown_fields=True,
    )
    of_operation = error_from_status(operation.error)
    assert list(of_call.details) == list(of_operation.details)
    assert json.loads(gemtune.to_json(of_call.details[0])) == DETAIL
