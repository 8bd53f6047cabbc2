"""What a job will be, settled when it is created, and what is shown of it at a moment."""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import code_pb2, status_pb2

from gemtune.descriptors import is_output, value_field, values
from gemtune.emulator.checks import facts_of, model_id
from gemtune.emulator.storage import Record
from gemtune.emulator.timeline import Timeline
from gemtune.rpc.states import has_succeeded
from gemtune.specs import catalogue
from gemtune.specs.lifecycle import kind_of_tuning, limits_for, served_from
from gemtune_pb.v1 import (
    JobState,
    SupervisedTuningSpec,
    TunedModel,
    TunedModelCheckpoint,
    TuningDataStats,
    TuningJob,
)

__all__ = ["derived_id", "home_of", "plan", "project_number", "show", "without_outputs"]

EPOCHS, MULTIPLIER = 10, 1.0  # what the service filled in for datasets of 500 rows
EXAMPLES = 500  # what a dataset counts for that has no statistics
_BATCH = 16  # examples a step; the service does not say
_CHECKPOINTS = 10
_INT64 = 2**63 - 1  # steps are counted up to there; the service documents no bound for epochs


def project_number(project: str) -> str:
    """The number of a project, which names in answers have whatever was sent; stable, 12 digits."""
    if project.isascii() and project.isdigit():
        return project
    return str(10**11 + _hash("project", project) % (9 * 10**11))


def home_of(location: str) -> str:
    """The region that what a job makes is in. A job of `global` runs in one of two regions, and names that one."""
    return "us-central1" if location == "global" else location


def derived_id(job_id: int, *purpose: object) -> int:
    """An id of 19 digits for something that belongs to a job."""
    return 10**18 + _hash(job_id, *purpose) % (2**63 - 10**18)


def _hash(*parts: object) -> int:
    return int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest()[:16], "big")


def without_outputs(job: TuningJob) -> TuningJob:
    """A copy of a job without its output-only fields, which the service ignores in a request.

    Unlike `specs.request_of` it keeps gemtune's own labels: clients find their jobs by them.
    """
    copy = TuningJob()
    copy.CopyFrom(job)
    _clear_output(copy)
    return copy


def _clear_output(message: Message) -> None:
    for field, value in message.ListFields():
        if is_output(field):
            message.ClearField(field.name)
        elif value_field(field).message_type is not None:
            for part in values(field, value):
                _clear_output(part)


def plan(
    wanted: TuningJob,
    *,
    parent: str,
    job_id: int,
    timeline: Timeline,
    model: str,
    source_base: str = "",
    endpoint: str | None = None,
    error: status_pb2.Status | None = None,
) -> TuningJob:
    """The job as it is going to be shown when it has ended, without its times, state and statistics.

    Args:
        wanted: What its user asked for; not changed.
        parent: Project (by its number) and location.
        job_id: The last part of its name.
        timeline: Its times.
        model: The model that it makes, `models/ID@VERSION`, in the region that is `home_of` the parent's location.
        source_base: The base model under `pre_tuned_model`; "" when it is not known.
        endpoint: The endpoint to use again; None: one of its own.
        error: What it is going to fail with; None: it does not fail.
    """
    job = without_outputs(wanted)
    job.name = f"{parent}/tuningJobs/{job_id}"
    place, _, location = parent.rpartition("/")
    home = f"{place}/{home_of(location)}"
    if job.HasField("pre_tuned_model") and source_base:
        job.pre_tuned_model.base_model = source_base
    base = job.base_model or source_base
    if not job.tuned_model_display_name:
        shown = model_id(base) or job.pre_tuned_model.tuned_model_name.rpartition("/")[2].partition("@")[0]
        job.tuned_model_display_name = f"{shown}-{uuid.UUID(int=_hash(job_id, 'display name') % 2**128, version=4)}"
    if timeline.started is not None:
        job.experiment = f"{home}/metadataStores/default/contexts/{_experiment(timeline.started)}"
    job.tuned_model.CopyFrom(_tuned_model(job, base, f"{home}/{model}", endpoint))
    if timeline.outcome == JobState.JOB_STATE_PARTIALLY_SUCCEEDED:
        _undeploy(job.tuned_model)
    if error is not None:
        job.error.CopyFrom(error)
    return job


def _experiment(started: int) -> str:
    pacific = datetime.fromtimestamp(started / 1e6, _pacific())
    return f"tuning-experiment-{pacific:%Y%m%d%H%M%S}{started % 10**6:06}"


@cache
def _pacific() -> tzinfo:
    try:
        return ZoneInfo("America/Los_Angeles")
    except ZoneInfoNotFoundError:  # a machine without time zone data: only the name of an experiment is an hour off
        return timezone(timedelta(hours=-8))


def _tuned_model(job: TuningJob, base: str, model: str, endpoint: str | None) -> TunedModel:
    home, job_id = model.partition("/models/")[0], job.name.rpartition("/")[2]
    place, _, region = home.rpartition("/")
    serving = f"{place}/{_serving(job, base, region)}"

    def endpoint_of(checkpoint: int) -> str:
        return f"{serving}/endpoints/{derived_id(int(job_id), 'endpoint', checkpoint)}"

    tuned = TunedModel(model=model)
    spec = job.supervised_tuning_spec
    if facts_of(base).checkpoints and job.HasField("supervised_tuning_spec") and not spec.export_last_checkpoint_only:
        epochs = spec.hyper_parameters.epoch_count or EPOCHS
        count = min(epochs, _CHECKPOINTS)
        for i in range(1, count + 1):
            epoch = (epochs * i + count // 2) // count
            tuned.checkpoints.append(TunedModelCheckpoint(checkpoint_id=str(i), epoch=epoch, endpoint=endpoint_of(i)))
        if endpoint:
            tuned.checkpoints[-1].endpoint = endpoint
    tuned.endpoint = endpoint or (tuned.checkpoints[-1].endpoint if tuned.checkpoints else endpoint_of(0))
    return tuned


def _serving(job: TuningJob, base: str, region: str) -> str:
    """Where the endpoints of a tuned model lie: where the catalogue says that it is served from."""
    known = catalogue().get(base)
    return served_from(limits_for(known, kind_of_tuning(job)), region) if known else region


def _undeploy(tuned: TunedModel) -> None:
    """What is there of a tuned model whose endpoints could not be made."""
    for part in (tuned, *tuned.checkpoints):
        part.ClearField("endpoint")


def show(record: Record, now: int, *, api_version: str, stats: TuningDataStats | None) -> TuningJob:
    """The job as the service shows it at `now`.

    Args:
        record: As stored.
        now: Microseconds since 1970.
        api_version: v1beta1 shows more than v1.
        stats: Its statistics; shown once the dataset has been read. None: not wanted, or there are none.
    """
    times = record.timeline
    job = TuningJob.FromString(record.document)
    job.state = times.state(now)
    job.create_time.CopyFrom(_timestamp(times.created))
    job.update_time.CopyFrom(_timestamp(times.updated(now)))
    if times.started is not None and times.has_started(now):
        job.start_time.CopyFrom(_timestamp(times.started))
    else:
        job.ClearField("experiment")
    if stats is not None and times.has_processed(now):
        job.tuning_data_stats.CopyFrom(stats)
    if has_succeeded(job):
        _steps(job)
    else:
        job.ClearField("tuned_model")
    if job.state != JobState.JOB_STATE_FAILED:
        job.ClearField("error")
    if job.state == JobState.JOB_STATE_CANCELLED:
        job.error.CopyFrom(status_pb2.Status(code=code_pb2.CANCELLED, message="CANCELED"))
    if times.ended is not None and times.has_ended(now):
        job.end_time.CopyFrom(_timestamp(times.ended))
        _fill_in(job)
    if api_version == "v1beta1":
        _v1beta1(job, times, now)
    return job


def _timestamp(microseconds: int) -> Timestamp:
    return Timestamp(seconds=microseconds // 10**6, nanos=microseconds % 10**6 * 1000)


def _fill_in(job: TuningJob) -> None:
    """The defaults of hyper-parameters, which an ended job shows."""
    if not job.HasField("supervised_tuning_spec"):
        return
    parameters = job.supervised_tuning_spec.hyper_parameters
    parameters.epoch_count = parameters.epoch_count or EPOCHS
    if not parameters.learning_rate:
        parameters.learning_rate_multiplier = parameters.learning_rate_multiplier or MULTIPLIER
    if job.supervised_tuning_spec.tuning_mode != SupervisedTuningSpec.TUNING_MODE_FULL:
        base = job.base_model or job.pre_tuned_model.base_model
        parameters.adapter_size = parameters.adapter_size or facts_of(base).default


def _total_steps(job: TuningJob) -> tuple[int, int]:
    """Epochs and steps of the whole training, of any kind of tuning."""
    kind = job.WhichOneof("tuning_spec")
    parameters = getattr(getattr(job, kind or "", None), "hyper_parameters", None)
    epochs = getattr(parameters, "epoch_count", 0) or EPOCHS
    supervised = job.tuning_data_stats.HasField("supervised_tuning_data_stats")
    counted = job.tuning_data_stats.supervised_tuning_data_stats.tuning_dataset_example_count
    return epochs, epochs * -(-(counted if supervised or kind == "supervised_tuning_spec" else EXAMPLES) // _BATCH)


def _steps(job: TuningJob) -> None:
    checkpoints = job.tuned_model.checkpoints
    epochs, steps = _total_steps(job)
    for checkpoint in checkpoints:
        checkpoint.step = min(steps * checkpoint.epoch // epochs, _INT64)


def _v1beta1(job: TuningJob, times: Timeline, now: int) -> None:
    step = times.step(now)
    if step:
        job.tuning_job_state = step
    if times.has_processed(now):
        epochs, steps = _total_steps(job)
        done = times.progress(now)
        job.tuning_job_metadata.completed_epoch_count = min(int(epochs * done), _INT64)
        job.tuning_job_metadata.completed_step_count = min(int(steps * done), _INT64)
