"""Which fields travel over gRPC: those that the service's own .proto of a version publishes.

Our schema has more than either: fields that exist only in the REST API, under numbers of our own from 10000 up, and
fields that one version publishes and the other does not (options `published_in` and `only_in` of the field in the
.proto). Over REST all of them travel by name. Over gRPC the service would ignore a number that it does not know, so
the client refuses such a request, and the emulator leaves such fields out of its answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from gemtune.descriptors import is_map
from gemtune_pb.v1 import annotations_pb2

__all__ = ["JSON_ONLY", "only_in", "published_in", "strip", "unpublished"]

JSON_ONLY = 10000
"""Fields and enum values from this number on are ours, for what only the REST API has."""

_PACKAGE = "gemtune.v1."
_VERSIONS = {annotations_pb2.API_VERSION_V1: "v1", annotations_pb2.API_VERSION_V1BETA1: "v1beta1"}


def published_in(field: FieldDescriptor) -> tuple[str, ...]:
    """The versions of the API whose published .proto has a field of our schema."""
    return () if field.number >= JSON_ONLY else _versions(field, annotations_pb2.published_in)


def only_in(field: FieldDescriptor) -> tuple[str, ...]:
    """The versions of the API that take a field of our schema, over REST as well."""
    return _versions(field, annotations_pb2.only_in)


def _versions(field: FieldDescriptor, option: Any) -> tuple[str, ...]:
    one = _VERSIONS.get(field.GetOptions().Extensions[option]) if field.has_options else None
    return tuple(_VERSIONS.values()) if one is None else (one,)


@dataclass(frozen=True)
class _Plan:
    """What to look at in messages of one type.

    Attributes:
        fields: Fields that do not travel.
        values: Enum fields with values that do not.
        below: Message fields that lead to either.
    """

    fields: tuple[FieldDescriptor, ...]
    values: tuple[FieldDescriptor, ...]
    below: tuple[FieldDescriptor, ...]


def unpublished(message: Message, api_version: str, prefix: str = "") -> Iterator[tuple[str, FieldDescriptor]]:
    """What is set in `message` and does not travel over gRPC: each field's path and descriptor.

    Args:
        message: A message of our schema; of any other, nothing is said.
        api_version: `v1` or `v1beta1`.
        prefix: What the paths begin with.
    """
    plan = _plan(message.DESCRIPTOR, api_version)
    for field in _lost(message, plan):
        yield prefix + field.name, field
    for path, part in _parts(message, plan):
        yield from unpublished(part, api_version, f"{prefix}{path}.")


def strip(message: Message, api_version: str) -> None:
    """Clears in `message` what does not travel over that version's gRPC."""
    plan = _plan(message.DESCRIPTOR, api_version)
    for field in list(_lost(message, plan)):
        message.ClearField(field.name)
    for _, part in _parts(message, plan):
        strip(part, api_version)


def _lost(message: Message, plan: _Plan) -> Iterator[FieldDescriptor]:
    for field in plan.fields:
        if message.HasField(field.name) if field.has_presence else getattr(message, field.name):
            yield field
    for field in plan.values:
        value: Any = getattr(message, field.name)
        if any(number >= JSON_ONLY for number in (value if field.is_repeated else (value,))):
            yield field


def _parts(message: Message, plan: _Plan) -> Iterator[tuple[str, Message]]:
    """The sub-messages to look at, each with its path from here."""
    for field in plan.below:
        value: Any = getattr(message, field.name)
        if is_map(field):
            yield from ((f"{field.name}[{key!r}]", value[key]) for key in value)
        elif field.is_repeated:
            yield from ((f"{field.name}[{i}]", part) for i, part in enumerate(value))
        elif message.HasField(field.name):
            yield field.name, value


@cache
def _plan(descriptor: Descriptor, api_version: str) -> _Plan:
    fields = tuple(f for f in descriptor.fields if _travels_not(f, api_version))
    others = [f for f in descriptor.fields if f not in fields]
    return _Plan(
        fields,
        tuple(f for f in others if _has_own_values(f)),
        tuple(f for f in others if f.message_type is not None and _leads(f.message_type, api_version)),
    )


def _leads(descriptor: Descriptor, api_version: str) -> bool:
    """Whether a message of that type may hold, at any depth, something that does not travel."""
    seen: set[str] = set()
    ahead = [descriptor]
    while ahead:
        message = ahead.pop()
        if message.full_name in seen:
            continue
        seen.add(message.full_name)
        if any(_travels_not(f, api_version) or _has_own_values(f) for f in message.fields):
            return True
        ahead += [f.message_type for f in message.fields if f.message_type is not None]
    return False


def _travels_not(field: FieldDescriptor, api_version: str) -> bool:
    message: Any = field.containing_type
    if not message.full_name.startswith(_PACKAGE):
        return False
    return api_version not in published_in(field)


def _has_own_values(field: FieldDescriptor) -> bool:
    enum = field.enum_type
    return (
        enum is not None
        and enum.full_name.startswith(_PACKAGE)
        and max(value.number for value in enum.values) >= JSON_ONLY
    )
