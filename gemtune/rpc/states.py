"""What a job's state means: which states are ends, and which of them are good ones."""

from __future__ import annotations

from gemtune.rpc.unknown import kept
from gemtune_pb.v1 import JobState, TuningJob

__all__ = ["ENDED", "has_ended", "has_succeeded", "state_name"]

ENDED = frozenset(
    {
        JobState.JOB_STATE_SUCCEEDED,
        JobState.JOB_STATE_FAILED,
        JobState.JOB_STATE_CANCELLED,
        JobState.JOB_STATE_EXPIRED,
        JobState.JOB_STATE_PARTIALLY_SUCCEEDED,
    }
)
"""PAUSED is none of them: such a job can go on. Google's SDKs each miss one or two and would wait for ever."""


def has_ended(job: TuningJob) -> bool:
    """Whether the job is over. Where the state is one that this version does not know, `end_time` and `error` tell."""
    if job.state in ENDED:
        return True
    known = job.state != JobState.JOB_STATE_UNSPECIFIED and job.state in JobState.DESCRIPTOR.values_by_number
    return not known and (job.HasField("end_time") or job.HasField("error"))


def has_succeeded(job: TuningJob) -> bool:
    """Whether the job ended with a tuned model."""
    return job.state in (JobState.JOB_STATE_SUCCEEDED, JobState.JOB_STATE_PARTIALLY_SUCCEEDED)


def state_name(job: TuningJob) -> str:
    """The state in one word, without its prefix: `RUNNING`.

    For a state that this version does not know, the name that the service sent, or its number.
    """
    if job.state == JobState.JOB_STATE_UNSPECIFIED:
        for place, value in kept(job):
            if place == ("state",) and isinstance(value, str):
                return value.removeprefix("JOB_STATE_")
    known = JobState.DESCRIPTOR.values_by_number.get(job.state)
    return known.name.removeprefix("JOB_STATE_") if known else str(job.state)
