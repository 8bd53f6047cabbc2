"""Jobs in SQLite: a few key columns, and the document.

What `add`, `cancel` and `keep_stats` were given is on the disk when they return (WAL, `synchronous=FULL`): a machine
that loses power forgets nothing that was answered. One connection, one lock: SQLite has one writer anyway, and reads
are short.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gemtune import safe_text
from gemtune._private_file import make_private, warn_if_shared
from gemtune.emulator.timeline import Timeline
from gemtune.errors import ConfigurationError

__all__ = ["LARGEST_ID", "MEMORY", "Record", "Storage"]

logger = safe_text.logger("gemtune.emulator")

MEMORY = ":memory:"
"""In place of a file: the jobs are gone when the storage is closed."""

LARGEST_ID = 2**63 - 1
"""SQLite's integers end there, and no id of the service is larger."""

_VERSION = 3
_ATTEMPTS = 10  # ids of 63 random bits meet once in a lifetime; two versions of one model may be made at once

# `sequence` is the order of creation and never used twice (AUTOINCREMENT), which makes pages stable; `id` is what the
# API shows. `model` and `version` find the job that made a model.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    sequence  INTEGER PRIMARY KEY AUTOINCREMENT,
    id        INTEGER NOT NULL UNIQUE,
    project   TEXT    NOT NULL,
    location  TEXT    NOT NULL,
    created   INTEGER NOT NULL,
    duration  INTEGER NOT NULL,
    cancelled INTEGER,
    outcome   INTEGER NOT NULL DEFAULT 4,
    untrained INTEGER NOT NULL DEFAULT 0,
    model     INTEGER NOT NULL,
    version   INTEGER NOT NULL,
    operation INTEGER UNIQUE,
    api       TEXT    NOT NULL,
    document  BLOB    NOT NULL,
    stats     BLOB
);
CREATE INDEX IF NOT EXISTS jobs_by_place ON jobs (project, location, sequence);
CREATE UNIQUE INDEX IF NOT EXISTS jobs_by_model ON jobs (project, location, model, version);
"""

_COLUMNS = (
    "sequence, id, project, location, created, duration, cancelled, outcome, untrained, model, version, operation, "
    "api, document, stats"
)

# What brings a file of that version to this one. Outcome 4 is JOB_STATE_SUCCEEDED.
_UNTRAINED = "ALTER TABLE jobs ADD COLUMN untrained INTEGER NOT NULL DEFAULT 0;"
_UPGRADES = {1: "ALTER TABLE jobs ADD COLUMN outcome INTEGER NOT NULL DEFAULT 4;" + _UNTRAINED, 2: _UNTRAINED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One job as it is stored.

    Attributes:
        id: The last part of its resource name.
        project: The project's number.
        location: Its location.
        timeline: The times that its state follows from.
        model: The id of the model that it makes.
        version: The version of that model.
        operation: The id of the operation that it belongs to, when a rebase made it.
        api: The version of the API that it was created in.
        document: A serialised TuningJob, as it is shown once it has ended, without times, state and statistics.
        stats: Serialised TuningDataStats, once they were computed from a dataset's file; empty: the job shows none.
        sequence: Its place in the order of creation; 0 until it is stored.
    """

    id: int
    project: str
    location: str
    timeline: Timeline
    model: int
    version: int
    api: str
    document: bytes
    operation: int | None = None
    stats: bytes | None = None
    sequence: int = 0

    @property
    def parent(self) -> str:
        """The resource name of project and location."""
        return f"projects/{self.project}/locations/{self.location}"

    @property
    def name(self) -> str:
        """The job's resource name."""
        return f"{self.parent}/tuningJobs/{self.id}"


def _record(row: tuple[Any, ...]) -> Record:
    (sequence, job_id, project, location, created, duration, cancelled, outcome, untrained, *rest) = row
    model, version, operation, api, document, stats = rest
    return Record(
        sequence=sequence,
        id=job_id,
        project=project,
        location=location,
        timeline=Timeline(created, duration, cancelled, outcome, bool(untrained)),
        model=model,
        version=version,
        operation=operation,
        api=api,
        document=document,
        stats=stats,
    )


class Storage:
    """The jobs of one database file. May be shared by threads, and the file by processes."""

    def __init__(self, path: str | Path) -> None:
        """Opens or makes the file; one that it makes is readable by its owner alone, and so are directories.

        Raises:
            ConfigurationError: The file cannot be opened, or is something else.
        """
        self._lock = threading.Lock()
        try:
            if str(path) != MEMORY:
                path = Path(path).expanduser()
                make_private(path)
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(f"the jobs cannot be kept in {path}: {error}; name another file") from error
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, _VERSION, *_UPGRADES):
                raise ConfigurationError(
                    f"{path} is of another version of the emulator (format {version}, this one has {_VERSION}); "
                    "name another file or delete it"
                )
            upgrade = _UPGRADES.get(version, "")
            self._db.executescript(f"BEGIN IMMEDIATE; {upgrade} {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
        except sqlite3.Error as error:
            self._db.close()
            raise ConfigurationError(f"{path} is not a database of jobs ({error}); name another file") from error
        except ConfigurationError:
            self._db.close()
            raise
        if str(path) != MEMORY:
            warn_if_shared(Path(path), what="the emulator's database", logger=logger)

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _rows(self, where: str, *values: object) -> list[Record]:
        with self._lock:
            rows = self._db.execute(f"SELECT {_COLUMNS} FROM jobs WHERE {where}", values).fetchall()  # noqa: S608  our own words
        return [_record(row) for row in rows]

    def add(self, make: Callable[[], Record]) -> Record:
        """Stores a new job.

        Args:
            make: Makes the record. Called again, for other ids, if one of its ids turns out to be taken.

        Raises:
            sqlite3.Error: It could not be stored.
        """
        for attempt in range(_ATTEMPTS):
            record = make()
            times = record.timeline
            row = {
                "id": record.id,
                "project": record.project,
                "location": record.location,
                "created": times.created,
                "duration": times.duration,
                "cancelled": times.cancelled,
                "outcome": times.outcome,
                "untrained": times.untrained,
                "model": record.model,
                "version": record.version,
                "operation": record.operation,
                "api": record.api,
                "document": record.document,
                "stats": record.stats,
            }
            names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
            try:
                with self._transaction() as db:
                    cursor = db.execute(f"INSERT INTO jobs ({names}) VALUES ({marks})", row)  # noqa: S608  our own words
                return replace(record, sequence=cursor.lastrowid or 0)
            except sqlite3.IntegrityError:
                if attempt + 1 == _ATTEMPTS:
                    raise
        raise AssertionError

    def get(self, project: str, location: str, job_id: int) -> Record | None:
        """The job of that id in that place."""
        if job_id > LARGEST_ID:
            return None
        rows = self._rows("id = ? AND project = ? AND location = ?", job_id, project, location)
        return rows[0] if rows else None

    def page(self, project: str, location: str, *, before: int | None, limit: int) -> list[Record]:
        """Up to `limit` jobs of a place, newest first, from those created before the one of sequence `before`."""
        return self._rows(
            "project = ? AND location = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?",
            project,
            location,
            before if before is not None else LARGEST_ID,
            limit,
        )

    def of_model(self, project: str, location: str, model: int, *, also: str = "") -> list[Record]:
        """The jobs that make the versions of a model, newest version first; those in the location `also` besides."""
        if model > LARGEST_ID:
            return []
        where = "model = ? AND project = ? AND location IN (?, ?) ORDER BY version DESC, sequence DESC"
        return self._rows(where, model, project, location, also or location)

    def cancel(self, record: Record, at: int) -> Record:
        """Stores when a job's cancellation was asked for, unless it was before."""
        with self._transaction() as db:
            db.execute("UPDATE jobs SET cancelled = ? WHERE sequence = ? AND cancelled IS NULL", (at, record.sequence))
        return replace(record, timeline=replace(record.timeline, cancelled=at))

    def keep_stats(self, record: Record, stats: bytes) -> None:
        """Stores a job's statistics."""
        with self._transaction() as db:
            db.execute("UPDATE jobs SET stats = ? WHERE sequence = ?", (stats, record.sequence))
