"""One range of one file, read in blocks: every line checked, the good ones fast."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from gemtune.dataset.facts import SizeOf
from gemtune.dataset.limits import Limits
from gemtune.dataset.parse import BOM, BadLineError, parse
from gemtune.dataset.partial import EXAMPLES, Found, Segment
from gemtune.dataset.problem import ERROR, WARNING
from gemtune.dataset.row import check_row

try:
    from gemtune.dataset import fast, fast_pairs
except ImportError:  # the extra `dataset` is not installed
    fast = fast_pairs = None  # type: ignore[assignment]

__all__ = ["BLOCK", "MOST_LINE", "scan"]

BLOCK = 1 << 17
"""Bytes that are read at once."""

MOST_LINE = 1 << 27
"""The longest line that is read, in bytes."""

_HEAD = 1 << 18  # bytes of a file by which it is told whether its lines are rows
_TAIL = 200  # characters at its end that a reader may stumble over, since they are cut
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def scan(
    blocks: Iterable[bytes],
    segment: Segment,
    limits: Limits,
    *,
    size_of: SizeOf | None = None,
    quick: bool = True,
    compare: bool = True,
    progress: Callable[[int], object] | None = None,
) -> Segment:
    """Checks the lines of a range.

    Args:
        blocks: The range's bytes, cut anywhere; the range begins and ends at a line's.
        segment: What is filled: its file, role and first byte are set.
        limits: Of the base model and the kind of tuning.
        size_of: The sizes of files that rows name, where they can be seen.
        quick: Whether good rows may take the fast way; the result is the same.
        compare: Whether rows are kept for being compared with one another.
        progress: Is told the bytes that were read.

    Returns:
        The segment. An OSError from the blocks or a KeyboardInterrupt leaves it filled up to there.
    """
    checker = _Checker(segment, limits, size_of, quick=quick and fast is not None and size_of is None)
    segment.end = segment.start
    segment.compares = compare
    blocks = iter(blocks)
    if segment.start == 0:
        head = _head(blocks)
        segment.whole = _of_whole_file(head[:_HEAD], cut=len(head) > _HEAD)
        if segment.whole is not None:
            segment.problem(segment.whole)
            return _passed_over(segment, chain((head,), blocks), progress)
        if head.startswith(BOM):
            segment.problem(Found(1, "GT104", WARNING, "", "the file begins with a byte order mark"))
            segment.end += len(BOM)
            head = head[len(BOM) :]
        blocks = chain((head,), blocks)
    for lines in _whole_lines(blocks):
        checker.block(lines)
        segment.end += len(lines)
        if progress is not None:
            progress(len(lines))
    return segment


def _head(blocks: Iterator[bytes]) -> bytes:
    """The first blocks, with more than what is looked at."""
    head: list[bytes] = []
    size = 0
    while size <= _HEAD and (block := next(blocks, b"")):
        head.append(block)
        size += len(block)
    return b"".join(head)


def _passed_over(segment: Segment, blocks: Iterable[bytes], progress: Callable[[int], object] | None) -> Segment:
    """Counts the bytes of a file whose lines are not rows."""
    for block in blocks:
        segment.end += len(block)
        segment.lines += block.count(b"\n")
        if progress is not None:
            progress(len(block))
    segment.last = segment.lines = max(segment.lines, 1)
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


def _of_whole_file(head: bytes, *, cut: bool) -> Found | None:
    """What is wrong with a whole file, by its beginning; `cut`: there is more."""
    if head.startswith(_UTF16) or head[:4096].count(0) * 4 > len(head[:4096]) > 3:
        return Found(1, "GT103", ERROR, "", "the file is in UTF-16 and not in UTF-8")
    text = head.removeprefix(BOM).decode("utf-8", "replace")
    start = text.lstrip(" \t\r\n")
    first, _, rest = start.partition("\n")
    if not rest.strip() or first[:1] not in ("{", "["):
        return None
    decoder = json.JSONDecoder()
    try:
        _, end = decoder.raw_decode(start)
        over_lines = end > len(first)
    except json.JSONDecodeError as error:
        # Good as far as it was read, over more than a line.
        at_end = error.msg.startswith("Unterminated string") or error.pos > len(start) - _TAIL
        over_lines = cut and at_end and error.pos > len(first)
    except (ValueError, RecursionError):
        return None
    if not over_lines:
        return None
    what = "the file is one list of rows" if first.startswith("[") else "the rows stand over several lines each"
    return Found(text[: len(text) - len(start)].count("\n") + 1, "GT102", ERROR, "", what)


class _Checker:
    """Fills a segment, block by block of whole lines."""

    def __init__(self, segment: Segment, limits: Limits, size_of: SizeOf | None, *, quick: bool) -> None:
        self._segment, self._limits, self._size_of = segment, limits, size_of
        self._fast = fast.Reader(limits) if quick and fast is not None else None
        self._pairs = (
            fast_pairs.Pairs(limits, self._fast) if fast_pairs is not None and self._fast is not None else None
        )

    def block(self, block: bytes) -> None:
        """Checks some lines."""
        segment, at = self._segment, 0
        shows = self._fast is not None and len(segment.shown) < EXAMPLES  # the first rows are kept whole
        if self._pairs is not None and not shows and self._pairs.take_block(block, segment):
            return
        lines = block.split(b"\n")
        if not lines[-1]:
            lines.pop()
        while shows and at < len(lines) and len(segment.shown) < EXAMPLES:
            segment.lines += 1
            self._line(lines[at], segment.lines)
            at += 1
        rest = lines[at:]
        if not rest:
            return
        left = self._pairs.take(rest, segment) if self._pairs is not None else range(len(rest))
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
            segment.problem(
                Found(
                    number, "GT101", ERROR, "", f"the line has {len(line):,} bytes or more, and {MOST_LINE:,} are read"
                )
            )
            return
        try:
            row = parse(line)
        except BadLineError as error:
            segment.failed += 1
            segment.problem(Found(number, error.code, ERROR, "", error.found), line, error.column)
            return
        segment.add(check_row(row, self._limits, self._size_of), number, line, row)
