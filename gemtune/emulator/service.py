"""The tuning service: one Python method an rpc, named as the rpc. It knows no protocol; front ends bring it requests.

Errors are the exceptions of `gemtune.errors`, whatever front end they leave by.
"""
# ruff: noqa: N802  a method is named as its rpc

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.cloud.location import locations_pb2
from google.longrunning import operations_proto_pb2 as operations_pb2
from google.protobuf import any_pb2, empty_pb2
from google.protobuf.message import Message

from gemtune.emulator import jobs, list_filter, model_versions
from gemtune.emulator.checks import (
    REGIONS,
    check_create,
    check_job,
    check_parent,
    check_supported,
    invalid,
    refuse_additional,
)
from gemtune.emulator.dataset_stats import Statistics
from gemtune.emulator.delayed import Lateness
from gemtune.emulator.model_versions import Origin
from gemtune.emulator.outcomes import GOOD, Outcome, Outcomes
from gemtune.emulator.page_tokens import PageTokens
from gemtune.emulator.rewards import check_reward, validated
from gemtune.emulator.storage import Record, Storage
from gemtune.emulator.timeline import Timeline
from gemtune.emulator.token_counts import counted
from gemtune.errors import ConfigurationError, FailedPrecondition, InvalidArgument, NotFound, Unimplemented
from gemtune.rpc.methods import Method
from gemtune_pb.v1 import (
    CancelTuningJobRequest,
    CountTokensRequest,
    CountTokensResponse,
    CreateTuningJobRequest,
    GetTuningJobRequest,
    JobState,
    ListTuningJobsRequest,
    ListTuningJobsResponse,
    OptimizePromptRequest,
    OptimizePromptResponse,
    RebaseTunedModelOperationMetadata,
    RebaseTunedModelRequest,
    TuningDataStats,
    TuningJob,
    ValidateReinforcementTuningRewardRequest,
    ValidateReinforcementTuningRewardResponse,
)

__all__ = ["Context", "Service"]

PAGE, LONGEST_PAGE = 100, 1000
"""Jobs on a page: when the request does not say, and at most."""

_LONGEST_JOB = 10**9  # seconds, some thirty years
_BATCH = 500  # records that are read at once while a filter looks for jobs

# What a list with a filter may cost: comparisons, and a job's own cost in units of one. Together about a second.
_MOST_EFFORT = 400_000
_EFFORT_OF_A_JOB = 75

_JOB = re.compile(r"projects/([^/]+)/locations/([^/]+)/tuningJobs/([1-9][0-9]{0,18})")
_OPERATION = re.compile(_JOB.pattern + r"/operations/([1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Context:
    """What belongs to a call beside its request.

    Attributes:
        api_version: `v1` or `v1beta1`; of a call that does not say (`ui`), as its subject was created.
        at: When it is acted on, in microseconds since 1970; None: now.
        list_lag: How long a job that it makes is not in lists, in microseconds.
    """

    api_version: str = "v1"
    at: int | None = None
    list_lag: int = 0

    def version_for(self, record: Record) -> str:
        """The version of the API to answer in."""
        return self.api_version if self.api_version in ("v1", "v1beta1") else record.api


def _new_id() -> int:
    return 10**18 + secrets.randbelow(2**63 - 10**18)


class Service:
    """The tuning jobs of every project and location. May be shared by threads."""

    def __init__(
        self,
        storage: Storage,
        *,
        job_duration: float = 5.0,
        statistics: Statistics | None = None,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], int] = _new_id,
        outcomes: Outcomes | None = None,
    ) -> None:
        """Keeps its jobs in `storage`.

        Args:
            storage: Where the jobs are.
            job_duration: Seconds from a job's creation to its success.
            statistics: What is said of datasets; None: all of them are made up.
            clock: Seconds since 1970.
            new_id: Makes the ids of jobs, models and operations: positive, 63 bits.
            outcomes: How jobs end whose label does not say; None: well.

        Raises:
            ConfigurationError: No job can take that long.
        """
        if not 0 <= job_duration <= _LONGEST_JOB:
            raise ConfigurationError(f"a job cannot take {job_duration:g} seconds; it takes from 0 to {_LONGEST_JOB}")
        self._storage = storage
        self._duration = int(job_duration * 1e6)
        self._statistics = statistics or Statistics()
        self._clock = clock
        self._new_id = new_id
        self._outcomes = outcomes or Outcomes()
        self._lateness = Lateness()

    def handle(self, method: Method, request: Message, *, api_version: str = "v1", list_lag: float = 0.0) -> Message:
        """Answers one call.

        Args:
            method: Which rpc.
            request: Its request message; not changed.
            api_version: The version of the API that it came by.
            list_lag: Seconds that a job it makes is not in lists.

        Raises:
            ApiError: The call is refused.
        """
        self._lateness.catch_up(self._now())
        return self._handle(method, request, Context(api_version, list_lag=int(list_lag * 1e6)))

    def later(
        self, seconds: float, method: Method, request: Message, *, api_version: str = "v1", list_lag: float = 0.0
    ) -> None:
        """Answers one call in so many seconds; nobody hears the answer. The rest is as with `handle`."""

        def act(due: int) -> None:
            self._handle(method, request, Context(api_version, at=due, list_lag=int(list_lag * 1e6)))

        self._lateness.later(self._now() + int(seconds * 1e6), act)

    def _handle(self, method: Method, request: Message, context: Context) -> Message:
        rpc: Callable[[Any, Context], Message] | None = getattr(self, method.name, None)
        if rpc is None:
            raise Unimplemented(f"the emulator does not serve {method.full_name}")
        return rpc(request, context)

    # -- TuningService --------------------------------------------------------------------------------------------

    def CreateTuningJob(self, request: CreateTuningJobRequest, context: Context) -> TuningJob:
        """Starts a job."""
        refuse_additional(request.tuning_job)
        violations = check_create(request, api_version=context.api_version)
        if violations:
            raise invalid(violations)
        project, location = _place(request.parent)
        check_supported(location, request.tuning_job)
        origin = model_versions.further(self._storage, project, location, request.tuning_job)
        record = self._create(project, location, request.tuning_job, context, origin)
        return self._bare(record, record.timeline.created, context)

    def GetTuningJob(self, request: GetTuningJobRequest, context: Context) -> TuningJob:
        """The current state of a job."""
        return self._show(self._job(request.name), self._now(), context)

    def ListTuningJobs(self, request: ListTuningJobsRequest, context: Context) -> ListTuningJobsResponse:
        """The jobs of a place, newest first.

        A page token says after which job its page begins, so that jobs added meanwhile move nothing. With a filter, one
        call looks at so many jobs only, and its page may be short, or empty, and still have a token.
        """
        project, location = _place(request.parent)
        if request.page_size < 0:
            raise invalid([("page_size", f"page_size is {request.page_size}; it must not be negative.")])
        fits = list_filter.parse(request.filter)
        size = min(request.page_size or PAGE, LONGEST_PAGE)
        tokens = PageTokens(project, location, request.filter)
        before = tokens.read(request.page_token)
        now = self._now()
        hidden = self._lateness.hidden(now)
        answer = ListTuningJobsResponse()
        last = seen = effort = 0
        while True:
            # One more than the page holds tells whether there is another page.
            limit = size + 1 if not request.filter else _BATCH
            records = self._storage.page(project, location, before=before, limit=limit)
            for record in records:
                if effort > _MOST_EFFORT:
                    answer.next_page_token = tokens.after(seen)
                    return answer
                before = seen = record.sequence
                effort += _EFFORT_OF_A_JOB + fits.restrictions if request.filter else 0
                if record.sequence in hidden or (request.filter and not fits(self._bare(record, now, context))):
                    continue
                if len(answer.tuning_jobs) == size:
                    answer.next_page_token = tokens.after(last)
                    return answer
                answer.tuning_jobs.append(self._show(record, now, context))
                last = record.sequence
            if len(records) < limit:
                return answer

    def CancelTuningJob(self, request: CancelTuningJobRequest, context: Context) -> empty_pb2.Empty:  # noqa: ARG002
        """Asks for a job to be cancelled; nothing happens to one that has ended."""
        self._cancel(self._job(request.name))
        return empty_pb2.Empty()

    def RebaseTunedModel(self, request: RebaseTunedModelRequest, context: Context) -> operations_pb2.Operation:
        """Tunes a newer base model with what an older model was tuned with."""
        refuse_additional(request.tuning_job)
        violations = check_parent(request.parent) + check_job(request.tuning_job)
        if request.tuned_model_ref.WhichOneof("tuned_model_ref") is None:
            text = "one of tuned_model, tuning_job and pipeline_job is required."
            violations.append(("tuned_model_ref", text))
        if violations:
            raise invalid(violations)
        project, location = _place(request.parent)
        now = self._now()
        record = self._rebased(request)
        source = jobs.show(record, now, api_version="v1", stats=None)
        if source.state != JobState.JOB_STATE_SUCCEEDED:
            state = JobState.Name(source.state)
            raise FailedPrecondition(f"The TuningJob has no tuned model to rebase: it is in {state}.")
        wanted = model_versions.rebased(source, request.tuning_job)
        check_supported(location, wanted)
        endpoint = source.tuned_model.endpoint if request.deploy_to_same_endpoint else None
        # What the source was tuned with is good for the rebase, in an older format too.
        same_data = request.tuning_job.WhichOneof("tuning_spec") is None
        base = source.base_model or source.pre_tuned_model.base_model if same_data else ""
        origin = Origin(base_model=base, rebase=True, endpoint=endpoint)
        return self._operation(self._create(project, location, wanted, context, origin), now, context)

    def GetOperation(self, request: operations_pb2.GetOperationRequest, context: Context) -> operations_pb2.Operation:
        """The current state of a rebase's operation; it is done when its job has ended."""
        return self._operation(self._of_operation(request.name), self._now(), context)

    def CancelOperation(self, request: operations_pb2.CancelOperationRequest, context: Context) -> empty_pb2.Empty:  # noqa: ARG002
        """Asks for an operation to be cancelled, and its job with it."""
        self._cancel(self._of_operation(request.name))
        return empty_pb2.Empty()

    def DeleteOperation(self, request: operations_pb2.DeleteOperationRequest, context: Context) -> empty_pb2.Empty:  # noqa: ARG002
        """Forgets an operation; its job goes on."""
        self._storage.forget_operation(self._of_operation(request.name))
        return empty_pb2.Empty()

    def WaitOperation(self, request: operations_pb2.WaitOperationRequest, context: Context) -> operations_pb2.Operation:
        """The current state of an operation, at once: a server may answer before the time is over."""
        return self._operation(self._of_operation(request.name), self._now(), context)

    def ValidateReinforcementTuningReward(
        self,
        request: ValidateReinforcementTuningRewardRequest,
        context: Context,  # noqa: ARG002
    ) -> ValidateReinforcementTuningRewardResponse:
        """The rewards of one answer."""
        if violations := check_reward(request):
            raise invalid(violations)
        return validated(request)

    def OptimizePrompt(self, request: OptimizePromptRequest, context: Context) -> OptimizePromptResponse:  # noqa: ARG002
        """The prompt as it came: there is no model here that could write a better one."""
        violations = check_parent(request.parent)
        if not request.HasField("content"):
            violations.append(("content", "content is required."))
        if violations:
            raise invalid(violations)
        return OptimizePromptResponse(content=request.content)

    # -- PredictionService ----------------------------------------------------------------------------------------

    def CountTokens(self, request: CountTokensRequest, context: Context) -> CountTokensResponse:  # noqa: ARG002
        """The tokens of contents, by the rule of gemtune's own estimates."""
        return counted(request)

    # -- google.longrunning.Operations, google.cloud.location.Locations --------------------------------------------

    def ListOperations(
        self, request: operations_pb2.ListOperationsRequest, context: Context
    ) -> operations_pb2.ListOperationsResponse:
        """The operations of a job: one, if a rebase made it."""
        record = self._job(request.name)
        answer = operations_pb2.ListOperationsResponse()
        if record.operation is not None:
            answer.operations.append(self._operation(record, self._now(), context))
        return answer

    def ListLocations(
        self,
        request: locations_pb2.ListLocationsRequest,
        context: Context,  # noqa: ARG002
    ) -> locations_pb2.ListLocationsResponse:
        """The regions where jobs may run."""
        parent = f"{request.name}/" if request.name.startswith("projects/") else ""
        return locations_pb2.ListLocationsResponse(locations=[_location(f"{parent}locations/{r}") for r in REGIONS])

    def GetLocation(self, request: locations_pb2.GetLocationRequest, context: Context) -> locations_pb2.Location:  # noqa: ARG002
        """One of those regions."""
        if request.name.rpartition("/")[2] not in REGIONS:
            raise NotFound("The Location does not exist.")
        return _location(request.name)

    # -- reading --------------------------------------------------------------------------------------------------

    def _now(self) -> int:
        return int(self._clock() * 1e6)

    def _job(self, name: str) -> Record:
        found = _JOB.fullmatch(name)
        record = self._storage.get(jobs.project_number(found[1]), found[2], int(found[3])) if found else None
        if record is None:
            raise NotFound("The TuningJob does not exist.")
        return record

    def _of_operation(self, name: str) -> Record:
        found = _OPERATION.fullmatch(name)
        record = self._storage.get(jobs.project_number(found[1]), found[2], int(found[3])) if found else None
        if record is None or found is None or record.operation != int(found[4]):
            raise NotFound("The Operation does not exist.")
        return record

    def _show(self, record: Record, now: int, context: Context) -> TuningJob:
        stats = self._stats(record) if record.timeline.has_processed(now) else None
        return jobs.show(record, now, api_version=context.version_for(record), stats=stats)

    def _bare(self, record: Record, now: int, context: Context) -> TuningJob:
        """The job without its statistics, which may take a while to make."""
        return jobs.show(record, now, api_version=context.version_for(record), stats=None)

    def _stats(self, record: Record) -> TuningDataStats | None:
        """The statistics of a job's dataset. Those of a file that came later are stored when first asked for."""
        if record.stats is not None:
            return TuningDataStats.FromString(record.stats) if record.stats else None
        job = TuningJob.FromString(record.document)
        data = self._statistics.of(job, job.base_model or job.pre_tuned_model.base_model)
        if data.stats is not None and data.of_file:
            self._storage.keep_stats(record, data.stats.SerializeToString())
        return data.stats

    def _operation(self, record: Record, now: int, context: Context) -> operations_pb2.Operation:
        # As v1 shows it, whichever version asks: Google's generated client refuses an operation whose job has a field
        # that the published .proto lacks, as v1beta1's states have.
        job = self._show(record, now, Context("v1"))
        version = context.version_for(record)
        metadata = RebaseTunedModelOperationMetadata()
        metadata.generic_metadata.create_time.CopyFrom(job.create_time)
        metadata.generic_metadata.update_time.CopyFrom(job.update_time)
        operation = operations_pb2.Operation(
            name=f"{job.name}/operations/{record.operation}",
            metadata=_packed(metadata, version),
            done=record.timeline.has_ended(now),
        )
        if operation.done and job.HasField("error"):
            operation.error.CopyFrom(job.error)
        elif operation.done:
            operation.response.CopyFrom(_packed(job, version))
        return operation

    # -- writing --------------------------------------------------------------------------------------------------

    def _create(self, project: str, location: str, wanted: TuningJob, context: Context, origin: Origin) -> Record:
        base = origin.base_model if origin.rebase and origin.base_model else wanted.base_model or origin.base_model
        data = self._statistics.of(wanted, base)
        if data.refusal:
            raise InvalidArgument(data.refusal)
        outcome = self._outcomes.of(wanted)
        untrained = data.failure is not None and outcome.state in GOOD  # what was asked for may be worse
        if untrained:
            outcome = Outcome(JobState.JOB_STATE_FAILED, data.failure)
        created = self._now() if context.at is None else context.at
        timeline = Timeline(created, self._duration, outcome=outcome.state, untrained=untrained)
        api_version = context.api_version if context.api_version == "v1beta1" else "v1"
        stats = data.stats.SerializeToString() if data.stats is not None else b""

        def make() -> Record:
            job_id = self._new_id()
            model, version = origin.model, 1
            if model is None:
                model = self._new_id()
            else:
                newest = model_versions.jobs_of_model(self._storage, project, jobs.home_of(location), model)
                version = max(origin.version, newest[0].version if newest else 0) + 1
            job = jobs.plan(
                wanted,
                parent=f"projects/{project}/locations/{location}",
                job_id=job_id,
                timeline=timeline,
                model=f"models/{model}@{version}",
                source_base=origin.base_model,
                endpoint=origin.endpoint,
                error=outcome.error,
            )
            return Record(
                id=job_id,
                project=project,
                location=location,
                timeline=timeline,
                model=model,
                version=version,
                operation=self._new_id() if origin.rebase else None,
                api=api_version,
                document=job.SerializeToString(),
                stats=stats if data.of_file else None,
            )

        record = self._storage.add(make)
        if context.list_lag:
            self._lateness.hide(record.sequence, created + context.list_lag, created)
        return record

    def _cancel(self, record: Record) -> None:
        now = self._now()
        if record.timeline.cancelled is None and not record.timeline.has_ended(now):
            self._storage.cancel(record, now)

    def _rebased(self, request: RebaseTunedModelRequest) -> Record:
        """The job whose model is to be rebased."""
        reference = request.tuned_model_ref
        if reference.WhichOneof("tuned_model_ref") == "tuning_job":
            return self._job(reference.tuning_job)
        if reference.WhichOneof("tuned_model_ref") == "pipeline_job":
            raise NotFound("The PipelineJob does not exist.")
        return model_versions.job_of_model(self._storage, reference.tuned_model)


def _place(parent: str) -> tuple[str, str]:
    """A project's number, and a location."""
    violations = check_parent(parent)
    if violations:
        raise invalid(violations)
    _, project, _, location = parent.split("/")
    return jobs.project_number(project), location


def _location(name: str) -> locations_pb2.Location:
    region = name.rpartition("/")[2]
    labels = {"cloud.googleapis.com/region": region}
    return locations_pb2.Location(name=name, location_id=region, labels=labels)


def _packed(message: Message, version: str) -> any_pb2.Any:
    """A message of ours as an `Any` under the name that the service gives its type."""
    name = f"type.googleapis.com/google.cloud.aiplatform.{version}.{message.DESCRIPTOR.name}"
    return any_pb2.Any(type_url=name, value=message.SerializeToString())
