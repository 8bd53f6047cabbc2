"""A text as a tree of scalars, mappings and sequences that know their places, before any of it means anything.

The YAML reader gives PyYAML's own nodes (made in C), the JSON reader the classes here; both have the attributes of the
protocols below, so that everything after reading works on either.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Protocol

from gemtune.rpc.nesting import MESSAGES
from gemtune.specs.finding import Position

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_NODES", "Mark", "Node", "TreeNode", "locate", "position_of"]

MAX_BYTES = 4 * 1024 * 1024
"""Bytes of a spec file. A spec is a few kilobytes; what is larger is another file given by mistake (a dataset)."""

MAX_DEPTH = MESSAGES
"""Levels of nesting: what protobuf's own readers take."""

MAX_NODES = 100_000
"""Values of one spec, counted where they are used, so that aliases cannot multiply them."""


class _MarkLike(Protocol):
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class Node(Protocol):
    """What PyYAML's nodes and ours have in common.

    `id` is `scalar`, `mapping` or `sequence`; `value` is the text, a list of (key node, value node), or a list of
    nodes; `style` is a quote for a quoted scalar, and falsy (`None` or "") for a plain one; `tag` is not "" where the
    text has an explicit tag. Marks count lines and columns from 0.
    """

    id: Any
    tag: Any
    value: Any
    style: Any
    start_mark: Any
    end_mark: Any


@dataclass(slots=True)
class Mark:
    """A place, from 0."""

    line: int
    column: int


class TreeNode:
    """A node of the JSON reader."""

    __slots__ = ("end_mark", "id", "start_mark", "style", "tag", "value")

    def __init__(self, kind: str, value: Any, start: Mark, end: Mark, style: str | None = None) -> None:
        self.id, self.value, self.start_mark, self.end_mark, self.style = kind, value, start, end, style
        self.tag = ""


def position_of(node: Node) -> Position:
    """Where a node begins; its length is that of a scalar on one line, and 1 for everything else."""
    start: _MarkLike = node.start_mark
    end: _MarkLike = node.end_mark
    length = end.column - start.column if node.id == "scalar" and start.line == end.line else 1
    return Position(start.line + 1, start.column + 1, max(length, 1))


def locate(root: Node, path: str, *, key: bool = False) -> Position:
    """Where the field at `path` (proto spelling, such as `labels.team`) stands; else the nearest field around it.

    Args:
        root: The tree.
        path: The field.
        key: Its name instead of its value.
    """
    node, name = root, root
    for segment in _segments(path):
        found = _child(node, segment)
        if found is None:
            return position_of(name)
        name, node = found
    return position_of(name if key or node.id != "scalar" else node)


_SEGMENT = re.compile(r"\.?(?P<name>[\w-]+)|\[(?P<index>\d+)\]|\[(?P<key>\"(?:[^\"\\]|\\.)*\")\]")


def _segments(path: str) -> list[str | int]:
    found: list[str | int] = []
    for match in _SEGMENT.finditer(path):
        if match["index"] is not None:
            found.append(int(match["index"]))
        else:
            found.append(match["name"] if match["name"] is not None else str(json.loads(match["key"])))
    return found


def _child(node: Node, segment: str | int) -> tuple[Node, Node] | None:
    """The name and the value of a part of a node; an item of a list is its own name."""
    if isinstance(segment, int):
        if node.id == "sequence" and segment < len(node.value):
            return node.value[segment], node.value[segment]
        return None
    if node.id != "mapping":
        return None
    for key, value in node.value:
        if key.value == segment or (isinstance(key.value, str) and _snake(key.value) == segment):
            return key, value
    return None


def _snake(name: str) -> Any:
    return re.sub(r"[A-Z]", lambda letter: "_" + letter[0].lower(), name)
