"""What is wrong with the JSON of a request, said as the service's front end says it, and what it overlooks.

`http_rule` reads requests; this module walks the JSON beside the message's descriptor and names everything that does
not fit, with its place: all of it when `http_rule` could not read the JSON, and else what Python alone takes:
json_format reads numbers and times by `int`, `float` and `strptime`, which know more forms than JSON and the service.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, cast

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gemtune.descriptors import is_map
from gemtune.errors import InvalidArgument, JsonError, bad_request
from gemtune.rpc import codec, nesting

__all__ = ["explain", "without_trailing_commas"]

_MOST = 100  # violations in one answer

# Strings are matched whole, so that a comma inside of one is never seen; one that is not closed goes to the end, which
# keeps the time linear.
_STRING_OR_COMMA = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|,(?=\s*[}\]])', re.DOTALL)

_TYPE_NAMES = {
    number: name
    for name, number in vars(FieldDescriptor).items()
    if name.startswith("TYPE_") and isinstance(number, int)
}


def without_trailing_commas(body: bytes) -> bytes:
    """JSON without the commas that stand before a closing bracket, which the service overlooks; strings are kept."""
    text = body.decode("utf-8", "surrogateescape")
    mended = _STRING_OR_COMMA.sub(lambda match: "" if match[0] == "," else match[0], text)
    return mended.encode("utf-8", "surrogateescape")


def explain(
    body: bytes, descriptor: Descriptor, *, path: str, package: str, was_read: bool = False
) -> InvalidArgument | None:
    """The error for a body that is not the JSON form of a message; None when nothing is found here.

    Args:
        body: The body.
        descriptor: The message's type.
        path: Where the message is in the request, such as `tuning_job`; "" when it is the request.
        package: The proto package that the service gives the types of ours, such as `google.cloud.aiplatform.v1`.
        was_read: Whether the codec has read it, so that only values of another form than the service's are looked for.
    """
    try:
        nesting.check(body)
        value = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        return InvalidArgument(f"Invalid JSON payload received. {_wrong_text(error)}.")
    walk = _Walk(descriptor.file.package, package, _is_plain if was_read else _readable)
    found = _limited(walk.message(value, descriptor, path))
    return InvalidArgument("\n".join(text for _, text in found), details=[bad_request(found)]) if found else None


def _wrong_text(error: Exception) -> str:
    match error:
        case json.JSONDecodeError():
            return _syntax(error)
        case UnicodeDecodeError():
            return "The text is not UTF-8"
        case RecursionError() | JsonError():
            return "The values are nested too deeply"
        case _Constant():
            return f"{error} is not a JSON value"
        case _:  # json.loads makes no int of so many digits
            return "A number has more than 4,300 digits"


class _Constant(ValueError):
    """A number that Python alone writes so."""


def _no_constant(name: str) -> Any:
    raise _Constant(name)


_SYNTAX = {
    "Expecting value": "Expected a value",
    "Expecting property name": "Expected a name in quotes or }",
    "Illegal trailing comma before end of object": "Expected a name in quotes or }",
    "Illegal trailing comma before end of array": "Expected a value",
    "Expecting ':'": "Expected : after a name",
    "Expecting ','": "Expected , or a closing bracket",
    "Extra data": "Expected nothing more after the value",
    "Unterminated string": "Expected a quote at the end of the text that begins",
    "Invalid control character": "Expected no control character in a text",
    "Invalid \\": "Expected a known escape after \\",
}
"""What Python's json says, by its beginning -> our words: its own, and where it points, differ between versions."""


def _syntax(error: json.JSONDecodeError) -> str:
    """What is wrong with a text that is no JSON, and where: the same for every version of Python."""
    said = next((ours for theirs, ours in _SYNTAX.items() if error.msg.startswith(theirs)), "Unexpected text")
    at = error.pos
    if error.msg.startswith("Illegal trailing comma"):  # since 3.13, which points at the comma and not behind it
        at += len(error.doc[at:]) - len(error.doc[at + 1 :].lstrip())
    line, column = error.doc.count("\n", 0, at) + 1, at - error.doc.rfind("\n", 0, at)
    return f"{said} at line {line} column {column}"


def _limited(violations: Iterator[tuple[str, str]]) -> list[tuple[str, str]]:
    # JSON may hold half of a surrogate pair, and a message may not: it is shown escaped.
    return [(path, text.encode("utf-8", "backslashreplace").decode()) for path, text in islice(violations, _MOST)]


class _Walk:
    def __init__(self, ours: str, theirs: str, readable: Callable[[Any, FieldDescriptor], bool]) -> None:
        self._ours = ours
        self._theirs = theirs
        self._readable = readable

    def message(self, value: Any, descriptor: Descriptor, path: str) -> Iterator[tuple[str, str]]:
        """What does not fit in the JSON of a message."""
        if not isinstance(value, dict):
            yield self._invalid(value, path, self._type_url(descriptor.full_name))
            return
        set_in: dict[str, str] = {}
        for key, item in cast("dict[str, Any]", value).items():
            field = _field(descriptor, key)
            if field is None:
                at = f" at '{path}'" if path else ""
                yield path, f'Invalid JSON payload received. Unknown name "{key}"{at}: Cannot find field.'
                continue
            if item is None and not _takes_null(field):
                continue
            oneof = field.containing_oneof
            if oneof is not None and set_in.setdefault(oneof.name, field.name) != field.name:
                yield (
                    path,
                    f"Invalid value at '{path}' (oneof), oneof field '{oneof.name}' is already set. Cannot set '{key}'",
                )
                continue
            yield from self._field(item, field, f"{path}.{field.name}" if path else field.name)

    def _field(self, item: Any, field: FieldDescriptor, path: str) -> Iterator[tuple[str, str]]:
        kind = field.message_type
        if kind is None or is_map(field) or kind.full_name.startswith("google."):
            # Scalars, enums, maps and protobuf's own types: the codec knows what they may look like.
            if not self._readable(item, field):
                yield self._invalid(item, path, self._type_of(field))
        elif not field.is_repeated:
            yield from self.message(item, kind, path)
        elif isinstance(item, list):
            parts: list[Any] = item
            for i, part in enumerate(parts):
                yield from self.message(part, kind, f"{path}[{i}]")
        else:
            yield self._invalid(item, path, self._type_of(field))

    def _invalid(self, value: Any, path: str, type_name: str) -> tuple[str, str]:
        if not path:
            return path, "Invalid JSON payload received. Root element must be a message."
        shown = json.dumps(value, ensure_ascii=False)
        shown = shown if len(shown) <= 200 else shown[:200] + "..."
        return path, f"Invalid value at '{path}' ({type_name}), {shown}"

    def _type_of(self, field: FieldDescriptor) -> str:
        kind = field.message_type if field.message_type is not None else field.enum_type
        return self._type_url(kind.full_name) if kind is not None else _TYPE_NAMES[field.type]

    def _type_url(self, full_name: str) -> str:
        if full_name.startswith(self._ours + "."):
            full_name = self._theirs + full_name.removeprefix(self._ours)
        return f"type.googleapis.com/{full_name}"


def _field(descriptor: Descriptor, key: str) -> FieldDescriptor | None:
    # Not by `fields_by_name`: upb's fails on half a surrogate pair.
    return next((field for field in descriptor.fields if key in (field.name, field.json_name)), None)


def _takes_null(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.full_name == "google.protobuf.Value"


_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_NUMBER = re.compile(_INTEGER.pattern + r"(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_OFFSET = r"(?:Z|[-+](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_FORMS: Mapping[str, re.Pattern[str]] = {
    "google.protobuf.Timestamp": re.compile(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?" + _OFFSET
    ),
    "google.protobuf.Duration": re.compile(r"-?[0-9]+(?:\.[0-9]{1,9})?s"),
}
_FLOATS = (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT)
_LARGEST = sys.float_info.max
_TEXTS = (FieldDescriptor.CPPTYPE_STRING, FieldDescriptor.CPPTYPE_BOOL)


def _is_plain(item: Any, field: FieldDescriptor) -> bool:
    """Whether a value that the codec takes has a form that the service takes, too."""
    kind: Any = field.message_type
    if is_map(field):
        key, value = kind.fields_by_name["key"], kind.fields_by_name["value"]
        keys_fit = key.cpp_type in _TEXTS or all(map(_INTEGER.fullmatch, item))
        return keys_fit and all(_is_plain_one(part, value) for part in item.values())
    if field.is_repeated:
        return all(_is_plain_one(part, field) for part in item)
    return _is_plain_one(item, field)


def _is_plain_one(item: Any, field: FieldDescriptor) -> bool:
    kind: Any = field.message_type
    if kind is not None:
        if kind.full_name in _FORMS:
            return _FORMS[kind.full_name].fullmatch(item) is not None
        is_wrapper = kind.full_name.startswith("google.protobuf.") and list(kind.fields_by_name) == ["value"]
        return not is_wrapper or item is None or _is_plain_one(item, kind.fields_by_name["value"])
    if field.enum_type is not None:
        return item in field.enum_type.values_by_name or _INTEGER.fullmatch(str(item)) is not None
    return field.cpp_type in _TEXTS or _is_plain_number(item, floating=field.cpp_type in _FLOATS)


def _is_plain_number(item: Any, *, floating: bool) -> bool:
    if isinstance(item, str):
        if floating and item in ("NaN", "Infinity", "-Infinity"):
            return True
        return _NUMBER.fullmatch(item) is not None and math.isfinite(float(item))
    return not isinstance(item, bool) and -_LARGEST <= item <= _LARGEST


def _readable(item: Any, field: FieldDescriptor) -> bool:
    descriptor: Any = field.containing_type
    owner = message_factory.GetMessageClass(descriptor)
    try:
        codec.from_json(json.dumps({field.name: item}), owner)
    except JsonError:
        return False
    return _is_plain(item, field)
