"""Whatever is sent, the emulator answers: with success or with a refusal, never with an error of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor
from hypothesis import given, strategies as st

from gemtune.emulator.rest import answer
from gemtune.emulator.service import Service
from gemtune.emulator.storage import MEMORY, Storage
from gemtune.errors import ApiError
from gemtune.rpc.status import http_from_error
from gemtune_pb.v1 import RebaseTunedModelRequest, TuningJob
from tests.support.frozen_service import Clock

JOBS = "projects/demo/locations/us-central1/tuningJobs"


def names(descriptor: Descriptor, depth: int = 4) -> set[str]:
    """Names of fields in a message and below it, in both spellings."""
    found: set[str] = set()
    for field in descriptor.fields:
        found |= {field.name, field.json_name}
        if depth and field.message_type is not None:
            found |= names(field.message_type, depth - 1)
    return found


NAMES = sorted(names(TuningJob.DESCRIPTOR) | names(RebaseTunedModelRequest.DESCRIPTOR))
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["gs://bucket/train.jsonl", "gemini-2.5-flash", "ADAPTER_SIZE_FOUR", "4", "1e400", "\ud800", "\0"]
    )
    | st.sampled_from([2**63, -(2**63), 2**64, 1e308, "NaN", "9999-12-31T23:59:59.999999999Z", f"{JOBS}/1"])
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
good = {"baseModel": "gemini-2.5-flash", "supervisedTuningSpec": {"trainingDatasetUri": "gs://bucket/train.jsonl"}}
bodies = st.one_of(
    values.map(lambda value: json.dumps(value).encode()),
    st.tuples(st.sampled_from(NAMES), values).map(lambda pair: json.dumps(good | {pair[0]: pair[1]}).encode()),
    st.binary(max_size=30),
    st.text('{}[],:"\\ ab1\n', max_size=20).map(str.encode),
)
paths = st.sampled_from([f"/v1/{JOBS}", f"/v1beta1/{JOBS}:rebaseTunedModel", f"/v1/{JOBS}/1:cancel", f"/v1/{JOBS}/1"])
segments = st.text(max_size=6) | st.sampled_from(
    ["%00", "%ff", "..", "%2F", "1" * 30, "demo", "us-central1", "tuningJobs"]
)
odd_paths = st.lists(segments, max_size=8).map(lambda parts: "/v1/projects/" + "/".join(parts))
queries = st.lists(
    st.tuples(st.sampled_from(["filter", "pageSize", "page_token", "$alt", "alt", "prettyPrint", "name", "x"]), st.text(max_size=8)),
    max_size=3,
)  # fmt: skip


@pytest.fixture(scope="module")
def service() -> Any:
    storage = Storage(MEMORY)
    yield Service(storage, clock=Clock())
    storage.close()


def answered(service: Service, verb: str, path: str, query: list[tuple[str, str]], body: bytes) -> int:
    try:
        json.loads(answer(service, verb, path, query=query, body=body))
    except ApiError as error:
        status, refusal = http_from_error(error)
        told = json.loads(refusal)["error"]
        return status if told["message"] and told["code"] == status else 500
    return 200


@given(st.sampled_from(["GET", "POST", "DELETE"]), paths | odd_paths, queries, bodies)
def test_no_request_is_answered_with_an_error_of_the_emulators_own(
    service: Service, verb: str, path: str, query: list[tuple[str, str]], body: bytes
) -> None:
    assert answered(service, verb, path, query, body) < 500


@given(bodies)
def test_no_create_is_answered_with_an_error_of_the_emulators_own(service: Service, body: bytes) -> None:
    assert answered(service, "POST", f"/v1/{JOBS}", [], body) < 500
