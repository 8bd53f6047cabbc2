"""The emulator: the tuning service on this machine, for tests, demonstrations and work without a cloud account.

    >>> with gemtune.emulator.running(job_duration=0.5) as url:
    ...     client = gemtune.TuningClient("demo", endpoint=url)

One service object (`service`) behind front ends (`rest`, `grpc`); jobs live in SQLite (`storage`).
"""

from __future__ import annotations

from gemtune.errors import ConfigurationError

try:
    import starlette  # noqa: F401  # pyright: ignore[reportUnusedImport]
    import uvicorn  # noqa: F401  # pyright: ignore[reportUnusedImport]
except ModuleNotFoundError as error:
    raise ConfigurationError(f"the emulator needs {error.name}: pip install 'gemtune[emulator]'") from error

from gemtune.emulator.server import Address, default_db, running, serve

__all__ = ["Address", "default_db", "running", "serve"]
