"""Message <-> JSON, protobuf's canonical mapping. All JSON of messages in this package goes through here.

`google.protobuf.json_format` is the law: the same result, the same inputs refused.
"""

from __future__ import annotations

import base64
import math
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from google.protobuf.message import Message

from gemtune.errors import JsonError

if TYPE_CHECKING:
    from google.protobuf.descriptor_pool import DescriptorPool

__all__ = ["bytes_text", "decode", "encode", "float_text", "from_json", "to_json"]

M = TypeVar("M", bound=Message)


def to_json(message: Message, *, indent: int | None = None, preserving_proto_field_name: bool = False) -> str:
    """The JSON form of a message.

    Args:
        message: Any protobuf message.
        indent: Spaces per level; None gives one line.
        preserving_proto_field_name: Field names as in the .proto instead of lowerCamelCase.

    Raises:
        JsonError: The message has no JSON form (an `Any` of an unknown type, a timestamp out of range, ...).
    """
    from google.protobuf import json_format

    try:
        return json_format.MessageToJson(
            message,
            indent=indent,
            preserving_proto_field_name=preserving_proto_field_name,
            ensure_ascii=False,
            descriptor_pool=_ANY_TYPES,
        )
    except (json_format.Error, ValueError, TypeError) as error:
        raise JsonError(f"{message.DESCRIPTOR.name} has no JSON form: {error}") from error


def from_json(data: str | bytes, message_type: type[M], *, ignore_unknown_fields: bool = False) -> M:
    """The message that JSON text stands for.

    Args:
        data: The text, or its UTF-8 bytes.
        message_type: The class of the message, such as `gemtune.TuningJob`.
        ignore_unknown_fields: Pass over fields and enum names that the type does not have.

    Raises:
        JsonError: The text is not JSON, or not the JSON form of that type.
    """
    from google.protobuf import json_format

    try:
        text = data if isinstance(data, str) else data.decode()
        return json_format.Parse(text, message_type(), ignore_unknown_fields, _ANY_TYPES)
    except (json_format.ParseError, UnicodeDecodeError, RecursionError) as error:
        raise JsonError(str(error) or "the JSON is nested too deeply") from error


class _AnyTypes:
    """What json_format asks for the type of an `Any`: every type of this process, and Google's names for our types.

    The service's operations hold an `Any` of `google.cloud.aiplatform.v1.TuningJob`, a name that our schema must not
    register (it would clash with google-cloud-aiplatform's). A private pool knows our types under Google's names.
    """

    def FindMessageTypeByName(self, name: str) -> Any:  # noqa: N802  protobuf's name
        from google.protobuf import descriptor_pool

        try:
            return descriptor_pool.Default().FindMessageTypeByName(name)
        except KeyError:
            for package in ("google.cloud.aiplatform.v1", "google.cloud.aiplatform.v1beta1"):
                if name.startswith(package + "."):
                    return _renamed_pool(package).FindMessageTypeByName(name)
            raise


_ANY_TYPES = cast("DescriptorPool", _AnyTypes())


@cache
def _renamed_pool(package: str) -> DescriptorPool:
    """A pool of our own with the messages of `gemtune.v1` under another package name."""
    from gemtune_pb.v1 import TuningJob, tuning_service_pb2
    from google.protobuf import descriptor_pb2, descriptor_pool

    pool = descriptor_pool.DescriptorPool()
    seen: set[str] = set()

    def add(file: Any) -> None:
        if file.name in seen:
            return
        seen.add(file.name)
        for dependency in file.dependencies:
            add(dependency)
        proto = descriptor_pb2.FileDescriptorProto.FromString(file.serialized_pb)
        if proto.package == TuningJob.DESCRIPTOR.file.package:
            _rename(proto, f".{proto.package}.", f".{package}.")
            proto.package = package
            del proto.service[:]
        pool.Add(proto)

    add(tuning_service_pb2.DESCRIPTOR)
    return pool


def _rename(proto: Message, old: str, new: str) -> None:
    """Replaces the package in every type reference below `proto`."""
    for field, value in proto.ListFields():
        if field.name in ("type_name", "extendee"):
            setattr(proto, field.name, value.replace(old, new))
        elif field.message_type is not None:
            for item in value if field.is_repeated else (value,):
                _rename(item, old, new)


def encode(message: Message) -> bytes:
    """A message as the bytes of an HTTP body."""
    return to_json(message).encode()


def decode(data: bytes, message_type: type[M], *, ignore_unknown_fields: bool = False) -> M:
    """The message in the bytes of an HTTP body."""
    return from_json(data, message_type, ignore_unknown_fields=ignore_unknown_fields)


def float_text(value: float, *, single: bool) -> str:
    """A number as the JSON mapping writes it, in the fewest digits that give it back."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if single:
        from google.protobuf.internal import type_checkers

        value = type_checkers.ToShortestFloat(value)
    return repr(value)


def bytes_text(value: bytes) -> str:
    """Bytes as the JSON mapping writes them."""
    return base64.b64encode(value).decode()
