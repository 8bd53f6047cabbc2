"""What is looked for in a supervised tuning spec and in the evaluation that it may ask for."""

from __future__ import annotations

import re
from typing import Any

from gemtune.specs.checks.context import Run, shown
from gemtune.specs.checks.data import datasets
from gemtune.specs.checks.tuning import epochs
from gemtune_pb.v1 import EvaluationConfig

__all__ = ["autorater", "evaluation", "rouge", "supervised"]


def supervised(run: Run, spec: Any, path: str) -> None:
    """A supervised tuning spec, but for its hyper-parameters."""
    datasets(run, spec, path)
    epochs(run, spec, path)
    if not spec.HasField("evaluation_config"):
        return
    field = f"{path}.evaluation_config"
    model = run.model
    if not spec.validation_dataset_uri:
        run.add(
            "evaluation-validation-set",
            field,
            "an evaluation looks at validation data, and there is none",
            "give validation_dataset_uri",
        )
    if model is not None and model.HasField("evaluation") and not model.evaluation:
        able = ", ".join(entry.name for entry in run.models if entry.evaluation)
        run.add("evaluation-model", field, f"evaluation is not documented for {model.name}", f"it is for {able}")
    if run.location is not None and run.location != "us-central1":
        run.add("evaluation-region", field, f"evaluation is not documented for {run.location}", "it is for us-central1")


def evaluation(run: Run, config: EvaluationConfig, path: str) -> None:
    """Whether an evaluation is complete."""
    for index, metric in enumerate(config.metrics):
        if metric.WhichOneof("metric_spec") is None:
            run.add(
                "evaluation-complete",
                f"{path}.metrics[{index}]",
                "the metric measures nothing",
                "give it one of its specs, such as exact_match_spec: {}",
            )
    if config.HasField("output_config") and not config.output_config.HasField("gcs_destination"):
        run.add(
            "evaluation-complete",
            f"{path}.output_config",
            "there is no place for the evaluation's output",
            "give output_config.gcs_destination.output_uri_prefix, a gs://bucket/prefix",
        )


def autorater(run: Run, config: Any, path: str) -> None:
    """The model that judges."""
    if not 0 <= config.sampling_count <= 32:  # Google's generated client sends 0 for unset
        run.add(
            "sampling-count",
            f"{path}.sampling_count",
            f"sampling_count is {config.sampling_count}",
            "1 to 32 are allowed",
        )
    if config.autorater_model and not _AUTORATER.fullmatch(config.autorater_model):
        sentence = f"{shown(config.autorater_model)} names neither a publisher's model nor an endpoint"
        run.add(
            "resource-name",
            f"{path}.autorater_model",
            sentence,
            "write projects/P/locations/L/publishers/google/models/M, or .../endpoints/ID",
        )


_AUTORATER = re.compile(r"projects/[^/]+/locations/[^/]+/(?:publishers/[^/]+/models|endpoints)/[^/]+")
_ROUGE = re.compile(r"rouge(?:[1-9]|L|Lsum)", re.IGNORECASE)


def rouge(run: Run, spec: Any, path: str) -> None:
    """Which ROUGE is computed."""
    if spec.rouge_type and not _ROUGE.fullmatch(spec.rouge_type):
        run.add(
            "rouge-type",
            f"{path}.rouge_type",
            f"{shown(spec.rouge_type)} is no rouge type",
            "it is rouge1 to rouge9, rougeL or rougeLsum",
        )
