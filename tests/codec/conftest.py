"""The roads that a conversion may take, opened and closed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gemtune import _codec_types, codec


@pytest.fixture
def without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where protobuf-py is not installed, or is another version."""
    monkeypatch.setattr(codec, "reader", lambda descriptor: None)
    monkeypatch.setattr(codec, "writer", lambda descriptor, *, proto_names: None)


needs_the_library = pytest.mark.skipif(
    _codec_types.library() is None, reason="the fast road is closed: protobuf in pure Python, or no protobuf-py"
)


class Roads:
    """Counts conversions, and those among them that went to json_format."""

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


@pytest.fixture
def roads(monkeypatch: pytest.MonkeyPatch) -> Iterator[Roads]:
    counted = Roads()
    for name, direction, law in (("_read", "read", "_law_reads"), ("to_json", "written", "_law_writes")):
        _count(monkeypatch, counted.taken[direction], name, law)
    yield counted


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
