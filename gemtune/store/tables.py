"""The tables of a store, and how one of an older format becomes one of this format.

A spec is kept as protobuf's bytes and never written anew: what an older or newer gemtune put there comes out, fields
that this one does not know included. The tables' names begin with `gemtune_`, so that a store may live in a database
beside other things.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    insert,
    inspect,
    select,
    text,
    update,
)

from gemtune.errors import ConfigurationError

__all__ = ["FORMAT", "jobs", "read_format", "specs", "submissions", "upgrade", "written_format"]

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


class _Checked(TypeDecorator[Any]):
    """A column that refuses to give what it cannot hold: out of a damaged file SQLite reads values of any type."""

    impl: Any = Text
    cache_ok = True
    kinds: tuple[type, ...] = (str,)

    def __init__(self, *, optional: bool = False) -> None:
        super().__init__()
        self.optional = optional

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        inner = super().result_processor(dialect, coltype)

        def check(value: Any) -> Any:
            if value is None and self.optional:
                return None
            if not isinstance(value, self.kinds):
                raise TypeError(f"a column holds a value of another type ({type(value).__name__})")
            return value if inner is None else inner(value)

        return check


class _Bytes(_Checked):
    impl: Any = LargeBinary
    cache_ok = True
    kinds = (bytes, memoryview)


class _Number(_Checked):
    impl: Any = Integer
    cache_ok = True
    kinds = (int,)


class _Seconds(_Checked):
    impl: Any = Double
    cache_ok = True
    kinds = (float, int)


_format = Table("gemtune_format", metadata, Column("version", _Number(), primary_key=True, autoincrement=False))

specs = Table(
    "gemtune_specs",
    metadata,
    Column("fingerprint", _Checked(), primary_key=True),
    Column("request", _Bytes(), nullable=False),  # a serialised TuningJob of what is asked for
    Column("stored_at", _Seconds(), nullable=False),  # seconds since 1970, as all times here
)

_id = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up by itself for INTEGER alone

submissions = Table(
    "gemtune_submissions",
    metadata,
    Column("id", _id, primary_key=True),
    Column("project", _Checked(), nullable=False),
    Column("location", _Checked(), nullable=False),
    Column("request_id", _Checked(), nullable=False),
    # None: the job was found, not sent from here.
    Column("fingerprint", _Checked(optional=True), ForeignKey("gemtune_specs.fingerprint")),
    Column("submitted_at", _Seconds(), nullable=False),
    Column("token", _Number(), nullable=False, server_default=text("1")),  # how often it was claimed
    # When what the claimant sends can appear no more.
    Column("until", _Seconds(), nullable=False, server_default=text("0")),
    UniqueConstraint("project", "location", "request_id"),
    Index("gemtune_submissions_by_spec", "fingerprint"),
)

jobs = Table(
    "gemtune_jobs",
    metadata,
    Column("id", _id, primary_key=True),
    Column("submission", _id, ForeignKey("gemtune_submissions.id"), nullable=False),
    Column("name", _Checked(), nullable=False),
    Column("state", _Checked(), nullable=False),
    Column("recorded_at", _Seconds(), nullable=False),
    UniqueConstraint("submission", "name"),
    Index("gemtune_jobs_by_name", "name"),
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
        for statement in MIGRATIONS[version]:
            db.execute(text(statement))
        db.execute(update(_format).values(version=version))
