"""The fields of a row's objects under both of their spellings."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from gemtune.dataset.facts import Facts
from gemtune.dataset.parse import pointer

__all__ = ["DATA", "PART", "Fields", "camel", "snake", "spellings"]

Fields: TypeAlias = dict[str, tuple[str, Any]]
"""The fields of an object by their JSON names: how each is spelled there, and its value."""

_DATA = (
    "text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult",
    "toolCall", "toolResponse",
)  # fmt: skip
_BESIDE = (
    "thought", "thoughtSignature", "videoMetadata", "mediaResolution", "mediaProcessing", "audioTranscription",
    "speechMetadata", "documentMetadata", "spreadsheetMetadata", "audioMetadata", "partMetadata",
)  # fmt: skip


def snake(name: str) -> str:
    """`fileData` -> `file_data`."""
    return re.sub(r"([A-Z])", lambda letter: f"_{letter[1].lower()}", name)


def spellings(*names: str) -> dict[str, str]:
    """Both spellings of some names -> the JSON name."""
    return {spelled: name for name in names for spelled in (name, snake(name))}


DATA = spellings(*_DATA)
"""The fields of a part of which it has one."""
PART = DATA | spellings(*_BESIDE)
"""Every field of a part."""


def camel(facts: Facts, value: dict[str, Any], names: dict[str, str], at: str) -> Fields:
    """The fields of an object by their JSON names, each as it is spelled there; null is as good as not there."""
    found: Fields = {}
    for key, below in value.items():
        name = names.get(key, key)
        if name in found and found[name][0] != key:
            facts.warn(
                "GT109", at + pointer(key), f"{found[name][0]} and {key} are one field, and it stands there under both"
            )
        found[name] = (key, below)
    return found
