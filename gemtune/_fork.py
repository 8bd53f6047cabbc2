"""A forked child opens its own connections: what a transport has open belongs to the parent."""

from __future__ import annotations

import os
import weakref
from typing import Any, Protocol

__all__ = ["renew_in_child"]


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
