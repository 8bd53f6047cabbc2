"""The tables of a store, and how one of an older format becomes one of this format.

A spec is kept as protobuf's bytes and never written anew: what an older or newer gemtune put there comes out, fields
that this one does not know included. The tables' names begin with `gemtune_`, so that a store may live in a database
beside other things.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    insert,
    inspect,
    select,
    text,
    update,
)

from gemtune.errors import ConfigurationError

__all__ = ["FORMAT", "jobs", "read_format", "specs", "submissions", "upgrade"]

FORMAT = 2
"""The format that this version writes. A number is never used for two formats."""

MIGRATIONS: Mapping[int, Sequence[str]] = {
    2: (
        # Claims. A submission of before has ended or can be taken over: whoever does that looks for its job first.
        "ALTER TABLE gemtune_submissions ADD COLUMN token INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE gemtune_submissions ADD COLUMN until DOUBLE PRECISION NOT NULL DEFAULT 0",
    ),
}
"""Format -> what makes it of the one before, in SQL that both databases understand."""

metadata = MetaData()

_format = Table("gemtune_format", metadata, Column("version", Integer, primary_key=True, autoincrement=False))

specs = Table(
    "gemtune_specs",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    Column("request", LargeBinary, nullable=False),  # a serialised TuningJob of what is asked for
    Column("stored_at", Double, nullable=False),  # seconds since 1970, as all times here
)

_id = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up by itself for INTEGER alone

submissions = Table(
    "gemtune_submissions",
    metadata,
    Column("id", _id, primary_key=True),
    Column("project", Text, nullable=False),
    Column("location", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("fingerprint", Text, ForeignKey("gemtune_specs.fingerprint")),  # none: the job was found, not sent from here
    Column("submitted_at", Double, nullable=False),
    Column("token", Integer, nullable=False, server_default=text("1")),  # how often it was claimed
    Column(
        "until", Double, nullable=False, server_default=text("0")
    ),  # when what the claimant sends can appear no more
    UniqueConstraint("project", "location", "request_id"),
    Index("gemtune_submissions_by_spec", "fingerprint"),
)

jobs = Table(
    "gemtune_jobs",
    metadata,
    Column("id", _id, primary_key=True),
    Column("submission", _id, ForeignKey("gemtune_submissions.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("recorded_at", Double, nullable=False),
    UniqueConstraint("submission", "name"),
    Index("gemtune_jobs_by_name", "name"),
)


def read_format(db: Connection) -> int:
    """The format of a store; 0: there is none yet."""
    if not inspect(db).has_table(_format.name):
        return 0
    return db.scalar(select(_format.c.version)) or 0


def upgrade(db: Connection, where: str) -> None:
    """Makes the tables, or makes those of an older format into today's. All or nothing: the caller's transaction.

    Args:
        db: In a transaction that no other process can be in at the same time.
        where: What the store is called in an error.

    Raises:
        ConfigurationError: It is of a newer format.
    """
    found = read_format(db)
    if found > FORMAT:
        raise ConfigurationError(
            f"the store {where} was written by a newer gemtune (format {found}; this one knows formats up to "
            f"{FORMAT}): upgrade gemtune here too"
        )
    if not found:
        metadata.create_all(db)
        db.execute(insert(_format).values(version=FORMAT))
        return
    for version in range(found + 1, FORMAT + 1):
        for statement in MIGRATIONS[version]:
            db.execute(text(statement))
        db.execute(update(_format).values(version=version))
