"""Which road the codec takes: conversions counted, and those among them that went to json_format."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import Message

from gemtune.rpc import _codec_types, codec

is_open = _codec_types.library() is not None
needs_the_library = pytest.mark.skipif(
    not is_open, reason="the fast road is closed: protobuf in pure Python, or no protobuf-py"
)


class Roads:
    """What was converted since the counting began."""

    def __init__(self) -> None:
        self.taken: dict[str, list[bool]] = {"read": [], "written": []}

    def share(self, direction: str) -> float:
        """How many of the conversions in one direction were fast, from 0 to 1."""
        taken = self.taken[direction]
        return sum(taken) / len(taken)

    def __str__(self) -> str:
        return ", ".join(
            f"{len(taken)} {direction}, {self.share(direction):.1%} of them fast"
            for direction, taken in self.taken.items()
            if taken
        )


def count(monkeypatch: pytest.MonkeyPatch) -> Roads:
    """Counts from now on."""
    roads = Roads()
    _count(monkeypatch, roads.taken["read"], "_read", "_law_reads")
    _count(monkeypatch, roads.taken["written"], "to_json", "_law_writes")
    return roads


def _count(monkeypatch: pytest.MonkeyPatch, taken: list[bool], name: str, law: str) -> None:
    whole, by_law = getattr(codec, name), getattr(codec, law)

    def counted_whole(*args: Any, **kwargs: Any) -> Any:
        taken.append(True)
        return whole(*args, **kwargs)

    def counted_law(*args: Any) -> Any:
        taken[-1] = False
        return by_law(*args)

    monkeypatch.setattr(codec, name, counted_whole)
    monkeypatch.setattr(codec, law, counted_law)


def read_back_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Reads each HTTP body again that the codec writes from now on; gives those that json_format had to help with."""
    slow: list[str] = []
    here = threading.local()  # servers write in threads of their own
    encode = codec.encode

    def noted(law: Callable[..., Any]) -> Callable[..., Any]:
        def by_law(*args: Any) -> Any:
            here.is_slow = is_open
            return law(*args)

        return by_law

    def encode_and_read_back(message: Message) -> bytes:
        here.is_slow = False
        data = encode(message)
        codec.from_json(data, type(message))
        if here.is_slow:
            slow.append(data.decode())
        return data

    for law in ("_law_reads", "_law_writes"):
        monkeypatch.setattr(codec, law, noted(getattr(codec, law)))
    monkeypatch.setattr(codec, "encode", encode_and_read_back)
    return slow
