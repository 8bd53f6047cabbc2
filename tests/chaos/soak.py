"""How many, and what is shown of it: small numbers in an ordinary run, whole ones by `make soak`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

import pytest

import gemtune

__all__ = ["SOAK", "Figures", "named", "spec"]

SOAK = bool(os.environ.get("GEMTUNE_SOAK"))


class Figures:
    """Prints what a proof has counted, past pytest's capture."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._began = time.monotonic()

    def __call__(self, line: str) -> None:
        with self._capsys.disabled():
            print(f"\n{line}, in {time.monotonic() - self._began:.0f} s", flush=True)


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
