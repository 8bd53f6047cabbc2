"""Parsed JSON against a message type: names in one spelling, what is unknown taken out, what is not to be read refused.

json_format knows no way to say what it passed over, takes a field under both of its names, reads a list or a text as
a message with nothing in it, and before protobuf 7 nests `Struct` without bound. So whatever the fast road does not
take as it stands goes through here first. Of a value only the kind is judged: all else is for those who read the tree.

The fast road wants an exact tree: one that means to it what the original means to json_format. Where that is not plain
it is told `Unsure`. json_format itself gets the original, and only needs the checks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field as attribute
from functools import cached_property, lru_cache, partial
from operator import is_
from typing import Any, Final, TypeAlias

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from gemtune.errors import JsonError
from gemtune.rpc import nesting
from gemtune.rpc.any_types import ANY, PLACEHOLDER, find_type, placeholder

__all__ = [
    "DEPTH",
    "OWN_FORMS",
    "Place",
    "Tidying",
    "Unsure",
    "has_json_names",
    "is_map",
    "key_of",
    "path_of",
    "real_oneof",
    "tidy",
    "value_of",
]

DEPTH: Final = nesting.MESSAGES
"""json_format's own limit, and for `Struct` what the conformance suite asks for."""

_OPAQUE = frozenset(
    f"google.protobuf.{name}"
    for name in "Timestamp Duration FieldMask DoubleValue FloatValue Int64Value UInt64Value Int32Value UInt32Value "
    "BoolValue StringValue BytesValue".split()
)
_DYNAMIC = {"google.protobuf.Value": 0, "google.protobuf.Struct": -1, "google.protobuf.ListValue": -1}
"""Where the counting of their depth starts: a Struct's fields are Values one deeper."""

OWN_FORMS = _OPAQUE | _DYNAMIC.keys() | {ANY}
"""The message types whose JSON is not an object of their fields."""

_NO_OPTIONS = (b"", b"\x08\x00", b"\x08\x01")  # none, or `deprecated` alone
_FLOATING = (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT)
_EXTENSION = re.compile(r"\[[a-zA-Z0-9._]*\]$")
_ODD_NAME = re.compile("[\0\ud800-\udfff]")  # protobuf in C refuses it, or sees its start alone
_DROP: Final = object()

Place: TypeAlias = tuple[Any, str | int] | None
"""Where a value stands: (the place of what it stands in, its key or index); None is the root."""


class Unsure(Exception):
    """Only json_format can tell what a tree means."""


@dataclass
class Tidying:
    """What one walk may do, and what it found.

    Attributes:
        lenient: Whether unknown fields and enum names are passed over.
        pack: Given, the tree has to be exact, and this makes of an `Any`, its type URL, the type and the tidied value,
            what its reader takes.
        read_any: Given, each `Any` is read by itself, and a placeholder is put in the tree: this gives its type URL and
            its value for its JSON, its place, its depth, and the walk.
        passed: What was passed over: where it stood, and the value.
        place: Where the tree stands.
        depth: How many messages deep.
        taken: The `Any`s that have placeholders.
    """

    lenient: bool
    pack: Callable[[str, Descriptor, Any], Any] | None = None
    read_any: Callable[[Any, Place, int, Tidying], tuple[str, bytes]] | None = None
    passed: list[tuple[Place, Any]] = attribute(default_factory=list[tuple[Any, Any]])
    place: Place = None
    depth: int = 1
    taken: list[tuple[str, bytes]] = attribute(default_factory=list[tuple[str, bytes]])

    def unsure(self) -> None:
        if self.pack is not None:
            raise Unsure

    def unknown(self, name: str, place: Place, value: Any) -> bool:
        """Notes what is passed over; says whether it is json_format that has to do so."""
        is_laws = not self.lenient or _ODD_NAME.search(name) is not None
        if is_laws:
            self.unsure()
        self.passed.append((place, value))
        return is_laws


_Walk: TypeAlias = Callable[[Any, Place, int, Tidying], Any]
"""(value, its place, how many messages deep it is, the walk) -> the value to go on with, or `_DROP`."""


def tidy(descriptor: Descriptor, tree: Any, walk: Tidying) -> Any:
    """The tree as it should be read.

    Args:
        descriptor: The type of message that the tree stands for.
        tree: What `json.loads` gave; not changed.
        walk: What may be done; hears what was passed over.

    Raises:
        JsonError: A value is of the wrong kind, a field is given under both of its names, or the nesting is too deep.
        Unsure: Only json_format can tell (in an exact walk alone).
    """
    walk_root = _message_walk(descriptor, walk.pack is not None)
    return tree if walk_root is None else walk_root(tree, walk.place, walk.depth, walk)


def is_map(field: FieldDescriptor) -> bool:
    """Whether a field is a map."""
    return field.message_type is not None and field.is_repeated and field.message_type.GetOptions().map_entry


def key_of(field: FieldDescriptor) -> FieldDescriptor:
    """The field that holds a map's keys."""
    entry: Any = field.message_type
    return entry.fields_by_name["key"]


def value_of(field: FieldDescriptor) -> FieldDescriptor:
    """The field that holds a map's values."""
    entry: Any = field.message_type
    return entry.fields_by_name["value"]


def real_oneof(field: FieldDescriptor) -> str | None:
    """The oneof that a field shares with others."""
    oneof = field.containing_oneof
    return oneof.name if oneof is not None and len(oneof.fields) > 1 else None


def has_json_names(enum: EnumDescriptor) -> bool:
    """Whether values of an enum have options of somebody's own; one of those renames a value in JSON (protobuf 7)."""
    return any(value.GetOptions().SerializeToString() not in _NO_OPTIONS for value in enum.values if value.has_options)


# -- one walk for each type, made once ----------------------------------------------------------------------------


def _field_walk(field: FieldDescriptor, exact: bool) -> _Walk | None:
    if is_map(field):
        value = _value_walk(value_of(field), exact)
        return value and partial(_map, value)
    if field.is_repeated and field.message_type is not None and field.message_type.full_name not in OWN_FORMS:
        return _object(field.message_type, exact).several
    value = _value_walk(field, exact)
    return value and (partial(_list, value) if field.is_repeated else value)


def _value_walk(field: FieldDescriptor, exact: bool) -> _Walk | None:
    if field.enum_type is not None:
        enum = field.enum_type
        return partial(_enum, frozenset(enum.values_by_name), has_json_names(enum))
    if field.cpp_type in _FLOATING:
        return None if exact else _number  # the fast road refuses a boolean there; json_format does not
    return _message_walk(field.message_type, exact) if field.message_type is not None else None


def _message_walk(descriptor: Descriptor, exact: bool) -> _Walk | None:
    name = descriptor.full_name
    if name in _OPAQUE:
        return _value_walk(descriptor.fields_by_name["value"], exact) if name.endswith("Value") else None
    if name in _DYNAMIC:
        return partial(_dynamic, _DYNAMIC[name])
    return _any if name == ANY else _object(descriptor, exact).one


class _Object:
    """How objects of a message type are walked."""

    def __init__(self, descriptor: Descriptor, exact: bool) -> None:
        self._descriptor = descriptor
        self._exact = exact
        self._spelled = frozenset(f.json_name for f in descriptor.fields)
        self._oneofs = {f.json_name: oneof for f in descriptor.fields if (oneof := real_oneof(f)) is not None}

    @cached_property
    def _walks(self) -> dict[str, _Walk]:
        """Looked for at the first walk: a type may hold itself."""
        return {f.json_name: walk for f in self._descriptor.fields if (walk := _field_walk(f, self._exact)) is not None}

    @cached_property
    def _plain(self) -> frozenset[str]:
        """The names under which there is nothing to be walked."""
        return self._spelled - self._walks.keys()

    def one(self, value: Any, place: Place, depth: int, walk: Tidying) -> Any:
        if not isinstance(value, dict):
            if value is None:
                return value  # a mistake that the reader will find
            raise _wrong_kind(place, value, f"an object, for a {self._descriptor.name}")
        if depth >= DEPTH:
            walk.unsure()  # json_format says it in its words; what has a form of its own may be one deeper
            if depth > DEPTH:
                return value
        tree = value if self._spelled.issuperset(value) else self._respelled(value, place, walk)
        if self._oneofs and len(tree) > 1 and _share_one(self._oneofs, self._oneofs.keys() & tree):
            walk.unsure()  # an error, but for null, which is a value to some
        walks = self._walks
        changed = None
        for name in walks if len(walks) < len(tree) else tree:
            old = tree.get(name)
            if old is None or (walk_field := walks.get(name)) is None:
                continue
            new = walk_field(old, (place, name), depth + 1, walk)
            if new is not old:
                changed = tree.copy() if changed is None else changed
                changed[name] = new
        if changed is None:
            return tree
        return {name: item for name, item in changed.items() if item is not _DROP}

    def several(self, value: Any, place: Place, depth: int, walk: Tidying) -> Any:
        # Most are small and in order, as a histogram's buckets and a text's parts: that is seen without leaving C.
        if (
            depth < DEPTH
            and isinstance(value, list)
            and set(map(type, value)) == {dict}
            and all(map(self._plain.issuperset, value))
            and not (self._oneofs and max(map(len, value)) > 1)
        ):
            return value
        return _list(self.one, value, place, depth, walk)

    def _respelled(self, value: dict[str, Any], place: Place, walk: Tidying) -> dict[str, Any]:
        """An object with JSON's names, and without those that are unknown."""
        names = _names(self._descriptor)
        result = value.copy()
        for key in [key for key in value if key not in self._spelled]:
            name, item = names.get(key), result.pop(key)
            if name is None:
                if _EXTENSION.match(key):
                    walk.unsure()  # known or not: json_format asks the message
                    result[key] = item
                elif walk.unknown(key, (place, key), item):
                    result[key] = item
            elif name in result:
                raise JsonError(f"{path_of((place, name))} is given twice, under both of its names; write {name} once")
            else:
                result[name] = item
        return result


_object = lru_cache(maxsize=4096)(_Object)


def _wrong_kind(place: Place, value: Any, wanted: str) -> JsonError:
    kinds = {bool: "a boolean", str: "a string", list: "a list", dict: "an object"}
    return JsonError(f"{path_of(place)} is {kinds.get(type(value), 'a number')}; it takes {wanted}")


def _share_one(oneofs: Mapping[str, str], given: Set[str]) -> bool:
    return len({oneofs[name] for name in given}) < len(given)


@lru_cache(maxsize=4096)
def _names(descriptor: Descriptor) -> Mapping[str, str]:
    """Both names of each field to the one in JSON."""
    fields = descriptor.fields
    # Where one field's JSON name is another's name in the .proto, the JSON name wins, as in json_format.
    return {f.name: f.json_name for f in fields} | {f.json_name: f.json_name for f in fields}


def _list(walk_item: _Walk, value: Any, place: Place, depth: int, walk: Tidying) -> Any:
    if not isinstance(value, list):
        return value
    items = [walk_item(item, (place, i), depth, walk) for i, item in enumerate(value)]
    return value if all(map(is_, items, value)) else [item for item in items if item is not _DROP]


def _map(walk_item: _Walk, value: Any, place: Place, depth: int, walk: Tidying) -> Any:
    if not isinstance(value, dict):
        return value
    items = {key: walk_item(item, (place, key), depth, walk) for key, item in value.items()}
    if _DROP in items.values():
        walk.unsure()  # the key has to be judged, too
    return items


def _enum(names: frozenset[str], renamed: bool, value: Any, place: Place, _depth: int, walk: Tidying) -> Any:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise JsonError(f"{path_of(place)} is {json.dumps(value)}; it takes the name of an enum's value, or its number")
    if not isinstance(value, str) or value in names:
        return value
    if renamed or _is_number(value):
        walk.unsure()
        return value
    walk.unknown(value, place, value)
    return _DROP if walk.pack is not None else value


def _number(value: Any, place: Place, _depth: int, _walk: Tidying) -> Any:
    if isinstance(value, bool):
        raise _wrong_kind(place, value, "a number")
    return value


def _is_number(text: str) -> bool:
    try:
        int(text)
    except ValueError:
        return False
    return True


def _dynamic(start: int, value: Any, place: Place, depth: int, _walk: Tidying) -> Any:
    """A `Struct`, `Value` or `ListValue`: every key is right, only the depth is bounded."""
    depth += start
    level = [value]
    while level:
        containers = [item for item in level if isinstance(item, dict | list)]
        # Each item is a Value, and a container is one more message in it.
        if depth + bool(containers) > DEPTH:
            raise JsonError(f"{path_of(place)} is nested too deeply: at most {DEPTH} messages may be in one another")
        level = [child for item in containers for child in (item.values() if isinstance(item, dict) else item)]
        depth += 2
    return value


def _any(value: Any, place: Place, depth: int, walk: Tidying) -> Any:
    if walk.read_any is not None and value != {}:
        walk.taken.append(walk.read_any(value, place, depth, walk))
        held = placeholder(len(walk.taken) - 1)
        return held if walk.pack is None else walk.pack(held["@type"], PLACEHOLDER, held["value"])
    if not isinstance(value, dict) or not value:
        return value
    url = value.get("@type")
    descriptor = find_type(url) if isinstance(url, str) else None
    if not isinstance(url, str) or descriptor is None:
        walk.unsure()
        return value
    if depth >= DEPTH:
        walk.unsure()
    inner = _message_walk(descriptor, walk.pack is not None)
    if inner is None or descriptor.full_name in OWN_FORMS:
        if "value" not in value:
            walk.unsure()
        rest = value.get("value")  # json_format looks at nothing else then
        rest = rest if inner is None else inner(rest, (place, "value"), depth + 1, walk)
    else:
        rest = inner({key: item for key, item in value.items() if key != "@type"}, place, depth, walk)
    return walk.pack(url, descriptor, rest) if walk.pack is not None else value


def path_of(place: Place) -> str:
    """A place in words: `tuningJobs[0].labels["a b"].x`."""
    parts: list[str] = []
    while place is not None:
        place, key = place
        if isinstance(key, int):
            parts.append(f"[{key}]")
        else:
            parts.append(f".{key}" if key.isidentifier() else f'["{key}"]')
    return "".join(reversed(parts)).removeprefix(".") or "the root"
