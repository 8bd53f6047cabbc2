"""What is found wrong with a spec: the finding, its place in a file, and the exceptions that carry findings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from google.rpc import error_details_pb2

from gemtune.errors import SpecFileError, SpecInvalid

__all__ = ["Finding", "Position", "Severity", "SpecFileInvalid", "bad_request_of", "key_path", "named"]


class Severity(StrEnum):
    """How bad a finding is: an error only where the service refuses, or where the file cannot mean what it says."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, order=True)
class Position:
    """A place in a text: line and column from 1, and how many characters are meant from there."""

    line: int
    column: int
    length: int = 1


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a spec, or that we advise against.

    Attributes:
        rule_id: Stable, such as `adapter-size`; docs/checks.md lists them.
        severity: `error` or `warning`.
        field: The path in proto spelling, such as `supervised_tuning_spec.training_dataset_uri`; "" is the spec itself.
        message: What was found, in one sentence without a full stop.
        remedy: What is allowed and how to fix it.
        source: Where the limit is documented; "" for rules of the file format itself.
        date: As of when the source says so (ISO date, month or year); "" where it has none.
        service_message: The service's own words for this mistake, where they are known, else "".
        position: Where in the file; None for a message that did not come from a text.
    """

    rule_id: str
    severity: Severity
    field: str
    message: str
    remedy: str = ""
    source: str = ""
    date: str = ""
    service_message: str = ""
    position: Position | None = None

    @property
    def sentence(self) -> str:
        """What was found, what is allowed and how to fix it."""
        return f"{self.message}; {self.remedy}" if self.remedy else self.message

    def __str__(self) -> str:
        field = f" {self.field}" if self.field else ""
        return f"{self.severity}[{self.rule_id}]{field}: {self.sentence}"


def bad_request_of(findings: Iterable[Finding]) -> error_details_pb2.BadRequest:
    """The errors among the findings, in the shape the service itself uses; the rule id is the `reason`."""
    return error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(field=f.field, description=f.sentence, reason=f.rule_id)
            for f in findings
            if f.severity is Severity.ERROR
        ]
    )


def key_path(path: str, key: str) -> str:
    """The path of a map's entry: `labels.team`, or `labels["my team"]` where the key is not a plain word."""
    return f"{path}.{key}" if _WORD.fullmatch(key) else f"{path}[{json.dumps(key, ensure_ascii=False)}]"


_WORD = re.compile(r"[\w-]+")


class SpecFileInvalid(SpecFileError, SpecInvalid):
    """A spec file was read, and what it says cannot be: unknown fields, values of the wrong type, doubled keys.

    Both a `SpecFileError` (place of the first mistake) and a `SpecInvalid` (`violations`, all of them).

    Attributes:
        findings: All mistakes, in the order of the file.
        text: The text of the file, for showing its lines.
    """

    def __init__(self, findings: Sequence[Finding], *, file: str, text: str) -> None:
        first = findings[0]
        line, column = (first.position.line, first.position.column) if first.position else (None, None)
        SpecFileError.__init__(self, first.sentence, file=file, line=line, column=column)
        self.findings = tuple(findings)
        self.text = text
        self.violations = bad_request_of(findings)

    def __str__(self) -> str:
        return "\n".join(
            f"{_place(self.file, finding.position)}: {finding.sentence}{named(finding)}" for finding in self.findings
        )


def named(finding: Finding, *shown: str) -> str:
    """The field of a finding, to be put after its sentence; "" where that, or what else is shown, names it."""
    name = re.split(r"[.\[]", finding.field)[-1].rstrip('"]')
    camel = re.sub(r"_([a-z])", lambda letter: letter[1].upper(), name)
    told = any(spelled in text for text in (finding.message, *shown) for spelled in (name, camel))
    return f" (in {finding.field})" if name and not told else ""


def _place(file: str, position: Position | None) -> str:
    return file if position is None else f"{file}:{position.line}:{position.column}"
