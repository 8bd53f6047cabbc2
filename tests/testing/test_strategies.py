"""`gemtune.testing.messages` draws what a message type can hold."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from typing import Any

import pytest
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from hypothesis import HealthCheck, Phase, find, given, settings

import gemtune
from gemtune.testing import messages
from gemtune_pb.v1 import JobState, TuningJob

# Without shrinking, which is what takes its time.
searching = settings(max_examples=5000, suppress_health_check=list(HealthCheck), database=None, phases=[Phase.generate])


def depth(message: Message) -> int:
    below = [0]
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        entry: Any = field.message_type
        if entry.GetOptions().map_entry:
            items = list(value.values()) if entry.fields_by_name["value"].message_type else []
        else:
            items = list(value) if field.is_repeated else [value]
        below += [depth(item) for item in items if not item.DESCRIPTOR.full_name.startswith("google.protobuf.")]
    return 1 + max(below)


@given(messages(TuningJob))
def test_messages_have_a_json_form(job: TuningJob) -> None:
    assert isinstance(json.loads(gemtune.to_json(job)), dict)


@given(messages(TuningJob, depth=2))
def test_nesting_is_bounded(job: TuningJob) -> None:
    assert depth(job) <= 2


@pytest.mark.parametrize(
    "wanted",
    [
        lambda job: job.state == JobState.JOB_STATE_SUCCEEDED,
        lambda job: job.state not in JobState.values(),
        lambda job: job.labels,
        lambda job: job.HasField("pre_tuned_model"),
        lambda job: job.create_time.nanos % 1000,
        lambda job: job.supervised_tuning_spec.hyper_parameters.epoch_count < 0,
        lambda job: not job.ListFields(),
    ],
    ids=["state", "unknown state", "map", "oneof", "nanoseconds", "int64", "empty"],
)
def test_all_sorts_of_values_are_drawn(wanted: Any) -> None:
    assert wanted(find(messages(TuningJob), wanted, settings=searching))


def test_an_any_holds_what_it_may() -> None:
    wanted = messages(status_pb2.Status, any_of=[error_details_pb2.ErrorInfo])
    status = find(wanted, lambda s: any(d.type_url for d in s.details), settings=searching)
    assert {d.TypeName() for d in status.details if d.type_url} == {"google.rpc.ErrorInfo"}


@given(messages(status_pb2.Status))
def test_without_types_an_any_is_empty(status: status_pb2.Status) -> None:
    assert not any(detail.type_url for detail in status.details)


@pytest.mark.parametrize(
    "cls", [timestamp_pb2.Timestamp, struct_pb2.Struct, wrappers_pb2.Int32Value], ids=lambda c: c.__name__
)
def test_protobufs_own_types_are_drawn_too(cls: Any) -> None:
    drawn = find(messages(cls), lambda m: m.ByteSize() > 0, settings=searching)
    assert isinstance(drawn, cls)


def test_without_hypothesis_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['hypothesis'] = None\nfrom gemtune.testing import messages"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install hypothesis" in run.stderr.splitlines()[-1]


# -- what is drawn ---------------------------------------------------------------------------------------------------


@settings(deadline=None)  # the first conversion of a type takes its time
@given(messages(TuningJob, any_of=[error_details_pb2.ErrorInfo]))
def test_the_documented_example_holds(job: TuningJob) -> None:
    again = gemtune.from_json(gemtune.to_json(job), TuningJob)
    assert again.SerializeToString(deterministic=True) == job.SerializeToString(deterministic=True)


@given(messages(wrappers_pb2.DoubleValue))
def test_of_nans_only_the_usual_one_is_drawn(number: wrappers_pb2.DoubleValue) -> None:
    assert number.value == number.value or struct.pack(">d", number.value).hex() == "7ff8000000000000"


@given(messages(wrappers_pb2.FloatValue))
def test_every_float_is_read_again(number: wrappers_pb2.FloatValue) -> None:
    again = gemtune.from_json(gemtune.to_json(number), wrappers_pb2.FloatValue)
    assert again.SerializeToString() == number.SerializeToString()


shrinking = settings(max_examples=3000, suppress_health_check=list(HealthCheck), database=None, deadline=None)


@pytest.mark.parametrize(
    ("wanted", "smallest"),
    [
        (lambda job: len(job.labels) > 0, {"labels": {"": ""}}),
        (lambda job: len(job.labels) > 1, {"labels": {"": "", "0": ""}}),
        (lambda job: job.HasField("tuned_model"), {"tunedModel": {}}),
        (lambda job: job.HasField("create_time"), {"createTime": "1970-01-01T00:00:00Z"}),
        (lambda job: job.state > 0, {"state": "JOB_STATE_QUEUED"}),
        (lambda job: not job.ListFields(), {}),
    ],
)
def test_what_does_not_matter_disappears(wanted: Any, smallest: Any) -> None:
    assert json.loads(gemtune.to_json(find(messages(TuningJob), wanted, settings=shrinking))) == smallest


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((dict,), "messages takes a class of protobuf messages such as gemtune.TuningJob, and this is dict"),
        (
            (TuningJob(),),
            "messages takes a class of protobuf messages such as gemtune.TuningJob, and this is a TuningJob",
        ),
        ((None,), "messages takes a class of protobuf messages such as gemtune.TuningJob, and this is a NoneType"),
        (("TuningJob",), "messages takes a class of protobuf messages such as gemtune.TuningJob, and this is a str"),
        ((Message,), "messages takes a class of protobuf messages such as gemtune.TuningJob, and this is Message"),
    ],
)
def test_a_wrong_argument_is_refused_at_once(arguments: Any, says: str) -> None:
    with pytest.raises(TypeError) as caught:
        messages(*arguments)
    assert str(caught.value) == says
    with pytest.raises(TypeError) as caught:
        messages(TuningJob, any_of=arguments)
    assert str(caught.value) == says


@pytest.mark.parametrize("depth", [0, -1])
def test_a_depth_below_one_is_refused_at_once(depth: int) -> None:
    with pytest.raises(ValueError, match="1 or more"):
        messages(TuningJob, depth=depth)


def test_a_type_that_requires_itself_is_refused_at_once() -> None:
    file = descriptor_pb2.FileDescriptorProto(name="requires.proto", package="requires", syntax="proto2")
    chicken, egg = file.message_type.add(name="Chicken"), file.message_type.add(name="Egg")
    chicken.field.add(name="egg", number=1, label=2, type=11, type_name=".requires.Egg")
    egg.field.add(name="chicken", number=1, label=2, type=11, type_name=".requires.Chicken")
    file.message_type.add(name="Nest").field.add(name="egg", number=1, label=1, type=11, type_name=".requires.Egg")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    for name in ("Chicken", "Egg", "Nest"):
        with pytest.raises(ValueError, match="can be complete: what it requires leads back to it"):
            messages(message_factory.GetMessageClass(pool.FindMessageTypeByName(f"requires.{name}")))


def test_its_repr_is_how_it_was_made() -> None:
    assert repr(messages(TuningJob)) == "messages(TuningJob)"
    info = error_details_pb2.ErrorInfo
    assert repr(messages(TuningJob, depth=2, any_of=[info])) == "messages(TuningJob, depth=2, any_of=[ErrorInfo])"


@settings(deadline=None)
@given(messages(TuningJob))
def test_no_message_is_wider_than_the_documented_limit(job: TuningJob) -> None:
    assert len(job.ListFields()) <= 8
