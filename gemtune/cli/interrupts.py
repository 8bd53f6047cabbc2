"""How a run is ended from outside: Ctrl-C, SIGTERM, and a reader who leaves."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from typing import NoReturn

__all__ = ["Stopped", "Terminated", "terminable"]


class Stopped(Exception):
    """The run was ended from outside, and this is what to say about it.

    Attributes:
        status: The exit status: 130 after Ctrl-C, 143 after SIGTERM, 3 where the output pipe is closed.
        erased: Whether the ^C that the terminal showed is gone already.
    """

    def __init__(self, message: str, *, status: int = 130, erased: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.erased = erased


class Terminated(BaseException):
    """SIGTERM came."""


@contextmanager
def terminable() -> Generator[None]:
    """SIGTERM ends the block as Ctrl-C does, in order: the cursor comes back, and the way back is printed.

    Raises:
        Terminated: In place of the process's end.
    """

    def stop(*_: object) -> NoReturn:
        raise Terminated

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
