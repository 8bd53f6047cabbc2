"""What comes into our code from outside of it: forks, and exceptions of signal handlers."""

from __future__ import annotations

import os
import sys
import weakref
from typing import Any, Protocol

__all__ = ["is_of_others", "let_through", "renew_in_child"]


class _Renewable(Protocol):
    def renew(self) -> None:
        """Forgets connections without closing them, and makes new locks: another thread may have held the old ones."""


_living: weakref.WeakSet[Any] = weakref.WeakSet()


def renew_in_child(holder: _Renewable) -> None:
    """Has `holder.renew()` called in every forked child, before anything else runs there."""
    _living.add(holder)


def _in_child() -> None:
    for holder in list(_living):
        holder.renew()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_in_child)


def is_of_others(error: BaseException, *packages: str) -> bool:
    """Whether an exception comes out of a program's signal handler, and not out of what was being done.

    It may be of any class: programs raise TimeoutError in an alarm's handler. What tells is the code that raised it.

    Args:
        error: The exception as it was caught.
        packages: Whose code was at work, besides ours and the standard library's.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = "" if trace is None else str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
    return module not in sys.stdlib_module_names and module not in ("", "gemtune", *packages)


def let_through(error: BaseException, *packages: str) -> None:
    """Raises what a signal handler raised, where that is `error` or what `error` was made of.

    Args:
        error: The exception as it was caught.
        packages: As for `is_of_others`.
    """
    one: BaseException | None = error
    while one is not None:
        if is_of_others(one, *packages):
            raise one
        one = one.__cause__
