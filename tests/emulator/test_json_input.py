"""What the emulator says of JSON that does not fit, and what it overlooks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from gemtune.emulator.json_errors import explain, without_trailing_commas
from gemtune_pb.v1 import CreateTuningJobRequest, RebaseTunedModelRequest, TuningJob

PACKAGE = "google.cloud.aiplatform.v1beta1"


def said(value: Any, kind: Any = TuningJob, path: str = "tuning_job") -> list[tuple[str, str]]:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    error = explain(body, kind.DESCRIPTOR, path=path, package=PACKAGE)
    return [] if error is None else [(v.field, v.description) for v in error.violations] or [("", error.message)]


# -- trailing commas ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "mended"),
    [
        ('{"a": 1,}', '{"a": 1}'),
        ('{"a": [1, 2 ,\n ] , }', '{"a": [1, 2 \n ]  }'),
        ('{"a": ",}"}', '{"a": ",}"}'),
        (r'{"a": "\",}", "b": "\\",}', r'{"a": "\",}", "b": "\\"}'),
        ('{"a": 1, "b": 2}', '{"a": 1, "b": 2}'),
        ('{"a": 1,,}', '{"a": 1,}'),  # one is overlooked, two are a mistake
        ('{"a": "open,}', '{"a": "open,}'),
        ('{"a": "open\\', '{"a": "open\\'),
        ("", ""),
    ],
)
def test_a_comma_before_a_closing_bracket_is_overlooked(body: str, mended: str) -> None:
    assert without_trailing_commas(body.encode()).decode() == mended


def test_bytes_that_are_not_utf_8_are_left_as_they_are() -> None:
    assert without_trailing_commas(b'{"\xff": 1,}') == b'{"\xff": 1}'


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(',}]"\\ \n{['),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(',}"\\', max_size=3), inner, max_size=4),
)


def with_commas(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + "".join(f"{json.dumps(k)} : {with_commas(v)} , " for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + "".join(f"{with_commas(v)},\n" for v in value) + "]"
    return json.dumps(value)


@given(trees)
def test_json_with_a_comma_too_many_everywhere_is_read(value: Any) -> None:
    assert json.loads(without_trailing_commas(with_commas(value).encode())) == value


@pytest.mark.parametrize("body", [b'"\\"' * 300_000, b'"' + b'\\"' * 300_000, b", " * 300_000, b"," + b" " * 300_000])
def test_no_body_takes_long_to_look_through(body: bytes) -> None:
    without_trailing_commas(body)  # milliseconds when linear; when not, this test never ends


# -- what does not fit --------------------------------------------------------------------------------------------


def test_an_unknown_name_is_said_with_its_place() -> None:
    body = {"baseModel": "m", "supervisedTuningSpec": {"trainingDataset": "x", "hyper_parameters": {"Epochs": 1}}}
    spec = "tuning_job.supervised_tuning_spec"
    unknown = "Invalid JSON payload received. Unknown name "
    assert said(body) == [
        (spec, f"{unknown}\"trainingDataset\" at '{spec}': Cannot find field."),
        (f"{spec}.hyper_parameters", f"{unknown}\"Epochs\" at '{spec}.hyper_parameters': Cannot find field."),
    ]


def test_all_that_does_not_fit_is_said_a_line_each() -> None:
    error = explain(b'{"a": 1, "b": 2}', TuningJob.DESCRIPTOR, path="tuning_job", package=PACKAGE)
    assert error is not None
    assert error.message.count("\n") == 1
    assert error.message.split("\n") == [violation.description for violation in error.violations]


def test_an_unknown_name_at_the_root_has_no_place() -> None:
    assert said({"x": 1}, RebaseTunedModelRequest, "") == [
        ("", 'Invalid JSON payload received. Unknown name "x": Cannot find field.')
    ]


def test_places_in_lists_have_their_index() -> None:
    body = {"supervisedTuningSpec": {"evaluationConfig": {"metrics": [{}, {"no": 1}]}}}
    [(place, _)] = said(body)
    assert place == "tuning_job.supervised_tuning_spec.evaluation_config.metrics[1]"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"baseModel": 3}, "Invalid value at 'tuning_job.base_model' (TYPE_STRING), 3"),
        ({"supervisedTuningSpec": "x"},
         f"Invalid value at 'tuning_job.supervised_tuning_spec' (type.googleapis.com/{PACKAGE}.SupervisedTuningSpec), \"x\""),
        ({"supervisedTuningSpec": {"hyperParameters": {"adapterSize": "FOUR"}}},
         "Invalid value at 'tuning_job.supervised_tuning_spec.hyper_parameters.adapter_size' "
         f"(type.googleapis.com/{PACKAGE}.SupervisedHyperParameters.AdapterSize), \"FOUR\""),
        ({"supervisedTuningSpec": {"hyperParameters": {"epochCount": 1.5}}},
         "Invalid value at 'tuning_job.supervised_tuning_spec.hyper_parameters.epoch_count' (TYPE_INT64), 1.5"),
        ({"supervisedTuningSpec": {"exportLastCheckpointOnly": "yes"}},
         "Invalid value at 'tuning_job.supervised_tuning_spec.export_last_checkpoint_only' (TYPE_BOOL), \"yes\""),
        ({"createTime": "noon"},
         "Invalid value at 'tuning_job.create_time' (type.googleapis.com/google.protobuf.Timestamp), \"noon\""),
        ({"labels": ["a"]},
         f"Invalid value at 'tuning_job.labels' (type.googleapis.com/{PACKAGE}.TuningJob.LabelsEntry), [\"a\"]"),
        ({"supervisedTuningSpec": {"evaluationConfig": {"metrics": {}}}},
         "Invalid value at 'tuning_job.supervised_tuning_spec.evaluation_config.metrics' "
         f"(type.googleapis.com/{PACKAGE}.Metric), {{}}"),
        ({"baseModel": "a", "preTunedModel": {}},
         "Invalid value at 'tuning_job' (oneof), oneof field 'source_model' is already set. Cannot set 'preTunedModel'"),
        ([1], f"Invalid value at 'tuning_job' (type.googleapis.com/{PACKAGE}.TuningJob), [1]"),
        (None, f"Invalid value at 'tuning_job' (type.googleapis.com/{PACKAGE}.TuningJob), null"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_said_with_its_type(body: Any, says: str) -> None:
    assert [text for _, text in said(body)] == [says]


def test_a_long_value_is_cut() -> None:
    [(_, text)] = said({"supervisedTuningSpec": "x" * 1000})
    assert len(text) < 400
    assert text.endswith("...")


def test_the_root_must_be_an_object() -> None:
    says = "Invalid JSON payload received. Root element must be a message."
    assert said("x", RebaseTunedModelRequest, "") == [("", says)]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"a": }', "Invalid JSON payload received. Expected a value at line 1 column 7."),
        (b"{\n'a'", "Invalid JSON payload received. Expected a name in quotes or } at line 2 column 1."),
        (b'{"a": "\xff"}', "Invalid JSON payload received. The text is not UTF-8."),
        (b"[" * 100_000, "Invalid JSON payload received. The values are nested too deeply."),
    ],
)  # fmt: skip
def test_text_that_is_no_json_is_said_with_its_place(body: bytes, says: str) -> None:
    assert said(body) == [("", says)]


@pytest.mark.parametrize("body", [{"baseModel": "\ud800"}, {"\ud800": 1}, {"labels": {"a": "\ud800"}}])
def test_half_a_surrogate_pair_is_shown_escaped(body: Any) -> None:
    [(_, text)] = said(body)
    assert r"\ud800" in text


def test_at_most_a_hundred_things_are_said() -> None:
    assert len(said({f"x{i}": 1 for i in range(1000)})) == 100


@pytest.mark.parametrize(
    "body",
    [{}, {"baseModel": "m", "labels": {"a": "b"}}, {"base_model": None, "pre_tuned_model": {}}, {"state": 3},
     {"createTime": "2026-01-01T00:00:00Z", "error": {"code": 3, "details": []}}],
)  # fmt: skip
def test_what_fits_is_not_blamed(body: Any) -> None:
    assert said(body) == []


def test_a_create_is_walked_from_its_body_on() -> None:
    body = json.dumps({"tuningJob": {"x": 1}}).encode()
    error = explain(body, CreateTuningJobRequest.DESCRIPTOR, path="", package=PACKAGE)
    assert error is not None
    assert [violation.field for violation in error.violations] == ["tuning_job"]
