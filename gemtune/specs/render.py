"""Findings as a compiler shows its own: the reason, the place, the line with a caret, and what to do."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable

from gemtune.specs.finding import Finding, Position, named

__all__ = ["render", "summary"]

_WIDTH = 160


def render(
    findings: Iterable[Finding], *, file: str = "", text: str = "", place: Callable[[Finding], str] | None = None
) -> str:
    """The findings as a plain text for people.

    Args:
        findings: As `SpecFile.check` or `SpecFileInvalid` have them; those of a bare message have no place to show.
        file: The file's name, for the places.
        text: The file's text, for its lines.
        place: What to call the place of a finding that has no position; None: the file and the field.

    Returns:
        Some lines a finding, with the number of errors and warnings last; "" for no findings.
    """
    findings = list(findings)
    lines = text.splitlines()
    shown = [_finding(finding, file, lines, place) for finding in findings]
    return "".join([*shown, "\n", summary(findings), "\n"]) if findings else ""


def summary(findings: Iterable[Finding]) -> str:
    """How many there are: `2 errors, 1 warning`; "" for none."""
    counts = Counter(finding.severity.value for finding in findings)
    return ", ".join(
        f"{counts[what]} {what}{'s' if counts[what] > 1 else ''}" for what in ("error", "warning") if counts[what]
    )


def _finding(finding: Finding, file: str, lines: list[str], place: Callable[[Finding], str] | None) -> str:
    position = finding.position
    line = lines[position.line - 1] if position is not None and position.line <= len(lines) else ""
    field = named(finding, line) if position is not None else ""
    made = f"{finding.severity}[{finding.rule_id}]: {finding.message}{field}\n"
    margin = " "
    if position is None:
        where = f"{file or '<spec>'}{': ' + finding.field if finding.field else ''}"
        made += f"  --> {place(finding) if place is not None else where}\n"
    else:
        made += f"  --> {file or '<spec>'}:{position.line}:{position.column}\n"
        if position.line <= len(lines):
            margin = " " * len(str(position.line))
            made += _source(lines[position.line - 1], position, margin, finding.remedy)
            return made
    return made + (f"  {margin} = {finding.remedy}\n" if finding.remedy else "")


def _source(line: str, position: Position, margin: str, remedy: str) -> str:
    start = position.column - 1
    cut = max(0, start - _WIDTH // 2)  # a line may be a whole file of JSON
    shown = line[cut : cut + _WIDTH].replace("\t", " ")
    before = _columns(shown[: start - cut])
    carets = "^" * max(1, min(_columns(shown[start - cut : start - cut + position.length]), _WIDTH))
    number = str(position.line)
    return f"  {number} | {shown}\n  {margin} | {' ' * before}{carets}{' ' + remedy if remedy else ''}\n"


def _columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(unicodedata.combining(letter) > 0 for letter in text)
