"""The fingerprint: the golden values, and the properties that make it an identity."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory, text_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given, strategies as st

import gemtune
from gemtune import SupervisedHyperParameters, SupervisedTuningSpec, TuningJob
from gemtune.specs.fingerprint import canonical, fingerprint

VECTORS = Path(__file__).parents[1] / "vectors"
DOCS = Path(__file__).parents[2] / "docs"
ROWS: list[dict[str, Any]] = json.loads((VECTORS / "manifest.json").read_text(encoding="utf-8"))["vectors"]
SPECS = [row for row in ROWS if row["fingerprint"]]
REFUSED = [row for row in ROWS if not row["fingerprint"]]
BY_NAME = {row["name"]: row["fingerprint"] for row in ROWS}


def read(name: str) -> TuningJob:
    data = (VECTORS / name).read_bytes()
    return gemtune.from_json(data, TuningJob) if name.endswith(".json") else TuningJob.FromString(data)


def spec(**fields: Any) -> TuningJob:
    return TuningJob(base_model="m", **fields)


# -- the golden values --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "expected"), [(name, row["fingerprint"]) for row in SPECS for name in row["files"]])
def test_every_form_of_a_vector_has_its_fingerprint(name: str, expected: str) -> None:
    assert fingerprint(read(name)) == expected


@pytest.mark.parametrize("row", SPECS, ids=lambda row: row["name"])
def test_the_files_of_a_vector_agree(row: dict[str, Any]) -> None:
    assert (VECTORS / f"{row['name']}.fingerprint").read_text().strip() == row["fingerprint"]
    assert (VECTORS / f"{row['name']}.canonical").read_text().strip() == canonical(read(f"{row['name']}.binpb"))


@pytest.mark.parametrize("row", [row for row in SPECS if row["made by"] != "these bytes"], ids=lambda row: row["name"])
def test_the_source_text_of_a_vector_has_its_fingerprint(row: dict[str, Any]) -> None:
    text = (VECTORS / f"{row['name']}.textproto").read_text(encoding="utf-8")
    assert fingerprint(text_format.Parse(text, TuningJob())) == row["fingerprint"]


@pytest.mark.parametrize("name", [name for row in REFUSED for name in row["files"]])
def test_a_vector_that_is_not_understood_has_none(name: str) -> None:
    with pytest.raises(gemtune.SpecInvalid):
        fingerprint(read(name))


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("labels-of-a-create", "labels"),
        ("labels-only-of-a-create", "minimal"),
        ("finished-job", "request-of-finished-job"),
        ("double-minus-zero", "double-zero"),
        ("nan-of-other-bits", "double-nan"),
        ("bytes-in-another-order", "labels"),
        ("unknown-field-in-output", "minimal"),
    ],
)
def test_specs_that_ask_for_the_same_are_the_same(name: str, same: str) -> None:
    assert BY_NAME[name] == BY_NAME[same]


def test_all_other_vectors_differ() -> None:
    identities = [row["fingerprint"] for row in SPECS]
    assert len(set(identities)) == len(identities) - 7  # those of the test above


def test_protobuf_in_pure_python_computes_the_same() -> None:
    program = (
        "import pathlib, sys, gemtune; from google.protobuf.internal import api_implementation as a; print(a.Type())\n"
        "for p in sys.argv[1:]: print(gemtune.fingerprint(gemtune.TuningJob.FromString(pathlib.Path(p).read_bytes())))"
    )
    paths = [str(VECTORS / f"{row['name']}.binpb") for row in SPECS]
    environ = os.environ | {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"}
    done = subprocess.run(
        [sys.executable, "-c", program, *paths], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["python", *(row["fingerprint"] for row in SPECS)]


def test_the_text_in_the_docs_is_what_is_written() -> None:
    page = (DOCS / "fingerprint.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```text\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[0].replace("\n", "")
    job = TuningJob(
        base_model="gemini-2.5-flash",
        supervised_tuning_spec=SupervisedTuningSpec(
            training_dataset_uri="gs://b/t.jsonl",
            hyper_parameters=SupervisedHyperParameters(
                epoch_count=3, learning_rate_multiplier=0.1, adapter_size=gemtune.adapter_size(4)
            ),
        ),
    )
    assert shown == canonical(job)


# -- what counts ----------------------------------------------------------------------------------------------------


def test_a_default_counts_where_the_schema_can_tell_it_from_nothing() -> None:
    silent, said = TuningJob(), TuningJob()
    silent.supervised_tuning_spec.evaluation_config.autorater_config.SetInParent()
    said.supervised_tuning_spec.evaluation_config.autorater_config.flip_enabled = False
    assert fingerprint(silent) != fingerprint(said)


def test_an_empty_message_counts() -> None:
    assert fingerprint(spec()) != fingerprint(spec(supervised_tuning_spec=SupervisedTuningSpec()))


def test_a_label_without_a_value_counts() -> None:
    assert fingerprint(spec(labels={"a": ""})) != fingerprint(spec())


def test_labels_of_that_name_count_elsewhere() -> None:
    def partner(name: str) -> TuningJob:
        job = TuningJob()
        job.partner_model_tuning_spec.hyper_parameters[name].number_value = 1
        return job

    assert canonical(partner("gemtune-spec")) != canonical(TuningJob(partner_model_tuning_spec={}))


def test_text_is_not_normalised() -> None:
    assert fingerprint(spec(description="\u00e9")) != fingerprint(spec(description="e\u0301"))


def test_a_text_cannot_pretend_to_be_structure() -> None:
    honest = spec(labels={"a": "b", "c": "d"})
    forged = spec(labels={"a": '","c":"d'})
    assert fingerprint(honest) != fingerprint(forged)


# -- what is refused --------------------------------------------------------------------------------------------------


def test_all_that_is_not_understood_is_named_with_its_place() -> None:
    job = spec()
    job.supervised_tuning_spec.evaluation_config.metrics.add().MergeFromString(b"\xfa\x7f\x01x")
    job.supervised_tuning_spec.hyper_parameters.adapter_size = 99
    with pytest.raises(gemtune.SpecInvalid) as caught:
        fingerprint(job)
    violations = {v.field: v.description for v in caught.value.violations.field_violations}
    assert set(violations) == {
        "supervised_tuning_spec.evaluation_config.metrics[0]",
        "supervised_tuning_spec.hyper_parameters.adapter_size",
    }
    assert "Metric has no field number 2047" in violations["supervised_tuning_spec.evaluation_config.metrics[0]"]
    assert all("upgrade gemtune" in text for text in violations.values())


@pytest.mark.parametrize("value", [SupervisedTuningSpec(), {"baseModel": "m"}, None])
def test_other_things_have_no_fingerprint(value: Any) -> None:
    with pytest.raises(TypeError, match=r"a fingerprint is of a gemtune\.TuningJob, not of a "):
        fingerprint(value)


# -- over the life of the schema --------------------------------------------------------------------------------------


def evolved(change: Callable[[descriptor_pb2.FileDescriptorProto], None]) -> type[Message]:
    """The TuningJob of a schema that somebody has changed."""
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(gemtune_descriptor_set()).file:
        if file.package == "gemtune.v1":
            change(file)
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("gemtune.v1.TuningJob"))


def gemtune_descriptor_set() -> bytes:
    from gemtune import schema

    return schema.descriptor_set()


def message_in(file: descriptor_pb2.FileDescriptorProto, name: str) -> descriptor_pb2.DescriptorProto | None:
    return next((message for message in file.message_type if message.name == name), None)


def test_a_json_only_field_that_gets_a_published_number_changes_no_fingerprint() -> None:
    def publish(file: descriptor_pb2.FileDescriptorProto) -> None:
        for message in file.message_type:
            for i, field in enumerate(field for field in message.field if field.number >= 10_000):
                field.number = 500 + i

    later = evolved(publish)
    for name in ("preference", "reinforcement", "full-fine-tuning", "video-response"):
        job = json_format.Parse((VECTORS / f"{name}.json").read_text(encoding="utf-8"), later())
        assert fingerprint(job) == BY_NAME[name]


def test_a_field_of_a_later_schema_changes_only_the_specs_that_use_it() -> None:
    def add(file: descriptor_pb2.FileDescriptorProto) -> None:
        if message := message_in(file, "SupervisedHyperParameters"):
            message.field.add(name="warmup", json_name="warmup", number=77, type=5, label=1)

    later = evolved(add)
    for row in SPECS:
        assert fingerprint(later.FromString((VECTORS / f"{row['name']}.binpb").read_bytes())) == row["fingerprint"]
    job: Any = later.FromString((VECTORS / "documented.binpb").read_bytes())
    job.supervised_tuning_spec.hyper_parameters.warmup = 5
    assert fingerprint(job) != BY_NAME["documented"]
    with pytest.raises(gemtune.SpecInvalid, match="no field number 77"):
        fingerprint(TuningJob.FromString(job.SerializeToString()))


# -- properties -------------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats(allow_nan=False),
    # The largest has no JSON that is read again.
    FieldDescriptor.CPPTYPE_FLOAT: st.floats(width=32, allow_nan=False).filter(
        lambda x: abs(x) != (2 - 2**-23) * 2.0**127
    ),
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
}


def value_of(draw: Callable[[st.SearchStrategy[Any]], Any], field: FieldDescriptor) -> Any:
    if field.enum_type is not None:
        return draw(st.sampled_from([value.number for value in field.enum_type.values]))
    if field.type == FieldDescriptor.TYPE_BYTES:
        return draw(st.binary(max_size=4))
    return draw(SCALARS.get(field.cpp_type, TEXT))


def fill(draw: Callable[[st.SearchStrategy[Any]], Any], message: Message, depth: int) -> None:
    """Sets some fields of a message, of messages down to a depth."""
    descriptor = message.DESCRIPTOR
    name = descriptor.full_name
    if name in ("google.protobuf.Timestamp", "google.protobuf.Duration"):
        message.seconds = draw(st.integers(0, 10**9))  # type: ignore[attr-defined]
        return
    if name == "google.protobuf.Value":  # one without a kind has no JSON form
        message.number_value = draw(st.floats(allow_nan=False, allow_infinity=False))  # type: ignore[attr-defined]
    if name == "google.rpc.Status":  # holds Any
        return
    for field in draw(st.lists(st.sampled_from(list(descriptor.fields)), max_size=4)) if descriptor.fields else ():
        is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        if field.message_type is not None and depth == 0:
            continue
        if name == "google.protobuf.Value" and field.name == "number_value":
            continue
        if is_map:
            item = field.message_type.fields_by_name["value"]
            for key in draw(st.lists(TEXT, max_size=3)):
                if item.message_type is None:
                    getattr(message, field.name)[key] = value_of(draw, item)
                else:
                    fill(draw, getattr(message, field.name)[key], depth - 1)
        elif field.message_type is not None and field.is_repeated:
            fill(draw, getattr(message, field.name).add(), depth - 1)
        elif field.message_type is not None:
            getattr(message, field.name).SetInParent()
            fill(draw, getattr(message, field.name), depth - 1)
        elif field.is_repeated:
            getattr(message, field.name).append(value_of(draw, field))
        else:
            setattr(message, field.name, value_of(draw, field))


@st.composite
def jobs(draw: Callable[[st.SearchStrategy[Any]], Any]) -> TuningJob:
    job = TuningJob()
    fill(draw, job, 6)
    return job


@given(jobs(), st.booleans())
def test_json_in_either_spelling_has_the_fingerprint_of_the_message(job: TuningJob, snake: bool) -> None:
    text = gemtune.to_json(job, preserving_proto_field_name=snake)
    assert fingerprint(gemtune.from_json(text, TuningJob)) == fingerprint(job)


@given(jobs(), st.randoms(use_true_random=False))
def test_the_order_of_members_in_json_does_not_count(job: TuningJob, chance: random.Random) -> None:
    def shuffled(tree: Any) -> Any:
        if isinstance(tree, dict):
            return dict(sorted(((key, shuffled(item)) for key, item in tree.items()), key=lambda _: chance.random()))
        return [shuffled(item) for item in tree] if isinstance(tree, list) else tree

    text = json.dumps(shuffled(json.loads(gemtune.to_json(job))))
    assert fingerprint(gemtune.from_json(text, TuningJob)) == fingerprint(job)


@given(jobs())
def test_textproto_and_bytes_have_the_fingerprint_of_the_message(job: TuningJob) -> None:
    assert fingerprint(text_format.Parse(text_format.MessageToString(job), TuningJob())) == fingerprint(job)
    assert fingerprint(TuningJob.FromString(job.SerializeToString())) == fingerprint(job)


@given(jobs())
def test_what_the_service_sets_does_not_count(job: TuningJob) -> None:
    before = fingerprint(job)
    for field in ("name", "state", "create_time", "error", "experiment", "tuned_model", "tuning_data_stats"):
        job.ClearField(field)
    assert fingerprint(job) == before
    job.name, job.state, job.tuned_model.model = "n", gemtune.JobState.JOB_STATE_RUNNING, "m"
    job.create_time.GetCurrentTime()
    assert fingerprint(job) == before


def settable_scalars(message: Message) -> Iterator[tuple[Message, FieldDescriptor]]:
    """Every scalar field with a value that the canonical text can be asked about."""
    from gemtune.specs.request import asked_for

    for field, value in asked_for(message):
        if field.message_type is None and not field.is_repeated:
            yield message, field
        elif field.message_type is not None and not field.message_type.GetOptions().map_entry:
            for item in value if field.is_repeated else (value,):
                yield from settable_scalars(item)


@given(jobs(), st.data())
def test_changing_any_one_value_changes_the_fingerprint(job: TuningJob, data: st.DataObject) -> None:
    places = list(settable_scalars(job))
    if not places:
        return
    before = fingerprint(job)
    message, field = data.draw(st.sampled_from(places))
    old = getattr(message, field.name)
    new = value_of(data.draw, field)
    if new == old:
        return
    setattr(message, field.name, new)
    assert fingerprint(job) != before
