"""Each row of the table, fed the text that users quoted."""

from __future__ import annotations

import string
from typing import Any

import pytest
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from gemtune.errors import ApiError
from gemtune.remedies import REMEDIES, quota_of, remedy_for, remedy_for_job, row_for
from gemtune.rpc.status import error_from_status, status_from_error

C = code_pb2
# What the service says, its code -> the row, and a word of the remedy.
QUOTED = [
    (C.INVALID_ARGUMENT, "List of found errors:\t1.Field: tuning_job.supervised_tuning_spec.training_dataset_uri; Message: "
     "training_dataset_uri should be a GCS object of type JSONL.\t", "dataset-uri", "gs://BUCKET/OBJECT.jsonl"),
    (C.INVALID_ARGUMENT, "Row: 0. Missing required `contents` field.", "dataset-format", '"contents"'),
    (C.INVALID_ARGUMENT, "The adapter size is not supported for this base model.", "adapter-size", "gemtune models"),
    (C.INVALID_ARGUMENT, "Base model gemini-1.5-flash is not supported.", "base-model", "gemini-3.5-flash"),
    (C.NOT_FOUND, "Base model gemini-2.5-flash-latest is not supported.", "base-model", "-latest"),
    (C.INVALID_ARGUMENT, "The Model name projects/p/locations/l/models/1 is malformed", "model-name", "endpoint"),
    (C.NOT_FOUND, "Publisher model projects/p/locations/l/publishers/google/models/gemini-x was not found or your project "
     "does not have access to it.", "model-missing", "--location"),
    (C.FAILED_PRECONDITION, "Tuning Gemini models in location global is not supported.", "global-location", "us-central1"),
    (C.INVALID_ARGUMENT, "The output_uri field is required for this model.", "output-uri", "output_uri"),
    (C.INVALID_ARGUMENT, "Invalid open source publisher model resource name", "open-model-name", "publisher"),
    (C.FAILED_PRECONDITION, "CMEK is not supported for this model.", "cmek", "encryption_spec"),
    (C.INVALID_ARGUMENT, "Invalid JSON payload received. Unknown name \"validation_dataset\" at "
     "'tuning_job.supervised_tuning_spec': Cannot find field.", "unknown-field", "gemtune validate"),
    (C.RESOURCE_EXHAUSTED, "The following quota metrics exceed quota limits: "
     "aiplatform.googleapis.com/global_concurrent_tuning_jobs", "concurrent-jobs", "gemtune list"),
    (C.RESOURCE_EXHAUSTED, "The following quota metrics exceed quota limits: "
     "aiplatform.googleapis.com/custom_model_training_cpus", "quota", "Quotas"),
    (C.PERMISSION_DENIED, "Vertex AI API has not been used in project 1 before or it is disabled.", "api-disabled",
     "gcloud services enable"),
    (C.PERMISSION_DENIED, "Caller does not have required permission to use project acme. Grant the caller the "
     "roles/serviceusage.serviceUsageConsumer role, or a custom role with the serviceusage.services.use permission",
     "quota-project", "set-quota-project"),
    (C.PERMISSION_DENIED, "sa@p.iam.gserviceaccount.com does not have storage.objects.get access to the object.",
     "bucket-access", "objectViewer"),
    (C.PERMISSION_DENIED, "Permission 'iam.serviceAccounts.actAs' denied on service account x", "act-as",
     "serviceAccountUser"),
    (C.PERMISSION_DENIED, "Permission 'aiplatform.tuningJobs.create' denied on resource", "permission", "aiplatform.user"),
    (C.INVALID_ARGUMENT, "Principal service-1@gcp-sa-vertex-tune.iam.gserviceaccount.com does not exist.",
     "agent-missing", "cancel one tuning job"),
    (C.UNAUTHENTICATED, "Request had invalid authentication credentials.", "credentials", "application-default login"),
    (C.UNAUTHENTICATED, "Request had invalid authentication credentials. Expected Authorization: Bearer TOKEN, with the "
     "token that the emulator was started with.", "emulator-token", "credentials=google.oauth2"),
    (C.INTERNAL, "Failed to create endpoint. Tuned model is uploaded and can be accessed through Model Registry.",
     "endpoint-step", "deploy"),
    (C.INVALID_ARGUMENT, "Gemini cannot be accessed through Vertex Predict/RawPredict API. Please follow ...", "predict",
     "generateContent"),
    (C.FAILED_PRECONDITION, "Accelerators are not supported for this project", "accelerators", "billing"),
    (C.INVALID_ARGUMENT, "Evaluation config must have at least one metric and an output config.", "evaluation", "metrics"),
    (C.NOT_FOUND, "The requested URL /v1beta1/tuningJobs was not found on this server.", "path-without-project", "--project"),
    (C.INTERNAL, "Internal error encountered.", "unavailable", "gemtune list"),
    (C.INVALID_ARGUMENT, "`training_dataset_uri` should be a GCS object of type JSONL.", "dataset-uri",
     "gs://BUCKET/OBJECT.jsonl"),
    (C.INVALID_ARGUMENT, "Please use a valid role: user, model.", "dataset-roles", "assistant"),
    (C.INVALID_ARGUMENT, "Row: 3. Invalid role `assistant`.", "dataset-roles", "systemInstruction"),
    (C.INVALID_ARGUMENT, "The validation dataset has too many examples.", "validation-size", "gemtune models MODEL"),
    (C.INVALID_ARGUMENT, "Only one of learning_rate and learning_rate_multiplier may be set.", "learning-rates",
     "keep learning_rate_multiplier"),
    (C.INVALID_ARGUMENT, "Label key Team@ is invalid.", "labels", "lowercase"),
    (C.FAILED_PRECONDITION, "CMEK is not supported at global.", "global-location", "us-central1"),
    (C.FAILED_PRECONDITION, "This model does not support global endpoint tuning.", "global-location", "us-central1"),
    (C.INVALID_ARGUMENT, "Region us-east1 is not supported for model gemini-3.5-flash.", "model-region", "--location"),
    (C.FAILED_PRECONDITION, "Tuning gemini-3.5-flash is not supported in location asia-east1.", "model-region",
     "--location"),
    (C.PERMISSION_DENIED, "This API method requires billing to be enabled. Please enable billing on project #123 by visiting "
     "https://console.developers.google.com/billing/enable?project=123 then retry.", "billing", "gcloud billing"),
    (C.PERMISSION_DENIED, "Permission denied on resource project my project.", "project-missing", "gcloud projects list"),
    (C.PERMISSION_DENIED, "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: a1",
     "service-perimeter", "administrator"),
    (C.PERMISSION_DENIED, "sa@p.iam.gserviceaccount.com does not have storage.buckets.get access to the Google Cloud Storage "
     "bucket.", "bucket-metadata", "legacyBucketReader"),
    (C.PERMISSION_DENIED, "sa@p.iam.gserviceaccount.com does not have storage.objects.list access to the Google Cloud "
     "Storage bucket. Permission 'storage.objects.list' denied on resource (or it may not exist).", "bucket-access",
     "objectViewer"),
    (C.PERMISSION_DENIED, "Permission denied on bucket acme", "bucket-access", "objectViewer"),
    (C.PERMISSION_DENIED, "Permission 'storage.objects.create' denied on resource (or it may not exist).", "bucket-write",
     "objectUser"),
    (C.PERMISSION_DENIED, "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).",
     "token-creator", "gcp-sa-vertex-tune.iam.gserviceaccount.com --role=roles/iam.serviceAccountTokenCreator"),
    (C.FAILED_PRECONDITION, "Service agents are being provisioned (https://cloud.google.com/vertex-ai/docs/general/"
     "access-control#service-agents). Service agents are needed to read the Cloud Storage file provided. So please try "
     "again in a few minutes.", "agents-provisioned", "few minutes"),
    (C.PERMISSION_DENIED, "Permission 'cloudkms.cryptoKeyVersions.useToEncrypt' denied on resource k",
     "permission-elsewhere", "roles-permissions"),
    (C.PERMISSION_DENIED, "Request had insufficient authentication scopes.", "scopes", "--scopes="),
    (C.PERMISSION_DENIED, "The caller does not have permission", "denied", "roles/aiplatform.user"),
    (C.RESOURCE_EXHAUSTED, "Resource exhausted. Please try again later.", "exhausted", "gemtune list"),
    (C.RESOURCE_EXHAUSTED, "Resource has been exhausted (e.g. check quota).", "exhausted", "try again later"),
    (C.RESOURCE_EXHAUSTED, "Quota exceeded for metric: aiplatform.googleapis.com/x, limit: 5", "quota", "Quotas"),
]  # fmt: skip
# The rows that are about a call, and what a job that ends with the same error is told; the other rows are about both.
OF_CALLS = {
    "denied": "job-denied", "exhausted": "job-exhausted", "unavailable": "job-trouble", "credentials": None,
    "emulator-token": None, "path-without-project": None, "scopes": "job-denied",
}  # fmt: skip


def api_error(code: int, message: str, *details: Message) -> ApiError:
    return error_from_status(status_from_error(ApiError(message, code=code, details=details)))


@pytest.mark.parametrize(
    ("code", "text", "row", "word"), QUOTED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_quoted_text_finds_its_row(code: int, text: str, row: str, word: str) -> None:
    error = api_error(code, text)
    found = row_for(error)
    assert found is not None
    assert found.id == row
    means, do = remedy_for(error) or ("", "")
    assert word in do
    assert means
    assert "{" not in means


@pytest.mark.parametrize(
    ("code", "text", "row", "word"), QUOTED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_job_that_ended_with_it_finds_the_same_row_or_one_about_jobs(
    code: int, text: str, row: str, word: str
) -> None:
    found = row_for(api_error(code, text), about="job")
    assert (found.id if found else None) == OF_CALLS.get(row, row)
    remedy = remedy_for_job(status_pb2.Status(code=code, message=text))
    assert (remedy is None) == (found is None)
    assert row in OF_CALLS or word in (remedy or ("", ""))[1]


def test_every_row_is_fed() -> None:
    fed = {row for _, _, row, _ in QUOTED} | {row for row in OF_CALLS.values() if row}
    assert fed == {remedy.id for remedy in REMEDIES}
    assert set(OF_CALLS) == {remedy.id for remedy in REMEDIES if remedy.about == "call"}


@pytest.mark.parametrize(
    "text",
    [
        "The global batch size is not supported.",
        "Metric global_f1 is not supported; supported metrics are bleu and rouge.",
        "encryption_spec.kms_key_name: the key ring of locations/global/keyRings/k cannot be read; see the supported ones.",
        "Supported values for tuning_mode are a and b; global defaults apply otherwise.",
    ],
)
def test_a_text_with_the_word_global_is_not_always_about_the_location(text: str) -> None:
    assert remedy_for(api_error(C.INVALID_ARGUMENT, text)) is None


def test_a_violation_of_another_field_is_not_about_both_rates() -> None:
    text = "learning_rate_multiplier must be positive."
    assert remedy_for(api_error(C.INVALID_ARGUMENT, text)) is None


def test_the_region_that_the_service_names_is_in_the_meaning() -> None:
    for text in ("Region us-east1 is not supported for model x", "Tuning x is not supported in location us-east1."):
        assert "not tuned in us-east1" in (remedy_for(api_error(C.INVALID_ARGUMENT, text)) or ("", ""))[0]


@pytest.mark.parametrize("code", [C.INTERNAL, C.UNAVAILABLE, C.UNKNOWN, C.DEADLINE_EXCEEDED, C.UNAUTHENTICATED])
def test_a_job_that_failed_is_not_told_what_to_do_about_a_call(code: int) -> None:
    words = " ".join(remedy_for_job(status_pb2.Status(code=code, message="Internal error.")) or ())
    assert "before a job is created anew" not in words
    assert "login" not in words
    assert ("gemtune get JOB -o spec" in words) == (code != C.UNAUTHENTICATED)


def test_a_job_and_a_call_share_the_rows_that_name_a_cause() -> None:
    status = status_pb2.Status(code=C.INTERNAL, message="Failed to create endpoint. Tuned model is uploaded")
    found = remedy_for_job(status)
    assert found is not None
    assert found == remedy_for(error_from_status(status))


def test_the_error_of_a_call_has_no_remedy_of_a_job() -> None:
    assert remedy_for(api_error(C.DATA_LOSS, "lost")) is None


def test_a_reason_among_the_details_is_enough() -> None:
    info = error_details_pb2.ErrorInfo(reason="SERVICE_DISABLED", domain="googleapis.com")
    assert "gcloud services enable" in (remedy_for(api_error(C.PERMISSION_DENIED, "no", info)) or ("", ""))[1]


def test_a_quota_is_named_from_the_details() -> None:
    info = error_details_pb2.ErrorInfo(metadata={"quota_metric": "aiplatform.googleapis.com/x"})
    error = api_error(C.RESOURCE_EXHAUSTED, "Quota exceeded for ", info)
    assert "aiplatform.googleapis.com/x" in (remedy_for(error) or ("", ""))[0]
    named = api_error(C.RESOURCE_EXHAUSTED, "Quota exceeded for quota metric 'Requests' and limit 'per minute'")
    assert "Requests" in (remedy_for(named) or ("", ""))[0]


EXHAUSTED = "Resource has been exhausted (e.g. check quota)."
METRIC = "aiplatform.googleapis.com/custom_model_training_cpus"
NEWER = "quota_metric" in error_details_pb2.QuotaFailure.Violation.DESCRIPTOR.fields_by_name


def quota_failure(**fields: Any) -> error_details_pb2.QuotaFailure:
    return error_details_pb2.QuotaFailure(violations=[error_details_pb2.QuotaFailure.Violation(**fields)])


@pytest.mark.parametrize(
    ("detail", "quota"),
    [
        (error_details_pb2.ErrorInfo(metadata={"quota_metric": METRIC, "quota_limit": "PerMinute"}), METRIC),
        (error_details_pb2.ErrorInfo(metadata={"quota_limit": "CpusPerRegion"}), "CpusPerRegion"),
        (quota_failure(subject="project:123", description="CPUs per region"), "CPUs per region"),
        (quota_failure(subject="project:123"), "project:123"),
    ],
)
def test_the_commonest_form_names_its_quota(detail: Message, quota: str) -> None:
    error = api_error(C.RESOURCE_EXHAUSTED, EXHAUSTED, detail)
    assert quota_of(error) == quota
    assert remedy_for(error) == remedy_for_job(status_from_error(error))
    assert (remedy_for(error) or ("", ""))[0] == f"a quota is used up: {quota}"


@pytest.mark.skipif(not NEWER, reason="these fields came with googleapis-common-protos 1.70")
@pytest.mark.parametrize("name", ["quota_metric", "quota_id"])
def test_a_quota_failure_says_which_quota_and_not_whose(name: str) -> None:
    failure = quota_failure(subject="project:123", description="used up", **{name: METRIC})
    assert quota_of(api_error(C.RESOURCE_EXHAUSTED, EXHAUSTED, failure)) == METRIC


def test_a_metric_is_preferred_to_what_another_detail_says() -> None:
    info = error_details_pb2.ErrorInfo(metadata={"quota_metric": METRIC})
    assert quota_of(api_error(C.RESOURCE_EXHAUSTED, EXHAUSTED, quota_failure(subject="project:1"), info)) == METRIC


def test_the_quota_of_concurrent_jobs_is_known_from_the_details() -> None:
    metric = "aiplatform.googleapis.com/global_concurrent_tuning_jobs"
    error = api_error(C.RESOURCE_EXHAUSTED, EXHAUSTED, error_details_pb2.ErrorInfo(metadata={"quota_metric": metric}))
    assert "Global concurrent tuning jobs" in (remedy_for(error) or ("", ""))[1]


def test_what_no_row_knows_has_no_remedy() -> None:
    assert remedy_for(api_error(C.ALREADY_EXISTS, "it exists")) is None


def of_rpc(rpc: str, code: int, message: str, *details: Message) -> ApiError:
    error = api_error(code, message, *details)
    error.rpc = rpc
    error.resource = "projects/acme/locations/us-central1"
    return error


ANY_RPC = {
    "unknown-field", "predict", "model-missing", "quota", "billing", "api-disabled", "quota-project", "project-missing",
    "service-perimeter", "permission", "permission-elsewhere", "scopes", "emulator-token", "credentials", "denied",
    "path-without-project", "exhausted", "unavailable",
}  # fmt: skip
"""The rows that are about any rpc."""


@pytest.mark.parametrize("rpc", ["GetTuningJob", "ListTuningJobs", "CancelTuningJob", "GetOperation"])
@pytest.mark.parametrize(
    ("code", "text", "row", "word"), QUOTED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_row_about_a_spec_is_not_found_where_no_spec_was_sent(
    rpc: str, code: int, text: str, row: str, word: str
) -> None:
    found = row_for(of_rpc(rpc, code, text))
    assert word
    assert found is None or found.id in ANY_RPC or (rpc, found.id) == ("GetOperation", "endpoint-step")
    assert found is None or row in ANY_RPC or found.id != row or rpc == "GetOperation"


@pytest.mark.parametrize(
    ("code", "text", "row", "word"), QUOTED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_row_about_a_field_is_not_found_where_other_fields_are_named(
    code: int, text: str, row: str, word: str
) -> None:
    other = bad("tuning_job.description", "it is too long")
    (theirs,) = [remedy for remedy in REMEDIES if remedy.id == row]
    found = row_for(of_rpc("CreateTuningJob", code, text, other))
    assert word
    assert (found == theirs) == (not theirs.field)


def bad(field: str, description: str) -> error_details_pb2.BadRequest:
    violation = error_details_pb2.BadRequest.FieldViolation(field=field, description=description)
    return error_details_pb2.BadRequest(field_violations=[violation])


FILTER = (
    "filter: region: no such field; the fields are displayName, state, createTime, updateTime, labels.KEY; "
    "a value is a text, at most 63 characters"
)


@pytest.mark.parametrize("rpc", ["ListTuningJobs", ""])
@pytest.mark.parametrize("details", [(), (bad("filter", "labels.KEY values are lowercase"),)])
def test_a_wrong_filter_is_not_about_labels(rpc: str, details: tuple[Message, ...]) -> None:
    assert remedy_for(of_rpc(rpc, C.INVALID_ARGUMENT, FILTER, *details)) is None


def test_a_violation_of_the_labels_is_about_labels() -> None:
    error = of_rpc("CreateTuningJob", C.INVALID_ARGUMENT, "bad", bad("tuning_job.labels", "label key T is invalid"))
    assert "at most 64 labels" in (remedy_for(error) or ("", ""))[1]


@pytest.mark.parametrize(
    ("account", "member"),
    [
        ("", "user:YOU"),
        ("me@example.com", "user:me@example.com"),
        ("ci@acme.iam.gserviceaccount.com", "serviceAccount:ci@acme.iam.gserviceaccount.com"),
    ],
)
def test_a_remedy_has_the_project_and_the_account_that_are_known(account: str, member: str) -> None:
    error = of_rpc("CreateTuningJob", C.PERMISSION_DENIED, "Permission 'aiplatform.tuningJobs.create' denied on x")
    error.account = account
    do = (remedy_for(error) or ("", ""))[1]
    assert do == f"gcloud projects add-iam-policy-binding acme --member={member} --role=roles/aiplatform.user"


def test_a_remedy_has_the_service_account_and_bucket_that_the_service_names() -> None:
    text = "sa@p.iam.gserviceaccount.com does not have storage.objects.get access to the object gs://acme-data/t.jsonl."
    do = (remedy_for(of_rpc("CreateTuningJob", C.PERMISSION_DENIED, text)) or ("", ""))[1]
    assert "gs://acme-data --member=serviceAccount:sa@p.iam.gserviceaccount.com --role" in do


@pytest.mark.parametrize("code", [C.UNAVAILABLE, C.INTERNAL, C.RESOURCE_EXHAUSTED])
def test_what_was_no_create_is_not_told_about_creating_anew(code: int) -> None:
    assert (remedy_for(of_rpc("GetTuningJob", code, "Busy.")) or ("", ""))[1] == "try again later"
    assert "gemtune list" in (remedy_for(of_rpc("CreateTuningJob", code, "Busy.")) or ("", ""))[1]


@pytest.mark.parametrize("row", REMEDIES, ids=lambda row: row.id)
def test_every_text_can_be_filled_in(row: Any) -> None:
    known = {"project", "location", "member", "service_account", "bucket", "job", "field", "model", "region", "quota",
             "permission"}  # fmt: skip
    for text in (row.meaning, row.action, row.elsewhere):
        assert not {name for _, name, _, _ in string.Formatter().parse(text) if name} - known


def test_a_jobs_remedy_names_the_job() -> None:
    do = (remedy_for_job(status_pb2.Status(code=C.INTERNAL, message="x"), job="123") or ("", ""))[1]
    assert "gemtune get 123 -o spec" in do
