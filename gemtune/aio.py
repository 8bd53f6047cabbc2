"""`AsyncTuningClient`: create, get, list, cancel, rebase and wait.

`client.py`, the blocking client, is generated from this file by tools/unasync.py: `make generate`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from google.longrunning import operations_proto_pb2 as operations_pb2

from gemtune._client_base import (
    DEFAULT,
    METHODS,
    RPCS,
    BaseClient,
    Pager,
    Retries,
    Timeout,
    make_transport,
    named_so,
    operation_of,
    single,
    turns,
)
from gemtune.errors import GemtuneError
from gemtune.flows import calls, find_jobs
from gemtune.flows.driver import AsyncDriver, Clock
from gemtune.flows.paging import Pages
from gemtune.flows.retry import Retry
from gemtune.flows.submission import Submitting
from gemtune.flows.wait import succeeded
from gemtune.names import location_of
from gemtune.rpc.states import has_ended
from gemtune.transport import AsyncTransport
from gemtune.transport.helper_thread import Aside
from gemtune.transport.response_body import MAX_ANSWER
from gemtune_pb.v1 import (
    CancelTuningJobRequest,
    Content,
    CountTokensRequest,
    CountTokensResponse,
    GcsDestination,
    GenerationConfig,
    GetTuningJobRequest,
    ListTuningJobsRequest,
    ListTuningJobsResponse,
    OptimizePromptRequest,
    OptimizePromptResponse,
    Part,
    RebaseTunedModelRequest,
    Tool,
    TunedModelRef,
    TuningJob,
    ValidateReinforcementTuningRewardRequest,
    ValidateReinforcementTuningRewardResponse,
)

if TYPE_CHECKING:
    from typing import Self

    from google.auth.credentials import Credentials

    from gemtune.store import SpecStore

__all__ = ["DEFAULT", "AsyncJobList", "AsyncTuningClient"]

T = TypeVar("T")


class AsyncJobList(Pager):
    """The jobs of a project and location, newest first; pages are fetched as the iteration reaches them.

    A row that cannot be read costs no other: it is left out, logged as a warning, and found in `unreadable`.
    """

    def __init__(
        self,
        call: Callable[[ListTuningJobsRequest], Awaitable[ListTuningJobsResponse]],
        request: Callable[[], Awaitable[ListTuningJobsRequest]],
    ) -> None:
        super().__init__()
        self._call = call
        self._request = request

    async def pages(self) -> AsyncIterator[ListTuningJobsResponse]:
        """The answers, page by page. A page may be empty and still have a token; it is not the last then."""
        self._begin()
        request = await self._request()
        pages = Pages()
        while True:
            response = await self._call(request)
            self._take(response)
            yield response
            request.page_token = pages.after(response)
            if not request.page_token:
                return

    async def __aiter__(self) -> AsyncIterator[TuningJob]:
        try:
            async for page in self.pages():
                for job in page.tuning_jobs:
                    yield job
        except GemtuneError as error:
            raise error.with_traceback(None)  # noqa: B904  the same one, without the frames of the pages


class AsyncTuningClient(BaseClient):
    """A client for the tuning jobs of Vertex AI, for an event loop. May be shared by tasks; a context manager.

    Cancelling a task cancels the request that it waits for. Names, arguments and errors are those of `TuningClient`.
    """

    def __init__(
        self,
        project: str | None = None,
        location: str | None = None,
        *,
        credentials: Credentials | None = None,
        endpoint: str | None = None,
        transport: str | AsyncTransport = "rest",
        api_version: str = "v1",
        timeout: float | None = 60.0,
        retry: Retry | None = Retry(),  # noqa: B008  frozen
        request_labels: bool = True,
        store: SpecStore | None = None,
        application: str | None = None,
        max_answer_bytes: int = MAX_ANSWER,
        clock: Clock | None = None,
    ) -> None:
        """Opens nothing yet, and needs no running loop.

        Args:
            project: Project id or number; None: GOOGLE_CLOUD_PROJECT, then what the credentials say.
            location: None: GOOGLE_CLOUD_LOCATION, then `us-central1`.
            credentials: From google-auth, refreshed off the loop; None: Application Default Credentials.
            endpoint: `https://host[:port]` for every location; None: GEMTUNE_EMULATOR_HOST (over gRPC
                GEMTUNE_EMULATOR_GRPC_HOST), GEMTUNE_ENDPOINT, then the host that belongs to the location in each
                request's resource name.
            transport: `"rest"` (needs the extra `aio`), `"grpc"` (needs that extra), or an object whose `send` is a
                coroutine function.
            api_version: `"v1"` or `"v1beta1"`.
            timeout: Seconds for a whole call, to the last byte of its answer; None: no limit.
            retry: How calls are sent again; None: one attempt each.
            request_labels: Whether a create carries the two labels that make it safe to look for; False turns off
                every retry of create as well.
            store: Remembers each submission before it is sent, and decides which of several processes sends.
            application: A token of your program for the user agent, such as `my-pipeline/1.2`.
            max_answer_bytes: Bytes that an answer may have, unpacked; a longer one is an error.
            clock: Time and sleep, for tests.

        Raises:
            ConfigurationError: An argument or a variable of the environment is not what it should be, or an extra is
                missing.
        """
        super().__init__(
            project,
            location,
            credentials=credentials,
            api_version=api_version,
            timeout=timeout,
            retry=retry,
            request_labels=request_labels,
            store=store,
            clock=clock,
        )
        carrier: AsyncTransport = make_transport(
            transport,
            endpoint=endpoint,
            credentials=credentials,
            api_version=api_version,
            application=application,
            max_answer_bytes=max_answer_bytes,
            asynchronous=True,
        )
        self._driver = AsyncDriver(carrier, self._clock, store)

    # -- calls ----------------------------------------------------------------------------------------------------

    async def create_tuning_job(
        self,
        tuning_job: TuningJob,
        *,
        location: str | None = None,
        request_id: str | None = None,
        validate: bool = True,
        check_data: bool = False,
        on_submit: Callable[[str], object] | None = None,
        timeout: Timeout = DEFAULT,
        retry: Retries = DEFAULT,
    ) -> TuningJob:
        """Starts a tuning job, once: it is never sent again while the first may still appear.

        Args:
            tuning_job: What to tune; not changed. The job gets two labels more, `gemtune-request` and `gemtune-spec`.
            location: Where; None: the client's location.
            request_id: Names this submission for ever: the same id gives the same job, whatever became of it. None: a
                new one.
            validate: Whether the spec is checked before anything is sent.
            check_data: Whether the data that it names are read and checked before, too (needs the extra `dataset`).
                The time that takes does not count.
            on_submit: Is given the request id before anything is sent: who keeps it can `settle` whatever happens.
            timeout: Seconds for everything; left out: 120.
            retry: How it is looked for and sent again; None: one attempt; left out: the client's.

        Returns:
            The job as the service shows it, with its name.

        Raises:
            SpecInvalid: The spec is wrong, or the request id names another spec. Nothing was sent.
            DatasetInvalid, DatasetError: The data have an error, or cannot be read. Nothing was sent.
            ApiError: The service refused.
            TransportError: Nothing was sent.
            InDoubt: It is not known whether the job was created; `settle` tells later.
        """
        flow = await self._aside(
            self._create,
            tuning_job,
            location=location,
            request_id=request_id,
            validate=validate,
            timeout=timeout,
            retry=retry,
        )
        if check_data:
            await Aside(partial(self._check_data, tuning_job)).awaited()
        with Submitting(on_submit) as told:
            created = await self._driver.run(flow, told)
        return single(created)

    async def settle(
        self, request_id: str, *, location: str | None = None, timeout: Timeout = DEFAULT, retry: Retries = DEFAULT
    ) -> TuningJob | None:
        """What became of a submission in doubt: its job, or None when there is none (yet).

        Args:
            request_id: The submission's id, such as `InDoubt.request_id`.
            location: Where it was sent; None: the client's location.
            timeout: Seconds for the whole call; left out: the client's.
            retry: How it is sent again; None: one attempt; left out: the client's.
        """
        submission = await self._aside(self._submission, request_id, None, location)
        found = await self._driver.run(find_jobs.settle(RPCS, submission, **self._limits(timeout, retry)))
        return single(found) if found is not None else None

    async def find_tuning_job(
        self,
        tuning_job: TuningJob,
        *,
        location: str | None = None,
        timeout: Timeout = DEFAULT,
        retry: Retries = DEFAULT,
    ) -> TuningJob | None:
        """The newest job of the very same spec that is live or succeeded; None when there is none.

        It is known by the label `gemtune-spec`, so only jobs that gemtune created are found.

        Args:
            tuning_job: The spec.
            location: Where to look; None: the client's location.
            timeout: Seconds for the whole call; left out: the client's.
            retry: How it is sent again; None: one attempt; left out: the client's.
        """
        submission = await self._aside(self._submission, None, tuning_job, location)
        return await self._driver.run(find_jobs.same_spec(RPCS, submission, **self._limits(timeout, retry)))

    async def get_tuning_job(
        self, name: str | TuningJob, *, timeout: Timeout = DEFAULT, retry: Retries = DEFAULT
    ) -> TuningJob:
        """The current state of a job.

        Args:
            name: Its id, `tuningJobs/ID`, full resource name or console link, or the job itself.
            timeout: Seconds for the whole call; left out: the client's.
            retry: How it is sent again; None: one attempt; left out: the client's.
        """
        request = GetTuningJobRequest(name=await self._aside(self.job_name, name))
        return await self._driver.run(named_so(name, self._call("GetTuningJob", request, timeout, retry)))

    def list_tuning_jobs(
        self,
        *,
        location: str | None = None,
        filter: str = "",  # noqa: A002  the request's field
        page_size: int | None = None,
        timeout: Timeout = DEFAULT,
        retry: Retries = DEFAULT,
    ) -> AsyncJobList:
        """The jobs of the project and location, newest first: `async for job in client.list_tuning_jobs()`.

        Args:
            location: None: the client's location.
            filter: A list filter, such as `labels.team="search" AND state="JOB_STATE_SUCCEEDED"`.
            page_size: Jobs per page, at most; None: the service's choice.
            timeout: Seconds for each page; left out: the client's.
            retry: How it is sent again; None: one attempt; left out: the client's.
        """
        make = partial(self._list, location, filter, page_size)
        if self._project is not None:
            make()  # a wrong argument is refused here, and not where the list is gone through
        return AsyncJobList(
            lambda page: self._driver.run(self._call("ListTuningJobs", page, timeout, retry)),
            lambda: self._aside(make),
        )

    async def cancel_tuning_job(
        self, name: str | TuningJob, *, timeout: Timeout = DEFAULT, retry: Retries = DEFAULT
    ) -> None:
        """Asks for a job to be cancelled. The job ends as CANCELLED some time later, or not, if it was about to end.

        Args:
            name: Its id, `tuningJobs/ID`, full resource name or console link, or the job itself.
            timeout: Seconds for the whole call; left out: the client's.
            retry: How it is sent again; None: one attempt; left out: the client's.
        """
        request = CancelTuningJobRequest(name=await self._aside(self.job_name, name))
        cancel, get = METHODS["CancelTuningJob"], METHODS["GetTuningJob"]
        await self._driver.run(named_so(name, calls.cancel(cancel, request, get, **self._limits(timeout, retry))))

    async def rebase_tuned_model(
        self,
        tuned_model_ref: TunedModelRef,
        *,
        tuning_job: TuningJob | None = None,
        artifact_destination: GcsDestination | None = None,
        deploy_to_same_endpoint: bool = False,
        location: str | None = None,
        timeout: Timeout = DEFAULT,
        retry: Retries = DEFAULT,
    ) -> operations_pb2.Operation:
        """Tunes a newer base model with what an older tuned model was tuned with.

        Args:
            tuned_model_ref: The tuned model, or the tuning or pipeline job that made it.
            tuning_job: What the new job shall have other than the old one.
            artifact_destination: Where artifacts go.
            deploy_to_same_endpoint: Whether the new model takes the old one's place at its endpoint.
            location: None: the location in `tuned_model_ref`, then the client's.
            timeout: Seconds for the whole call; left out: the client's.
            retry: How it is sent again; None: one attempt; left out: the client's.

        Returns:
            The operation; `wait_operation` follows it to the new job.
        """
        reference = tuned_model_ref.WhichOneof("tuned_model_ref")
        named = location_of(getattr(tuned_model_ref, reference)) if reference else None
        request = RebaseTunedModelRequest(
            parent=await self._aside(self._parent, location or named),
            tuned_model_ref=tuned_model_ref,
            tuning_job=tuning_job,
            artifact_destination=artifact_destination,
            deploy_to_same_endpoint=deploy_to_same_endpoint,
        )
        return await self._driver.run(self._call("RebaseTunedModel", request, timeout, retry))

    async def get_operation(
        self, operation: str | operations_pb2.Operation, *, timeout: Timeout = DEFAULT, retry: Retries = DEFAULT
    ) -> operations_pb2.Operation:
        """The current state of an operation.

        Args:
            operation: Its full resource name, or an older state of it.
            timeout: Seconds for the whole call; left out: the client's.
            retry: How it is sent again; None: one attempt; left out: the client's.
        """
        request = operations_pb2.GetOperationRequest(name=operation_of(operation))
        return await self._driver.run(self._call("GetOperation", request, timeout, retry))

    async def cancel_operation(
        self, operation: str | operations_pb2.Operation, *, timeout: Timeout = DEFAULT, retry: Retries = DEFAULT
    ) -> None:
        """Asks for an operation to be cancelled.

        Args:
            operation: Its full resource name, or an older state of it.
            timeout: Seconds for the whole call; left out: the client's.
            retry: How it is sent again; None: one attempt; left out: the client's.
        """
        request = operations_pb2.CancelOperationRequest(name=operation_of(operation))
        await self._driver.run(self._call("CancelOperation", request, timeout, retry))

    async def list_operations(
        self, name: str | TuningJob, *, timeout: Timeout = DEFAULT, retry: Retries = DEFAULT
    ) -> list[operations_pb2.Operation]:
        """The operations of a tuning job: those of the rebases that made it.

        Args:
            name: The job's id, `tuningJobs/ID`, full resource name or console link, or the job itself.
            timeout: Seconds for each page; left out: the client's.
            retry: How it is sent again; None: one attempt; left out: the client's.
        """
        request = operations_pb2.ListOperationsRequest(name=await self._aside(self.job_name, name))
        found: list[operations_pb2.Operation] = []
        pages = Pages()
        while True:
            page = await self._driver.run(named_so(name, self._call("ListOperations", request, timeout, retry)))
            found += page.operations
            request.page_token = pages.after(page)
            if not request.page_token:
                return found

    async def delete_operation(
        self, operation: str | operations_pb2.Operation, *, timeout: Timeout = DEFAULT, retry: Retries = DEFAULT
    ) -> None:
        """Has an operation forgotten. The job that it makes goes on.

        Args:
            operation: Its full resource name, or an older state of it.
            timeout: Seconds for the whole call; left out: the client's.
            retry: How it is sent again; None: one attempt; left out: the client's.
        """
        request = operations_pb2.DeleteOperationRequest(name=operation_of(operation))
        await self._driver.run(self._call("DeleteOperation", request, timeout, retry))

    async def validate_reward(
        self,
        request: ValidateReinforcementTuningRewardRequest,
        *,
        location: str | None = None,
        timeout: Timeout = DEFAULT,
        retry: Retries = DEFAULT,
    ) -> ValidateReinforcementTuningRewardResponse:
        """Tries out a reward of reinforcement tuning on one answer. Over REST, of `api_version="v1beta1"` alone.

        Args:
            request: The example, the answer and the reward config; not changed. Its `parent` may be left out.
            location: Where; None: the client's location.
            timeout: Seconds for the whole call; left out: the client's.
            retry: How it is sent again; None: one attempt; left out: the client's.
        """
        sent = ValidateReinforcementTuningRewardRequest()
        sent.CopyFrom(request)
        sent.parent = request.parent or await self._aside(self._parent, location)
        return await self._driver.run(self._call("ValidateReinforcementTuningReward", sent, timeout, retry))

    async def optimize_prompt(
        self,
        request: OptimizePromptRequest,
        *,
        location: str | None = None,
        timeout: Timeout = DEFAULT,
        retry: Retries = DEFAULT,
    ) -> OptimizePromptResponse:
        """Has a prompt rewritten so that a model answers it better. Over REST, of `api_version="v1beta1"` alone.

        Args:
            request: The prompt, and what is to be improved; not changed. Its `parent` may be left out.
            location: Where; None: the client's location.
            timeout: Seconds for the whole call; left out: the client's.
            retry: How it is sent again; None: one attempt; left out: the client's.
        """
        sent = OptimizePromptRequest()
        sent.CopyFrom(request)
        sent.parent = request.parent or await self._aside(self._parent, location)
        return await self._driver.run(self._call("OptimizePrompt", sent, timeout, retry))

    async def count_tokens(
        self,
        model: str,
        contents: str | Content | Iterable[str | Content],
        *,
        system_instruction: str | Content | None = None,
        tools: Iterable[Tool] = (),
        generation_config: GenerationConfig | None = None,
        location: str | None = None,
        timeout: Timeout = DEFAULT,
        retry: Retries = DEFAULT,
    ) -> CountTokensResponse:
        """The tokens of contents, as a model of the service counts them. Nothing is generated.

        Args:
            model: A base model such as `gemini-3.5-flash`, `publishers/google/models/M`, or the full resource name of
                a publisher's model or of an endpoint.
            contents: A text of the user's, a turn, or several of either.
            system_instruction: What the model is told beforehand.
            tools: Tools that the model may call.
            generation_config: Its `media_resolution` decides on the tokens of media.
            location: Where a model is asked whose name has no location; None: the client's location.
            timeout: Seconds for the whole call; left out: the client's.
            retry: How it is sent again; None: one attempt; left out: the client's.

        Raises:
            SpecInvalid: `model` is the name of something else.
            ApiError: The service refuses; NotFound where it does not have the model there.
        """
        if isinstance(system_instruction, str):
            system_instruction = Content(parts=[Part(text=system_instruction)])
        request = CountTokensRequest(
            endpoint=await self._aside(self._counter, model, location),
            contents=turns(contents),
            system_instruction=system_instruction,
            tools=tools,
            generation_config=generation_config,
        )
        return await self._driver.run(self._call("CountTokens", request, timeout, retry))

    # -- waiting --------------------------------------------------------------------------------------------------

    async def wait_tuning_job(
        self,
        name: str | TuningJob,
        *,
        timeout: float | None = None,
        poll_interval: float | None = None,
        on_update: Callable[[TuningJob], object] | None = None,
        raise_on_failure: bool = True,
    ) -> TuningJob:
        """Waits until a job has ended.

        Args:
            name: Its id, `tuningJobs/ID`, full resource name or console link, or the job itself.
            timeout: Seconds for the whole wait, a slow look included; None: as long as it takes; 0: one look.
            poll_interval: Seconds between two looks; None: half a second at first, then longer, up to 30.
            on_update: Is given the job after each look, the last one included; awaited if it is a coroutine function.
            raise_on_failure: Whether a job that ends without success raises.

        Returns:
            The job as it ended.

        Raises:
            JobFailed: It ended without success.
            WaitTimeout: It has not ended and goes on, or no answer came that would tell.
            ApiError: The service refuses to show it. NotFound for a job that this client has just created may pass.
        """
        full = await self._aside(self.job_name, name)
        request, missing = GetTuningJobRequest(name=full), self._missing_until(full)
        flow = self._until("GetTuningJob", request, has_ended, timeout, poll_interval, missing_until=missing)
        job = await self._driver.run(named_so(name, flow), on_update)
        return succeeded(job, or_raise=raise_on_failure)

    async def wait_tuning_jobs(
        self,
        names: Iterable[str | TuningJob],
        *,
        timeout: float | None = None,
        poll_interval: float | None = None,
        on_update: Callable[[TuningJob], object] | None = None,
    ) -> AsyncIterator[TuningJob]:
        """Waits for many jobs, and yields each as it ends, whether or not it ended well.

        Jobs of one location share one sweep over its list in each interval: a thousand cost ten calls, not a thousand.

        Args:
            names: The jobs, or their ids, `tuningJobs/ID`, full resource names or console links. One named twice
                comes once, unless its project is named by id here and by number there.
            timeout: Seconds for the whole wait, a slow look included; None: as long as it takes; 0: one look.
            poll_interval: Seconds between two looks; None: half a second at first, then longer, up to 30.
            on_update: Is given each job after each look at it; awaited if it is a coroutine function.

        Raises:
            WaitTimeout: Some have not ended; they go on.
            NotFound: There is no such job.
        """
        waiting = await self._aside(self._wait_many, names, timeout, poll_interval)
        while waiting.pending:
            for job in await self._driver.run(waiting.round(), on_update):
                yield job

    async def wait_operation(
        self,
        operation: str | operations_pb2.Operation,
        *,
        timeout: float | None = None,
        poll_interval: float | None = None,
    ) -> TuningJob:
        """Waits until an operation is done, and gives the job that it made.

        Args:
            operation: The operation, or its full resource name.
            timeout: Seconds for the whole wait, a slow look included; None: as long as it takes; 0: one look.
            poll_interval: Seconds between two looks; None: half a second at first, then longer, up to 30.

        Raises:
            ApiError: The operation failed.
            WaitTimeout: It is not done; it goes on.
        """
        request = operations_pb2.GetOperationRequest(name=operation_of(operation))
        flow = self._until("GetOperation", request, lambda answer: answer.done, timeout, poll_interval)
        return await self._driver.run(calls.operation_job(flow))

    # -- plumbing -------------------------------------------------------------------------------------------------

    async def _aside(self, make: Callable[..., T], *args: Any, **options: Any) -> T:
        """What `make` returns, which may look up the project: on a thread then, for that reads files and asks hosts."""
        made = partial(make, *args, **options)
        return made() if self._project is not None else await Aside(made).awaited()

    async def close(self) -> None:
        """Closes connections. A later call opens new ones."""
        close = getattr(self._driver.transport, "close", None)
        if close is not None:
            await close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
