"""What the service makes of a dataset's file, by the rules of `gemtune dataset check`.

A row with an error is one that the service drops. Two texts are the service's own, quoted in public: that of a row
without `contents`, and that of a modality which the model lacks. The others are the checker's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO

from gemtune.dataset.limits import Limits
from gemtune.dataset.parse import BOM, BadLineError, parse
from gemtune.dataset.partial import Found, Partial, Segment
from gemtune.dataset.problem import ERROR
from gemtune.dataset.report import finish
from gemtune.dataset.row import check_row
from gemtune.dataset.scan import BLOCK, scan
from gemtune_pb.v1 import DatasetProblem, DatasetReport, SupervisedTuningDataStats

__all__ = ["Reading", "read"]

_REASONS = 10  # dropped rows whose reason is given
_FEW, _MOST_DROPPED = 100, 0.1  # of so many rows or more, a larger share of dropped ones fails the job
_ROW = 1000  # characters of a row that an error shows

_NO_CONTENTS = frozenset(("GT201", "GT202", "GT203", "GT204", "GT205", "GT206", "GT207", "GT907"))
_NOT_READ = ("GT101", "GT102", "GT103")  # lines that hold no row
_TOO_MUCH = ("GT702", "GT703", "GT704")  # rows, bytes; or too few rows
_MODALITIES = {"image": "image", "document": "PDF document", "audio": "audio", "video": "video"}


@dataclass(frozen=True)
class Reading:
    """What the service makes of a file.

    Attributes:
        stats: What it counts.
        refusal: Why the job is not created; "": nothing speaks against it.
        failure: Why the job fails before it trains; "": it does not.
    """

    stats: SupervisedTuningDataStats
    refusal: str = ""
    failure: str = ""


def read(file: BinaryIO, limits: Limits, role: str) -> Reading:
    """Reads a dataset.

    Args:
        file: Open at its beginning; read to its end, in blocks.
        limits: Of the base model and the kind of tuning.
        role: `training` or `validation`.

    Raises:
        OSError: The file cannot be read.
    """
    segment = scan(iter(partial(file.read, BLOCK), b""), Segment(role, role), limits)
    segment.rows = []  # rows are not compared with one another here
    report = finish(Partial([segment]), limits)
    total = segment.examples + sum(segment.counts[code, ERROR] for code in _NOT_READ)
    errors = _errors(segment)
    stats = report.stats
    stats.total_truncated_example_count = total - segment.valid
    for found in errors:
        stats.truncated_example_indices.append(found.line)
        stats.dropped_example_reasons.append(_reason(found))
    failure = _unsupported(file, segment, limits) or _unusable(segment, report, total, errors)
    return Reading(stats, _refusal(segment, errors, limits), failure)


def _errors(segment: Segment) -> list[Found]:
    """The first error of each of the first dropped rows."""
    by_line: dict[int, Found] = {}
    for kept in segment.problems.values():
        for found in kept:
            if found.severity == ERROR:
                by_line.setdefault(found.line, found)
    return [by_line[line] for line in sorted(by_line)[:_REASONS]]


def _reason(found: Found) -> str:
    """One reason; rows count from 0, as the service counts them there."""
    if found.code in _NO_CONTENTS:
        return f"Row: {found.line - 1}. Missing required `contents` field."
    place = f" at {found.path}" if found.path else ""
    return f"Row: {found.line - 1}. {found.code}{place}: {found.found}."


def _refusal(segment: Segment, errors: list[Found], limits: Limits) -> str:
    # Rows of a preference job are not looked at when it is created.
    if limits.job != "sft" or not errors or errors[0].code not in _NO_CONTENTS:
        return ""
    blank = {found.line for found in segment.problems.get("GT105", ())}
    first = next(line for line in range(1, segment.last + 1) if line not in blank)
    return _reason(errors[0]) if errors[0].line == first else ""


def _unsupported(file: BinaryIO, segment: Segment, limits: Limits) -> str:
    """The service's words for the first row with a modality that the model lacks."""
    line = min((found.line for found in segment.problems.get("GT506", ())), default=0)
    if not line or limits.modalities is None:
        return ""
    row, modality = _row_with_modality(file, line, limits)
    known = [name for modality, name in _MODALITIES.items() if modality in limits.modalities] or ["text"]
    return (
        f"Dataset example {line} of {segment.last} contains an unsupported modality [{modality}] in the "
        f'"parts" field, which is not supported by this model. The supported modalities are: [{", ".join(known)}]. '
        f"JSON: {row}"
    )


def _row_with_modality(file: BinaryIO, line: int, limits: Limits) -> tuple[str, str]:
    """The row of a line, cut where it is long, and the modality in it that the model lacks."""
    file.seek(0)
    for _ in range(line - 1):
        file.readline()
    try:
        row: dict[str, Any] = parse(file.readline().removeprefix(BOM))
    except BadLineError as error:
        raise OSError("the file changes while it is read") from error
    lacking = check_row(row, limits).modalities - (limits.modalities or frozenset())
    if not lacking:
        raise OSError("the file changes while it is read")
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
    return text if len(text) <= _ROW else text[: _ROW - 3] + "...", _MODALITIES[min(lacking)]


def _unusable(segment: Segment, report: DatasetReport, total: int, errors: list[Found]) -> str:
    dropped = total - segment.valid
    dataset, first = f"The {segment.role} dataset", _reason(errors[0]) if errors else ""
    if not total:
        return f"{dataset} has no example."
    if not segment.valid:
        return f"{dataset} has no example that can be used ({dropped:,} of {total:,} dropped). {first}"
    if total >= _FEW and dropped > total * _MOST_DROPPED:
        return f"{dataset} has too many examples that cannot be used ({dropped:,} of {total:,} dropped). {first}"
    for problem in report.problems:
        if problem.code in _TOO_MUCH and problem.severity == DatasetProblem.Severity.ERROR:
            return f"{dataset} is not taken; {problem.message.partition('; ')[0]} ({problem.code})."
    return ""
