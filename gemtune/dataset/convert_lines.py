"""The rows of a file: one a line, or the elements of one JSON array, which is how Alpaca and ShareGPT are published."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain

__all__ = ["rows_of"]

_BOM = b"\xef\xbb\xbf"
# A string as a whole, so that nothing in it counts; one that does not end runs to the end of the line.
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{},]', re.DOTALL)
_OPENING, _CLOSING = frozenset((b"[", b"{")), frozenset((b"]", b"}"))


def rows_of(lines: Iterable[bytes | str]) -> Iterator[tuple[int, bytes]]:
    """The rows of a file, without white space around them, and the lines that they begin in, from 1.

    Args:
        lines: The lines of the file, with or without their ends, as an open file gives them.

    Yields:
        The text of each row; empty for a blank line. Not more of the file than one row is held (one line, if longer).
    """
    numbered = enumerate((_bytes(line) for line in lines), 1)
    for number, line in numbered:
        text = (line.removeprefix(_BOM) if number == 1 else line).strip()
        if text.startswith(b"["):
            yield from _elements(chain([(number, text)], numbered))
            return
        yield number, text
        if text:
            break
    for number, line in numbered:
        yield number, line.strip()


def _bytes(line: bytes | str) -> bytes:
    return line.encode("utf-8", "surrogatepass") if isinstance(line, str) else line


def _elements(lines: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """The elements of the array that the first line begins with; what stands behind the array, line by line."""
    depth = begun = 0
    ended = False
    pieces: list[bytes] = []  # of the element that is being read
    for number, line in lines:
        if ended:
            yield number, line.strip()
            continue
        at = 0
        for token in _TOKEN.finditer(line):
            mark = token.group()
            if mark in _OPENING:
                depth += 1
                at = token.end() if depth == 1 else at
                continue
            if mark in _CLOSING:
                depth -= 1
                ended = depth == 0
            elif mark != b"," or depth > 1:
                continue
            if ended or (mark == b"," and depth == 1):
                piece, at = line[at : token.start()].strip(), token.end()
                begun = begun if pieces else number
                if text := b" ".join([*pieces, piece]).strip():
                    yield begun, text
                pieces.clear()
            if ended:
                break
        rest = line[at:].strip()
        if ended and rest:
            yield number, rest
        elif rest:
            begun = begun if pieces else number
            pieces.append(rest)
    if pieces:  # the array is cut off
        yield begun, b" ".join(pieces)
