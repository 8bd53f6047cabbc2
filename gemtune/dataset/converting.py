"""Rows in other services' forms become Gemini rows: one by one, nothing dropped in silence.

What cannot be converted goes to a reject file, unchanged, with its line and the reason. What Gemini's form has no place
for, such as a row's `id`, is counted by name. A row that has Gemini's form stays as it is, but for parts and tools of
OpenAI's form in it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from gemtune.dataset.conversion import Changes, ConversionError, Fields, kind_of, parsed
from gemtune.dataset.convert_lines import rows_of
from gemtune.dataset.convert_pairs import openai_row, trl_row
from gemtune.dataset.convert_shapes import CONVERTERS, gemini_row
from gemtune.dataset.shapes import OPENAI_PREFERENCE, TRL_PREFERENCE, Shape, detect
from gemtune.rpc import nesting

__all__ = ["Changes", "ConversionError", "ConvertReport", "Reject", "convert", "convert_row"]

FIRST_REJECTS = 5
"""How many rejects a report holds; the reject file has all."""

_KEYS_SHOWN = 8
_CONVERTERS = {**CONVERTERS, TRL_PREFERENCE: trl_row, OPENAI_PREFERENCE: openai_row}
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


class _Writable(Protocol):
    def write(self, data: bytes, /) -> object: ...


@dataclass(frozen=True)
class Reject:
    """A row that cannot be converted.

    Attributes:
        file: The name of its file, as it was given to `convert`.
        line: Its line, from 1.
        reason: Why, in one sentence.
    """

    file: str
    line: int
    reason: str


@dataclass
class ConvertReport:
    """What a conversion did.

    Attributes:
        written: Rows that were written.
        rejected: Rows that could not be converted.
        forms: The id of a form -> how many of the rows written had it.
        first_rejects: The first rejects.
        changes: What was dropped, and what was said in another way, with counts.
    """

    written: int = 0
    rejected: int = 0
    forms: Counter[str] = field(default_factory=Counter[str])
    first_rejects: list[Reject] = field(default_factory=list[Reject])
    changes: Changes = field(default_factory=Changes)


def convert_row(
    row: Mapping[str, Any], shape: Shape | None = None, *, changes: Changes | None = None
) -> dict[str, Any]:
    """A row as a Gemini row.

    Args:
        row: An object as `json.loads` gives it. It is not changed; the result may share values with it.
        shape: The row's form; None: told by its keys.
        changes: Counts what is dropped, and what is said in another way.

    Returns:
        The row of supervised tuning, or of preference tuning where it has two answers. The roles alternate, from the
        user to the model. A row of Gemini's form is returned as it is, but for parts and tools of OpenAI's form in it.

    Raises:
        ConversionError: It cannot be converted; one sentence says why.
    """
    changes = Changes() if changes is None else changes
    fields = Fields(row)
    shape = shape or detect(row)
    if shape is None:
        keys = ", ".join(repr(key) for key in list(row)[:_KEYS_SHOWN]) or "none"
        raise ConversionError(f"the row has no known form; its keys are {keys:.200}")
    if not shape.foreign:
        if "contents" not in row:
            raise ConversionError("contents is missing")
        return gemini_row(row, changes)
    made = _CONVERTERS[shape](fields, changes)
    fields.drop_rest(changes)
    return made


def convert(
    source_lines: Iterable[bytes | str],
    out: _Writable,
    rejects: _Writable,
    *,
    shape: Shape | None = None,
    file: str = "",
    report: ConvertReport | None = None,
) -> ConvertReport:
    """Converts rows, one at a time.

    Args:
        source_lines: Lines of JSON, such as a file opened in binary gives; or the lines of a file that is one JSON
            array of rows.
        out: A binary file that gets the Gemini rows, one a line.
        rejects: A binary file that gets a line for each row that cannot be converted:
            `{"file": ..., "line": ..., "reason": ..., "row": ...}`, with the row's own text; a text that is no JSON is
            in `text` instead.
        shape: The form of all rows; None: of each row, told by its keys.
        file: The name of the file, for the rejects.
        report: Another file's report, to go on counting in.

    Returns:
        What was done, also if nothing was.
    """
    report = ConvertReport() if report is None else report
    for line, text in rows_of(source_lines):
        if not text:
            continue
        read = False
        changes = Changes()
        try:
            row = _row(text)
            read = True
            form = shape or detect(row)
            data = _line(convert_row(row, form, changes=changes))
        except ConversionError as error:
            reject = Reject(file, line, str(error))
            rejects.write(_reject_line(reject, text, read=read))
            report.rejected += 1
            if len(report.first_rejects) < FIRST_REJECTS:
                report.first_rejects.append(reject)
            continue
        out.write(data)
        report.written += 1
        report.forms[form.id if form else ""] += 1
        if changes.dropped or changes.changed:
            report.changes.add(changes)
    return report


def _row(text: bytes) -> dict[str, Any]:
    try:
        row = parsed(text)
    except UnicodeDecodeError as error:
        raise ConversionError("the row is not UTF-8 text") from error
    except ValueError as error:
        raise ConversionError(f"the row is not JSON: {error}") from error
    if not isinstance(row, dict):
        raise ConversionError(f"the row is {kind_of(row)}, not an object")
    return row


def _line(row: dict[str, Any]) -> bytes:
    try:
        data = _ENCODER.encode(row).encode() + b"\n"
        nesting.check(data)
    except UnicodeEncodeError as error:
        raise ConversionError("the row has half a character (a surrogate without its other half)") from error
    except ValueError as error:  # 1e999 is infinite; JSON in a text nests deeper than it did there
        raise ConversionError(f"the row cannot be written: {error}") from error
    return data


def _reject_line(reject: Reject, text: bytes, *, read: bool) -> bytes:
    """A line of the reject file. What is JSON goes in as it stands, so that not a byte of it changes."""
    about = ({"file": reject.file} if reject.file else {}) | {"line": reject.line, "reason": reject.reason}
    if read:
        return json.dumps(about).encode()[:-1] + b', "row": ' + text + b"}\n"
    return json.dumps(about | {"text": text.decode("utf-8", "surrogateescape")}).encode() + b"\n"
