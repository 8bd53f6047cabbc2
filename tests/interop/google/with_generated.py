"""The generated client of google-cloud-aiplatform behind the face that `steps.walk` drives."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from typing import Any

from steps import (
    BASE_MODEL,
    DATASET,
    KMS_KEY,
    LABEL,
    OPEN_MODEL,
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


class Generated:
    """The generated client of google-cloud-aiplatform over REST."""

    distribution = "google-cloud-aiplatform"
    not_found = "NotFound"
    typed = {  # noqa: RUF012  a constant
        "get": "client.get_tuning_job(name=...)",
        "list": "client.list_tuning_jobs(parent=...)",
        "list_pages": 'client.list_tuning_jobs(request={"parent": ..., "filter": ..., "page_size": ...})',
        "cancel": "client.cancel_tuning_job(name=...)",
        "rebase": "client.rebase_tuned_model(request={every field})",
        "get_operation": "operation.result()",
    }

    def __init__(self, base_url: str):
        from google.api_core.client_options import ClientOptions

        module = importlib.import_module(f"google.cloud.aiplatform_{self.api_version}")
        self.types = module.types
        client = module.GenAiTuningServiceClient
        transport = client.get_transport_class("rest")
        scheme, _, host = base_url.partition("://")
        self.client = client(
            transport=transport(host=host, url_scheme=scheme, credentials=credentials()),
            client_options=ClientOptions(),
        )
        self.operations: dict[str, Any] = {}

    def close(self) -> None:
        self.client.transport.close()

    def creations(self, mark: str) -> list[Creation]:
        labels = {LABEL: mark}
        hyper_parameters: Json = {
            "epoch_count": 4,
            "learning_rate_multiplier": 0.5,
            "adapter_size": self.types.SupervisedHyperParameters.AdapterSize.ADAPTER_SIZE_FOUR,
        }
        evaluation = {
            "metrics": [
                {"rouge_spec": {"rouge_type": "rougeL", "use_stemmer": True}, "aggregation_metrics": ["AVERAGE"]},
                {
                    "predefined_metric_spec": {
                        "metric_spec_name": "general_quality_v1",
                        "metric_spec_parameters": {"n": 1},
                    }
                },
            ],
            "output_config": {"gcs_destination": {"output_uri_prefix": "gs://interop-bucket/evaluation"}},
            "autorater_config": {"sampling_count": 0, "flip_enabled": False},
            "inference_generation_config": {
                "temperature": 0.1,
                "stop_sequences": ["END"],
                "response_modalities": ["TEXT"],
            },
        }
        rich = self.creation(
            "create_rich",
            "client.create_tuning_job(parent=..., tuning_job=TuningJob(every field a user sets))",
            {
                "base_model": BASE_MODEL,
                "tuned_model_display_name": UMLAUTS,
                "description": "every option",
                "labels": labels,
                "encryption_spec": {"kms_key_name": KMS_KEY},
                "service_account": SERVICE_ACCOUNT,
                "supervised_tuning_spec": {
                    "training_dataset_uri": TRAINING,
                    "validation_dataset_uri": VALIDATION,
                    "hyper_parameters": hyper_parameters,
                    "evaluation_config": evaluation,
                    "export_last_checkpoint_only": True,
                },
            },
            {
                "baseModel": BASE_MODEL,
                "tunedModelDisplayName": UMLAUTS,
                "description": "every option",
                "labels": labels,
                "encryptionSpec": {"kmsKeyName": KMS_KEY},
                "serviceAccount": SERVICE_ACCOUNT,
                "supervisedTuningSpec": {
                    "trainingDatasetUri": TRAINING,
                    "validationDatasetUri": VALIDATION,
                    "hyperParameters": {
                        "epochCount": "4",
                        "learningRateMultiplier": 0.5,
                        "adapterSize": "ADAPTER_SIZE_FOUR",
                    },
                    "evaluationConfig": {
                        "metrics": [
                            {
                                "rougeSpec": {"rougeType": "rougeL", "useStemmer": True},
                                "aggregationMetrics": ["AVERAGE"],
                            },
                            {
                                "predefinedMetricSpec": {
                                    "metricSpecName": "general_quality_v1",
                                    "metricSpecParameters": {"n": 1},
                                }
                            },
                        ],
                        "outputConfig": {"gcsDestination": {"outputUriPrefix": "gs://interop-bucket/evaluation"}},
                        # Optional fields: a zero that was set is sent.
                        "autoraterConfig": {"samplingCount": 0, "flipEnabled": False},
                        "inferenceGenerationConfig": {
                            "temperature": 0.1,
                            "stopSequences": ["END"],
                            "responseModalities": ["TEXT"],
                        },
                    },
                    "exportLastCheckpointOnly": True,
                },
            },
        )
        return [
            self.creation(
                "create_minimal",
                "client.create_tuning_job(parent=..., tuning_job=TuningJob(the fields that must be))",
                {"base_model": BASE_MODEL, "supervised_tuning_spec": {"training_dataset_uri": TRAINING}},
                {"baseModel": BASE_MODEL, "supervisedTuningSpec": {"trainingDatasetUri": TRAINING}},
            ),
            rich,
            self.creation(
                "create_continuous",
                "client.create_tuning_job(parent=..., tuning_job=TuningJob(pre_tuned_model=..., ...))",
                {
                    "pre_tuned_model": {"tuned_model_name": PRE_TUNED, "checkpoint_id": "3"},
                    "labels": labels,
                    "supervised_tuning_spec": {"training_dataset_uri": TRAINING},
                },
                {
                    "preTunedModel": {"tunedModelName": PRE_TUNED, "checkpointId": "3"},
                    "labels": labels,
                    "supervisedTuningSpec": {"trainingDatasetUri": TRAINING},
                },
            ),
            self.creation(
                "create_dataset_resource",
                "client.create_tuning_job(parent=..., tuning_job=TuningJob(...))",
                {
                    "base_model": BASE_MODEL,
                    "labels": labels,
                    "supervised_tuning_spec": {"training_dataset_uri": DATASET},
                },
                {"baseModel": BASE_MODEL, "labels": labels, "supervisedTuningSpec": {"trainingDatasetUri": DATASET}},
            ),
            *self.of_this_version(),
        ]

    def of_this_version(self) -> list[Creation]:
        return []

    def refusals(self) -> list[Creation]:
        return [
            self.creation(
                "create_without_dataset",
                "client.create_tuning_job(parent=..., tuning_job=TuningJob(...))",
                {"base_model": BASE_MODEL, "supervised_tuning_spec": {}},
                {"baseModel": BASE_MODEL, "supervisedTuningSpec": {}},
            ),
            self.creation(
                "create_local_file",
                "client.create_tuning_job(parent=..., tuning_job=TuningJob(...))",
                {"base_model": BASE_MODEL, "supervised_tuning_spec": {"training_dataset_uri": "train.jsonl"}},
                {"baseModel": BASE_MODEL, "supervisedTuningSpec": {"trainingDatasetUri": "train.jsonl"}},
            ),
        ]

    def creation(self, step: str, typed: str, job: Json, asks: Json) -> Creation:
        def call() -> Json:
            with self.translated():
                return self.plain(self.client.create_tuning_job(parent=PARENT, tuning_job=self.types.TuningJob(job)))

        return Creation(step, typed, call, asks)

    def get(self, name: str) -> Json:
        with self.translated():
            return self.plain(self.client.get_tuning_job(name=name))

    def list(self, *, matching: str = "", page_size: int | None = None) -> Iterator[list[Json]]:
        request: Json = {"parent": PARENT, "filter": matching, "page_size": page_size}
        for page in self.client.list_tuning_jobs(request={k: v for k, v in request.items() if v}).pages:
            yield [self.plain(job) for job in page.tuning_jobs]

    def cancel(self, name: str) -> None:
        with self.translated():
            self.client.cancel_tuning_job(name=name)

    def rebase(self, model: str) -> str:
        operation = self.client.rebase_tuned_model(
            request={
                "parent": PARENT,
                "tuned_model_ref": {"tuned_model": model},
                "tuning_job": {"tuned_model_display_name": "interop-rebased"},
                "artifact_destination": {"output_uri_prefix": "gs://interop-bucket/rebased"},
                "deploy_to_same_endpoint": True,
            }
        )
        name: str = operation.operation.name
        self.operations[name] = operation
        return name

    def operation_result(self, name: str, patience: float) -> Json:
        return self.plain(self.operations[name].result(timeout=patience))

    @staticmethod
    def plain(job: Any) -> Json:
        from google.protobuf import json_format

        return json_format.MessageToDict(type(job).pb(job))

    @staticmethod
    @contextlib.contextmanager
    def translated() -> Iterator[None]:
        from google.api_core import exceptions

        try:
            yield
        except exceptions.GoogleAPICallError as error:
            if error.response is None:  # no answer came
                raise
            raise Refused(type(error).__name__, error.response.status_code, error.response.json()) from error


class GeneratedV1(Generated):
    """The generated client, v1."""

    name = "aiplatform-v1"
    api_version = "v1"


class GeneratedV1Beta1(Generated):
    """The generated client, v1beta1: fields that v1 has not."""

    name = "aiplatform-v1beta1"
    api_version = "v1beta1"

    def of_this_version(self) -> list[Creation]:
        typed = "client.create_tuning_job(parent=..., tuning_job=TuningJob(fields of v1beta1 alone))"
        return [
            self.creation(
                "create_open_model",
                typed,
                {
                    "base_model": OPEN_MODEL,
                    "custom_base_model": "gs://interop-bucket/weights",
                    "output_uri": "gs://interop-bucket/output",
                    "supervised_tuning_spec": {
                        "training_dataset_uri": TRAINING,
                        "tuning_mode": "TUNING_MODE_FULL",
                        "hyper_parameters": {"batch_size": 8, "learning_rate": 0.0001, "epoch_count": 1},
                    },
                },
                {
                    "baseModel": OPEN_MODEL,
                    "customBaseModel": "gs://interop-bucket/weights",
                    "outputUri": "gs://interop-bucket/output",
                    "supervisedTuningSpec": {
                        "trainingDatasetUri": TRAINING,
                        "tuningMode": "TUNING_MODE_FULL",
                        "hyperParameters": {"batchSize": "8", "learningRate": 0.0001, "epochCount": "1"},
                    },
                },
            ),
            self.creation(
                "create_partner_model",
                typed,
                {
                    "base_model": OPEN_MODEL,
                    "partner_model_tuning_spec": {
                        "training_dataset_uri": TRAINING,
                        "hyper_parameters": {"rank": 4, "note": "x"},
                    },
                },
                {
                    "baseModel": OPEN_MODEL,
                    "partnerModelTuningSpec": {
                        "trainingDatasetUri": TRAINING,
                        "hyperParameters": {"rank": 4, "note": "x"},
                    },
                },
            ),
        ]
