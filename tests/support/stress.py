"""How many: small numbers in an ordinary run, whole ones by `make soak`; and what they are made of."""

from __future__ import annotations

import os
from collections.abc import Iterable

import gemtune

__all__ = ["SOAK", "named"]

SOAK = bool(os.environ.get("GEMTUNE_SOAK"))


def named(jobs: Iterable[gemtune.TuningJob]) -> list[str]:
    """Their names, in order."""
    return sorted(job.name for job in jobs)
