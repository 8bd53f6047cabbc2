"""What the service returns -> what it means, and what to run or change: the table in remedies.toml.

A row is recognized by its canonical code, the rpc, the field that the error is about, and a pattern over the message
and the details. Most patterns are for texts that users of the service quoted, or that its documents have; where no text
is public, the row says that it is guessed, and its pattern looks for the words that such a text can hardly do without:
the service's own words come first then. What a call was answered with and what a job ended with are
two things: some rows are about one of them alone. Knows errors; nothing of who prints them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.rpc import code_pb2, error_details_pb2, status_pb2

from gemtune.errors import ApiError, InDoubt, quotas_of
from gemtune.names import place_of
from gemtune.rpc.status import error_from_status

__all__ = ["REMEDIES", "Remedy", "quota_of", "remedy_for", "remedy_for_job", "row_for"]


@dataclass(frozen=True)
class Remedy:
    """One row.

    Attributes:
        id: Its stable name.
        codes: The canonical codes it is seen with; empty: any.
        pattern: What the message, or a reason or a quota among the details, looks like. Its named groups fill the
            texts; `name_2`, `name_3` stand for `name` where another alternative of the pattern matched.
        meaning: What it means, in one sentence.
        action: What to run or change.
        about: `call`, `job`, or "" for both: which errors the row is about.
        rpcs: The rpcs whose errors it is about; empty: any. A job's error counts as that of its create.
        elsewhere: What to do where another rpc met it; "": the row is not about those.
        field: What the path of a field looks like that the error is about. An error that names fields, and none of
            these, has another cause, whatever its words are.
        guessed: Whether the row is about a kind of error, or a text that nobody has published: the service's own words
            say more then than `meaning` does.
    """

    id: str
    codes: tuple[int, ...]
    pattern: str
    meaning: str
    action: str
    about: str = ""
    rpcs: tuple[str, ...] = ()
    field: str = ""
    guessed: bool = False
    elsewhere: str = ""


def _read(row: dict[str, Any]) -> Remedy:
    codes = tuple(code_pb2.Code.Value(code) for code in row.pop("codes", ()))
    return Remedy(codes=codes, rpcs=tuple(row.pop("rpcs", ())), **row)


_TABLE = tomllib.loads(Path(__file__).with_name("remedies.toml").read_text(encoding="utf-8"))

REMEDIES = tuple(map(_read, _TABLE["remedy"]))
"""Every row. The first one that fits is an error's; those that fit any text of a code are the last."""


def remedy_for(error: BaseException) -> tuple[str, str] | None:
    """What the error of a call means and what to do about it; None where the table has no row for it."""
    answered = error.error if isinstance(error, InDoubt) else error
    return _filled(row_for(answered), answered) if isinstance(answered, ApiError) else None


def remedy_for_job(status: status_pb2.Status, *, job: str = "JOB") -> tuple[str, str] | None:
    """What the error of a job (`TuningJob.error`) means and what to do about it; None where no row is about it.

    Args:
        status: The error.
        job: How commands name the job.
    """
    error = error_from_status(status)
    return _filled(row_for(error, about="job"), error, job=job)


def row_for(error: ApiError, *, about: str = "call") -> Remedy | None:
    """The row of the table that an error is of; `about` says whether a `call` or a `job` ended with it."""
    return next((row for row in REMEDIES if row.about in ("", about) and _fits(row, error, about) is not None), None)


def _fits(row: Remedy, error: ApiError, about: str) -> re.Match[str] | None:
    """Where the row's pattern is found, if its code, rpc and field are the error's too. What is not known fits."""
    if row.codes and error.code not in row.codes:
        return None
    if not row.elsewhere and _is_elsewhere(row, error, about):
        return None
    violations = error.violations
    if row.field and violations:
        violations = [violation for violation in violations if re.search(row.field, violation.field)]
        if not violations:
            return None
    return re.search(row.pattern, _text(error, [violation.description for violation in violations]))


def _is_elsewhere(row: Remedy, error: ApiError, about: str) -> bool:
    """Whether an rpc met the error that is none of the row's."""
    rpc = "CreateTuningJob" if about == "job" else error.rpc
    return bool(row.rpcs and rpc and rpc not in row.rpcs)


def _filled(row: Remedy | None, error: ApiError, *, job: str = "JOB") -> tuple[str, str] | None:
    if row is None:
        return None
    found = re.search(row.pattern, _text(error, [violation.description for violation in error.violations]))
    words = _known(error) | {"job": job}
    for name, value in (found.groupdict() if found else {}).items():
        key = re.sub(r"_\d$", "", name)
        words[key] = (value or "").rstrip(".,;:`'\"") or words.get(key, "")
    action = row.elsewhere if row.elsewhere and _is_elsewhere(row, error, row.about) else row.action
    return row.meaning.format_map(words), action.format_map(words)


def _known(error: ApiError) -> dict[str, str]:
    """What the texts name besides what a row's pattern finds: as it is known, else in capitals, to be filled in."""
    project, location = place_of(error.resource) or ("PROJECT", "--location")
    account = re.search(r"[\w.-]+@[\w.-]+\.gserviceaccount\.com", error.message)
    bucket = re.search(r"gs://([a-z0-9][a-z0-9._-]+)", error.message)
    kind = "serviceAccount" if error.account.endswith("gserviceaccount.com") else "user"
    return {
        "project": project,
        "location": location,
        "member": f"{kind}:{error.account or 'YOU'}",
        "service_account": account[0] if account else "ACCOUNT",
        "bucket": bucket[1] if bucket else "BUCKET",
    }


def quota_of(error: ApiError) -> str | None:
    """The quota that an error names in its details; None when it names none."""
    return next(iter(quotas_of(error)), None)


def _text(error: ApiError, descriptions: Sequence[str]) -> str:
    """The service's message, and the reasons and quotas in its details, each on its own line."""
    reasons = [d.reason for d in error.details if isinstance(d, error_details_pb2.ErrorInfo)]
    quotas = [f"quota: {quota}" for quota in quotas_of(error)]
    return "\n".join([error.message, *reasons, *descriptions, *quotas])
