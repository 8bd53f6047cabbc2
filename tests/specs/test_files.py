"""Spec files: what they may look like, and what is said about those that cannot be read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import gemtune
from gemtune.specs import SpecFileInvalid

YAML = """\
base_model: gemini-2.5-flash
tunedModelDisplayName: summaries
supervisedTuningSpec:
  training_dataset_uri: gs://acme/train.jsonl
  hyper_parameters:
    epochCount: 4
    adapter_size: ADAPTER_SIZE_FOUR
"""
JOB = gemtune.TuningJob(
    base_model="gemini-2.5-flash",
    tuned_model_display_name="summaries",
    supervised_tuning_spec=gemtune.SupervisedTuningSpec(
        training_dataset_uri="gs://acme/train.jsonl",
        hyper_parameters=gemtune.SupervisedHyperParameters(epoch_count=4, adapter_size=gemtune.adapter_size(4)),
    ),
)


def refusal(text: str, form: str = "yaml") -> SpecFileInvalid:
    with pytest.raises(SpecFileInvalid) as caught:
        gemtune.loads_spec(text, form)
    return caught.value


def test_both_spellings_of_names_may_be_mixed_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(YAML)
    assert gemtune.load_spec(path) == JOB


def test_an_unknown_field_is_named_with_its_place_and_the_nearest_valid_name() -> None:
    error = refusal(YAML + "    learning_rate_multiplyer: 1\n")
    assert (error.line, error.column) == (8, 5)
    assert str(error) == ("<text>:8:5: learning_rate_multiplyer: no such field; did you mean learning_rate_multiplier?")


@pytest.mark.parametrize("bare", ["4", '"4"', "4.0", "'4'"])
def test_a_bare_number_for_the_adapter_size_is_refused_with_the_names_it_could_have_meant(bare: str) -> None:
    error = refusal(YAML.replace("ADAPTER_SIZE_FOUR", bare))
    assert error.line == 7
    assert "ADAPTER_SIZE_FOUR for rank 4" in str(error)
    assert "ADAPTER_SIZE_SIXTEEN for rank 16" in str(error)


def test_all_mistakes_are_told_at_once_and_as_violations_too() -> None:
    error = refusal("bass_model: a\ndescription: [1]\n")
    assert [(v.field, v.reason) for v in error.violations.field_violations] == [
        ("bass_model", "unknown-field"),
        ("description", "wrong-type"),
    ]


def test_importing_gemtune_loads_no_yaml() -> None:
    program = "import sys, gemtune, gemtune.specs; assert 'yaml' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
