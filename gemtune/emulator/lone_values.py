"""One value where a list is wanted: the service's front end takes it for a list of one, and so does the emulator.

Google's notebooks send `"metrics": {...}`, its curl samples `"contents": {...}`. Protobuf's JSON mapping refuses that.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gemtune.descriptors import is_map, value_field
from gemtune.rpc import nesting

__all__ = ["as_lists"]


def as_lists(body: bytes, descriptor: Descriptor) -> bytes:
    """The JSON of a message with each lone value of a repeated field in a list, at any depth.

    A body in which there is none comes back as it is, and so does one that is no JSON or names a field twice: what is
    wrong with it is for others to say.
    """
    try:
        nesting.check(body)
        value = json.loads(body, object_pairs_hook=_once, parse_constant=_refuse)
        if not _wrap(value, descriptor):
            return body
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return body


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name is there twice")
    return made


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _wrap(value: Any, descriptor: Descriptor) -> bool:
    """Wraps what is in the JSON of a message; whether there was anything to wrap."""
    if not isinstance(value, dict) or descriptor.full_name.startswith("google.protobuf."):
        return False  # protobuf's own types have JSON of their own
    members = cast("dict[str, Any]", value)
    fields = {name: field for field in descriptor.fields for name in (field.name, field.json_name)}
    wrapped = False
    for key, item in members.items():
        field = fields.get(key)
        if field is None or item is None:
            continue
        kind = field.message_type
        if is_map(field):
            parts: list[Any] = list(cast("dict[str, Any]", item).values()) if isinstance(item, dict) else []
            kind = value_field(field).message_type
        elif field.is_repeated and not isinstance(item, list):
            if not _fits(item, field):
                continue
            members[key] = parts = [item]
            wrapped = True
        else:
            parts = cast("list[Any]", item) if field.is_repeated else [item]
        if kind is not None:
            for part in parts:
                wrapped |= _wrap(part, kind)
    return wrapped


def _fits(item: Any, field: FieldDescriptor) -> bool:
    """Whether a value may be one of a field's: an object for a message, anything else for a scalar."""
    kind = field.message_type
    if kind is None:
        return not isinstance(item, dict)
    return isinstance(item, dict) or kind.full_name.startswith("google.protobuf.")
