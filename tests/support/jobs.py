"""Jobs that tests begin with."""

from __future__ import annotations

from typing import Any

import gemtune
from gemtune.specs import Finding

GOOD = """\
base_model: gemini-3.5-flash
tuned_model_display_name: summaries
labels:
  team: search
supervised_tuning_spec:
  training_dataset_uri: gs://acme/train.jsonl
  validation_dataset_uri: gs://acme/validation.jsonl
  hyper_parameters:
    epoch_count: 4
    learning_rate_multiplier: 1.0
    adapter_size: ADAPTER_SIZE_FOUR
"""
OPEN = """\
base_model: meta/llama3_1@llama-3.1-8b
output_uri: gs://acme/out
supervised_tuning_spec:
  training_dataset_uri: gs://acme/train.jsonl
  tuning_mode: TUNING_MODE_PEFT_ADAPTER
  hyper_parameters: {epoch_count: 2, learning_rate: 0.0001, batch_size: 8}
"""
KEY = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"
MODEL = "projects/p/locations/us-central1/models/77@1"


def spec(**fields: Any) -> gemtune.TuningJob:
    """A job that may be created; `fields` replace or add to what it says."""
    tuning = gemtune.SupervisedTuningSpec(training_dataset_uri="gs://bucket/train.jsonl")
    return gemtune.TuningJob(**{"base_model": "gemini-3.5-flash", "supervised_tuning_spec": tuning} | fields)


def good() -> gemtune.TuningJob:
    """A job that nothing is wrong with."""
    return gemtune.loads_spec(GOOD, "yaml")


def changed(**fields: Any) -> gemtune.TuningJob:
    """The good job with other fields; a path has `__` between its parts."""
    job = good()
    for path, value in fields.items():
        message: Any = job
        *parents, name = path.split("__")
        for parent in parents:
            message = getattr(message, parent)
        if isinstance(value, dict):
            getattr(message, name).update(value)
        elif isinstance(value, (str, int, float, bool)):
            setattr(message, name, value)
        else:
            getattr(message, name).CopyFrom(value)
    return job


def rules(findings: list[Finding]) -> list[str]:
    return [finding.rule_id for finding in findings]


def only(findings: list[Finding], rule_id: str) -> Finding:
    found = [finding for finding in findings if finding.rule_id == rule_id]
    assert len(found) == 1, f"{rule_id} among {rules(findings)}"
    return found[0]
