"""An error as a caller is to see it: with what is known of it besides, and ending where the caller called.

Notes say what the command line says: where a job was looked for, what an answer means and what to do about it. What
lies below the call (flows, drivers, transports, a library's own exceptions) is kept as the error's context, which a
debugger and `gemtune -v` show and a traceback does not.
"""

from __future__ import annotations

import re

from gemtune.errors import ApiError, GemtuneError, InDoubt, NotFound
from gemtune.remedies import remedy_for, row_for

__all__ = ["explained", "means_of"]


def explained(error: GemtuneError, *, account: str = "") -> GemtuneError:
    """The error, to be raised to the caller.

    Args:
        error: As it came out of a flow.
        account: Who asked, where that is known.
    """
    answered = error.error if isinstance(error, InDoubt) else error
    answered.account = answered.account or account
    there: list[str] = getattr(error, "__notes__", [])
    error.__notes__ = [*(note for note in _notes(error) if note not in there), *there]
    _shorten(error)
    return error


def means_of(error: GemtuneError) -> str:
    """What an error of the service means, where a row of the table says that better than the service; else ""."""
    answered = error.error if isinstance(error, InDoubt) else error
    row = row_for(answered) if isinstance(answered, ApiError) else None
    remedy = remedy_for(answered)
    return remedy[0] if row is not None and remedy is not None and not row.guessed else ""


def _notes(error: GemtuneError) -> list[str]:
    notes: list[str] = []
    means, remedy = means_of(error), remedy_for(error)
    # A row about a code alone says how to go on after a refusal; after a doubt there is another way.
    if remedy is not None and (means or not isinstance(error, InDoubt)):
        notes += [*([means] if means else []), f"to fix it: {remedy[1]}"]
    if isinstance(error, NotFound):
        notes += _looked_for(error)
    return notes


def _looked_for(error: NotFound) -> list[str]:
    """Where something was looked for that is not there."""
    place = re.fullmatch(r"projects/([^/]+)/locations/([^/]+)(?:/(.*))?", error.resource)
    if place is None:
        return []
    notes = [f"looked for {error.resource}"] if place[3] else []
    if error.http_status == 404 and (page := re.match(r"HTTP 404 with .* from (?:https?://)?([^/\s]+)", error.message)):
        notes.append(
            f"{page[1]} does not answer as the API does: the location {place[2]} or the endpoint may be wrong; a "
            "location looks like us-central1"
        )
    return notes


def _shorten(error: BaseException) -> None:
    """Takes the frames away that led to an error, and hides what is not ours among its causes."""
    cause = error.__cause__
    error.__traceback__ = None
    if isinstance(cause, GemtuneError):
        _shorten(cause)
    elif cause is not None:
        error.__cause__ = None
        error.__context__ = cause
    error.__suppress_context__ = True
