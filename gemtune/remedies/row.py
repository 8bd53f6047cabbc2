"""What a row of the table has."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Remedy"]


@dataclass(frozen=True)
class Remedy:
    """One row.

    Attributes:
        id: Its stable name.
        codes: The canonical codes it is seen with; empty: any.
        pattern: What the message, or a reason or a quota among the details, looks like. Its named groups fill the
            texts; `name_2`, `name_3` stand for `name` where another alternative of the pattern matched.
        means: What it means, in one sentence.
        do: What to run or change.
        about: `call`, `job`, or "" for both: which errors the row is about.
    """

    id: str
    codes: tuple[int, ...]
    pattern: str
    means: str
    do: str
    about: str = ""
