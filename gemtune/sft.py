"""The documented Python surface: `from gemtune import sft` in place of `from vertexai.preview.tuning import sft`.

A thin layer over `TuningClient` without logic of its own: the documented names and arguments, turned into messages.
`gemtune.init(project=..., location=...)` stands for `vertexai.init(...)`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from google.longrunning import operations_proto_pb2 as operations_pb2
from google.protobuf import timestamp_pb2
from google.rpc import status_pb2

from gemtune import codec, specs, states
from gemtune.client import TuningClient
from gemtune.errors import SpecInvalid, bad_request
from gemtune.names import parse_job_name
from gemtune_pb.v1 import (
    EncryptionSpec,
    GcsDestination,
    JobState,
    PreTunedModel,
    SupervisedHyperParameters,
    SupervisedTuningDataStats,
    SupervisedTuningSpec,
    TunedModelRef,
    TuningJob,
)

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

__all__ = ["SupervisedTuningJob", "close", "init", "rebase_tuned_model", "train"]

_UNSPECIFIED = SupervisedHyperParameters.ADAPTER_SIZE_UNSPECIFIED
_lock = threading.Lock()
_options: dict[str, str | None] = {}
_client: TuningClient | None = None


def init(
    *,
    project: str | None = None,
    location: str | None = None,
    credentials: Credentials | None = None,
    api_endpoint: str | None = None,
    encryption_spec_key_name: str | None = None,
    service_account: str | None = None,
) -> None:
    """Sets what the calls of `gemtune.sft` use from now on; what is left out comes from the environment.

    Args:
        project: Project id or number.
        location: Such as `us-central1`.
        credentials: From google-auth.
        api_endpoint: Host, or URL, for every location.
        encryption_spec_key_name: KMS key that new jobs use when they name none themselves.
        service_account: Account that new jobs run as when they name none themselves.
    """
    global _client  # noqa: PLW0603  the documented surface is module-wide state
    with _lock:
        close()
        _client = TuningClient(project, location, credentials=credentials, endpoint=api_endpoint)
        _options.clear()
        _options.update(kms_key_name=encryption_spec_key_name, service_account=service_account)


def close() -> None:
    """Lets go of the connections that this module's calls hold. A later call opens new ones."""
    if _client is not None:
        _client.close()


def _shared() -> TuningClient:
    if _client is None:
        init()
    assert _client is not None  # noqa: S101  init has set it
    return _client


class SupervisedTuningJob:
    """A tuning job, as it stood when it was last looked at; `refresh()` looks again."""

    def __init__(self, tuning_job_name: str, *, _job: TuningJob | None = None) -> None:
        """Gets the job of a resource name (or id, or console link)."""
        self._job = _job if _job is not None else _shared().get_tuning_job(tuning_job_name)

    @classmethod
    def list(cls, filter: str | None = None) -> list[SupervisedTuningJob]:  # noqa: A002  the documented name
        """The jobs of the project and location, newest first."""
        return [_shown(job) for job in _shared().list_tuning_jobs(filter=filter or "")]

    def refresh(self) -> SupervisedTuningJob:
        """Looks at the job again."""
        self._job = _shared().get_tuning_job(self._job.name)
        return self

    def cancel(self) -> None:
        """Asks for the job to be cancelled; it ends as cancelled some time later."""
        _shared().cancel_tuning_job(self._job.name)

    def to_message(self) -> TuningJob:
        """The job as a message, which has every field."""
        return self._job

    def to_dict(self) -> dict[str, Any]:
        """The job as the API's JSON: lowerCamelCase names, enums by name, 64-bit numbers as text."""
        tree: dict[str, Any] = json.loads(codec.to_json(self._job))
        return tree

    @property
    def resource_name(self) -> str:
        """`projects/.../locations/.../tuningJobs/...`."""
        return self._job.name

    @property
    def name(self) -> str:
        """The job's id."""
        return parse_job_name(self._job.name)[2]

    @property
    def state(self) -> JobState.ValueType:
        """The state, such as `JobState.JOB_STATE_RUNNING`."""
        return self._job.state

    @property
    def has_ended(self) -> bool:
        """Whether the job is over, however it ended."""
        return states.has_ended(self._job)

    @property
    def has_succeeded(self) -> bool:
        """Whether the job ended with a tuned model."""
        return states.has_succeeded(self._job)

    @property
    def error(self) -> status_pb2.Status | None:
        """Why the job failed or was cancelled; None otherwise."""
        return self._job.error if self._job.HasField("error") else None

    @property
    def tuned_model_display_name(self) -> str:
        """The tuned model's display name."""
        return self._job.tuned_model_display_name

    @property
    def tuned_model_name(self) -> str | None:
        """The tuned model's resource name; None before there is one."""
        return self._job.tuned_model.model or None

    @property
    def tuned_model_endpoint_name(self) -> str | None:
        """The resource name of the endpoint that serves the tuned model; None before there is one."""
        return self._job.tuned_model.endpoint or None

    @property
    def experiment(self) -> str | None:
        """The resource name of the experiment that holds the metrics; None before there is one."""
        return self._job.experiment or None

    @property
    def tuning_data_statistics(self) -> SupervisedTuningDataStats | None:
        """Statistics of the training set; None before the service has counted it."""
        stats = self._job.tuning_data_stats
        return stats.supervised_tuning_data_stats if stats.HasField("supervised_tuning_data_stats") else None

    @property
    def labels(self) -> Mapping[str, str]:
        """The job's labels."""
        return dict(self._job.labels)

    @property
    def create_time(self) -> datetime | None:
        """When the job was created."""
        return self._time("create_time")

    @property
    def start_time(self) -> datetime | None:
        """When the job began to run; None before it did."""
        return self._time("start_time")

    @property
    def end_time(self) -> datetime | None:
        """When the job ended; None before it did."""
        return self._time("end_time")

    @property
    def update_time(self) -> datetime | None:
        """When the job last changed."""
        return self._time("update_time")

    def _time(self, field: str) -> datetime | None:
        stamp: timestamp_pb2.Timestamp = getattr(self._job, field)
        return stamp.ToDatetime(tzinfo=UTC) if stamp.ByteSize() else None

    def _rows(self) -> Sequence[tuple[str, str]]:
        job = self._job
        spec = job.supervised_tuning_spec
        rows = [
            ("resource name", job.name),
            ("state", states.state_name(job)),
            ("base model", job.base_model or job.pre_tuned_model.tuned_model_name),
            ("training dataset", spec.training_dataset_uri),
            ("display name", job.tuned_model_display_name),
            ("created", job.create_time.ToJsonString() if job.HasField("create_time") else ""),
            ("ended", job.end_time.ToJsonString() if job.HasField("end_time") else ""),
            ("tuned model", job.tuned_model.model),
            ("endpoint", job.tuned_model.endpoint),
            ("experiment", job.experiment),
            ("error", job.error.message),
        ]
        return [(title, value) for title, value in rows if value]

    def __repr__(self) -> str:
        return f"<SupervisedTuningJob {self._job.name} {states.state_name(self._job)}>"

    def __str__(self) -> str:
        return "\n".join(f"{title:<17}{value}" for title, value in self._rows())

    def _repr_html_(self) -> str:
        from html import escape

        cells = "".join(f"<tr><th>{escape(title)}</th><td>{escape(value)}</td></tr>" for title, value in self._rows())
        return f"<table>{cells}</table>"


def _shown(job: TuningJob) -> SupervisedTuningJob:
    return SupervisedTuningJob(job.name, _job=job)


def train(
    *,
    source_model: str,
    train_dataset: str,
    validation_dataset: str | None = None,
    tuned_model_display_name: str | None = None,
    epochs: int | None = None,
    learning_rate_multiplier: float | None = None,
    adapter_size: int | None = None,
    labels: Mapping[str, str] | None = None,
    service_account: str | None = None,
    encryption_spec_key_name: str | None = None,
    export_last_checkpoint_only: bool | None = None,
    pre_tuned_model_checkpoint_id: str | None = None,
) -> SupervisedTuningJob:
    """Starts a tuning job and returns at once.

    Args:
        source_model: A base model such as `gemini-1.0-pro-002`, or a tuned model's resource name to go on from.
        train_dataset: `gs://` URI of the training set, a JSONL file.
        validation_dataset: `gs://` URI of the validation set, a JSONL file.
        tuned_model_display_name: Up to 128 characters; left out: the service makes one up.
        epochs: Passes over the training set, at least 1; left out: the service chooses.
        learning_rate_multiplier: Factor on the recommended learning rate; left out: 1.
        adapter_size: The rank: 1, 2, 4, 8, 16 or 32; left out: the model's default.
        labels: Labels of the job.
        service_account: Account that the job runs as.
        encryption_spec_key_name: KMS key of the tuned model.
        export_last_checkpoint_only: Keep no intermediate checkpoints.
        pre_tuned_model_checkpoint_id: Which checkpoint of a tuned `source_model` to go on from.

    Raises:
        SpecInvalid: An argument is not what the service takes.
        ApiError: The service refused.
    """
    tuned = source_model.startswith("projects/")
    _refuse_what_would_be_lost(epochs, learning_rate_multiplier, tuned=tuned, checkpoint=pre_tuned_model_checkpoint_id)
    spec = SupervisedTuningSpec(
        training_dataset_uri=train_dataset,
        validation_dataset_uri=validation_dataset or "",
        hyper_parameters=SupervisedHyperParameters(
            epoch_count=epochs or 0,
            learning_rate_multiplier=learning_rate_multiplier or 0.0,
            adapter_size=specs.adapter_size(adapter_size) if adapter_size is not None else _UNSPECIFIED,
        ),
        export_last_checkpoint_only=bool(export_last_checkpoint_only),
    )
    if not spec.hyper_parameters.ByteSize():
        spec.ClearField("hyper_parameters")
    client = _shared()
    job = TuningJob(
        supervised_tuning_spec=spec,
        tuned_model_display_name=tuned_model_display_name or "",
        labels=labels or {},
        service_account=service_account or _options.get("service_account") or "",
    )
    if tuned:
        job.pre_tuned_model.CopyFrom(
            PreTunedModel(tuned_model_name=source_model, checkpoint_id=pre_tuned_model_checkpoint_id or "")
        )
    else:
        job.base_model = source_model
    if key := encryption_spec_key_name or _options.get("kms_key_name"):
        job.encryption_spec.CopyFrom(EncryptionSpec(kms_key_name=key))
    return _shown(client.create_tuning_job(job))


def _refuse_what_would_be_lost(
    epochs: int | None, multiplier: float | None, *, tuned: bool, checkpoint: str | None
) -> None:
    """The message has no presence for numbers, so an explicit 0 would go unsent and mean the service's choice."""
    wrong = [
        (f"supervised_tuning_spec.hyper_parameters.{field}", f"0 cannot be sent; {wanted}, or leave it out")
        for field, value, wanted in (
            ("epoch_count", epochs, "give at least 1"),
            ("learning_rate_multiplier", multiplier, "give a positive number"),
        )
        if value is not None and not value
    ]
    if checkpoint and not tuned:
        wrong.append(
            (
                "pre_tuned_model.checkpoint_id",
                "a checkpoint belongs to a tuned model; give its resource name as source_model",
            )
        )
    if wrong:
        raise SpecInvalid(bad_request(wrong))


def rebase_tuned_model(
    tuned_model_resource_name: str, *, artifact_destination: str | None = None, deploy_to_same_endpoint: bool = False
) -> operations_pb2.Operation:
    """Tunes a newer base model with what an older tuned model was tuned with.

    Args:
        tuned_model_resource_name: The tuned model (`.../models/ID@VERSION`), or the job that made it.
        artifact_destination: `gs://` URI of a folder for artifacts.
        deploy_to_same_endpoint: Whether the new model takes the old one's place at its endpoint.

    Returns:
        The operation; `TuningClient.wait_operation` follows it to the new job.
    """
    kind = next(
        (k for k in ("tuning_job", "pipeline_job") if f"/{_COLLECTIONS[k]}/" in tuned_model_resource_name), None
    )
    return _shared().rebase_tuned_model(
        TunedModelRef(**{kind or "tuned_model": tuned_model_resource_name}),
        artifact_destination=GcsDestination(output_uri_prefix=artifact_destination) if artifact_destination else None,
        deploy_to_same_endpoint=deploy_to_same_endpoint,
    )


_COLLECTIONS = {"tuning_job": "tuningJobs", "pipeline_job": "pipelineJobs"}
