"""One range of one file, read in blocks: every line checked, the good ones fast."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator

from gemtune.dataset.contents import SizeOf
from gemtune.dataset.limits import Limits
from gemtune.dataset.parse import BOM, BadLineError
from gemtune.dataset.partial import EXAMPLES, Found, Segment
from gemtune.dataset.problem import ERROR, WARNING
from gemtune.dataset.row import check_row
from gemtune.dataset.parse import parse

try:
    from gemtune.dataset import fast
except ImportError:  # the extra `dataset` is not installed
    fast = None  # type: ignore[assignment]

__all__ = ["BLOCK", "MOST_LINE", "scan"]

BLOCK = 1 << 17
"""Bytes that are read at once."""

MOST_LINE = 1 << 27
"""The longest line that is read, in bytes."""

_HEAD = 1 << 20
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def scan(
    blocks: Iterable[bytes],
    segment: Segment,
    limits: Limits,
    *,
    size_of: SizeOf | None = None,
    quick: bool = True,
    progress: Callable[[int], object] | None = None,
) -> Segment:
    """Checks the lines of a range.

    Args:
        blocks: The range's bytes, cut anywhere; the range begins and ends at a line's.
        segment: What is filled: its file, role and first byte are set.
        limits: Of the base model and the kind of tuning.
        size_of: The sizes of files that rows name, where they can be seen.
        quick: Whether good rows may take the fast way; the result is the same.
        progress: Is told the bytes that were read.

    Returns:
        The segment. An OSError from the blocks or a KeyboardInterrupt leaves it filled up to there.
    """
    checker = _Checker(segment, limits, size_of, quick=quick and fast is not None and size_of is None)
    at_file_start = segment.start == 0
    segment.end = segment.start
    for lines in _whole_lines(blocks):
        if at_file_start:
            at_file_start = False
            whole, lines = _look_at_head(lines)
            if whole is not None:
                segment.whole = whole
                segment.problem(whole)
                return _drain(segment, blocks, lines, progress)
            if lines.startswith(BOM):
                segment.problem(Found(1, "GT104", WARNING, "", "the file begins with a byte order mark"))
                segment.end += len(BOM)
                lines = lines[len(BOM) :]
        checker.block(lines)
        segment.end += len(lines)
        if progress is not None:
            progress(len(lines))
    return segment


def _drain(segment: Segment, blocks: Iterable[bytes], head: bytes, progress: Callable[[int], object] | None) -> Segment:
    """Counts what is left of a file whose lines are not rows."""
    for block in (head, *()):
        segment.end += len(block)
        segment.lines += block.count(b"\n")
    for block in blocks:
        segment.end += len(block)
        segment.lines += block.count(b"\n")
        if progress is not None:
            progress(len(block))
    segment.lines = max(segment.lines, 1)
    segment.last = segment.lines
    return segment


def _whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, cut behind ends of lines; the first one holds what a look at the beginning wants."""
    kept: list[bytes] = []
    size = 0
    for block in blocks:
        cut = block.rfind(b"\n") + 1
        if cut:
            yield b"".join((*kept, block[:cut]))
            kept, size = [block[cut:]] if cut < len(block) else [], len(block) - cut
        else:
            kept.append(block)
            size += len(block)
            if size > MOST_LINE:
                yield b"".join(kept)
                kept, size = [], 0
    if size:
        yield b"".join(kept)


def _look_at_head(head: bytes) -> tuple[Found | None, bytes]:
    """What is wrong with a whole file, by its first lines."""
    start = head[:4096]
    if start.startswith(_UTF16) or start.count(0) * 4 > len(start) > 3:
        return Found(1, "GT103", ERROR, "", "the file is in UTF-16 and not in UTF-8"), head
    text = head[:_HEAD].removeprefix(BOM).decode("utf-8", "replace")
    first, newline, rest = text.lstrip().partition("\n")
    if not newline or not rest.strip() or first[:1] not in ("{", "[", ""):
        return None, head
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        pass
    else:
        return None, head
    decoder = json.JSONDecoder()
    stripped = text.lstrip()
    try:
        _, end = decoder.raw_decode(stripped)
        spans = end > len(first)
    except json.JSONDecodeError as error:
        cut_off = len(head) > _HEAD or not stripped[error.pos :].strip()
        spans = cut_off and error.pos > len(stripped) - 200 and error.pos > len(first)
    except (ValueError, RecursionError):
        spans = False
    if not spans:
        return None, head
    line = text[: len(text) - len(stripped)].count("\n") + 1
    what = "the file is one list of rows" if first.startswith("[") else "the rows stand over several lines each"
    return Found(line, "GT102", ERROR, "", what), head


class _Checker:
    """Fills a segment, block by block of whole lines."""

    def __init__(self, segment: Segment, limits: Limits, size_of: SizeOf | None, *, quick: bool) -> None:
        self._segment, self._limits, self._size_of = segment, limits, size_of
        self._fast = fast.Reader(limits) if quick and fast is not None else None

    def block(self, block: bytes) -> None:
        """Checks some lines."""
        lines = block.split(b"\n")
        if not lines[-1]:
            lines.pop()
        segment, at = self._segment, 0
        while self._fast is not None and at < len(lines) and len(segment.shown) < EXAMPLES:  # the first rows are shown, so they are kept whole
            self._line(lines[at], segment.lines + 1)
            segment.lines += 1
            at += 1
        rest = lines[at:]
        if not rest:
            return
        left = self._fast.take(block if not at else b"\n".join(rest), rest, segment) if self._fast is not None else range(len(rest))
        for each in left:
            self._line(rest[each], segment.lines + each + 1)
        segment.lines += len(rest)

    def _line(self, line: bytes, number: int) -> None:
        segment = self._segment
        if self._fast is not None:
            facts = self._fast.row(line)
            if facts is not None:
                segment.last = max(segment.last, number)
                segment.add(facts, number, line)
                return
        if not line.strip():
            segment.problem(Found(number, "GT105", WARNING, "", "the line is blank"))
            return
        segment.last = max(segment.last, number)
        if len(line) > MOST_LINE:
            segment.failed += 1
            segment.problem(Found(number, "GT101", ERROR, "", f"the line has {len(line):,} bytes or more, and {MOST_LINE:,} are read"))
            return
        try:
            row = parse(line)
        except BadLineError as error:
            segment.failed += 1
            segment.problem(Found(number, error.code, ERROR, "", error.found, error.column))
            return
        segment.add(check_row(row, self._limits, self._size_of), number, row)
