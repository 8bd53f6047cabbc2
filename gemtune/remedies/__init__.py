"""What the service says -> what it means, and what to run or change: a table, as data.

A row is recognized by its canonical code, the rpc, the field that the error is about, and a pattern over the message
and the details. Most patterns are for texts that users of the service quoted, or that its documents have; where no text
is public, the row says that it is guessed, and its pattern looks for the words that such a text can hardly do without:
the service's own words come first then. What a call was answered with and what a job ended with are
two things: some rows are about one of them alone. Knows errors; nothing of who prints them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from google.rpc import error_details_pb2, status_pb2

from gemtune.error_forms import error_from_status
from gemtune.errors import ApiError, InDoubt, quotas_of
from gemtune.remedies.access import ACCESS
from gemtune.remedies.row import CREATE, Remedy
from gemtune.remedies.service import SERVICE
from gemtune.remedies.spec import SPEC

__all__ = ["REMEDIES", "Remedy", "quota_of", "remedy_for", "remedy_for_job", "row_for"]

REMEDIES: tuple[Remedy, ...] = (*SPEC, *ACCESS, *SERVICE)
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
    rpc = CREATE[0] if about == "job" else error.rpc
    return bool(row.rpcs and rpc and rpc not in row.rpcs)


def _filled(row: Remedy | None, error: ApiError, *, job: str = "JOB") -> tuple[str, str] | None:
    if row is None:
        return None
    found = re.search(row.pattern, _text(error, [violation.description for violation in error.violations]))
    words = _known(error) | {"job": job}
    for name, value in (found.groupdict() if found else {}).items():
        key = re.sub(r"_\d$", "", name)
        words[key] = (value or "").rstrip(".,;:`'\"") or words.get(key, "")
    do = row.elsewhere if row.elsewhere and _is_elsewhere(row, error, row.about) else row.do
    return row.means.format_map(words), do.format_map(words)


def _known(error: ApiError) -> dict[str, str]:
    """What the texts name besides what a row's pattern finds: as it is known, else in capitals, to be filled in."""
    place = re.match(r"projects/([^/]+)/locations/([^/]+)", error.resource)
    account = re.search(r"[\w.-]+@[\w.-]+\.gserviceaccount\.com", error.message)
    bucket = re.search(r"gs://([a-z0-9][a-z0-9._-]+)", error.message)
    kind = "serviceAccount" if error.account.endswith("gserviceaccount.com") else "user"
    return {
        "project": place[1] if place else "PROJECT",
        "location": place[2] if place else "--location",
        "member": f"{kind}:{error.account or 'YOU'}",
        "service_account": account[0] if account else "ACCOUNT",
        "bucket": bucket[1] if bucket else "BUCKET",
    }


def quota_of(error: ApiError) -> str | None:
    """The quota that an error names in its details; None when it names none."""
    return next(iter(quotas_of(error)), None)


def _text(error: ApiError, descriptions: Sequence[str]) -> str:
    """What the service said, the reasons and quotas among the details too, each on a line of its own."""
    reasons = [d.reason for d in error.details if isinstance(d, error_details_pb2.ErrorInfo)]
    quotas = [f"quota: {quota}" for quota in quotas_of(error)]
    return "\n".join([error.message, *reasons, *descriptions, *quotas])
