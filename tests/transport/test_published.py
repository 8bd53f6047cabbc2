"""The table of what travels over gRPC, held against the published numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import gemtune
from gemtune.schema.grpc_fields import published_in, strip, unpublished
from gemtune_pb.v1 import prediction_service_pb2, tuning_service_pb2

TABLE = json.loads((Path(__file__).parents[1] / "schema" / "published.json").read_text())


def messages() -> dict[str, Any]:
    """Every message of the schema, by its name in the package."""
    found: dict[str, Any] = {}
    services = (prediction_service_pb2, tuning_service_pb2)
    ahead = [message for each in services for message in each.DESCRIPTOR.message_types_by_name.values()]
    while ahead:
        message = ahead.pop()
        name = message.full_name.removeprefix("gemtune.v1.")
        if name == message.full_name or name in found or message.GetOptions().map_entry:
            continue
        found[name] = message
        ahead += [field.message_type for field in message.fields if field.message_type is not None]
    return found


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_the_options_say_what_the_published_protos_have(version: str) -> None:
    published = TABLE[version]["messages"]
    for name, message in messages().items():
        if name not in published:  # its fields hang below a field that says so
            continue
        for field in message.fields:
            there = published[name].get(field.name, {}).get("number") == field.number
            assert (version in published_in(field)) == there, f"{name}.{field.name}"


def test_every_field_of_a_full_message_is_found_and_stripped() -> None:
    job = gemtune.TuningJob(
        preference_optimization_spec={"training_dataset_uri": "gs://b/x"},
        tuning_job_state="TUNING_JOB_STATE_TUNING",
        output_uri="gs://b/o",
        tuned_model_display_name="stays",
    )
    job.tuning_job_metadata.completed_step_count = 3
    paths = {version: {path for path, _ in unpublished(job, version)} for version in ("v1", "v1beta1")}
    assert paths["v1beta1"] == {"preference_optimization_spec", "tuning_job_state", "tuning_job_metadata"}
    assert paths["v1"] == paths["v1beta1"] | {"output_uri"}
    strip(job, "v1")
    assert job == gemtune.TuningJob(tuned_model_display_name="stays")


def test_it_is_found_below_lists_and_maps_and_recursive_messages() -> None:
    job = gemtune.TuningJob()
    example = job.tuning_data_stats.supervised_tuning_data_stats.user_dataset_examples.add()
    example.parts.add(text="fine")
    example.parts.add().media_resolution.SetInParent()
    [(path, field)] = unpublished(job, "v1beta1")
    assert path == "tuning_data_stats.supervised_tuning_data_stats.user_dataset_examples[0].parts[1].media_resolution"
    assert field.name == "media_resolution"
    assert list(unpublished(job, "v1")) == []


def test_other_peoples_messages_are_left_alone() -> None:
    from google.protobuf import descriptor_pb2

    options = descriptor_pb2.FieldOptions(uninterpreted_option=[{"identifier_value": "x"}])  # number 999, not ours
    assert list(unpublished(options, "v1")) == []


def test_a_job_of_every_ordinary_kind_travels() -> None:
    spec = {"training_dataset_uri": "gs://bucket/x.jsonl", "hyper_parameters": {"epoch_count": 3, "adapter_size": 2}}
    request = gemtune.CreateTuningJobRequest(
        parent="p", tuning_job=gemtune.TuningJob(base_model="m", supervised_tuning_spec=spec, labels={"a": "b"})
    )
    assert list(unpublished(request, "v1")) == []
