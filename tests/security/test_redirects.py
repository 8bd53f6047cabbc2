"""A redirect would carry a token, and a job that costs money, to wherever an answer says. None is followed."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from google.oauth2.credentials import Credentials

import gemtune
from gemtune.errors import TransportError
from tests.support.jobs import spec
from tests.support.servers import answer, serving


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_nothing_reaches_where_an_answer_redirects_to(status: int, asynchronous: bool) -> None:
    credentials = Credentials(token="ya29.secret")  # type: ignore[no-untyped-call]
    with contextlib.ExitStack() as stack:
        elsewhere = stack.enter_context(serving(answer()))
        location = f"{elsewhere.url}/v1/x?token=secret#secret".replace("//", "//user:secret@")
        first = stack.enter_context(serving(answer(b"", status, {"location": location})))

        async def over_aiohttp() -> None:
            async with gemtune.AsyncTuningClient("demo", endpoint=first.url, credentials=credentials) as client:
                await client.create_tuning_job(spec(), retry=None)

        def over_requests() -> None:
            with gemtune.TuningClient("demo", endpoint=first.url, credentials=credentials) as client:
                client.create_tuning_job(spec(), retry=None)

        with pytest.raises((TransportError, gemtune.InDoubt), match="redirects are not followed") as caught:
            asyncio.run(over_aiohttp()) if asynchronous else over_requests()
        assert "secret" not in str(caught.value)
        assert len(first.heard) == 1
        assert not elsewhere.heard
