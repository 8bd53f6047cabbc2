"""What a database's error is about, in words of ours: libpq and SQLAlchemy repeat parts of the URL, secrets too."""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

__all__ = ["reason"]

_CLASSES: dict[str, str] = {
    "08": "the connection to the database failed",
    "0A": "the database cannot do that; a change of format cannot while a view of yours shows a time",
    "28": "the database refused the user or the password",
    "3D": "there is no such database",
    "40": "the transaction was rolled back",
    "42": "the user may not do that, or its tables are not what they should be",
    "53": "the database is out of memory, disk or connections",
    "54": "a limit of the database was exceeded",
    "55": "the database is locked or in use",
    "57": "the database is shutting down, or cancelled the query",
    "58": "the database had a system error",
    "XX": "the database had an internal error",
}
"""The class of an SQLSTATE -> what it means (PostgreSQL's appendix A)."""

_LIBPQ: tuple[tuple[str, str], ...] = (
    ("password authentication failed", "connection failed: the user or the password was refused"),
    ("no password supplied", "connection failed: the server requires a password, and none was given"),
    ("connection refused", "connection failed: Connection refused"),
    ("timeout expired", "connection failed: no answer in time"),
    ("timed out", "connection failed: no answer in time"),
    ("could not translate host name", "connection failed: the host name is unknown (DNS)"),
    ("no such file or directory", "connection failed: no server listens at that socket"),
    ("certificate", "connection failed: the server's certificate is not trusted, or ours not known"),
    ("ssl", "connection failed: TLS, or one of its options"),
    ("does not exist", "connection failed: there is no such database or user"),
    ("permission denied", "connection failed: permission denied"),
    ("too many clients", "connection failed: the database has too many clients"),
    ("starting up", "connection failed: the database is starting up"),
    ("shutting down", "connection failed: the database is shutting down"),
    ("server closed the connection", "connection lost: the server closed it"),
    ("connection is closed", "connection lost"),
    ("connection", "connection failed, or an option of the URL is not known"),
    ("invalid", "an option of the URL is not known, or its value is not"),
)
"""What a sentence of libpq has in it, in small letters -> ours. Only ours are shown."""


def reason(error: SQLAlchemyError) -> str:
    """What an error of SQLAlchemy's, or of the driver under it, is about."""
    met: Any = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(met, sqlite3.Error):  # which knows neither a URL nor a password, and no values
        return str(met).strip().partition("\n")[0] or type(met).__name__
    state = getattr(met, "sqlstate", None)
    if isinstance(state, str) and state[:2] in _CLASSES:
        return f"{_CLASSES[state[:2]]} ({state})"
    said = str(met).lower()
    return next((ours for theirs, ours in _LIBPQ if theirs in said), type(met).__name__)
