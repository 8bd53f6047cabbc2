"""Where two specs differ, and what a job asks for."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given

import gemtune
from gemtune import TuningJob
from gemtune.specs import Change, diff, request_of
from gemtune.specs.diff import leaves, value_text
from gemtune.specs.fingerprint import canonical
from tests.specs.test_fingerprint import jobs

VECTORS = Path(__file__).parent.parent / "vectors"
MANIFEST = json.loads((VECTORS / "manifest.json").read_text())["vectors"]
UNDERSTOOD = [row["name"] for row in MANIFEST if row["fingerprint"]]
RATE = "supervised_tuning_spec.hyper_parameters.learning_rate_multiplier"
EPOCHS = "supervised_tuning_spec.hyper_parameters.epoch_count"


def read(name: str) -> TuningJob:
    return TuningJob.FromString((VECTORS / f"{name}.binpb").read_bytes())


def from_json(**fields: Any) -> TuningJob:
    return json_format.ParseDict(fields, TuningJob())


def metrics(*types: str) -> TuningJob:
    job = TuningJob()
    for kind in types:
        getattr(job.supervised_tuning_spec.evaluation_config.metrics.add(), kind).SetInParent()
    return job


PATH = "supervised_tuning_spec.evaluation_config.metrics"


# -- what differs ---------------------------------------------------------------------------------------------------


def test_a_change_names_the_field_and_both_values() -> None:
    old, new = TuningJob(), TuningJob()
    old.supervised_tuning_spec.hyper_parameters.epoch_count = 4
    new.supervised_tuning_spec.hyper_parameters.epoch_count = 10
    assert diff(old, new) == [Change(EPOCHS, 4, 10)]


def test_what_only_one_has_is_not_set_in_the_other() -> None:
    job = TuningJob(labels={"team": "search"})
    assert diff(TuningJob(), job) == [Change("labels.team", None, "search")]
    assert diff(job, TuningJob()) == [Change("labels.team", "search", None)]


def test_a_message_that_is_new_is_shown_by_its_fields() -> None:
    job = TuningJob(base_model="gemini-3.5-flash")
    job.supervised_tuning_spec.hyper_parameters.adapter_size = gemtune.adapter_size(4)
    assert diff(TuningJob(), job) == [
        Change("base_model", None, "gemini-3.5-flash"),
        Change("supervised_tuning_spec.hyper_parameters.adapter_size", None, "ADAPTER_SIZE_FOUR"),
    ]


def test_an_empty_message_is_something() -> None:
    job = TuningJob()
    job.supervised_tuning_spec.hyper_parameters.SetInParent()
    assert diff(TuningJob(), job) == [Change("supervised_tuning_spec.hyper_parameters", None, {})]


def test_an_empty_message_that_gets_content_is_shown_by_the_content() -> None:
    old, new = TuningJob(), TuningJob()
    old.supervised_tuning_spec.hyper_parameters.SetInParent()
    new.supervised_tuning_spec.hyper_parameters.epoch_count = 1
    assert diff(old, new) == [Change(EPOCHS, None, 1)]


def test_another_member_of_a_oneof_is_one_gone_and_one_new() -> None:
    old, new = TuningJob(base_model="m"), TuningJob()
    new.pre_tuned_model.checkpoint_id = "3"
    assert diff(old, new) == [Change("base_model", "m", None), Change("pre_tuned_model.checkpoint_id", None, "3")]


def test_a_label_that_is_no_plain_word_is_quoted_in_its_path() -> None:
    assert diff(TuningJob(), TuningJob(labels={"my team": "a"})) == [Change('labels["my team"]', None, "a")]


def test_a_list_entry_put_in_front_leaves_the_others_alone() -> None:
    old = metrics("pointwise_metric_spec", "bleu_spec")
    new = metrics("exact_match_spec", "pointwise_metric_spec", "bleu_spec")
    assert diff(old, new) == [Change(f"{PATH}[0].exact_match_spec", None, {})]
    assert diff(new, old) == [Change(f"{PATH}[0].exact_match_spec", {}, None)]


def test_a_list_entry_that_changes_is_compared_with_the_one_in_its_place() -> None:
    old, new = metrics("bleu_spec", "exact_match_spec"), metrics("bleu_spec", "rouge_spec")
    assert [change.path for change in diff(old, new)] == [f"{PATH}[1].exact_match_spec", f"{PATH}[1].rouge_spec"]


def test_the_order_of_a_list_counts_and_that_of_a_map_does_not() -> None:
    assert diff(metrics("bleu_spec", "rouge_spec"), metrics("rouge_spec", "bleu_spec"))
    assert not diff(TuningJob(labels={"a": "1", "b": "2"}), TuningJob(labels={"b": "2", "a": "1"}))


@pytest.mark.parametrize(("old", "new"), [(0.0, -0.0), (-0.0, 0.0), (math.nan, -math.nan)])
def test_numbers_that_are_the_same_are_no_change(old: float, new: float) -> None:
    jobs = [TuningJob(), TuningJob()]
    for job, rate in zip(jobs, (old, new), strict=True):
        job.supervised_tuning_spec.hyper_parameters.learning_rate_multiplier = rate
    assert diff(*jobs) == []


def test_unknown_fields_are_compared_by_number() -> None:
    one = TuningJob.FromString(b"\xfa\xff\x03\x02hi\xd8\xff\x03\x05\xd8\xff\x03\x06")
    assert diff(TuningJob(), one) == [Change("8187", None, (5, 6)), Change("8191", None, (b"hi",))]
    assert diff(one, one) == []


def test_an_unknown_enum_value_is_its_number() -> None:
    job = read("unknown-enum-value")
    assert [c.new for c in diff(TuningJob(), job) if isinstance(c.new, int)] != []


def test_what_the_service_says_is_no_difference() -> None:
    assert diff(read("finished-job"), read("request-of-finished-job")) == []


@pytest.mark.parametrize("other", [gemtune.TunedModel(), "a.yaml", None])
def test_other_things_have_no_differences(other: Any) -> None:
    with pytest.raises(TypeError, match=r"a comparison is of a gemtune\.TuningJob, not of a"):
        diff(TuningJob(), other)


# -- what holds for all -----------------------------------------------------------------------------------------------


@given(jobs(), jobs())
def test_no_difference_is_the_same_fingerprint(a: TuningJob, b: TuningJob) -> None:
    assert (diff(a, b) == []) == (canonical(a) == canonical(b))
    assert diff(a, a) == []


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_vectors_differ_where_their_fingerprints_do(name: str) -> None:
    job, text = read(name), canonical(read(name))
    for other in map(read, UNDERSTOOD):
        assert (diff(job, other) == []) == (text == canonical(other))


@given(jobs(), jobs())
def test_the_other_way_round_old_and_new_are_swapped(a: TuningJob, b: TuningJob) -> None:
    forth, back = diff(a, b), diff(b, a)
    assert (forth == []) == (back == [])
    assert {(c.path, repr(c.old)) for c in forth if c.new is None and "[" not in c.path} == {
        (c.path, repr(c.new)) for c in back if c.old is None and "[" not in c.path
    }


@given(jobs())
def test_a_request_asks_for_what_the_job_asks_for(job: TuningJob) -> None:
    request = request_of(job)
    assert canonical(request) == canonical(job)
    assert leaves(request).keys() == leaves(job).keys()
    assert request_of(request) == request


# -- what a job asks for ----------------------------------------------------------------------------------------------


def test_the_request_of_a_finished_job_is_what_was_submitted() -> None:
    assert request_of(read("finished-job")) == read("request-of-finished-job")


def test_a_request_has_no_label_of_our_own_and_keeps_the_others() -> None:
    job = TuningJob(labels={"gemtune-request": "r", "gemtune-spec": "s", "team": "search"})
    assert request_of(job) == TuningJob(labels={"team": "search"})


def test_labels_that_were_all_our_own_leave_none() -> None:
    assert request_of(TuningJob(labels={"gemtune-request": "r"})).SerializeToString() == b""


def test_what_the_service_sets_inside_of_a_message_is_gone() -> None:
    job = TuningJob()
    job.pre_tuned_model.base_model = "gemini-3.5-flash"
    job.pre_tuned_model.tuned_model_name = "projects/p/locations/l/models/1"
    request = request_of(job)
    assert request.pre_tuned_model == gemtune.PreTunedModel(tuned_model_name="projects/p/locations/l/models/1")


def test_a_request_keeps_unknown_fields_but_those_in_what_is_gone() -> None:
    assert request_of(read("unknown-field")).SerializeToString() == read("unknown-field").SerializeToString()
    kept = request_of(read("unknown-field-in-output"))
    assert canonical(kept) == canonical(read("unknown-field-in-output"))
    assert gemtune.fingerprint(kept)


def test_the_job_itself_is_not_changed() -> None:
    job = read("finished-job")
    request_of(job)
    assert job == read("finished-job")


# -- how it reads -----------------------------------------------------------------------------------------------------


def test_a_change_reads_on_a_line() -> None:
    assert str(Change("labels.team", None, "search")) == '+ labels.team: "search"'
    assert str(Change(EPOCHS, 4, None)) == f"- {EPOCHS}: 4"
    assert str(Change(RATE, 1.0, 0.1)) == f"~ {RATE}: 1.0 -> 0.1"


def test_enums_are_bare_and_text_is_quoted() -> None:
    job = from_json(description="ADAPTER_SIZE_FOUR", supervisedTuningSpec={"hyperParameters": {"adapterSize": 2}})
    assert [value_text(v) for v in leaves(job).values()] == ['"ADAPTER_SIZE_FOUR"', "ADAPTER_SIZE_FOUR"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "not set"), (True, "true"), (False, "false"), (10, "10"), (1e-7, "1e-07"), (math.nan, "nan"), ({}, "{}"),
        ("two\nlines", r'"two\nlines"'), ("\x1b[31mred\x9b", r'"\u001b[31mred\u009b"'), ("Zürich 東京", '"Zürich 東京"'),
        ((5, b"hi"), "5, 2 bytes 6869"),
    ],
)  # fmt: skip
def test_a_value_reads_on_a_line_and_cannot_steer_a_terminal(value: Any, text: str) -> None:
    assert value_text(value) == text
