"""The problems of a report as people read them: by code, the rows of a foreign form as one entry a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from gemtune.dataset.rules import rules
from gemtune.dataset.shapes import SHAPES
from gemtune_pb.v1 import DatasetProblem, DatasetReport

__all__ = ["Kind", "bytes_text", "folded", "is_folded", "kinds", "summary", "title"]


@dataclass
class Kind:
    """What was found of one code and one severity.

    Attributes:
        code: The rule.
        severity: `error` or `warning`.
        count: How often it was found; of both severities where a code has both.
        problems: The first ones, or one for each file.
        note: What to do about all of them together; "" for nothing.
    """

    code: str
    severity: str
    count: int
    problems: list[DatasetProblem] = field(default_factory=list)
    note: str = ""


def kinds(report: DatasetReport) -> list[Kind]:
    """What was found, by code: errors first, what is wrong with whole files before what is wrong with rows."""
    found: dict[tuple[str, str], Kind] = {}
    for problem in folded(report):
        severity = "error" if problem.severity == DatasetProblem.ERROR else "warning"
        kind = found.setdefault((problem.code, severity), Kind(problem.code, severity, 0))
        kind.problems.append(problem)
    for (code, severity), kind in found.items():
        both = (code, "warning" if severity == "error" else "error") in found
        kind.count = len(kind.problems) if both else report.problem_counts[code]
        kind.count = max(kind.count, len(kind.problems))
    return sorted(found.values(), key=lambda kind: (kind.severity != "error", kind.code))


def folded(report: DatasetReport) -> Iterator[DatasetProblem]:
    """The problems; of rows in another product's form one for each file, which says how many there are."""
    told: set[tuple[str, str]] = set()
    shapes = {
        (file.name, SHAPES[shape].code): (shape, count)
        for file in report.files
        for shape, count in file.foreign_counts.items()
    }
    for problem in report.problems:
        key = (problem.file, problem.code)
        if key not in shapes:
            yield problem
        elif key not in told:
            told.add(key)
            yield _one(problem, *shapes[key])


_CONVERTS = " converts the file"


def is_folded(problem: DatasetProblem) -> bool:
    """Whether a problem stands for all rows of a file."""
    return problem.message.endswith(_CONVERTS)


def _one(problem: DatasetProblem, shape: str, count: int) -> DatasetProblem:
    made = DatasetProblem()
    made.CopyFrom(problem)
    rows = f"{count:,} rows are" if count > 1 else "1 row is"
    form = f"{rows} in the form of {SHAPES[shape].name}, from line {problem.line} on"
    made.message = f"{form}; {convert_command(problem.file)}{_CONVERTS}"
    return made


def convert_command(file: str) -> str:
    """The command that converts a file."""
    import shlex

    base = file.removesuffix(".gz").removesuffix(".jsonl")
    return f"gemtune dataset convert {shlex.quote(file)} --out {shlex.quote(base + '.gemini.jsonl')}"


def bytes_text(count: int) -> str:
    """A number of bytes for people: 71.3 MB."""
    size, unit = float(count), "bytes"
    for following in ("kB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1000, following
    return f"{count:,} bytes" if unit == "bytes" else f"{size:.1f} {unit}"


def summary(report: DatasetReport) -> Sequence[str]:
    """How many errors and warnings there are: `2 errors`, `1 warning`."""
    return [
        f"{count:,} {what}{'s' if count > 1 else ''}"
        for count, what in ((report.error_count, "error"), (report.warning_count, "warning"))
        if count
    ]


def title(code: str) -> str:
    """What a rule finds."""
    return rules()[code].what
