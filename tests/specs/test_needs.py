"""The failures that users met at submission, one test each: what would have told them before."""

from __future__ import annotations

import pytest

import gemtune
from gemtune.specs import Severity, SpecFile, loads_spec
from gemtune.specs.read.document import parse
from tests.support.jobs import GOOD, KEY, MODEL, OPEN, changed, good, only, rules

ERROR, WARNING = Severity.ERROR, Severity.WARNING


def in_yaml(text: str) -> SpecFile:
    return parse(text, "yaml", file="spec.yaml")[0]


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("train.jsonl", "is a local path; upload it"),
        ("/home/me/train.jsonl", "is a local path; upload it"),
        ("file:///train.jsonl", "is a local path; upload it"),
        ("gs://acme/folder/", "is a folder, not a file"),
        ("gs://acme", "is a bucket, not a file"),
        ("gs://acme/train.json", "ends in .json"),
        ("gs://acme/train.csv", "ends in .csv"),
        ("gs://acme/train", "has no ending"),
        ("https://storage.googleapis.com/acme/train.jsonl", "is a web address; write gs://acme/train.jsonl"),
        ("gs://acme/train-*.jsonl", "wildcards are not read"),
        ("gs:///train.jsonl", "there is no bucket"),
        ("gs://Acme/train.jsonl", "'Acme' is not a bucket"),
        ("gs://ab/train.jsonl", "a name has 3 to 63 characters"),
        ("gs://192.168.1.1/train.jsonl", "is not a bucket but an IP address"),
    ],
)
@pytest.mark.parametrize("name", ["training_dataset_uri", "validation_dataset_uri"])
def test_e1_a_dataset_that_is_no_jsonl_object_in_cloud_storage(name: str, uri: str, said: str) -> None:
    finding = only(gemtune.check(changed(**{f"supervised_tuning_spec__{name}": uri})), "dataset-uri")
    assert finding.severity == ERROR
    assert finding.field == f"supervised_tuning_spec.{name}"
    assert said in finding.sentence
    assert finding.service_message == f"{name} should be a GCS object of type JSONL."


@pytest.mark.parametrize(
    "uri",
    [
        "gs://acme/a/b.jsonl",
        "gs://acme/my data.jsonl",
        "gs://a.b-c_d/x.jsonl",
        "projects/p/locations/us-central1/datasets/5",
    ],
)
def test_e1_what_the_service_takes_passes(uri: str) -> None:
    assert gemtune.check(changed(supervised_tuning_spec__training_dataset_uri=uri)) == []


@pytest.mark.parametrize(
    ("model", "rank"), [("gemini-3.5-flash", 32), ("gemini-2.5-pro", 16), ("gemini-1.5-pro-002", 8)]
)
def test_e2_a_rank_that_the_base_model_does_not_take(model: str, rank: int) -> None:
    size = gemtune.adapter_size(rank)
    job = changed(base_model=model, supervised_tuning_spec__hyper_parameters__adapter_size=size)
    finding = only(gemtune.check(job), "adapter-size")
    assert finding.severity == ERROR
    assert f"{model} does not take rank {rank}" in finding.message
    assert "it takes 1 (ADAPTER_SIZE_ONE)" in finding.remedy
    assert finding.service_message == "The adapter size is not supported for this base model."
    assert finding.date


@pytest.mark.parametrize(
    ("name", "severity", "said"),
    [
        ("models/gemini-3.5-flash", ERROR, "write gemini-3.5-flash"),
        ("projects/p/locations/l/models/5", ERROR, "pre_tuned_model"),
        ("gemini-3.5-flush", WARNING, "did you mean gemini-3.5-flash?"),
        ("gemini-3.5-flash-latest", WARNING, "did you mean gemini-3.5-flash?"),
        ("gemini-1.0-pro-002", WARNING, "no longer offered by the service (as of 2026-09)"),
    ],
)
def test_e4_a_base_model_that_is_not_tuned(name: str, severity: Severity, said: str) -> None:
    findings = [finding for finding in gemtune.check(changed(base_model=name)) if finding.field == "base_model"]
    assert [(finding.severity, said in finding.sentence) for finding in findings] == [(severity, True)]


def test_e4_the_publishers_own_name_of_a_model_is_no_mistake() -> None:
    assert gemtune.check(changed(base_model="publishers/google/models/gemini-3.5-flash")) == []


def test_e6_a_gemini_model_tuned_in_global() -> None:
    finding = only(gemtune.check(good(), location="global"), "location-global")
    assert finding.severity == ERROR
    assert "use a region" in finding.remedy


def test_e6_an_open_model_may_be_tuned_in_global() -> None:
    assert gemtune.check(loads_spec(OPEN, "yaml"), api_version="v1beta1", location="global") == []


def test_e7_a_region_where_the_base_model_is_not_tuned() -> None:
    job = changed(base_model="gemini-3.5-flash")
    finding = only(gemtune.check(job, location="asia-east1"), "model-region")
    assert finding.severity == ERROR
    assert "us-central1, europe-west4" in finding.remedy
    assert gemtune.check(job, location="europe-west4") == []


def test_e7_a_list_of_regions_that_may_not_be_whole_only_warns() -> None:
    job = changed(base_model="gemini-1.0-pro-002")
    assert only(gemtune.check(job, location="africa-south1"), "model-region").severity == WARNING


def test_e9_a_key_for_a_base_model_that_takes_none() -> None:
    job = changed(base_model="gemini-3.5-flash", encryption_spec__kms_key_name=KEY)
    assert only(gemtune.check(job), "cmek-model").severity == ERROR


def test_e9_a_key_in_another_region_than_the_job() -> None:
    job = changed(base_model="gemini-2.5-flash", encryption_spec__kms_key_name=KEY)
    assert rules(gemtune.check(job, location="us-central1")) == ["model-retiring"]
    finding = only(gemtune.check(job, location="europe-west4"), "cmek-region")
    assert finding.message == "the key is in us-central1, and the job in europe-west4"


@pytest.mark.parametrize("name", ["k", KEY + "/cryptoKeyVersions/1", KEY.replace("keyRings", "rings")])
def test_e9_something_that_is_no_keys_name(name: str) -> None:
    assert only(gemtune.check(changed(encryption_spec__kms_key_name=name)), "kms-key-name").severity == ERROR


def test_e13_learning_rate_and_its_multiplier_both() -> None:
    job = changed(supervised_tuning_spec__hyper_parameters__learning_rate=0.1)
    findings = gemtune.check(job, api_version="v1beta1")
    assert only(findings, "learning-rate-exclusive").severity == ERROR
    assert only(findings, "model-field").remedy == "use learning_rate_multiplier"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("supervised_tuning_spec__hyper_parameters__batch_size", 8),
        ("supervised_tuning_spec__tuning_mode", 1),
        ("output_uri", "gs://acme/out"),
    ],
)
def test_e13_fields_for_open_models_only(field: str, value: object) -> None:
    finding = only(gemtune.check(changed(**{field: value}), api_version="v1beta1"), "model-field")
    assert finding.severity == ERROR
    assert "is for open models, and gemini-3.5-flash is none of them" in finding.message


def test_e13_the_multiplier_is_for_googles_own_models_only() -> None:
    job = loads_spec(OPEN.replace("learning_rate: 0.0001", "learning_rate_multiplier: 1"), "yaml")
    assert only(gemtune.check(job, api_version="v1beta1"), "model-field").remedy == "use learning_rate"


def test_e14_an_open_model_without_output_uri() -> None:
    job = loads_spec(OPEN.replace("output_uri: gs://acme/out\n", ""), "yaml")
    finding = only(gemtune.check(job, api_version="v1beta1"), "output-uri-required")
    assert finding.service_message == "The output_uri field is required for this model."


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("validation_dataset: gs://acme/v.jsonl", "it belongs in supervised_tuning_spec, as validation_dataset_uri"),
        ("adapter_size: ADAPTER_SIZE_ONE", "it belongs in supervised_tuning_spec.hyper_parameters"),
        ("adapterSize: ADAPTER_SIZE_ONE", "it belongs in supervised_tuning_spec.hyper_parameters"),
        ("epochs: 3", "it belongs in supervised_tuning_spec.hyper_parameters, as epoch_count"),
        ("source_model: gemini-3.5-flash", "did you mean base_model?"),
        ("baseModal: gemini-3.5-flash", "did you mean baseModel?"),
        ("labells: {}", "did you mean labels?"),
    ],
)
def test_e21_an_unknown_name_is_answered_with_the_right_one(line: str, said: str) -> None:
    finding = only(in_yaml(GOOD.replace("base_model: gemini-3.5-flash\n", "") + line).check(), "unknown-field")
    assert finding.severity == ERROR
    assert finding.remedy == said
    assert finding.position is not None
    assert finding.position.line == 11


EVALUATION = """\
  evaluation_config:
    metrics: [{exact_match_spec: {}}]
    output_config: {gcs_destination: {output_uri_prefix: gs://acme/out}}
"""


def test_e26_a_whole_evaluation_passes() -> None:
    able = GOOD.replace("gemini-3.5-flash", "gemini-2.5-flash")
    assert rules(in_yaml(able + EVALUATION).check(location="us-central1")) == ["model-retiring"]


@pytest.mark.parametrize(
    ("was", "now", "field"),
    [
        ("    metrics: [{exact_match_spec: {}}]\n", "", "metrics"),
        ("{exact_match_spec: {}}", "{}", "metrics[0]"),
        ("    output_config: {gcs_destination: {output_uri_prefix: gs://acme/out}}\n", "", "output_config"),
        ("{gcs_destination: {output_uri_prefix: gs://acme/out}}", "{}", "output_config"),
    ],
)
def test_e26_an_evaluation_needs_metrics_and_a_place_for_its_output(was: str, now: str, field: str) -> None:
    finding = only(in_yaml(GOOD + EVALUATION.replace(was, now)).check(), "evaluation-complete")
    assert finding.severity == ERROR
    assert finding.field == f"supervised_tuning_spec.evaluation_config.{field}"


def test_e26_evaluation_is_for_some_models_and_one_region() -> None:
    job = loads_spec((GOOD + EVALUATION).replace("2.5-flash", "3.5-flash"), "yaml")
    findings = gemtune.check(job, location="europe-west4")
    assert rules(findings) == ["evaluation-model", "evaluation-region"]
    assert {finding.severity for finding in findings} == {WARNING}


@pytest.mark.parametrize(
    ("labels", "rule_id", "said"),
    [
        ({"Team": "a"}, "label-key", "lowercase letters, digits, _ and - are allowed: team"),
        ({"1team": "a"}, "label-key", "a key begins with a letter"),
        ({"": "a"}, "label-key", "a key begins with a letter"),
        ({"my team": "a"}, "label-key", "allowed: my-team"),
        ({"a@b": "a"}, "label-key", "has '@'"),
        ({"a" * 65: "a"}, "label-key", "at most 64 are allowed"),
        ({"team": "A"}, "label-value", "has 'A'"),
        ({"team": "a b"}, "label-value", "has ' '"),
        ({"team": "a" * 65}, "label-value", "at most 64 are allowed"),
        ({"team": "a" * 64}, "label-length", "stay at 63"),
        ({f"k{i}": "" for i in range(62)}, "label-count", "gemtune adds 2 of its own; at most 64"),
    ],
)
def test_e27_a_label_that_is_rejected(labels: dict[str, str], rule_id: str, said: str) -> None:
    findings = gemtune.check(changed(labels=labels))
    assert said in only(findings, rule_id).sentence
    assert len(findings) == 1


@pytest.mark.parametrize("labels", [{"größe": "klein-1_a"}, {"チーム": "検索"}, {"a": ""}, {"a" * 63: "1" * 63}])
def test_e27_international_labels_pass(labels: dict[str, str]) -> None:
    assert gemtune.check(changed(labels=labels)) == []


def test_e28_a_display_name_that_is_too_long() -> None:
    assert gemtune.check(changed(tuned_model_display_name="ü" * 128)) == []
    finding = only(gemtune.check(changed(tuned_model_display_name="ü" * 129)), "display-name-length")
    assert finding.sentence == "the display name has 129 characters; at most 128 are allowed: shorten it"


def test_e29_a_base_model_and_a_tuned_model_both() -> None:
    finding = only(in_yaml(GOOD + f"pre_tuned_model: {{tuned_model_name: {MODEL}}}\n").check(), "one-of")
    assert finding.severity == ERROR
    assert finding.message == "pre_tuned_model and base_model exclude each other"
    assert finding.position is not None
    assert finding.position.line == 12


def test_e30_a_checkpoint_without_its_model() -> None:
    job = gemtune.TuningJob()
    job.CopyFrom(good())
    job.pre_tuned_model.checkpoint_id = "3"
    finding = only(gemtune.check(job), "checkpoint-needs-model")
    assert finding.severity == ERROR
    assert finding.field == "pre_tuned_model.checkpoint_id"


def test_e30_a_checkpoint_with_its_model_passes() -> None:
    job = changed(pre_tuned_model=gemtune.PreTunedModel(tuned_model_name=MODEL, checkpoint_id="3"))
    assert gemtune.check(job, location="us-central1", project="p") == []


def test_e36_unset_epochs_warn_since_the_service_then_chooses_what_is_billed() -> None:
    finding = only(in_yaml(GOOD.replace("    epoch_count: 4\n", "")).check(), "unset-epochs")
    assert finding.severity == WARNING
    assert finding.position is not None
    assert finding.position.line == 8


@pytest.mark.parametrize("form", ["yaml", "json", "textproto"])
def test_e37_a_rank_is_not_taken_for_an_enum_number(form: str) -> None:
    texts = {
        "yaml": GOOD.replace("ADAPTER_SIZE_FOUR", "4"),
        "json": '{"supervisedTuningSpec": {"hyperParameters": {"adapterSize": 4}}}',
        "textproto": "supervised_tuning_spec { hyper_parameters { adapter_size: 4 } }",
    }
    finding = only(parse(texts[form], form, file="spec")[0].check(), "adapter-size-number")
    assert finding.severity == ERROR
    assert finding.sentence == (
        "4 is an enum number here and would mean rank 16 (ADAPTER_SIZE_SIXTEEN); "
        "write ADAPTER_SIZE_FOUR for rank 4, or ADAPTER_SIZE_SIXTEEN for rank 16"
    )


def test_e37_a_rank_that_became_an_unknown_enum_number_is_found_in_the_message() -> None:
    job = changed(supervised_tuning_spec__hyper_parameters__adapter_size=8)  # what `adapter_size=8` does in protobuf
    assert only(gemtune.check(job), "adapter-size-number").remedy == "write ADAPTER_SIZE_EIGHT for rank 8"


@pytest.mark.parametrize(
    ("name", "value", "rule_id", "severity"),
    [
        ("epoch_count", "-1", "epoch-count", ERROR),
        ("epoch_count", "2.5", "wrong-type", ERROR),
        ("epoch_count", "0", "zero-unsent", WARNING),
        ("epoch_count", '"0"', "zero-unsent", WARNING),
        ("learning_rate_multiplier", "-1.0", "learning-rate-multiplier", ERROR),
        ("learning_rate_multiplier", ".inf", "learning-rate-multiplier", ERROR),
        ("learning_rate_multiplier", "NaN", "learning-rate-multiplier", ERROR),
        ("learning_rate_multiplier", "0.0", "zero-unsent", WARNING),
    ],
)
def test_e38_epochs_and_multipliers_out_of_range(name: str, value: str, rule_id: str, severity: Severity) -> None:
    lines = [f"    {name}: {value}" if line.strip().startswith(name + ":") else line for line in GOOD.split("\n")]
    findings = in_yaml("\n".join(lines)).check()
    assert [(finding.rule_id, finding.severity) for finding in findings] == [(rule_id, severity)]
    assert findings[0].position is not None
    assert lines[findings[0].position.line - 1] == f"    {name}: {value}"


def test_all_of_it_at_once_in_the_shape_of_the_service() -> None:
    job = changed(
        base_model="models/x",
        labels={"Team": "a"},
        supervised_tuning_spec__training_dataset_uri="train.jsonl",
        supervised_tuning_spec__hyper_parameters__epoch_count=-3,
    )
    found = gemtune.validate(job)
    assert [(v.field, v.reason) for v in found.field_violations] == [
        ("labels.Team", "label-key"),
        ("base_model", "model-name"),
        ("supervised_tuning_spec.training_dataset_uri", "dataset-uri"),
        ("supervised_tuning_spec.hyper_parameters.epoch_count", "epoch-count"),
    ]
    assert all(violation.description for violation in found.field_violations)


def test_a_good_spec_has_no_findings() -> None:
    assert gemtune.check(good(), location="us-central1", project="p") == []
    assert not gemtune.validate(good()).field_violations
