"""How large a request may be: more than a create ever is, and little enough to be refused before it costs anything."""

from __future__ import annotations

import re

from google.protobuf.message import Message

from gemtune.descriptors import is_map
from gemtune.errors import InvalidArgument

__all__ = ["check_json", "too_large"]

MOST_VALUES = 20_000
"""Values in the JSON of a request. A job with every field that there is has some hundred."""

MOST_ITEMS = 1_000
"""Items of a list or a map in a job."""

LARGEST_MESSAGE = 2 * 2**20
"""Bytes of a job. Prompts and code of metrics may be long; a job of this size is not meant."""

_STRING_OR_COMMA = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|,', re.DOTALL)


def check_json(body: bytes) -> None:
    """Refuses JSON of too many values, before it is read.

    Raises:
        InvalidArgument: It has too many.
    """
    if body.count(b",") < MOST_VALUES:  # in strings as well: the usual request is not looked at any closer
        return
    commas = 0
    for found in _STRING_OR_COMMA.finditer(body):
        commas += found[0] == b","
        if commas >= MOST_VALUES:
            raise InvalidArgument(f"the body has more than {MOST_VALUES:,} values, which is the maximum")


def too_large(message: Message, path: str) -> list[tuple[str, str]]:
    """What there is too much of in a message; nothing else of it need be looked at then.

    Args:
        message: The message.
        path: Where it is in the request.
    """
    size = message.ByteSize()
    if size > LARGEST_MESSAGE:
        return [(path, f"it has {size:,} bytes, and at most {LARGEST_MESSAGE:,} are read.")]
    return _too_many(message, path)


def _too_many(message: Message, path: str) -> list[tuple[str, str]]:
    for field, value in message.ListFields():
        name = f"{path}.{field.name}"
        if field.is_repeated and len(value) > MOST_ITEMS:
            return [(name, f"there are {len(value):,} {field.name}, and at most {MOST_ITEMS:,} are read.")]
        if field.message_type is None or is_map(field):
            continue
        for i, part in enumerate(value) if field.is_repeated else ((None, value),):
            if found := _too_many(part, name if i is None else f"{name}[{i}]"):
                return found
    return []
