"""What every walk over descriptors asks: whether a field is a map, what its values are, how it behaves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor

__all__ = ["behaviors", "is_map", "is_output", "is_required", "is_well_known", "value_field", "values"]

_BEHAVIOR: Any = field_behavior_pb2.field_behavior  # its stub does not say what it extends


def is_map(field: FieldDescriptor) -> bool:
    """Whether a field is a map."""
    entry = field.message_type
    return entry is not None and entry.GetOptions().map_entry


def value_field(field: FieldDescriptor) -> FieldDescriptor:
    """The field that says what one value is: of a map the entry's `value`, else the field itself."""
    entry = field.message_type
    return entry.fields_by_name["value"] if entry is not None and entry.GetOptions().map_entry else field


def values(field: FieldDescriptor, content: Any) -> Iterable[Any]:
    """The values in a field's content: those of a map or a list, or the one that it is."""
    if is_map(field):
        return [content[key] for key in content]
    return content if field.is_repeated else (content,)


def is_well_known(descriptor: Descriptor | None) -> bool:
    """Whether a message type is one of `google.protobuf`, which have JSON forms of their own."""
    return descriptor is not None and descriptor.full_name.startswith("google.protobuf.")


def behaviors(field: FieldDescriptor) -> frozenset[int]:
    """A field's `google.api.field_behavior` annotations: numbers of `field_behavior_pb2.FieldBehavior`."""
    return frozenset(field.GetOptions().Extensions[_BEHAVIOR])


def is_required(field: FieldDescriptor) -> bool:
    """Whether a request has to have the field."""
    return field_behavior_pb2.REQUIRED in behaviors(field)


def is_output(field: FieldDescriptor) -> bool:
    """Whether only the service sets the field."""
    return field_behavior_pb2.OUTPUT_ONLY in behaviors(field)
