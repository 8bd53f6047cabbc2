"""The tuning service: one Python method an rpc, named as the rpc. It knows no protocol; doors bring it requests.

Errors are the exceptions of `gemtune.errors`, whatever door they leave by.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gemtune_pb.v1 import (
    CancelTuningJobRequest,
    CreateTuningJobRequest,
    GetTuningJobRequest,
    ListTuningJobsRequest,
    ListTuningJobsResponse,
    TuningJob,
)
from google.protobuf import empty_pb2
from google.protobuf.message import Message

from gemtune.emulator import jobs
from gemtune.emulator.checks import check_create, check_supported, invalid
from gemtune.emulator.storage import Record, Storage
from gemtune.emulator.timeline import Timeline
from gemtune.errors import NotFound, Unimplemented
from gemtune.methods import Method

__all__ = ["Context", "Service"]

PAGE, LONGEST_PAGE = 100, 1000
"""Jobs on a page: when the request does not say, and at most."""

_JOB = re.compile(r"projects/([^/]+)/locations/([^/]+)/tuningJobs/([1-9][0-9]{0,18})")
_MODEL = re.compile(r"projects/[^/]+/locations/[^/]+/models/([0-9]{1,19})(?:@([0-9]{1,9}))?")


@dataclass(frozen=True, slots=True)
class Context:
    """What belongs to a call beside its request.

    Attributes:
        api_version: `v1` or `v1beta1`.
    """

    api_version: str = "v1"


def _new_id() -> int:
    return 10**18 + secrets.randbelow(2**63 - 10**18)


class Service:
    """The tuning jobs of every project and location. May be shared by threads."""

    def __init__(
        self,
        storage: Storage,
        *,
        job_duration: float = 5.0,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], int] = _new_id,
    ) -> None:
        """Keeps its jobs in `storage`.

        Args:
            storage: Where the jobs are.
            job_duration: Seconds from a job's creation to its success.
            clock: Seconds since 1970.
            new_id: Makes the ids of jobs and models.
        """
        self._storage = storage
        self._duration = int(job_duration * 1e6)
        self._clock = clock
        self._new_id = new_id

    def handle(self, method: Method, request: Message, *, api_version: str = "v1") -> Message:
        """Answers one call.

        Args:
            method: Which rpc.
            request: Its request message; not changed.
            api_version: The version of the API that it came by.

        Raises:
            ApiError: The call is refused.
        """
        rpc: Callable[[Any, Context], Message] | None = getattr(self, method.name, None)
        if rpc is None:
            raise Unimplemented(f"the emulator does not serve {method.full_name}")
        return rpc(request, Context(api_version))

    def _now(self) -> int:
        return int(self._clock() * 1e6)

    # -- TuningService --------------------------------------------------------------------------------------------

    def CreateTuningJob(self, request: CreateTuningJobRequest, context: Context) -> TuningJob:
        violations = check_create(request)
        if violations:
            raise invalid(violations)
        _, project, _, location = request.parent.split("/")
        check_supported(location, request.tuning_job)
        record = self._create(jobs.project_number(project), location, request.tuning_job, context)
        return self._show(record, record.timeline.created, context)

    def GetTuningJob(self, request: GetTuningJobRequest, context: Context) -> TuningJob:
        return self._show(self._job(request.name), self._now(), context)

    def ListTuningJobs(self, request: ListTuningJobsRequest, context: Context) -> ListTuningJobsResponse:
        _, project, _, location = request.parent.split("/")
        records = self._storage.page(jobs.project_number(project), location, before=None, limit=PAGE)
        now = self._now()
        return ListTuningJobsResponse(tuning_jobs=[self._show(record, now, context) for record in records])

    def CancelTuningJob(self, request: CancelTuningJobRequest, context: Context) -> empty_pb2.Empty:
        self._cancel(self._job(request.name))
        return empty_pb2.Empty()

    # -- helpers --------------------------------------------------------------------------------------------------

    def _job(self, name: str) -> Record:
        found = _JOB.fullmatch(name)
        project, location, job_id = found.groups() if found else ("", "", "0")
        record = self._storage.get(jobs.project_number(project), location, int(job_id))
        if record is None:
            raise NotFound("The TuningJob does not exist.")
        return record

    def _show(self, record: Record, now: int, context: Context) -> TuningJob:
        return jobs.show(record, now, api_version=context.api_version, stats=None)

    def _cancel(self, record: Record) -> None:
        now = self._now()
        if record.timeline.cancelled is None and not record.timeline.has_ended(now):
            self._storage.cancel(record, now)

    def _create(self, project: str, location: str, wanted: TuningJob, context: Context) -> Record:
        timeline = Timeline(self._now(), self._duration)

        def make() -> Record:
            job_id, model = self._new_id(), self._new_id()
            job = jobs.plan(
                wanted,
                parent=f"projects/{project}/locations/{location}",
                job_id=job_id,
                timeline=timeline,
                model=model,
                version=1,
                source_base="",
            )
            return Record(
                id=job_id,
                project=project,
                location=location,
                timeline=timeline,
                model=model,
                version=1,
                api=context.api_version,
                document=job.SerializeToString(),
            )

        return self._storage.add(make)
