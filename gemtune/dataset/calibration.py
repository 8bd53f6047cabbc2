"""Calibrates an offline count of tokens: the service counts some of the rows, and the ratio tells how far off it is.

Which rows depends on the rows alone, not on their order: those with the smallest hashes are the candidates, and of
these some of every size are sent.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, NamedTuple, TypeAlias, cast

from gemtune.dataset.row_tokens import Counter, row_tokens
from gemtune.errors import DatasetError, JsonError
from gemtune.rpc import nesting
from gemtune.rpc.codec import from_json
from gemtune_pb.v1 import CountTokensRequest

__all__ = ["Online", "Ratios", "Sample"]

Online: TypeAlias = Callable[[CountTokensRequest], int]
"""Asks the service how many tokens contents have; the request has no `endpoint`, which is the caller's to know."""

_CANDIDATES = 5  # for each row that is sent
_LONGEST = 1 << 20  # bytes of a line that is sent
_FEW = 8  # rows, whose least and greatest ratio say too little of the others


class Ratios(NamedTuple):
    """The service's count divided by the offline one.

    Attributes:
        low: Of the row with the least ratio.
        likely: Of all rows that were counted, together.
        high: Of the row with the greatest ratio.
        rows: How many rows were counted.
        enough: Whether they tell within which bounds the whole lies.
    """

    low: float
    likely: float
    high: float
    rows: int
    enough: bool


class Sample:
    """Some rows of a training set, of every size; equal rows count once."""

    def __init__(self, size: int) -> None:
        """Takes how many rows are sent to the service, at most."""
        self._size = max(size, 1)
        self._most = self._size * _CANDIDATES
        self._heap: list[tuple[int, bytes]] = []  # the greatest hash first, negated
        self._there: set[int] = set()
        self._all = True  # whether every row is a candidate

    def add(self, row: Mapping[str, Any], line: str | bytes | None) -> None:
        """Adds a row, and the line that it was read from."""
        text = json.dumps(row, sort_keys=True) if line is None else line
        data = text.encode() if isinstance(text, str) else text
        if len(data) > _LONGEST:
            self._all = False
            return
        key = int.from_bytes(blake2b(data.strip(), digest_size=8).digest(), "little")
        if key in self._there:
            return
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, (-key, data))
        else:
            self._all = False
            if -self._heap[0][0] < key:
                return
            self._there.discard(-heapq.heapreplace(self._heap, (-key, data))[0])
        self._there.add(key)

    def ratios(self, online: Online, *, base_model: str, count: Counter) -> Ratios:
        """Has the rows counted.

        Args:
            online: Asks the service.
            base_model: Its name: the tokens of media depend on its generation.
            count: What counts the tokens of a text offline.

        Raises:
            DatasetError: There is no row that can be sent.
            ApiError: The service refuses one.
        """
        rows = [_sent(nesting.loads(data)) for _, data in sorted(self._heap, reverse=True)]
        found: list[tuple[int, CountTokensRequest]] = []
        for row in rows:
            tokens = row_tokens(row, base_model=base_model, count=count)
            request = _request(row)
            if tokens is not None and tokens[0].likely and request is not None:
                found.append((tokens[0].likely, request))
        if not found:
            raise DatasetError("no row of the training set can be sent to countTokens, which takes rows with contents")
        found.sort(key=lambda each: each[0])
        whole = self._all and len(rows) == len(found) <= self._size
        chosen = _spread(found, self._size)
        counts = [(offline, online(request)) for offline, request in chosen]
        each = [counted / offline for offline, counted in counts]
        together = sum(counted for _, counted in counts) / sum(offline for offline, _ in counts)
        return Ratios(min(each), together, max(each), len(each), whole or len(each) >= _FEW)


def _spread(found: list[tuple[int, CountTokensRequest]], size: int) -> list[tuple[int, CountTokensRequest]]:
    """As many as `size` of them, evenly over the list: the first, the last, and some between."""
    if len(found) <= size:
        return found
    if size == 1:
        return [found[len(found) // 2]]
    return [found[round(i * (len(found) - 1) / (size - 1))] for i in range(size)]


def _sent(row: dict[str, Any]) -> dict[str, Any]:
    """What of a row is counted: its turns and its answers, and what the model is told beforehand."""
    contents: Any = row.get("contents")
    answers: Any = row.get("completions")
    made: dict[str, Any] = {
        "contents": [*_listed(contents), *(each.get("completion", each) for each in _listed(answers))]
    }
    for name, other in (("systemInstruction", "system_instruction"), ("tools", "tools")):
        if (value := row.get(name, row.get(other))) is not None:
            made[name] = value
    config = row.get("generationConfig", row.get("generation_config"))
    if isinstance(config, dict):
        given = cast("dict[str, Any]", config)
        if (resolution := given.get("mediaResolution", given.get("media_resolution"))) is not None:
            made["generationConfig"] = {"mediaResolution": resolution}
    return made


def _listed(value: object) -> list[dict[str, Any]]:
    """The objects of a list, or the one that stands in its place."""
    items = cast("list[object]", value) if isinstance(value, list) else [value]
    return [cast("dict[str, Any]", item) for item in items if isinstance(item, dict)]


def _request(row: dict[str, Any]) -> CountTokensRequest | None:
    """The request for a row; None where there is none, and where it is not in the form of the service."""
    if not row["contents"]:
        return None
    try:
        return from_json(json.dumps(row), CountTokensRequest)
    except JsonError:
        return None
