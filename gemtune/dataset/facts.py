"""What is known of one row: its problems, and what is counted and compared when it has no error."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from gemtune.dataset.limits import Limits
from gemtune.dataset.problem import ERROR, WARNING, Problem

__all__ = ["Facts", "SizeOf", "Turn", "answer_key", "part_key", "prompt_key"]

SizeOf = Callable[[str], "int | None"]
"""The size in bytes of the file that a URI names; None where it cannot be seen."""

# Between the parts of a key that is compared: characters that texts hardly hold.
_OF_MANY, _TURN, _PART = "\x1e", "\x1e", "\x1d"


_canonical = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


class Turn:
    """A turn of a row: whose it is, its tokens, its parts in a form that is compared."""

    __slots__ = ("parts", "role", "tokens")

    def __init__(self, role: str) -> None:
        self.role = role
        self.tokens = 0
        self.parts: list[str] = []


class Facts:
    """What is known of one row.

    Attributes:
        limits: Of the base model.
        size_of: The sizes of files that rows name, where they can be seen.
        problems: What is wrong with it.
        failed: Whether one of them is an error.
        turns: Its turns, completions of a preference row included.
        system: Its system instruction; None: it has none.
        modalities: The modalities of its media.
        files: Files of media, by modality.
        resolution: The value of mediaResolution that holds for the row, "" for none.
        resolution_path: Where it stands.
        leftovers: Which leftovers of another product's preparation it has.
        calls: Where its first function call, or result of one, stands; "" for none.
        called: The functions that are called, by name, and where.
        foreign: The form of another product's data that the row has; "" for none.
        answers: How many turns at the end are what is learnt: 1, or 2 in a preference row, 0 in a row without.
        references: What a reinforcement row has as references, as text.
    """

    __slots__ = (
        "answers",
        "called",
        "calls",
        "failed",
        "files",
        "foreign",
        "leftovers",
        "limits",
        "modalities",
        "problems",
        "references",
        "resolution",
        "resolution_path",
        "size_of",
        "system",
        "turns",
    )  # fmt: skip

    def __init__(self, limits: Limits, size_of: SizeOf | None = None) -> None:
        self.limits, self.size_of = limits, size_of
        self.problems: list[Problem] = []
        self.failed = False
        self.turns: list[Turn] = []
        self.system: Turn | None = None
        self.modalities: set[str] = set()
        self.files: dict[str, int] = {}
        self.resolution = ""
        self.resolution_path = ""
        self.leftovers: frozenset[str] = frozenset()
        self.calls = ""
        self.called: list[tuple[str, str]] = []
        self.foreign = ""
        self.answers = 1
        self.references = ""

    def error(self, code: str, path: str, found: str, column: int = 0) -> None:
        """Adds an error."""
        self.problems.append(Problem(code, ERROR, path, found, column))
        self.failed = True

    def warn(self, code: str, path: str, found: str, column: int = 0) -> None:
        """Adds a warning."""
        self.problems.append(Problem(code, WARNING, path, found, column))

    @property
    def input_tokens(self) -> int:
        """Tokens of what is not the model's."""
        system = self.system.tokens if self.system is not None else 0
        return system + sum(turn.tokens for turn in self.turns if turn.role != "model")

    @property
    def output_tokens(self) -> int:
        """Tokens of the model's turns."""
        return sum(turn.tokens for turn in self.turns if turn.role == "model")

    def keys(self) -> tuple[str, str]:
        """What is compared: the prompt, and the answer."""
        at = len(self.turns) - self.answers
        system = _PART.join(self.system.parts) if self.system is not None else ""
        prompt = prompt_key(system, [(turn.role, turn.parts) for turn in self.turns[:at]])
        return prompt, self.references or answer_key([turn.parts for turn in self.turns[at:]])


def prompt_key(system: str, turns: list[tuple[str, list[str]]]) -> str:
    """A prompt in a form that is equal for equal prompts: of one turn with one text, that text."""
    if not system and len(turns) == 1 and len(turns[0][1]) == 1 and turns[0][0] == "user":
        return turns[0][1][0]
    return _OF_MANY + system + "".join(f"{_TURN}{role[:1]}{_PART.join(parts)}" for role, parts in turns)


def answer_key(turns: list[list[str]]) -> str:
    """An answer in such a form."""
    if len(turns) == 1 and len(turns[0]) == 1:
        return turns[0][0]
    return _OF_MANY + _TURN.join(map(_PART.join, turns))


def part_key(kind: str, value: Any) -> str:
    """A part that is no text, in such a form."""
    return f"{_PART}{kind}{_PART}{_canonical(value)}"
