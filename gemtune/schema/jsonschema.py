"""JSON Schema of a message, made from its descriptor, so that an editor completes and checks a spec while it is typed.

It says what `load_spec` reads, and is stricter where a spec is rather mistyped than meant: enums only by name
(`adapterSize: 4` would mean rank 16), no field that only the service sets, no null for "not set", no exponent in a
whole number that is a text. It is looser where a pattern cannot count: texts of numbers beyond a field's range, days
that a month lacks. Its keywords are those of draft 2020-12 alone: validators in strict mode (Ajv's default) take it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

from google.api import field_behavior_pb2
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

import gemtune_pb
from gemtune.descriptors import behaviors, is_required, value_field
from gemtune_pb.v1 import TuningJob

__all__ = ["json_schema"]

Json = dict[str, Any]


def json_schema(message_type: type[Message] = TuningJob, *, outputs: bool = False) -> Json:
    """The JSON Schema (draft 2020-12) of a message: what a file of that type may hold.

    Both spellings of every name are taken (`baseModel`, `base_model`), but not both at once, nor two members of a
    oneof. Descriptions are the comments of the `.proto` files.

    Args:
        message_type: A message class of this package.
        outputs: With the fields that only the service sets, and without required ones: for answers, not for specs.

    Returns:
        A JSON object, ready for `json.dumps`.
    """
    descriptor = cast("Descriptor", message_type.DESCRIPTOR)
    definitions: dict[str, Json] = {}
    waiting: list[Descriptor | EnumDescriptor] = [descriptor]
    while waiting:
        kind = waiting.pop()
        if _name(kind) in definitions:
            continue
        if isinstance(kind, EnumDescriptor):
            definitions[_name(kind)] = _enum(kind)
        else:
            definitions[_name(kind)] = _message(kind, outputs)
            waiting += _kinds_below(kind, outputs)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{descriptor.name} of gemtune",
        "$ref": f"#/$defs/{_name(descriptor)}",
        "$defs": dict(sorted(definitions.items())),
    }


def _name(kind: Descriptor | EnumDescriptor) -> str:
    return kind.full_name.removeprefix("gemtune.v1.")


def _message(kind: Descriptor, outputs: bool) -> Json:
    fields = list(_fields(kind, outputs))
    properties: dict[str, Json] = {}
    conditions: list[Json] = []
    for field in fields:
        schema = {**_described(field.full_name), **_field(field)}
        if field.GetOptions().deprecated:
            schema["deprecated"] = True
        properties |= dict.fromkeys(_spellings(field), schema)
        if not outputs and is_required(field):
            # (Strict validators want the type and the properties named again, beside `required`.)
            given = [{"type": "object", "properties": {n: True}, "required": [n]} for n in _spellings(field)]
            conditions.append({"anyOf": given})
    schema = {**_described(kind.full_name), "type": "object", "properties": properties, "additionalProperties": False}
    if exclusive := dict(_exclusive(fields)):
        schema["dependentSchemas"] = exclusive
    if conditions:
        schema["allOf"] = conditions
    return schema


def _fields(kind: Descriptor, outputs: bool) -> Iterator[FieldDescriptor]:
    hidden = {field_behavior_pb2.OUTPUT_ONLY, field_behavior_pb2.IDENTIFIER}
    for field in kind.fields:
        if outputs or not hidden & behaviors(field):
            yield field


def _kinds_below(kind: Descriptor, outputs: bool) -> Iterator[Descriptor | EnumDescriptor]:
    """The message and enum types that the fields of a message refer to."""
    for field in _fields(kind, outputs):
        value = value_field(field)
        if value.enum_type is not None and value.enum_type.full_name not in _WELL_KNOWN:
            yield value.enum_type
        if value.message_type is not None and value.message_type.full_name not in _WELL_KNOWN:
            yield value.message_type


def _spellings(field: FieldDescriptor) -> list[str]:
    return list(dict.fromkeys([field.json_name, field.name]))


def _exclusive(fields: list[FieldDescriptor]) -> Iterator[tuple[str, Json]]:
    """For each name those that may not stand beside it: its other spelling, and the oneof's other members."""
    for field in fields:
        oneof = field.containing_oneof
        rivals = [f for f in fields if oneof is not None and f.containing_oneof == oneof] or [field]
        for name in _spellings(field):
            others = [other for rival in rivals for other in _spellings(rival) if other != name]
            if others:
                yield name, {"properties": dict.fromkeys(others, False)}


def _field(field: FieldDescriptor) -> Json:
    value = value_field(field)
    if value is not field:
        return {"type": "object", "additionalProperties": _single(value)}
    return {"type": "array", "items": _single(field)} if field.is_repeated else _single(field)


def _single(field: FieldDescriptor) -> Json:
    kind = field.message_type or field.enum_type
    if kind is None:
        return _SCALARS[field.cpp_type] if field.type != FieldDescriptor.TYPE_BYTES else _BYTES
    return _WELL_KNOWN.get(kind.full_name, {"$ref": f"#/$defs/{_name(kind)}"})


def _enum(kind: EnumDescriptor) -> Json:
    described = [_comments().get(value_name, "") for value_name in (f"{kind.full_name}.{v.name}" for v in kind.values)]
    values = [
        {"const": value.name, **({"description": text} if text else {})}
        for value, text in zip(kind.values, described, strict=True)
    ]
    return {**_described(kind.full_name), "type": "string", "oneOf": values}


def _described(full_name: str) -> Json:
    text = _comments().get(full_name)
    return {"description": text} if text else {}


# -- what scalars and Google's own types look like in protobuf's JSON mapping ------------------------------------------


def _integer(low: int, high: int) -> Json:
    sign, digits = "[-+]?" if low < 0 else r"\+?", len(str(high))
    text = rf"^{sign}(0|[1-9][0-9]{{0,{digits - 1}}})(\.0*)?$"
    return {"anyOf": [{"type": "integer", "minimum": low, "maximum": high}, {"type": "string", "pattern": text}]}


_NUMBER: Json = {
    "anyOf": [
        {"type": "number"},
        {
            "type": "string",
            "pattern": r"^([-+]?(0|[1-9][0-9]*|(?=\.[0-9]))(\.[0-9]*)?([eE][-+]?[0-9]+)?|NaN|-?Infinity)$",
        },
    ]
}
_BYTES: Json = {"type": "string", "contentEncoding": "base64", "pattern": "^[A-Za-z0-9+/_-]*={0,2}$"}
_SCALARS: Mapping[int, Json] = {
    FieldDescriptor.CPPTYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.CPPTYPE_STRING: {"type": "string"},
    FieldDescriptor.CPPTYPE_DOUBLE: _NUMBER,
    FieldDescriptor.CPPTYPE_FLOAT: _NUMBER,
    FieldDescriptor.CPPTYPE_INT32: _integer(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: _integer(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: _integer(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: _integer(0, 2**64 - 1),
}
_WELL_KNOWN: Mapping[str, Json] = {
    "google.protobuf.Any": {"type": "object", "required": ["@type"], "properties": {"@type": {"type": "string"}}},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?\d+(\.\d{1,9})?s$"},
    "google.protobuf.Empty": {"type": "object", "additionalProperties": False},
    "google.protobuf.ListValue": {"type": "array"},
    "google.protobuf.NullValue": {"type": "null"},
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.Timestamp": {
        "type": "string",
        "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[-+]\d{2}:\d{2})$",
    },
    "google.protobuf.Value": {},
}


# -- comments ----------------------------------------------------------------------------------------------------------


@cache
def _comments() -> Mapping[str, str]:
    """The comment above each message, field, enum and value of our own files, by full name."""
    data = (Path(gemtune_pb.__file__).parent / "gemtune.binpb").read_bytes()
    comments: dict[str, str] = {}
    for file in descriptor_pb2.FileDescriptorSet.FromString(data).file:
        for place in file.source_code_info.location:
            if place.leading_comments and (name := _declared(file, list(place.path))):
                comments[name] = _prose(place.leading_comments)
    return comments


def _declared(file: descriptor_pb2.FileDescriptorProto, path: list[int]) -> str:
    """The full name of what a path of `SourceCodeInfo` points to; "" where that has none."""
    here: Any = file
    names = [file.package]
    while path:
        field, *path = path
        here = getattr(here, here.DESCRIPTOR.fields_by_number[field].name)
        if path:
            index, *path = path
            try:
                here = here[index]
            except TypeError:  # an option's path, which goes through no list
                return ""
        name = getattr(here, "name", "")
        if not name:
            return ""
        names.append(name)
    return ".".join(names)


def _prose(comment: str) -> str:
    """A comment without its line breaks; paragraphs stay."""
    lines = [line.strip() for line in comment.strip().splitlines()]
    return "\n\n".join(" ".join(paragraph.split("\n")) for paragraph in "\n".join(lines).split("\n\n"))
