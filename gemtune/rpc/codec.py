"""Message <-> JSON, protobuf's canonical mapping. All JSON of messages in this package goes through here.

`google.protobuf.json_format` is the law: the same result, the same inputs refused; where it fails protobuf's own
conformance suite, or takes JSON of the wrong kind for an empty message, it is corrected (docs/json.md lists those
places). It walks descriptors in Python, though, and is slow at it. So each conversion tries the fast road
(`_codec_native`) first, which answers only what it can answer just as json_format would:

1. the text as it is, when every name in it is known and spelled as JSON spells it;
2. the text's tree with names brought into that spelling and unknown ones noted and taken out (`_codec_tree`);
3. json_format.

In answers each `Any` is taken out of the tree and read by itself, so that one that cannot be read costs nothing else.
"""

from __future__ import annotations

import base64
import contextlib
import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar, cast

from google.protobuf import message as protobuf_message, message_factory
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message

from gemtune.errors import JsonError
from gemtune.rpc import any_types as any_forms, nesting
from gemtune.rpc._codec_native import Reader, pack_any, reader, writer
from gemtune.rpc._codec_order import in_order, may_be_out_of_order
from gemtune.rpc._codec_tree import DEPTH, OWN_FORMS, Place, Tidying, Unsure, path_of, tidy
from gemtune.rpc.any_types import ANY, ANY_TYPES, find_type

__all__ = [
    "OnUnknown",
    "bytes_text",
    "decode",
    "encode",
    "find_type",
    "float_text",
    "from_json",
    "kept_any",
    "to_json",
]

M = TypeVar("M", bound=Message)

OnUnknown: TypeAlias = Callable[[str, Any], object]
"""Hears what was passed over: the path (`tuningJobs[0].newField`, JSON's spelling), and the value as JSON had it."""

Passed: TypeAlias = list[tuple[Place, Any]]


def to_json(message: Message, *, indent: int | None = None, preserving_proto_field_name: bool = False) -> str:
    """The JSON form of a message; the entries of maps are in the order of their keys.

    An `Any` whose type or bytes cannot be read is written as its type URL and its bytes, `{"@type": ..., "@value":
    base64}`, and one that was read from JSON like that as it came.

    Args:
        message: Any protobuf message.
        indent: Spaces per level; None gives one line without spaces.
        preserving_proto_field_name: Field names as in the .proto instead of lowerCamelCase.

    Raises:
        JsonError: The message has no JSON form (a timestamp out of range, ...).
        TypeError: It is no protobuf message.
    """
    if not isinstance(message, Message):
        raise TypeError(_no_message(message))
    fast = writer(message.DESCRIPTOR, proto_names=preserving_proto_field_name)
    text = fast.write(message.SerializePartialToString(deterministic=True)) if fast is not None else None
    if text is None:
        return _law_writes(message, indent, preserving_proto_field_name)
    if may_be_out_of_order(message):
        descriptor = cast("Descriptor", message.DESCRIPTOR)
        return _dump(in_order(descriptor, json.loads(text), proto_names=preserving_proto_field_name), indent)
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
        ignore_unknown_fields: Pass over fields and enum names that the type does not have, as in a service's answers,
            and keep what an `Any` holds that cannot be read as it came. Of a name that an object has twice, the last
            one counts then; otherwise that is an error.
        on_unknown: Is told what was passed over, once the message is read.

    Raises:
        JsonError: The text is not JSON, or not the JSON form of that type, or nests too deeply.
        TypeError: `data` is no text, or `message_type` no class of messages.
    """
    if not isinstance(data, str | bytes | bytearray):
        raise TypeError(_no_text(data))
    if not (isinstance(message_type, type) and issubclass(message_type, Message) and message_type is not Message):
        raise TypeError(_no_type(message_type))
    data = bytes(data) if isinstance(data, bytearray) else data
    nesting.check(data)
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


def _no_text(data: object) -> str:
    kind = type(data).__name__
    if isinstance(data, memoryview):
        return "from_json takes text or bytes, and this is a memoryview; give bytes(it)"
    if isinstance(data, dict | list):
        return f"from_json takes JSON text, and this is a {kind}; give json.dumps(it)"
    return f"from_json takes JSON text (str or bytes), and this is {'None' if data is None else f'of type {kind}'}"


def _no_type(message_type: object) -> str:
    if callable(getattr(message_type, "pb", None)):  # proto-plus
        return "message_type is a proto-plus class; give the protobuf class within: it.pb()"
    is_a = f"of type {type(message_type).__name__}" if not isinstance(message_type, type) else message_type.__name__
    return f"message_type is a class of protobuf messages such as gemtune.TuningJob, and this is {is_a}"


def _no_message(message: object) -> str:
    if isinstance(message, type) and issubclass(message, Message):
        return f"to_json takes a protobuf message, and this is the class {message.__name__}; give a message of it"
    if callable(getattr(type(message), "pb", None)):  # proto-plus
        kind = type(message).__name__
        return f"to_json takes a protobuf message, and this is proto-plus'; give the one within: {kind}.pb(it)"
    return f"to_json takes a protobuf message, and this is of type {type(message).__name__}"


def kept_any(any_: Message) -> Any:
    """The JSON of an `Any` that could not be read.

    Raises:
        ValueError: It was read, or came in binary.
    """
    return any_forms.kept_json(cast("Any", any_).value)


# -- reading ------------------------------------------------------------------------------------------------------


def _read(data: str | bytes, message_type: type[M], lenient: bool) -> tuple[M, Passed]:
    fast = reader(message_type.DESCRIPTOR)
    raw = _utf8(data) if fast is not None else None
    # The library takes the last of two equal names. In answers that is not looked for, in all else it is an error.
    if fast is None or raw is None or fast.is_odd(raw) or not (lenient or _names_are_distinct(raw)):
        fast = None
    elif (message := fast.read_text(raw, message_type)) is not None:
        return message, []
    text = _text(data)
    walk = Tidying(lenient, read_any=_any_reader(message_type) if lenient else None)
    message = _read_tree(_parsed(text, message_type), message_type, walk, fast, text)
    return message, walk.passed


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


def _parsed(text: str, message_type: type[Message]) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        from google.protobuf import json_format

        try:
            json_format.Parse(text, message_type())  # says what is wrong
        except Exception as wrong:
            raise JsonError(str(wrong) or type(wrong).__name__) from wrong
        raise JsonError(str(error)) from error


def _names_are_distinct(data: bytes) -> bool:
    """Whether no object has a name twice. All in C: the pairs of every object, counted before and after."""
    objects: list[list[tuple[str, Any]]] = []
    try:
        json.loads(data, object_pairs_hook=objects.append)
    except (ValueError, RecursionError):
        return False
    return sum(map(len, objects)) == sum(map(len, map(dict, objects)))


def _read_tree(tree: Any, message_type: type[M], walk: Tidying, fast: Reader | None, text: str | None = None) -> M:
    """The message of a tree, and of the text that it was, if it is the whole. Notes in `walk` what was passed over."""
    message = _fast_reads(tree, message_type, walk, fast) if fast is not None else None
    return _law_reads(tree, message_type, walk, text) if message is None else message


def _fast_reads(tree: Any, message_type: type[M], walk: Tidying, fast: Reader) -> M | None:
    exact = replace(walk, pack=pack_any, passed=[], taken=[])
    try:
        tidied = tidy(cast("Descriptor", message_type.DESCRIPTOR), tree, exact)
        message = fast.read_tree(tidied, message_type)
    except JsonError:
        raise
    except (Unsure, ValueError, RecursionError):
        return None
    if message is None:
        return None
    walk.passed += exact.passed
    return _put_back(message, exact.taken)


def _law_reads(tree: Any, message_type: type[M], walk: Tidying, text: str | None) -> M:
    from google.protobuf import json_format

    message = message_type()
    try:
        tidied = tidy(cast("Descriptor", message_type.DESCRIPTOR), tree, walk)
        if walk.lenient or text is None:
            json_format.ParseDict(tidied, message, ignore_unknown_fields=True, descriptor_pool=ANY_TYPES)
        else:
            json_format.Parse(text, message, descriptor_pool=ANY_TYPES)
    except JsonError:
        raise
    except Exception as error:  # ParseDict lets through whatever a wrong type of value leads to
        raise JsonError(str(error) or type(error).__name__) from error
    return _put_back(message, walk.taken)


def _any_reader(message_type: type[Message]) -> Callable[[Any, Place, int, Tidying], tuple[str, bytes]]:
    """What reads an `Any` in an answer of that type: what cannot be read is kept as it came, and noted."""
    pool = cast("DescriptorPool", message_type.DESCRIPTOR.file.pool)

    def read_any(tree: Any, place: Place, depth: int, walk: Tidying) -> tuple[str, bytes]:
        so_far = len(walk.passed)
        raw = any_forms.raw_of(tree)
        if raw is None:
            try:
                return _read_what_it_holds(tree, replace(walk, place=place, depth=depth, taken=[]), pool)
            except (JsonError, protobuf_message.Error):
                del walk.passed[so_far:]
        walk.passed.append((place, tree))
        url = tree.get("@type") if isinstance(tree, dict) else None
        return url if isinstance(url, str) and _is_text(url) else "", any_forms.kept(tree) if raw is None else raw

    return read_any


def _read_what_it_holds(tree: Any, walk: Tidying, pool: DescriptorPool) -> tuple[str, bytes]:
    url = tree.get("@type") if isinstance(tree, dict) else None
    descriptor = find_type(url, pool) if isinstance(url, str) else None
    if not isinstance(url, str) or descriptor is None:
        raise JsonError("its type is not known")
    inside = {name: item for name, item in tree.items() if name != "@type"}
    if descriptor.full_name in OWN_FORMS:
        if "value" not in inside:
            raise JsonError("it has no value")
        held = inside.pop("value")
        walk.passed += [((walk.place, name), item) for name, item in inside.items()]
        walk = replace(walk, place=(walk.place, "value"), depth=walk.depth + 1)
    else:
        # Go writes an Empty with a value.
        held = {} if descriptor.full_name == "google.protobuf.Empty" and inside == {"value": {}} else inside
    fast = reader(descriptor) if walk.pack is not None else None
    message = _read_tree(held, message_factory.GetMessageClass(descriptor), replace(walk, pack=None), fast)
    return url, message.SerializeToString()


def _is_text(value: str) -> bool:
    try:
        return bool(value.encode())
    except UnicodeEncodeError:  # half a surrogate pair
        return False


def _put_back(message: M, taken: list[tuple[str, bytes]]) -> M:
    """Fills the `Any`s that were taken out."""
    for any_ in any_forms.anys_in(message) if taken else ():
        number = any_forms.which(any_)
        if number is not None:
            any_.type_url, any_.value = taken[number]
    return message


# -- writing ------------------------------------------------------------------------------------------------------


def _law_writes(message: Message, indent: int | None, proto_names: bool) -> str:
    from google.protobuf import json_format

    try:
        return _dump(_tree_of(message, proto_names, 0), indent)
    except (json_format.Error, protobuf_message.Error, ValueError, TypeError, RecursionError) as error:
        raise JsonError(f"{message.DESCRIPTOR.name} has no JSON form: {error}") from error


def _tree_of(message: Message, proto_names: bool, depth: int) -> Any:
    """The JSON of a message, `depth` `Any`s deep; each `Any` in it is written by itself."""
    from google.protobuf import json_format

    if message.DESCRIPTOR.full_name == ANY:
        return _tree_of_any(message, proto_names, depth)
    written: list[Any] = []
    if any(True for _ in any_forms.anys_in(message)):
        whole, message = message, type(message)()
        message.CopyFrom(whole)
        for any_ in any_forms.anys_in(message):
            if any_.ListFields():
                written.append(_tree_of_any(any_, proto_names, depth))
                any_forms.stand_in(any_, len(written) - 1)
    tree = json_format.MessageToDict(message, preserving_proto_field_name=proto_names, descriptor_pool=ANY_TYPES)
    tree = in_order(cast("Descriptor", message.DESCRIPTOR), tree, proto_names=proto_names)
    return _with(written, tree) if written else tree


def _tree_of_any(any_: Any, proto_names: bool, depth: int) -> Any:
    if not any_.ListFields():
        return {}
    with contextlib.suppress(ValueError):
        return any_forms.kept_json(any_.value)
    descriptor = find_type(any_.type_url, any_.DESCRIPTOR.file.pool) if depth < DEPTH else None
    if descriptor is None:
        return any_forms.raw_tree(any_)
    try:
        held = message_factory.GetMessageClass(descriptor).FromString(any_.value)
        tree = _tree_of(held, proto_names, depth + 1)
    except Exception:  # bytes that are none of that type's, or that have no JSON form: json_format raises all sorts
        return any_forms.raw_tree(any_)
    return {"@type": any_.type_url, **({"value": tree} if descriptor.full_name in OWN_FORMS else tree)}


def _with(written: list[Any], tree: Any) -> Any:
    """A tree with what was written of the `Any`s in place of what stands for them."""
    if isinstance(tree, list):
        return [_with(written, item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    number = any_forms.which_of(tree)
    return {name: _with(written, item) for name, item in tree.items()} if number is None else written[number]


def _dump(tree: Any, indent: int | None) -> str:
    return json.dumps(tree, indent=indent, ensure_ascii=False, separators=(",", ":") if indent is None else None)
