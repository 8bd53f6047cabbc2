"""What the service sends tomorrow: it is read past, said once, and a state that is new is shown by its name."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from gemtune import states
from gemtune.calls import METHODS
from gemtune.endpoints import Endpoints
from gemtune.transport import news, wire
from gemtune_pb.v1 import GetTuningJobRequest, ListTuningJobsRequest

PARENT = "projects/p/locations/us-central1"


@pytest.fixture(autouse=True)
def nothing_said_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news, "_said", set())
    monkeypatch.setattr(states, "_sent_names", {})


def answered(rpc: str, tree: Any) -> Any:
    request = (
        GetTuningJobRequest(name=f"{PARENT}/tuningJobs/1")
        if rpc == "GetTuningJob"
        else ListTuningJobsRequest(parent=PARENT)
    )
    endpoint = Endpoints("http://127.0.0.1:1").of(PARENT)
    sent = wire.write(METHODS[rpc], request, endpoint=endpoint, resource=PARENT, api_version="v1", who={})
    return wire.read(sent, 200, {"content-type": "application/json"}, json.dumps(tree).encode())


def test_a_new_field_is_logged_once_for_all_jobs_and_answers(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        page = answered(
            "ListTuningJobs", {"tuningJobs": [{"name": "a", "newField": {"x": 1}}, {"name": "b", "newField": {}}]}
        )
        assert [job.name for job in page.tuning_jobs] == ["a", "b"]
    assert [(record.name, record.levelno, record.getMessage()) for record in caplog.records] == [
        (
            "gemtune",
            logging.WARNING,
            "the service's ListTuningJobsResponse has tuningJobs[].newField = {'x': 1}, which this version of gemtune does "
            "not know; it is passed over",
        )
    ]


def test_long_values_are_cut_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    answered("GetTuningJob", {"name": "a", "newField": "x" * 10_000})
    assert len(caplog.records[0].getMessage()) < 400


def test_a_server_that_makes_up_names_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news, "_MOST", 3)
    answered("GetTuningJob", {f"new{i}": i for i in range(10)})
    assert len(news._said) == 3


def test_a_state_that_is_new_is_shown_by_the_name_the_service_sent() -> None:
    job = answered("GetTuningJob", {"name": f"{PARENT}/tuningJobs/1", "state": "JOB_STATE_DREAMING"})
    assert states.state_name(job) == "DREAMING"
    page = answered("ListTuningJobs", {"tuningJobs": [{"name": "a"}, {"name": "b", "state": "JOB_STATE_NAPPING"}]})
    assert [states.state_name(job) for job in page.tuning_jobs] == ["UNSPECIFIED", "NAPPING"]


def test_a_job_in_a_new_state_has_ended_when_it_has_an_end_time() -> None:
    job = answered("GetTuningJob", {"name": "a", "state": "JOB_STATE_DREAMING"})
    assert not states.has_ended(job)
    job = answered("GetTuningJob", {"name": "a", "state": "JOB_STATE_DREAMING", "endTime": "2024-11-03T21:40:37Z"})
    assert states.has_ended(job)


def test_names_of_states_are_kept_for_some_jobs_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "_MOST_NAMES", 2)
    jobs = [answered("GetTuningJob", {"name": name, "state": "JOB_STATE_DREAMING"}) for name in "abc"]
    assert [states.state_name(job) for job in jobs] == ["UNSPECIFIED", "DREAMING", "DREAMING"]
