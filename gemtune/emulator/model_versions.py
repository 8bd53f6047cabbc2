"""Jobs that come from other jobs: tuning a tuned model further, and rebasing one on a newer base model."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gemtune.emulator.checks import REBASED, model_id
from gemtune.emulator.jobs import home_of, project_number, without_outputs
from gemtune.emulator.storage import LARGEST_ID, Record, Storage
from gemtune.errors import NotFound
from gemtune_pb.v1 import TuningJob

__all__ = ["Origin", "further", "job_of_model", "jobs_of_model", "rebased"]

_MODEL = re.compile(r"projects/([^/]+)/locations/([^/]+)/models/([1-9][0-9]{0,18})(?:@([1-9][0-9]{0,8}))?")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a job comes from that is not tuned from a base model alone.

    Attributes:
        base_model: The base model of the model that is tuned further, or rebased with its data; "": not known.
        model: The id of the model that gets a new version; None: a new model.
        version: The version that it has at least.
        rebase: Whether an operation stands for the job.
        endpoint: The endpoint that is used again; None: one of its own.
    """

    base_model: str = ""
    model: int | None = None
    version: int = 0
    rebase: bool = False
    endpoint: str | None = None


def further(storage: Storage, project: str, location: str, job: TuningJob) -> Origin:
    """What continuous tuning goes on from. A model that was tuned elsewhere is taken as it is named.

    Tuning a tuned model further makes a new version of it, unless another display name is given.
    """
    found = _MODEL.fullmatch(job.pre_tuned_model.tuned_model_name)
    if found is None or int(found[3]) > LARGEST_ID:
        return Origin()
    model, version = int(found[3]), int(found[4] or 1)
    place = project_number(found[1]), found[2]
    of_version = [r for r in jobs_of_model(storage, *place, model) if found[4] is None or r.version == version]
    source = TuningJob.FromString(of_version[0].document) if of_version else TuningJob()
    base = source.base_model or source.pre_tuned_model.base_model
    if place != (project, home_of(location)) or job.tuned_model_display_name not in (
        "",
        source.tuned_model_display_name,
    ):
        return Origin(base_model=base)
    return Origin(base_model=base, model=model, version=version)


def jobs_of_model(storage: Storage, project: str, location: str, model: int) -> list[Record]:
    """The jobs that make the versions of a model in a region, newest version first."""
    return storage.of_model(project, location, model, also="global" if location == home_of("global") else "")


def job_of_model(storage: Storage, name: str) -> Record:
    """The job that made a model; of a name without a version, its newest.

    Raises:
        NotFound: No job did.
    """
    found = _MODEL.fullmatch(name)
    known = jobs_of_model(storage, project_number(found[1]), found[2], int(found[3])) if found else []
    records = [r for r in known if found is None or found[4] is None or r.version == int(found[4])]
    if not records:
        raise NotFound("The Model does not exist.")
    return records[0]


def rebased(source: TuningJob, wanted: TuningJob) -> TuningJob:
    """What a rebase tunes: the source's data on a newer base model, with that one's own hyper-parameters."""
    job = without_outputs(wanted)
    if job.WhichOneof("source_model") is None:
        old = source.base_model or source.pre_tuned_model.base_model
        job.base_model = REBASED.get(model_id(old), old)
    kind = source.WhichOneof("tuning_spec")
    if job.WhichOneof("tuning_spec") is None and kind is not None:
        spec = getattr(job, kind)
        spec.CopyFrom(getattr(source, kind))
        if "hyper_parameters" in spec.DESCRIPTOR.fields_by_name:
            spec.ClearField("hyper_parameters")
    return job
