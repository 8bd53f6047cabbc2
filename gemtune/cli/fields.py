"""Flags for the fields of a tuning job, made from its descriptor: a new scalar field in the schema is a new flag.

A flag is named as its field (`--epoch-count`). Fields of a tuning spec belong to the kind of spec that the file has,
supervised tuning when it has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import click
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gemtune.cli.commands import Option
from gemtune.cli.params import COUNT, NUMBER, AdapterSizeType, LabelsType
from gemtune.descriptors import is_output
from gemtune_pb.v1 import EncryptionSpec, PreTunedModel, SupervisedHyperParameters, SupervisedTuningSpec, TuningJob

__all__ = ["FieldFlag", "apply", "field_flags", "field_options", "flag_of"]

SECTION = "The job, field by field"

SPEC = "tuning_spec"  # the oneof whose member a flag's path begins with

SCOPES: tuple[tuple[tuple[str, ...], Descriptor], ...] = (
    ((), TuningJob.DESCRIPTOR),
    (("pre_tuned_model",), PreTunedModel.DESCRIPTOR),
    ((SPEC,), SupervisedTuningSpec.DESCRIPTOR),
    ((SPEC, "hyper_parameters"), SupervisedHyperParameters.DESCRIPTOR),
    (("encryption_spec",), EncryptionSpec.DESCRIPTOR),
)
"""The messages whose scalar fields are flags, and where in a job they are."""

NAMES: dict[str, str] = {"tuned_model_name": "--pre-tuned-model"}
"""Flags that are not named as their field, because the field's name alone would mislead."""

ALSO: dict[str, tuple[str, ...]] = {
    "adapter_size": ("--rank",),
    "base_model": ("--source-model",),
    "epoch_count": ("--epochs",),
    "labels": ("--label",),
    "kms_key_name": ("--kms-key", "--encryption-spec-key-name"),
    "service_account": ("--service-account-email",),
    "training_dataset_uri": ("--training-dataset", "--train-dataset"),
    "tuned_model_display_name": ("--display-name",),
    "tuned_model_name": ("--tuned-model-name", "--pre-tuned-model-name"),
    "validation_dataset_uri": ("--validation-dataset",),
    "checkpoint_id": ("--pre-tuned-model-checkpoint-id",),
}
"""Other names: the documented Python samples' and gcloud's."""

HELP: dict[str, str] = {
    "adapter_size": "Rank of the adapter: 1, 2, 4, 8, 16 or 32",
    "base_model": "Model to tune, such as gemini-3.5-flash",
    "batch_size": "Examples per step (open models)",
    "checkpoint_id": "Checkpoint of --pre-tuned-model to start from",
    "custom_base_model": "gs:// folder with your own weights (open models)",
    "description": "Purpose of the job",
    "epoch_count": "Passes over the training data; by default the service chooses",
    "export_last_checkpoint_only": "Keep only the last checkpoint",
    "kms_key_name": "Key that encrypts the job's results",
    "labels": "Labels of the job; may be repeated",
    "learning_rate": "Learning rate itself (open models)",
    "learning_rate_multiplier": "Factor on the recommended learning rate",
    "output_uri": "gs:// folder for the job's results (open models)",
    "service_account": "Account that the job runs as",
    "training_dataset_uri": "gs:// URI of a JSONL file",
    "tuned_model_display_name": "Name to show for the tuned model, up to 128 characters",
    "tuned_model_name": "Tuned model to continue from, instead of a base model",
    "tuning_mode": "Whole model or adapter (open models)",
    "validation_dataset_uri": "gs:// URI of a JSONL file",
}


METAVARS: dict[str, str] = {
    "base_model": "MODEL",
    "checkpoint_id": "ID",
    "custom_base_model": "URI",
    "kms_key_name": "KEY",
    "output_uri": "URI",
    "service_account": "EMAIL",
    "training_dataset_uri": "URI",
    "tuned_model_display_name": "NAME",
    "tuned_model_name": "MODEL",
    "validation_dataset_uri": "URI",
}


@dataclass(frozen=True)
class FieldFlag:
    """A flag for one field of a tuning job.

    Attributes:
        path: Where the field is in a job; `tuning_spec` stands for the kind of spec that the job has.
        field: The field.
    """

    path: tuple[str, ...]
    field: FieldDescriptor

    @property
    def name(self) -> str:
        """The flag: `--epoch-count`."""
        return NAMES.get(self.field.name) or f"--{self.field.name.replace('_', '-')}"

    @property
    def parameter(self) -> str:
        """The key of the flag's value."""
        return "field_" + "_".join(self.path)


def field_flags() -> Iterator[FieldFlag]:
    """Every flag: the writable scalar fields, and labels."""
    for prefix, message in SCOPES:
        for field in message.fields:
            scalar = field.message_type is None and not field.is_repeated
            wanted = scalar or field.name == "labels"
            if wanted and not is_output(field):
                yield FieldFlag((*prefix, field.name), field)


def field_options() -> list[Option]:
    """The flags as options of a command."""
    return [_option(flag) for flag in field_flags()]


def _option(flag: FieldFlag) -> Option:
    field = flag.field
    also = ALSO.get(field.name, ())
    attributes: dict[str, Any] = {"help": HELP.get(field.name, field.full_name), "default": None, "section": SECTION}
    if field.type == FieldDescriptor.TYPE_BOOL:
        off = flag.name.replace("--", "--no-", 1)
        return Option([f"{flag.name}/{off}", flag.parameter], also, **attributes)
    if field.name == "labels":
        attributes |= {"type": LabelsType(), "multiple": True, "metavar": "K=V,.."}
    elif field.name == "adapter_size":
        attributes |= {"type": AdapterSizeType(), "metavar": "SIZE"}
    elif field.enum_type is not None:
        names = [value.name for value in field.enum_type.values if value.number]
        attributes |= {"type": click.Choice(names), "metavar": "NAME"}
        attributes["help"] += f": {', '.join(names)}"
    elif field.type in (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT):
        attributes |= {"type": NUMBER, "metavar": "X"}
    elif field.type == FieldDescriptor.TYPE_STRING:
        attributes |= {"metavar": METAVARS.get(field.name, "TEXT")}
    else:
        attributes |= {"type": COUNT, "metavar": "N"}
    return Option([flag.name, flag.parameter], also, **attributes)


def apply(job: TuningJob, values: Mapping[str, Any]) -> TuningJob:
    """The job with the fields that were given as flags; a field of a file's gives way to its flag.

    Args:
        job: From a file, or empty; not changed.
        values: By `FieldFlag.parameter`; None and () where the flag was not given.

    Raises:
        click.UsageError: Flags that exclude each other, or that the job's kind of tuning spec does not have.
    """
    result = TuningJob()
    result.CopyFrom(job)
    given = {flag: value for flag in field_flags() if (value := values.get(flag.parameter)) not in (None, ())}
    names = {flag.name for flag in given}
    if {"--base-model", "--pre-tuned-model"} <= names:
        raise click.UsageError("--base-model and --pre-tuned-model exclude each other: give the one to start from")
    if "--checkpoint-id" in names and "--pre-tuned-model" not in names and not job.HasField("pre_tuned_model"):
        raise click.UsageError("--checkpoint-id needs --pre-tuned-model; give both")
    for flag, value in given.items():
        _set(result, flag, value)
    return result


def flag_of(path: str, values: Mapping[str, Any] | None, kind: str) -> str | None:
    """The flag of the field at a path; None where there is none, or none was given.

    Args:
        path: In proto spelling, such as `labels.team`.
        values: As for `apply`; None: whether the flag was given does not matter.
        kind: The job's tuning spec, such as `supervised_tuning_spec`.
    """
    for flag in field_flags():
        name = ".".join(kind if part == SPEC else part for part in flag.path)
        given = values is None or values.get(flag.parameter) not in (None, ())
        if given and re.fullmatch(rf"{re.escape(name)}(?:[.\[].*)?", path, re.DOTALL):
            return flag.name
    return None


def _set(job: TuningJob, flag: FieldFlag, value: Any) -> None:
    kind = job.WhichOneof("tuning_spec") or "supervised_tuning_spec"
    owner: Any = job
    for part in flag.path[:-1]:
        name = kind if part == SPEC else part
        field = owner.DESCRIPTOR.fields_by_name.get(name)
        if field is None or field.message_type is None or field.is_repeated:
            raise _misfit(flag, kind)
        owner = getattr(owner, name)
    field = owner.DESCRIPTOR.fields_by_name.get(flag.path[-1])
    if field is None:
        raise _misfit(flag, kind)
    if flag.field.name == "labels":
        for labels in value:
            job.labels.update(labels)
    elif field.enum_type is not None:
        number = field.enum_type.values_by_name.get(value)
        if number is None:
            raise _misfit(flag, kind, f" the value {value}")
        setattr(owner, field.name, number.number)
    else:
        setattr(owner, field.name, value)


def _misfit(flag: FieldFlag, kind: str, what: str = "") -> click.UsageError:
    return click.UsageError(f"{flag.name}: the file's {kind} has no such field{what}; edit the file instead")
