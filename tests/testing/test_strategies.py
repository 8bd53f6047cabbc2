"""`gemtune.testing.messages` draws what a message type can hold."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from google.protobuf import struct_pb2, timestamp_pb2, wrappers_pb2
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
