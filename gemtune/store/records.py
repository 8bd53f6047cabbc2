"""What a store gives back: specs, submissions with their jobs and events, and its answer to a claim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gemtune_pb.v1 import TuningJob

__all__ = ["Claim", "StoredSpec", "Submission", "SubmissionEvent", "SubmittedJob"]


@dataclass(frozen=True)
class StoredSpec:
    """A spec of the store.

    Attributes:
        fingerprint: Its identity.
        job: What it asks for.
        stored_at: When it was put there first, in seconds since 1970.
    """

    fingerprint: str
    job: TuningJob
    stored_at: float


@dataclass(frozen=True)
class SubmittedJob:
    """A job that came of a submission.

    Attributes:
        name: Its resource name.
        state: Its state when it was last recorded, such as `PENDING`; it is not followed from there.
        recorded_at: When it was recorded first, in seconds since 1970.
    """

    name: str
    state: str
    recorded_at: float


@dataclass(frozen=True)
class SubmissionEvent:
    """Something that was noted about a submission.

    Attributes:
        kind: What it is, such as `pinned` or `estimate`. The kinds are open: newer versions add some.
        at: When it was noted, in seconds since 1970.
        data: What the kind says: an object of JSON.
    """

    kind: str
    at: float
    data: Mapping[str, Any] = field(hash=False)


@dataclass(frozen=True)
class Claim:
    """What a store says to a process that wants to submit under a request id.

    Attributes:
        granted: Whether it may send.
        token: To renew the claim with; 1: nobody else's claim stands, so nobody can have sent. 0 when not granted.
        until: When what the claimant in possession sends can appear at the service no more, in seconds since 1970.
        wait: How many seconds that is from now, by the store's clock; 0: it has passed.
        fingerprint: The spec that the id names. Another one than the claimant's: the id is used up.
        job_name: The resource name of the first job that is known to have come of it; "" for none.
        submitted_at: When it was claimed first, in seconds since 1970.
    """

    granted: bool
    token: int
    until: float
    wait: float
    fingerprint: str
    job_name: str
    submitted_at: float


@dataclass(frozen=True)
class Submission:
    """One submission: a spec that was, or may have been, sent under a request id.

    Attributes:
        request_id: What names it within its project and location.
        project: Where it was sent.
        location: Where it was sent.
        fingerprint: Its spec's; "" where its job was recorded by a process that had found it and not sent it.
        submitted_at: When it was claimed first, in seconds since 1970.
        claims: How often it was claimed: first, renewed or taken over. 0: given back, since nothing came of it.
        jobs: What came of it; none while that is not known, several where one submission was acted on twice.
        events: What was noted about it, oldest first.
    """

    request_id: str
    project: str
    location: str
    fingerprint: str
    submitted_at: float
    claims: int
    jobs: tuple[SubmittedJob, ...]
    events: tuple[SubmissionEvent, ...] = ()
