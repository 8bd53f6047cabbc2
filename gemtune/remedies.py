"""What the service says -> what it means, and what to run or change: a table, as data.

The texts are those that users of the service quoted, or its documents; each row is recognized by its canonical code and
a pattern over the message and the details' reasons. What a call was answered with and what a job ended with are two
things: some rows are about one of them alone. Knows errors; nothing of who prints them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from google.rpc import code_pb2, error_details_pb2, status_pb2

from gemtune.error_forms import error_from_status
from gemtune.errors import ApiError

__all__ = ["REMEDIES", "Remedy", "quota_of", "remedy_for", "remedy_for_job", "row_for"]


@dataclass(frozen=True)
class Remedy:
    """One row.

    Attributes:
        id: Its stable name.
        codes: The canonical codes it is seen with; empty: any.
        pattern: What the message, or a reason among the details, looks like. Its named groups fill the texts.
        means: What it means, in one sentence.
        do: What to run or change.
        about: `call`, `job`, or "" for both: which errors the row is about.
    """

    id: str
    codes: tuple[int, ...]
    pattern: str
    means: str
    do: str
    about: str = ""


_C = code_pb2

REMEDIES: tuple[Remedy, ...] = (
    Remedy(
        "dataset-uri",
        (_C.INVALID_ARGUMENT,),
        r"(?P<field>(?:training|validation)_dataset_uri) should be a GCS object of type JSONL",
        "{field} has to be one JSONL object in Cloud Storage",
        "upload it (gcloud storage cp FILE gs://BUCKET/) and give gs://BUCKET/OBJECT.jsonl, without a wildcard",
    ),
    Remedy(
        "dataset-format",
        (),
        r"Missing required `?'?contents`?'? field",
        "the rows are in an older format than this model reads (input_text/output_text, or messages)",
        'write each row as {{"contents": [{{"role": "user", "parts": [...]}}, {{"role": "model", "parts": [...]}}]}}',
    ),
    Remedy(
        "adapter-size",
        (_C.INVALID_ARGUMENT,),
        r"adapter size is not supported for this base model",
        "this base model does not take that adapter size",
        "`gemtune models` lists the sizes of each base model; leave adapter_size out for its default",
    ),
    Remedy(
        "base-model",
        (_C.INVALID_ARGUMENT, _C.NOT_FOUND, _C.FAILED_PRECONDITION),
        r"[Bb]ase model (?P<model>\S+) is not supported",
        "{model} cannot be tuned: it is not a tunable version, is retired, or is not offered in this location",
        "`gemtune models` lists what can be tuned; name a version such as gemini-2.5-flash, without models/ or -latest",
    ),
    Remedy(
        "model-name",
        (_C.INVALID_ARGUMENT,),
        r"[Mm]odel name .*is malformed",
        "a publisher model is wanted where another resource name was given",
        "give the base model's short name; to use a tuned model, call its endpoint (tuned_model.endpoint)",
    ),
    Remedy(
        "model-missing",
        (_C.NOT_FOUND,),
        r"Publisher [Mm]odel \S*/models/(?P<model>[^\s`]+) was not found",
        "{model} is not offered in this location, or not to this project",
        "choose another --location, or another model from `gemtune models`",
    ),
    Remedy(
        "global-location",
        (_C.FAILED_PRECONDITION, _C.INVALID_ARGUMENT),
        r"\bglobal\b.*(tuning|location|CMEK|supported)|(tuning|CMEK).*\bglobal\b",
        "this is not possible in the location `global`",
        "use a region, such as --location us-central1",
    ),
    Remedy(
        "output-uri",
        (_C.INVALID_ARGUMENT,),
        r"output_uri field is required",
        "an open model is tuned into a folder of yours",
        "set output_uri to gs://BUCKET/FOLDER (needs --api-version v1beta1)",
    ),
    Remedy(
        "open-model-name",
        (_C.INVALID_ARGUMENT,),
        r"Invalid open source publisher model resource name",
        "an open model is named by its publisher's resource name",
        "give base_model as publisher/model@version, as the model's page says it",
    ),
    Remedy(
        "cmek",
        (_C.FAILED_PRECONDITION, _C.INVALID_ARGUMENT),
        r"CMEK|customer.managed encryption",
        "this model or location does not take a customer-managed encryption key",
        "leave encryption_spec out, or use a model that takes one (`gemtune models`) and a key in the job's region",
    ),
    Remedy(
        "unknown-field",
        (_C.INVALID_ARGUMENT,),
        r'Unknown name "(?P<field>[^"]+)"',
        "the service has no field {field} at that place",
        "`gemtune validate -f FILE` names the nearest one; a field of v1beta1 needs --api-version v1beta1",
    ),
    Remedy(
        "concurrent-jobs",
        (_C.RESOURCE_EXHAUSTED,),
        r"concurrent.tuning.jobs|global_concurrent_tuning_jobs",
        "the project's quota of concurrent tuning jobs (over all regions and models) is used up",
        "wait for a job to end or cancel one (gemtune list), or ask for more of `Global concurrent tuning jobs`",
    ),
    Remedy(
        "quota",
        (_C.RESOURCE_EXHAUSTED,),
        r"exceed quota limits?: (?P<quota>\S+)|Quota exceeded for (?:quota metric )?'?(?P<other>[^'\n]+)",
        "the quota {quota} is used up",
        "try again later, or ask for more of it in the console (IAM & Admin, Quotas)",
    ),
    Remedy(
        "api-disabled",
        (_C.PERMISSION_DENIED,),
        r"SERVICE_DISABLED|has not been used in project|API has not been enabled",
        "the Vertex AI API is not enabled in this project",
        "gcloud services enable aiplatform.googleapis.com --project PROJECT",
    ),
    Remedy(
        "quota-project",
        (_C.PERMISSION_DENIED,),
        r"USER_PROJECT_DENIED|does not have required permission to use project (?P<project>\S+?)\.? ",
        "the account may not use the project that the calls are billed to",
        "gcloud auth application-default set-quota-project PROJECT, or ask for roles/serviceusage.serviceUsageConsumer",
    ),
    Remedy(
        "bucket-access",
        (),
        r"does not have storage\.objects\.get access|storage\.objects\.get",
        "the account that reads the dataset may not read that object",
        "gcloud storage buckets add-iam-policy-binding gs://BUCKET --member=serviceAccount:ACCOUNT "
        "--role=roles/storage.objectViewer",
    ),
    Remedy(
        "act-as",
        (_C.PERMISSION_DENIED,),
        r"iam\.serviceAccounts\.actAs",
        "the caller may not run jobs as that service account",
        "gcloud iam service-accounts add-iam-policy-binding ACCOUNT --member=user:YOU "
        "--role=roles/iam.serviceAccountUser",
    ),
    Remedy(
        "permission",
        (_C.PERMISSION_DENIED,),
        r"Permission '(?P<permission>[\w.]+)' denied",
        "the permission {permission} is missing",
        "gcloud projects add-iam-policy-binding PROJECT --member=user:YOU --role=roles/aiplatform.user",
    ),
    Remedy(
        "agent-missing",
        (),
        r"Principal .*does not exist|gcp-sa-vertex-tune\S* does not exist",
        "the service agent of tuning (gcp-sa-vertex-tune) exists only after a project's first tuning job",
        "start and cancel one tuning job, then grant the role",
    ),
    Remedy(
        "emulator-token",
        (_C.UNAUTHENTICATED,),
        r"the token that the emulator was started with",
        "the emulator was started with --token, and the call did not carry that token",
        "set GEMTUNE_EMULATOR_TOKEN beside GEMTUNE_EMULATOR_HOST, or pass "
        "credentials=google.oauth2.credentials.Credentials(token=...)",
        about="call",
    ),
    Remedy(
        "credentials",
        (_C.UNAUTHENTICATED,),
        r"",
        "the credentials are missing, invalid or expired",
        "gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS to a key file",
        about="call",
    ),
    Remedy(
        "endpoint-step",
        (_C.INTERNAL,),
        r"Failed to create endpoint\. Tuned model is uploaded",
        "the model was tuned and kept, and only its endpoint was not made",
        "deploy tuned_model.model to an endpoint yourself (gcloud ai endpoints deploy-model); no new job is needed",
    ),
    Remedy(
        "predict",
        (_C.INVALID_ARGUMENT,),
        r"cannot be accessed through Vertex Predict",
        "a tuned Gemini model is called by generateContent, not by predict",
        "POST to https://LOCATION-aiplatform.googleapis.com/v1/ENDPOINT:generateContent",
    ),
    Remedy(
        "accelerators",
        (),
        r"Accelerators are not supported for this project",
        "this project is restricted (a lab's, a trial's) and cannot tune",
        "use a project with billing of its own",
    ),
    Remedy(
        "evaluation",
        (_C.INVALID_ARGUMENT,),
        r"[Ee]valuation config must have at least one metric and an output config",
        "an evaluation needs metrics and a place for its results",
        "set both evaluation_config.metrics and evaluation_config.output_config.gcs_destination.output_uri_prefix",
    ),
    Remedy(
        "path-without-project",
        (_C.NOT_FOUND,),
        r"/v1(?:beta1)?/tuningJobs",
        "the request's path had no project",
        "set GOOGLE_CLOUD_PROJECT, or give --project (in Python: project=)",
        about="call",
    ),
    Remedy(
        "unavailable",
        (_C.UNAVAILABLE, _C.INTERNAL, _C.UNKNOWN, _C.DEADLINE_EXCEEDED),
        r"",
        "the service is in trouble, or met something that it does not report",
        "try again later; before a job is created anew, `gemtune list` shows whether the first was made",
        about="call",
    ),
    Remedy(
        "job-trouble",
        (_C.UNAVAILABLE, _C.INTERNAL, _C.UNKNOWN, _C.DEADLINE_EXCEEDED, _C.ABORTED, _C.DATA_LOSS),
        r"",
        "the service failed while the job ran, and does not say that the spec or the data are at fault",
        "create a job of the same spec (gemtune get JOB -o spec > again.yaml); if that fails too, ask Google's "
        "support, with the job's full name",
        about="job",
    ),
)


def remedy_for(error: ApiError) -> tuple[str, str] | None:
    """What the error of a call means and what to do about it; None where the table has no row for it."""
    return _filled(row_for(error), error)


def remedy_for_job(status: status_pb2.Status) -> tuple[str, str] | None:
    """What the error of a job (`TuningJob.error`) means and what to do about it; None where no row is about it."""
    error = error_from_status(status)
    return _filled(row_for(error, about="job"), error)


def row_for(error: ApiError, *, about: str = "call") -> Remedy | None:
    """The row of the table that an error is of; `about` says whether a `call` or a `job` ended with it."""
    text = _text(error)
    rows = (row for row in REMEDIES if row.about in ("", about) and (not row.codes or error.code in row.codes))
    return next((row for row in rows if re.search(row.pattern, text)), None)


def _filled(row: Remedy | None, error: ApiError) -> tuple[str, str] | None:
    if row is None:
        return None
    found = re.search(row.pattern, _text(error))
    words = {name: (value or "").rstrip(".,`'") for name, value in (found.groupdict() if found else {}).items()}
    if "quota" in words:
        words["quota"] = words["quota"] or words["other"] or quota_of(error) or "in question"
    return row.means.format(**words), row.do.format(**words)


def quota_of(error: ApiError) -> str | None:
    """The quota that an error names in its details; None when it names none."""
    for detail in error.details:
        if isinstance(detail, error_details_pb2.QuotaFailure):
            for violation in detail.violations:
                return violation.subject or violation.description
        if isinstance(detail, error_details_pb2.ErrorInfo) and "quota_metric" in detail.metadata:
            return detail.metadata["quota_metric"]
    return None


def _text(error: ApiError) -> str:
    """Everything that the service said, the reasons among the details too."""
    reasons = [d.reason for d in error.details if isinstance(d, error_details_pb2.ErrorInfo)]
    return "\n".join([error.message, *reasons, *(violation.description for violation in error.violations)])
