"""The command line; see `gemtune.cli.main`."""

from __future__ import annotations

from gemtune.cli.main import main, run

__all__ = ["main", "run"]
