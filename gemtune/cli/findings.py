"""What is wrong with a spec, shown as a compiler shows it, on stderr."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TextIO

from gemtune.cli.output import Output, clean

if TYPE_CHECKING:
    from gemtune.specs import Finding

__all__ = ["painted", "print_findings"]

_PAINT = (
    (re.compile(r"^error\[.*?\]:"), "1;31"),
    (re.compile(r"^warning\[.*?\]:"), "1;33"),
    (re.compile(r"^ *--> "), "34"),
    (re.compile(r"^ *\|"), "34"),
    (re.compile(r"^ *\d+ \|"), "34"),
)
"""The beginnings of lines that are coloured, and how."""


def print_findings(
    output: Output,
    findings: Iterable[Finding],
    *,
    file: str = "",
    text: str = "",
    place: Callable[[Finding], str] | None = None,
) -> None:
    """Writes findings to stderr: rule, place, the line of the file, what is wrong and how to fix it.

    Args:
        output: The streams.
        findings: As a `SpecFile` or a `SpecFileInvalid` has them.
        file: The file's name.
        text: The file's text.
        place: What to call the place of a finding that has none in the file.
    """
    from gemtune.specs import render

    for line in render(findings, file=file, text=text, place=place).rstrip("\n").split("\n"):
        output.err.write(painted(output, clean(line)) + "\n")
    output.err.flush()


def painted(output: Output, line: str, *, stream: TextIO | None = None) -> str:
    """A line with its beginning in colour, where stderr (or the stream given) gets colour."""
    if output.colors(stream or output.err):
        for pattern, style in _PAINT:
            if start := pattern.match(line):
                return f"\x1b[{style}m{start[0]}\x1b[0m{line[start.end() :]}"
    return line
