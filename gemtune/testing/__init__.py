"""What tests of your own may import. Each module says what it needs besides gemtune.

- `emulator()`: the service in the test's process, with faults, outcomes and a clock in the test's hands
  (docs/testing.md); needs the extra `emulator`.
- `messages()`: any message of a type, as a strategy of hypothesis, which it needs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gemtune.testing.emulating import Emulator, emulator
    from gemtune.testing.strategies import messages

__all__ = ["Emulator", "emulator", "messages"]

# Public name -> the module that has it; loaded when the name is first used.
_LAZY: dict[str, str] = {
    "Emulator": "gemtune.testing.emulating",
    "emulator": "gemtune.testing.emulating",
    "messages": "gemtune.testing.strategies",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'gemtune.testing' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
