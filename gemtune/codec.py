"""Message <-> JSON, protobuf's canonical mapping. All JSON of messages in this package goes through here.

`google.protobuf.json_format` is the law: the same result, the same inputs refused; where it fails protobuf's own
conformance suite, the suite's word goes before (docs/json.md lists those places). It walks descriptors in Python,
though, and is slow at it. So each conversion tries the fast road (`_codec_native`) first, which answers only what it
can answer just as json_format would:

1. the text as it is, when every name in it is known and spelled as JSON spells it;
2. the text's tree with names brought into that spelling and unknown ones noted and taken out (`_codec_tree`);
3. json_format.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

from google.protobuf import message as protobuf_message
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from gemtune._codec_any import ANY_TYPES
from gemtune._codec_native import Reader, pack_any, reader, writer
from gemtune._codec_tree import Place, Tidying, Unsure, path_of, tidy
from gemtune.errors import JsonError

__all__ = ["OnUnknown", "bytes_text", "decode", "encode", "float_text", "from_json", "to_json"]

M = TypeVar("M", bound=Message)

OnUnknown: TypeAlias = Callable[[str, Any], object]
"""Hears what was passed over: the path (`tuningJobs[0].newField`, JSON's spelling), and the value as JSON had it."""

Passed: TypeAlias = list[tuple[Place, Any]]


def to_json(message: Message, *, indent: int | None = None, preserving_proto_field_name: bool = False) -> str:
    """The JSON form of a message.

    Args:
        message: Any protobuf message.
        indent: Spaces per level; None gives one line without spaces.
        preserving_proto_field_name: Field names as in the .proto instead of lowerCamelCase.

    Raises:
        JsonError: The message has no JSON form (an `Any` of an unknown type, a timestamp out of range, ...).
    """
    fast = writer(message.DESCRIPTOR, proto_names=preserving_proto_field_name)
    text = fast.write(message.SerializePartialToString()) if fast is not None else None
    if text is None:
        return _law_writes(message, indent, preserving_proto_field_name)
    return text if indent is None else _dump(json.loads(text), indent)


def from_json(
    data: str | bytes,
    message_type: type[M],
    *,
    ignore_unknown_fields: bool = False,
    on_unknown: OnUnknown | None = None,
) -> M:
    """The message that JSON text stands for.

    Args:
        data: The text, or its UTF-8 bytes.
        message_type: The class of the message, such as `gemtune.TuningJob`.
        ignore_unknown_fields: Pass over fields and enum names that the type does not have, as in a service's answers.
            Of a name that an object has twice, the last one counts then; otherwise that is an error.
        on_unknown: Is told what was passed over, once the message is read.

    Raises:
        JsonError: The text is not JSON, or not the JSON form of that type.
    """
    message, passed = _read(data, message_type, ignore_unknown_fields)
    if on_unknown is not None:
        for place, value in passed:
            on_unknown(path_of(place), value)
    return message


def encode(message: Message) -> bytes:
    """A message as the bytes of an HTTP body."""
    return to_json(message).encode()


def decode(
    data: bytes, message_type: type[M], *, ignore_unknown_fields: bool = False, on_unknown: OnUnknown | None = None
) -> M:
    """The message in the bytes of an HTTP body."""
    return from_json(data, message_type, ignore_unknown_fields=ignore_unknown_fields, on_unknown=on_unknown)


def float_text(value: float, *, single: bool) -> str:
    """A number as the JSON mapping writes it, in the fewest digits that give it back."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if single:
        from google.protobuf.internal import type_checkers

        value = type_checkers.ToShortestFloat(value)
    return repr(value)


def bytes_text(value: bytes) -> str:
    """Bytes as the JSON mapping writes them."""
    return base64.b64encode(value).decode()


# -- the roads ----------------------------------------------------------------------------------------------------


def _read(data: str | bytes, message_type: type[M], lenient: bool) -> tuple[M, Passed]:
    fast = reader(message_type.DESCRIPTOR)
    raw = _utf8(data) if fast is not None else None
    # The library takes the last of two equal names. In answers that is not looked for, in all else it is an error.
    if fast is None or raw is None or fast.is_odd(raw) or not (lenient or _names_are_distinct(raw)):
        return _law_reads(_text(data), message_type, lenient)
    message = fast.read_text(raw, message_type)
    if message is not None:
        return message, []
    text = _text(data)
    return _read_tidied(fast, text, message_type, lenient) or _law_reads(text, message_type, lenient)


def _utf8(data: str | bytes) -> bytes | None:
    try:
        return data.encode() if isinstance(data, str) else data
    except UnicodeEncodeError:
        return None  # half a surrogate pair


def _text(data: str | bytes) -> str:
    try:
        return data if isinstance(data, str) else data.decode()
    except UnicodeDecodeError as error:
        raise JsonError(f"the JSON is not UTF-8: {error}") from error


def _names_are_distinct(data: bytes) -> bool:
    """Whether no object has a name twice. All in C: the pairs of every object, counted before and after."""
    objects: list[list[tuple[str, Any]]] = []
    try:
        json.loads(data, object_pairs_hook=objects.append)
    except (ValueError, RecursionError):
        return False
    return sum(map(len, objects)) == sum(map(len, map(dict, objects)))


def _read_tidied(fast: Reader, text: str, message_type: type[M], lenient: bool) -> tuple[M, Passed] | None:
    walk = Tidying(lenient, pack=pack_any)
    try:
        tree = tidy(cast("Descriptor", message_type.DESCRIPTOR), json.loads(text), walk)
    except JsonError:
        raise
    except (Unsure, ValueError, RecursionError):
        return None
    message = fast.read_tree(tree, message_type)
    return None if message is None else (message, walk.passed)


def _law_reads(text: str, message_type: type[M], lenient: bool) -> tuple[M, Passed]:
    from google.protobuf import json_format

    walk = Tidying(lenient)
    message = message_type()
    try:
        try:
            tree = json.loads(text)
        except (ValueError, RecursionError):
            json_format.Parse(text, message)  # says what is wrong
            raise
        tidy(cast("Descriptor", message_type.DESCRIPTOR), tree, walk)
        if lenient:
            json_format.ParseDict(tree, message, ignore_unknown_fields=True, descriptor_pool=ANY_TYPES)
        else:
            json_format.Parse(text, message, descriptor_pool=ANY_TYPES)
    except JsonError:
        raise
    except Exception as error:  # ParseDict lets through whatever a wrong type of value leads to
        raise JsonError(str(error) or type(error).__name__) from error
    return message, walk.passed


def _law_writes(message: Message, indent: int | None, proto_names: bool) -> str:
    from google.protobuf import json_format

    try:
        tree = json_format.MessageToDict(message, preserving_proto_field_name=proto_names, descriptor_pool=ANY_TYPES)
        return _dump(tree, indent)
    except (json_format.Error, protobuf_message.Error, ValueError, TypeError, RecursionError) as error:
        raise JsonError(f"{message.DESCRIPTOR.name} has no JSON form: {error}") from error


def _dump(tree: Any, indent: int | None) -> str:
    return json.dumps(tree, indent=indent, ensure_ascii=False, separators=(",", ":") if indent is None else None)
