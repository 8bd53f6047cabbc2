"""Page tokens: where a page of a list begins, in a form that belongs to that list."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json

from gemtune.emulator.storage import LARGEST_ID
from gemtune.errors import InvalidArgument, bad_request
from gemtune.rpc import nesting

__all__ = ["PageTokens"]


class PageTokens:
    """The tokens of one list."""

    def __init__(self, *parts: str) -> None:
        """Makes and takes tokens of the list that `parts` tell from others: its place and its filter."""
        self._seal = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

    def after(self, sequence: int) -> str:
        """The token of the page that begins after the job of that sequence."""
        return base64.urlsafe_b64encode(json.dumps([sequence, self._seal]).encode()).decode().rstrip("=")

    def read(self, token: str) -> int | None:
        """The sequence in a token; None for the first page, which needs none.

        Raises:
            InvalidArgument: This list did not give that token.
        """
        if not token:
            return None
        try:
            sequence, seal = nesting.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        except (ValueError, TypeError, RecursionError, binascii.Error):
            sequence, seal = None, None
        if type(sequence) is not int or not 0 < sequence <= LARGEST_ID or seal != self._seal:
            problem = "page_token is not one that this list gave, with the same parent and filter"
            raise InvalidArgument(problem, details=[bad_request([("page_token", problem)])])
        return sequence
