"""An `Any` that cannot be read costs an answer nothing: it is kept as it came, and reported. Whoever carries the answer."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from google.longrunning import operations_pb2
from google.protobuf import any_pb2, duration_pb2, empty_pb2, text_format, wrappers_pb2
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given, strategies as st

import gemtune
from gemtune.testing import messages
from gemtune_pb.v1 import JobState, ListTuningJobsResponse, TuningJob
from tests.support.message_types import kind

pytestmark = pytest.mark.usefixtures("either_way")

UNKNOWN = "type.googleapis.com/google.cloud.aiplatform.internal.Foo"
INFO = "type.googleapis.com/google.rpc.ErrorInfo"
HOLDER, SCALARS = kind("kinds3.Holder"), "type.googleapis.com/kinds3.Scalars"
Heard = list[tuple[str, Any]]


def read(tree: Any, message_type: Any) -> tuple[Any, Heard]:
    heard: Heard = []
    message = gemtune.from_json(
        json.dumps(tree),
        message_type,
        ignore_unknown_fields=True,
        on_unknown=lambda path, value: heard.append((path, value)),
    )
    return message, heard


# What cannot be read, and why.
BAD: dict[str, Any] = {
    "unknown type": {"@type": UNKNOWN, "x": 1, "y": {"z": ["é", None, 1.5]}},
    "unknown type, nothing else": {"@type": UNKNOWN},
    "unknown type of our own package": {"@type": "type.googleapis.com/gemtune.v1.NotYet"},
    "unknown type of Google's": {"@type": "type.googleapis.com/google.cloud.aiplatform.v1.NotYet", "a": 1},
    "bare name": {"@type": "x.Y"},
    "no name": {"@type": ""},
    "only a host": {"@type": "type.googleapis.com/"},
    "half a surrogate pair": {"@type": "t/\ud800", "x": "\ud800"},
    "NUL": {"@type": "t/\0"},
    "no type": {"x": 1},
    "type is a number": {"@type": 5},
    "type is null": {"@type": None},
    "type is an object": {"@type": {}},
    "a list": [],
    "a list of one": [{"@type": INFO}],
    "a text": "abc",
    "a number": 5,
    "a boolean": False,
    "wrong kind in a known type": {"@type": INFO, "reason": 5},
    "wrong kind deeper": {"@type": INFO, "metadata": []},
    "bad value in a known type": {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "soon"},
    "a field under both names": {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s", "retry_delay": "1s"},
    "required field unset": {"@type": "t/kinds2.Required"},
    "no value": {"@type": "type.googleapis.com/google.protobuf.Duration"},
    "bad value": {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "soon"},
    "Any in an Any without one": {"@type": "type.googleapis.com/google.protobuf.Any"},
}  # fmt: skip

# Where it may stand: a message type, its JSON around it, and the path that is reported.
PLACES: dict[str, tuple[Any, str, str]] = {
    "job.error": (TuningJob, '{"error":{"code":3,"details":[HERE]}}', "error.details[0]"),
    "one of several": (
        TuningJob,
        f'{{"error":{{"details":[{{"@type":"{INFO}","reason":"R"}},HERE,{{}}]}}}}',
        "error.details[1]",
    ),
    "a job of a page": (
        ListTuningJobsResponse,
        '{"tuningJobs":[{"name":"a"},{"error":{"details":[HERE]}},{"name":"c"}]}',
        "tuningJobs[1].error.details[0]",
    ),
    "operation.metadata": (operations_pb2.Operation, '{"name":"o","metadata":HERE}', "metadata"),
    "operation.response": (operations_pb2.Operation, '{"done":true,"response":HERE}', "response"),
    "operation.error": (operations_pb2.Operation, '{"error":{"details":[{},HERE]}}', "error.details[1]"),
    "in an Any": (
        operations_pb2.Operation,
        '{"metadata":{"@type":"type.googleapis.com/google.cloud.aiplatform.v1.TuningJob","error":{"details":[HERE]}}}',
        "metadata.error.details[0]",
    ),
    "in an Any in an Any": (
        HOLDER,
        '{"anAny":{"@type":"t/google.protobuf.Any","value":{"@type":"t/kinds3.Holder","moreAnys":[{},HERE]}}}',
        "anAny.value.moreAnys[1]",
    ),
    "in a map": (kind("kinds3.ManyHolders"), '{"byName":{"a b":{"anAny":HERE},"c":{}}}', 'byName["a b"].anAny'),
    "a map's value": (kind("kinds3.ManyHolders"), '{"anysByName":{"k":HERE}}', "anysByName.k"),
    "in a oneof": (kind("kinds3.ManyHolders"), '{"oneAny":HERE}', "oneAny"),
    "under its other name": (HOLDER, '{"an_any":HERE,"aTime":"2024-11-03T21:08:07Z"}', "anAny"),
}  # fmt: skip


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_it_is_read_past_wherever_it_stands(bad: Any) -> None:
    for message_type, around, path in PLACES.values():
        message, heard = read(json.loads(around.replace("HERE", json.dumps(bad))), message_type)
        assert heard == [(path, bad)]
        without = gemtune.from_json(around.replace("HERE", "{}"), message_type)
        assert emptied(message) == emptied(without), "the rest is as without it"


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_it_is_written_as_it_came_and_read_again(bad: Any) -> None:
    for message_type, around, _ in PLACES.values():
        tree = json.loads(around.replace("HERE", json.dumps(bad)).replace('"an_any"', '"anAny"'))
        message, _ = read(tree, message_type)
        text = gemtune.to_json(message)
        assert json.loads(text) == tree
        assert json.loads(gemtune.to_json(message, indent=2)) == tree
        again, heard = read(tree, message_type)
        assert data(again) == data(message)
        assert [value for _, value in heard] == [bad]
        assert data(type(message).FromString(message.SerializeToString())) == data(message)


def data(message: Any) -> bytes:
    """What is compared: protobuf's comparison in pure Python wants to know the type of every `Any`."""
    return message.SerializeToString(deterministic=True)


def emptied(message: Any) -> Any:
    """A message with nothing in what is an `Any` there; those are compared elsewhere."""
    copy = type(message)()
    copy.CopyFrom(message)
    for any_ in anys(copy):
        any_.Clear()
    return copy


def anys(message: Any) -> list[Any]:
    found: list[Any] = [message] if isinstance(message, any_pb2.Any) else []
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        is_map = field.message_type.GetOptions().map_entry
        parts = list(value.values()) if is_map else list(value) if field.is_repeated else [value]
        found += [any_ for part in parts if hasattr(part, "ListFields") for any_ in anys(part)]
    return found


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_strictly_it_is_refused(bad: Any) -> None:
    for message_type, around, _ in PLACES.values():
        with pytest.raises(gemtune.JsonError):
            gemtune.from_json(around.replace("HERE", json.dumps(bad)), message_type)


def test_the_whole_may_be_one() -> None:
    any_, heard = read({"@type": UNKNOWN, "x": 1}, any_pb2.Any)
    assert (any_.type_url, heard) == (UNKNOWN, [("the root", {"@type": UNKNOWN, "x": 1})])
    assert gemtune.to_json(any_) == f'{{"@type":"{UNKNOWN}","x":1}}'


def test_null_in_a_list_is_one_that_cannot_be_read() -> None:
    status, heard = read({"code": 3, "details": [None]}, status_pb2.Status)
    assert (status.code, len(status.details), heard) == (3, 1, [("details[0]", None)])


def test_code_message_state_and_type_url_of_a_failed_job_stay() -> None:
    job, _ = read(
        {
            "name": "projects/993/locations/us-central1/tuningJobs/1",
            "state": "JOB_STATE_FAILED",
            "endTime": "2026-11-01T10:30:00Z",
            "error": {
                "code": 3,
                "message": "bad row",
                "details": [{"@type": UNKNOWN, "x": 1}, {"@type": INFO, "reason": "R"}],
            },
        },
        TuningJob,
    )
    assert (job.state, job.error.code, job.error.message) == (JobState.JOB_STATE_FAILED, 3, "bad row")
    assert [detail.type_url for detail in job.error.details] == [UNKNOWN, INFO]
    info = error_details_pb2.ErrorInfo()
    assert job.error.details[1].Unpack(info)
    assert info.reason == "R"


def test_whoever_takes_the_kept_json_for_a_message_is_told_that_it_is_none() -> None:
    any_, _ = read({"@type": SCALARS, "anInt32": []}, any_pb2.Any)
    with pytest.raises(DecodeError):
        any_.Unpack(kind("kinds3.Scalars")())


def test_what_is_unknown_in_a_known_one_is_reported_by_itself() -> None:
    tree = {"details": [{"@type": INFO, "reason": "R", "new": 1}, {"@type": "t/kinds3.Scalars", "aColour": "MAUVE"}]}
    status, heard = read(tree, status_pb2.Status)
    assert heard == [("details[0].new", 1), ("details[1].aColour", "MAUVE")]
    assert status.details[0].value == error_details_pb2.ErrorInfo(reason="R").SerializeToString()


def test_what_stands_beside_a_value_is_reported() -> None:
    any_, heard = read({"@type": "t/google.protobuf.Duration", "value": "1s", "more": 1}, any_pb2.Any)
    assert (any_.value, heard) == (b"\x08\x01", [("more", 1)])


def test_an_empty_one_with_a_value_is_what_go_writes() -> None:
    tree = {"@type": "type.googleapis.com/google.protobuf.Empty", "value": {}}
    any_, heard = read(tree, any_pb2.Any)
    assert any_.Unpack(empty_pb2.Empty())
    assert (any_.value, heard) == (b"", [])
    _, heard = read({**tree, "value": {"a": 1}}, any_pb2.Any)
    assert heard == [("value", {"a": 1})]


# -- what came in binary, as over gRPC -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "value"),
    [
        (UNKNOWN, b"\x08\x01"),
        (UNKNOWN, b""),
        ("", b"\x08\x01"),
        ("no slash", b"\xff"),
        (INFO, b"\xff"),  # not the bytes of that type
        ("t/google.protobuf.Timestamp", b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),  # has no JSON form
        (UNKNOWN, b"\x07JSON:"),
        (UNKNOWN, b"\x07JSON:{"),
        (UNKNOWN, b"\x07JSON:" + b"[" * 100_000),
    ],
)
def test_what_cannot_be_read_is_written_as_its_bytes_and_read_back(url: str, value: bytes) -> None:
    job = TuningJob(name="n", labels={"a": "b"})
    job.error.code = 3
    job.error.details.add(type_url=url, value=value)
    job.error.details.add().Pack(duration_pb2.Duration(seconds=1))
    tree = json.loads(gemtune.to_json(job))
    raw = {"@type": url, "@value": base64.b64encode(value).decode()}
    duration = {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "1s"}
    assert tree == {"name": "n", "error": {"code": 3, "details": [raw, duration]}, "labels": {"a": "b"}}
    again, heard = read(tree, TuningJob)
    assert data(again) == data(job)
    assert heard == [("error.details[0]", raw)]


@pytest.mark.parametrize("value", ["", "A", "QQ", "é", 5, None, "QQ==\n"])
def test_what_is_no_base64_stays_as_it_came(value: Any) -> None:
    tree = {"@type": UNKNOWN, "@value": value}
    any_, heard = read(tree, any_pb2.Any)
    assert heard == [("the root", tree)]
    assert json.loads(gemtune.to_json(any_)) == tree


def test_one_in_a_known_one_is_written_too() -> None:
    inner = status_pb2.Status(code=5)
    inner.details.add(type_url=UNKNOWN, value=b"\x08\x01")
    operation = operations_pb2.Operation(name="o")
    operation.metadata.Pack(inner)
    tree = json.loads(gemtune.to_json(operation))
    assert tree["metadata"]["details"] == [{"@type": UNKNOWN, "@value": "CAE="}]
    assert data(read(tree, operations_pb2.Operation)[0]) == data(operation)


@pytest.mark.parametrize("format", ["yaml", "json", "textproto", "binpb"])
def test_a_job_that_holds_one_can_be_saved(format: str) -> None:  # noqa: A002
    job = TuningJob(base_model="m")
    job.error.details.add(type_url=UNKNOWN, value=b"\x08\x01")
    job.error.details.add(type_url=INFO, value=b"\xff")
    text = gemtune.dumps_spec(job, format)
    assert text
    if format == "textproto":
        assert data(text_format.Parse(text, TuningJob())) == data(job)


# -- all together ---------------------------------------------------------------------------------------------------


@st.composite
def with_news(draw: st.DrawFn) -> tuple[Any, str, str, int]:
    """An answer, its JSON, and the same with unknown `Any`s, fields and enum names put in; how many."""
    message_type = draw(st.sampled_from([TuningJob, ListTuningJobsResponse, operations_pb2.Operation]))
    message = draw(messages(message_type, any_of=[error_details_pb2.ErrorInfo, TuningJob, wrappers_pb2.Int64Value]))
    text = gemtune.to_json(message)
    tree = json.loads(text)
    count = 0

    def put(value: Any, descriptor: Any) -> None:
        nonlocal count
        if not isinstance(value, dict) or descriptor.full_name.startswith("google.protobuf."):
            return
        chosen = {f.containing_oneof.name for f in descriptor.fields if f.containing_oneof and f.json_name in value}
        for field in descriptor.fields:
            if field.json_name not in value and field.containing_oneof and field.containing_oneof.name in chosen:
                continue
            name = draw(st.sampled_from([field.json_name, field.name]))
            part = field.message_type
            if part is not None and part.GetOptions().map_entry:
                continue
            if field.json_name in value:
                value[name] = value.pop(field.json_name)
                for item in value[name] if field.is_repeated else [value[name]]:
                    if part is not None:
                        put(item, part)
            elif field.enum_type is not None and not field.is_repeated and draw(st.booleans()):
                value[name] = "NOT_KNOWN_YET"
                count += 1
            elif part is not None and part.full_name == "google.protobuf.Any" and draw(st.booleans()):
                bad = draw(st.sampled_from(list(BAD.values())))
                value[name] = [bad] if field.is_repeated else bad
                count += 1
                chosen |= {field.containing_oneof.name} if field.containing_oneof else set()
        if draw(st.booleans()):
            value[draw(st.sampled_from(["newField", "new_field", "ünknown"]))] = draw(
                st.sampled_from([None, 1, [], {"@type": 5}])
            )
            count += 1

    put(tree, message_type.DESCRIPTOR)
    return message_type, text, json.dumps(tree), count


@given(with_news())
def test_answers_with_news_are_read_as_without_them_and_each_is_reported_once(case: tuple[Any, str, str, int]) -> None:
    message_type, before, after, count = case
    expected = gemtune.from_json(before, message_type)
    message, heard = read(json.loads(after), message_type)
    assert without_kept(message).SerializeToString(deterministic=True) == without_kept(expected).SerializeToString(
        deterministic=True
    )
    assert len(heard) == count
    assert len({path for path, _ in heard}) == count


def without_kept(message: Any) -> Any:
    """A message without the `Any`s that could not be read."""
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        if field.message_type.full_name == "google.protobuf.Any":
            for i, any_ in reversed(list(enumerate(value if field.is_repeated else [value]))):
                if any_.value.startswith(b"\x07JSON:"):
                    if field.is_repeated:
                        del value[i]
                    else:
                        message.ClearField(field.name)
        else:
            for part in value if field.is_repeated else [value]:
                without_kept(part)
    return message
