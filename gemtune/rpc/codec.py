"""Message <-> JSON, protobuf's canonical mapping. All JSON of messages in this package goes through here.

`google.protobuf.json_format` is the reference: the same result, the same inputs refused. It is corrected where it fails
protobuf's own conformance suite or takes JSON of the wrong kind (docs/json.md lists those places). It walks descriptors
in Python, though, and is slow at it, so answers of our own types are read, and written, by `fast_json` where that pays.

In answers each `Any` is taken out of the tree and read by itself, so that one that cannot be read costs nothing else.
"""

from __future__ import annotations

import base64
import contextlib
import json
import math
from collections.abc import Callable, Generator, Iterator
from functools import lru_cache, partial
from typing import Any, TypeAlias, TypeVar, cast

from google.protobuf import message as protobuf_message, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message

from gemtune._process import let_through
from gemtune.descriptors import is_map, value_field
from gemtune.errors import JsonError
from gemtune.rpc import any_types as any_forms, fast_json, nesting
from gemtune.rpc.any_types import ANY, ANY_TYPES, find_type
from gemtune.rpc.json_walk import DYNAMIC, OWN_FORMS, Place, Walk, path_of

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
"""Gets what was ignored: the path (`tuningJobs[0].newField`, JSON's spelling), and the value as JSON had it."""

Unknown: TypeAlias = list[tuple[Place, Any]]


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
        TypeError: It is not a protobuf message.
    """
    if not isinstance(message, Message):
        raise TypeError(_no_message(message))
    from google.protobuf import json_format

    try:
        text = _dump(_tree_of(message, preserving_proto_field_name), indent)
    except (json_format.Error, protobuf_message.Error, ValueError, TypeError, RecursionError) as error:
        let_through(error, "google", "protobuf")
        raise JsonError(f"{message.DESCRIPTOR.name} has no JSON form: {error}") from error
    fast_json.count(len(text))
    return text


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
        on_unknown: Is called with what was ignored, once the message is read.

    Raises:
        JsonError: The text is not JSON, or not the JSON form of that type, or nests too deeply.
        TypeError: `data` is not text, or `message_type` no class of messages.
    """
    if not isinstance(data, str | bytes | bytearray):
        raise TypeError(_no_text(data))
    if not (isinstance(message_type, type) and issubclass(message_type, Message) and message_type is not Message):
        raise TypeError(_no_type(message_type))
    data = bytes(data) if isinstance(data, bytearray) else data
    nesting.check(data)
    if not ignore_unknown_fields:
        return _read_strictly(_text(data), message_type)
    message, unknown = _read_answer(data, message_type)
    if on_unknown is not None:
        for place, value in unknown:
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


def _read_strictly(text: str, message_type: type[M]) -> M:
    from google.protobuf import json_format

    message = message_type()
    with _refusals():
        Walk().through(cast("Descriptor", message.DESCRIPTOR), _parsed(text, message_type))
        json_format.Parse(text, message, descriptor_pool=ANY_TYPES)
    return message


def _read_answer(data: str | bytes, message_type: type[M]) -> tuple[M, Unknown]:
    fast_json.count(len(data))
    message = fast_json.read_text(data, message_type)
    if message is not None:
        return message, []
    tree = _parsed(_text(data), message_type)
    walk = _walk(message_type, [])
    message = fast_json.read_rows(tree, message_type, walk)
    if message is not None:
        walk.fill(message)
        return message, walk.unknown
    unknown: Unknown = []
    return _read_tree(tree, message_type, unknown), unknown


def _read_tree(tree: Any, message_type: type[M], unknown: Unknown, place: Place = None, depth: int = 1) -> M:
    """The message of an answer's tree, or of the part of it that stands at a place."""
    from google.protobuf import json_format

    walk, message = _walk(message_type, unknown), message_type()
    with _refusals():
        tree = walk.through(cast("Descriptor", message_type.DESCRIPTOR), tree, place, depth)
        json_format.ParseDict(tree, message, ignore_unknown_fields=True, descriptor_pool=ANY_TYPES)
        walk.fill(message, place)
    return message


def _walk(message_type: type[Message], unknown: Unknown) -> Walk:
    return Walk(partial(_read_any, cast("DescriptorPool", message_type.DESCRIPTOR.file.pool), unknown), unknown)


def _read_any(pool: DescriptorPool, unknown: Unknown, tree: Any, place: Place, depth: int) -> tuple[str, bytes]:
    """The type URL and the value of an `Any`; what cannot be read is kept as it came, and noted."""
    so_far = len(unknown)
    raw = any_forms.raw_of(tree)
    if raw is None:
        try:
            return _read_held(pool, unknown, tree, place, depth)
        except (JsonError, protobuf_message.Error):
            del unknown[so_far:]
    unknown.append((place, tree))
    url = tree.get("@type") if isinstance(tree, dict) else None
    return url if isinstance(url, str) and _is_text(url) else "", any_forms.kept(tree) if raw is None else raw


def _read_held(pool: DescriptorPool, unknown: Unknown, tree: Any, place: Place, depth: int) -> tuple[str, bytes]:
    url = tree.get("@type") if isinstance(tree, dict) else None
    descriptor = find_type(url, pool) if isinstance(url, str) else None
    if not isinstance(url, str) or descriptor is None:
        raise JsonError("its type is not known")
    held = {name: item for name, item in tree.items() if name != "@type"}
    if descriptor.full_name in OWN_FORMS:
        if "value" not in held:
            raise JsonError("it has no value")
        value = held.pop("value")
        unknown += [((place, name), item) for name, item in held.items()]
        held, place, depth = value, (place, "value"), depth + 1
    elif descriptor.full_name == "google.protobuf.Empty" and held == {"value": {}}:
        held = {}  # as Go writes it
    message = _read_tree(held, message_factory.GetMessageClass(descriptor), unknown, place, depth)
    return url, message.SerializeToString()


def _text(data: str | bytes) -> str:
    try:
        return data if isinstance(data, str) else data.decode()
    except UnicodeDecodeError as error:
        raise JsonError(f"the JSON is not UTF-8: {error}") from error


def _is_text(value: str) -> bool:
    try:
        return bool(value.encode())
    except UnicodeEncodeError:  # half a surrogate pair
        return False


def _parsed(text: str, message_type: type[Message]) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        let_through(error)
        from google.protobuf import json_format

        with _refusals():
            json_format.Parse(text, message_type())  # says what is wrong
        raise JsonError(str(error)) from error


@contextlib.contextmanager
def _refusals() -> Generator[None, None, None]:
    """Makes a JsonError of all that json_format raises: a wrong type of value leads it to whatever Python raises."""
    try:
        yield
    except JsonError:
        raise
    except Exception as error:
        let_through(error, "google")
        raise JsonError(str(error) or type(error).__name__) from error


# -- writing ------------------------------------------------------------------------------------------------------


def _tree_of(message: Message, proto_names: bool, depth: int = 0) -> Any:
    """The JSON of a message, `depth` `Any`s deep, with each `Any` in it written by itself and maps in order."""
    from google.protobuf import json_format

    tree = None if proto_names else fast_json.write(message)
    if tree is None:
        bare = type(message)()
        bare.CopyFrom(message)
        for any_ in _anys_in(bare):
            any_.Clear()
        tree = json_format.MessageToDict(bare, preserving_proto_field_name=proto_names, descriptor_pool=ANY_TYPES)
    return _completed(message, tree, proto_names, depth)


def _completed(message: Message, tree: Any, proto_names: bool, depth: int) -> Any:
    """The JSON of a message with what its `Any`s hold, and with its maps in the order of their keys."""
    if message.DESCRIPTOR.full_name == ANY:
        return _tree_of_any(message, proto_names, depth)
    if message.DESCRIPTOR.full_name in DYNAMIC:
        return json.loads(json.dumps(tree, sort_keys=True))
    for field, value in _special_parts(message):
        name = f"[{field.full_name}]" if field.is_extension else field.name if proto_names else field.json_name
        old = tree[name]
        if is_map(field):
            keys = {key: str(key).lower() if isinstance(key, bool) else str(key) for key in sorted(value)}
            has_messages = value_field(field).message_type is not None
            tree[name] = {
                text: _completed(value[key], old[text], proto_names, depth) if has_messages else old[text]
                for key, text in keys.items()
            }
        elif field.is_repeated:
            tree[name] = [_completed(*pair, proto_names, depth) for pair in zip(value, old, strict=True)]
        else:
            tree[name] = _completed(value, old, proto_names, depth)
    return tree


def _tree_of_any(any_: Any, proto_names: bool, depth: int) -> Any:
    if not any_.ListFields():
        return {}
    with contextlib.suppress(ValueError):
        return any_forms.kept_json(any_.value)
    descriptor = find_type(any_.type_url, any_.DESCRIPTOR.file.pool) if depth < nesting.MESSAGES else None
    if descriptor is None:
        return any_forms.raw_tree(any_)
    try:
        held = message_factory.GetMessageClass(descriptor).FromString(any_.value)
        tree = _tree_of(held, proto_names, depth + 1)
    except Exception as error:  # bytes that are not of that type, or have no JSON form: json_format raises all sorts
        let_through(error, "google", "protobuf")
        return any_forms.raw_tree(any_)
    return {"@type": any_.type_url, **({"value": tree} if descriptor.full_name in OWN_FORMS else tree)}


def _anys_in(message: Message) -> Iterator[Any]:
    """The `Any`s of a message, at any depth; not what is in them."""
    if message.DESCRIPTOR.full_name == ANY:
        yield message
        return
    for field, value in _special_parts(message):
        parts = value if field.is_repeated else (value,)
        if is_map(field):
            parts = value.values() if value_field(field).message_type is not None else ()
        for part in parts:
            yield from _anys_in(part)


def _special_parts(message: Message) -> Iterator[tuple[FieldDescriptor, Any]]:
    """The fields that are set, and their values, in which there may be maps or `Any`s."""
    for field, value in message.ListFields():
        if field.message_type is not None and _is_special(field.message_type):
            yield field, value


@lru_cache(maxsize=4096)
def _is_special(descriptor: Descriptor) -> bool:
    seen, todo = {descriptor}, [descriptor]
    while todo:
        kind = todo.pop()
        if kind.full_name == ANY or kind.GetOptions().map_entry or kind.is_extendable:
            return True
        new = {f.message_type for f in kind.fields if f.message_type is not None} - seen
        seen |= new
        todo += new
    return False


def _dump(tree: Any, indent: int | None) -> str:
    return json.dumps(tree, indent=indent, ensure_ascii=False, separators=(",", ":") if indent is None else None)
