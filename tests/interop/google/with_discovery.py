"""google-api-python-client behind the face that `steps.walk` drives."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from steps import (
    BASE_MODEL,
    KMS_KEY,
    LABEL,
    MISSING,
    PARENT,
    PRE_TUNED,
    SERVICE_ACCOUNT,
    TRAINING,
    UMLAUTS,
    VALIDATION,
    Creation,
    Json,
    Refused,
    credentials,
)


class Discovery:
    """google-api-python-client, from the discovery document that it brings along; bodies go out as they were typed."""

    distribution = "google-api-python-client"
    not_found = "HttpError"
    typed = {  # noqa: RUF012  a constant
        "get": "jobs.get(name=...).execute()",
        "get_partly": 'jobs.get(name=..., fields="name,state", prettyPrint=False, quotaUser="interop").execute()',
        "list": "jobs.list(parent=...).execute()",
        "list_pages": "jobs.list(parent=..., filter=..., pageSize=...), then jobs.list_next(...)",
        "cancel": "jobs.cancel(name=...).execute(), and with body={} for a missing job",
        "rebase": "jobs.rebaseTunedModel(parent=..., body={every field}).execute()",
        "get_operation": "jobs.operations().get(name=...).execute()",
    }

    def __init__(self, base_url: str):
        from googleapiclient.discovery import build

        self.service = build(
            "aiplatform",
            self.api_version,
            credentials=credentials(),
            client_options={"api_endpoint": base_url},
            static_discovery=True,
            cache_discovery=False,
        )
        self.jobs = self.service.projects().locations().tuningJobs()

    def close(self) -> None:
        self.service.close()

    def creations(self, mark: str) -> list[Creation]:
        labels = {LABEL: mark}
        supervised = {
            "trainingDatasetUri": TRAINING,
            "validationDatasetUri": VALIDATION,
            "exportLastCheckpointOnly": True,
            "hyperParameters": {"epochCount": "4", "learningRateMultiplier": 0.5, "adapterSize": "ADAPTER_SIZE_FOUR"},
            "evaluationConfig": {
                "metrics": [{"exactMatchSpec": {}, "aggregationMetrics": ["AVERAGE"]}],
                "outputConfig": {"gcsDestination": {"outputUriPrefix": "gs://interop-bucket/evaluation"}},
            },
        }
        rich = {
            "baseModel": BASE_MODEL,
            "tunedModelDisplayName": UMLAUTS,
            "description": "every option",
            "labels": labels,
            "encryptionSpec": {"kmsKeyName": KMS_KEY},
            "serviceAccount": SERVICE_ACCOUNT,
            "supervisedTuningSpec": supervised,
        }
        preference = {
            "baseModel": BASE_MODEL,
            "preferenceOptimizationSpec": {
                "trainingDatasetUri": TRAINING,
                "hyperParameters": {"beta": 0.25, "epochCount": "2"},
            },
        }
        continuous = {
            "preTunedModel": {"tunedModelName": PRE_TUNED, "checkpointId": "3"},
            "labels": labels,
            "supervisedTuningSpec": {"trainingDatasetUri": TRAINING},
        }
        minimal = {"baseModel": BASE_MODEL, "supervisedTuningSpec": {"trainingDatasetUri": TRAINING}}
        # What the documents show: both spellings in one body, a whole number for int64; and the enum's number.
        mixed = {
            "baseModel": BASE_MODEL,
            "labels": labels,
            "supervisedTuningSpec": {
                "training_dataset_uri": TRAINING,
                "hyper_parameters": {"epoch_count": 4, "learning_rate_multiplier": 1, "adapter_size": 2},
            },
        }
        mixed_means = {
            "baseModel": BASE_MODEL,
            "labels": labels,
            "supervisedTuningSpec": {
                "trainingDatasetUri": TRAINING,
                "hyperParameters": {
                    "epochCount": "4",
                    "learningRateMultiplier": 1.0,
                    "adapterSize": "ADAPTER_SIZE_FOUR",
                },
            },
        }
        return [
            self.creation("create_minimal", minimal),
            self.creation("create_rich", rich),
            self.creation("create_continuous", continuous),
            self.creation("create_mixed_spelling", mixed, mixed_means),
            self.creation("create_preference", preference),
        ]

    def refusals(self) -> list[Creation]:
        return [
            self.creation("create_without_dataset", {"baseModel": BASE_MODEL, "supervisedTuningSpec": {}}),
            self.creation(
                "create_local_file",
                {"baseModel": BASE_MODEL, "supervisedTuningSpec": {"trainingDatasetUri": "train.jsonl"}},
            ),
        ]

    def creation(self, step: str, body: Json, asks: Json | None = None) -> Creation:
        def call() -> Json:
            return self.execute(self.jobs.create(parent=PARENT, body=body))

        return Creation(step, "jobs.create(parent=..., body={...}).execute()", call, asks or body)

    def get(self, name: str) -> Json:
        return self.execute(self.jobs.get(name=name))

    def get_partly(self, name: str) -> Json:
        """System parameters, which are no fields of any request message."""
        return self.execute(self.jobs.get(name=name, fields="name,state", prettyPrint=False, quotaUser="interop"))

    def list(self, *, matching: str = "", page_size: int | None = None) -> Iterator[list[Json]]:
        wanted: Json = {"filter": matching, "pageSize": page_size}
        request = self.jobs.list(parent=PARENT, **{k: v for k, v in wanted.items() if v})
        while request is not None:
            response = self.execute(request)
            yield response.get("tuningJobs", [])
            request = self.jobs.list_next(request, response)

    def cancel(self, name: str) -> None:
        # Both forms are in use, so both are tried: no body, and an empty message.
        body = {"body": {}} if name == MISSING else {}
        self.execute(self.jobs.cancel(name=name, **body))

    def rebase(self, model: str) -> str:
        body = {
            "tunedModelRef": {"tunedModel": model},
            "tuningJob": {"tunedModelDisplayName": "interop-rebased"},
            "artifactDestination": {"outputUriPrefix": "gs://interop-bucket/rebased"},
            "deployToSameEndpoint": True,
        }
        operation: Json = self.execute(self.jobs.rebaseTunedModel(parent=PARENT, body=body))
        return str(operation["name"])

    def operation_result(self, name: str, patience: float) -> Json:
        deadline = time.monotonic() + patience
        while not (operation := self.execute(self.jobs.operations().get(name=name))).get("done"):
            assert time.monotonic() < deadline, operation
            time.sleep(0.1)
        kind = f"type.googleapis.com/google.cloud.aiplatform.{self.api_version}.TuningJob"
        assert operation["response"].pop("@type") == kind
        return operation["response"]

    @staticmethod
    def execute(request: Any) -> Any:
        from googleapiclient.errors import HttpError

        try:
            return request.execute()
        except HttpError as error:
            raise Refused(type(error).__name__, error.resp.status, json.loads(error.content)) from error


class DiscoveryV1(Discovery):
    """The discovery client, v1."""

    name = "discovery-v1"
    api_version = "v1"


class DiscoveryV1Beta1(Discovery):
    """The discovery client, v1beta1."""

    name = "discovery-v1beta1"
    api_version = "v1beta1"
