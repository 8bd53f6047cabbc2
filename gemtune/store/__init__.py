"""Specs and submissions that are kept: by fingerprint, with the history of what was submitted when and as which job.

    >>> from gemtune.store import SpecStore
    >>> with SpecStore() as store:                       # a file of SQLite below ~/.local/share
    ...     fingerprint = store.put(gemtune.load_spec("spec.yaml"))
    ...     job = store.get(fingerprint)

Needs the extra `store`. Knows messages and specs; no clients: a client is given a store, and its driver talks to it.
What needs SQLAlchemy loads on first use: `private_file` does without it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gemtune.errors import ConfigurationError

if TYPE_CHECKING:
    from gemtune.store.database import StoreError
    from gemtune.store.records import Claim, StoredSpec, Submission, SubmissionEvent, SubmittedJob
    from gemtune.store.spec_store import SpecNotFound, SpecStore, SubmissionNotFound

__all__ = [
    "Claim",
    "SpecNotFound",
    "SpecStore",
    "StoreError",
    "StoredSpec",
    "Submission",
    "SubmissionEvent",
    "SubmissionNotFound",
    "SubmittedJob",
]

_MODULES = {  # the rest: records
    "StoreError": "database",
    **dict.fromkeys(("SpecNotFound", "SpecStore", "SubmissionNotFound"), "spec_store"),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'gemtune.store' has no attribute {name!r}")
    try:
        module = importlib.import_module(f"gemtune.store.{_MODULES.get(name, 'records')}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "sqlalchemy":
            raise
        raise ConfigurationError("stored specs need SQLAlchemy: pip install 'gemtune[store]'") from error
    value = globals()[name] = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
