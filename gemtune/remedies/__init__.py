"""What the service says -> what it means, and what to run or change: a table, as data.

A row is recognized by its canonical code and a pattern over the message and the details. Most patterns are for texts
that users of the service quoted, or that its documents have; where no text is public, the row says so, and its pattern
looks for the words that such a text can hardly do without. What a call was answered with and what a job ended with are
two things: some rows are about one of them alone. Knows errors; nothing of who prints them.
"""

from __future__ import annotations

import re

from google.rpc import error_details_pb2, status_pb2

from gemtune.error_forms import error_from_status
from gemtune.errors import ApiError, quotas_of
from gemtune.remedies.access import ACCESS
from gemtune.remedies.row import Remedy
from gemtune.remedies.service import SERVICE
from gemtune.remedies.spec import SPEC

__all__ = ["REMEDIES", "Remedy", "quota_of", "remedy_for", "remedy_for_job", "row_for"]

REMEDIES: tuple[Remedy, ...] = (*SPEC, *ACCESS, *SERVICE)
"""Every row. The first one that fits is an error's; those that fit any text of a code are the last."""


def remedy_for(error: ApiError) -> tuple[str, str] | None:
    """What the error of a call means and what to do about it; None where the table has no row for it."""
    return _filled(row_for(error), error)


def remedy_for_job(status: status_pb2.Status) -> tuple[str, str] | None:
    """What the error of a job (`TuningJob.error`) means and what to do about it; None where no row is about it."""
    error = error_from_status(status)
    return _filled(row_for(error, about="job"), error)


def row_for(error: ApiError, *, about: str = "call") -> Remedy | None:
    """The row of the table that an error is of; `about` says whether a `call` or a `job` ended with it."""
    text = _text(error)
    rows = (row for row in REMEDIES if row.about in ("", about) and (not row.codes or error.code in row.codes))
    return next((row for row in rows if re.search(row.pattern, text)), None)


def _filled(row: Remedy | None, error: ApiError) -> tuple[str, str] | None:
    if row is None:
        return None
    found = re.search(row.pattern, _text(error))
    words: dict[str, str] = {}
    for name, value in (found.groupdict() if found else {}).items():
        key = re.sub(r"_\d$", "", name)
        words[key] = words.get(key) or (value or "").rstrip(".,;:`'\"")
    return row.means.format(**words), row.do.format(**words)


def quota_of(error: ApiError) -> str | None:
    """The quota that an error names in its details; None when it names none."""
    return next(iter(quotas_of(error)), None)


def _text(error: ApiError) -> str:
    """Everything that the service said, the reasons and quotas among the details too, each on a line of its own."""
    reasons = [d.reason for d in error.details if isinstance(d, error_details_pb2.ErrorInfo)]
    quotas = [f"quota: {quota}" for quota in quotas_of(error)]
    return "\n".join([error.message, *reasons, *(violation.description for violation in error.violations), *quotas])
