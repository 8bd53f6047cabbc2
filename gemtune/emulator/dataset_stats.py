"""What the service says of a training dataset: counts, distributions, the first examples.

The forms were read off the statistics of two real jobs: six equal buckets over the range of the values, empty ones
left out; the median cut to an integer; the first three examples as one flat list, long texts cut.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, cast

from gemtune.emulator.gcs_root import GcsRoot
from gemtune.errors import JsonError
from gemtune.rpc import codec, nesting
from gemtune_pb.v1 import (
    Content,
    SupervisedTuningDatasetDistribution,
    SupervisedTuningDataStats,
    TuningDataStats,
    TuningJob,
)

__all__ = ["Statistics", "distribution"]

_BUCKETS = 6
_EXAMPLES, _TEXT = 3, 400
_CHARACTERS_PER_TOKEN = 4  # the documents' rule of thumb; the emulator has no tokenizer
_MEDIA = frozenset(("fileData", "file_data", "inlineData", "inline_data"))
_MEDIA_TOKENS = 258  # one image of moderate size; what is behind a URI is not looked at
_SYNTHETIC_ROWS = 500
_REASONS = 10  # dropped rows whose reason is given


def distribution(values: Sequence[int]) -> SupervisedTuningDatasetDistribution:
    """The distribution of some counts.

    Args:
        values: Whole numbers, in any order; none of them gives an empty distribution.
    """
    result = SupervisedTuningDatasetDistribution()
    if not values:
        return result
    ordered = sorted(values)
    low, high, count = ordered[0], ordered[-1], len(ordered)
    result.sum = sum(ordered)
    result.min, result.max = low, high
    result.mean = result.sum / count
    result.median = (ordered[(count - 1) // 2] + ordered[count // 2]) // 2
    # One past the nearest rank: of 500 rows, the service's p95 is not the one that numpy's "nearest" takes.
    result.p5, result.p95 = ordered[count * 5 // 100], ordered[count * 95 // 100]
    width = high - low + 1
    # Bucket k covers ceil(low + k * width/6) to ceil(low + (k+1) * width/6) - 1, in whole numbers throughout; a range
    # of one value is one bucket.
    edges = [low + -(-k * width // _BUCKETS) for k in range(_BUCKETS + 1)]
    at = 0
    for left, right in pairwise(edges):
        begin = at
        while at < count and ordered[at] < right:
            at += 1
        if at > begin:
            result.buckets.add(count=at - begin, left=left, right=right - 1)
    return result


@dataclass(frozen=True, slots=True)
class _Turn:
    """A turn of a conversation: whose it is, what it costs, and its JSON in the form of `contents`."""

    role: str
    tokens: int
    json: dict[str, Any]


@dataclass
class _Tally:
    """What is counted while a dataset goes by."""

    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    messages: list[int] = field(default_factory=list)
    examples: list[Content] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    def add(self, turns: list[_Turn], *, system: int) -> None:
        """Counts one example; `system` are the tokens of its system instruction."""
        if len(self.messages) < _EXAMPLES:
            self.examples += [_shown(turn) for turn in turns]
        self.inputs.append(system + sum(turn.tokens for turn in turns if turn.role != "model"))
        self.outputs.append(sum(turn.tokens for turn in turns if turn.role == "model"))
        self.messages.append(len(turns))

    def stats(self) -> TuningDataStats:
        """The message; sums of tokens are what is billed, per epoch."""
        result = SupervisedTuningDataStats(
            tuning_dataset_example_count=len(self.messages),
            user_input_token_distribution=distribution(self.inputs),
            user_output_token_distribution=distribution(self.outputs),
            user_message_per_example_distribution=distribution(self.messages),
            user_dataset_examples=self.examples,
            total_billable_token_count=sum(self.inputs) + sum(self.outputs),
            dropped_example_reasons=self.dropped,
        )
        return TuningDataStats(supervised_tuning_data_stats=result)


def _shown(turn: _Turn) -> Content:
    try:
        content = codec.from_json(json.dumps(turn.json), Content, ignore_unknown_fields=True)
    except JsonError as error:
        raise _BadRowError("`contents` must hold objects with `role` and `parts`.") from error
    content.role = turn.role
    for part in content.parts:
        if len(part.text) > _TEXT:
            part.text = part.text[: _TEXT - 3] + "..."
    return content


class Statistics:
    """Statistics of datasets: of the file where there is one, made up where there is none."""

    def __init__(self, gcs_root: str | Path | None = None) -> None:
        """Reads nothing yet.

        Args:
            gcs_root: A directory that stands for Cloud Storage: `gs://bucket/object` is its file `bucket/object`.

        Raises:
            ConfigurationError: It is not a directory.
        """
        self._root = GcsRoot(gcs_root) if gcs_root is not None else None

    def of(self, job: TuningJob) -> tuple[TuningDataStats | None, bool]:
        """A job's statistics, and whether they come from a file (which may be another one tomorrow).

        Only supervised tuning has them here.
        """
        if not job.HasField("supervised_tuning_spec"):
            return None, False
        uri = job.supervised_tuning_spec.training_dataset_uri
        file = self._root.open(uri) if self._root is not None else None
        if file is None:
            return _synthetic(uri), False
        with file:
            found = os.fstat(file.fileno())
            content = _Content((found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size), file)
            try:
                return _of_file(content), True
            except OSError:  # a disk that fails
                return _synthetic(uri), False


@dataclass(frozen=True)
class _Content:
    """An open file, and what tells its content from others: two of the same content are equal."""

    identity: tuple[int, ...]
    file: BinaryIO = field(compare=False)


@lru_cache(maxsize=16)
def _of_file(content: _Content) -> TuningDataStats:
    tally = _Tally()
    for number, line in enumerate(content.file):
        if not line.strip():
            continue
        try:
            turns, system = _row(line)
            tally.add(turns, system=system)
        except _BadRowError as error:
            if len(tally.dropped) < _REASONS:
                tally.dropped.append(f"Row: {number}. {error}")
    return tally.stats()


class _BadRowError(Exception):
    pass


def _row(line: bytes) -> tuple[list[_Turn], int]:
    """The turns of a row, and the tokens of its system instruction; both of the documented formats are read."""
    try:
        row: Any = nesting.loads(line)
    except (ValueError, RecursionError) as error:
        raise _BadRowError("Not a JSON object.") from error
    if not isinstance(row, dict):
        raise _BadRowError("Not a JSON object.")
    row = cast("dict[str, Any]", row)
    if "messages" in row:  # Gemini 1.0
        turns = [_message(m) for m in _objects(row["messages"], "messages")]
        system = sum(turn.tokens for turn in turns if turn.role == "system")
        return [turn for turn in turns if turn.role != "system"], system
    if "contents" not in row:
        raise _BadRowError("Missing required `contents` field.")
    instruction = row.get("systemInstruction", row.get("system_instruction"))
    system = (
        sum(turn.tokens for turn in map(_content, _objects([instruction], "systemInstruction"))) if instruction else 0
    )
    return [_content(c) for c in _objects(row["contents"], "contents")], system


def _objects(value: Any, name: str) -> Iterator[dict[str, Any]]:
    if not isinstance(value, list) or not value:
        raise _BadRowError(f"`{name}` must be a list that is not empty.")
    items: list[Any] = value
    for item in items:
        if not isinstance(item, dict):
            raise _BadRowError(f"`{name}` must hold objects.")
        yield cast("dict[str, Any]", item)


def _message(message: dict[str, Any]) -> _Turn:
    role, text = message.get("role"), message.get("content")
    if not isinstance(role, str) or not isinstance(text, str):
        raise _BadRowError("a message must have a `role` and a `content`.")
    return _Turn(role.lower(), _text_tokens(text), {"parts": [{"text": text}]})


def _content(value: dict[str, Any]) -> _Turn:
    role = value.get("role", "user")
    if not isinstance(role, str):
        raise _BadRowError("`role` must be a string.")
    tokens = 0
    for part in _objects(value.get("parts"), "parts"):
        text = part.get("text", "")
        if not isinstance(text, str):
            raise _BadRowError("`text` must be a string.")
        tokens += _text_tokens(text) + _MEDIA_TOKENS * (not _MEDIA.isdisjoint(part))
    return _Turn(role.lower(), tokens, value)


def _text_tokens(text: str) -> int:
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


@lru_cache(maxsize=256)
def _synthetic(uri: str) -> TuningDataStats:
    """Statistics of a dataset that is not there: 500 rows, always the same ones for the same URI."""
    seed = int.from_bytes(hashlib.sha256(uri.encode()).digest()[:8], "big")
    source = random.Random(seed)  # noqa: S311  made-up data, no secret
    tally = _Tally()
    tally.inputs = _counts(source, around=400, least=25, most=3000)
    tally.outputs = _counts(source, around=40, least=3, most=240)
    tally.messages = [2] * _SYNTHETIC_ROWS
    for number in range(1, _EXAMPLES + 1):
        for role, text in (("user", f"Example {number} of {uri}, made up by the emulator."), ("model", "An answer.")):
            tally.examples.append(_shown(_Turn(role, 0, {"parts": [{"text": text}]})))
    return tally.stats()


def _counts(source: random.Random, *, around: int, least: int, most: int) -> list[int]:
    values: Iterable[float] = (source.lognormvariate(math.log(around), 0.6) for _ in range(_SYNTHETIC_ROWS))
    return [min(max(round(value), least), most) for value in values]
