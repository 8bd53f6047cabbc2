"""Rows against each other: twice there, one prompt with two answers, rows for validation that are trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, pairwise
from typing import NamedTuple

from gemtune.dataset.partial import Found, Rows, Segment
from gemtune.dataset.problem import WARNING

__all__ = ["Comparison", "File", "shifted"]

_SAME_ANSWER = 0.95
_FEW = 100  # rows; in fewer, one answer in nearly all says nothing
_MOST_SETS = 2_000_000  # rows whose hashes are in memory as Python's own numbers at once


class File(NamedTuple):
    """A file whose ranges are all there, or as many as there are."""

    name: str
    role: str
    parts: list[Segment]


def shifted(parts: Sequence[Segment]) -> Iterator[tuple[Segment, int]]:
    """The parts of a file, each with what is to be added to its lines."""
    shift = 0
    for part in parts:
        yield part, shift
        shift += part.lines


class _Row(NamedTuple):
    """A row that is compared: where it is, and its answer."""

    file: str
    line: int
    answer: int


class Comparison:
    """Rows that are there twice, prompts with two answers, rows for validation that are trained on."""

    def __init__(self, add: Callable[[str, Found], object], files: Sequence[File], level: int) -> None:
        self._add, self._files, self._level = add, files, level

    def _columns(self, role: str) -> Iterator[tuple[str, Rows]]:
        for file in self._files:
            if file.role == role:
                for part, shift in shifted(file.parts):
                    for rows in part.rows:
                        yield file.name, rows._replace(offset=rows.offset + shift)

    def run(self) -> None:
        """Adds what is found."""
        self._repeated("training")
        self._repeated("validation")
        self._overlap()
        self._same_answer()

    def _slices(self, count: int) -> Iterator[tuple[int, int]]:
        """Ranges of hashes, each with as many rows as are looked at together."""
        pieces = max(1, -(-count // _MOST_SETS))
        top = 1 << (64 - self._level)
        edges = [top * i // pieces for i in range(pieces + 1)]
        yield from pairwise(edges)

    def _repeated(self, role: str) -> None:
        count = sum(len(rows.prompts) for _, rows in self._columns(role))
        twice: set[int] = set()
        for low, high in self._slices(count):
            seen: set[int] = set()
            total = 0
            whole = high - low == 1 << (64 - self._level)
            for _, rows in self._columns(role):
                some = rows.prompts if whole else [h for h in rows.prompts if low <= h < high]
                total += len(some)
                before = len(seen)
                seen.update(some)
                if len(seen) - before < len(some):
                    counted = Counter(some)
                    twice.update(h for h, n in counted.items() if n > 1)
            if len(seen) < total:
                twice |= self._across(role, low, high)
        if twice:
            self._tell(role, twice)

    def _across(self, role: str, low: int, high: int) -> set[int]:
        seen: set[int] = set()
        twice: set[int] = set()
        for _, rows in self._columns(role):
            for hashed in rows.prompts:
                if low <= hashed < high:
                    if hashed in seen:
                        twice.add(hashed)
                    else:
                        seen.add(hashed)
        return twice

    def _tell(self, role: str, twice: set[int]) -> None:
        order = {file.name: i for i, file in enumerate(self._files)}
        rows = sorted(
            (order[name], rows.lines[i] + rows.offset, hashed, rows.answers[i])
            for name, rows in self._columns(role)
            for i, hashed in enumerate(rows.prompts)
            if hashed in twice
        )
        first: dict[int, dict[int, _Row]] = {}
        for at, line, hashed, answer in rows:
            name = self._files[at].name
            known = first.setdefault(hashed, {})
            if answer in known:
                found = Found(line, "GT801", WARNING, "", f"the row is the same as {_place(known[answer], name)}")
            else:
                before = next(iter(known.values()), None)
                known[answer] = _Row(name, line, answer)
                if before is None:
                    continue
                found = Found(
                    line, "GT802", WARNING, "", f"the prompt is that of {_place(before, name)}, with another answer"
                )
            self._add(name, found)

    def _overlap(self) -> None:
        count = sum(len(rows.prompts) for _, rows in self._columns("validation"))
        if not count:
            return
        validated: dict[int, list[_Row]] = {}
        for name, rows in self._columns("validation"):
            for i, hashed in enumerate(rows.prompts):
                validated.setdefault(hashed, []).append(_Row(name, rows.lines[i] + rows.offset, rows.answers[i]))
        found: dict[tuple[str, int], _Row] = {}
        for name, rows in self._columns("training"):
            for i, hashed in enumerate(rows.prompts):
                for row in validated.get(hashed, ()):
                    if row.answer == rows.answers[i]:
                        found.setdefault((row.file, row.line), _Row(name, rows.lines[i] + rows.offset, row.answer))
        order = {file.name: i for i, file in enumerate(self._files)}
        for (name, line), row in sorted(found.items(), key=lambda item: (order[item[0][0]], item[0][1])):
            self._add(
                name, Found(line, "GT803", WARNING, "", f"the row is line {row.line} of the training file {row.file}")
            )

    def _same_answer(self) -> None:
        columns = [rows.answers for _, rows in self._columns("training")]
        total = sum(map(len, columns))
        if total <= _FEW:
            return
        step = max(1, total // 1001)
        sample = Counter(chain.from_iterable(column[::step] for column in columns))
        answer, _ = sample.most_common(1)[0]
        same = sum(column.count(answer) for column in columns)
        if same >= total * _SAME_ANSWER:
            name = next(file.name for file in self._files if file.role == "training")
            self._add(name, Found(0, "GT804", WARNING, "", f"{same:,} of {total:,} rows have the same answer"))


def _place(row: _Row, file: str) -> str:
    return f"line {row.line}" if row.file == file else f"line {row.line} of {row.file}"
