"""protobuf-py's types for our messages' descriptors, each difference to json_format that a type can close closed.

`unfit_to_read` and `unfit_to_write` name what is left: message types of which the library would mean something else
than json_format, and which are therefore json_format's.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from typing import Any, Final, TypeAlias

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, FileDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.internal import api_implementation

from gemtune.rpc._codec_tree import OWN_FORMS, has_json_names, is_map, key_of, value_of

__all__ = [
    "ANY_URL",
    "ANY_VALUE",
    "FLOAT",
    "MARK",
    "ROOT",
    "VERSION",
    "Types",
    "closure",
    "types_to_read",
    "types_to_write",
    "unfit_to_read",
    "unfit_to_write",
]

VERSION: Final = "0.7.0"
"""The release of protobuf-py whose source was read against json_format's. Another one is not used."""

MARK: Final = f"m{os.urandom(8).hex()}"
"""In names that no input can know: what stands under them is not a user's field, nor a user's string."""

ROOT, ANY_URL, ANY_VALUE, FLOAT = (f"{MARK}{what}" for what in ("root", "url", "value", "float"))

_Unit: TypeAlias = Descriptor | EnumDescriptor
"""A message or enum at the top of a file, with all that is nested in it."""


@cache
def library() -> Any:
    """protobuf-py's module that makes types of descriptors; None where the fast road is closed."""
    if api_implementation.Type() == "python":
        return None  # protobuf without its C half: its serializer, which the road goes by, is slow without bound
    try:
        from importlib.metadata import PackageNotFoundError, version

        from protobuf import _file_registry, _native_message
    except ImportError:
        return None
    try:
        rust: Any = _native_message.NativeMessageClass  # its Python half would be no faster than json_format
        return _file_registry if rust and version("protobuf-py") == VERSION else None
    except PackageNotFoundError:
        return None


# -- which types the library may have -----------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def closure(root: Descriptor) -> frozenset[Descriptor]:
    """A message type and every one that its fields lead to."""
    found, todo = {root}, [root]
    while todo:
        new = {f.message_type for f in todo.pop().fields if f.message_type is not None} - found
        found |= new
        todo += new
    return frozenset(found)


def unfit_to_read(d: Descriptor) -> bool:
    """Whether the library could read such a message where json_format refuses, or read something else."""
    return _is_strange(d) or any(
        # null among the items, which json_format refuses
        (f.is_repeated and _is_null_value(value_of(f) if is_map(f) else f))
        # null for all the items, which it refuses if they are of this one type
        or (f.is_repeated and d.full_name not in OWN_FORMS and _holds(f, "google.protobuf.Value"))
        # keys that are one number, "1" and "01": json_format merges what they hold
        or (is_map(f) and value_of(f).message_type is not None and key_of(f).type not in _PLAIN_KEYS)
        for f in d.fields
    )


def unfit_to_write(d: Descriptor) -> bool:
    """Whether the library could write such a message otherwise than json_format does."""
    return (
        _is_strange(d)
        or d.is_extendable  # the library leaves extensions out
        or d.full_name == "google.protobuf.FloatValue"
        or any(is_map(f) and value_of(f).type == FieldDescriptor.TYPE_FLOAT for f in d.fields)
        or any(f.enum_type is not None and has_json_names(f.enum_type) for f in d.fields)
    )


def _is_strange(d: Descriptor) -> bool:
    """Whether a message's names or encoding are such that the library could mean something else by it."""
    return (
        # json_format notes fields and oneofs that it has seen in one list
        not {o.name for o in d.oneofs}.isdisjoint(f.json_name for f in d.fields)
        or d.GetOptions().message_set_wire_format
        or d.full_name == "google.protobuf.FieldMask"  # upper case at a path's start, letters beyond ASCII
        or (d.full_name in OWN_FORMS and not d.file.name.startswith("google/protobuf/"))  # somebody's own
    )


_PLAIN_KEYS = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BOOL)


def _holds(field: FieldDescriptor, full_name: str) -> bool:
    return field.message_type is not None and field.message_type.full_name == full_name


def _is_null_value(field: FieldDescriptor) -> bool:
    return field.enum_type is not None and field.enum_type.full_name == "google.protobuf.NullValue"


# -- and as what --------------------------------------------------------------------------------------------------

_Adapt: TypeAlias = Callable[[descriptor_pb2.FieldDescriptorProto, FieldDescriptor], None]


def _to_read(proto: descriptor_pb2.FieldDescriptorProto, field: FieldDescriptor) -> None:
    proto.name = f"{MARK}{field.number}"  # the library would know the field by its name in the .proto too


def _to_write(proto: descriptor_pb2.FieldDescriptorProto, field: FieldDescriptor) -> None:
    _write_as(field.json_name, proto, field)


def _to_write_proto_names(proto: descriptor_pb2.FieldDescriptorProto, field: FieldDescriptor) -> None:
    _write_as(field.name, proto, field)


def _write_as(name: str, proto: descriptor_pb2.FieldDescriptorProto, field: FieldDescriptor) -> None:
    proto.json_name = name
    if field.type == FieldDescriptor.TYPE_FLOAT:
        if not re.fullmatch(r"\w+", name):
            raise ValueError(f"{name} could not be found again in the text")
        proto.type, proto.json_name = proto.TYPE_FIXED32, FLOAT + name


@lru_cache(maxsize=64)
def types_to_read(pool: DescriptorPool) -> Types:
    """The types that read the messages of a pool."""
    del pool  # what is in it comes with the descriptors; two pools may have different types of one name
    return Types(_to_read, writes=False)


@lru_cache(maxsize=64)
def types_to_write(pool: DescriptorPool, *, proto_names: bool) -> Types:
    """The types that write the messages of a pool."""
    del pool
    return Types(_to_write_proto_names if proto_names else _to_write, writes=True)


class Types:
    """The library's types for those of one pool, adapted; made as they are needed, and once."""

    def __init__(self, adapt: _Adapt, *, writes: bool) -> None:
        """Takes what is done to each field, and whether of an enum's aliases only the one that is written is needed."""
        from protobuf import Registry

        self._adapt, self._writes = adapt, writes
        self._registry = Registry()
        self._known: set[_Unit] = set()
        self._lock = threading.Lock()

    def of(self, descriptor: Descriptor) -> Any:
        """The library's type for a message type."""
        with self._lock:
            new = _units(descriptor) - self._known
            for file in _in_order(descriptor.file, set()):
                names = {unit.name for unit in new if unit.file.name == file.name}
                if names:
                    self._add(self._part(file, names))
            self._known |= new
        return self._found(descriptor.full_name)

    def wrapped(self, descriptor: Descriptor) -> Any:
        """A type with one field, `root`, of that type, which JSON knows as `ROOT`."""
        self.of(descriptor)
        package = f"{ROOT}.{descriptor.full_name}"
        file = descriptor_pb2.FileDescriptorProto(name=package, package=package, syntax="proto3")
        message = file.message_type.add(name="Wrapper")
        field = message.field.add(name="root", json_name=ROOT, number=1, type_name=f".{descriptor.full_name}")
        field.label, field.type = field.LABEL_OPTIONAL, field.TYPE_MESSAGE
        with self._lock:
            self._add(file)
        return self._found(f"{package}.{message.name}")

    def _found(self, name: str) -> Any:
        found = self._registry.message(name)
        if found is None:
            raise LookupError(name)
        return found.type

    def _add(self, file: descriptor_pb2.FileDescriptorProto) -> None:
        from protobuf.wkt import FileDescriptorProto

        library().add_file(self._registry, FileDescriptorProto.from_binary(file.SerializeToString()), None)

    def _part(self, file: FileDescriptor, names: set[str]) -> descriptor_pb2.FileDescriptorProto:
        """These messages and enums of a file, without what JSON does not need."""
        whole = descriptor_pb2.FileDescriptorProto.FromString(file.serialized_pb)
        part = descriptor_pb2.FileDescriptorProto(
            # A file may come in several parts. Its folder stays: by it the library tells protobuf's own types.
            name=f"{whole.name}/{len(self._known)}",
            package=whole.package,
            syntax=whole.syntax,
            options=whole.options,
            message_type=[m for m in whole.message_type if m.name in names],
            enum_type=[e for e in whole.enum_type if e.name in names],
        )
        if whole.HasField("edition"):
            part.edition = whole.edition
        for message in part.message_type:
            self._adapt_message(message, file.message_types_by_name[message.name])
        for enum in part.enum_type:
            self._adapt_enum(enum, file.enum_types_by_name[enum.name])
        return part

    def _adapt_message(self, proto: descriptor_pb2.DescriptorProto, descriptor: Descriptor) -> None:
        proto.ClearField("extension")
        is_any = descriptor.full_name == "google.protobuf.Any"
        keeps_form = descriptor.full_name in OWN_FORMS and not is_any
        if not keeps_form:
            proto.ClearField("oneof_decl")
        for field in proto.field:
            original = descriptor.fields_by_number[field.number]
            field.ClearField("default_value")
            field.json_name = original.json_name  # descriptors leave it out of their protos
            if keeps_form:
                continue
            field.ClearField("oneof_index")
            if original.has_presence and original.message_type is None:
                field.proto3_optional = True  # whatever the syntax is
                field.label = field.LABEL_OPTIONAL  # json_format does not ask for what is required
            self._adapt(field, original)
            if is_any:
                field.json_name = {1: ANY_URL, 2: ANY_VALUE}[field.number]
                field.name = f"{MARK}{field.number}"
        for nested in proto.nested_type:
            self._adapt_message(nested, descriptor.nested_types_by_name[nested.name])
        for enum in proto.enum_type:
            self._adapt_enum(enum, descriptor.enum_types_by_name[enum.name])

    def _adapt_enum(self, proto: descriptor_pb2.EnumDescriptorProto, descriptor: EnumDescriptor) -> None:
        written = {descriptor.values_by_number[value.number].name for value in proto.value}  # of aliases, one
        values = [value for value in proto.value if value.name in written or not self._writes]
        proto.ClearField("value")
        for value in values:
            proto.value.add(name=value.name, number=value.number)


def _top(descriptor: _Unit) -> _Unit:
    while descriptor.containing_type is not None:
        descriptor = descriptor.containing_type
    return descriptor


def _units(root: Descriptor) -> set[_Unit]:
    """What a message type needs: itself and all that its fields, and those of what is nested with it, lead to."""
    found: set[_Unit] = set()
    todo: list[_Unit] = [_top(root)]
    while todo:
        unit = todo.pop()
        if unit not in found:
            found.add(unit)
            types = [f.message_type or f.enum_type for d in _nested(unit) for f in d.fields]
            todo += [_top(type_) for type_ in types if type_ is not None]
    return found


def _nested(unit: _Unit) -> Iterator[Descriptor]:
    if isinstance(unit, Descriptor):
        yield unit
        for nested in unit.nested_types:
            yield from _nested(nested)


def _in_order(file: FileDescriptor, seen: set[str]) -> Iterator[FileDescriptor]:
    """A file and those that it imports, each after its own imports."""
    if file.name not in seen:
        seen.add(file.name)
        for imported in file.dependencies:
            yield from _in_order(imported, seen)
        yield file
