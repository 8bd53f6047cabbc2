"""What is looked for in a supervised tuning spec, in hyper-parameters and in the evaluation of a tuning."""

from __future__ import annotations

import math
import re
from functools import cache
from typing import Any

from gemtune.specs.checks.context import CheckContext, display
from gemtune.specs.checks.data import datasets
from gemtune.specs.sizes import SIZES, rank_of
from gemtune_pb.v1 import EvaluationConfig

__all__ = ["autorater", "evaluation", "hyper_parameters", "rouge", "supervised"]


def supervised(context: CheckContext, spec: Any, path: str) -> None:
    """A supervised tuning spec, but for its hyper-parameters."""
    datasets(context, spec, path)
    epochs(context, spec, path)
    if not spec.HasField("evaluation_config"):
        return
    field = f"{path}.evaluation_config"
    model = context.model
    if not spec.validation_dataset_uri:
        context.add(
            "evaluation-validation-set",
            field,
            "an evaluation looks at validation data, and there is none",
            "give validation_dataset_uri",
        )
    if model is not None and model.HasField("evaluation") and not model.evaluation:
        able = ", ".join(entry.name for entry in context.models.offered(today=context.today) if entry.evaluation)
        remedy = f"it is for {able}" if able else "it is for none that new projects may use: leave it out"
        context.add("evaluation-model", field, f"evaluation is not documented for {model.name}", remedy)
    if context.location is not None and context.location != "us-central1":
        context.add(
            "evaluation-region", field, f"evaluation is not documented for {context.location}", "it is for us-central1"
        )


def evaluation(context: CheckContext, config: EvaluationConfig, path: str) -> None:
    """Whether an evaluation is complete."""
    for index, metric in enumerate(config.metrics):
        if metric.WhichOneof("metric_spec") is None:
            context.add(
                "evaluation-complete",
                f"{path}.metrics[{index}]",
                "the metric measures nothing",
                "give it one of its specs, such as exact_match_spec: {}",
            )
    if config.HasField("output_config") and not config.output_config.HasField("gcs_destination"):
        context.add(
            "evaluation-complete",
            f"{path}.output_config",
            "there is no place for the evaluation's output",
            "give output_config.gcs_destination.output_uri_prefix, a gs://bucket/prefix",
        )


def autorater(context: CheckContext, config: Any, path: str) -> None:
    """The model that judges."""
    if not 0 <= config.sampling_count <= 32:  # Google's generated client sends 0 for unset
        context.add(
            "sampling-count",
            f"{path}.sampling_count",
            f"sampling_count is {config.sampling_count}",
            "1 to 32 are allowed",
        )
    if config.autorater_model and not _AUTORATER.fullmatch(config.autorater_model):
        sentence = f"{display(config.autorater_model)} names neither a publisher's model nor an endpoint"
        context.add(
            "resource-name",
            f"{path}.autorater_model",
            sentence,
            "write projects/P/locations/L/publishers/google/models/M, or .../endpoints/ID",
        )


_AUTORATER = re.compile(r"projects/[^/]+/locations/[^/]+/(?:publishers/[^/]+/models|endpoints)/[^/]+")
_ROUGE = re.compile(r"rouge(?:[1-9]|L|Lsum)", re.IGNORECASE)


def rouge(context: CheckContext, spec: Any, path: str) -> None:
    """Which ROUGE is computed."""
    if spec.rouge_type and not _ROUGE.fullmatch(spec.rouge_type):
        context.add(
            "rouge-type",
            f"{path}.rouge_type",
            f"{display(spec.rouge_type)} is not a rouge type",
            "it is rouge1 to rouge9, rougeL or rougeLsum",
        )


def hyper_parameters(context: CheckContext, parameters: Any, path: str) -> None:
    """Hyper-parameters of any kind of tuning."""
    known = _numbers(parameters.DESCRIPTOR)
    for name in known:
        value = getattr(parameters, name)
        if not 0 < value < math.inf:
            _not_positive(context, parameters, f"{path}.{name}", value)
    if "learning_rate" in known and parameters.learning_rate and parameters.learning_rate_multiplier:
        sentence = "learning_rate and learning_rate_multiplier exclude each other"
        remedy = "learning_rate is for open models, learning_rate_multiplier for Google's own: keep one"
        context.add("learning-rate-exclusive", f"{path}.learning_rate", sentence, remedy)
    if parameters.adapter_size:
        _adapter_size(context, parameters, f"{path}.adapter_size")


_POSITIVE = {
    "epoch_count": ("epoch-count", "at least 1"),
    "learning_rate_multiplier": ("learning-rate-multiplier", "a number above 0, such as 1.0"),
    "learning_rate": ("learning-rate", "a number above 0, such as 0.0001"),
    "batch_size": ("batch-size", "at least 1"),
}


@cache
def _numbers(descriptor: Any) -> tuple[str, ...]:
    return tuple(name for name in _POSITIVE if name in descriptor.fields_by_name)


def _not_positive(context: CheckContext, parameters: Any, path: str, value: float) -> None:
    name = path.rpartition(".")[2]
    rule_id, wanted = _POSITIVE[name]
    if value == 0:
        if _explicit_zero(parameters, name):
            context.add("zero-unsent", path, f"{name} is 0, which asks for nothing", f"write {wanted}, or leave it out")
        return
    context.add(rule_id, path, f"{name} is {value}", f"it must be {wanted}; leave it out for the service's choice")


def _explicit_zero(parameters: Any, name: str) -> bool:
    return bool(parameters.DESCRIPTOR.fields_by_name[name].has_presence and parameters.HasField(name))


def _adapter_size(context: CheckContext, parameters: Any, path: str) -> None:
    number: int = parameters.adapter_size
    named = parameters.DESCRIPTOR.fields_by_name["adapter_size"].enum_type.values_by_number.get(number)
    if named is None:
        meant = SIZES.get(number)
        remedy = f"write {meant} for rank {number}" if meant else "gemtune.adapter_size gives the value of a rank"
        sentence = f"{number} is not a value of AdapterSize, whose numbers are not the ranks"
        context.add("adapter-size-number", path, sentence, remedy)
        return
    rank = rank_of(named.name)
    model = context.model
    if model is not None and model.adapter_sizes and rank not in model.adapter_sizes:
        allowed = ", ".join(f"{size} ({SIZES[size]})" for size in model.adapter_sizes)
        context.add(
            "adapter-size",
            path,
            f"{model.name} does not take rank {rank} ({named.name})",
            f"it takes {allowed}",
            known=model,
        )


def epochs(context: CheckContext, spec: Any, path: str) -> None:
    """Whether the number of epochs is left to the service."""
    parameters = spec.hyper_parameters
    if not parameters.epoch_count and not _explicit_zero(parameters, "epoch_count"):
        sentence = "the number of epochs is not set, and what the service chooses is billed (10 and 40 were seen)"
        context.add("unset-epochs", f"{path}.hyper_parameters.epoch_count", sentence, "set epoch_count")
