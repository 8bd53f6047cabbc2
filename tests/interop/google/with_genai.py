"""google-genai behind the face that `steps.walk` drives, spelt as its users spell it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import Any
from unittest import mock

from steps import (
    BASE_MODEL,
    DATASET,
    KMS_KEY,
    LABEL,
    LOCATION,
    OPEN_MODEL,
    PARENT,
    PRE_TUNED,
    PROJECT,
    TRAINING,
    UMLAUTS,
    VALIDATION,
    Creation,
    Json,
    Log,
    Refused,
    credentials,
)


class GenAi:
    """google-genai: v1beta1 over REST, whatever else one sets."""

    name = "genai"
    distribution = "google-genai"
    api_version = "v1beta1"
    not_found = "ClientError"
    typed = {  # noqa: RUF012  a constant
        "get": "client.tunings.get(name=...)",
        "list": "client.tunings.list()",
        "list_pages": 'client.tunings.list(config={"page_size": ..., "filter": ...})',
        "cancel": "client.tunings.cancel(name=...)",
    }

    def __init__(self, base_url: str):
        from google import genai

        self.client = genai.Client(
            vertexai=True,
            project=PROJECT,
            location=LOCATION,
            credentials=credentials(),
            http_options={"base_url": base_url, "timeout": 30_000},
        )

    def close(self) -> None:
        self.client.close()

    def creations(self, mark: str) -> list[Creation]:
        labels = {LABEL: mark}
        evaluation = {
            "metrics": [
                {"name": "bleu"},
                {"name": "rouge_l"},
                {
                    "name": "fluency",
                    "prompt_template": "Rate: {response}",
                    "judge_model_system_instruction": "Be strict.",
                    "return_raw_output": True,
                },
            ],
            "output_config": {"gcs_destination": {"output_uri_prefix": "gs://interop-bucket/evaluation"}},
            "autorater_config": {
                "sampling_count": 2,
                "flip_enabled": False,
                "autorater_model": f"{PARENT}/endpoints/7",
            },
            "inference_generation_config": {"temperature": 0.5, "top_k": 3, "max_output_tokens": 64},
        }
        # The client adds the aggregations by itself.
        aggregation = {"aggregationMetrics": ["AVERAGE", "STANDARD_DEVIATION"]}
        rich = self.creation(
            "create_rich",
            'client.tunings.tune(base_model=..., training_dataset={"gcs_uri": ...}, config={every supervised option})',
            {
                "validation_dataset": {"gcs_uri": VALIDATION},
                "tuned_model_display_name": UMLAUTS,
                "description": "every option",
                "epoch_count": 4,
                "learning_rate_multiplier": 0.5,
                "export_last_checkpoint_only": True,
                "adapter_size": "ADAPTER_SIZE_FOUR",
                "evaluation_config": evaluation,
                "labels": labels,
                "encryption_spec": {"kms_key_name": KMS_KEY},
            },
            {
                "baseModel": BASE_MODEL,
                "tunedModelDisplayName": UMLAUTS,
                "description": "every option",
                "labels": labels,
                "encryptionSpec": {"kmsKeyName": KMS_KEY},
                "supervisedTuningSpec": {
                    "trainingDatasetUri": TRAINING,
                    "validationDatasetUri": VALIDATION,
                    "exportLastCheckpointOnly": True,
                    "hyperParameters": {
                        "epochCount": "4",
                        "learningRateMultiplier": 0.5,
                        "adapterSize": "ADAPTER_SIZE_FOUR",
                    },
                    "evaluationConfig": {
                        "metrics": [
                            {"bleuSpec": {}} | aggregation,
                            {"rougeSpec": {"rougeType": "rougel"}} | aggregation,
                            {
                                "pointwiseMetricSpec": {
                                    "metricPromptTemplate": "Rate: {response}",
                                    "systemInstruction": "Be strict.",
                                    "customOutputFormatConfig": {"returnRawOutput": True},
                                }
                            }
                            | aggregation,
                        ],
                        "outputConfig": {"gcsDestination": {"outputUriPrefix": "gs://interop-bucket/evaluation"}},
                        "autoraterConfig": {
                            "samplingCount": 2,
                            "flipEnabled": False,
                            "autoraterModel": f"{PARENT}/endpoints/7",
                        },
                        "inferenceGenerationConfig": {"temperature": 0.5, "topK": 3, "maxOutputTokens": 64},
                    },
                },
            },
        )
        return [
            self.creation(
                "create_minimal",
                'client.tunings.tune(base_model=..., training_dataset={"gcs_uri": ...})',
                None,
                {"baseModel": BASE_MODEL, "supervisedTuningSpec": {"trainingDatasetUri": TRAINING}},
            ),
            rich,
            self.creation(
                "create_continuous",
                'client.tunings.tune(base_model="projects/.../models/...", training_dataset=..., config=...)',
                {"pre_tuned_model_checkpoint_id": "3", "labels": labels},
                {
                    "preTunedModel": {"tunedModelName": PRE_TUNED, "checkpointId": "3"},
                    "labels": labels,
                    "supervisedTuningSpec": {"trainingDatasetUri": TRAINING},
                },
                base_model=PRE_TUNED,
            ),
            self.creation(
                "create_unified_metric",
                'config={"evaluation_config": {"metrics": [UnifiedMetric(...)], ...}, ...}',
                {
                    "validation_dataset": {"gcs_uri": VALIDATION},
                    "evaluation_config": {
                        "metrics": [self.unified_metric()],
                        "output_config": {"gcs_destination": {"output_uri_prefix": "gs://interop-bucket/evaluation"}},
                    },
                    "labels": labels,
                },
                {
                    "baseModel": BASE_MODEL,
                    "labels": labels,
                    "supervisedTuningSpec": {
                        "trainingDatasetUri": TRAINING,
                        "validationDatasetUri": VALIDATION,
                        "evaluationConfig": {
                            "metrics": [
                                {"predefinedMetricSpec": {"metricSpecName": "general_quality_v1"}} | aggregation
                            ],
                            "outputConfig": {"gcsDestination": {"outputUriPrefix": "gs://interop-bucket/evaluation"}},
                        },
                    },
                },
            ),
            self.creation(
                "create_dataset_resource",
                'client.tunings.tune(base_model=..., training_dataset={"vertex_dataset_resource": ...}, config=...)',
                {"validation_dataset": {"vertex_dataset_resource": DATASET}},
                {
                    "baseModel": BASE_MODEL,
                    "supervisedTuningSpec": {"trainingDatasetUri": DATASET, "validationDatasetUri": DATASET},
                },
                dataset={"vertex_dataset_resource": DATASET},
            ),
            *self.other_methods(),
        ]

    def other_methods(self) -> list[Creation]:
        """What is not supervised tuning of Google's own models.

        Left out, since no published schema has the field: `evaluation_config` with PREFERENCE_TUNING and
        `sft_loss_weight_multiplier`, which the client would send as preferenceOptimizationSpec.evaluationConfig and
        distillationSpec.hyperParameters.sftLossWeightMultiplier.
        """
        return [
            self.creation(
                "create_open_model",
                "config={tuning_mode, custom_base_model, output_uri, batch_size, learning_rate, epoch_count}",
                {
                    "tuning_mode": "TUNING_MODE_FULL",
                    "custom_base_model": "gs://interop-bucket/weights",
                    "output_uri": "gs://interop-bucket/output",
                    "batch_size": 8,
                    "learning_rate": 0.0001,
                    "epoch_count": 1,
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
                base_model=OPEN_MODEL,
            ),
            self.creation(
                "create_preference",
                'config={"method": "PREFERENCE_TUNING", "beta": ..., ...}',
                {
                    "method": "PREFERENCE_TUNING",
                    "validation_dataset": {"gcs_uri": VALIDATION},
                    "epoch_count": 2,
                    "learning_rate_multiplier": 1.5,
                    "adapter_size": "ADAPTER_SIZE_EIGHT",
                    "beta": 0.25,
                    "export_last_checkpoint_only": True,
                },
                {
                    "baseModel": BASE_MODEL,
                    "preferenceOptimizationSpec": {
                        "trainingDatasetUri": TRAINING,
                        "validationDatasetUri": VALIDATION,
                        "exportLastCheckpointOnly": True,
                        "hyperParameters": {
                            "epochCount": "2",
                            "learningRateMultiplier": 1.5,
                            "adapterSize": "ADAPTER_SIZE_EIGHT",
                            "beta": 0.25,
                        },
                    },
                },
            ),
            self.creation(
                "create_distillation",
                'config={"method": "DISTILLATION", "base_teacher_model": ..., ...}',
                {
                    "method": "DISTILLATION",
                    "base_teacher_model": "gemini-2.5-pro",
                    "validation_dataset": {"gcs_uri": VALIDATION},
                    "tuning_mode": "TUNING_MODE_PEFT_ADAPTER",
                    "epoch_count": 3,
                    "batch_size": 4,
                    "learning_rate": 0.001,
                    "adapter_size": "ADAPTER_SIZE_TWO",
                },
                {
                    "baseModel": BASE_MODEL,
                    "distillationSpec": {
                        "baseTeacherModel": "gemini-2.5-pro",
                        "promptDatasetUri": TRAINING,
                        "validationDatasetUri": VALIDATION,
                        "tuningMode": "TUNING_MODE_PEFT_ADAPTER",
                        "hyperParameters": {
                            "epochCount": "3",
                            "batchSize": "4",
                            "learningRate": 0.001,
                            "adapterSize": "ADAPTER_SIZE_TWO",
                        },
                    },
                },
            ),
            self.creation(
                "create_reinforcement",
                'config={"method": "REINFORCEMENT_TUNING", "reward_config": ..., ...}',
                {
                    "method": "REINFORCEMENT_TUNING",
                    "reward_config": {
                        "reward_name": "match",
                        "parse_response_config": {
                            "parse_type": "REGEX_EXTRACT",
                            "regex_extract_expression": ".*<ans>(.*?)</ans>",
                        },
                        "string_match_reward_scorer": {
                            "correct_answer_reward": 1.0,
                            "wrong_answer_reward": -1.0,
                            "string_match_expression": {
                                "match_operation": "EXACT_MATCH",
                                "expression": "{{references.a}}",
                            },
                        },
                    },
                    "samples_per_prompt": 8,
                    "evaluate_interval": 10,
                    "checkpoint_interval": 20,
                    "max_output_tokens": 1024,
                    "thinking_level": "HIGH",
                    "batch_size": 16,
                    "validation_dataset_uri": VALIDATION,
                },
                {
                    "baseModel": BASE_MODEL,
                    "reinforcementTuningSpec": {
                        "trainingDatasetUri": TRAINING,
                        "validationDatasetUri": VALIDATION,
                        "singleRewardConfig": {
                            "rewardName": "match",
                            "parseResponseConfig": {
                                "parseType": "REGEX_EXTRACT",
                                "regexExtractExpression": ".*<ans>(.*?)</ans>",
                            },
                            "stringMatchRewardScorer": {
                                "correctAnswerReward": 1.0,
                                "wrongAnswerReward": -1.0,
                                "stringMatchExpression": {
                                    "matchOperation": "EXACT_MATCH",
                                    "expression": "{{references.a}}",
                                },
                            },
                        },
                        "hyperParameters": {
                            "samplesPerPrompt": 8,
                            "evaluateInterval": 10,
                            "checkpointInterval": 20,
                            "maxOutputTokens": 1024,
                            "thinkingLevel": "HIGH",
                            "batchSize": 16,
                        },
                    },
                },
            ),
        ]

    def refusals(self) -> list[Creation]:
        return [
            self.creation(
                "create_without_dataset",
                'client.tunings.tune(base_model=..., training_dataset={}, config={"epoch_count": 1})',
                {"epoch_count": 1},
                {"baseModel": BASE_MODEL, "supervisedTuningSpec": {"hyperParameters": {"epochCount": "1"}}},
                dataset={},
            ),
            self.creation(
                "create_local_file",
                'client.tunings.tune(base_model=..., training_dataset={"gcs_uri": "train.jsonl"})',
                None,
                {"baseModel": BASE_MODEL, "supervisedTuningSpec": {"trainingDatasetUri": "train.jsonl"}},
                dataset={"gcs_uri": "train.jsonl"},
            ),
        ]

    def creation(
        self,
        step: str,
        typed: str,
        config: Json | None,
        asks: Json,
        *,
        base_model: str = BASE_MODEL,
        dataset: Json | None = None,
    ) -> Creation:
        from google.genai import types

        dataset = {"gcs_uri": TRAINING} if dataset is None else dataset
        # As a CreateTuningJobConfig: of a plain dict the client ignores pre_tuned_model_checkpoint_id.
        options = types.CreateTuningJobConfig.model_validate(config) if config else None

        def call() -> Json:
            with self.translated():
                job = self.client.tunings.tune(base_model=base_model, training_dataset=dataset, config=options)
            return self.plain(job)

        return Creation(step, typed, call, asks)

    def unified_metric(self) -> Any:
        from google.genai import types

        return types.UnifiedMetric(predefined_metric_spec={"metric_spec_name": "general_quality_v1"})

    def get(self, name: str) -> Json:
        with self.translated():
            return self.plain(self.client.tunings.get(name=name))

    def list(self, *, matching: str = "", page_size: int | None = None) -> Iterator[list[Json]]:
        config = {"filter": matching or None, "page_size": page_size}
        pager = self.client.tunings.list(config=config if any(config.values()) else None)
        yield [self.plain(job) for job in pager.page]
        while pager.config.get("page_token"):
            yield [self.plain(job) for job in pager.next_page()]

    def cancel(self, name: str) -> None:
        with self.translated():
            self.client.tunings.cancel(name=name)

    @staticmethod
    def plain(job: Any) -> Json:
        return job.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"sdk_http_response"})

    @staticmethod
    @contextlib.contextmanager
    def translated() -> Iterator[None]:
        from google.genai import errors

        try:
            yield
        except errors.APIError as error:
            raise Refused(type(error).__name__, error.code, error.details) from error


class GenAiPlace:
    """google-genai as people point it at an emulator: where it loses project and location, and where it keeps them."""

    name = "genai-place"
    distribution = "google-genai"

    def __init__(self, base_url: str):
        self.base_url = base_url
        self._environment = mock.patch.dict(
            os.environ, {"GOOGLE_CLOUD_PROJECT": PROJECT, "GOOGLE_CLOUD_LOCATION": LOCATION}
        )
        self._environment.start()

    def close(self) -> None:
        self._environment.stop()

    def client(self, **options: Any) -> Any:
        from google import genai

        return genai.Client(
            vertexai=True,
            credentials=credentials(),
            http_options={"base_url": self.base_url, "timeout": 30_000},
            **options,
        )

    def walk(self, log: Log, *, mark: str) -> None:
        """Project and location from the environment are dropped; as arguments they arrive."""
        from google.genai import errors

        log("place_from_environment", 'genai.Client(vertexai=True, http_options={"base_url": ...})', [])
        with contextlib.closing(self.client()) as lost:
            for call in (
                lambda: list(lost.tunings.list()),
                lambda: lost.tunings.get(name=f"{PARENT}/tuningJobs/1"),
                lambda: lost.tunings.tune(base_model=BASE_MODEL, training_dataset={"gcs_uri": TRAINING}),
            ):
                refusal: Any = None
                try:
                    call()
                except errors.ClientError as error:
                    refusal = error
                assert refusal is not None, "the emulator took the path / for a call"
                assert refusal.code == 404, refusal
                assert "left out project and location" in str(refusal), refusal

        log("place_as_arguments", "genai.Client(vertexai=True, project=..., location=..., http_options=...)", [])
        with contextlib.closing(self.client(project=PROJECT, location=LOCATION)) as client:
            evaluation = {
                "metrics": [{"name": "bleu"}],
                "output_config": {"gcs_destination": {"output_uri_prefix": "gs://interop-bucket/evaluation"}},
                "autorater_config": {"sampling_count": 1, "autorater_model": "test-model"},
            }
            config = {
                "validation_dataset": {"gcs_uri": VALIDATION},
                "evaluation_config": evaluation,
                "labels": {LABEL: mark},
            }
            job = client.tunings.tune(base_model=BASE_MODEL, training_dataset={"gcs_uri": TRAINING}, config=config)
            assert job.state.name == "JOB_STATE_PENDING", job
            assert client.tunings.get(name=job.name).name == job.name

        log("global_open_model", 'genai.Client(..., location="global").tunings.tune(...)', [])
        with contextlib.closing(self.client(project=PROJECT, location="global")) as client:
            config = {"output_uri": "gs://interop-bucket/output", "epoch_count": 1}
            job = client.tunings.tune(base_model=OPEN_MODEL, training_dataset={"gcs_uri": TRAINING}, config=config)
            assert "/locations/global/" in job.name, job
            deadline = time.monotonic() + 30
            while not job.has_ended:
                assert time.monotonic() < deadline, job
                time.sleep(0.1)
                job = client.tunings.get(name=job.name)
            assert "/locations/us-central1/" in job.tuned_model.model, job
