"""Specs and submissions that are kept: by fingerprint, with the history of what was submitted when and as which job.

    >>> from gemtune.store import SpecStore
    >>> with SpecStore() as store:                       # a file of SQLite below ~/.local/share
    ...     fingerprint = store.put(gemtune.load_spec("spec.yaml"))
    ...     job = store.get(fingerprint)

Needs the extra `store`. Knows messages and specs; no clients: a client is given a store, and its driver talks to it.
"""

from __future__ import annotations

from gemtune.errors import ConfigurationError

try:
    from gemtune.store.database import StoreError
    from gemtune.store.records import Claim, StoredSpec, Submission, SubmittedJob
    from gemtune.store.spec_store import SpecNotFound, SpecStore
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "sqlalchemy":
        raise
    raise ConfigurationError("stored specs need SQLAlchemy: pip install 'gemtune[store]'") from error

__all__ = ["Claim", "SpecNotFound", "SpecStore", "StoreError", "StoredSpec", "Submission", "SubmittedJob"]
