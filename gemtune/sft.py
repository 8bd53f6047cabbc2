"""The documented Python surface: `from gemtune import sft` in place of `from vertexai.preview.tuning import sft`.

A thin layer over `TuningClient` without logic of its own: the documented names and arguments, turned into messages.
`gemtune.init(project=..., location=...)` stands for `vertexai.init(...)`.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from google.longrunning import operations_proto_pb2 as operations_pb2
from google.protobuf import timestamp_pb2
from google.rpc import status_pb2

from gemtune import safe_text, specs
from gemtune._client_base import DEFAULT, Timeout
from gemtune._sft_arguments import Arguments, SourceModel
from gemtune.client import TuningClient
from gemtune.errors import ConfigurationError, JobFailed
from gemtune.job_state import JobState, named_state
from gemtune.names import parse_job_name
from gemtune.rpc import codec, states
from gemtune_pb.v1 import (
    EncryptionSpec,
    EvaluationConfig,
    GcsDestination,
    PreTunedModel,
    SupervisedHyperParameters,
    SupervisedTuningSpec,
    TunedModelRef,
    TuningDataStats,
    TuningJob,
)

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

__all__ = [
    "PreviewSupervisedTuningJob",
    "SourceModel",
    "SupervisedTuningJob",
    "close",
    "init",
    "preview_train",
    "rebase_tuned_model",
    "train",
]

logger = safe_text.logger("gemtune")

_UNSPECIFIED = SupervisedHyperParameters.ADAPTER_SIZE_UNSPECIFIED
_lock = threading.Lock()
_options: dict[str, Any] = {}
_client: TuningClient | None = None


def init(
    *,
    project: str | None = None,
    location: str | None = None,
    experiment: str | None = None,
    experiment_description: str | None = None,  # noqa: ARG001  it changes nothing
    experiment_tensorboard: object = None,
    staging_bucket: str | None = None,  # noqa: ARG001  it changes nothing
    credentials: Credentials | None = None,
    encryption_spec_key_name: str | None = None,
    network: str | None = None,  # noqa: ARG001  it changes nothing
    service_account: str | None = None,
    api_endpoint: str | None = None,
    api_key: str | None = None,
    api_transport: str | None = None,
    request_metadata: Sequence[tuple[str, str]] | None = None,
) -> None:
    """Sets what the calls of `gemtune.sft` use from now on, as `vertexai.init` does.

    What is left out stays as an earlier `init` set it; what none has set comes from the environment. A call that gives
    an endpoint starts anew, for a project belongs to the service that it was given with.

    Args:
        project: Project id or number.
        location: Such as `us-central1`.
        experiment: Changes nothing: a tuning job has an experiment of its own.
        experiment_description: Changes nothing.
        experiment_tensorboard: Changes nothing.
        staging_bucket: Changes nothing: a tuning job reads its datasets where they are.
        credentials: From google-auth.
        encryption_spec_key_name: KMS key that new jobs use when they name none themselves.
        network: Changes nothing: a tuning job runs in no network of yours.
        service_account: Account that new jobs run as when they name none themselves.
        api_endpoint: Host, or URL, for every location.
        api_key: Refused, unless a project is given: tuning jobs belong to a project, and take no API key.
        api_transport: `"rest"` or `"grpc"` (needs the extra of that name); left out: REST.
        request_metadata: Refused: gemtune sends no headers of yours.

    Raises:
        ConfigurationError: An argument cannot be honoured, or is not what it should be.
    """
    global _client  # noqa: PLW0603  the documented surface is module-wide state
    if request_metadata:
        raise ConfigurationError(
            "init(request_metadata=...) would be lost, since gemtune sends no headers of yours; to fix it: leave it out"
        )
    if api_transport not in (None, "rest", "grpc"):
        raise ConfigurationError(f'init(api_transport={api_transport!r}): the transports are "rest" and "grpc"')
    given: dict[str, Any] = {
        "project": project,
        "location": location,
        "credentials": credentials,
        "endpoint": api_endpoint,
        "transport": api_transport,
        "kms_key_name": encryption_spec_key_name,
        "service_account": service_account,
    }
    with _lock:
        options = ({} if api_endpoint else _options) | {
            name: value for name, value in given.items() if value is not None
        }
        if api_key and not options.get("project"):
            raise ConfigurationError(
                "init(api_key=...): tuning jobs belong to a project and take no API key; to fix it: give project=, "
                "and credentials= or `gcloud auth application-default login`"
            )
        client = TuningClient(
            options.get("project"),
            options.get("location"),
            credentials=options.get("credentials"),
            endpoint=options.get("endpoint") or None,
            transport=options.get("transport", "rest"),
            api_version="v1beta1",  # as vertexai does: v1 has no open models
        )
        if _client is not None:
            _client.close()
        _client = client
        _options.clear()
        _options.update(options)
    if experiment or experiment_tensorboard:
        logger.warning(
            "init(experiment=...) changes nothing here: a tuning job has an experiment of its own (job.experiment)"
        )
    if api_key:
        logger.warning("init(api_key=...) is not used: the project takes precedence, and its credentials are sent")


def close() -> None:
    """Lets go of the connections that this module's calls hold, and forgets what `init` has set."""
    global _client  # noqa: PLW0603  the documented surface is module-wide state
    with _lock:
        if _client is not None:
            _client.close()
        _client = None
        _options.clear()


def _shared() -> TuningClient:
    if _client is None:
        init()
    assert _client is not None  # noqa: S101  init has set it
    return _client


class Experiment(str):
    """The resource name of a tuning job's experiment, which holds its metrics."""

    __slots__ = ()

    @property
    def resource_name(self) -> str:
        """The whole name."""
        return str(self)

    @property
    def name(self) -> str:
        """Its last part, which `aiplatform.Experiment` takes."""
        return self.rpartition("/")[2]


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

    def wait(
        self, timeout: float | None = None, *, poll_interval: float | None = None, raise_on_failure: bool = True
    ) -> SupervisedTuningJob:
        """Waits until the job has ended.

        Args:
            timeout: Seconds for the whole wait; None: as long as it takes.
            poll_interval: Seconds between two looks; None: half a second at first, then longer, up to 30.
            raise_on_failure: Whether a job that ends without success raises.

        Returns:
            The job as it ended, which is this one.

        Raises:
            JobFailed: It ended without success.
            WaitTimeout: It has not ended; it goes on.
        """
        try:
            self._job = _shared().wait_tuning_job(
                self._job.name, timeout=timeout, poll_interval=poll_interval, raise_on_failure=raise_on_failure
            )
        except JobFailed as failure:
            self._job = failure.job
            raise
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
    def state(self) -> JobState:
        """The state, such as `JobState.JOB_STATE_RUNNING`; it is a number that has a `.name`."""
        return _state(self._job)

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
    def gca_resource(self) -> TuningJob:
        """The job as a message: gemtune's own, whose fields have the names that vertexai's have."""
        return self._job

    @property
    def display_name(self) -> str:
        """The tuned model's display name."""
        return self._job.tuned_model_display_name

    @property
    def service_account(self) -> str:
        """The account that the job runs as; "" for the service's own."""
        return self._job.service_account

    @property
    def encryption_spec(self) -> EncryptionSpec | None:
        """The key of the tuned model; None where Google's own is used."""
        return self._job.encryption_spec if self._job.HasField("encryption_spec") else None

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
    def experiment(self) -> Experiment | None:
        """The resource name of the experiment that holds the metrics; None before there is one."""
        return Experiment(self._job.experiment) if self._job.experiment else None

    @property
    def tuning_data_statistics(self) -> TuningDataStats:
        """Statistics of the datasets, `.supervised_tuning_data_stats` in this case; empty before they are counted."""
        return self._job.tuning_data_stats

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


def _state(job: TuningJob) -> JobState:
    name = states.state_name(job)
    if job.state == JobState.JOB_STATE_UNSPECIFIED and name != "UNSPECIFIED":
        return named_state(job.state, f"JOB_STATE_{name}")  # sent by name, and unknown to this version
    return JobState(job.state)


def _shown(job: TuningJob) -> SupervisedTuningJob:
    return SupervisedTuningJob(job.name, _job=job)


def train(
    *,
    source_model: str | SourceModel | object,
    train_dataset: str | os.PathLike[str] | object,
    validation_dataset: str | os.PathLike[str] | object | None = None,
    tuned_model_display_name: str | None = None,
    tuning_mode: Literal["FULL", "PEFT_ADAPTER"] | None = None,
    epochs: int | None = None,
    learning_rate: float | None = None,
    learning_rate_multiplier: float | None = None,
    adapter_size: int | None = None,
    labels: Mapping[str, str] | None = None,
    output_uri: str | None = None,
    evaluation_config: EvaluationConfig | Mapping[str, Any] | None = None,
    service_account: str | None = None,
    encryption_spec_key_name: str | None = None,
    export_last_checkpoint_only: bool | None = None,
    pre_tuned_model_checkpoint_id: str | None = None,
    timeout: Timeout = DEFAULT,
) -> SupervisedTuningJob:
    """Starts a tuning job and returns at once.

    Args:
        source_model: A base model such as `gemini-3.5-flash`, a `SourceModel`, vertexai's `GenerativeModel`, or a
            tuned model's resource name to go on from.
        train_dataset: The training set: `gs://` URI of a JSONL file, or a multimodal dataset (its resource name, or
            vertexai's object).
        validation_dataset: The validation set, named in the same way.
        tuned_model_display_name: Up to 128 characters; left out: the service makes one up.
        tuning_mode: For open models: `"FULL"` or `"PEFT_ADAPTER"`.
        epochs: Passes over the training set, at least 1; left out: the service chooses.
        learning_rate: For open models: the learning rate itself.
        learning_rate_multiplier: Factor on the recommended learning rate; left out: 1.
        adapter_size: The rank: 1, 2, 4, 8, 16 or 32; left out: the model's default.
        labels: Labels of the job.
        output_uri: For open models: `gs://` URI of the folder that the tuned model is written to.
        evaluation_config: How checkpoints are evaluated: a message, or a mapping like its JSON.
        service_account: Account that the job runs as.
        encryption_spec_key_name: KMS key of the tuned model.
        export_last_checkpoint_only: Keep no intermediate checkpoints.
        pre_tuned_model_checkpoint_id: Which checkpoint of a tuned `source_model` to go on from.
        timeout: Seconds for the whole call, not for the job; left out: 120.

    Raises:
        SpecInvalid: An argument is not what the service takes.
        ApiError: The service refused.
        InDoubt: It is not known whether the job was created.
    """
    read = Arguments()
    source, custom = read.source(source_model)
    tuned = source.startswith("projects/")
    checkpoint = read.text("pre_tuned_model_checkpoint_id", pre_tuned_model_checkpoint_id)
    if checkpoint and not tuned:
        problem = "a checkpoint belongs to a tuned model; give its resource name as source_model"
        read.refuse("pre_tuned_model_checkpoint_id", problem)
    spec = SupervisedTuningSpec(
        training_dataset_uri=read.dataset("train_dataset", train_dataset),
        validation_dataset_uri=read.dataset("validation_dataset", validation_dataset),
        tuning_mode=read.tuning_mode(tuning_mode),
        hyper_parameters=SupervisedHyperParameters(
            epoch_count=read.whole("epochs", epochs),
            learning_rate=read.number("learning_rate", learning_rate),
            learning_rate_multiplier=read.number("learning_rate_multiplier", learning_rate_multiplier),
            adapter_size=specs.adapter_size(adapter_size) if adapter_size is not None else _UNSPECIFIED,
        ),
        export_last_checkpoint_only=read.flag("export_last_checkpoint_only", export_last_checkpoint_only),
        evaluation_config=read.evaluation(evaluation_config),
    )
    if not spec.hyper_parameters.ByteSize():
        spec.ClearField("hyper_parameters")
    job = TuningJob(
        supervised_tuning_spec=spec,
        tuned_model_display_name=read.text("tuned_model_display_name", tuned_model_display_name),
        labels=read.labels(labels),
        output_uri=read.text("output_uri", output_uri),
        custom_base_model=custom,
        service_account=read.text("service_account", service_account),
    )
    key = read.text("encryption_spec_key_name", encryption_spec_key_name)
    read.finish()
    client = _shared()
    job.service_account = job.service_account or _options.get("service_account", "")
    if tuned:
        job.pre_tuned_model.CopyFrom(PreTunedModel(tuned_model_name=source, checkpoint_id=checkpoint))
    else:
        job.base_model = source
    if key := key or _options.get("kms_key_name", ""):
        job.encryption_spec.CopyFrom(EncryptionSpec(kms_key_name=key))
    return _shown(client.create_tuning_job(job, timeout=timeout))


def rebase_tuned_model(
    tuned_model_ref: str, *, artifact_destination: str | None = None, deploy_to_same_endpoint: bool | None = False
) -> operations_pb2.Operation:
    """Tunes a newer base model with what an older tuned model was tuned with.

    Args:
        tuned_model_ref: The tuned model (`.../models/ID@VERSION`), or the tuning or pipeline job that made it.
        artifact_destination: `gs://` URI of a folder for artifacts.
        deploy_to_same_endpoint: Whether the new model takes the old one's place at its endpoint.

    Returns:
        The operation; `TuningClient.wait_operation` follows it to the new job. (vertexai waits here for its end.)
    """
    kind = next((kind for kind, part in _COLLECTIONS.items() if f"/{part}/" in tuned_model_ref), "tuned_model")
    return _shared().rebase_tuned_model(
        TunedModelRef(**{kind: tuned_model_ref}),
        artifact_destination=GcsDestination(output_uri_prefix=artifact_destination) if artifact_destination else None,
        deploy_to_same_endpoint=bool(deploy_to_same_endpoint),
    )


_COLLECTIONS = {"tuning_job": "tuningJobs", "pipeline_job": "pipelineJobs"}

preview_train = train
PreviewSupervisedTuningJob = SupervisedTuningJob
