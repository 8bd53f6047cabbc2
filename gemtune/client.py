"""`TuningClient`: create, get, list, cancel, rebase and wait, over flows and a transport."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from gemtune_pb.v1 import (
    CancelTuningJobRequest,
    CreateTuningJobRequest,
    GcsDestination,
    GetTuningJobRequest,
    ListTuningJobsRequest,
    ListTuningJobsResponse,
    RebaseTunedModelRequest,
    TunedModelRef,
    TuningJob,
    tuning_service_pb2,
)
from google.longrunning import operations_proto_pb2 as operations_pb2
from google.protobuf.message import Message

from gemtune import flows
from gemtune.drive import Clock, run
from gemtune.errors import ConfigurationError
from gemtune.methods import service_methods
from gemtune.names import JobName, check_location, location_of, operation_name, parse_job_name
from gemtune.settings import endpoint_from, location_from, project_from
from gemtune.states import has_ended
from gemtune.transport import Transport

if TYPE_CHECKING:
    from typing import Self

    from google.auth.credentials import Credentials

__all__ = ["DEFAULT", "JobList", "TuningClient"]

METHODS = service_methods(tuning_service_pb2.DESCRIPTOR.services_by_name["TuningService"])

CREATE_TIMEOUT = 120.0
"""A create has longer than other calls: the service checks the spec before it answers."""


class _Default:
    """Left out: the client's own value is meant; None means something else, no limit."""

    def __repr__(self) -> str:
        return "DEFAULT"


DEFAULT: Final = _Default()


class JobList:
    """The jobs of a project and location, newest first; pages are fetched as the iteration reaches them."""

    def __init__(self, call: Callable[[ListTuningJobsRequest], ListTuningJobsResponse], request: ListTuningJobsRequest):
        self._call = call
        self._request = request

    def pages(self) -> Iterator[ListTuningJobsResponse]:
        """The answers, page by page. A page may be empty and still have a token; it is not the last then."""
        request = ListTuningJobsRequest()
        request.CopyFrom(self._request)
        while True:
            response = self._call(request)
            yield response
            if not response.next_page_token:
                return
            request.page_token = response.next_page_token

    def __iter__(self) -> Iterator[TuningJob]:
        for page in self.pages():
            yield from page.tuning_jobs


class TuningClient:
    """A client for the tuning jobs of Vertex AI. May be shared by threads; a context manager."""

    def __init__(
        self,
        project: str | None = None,
        location: str | None = None,
        *,
        credentials: Credentials | None = None,
        endpoint: str | None = None,
        transport: str | Transport = "rest",
        api_version: str = "v1",
        timeout: float | None = 60.0,
        clock: Clock | None = None,
    ) -> None:
        """Opens nothing yet.

        Args:
            project: Project id or number; None: GOOGLE_CLOUD_PROJECT, then what the credentials say.
            location: None: GOOGLE_CLOUD_LOCATION, then `us-central1`.
            credentials: From google-auth; None: Application Default Credentials, when first needed.
            endpoint: `https://host[:port]` for every location; None: GEMTUNE_EMULATOR_HOST, GEMTUNE_ENDPOINT, then the
                host that belongs to the location in each request's resource name.
            transport: `"rest"`, or an object with a transport's `send`.
            api_version: `"v1"` or `"v1beta1"`.
            timeout: Seconds for a whole call, to the last byte of its answer; None: no limit.
            clock: Time and sleep, for tests.

        Raises:
            ConfigurationError: An argument or a variable of the environment is not what it should be.
        """
        self._project = project_from(project)
        self._location = location_from(location)
        self._timeout = timeout
        self._clock = clock or Clock()
        self._transport = _transport(transport, endpoint, credentials, api_version)

    # -- where ----------------------------------------------------------------------------------------------------

    @property
    def project(self) -> str:
        """The project that calls are made for.

        Raises:
            ConfigurationError: None was given, and neither the environment nor the credentials name one.
        """
        if self._project is None:
            from gemtune.transport.credentials import default_project

            self._project = default_project()
            if self._project is None:
                raise ConfigurationError(
                    "no project is given: pass project=, set GOOGLE_CLOUD_PROJECT, or use --project on the command line"
                )
        return self._project

    @property
    def location(self) -> str:
        """The location that jobs are created and listed in."""
        return self._location

    def job_name(self, name: str) -> str:
        """The full resource name of a job, however it is named: id, `tuningJobs/ID`, full name or console link.

        Raises:
            SpecInvalid: It is not a job's name.
        """
        project, location, job_id = parse_job_name(name)
        return str(JobName(project or self.project, location or self._location, job_id))

    def _parent(self, location: str | None) -> str:
        return f"projects/{self.project}/locations/{check_location(location) if location else self._location}"

    # -- calls ----------------------------------------------------------------------------------------------------

    def create_tuning_job(
        self, tuning_job: TuningJob, *, location: str | None = None, timeout: float | _Default | None = DEFAULT
    ) -> TuningJob:
        """Starts a tuning job.

        Args:
            tuning_job: What to tune; not changed.
            location: Where; None: the client's location.
            timeout: Seconds for the whole call; left out: 120.

        Returns:
            The job as the service shows it, with its name.

        Raises:
            ApiError: The service refused.
            TransportError: No answer came; `.maybe_sent` tells whether a job may have been created.
        """
        request = CreateTuningJobRequest(parent=self._parent(location), tuning_job=tuning_job)
        return self._call("CreateTuningJob", request, CREATE_TIMEOUT if isinstance(timeout, _Default) else timeout)

    def get_tuning_job(self, name: str, *, timeout: float | _Default | None = DEFAULT) -> TuningJob:
        """A job as it stands.

        Args:
            name: Its id, `tuningJobs/ID`, full resource name or console link.
            timeout: Seconds for the whole call; left out: the client's.
        """
        return self._call("GetTuningJob", GetTuningJobRequest(name=self.job_name(name)), timeout)

    def list_tuning_jobs(
        self,
        *,
        location: str | None = None,
        filter: str = "",  # noqa: A002  the request's field
        page_size: int | None = None,
        timeout: float | _Default | None = DEFAULT,
    ) -> JobList:
        """The jobs of the project and location, newest first.

        Args:
            location: None: the client's location.
            filter: A list filter, such as `labels.team="search" AND state="JOB_STATE_SUCCEEDED"`.
            page_size: Jobs per page, at most; None: the service's choice.
            timeout: Seconds for each page; left out: the client's.
        """
        request = ListTuningJobsRequest(parent=self._parent(location), filter=filter, page_size=page_size or 0)
        return JobList(lambda page: self._call("ListTuningJobs", page, timeout), request)

    def cancel_tuning_job(self, name: str, *, timeout: float | _Default | None = DEFAULT) -> None:
        """Asks for a job to be cancelled. The job ends as CANCELLED some time later, or not, if it was about to end.

        Args:
            name: Its id, `tuningJobs/ID`, full resource name or console link.
            timeout: Seconds for the whole call; left out: the client's.
        """
        self._call("CancelTuningJob", CancelTuningJobRequest(name=self.job_name(name)), timeout)

    def rebase_tuned_model(
        self,
        tuned_model_ref: TunedModelRef,
        *,
        tuning_job: TuningJob | None = None,
        artifact_destination: GcsDestination | None = None,
        deploy_to_same_endpoint: bool = False,
        location: str | None = None,
        timeout: float | _Default | None = DEFAULT,
    ) -> operations_pb2.Operation:
        """Tunes a newer base model with what an older tuned model was tuned with.

        Args:
            tuned_model_ref: The tuned model, or the tuning or pipeline job that made it.
            tuning_job: What the new job shall have other than the old one.
            artifact_destination: Where artifacts go.
            deploy_to_same_endpoint: Whether the new model takes the old one's place at its endpoint.
            location: None: the location in `tuned_model_ref`, then the client's.
            timeout: Seconds for the whole call; left out: the client's.

        Returns:
            The operation; `wait_operation` follows it to the new job.
        """
        reference = tuned_model_ref.WhichOneof("tuned_model_ref")
        named = location_of(getattr(tuned_model_ref, reference)) if reference else None
        request = RebaseTunedModelRequest(
            parent=self._parent(location or named),
            tuned_model_ref=tuned_model_ref,
            tuning_job=tuning_job,
            artifact_destination=artifact_destination,
            deploy_to_same_endpoint=deploy_to_same_endpoint,
        )
        return self._call("RebaseTunedModel", request, timeout)

    def get_operation(
        self, operation: str | operations_pb2.Operation, *, timeout: float | _Default | None = DEFAULT
    ) -> operations_pb2.Operation:
        """An operation as it stands.

        Args:
            operation: Its full resource name, or an older state of it.
            timeout: Seconds for the whole call; left out: the client's.
        """
        request = operations_pb2.GetOperationRequest(name=_operation(operation))
        return self._call("GetOperation", request, timeout)

    def cancel_operation(
        self, operation: str | operations_pb2.Operation, *, timeout: float | _Default | None = DEFAULT
    ) -> None:
        """Asks for an operation to be cancelled."""
        self._call("CancelOperation", operations_pb2.CancelOperationRequest(name=_operation(operation)), timeout)

    # -- waiting --------------------------------------------------------------------------------------------------

    def wait_tuning_job(
        self,
        name: str,
        *,
        timeout: float | None = None,
        poll_interval: float | None = None,
        on_update: Callable[[TuningJob], object] | None = None,
        raise_on_failure: bool = True,
    ) -> TuningJob:
        """Waits until a job has ended.

        Args:
            name: Its id, `tuningJobs/ID`, full resource name or console link.
            timeout: Seconds for the whole wait; None: as long as it takes.
            poll_interval: Seconds between two looks; None: half a second at first, then longer, up to 30.
            on_update: Is given the job after each look, the last one included.
            raise_on_failure: Whether a job that ends without success raises.

        Returns:
            The job as it ended.

        Raises:
            JobFailed: It ended without success.
            WaitTimeout: It has not ended; it goes on.
        """
        request = GetTuningJobRequest(name=self.job_name(name))
        flow = flows.wait(
            METHODS["GetTuningJob"],
            request,
            over=has_ended,
            call_timeout=_seconds(self._timeout),
            timeout=timeout,
            poll_interval=poll_interval,
        )
        job: TuningJob = run(flow, self._transport, clock=self._clock, observe=on_update)
        if on_update is not None:
            on_update(job)
        return flows.succeeded(job, or_raise=raise_on_failure)

    def wait_operation(
        self,
        operation: str | operations_pb2.Operation,
        *,
        timeout: float | None = None,
        poll_interval: float | None = None,
    ) -> TuningJob:
        """Waits until an operation is done, and gives the job that it made.

        Args:
            operation: The operation, or its full resource name.
            timeout: Seconds for the whole wait; None: as long as it takes.
            poll_interval: Seconds between two looks; None: half a second at first, then longer, up to 30.

        Raises:
            ApiError: The operation failed.
            WaitTimeout: It is not done; it goes on.
        """
        flow = flows.wait(
            METHODS["GetOperation"],
            operations_pb2.GetOperationRequest(name=_operation(operation)),
            over=lambda answer: answer.done,
            call_timeout=_seconds(self._timeout),
            timeout=timeout,
            poll_interval=poll_interval,
        )
        return flows.operation_result(run(flow, self._transport, clock=self._clock))

    # -- plumbing -------------------------------------------------------------------------------------------------

    def _call(self, method: str, request: Message, timeout: float | _Default | None) -> Any:
        seconds = self._timeout if isinstance(timeout, _Default) else timeout
        return run(flows.call(METHODS[method], request, timeout=_seconds(seconds)), self._transport, clock=self._clock)

    def close(self) -> None:
        """Lets go of connections. A later call opens new ones."""
        close = getattr(self._transport, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _seconds(timeout: float | None) -> float:
    return math.inf if timeout is None else timeout


def _operation(operation: str | operations_pb2.Operation) -> str:
    return operation_name(operation if isinstance(operation, str) else operation.name)


def _transport(
    transport: str | Transport, endpoint: str | None, credentials: Credentials | None, api_version: str
) -> Transport:
    if not isinstance(transport, str):
        return transport
    if api_version not in ("v1", "v1beta1"):
        raise ConfigurationError(f"api_version {api_version!r} is not known; it is 'v1' or 'v1beta1'")
    if transport != "rest":
        raise ConfigurationError(f"transport {transport!r} is not known; it is 'rest', or an object with send()")
    from gemtune.transport.credentials import ANONYMOUS
    from gemtune.transport.rest import RestTransport

    place = endpoint_from(endpoint)
    if place.emulator and credentials is None:
        credentials = ANONYMOUS
    return RestTransport(place.endpoint, credentials=credentials, api_version=api_version)
