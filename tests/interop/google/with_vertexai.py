"""The vertexai SDK: its documented polling loop, with the experiment that it asks MetadataService for.

It has its own face, so it has steps of its own. Its channels are made without TLS and nothing else is changed.
"""

from __future__ import annotations

import importlib
import inspect
import runpy
import time
from pathlib import Path
from typing import Any
from unittest import mock

from steps import BASE_MODEL, LABEL, LOCATION, MISSING, PROJECT, TRAINING, UMLAUTS, VALIDATION, Log, credentials


class VertexAi:
    """`vertexai.preview.tuning.sft` over gRPC, v1beta1 for jobs and v1 for their experiments."""

    name = "vertexai"
    distribution = "google-cloud-aiplatform"

    def __init__(self, address: str):
        import grpc
        import vertexai
        from google.api_core import grpc_helpers

        def channel(_host: str, **options: Any) -> Any:
            return grpc.insecure_channel(address, options=options.get("options"))

        self._patch = mock.patch.object(grpc_helpers, "create_channel", channel)
        self._patch.start()
        vertexai.init(project=PROJECT, location=LOCATION, credentials=credentials(), api_transport="grpc")

    def close(self) -> None:
        self._patch.stop()

    def walk(self, log: Log, *, mark: str, patience: float = 30.0, pause: float = 0.1) -> None:
        """Train, poll to the end, look at everything, list, cancel, rebase."""
        from google.api_core import exceptions
        from google.cloud import aiplatform
        from vertexai.preview.tuning import sft

        def poll(job: Any) -> None:
            deadline = time.monotonic() + patience
            while not job.has_ended:
                assert time.monotonic() < deadline, f"{job.resource_name} is still {job.state} after {patience} s"
                time.sleep(pause)
                job.refresh()

        log("names", "inspect.signature(sft.train), ...", [])
        _compare_names()

        log("train", "sft.train(source_model=..., train_dataset=..., ...)", [])
        job = sft.train(
            source_model=BASE_MODEL,
            train_dataset=TRAINING,
            validation_dataset=VALIDATION,
            epochs=4,
            adapter_size=4,
            learning_rate_multiplier=0.5,
            tuned_model_display_name=UMLAUTS,
            labels={LABEL: mark},
        )
        log("poll", "while not job.has_ended: time.sleep(...); job.refresh()", [])
        poll(job)
        assert job.has_succeeded, job.error
        assert "/models/" in job.tuned_model_name
        assert "/endpoints/" in job.tuned_model_endpoint_name
        assert job.tuning_data_statistics.supervised_tuning_data_stats.tuning_dataset_example_count > 0

        log("experiment", "job.experiment", [])
        assert isinstance(job.experiment, aiplatform.Experiment)
        assert job.experiment.name.startswith("tuning-experiment-"), job.experiment.name

        log("by_name", "sft.SupervisedTuningJob(name)", [])
        assert sft.SupervisedTuningJob(job.resource_name).tuned_model_name == job.tuned_model_name
        try:
            sft.SupervisedTuningJob(MISSING)
        except exceptions.NotFound:
            pass
        else:
            raise AssertionError("a missing job was found")

        log("list", "sft.SupervisedTuningJob.list(filter=...)", [])
        listed = sft.SupervisedTuningJob.list(filter=f'labels.{LABEL}="{mark}"')
        assert [each.resource_name for each in listed] == [job.resource_name]

        log("cancel", "job.cancel()", [])
        other = sft.train(source_model=BASE_MODEL, train_dataset=TRAINING)
        other.cancel()
        poll(other)
        assert other.error.code == 1, other.error

        log("rebase", "sft.rebase_tuned_model(name)", [])
        rebased = sft.rebase_tuned_model(job.tuned_model_name)
        assert "/tuningJobs/" in rebased.resource_name


def _compare_names() -> None:
    """Compares tests/support/vertexai_names.py with the package: gemtune's own tests go by that table."""
    import vertexai
    from vertexai.tuning import sft

    table = runpy.run_path(str(Path(__file__).parents[2] / "support" / "vertexai_names.py"))
    preview = importlib.import_module("vertexai.preview.tuning.sft")
    assert list(inspect.signature(vertexai.init).parameters) == table["INIT"]
    assert list(inspect.signature(sft.train).parameters) == table["TRAIN"]
    assert list(inspect.signature(preview.preview_train).parameters) == table["TRAIN"]
    assert list(inspect.signature(preview.rebase_tuned_model).parameters) == table["REBASE"]
    public = {name for name in dir(sft.SupervisedTuningJob) if not name.startswith("_")}
    assert public == {*table["JOB"], *table["NOT_OURS"]}
    for module, names in table["MODULES"].items():
        assert set(names.split()) <= set(importlib.import_module(module).__all__), module
