"""`google.cloud.aiplatform.MetadataService/GetContext`, as far as Google's SDK asks for the experiment of a job.

The two messages have only the fields that are asked for, under their published numbers. They live in a pool of their
own, since they are no part of our schema and Google's package registers the whole of them in the common pool.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, struct_pb2
from google.protobuf.message import Message

from gemtune.errors import InvalidArgument

__all__ = ["GetContextRequest", "get_context"]

_Field = descriptor_pb2.FieldDescriptorProto


def _message(title: str, /, **strings: int) -> descriptor_pb2.DescriptorProto:
    return descriptor_pb2.DescriptorProto(
        name=title,
        field=[
            _Field(name=field, number=number, type=_Field.TYPE_STRING, label=_Field.LABEL_OPTIONAL)
            for field, number in strings.items()
        ],
    )


def _types() -> tuple[type[Message], type[Message]]:
    context = _message("Context", name=1, display_name=2, schema_title=13, schema_version=14)
    context.field.add(
        name="metadata",
        number=15,
        type=_Field.TYPE_MESSAGE,
        label=_Field.LABEL_OPTIONAL,
        type_name=".google.protobuf.Struct",
    )
    struct: Any = struct_pb2.DESCRIPTOR
    file = descriptor_pb2.FileDescriptorProto(
        name="gemtune/emulator/context.proto",
        package="gemtune.emulator",
        syntax="proto3",
        dependency=[struct.name],
        message_type=[_message("GetContextRequest", name=1), context],
    )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(struct.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return (
        message_factory.GetMessageClass(pool.FindMessageTypeByName("gemtune.emulator.GetContextRequest")),
        message_factory.GetMessageClass(pool.FindMessageTypeByName("gemtune.emulator.Context")),
    )


GetContextRequest, _Context = _types()


def get_context(request: Any) -> Message:
    """The experiment of that name: there is one for every name of the right form, as there is one for every job."""
    if "/contexts/" not in request.name:
        raise InvalidArgument(f"{request.name!r} is not the name of a Context.")
    context: Any = _Context()
    context.name = request.name
    context.display_name = request.name.rpartition("/")[2]
    context.schema_title, context.schema_version = "system.Experiment", "0.0.1"
    context.metadata.update({"experiment_deleted": False})  # the SDK does not take an experiment without any metadata
    return context
