"""What is known of base models: data that a user can extend and override."""

from __future__ import annotations

from pathlib import Path

import pytest

import gemtune
from gemtune.errors import SpecFileError
from gemtune.specs import catalogue, read_catalogue
from tests.support.jobs import changed, rules

# Documented and published: what would be a mistake to lose when the table is next edited.
SIZES = {
    "gemini-1.0-pro-002": ((1, 4, 8, 16), 1),
    "gemini-1.5-pro-002": ((1, 4), 4),
    "gemini-1.5-flash-002": ((1, 4, 8, 16), 8),
    "gemini-2.0-flash-001": ((1, 2, 4, 8, 16), None),
    "gemini-2.0-flash-lite-001": ((1, 2, 4, 8, 16), None),
    "gemini-2.5-flash": ((1, 2, 4, 8, 16), None),
    "gemini-2.5-flash-lite": ((1, 2, 4, 8, 16), None),
    "gemini-2.5-pro": ((1, 2, 4, 8), None),
    "gemini-3.1-flash-lite": ((1, 2, 4, 8, 16), None),
    "gemini-3.5-flash": ((1, 2, 4, 8, 16), None),
    "gemini-3.5-flash-lite": ((1, 2, 4, 8, 16), None),
    "translation-llm-002": ((), None),
}


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "models.yaml"
    path.write_text(text)
    return path


def test_the_models_and_ranks_that_are_documented() -> None:
    known = catalogue({})
    default = "default_adapter_size"
    assert {
        model.name: (tuple(model.adapter_sizes), model.default_adapter_size if model.HasField(default) else None)
        for model in known
    } == SIZES


def test_every_entry_has_a_source_and_a_date() -> None:
    assert all(model.source and model.date for model in catalogue({}))


def test_a_date_without_quotes_is_no_number() -> None:
    entry = catalogue({}).get("gemini-2.0-flash-001")
    assert entry is not None
    assert entry.retired == "2026-06-01"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("gemini-2.5-flash", "google"),
        ("publishers/google/models/gemini-2.5-flash", "google"),
        ("gemini-9-ultra", "google"),
        ("google/gemma3@gemma-3-27b-it", "open"),
        ("publishers/google/models/gemma3@gemma-3-27b-it", "open"),
        ("meta/llama3_1@llama-3.1-8b", "open"),
        ("publishers/meta/models/llama3_1@llama-3.1-8b", "open"),
        ("models/gemini-2.5-flash", "google"),
        ("something", ""),
        ("projects/p/locations/l/models/5", ""),
    ],
)
def test_the_kind_of_a_model_shows_in_its_name(name: str, kind: str) -> None:
    assert catalogue({}).kind(name) == kind


def test_a_users_file_extends_and_overrides(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """\
models:
  gemini-2.5-pro: {adapter_sizes: [32], source: our own trial, date: 2026-11-20}
  our-model: {kind: google, regions: [us-west1], regions_complete: true}
fields:
  TuningJob.description: {kind: open}
""",
    )
    models = read_catalogue(path)
    pro = models.get("gemini-2.5-pro")
    assert pro is not None
    assert (tuple(pro.adapter_sizes), pro.tokens_per_example, pro.source) == ((32,), 131072, "our own trial")
    job = changed(base_model="our-model", description="x")
    assert rules(gemtune.check(job, models=models, location="us-east1")) == ["model-region", "model-field"]
    assert rules(gemtune.check(job, location="us-east1")) == ["model-unknown"]


def test_null_takes_a_limit_away(tmp_path: Path) -> None:
    models = read_catalogue(written(tmp_path, "models: {gemini-2.5-pro: {adapter_sizes: null}}"))
    job = changed(base_model="gemini-2.5-pro", supervised_tuning_spec__hyper_parameters__adapter_size=5)
    assert rules(gemtune.check(job)) == ["model-retiring", "adapter-size"]
    assert rules(gemtune.check(job, models=models)) == ["model-retiring"]


@pytest.mark.parametrize("text", ["models:", "fields: null", "models: {gemini-2.5-pro: {adapterSizes: null}}"])
def test_a_section_may_be_empty_and_a_name_in_json_spelling(text: str, tmp_path: Path) -> None:
    assert read_catalogue(written(tmp_path, text)).get("gemini-2.5-pro") is not None


def test_the_file_is_named_by_the_environment(tmp_path: Path) -> None:
    path = written(tmp_path, "models: {our-model: {kind: google}}")
    assert catalogue({"GEMTUNE_MODELS": str(path)}).get("our-model") is not None
    assert catalogue({"HOME": str(tmp_path)}).get("our-model") is None


@pytest.mark.parametrize(("variable", "folder"), [("XDG_CONFIG_HOME", "gemtune"), ("HOME", ".config/gemtune")])
def test_the_file_has_a_place_of_its_own(variable: str, folder: str, tmp_path: Path) -> None:
    (tmp_path / folder).mkdir(parents=True)
    written(tmp_path / folder, "models: {our-model: {kind: google}}")
    assert catalogue({variable: str(tmp_path)}).get("our-model") is not None


def test_check_minds_the_users_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMTUNE_MODELS", str(written(tmp_path, "models: {our-model: {kind: google}}")))
    assert gemtune.check(changed(base_model="our-model")) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "models: {m: {kind: google, adapter_size: [1]}}",
            "1:28: .*adapter_size: no such field; did you mean adapter_sizes",
        ),
        (
            "models: {m: {kind: google, adapter_sizes: [3]}}",
            "adapter_sizes: a rank is one of 1, 2, 4, 8, 16, 32",
        ),
        ("models: {m: {kind: google, adapter_sizes: 4}}", "adapter_sizes: 4 is not a list"),
        ("models: {m: {kind: google, cmek: maybe}}", "cmek: .*true or false"),
        ("models: {m: {kind: google, training_bytes: 1.5}}", "training_bytes: 1.5 is not a whole number"),
        ("models: {m: {kind: google, validation_share: 30}}", "a number from 0 to 1 is wanted"),
        ("models: {m: {kind: google, regions: us-central1}}", "regions: us-central1 is not a list"),
        ("models: {m: {kind: google, source: [a]}}", "source: .*text"),
        ("models: {m: {}}", "m has no kind; write kind: google, or kind: open"),
        ("models: {m: {kind: closed}}", "m has no kind"),
        ("models: [m]", "models: a list is not a mapping"),
        ("modles: {}", "modles: no such field; did you mean models"),
        ("fields: {TuningJob.nothing: {kind: open}}", "TuningJob.nothing: no such field"),
        ("fields: {Nothing.x: {kind: open}}", "Nothing.x: no such field"),
        ("fields: {TuningJob.labels: {kind: closed}}", "a field has kind: google or open"),
        ("models: {m: {kind: !!str google}}", "YAML tag"),
        ("models: {m: ]", "not YAML"),
    ],
)
def test_a_mistake_in_the_users_file_has_its_place(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SpecFileError, match=said) as caught:
        read_catalogue(written(tmp_path, text))
    assert caught.value.line == 1


def test_a_users_file_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(SpecFileError, match="the catalogue of base models cannot be read: No such file"):
        catalogue({"GEMTUNE_MODELS": "/nowhere/models.yaml"})


def test_retired_models_are_offered_no_longer() -> None:
    finding = gemtune.check(changed(base_model="gemini-1.0-pro-002"))[0]
    assert "gemini-3.5-flash" in finding.remedy
    assert "gemini-2" not in finding.remedy, "closed to new projects"
    assert "gemini-1" not in finding.remedy
