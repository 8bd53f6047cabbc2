"""`TuningJob.additional_fields`: where its entries may stand, and that they are sent, read and shown in their places."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

import gemtune
from gemtune.rpc import additional, unknown
from gemtune.rpc.additional import path_of, place_of
from gemtune.specs import diff
from gemtune_pb.v1 import CreateTuningJobRequest, JobState, RebaseTunedModelRequest

SPEC = """
base_model: gemini-2.5-flash
supervised_tuning_spec:
  training_dataset_uri: gs://acme/train.jsonl
  hyper_parameters: {epoch_count: 1}
  evaluation_config:
    metrics: [{exact_match_spec: {}}, {bleu_spec: {}}]
    output_config: {gcs_destination: {output_uri_prefix: gs://acme/out}}
"""


def job(**entries: Any) -> gemtune.TuningJob:
    made = gemtune.loads_spec(SPEC, "yaml")
    for path, value in entries.items():
        additional.hold(made, place_of(path), value)
    return made


def problems(path: str, value: Any = 1, **more: Any) -> list[str]:
    return [f"{found.what}; {found.remedy}" for found in additional.problems(job(**{path: value}, **more))]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("newSpec", {"a": [None, True, 1, 0.5, "x", {}, []]}),
        ("newSpec.deep.field", 1),
        ("supervisedTuningSpec.newField", None),
        ("supervisedTuningSpec.hyperParameters.warmup", 0.1),
        ("supervisedTuningSpec.evaluationConfig.metrics[1].newField", "x"),
        ('["odd name"]', 1),
        ("encryptionSpec.newKey", "k"),
        ("supervisedTuningSpec.hyperParameters.adapterSize", "ADAPTER_SIZE_SIXTY_FOUR"),
    ],
)
def test_a_place_that_the_schema_does_not_have_is_taken(path, value):
    made = job(**{path: value})
    assert list(additional.problems(made)) == []
    assert gemtune.check(made) == gemtune.check(job())
    sent = json.loads(unknown.wire_json(made))
    expected = json.loads(gemtune.to_json(job()))
    unknown._put(expected, place_of(path), value)
    assert sent == expected
    assert "additionalFields" not in sent
    assert gemtune.fingerprint(made) != gemtune.fingerprint(job())


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("baseModel", "x", "baseModel is a field that this version of gemtune knows; set it itself, and not under additional_fields"),
        ("supervisedTuningSpec", {}, "supervisedTuningSpec is a field that this version of gemtune knows; set it itself"),
        ("supervisedTuningSpec.hyperParameters.epochCount", 3, "epochCount is a field that this version of gemtune knows"),
        ("supervisedTuningSpec.hyperParameters.adapterSize", "ADAPTER_SIZE_FOUR", "adapterSize is a field that"),
        ("supervised_tuning_spec.newField", 1, "supervised_tuning_spec is here in the .proto's spelling; write supervisedTuningSpec"),
        ("supervisedTuningSpec.trainingDatasetUri.x", 1, "trainingDatasetUri has no fields; leave it out"),
        ("supervisedTuningSpec.evaluationConfig.metrics[2].newField", 1, "there is no metrics[2]; give the item first"),
        ("supervisedTuningSpec.evaluationConfig.metrics.newField", 1, "metrics is a list; write metrics[0]"),
        ("veoTuningSpec.newField", 1, "veoTuningSpec and supervised_tuning_spec exclude each other"),
        ("tunedModel.newField", 1, "tunedModel is set by the service; leave it out"),
        ("state", "JOB_STATE_DREAMING", "state is set by the service"),
        ("additionalFields", {}, "additionalFields is set by the service"),
        ("labels.team", "x", "labels has no entry team"),
    ],
)  # fmt: skip
def test_any_other_place_is_refused_with_a_sentence(path, value, sentence):
    assert [found.startswith(sentence) for found in problems(path, value)] == [True], problems(path, value)
    made = job(**{path: value})
    findings = [finding for finding in gemtune.check(made) if finding.rule_id == "additional-field"]
    assert [finding.severity for finding in findings] == ["error"]
    with pytest.raises(gemtune.SpecInvalid, match="additional_fields"):
        unknown.wire_json(made)
    assert unknown.json_tree(made)["additionalFields"] == {path: value}  # shown, where it cannot stand in its place


@pytest.mark.parametrize("path", ["a..b", "a[b]", "[", "", "a.", '["a]'])
def test_what_is_no_path_is_refused(path):
    made = gemtune.loads_spec(SPEC, "yaml")
    made.additional_fields[path].number_value = 1
    assert [found.what for found in additional.problems(made)] == ["it is not a path"]


def test_of_two_places_in_one_another_one_is_refused():
    assert problems("newSpec", {"b": 1}, **{"newSpec.a": 2}) == ["newSpec is given as well; give the two as one value"]


@pytest.mark.parametrize("kind", [CreateTuningJobRequest, RebaseTunedModelRequest])
def test_requests_carry_it_in_its_place(kind):
    request = kind(parent="p", tuning_job=job(newSpec=1))
    sent = json.loads(unknown.wire_json(request))
    assert sent["tuningJob"]["newSpec"] == 1
    assert "additionalFields" not in sent["tuningJob"]


def test_the_public_json_is_the_messages_own():
    made = job(newSpec=1)
    text = gemtune.to_json(made)
    assert json.loads(text)["additionalFields"] == {"newSpec": 1}
    assert gemtune.from_json(text, gemtune.TuningJob) == made


@pytest.mark.parametrize("form", ["yaml", "json", "textproto", "binpb"])
def test_every_format_holds_it(form):
    made = job(newSpec={"a": [1, "x"]}, **{"supervisedTuningSpec.newField": None})
    assert gemtune.loads_spec(gemtune.dumps_spec(made, form), form) == made


def test_a_misspelt_name_stays_an_error():
    with pytest.raises(gemtune.SpecFileError, match="epoch_cuont: no such field"):
        gemtune.loads_spec(SPEC.replace("epoch_count", "epoch_cuont"), "yaml")


def test_a_comparison_names_it():
    changes = diff(job(newSpec=1), job(newSpec=2, other=3))
    assert [change.path for change in changes] == [
        "additional_fields.newSpec.number_value",
        "additional_fields.other.number_value",
    ]


def test_what_no_value_holds_exactly_is_kept_as_before():
    made = gemtune.TuningJob(state=JobState.JOB_STATE_RUNNING)
    found = [
        unknown.Unknown(("newSpec",), 2**53 + 1),
        unknown.Unknown(("tunedModel", "new"), 1),
        unknown.Unknown(("other",), 1),
    ]
    unknown.keep(made, found)
    assert list(made.additional_fields) == ["other"]
    assert unknown.json_tree(made) == {
        "state": "JOB_STATE_RUNNING",
        "newSpec": 2**53 + 1,
        "tunedModel": {"new": 1},
        "other": 1,
    }
    assert sorted(unknown.beyond(made)) == sorted(found)


@given(st.lists(st.text(st.characters(codec="utf-8")) | st.integers(0, 99), min_size=1, max_size=5))
def test_a_path_is_read_as_it_is_written(place):
    assert place_of(path_of(tuple(place))) == tuple(place)
