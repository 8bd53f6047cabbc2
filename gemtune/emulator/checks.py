"""What a create is refused for, and the tables behind that.

The texts in quotation marks of the service are its own where they are known (docs/emulator.md lists which are not).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from gemtune.errors import FailedPrecondition, InvalidArgument, bad_request
from gemtune_pb.v1 import CreateTuningJobRequest, SupervisedHyperParameters, TuningJob

__all__ = [
    "MODELS",
    "REBASED",
    "REGIONS",
    "Violation",
    "behaves",
    "check_create",
    "check_job",
    "check_parent",
    "check_supported",
    "facts_of",
    "invalid",
    "model_id",
]

Violation = tuple[str, str]
"""A field's path in proto spelling from the request on, and a sentence."""

_Size = SupervisedHyperParameters.AdapterSize
_ONE, _TWO, _FOUR = _Size.ADAPTER_SIZE_ONE, _Size.ADAPTER_SIZE_TWO, _Size.ADAPTER_SIZE_FOUR
_EIGHT, _SIXTEEN = _Size.ADAPTER_SIZE_EIGHT, _Size.ADAPTER_SIZE_SIXTEEN


@dataclass(frozen=True)
class ModelFacts:
    """What tuning a base model allows and assumes.

    Attributes:
        adapter_sizes: The sizes that it takes; empty: any.
        default: The size that it gets when none is asked for.
        checkpoints: Whether the tuned model keeps one per epoch (up to ten); models before Gemini 2.0 do not.
    """

    adapter_sizes: tuple[SupervisedHyperParameters.AdapterSize.ValueType, ...] = ()
    default: SupervisedHyperParameters.AdapterSize.ValueType = _FOUR
    checkpoints: bool = True


_LATE = (_ONE, _TWO, _FOUR, _EIGHT, _SIXTEEN)

# Adapter sizes as documented in 2024 (1.x), 2025 (2.0) and September 2026 (2.5 and later); defaults as the service
# filled them in (1.5), as documented (1.0), and 4 where nothing is known.
MODELS: Mapping[str, ModelFacts] = {
    "gemini-1.0-pro-002": ModelFacts((_ONE, _FOUR, _EIGHT, _SIXTEEN), _ONE, checkpoints=False),
    "gemini-1.5-pro-002": ModelFacts((_ONE, _FOUR), _FOUR, checkpoints=False),
    "gemini-1.5-flash-002": ModelFacts((_ONE, _FOUR, _EIGHT, _SIXTEEN), _EIGHT, checkpoints=False),
    "gemini-2.0-flash-001": ModelFacts(_LATE),
    "gemini-2.0-flash-lite-001": ModelFacts(_LATE),
    "gemini-2.5-flash": ModelFacts(_LATE),
    "gemini-2.5-flash-lite": ModelFacts(_LATE),
    "gemini-2.5-pro": ModelFacts((_ONE, _TWO, _FOUR, _EIGHT)),
    "gemini-3.1-flash-lite": ModelFacts(_LATE),
    "gemini-3.5-flash": ModelFacts(_LATE),
    "gemini-3.5-flash-lite": ModelFacts(_LATE),
}
_UNKNOWN = ModelFacts()

REBASED: Mapping[str, str] = {
    "gemini-1.0-pro-002": "gemini-2.5-pro",
    "gemini-1.5-pro-002": "gemini-2.5-pro",
    "gemini-1.5-flash-002": "gemini-2.5-flash",
    "gemini-2.0-flash-001": "gemini-2.5-flash",
    "gemini-2.0-flash-lite-001": "gemini-2.5-flash-lite",
}
"""What a model is rebased on. The service chooses, and does not say how; other models are rebased on themselves."""

REGIONS = (
    "asia-east1 asia-east2 asia-northeast1 asia-northeast3 asia-south1 asia-southeast1 australia-southeast1 "
    "europe-central2 europe-north1 europe-southwest1 europe-west1 europe-west2 europe-west3 europe-west4 europe-west6 "
    "europe-west8 europe-west9 me-central1 me-central2 me-west1 northamerica-northeast1 southamerica-east1 us-central1 "
    "us-east1 us-east4 us-east5 us-south1 us-west1 us-west4"
).split()
"""Where tuning was documented to run (2024). Jobs are accepted in any location that looks like one, except global."""


def model_id(base_model: str) -> str:
    """A base model's own name, without the publisher's: `publishers/google/models/gemini-2.5-pro` has both."""
    return base_model.rpartition("/")[2]


def facts_of(base_model: str) -> ModelFacts:
    """What is known of a base model; of one that is not in the table, nothing is refused."""
    return MODELS.get(model_id(base_model), _UNKNOWN)


def invalid(violations: list[Violation]) -> InvalidArgument:
    """The error for some violations, with the message in the form that the service gives it."""
    found = "".join(f"\t{i}.Field: {field}; Message: {text}" for i, (field, text) in enumerate(violations, 1))
    return InvalidArgument(f"List of found errors:{found}\t", details=[bad_request(violations)])


_PARENT = re.compile(r"projects/[A-Za-z0-9][A-Za-z0-9:._-]*/locations/[a-z][a-z0-9-]*")
_GCS_JSONL = re.compile(r"gs://[a-z0-9][a-z0-9._-]+/.*[^/]\.jsonl", re.DOTALL)
_DATASET = re.compile(r"projects/[^/]+/locations/[^/]+/datasets/[^/]+")
_NAME_LENGTH, _LABELS, _LABEL_LENGTH = 128, 64, 64


def check_parent(parent: str) -> list[Violation]:
    """What is wrong with the name of a project and location."""
    if _PARENT.fullmatch(parent):
        return []
    return [("parent", f"{parent!r} is not a location's name; it must be projects/P/locations/L.")]


def check_create(request: CreateTuningJobRequest) -> list[Violation]:
    """Everything that is wrong with the fields of a create; empty when nothing is."""
    violations = check_parent(request.parent)
    job = request.tuning_job
    if not job.base_model and not job.pre_tuned_model.tuned_model_name:
        text = "base_model or pre_tuned_model is required, such as base_model gemini-2.0-flash-001."
        violations.append(("tuning_job.base_model", text))
    if job.WhichOneof("tuning_spec") is None:
        text = "a tuning spec is required, such as supervised_tuning_spec."
        violations.append(("tuning_job.supervised_tuning_spec", text))
    return violations + check_job(job)


def check_job(job: TuningJob) -> list[Violation]:
    """Everything that is wrong with what is set in a job, whether or not it would be enough for a create."""
    violations: list[Violation] = []
    if len(job.tuned_model_display_name) > _NAME_LENGTH:
        length = len(job.tuned_model_display_name)
        text = f"tuned_model_display_name has {length} characters; at most {_NAME_LENGTH} are allowed."
        violations.append(("tuning_job.tuned_model_display_name", text))
    violations += _labels(job)
    violations += _datasets(job)
    reported = {field for field, _ in violations}
    violations += [v for v in _required(job, "tuning_job") if v[0] not in reported]
    violations += _hyper_parameters(job)
    return violations


def check_supported(location: str, job: TuningJob) -> None:
    """Refuses what is well-formed, but cannot be tuned.

    Raises:
        InvalidArgument: The base model does not take that adapter size.
        FailedPrecondition: The base model is not tuned in that location.
    """
    sizes = facts_of(job.base_model).adapter_sizes
    wanted = job.supervised_tuning_spec.hyper_parameters.adapter_size
    if wanted and sizes and wanted not in sizes:
        raise InvalidArgument("The adapter size is not supported for this base model.")
    open_model = "/" in job.base_model and "google" not in job.base_model.split("/")
    if location == "global" and not open_model:
        raise FailedPrecondition("Tuning is not supported in location global for this base model; use a region.")


def _labels(job: TuningJob) -> Iterator[Violation]:
    if len(job.labels) > _LABELS:
        yield "tuning_job.labels", f"there are {len(job.labels)} labels; at most {_LABELS} are allowed."
    rule = f"at most {_LABEL_LENGTH} characters: lowercase letters, digits, _ and -"
    for key, value in sorted(job.labels.items()):
        if not _is_label(key) or unicodedata.category(key[0])[0] != "L":
            yield "tuning_job.labels", f"{key!r} is not a label's key; it must have {rule}, a letter first."
        if value and not _is_label(value):
            yield "tuning_job.labels", f"{value!r} is not a label's value ({key!r}); it must have {rule}."


def _is_label(text: str) -> bool:
    # "International characters are allowed": letters and marks of every script, none of them uppercase.
    fitting = all(c in "_-" or unicodedata.category(c) in ("Ll", "Lo", "Lm", "Mn", "Mc", "Nd") for c in text)
    return fitting and 0 < len(text) <= _LABEL_LENGTH


def _datasets(job: TuningJob) -> Iterator[Violation]:
    kind = job.WhichOneof("tuning_spec")
    if kind is None:
        return
    spec = getattr(job, kind)
    for name in ("training_dataset_uri", "validation_dataset_uri"):
        field = spec.DESCRIPTOR.fields_by_name.get(name)
        if field is None:
            continue
        uri = getattr(spec, name)
        needed = behaves(field, field_behavior_pb2.REQUIRED) and not getattr(spec, "prompt_dataset_uri", "")
        if (uri or needed) and not (_GCS_JSONL.fullmatch(uri) or _DATASET.fullmatch(uri)):
            yield f"tuning_job.{kind}.{name}", f"{name} should be a GCS object of type JSONL."


def _hyper_parameters(job: TuningJob) -> Iterator[Violation]:
    kind = job.WhichOneof("tuning_spec")
    field = kind and getattr(job, kind).DESCRIPTOR.fields_by_name.get("hyper_parameters")
    if not kind or field is None or field.is_repeated:
        return
    parameters = getattr(job, kind).hyper_parameters
    for name in ("epoch_count", "learning_rate_multiplier", "learning_rate", "batch_size"):
        value = getattr(parameters, name, 0)
        if not 0 <= value < float("inf"):
            yield f"tuning_job.{kind}.hyper_parameters.{name}", f"{name} is {value}; it must be a positive number."


# google-genai's distillation jobs have a prompt_dataset_uri and neither of these; they are accepted.
_NOT_MISSED = frozenset(
    f"gemtune.v1.DistillationSpec.{name}" for name in ("pipeline_root_directory", "training_dataset_uri")
)


def behaves(field: FieldDescriptor, behavior: int) -> bool:
    """Whether a field is annotated with a `google.api.field_behavior`."""
    extension: Any = field_behavior_pb2.field_behavior  # its stub hides what it extends
    return behavior in field.GetOptions().Extensions[extension]


def _required(message: Message, path: str) -> Iterator[Violation]:
    """Fields that `google.api.field_behavior` says must be set, in what is set."""
    for field in _required_fields(message.DESCRIPTOR):
        empty = not message.HasField(field.name) if field.has_presence else not getattr(message, field.name)
        if empty:
            yield f"{path}.{field.name}", f"{field.name} is required."
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        for i, part in enumerate(value if field.is_repeated else (value,)):
            yield from _required(part, f"{path}.{field.name}[{i}]" if field.is_repeated else f"{path}.{field.name}")


@cache
def _required_fields(descriptor: Any) -> list[FieldDescriptor]:
    # A number or an enum without presence may be zero on purpose.
    numbers = (FieldDescriptor.CPPTYPE_STRING, FieldDescriptor.CPPTYPE_MESSAGE)
    return [
        field
        for field in descriptor.fields
        if behaves(field, field_behavior_pb2.REQUIRED)
        and field.full_name not in _NOT_MISSED
        and (field.has_presence or field.is_repeated or field.cpp_type in numbers)
    ]
