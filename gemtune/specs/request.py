"""What a caller asks for, told apart from what the service and gemtune add to a job.

One piece of code for the fingerprint, for the comparison of specs, for stored specs and for taking a finished job back
as a spec. Read off descriptors: nothing here knows a field of a tuning job but the labels that gemtune itself adds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, TypeVar, cast

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from gemtune.descriptors import behaviors, value_field, values
from gemtune.names import OWN_LABELS
from gemtune.rpc.unknown import Place, Unknown, forget, keep, kept

__all__ = ["asked_for", "job_descriptor", "request_of", "unknown_of"]

_NOT_ASKED_FOR = frozenset({field_behavior_pb2.OUTPUT_ONLY, field_behavior_pb2.IDENTIFIER})
_FLOATS = frozenset({FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT})

M = TypeVar("M", bound=Message)


def request_of(job: M) -> M:
    """What a job asks for, as a spec that can be submitted again.

    The resource name, output-only fields at any depth and gemtune's own two labels are gone; fields that this version
    of the schema does not have are kept, except inside of what is gone. What the service itself filled in where the
    request was silent (hyper-parameters, a display name) cannot be told from what was asked, and stays.

    Args:
        job: A `gemtune.TuningJob`; not changed.

    Returns:
        A copy.

    Raises:
        TypeError: It is not a `gemtune.TuningJob`.
    """
    labels = job_descriptor(job, "a request").fields_by_name["labels"]
    request = type(job)()
    request.CopyFrom(job)
    kept = unknown_of(job)
    forget(request)
    keep(request, kept)
    _strip(request)
    mine = cast("Any", request).labels
    for label in OWN_LABELS.intersection(mine):
        del mine[label]
    if not mine:
        request.ClearField(labels.name)
    return request


def unknown_of(job: Message) -> list[Unknown]:
    """What was ignored when a job was read and may be asked for: all but what is inside of an output-only field."""
    return [found for found in kept(job) if _may_be_asked(cast("Descriptor", job.DESCRIPTOR), found.place)]


def _may_be_asked(descriptor: Descriptor, place: Place) -> bool:
    inner: Descriptor | None = descriptor
    for key in place:
        if isinstance(key, int):
            continue
        field = next((f for f in inner.fields if key in (f.json_name, f.name)), None) if inner is not None else None
        if inner is None or field is None:
            return True
        if field.number not in _settable(inner):
            return False
        inner = field.message_type
    return True


def asked_for(message: Message, labels: FieldDescriptor | None = None) -> Iterator[tuple[FieldDescriptor, Any]]:
    """The fields of a message that are set and count as asked for, each with its value, in the order of their numbers.

    Args:
        message: A tuning job, or a message inside one.
        labels: For a job, its field of labels; gemtune's own are left out of its value.
    """
    fields = _settable(message.DESCRIPTOR)
    for field, value in message.ListFields():
        if field.number not in fields:
            continue
        asked = {k: value[k] for k in value if k not in OWN_LABELS} if field is labels else value
        if not _is_default(field, asked):
            yield field, asked


def job_descriptor(job: Message, what: str) -> Descriptor:
    """The descriptor of a job's class.

    Args:
        job: A `gemtune.TuningJob`.
        what: What is to be made of it, for the sentence: `a fingerprint`.

    Raises:
        TypeError: It is not a `gemtune.TuningJob`.
    """
    descriptor: Descriptor | None = getattr(job, "DESCRIPTOR", None)
    if descriptor is None or descriptor.full_name != "gemtune.v1.TuningJob":
        # Google's class of that name has no annotations to tell what a request can set; its bytes are the same.
        raise TypeError(
            f"{what} is of a gemtune.TuningJob, not of a {type(job).__module__}.{type(job).__name__}; "
            "a job of another class: gemtune.TuningJob.FromString(its bytes)"
        )
    return descriptor


def _strip(message: Message) -> None:
    """Clears what no request sets, at any depth."""
    fields = _settable(message.DESCRIPTOR)
    for field, value in message.ListFields():
        if field.number not in fields:
            message.ClearField(field.name)
        elif value_field(field).message_type is not None:
            for part in values(field, value):
                _strip(part)


def _is_default(field: FieldDescriptor, value: Any) -> bool:
    """Whether a value that was listed counts as none: labels that are all our own; -0.0, which some runtimes list."""
    if field.is_repeated:
        return not value
    return field.type in _FLOATS and not field.has_presence and value == 0


@cache
def _settable(descriptor: Descriptor) -> Mapping[int, FieldDescriptor]:
    """The fields that a request can set, by number."""
    return {field.number: field for field in descriptor.fields if not _NOT_ASKED_FOR & behaviors(field)}
