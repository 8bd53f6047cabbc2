"""What a row of the table has."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CREATE", "Remedy"]

CREATE = ("CreateTuningJob", "RebaseTunedModel")
"""The rpcs that a spec goes with."""


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
        rpcs: The rpcs whose errors it is about; empty: any. A job's error counts as that of its create.
        elsewhere: What to do where another rpc met it; "": the row is not about those.
        field: What the path of a field looks like that the error is about. An error that names fields, and none of
            these, has another cause, whatever its words are.
        guessed: Whether the row is about a kind of error, or a text that nobody has published: the service's own words
            say more then than `means` does.
    """

    id: str
    codes: tuple[int, ...]
    pattern: str
    means: str
    do: str
    about: str = ""
    rpcs: tuple[str, ...] = ()
    field: str = ""
    guessed: bool = False
    elsewhere: str = ""
