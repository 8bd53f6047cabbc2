"""What is wrong with one row, before it has a file and a line."""

from __future__ import annotations

import json
from typing import NamedTuple

__all__ = ["ERROR", "WARNING", "Problem", "shown"]

ERROR, WARNING = "error", "warning"


class Problem(NamedTuple):
    """One thing that is wrong with a row.

    Attributes:
        code: The rule.
        severity: `error` or `warning`.
        path: The place, as a JSON pointer into the row.
        found: What was found, without a full stop.
        column: The place in the line, from 1, where there is one; else 0.
    """

    code: str
    severity: str
    path: str
    found: str
    column: int = 0


def shown(value: object, most: int = 40) -> str:
    """A value of a row as JSON, cut where it is long, for a sentence."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= most else text[: most - 4] + "..." + ('"' if text.startswith('"') else "")
