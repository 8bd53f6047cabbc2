"""The rules: each finds what it is for and says so with its source; the annotations of the schema are rules too."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

import gemtune
from gemtune.errors import ConfigurationError, SpecInvalid
from gemtune.schema.grpc_fields import only_in
from gemtune.specs import RULES, Severity, check_request, loads_spec, require_valid
from gemtune.specs.checks.rules import FILE_RULES
from tests.support.jobs import GOOD, KEY, MODEL, OPEN, changed, good, only, rules

SPEC = "supervised_tuning_spec"
PARAMETERS = f"{SPEC}.hyper_parameters"
EVALUATION = f"{SPEC}.evaluation_config"


def job(text: str) -> gemtune.TuningJob:
    return loads_spec(text, "yaml")


def evaluated(config: str) -> gemtune.TuningJob:
    whole = "output_config: {gcs_destination: {output_uri_prefix: gs://acme/out}}"
    return job(GOOD + f"  evaluation_config:\n    {whole}\n    metrics:\n    - {config}\n")


FULL = "base_model: gemini-3.5-flash\nfull_fine_tuning_spec: {training_dataset_uri: gs://acme/train.jsonl}"
TAUGHT = f"""base_model: gemini-3.5-flash
distillation_spec:
  tuned_teacher_model_source: {MODEL}
  prompt_dataset_uri: gs://acme/a.jsonl
"""

# One job for each rule: the rule, the field that it names, the job, what else is told to `check`.
CASES: list[tuple[str, str, gemtune.TuningJob, dict[str, Any]]] = [
    ("required", f"{SPEC}.training_dataset_uri", changed(supervised_tuning_spec__training_dataset_uri=""), {}),
    ("source-model", "base_model", job(GOOD.replace("base_model: gemini-3.5-flash\n", "")), {}),
    ("tuning-spec", SPEC, job("base_model: gemini-3.5-flash"), {}),
    ("output-only", "state", changed(state=4), {}),
    ("needs-v1beta1", "full_fine_tuning_spec", job(FULL), {}),
    ("unknown-data", "", gemtune.TuningJob.FromString(good().SerializeToString() + b"\xc8\x3e\x01"), {}),
    ("unknown-enum-number", f"{SPEC}.tuning_mode", job(OPEN.replace("TUNING_MODE_PEFT_ADAPTER", "77")), {}),
    ("display-name-length", "tuned_model_display_name", changed(tuned_model_display_name="x" * 129), {}),
    ("label-key", "labels.A", changed(labels={"A": ""}), {}),
    ("label-value", "labels.a", changed(labels={"a": "A"}), {}),
    ("label-length", "labels." + "a" * 64, changed(labels={"a" * 64: ""}), {}),
    ("label-count", "labels", changed(labels={f"k{i}": "" for i in range(64)}), {}),
    ("dataset-uri", f"{SPEC}.training_dataset_uri", changed(supervised_tuning_spec__training_dataset_uri="x"), {}),
    ("same-dataset", f"{SPEC}.validation_dataset_uri", job(GOOD.replace("/validation.", "/train.")), {}),
    ("gcs-uri", "output_uri", job(OPEN.replace("gs://acme/out", "/out")), {}),
    ("epoch-count", f"{PARAMETERS}.epoch_count", changed(supervised_tuning_spec__hyper_parameters__epoch_count=-1), {}),
    (
        "zero-unsent",
        "distillation_spec.hyper_parameters.epoch_count",
        job("base_model: gemini-3.5-flash\ndistillation_spec: {training_dataset_uri: gs://acme/t.jsonl, hyper_parameters: {epoch_count: 0}}"),
        {"api_version": "v1beta1"},
    ),
    ("unset-epochs", f"{PARAMETERS}.epoch_count", job(GOOD.replace("    epoch_count: 4\n", "")), {}),
    (
        "learning-rate-multiplier",
        f"{PARAMETERS}.learning_rate_multiplier",
        changed(supervised_tuning_spec__hyper_parameters__learning_rate_multiplier=float("nan")),
        {},
    ),
    ("learning-rate", f"{PARAMETERS}.learning_rate", job(OPEN.replace("0.0001", "-1")), {}),
    ("batch-size", f"{PARAMETERS}.batch_size", job(OPEN.replace("batch_size: 8", "batch_size: -8")), {}),
    (
        "learning-rate-exclusive",
        f"{PARAMETERS}.learning_rate",
        job(OPEN.replace("batch_size: 8", "learning_rate_multiplier: 8")),
        {},
    ),
    (
        "adapter-size",
        f"{PARAMETERS}.adapter_size",
        changed(supervised_tuning_spec__hyper_parameters__adapter_size=gemtune.adapter_size(32)),
        {},
    ),
    (
        "adapter-size-number",
        f"{PARAMETERS}.adapter_size",
        changed(supervised_tuning_spec__hyper_parameters__adapter_size=16),
        {},
    ),
    ("model-name", "base_model", changed(base_model="models/gemini-3.5-flash"), {}),
    ("model-unknown", "base_model", changed(base_model="gemini-9"), {}),
    ("model-retired", "base_model", changed(base_model="gemini-1.0-pro-002"), {}),
    ("model-retiring", "base_model", changed(base_model="gemini-2.5-flash"), {}),
    ("model-field", "output_uri", changed(output_uri="gs://acme/out"), {}),
    ("output-uri-required", "output_uri", job(OPEN.replace("output_uri: gs://acme/out\n", "")), {}),
    ("location-global", "base_model", good(), {"location": "global"}),
    ("model-region", "base_model", changed(base_model="gemini-3.5-flash"), {"location": "us-east1"}),
    ("location-unknown", "", good(), {"location": "us-central1-a"}),
    (
        "location-mismatch",
        "pre_tuned_model.tuned_model_name",
        changed(pre_tuned_model=gemtune.PreTunedModel(tuned_model_name=MODEL)),
        {"location": "us-east1"},
    ),
    *(
        (rule, "distillation_spec.tuned_teacher_model_source", job(TAUGHT), options)
        for rule, options in [("location-mismatch", {"location": "us-east1"}), ("project-mismatch", {"project": "q"})]
    ),
    (
        "project-mismatch",
        "pre_tuned_model.tuned_model_name",
        changed(pre_tuned_model=gemtune.PreTunedModel(tuned_model_name=MODEL)),
        {"project": "q"},
    ),
    (
        "resource-name",
        "pre_tuned_model.tuned_model_name",
        changed(pre_tuned_model=gemtune.PreTunedModel(tuned_model_name="77")),
        {},
    ),
    (
        "checkpoint-needs-model",
        "pre_tuned_model.checkpoint_id",
        changed(pre_tuned_model=gemtune.PreTunedModel(checkpoint_id="1")),
        {},
    ),
    ("kms-key-name", "encryption_spec.kms_key_name", changed(encryption_spec__kms_key_name="k"), {}),
    (
        "cmek-model",
        "encryption_spec.kms_key_name",
        changed(base_model="gemini-3.5-flash", encryption_spec__kms_key_name=KEY),
        {},
    ),
    (
        "cmek-region",
        "encryption_spec.kms_key_name",
        changed(encryption_spec__kms_key_name=KEY),
        {"location": "us-east1"},
    ),
    ("service-account", "service_account", changed(service_account="me@example.com"), {}),
    ("evaluation-complete", f"{EVALUATION}.metrics[0]", evaluated("{}"), {}),
    (
        "evaluation-validation-set",
        EVALUATION,
        changed(supervised_tuning_spec=evaluated("bleu_spec: {}").supervised_tuning_spec, supervised_tuning_spec__validation_dataset_uri=""),
        {},
    ),
    (
        "evaluation-model",
        EVALUATION,
        changed(supervised_tuning_spec=evaluated("bleu_spec: {}").supervised_tuning_spec, base_model="gemini-3.5-flash"),
        {},
    ),
    ("evaluation-region", EVALUATION, evaluated("bleu_spec: {}"), {"location": "europe-west4"}),
    (
        "sampling-count",
        f"{EVALUATION}.metrics[0].llm_based_metric_spec.judge_autorater_config.sampling_count",
        evaluated("llm_based_metric_spec: {metric_prompt_template: x, judge_autorater_config: {sampling_count: 33}}"),
        {},
    ),
    ("rouge-type", f"{EVALUATION}.metrics[0].rouge_spec.rouge_type", evaluated("rouge_spec: {rouge_type: rouge10}"), {}),
]  # fmt: skip


@pytest.mark.parametrize(("rule_id", "field", "wrong", "given"), CASES, ids=[case[0] for case in CASES])
def test_a_rule_finds_what_it_is_for(rule_id: str, field: str, wrong: gemtune.TuningJob, given: dict[str, Any]) -> None:
    finding = only(gemtune.check(wrong, **given), rule_id)
    assert finding.field == field
    assert finding.severity == RULES[rule_id].severity
    assert finding.message
    assert not finding.message.endswith(".")


def test_every_rule_has_a_case() -> None:
    assert {case[0] for case in CASES} == set(RULES)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_every_rule_names_its_source(rule: Any) -> None:
    assert rule.source
    assert rule.about


def test_rule_ids_are_what_they_were() -> None:
    """People filter by them: one may be added, none renamed."""
    assert sorted({*RULES, *FILE_RULES}) == RULE_IDS


RULE_IDS = """
adapter-size adapter-size-number batch-size checkpoint-needs-model cmek-model cmek-region dataset-uri
display-name-length doubled-key epoch-count evaluation-complete evaluation-model evaluation-region
evaluation-validation-set gcs-uri kms-key-name label-count label-key label-length label-value learning-rate
learning-rate-exclusive learning-rate-multiplier location-global location-mismatch location-unknown model-field model-name
model-region model-retired model-retiring model-unknown needs-v1beta1 one-of output-only output-uri-required project-mismatch
required resource-name rouge-type same-dataset sampling-count service-account source-model too-deep too-large
tuning-spec unknown-data unknown-enum-number unknown-enum-value unknown-field unset-epochs wrong-type yaml-tag
yaml-unquoted zero-unsent
""".split()


# -- what the annotations say -----------------------------------------------------------------------------------------


def test_required_fields_are_read_from_the_annotations_at_any_depth() -> None:
    wrong = evaluated("pointwise_metric_spec: {}")
    wrong.supervised_tuning_spec.evaluation_config.output_config.gcs_destination.output_uri_prefix = ""
    missing = [finding.field for finding in gemtune.check(wrong) if finding.rule_id == "required"]
    assert missing == [
        f"{EVALUATION}.metrics[0].pointwise_metric_spec.metric_prompt_template",
        f"{EVALUATION}.output_config.gcs_destination.output_uri_prefix",
    ]


def test_a_distillation_learns_from_examples_or_from_prompts() -> None:
    text = (
        "base_model: gemini-3.5-flash\ndistillation_spec: {base_teacher_model: gemini-2.5-pro, %s: gs://acme/a.jsonl}"
    )
    for name, rules_found in {
        "training_dataset_uri": [],
        "prompt_dataset_uri": [],
        "validation_dataset_uri": ["required"],
    }.items():
        assert rules(gemtune.check(job(text % name), api_version="v1beta1")) == rules_found


def test_a_finished_job_only_has_warnings_about_what_the_service_set() -> None:
    answer = (Path(__file__).parent.parent / "data" / "answers").glob("*.json")
    for path in answer:
        finished = gemtune.from_json(path.read_text(), gemtune.TuningJob)
        findings = gemtune.check(finished)
        assert {finding.severity for finding in findings} <= {Severity.WARNING}, findings
        assert {"name", "state", "create_time"} <= {f.field for f in findings if f.rule_id == "output-only"}


def test_the_fields_of_v1beta1_alone_are_those_that_google_published_for_it_alone() -> None:
    """Held against the descriptors of google-cloud-aiplatform and the REST documents, as the schema's tests keep them."""
    tables = Path(__file__).parent.parent / "schema"
    published = json.loads((tables / "published.json").read_text())
    rest = json.loads((tables / "rest_only.json").read_text())

    def known(version: str) -> set[str]:
        names = {(m, i["json"]) for m, fields in published[version]["messages"].items() for i in fields.values()}
        names |= {(m, f) for m, entry in rest[version].items() for f in entry["fields"]}
        return {f"{message.replace('.', '')}.{name}" for message, name in names}

    only_v1beta1: set[str] = set()
    marked: set[str] = set()
    seen: set[str] = set()
    todo: list[Any] = [gemtune.TuningJob.DESCRIPTOR]
    while todo:
        descriptor = todo.pop()
        if descriptor.full_name in seen or not descriptor.full_name.startswith("gemtune.v1."):
            continue
        seen.add(descriptor.full_name)
        owner = descriptor.full_name.removeprefix("gemtune.v1.")
        if descriptor.GetOptions().map_entry:
            todo += [f.message_type for f in descriptor.fields if f.message_type is not None]
            continue
        for field in descriptor.fields:
            from google.api import field_behavior_pb2 as behavior

            if behavior.OUTPUT_ONLY in field.GetOptions().Extensions[behavior.field_behavior]:
                continue
            path = f"{owner.replace('.', '')}.{field.json_name}"
            if only_in(field) == ("v1beta1",):
                marked.add(f"{owner}.{field.name}")
            if path not in known("v1"):
                assert path in known("v1beta1")
                only_v1beta1.add(f"{owner}.{field.name}")
            elif field.message_type is not None:
                todo.append(field.message_type)
    assert only_v1beta1 == marked


def test_v1beta1_takes_what_v1_does_not() -> None:
    assert gemtune.check(job(OPEN), api_version="v1beta1") == []
    names = [finding.field for finding in gemtune.check(job(OPEN)) if finding.rule_id == "needs-v1beta1"]
    assert names == [f"{PARAMETERS}.batch_size", f"{PARAMETERS}.learning_rate", f"{SPEC}.tuning_mode", "output_uri"]


# -- what callers get -----------------------------------------------------------------------------------------------------


def test_the_job_is_not_changed() -> None:
    for _, _, wrong, given in CASES:
        before = wrong.SerializeToString(deterministic=True)
        gemtune.check(wrong, **given)
        assert wrong.SerializeToString(deterministic=True) == before


def test_a_finding_of_the_catalogue_names_the_catalogues_source_and_date() -> None:
    finding = only(gemtune.check(changed(supervised_tuning_spec__hyper_parameters__adapter_size=5)), "adapter-size")
    assert (finding.source, finding.date) == ("Vertex AI documentation, About supervised fine-tuning", "2026-09-25")


def test_warnings_are_no_violations() -> None:
    assert rules(gemtune.check(changed(base_model="gemini-1.0-pro-002"))) == ["model-retired"]
    assert not gemtune.validate(changed(base_model="gemini-1.0-pro-002")).field_violations


def test_what_has_errors_is_refused_with_all_of_them() -> None:
    require_valid(good())
    with pytest.raises(SpecInvalid) as caught:
        require_valid(changed(base_model="models/x", tuned_model_display_name="x" * 129))
    assert [v.reason for v in caught.value.violations.field_violations] == ["display-name-length", "model-name"]


def test_there_are_two_versions_of_the_api() -> None:
    with pytest.raises(ConfigurationError, match="'v2' is not a version of the API; there are v1 and v1beta1"):
        gemtune.check(good(), api_version="v2")


def test_labels_of_our_own_that_are_there_already_do_not_count_twice() -> None:
    labels = {f"k{i}": "" for i in range(62)} | {"gemtune-request": "", "gemtune-spec": ""}
    wrong = gemtune.TuningJob()
    wrong.CopyFrom(good())
    del wrong.labels["team"]
    wrong.labels.update(labels)
    assert gemtune.check(wrong) == []


def test_a_client_that_adds_no_labels_leaves_them_all_to_the_caller() -> None:
    wrong = changed(labels={f"k{i}": "" for i in range(63)})
    assert rules(gemtune.check(wrong)) == ["label-count"]
    assert gemtune.check(wrong, request_labels=False) == []


def test_a_client_refuses_before_anything_is_sent() -> None:
    class NoTransport:
        def send(self, *_: Any, **__: Any) -> Any:
            raise AssertionError("something was sent")

        def close(self) -> None:
            pass

    with gemtune.TuningClient("p", "us-central1", transport=NoTransport()) as client:
        with pytest.raises(SpecInvalid, match="at most 128 are allowed"):
            client.create_tuning_job(changed(tuned_model_display_name="x" * 129))
        with pytest.raises(SpecInvalid, match=r"gemini-3\.5-flash is not tuned in the location global"):
            client.create_tuning_job(good(), location="global")


# -- what a server asks ---------------------------------------------------------------------------------------------------

PARENT = "projects/p/locations/us-central1"


def test_a_server_names_fields_from_the_request_on() -> None:
    findings = check_request(PARENT, changed(tuned_model_display_name="x" * 129))
    assert [(f.rule_id, f.field) for f in findings] == [("display-name-length", "tuning_job.tuned_model_display_name")]


def test_a_server_takes_as_many_labels_as_the_service() -> None:
    wrong = changed(labels={f"k{i}": "" for i in range(63)})
    assert check_request(PARENT, wrong) == []
    assert rules(gemtune.check(wrong)) == ["label-count"]
    wrong.labels["one-more"] = ""
    assert rules(check_request(PARENT, wrong)) == ["label-count"]


def test_a_server_takes_the_location_from_the_parent() -> None:
    finding = only(check_request("projects/p/locations/global", good()), "location-global")
    assert RULES[finding.rule_id].service_code == "FAILED_PRECONDITION"


@pytest.mark.parametrize(
    ("rule_id", "words"),
    [
        ("dataset-uri", "training_dataset_uri should be a GCS object of type JSONL."),
        ("adapter-size", "The adapter size is not supported for this base model."),
        ("output-uri-required", "The output_uri field is required for this model."),
        ("model-name", "Base model models/gemini-3.5-flash is not supported."),
        (
            "needs-v1beta1",
            "Invalid JSON payload received. Unknown name \"full_fine_tuning_spec\" at 'tuning_job': Cannot find field.",
        ),
    ],
)
def test_the_services_own_words_are_at_hand(rule_id: str, words: str) -> None:
    wrong = next(case[2] for case in CASES if case[0] == rule_id)
    assert words in {f.service_message for f in check_request(PARENT, wrong) if f.rule_id == rule_id}


def test_a_finding_prints_as_one_line() -> None:
    assert str(only(gemtune.check(changed(labels={"A": ""})), "label-key")) == (
        "error[label-key] labels.A: the label's key 'A' has 'A'; lowercase letters, digits, _ and - are allowed: a"
    )


def test_findings_are_plain_data() -> None:
    finding = only(gemtune.check(changed(base_model="gemini-9")), "model-unknown")
    assert json.loads(json.dumps(dataclasses.asdict(finding)))["severity"] == "warning"


@pytest.mark.parametrize("rule", [*RULES.values(), *FILE_RULES.values()], ids=lambda rule: rule.id)
def test_the_documents_have_every_rule_as_it_is(rule: Any) -> None:
    rows = (Path(__file__).parent.parent.parent / "docs" / "checks.md").read_text().split("\n")
    assert any(row.startswith(f"| `{rule.id}` | {rule.severity} | {rule.about} |") for row in rows)
    if rule.id in RULES:
        assert f"| `{rule.id}` | {rule.severity} | {rule.about} | {rule.source} | {rule.date} |" in rows
