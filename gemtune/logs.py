"""Our loggers: whatever a record holds of a server's words is harmless in its text, whoever writes it down.

A program that sets up no logging has its warnings on stderr by Python's last resort, which cleans nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from gemtune.shown import line

__all__ = ["logger"]


def _harmless(value: Any) -> Any:
    return value if value is None or isinstance(value, (int, float)) else line(str(value))


class _Harmless(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = _harmless(record.msg)
        if isinstance(record.args, Mapping):
            record.args = {name: _harmless(value) for name, value in record.args.items()}
        elif record.args:
            record.args = tuple(_harmless(value) for value in record.args)
        for name in ("request_id", "status"):
            if hasattr(record, name):
                setattr(record, name, _harmless(getattr(record, name)))
        return True


_HARMLESS = _Harmless()


def logger(name: str) -> logging.Logger:
    """The logger of a name, such as `gemtune`."""
    found = logging.getLogger(name)
    found.addFilter(_HARMLESS)  # again and again the same one, which is kept once
    return found
