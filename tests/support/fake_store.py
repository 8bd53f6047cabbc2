"""A store in virtual time, for flows: one submission, whose claim is asked for and whose jobs are recorded."""

from __future__ import annotations

from typing import Any

from gemtune.store import Claim, StoreError, SubmittedJob
from gemtune_pb.v1 import TuningJob
from tests.support.fake_service import World

__all__ = ["FINGERPRINT", "Store"]

FINGERPRINT = "sha256:" + "ab" * 32


class Store:
    """A store whose clock is the world's, with what happens before each of its answers."""

    def __init__(self, world: World, *before: Any) -> None:
        self.world, self.before = world, iter(before)
        self.token, self.until = 0, 0.0
        self.jobs: list[str] = []
        self.down = False
        self.fingerprint, self.submitted_at = FINGERPRINT, 1000.0

    def claim(self, _: str, *, until: float, token: int | None, **__: Any) -> Claim:
        granted = not self.jobs and (self.token in (0, token) or self.until < self.world.now)
        if granted:
            self.token, self.until = self.token + 1, until
        wait = max(0.0, self.until - self.world.now)
        name = self.jobs[0] if self.jobs else ""
        made = Claim(granted, self.token if granted else 0, self.until, wait, self.fingerprint, name, self.submitted_at)
        next(self.before, lambda: None)()
        return made

    def release(self, *_: Any, **__: Any) -> None:
        self.token, self.until = 0, 0.0

    def record(self, _: str, *, job: TuningJob, **__: Any) -> tuple[SubmittedJob, ...]:
        if self.down:
            raise StoreError("the disk is full")
        if job.name not in self.jobs:
            self.jobs.append(job.name)
        return tuple(SubmittedJob(name, "PENDING", 0.0) for name in self.jobs)
