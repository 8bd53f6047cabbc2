"""Stores of older formats, made in SQL as the gemtune of that time made them; a committed file is one of format 1 too."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Generator, Sequence
from typing import Any

import gemtune
from gemtune import TuningJob

# Fields 8191 and 8190 of no schema, as a gemtune newer than the one that reads them may have put there.
UNKNOWN = b"\xfa\xff\x03\x02hi" + b"\xf0\xff\x03\x05"
NEWER = "sha256:" + "ab" * 32
SPEC = TuningJob(base_model="gemini-2.5-flash", labels={"team": "search"}, description="Zürich\0東京 \\u0000")
FINGERPRINT = gemtune.fingerprint(SPEC)
JOB = "projects/7/locations/us-central1/tuningJobs/42"

TABLES = """
CREATE TABLE gemtune_format (version INTEGER NOT NULL, PRIMARY KEY (version));
CREATE TABLE gemtune_specs (
    fingerprint TEXT NOT NULL, request {bytes} NOT NULL, stored_at {float} NOT NULL, PRIMARY KEY (fingerprint)
);
CREATE TABLE gemtune_submissions (
    id {id} NOT NULL,
    project TEXT NOT NULL,
    location TEXT NOT NULL,
    request_id TEXT NOT NULL,
    fingerprint TEXT,
    submitted_at {float} NOT NULL,
    {claims}
    PRIMARY KEY (id),
    UNIQUE (project, location, request_id),
    FOREIGN KEY(fingerprint) REFERENCES gemtune_specs (fingerprint)
);
CREATE INDEX gemtune_submissions_by_spec ON gemtune_submissions (fingerprint);
CREATE TABLE gemtune_jobs (
    id {id} NOT NULL,
    submission {reference} NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    recorded_at {float} NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (submission, name),
    FOREIGN KEY(submission) REFERENCES gemtune_submissions (id)
);
CREATE INDEX gemtune_jobs_by_name ON gemtune_jobs (name)
"""
CLAIMS = {1: "", 2: "token INTEGER DEFAULT 1 NOT NULL, until {float} DEFAULT 0 NOT NULL,"}
TYPES = {
    "sqlite": {"bytes": "BLOB", "float": "DOUBLE", "id": "INTEGER", "reference": "INTEGER"},
    "postgresql": {"bytes": "BYTEA", "float": "DOUBLE PRECISION", "id": "BIGSERIAL", "reference": "BIGINT"},
}

SUBMITTED = [("summaries-1", 1_790_000_000.25), ("summaries-2", 1_790_000_200.0)]
UNTIL = 1_790_000_300.7000003
"""No whole number of microseconds."""


@contextlib.contextmanager
def raw(url: str) -> Generator[Any]:
    """A connection to a store's database with no code of ours between; what was done is committed."""
    if url.startswith("sqlite"):
        connection: Any = sqlite3.connect(url.removeprefix("sqlite:///"))
    else:
        import psycopg

        connection = psycopg.connect(url)
    with contextlib.closing(connection), connection:
        yield connection


def execute(url: str, statement: str, rows: Sequence[Sequence[Any]] = ((),)) -> None:
    """Runs a statement for each row, whose values stand where it has `?`."""
    with raw(url) as connection:
        cursor = connection.cursor()
        cursor.executemany(statement if url.startswith("sqlite") else statement.replace("?", "%s"), rows)


def rows(url: str, statement: str) -> list[tuple[Any, ...]]:
    """What a query finds, as the database's own driver gives it."""
    with raw(url) as connection:
        return [tuple(row) for row in connection.execute(statement)]


def build(url: str, version: int) -> None:
    """Makes a store of an older format: two specs, a submission with a job, one without, one that was found."""
    types = TYPES[url.partition(":")[0]]
    for statement in TABLES.format(claims=CLAIMS[version].format(**types), **types).split(";\n"):
        execute(url, statement)
    execute(url, "INSERT INTO gemtune_format VALUES (?)", [(version,)])
    request = SPEC.SerializeToString(deterministic=True)
    specs = [(FINGERPRINT, request, 1_790_000_000.25), (NEWER, request + UNKNOWN, 1_790_000_100.123456)]
    execute(url, "INSERT INTO gemtune_specs VALUES (?, ?, ?)", specs)
    columns = "project, location, request_id, fingerprint, submitted_at"
    claimed = [("acme", "us-central1", request_id, FINGERPRINT, at) for request_id, at in SUBMITTED]
    if version == 1:
        execute(url, f"INSERT INTO gemtune_submissions ({columns}) VALUES (?, ?, ?, ?, ?)", claimed)
    else:
        insert = f"INSERT INTO gemtune_submissions ({columns}, token, until) VALUES (?, ?, ?, ?, ?, ?, ?)"
        execute(url, insert, [(*row, 3, UNTIL) for row in claimed])
    found = [("acme", "us-central1", "found", None, 1_700_000_000.0)]
    execute(url, f"INSERT INTO gemtune_submissions ({columns}) VALUES (?, ?, ?, ?, ?)", found)
    jobs = [(1, JOB, "RUNNING", 1_790_000_001.5), (3, f"{JOB}1", "FAILED", 1_790_000_002.0)]
    execute(url, "INSERT INTO gemtune_jobs (submission, name, state, recorded_at) VALUES (?, ?, ?, ?)", jobs)
