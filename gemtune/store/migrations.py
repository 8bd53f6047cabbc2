"""How a store of an older format becomes one of the next. What is written here stays: stores of any age meet it.

A damaged row is brought over as it is and costs no other one: whoever reads it is told, as before. So no constraint is
held against what is there already, and what is converted is converted value by value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, text

from gemtune.store.columns import EARLIEST, LATEST, time_text
from gemtune.store.json_text import spec_json

__all__ = ["MIGRATIONS", "Step"]

Step = str | Callable[[Connection], None]

_BATCH = 500  # specs in memory at a time


def _times_and_json(db: Connection) -> None:
    """Format 3: times are timestamps, a spec's JSON is beside its bytes, a submission has events."""
    postgresql = db.dialect.name == "postgresql"
    if not postgresql:
        connection: Any = db.connection.driver_connection
        connection.create_function("gemtune_time", 1, time_text, deterministic=True)
        connection.create_function("gemtune_until", 1, partial(time_text, up=True), deterministic=True)
        connection.create_function("gemtune_json", 1, _json_text, deterministic=True)
    for statement in _POSTGRESQL_3 if postgresql else _SQLITE_3:
        db.execute(text(statement))
    if postgresql:
        _add_json(db)


def _json_text(request: bytes) -> str | None:
    made = spec_json(request)
    return None if made is None else json.dumps(made, ensure_ascii=False, separators=(",", ":"))


def _add_json(db: Connection) -> None:
    some = text(
        "SELECT fingerprint, request FROM gemtune_specs WHERE fingerprint > :last ORDER BY fingerprint LIMIT :batch"
    )
    change = text("UPDATE gemtune_specs SET spec = CAST(:spec AS jsonb) WHERE fingerprint = :fingerprint")
    last = ""
    while rows := db.execute(some, {"last": last, "batch": _BATCH}).all():
        last = rows[-1].fingerprint
        made = [{"fingerprint": row.fingerprint, "spec": _json_text(bytes(row.request))} for row in rows]
        db.execute(change, made)


# SQLite cannot change a column's type: a table is made anew. Nothing refers to it by the name that it is made under.
# NULL where none may be is damage, and kept as '', which only a column of texts takes for a value. A time that is no
# number is kept, and not shown to a function: a text that is not UTF-8 cannot be given to Python.
_SQLITE_3 = (
    """
    CREATE TABLE gemtune_new_specs (
        fingerprint TEXT NOT NULL,
        request BLOB NOT NULL,
        spec TEXT,
        stored_at TEXT NOT NULL,
        PRIMARY KEY (fingerprint)
    )
    """,
    """
    INSERT INTO gemtune_new_specs (fingerprint, request, spec, stored_at)
    SELECT
        coalesce(fingerprint, ''),
        coalesce(request, ''),
        CASE typeof(request) WHEN 'blob' THEN gemtune_json(request) END,
        CASE typeof(stored_at) WHEN 'real' THEN gemtune_time(stored_at) ELSE coalesce(stored_at, '') END
    FROM gemtune_specs
    """,
    "DROP TABLE gemtune_specs",
    "ALTER TABLE gemtune_new_specs RENAME TO gemtune_specs",
    """
    CREATE TABLE gemtune_new_submissions (
        id INTEGER NOT NULL,
        project TEXT NOT NULL,
        location TEXT NOT NULL,
        request_id TEXT NOT NULL,
        fingerprint TEXT,
        submitted_at TEXT NOT NULL,
        token INTEGER DEFAULT 1 NOT NULL,
        until TEXT DEFAULT '1970-01-01T00:00:00.000000Z' NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (project, location, request_id),
        FOREIGN KEY(fingerprint) REFERENCES gemtune_specs (fingerprint)
    )
    """,
    """
    INSERT INTO gemtune_new_submissions (
        id, project, location, request_id, fingerprint, submitted_at, token, until
    )
    SELECT
        id,
        coalesce(project, ''),
        coalesce(location, ''),
        coalesce(request_id, ''),
        fingerprint,
        CASE typeof(submitted_at) WHEN 'real' THEN gemtune_time(submitted_at) ELSE coalesce(submitted_at, '') END,
        coalesce(token, ''),
        CASE typeof(until) WHEN 'real' THEN gemtune_until(until) ELSE coalesce(until, '') END
    FROM gemtune_submissions
    """,
    "DROP TABLE gemtune_submissions",
    "ALTER TABLE gemtune_new_submissions RENAME TO gemtune_submissions",
    "CREATE INDEX gemtune_submissions_by_spec ON gemtune_submissions (fingerprint)",
    """
    CREATE TABLE gemtune_new_jobs (
        id INTEGER NOT NULL,
        submission INTEGER NOT NULL,
        name TEXT NOT NULL,
        state TEXT NOT NULL,
        recorded_at TEXT NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (submission, name),
        FOREIGN KEY(submission) REFERENCES gemtune_submissions (id)
    )
    """,
    """
    INSERT INTO gemtune_new_jobs (id, submission, name, state, recorded_at)
    SELECT
        id,
        coalesce(submission, ''),
        coalesce(name, ''),
        coalesce(state, ''),
        CASE typeof(recorded_at) WHEN 'real' THEN gemtune_time(recorded_at) ELSE coalesce(recorded_at, '') END
    FROM gemtune_jobs
    """,
    "DROP TABLE gemtune_jobs",
    "ALTER TABLE gemtune_new_jobs RENAME TO gemtune_jobs",
    "CREATE INDEX gemtune_jobs_by_name ON gemtune_jobs (name)",
    """
    CREATE TABLE gemtune_events (
        id INTEGER NOT NULL,
        submission INTEGER NOT NULL,
        kind TEXT NOT NULL,
        at TEXT NOT NULL,
        data TEXT NOT NULL,
        PRIMARY KEY (id),
        FOREIGN KEY(submission) REFERENCES gemtune_submissions (id)
    )
    """,
    "CREATE INDEX gemtune_events_by_submission ON gemtune_events (submission)",
)


def _timestamp(column: str, rounding: str) -> str:
    """What changes a column of seconds; NaN, to PostgreSQL the greatest number, becomes the latest time."""
    kept = f"greatest(least({column}, {LATEST}), {EARLIEST})"
    return (
        f"ALTER COLUMN {column} TYPE TIMESTAMP WITH TIME ZONE "
        f"USING TIMESTAMP WITH TIME ZONE 'epoch' + {rounding}({kept} * 1000000) * INTERVAL '1 microsecond'"
    )


# In place: what a team has granted on its tables, and put beside them, stays.
_POSTGRESQL_3 = (
    f"ALTER TABLE gemtune_specs ADD COLUMN spec JSONB, {_timestamp('stored_at', 'round')}",
    f"""
    ALTER TABLE gemtune_submissions
        {_timestamp("submitted_at", "round")},
        ALTER COLUMN until DROP DEFAULT,
        {_timestamp("until", "ceil")},
        ALTER COLUMN until SET DEFAULT '1970-01-01T00:00:00.000000Z'
    """,
    f"ALTER TABLE gemtune_jobs {_timestamp('recorded_at', 'round')}",
    """
    CREATE TABLE gemtune_events (
        id BIGSERIAL NOT NULL,
        submission BIGINT NOT NULL,
        kind TEXT NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        data JSONB NOT NULL,
        PRIMARY KEY (id),
        FOREIGN KEY(submission) REFERENCES gemtune_submissions (id)
    )
    """,
    "CREATE INDEX gemtune_events_by_submission ON gemtune_events (submission)",
)

MIGRATIONS: Mapping[int, Sequence[Step]] = {
    2: (
        # Claims. A submission of before has ended or can be taken over: whoever does that looks for its job first.
        "ALTER TABLE gemtune_submissions ADD COLUMN token INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE gemtune_submissions ADD COLUMN until DOUBLE PRECISION NOT NULL DEFAULT 0",
    ),
    3: (_times_and_json,),
}
"""Format -> what makes it of the one before: SQL that both databases understand, or a function with its own for each.
In SQLite foreign keys are not held meanwhile."""
