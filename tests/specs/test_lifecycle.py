"""When base models come and go: what the catalogue says, and what is said of it before and after a day."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import gemtune
from gemtune.errors import SpecFileError
from gemtune.specs import Catalogue, Severity, catalogue, check_request, read_catalogue
from gemtune.specs.lifecycle import KINDS, Stage, kind_of_tuning, lifecycle_of, limits_for, served_from, stage_of
from gemtune_pb.v1 import BaseModel, Lifecycle, TuningJob, TuningLimits
from tests.specs.test_commands import gemtune as command
from tests.support.jobs import changed, good, only, rules

MODELS = """\
models:
  gemini-3.9-flash:
    kind: google
    regions: [us-central1]
    regions_complete: true
    adapter_sizes: [4]
    lifecycle:
      released: 2026-01
      closed: 2027-02-01
      shutdown: 2027-03-01
      replacement: gemini-3.5-flash
      note: projects that used it may go on
      source: a page of ours
      date: 2026-11-30
    tuning:
      preference: {adapter_sizes: [8], source: another page, date: 2026-10, lifecycle: {closed: 2027-01-01}}
      reinforcement: {regions: [europe-west4], served_from: [eu], api_version: v1beta1, preview: true}
      continuous: {lifecycle: {shutdown: 2028-01-01}}
"""
BEFORE, CLOSED, OVER = date(2027, 1, 31), date(2027, 2, 1), date(2027, 3, 1)


@pytest.fixture
def models(tmp_path: Path) -> Catalogue:
    path = tmp_path / "models.yaml"
    path.write_text(MODELS)
    return read_catalogue(path)


def own(models: Catalogue) -> BaseModel:
    model = models.get("gemini-3.9-flash")
    assert model is not None
    return model


# -- readers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("life", "day", "stage"),
    [
        ({}, "2026-12-01", Stage.OFFERED),
        ({"released": "2026", "shutdown_not_before": "2026-01-01"}, "2026-12-01", Stage.OFFERED),
        ({"closed": "2026-12-02"}, "2026-12-01", Stage.CLOSING),
        ({"shutdown": "2026-12-02"}, "2026-12-01", Stage.CLOSING),
        ({"closed": "2026-12-01"}, "2026-12-01", Stage.CLOSED),
        ({"closed": "2026-12"}, "2026-11-30", Stage.CLOSING),
        ({"closed": "2026-12"}, "2026-12-01", Stage.CLOSED),
        ({"closed": "2026", "shutdown": "2026-12-02"}, "2026-12-01", Stage.CLOSED),
        ({"closed": "2026", "shutdown": "2026-12-02"}, "2026-12-02", Stage.RETIRED),
        ({"shutdown": "2027"}, "2027-01-01", Stage.RETIRED),
    ],
)
def test_where_a_model_is_in_its_life(life: dict[str, str], day: str, stage: Stage) -> None:
    assert stage_of(BaseModel(lifecycle=Lifecycle(**life)), date.fromisoformat(day)) is stage


def test_what_is_retired_is_so_whatever_the_day() -> None:
    model = BaseModel(retired="2026-06-01", lifecycle=Lifecycle(replacement="x"))
    assert stage_of(model, date(2020, 1, 1)) is Stage.RETIRED
    assert lifecycle_of(model) == Lifecycle(shutdown="2026-06-01", replacement="x")


def test_a_kind_of_tuning_has_dates_of_its_own_over_the_models(models: Catalogue) -> None:
    model = own(models)
    assert [stage_of(model, BEFORE, kind) for kind in ("", "supervised", "preference")] == [
        Stage.CLOSING,
        Stage.CLOSING,
        Stage.CLOSED,
    ]
    assert lifecycle_of(model, "preference").shutdown == "2027-03-01"
    assert stage_of(model, OVER, "continuous") is Stage.CLOSED


def test_limits_of_a_kind_of_tuning_are_over_the_models_own(models: Catalogue) -> None:
    model = own(models)
    assert limits_for(model, "") is limits_for(model, "supervised") is limits_for(model, "continuous") is model
    preference = limits_for(model, "preference")
    assert (list(preference.adapter_sizes), list(preference.regions)) == ([8], ["us-central1"])
    assert (preference.source, preference.date) == ("another page", "2026-10")
    reinforcement = limits_for(model, "reinforcement")
    assert (list(reinforcement.adapter_sizes), list(reinforcement.regions)) == ([4], ["europe-west4"])
    assert not reinforcement.regions_complete, "that was said of another list"
    assert list(model.adapter_sizes) == [4], "the catalogue itself is not changed"


def test_every_limit_of_a_kind_is_a_limit_of_a_model_of_the_same_type() -> None:
    ours = {field.name: field for field in BaseModel.DESCRIPTOR.fields}
    for field in TuningLimits.DESCRIPTOR.fields:
        if field.name not in ("api_version", "preview"):
            assert (field.type, field.is_repeated) == (ours[field.name].type, ours[field.name].is_repeated)


def test_the_kind_of_tuning_of_a_job() -> None:
    tuned = gemtune.PreTunedModel(tuned_model_name="projects/p/locations/l/models/1")
    supervised, preference = gemtune.SupervisedTuningSpec(), gemtune.PreferenceOptimizationSpec()
    assert kind_of_tuning(TuningJob(supervised_tuning_spec=supervised)) == "supervised"
    assert kind_of_tuning(TuningJob(supervised_tuning_spec=supervised, pre_tuned_model=tuned)) == "continuous"
    assert kind_of_tuning(TuningJob(preference_optimization_spec=preference)) == "preference"
    assert kind_of_tuning(TuningJob(preference_optimization_spec=preference, pre_tuned_model=tuned)) == "preference"
    assert kind_of_tuning(TuningJob(distillation_spec=gemtune.DistillationSpec())) == ""


@pytest.mark.parametrize(
    ("places", "region", "answers"),
    [
        (["us", "eu"], "us-central1", "us"),
        (["us", "eu"], "europe-west4", "eu"),
        (["us", "eu"], "asia-east1", "asia-east1"),
        ([], "us-central1", "us-central1"),
    ],
)
def test_where_a_tuned_model_answers(places: list[str], region: str, answers: str) -> None:
    assert served_from(BaseModel(served_from=places), region) == answers


# -- gemtune's own catalogue ----------------------------------------------------------------------------------------------


def test_dates_that_are_documented() -> None:
    known = {model.name: lifecycle_of(model) for model in catalogue({})}
    for name, released, earliest in (
        ("gemini-3.5-flash", "2026-05-19", "2027-05-19"),
        ("gemini-3.5-flash-lite", "2026-07-21", "2027-07-21"),
        ("gemini-3.1-flash-lite", "2026-05-07", "2027-05-07"),
        ("gemini-2.5-flash", "2025-06-17", "2027-03-31"),
        ("gemini-2.5-pro", "2025-06-17", "2027-03-31"),
        ("gemini-2.5-flash-lite", "2025-07-22", "2027-01-28"),
    ):
        assert (known[name].released, known[name].shutdown_not_before) == (released, earliest)
        assert bool(known[name].closed) is name.startswith("gemini-2.5")
    assert "2026-10-20" in known["gemini-2.5-flash"].note


def test_every_date_and_limit_has_a_source_and_a_date_of_its_own() -> None:
    for model in catalogue({}):
        for life in (model.lifecycle, *(kind.lifecycle for kind in model.tuning.values())):
            assert life == Lifecycle() or (life.source and life.date), model.name
        for kind, limits in model.tuning.items():
            assert kind in KINDS
            filled = [field.name for field, _ in limits.ListFields() if field.name != "lifecycle"]
            assert not filled or (limits.source and limits.date), (model.name, kind)


def test_a_model_that_goes_has_a_replacement_that_stays() -> None:
    known = catalogue({})
    for model in known:
        if stage_of(model, date.min) is not Stage.OFFERED and not model.name.startswith("translation"):
            other = known.get(lifecycle_of(model).replacement)
            assert other is not None, model.name
            assert stage_of(other, date.min) is Stage.OFFERED


def test_kinds_of_tuning_that_are_documented() -> None:
    kinds = {model.name: set(model.tuning) for model in catalogue({}) if model.tuning}
    assert kinds == {
        "gemini-2.5-flash": {"supervised", "preference", "continuous"},
        "gemini-2.5-flash-lite": {"supervised", "preference", "continuous"},
        "gemini-2.5-pro": {"supervised", "continuous"},
        "gemini-3.1-flash-lite": {"supervised", "continuous"},
        "gemini-3.5-flash": {"supervised", "reinforcement", "continuous"},
        "gemini-3.5-flash-lite": {"supervised"},
    }


# -- the rule -------------------------------------------------------------------------------------------------------------


def test_before_the_day_there_is_a_warning_with_the_date(models: Catalogue) -> None:
    (finding,) = gemtune.check(small(), models=models, today=BEFORE)
    assert (finding.rule_id, finding.severity) == ("model-retiring", Severity.WARNING)
    assert finding.sentence == (
        "gemini-3.9-flash is going to be closed to new projects on 2027-02-01 and ends on 2027-03-01: projects that used it "
        "may go on; use gemini-3.5-flash"
    )
    assert (finding.source, finding.date) == ("a page of ours", "2026-11-30")


def small(**fields: Any) -> gemtune.TuningJob:
    return changed(base_model="gemini-3.9-flash", **fields)


def test_after_it_the_warning_says_who_may_still_use_it(models: Catalogue) -> None:
    (finding,) = gemtune.check(small(), models=models, today=CLOSED)
    assert finding.rule_id == "model-retiring"
    assert finding.sentence == (
        "gemini-3.9-flash is closed to new projects (since 2027-02-01) and ends on 2027-03-01: projects that used it may go "
        "on; use gemini-3.5-flash"
    )


def test_after_its_end_it_is_retired(models: Catalogue) -> None:
    (finding,) = gemtune.check(small(), models=models, today=OVER)
    assert finding.rule_id == "model-retired"
    assert finding.message == "gemini-3.9-flash is no longer offered by the service (as of 2027-03-01)"
    assert finding.source == "a page of ours"


def test_the_day_can_be_given_wherever_a_job_is_checked(models: Catalogue) -> None:
    assert not gemtune.validate(small(), models=models, today=OVER).field_violations
    gemtune.specs.require_valid(small(), models=models, today=OVER)
    parent = "projects/p/locations/us-central1"
    assert "model-retired" in rules(check_request(parent, small(), models=models, today=OVER))
    assert "model-retired" not in rules(check_request(parent, small(), models=models, today=CLOSED))


def test_a_model_whose_end_is_not_announced_is_not_warned_of() -> None:
    assert gemtune.check(good(), today=date(2030, 1, 1)) == []


def test_a_replacement_that_is_tuned_elsewhere_says_where(models: Catalogue) -> None:
    finding = only(gemtune.check(small(), models=models, today=CLOSED, location="us-east1"), "model-retiring")
    assert finding.remedy == "use gemini-3.5-flash, which is tuned in us-central1, europe-west4"


def test_a_replacement_that_goes_as_well_is_not_named(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    path.write_text(f"{MODELS}  gemini-3.5-flash: {{lifecycle: {{closed: 2027-01-01}}}}\n")
    finding = only(gemtune.check(small(), models=read_catalogue(path), today=CLOSED), "model-retiring")
    assert finding.remedy == "offered are gemini-3.5-flash-lite, gemini-3.1-flash-lite, translation-llm-002"


def test_a_kind_of_tuning_may_close_before_its_model(models: Catalogue) -> None:
    job = small()
    job.preference_optimization_spec.training_dataset_uri = "gs://acme/train.jsonl"
    finding = only(gemtune.check(job, models=models, today=date(2027, 1, 1), api_version="v1beta1"), "model-retiring")
    assert "is closed to new projects (since 2027-01-01)" in finding.message
    parameters = job.preference_optimization_spec.hyper_parameters
    parameters.adapter_size = gemtune.adapter_size(4)
    found = only(gemtune.check(job, models=models, today=BEFORE, api_version="v1beta1"), "adapter-size")
    assert (found.remedy, found.source) == ("it takes 8 (ADAPTER_SIZE_EIGHT)", "another page")


def test_a_tuned_model_ends_with_its_base_model_where_that_is_known(models: Catalogue) -> None:
    name = "projects/p/locations/us-central1/models/7@1"
    job = changed(pre_tuned_model=gemtune.PreTunedModel(tuned_model_name=name))
    assert gemtune.check(job, models=models, today=CLOSED) == [], "its base model is not known"
    job.pre_tuned_model.base_model = "gemini-3.9-flash"
    finding = only(gemtune.check(job, models=models, today=CLOSED), "model-retiring")
    assert finding.field == "pre_tuned_model.base_model"
    assert finding.message.startswith("gemini-3.9-flash, which the tuned model is of and ends with, is closed to new")


# -- a file of the user's -------------------------------------------------------------------------------------------------


def test_a_users_file_says_only_what_differs_of_a_life_and_of_a_kind(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    path.write_text(
        """\
models:
  gemini-2.5-flash:
    lifecycle: {closed: null, note: ours is a paying project}
    tuning: {preference: {trainingBytes: 5}}
    media: {image: {per_example: 3}}
"""
    )
    model = read_catalogue(path).get("gemini-2.5-flash")
    before = catalogue({}).get("gemini-2.5-flash")
    assert model is not None
    assert before is not None
    assert stage_of(model, date(2026, 12, 1)) is Stage.OFFERED
    assert (model.lifecycle.released, model.lifecycle.note) == ("2025-06-17", "ours is a paying project")
    assert set(model.tuning) == set(before.tuning)
    preference = model.tuning["preference"]
    assert (preference.training_bytes, preference.training_examples) == (5, 10_000_000)
    assert (model.media["image"].per_example, model.media["image"].bytes) == (3, 20_000_000)
    assert before.tuning["preference"].training_bytes == 1_000_000_000, "gemtune's own is as it was"


@pytest.mark.parametrize(
    ("entry", "column", "said"),
    [
        ("lifecycle: {closed: soon}", 41, "closed: 'soon' is not a date; write 2026-10-20, 2026-10 or 2026"),
        ("lifecycle: {shutdown: 2027-02-30}", 43, "shutdown: '2027-02-30' is not a date"),
        ("lifecycle: {shutdown_not_before: 2027-13}", 54, "'2027-13' is not a date"),
        ("lifecycle: {released: 20270101}", 43, "'20270101' is not a date"),
        ("lifecycle: {closed: 2027-02-01, shutdown: 2027-01}", 63, "shutdown: 2027-01 is before closed, 2027-02-01"),
        ("retired: yes", 30, "retired: 'yes' is not a date"),
        ("date: today", 27, "date: 'today' is not a date"),
        ("tuning: {sft: {}}", 30, "tuning.sft: no such kind of tuning; the kinds are supervised, preference,"),
        ("tuning: {preference: {lifecycle: {closed: x}}}", 63, "tuning.preference.lifecycle.closed: 'x' is not a date"),
    ],
)
def test_a_mistake_in_a_date_has_its_line_and_column(entry: str, column: int, said: str, tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    path.write_text(f"models:\n  m: {{kind: google, {entry}}}\n")
    with pytest.raises(SpecFileError) as caught:
        read_catalogue(path)
    assert said in str(caught.value)
    assert (caught.value.line, caught.value.column) == (2, column)


@pytest.mark.parametrize("dates", ["closed: 2027-02-01, shutdown: 2027-02", "closed: 2027-02, shutdown: 2027-02-01"])
def test_a_day_is_neither_before_nor_after_its_month(dates: str, tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    path.write_text(f"models:\n  m: {{kind: google, lifecycle: {{{dates}}}}}\n")
    assert read_catalogue(path).get("m") is not None


# -- the command line -----------------------------------------------------------------------------------------------------


def test_the_list_of_models_says_where_each_is_in_its_life(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("models: {our-model: {kind: google, lifecycle: {closed: 9999-01-01, shutdown: 9999-02}}}")
    listed = command("models", "--all", cwd=tmp_path, GEMTUNE_MODELS="mine.yaml").stdout
    status = {line.split()[0]: line.split("  ")[1:] for line in listed.splitlines()}
    for name, said in {
        "gemini-3.5-flash": "offered",
        "our-model": "closing 9999-01-01",
        "gemini-2.5-pro": "closed to new projects 2026-09-20",
        "gemini-2.0-flash-001": "retired 2026-06-01",
    }.items():
        assert said in [cell.strip() for cell in status[name]], name


def test_one_model_is_shown_with_what_is_within_it_readably(tmp_path: Path) -> None:
    shown = command("models", "gemini-2.5-flash", cwd=tmp_path).stdout
    assert "{" not in shown
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert lines[0] == "status closed to new projects 2026-09-20"
    at = lines.index("lifecycle")
    assert lines[at + 1 : at + 3] == ["released 2025-06-17", "closed 2026-09-20"]
    assert "replacement gemini-3.5-flash-lite" in lines
    assert "  preference" in shown
    whole = json.loads(command("models", "gemini-2.5-flash", "-o", "json", cwd=tmp_path).stdout)
    assert whole["tuning"]["preference"]["adapter_sizes"] == [1, 2, 4, 8, 16]
    assert whole["lifecycle"]["closed"] == "2026-09-20"
    assert whole["media"]["image"] == {"per_example": 30, "bytes": 20_000_000}


def test_validate_warns_of_a_model_that_is_closed(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(
        "base_model: gemini-2.5-flash\nsupervised_tuning_spec:\n  training_dataset_uri: gs://acme/train.jsonl\n"
        "  hyper_parameters: {epoch_count: 4}\n"
    )
    done = command("validate", "spec.yaml", cwd=tmp_path)
    assert done.returncode == 0
    assert "warning[model-retiring]: gemini-2.5-flash is closed to new projects (since 2026-09-20)" in done.stderr
    assert "spec.yaml:1:13" in done.stderr
    assert "2026-10-20" in done.stderr
    assert "use gemini-3.5-flash-lite" in done.stderr
