"""The one bound on nesting: held before a parser sees a text, so that no stack is too small for what is read.

Parsers differ in what they bear: `json.loads` in C runs to the end of a thread's stack in one Python and raises
RecursionError in the next, and protobuf's own readers stop at 100 messages. So the bound is ours, and counted by us.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate
from typing import Any, Final

from google.protobuf.message import Message

from gemtune.descriptors import is_map
from gemtune.errors import JsonError

__all__ = ["LEVELS", "MESSAGES", "check", "loads", "messages_deep"]

MESSAGES: Final = 100
"""How many messages may be in one another, the outermost counted: what protobuf's own readers take."""

LEVELS: Final = 2 * MESSAGES + 4
"""How deep the brackets of a text may nest: each message may stand in a list, and what an `Any` holds counts as one."""

_ONE_KIND_OF_BRACKET = bytes.maketrans(b"{}", b"[]")
_NEITHER_BRACKET_NOR_QUOTE = bytes(set(range(256)) - set(b'[]{}"'))
_STEPS = {ord("["): 1, ord("]"): -1, ord('"'): 0}
_USUAL = 16  # levels of an ordinary text


def check(text: str | bytes) -> None:
    """Refuses JSON whose brackets nest too deeply. Takes a few percent of what parsing it takes.

    Raises:
        JsonError: They do.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(data) > LEVELS and _is_deep(data):
        raise JsonError(f"the JSON nests more than {LEVELS} levels deep, which is more than is read")


def loads(text: str | bytes) -> Any:
    """`json.loads`, within the bound.

    Raises:
        ValueError: The text is not JSON, or nests too deeply (JsonError).
    """
    check(text)
    return json.loads(text)


def _is_deep(data: bytes) -> bool:
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Of a string without brackets there is nothing left but its quotes, side by side.
    brackets = data.translate(_ONE_KIND_OF_BRACKET, _NEITHER_BRACKET_NOR_QUOTE).replace(b'""', b"")
    if len(brackets) <= LEVELS:
        return False
    if b'"' in brackets:
        brackets = re.sub(rb'"[^"]*"', b"", brackets)
    peeled = 0
    while peeled < _USUAL and len(inner := brackets.replace(b"[]", b"")) < len(brackets):
        brackets, peeled = inner, peeled + 1
    return any(map((LEVELS - peeled).__lt__, accumulate(map(_STEPS.__getitem__, brackets))))


def messages_deep(message: Message) -> int:
    """How many messages are in one another, as protobuf's bytes nest them: an entry of a map is one, too."""
    depth, level = 0, [message]
    while level:
        depth += 1
        below: list[Any] = []
        for part in level:
            for field, value in part.ListFields():
                kind = field.message_type
                if kind is None:
                    continue
                if is_map(field):
                    below += [_Entry(kind, value[key]) for key in value]
                elif field.is_repeated:
                    below += value
                else:
                    below.append(value)
        level = below
    return depth


class _Entry:
    """A map's entry, which is a message in bytes alone."""

    def __init__(self, kind: Any, value: Any) -> None:
        self._field, self._value = kind.fields_by_name["value"], value

    def ListFields(self) -> list[tuple[Any, Any]]:  # noqa: N802  protobuf's name
        return [(self._field, self._value)]
