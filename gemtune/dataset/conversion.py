"""What the parts of a conversion share: its error, what it counts, and the words for values of a wrong kind."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from gemtune.errors import GemtuneError
from gemtune.rpc import nesting

__all__ = ["Changes", "ConversionError", "Fields", "filled", "kind_of", "parsed", "text_of"]

MOST_NAMES: Final = 200
"""How many names are counted one by one: keys are the data's, and could be as many as rows."""

_LONGEST_NAME: Final = 80


class ConversionError(GemtuneError, ValueError):
    """A row cannot be converted to Gemini's form; the sentence says what stands in the way."""


@dataclass
class Changes:
    """What a conversion did to rows beyond moving their text.

    Attributes:
        dropped: What Gemini's form has no place for, by name, such as `id` or `messages[].name` -> how often.
        changed: What was said in another way, in words -> how often.
    """

    dropped: Counter[str] = field(default_factory=Counter[str])
    changed: Counter[str] = field(default_factory=Counter[str])

    def drop(self, name: str) -> None:
        """Counts something that is lost. Indices in the name are left out: `messages[3].name` is `messages[].name`."""
        self.dropped[re.sub(r"\[\d+\]", "[]", name)[:_LONGEST_NAME]] += 1

    def change(self, what: str) -> None:
        """Counts something that is said in another way."""
        self.changed[what] += 1

    def add(self, other: Changes) -> None:
        """Adds another row's counts."""
        for mine, others in ((self.dropped, other.dropped), (self.changed, other.changed)):
            for name, count in others.items():
                mine[name if name in mine or len(mine) < MOST_NAMES else "others"] += count


class Fields:
    """The fields of an object, taken one by one; what nobody took is dropped, and counted."""

    def __init__(self, fields: Any, where: str = "") -> None:
        """Takes the object and where in the row it stands, "" for the row itself.

        Raises:
            ConversionError: It is no object.
        """
        if not isinstance(fields, Mapping):
            raise ConversionError(f"{where or 'the row'} is {kind_of(fields)}, not an object")
        self._left: dict[Any, Any] = dict(fields)
        self.where = where

    def at(self, key: str) -> str:
        """Where a field stands, such as `messages[2].content`."""
        return f"{self.where}.{key}" if self.where else key

    def has(self, key: str) -> bool:
        """Whether a field has a value, and nobody took it."""
        return self._left.get(key) is not None

    def peek(self, *keys: str) -> Any:
        """What `take` would take, left where it is."""
        return self._left.get(self.first(*keys))

    def take(self, *keys: str) -> Any:
        """The value of the first of the keys that has one; None without."""
        return self._left.pop(keys[0] if len(keys) == 1 else self.first(*keys), None)

    def text(self, *keys: str) -> str:
        """The text of a field that has to be there, and not to be blank.

        Raises:
            ConversionError: There is none.
        """
        key = self.first(*keys)
        return filled(text_of(self._left.pop(key, None), self.at(key)), self.at(key))

    def items(self, *keys: str) -> list[Any]:
        """The elements of a field that has to be a list with something in it.

        Raises:
            ConversionError: It is not.
        """
        key = self.first(*keys)
        value = self._left.pop(key, None)
        if not isinstance(value, list) or not value:
            kind = kind_of(value)
            raise ConversionError(f"{self.at(key)} is {kind}" + (", not a list" if value and kind != "a list" else ""))
        return value

    def first(self, *keys: str) -> str:
        """The first of the keys that has a value; the first of all without."""
        for key in keys:
            if self._left.get(key) is not None:
                return key
        return keys[0]

    def drop_rest(self, changes: Changes) -> None:
        """Counts the fields that are left as dropped. null says nothing, and so is no loss."""
        for key, value in self._left.items():
            if value is not None:
                changes.drop(self.at(str(key)))


def kind_of(value: Any) -> str:
    """What a value is, in words."""
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "text" if value else "an empty text"
    if isinstance(value, (list, tuple)):
        return "a list" if value else "an empty list"
    return "an object" if isinstance(value, Mapping) else type(value).__name__


def text_of(value: Any, where: str) -> str:
    """A value that has to be text.

    Raises:
        ConversionError: It is not.
    """
    if not isinstance(value, str):
        raise ConversionError(f"{where} is {kind_of(value)}" + ("" if value is None else ", not text"))
    return value


def filled(text: str, where: str) -> str:
    """Text that must not be blank: the service refuses a turn that is.

    Raises:
        ConversionError: It is blank.
    """
    if not text.strip():
        raise ConversionError(f"{where} has no text, and the service refuses a turn without")
    return text


def parsed(text: str | bytes) -> Any:
    """JSON without what its grammar does not have (NaN) and without a key twice, of which one would be lost.

    Raises:
        ValueError: It is not that; the sentence says why.
    """
    nesting.check(text)
    if isinstance(text, bytes):
        text = text.decode()
    return _DECODER.decode(text)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {twice!r:.{_LONGEST_NAME}} is there twice in one object")
    return fields


_DECODER: Final = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_each_once)
