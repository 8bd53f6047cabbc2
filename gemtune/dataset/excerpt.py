"""The piece of a line around a place, for showing it with a caret."""

from __future__ import annotations

from typing import NamedTuple

from gemtune.errors import SpecFileError
from gemtune.specs.read import json_text
from gemtune.specs.read.tree import Node, position_of

__all__ = ["Excerpt", "excerpt", "place_of"]

_BEFORE, _AFTER = 50, 60
_MOST = 1 << 20  # characters of a line in which a place is looked up
_ON_KEY = frozenset(("GT109", "GT209", "GT401", "GT408", "GT606"))


class Excerpt(NamedTuple):
    """A piece of a line.

    Attributes:
        text: The piece, with `...` where it was cut.
        column: Where in it the place begins, from 1.
        length: How many characters are meant.
    """

    text: str
    column: int
    length: int


def excerpt(line: bytes, code: str, path: str, column: int = 0) -> Excerpt:
    """The piece of a line that shows a problem.

    Args:
        line: The line.
        code: The rule.
        path: The place, as a JSON pointer.
        column: The place in the line, from 1, where it is known.
    """
    text = line.decode("utf-8", "replace").rstrip("\r\n")
    at, length = (column - 1, 1) if column else place_of(text, path, on_key=code in _ON_KEY) or (0, 1)
    begin = max(0, at - _BEFORE)
    end = min(len(text), at + _AFTER)
    before, after = "..." if begin else "", "..." if end < len(text) else ""
    shown = before + text[begin:end].replace("\t", " ") + after
    return Excerpt(shown, at - begin + len(before) + 1, max(1, min(length, end - at)))


def place_of(text: str, path: str, *, on_key: bool = False) -> tuple[int, int] | None:
    """Where a place stands in a JSON text: its first character, from 0, and how many; None where it cannot be told.

    Args:
        text: The text, of one line.
        path: The place, as a JSON pointer; where it leads nowhere, as far as it leads.
        on_key: Whether the key is meant, and not its value.
    """
    if not path or len(text) > _MOST:
        return None
    try:
        node = json_text.parse(text, file="")
    except (SpecFileError, RecursionError):
        return None
    key: Node | None = None
    for step in path[1:].split("/"):
        found = _child(node, step.replace("~1", "/").replace("~0", "~"))
        if found is None:
            break
        key, node = found
    place = position_of(key if on_key and key is not None else node)
    return place.column - 1, place.length


def _child(node: Node, step: str) -> tuple[Node | None, Node] | None:
    if node.id == "mapping":
        return next(((key, value) for key, value in reversed(node.value) if key.value == step), None)
    if node.id == "sequence" and step.isdecimal() and int(step) < len(node.value):
        return None, node.value[int(step)]
    return None
