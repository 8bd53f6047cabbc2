"""The entries of maps in the order of their keys, so that a message is the same text each time.

protobuf's deterministic bytes have nearly that order, and the fast road writes maps in the order of the bytes; but
there "ab" goes before "a", and 0 before -1. Where a message has such keys its text is parsed and put in order.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from gemtune.rpc._codec_tree import OWN_FORMS, is_map, key_of, value_of
from gemtune.rpc.any_types import ANY, find_type

__all__ = ["in_order", "may_be_out_of_order"]

_STRUCTS = frozenset({"google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue"})


def in_order(descriptor: Descriptor, tree: Any, *, proto_names: bool) -> Any:
    """The JSON of a message with its maps in order: texts by their characters, numbers by size, false before true."""
    if descriptor.full_name in _STRUCTS:
        return _sorted(tree)
    if not isinstance(tree, dict):
        return tree
    if descriptor.full_name == ANY:
        inner = find_type(tree.get("@type", ""), descriptor.file.pool)
        if inner is None or inner.full_name not in OWN_FORMS:
            return tree if inner is None else in_order(inner, tree, proto_names=proto_names)
        return {**tree, "value": in_order(inner, tree.get("value"), proto_names=proto_names)}
    field: Any
    for field in _with_order(descriptor):
        name = field.name if proto_names else field.json_name
        if name not in tree:
            continue
        value, of_map = tree[name], is_map(field)
        if of_map:
            value = {key: value[key] for key in sorted(value, key=_key(key_of(field)))}
        kind = value_of(field).message_type if of_map else field.message_type
        if kind is not None and _has_order(kind):
            if of_map:
                value = {key: in_order(kind, item, proto_names=proto_names) for key, item in value.items()}
            elif field.is_repeated:
                value = [in_order(kind, item, proto_names=proto_names) for item in value]
            else:
                value = in_order(kind, value, proto_names=proto_names)
        tree[name] = value
    return tree


def may_be_out_of_order(message: Message) -> bool:
    """Whether protobuf's deterministic bytes may have the maps of a message in another order than ours."""
    descriptor: Any = message.DESCRIPTOR
    if descriptor.full_name == ANY:
        return bool(message.ListFields())
    for field in _with_order(descriptor):
        if not field.is_repeated:
            if message.HasField(field.name) and may_be_out_of_order(getattr(message, field.name)):
                return True
            continue
        parts: Any = getattr(message, field.name)
        if parts and is_map(field):
            if len(parts) > 1 and _keys_may_be(key_of(field), sorted(parts)):
                return True
            inner = value_of(field).message_type
            parts = parts.values() if inner is not None and _has_order(inner) else ()
        if any(map(may_be_out_of_order, parts)):
            return True
    return False


def _keys_may_be(field: FieldDescriptor, keys: list[Any]) -> bool:
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return any(longer.startswith(shorter) for shorter, longer in pairwise(keys))
    return bool(keys[0] < 0)


def _key(field: FieldDescriptor) -> Any:
    is_text = field.cpp_type in (FieldDescriptor.CPPTYPE_STRING, FieldDescriptor.CPPTYPE_BOOL)
    return str if is_text else int


@lru_cache(maxsize=4096)
def _with_order(descriptor: Descriptor) -> tuple[FieldDescriptor, ...]:
    """The fields in which there are maps."""
    return tuple(
        f for f in descriptor.fields if is_map(f) or (f.message_type is not None and _has_order(f.message_type))
    )


@lru_cache(maxsize=4096)
def _has_order(descriptor: Descriptor) -> bool:
    """Whether there are maps in a message type, at any depth."""
    seen, todo = {descriptor}, [descriptor]
    while todo:
        kind = todo.pop()
        if kind.full_name == ANY or any(is_map(f) for f in kind.fields):
            return True
        new = {f.message_type for f in kind.fields if f.message_type is not None} - seen
        seen |= new
        todo += new
    return False


def _sorted(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: _sorted(tree[name]) for name in sorted(tree)}
    return [_sorted(item) for item in tree] if isinstance(tree, list) else tree
