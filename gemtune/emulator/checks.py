"""What a create is refused for: the rules of `gemtune.specs`, in the forms in which the service refuses.

The texts are the service's own where they are known (docs/emulator.md lists which are not).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gemtune.emulator.bounds import too_large
from gemtune.errors import ApiError, FailedPrecondition, InvalidArgument, bad_request
from gemtune.specs import RULES, SIZES, Finding, Severity, catalogue, check_request
from gemtune_pb.v1 import CreateTuningJobRequest, SupervisedHyperParameters, TuningJob

__all__ = [
    "REBASED",
    "REGIONS",
    "Violation",
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


@dataclass(frozen=True)
class ModelFacts:
    """What tuning a base model assumes.

    Attributes:
        default: The size that it gets when none is asked for.
        checkpoints: Whether the tuned model keeps one per epoch (up to ten); models before Gemini 2.0 do not.
    """

    default: SupervisedHyperParameters.AdapterSize.ValueType = _Size.ADAPTER_SIZE_FOUR
    checkpoints: bool = True


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
    """A base model's own name, without the publisher's: `publishers/google/models/gemini-3.5-flash` has both."""
    return base_model.rpartition("/")[2]


def facts_of(base_model: str) -> ModelFacts:
    """What a base model assumes; size 4 where the catalogue does not say."""
    known = catalogue().get(base_model)
    default = known.default_adapter_size if known else None
    return ModelFacts(_Size.Value(SIZES[default or 4]), checkpoints=not model_id(base_model).startswith("gemini-1."))


def invalid(violations: list[Violation]) -> InvalidArgument:
    """The error for some violations, the first of them, with the message in the form that the service gives it."""
    violations = violations[:_MOST]
    found = "".join(f"\t{i}.Field: {field}; Message: {text}" for i, (field, text) in enumerate(violations, 1))
    return InvalidArgument(f"List of found errors:{found}\t", details=[bad_request(violations)])


_MOST = 100  # violations in one answer

_PARENT = re.compile(r"projects/[A-Za-z0-9][A-Za-z0-9:._-]*/locations/[a-z][a-z0-9-]*")


def check_parent(parent: str) -> list[Violation]:
    """What is wrong with the name of a project and location."""
    if _PARENT.fullmatch(parent):
        return []
    return [("parent", f"{parent!r} is not a location's name; it must be projects/P/locations/L.")]


def check_create(request: CreateTuningJobRequest, *, api_version: str = "v1beta1") -> list[Violation]:
    """Everything that is wrong with the fields of a create; empty when nothing is."""
    if found := too_large(request.tuning_job, "tuning_job"):
        return found
    return check_parent(request.parent) + _violations(request.parent, request.tuning_job, api_version)


def check_job(job: TuningJob) -> list[Violation]:
    """Everything that is wrong with what is set in a job, whether or not it would be enough for a create."""
    if found := too_large(job, "tuning_job"):
        return found
    needed = ("tuning_job.base_model", "tuning_job.supervised_tuning_spec")
    return [violation for violation in _violations("", job, "v1beta1") if violation[0] not in needed]


def check_supported(location: str, job: TuningJob) -> None:
    """Refuses what is well-formed, but cannot be tuned.

    Raises:
        ApiError: Without details: the base model does not take that adapter size, is not tuned in that location, ...
    """
    for finding in _errors(f"projects/-/locations/{location}", job, "v1beta1"):
        rule = RULES[finding.rule_id]
        if not rule.service_field:
            raise _REFUSALS[rule.service_code](_words(finding))


_REFUSALS: dict[str, type[ApiError]] = {
    "INVALID_ARGUMENT": InvalidArgument,
    "FAILED_PRECONDITION": FailedPrecondition,
}


def _violations(parent: str, job: TuningJob, api_version: str) -> list[Violation]:
    return [
        (_field(finding.field), _words(finding))
        for finding in _errors(parent, job, api_version)
        if RULES[finding.rule_id].service_field
    ]


def _errors(parent: str, job: TuningJob, api_version: str) -> list[Finding]:
    findings = check_request(parent, job, api_version=api_version)
    return [finding for finding in findings if finding.severity is Severity.ERROR]


def _field(path: str) -> str:
    """The path as a violation has it: a map is one field."""
    return "tuning_job.labels" if path.startswith("tuning_job.labels") else path


def _words(finding: Finding) -> str:
    return finding.service_message or f"{finding.sentence}."
