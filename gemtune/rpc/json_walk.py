"""Parsed JSON against a message type: values of a wrong kind refused, in answers `Any`s and what is unknown taken out.

json_format cannot say what it ignored, takes a field under both of its names, reads a list or a text as a message
with nothing in it, and before protobuf 7 nests `Struct` without bound. Only the kind of a value is judged here: all
else is for those who read the tree afterwards.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Set
from dataclasses import dataclass, field as attribute
from functools import cached_property, lru_cache, partial
from itertools import chain
from operator import is_
from typing import Any, Final, TypeAlias

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from gemtune.descriptors import is_map, value_field
from gemtune.errors import JsonError
from gemtune.rpc import nesting
from gemtune.rpc.any_types import ANY, find_type

__all__ = ["DYNAMIC", "OWN_FORMS", "Place", "Walk", "path_of"]

_WRAPPERS = frozenset(
    f"google.protobuf.{name}Value" for name in "Double Float Int64 UInt64 Int32 UInt32 Bool String Bytes".split()
)
_TEXTS = frozenset({"google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask"})

DYNAMIC: Final = {"google.protobuf.Value": 0, "google.protobuf.Struct": -1, "google.protobuf.ListValue": -1}
"""Where the counting of their depth starts: a Struct's fields are Values one deeper."""

OWN_FORMS: Final = _WRAPPERS | _TEXTS | DYNAMIC.keys() | {ANY}
"""The message types whose JSON is not an object of their fields."""

_KINDS = {bool: "a boolean", str: "a string", list: "a list", dict: "an object"}
_FLOATING = (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT)
_EXTENSION = re.compile(r"\[[a-zA-Z0-9._]*\]$")
_ODD_NAME = re.compile("[\ud800-\udfff]")  # protobuf refuses it
_NO_OPTIONS = (b"", b"\x08\x00", b"\x08\x01")  # none, or `deprecated` alone
_DROP: Final = object()

Place: TypeAlias = tuple[Any, str | int] | None
"""Where a value stands: (the place of what it stands in, its key or index); None is the root."""


@dataclass
class Walk:
    """One walk, and what it found.

    Attributes:
        read_any: Gives the type URL and the value of an `Any` for its JSON, its place and its depth. With it the walk
            is through an answer: what is unknown is taken out, and of each `Any` an empty one is left in the tree.
        unknown: What was taken out: where it stood, and the value.
        anys: Where `Any`s stood, and what `read_any` gave for them.
    """

    read_any: Callable[[Any, Place, int], tuple[str, bytes]] | None = None
    unknown: list[tuple[Place, Any]] = attribute(default_factory=list[tuple[Any, Any]])
    anys: list[tuple[Place, tuple[str, bytes]]] = attribute(default_factory=list[tuple[Any, tuple[str, bytes]]])

    def through(self, kind: Descriptor, tree: Any, place: Place = None, depth: int = 1) -> Any:
        """The tree of a message, `depth` messages deep, as it should be read; the one given is not changed.

        Raises:
            JsonError: A value is of the wrong kind, a field is given under both of its names, or a `Struct` nests too
                deeply.
        """
        check = _message_check(kind)
        return tree if check is None else check(self, tree, place, depth)

    def shallow(self, kind: Descriptor, tree: Any, place: Place, into: Set[str]) -> Any:
        """The tree as `through` gives it, if only the object itself and some of its fields hold what is taken out."""
        plan = _plan(kind)
        known = tree if plan.json_names.issuperset(tree) else _without_unknown(plan, self, tree, place)
        names = (plan.enums | into) & known.keys()
        judged = {name: plan.checks[name](self, known[name], (place, name), 3) for name in names}
        return {name: item for name, item in {**known, **judged}.items() if item is not _DROP}

    def found_in(self, place: Place, unknown: int, anys: int) -> set[str]:
        """The fields of the object at a place in which something was found, behind as many finds as given."""
        keys = (_keys(at, place) for at, _ in [*self.unknown[unknown:], *self.anys[anys:]])
        return {str(key[0]) for key in keys if len(key) > 1}

    def fill(self, message: Message, root: Place = None) -> None:
        """Fills the empty `Any`s of the message that was made of the tree at `root`."""
        for place, (url, value) in self.anys:
            any_ = _part_at(message, place, root)
            any_.type_url, any_.value = url, value

    def notes(self, name: str, place: Place, value: Any) -> bool:
        """Whether a value is taken out, because of a name that is unknown; it is noted then."""
        if self.read_any is None or _ODD_NAME.search(name):
            return False
        self.unknown.append((place, value))
        return True


_Check: TypeAlias = Callable[[Walk, Any, Place, int], Any]
"""(the walk, a value, its place, how many messages deep it is) -> the value to go on with, or `_DROP`."""


# -- one plan for each type -------------------------------------------------------------------------------------------


class _Plan:
    """What is checked in the objects of a message type."""

    def __init__(self, kind: Descriptor) -> None:
        self.kind = kind.name
        # Where one field's JSON name is another's name in the .proto, the JSON name wins, as in json_format.
        self.fields = {f.name: f for f in kind.fields} | {f.json_name: f for f in kind.fields}
        self.names = {name: f.json_name for name, f in self.fields.items()}
        self.json_names = frozenset(self.names.values())
        self.numbers = {name for name, f in self.fields.items() if f.cpp_type in _FLOATING and not f.is_repeated}

        self.enums = {f.json_name for f in kind.fields if f.enum_type is not None and not f.is_repeated}

    @cached_property
    def checks(self) -> dict[str, _Check]:
        """The check of each field that needs one, under both names; made late, since a type may hold itself."""
        others = {name: f for name, f in self.fields.items() if name not in self.numbers}
        return {name: check for name, f in others.items() if (check := _field_check(f)) is not None}

    @cached_property
    def plain(self) -> frozenset[str]:
        """JSON names of fields in which only a boolean can be wrong."""
        return self.json_names - self.checks.keys()


_plan = lru_cache(maxsize=4096)(_Plan)


def _field_check(field: FieldDescriptor) -> _Check | None:
    value = value_field(field)
    oneof = value.containing_oneof
    check: _Check | None
    if value.enum_type is not None:
        # Of a map's entry and of two members of a oneof json_format has to say more.
        stays = value is not field or (oneof is not None and len(oneof.fields) > 1)
        check = partial(_enum, _names(value.enum_type), stays)
    elif value.cpp_type in _FLOATING:
        check = _number
    else:
        check = _message_check(value.message_type) if value.message_type is not None else None
    if check is None or not field.is_repeated:
        return check
    if value is field and isinstance(check, partial) and check.func is _object:
        return partial(_objects, *check.args)
    return partial(_map if value is not field else _list, check)


def _message_check(kind: Descriptor) -> _Check | None:
    if kind.full_name in _WRAPPERS:
        return _field_check(kind.fields_by_name["value"])
    if kind.full_name in DYNAMIC:
        return partial(_dynamic, DYNAMIC[kind.full_name])
    if kind.full_name in _TEXTS:
        return None
    return _any if kind.full_name == ANY else partial(_object, _plan(kind))


def _names(enum: EnumDescriptor) -> frozenset[str] | None:
    """The names of an enum's values; None where options may give them others in JSON (protobuf 7)."""
    plain = all(value.GetOptions().SerializeToString() in _NO_OPTIONS for value in enum.values if value.has_options)
    return frozenset(enum.values_by_name) if plain else None


# -- and its checks ---------------------------------------------------------------------------------------------------


def _object(plan: _Plan, walk: Walk, value: Any, place: Place, depth: int) -> Any:
    if not isinstance(value, dict):
        if value is None:
            return value  # a mistake that the reader will find
        raise _wrong_kind(place, value, f"an object, for a {plan.kind}")
    tree = value if plan.json_names.issuperset(value) else _without_unknown(plan, walk, value, place)
    if plan.numbers and bool in map(type, value.values()):
        for name in plan.numbers & value.keys():
            _number(walk, value[name], (place, plan.names[name]), depth)
    checks = plan.checks
    changed = {}
    for name in tree if len(tree) < len(checks) else checks:
        if (item := tree.get(name)) is not None and (check := checks.get(name)) is not None:
            new = check(walk, item, (place, plan.names[name]), depth + 1)
            if new is not item:
                changed[name] = new
    return {name: item for name, item in {**tree, **changed}.items() if item is not _DROP} if changed else tree


def _without_unknown(plan: _Plan, walk: Walk, value: dict[str, Any], place: Place) -> dict[str, Any]:
    known = {}
    for key, item in value.items():
        name = plan.names.get(key)
        if name is None and not _EXTENSION.match(key) and walk.notes(key, (place, key), item):
            continue
        if name not in (None, key) and name in value:
            raise JsonError(f"{path_of((place, name))} is given twice, under both of its names; write {name} once")
        known[name or key] = item
    return known


def _objects(plan: _Plan, walk: Walk, value: Any, place: Place, depth: int) -> Any:
    # Most are small and right, as a histogram's buckets and a text's parts: that is seen without leaving C.
    if (
        isinstance(value, list)
        and set(map(type, value)) == {dict}
        and plan.plain.issuperset(chain.from_iterable(value))
        and bool not in map(type, chain.from_iterable(map(dict.values, value)))
    ):
        return value
    return _list(partial(_object, plan), walk, value, place, depth)


def _list(check: _Check, walk: Walk, value: Any, place: Place, depth: int) -> Any:
    if not isinstance(value, list):
        return value
    items = [check(walk, item, (place, i), depth) for i, item in enumerate(value)]
    return value if all(map(is_, items, value)) else [item for item in items if item is not _DROP]


def _map(check: _Check, walk: Walk, value: Any, place: Place, depth: int) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: check(walk, item, (place, key), depth) for key, item in value.items()}


def _enum(names: frozenset[str] | None, stays: bool, walk: Walk, value: Any, place: Place, _depth: int) -> Any:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise JsonError(f"{path_of(place)} is {json.dumps(value)}; it takes the name of an enum's value, or its number")
    if names is None or not isinstance(value, str) or value in names or _is_number(value):
        return value
    if "\0" in value:  # where a name ends for protobuf in C
        return value
    return _DROP if walk.notes(value, place, value) and not stays else value


def _is_number(text: str) -> bool:
    try:
        int(text)
    except ValueError:
        return False
    return True


def _number(_walk: Walk, value: Any, place: Place, _depth: int) -> Any:
    if isinstance(value, bool):
        raise _wrong_kind(place, value, "a number")
    return value


def _dynamic(start: int, _walk: Walk, value: Any, place: Place, depth: int) -> Any:
    """A `Struct`, `Value` or `ListValue`: every key is right, only the depth is bounded."""
    depth += start
    level = [value]
    while level:
        containers = [item for item in level if isinstance(item, dict | list)]
        # Each item is a Value, and a container is one more message in it.
        if depth + bool(containers) > nesting.MESSAGES:
            words = f"nested too deeply: at most {nesting.MESSAGES} messages may be in one another"
            raise JsonError(f"{path_of(place)} is {words}")
        level = [child for item in containers for child in (item.values() if isinstance(item, dict) else item)]
        depth += 2
    return value


def _any(walk: Walk, value: Any, place: Place, depth: int) -> Any:
    if walk.read_any is not None and value != {}:
        walk.anys.append((place, walk.read_any(value, place, depth)))
        return {}
    url = value.get("@type") if isinstance(value, dict) else None
    kind = find_type(url) if isinstance(url, str) else None
    if kind is not None and kind.full_name in OWN_FORMS:
        walk.through(kind, value.get("value"), (place, "value"), depth + 1)
    elif kind is not None:
        walk.through(kind, {name: item for name, item in value.items() if name != "@type"}, place, depth)
    return value


def _wrong_kind(place: Place, value: Any, wanted: str) -> JsonError:
    return JsonError(f"{path_of(place)} is {_KINDS.get(type(value), 'a number')}; it takes {wanted}")


# -- places -----------------------------------------------------------------------------------------------------------


def _keys(place: Place, root: Place = None) -> list[str | int]:
    """The names, indices and map keys that lead from one place to another."""
    keys: list[str | int] = []
    while place is not None and place is not root:
        place, key = place
        keys.append(key)
    return keys[::-1]


def path_of(place: Place) -> str:
    """A place in words: `tuningJobs[0].labels["a b"].x`."""
    parts: list[str] = []
    for key in _keys(place):
        if isinstance(key, int):
            parts.append(f"[{key}]")
        else:
            parts.append(f".{key}" if key.isidentifier() else f"[{json.dumps(key, ensure_ascii=False)}]")
    return "".join(parts).removeprefix(".") or "the root"


def _part_at(message: Message, place: Place, root: Place) -> Any:
    keys = iter(_keys(place, root))
    part: Any = message
    for name in keys:
        field = _plan(part.DESCRIPTOR).fields[str(name)]
        part = getattr(part, field.name)
        if field.is_repeated:
            key: Any = next(keys)
            if is_map(field):
                entry: Any = field.message_type
                of = entry.fields_by_name["key"].cpp_type
                numeric = of not in (FieldDescriptor.CPPTYPE_STRING, FieldDescriptor.CPPTYPE_BOOL)
                key = key == "true" if of == FieldDescriptor.CPPTYPE_BOOL else int(key) if numeric else key
            part = part[key]
    return part
