"""Which fields travel over gRPC: those that the service's own .proto of a version publishes.

Our schema has more than either: fields that exist in the REST API alone, under numbers of our own from 10000 up, and
fields that one version publishes and the other does not. Over REST all of them travel by name. Over gRPC the service
would pass over a number that it does not know, so the client refuses such a request, and the emulator leaves such
fields out of its answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

__all__ = ["JSON_ONLY", "UNPUBLISHED", "strip", "unpublished"]

JSON_ONLY = 10000
"""Fields and enum values from this number on are ours, for what the REST API alone has."""

UNPUBLISHED: dict[str, frozenset[str]] = {
    "v1": frozenset(
        """
        AggregationResult.custom_code_execution_result FunctionCall.id FunctionResponse.id
        GenerationConfig.model_config LLMBasedMetricSpec.result_parser_config
        LLMBasedMetricSpec.rubric_generation_spec Metric.custom_code_execution_spec Metric.metadata
        SupervisedHyperParameters.batch_size SupervisedHyperParameters.learning_rate SupervisedTuningSpec.tuning_mode
        TuningDataStats.distillation_data_stats TuningJob.custom_base_model TuningJob.distillation_spec
        TuningJob.output_uri TuningJob.partner_model_tuning_spec TuningJob.pipeline_job TuningJob.veo_lora_tuning_spec
        TuningJob.veo_tuning_spec
        """.split()
    ),
    "v1beta1": frozenset(
        """
        GenerationConfig.ThinkingConfig.thinking_level ImageConfig.image_output_options ImageConfig.image_size
        ImageConfig.person_generation Part.media_resolution VideoMetadata.fps
        """.split()
    ),
}
"""Version -> the fields below 10000 that its .proto does not publish, of the messages that it does publish."""

_PACKAGE = "gemtune.v1."


@dataclass(frozen=True)
class _Plan:
    """What to look at in messages of one type.

    Attributes:
        fields: Fields that do not travel.
        values: Enum fields with values that do not.
        below: Message fields that lead to either.
    """

    fields: tuple[FieldDescriptor, ...]
    values: tuple[FieldDescriptor, ...]
    below: tuple[FieldDescriptor, ...]


def unpublished(message: Message, api_version: str, prefix: str = "") -> Iterator[tuple[str, FieldDescriptor]]:
    """What is set in `message` and does not travel over gRPC: each field's path and descriptor.

    Args:
        message: A message of our schema; of any other, nothing is said.
        api_version: `v1` or `v1beta1`.
        prefix: What the paths begin with.
    """
    plan = _plan(message.DESCRIPTOR, api_version)
    for field in _lost(message, plan):
        yield prefix + field.name, field
    for path, part in _parts(message, plan):
        yield from unpublished(part, api_version, f"{prefix}{path}.")


def strip(message: Message, api_version: str) -> None:
    """Clears in `message` what does not travel over that version's gRPC."""
    plan = _plan(message.DESCRIPTOR, api_version)
    for field in list(_lost(message, plan)):
        message.ClearField(field.name)
    for _, part in _parts(message, plan):
        strip(part, api_version)


def _lost(message: Message, plan: _Plan) -> Iterator[FieldDescriptor]:
    for field in plan.fields:
        if message.HasField(field.name) if field.has_presence else getattr(message, field.name):
            yield field
    for field in plan.values:
        value: Any = getattr(message, field.name)
        if any(number >= JSON_ONLY for number in (value if field.is_repeated else (value,))):
            yield field


def _parts(message: Message, plan: _Plan) -> Iterator[tuple[str, Message]]:
    """The sub-messages to look at, each with its path from here."""
    for field in plan.below:
        kind: Any = field.message_type
        value: Any = getattr(message, field.name)
        if kind.GetOptions().map_entry:
            yield from ((f"{field.name}[{key!r}]", value[key]) for key in value)
        elif field.is_repeated:
            yield from ((f"{field.name}[{i}]", part) for i, part in enumerate(value))
        elif message.HasField(field.name):
            yield field.name, value


@cache
def _plan(descriptor: Descriptor, api_version: str) -> _Plan:
    fields = tuple(f for f in descriptor.fields if _travels_not(f, api_version))
    others = [f for f in descriptor.fields if f not in fields]
    return _Plan(
        fields,
        tuple(f for f in others if _has_own_values(f)),
        tuple(f for f in others if f.message_type is not None and _leads(f.message_type, api_version)),
    )


def _leads(descriptor: Descriptor, api_version: str) -> bool:
    """Whether a message of that type may hold, at any depth, something that does not travel."""
    seen: set[str] = set()
    ahead = [descriptor]
    while ahead:
        message = ahead.pop()
        if message.full_name in seen:
            continue
        seen.add(message.full_name)
        if any(_travels_not(f, api_version) or _has_own_values(f) for f in message.fields):
            return True
        ahead += [f.message_type for f in message.fields if f.message_type is not None]
    return False


def _travels_not(field: FieldDescriptor, api_version: str) -> bool:
    message: Any = field.containing_type
    owner: str = message.full_name
    if not owner.startswith(_PACKAGE):
        return False
    return field.number >= JSON_ONLY or f"{owner.removeprefix(_PACKAGE)}.{field.name}" in UNPUBLISHED[api_version]


def _has_own_values(field: FieldDescriptor) -> bool:
    enum = field.enum_type
    return (
        enum is not None
        and enum.full_name.startswith(_PACKAGE)
        and max(value.number for value in enum.values) >= JSON_ONLY
    )
