"""Findings in the forms that other tools read: SARIF for code scanning, workflow commands for GitHub."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from gemtune._version import __version__

if TYPE_CHECKING:
    from gemtune.cli.session import Session

__all__ = ["Note", "github", "sarif", "write_notes"]


class Note(NamedTuple):
    """A finding, of a spec or of a dataset.

    Attributes:
        code: The rule.
        severity: `error` or `warning`.
        file: The file's name.
        line: The line, from 1; 0: the whole file.
        column: The column, from 1; 0: the whole line.
        message: What was found, and how to fix it.
    """

    code: str
    severity: str
    file: str
    line: int
    column: int
    message: str


def write_notes(session: Session, notes: Iterable[Note], rules: Mapping[str, str]) -> None:
    """Writes findings to stdout in the form that -o names."""
    if session.output_format == "github":
        session.output.out.write(github(notes))
        session.output.out.flush()
    else:
        session.output.tree(sarif(notes, rules))


def github(notes: Iterable[Note]) -> str:
    """Workflow commands, a line each: GitHub shows them beside the lines of a pull request."""
    return "".join(f"::{note.severity} {_properties(note)}::{_data(note.message)}\n" for note in notes)


def _properties(note: Note) -> str:
    place = {"file": note.file, "line": note.line or "", "col": note.column or "", "title": note.code}
    return ",".join(f"{name}={_property(str(value))}" for name, value in place.items() if value)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def sarif(notes: Iterable[Note], rules: Mapping[str, str]) -> dict[str, Any]:
    """A SARIF 2.1.0 log.

    Args:
        notes: The findings.
        rules: What each rule is about, by its code.
    """
    notes = list(notes)
    codes = sorted({note.code for note in notes})
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "gemtune",
                        "version": __version__,
                        "rules": [{"id": code, "shortDescription": {"text": rules.get(code, code)}} for code in codes],
                    }
                },
                "results": [
                    {
                        "ruleId": note.code,
                        "ruleIndex": codes.index(note.code),
                        "level": note.severity,
                        "message": {"text": note.message},
                        "locations": [{"physicalLocation": _location(note)}],
                    }
                    for note in notes
                ],
            }
        ],
    }


def _location(note: Note) -> dict[str, Any]:
    made: dict[str, Any] = {"artifactLocation": {"uri": note.file}}
    if note.line:
        made["region"] = {"startLine": note.line} | ({"startColumn": note.column} if note.column else {})
    return made
