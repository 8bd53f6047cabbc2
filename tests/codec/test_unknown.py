"""What the service sends tomorrow: names that this version does not know are passed over, and said."""

from __future__ import annotations

import json
from typing import Any

import pytest

import gemtune
from gemtune_pb.v1 import JobState, ListTuningJobsResponse, TuningJob
from tests.support.json_format_oracle import assert_read_alike
from tests.support.message_types import kind

pytestmark = pytest.mark.usefixtures("either_way")


def read(tree: Any, message_type: Any) -> tuple[Any, list[tuple[str, Any]]]:
    heard: list[tuple[str, Any]] = []
    text = json.dumps(tree)
    message = gemtune.from_json(
        text, message_type, ignore_unknown_fields=True, on_unknown=lambda path, value: heard.append((path, value))
    )
    assert_read_alike(text, message_type, lenient=True)
    return message, heard


def test_unknown_fields_are_told_with_path_and_value() -> None:
    page = {
        "tuningJobs": [
            {"name": "a"},
            {"name": "b", "newField": {"x": [1]}, "tunedModel": {"model": "m", "size": 7}},
            {"name": "c", "newField": None},
        ],
        "total": 3,
    }
    message, heard = read(page, ListTuningJobsResponse)
    assert [job.name for job in message.tuning_jobs] == ["a", "b", "c"]
    assert message.tuning_jobs[1].tuned_model.model == "m"
    assert sorted(heard, key=lambda item: item[0]) == [
        ("total", 3),
        ("tuningJobs[1].newField", {"x": [1]}),
        ("tuningJobs[1].tunedModel.size", 7),
        ("tuningJobs[2].newField", None),
    ]


def test_an_unknown_enum_name_is_told_and_leaves_the_field_unset() -> None:
    job, heard = read({"state": "JOB_STATE_DREAMING", "baseModel": "m"}, TuningJob)
    assert (job.state, job.base_model) == (JobState.JOB_STATE_UNSPECIFIED, "m")
    assert heard == [("state", "JOB_STATE_DREAMING")]


def test_unknown_enum_names_in_lists_and_maps_are_left_out() -> None:
    repeated, heard = read({"colours": ["RED", "MAUVE", "GREEN", "TEAL"]}, kind("kinds3.Repeated"))
    assert list(repeated.colours) == [1, 5]
    assert heard == [("colours[1]", "MAUVE"), ("colours[3]", "TEAL")]
    maps, heard = read({"colours": {"a": "RED", "b c": "MAUVE"}}, kind("kinds3.Maps"))
    assert dict(maps.colours) == {"a": 1}
    assert heard == [('colours["b c"]', "MAUVE")]


def test_unknown_enum_numbers_are_kept_and_nothing_is_told() -> None:
    job, heard = read({"state": 999}, TuningJob)
    assert (job.state, heard) == (999, [])
    job, heard = read({"state": "999"}, TuningJob)
    assert (job.state, heard) == (999, [])


def test_what_is_unknown_in_an_any_is_told_too() -> None:
    operation = {"anAny": {"@type": "type.googleapis.com/kinds3.Scalars", "anInt32": 1, "newField": 2}}
    holder, heard = read(operation, kind("kinds3.Holder"))
    assert holder.an_any.value == b"\x18\x01"
    assert heard == [("anAny.newField", 2)]


def test_names_in_structs_are_never_unknown() -> None:
    _, heard = read({"aStruct": {"whatever": {"is": ["here"]}}, "aValue": {"x": 1}}, kind("kinds3.WellKnown"))
    assert heard == []


def test_nothing_is_told_of_a_message_that_is_refused() -> None:
    def on_unknown(path: str, value: Any) -> None:
        pytest.fail(f"told of {path}")

    with pytest.raises(gemtune.JsonError):
        gemtune.from_json('{"new":1,"name":5}', TuningJob, ignore_unknown_fields=True, on_unknown=on_unknown)


@pytest.mark.parametrize("text", ['{"new":1}', '{"state":"JOB_STATE_DREAMING"}', '{"tunedModel":{"new":1}}'])
def test_without_being_asked_to_nothing_is_passed_over(text: str) -> None:
    with pytest.raises(gemtune.JsonError, match=r"new|JOB_STATE_DREAMING"):
        gemtune.from_json(text, TuningJob)
    assert_read_alike(text, TuningJob)


def test_in_answers_the_last_of_two_equal_names_counts() -> None:
    assert gemtune.from_json('{"name":"a","name":"b"}', TuningJob, ignore_unknown_fields=True).name == "b"
    with pytest.raises(gemtune.JsonError, match="duplicate key name"):
        gemtune.from_json('{"name":"a","name":"b"}', TuningJob)
