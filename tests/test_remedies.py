"""Each row of the table, fed the text that users quoted."""

from __future__ import annotations

import pytest
from google.rpc import code_pb2, error_details_pb2, status_pb2

from gemtune.error_forms import error_from_status, status_from_error
from gemtune.errors import ApiError
from gemtune.remedies import REMEDIES, remedy_for, remedy_for_job, row_for

C = code_pb2
# What the service says, its code -> the row, and a word of the remedy.
QUOTED = [
    (C.INVALID_ARGUMENT, "List of found errors:\t1.Field: tuning_job.supervised_tuning_spec.training_dataset_uri; Message: "
     "training_dataset_uri should be a GCS object of type JSONL.\t", "dataset-uri", "gs://BUCKET/OBJECT.jsonl"),
    (C.INVALID_ARGUMENT, "Row: 0. Missing required `contents` field.", "dataset-format", '"contents"'),
    (C.INVALID_ARGUMENT, "The adapter size is not supported for this base model.", "adapter-size", "gemtune models"),
    (C.INVALID_ARGUMENT, "Base model gemini-1.5-flash is not supported.", "base-model", "gemini-2.5-flash"),
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
]  # fmt: skip


def api_error(code: int, message: str, *details: object) -> ApiError:
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


def test_every_row_is_fed() -> None:
    assert {row for _, _, row, _ in QUOTED} == {remedy.id for remedy in REMEDIES if remedy.about != "job"}


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
    assert remedy_for(error) is None
    named = api_error(C.RESOURCE_EXHAUSTED, "Quota exceeded for quota metric 'Requests' and limit 'per minute'")
    assert "Requests" in (remedy_for(named) or ("", ""))[0]


def test_what_no_row_knows_has_no_remedy() -> None:
    assert remedy_for(api_error(C.ALREADY_EXISTS, "it exists")) is None
