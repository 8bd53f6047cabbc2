"""JSON of the wrong kind is refused: a list is not a message, a boolean is not a number. json_format takes some for empty ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from google.longrunning import operations_pb2
from google.protobuf import any_pb2, empty_pb2, struct_pb2, timestamp_pb2, wrappers_pb2
from google.protobuf.descriptor import FieldDescriptor

import gemtune
from gemtune_pb.v1 import ListTuningJobsResponse, TuningJob
from tests.support.message_types import kind

SAMPLES: dict[str, list[Any]] = {
    "boolean": [True, False],
    "number": [0, 1, -7, 1.5],
    "string": ["", "abc", "aString", "true"],
    "array": [[], [[]], [""], [1], [{}], ["aString"]],
    "object": [{}, {"a": 1}],
}

OPAQUE = {"Timestamp": "string", "Duration": "string", "FieldMask": "string", "Struct": "object", "ListValue": "array"}


def right_kinds(field: FieldDescriptor) -> set[str]:
    """The kinds of JSON that one value of a field may be of."""
    message = field.message_type
    if message is not None and message.full_name.startswith("google.protobuf."):
        if message.name == "Value":
            return set(SAMPLES)
        if message.name.endswith("Value") and message.name not in OPAQUE:
            return right_kinds(message.fields_by_name["value"])
        return {OPAQUE.get(message.name, "object")}
    if message is not None:
        return {"object"}
    if field.type == FieldDescriptor.TYPE_BOOL:
        return {"boolean"}
    if field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
        return {"string"}
    return {"number", "string"}  # enums have names, and 64 bits are texts


def wrong(field: FieldDescriptor) -> Iterator[Any]:
    """Values of the wrong kind for a field, alone, in a list or in a map, as it takes them."""
    message: Any = field.message_type
    if message is not None and message.GetOptions().map_entry:
        yield from (sample for name, samples in SAMPLES.items() if name != "object" for sample in samples)
        yield from (
            {"1" if key_is_number(message) else "true": value} for value in wrong(message.fields_by_name["value"])
        )
        return
    single = [sample for name, samples in SAMPLES.items() if name not in right_kinds(field) for sample in samples]
    if field.is_repeated:
        yield from (sample for name, samples in SAMPLES.items() if name != "array" for sample in samples)
        yield from ([value] for value in single)
    else:
        yield from single


def key_is_number(entry: Any) -> bool:
    return entry.fields_by_name["key"].cpp_type != FieldDescriptor.CPPTYPE_BOOL


NAMES = "Scalars Optionals Repeated Maps Choices WellKnown Tree Masks Boxed NumberedMessages FloatsByName Nulls Values"
KINDS: list[Any] = [kind(f"kinds3.{name}") for name in NAMES.split()]
FIELDS = [
    pytest.param(message_type, field, id=field.full_name)
    for message_type in KINDS
    for field in message_type.DESCRIPTOR.fields
]


def refused(tree: Any, message_type: Any, *, lenient: bool) -> str:
    heard: list[Any] = []
    with pytest.raises(gemtune.JsonError) as caught:
        gemtune.from_json(
            json.dumps(tree),
            message_type,
            ignore_unknown_fields=lenient,
            on_unknown=lambda path, value: heard.append((path, value)),
        )
    assert heard == []
    return str(caught.value)


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize(("message_type", "field"), FIELDS)
def test_a_value_of_the_wrong_kind_is_refused(message_type: Any, field: FieldDescriptor) -> None:
    for value in wrong(field):
        for lenient in (False, True):
            refused({field.json_name: value}, message_type, lenient=lenient)


TREE, HOLDER = kind("kinds3.Tree"), kind("kinds3.Holder")
NOT_OBJECTS = [sample for name, samples in SAMPLES.items() if name != "object" for sample in samples]


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("value", NOT_OBJECTS, ids=json.dumps)
@pytest.mark.parametrize(
    ("message_type", "place", "path"),
    [
        (TuningJob, "{}", "the root"),
        (empty_pb2.Empty, "{}", "the root"),
        (operations_pb2.Operation, "{}", "the root"),
        (TuningJob, '{"supervisedTuningSpec":{}}', "supervisedTuningSpec"),
        (TuningJob, '{"supervised_tuning_spec":{"hyper_parameters":{}}}', "supervisedTuningSpec.hyperParameters"),
        (TuningJob, '{"tunedModel":{"checkpoints":[{},{}]}}', "tunedModel.checkpoints[1]"),
        (ListTuningJobsResponse, '{"tuningJobs":[{"name":"a"},{}]}', "tuningJobs[1]"),
        (TREE, '{"namedTrees":{"a b":{}}}', 'namedTrees["a b"]'),
        (TREE, '{"leftTree":{"moreTrees":[{"leftTree":{}}]}}', "leftTree.moreTrees[0].leftTree"),
        (operations_pb2.Operation, '{"error":{}}', "error"),
    ],
)
def test_what_is_no_object_is_no_message_wherever_it_stands(
    message_type: Any, place: str, path: str, value: Any
) -> None:
    before, _, after = place.rpartition("{}")
    for lenient in (False, True):
        words = refused(json.loads(before + json.dumps(value) + after), message_type, lenient=lenient)
        if path == "the root" or not isinstance(value, bool | int | float):
            assert words.startswith(f"{path} is a"), words
            assert "; it takes an object, for a" in words


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("value", NOT_OBJECTS, ids=json.dumps)
def test_nor_is_it_in_an_any(value: Any) -> None:
    held = {"@type": "type.googleapis.com/gemtune.v1.TuningJob", "supervisedTuningSpec": value}
    refused({"anAny": held}, HOLDER, lenient=False)


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize(
    ("message_type", "text"),
    [
        (timestamp_pb2.Timestamp, "5"),
        (struct_pb2.Struct, "[]"),
        (struct_pb2.ListValue, "{}"),
        (wrappers_pb2.DoubleValue, "true"),
        (wrappers_pb2.BoolValue, "1"),
        (wrappers_pb2.StringValue, "1"),
        (wrappers_pb2.Int64Value, "true"),
        (any_pb2.Any, "[]"),
        (any_pb2.Any, '"x"'),
    ],
)
def test_a_whole_with_a_form_of_its_own_is_of_its_kind(message_type: Any, text: str) -> None:
    with pytest.raises(gemtune.JsonError):
        gemtune.from_json(text, message_type)


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("value", [None, {}])
def test_null_and_an_empty_object_are_right(value: Any) -> None:
    for lenient in (False, True):
        job = gemtune.from_json(json.dumps({"supervisedTuningSpec": value}), TuningJob, ignore_unknown_fields=lenient)
        assert job.HasField("supervised_tuning_spec") == (value == {})


def test_the_sentence_says_what_was_found_and_what_is_taken() -> None:
    assert refused({"tunedModel": {"checkpoints": [[]]}}, TuningJob, lenient=True) == (
        "tunedModel.checkpoints[0] is a list; it takes an object, for a TunedModelCheckpoint"
    )
    numbers = {"learningRateMultiplier": True}
    words = refused({"supervisedTuningSpec": {"hyperParameters": numbers}}, TuningJob, lenient=False)
    assert words == "supervisedTuningSpec.hyperParameters.learningRateMultiplier is a boolean; it takes a number"
    size = {"adapterSize": True}
    words = refused({"supervisedTuningSpec": {"hyperParameters": size}}, TuningJob, lenient=False)
    assert words == (
        "supervisedTuningSpec.hyperParameters.adapterSize is true; it takes the name of an enum's value, or its number"
    )
