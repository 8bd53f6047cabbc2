"""What an event loop asks for: cancellation that cancels, credentials off the loop and once, one loop a client."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from google.oauth2.credentials import Credentials

import gemtune
from gemtune import Retry
from gemtune.flows.driver import AsyncDriver, Clock
from gemtune.flows.effects import Now, Send, Sleep
from gemtune.settings import Endpoint
from gemtune.transport.credentials import AsyncAuthorizer, Authorizer
from tests.support.grpc_servers import NAME, serving as serving_grpc
from tests.support.servers import Heard, answer, serving
from tests.support.transport_harness import METHODS

JOB = answer(b'{"name": "%s"}' % NAME.encode())


# -- cancelling -------------------------------------------------------------------------------------------------------


class Hanging:
    """A server that takes a request and then waits for its caller to go."""

    def __init__(self) -> None:
        self.came = threading.Event()
        self.left = threading.Event()
        self.times = 0

    def over_http(self, connection: Any, heard: Heard) -> bool:
        self.times += 1
        self.came.set()
        if connection.recv(1) == b"":
            self.left.set()
        return False

    def over_grpc(self, context: Any) -> bytes:
        self.times += 1
        context.add_callback(self.left.set)
        self.came.set()
        self.left.wait(10)
        return b""


@pytest.fixture(params=["rest", "grpc"])
def hanging(request: pytest.FixtureRequest) -> Iterator[tuple[Hanging, dict[str, str]]]:
    server = Hanging()
    if request.param == "rest":
        with serving(server.over_http) as address:
            yield server, {"endpoint": address.url}
    else:
        with serving_grpc(server.over_grpc) as (url, _):
            yield server, {"endpoint": url, "transport": "grpc"}


async def happened(event: threading.Event) -> bool:
    return await asyncio.to_thread(event.wait, 10)


@pytest.mark.parametrize("call", ["get_tuning_job", "cancel_tuning_job", "wait_tuning_job"])
def test_cancelling_the_task_cancels_the_request_and_nothing_is_sent_again(
    hanging: tuple[Hanging, dict[str, str]], call: str
) -> None:
    server, options = hanging

    async def main() -> None:
        async with gemtune.AsyncTuningClient("p", retry=Retry(initial=0.001), **options) as client:
            task = asyncio.create_task(getattr(client, call)(NAME))
            assert await happened(server.came)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await happened(server.left)
            await asyncio.sleep(0.05)  # time in which a retry would come

    asyncio.run(main())
    assert server.times == 1


def test_a_timeout_around_a_call_is_a_cancellation(hanging: tuple[Hanging, dict[str, str]]) -> None:
    server, options = hanging

    async def main() -> None:
        async with gemtune.AsyncTuningClient("p", **options) as client:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.get_tuning_job(NAME), 0.2)
            assert await happened(server.left)

    asyncio.run(main())
    assert server.times == 1


def test_a_flow_that_is_cancelled_is_closed_and_told_nothing() -> None:
    told: list[object] = []

    def flow() -> Any:
        try:
            told.append((yield Now()))
            told.append((yield Sleep(1000)))
        finally:
            told.append("closed")

    async def main() -> None:
        task = asyncio.create_task(AsyncDriver(None, Clock(now=lambda: 5.0)).run(flow()))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert told == [5.0, "closed"]


def test_one_of_many_calls_can_be_cancelled_alone() -> None:
    release = threading.Event()

    def reply(connection: Any, heard: Heard) -> None:
        release.wait(10)
        connection.sendall(JOB)

    async def main(url: str) -> None:
        async with gemtune.AsyncTuningClient("p", endpoint=url) as client:
            tasks = [asyncio.create_task(client.get_tuning_job(NAME)) for _ in range(5)]
            await asyncio.sleep(0.2)
            tasks[2].cancel()
            release.set()
            done = await asyncio.gather(*tasks, return_exceptions=True)
            assert [isinstance(each, asyncio.CancelledError) for each in done] == [i == 2 for i in range(5)]
            assert [each.name for i, each in enumerate(done) if i != 2] == [NAME] * 4  # type: ignore[union-attr]

    with serving(reply) as server:
        asyncio.run(main(server.url))


# -- credentials ------------------------------------------------------------------------------------------------------


class Slow(Credentials):
    """Credentials whose refresh blocks until it is let go, and fails if told so."""

    def __init__(self) -> None:
        super().__init__(token=None)  # type: ignore[no-untyped-call]
        self.refreshes = 0
        self.threads: set[int] = set()
        self.go = threading.Event()
        self.failure: Exception | None = None

    def refresh(self, request: object) -> None:
        self.refreshes += 1
        self.threads.add(threading.get_ident())
        assert self.go.wait(10)
        if self.failure is not None:
            raise self.failure
        self.token = "fresh"


TLS = Endpoint.parse("https://example.com")


def test_a_token_is_fetched_once_and_off_the_loop_however_many_calls_wait() -> None:
    credentials = Slow()

    async def main() -> None:
        authorizer = AsyncAuthorizer(Authorizer(credentials))
        waiting = [asyncio.create_task(authorizer.headers(TLS)) for _ in range(100)]
        while credentials.refreshes == 0:
            await asyncio.sleep(0.001)  # the loop goes on meanwhile
        credentials.go.set()
        headers = await asyncio.gather(*waiting)
        assert headers == [{"authorization": "Bearer fresh"}] * 100
        assert await authorizer.headers(TLS) == {"authorization": "Bearer fresh"}

    asyncio.run(main())
    assert credentials.refreshes == 1
    assert threading.get_ident() not in credentials.threads


def test_who_waits_for_a_token_may_go_without_taking_it_from_the_others() -> None:
    credentials = Slow()

    async def main() -> None:
        authorizer = AsyncAuthorizer(Authorizer(credentials))
        first, second = (asyncio.create_task(authorizer.headers(TLS)) for _ in range(2))
        while credentials.refreshes == 0:
            await asyncio.sleep(0.001)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        credentials.go.set()
        assert await second == {"authorization": "Bearer fresh"}

    asyncio.run(main())
    assert credentials.refreshes == 1


def test_a_refusal_reaches_all_who_wait_and_the_next_one_tries_anew() -> None:
    from google.auth.exceptions import RefreshError

    credentials = Slow()
    credentials.go.set()
    credentials.failure = RefreshError("invalid_grant: revoked")  # type: ignore[no-untyped-call]

    async def main() -> None:
        authorizer = AsyncAuthorizer(Authorizer(credentials))
        outcomes = await asyncio.gather(*(authorizer.headers(TLS) for _ in range(3)), return_exceptions=True)
        assert [type(each) for each in outcomes] == [gemtune.Unauthenticated] * 3
        assert "gcloud auth application-default login" in str(outcomes[0])
        credentials.failure = None
        assert await authorizer.headers(TLS) == {"authorization": "Bearer fresh"}

    asyncio.run(main())
    assert credentials.refreshes == 2


def test_a_token_that_does_not_come_in_time_proves_that_nothing_was_sent() -> None:
    credentials = Slow()

    async def main() -> None:
        authorizer = AsyncAuthorizer(Authorizer(credentials))
        try:
            with pytest.raises(gemtune.TransportError, match="no token was there in time; nothing was sent") as caught:
                await authorizer.headers(TLS, deadline=time.monotonic() + 0.05)
            assert not caught.value.maybe_sent
        finally:
            credentials.go.set()

    asyncio.run(main())


def test_threads_share_one_refresh_too() -> None:
    credentials = Slow()
    authorizer = Authorizer(credentials)
    got: list[dict[str, str]] = []
    threads = [threading.Thread(target=lambda: got.append(authorizer.headers(TLS))) for _ in range(8)]
    for thread in threads:
        thread.start()
    while credentials.refreshes == 0:
        time.sleep(0.001)
    credentials.go.set()
    for thread in threads:
        thread.join()
    assert got == [{"authorization": "Bearer fresh"}] * 8
    assert credentials.refreshes == 1


def test_a_server_of_tokens_that_does_not_answer_proves_that_nothing_was_sent() -> None:
    from google.auth.exceptions import TransportError

    credentials = Slow()
    credentials.go.set()
    credentials.failure = TransportError("cannot connect to oauth2.example")  # type: ignore[no-untyped-call]
    with pytest.raises(
        gemtune.TransportError, match=r"no token could be had: whoever gives out tokens did not answer"
    ) as caught:
        Authorizer(credentials).headers(TLS)
    assert not caught.value.maybe_sent


# -- loops ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_a_client_made_outside_of_a_loop_serves_one_loop_after_another(transport: str) -> None:
    async def get() -> str:
        job = await client.get_tuning_job(NAME)
        await client.close()
        return str(job.name)

    with (
        serving(JOB) as server,
        serving_grpc(lambda context: gemtune.TuningJob(name=NAME).SerializeToString()) as (url, _),
    ):
        client = gemtune.AsyncTuningClient(
            "p", endpoint=server.url if transport == "rest" else url, transport=transport
        )
        assert [asyncio.run(get()) for _ in range(3)] == [NAME] * 3


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_a_client_in_use_on_one_loop_refuses_another(transport: str) -> None:
    whole = gemtune.TuningJob(name=NAME).SerializeToString()
    with serving(JOB) as server, serving_grpc(lambda context: whole) as (url, _):
        client = gemtune.AsyncTuningClient(
            "p", endpoint=server.url if transport == "rest" else url, transport=transport
        )

        async def main() -> None:
            await client.get_tuning_job(NAME)
            with pytest.raises(
                gemtune.ConfigurationError, match="in use on another event loop; make one for each loop"
            ):
                await asyncio.to_thread(lambda: asyncio.run(client.get_tuning_job(NAME)))
            await client.close()

        asyncio.run(main())


# -- the project, updates ---------------------------------------------------------------------------------------------


def test_a_project_that_only_credentials_know_is_looked_up_off_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    from gemtune.transport import credentials

    looked: list[int] = []

    def look() -> str:
        looked.append(threading.get_ident())
        return "from-credentials"

    monkeypatch.setattr(credentials, "default_project", look)

    async def main(url: str) -> None:
        async with gemtune.AsyncTuningClient(endpoint=url) as client:
            await asyncio.gather(*(client.get_tuning_job("1") for _ in range(5)))
            await client.get_tuning_job("1")

    with serving(JOB) as server:
        asyncio.run(main(server.url))
    assert len(looked) == 1
    assert looked[0] != threading.get_ident()
    assert {heard.target.split("/")[3] for heard in server.heard} == {"from-credentials"}


def test_on_update_may_be_a_coroutine_function() -> None:
    seen: list[str] = []

    async def on_update(job: gemtune.TuningJob) -> None:
        await asyncio.sleep(0)
        seen.append(job.name)

    ended = answer(b'{"name": "%s", "state": "JOB_STATE_SUCCEEDED"}' % NAME.encode())
    answers = iter([JOB, ended])

    async def main(url: str) -> None:
        async with gemtune.AsyncTuningClient("p", endpoint=url) as client:
            await client.wait_tuning_job(NAME, poll_interval=0.001, on_update=on_update)

    with serving(lambda connection, heard: connection.sendall(next(answers))) as server:
        asyncio.run(main(server.url))
    assert seen == [NAME, NAME]


def test_a_thousand_jobs_are_waited_for_with_ten_calls_a_round() -> None:
    """Through the client, against a transport without a wire; each round looks at every job once."""
    rounds: list[int] = []
    ids = [str(1_000_000 + i) for i in range(1000)]

    class Jobs:
        """Newest first, a hundred a page; a tenth more of them has ended in each round."""

        calls = 0

        async def send(self, method: Any, request: Any, *, deadline: float, metadata: Any = ()) -> Any:
            assert method is METHODS["ListTuningJobs"]
            start = int(request.page_token or 0)
            rounds.extend([0] if start == 0 else [])
            rounds[-1] += 1
            page = gemtune.ListTuningJobsResponse()
            for i in range(start, min(start + request.page_size, len(ids))):
                state = "JOB_STATE_SUCCEEDED" if i % 10 < len(rounds) else "JOB_STATE_RUNNING"
                page.tuning_jobs.add(name=f"{request.parent}/tuningJobs/{ids[i]}", state=state)
            if start + request.page_size < len(ids):
                page.next_page_token = str(start + request.page_size)
            return page

    async def main() -> None:
        clock = Clock(now=lambda: 0.0, asleep=lambda seconds: asyncio.sleep(0))
        client = gemtune.AsyncTuningClient("p", transport=Jobs(), clock=clock)
        async for job in client.wait_tuning_jobs(ids):
            got.append((len(rounds), job.name))

    got: list[tuple[int, str]] = []
    asyncio.run(main())
    assert rounds == [10] * 10
    assert len({name for _, name in got}) == 1000
    assert [sum(1 for in_round, _ in got if in_round == i) for i in range(1, 11)] == [100] * 10


def test_sends_of_a_flow_are_awaited_in_order() -> None:
    class Echo:
        async def send(self, method: Any, request: Any, *, deadline: float, metadata: Any = ()) -> Any:
            await asyncio.sleep(0)
            return request

    def flow() -> Any:
        first = yield Send(METHODS["GetTuningJob"], gemtune.GetTuningJobRequest(name="1"), 0.0)
        second = yield Send(METHODS["GetTuningJob"], gemtune.GetTuningJobRequest(name=first.name + "2"), 0.0)
        return second.name

    assert asyncio.run(AsyncDriver(Echo(), Clock()).run(flow())) == "12"
