"""Credentials on an event loop: what blocks happens on a thread, once for all who wait for it."""

from __future__ import annotations

import asyncio
import math
import time

from gemtune.settings import Endpoint
from gemtune.transport.credentials import Authorizer, no_token_in_time

__all__ = ["AsyncAuthorizer"]


class AsyncAuthorizer:
    """An `Authorizer` for an event loop."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer
        self.refused = authorizer.refused
        self.explain = authorizer.explain

    async def headers(self, endpoint: Endpoint, *, deadline: float = math.inf) -> dict[str, str]:
        """As `Authorizer.headers`. Cancelling one of those who wait does not take the token from the others."""
        headers = self._authorizer.ready(endpoint)
        if headers is not None:
            return headers
        fetching = self._authorizer.fetching()
        try:
            async with asyncio.timeout(self._authorizer.until(fetching, deadline) - time.monotonic()):
                return await fetching.awaited()
        except TimeoutError as error:
            raise no_token_in_time() from error
