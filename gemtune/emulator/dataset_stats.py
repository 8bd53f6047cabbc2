"""What the service says of a job's datasets: of the files where there are any, made up where there are none."""

from __future__ import annotations

import hashlib
import math
import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from google.rpc import code_pb2, status_pb2

from gemtune.dataset.distribution import distribution
from gemtune.dataset.limits import Limits
from gemtune.emulator.dataset_reading import Reading, read
from gemtune.emulator.gcs_root import GcsRoot
from gemtune_pb.v1 import SupervisedTuningDataStats, TuningDataStats, TuningJob

__all__ = ["JobData", "Statistics"]

_KINDS = {
    "supervised_tuning_spec": "sft",
    "preference_optimization_spec": "preference",
    "reinforcement_tuning_spec": "reinforcement",
}
_SYNTHETIC_ROWS, _SYNTHETIC_EXAMPLES = 500, 3


@dataclass(frozen=True)
class JobData:
    """What the service makes of a job's datasets.

    Attributes:
        stats: The statistics that the job shows; None: it shows none.
        of_file: Whether they come from files, which may be others tomorrow.
        refusal: Why the job is not created; "": nothing speaks against it.
        failure: What the job fails with before it trains; None: it does not.
    """

    stats: TuningDataStats | None = None
    of_file: bool = False
    refusal: str = ""
    failure: status_pb2.Status | None = None


class Statistics:
    """Statistics of datasets: of the file where there is one, made up where there is none."""

    def __init__(self, gcs_root: str | Path | None = None) -> None:
        """Reads nothing yet.

        Args:
            gcs_root: A directory that stands for Cloud Storage: `gs://bucket/object` is its file `bucket/object`.

        Raises:
            ConfigurationError: It is not a directory.
        """
        self._root = GcsRoot(gcs_root) if gcs_root is not None else None

    def of(self, job: TuningJob, base_model: str) -> JobData:
        """Reads a job's datasets, those for training and for validation. Only supervised tuning has statistics here.

        Args:
            job: The job.
            base_model: The base model that its data are for.
        """
        spec = job.WhichOneof("tuning_spec")
        if spec not in _KINDS:
            return JobData()
        limits = Limits.of(base_model, _KINDS[spec])
        uri = getattr(job, spec).training_dataset_uri
        training = self._reading(uri, limits, "training")
        readings = [training, self._reading(getattr(job, spec).validation_dataset_uri, limits, "validation")]
        stats = None
        if limits.job == "sft" and not isinstance(training, status_pb2.Status):
            stats = TuningDataStats(supervised_tuning_data_stats=training.stats if training else _synthetic(uri))
        refusals = [reading.refusal for reading in readings if isinstance(reading, Reading) and reading.refusal]
        failures = [failure for failure in map(_failure, readings) if failure is not None]
        return JobData(
            stats,
            training is not None,
            refusals[0] if refusals else "",
            failures[0] if failures else None,
        )

    def _reading(self, uri: str, limits: Limits, role: str) -> Reading | status_pb2.Status | None:
        """What is read of a URI; an error where its bucket alone is there; None where nothing is known of it."""
        if self._root is None:
            return None
        file = self._root.open(uri)
        if file is None:
            missing = self._root.lacks(uri)
            return status_pb2.Status(code=code_pb2.NOT_FOUND, message=f"{uri} does not exist.") if missing else None
        with file:
            found = os.fstat(file.fileno())
            content = _Content((found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size), file)
            try:
                return _of_file(content, limits.base_model, limits.job, role)
            except OSError:  # a disk that fails
                return None


def _failure(reading: Reading | status_pb2.Status | None) -> status_pb2.Status | None:
    if not isinstance(reading, Reading):
        return reading
    failure = reading.failure
    return status_pb2.Status(code=code_pb2.INVALID_ARGUMENT, message=failure) if failure else None


@dataclass(frozen=True)
class _Content:
    """An open file, and what tells its content from others: two of the same content are equal."""

    identity: tuple[int, ...]
    file: BinaryIO = field(compare=False)


@lru_cache(maxsize=16)
def _of_file(content: _Content, base_model: str, job: str, role: str) -> Reading:
    return read(content.file, Limits.of(base_model, job), role)


@lru_cache(maxsize=256)
def _synthetic(uri: str) -> SupervisedTuningDataStats:
    """Statistics of a dataset that is not there: 500 rows, always the same ones for the same URI."""
    seed = int.from_bytes(hashlib.sha256(uri.encode()).digest()[:8], "big")
    source = random.Random(seed)  # noqa: S311  made-up data, no secret
    inputs = distribution(Counter(_counts(source, around=400, least=25, most=3000)))
    outputs = distribution(Counter(_counts(source, around=40, least=3, most=240)))
    stats = SupervisedTuningDataStats(
        tuning_dataset_example_count=_SYNTHETIC_ROWS,
        user_input_token_distribution=inputs,
        user_output_token_distribution=outputs,
        user_message_per_example_distribution=distribution({2: _SYNTHETIC_ROWS}),
        total_billable_token_count=inputs.sum + outputs.sum,
    )
    for number in range(1, _SYNTHETIC_EXAMPLES + 1):
        for role, text in (("user", f"Example {number} of {uri}, made up by the emulator."), ("model", "An answer.")):
            stats.user_dataset_examples.add(role=role).parts.add(text=text)
    return stats


def _counts(source: random.Random, *, around: int, least: int, most: int) -> Iterator[int]:
    for _ in range(_SYNTHETIC_ROWS):
        yield min(max(round(source.lognormvariate(math.log(around), 0.6)), least), most)
