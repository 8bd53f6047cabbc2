"""Credentials on an event loop: what blocks happens in a thread, once for all who wait for it."""

from __future__ import annotations

import asyncio
import math
import time

from gemtune.endpoints import Endpoint
from gemtune.errors import TransportError
from gemtune.transport.credentials import Authorizer

__all__ = ["AsyncAuthorizer"]


class AsyncAuthorizer:
    """An `Authorizer` for one event loop."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer
        self._fetching: asyncio.Task[dict[str, str]] | None = None
        self.refused = authorizer.refused

    async def headers(self, endpoint: Endpoint, *, deadline: float = math.inf) -> dict[str, str]:
        """As `Authorizer.headers`. Cancelling one of those who wait does not take the token from the others."""
        headers = self._authorizer.ready(endpoint)
        if headers is not None:
            return headers
        if self._fetching is None:
            # Without this call's deadline, since others with later ones may come to wait for the same token.
            self._fetching = asyncio.create_task(asyncio.to_thread(self._authorizer.headers, endpoint))
            self._fetching.add_done_callback(self._fetched)
        try:
            async with asyncio.timeout(None if deadline == math.inf else deadline - time.monotonic()):
                return await asyncio.shield(self._fetching)
        except TimeoutError as error:
            raise TransportError("no token was there in time; nothing was sent", maybe_sent=False) from error

    def _fetched(self, task: asyncio.Task[dict[str, str]]) -> None:
        self._fetching = None
        if not task.cancelled():
            task.exception()  # looked at, if everyone who waited has gone
