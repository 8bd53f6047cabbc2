"""The tables of a store, and bringing one of an older format to this one.

A spec is kept as protobuf's bytes and never written anew: what an older or newer gemtune put there comes out, fields
that this one does not know included. The tables' names begin with `gemtune_`, so that a store may live in a database
beside other things.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    insert,
    inspect,
    select,
    text,
    update,
)

from gemtune.errors import ConfigurationError
from gemtune.store.columns import Bytes, Checked, Json, Number, Time
from gemtune.store.migrations import MIGRATIONS

__all__ = ["FORMAT", "events", "jobs", "read_format", "specs", "submissions", "upgrade", "written_format"]

FORMAT = 3
"""The format that this version writes. A number is never used for two formats."""

metadata = MetaData()

_format = Table("gemtune_format", metadata, Column("version", Number(), primary_key=True, autoincrement=False))

specs = Table(
    "gemtune_specs",
    metadata,
    Column("fingerprint", Checked(), primary_key=True),
    Column("request", Bytes(), nullable=False),  # a serialised TuningJob of what is asked for
    # The same as JSON, for those who ask in SQL; written and never read. None: the bytes cannot be read.
    Column("spec", Json(optional=True)),
    Column("stored_at", Time(), nullable=False),
)

_id = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up by itself for INTEGER alone

submissions = Table(
    "gemtune_submissions",
    metadata,
    Column("id", _id, primary_key=True),
    Column("project", Checked(), nullable=False),
    Column("location", Checked(), nullable=False),
    Column("request_id", Checked(), nullable=False),
    # None: the job was found, not sent from here.
    Column("fingerprint", Checked(optional=True), ForeignKey("gemtune_specs.fingerprint")),
    Column("submitted_at", Time(), nullable=False),
    Column("token", Number(), nullable=False, server_default=text("1")),  # how often it was claimed
    # When what the claimant sends can appear no more.
    Column("until", Time(up=True), nullable=False, server_default=text("'1970-01-01T00:00:00.000000Z'")),
    UniqueConstraint("project", "location", "request_id"),
    Index("gemtune_submissions_by_spec", "fingerprint"),
)

jobs = Table(
    "gemtune_jobs",
    metadata,
    Column("id", _id, primary_key=True),
    Column("submission", _id, ForeignKey("gemtune_submissions.id"), nullable=False),
    Column("name", Checked(), nullable=False),
    Column("state", Checked(), nullable=False),
    Column("recorded_at", Time(), nullable=False),
    UniqueConstraint("submission", "name"),
    Index("gemtune_jobs_by_name", "name"),
)

events = Table(
    "gemtune_events",
    metadata,
    Column("id", _id, primary_key=True),
    Column("submission", _id, ForeignKey("gemtune_submissions.id"), nullable=False),
    Column("kind", Checked(), nullable=False),  # any word: newer versions, and other programs, add theirs
    Column("at", Time(), nullable=False),
    Column("data", Json(), nullable=False),
    Index("gemtune_events_by_submission", "submission"),
)


def read_format(db: Connection, where: str) -> int:
    """The format of a store; 0: there is none yet.

    Args:
        db: In a transaction.
        where: What the store is called in an error.

    Raises:
        ConfigurationError: It does not say which one.
    """
    return written_format(db, where) if inspect(db).has_table(_format.name) else 0


def written_format(db: Connection, where: str) -> int:
    """The format of a store that is there; arguments and errors as those of `read_format`."""
    found = list(db.scalars(select(_format.c.version).order_by(_format.c.version).limit(9)))
    if len(found) == 1 and found[0] > 0:
        return found[0]
    what = f"several formats ({', '.join(map(str, found))})" if len(found) > 1 else "no format"
    raise ConfigurationError(
        f"the store {where} names {what} instead of one in the table {_format.name}, so gemtune cannot read it; "
        "to fix it: restore it from a copy, or name another"
    )


def upgrade(db: Connection, where: str) -> None:
    """Makes the tables, or makes those of an older format into today's. All or nothing: the caller's transaction.

    Args:
        db: In a transaction that no other process can be in at the same time.
        where: What the store is called in an error.

    Raises:
        ConfigurationError: It is of a newer format.
    """
    found = read_format(db, where)
    if found > FORMAT:
        raise ConfigurationError(
            f"the store {where} was written by a newer gemtune (format {found}; this one knows formats up to "
            f"{FORMAT}): upgrade gemtune here too"
        )
    if not found:
        metadata.create_all(db)
        db.execute(insert(_format).values(version=FORMAT))
        return
    if db.dialect.name == "postgresql":
        # Each transaction of others begins with a look at the format: they end before this, or begin after it.
        db.execute(text(f"LOCK TABLE {_format.name} IN ACCESS EXCLUSIVE MODE"))
        found = written_format(db, where)
    for version in range(found + 1, FORMAT + 1):
        for step in MIGRATIONS[version]:
            if isinstance(step, str):
                db.execute(text(step))
            else:
                step(db)
        db.execute(update(_format).values(version=version))
