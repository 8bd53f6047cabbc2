"""The database behind a store: from a URL to transactions, SQLite and PostgreSQL alike.

A transaction has a connection of its own. That costs a millisecond, and buys that a store can be shared by threads,
outlives a fork and a restart of the server, and leaves nothing open behind it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from gemtune import safe_text
from gemtune._private_file import make_private, warn_if_shared
from gemtune.errors import ConfigurationError, GemtuneError
from gemtune.store import tables
from gemtune.store.reasons import reason

__all__ = ["Database", "StoreError", "default_file"]

logger = safe_text.logger("gemtune.store")

BUSY_TIMEOUT = 30.0
"""Seconds that SQLite waits for another process's transaction; those last milliseconds."""

# One number of PostgreSQL's advisory locks, for those who make or change the tables: "gemtune" as bytes.
_SCHEMA_LOCK = int.from_bytes(b"gemtune", "big")
_URLS = "sqlite:///file.db or postgresql://user@host/database"


class StoreError(GemtuneError):
    """The store cannot be read or written: its database does not answer, is full, is locked, or lost something."""


def default_file() -> Path:
    """Where a store is when nobody names one: `~/.local/share/gemtune/store.db`, or below XDG_DATA_HOME."""
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "gemtune" / "store.db"


class Database:
    """Transactions on the database of a URL, whose tables are of today's format."""

    def __init__(self, url: str | os.PathLike[str] | None) -> None:
        """Opens or makes the store.

        Args:
            url: `sqlite:///PATH`, `postgresql://...`, or the path of a file of SQLite; None: the default file.

        Raises:
            ConfigurationError: The URL is none of these, or names something that is not a store.
            StoreError: The database does not answer.
        """
        parsed = _url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.where = (parsed.database or "") if self.is_sqlite else _shown(parsed)
        self._engine = _sqlite(parsed) if self.is_sqlite else _postgresql(parsed)
        with self._transaction(write=False) as db:
            ready = tables.read_format(db, self.where) == tables.FORMAT
        if not ready:
            with self._transaction(write=True, migrates=True) as db:
                if not self.is_sqlite:
                    db.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _SCHEMA_LOCK})
                tables.upgrade(db, self.where)
        if self.is_sqlite:
            warn_if_shared(Path(self.where), what="the store", logger=logger)

    @contextlib.contextmanager
    def reading(self) -> Generator[Connection]:
        """A transaction that only reads.

        Raises:
            StoreError: The database does not answer, is damaged, or was made into one of another format meanwhile.
        """
        with self._transaction(write=False) as db:
            self._check_format(db)
            yield db

    @contextlib.contextmanager
    def writing(self) -> Generator[Connection]:
        """A transaction that is on the disk when it has ended: a machine that loses power loses nothing of it.

        Raises:
            StoreError: As for `reading`.
        """
        with self._transaction(write=True) as db:
            self._check_format(db)
            yield db

    def _check_format(self, db: Connection) -> None:
        found = tables.written_format(db, self.where)
        if found != tables.FORMAT:
            raise StoreError(
                f"the store {self.where} is of format {found} now, and this process opened it in format "
                f"{tables.FORMAT}: nothing was read or written; to fix it: upgrade gemtune here too, and start this "
                "program again"
            )

    @contextlib.contextmanager
    def _transaction(self, *, write: bool, migrates: bool = False) -> Generator[Connection]:
        failure: GemtuneError
        options = {"gemtune_write": write, "gemtune_migrates": migrates}
        try:
            with self._engine.connect().execution_options(**options) as db, db.begin():
                yield db
            return
        except SQLAlchemyError as error:
            if "not a database" in str(error):
                failure = ConfigurationError(f"{self.where} is not a store; name another file")
            else:
                failure = StoreError(f"the store {self.where} does not answer: {reason(error)}")
        except GemtuneError:
            raise
        except Exception as error:  # bytes that were changed on the disk can meet any line between them and here
            failure = StoreError(
                f"the store {self.where} holds unreadable data ({type(error).__name__}): it is damaged; to fix it: "
                "restore it from a copy, or name another"
            )
        # Outside of the handlers: what they caught may repeat parts of the URL, and would be its context.
        raise failure

    def close(self) -> None:
        """Lets go of what is left open."""
        self._engine.dispose()


def _url(url: str | os.PathLike[str] | None) -> URL:
    if url is None:
        url = default_file()
    if not isinstance(url, str) or "://" not in url:
        return _file(url)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # the URL is not repeated: there may be a password in it
        parsed = None
    if parsed is None:
        raise ConfigurationError(f"the URL of the store cannot be read; it is {_URLS}")
    if parsed.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise ConfigurationError(f"a store cannot be in {parsed.drivername}; its URL is {_URLS}")
    if not parsed.database or parsed.database == ":memory:" or parsed.database.startswith("file:"):
        raise ConfigurationError("a store is a file: what is remembered in memory is forgotten; give sqlite:///PATH")
    return _file(parsed.database)


def _shown(url: URL) -> str:
    """A URL without what may be secret: any option of libpq can be in its query, `password` and `sslpassword` too."""
    return url.set(query={}).render_as_string(hide_password=True)


def _file(path: str | os.PathLike[str]) -> URL:
    # Absolute, since each transaction opens it anew and the program may have gone elsewhere.
    return URL.create("sqlite", database=os.fspath(Path(path).expanduser().absolute()))


# -- SQLite -----------------------------------------------------------------------------------------------------------


def _sqlite(url: URL) -> Engine:
    path = Path(url.database or "")
    try:
        make_private(path)
    except OSError as error:
        raise ConfigurationError(
            f"the store cannot be in {path}: {error.strerror or error}; name another file"
        ) from error
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT})
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(connection: Any, _: object) -> None:
    connection.isolation_level = None  # Python's module would begin transactions by rules of its own
    cursor = connection.cursor()
    try:
        _write_ahead(cursor)
        for pragma in ("synchronous = FULL", "fullfsync = ON", "foreign_keys = ON"):
            cursor.execute(f"PRAGMA {pragma}")
    finally:
        cursor.close()


def _write_ahead(cursor: Any) -> None:
    """Turns on the write-ahead log: readers do not wait for writers. The file remembers it.

    The first time, SQLite does not wait for other processes that do the same, so it is done here.
    """
    give_up = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
            time.sleep(0.01)
        else:
            return


def _on_begin(db: Connection) -> None:
    if db.get_execution_options().get("gemtune_migrates"):
        # Tables are made anew then: rows that refer to others are there before these, and a view that somebody has put
        # beside the tables is there without them. Inside a transaction SQLite does not listen to the first of the two.
        db.exec_driver_sql("PRAGMA foreign_keys = OFF")
        db.exec_driver_sql("PRAGMA legacy_alter_table = ON")
    # A writer takes the lock at once: one that reads first and then wants to write could only fail.
    db.exec_driver_sql("BEGIN IMMEDIATE" if db.get_execution_options().get("gemtune_write") else "BEGIN")


# -- PostgreSQL -------------------------------------------------------------------------------------------------------


def _postgresql(url: URL) -> Engine:
    try:
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True, isolation_level="READ COMMITTED")
    except ModuleNotFoundError as error:
        raise ConfigurationError("a store in PostgreSQL needs psycopg 3: pip install 'gemtune[store]'") from error
    event.listen(engine, "begin", _durable)
    return engine


def _durable(db: Connection) -> None:
    if db.get_execution_options().get("gemtune_write"):
        # A server that answers a commit before it is on the disk is asked not to, for this transaction.
        db.exec_driver_sql(
            "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"
        )
