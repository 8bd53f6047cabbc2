"""A service that gives a page token again would keep anybody for ever."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import pytest

import gemtune
from gemtune import ListTuningJobsResponse, TransportError, TuningJob

TOKENS = [["a"], ["a", "a"], ["a", "b"], ["a", "b", "c", "b"]]


class Endless:
    """Answers lists with tokens that come round again."""

    def __init__(self, tokens: list[str]) -> None:
        self.asked = 0
        self._tokens = itertools.cycle(tokens)

    def send(self, method: Any, request: Any, *, deadline: float, metadata: Any = ()) -> Any:
        assert method.name == "ListTuningJobs"
        self.asked += 1
        if self.asked > 100:
            raise AssertionError("asked without end")
        return ListTuningJobsResponse(tuning_jobs=[TuningJob(name="x")], next_page_token=next(self._tokens))


class AsyncEndless(Endless):
    async def send(self, *args: Any, **kwargs: Any) -> Any:
        return Endless.send(self, *args, **kwargs)


CALLS: dict[str, Callable[[Any], Any]] = {
    "list": lambda client: list(client.list_tuning_jobs()),
    "settle": lambda client: client.settle("my-id"),
    "find": lambda client: client.find_tuning_job(TuningJob(base_model="m")),
    "create": lambda client: client.create_tuning_job(TuningJob(base_model="m"), request_id="my-id", validate=False),
    "wait": lambda client: list(client.wait_tuning_jobs([f"tuningJobs/{n}" for n in range(500)])),
}


@pytest.mark.parametrize("tokens", TOKENS)
@pytest.mark.parametrize("call", CALLS)
def test_a_page_token_that_comes_again_is_an_error(call: str, tokens: list[str]) -> None:
    transport = Endless(tokens)
    client = gemtune.TuningClient("p", transport=transport)
    with pytest.raises((TransportError, gemtune.InDoubt), match="the list has no end"):
        CALLS[call](client)
    assert transport.asked <= len(tokens) + 1


@pytest.mark.parametrize("tokens", TOKENS)
def test_for_asynchronous_clients_too(tokens: list[str]) -> None:
    async def main() -> None:
        client = gemtune.AsyncTuningClient("p", transport=AsyncEndless(tokens))
        async for _ in client.list_tuning_jobs():
            pass

    with pytest.raises(TransportError, match="the list has no end"):
        asyncio.run(main())
