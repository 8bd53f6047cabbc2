"""The name that was probably meant, among those there are."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["nearest"]


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that `name` most resembles, or None when none is near.

    Spelling counts, capitals and underscores do not: `learning_rate_multiplyer` and `learningRateMultiplyer` both find
    `learning_rate_multiplier`. Numbers are never taken for misspelt: `us-central2` is not near `us-central1`.
    """
    import difflib

    key, numbers = _key(name), _numbers(name)
    by_key = {_key(candidate): candidate for candidate in names if _numbers(candidate) == numbers or not numbers}
    found = difflib.get_close_matches(key, by_key, n=1, cutoff=0.7)
    if not found and len(key) > 3:  # a name cut short or drawn out: FOUR, validation_dataset
        found = [known for known in by_key if known.startswith(key) or known.endswith(key)]
    return by_key[found[0]] if found else None


def _key(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _numbers(name: str) -> list[str]:
    return re.findall(r"\d+", name)
