"""The types of a store's columns. What Python gives and gets is the same in SQLite and in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import TIMESTAMP, Dialect, Integer, LargeBinary, Text, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

__all__ = ["Bytes", "Checked", "Json", "Number", "Time", "kept_time", "time_text", "whole_microseconds"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

EARLIEST, LATEST = -62_000_000_000, 253_000_000_000
"""What a column of times holds, in seconds since 1970: the years 5 to 9987. Python's datetime ends at 9999, and a
server shows times in a zone of its own. A time outside is kept as the nearest one inside; infinity too."""


def whole_microseconds(seconds: float, *, up: bool = False) -> int:
    """A time in microseconds since 1970, as a store keeps it.

    Args:
        seconds: Since 1970.
        up: To the next microsecond, not to the nearest: the same number of seconds, or a greater one, comes back.
    """
    kept = min(max(seconds, EARLIEST), LATEST)
    numerator, denominator = kept.as_integer_ratio()  # in floats, a million times as much would be rounded
    whole = (2_000_000 * numerator + denominator) // (2 * denominator)
    return whole + 1 if up and whole / 1_000_000 < kept else whole


def kept_time(seconds: float, *, up: bool = False) -> float:
    """The seconds that come back for a time that was kept; arguments as those of `whole_microseconds`."""
    return whole_microseconds(seconds, up=up) / 1_000_000


def time_text(seconds: float, *, up: bool = False) -> str:
    """A time as RFC 3339 has it, in UTC: `2026-11-30T10:00:02.123456Z`. Texts sort as times do."""
    moment = _EPOCH + whole_microseconds(seconds, up=up) * _MICROSECOND
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


class Checked(TypeDecorator[Any]):
    """A column that refuses to give what it cannot hold: out of a damaged file SQLite reads values of any type."""

    impl: Any = Text
    cache_ok = True
    kinds: tuple[type, ...] = (str,)

    def __init__(self, *, optional: bool = False) -> None:
        super().__init__()
        self.optional = optional

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """What makes a value of the database's one of ours, once it is of a type that the column can hold."""
        inner = super().result_processor(dialect, coltype)

        def check(value: Any) -> Any:
            if value is None and self.optional:
                return None
            if not isinstance(value, self.kinds):
                raise TypeError(f"a column holds a value of another type ({type(value).__name__})")
            return value if inner is None else inner(value)

        return check


class Bytes(Checked):
    """Bytes."""

    impl: Any = LargeBinary
    cache_ok = True
    kinds = (bytes, memoryview)


class Number(Checked):
    """A whole number."""

    impl: Any = Integer
    cache_ok = True
    kinds = (int,)


class Time(Checked):
    """A time: seconds since 1970 to Python; a timestamp in PostgreSQL, and in SQLite the text of one."""

    impl: Any = TIMESTAMP
    cache_ok = True
    kinds = (datetime, str)

    def __init__(self, *, up: bool = False) -> None:
        super().__init__()
        self.up = up

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The column's type in a database."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else TIMESTAMP(timezone=True))

    def process_bind_param(self, value: float | None, dialect: Dialect) -> Any:
        """What the database is given."""
        if value is None:
            return None
        if dialect.name == "sqlite":
            return time_text(value, up=self.up)
        return _EPOCH + whole_microseconds(value, up=self.up) * _MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> float:  # noqa: ARG002
        """Seconds since 1970."""
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if moment.tzinfo is None:
            raise ValueError("a column holds a time without its zone")
        return (moment - _EPOCH) // _MICROSECOND / 1_000_000


class Json(Checked):
    """An object of JSON: jsonb in PostgreSQL, text in SQLite."""

    cache_ok = True
    kinds = (dict, str)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The column's type in a database."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else JSONB(none_as_null=True))

    def process_bind_param(self, value: Mapping[str, Any] | None, dialect: Dialect) -> Any:
        """What the database is given."""
        if value is None or dialect.name != "sqlite":
            return value
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    def process_result_value(self, value: Any, dialect: Dialect) -> dict[str, Any]:  # noqa: ARG002
        """The object."""
        found = json.loads(value) if isinstance(value, str) else value
        if not isinstance(found, dict):
            raise TypeError(f"a column of JSON objects holds something else ({type(found).__name__})")
        return found
