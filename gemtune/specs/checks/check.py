"""`check` and `validate`: a job against every rule, before anything is sent.

What the schema's annotations say (required, output-only, references to resources) is read off the descriptors here;
what they cannot say is in `checks`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from google.api import resource_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from gemtune.descriptors import is_map, is_output, is_required, value_field
from gemtune.errors import SpecInvalid
from gemtune.names import place_of
from gemtune.rpc.unknown import KEPT, path_of
from gemtune.schema.grpc_fields import only_in
from gemtune.specs.catalogue import Catalogue, FieldLimit
from gemtune.specs.checks import CHECKS, Check
from gemtune.specs.checks.context import CheckContext, Target
from gemtune.specs.checks.rules import RULES
from gemtune.specs.finding import Finding, Severity, bad_request_of, key_path
from gemtune.specs.request import unknown_of
from gemtune_pb.v1 import TuningJob

if TYPE_CHECKING:
    from google.rpc import error_details_pb2

__all__ = ["check", "check_request", "find", "require_valid", "validate"]


def check(
    job: TuningJob,
    *,
    api_version: str = "v1",
    location: str | None = None,
    project: str | None = None,
    models: Catalogue | None = None,
    request_labels: bool = True,
    today: date | None = None,
) -> list[Finding]:
    """Everything that can be known to be wrong with a job before it is sent, and what we advise against.

    Args:
        job: What would be sent; not changed.
        api_version: `v1` or `v1beta1`: some fields need the latter.
        location: Where it would be sent; None leaves out the rules about places, but for names that disagree.
        project: For which project (id or number).
        models: What is known of base models; None: gemtune's catalogue and the user's.
        request_labels: Whether gemtune's own two labels will be added.
        today: The day by which the ends of models are judged; None: today (UTC).

    Returns:
        The findings, errors and warnings, in the order of the fields.

    Raises:
        ConfigurationError: There is no such API version.
        SpecFileError: The user's catalogue cannot be read.
    """
    return find(job, Target(api_version, location, project, models, request_labels, today))


def validate(
    job: TuningJob,
    *,
    api_version: str = "v1",
    location: str | None = None,
    project: str | None = None,
    models: Catalogue | None = None,
    request_labels: bool = True,
    today: date | None = None,
) -> error_details_pb2.BadRequest:
    """The errors of `check`, in the shape in which the service itself reports them. The arguments are those of `check`.

    Returns:
        A violation for each error, with the rule's id as `reason`; none when the job is valid.
    """
    return bad_request_of(find(job, Target(api_version, location, project, models, request_labels, today)))


def require_valid(
    job: TuningJob,
    *,
    api_version: str = "v1",
    location: str | None = None,
    project: str | None = None,
    models: Catalogue | None = None,
    request_labels: bool = True,
    today: date | None = None,
) -> None:
    """Raises when `check`, whose arguments these are, finds an error.

    Raises:
        SpecInvalid: With all errors.
    """
    found = bad_request_of(find(job, Target(api_version, location, project, models, request_labels, today)))
    if found.field_violations:
        raise SpecInvalid(found)


def check_request(
    parent: str,
    job: TuningJob,
    *,
    api_version: str = "v1",
    models: Catalogue | None = None,
    today: date | None = None,
) -> list[Finding]:
    """The findings about a create as a server sees it: paths begin with `tuning_job.`, and no label is still to come.

    Args:
        parent: `projects/P/locations/L`.
        job: What was sent.
        api_version: The version that it was sent to.
        models: As for `check`.
        today: As for `check`.
    """
    project, location = place_of(parent) or (None, None)
    found = find(job, Target(api_version, location, project, models, own_labels=False, today=today))
    prefix = "tuning_job"
    return [_moved(finding, f"{prefix}.{finding.field}" if finding.field else prefix) for finding in found]


def _moved(finding: Finding, field: str) -> Finding:
    import dataclasses

    return dataclasses.replace(finding, field=field)


def find(job: TuningJob, target: Target) -> list[Finding]:
    """What is wrong with a job for that target: `check` with its arguments as one."""
    context = CheckContext(job, target)
    _walk(context, job, "")
    return context.findings


# -- what the annotations say -----------------------------------------------------------------------------------------

# Fields whose absence is reported under another rule, or with a hint of its own. Message.field -> (rule, what to do).
_WHEN_MISSING: dict[str, tuple[str, str]] = {
    "training_dataset_uri": ("required", "write gs://bucket/object.jsonl"),
    "kms_key_name": ("required", "write projects/P/locations/L/keyRings/R/cryptoKeys/K"),
    "EvaluationConfig.metrics": ("evaluation-complete", "give at least one metric, such as exact_match_spec: {}"),
    "EvaluationConfig.output_config": (
        "evaluation-complete",
        "give output_config.gcs_destination.output_uri_prefix, a gs://bucket/prefix",
    ),
    "output_uri_prefix": ("required", "write gs://bucket/prefix"),
}

# Annotated as required, and google-genai never sends them: it names prompts instead of whole examples.
_NOT_MISSED = frozenset({"DistillationSpec.pipeline_root_directory", "DistillationSpec.training_dataset_uri"})

# The type of a resource reference -> what names of it look like.
_RESOURCES = {
    "aiplatform.googleapis.com/Model": (
        re.compile(r"projects/[^/\s]+/locations/[^/\s]+/models/[^/\s@]+(?:@[^/\s@]+)?"),
        "projects/P/locations/L/models/ID@VERSION",
    ),
    "secretmanager.googleapis.com/SecretVersion": (
        re.compile(r"projects/[^/\s]+/secrets/[^/\s]+(?:/versions/[^/\s]+)?"),
        "projects/P/secrets/S/versions/V",
    ),
}
_NUMBERS = (
    *(FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT32),
    *(FieldDescriptor.CPPTYPE_UINT64, FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE),
    FieldDescriptor.CPPTYPE_BOOL,
)


class _Field:
    """What there is to look at in a field that is set."""

    __slots__ = (
        "enum",
        "is_map",
        "is_message",
        "is_repeated",
        "name",
        "only_below",
        "output_only",
        "resource",
        "v1beta1",
    )

    def __init__(self, field: Any) -> None:
        options = field.GetOptions()
        self.name: str = field.name
        self.output_only = is_output(field)
        self.v1beta1 = only_in(field) == ("v1beta1",)
        self.is_repeated: bool = field.is_repeated
        self.is_map = is_map(field)
        inner = value_field(field).message_type
        self.is_message = inner is not None and not inner.full_name.startswith("google.")
        self.enum: frozenset[int] | None = None
        if field.enum_type is not None and field.enum_type.name != "AdapterSize":  # which has a rule of its own
            self.enum = frozenset(value.number for value in field.enum_type.values)
        reference = options.Extensions[resource_pb2.resource_reference].type
        self.resource = _RESOURCES.get(reference)
        self.only_below = self.is_message and not self.is_repeated and not self._special

    @property
    def _special(self) -> bool:
        return bool(self.output_only or self.v1beta1 or self.enum or self.resource)

    @property
    def matters(self) -> bool:
        """Whether there is anything to look at."""
        return self.is_message or self._special


class _Plan:
    """What there is to look at in a message."""

    __slots__ = ("check", "fields", "owner", "required")

    def __init__(self, descriptor: Any) -> None:
        package = f"{descriptor.file.package}."
        owner = self.owner = str(descriptor.full_name.removeprefix(package))
        self.check: Check | None = CHECKS.get(owner)
        made = {field.number: _Field(field) for field in descriptor.fields}
        self.fields = {number: field for number, field in made.items() if field.matters}
        # A number without presence may be zero on purpose.
        self.required: list[tuple[str, bool, str, str]] = [
            (field.name, bool(field.has_presence and not field.is_repeated), *_missing(owner, field.name))
            for field in descriptor.fields
            if f"{owner}.{field.name}" not in _NOT_MISSED
            and is_required(field)
            and (field.has_presence or field.is_repeated or field.cpp_type not in _NUMBERS)
        ]


def _missing(owner: str, name: str) -> tuple[str, str]:
    return _WHEN_MISSING.get(f"{owner}.{name}") or _WHEN_MISSING.get(name) or ("required", f"give {name}")


@cache
def _plan(descriptor: Any) -> _Plan:
    return _Plan(descriptor)


def _walk(context: CheckContext, message: Message, path: str) -> None:
    plan = _plan(message.DESCRIPTOR)
    prefix = f"{path}." if path else ""
    for name, has_presence, rule_id, remedy in plan.required:
        if not (message.HasField(name) if has_presence else getattr(message, name)):
            # A dataset that is missing is refused in the words for one that is wrong.
            words = RULES["dataset-uri"].service_message if name == "training_dataset_uri" else "{name} is required."
            context.add(rule_id, prefix + name, f"{name} is missing", remedy, words=words)
    if plan.check is not None:
        plan.check(context, message, path)
    limits = context.limits.get(plan.owner)
    for field, value in message.ListFields():
        if limits is not None and field.name in limits:
            _another_kind(context, field.name, limits[field.name], prefix)
        known = plan.fields.get(field.number)
        if known is None:
            continue
        if known.only_below:
            _walk(context, value, prefix + known.name)
        else:
            _look(context, known, value, prefix + known.name)
    if len(UnknownFieldSet(message)):
        _unknown(context, message, path)


def _another_kind(context: CheckContext, name: str, limit: FieldLimit, prefix: str) -> None:
    whose = "open models" if limit.kind == "open" else "Google's own models"
    remedy = f"use {limit.instead}" if limit.instead else "leave it out"
    context.add(
        "model-field", prefix + name, f"{name} is for {whose}, and {context.base_model} is none of them", remedy
    )


def _look(context: CheckContext, field: _Field, value: Any, path: str) -> None:
    if field.output_only:
        sentence = f"{field.name} is set by the service, and ignored in a request"
        context.add("output-only", path, sentence, "leave it out")
        return
    if field.v1beta1 and context.api_version == "v1" and not context.has("model-field", path):
        sentence = f"{field.name} is a field of v1beta1 alone"
        context.add("needs-v1beta1", path, sentence, 'use api_version="v1beta1" (--api-version v1beta1)')
    if field.resource is not None:
        _reference(context, field, value, path)
    if field.enum is not None:
        for item in value if field.is_repeated else (value,):
            if item not in field.enum:
                sentence = f"{field.name} is {item}, a number that this version of gemtune has no name for"
                context.add("unknown-enum-number", path, sentence, "the service may know it; check that it is meant")
    if not field.is_message:
        return
    if field.is_map:
        for key in sorted(value):
            _walk(context, value[key], key_path(path, str(key)))
    elif field.is_repeated:
        for index, item in enumerate(value):
            _walk(context, item, f"{path}[{index}]")
    else:
        _walk(context, value, path)


def _reference(context: CheckContext, field: _Field, value: Any, path: str) -> None:
    pattern, wanted = cast("tuple[re.Pattern[str], str]", field.resource)
    for name in cast("Sequence[str]", value if field.is_repeated else (value,)):
        if not pattern.fullmatch(name):
            kind = next((what for part, what in _OTHER_KINDS.items() if f"/{part}/" in name), "no such name")
            context.add("resource-name", path, f"{name!r} is {kind}", f"write {wanted}")


_OTHER_KINDS = {
    "endpoints": "an endpoint; the model is the tuned_model.model of its job",
    "tuningJobs": "a tuning job; the model is its tuned_model.model",
    "publishers": "a publisher's model, which is a base_model",
    "datasets": "a dataset",
}


def _unknown(context: CheckContext, message: Message, path: str) -> None:
    numbers = sorted({field.field_number for field in cast("Any", UnknownFieldSet(message))} - {KEPT})
    for found in unknown_of(message) if not path else ():
        context.add(
            "unknown-data", path_of(found.place), f"there is {found}, which is not known", "a newer gemtune may know it"
        )
    if not numbers:
        return
    plural = "s" if len(numbers) > 1 else ""
    sentence = f"there is data of the unknown field{plural} {', '.join(map(str, numbers))}"
    context.add(
        "unknown-data",
        path,
        sentence,
        "JSON cannot hold it, and it would not be sent over REST; a newer gemtune may know it",
    )


def worst(findings: Sequence[Finding]) -> Severity | None:
    """The severity of the worst finding; None for none."""
    if any(finding.severity is Severity.ERROR for finding in findings):
        return Severity.ERROR
    return Severity.WARNING if findings else None
