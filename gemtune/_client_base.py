"""What both clients share: their arguments, their defaults, and requests that need those.

Nothing here sends, sleeps or awaits. Two things may block: a project that nobody named is looked up in the credentials,
and data that are to be checked are read.
"""

from __future__ import annotations

import importlib
import math
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from google.longrunning import operations_proto_pb2 as operations_pb2
from google.protobuf.message import Message

from gemtune import safe_text
from gemtune._process import renew_in_child
from gemtune.errors import ConfigurationError, DuplicateSubmission, GemtuneError, NotFound, SpecInvalid, bad_request
from gemtune.flows import calls, create_once, find_jobs
from gemtune.flows.driver import Clock
from gemtune.flows.effects import Flow
from gemtune.flows.retry import Budget, Retry, nothing_happened
from gemtune.flows.submission import Created, Submission, born, new_request_id
from gemtune.flows.wait import GRACE, wait
from gemtune.flows.wait_many import WaitMany
from gemtune.flows.windows import Windows
from gemtune.names import JobName, check_location, counter_name, operation_name, parse_job_name
from gemtune.rpc.methods import service_methods
from gemtune.rpc.unknown import Unreadable, unreadable
from gemtune.safe_text import line
from gemtune.settings import endpoint_from, location_from, project_from, seconds_from, shortened
from gemtune.transport.response_body import MAX_ANSWER
from gemtune_pb.v1 import (
    Content,
    CreateTuningJobRequest,
    ListTuningJobsRequest,
    ListTuningJobsResponse,
    Part,
    TuningJob,
    prediction_service_pb2,
    tuning_service_pb2,
)

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

    from gemtune.store import SpecStore

__all__ = [
    "DEFAULT",
    "METHODS",
    "RPCS",
    "BaseClient",
    "Default",
    "Pager",
    "Timeout",
    "make_transport",
    "named_so",
    "operation_of",
    "single",
    "turns",
]

METHODS = {
    **service_methods(tuning_service_pb2.DESCRIPTOR.services_by_name["TuningService"]),
    **service_methods(prediction_service_pb2.DESCRIPTOR.services_by_name["PredictionService"]),
}

RPCS = find_jobs.Rpcs(METHODS["CreateTuningJob"], METHODS["GetTuningJob"], METHODS["ListTuningJobs"])

logger = safe_text.logger("gemtune")

_MOST_CREATED = 10_000

CREATE_TIMEOUT = 120.0
"""A create has longer than other calls: the service checks the spec before it answers."""


class Default:
    """The type of DEFAULT."""

    def __repr__(self) -> str:
        return "DEFAULT"


DEFAULT: Final = Default()
"""Left out: the client's own value is meant. None means something else, no limit."""

Timeout: TypeAlias = float | Default | None
"""Seconds for a whole call; None: no limit; DEFAULT: the client's."""

Retries: TypeAlias = Retry | Default | None
"""How a call is sent again; None: one attempt; DEFAULT: as the client does."""


class BaseClient:
    """Who asks, where, and with what limits."""

    def __init__(
        self,
        project: str | None = None,
        location: str | None = None,
        *,
        credentials: Credentials | None = None,
        api_version: str = "v1",
        timeout: float | None = 60.0,
        retry: Retry | None,
        request_labels: bool = True,
        store: SpecStore | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._project = project_from(project)
        self._doubts: set[str] = set()
        self._location = self._doubted(location_from(location))
        self._credentials = credentials
        self._api_version = api_version
        self._timeout = None if timeout is None else seconds_from("timeout", timeout)
        self._retry = retry
        self._budget = Budget()
        self._request_labels = request_labels
        if store is not None and not request_labels:
            raise ConfigurationError("a store finds jobs by their request labels; leave request_labels=False out")
        self._store = store
        self._created: dict[str, float] = {}  # name -> when its create was answered, on the driver's clock
        self._clock = clock or Clock()
        self._windows = Windows(now=self._clock.now)
        self._lock = threading.Lock()
        renew_in_child(self)

    def renew(self) -> None:
        """In a forked child: new locks, for a thread of the parent may have held the old ones."""
        self._lock = threading.Lock()
        self._budget = Budget()
        self._windows.renew()

    # -- where ----------------------------------------------------------------------------------------------------

    @property
    def project(self) -> str:
        """The project that calls are made for; looked up in the credentials, once, if nobody named one.

        Raises:
            ConfigurationError: None was given, and neither the environment nor the credentials name one.
        """
        if self._project is None:
            with self._lock:
                if self._project is None:
                    self._project = self._credentials_project()
        return self._project

    def _credentials_project(self) -> str:
        from gemtune.transport.credentials import default_project

        project = getattr(self._credentials, "project_id", None) or default_project()
        if not project:
            raise ConfigurationError(
                "no project is given: set GOOGLE_CLOUD_PROJECT, or give --project (in Python: project=)"
            )
        return project_from(project) or ""

    @property
    def location(self) -> str:
        """The location that jobs are created and listed in."""
        return self._location

    def job_name(self, name: str | TuningJob) -> str:
        """The full resource name of a job, however it is named: id, `tuningJobs/ID`, full name, link, the job itself.

        Raises:
            SpecInvalid: It is not a job's name.
        """
        name = name.name if isinstance(name, TuningJob) else name
        if isinstance(name, str) and name in self._created:
            return name  # whatever it looks like: the service gave it
        project, location, job_id = parse_job_name(name)
        return str(JobName(project or self.project, location or self._location, job_id))

    def _place(self, location: str | None) -> str:
        return self._doubted(check_location(location)) if location else self._location

    def _doubted(self, location: str) -> str:
        """The location. One that is probably none is told to the log, once, and used: it may be new."""
        if location not in _USUAL and location not in self._doubts:
            from gemtune.specs.checks.places import doubt_about

            self._doubts.add(location)
            if doubt := doubt_about(location):
                logger.warning("%s; %s", *doubt)
        return location

    def _parent(self, location: str | None) -> str:
        return f"projects/{self.project}/locations/{self._place(location)}"

    # -- requests and flows; the clients' methods say what their arguments mean -------------------------------------

    def _create(
        self,
        tuning_job: TuningJob,
        *,
        location: str | None,
        request_id: str | None,
        validate: bool,
        timeout: Timeout,
        retry: Retries,
    ) -> Flow:
        """Returns `Created`; `single` makes the job of it."""
        if validate:
            from gemtune import specs  # reading jobs needs none of it

            specs.require_valid(
                tuning_job,
                api_version=self._api_version,
                location=location or self._location,
                request_labels=self._request_labels,
            )
        seconds = _seconds(CREATE_TIMEOUT if isinstance(timeout, Default) else timeout)
        submission = self._submission(request_id, tuning_job, location, began=self._clock.wall())
        if not self._request_labels:
            if request_id is not None:
                raise ConfigurationError("a request id travels in a label, and request_labels=False turns those off")
            request = CreateTuningJobRequest(parent=submission.parent, tuning_job=tuning_job)
            return self._noted(_unlabelled(request, seconds))
        return self._noted(
            create_once.create(
                RPCS,
                tuning_job,
                submission,
                timeout=seconds,
                retry=self._retry if isinstance(retry, Default) else retry,
                budget=self._budget,
                stored=self._store is not None,
                windows=self._windows,
            )
        )

    def _check_data(self, tuning_job: TuningJob) -> None:
        from gemtune.dataset.of_job import require_good  # needs the extra `dataset`

        require_good(tuning_job, credentials=self._credentials)

    def _noted(self, create: Flow) -> Flow:
        """A create that notes its job: one that is not found right afterwards is waited for."""
        created: Created = yield from create
        self._created[created.job.name] = self._clock.now()
        for old in list(self._created)[:-_MOST_CREATED]:
            self._created.pop(old, None)  # another thread may have been here
        return created

    def _missing_until(self, name: str) -> float:
        return self._created.get(name, -math.inf) + GRACE

    def _submission(
        self, request_id: str | None, job: TuningJob | None, location: str | None, *, began: float | None = None
    ) -> Submission:
        if request_id is not None and not isinstance(request_id, str):
            raise SpecInvalid(bad_request([("request_id", f"it is {request_id!r}; give a string, such as a UUID")]))
        if request_id == "":  # an id that a variable should have held; a new one each time would make a job each time
            raise SpecInvalid(bad_request([("request_id", "it is empty; give one such as a UUID, or leave it out")]))
        return Submission(
            request_id=request_id or new_request_id(),
            fingerprint=_fingerprint(job) if job is not None else "",
            project=self.project,
            location=self._place(location),
            known=request_id is not None,
            started=began if request_id is None else born(request_id),
            resumed=began,
        )

    def _list(self, location: str | None, filter: str, page_size: int | None) -> ListTuningJobsRequest:  # noqa: A002
        if not _encodable(filter):
            raise SpecInvalid(bad_request([("filter", "it holds half of a surrogate pair, which no text may")]))
        return ListTuningJobsRequest(parent=self._parent(location), filter=filter, page_size=page_size or 0)

    def _counter(self, model: str, location: str | None) -> str:
        return counter_name(model, "" if model.startswith("projects/") else self._parent(location))

    def _wait_many(
        self, names: Iterable[str | TuningJob], timeout: float | None, poll_interval: float | None
    ) -> WaitMany:
        def call(method: str, request: Message) -> Flow:
            limits = self._limits(DEFAULT, DEFAULT)
            return calls.call(METHODS[method], request, **{**limits, "timeout": min(limits["timeout"], waiting.left)})

        waiting = WaitMany(
            map(self.job_name, [names] if isinstance(names, str | TuningJob) else names),
            call,
            timeout=timeout,
            poll_interval=poll_interval,
            patient=self._retry is not None,
            on_retry=self._retry.on_retry if self._retry is not None else None,
            missing_until=self._missing_until,
        )
        return waiting

    def _call(self, method: str, request: Message, timeout: Timeout, retry: Retries) -> Flow:
        return calls.call(METHODS[method], request, **self._limits(timeout, retry))

    def _limits(self, timeout: Timeout, retry: Retries) -> dict[str, Any]:
        return {
            "timeout": _seconds(self._timeout if isinstance(timeout, Default) else timeout),
            "retry": self._retry if isinstance(retry, Default) else retry,
            "budget": self._budget,
        }

    def _until(
        self,
        method: str,
        request: Message,
        over: Callable[[Any], bool],
        timeout: float | None,
        poll_interval: float | None,
        *,
        missing_until: float = -math.inf,
    ) -> Flow:
        return wait(
            METHODS[method],
            request,
            over=over,
            call_timeout=_seconds(self._timeout),
            timeout=timeout,
            poll_interval=poll_interval,
            retry=self._retry,
            budget=self._budget,
            missing_until=missing_until,
        )


_USUAL = frozenset(("us-central1", "europe-west4", "global", "us", "eu"))
"""Locations that need no look into the catalogue."""


def named_so(name: str | TuningJob, flow: Flow) -> Flow:
    """The flow of a job that was named so; where it is not found and the name had no location, that may be why."""
    try:
        return (yield from flow)
    except NotFound as error:
        if isinstance(name, str) and "locations/" not in name:
            error.add_note(
                "if it is in another location, name that: --location (in Python: location=), or its full name"
            )
        raise


class Pager:
    """What both lists of jobs have in common.

    Attributes:
        unreadable: The rows that could not be read when the list was last gone through, in their order.
        on_unreadable: Is told of each; left alone, the log is, with a warning.
    """

    def __init__(self) -> None:
        self.unreadable: list[Unreadable] = []
        self.on_unreadable: Callable[[Unreadable], object] = _warn_of

    def _begin(self) -> None:
        self.unreadable = []

    def _take(self, page: ListTuningJobsResponse) -> None:
        for row in unreadable(page):
            self.unreadable.append(row)
            self.on_unreadable(row)


def _warn_of(row: Unreadable) -> None:
    logger.warning("a job in the list is left out: %s", row)


def _unlabelled(request: CreateTuningJobRequest, timeout: float) -> Flow:
    try:
        return Created((yield from calls.call(METHODS["CreateTuningJob"], request, timeout=timeout)))
    except GemtuneError as error:
        if not nothing_happened(error):
            error.add_note("the job may have been created: look for it in the list before you send it again")
        raise


def single(created: Created) -> TuningJob:
    """The job of a submission; of several, which the service should never have made, the oldest, with a warning."""
    if created.doubles:
        names = ", ".join(job.name for job in (created.job, *created.doubles))
        message = line(f"one submission became {len(created.doubles) + 1} jobs: {names}; cancel the ones not wanted")
        logger.warning(message)
        warnings.warn(message, DuplicateSubmission, stacklevel=3)
    return created.job


def make_transport(
    transport: Any,
    *,
    endpoint: str | None,
    credentials: Credentials | None,
    api_version: str,
    application: str | None,
    asynchronous: bool,
    max_answer_bytes: int = MAX_ANSWER,
) -> Any:
    """The transport that a client's arguments name, or the very object that was given in place of a name.

    Raises:
        ConfigurationError: There is no such transport, or no such version of the API.
    """
    if not isinstance(transport, str):
        return transport
    if isinstance(max_answer_bytes, bool) or not isinstance(max_answer_bytes, int) or max_answer_bytes < 1:
        raise ConfigurationError(f"max_answer_bytes is {shortened(max_answer_bytes)}; give a number of bytes, from 1")
    if api_version not in ("v1", "v1beta1"):
        raise ConfigurationError(f"api_version {api_version!r} is not known; it is 'v1' or 'v1beta1'")
    spec = _TRANSPORTS.get((transport, asynchronous))
    if spec is None:
        raise ConfigurationError(
            f"transport {transport!r} is not known; it is 'rest' or 'grpc' (in Python also an object with send())"
        )
    module, name, extra, needs = spec
    try:
        make = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != needs:
            raise
        raise ConfigurationError(
            f"{'an asynchronous client' if asynchronous else 'this client'} over {transport} needs {needs}: "
            f"pip install 'gemtune[{extra}]'"
        ) from error
    from gemtune.transport.credentials import ANONYMOUS

    place = endpoint_from(endpoint, transport=transport)
    if place.emulator and credentials is None:
        credentials = ANONYMOUS
        if place.token is not None:  # the emulator's --token
            from google.oauth2.credentials import Credentials as Bearer

            credentials = Bearer(token=place.token)  # type: ignore[no-untyped-call]
    return make(
        place.endpoint,
        credentials=credentials,
        api_version=api_version,
        application=application,
        max_answer_bytes=max_answer_bytes,
    )


_TRANSPORTS: Mapping[tuple[str, bool], tuple[str, str, str, str]] = {
    ("rest", False): ("gemtune.transport.rest", "RestTransport", "", "requests"),
    ("rest", True): ("gemtune.transport.rest_aio", "AsyncRestTransport", "aio", "aiohttp"),
    ("grpc", False): ("gemtune.transport.grpc", "GrpcTransport", "grpc", "grpc"),
    ("grpc", True): ("gemtune.transport.grpc_aio", "AsyncGrpcTransport", "grpc", "grpc"),
}
"""Name, and whether it is asynchronous -> module and class, the extra that it is installed by, and what that brings."""


def _fingerprint(job: TuningJob) -> str:
    from gemtune.specs.fingerprint import fingerprint

    return fingerprint(job)


def turns(contents: str | Content | Iterable[str | Content]) -> list[Content]:
    """What is to be counted as turns: a text is one of the user's."""
    given = [contents] if isinstance(contents, str | Content) else contents
    return [Content(role="user", parts=[Part(text=each)]) if isinstance(each, str) else each for each in given]


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _seconds(timeout: float | None) -> float:
    return math.inf if timeout is None else seconds_from("timeout", timeout)


def operation_of(operation: str | operations_pb2.Operation) -> str:
    return operation_name(operation if isinstance(operation, str) else operation.name)
