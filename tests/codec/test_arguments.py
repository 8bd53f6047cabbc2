"""What is given by mistake gets a sentence that says what to give."""

from __future__ import annotations

import json
from typing import Any

import pytest

import gemtune
from gemtune_pb.v1 import TuningJob

proto = pytest.importorskip("proto")


class Job(proto.Message):  # type: ignore
    """As google-cloud-aiplatform's messages are."""

    name = proto.Field(proto.STRING, number=1)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (None, "from_json takes JSON text (str or bytes), and this is None"),
        (memoryview(b"{}"), "from_json takes text or bytes, and this is a memoryview; give bytes(it)"),
        ({"name": "a"}, "from_json takes JSON text, and this is a dict; give json.dumps(it)"),
        ([], "from_json takes JSON text, and this is a list; give json.dumps(it)"),
        (5, "from_json takes JSON text (str or bytes), and this is of type int"),
        (TuningJob(), "from_json takes JSON text (str or bytes), and this is of type TuningJob"),
    ],
)
def test_from_json_says_what_it_takes(data: Any, says: str) -> None:
    with pytest.raises(TypeError) as caught:
        gemtune.from_json(data, TuningJob)
    assert str(caught.value) == says


@pytest.mark.parametrize(
    ("message_type", "says"),
    [
        (TuningJob(), "message_type is a class of protobuf messages such as gemtune.TuningJob, and this is of type TuningJob"),
        (dict, "message_type is a class of protobuf messages such as gemtune.TuningJob, and this is dict"),
        (None, "message_type is a class of protobuf messages such as gemtune.TuningJob, and this is of type NoneType"),
        (Job, "message_type is a proto-plus class; give the protobuf class within: it.pb()"),
    ],
)  # fmt: skip
def test_and_for_what_type(message_type: Any, says: str) -> None:
    with pytest.raises(TypeError) as caught:
        gemtune.from_json("{}", message_type)
    assert str(caught.value) == says


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (Job(name="a"), "to_json takes a protobuf message, and this is proto-plus'; give the one within: Job.pb(it)"),
        ({"name": "a"}, "to_json takes a protobuf message, and this is of type dict"),
        (None, "to_json takes a protobuf message, and this is of type NoneType"),
        (TuningJob, "to_json takes a protobuf message, and this is the class TuningJob; give a message of it"),
    ],
)
def test_to_json_says_what_it_takes(message: Any, says: str) -> None:
    with pytest.raises(TypeError) as caught:
        gemtune.to_json(message)
    assert str(caught.value) == says


def test_what_the_sentences_say_to_give_is_taken() -> None:
    assert gemtune.to_json(Job.pb(Job(name="a"))) == '{"name":"a"}'
    assert gemtune.from_json(b'{"name":"a"}', Job.pb()).name == "a"
    assert gemtune.from_json(bytearray(b'{"name":"a"}'), TuningJob).name == "a"
    assert gemtune.from_json(bytes(memoryview(b'{"name":"a"}')), TuningJob).name == "a"
    assert gemtune.from_json(json.dumps({"name": "a"}), TuningJob).name == "a"
