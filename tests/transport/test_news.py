"""What the service sends tomorrow: it is read past, said once, and a state that is new is shown by its name."""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from google.longrunning import operations_proto_pb2 as operations_pb2
from hypothesis import given, strategies as st

import gemtune
from gemtune._client_base import METHODS
from gemtune.flows import calls
from gemtune.rpc import states, unknown
from gemtune.settings import Endpoints
from gemtune.specs import diff, request_of
from gemtune.testing.strategies import messages
from gemtune.transport import rest_wire, unknown_log
from gemtune_pb.v1 import GetTuningJobRequest, ListTuningJobsRequest, ListTuningJobsResponse, TuningJob

PARENT = "projects/p/locations/us-central1"


@pytest.fixture(autouse=True)
def nothing_said_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unknown_log, "_said", set())


def answered(rpc: str, tree: Any) -> Any:
    request: Any = {
        "GetTuningJob": GetTuningJobRequest(name=f"{PARENT}/tuningJobs/1"),
        "ListTuningJobs": ListTuningJobsRequest(parent=PARENT),
        "GetOperation": operations_pb2.GetOperationRequest(name=f"{PARENT}/tuningJobs/1/operations/2"),
    }[rpc]
    endpoint = Endpoints("http://127.0.0.1:1").of(PARENT)
    sent = rest_wire.write(METHODS[rpc], request, endpoint=endpoint, resource=PARENT, api_version="v1", who={})
    return rest_wire.read(sent, 200, {"content-type": "application/json"}, json.dumps(tree).encode())


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
            "not know; it is ignored",
        )
    ]


def test_long_values_are_cut_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    answered("GetTuningJob", {"name": "a", "newField": "x" * 10_000})
    assert len(caplog.records[0].getMessage()) < 400


def test_a_server_that_makes_up_names_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unknown_log, "_MOST", 3)
    answered("GetTuningJob", {f"new{i}": i for i in range(10)})
    assert len(unknown_log._said) == 3


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


def test_what_is_not_known_is_in_the_message_and_nowhere_else() -> None:
    job = answered("GetTuningJob", {"name": "a", "state": "JOB_STATE_DREAMING"})
    plain = answered("GetTuningJob", {"name": "a"})
    copy = pickle.loads(pickle.dumps(job))
    assert [states.state_name(each) for each in (job, plain, copy)] == ["DREAMING", "UNSPECIFIED", "DREAMING"]
    unknown.forget(job)
    assert job == plain


def test_the_job_of_an_operation_keeps_what_is_not_known_of_it() -> None:
    response = {
        "@type": "type.googleapis.com/google.cloud.aiplatform.v1.TuningJob",
        "name": "a",
        "state": "JOB_STATE_NEW",
    }
    operation = answered(
        "GetOperation", {"name": f"{PARENT}/tuningJobs/1/operations/2", "done": True, "response": response}
    )
    assert states.state_name(calls.operation_result(operation)) == "NEW"


# protobuf in C ends a name at NUL.
NAMES = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=8).filter(
    lambda name: name not in KNOWN
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KNOWN = {name for field in TuningJob.DESCRIPTOR.fields for name in (field.name, field.json_name)} | {"@type"}


@st.composite
def grown(draw: st.DrawFn) -> tuple[Any, Any]:
    """The JSON of a job, and the same with fields and names of tomorrow in it."""
    job = draw(messages(TuningJob, depth=3).filter(lambda job: job == job))
    job.name = "a"
    tree = json.loads(gemtune.to_json(job))
    whole = json.loads(gemtune.to_json(job))
    objects = list(_objects(TuningJob.DESCRIPTOR, whole))
    for _ in range(draw(st.integers(1, 4))):
        name = draw(st.sampled_from(["x-", "new"])) + draw(NAMES)
        draw(st.sampled_from(objects))[name] = draw(VALUES)
    if draw(st.booleans()):
        whole["state"] = "JOB_STATE_" + draw(st.sampled_from(["NEW", "DREAMING"]))
    for of, descriptor in draw(st.lists(st.sampled_from([*_described(TuningJob.DESCRIPTOR, whole)]), max_size=3)):
        for field in descriptor.fields:
            in_oneof = field.containing_oneof is not None and len(field.containing_oneof.fields) > 1
            if field.enum_type is None or not field.enum_type.full_name.startswith("gemtune.") or in_oneof:
                continue
            name = "NEW_" + draw(st.sampled_from("ABC"))
            if not field.is_repeated:
                of[field.json_name] = name
            elif field.json_name in of and name not in of[field.json_name]:
                of[field.json_name].insert(draw(st.integers(0, len(of[field.json_name]))), name)
    return tree, whole


def _objects(descriptor: Any, tree: Any) -> Iterator[dict[str, Any]]:
    """The objects of a tree that stand for messages of ours."""
    return (of for of, _ in _described(descriptor, tree))


def _described(descriptor: Any, tree: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    if not isinstance(tree, dict) or descriptor.full_name.startswith("google."):
        return
    yield tree, descriptor
    for field in descriptor.fields:
        inner = field.message_type
        if field.json_name in tree and inner is not None and not inner.GetOptions().map_entry:
            value = tree[field.json_name]
            for item in value if isinstance(value, list) else [value]:
                yield from _described(inner, item)


def test_what_a_request_may_set_is_a_part_of_the_spec() -> None:
    """Through lists, maps with odd keys, and for the names of enum values; what the service sets of a job is not."""
    schema = {"type": "OBJECT", "properties": {"my key": {"type": "STRING", "newField": 1}}}
    whole = {
        "name": "a",
        "baseModel": "gemini-2.5-flash",
        "supervisedTuningSpec": {
            "trainingDatasetUri": "gs://acme/t.jsonl",
            "hyperParameters": {"epochCount": "1", "adapterSize": "ADAPTER_SIZE_SIXTY_FOUR"},
            "evaluationConfig": {
                "metrics": [{"bleuSpec": {"useNewOrder": True}, "aggregationMetrics": ["AVERAGE", "NEW", "MODE"]}],
                "inferenceGenerationConfig": {"responseSchema": schema},
            },
        },
        "newSpec": {"a": None},
        "tunedModel": {"newField": 2},
    }
    job = answered("GetTuningJob", whole)
    assert unknown.json_tree(job) == whole
    spec = "supervisedTuningSpec"
    evaluation = f"{spec}.evaluationConfig"
    assert sorted(job.additional_fields) == [
        "newSpec",
        f'{evaluation}.inferenceGenerationConfig.responseSchema.properties["my key"].newField',
        f"{evaluation}.metrics[0].aggregationMetrics[1]",
        f"{evaluation}.metrics[0].bleuSpec.useNewOrder",
        f"{spec}.hyperParameters.adapterSize",
    ]
    request = request_of(job)
    assert gemtune.loads_spec(gemtune.dumps_spec(request, "yaml"), "yaml") == request
    assert diff(job, request) == []
    assert gemtune.fingerprint(job) == gemtune.fingerprint(request)
    assert not [found for found in gemtune.check(request) if found.rule_id == "additional-field"]
    sent = json.loads(unknown.wire_json(request))
    assert sent == {key: value for key, value in whole.items() if key not in ("name", "tunedModel")}


@given(grown(), st.booleans())
def test_what_goes_in_comes_out(both: tuple[Any, Any], listed: bool) -> None:
    _, whole = both
    if listed:
        page = answered("ListTuningJobs", {"tuningJobs": [{"name": "b"}, whole]})
        assert unknown.json_tree(page) == {"tuningJobs": [{"name": "b"}, whole]}
        assert gemtune.from_json(gemtune.to_json(page), ListTuningJobsResponse).tuning_jobs[0].name == "b"
    else:
        job = answered("GetTuningJob", whole)
        assert unknown.json_tree(job) == whole
        assert unknown.json_tree(TuningJob.FromString(job.SerializeToString())) == whole
