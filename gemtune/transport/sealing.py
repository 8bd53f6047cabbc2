"""What leaves a transport in an error: words of ours, and no secret in those that a server wrote.

A library's error may hold anything (aiohttp's has the proxy's URL with its password), so its text is not repeated, and
it is no cause of ours: `reasons` says in our words what it is about. A server may send back the token that it was sent;
wherever an error or the log quotes a server, the secrets of this exchange are hidden.
"""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.message import Message

from gemtune.errors import ApiError, GemtuneError
from gemtune.safe_text import HIDDEN, without
from gemtune.transport import request_id

__all__ = ["seal"]


def seal(error: GemtuneError, secrets: Sequence[str] = ()) -> None:
    """Takes from an error what is not ours: causes of other libraries, and secrets in words of a server."""
    todo: list[GemtuneError] = [error]
    seen: set[int] = set()
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        for place in ("__cause__", "__context__"):
            other = getattr(one, place)
            if isinstance(other, GemtuneError):
                todo.append(other)
            elif other is not None:
                setattr(one, place, None)
        if secrets:
            _hide(one, secrets)
    if noted := request_id.get():
        request_id.set(without(noted, secrets))


def _hide(error: GemtuneError, secrets: Sequence[str]) -> None:
    error.args = tuple(without(arg, secrets) if isinstance(arg, str) else arg for arg in error.args)
    for name, value in vars(error).items():
        if isinstance(value, str):
            setattr(error, name, without(value, secrets))
    if notes := getattr(error, "__notes__", None):
        error.__notes__ = [without(note, secrets) for note in notes]
    if isinstance(error, ApiError):
        error.details = tuple(_without(detail, secrets) for detail in error.details)


def _without(detail: Message, secrets: Sequence[str]) -> Message:
    data = plain = detail.SerializeToString()
    for secret in secrets:
        held = secret.encode(errors="replace")
        if len(held) > len(HIDDEN):  # as many bytes as before, or the lengths in between would not be true
            data = data.replace(held, b"*" * len(held))
    return detail if data == plain else type(detail).FromString(data)
