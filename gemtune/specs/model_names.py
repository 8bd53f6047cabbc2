"""What a base model's name says: family, generation, and what stands around them.

`gemini-3.5-flash-preview-05-20` is of the family flash and the generation 3.5, as gemini-3.5-flash is. Two names mean
one model where both agree; a price and a context window hang on them, so neither is ever taken for misspelt.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["ModelName", "another_api", "bare_name", "is_open_name", "is_resource"]

# Words that say which build of a model is meant, not which model.
_BUILDS = frozenset(("default", "exp", "experimental", "ga", "latest", "preview", "stable", "tuning", "version"))

# Words that make another model of a name, so that none of them is `lite` misspelt.
_OTHER_MODELS = frozenset(("audio", "computer", "dialog", "embedding", "image", "live", "native", "thinking", "tts"))

_COLLECTIONS = frozenset(
    ("datasets", "endpoints", "locations", "models", "projects", "publishers", "tunedModels", "tuningJobs")
)
"""What resource names are made of, so that none of them is a publisher."""

_TYPO = 0.66  # as near as `flsh` is to `flash`, and no nearer than `lite` is to `pro`


def another_api(name: str) -> str:
    """What a name is, where it is one of another API and no base model of this one; "" where it is not."""
    if re.fullmatch(r"tunedModels/.*", name):
        return "a tuned model of the Gemini API (AI Studio), which cannot be tuned here"
    return ""


def bare_name(name: str) -> str:
    """The model's own name in a resource name, a URL or a name with a publisher: what follows the last slash."""
    return name.strip().rpartition("/")[2].partition(":")[0].partition("@")[0]


def is_resource(name: str) -> bool:
    """Whether a name is a resource's, of any kind, and not a publisher's model."""
    first, slash, _ = name.partition("/")
    return "//" in name or bool(slash and first in _COLLECTIONS and first != "publishers")


def is_open_name(name: str) -> bool:
    """Whether a name, short or under its publisher, has the form of an open model's: `publisher/model@version`."""
    publisher, slash, _ = name.partition("/")
    if slash:
        return publisher not in _COLLECTIONS and ":" not in publisher and publisher != ""
    return "@" in name


@dataclass(frozen=True)
class ModelName:
    """The parts of a Gemini model's name.

    Attributes:
        generation: Two digits, such as `25` of 2.5; "" where the name has none.
        family: The words that tell the models of a generation apart: `("flash", "lite")`.
    """

    generation: str
    family: tuple[str, ...]

    @classmethod
    def parse(cls, name: str) -> ModelName | None:
        """The parts of a name, however it is written; None where it is not a Gemini model's."""
        words = re.findall(r"\d+(?:\.\d+)?|[a-z]+", bare_name(name).lower())
        if not words or not _like(words[0], "gemini"):
            return None
        rest = words[1:]
        # 001 is a build, and 05-20 a day: a generation follows the first word, or has a point.
        numbers = [w for i, w in enumerate(rest) if re.fullmatch(r"\d{1,2}" if i == 0 else r"\d+\.\d+", w) or "." in w]
        generation = numbers[0] if numbers else ""
        if len(rest) > 1 and re.fullmatch(r"\d", rest[0]) and re.fullmatch(r"\d", rest[1]):  # gemini-3-5-flash
            generation = rest[0] + rest[1]
        family = tuple(word for word in rest if not word[0].isdigit() and word not in _BUILDS)
        digits = generation.replace(".", "")
        return cls(f"{digits}0" if len(digits) == 1 else digits, family)

    def among(self, known: Mapping[str, ModelName]) -> list[str]:
        """The names that this one can mean: of its generation and family; a part that it does not have can be any."""
        of_age = {name: parts.family for name, parts in known.items() if self.generation in ("", parts.generation)}
        if not self.family:
            return list(of_age)
        same = [name for name, family in of_age.items() if "".join(self.family) == "".join(family)]
        return same or [
            name
            for name, family in of_age.items()
            if len(family) == len(self.family) and all(map(_like, self.family, family))
        ]


def _like(word: str, known: str) -> bool:
    if word in _OTHER_MODELS:
        return word == known
    return difflib.SequenceMatcher(None, word, known).ratio() >= _TYPO
