"""What is looked for in hyper-parameters."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from gemtune.specs.checks.context import Run
from gemtune.specs.sizes import SIZES, rank_of

__all__ = ["epochs", "hyper_parameters"]


def hyper_parameters(run: Run, parameters: Any, path: str) -> None:
    """Hyper-parameters of any kind of tuning."""
    known = _numbers(parameters.DESCRIPTOR)
    for name in known:
        value = getattr(parameters, name)
        if not 0 < value < math.inf:
            _not_positive(run, parameters, f"{path}.{name}", value)
    if "learning_rate" in known and parameters.learning_rate and parameters.learning_rate_multiplier:
        sentence = "learning_rate and learning_rate_multiplier exclude each other"
        remedy = "learning_rate is for open models, learning_rate_multiplier for Google's own: keep one"
        run.add("learning-rate-exclusive", f"{path}.learning_rate", sentence, remedy)
    if parameters.adapter_size:
        _adapter_size(run, parameters, f"{path}.adapter_size")


_POSITIVE = {
    "epoch_count": ("epoch-count", "at least 1"),
    "learning_rate_multiplier": ("learning-rate-multiplier", "a number above 0, such as 1.0"),
    "learning_rate": ("learning-rate", "a number above 0, such as 0.0001"),
    "batch_size": ("batch-size", "at least 1"),
}


@cache
def _numbers(descriptor: Any) -> tuple[str, ...]:
    return tuple(name for name in _POSITIVE if name in descriptor.fields_by_name)


def _not_positive(run: Run, parameters: Any, path: str, value: float) -> None:
    name = path.rpartition(".")[2]
    rule_id, wanted = _POSITIVE[name]
    if value == 0:
        if _explicit_zero(parameters, name):
            run.add("zero-unsent", path, f"{name} is 0, which asks for nothing", f"write {wanted}, or leave it out")
        return
    run.add(rule_id, path, f"{name} is {value}", f"it must be {wanted}; leave it out for the service's choice")


def _explicit_zero(parameters: Any, name: str) -> bool:
    return bool(parameters.DESCRIPTOR.fields_by_name[name].has_presence and parameters.HasField(name))


def _adapter_size(run: Run, parameters: Any, path: str) -> None:
    number: int = parameters.adapter_size
    named = parameters.DESCRIPTOR.fields_by_name["adapter_size"].enum_type.values_by_number.get(number)
    if named is None:
        meant = SIZES.get(number)
        remedy = f"write {meant} for rank {number}" if meant else "gemtune.adapter_size gives the value of a rank"
        run.add(
            "adapter-size-number", path, f"{number} is no value of AdapterSize, whose numbers are not the ranks", remedy
        )
        return
    rank = rank_of(named.name)
    model = run.model
    if model is not None and model.adapter_sizes and rank not in model.adapter_sizes:
        allowed = ", ".join(f"{size} ({SIZES[size]})" for size in model.adapter_sizes)
        run.add(
            "adapter-size",
            path,
            f"{model.name} does not take rank {rank} ({named.name})",
            f"it takes {allowed}",
            known=model,
        )


def epochs(run: Run, spec: Any, path: str) -> None:
    """Whether the number of epochs is left to the service."""
    parameters = spec.hyper_parameters
    if not parameters.epoch_count and not _explicit_zero(parameters, "epoch_count"):
        sentence = "the number of epochs is not set, and what the service chooses is billed (10 and 40 were seen)"
        run.add("unset-epochs", f"{path}.hyper_parameters.epoch_count", sentence, "set epoch_count")
