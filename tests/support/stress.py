"""How many: small numbers in an ordinary run, whole ones by `make soak`; and what they are made of."""

from __future__ import annotations

import os
from collections.abc import Iterable

import gemtune

__all__ = ["SOAK", "named", "spec"]

SOAK = bool(os.environ.get("GEMTUNE_SOAK"))


def spec(**fields: str) -> gemtune.TuningJob:
    """A job that may be created."""
    return gemtune.TuningJob(
        base_model="gemini-2.5-flash",
        supervised_tuning_spec=gemtune.SupervisedTuningSpec(training_dataset_uri="gs://bucket/train.jsonl"),
        **fields,
    )


def named(jobs: Iterable[gemtune.TuningJob]) -> list[str]:
    """Their names, in order."""
    return sorted(job.name for job in jobs)
