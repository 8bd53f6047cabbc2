"""Which message an `Any` holds: every type of this process, and Google's names for our types.

The service's operations hold an `Any` of `google.cloud.aiplatform.v1.TuningJob`, a name that our schema must not
register (it would clash with google-cloud-aiplatform's). A private pool knows our types under Google's names.
"""

from __future__ import annotations

from functools import cache
from typing import Any, cast

from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message

__all__ = ["ANY_TYPES", "find_type"]

_GOOGLE = ("google.cloud.aiplatform.v1", "google.cloud.aiplatform.v1beta1")


class _AnyTypes:
    """What json_format asks for the type of an `Any`; stands for a descriptor pool."""

    def FindMessageTypeByName(self, name: str) -> Descriptor:  # noqa: N802  protobuf's name
        try:
            return descriptor_pool.Default().FindMessageTypeByName(name)
        except KeyError:
            for package in _GOOGLE:
                if name.startswith(package + "."):
                    return _renamed_pool(package).FindMessageTypeByName(name)
            raise


ANY_TYPES = cast("DescriptorPool", _AnyTypes())


def find_type(type_url: str) -> Descriptor | None:
    """The type that a type URL names; None when this process does not know it."""
    try:
        return ANY_TYPES.FindMessageTypeByName(type_url.rpartition("/")[2])
    except (KeyError, TypeError):  # TypeError: half a surrogate pair is no name to the pool
        return None


@cache
def _renamed_pool(package: str) -> DescriptorPool:
    """A pool of our own with the messages of `gemtune.v1` under another package name."""
    from gemtune_pb.v1 import TuningJob, tuning_service_pb2

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
