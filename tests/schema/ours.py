"""Our descriptors as tables: read from the committed descriptor set, in the form that `published.json` has."""

from __future__ import annotations

import functools
from pathlib import Path

from google.api import field_behavior_pb2
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from gemtune_pb.v1 import prediction_service_pb2, tuning_service_pb2

ROOT = Path(__file__).parent.parent.parent
OURS_FROM = 10000
# What these define is no part of the API.
OWN_FILES = {f"gemtune/v1/{name}.proto" for name in ("annotations", "catalogue", "dataset", "estimate")}
SERVICE = tuning_service_pb2.DESCRIPTOR.services_by_name["TuningService"]
PREDICTION = prediction_service_pb2.DESCRIPTOR.services_by_name["PredictionService"]
TYPES = {getattr(FieldDescriptor, n): n[5:].lower() for n in vars(FieldDescriptor) if n.startswith("TYPE_")}


@functools.cache
def files():
    data = (ROOT / "generated/gemtune_pb/gemtune.binpb").read_bytes()
    return descriptor_pb2.FileDescriptorSet.FromString(data).file


def walk_types():
    pool = tuning_service_pb2.DESCRIPTOR.pool

    def nested(descriptor):
        yield descriptor
        yield from descriptor.enum_types
        for inner in descriptor.nested_types:
            if not inner.GetOptions().map_entry:
                yield from nested(inner)

    for file in (pool.FindFileByName(f.name) for f in files() if f.package == "gemtune.v1" and f.name not in OWN_FILES):
        yield from file.enum_types_by_name.values()
        for message in file.message_types_by_name.values():
            yield from nested(message)


def short(descriptor):
    return descriptor.full_name.removeprefix("gemtune.v1.")


ALL = {short(d): d for d in walk_types()}
MESSAGES = {n: d for n, d in ALL.items() if isinstance(d, Descriptor)}
ENUMS = {n: d for n, d in ALL.items() if isinstance(d, EnumDescriptor)}
FLAT = {n.replace(".", ""): n for n in ALL}  # REST's way to name a nested message


def is_map(field):
    return field.is_repeated and field.message_type is not None and field.message_type.GetOptions().map_entry


def type_name(field):
    if is_map(field):
        key, value = (type_name(field.message_type.fields_by_name[n]) for n in ("key", "value"))
        return f"map<{key}, {value}>"
    target = field.message_type or field.enum_type
    return short(target) if target else TYPES[field.type]


def behavior(field):
    values = field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
    return sorted(field_behavior_pb2.FieldBehavior.Name(v) for v in values)


def row(field):
    """A field in the form of published.json."""
    out = {"number": field.number, "json": field.json_name, "type": type_name(field)}
    oneof = field.containing_oneof
    if field.is_repeated and not is_map(field):
        out["label"] = "repeated"
    elif oneof and oneof.name == f"_{field.name}":
        out["label"] = "optional"
    elif oneof:
        out["oneof"] = oneof.name
    if found := behavior(field):
        out["behavior"] = found
    return out


def bindings(rule):
    """An HTTP rule in the form of published.json: verb, path and body of each binding."""
    for binding in (rule, *rule.additional_bindings):
        verb = binding.WhichOneof("pattern")
        yield {"method": verb, "uri": getattr(binding, verb)} | ({"body": binding.body} if binding.body else {})
