"""Right JSON made wrong: by its structure (types, names, numbers, depth, doubling, truncation), and by its bytes.

A tree is as `json.loads` has it, but objects are lists of pairs (`Pairs`), since names may come twice, and a `Raw` is
text that goes out as it is.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Mutator"]


class Pairs(list[Any]):
    """An object."""


class Raw(str):
    """Text that goes out as it is: numbers that Python has no float for, an escape, something that is not a JSON."""


ODD: Sequence[Any] = (
    None, True, False, 0, -1, 1, 4, 2**31, -(2**31) - 1, 2**53 + 1, 2**63, -(2**63) - 1, 2**64, 0.5, -0.0, 1e308,
    Raw("1e400"), Raw("-1e400"), Raw("1e-400"), Raw("NaN"), Raw("Infinity"), Raw("-Infinity"), Raw("00"), Raw("1."),
    Raw("9" * 400), Raw(r'"\ud800"'), Raw(r'"\u0000"'), Raw("'a'"), Raw("undefined"), Raw(""), Raw("[,]"), Raw("{]"),
    "", " ", "4", "4.0", "-1", "1e3", "0x10", "NaN", "Infinity", "true", "null", "JOB_STATE_SUCCEEDED", "JOB_STATE_NEW",
    "ADAPTER_SIZE_FOUR", "2026-11-24T10:00:00Z", "2026-02-30T00:00:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:60Z",
    "1.5s", "-1s", "QQ==", "Q", "type.googleapis.com/google.rpc.Help", "gs://bucket/train.jsonl", "é", "\u2028", "x" * 300,
    [], Pairs(), [[]], [None], Pairs([("", None)]), Pairs([("@type", "type.googleapis.com/gemtune.v1.TuningJob")]),
    Pairs([("value", 1)]), Pairs([("seconds", "5")]),
)  # fmt: skip

NAMES = (
    "", "name", "state", "error", "labels", "createTime", "create_time", "supervisedTuningSpec", "hyperParameters",
    "tunedModel", "tuningJobs", "nextPageToken", "@type", "value", "newField", "NAME", "name ", "é", "__proto__", "code",
)  # fmt: skip


def load(text: str) -> Any:
    return json.loads(text, object_pairs_hook=Pairs)


def dump(tree: Any) -> str:
    if isinstance(tree, Raw):
        return str(tree)
    if isinstance(tree, Pairs):
        return "{" + ",".join(f"{json.dumps(name)}:{dump(value)}" for name, value in tree) + "}"
    if isinstance(tree, list):
        return "[" + ",".join(map(dump, tree)) + "]"
    return json.dumps(tree)


class Mutator:
    """Draws mutations by chance, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._trees: tuple[Callable[[Any], Any], ...] = (
            self._swap, self._swap, self._drop, self._double, self._double_otherwise, self._rename, self._add, self._deepen,
            self._graft,
        )  # fmt: skip
        self._texts: tuple[Callable[[bytes], bytes], ...] = (
            self._truncate, self._flip, self._flip, self._insert, self._delete, self._repeat,
        )  # fmt: skip

    def json(self, text: str) -> bytes:
        """Text that was right JSON, changed in one to three places."""
        try:
            return self._json(text)
        except RecursionError:  # Python's own, where depth was grafted upon depth
            return self.bytes(text.encode())

    def _json(self, text: str) -> bytes:
        data: bytes | None = None
        tree = load(text)
        for _ in range(self._chance.choice((1, 1, 1, 2, 3))):
            if data is None and self._chance.random() < 0.75:
                tree = self._chance.choice(self._trees)(tree)
            else:
                data = self._chance.choice(self._texts)(dump(tree).encode() if data is None else data)
        return dump(tree).encode("utf-8", "surrogatepass") if data is None else data

    def bytes(self, data: bytes) -> bytes:
        """Bytes changed in one to four places."""
        for _ in range(self._chance.choice((1, 1, 2, 3, 4))):
            data = self._chance.choice(self._texts)(data)
        return data

    def choice(self, of: Sequence[Any]) -> Any:
        """One of them."""
        return self._chance.choice(of)

    # -- structure --------------------------------------------------------------------------------------------------

    def _places(self, tree: Any) -> list[tuple[Any, int]]:
        """Every value in the tree but the root, as the list that holds it and its index there."""
        found: list[tuple[Any, int]] = []
        todo = [tree]
        while todo:
            node = todo.pop()
            if isinstance(node, list):
                found += [(node, i) for i in range(len(node))]
                todo += [pair[1] for pair in node] if isinstance(node, Pairs) else node
        return found

    def _place(self, tree: Any) -> tuple[Any, int] | None:
        places = self._places(tree)
        return self._chance.choice(places) if places else None

    def _odd(self) -> Any:
        """One of `ODD`; a copy, which may be changed in its turn."""
        return copy.deepcopy(self._chance.choice(ODD))

    def _set(self, holder: Any, index: int, value: Any) -> None:
        holder[index] = (holder[index][0], value) if isinstance(holder, Pairs) else value

    def _get(self, holder: Any, index: int) -> Any:
        return holder[index][1] if isinstance(holder, Pairs) else holder[index]

    def _swap(self, tree: Any) -> Any:
        place = self._place(tree)
        if place is None or self._chance.random() < 0.01:
            return self._odd()
        self._set(*place, self._odd())
        return tree

    def _drop(self, tree: Any) -> Any:
        place = self._place(tree)
        if place is not None:
            del place[0][place[1]]
        return tree

    def _double(self, tree: Any) -> Any:
        place = self._place(tree)
        if place is not None:
            place[0].insert(self._chance.randrange(len(place[0]) + 1), place[0][place[1]])
        return tree

    def _double_otherwise(self, tree: Any) -> Any:
        """A field once more under its other spelling."""
        place = self._place(tree)
        if place is not None and isinstance(place[0], Pairs):
            name, value = place[0][place[1]]
            snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
            place[0].append((snake, value))
        return tree

    def _rename(self, tree: Any) -> Any:
        place = self._place(tree)
        if place is not None and isinstance(place[0], Pairs):
            place[0][place[1]] = (self._chance.choice(NAMES), place[0][place[1]][1])
        return tree

    def _add(self, tree: Any) -> Any:
        place = self._place(tree)
        if place is not None and isinstance(place[0], Pairs):
            place[0].append((self._chance.choice(NAMES), self._odd()))
        return tree

    def _deepen(self, tree: Any) -> Any:
        place = self._place(tree)
        if place is None:
            return tree
        depth = self._chance.choice((1, 2, 50, 101, 1000, 20_000))
        inner = dump(self._get(*place))
        begin, end = self._chance.choice((("[", "]"), ('{"a":', "}"), ('{"error":', "}"), ('{"tunedModel":', "}")))
        self._set(*place, Raw(begin * depth + inner + end * depth))
        return tree

    def _graft(self, tree: Any) -> Any:
        """A part of the tree in another place of it."""
        here, there = self._place(tree), self._place(tree)
        if here is not None and there is not None:
            self._set(*here, load(dump(self._get(*there))) if not _has_raw(self._get(*there)) else None)
        return tree

    # -- bytes ------------------------------------------------------------------------------------------------------

    def _truncate(self, data: bytes) -> bytes:
        return data[: self._chance.randrange(len(data) + 1)]

    def _flip(self, data: bytes) -> bytes:
        if not data:
            return data
        at = self._chance.randrange(len(data))
        return data[:at] + bytes([data[at] ^ (1 << self._chance.randrange(8))]) + data[at + 1 :]

    def _insert(self, data: bytes) -> bytes:
        at = self._chance.randrange(len(data) + 1)
        piece = self._chance.choice(
            (
                b"\x00",
                b"\xff",
                b'"',
                b"{",
                b"}",
                b"[",
                b",",
                b":",
                b"\\",
                b"\n",
                b" ",
                b"\xef\xbb\xbf",
                b"\xed\xa0\x80",
                b"1e9",
            )
        )
        return data[:at] + piece + data[at:]

    def _delete(self, data: bytes) -> bytes:
        at = self._chance.randrange(len(data) + 1)
        return data[:at] + data[at + self._chance.choice((1, 1, 2, 5, 40)) :]

    def _repeat(self, data: bytes) -> bytes:
        begin, end = sorted(self._chance.randrange(len(data) + 1) for _ in range(2))
        return data[:end] + data[begin:end] + data[end:]


def _has_raw(tree: Any) -> bool:
    if isinstance(tree, Pairs):
        return any(_has_raw(value) for _, value in tree)
    return isinstance(tree, Raw) or (isinstance(tree, list) and any(map(_has_raw, tree)))
