"""The rules: what a spec is held to, as a table. How each is looked for is in `checks` and `walk`.

A rule is an error only where the service refuses, or where a file cannot mean what it says; our advice is a warning. So
is the form of a value that only a field's comment describes: the service takes others (Google's own tests create jobs
with the autorater `test-model`).
"""

from __future__ import annotations

from dataclasses import dataclass

from gemtune.specs.finding import Severity

__all__ = ["FILE_RULES", "RULES", "Rule"]

_ERROR, _WARNING = Severity.ERROR, Severity.WARNING


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        id: Stable for ever: people filter and silence by it.
        severity: `error` or `warning`.
        about: What it looks for, in a line.
        source: Where the limit is documented.
        date: As of when the source says so, or was read.
        service_message: The service's own words, where they are known; `{field}`, `{name}` and `{value}` are filled in.
        service_code: The code that the service answers with.
        service_field: Whether the service's answer names the field (a `BadRequest`), or only has a message.
        on_key: The finding is about a name in the file, not about its value.
    """

    id: str
    severity: Severity
    about: str
    source: str = ""
    date: str = ""
    service_message: str = ""
    service_code: str = "INVALID_ARGUMENT"
    service_field: bool = True
    on_key: bool = False


_PROTO = "googleapis, tuning_job.proto"
_REST = "aiplatform REST discovery document, revision 20261106"
_DOC = "Vertex AI documentation, About supervised fine-tuning"
_LIFE = "Google Cloud documentation, Model versions and lifecycle"
_SEED = "Vertex AI documentation, Tuning API reference"
_SKILLS = "github.com/google/skills, agent-platform-tuning"
_EVALUATION = "Vertex AI documentation, Evaluate tuned models"
_UNKNOWN_NAME = "Invalid JSON payload received. Unknown name \"{name}\" at '{parent}': Cannot find field."

RULES: dict[str, Rule] = {
    rule.id: rule
    for rule in (
        # -- what has to be there, and what cannot be ----------------------------------------------------------------
        Rule("required", _ERROR, "a required field is empty (from the schema's annotations)", _PROTO, "2026-08"),
        Rule("source-model", _ERROR, "neither a base model nor a tuned model to start from", _SEED, "2026-11"),
        Rule("tuning-spec", _ERROR, "no tuning spec", _SEED, "2026-11"),
        Rule(
            "output-only",
            _WARNING,
            "a field that the service sets, and ignores in a request (from the schema's annotations)",
            "AIP-203",
            "2026-08",
            on_key=True,
        ),
        Rule(
            "needs-v1beta1",
            _ERROR,
            "a field that v1 does not have",
            _REST,
            "2026-11-06",
            _UNKNOWN_NAME,
            on_key=True,
        ),
        Rule("unknown-data", _WARNING, "bytes of fields that this schema does not know", "protobuf", ""),
        Rule(
            "unknown-enum-number",
            _WARNING,
            "the number of an enum value that this schema does not know",
            _PROTO,
            "2026-08",
        ),
        # -- names and labels ----------------------------------------------------------------------------------------
        Rule("display-name-length", _ERROR, "tuned_model_display_name over 128 characters", _PROTO, "2026-08"),
        Rule("label-key", _ERROR, "a label's key with other characters, or too long", _PROTO, "2026-08", on_key=True),
        Rule("label-value", _ERROR, "a label's value with other characters, or too long", _PROTO, "2026-08"),
        Rule(
            "label-length",
            _WARNING,
            "64 characters where most Google documents allow 63",
            "Google Cloud documentation, Labels",
            "2026-11",
        ),
        Rule(
            "label-count",
            _ERROR,
            "more labels than the service takes, gemtune's own two counted",
            "Google Cloud documentation, Labels",
            "2026-11",
            on_key=True,
        ),
        # -- data ----------------------------------------------------------------------------------------------------
        Rule(
            "dataset-uri",
            _ERROR,
            "a dataset that is not a gs:// object ending in .jsonl, nor a dataset's resource name",
            "github.com/GoogleCloudPlatform/generative-ai/issues/2081",
            "2026-11",
            "{name} should be a GCS object of type JSONL.",
        ),
        Rule("same-dataset", _WARNING, "training and validation on the same data", "our advice", "2026-11"),
        Rule("gcs-uri", _WARNING, "an output location that is not a gs:// URI", _PROTO, "2026-08"),
        # -- hyper-parameters -----------------------------------------------------------------------------------------
        Rule("epoch-count", _ERROR, "a negative number of epochs", _SEED, "2026-11"),
        Rule("zero-unsent", _WARNING, "an explicit 0, which means the service's own choice", _PROTO, "2026-08"),
        Rule(
            "unset-epochs",
            _WARNING,
            "no number of epochs: the service's choice is what is billed",
            _DOC,
            "2026-09-25",
            on_key=True,
        ),
        Rule("learning-rate-multiplier", _ERROR, "a multiplier that is negative or not finite", _SEED, "2026-11"),
        Rule("learning-rate", _ERROR, "a learning rate that is negative or not finite", _REST, "2026-11-06"),
        Rule("batch-size", _ERROR, "a negative batch size", _REST, "2026-11-06"),
        Rule("learning-rate-exclusive", _ERROR, "learning_rate and learning_rate_multiplier both", _REST, "2026-11-06"),
        Rule(
            "adapter-size",
            _ERROR,
            "a rank that the base model does not take",
            _DOC,
            "2026-09-25",
            "The adapter size is not supported for this base model.",
            service_field=False,
        ),
        Rule("adapter-size-number", _ERROR, "a number where an adapter size is named", _PROTO, "2026-08"),
        # -- the base model ------------------------------------------------------------------------------------------
        Rule(
            "model-name",
            _ERROR,
            "something that is not a base model's name",
            _SEED,
            "2026-11",
            "Base model {value} is not supported.",
        ),
        Rule("model-unknown", _WARNING, "a base model that the catalogue does not have", "gemtune's catalogue", ""),
        Rule("model-retired", _WARNING, "a base model that the service no longer offers", _DOC, "2026-09"),
        Rule(
            "model-retiring",
            _WARNING,
            "a base model that is closed to new projects, or about to be",
            _LIFE,
            "2026-10-13",
        ),
        Rule("model-field", _ERROR, "a field for another kind of base model", _REST, "2026-11-06", on_key=True),
        Rule(
            "output-uri-required",
            _ERROR,
            "an open model without output_uri",
            _SKILLS,
            "2026-08",
            "The output_uri field is required for this model.",
            service_field=False,
            on_key=True,
        ),
        # -- places --------------------------------------------------------------------------------------------------
        Rule(
            "location-global",
            _ERROR,
            "a Gemini model tuned in the location global",
            _SKILLS,
            "2026-08",
            service_code="FAILED_PRECONDITION",
            service_field=False,
        ),
        Rule(
            "model-region",
            _ERROR,
            "a location where the base model is not tuned",
            _DOC,
            "2026-09-25",
            service_code="FAILED_PRECONDITION",
            service_field=False,
        ),
        Rule(
            "location-unknown",
            _WARNING,
            "a zone, or a location that is not known: it may be misspelt",
            "Google Cloud documentation, Regions and zones",
            "2026",
        ),
        Rule("location-mismatch", _ERROR, "names of two locations in one job", _SEED, "2026-11"),
        Rule("project-mismatch", _WARNING, "names of two projects in one job", "our advice", "2026-11"),
        Rule(
            "resource-name",
            _WARNING,
            "something that is not a name of the resource wanted (from the schema's annotations)",
            _PROTO,
            "2026-08",
        ),
        Rule("checkpoint-needs-model", _ERROR, "a checkpoint without its tuned model", _PROTO, "2026-08", on_key=True),
        # -- keys and accounts ---------------------------------------------------------------------------------------
        Rule(
            "kms-key-name",
            _ERROR,
            "something that is not a Cloud KMS key's name",
            "googleapis, encryption_spec.proto",
            "2026-08",
        ),
        Rule(
            "cmek-model",
            _ERROR,
            "a key for a base model that takes none",
            _DOC,
            "2026-09-25",
            service_code="FAILED_PRECONDITION",
            service_field=False,
        ),
        Rule(
            "cmek-region",
            _ERROR,
            "a key in another location than the job",
            "googleapis, encryption_spec.proto",
            "2026-08",
            service_code="FAILED_PRECONDITION",
            service_field=False,
        ),
        Rule("service-account", _WARNING, "something that is not a service account's email address", _PROTO, "2026-08"),
        # -- evaluation ----------------------------------------------------------------------------------------------
        Rule(
            "evaluation-complete",
            _ERROR,
            "an evaluation without metrics or without a place for its output",
            "github.com/googleapis/python-genai, tunings.py",
            "2026-11",
        ),
        Rule(
            "evaluation-validation-set",
            _WARNING,
            "an evaluation without a validation dataset",
            "github.com/GoogleCloudPlatform/generative-ai, evaluation notebook",
            "2026-11",
        ),
        Rule(
            "evaluation-model",
            _WARNING,
            "an evaluation for a base model that is documented to have none",
            _EVALUATION,
            "2026-09-25",
        ),
        Rule("evaluation-region", _WARNING, "an evaluation outside us-central1", _EVALUATION, "2026"),
        Rule(
            "sampling-count",
            _WARNING,
            "an autorater's sampling_count outside 1 to 32",
            "googleapis, evaluation_service.proto",
            "2026-08",
        ),
        Rule(
            "rouge-type", _WARNING, "a rouge_type that there is not", "googleapis, evaluation_service.proto", "2026-08"
        ),
    )
}
"""Rules about jobs, wherever they come from."""

FILE_RULES: dict[str, Rule] = {
    rule.id: rule
    for rule in (
        Rule("unknown-field", _ERROR, "a name that is not a field", service_message=_UNKNOWN_NAME, on_key=True),
        Rule("doubled-key", _ERROR, "a name twice, or one field under both spellings", on_key=True),
        Rule("one-of", _ERROR, "two fields that exclude each other", on_key=True),
        Rule("wrong-type", _ERROR, "a value of another type than its field's"),
        Rule("unknown-enum-value", _ERROR, "a name that is not a value of the enum"),
        RULES["adapter-size-number"],
        RULES["zero-unsent"],
        Rule("yaml-tag", _ERROR, "a YAML tag"),
        Rule("yaml-unquoted", _WARNING, "a text without quotes that other YAML readers take for something else"),
        Rule("too-deep", _ERROR, "more levels than a message can have"),
        Rule("too-large", _ERROR, "more values than a spec can have, aliases counted where they are used"),
    )
}
"""Rules about the text of a spec file."""
