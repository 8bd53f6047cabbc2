"""What a path lacks that no method is served at: clients leave out the project, the location or the version.

google-genai drops project and location when they come from the environment beside a `base_url`, and asks at `/`;
Google's client for Go asks at `/v1beta1/tuningJobs` then. "No such path" alone would leave their users puzzled.
"""

from __future__ import annotations

import re
from itertools import pairwise
from urllib.parse import unquote

__all__ = ["HEALTH", "lacking"]

HEALTH = "/emulator/health"
"""Where the emulator says that it answers. Not at `/`, whose answer a client would take for its own call's."""

_VERSION = re.compile(r"v\d\w*|ui")
_SERVED = ("v1", "v1beta1", "ui")
_PLACE = {"project": "projects", "location": "locations"}
_WORDS = {*_PLACE.values(), "tuningJobs", "operations"}


def lacking(path: str) -> str:
    """What a path lacks, in a sentence; "" where something else is wrong with it."""
    first, *others = unquote(path).lstrip("/").split("/")
    version, rest = (first, others) if _VERSION.fullmatch(first) else ("", [first, *others])
    words = [segment.partition(":")[0] for segment in rest]
    if any(words) and "tuningJobs" not in words and "operations" not in words:
        return ""  # a resource that the emulator does not have
    missing = [
        name
        for name, collection in _PLACE.items()
        if not any(a == collection and b and b not in _WORDS for a, b in pairwise(words))
    ]
    if missing:
        how = "them as arguments" if len(missing) > 1 else "it as an argument"
        arguments = ", ".join(f"{name}=..." for name in missing)
        return f"the client left out {' and '.join(missing)}: give {how} ({arguments})"
    if version not in _SERVED:
        return f"the path has {version or 'no version'} where the version of the API is wanted: v1 or v1beta1"
    return ""
