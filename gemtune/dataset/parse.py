"""One line of a file to one JSON object, or to the reason why it is none."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

from gemtune.errors import JsonError
from gemtune.rpc import nesting

__all__ = ["BadLineError", "Doubled", "doubled_keys", "parse", "pointer"]

BOM = b"\xef\xbb\xbf"


class BadLineError(Exception):
    """A line that holds no JSON object.

    Attributes:
        code: The rule, GT101, GT102 or GT103.
        found: What was found.
        column: Where in the line, from 1, in characters; 0: nowhere in particular.
    """

    def __init__(self, code: str, found: str, column: int = 0) -> None:
        super().__init__(found)
        self.code, self.found, self.column = code, found, column


class Doubled(dict[str, Any]):
    """An object in which keys stand twice: each has its last value here."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        seen: set[str] = set()
        self.keys_twice = tuple(dict.fromkeys(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    return made if len(made) == len(pairs) else Doubled(pairs)


def _constant(name: str) -> Any:
    raise _NotANumberError(name)


class _NotANumberError(ValueError):
    pass


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
_LINE_SEPARATORS = " \t\r\n"


def parse(line: bytes) -> dict[str, Any]:
    """The object of a line.

    Args:
        line: The line's bytes, with or without its end. Not blank.

    Raises:
        BadLineError: It holds no object.
    """
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        found = f"byte {error.start + 1} of the line (0x{line[error.start]:02x}) is not UTF-8"
        raise BadLineError("GT103", found, len(line[: error.start].decode("utf-8", "replace")) + 1) from None
    try:
        nesting.check(line)
        value, end = _DECODER.raw_decode(text, len(text) - len(text.lstrip(_LINE_SEPARATORS)))
    except json.JSONDecodeError as error:
        raise BadLineError("GT101", f"the line is not JSON: {_why(text, error)}", error.pos + 1) from None
    except _NotANumberError as error:
        column = text.find(str(error)) + 1
        raise BadLineError("GT101", f"the line is not JSON: {error} is not a value that JSON has", column) from None
    except JsonError as error:
        raise BadLineError("GT101", f"the line is not read: {error}") from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits
        raise BadLineError("GT101", f"the line is not read: {error}") from None
    rest = text[end:].strip(_LINE_SEPARATORS)
    if rest:
        if rest[0] in "{[" and isinstance(value, dict):
            raise BadLineError("GT102", "more than one JSON value is on the line", end + 1)
        raise BadLineError("GT101", f"the line is not JSON: {_short(rest)} follows the end of its value", end + 1)
    if not isinstance(value, dict):
        raise BadLineError("GT102", f"the line holds {_kind(value)} and not one object")
    if _has_half_surrogate(text):
        _refuse_half_surrogates(value)
    return value


def _why(text: str, error: json.JSONDecodeError) -> str:
    start = text.lstrip(_LINE_SEPARATORS)
    if start.startswith("\ufeff"):
        return "a byte order mark stands before its value"
    if re.match(r"\{\s*'", start) or re.match(r"[{\[]\s*['\"].*(?:: None|: True|: False)\b", start):
        try:
            ast.literal_eval(start.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            pass
        else:
            return "it is written as Python writes a dict (single quotes, None, True)"
        if start.startswith("{'"):
            return "names and texts stand in single quotes"
    where = error.pos
    if not text[where:].strip(_LINE_SEPARATORS) or error.msg.startswith("Unterminated string"):
        return "it is cut off before its end"
    before = text[:where].rstrip(_LINE_SEPARATORS)
    if (text[where] in "}]" and before.endswith(",")) or error.msg.startswith("Illegal trailing comma"):
        return f"a comma stands before {text[where:].lstrip(', ')[:1]}"
    return f"{error.msg[0].lower()}{error.msg[1:]} at character {where + 1}, found {_short(text[where:])}"


def _short(text: str) -> str:
    shown = text[:12].rstrip(_LINE_SEPARATORS)
    return json.dumps(shown, ensure_ascii=False)[1:-1] + ("..." if len(text) > 12 else "")


def _kind(value: object) -> str:
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, str):
        return "a text"
    return "null" if value is None else "true or false" if isinstance(value, bool) else "a number"


_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def _has_half_surrogate(text: str) -> bool:
    return "\\u" in text and _HALF.search(text) is not None


def _refuse_half_surrogates(value: object) -> None:
    for found in _texts(value):
        try:
            found.encode("utf-8")
        except UnicodeEncodeError:
            raise BadLineError(
                "GT101", "the line is not JSON: half of a surrogate pair stands in a text (\\ud800 to \\udfff)"
            ) from None


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, below in value.items():
            yield key
            yield from _texts(below)
    elif isinstance(value, list):
        for below in value:
            yield from _texts(below)


def pointer(*steps: str | int) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)


def doubled_keys(value: object, at: str = "") -> Iterator[str]:
    """The pointers of the keys that stand twice in their object."""
    if isinstance(value, dict):
        if isinstance(value, Doubled):
            for key in value.keys_twice:
                yield at + pointer(key)
        for key, below in value.items():
            if isinstance(below, dict | list):
                yield from doubled_keys(below, at + pointer(key))
    elif isinstance(value, list):
        for i, below in enumerate(value):
            if isinstance(below, dict | list):
                yield from doubled_keys(below, f"{at}/{i}")
