"""Where a job stands at a moment: a function of its stored times. No thread and no timer moves a job along.

Times are microseconds since 1970, the resolution of the service's timestamps.
"""

from __future__ import annotations

from dataclasses import dataclass

from gemtune.rpc.states import ENDED
from gemtune_pb.v1 import JobState, TuningJobState

__all__ = ["Timeline"]

# Where a job's phases begin, as shares of its whole duration. The service's own shares vary from job to job (a start
# 0.04 s or 23 s after the creation, in jobs of 12 and 32 minutes); these let a poll every half second see each phase of
# a job of five seconds.
_RUNNING, _TUNING, _POST_PROCESSING = 0.1, 0.3, 0.9
_CANCELLING = 0.1  # what the cancellation itself takes


@dataclass(frozen=True, slots=True)
class Timeline:
    """The times that a job's state follows from.

    Attributes:
        created: When the job was created.
        duration: How long it takes from its creation to its end.
        cancelled: When its cancellation was asked for; None: it was not.
        outcome: The state that it ends in; PENDING or RUNNING: that it never leaves.
        untrained: Whether it ends once its dataset has been read.
    """

    created: int
    duration: int
    cancelled: int | None = None
    outcome: JobState.ValueType = JobState.JOB_STATE_SUCCEEDED
    untrained: bool = False

    def _at(self, share: float) -> int:
        return self.created + int(self.duration * share)

    @property
    def started(self) -> int | None:
        """When it first runs; None when it never does, or was cancelled before."""
        return self._unless_cancelled(self._at(_RUNNING))

    @property
    def processed(self) -> int | None:
        """When its dataset has been read; None when it never is, or it was cancelled before."""
        return self._unless_cancelled(self._at(_TUNING))

    def _unless_cancelled(self, moment: int) -> int | None:
        if self.outcome == JobState.JOB_STATE_PENDING:
            return None
        return moment if self.cancelled is None or moment < self.cancelled else None

    @property
    def ended(self) -> int | None:
        """When it is over; None when it never is."""
        if self.cancelled is not None:
            return self.cancelled + int(self.duration * _CANCELLING)
        return self._at(_TUNING if self.untrained else 1) if self.outcome in ENDED else None

    def state(self, now: int) -> JobState.ValueType:
        """The job's state at `now`."""
        if self.cancelled is not None and now >= self.cancelled:
            return JobState.JOB_STATE_CANCELLED if self._past(self.ended, now) else JobState.JOB_STATE_CANCELLING
        if self._past(self.ended, now):
            return self.outcome
        return JobState.JOB_STATE_RUNNING if self.has_started(now) else JobState.JOB_STATE_PENDING

    def step(self, now: int) -> TuningJobState.ValueType:
        """What the job is doing, in v1beta1's finer states; unspecified once it is over or being cancelled."""
        state = self.state(now)
        if state == JobState.JOB_STATE_PENDING:
            return TuningJobState.TUNING_JOB_STATE_WAITING_FOR_CAPACITY
        if state != JobState.JOB_STATE_RUNNING:
            return TuningJobState.TUNING_JOB_STATE_UNSPECIFIED
        if now < self._at(_TUNING):
            return TuningJobState.TUNING_JOB_STATE_PROCESSING_DATASET
        if now < self._at(_POST_PROCESSING):
            return TuningJobState.TUNING_JOB_STATE_TUNING
        return TuningJobState.TUNING_JOB_STATE_POST_PROCESSING

    def progress(self, now: int) -> float:
        """How much of the training is done, from 0 to 1."""
        if self.untrained:
            return 0.0
        begin, end = self._at(_TUNING), self._at(_POST_PROCESSING)
        now = min(now, self.cancelled) if self.cancelled is not None else now
        return min(max((now - begin) / (end - begin), 0.0), 1.0) if end > begin else float(now >= end)

    def has_started(self, now: int) -> bool:
        """Whether it runs, or has run, at `now`."""
        return self._past(self.started, now)

    def has_processed(self, now: int) -> bool:
        """Whether its dataset has been read at `now`."""
        return self._past(self.processed, now)

    def has_ended(self, now: int) -> bool:
        """Whether it is over at `now`."""
        return self.state(now) in ENDED

    def updated(self, now: int) -> int:
        """When what is shown at `now` last changed."""
        changes = (self.started, self.processed, self.cancelled, self.ended)
        return max((t for t in changes if t is not None and self._past(t, now)), default=self.created)

    def _past(self, moment: int | None, now: int) -> bool:
        # Even a job that takes no time is not over in the instant that creates it.
        return moment is not None and now >= moment and now > self.created
