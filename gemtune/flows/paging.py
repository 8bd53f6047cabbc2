"""Pages of a list, one after another: the one place that decides whether there is another one."""

from __future__ import annotations

from typing import Any

from gemtune.errors import TransportError

__all__ = ["Pages"]


class Pages:
    """The page tokens of one list, so that a service that repeats one does not keep anybody for ever."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def after(self, page: Any) -> str:
        """The token of the page after this one; "" when it is the last.

        Args:
            page: An answer with a `next_page_token`.

        Raises:
            TransportError: The token has been there before, so that the list would have no end.
        """
        token: str = page.next_page_token
        if token in self._seen:
            raise TransportError(
                "the list has no end: the service gives a page token that it has given before; ask again from the "
                "first page",
                maybe_sent=True,
                final=True,
                answered=True,
            )
        if token:
            self._seen.add(token)
        return token
