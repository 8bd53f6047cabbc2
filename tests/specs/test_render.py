"""Findings as a compiler shows them, each with its place in whatever text it came from."""

from __future__ import annotations

import io

import pytest

import gemtune
from gemtune.specs import Finding, Position, Severity, read_specs, render
from gemtune.specs.render import summary
from tests.support.jobs import good

BAD = """\
baseModel: gemini-1.0-pro-002
supervisedTuningSpec:
  trainingDatasetUri: gs://acme/train.json
  hyperParameters:
    epochCount: 4
    adapterSize: 4
    learning_rate_multiplyer: 1
"""


def shown(text: str, form: str = "yaml") -> str:
    spec = read_specs(io.StringIO(text), format=form)[0]
    return render(spec.check(), file="bad", text=spec.text)


def test_a_spec_with_mistakes_as_a_compiler_would_show_it() -> None:
    assert (
        shown(BAD)
        == """\
warning[model-retired]: gemini-1.0-pro-002 is no longer offered by the service (as of 2026-09)
  --> bad:1:12
  1 | baseModel: gemini-1.0-pro-002
    |            ^^^^^^^^^^^^^^^^^^ offered are gemini-3.5-flash, gemini-3.5-flash-lite, gemini-3.1-flash-lite, translation-llm-002
error[dataset-uri]: 'gs://acme/train.json' ends in .json
  --> bad:3:23
  3 |   trainingDatasetUri: gs://acme/train.json
    |                       ^^^^^^^^^^^^^^^^^^^^ a dataset is a JSON Lines file, named gs://bucket/object.jsonl
error[adapter-size-number]: 4 is an enum number here and would mean rank 16 (ADAPTER_SIZE_SIXTEEN)
  --> bad:6:18
  6 |     adapterSize: 4
    |                  ^ write ADAPTER_SIZE_FOUR for rank 4, or ADAPTER_SIZE_SIXTEEN for rank 16
error[unknown-field]: learning_rate_multiplyer: no such field
  --> bad:7:5
  7 |     learning_rate_multiplyer: 1
    |     ^^^^^^^^^^^^^^^^^^^^^^^^ did you mean learning_rate_multiplier?

3 errors, 1 warning
"""
    )


@pytest.mark.parametrize(
    ("text", "form", "place"),
    [
        ("labels:\n  a: x\n  Team: x\n", "yaml", (3, 3, 4)),
        ("labels:\n  a: x\n  b: X Y\n", "yaml", (3, 6, 3)),
        ('{\n "labels": {"a": "x",\n  "Team": "x"}\n}', "json", (3, 3, 6)),
        ('labels { key: "a" value: "x" }\nlabels { key: "Team" value: "x" }', "textproto", (2, 15, 6)),
        ('labels: [{key: "a" value: "x"}, {key: "Team", value: "x"}]', "textproto", (1, 39, 6)),
        ("labels: {'my team': x}", "yaml", (1, 10, 9)),
        ('labels: {"a\\"b": x}', "yaml", (1, 10, 6)),
    ],
)
def test_a_label_is_found_by_its_key(text: str, form: str, place: tuple[int, int, int]) -> None:
    findings = read_specs(io.StringIO(text), format=form)[0].check()
    found = [finding.position for finding in findings if finding.rule_id.startswith("label-")]
    assert found == [Position(*place)]


METRICS = {
    "yaml": "supervised_tuning_spec:\n  evaluation_config:\n    metrics:\n    - bleu_spec: {}\n    - rouge_spec: {rouge_type: x}\n",
    "json": '{"supervisedTuningSpec": {"evaluationConfig": {"metrics": [{"bleuSpec": {}},\n\n\n\n{"rougeSpec": {"rougeType": "x"}}]}}}',
    "textproto": "supervised_tuning_spec { evaluation_config {\n metrics { bleu_spec {} }\n\n\nmetrics: <rouge_spec: { rouge_type: 'x' 'y' };>\n}}",
}


@pytest.mark.parametrize("form", METRICS)
def test_an_item_of_a_list_is_found_by_its_number(form: str) -> None:
    findings = read_specs(io.StringIO(METRICS[form]), format=form)[0].check()
    finding = next(finding for finding in findings if finding.rule_id == "rouge-type")
    assert finding.field == "supervised_tuning_spec.evaluation_config.metrics[1].rouge_spec.rouge_type"
    assert finding.position is not None
    assert finding.position.line == 5


def test_what_is_missing_is_shown_where_it_would_stand() -> None:
    findings = read_specs(
        io.StringIO("base_model: gemini-3.5-flash\nsupervised_tuning_spec:\n  hyper_parameters: {}\n")
    )[0].check()
    assert [(finding.rule_id, finding.position) for finding in findings] == [
        ("required", Position(2, 1, 22)),
        ("unset-epochs", Position(3, 3, 16)),
    ]


def test_what_only_follows_from_a_mistake_is_not_told() -> None:
    text = "base_model: gemini-3.5-flash\nsupervised_tuning_spec: {training_dataset_url: gs://acme/a.jsonl}"
    assert [finding.rule_id for finding in read_specs(io.StringIO(text))[0].check()] == ["unknown-field"]


def test_bytes_have_no_places() -> None:
    job = gemtune.TuningJob(base_model="models/gemini-3.5-flash")
    job.supervised_tuning_spec.CopyFrom(good().supervised_tuning_spec)
    spec = read_specs(io.BytesIO(job.SerializeToString()), format="binpb")[0]
    assert render(spec.check(), file="spec.binpb", text=spec.text) == (
        "error[model-name]: 'models/gemini-3.5-flash' is not a base model\n"
        "  --> spec.binpb: base_model\n"
        "    = write gemini-3.5-flash\n"
        "\n"
        "1 error\n"
    )


def test_the_caret_stands_under_wide_letters_and_tabs_too() -> None:
    lines = shown(
        "{base_model: gemini-3.5-flash, supervised_tuning_spec: {},\ndescription: 日本, labels: {A: x}}"
    ).split("\n")
    at = next(i for i, line in enumerate(lines) if line.startswith("error[label-key]"))
    assert lines[at + 2] == "  2 | description: 日本, labels: {A: x}}"
    assert lines[at + 3].index("^") == lines[at + 2].index("A") + 2  # each of 日 and 本 takes two columns


def test_a_very_long_line_is_cut_around_its_mistake() -> None:
    text = (
        '{"description": "'
        + "x" * 5000
        + '", "bass_model": 1, "labels": {'
        + ", ".join(f'"a{i}": ""' for i in range(50))
        + "}}"
    )
    lines = shown(text, "json").split("\n")
    at = next(i for i, line in enumerate(lines) if line.startswith("error[unknown-field]"))
    assert len(lines[at + 2]) < 180
    column = lines[at + 3].index("^")
    assert lines[at + 2][column:].startswith('"bass_model"')


@pytest.mark.parametrize(
    ("errors", "warnings", "said"), [(0, 0, ""), (1, 0, "1 error"), (0, 2, "2 warnings"), (2, 1, "2 errors, 1 warning")]
)
def test_the_sum(errors: int, warnings: int, said: str) -> None:
    one, other = Finding("a", Severity.ERROR, "", "x"), Finding("b", Severity.WARNING, "", "x")
    assert summary([one] * errors + [other] * warnings) == said


def test_nothing_is_shown_of_nothing() -> None:
    assert render([]) == ""
