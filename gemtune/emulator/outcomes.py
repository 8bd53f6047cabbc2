"""How a job is to end: as its label `gemtune-emulator` says, else as was asked for beforehand, else well."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Any

from google.rpc import code_pb2, status_pb2

from gemtune.errors import InvalidArgument, ResourceExhausted, bad_request
from gemtune_pb.v1 import JobState, TuningJob

__all__ = ["GOOD", "LABEL", "SUCCESS", "Outcome", "Outcomes"]

LABEL = "gemtune-emulator"
"""The label of a job whose value is an outcome."""


@dataclass(frozen=True)
class Outcome:
    """How a job ends.

    Attributes:
        state: The state that it ends in; PENDING and RUNNING: that it never leaves.
        error: What the job shows as its error, where it fails.
    """

    state: JobState.ValueType
    error: status_pb2.Status | None = None

    @classmethod
    def parse(cls, text: str, *, message: str = "", field: str = "outcome") -> Outcome:
        """An outcome from its name.

        Args:
            text: Such as `fail-13`, `fail-resource-exhausted`, `stay-pending`.
            message: The error's words, where it fails; "": the emulator's own.
            field: What a refusal names.

        Raises:
            InvalidArgument: There is no such outcome.
        """
        state = _STATES.get(text)
        if state is not None:
            return cls(state)
        failure = re.fullmatch(r"fail-([a-z_-]+|[0-9]{1,2})", text)
        code = _code(failure[1]) if failure else None
        if code is None:
            problem = (
                f"{text!r} is not an outcome; write fail-CODE (fail-13 and fail-internal are the same), or one of "
                f"{', '.join(_STATES)}"
            )
            raise InvalidArgument(problem, details=[bad_request([(field, problem)])])
        if len(message) > LONGEST_MESSAGE:
            problem = f"message has {len(message):,} characters, and at most {LONGEST_MESSAGE:,} are kept"
            raise InvalidArgument(problem, details=[bad_request([("message", problem)])])
        words = message or f"The emulator was instructed to fail this job with {code_pb2.Code.Name(code)}."
        return cls(JobState.JOB_STATE_FAILED, status_pb2.Status(code=code, message=words))


_STATES: dict[str, JobState.ValueType] = {
    "succeed": JobState.JOB_STATE_SUCCEEDED,
    "succeed-partially": JobState.JOB_STATE_PARTIALLY_SUCCEEDED,
    "expire": JobState.JOB_STATE_EXPIRED,
    "stay-pending": JobState.JOB_STATE_PENDING,
    "stay-running": JobState.JOB_STATE_RUNNING,
}


def _code(text: str) -> Any:
    """A canonical code from its number or its name, which label values have in lower case."""
    names: Any = code_pb2.Code
    if text.isdigit():
        return int(text) if int(text) and int(text) in names.values() else None
    name = text.replace("-", "_").upper()
    return names.Value(name) if name in names.keys() and name != "OK" else None  # noqa: SIM118  no mapping


MOST_OUTCOMES = 1_000
"""Outcomes to come, those of one `add` counted as one."""

LONGEST_MESSAGE = 10_000
"""Characters of an error's words."""

SUCCESS = Outcome(JobState.JOB_STATE_SUCCEEDED)

GOOD = (JobState.JOB_STATE_SUCCEEDED, JobState.JOB_STATE_PARTIALLY_SUCCEEDED)
"""States of jobs that have made a model."""


class Outcomes:
    """The outcomes that jobs to come shall have. Shared by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: list[tuple[Outcome, int | None]] = []

    def add(self, outcome: Outcome, count: int | None = 1) -> None:
        """Has the next `count` jobs end like that, after those that were asked for before; None: all from then on.

        Raises:
            ResourceExhausted: Too many outcomes are to come.
        """
        with self._lock:
            if len(self._next) >= MOST_OUTCOMES:
                raise ResourceExhausted(
                    f"there are {len(self._next):,} outcomes to come, which is the maximum; to fix it: use "
                    "count, or drop them with DELETE /emulator/outcomes"
                )
            if self._next and self._next[-1][1] is None:  # its end is here
                self._next.pop()
            self._next.append((outcome, count))

    def clear(self) -> None:
        """Has jobs to come end well again."""
        with self._lock:
            self._next.clear()

    def left(self) -> list[tuple[Outcome, int | None]]:
        """What is still to come, and for how many jobs."""
        with self._lock:
            return list(self._next)

    def of(self, job: TuningJob) -> Outcome:
        """How a new job is to end.

        Raises:
            InvalidArgument: Its label names no outcome.
        """
        label = job.labels.get(LABEL)
        if label is not None:
            return Outcome.parse(label, field=f"tuning_job.labels[{LABEL}]")
        with self._lock:
            if not self._next:
                return SUCCESS
            outcome, count = self._next[0]
            if count is not None and count <= 1:
                self._next.pop(0)
            elif count is not None:
                self._next[0] = (outcome, count - 1)
            return outcome
