"""A submission: its id, the labels that mark its job, and what came of it.

The labels are what an exactly-once create (`once`) finds its job by; `docs/exactly-once.md` has their rules.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gemtune.errors import GemtuneError, SpecInvalid, bad_request, how_to_settle
from gemtune.names import MOST_LABELS, REQUEST_LABEL, SPEC_LABEL
from gemtune.rpc.unknown import forget
from gemtune_pb.v1 import TuningJob

if TYPE_CHECKING:
    from typing import Self

__all__ = [
    "Created",
    "Submission",
    "Submitting",
    "born",
    "label_value",
    "new_request_id",
]

_PLAIN = re.compile(r"[a-z0-9_-]{1,63}")


def label_value(request_id: str) -> str:
    """The label value of a request id: the id itself, or a hash of it where it breaks the rules of label values.

    Those are at most 63 characters, lower-case letters, digits, `_` and `-`. The hash is `sha256-` and the first 56
    hexadecimal digits of the id's SHA-256.
    """
    if _PLAIN.fullmatch(request_id):
        return request_id
    return f"sha256-{hashlib.sha256(request_id.encode('utf-8', 'surrogatepass')).hexdigest()[:56]}"


def new_request_id() -> str:
    """A new id: a UUID of version 7, whose first 48 bits are the time in milliseconds (RFC 9562)."""
    stamp = int(time.time() * 1000).to_bytes(6)
    text = str(uuid.UUID(bytes=stamp + secrets.token_bytes(10), version=4))
    return f"{text[:14]}7{text[15:]}"  # the digit of the version


def born(request_id: str) -> float | None:
    """When an id was made, in seconds since 1970, where the id itself says so; its job cannot be older."""
    if not re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", request_id):
        return None
    return int(request_id.replace("-", "")[:12], 16) / 1000


@dataclass(frozen=True, kw_only=True)
class Submission:
    """One submission of one spec.

    Attributes:
        request_id: What names it, for ever, within its project and location.
        fingerprint: The spec's, whole: `sha256:` and 64 digits.
        project: Where it is sent.
        location: Where it is sent.
        known: Whether the id may have been used before (the caller's own, or a resumed one): then the service is asked
            for it before anything is sent.
        started: When it began, in seconds since 1970; None: not known.
        resumed: When this run of it began, in seconds since 1970; None: not known. What this run sends is no older.
    """

    request_id: str
    fingerprint: str
    project: str
    location: str
    known: bool
    started: float | None
    resumed: float | None = None

    @property
    def parent(self) -> str:
        """The resource that the job is created under."""
        return f"projects/{self.project}/locations/{self.location}"

    @property
    def labels(self) -> dict[str, str]:
        """The labels that mark its job. A value holds 63 characters, so the fingerprint is cut to 40 digits."""
        return {
            REQUEST_LABEL: label_value(self.request_id),
            SPEC_LABEL: self.fingerprint.removeprefix("sha256:")[:40],
        }

    def marked(self, job: TuningJob) -> TuningJob:
        """A copy of the spec with the labels on.

        Raises:
            SpecInvalid: There is no room for them.
        """
        marked = TuningJob()
        marked.CopyFrom(job)
        forget(marked)  # of a job that was got, what this version does not know of its outcome
        marked.labels.update(self.labels)
        if len(marked.labels) > MOST_LABELS:
            own = len(marked.labels) - len(self.labels)
            raise SpecInvalid(
                bad_request(
                    [
                        (
                            "labels",
                            f"{own} labels leave no room for the two of gemtune's that make a create safe to repeat; "
                            f"use at most {MOST_LABELS - len(self.labels)} (in Python, request_labels=False turns "
                            "them off)",
                        )
                    ]
                )
            )
        return marked


@dataclass(frozen=True)
class Created:
    """What came of a submission.

    Attributes:
        job: Its job; the oldest one where there are several.
        doubles: Further jobs under the same id: the service acted more than once.
    """

    job: TuningJob
    doubles: Sequence[TuningJob] = field(default_factory=tuple)


class Submitting:
    """Is told the submission of a create before anything is sent, and notes it on whatever interrupts the create."""

    def __init__(self, on_submit: Callable[[str], object] | None) -> None:
        self._on_submit = on_submit
        self._submission: Submission | None = None

    def __call__(self, submission: Submission) -> object:
        """Passes the request id on to the caller."""
        told = self._on_submit(submission.request_id) if self._on_submit is not None else None
        self._submission = submission
        return told

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        made = self._submission
        if made is not None and error is not None and not isinstance(error, GemtuneError):  # Ctrl-C, a cancelled task
            how = how_to_settle(made.request_id, project=made.project, location=made.location)
            error.add_note(f"the job may have been created. {how}")
