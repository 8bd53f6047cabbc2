"""What makes two specs the same spec: a canonical text of what a job asks for, and its SHA-256.

`docs/fingerprint.md` defines the text; this module is one of the programs that follow it, those under
`tests/interop/` are others. Read off descriptors: nothing here knows a field of a tuning job but the labels that
gemtune itself adds. Knows nothing of files, checks or the service.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from gemtune.descriptors import is_map
from gemtune.errors import SpecInvalid, bad_request
from gemtune.rpc.unknown import KEPT, path_of, shown
from gemtune.specs.request import asked_for, job_descriptor, unknown_of

__all__ = ["canonical", "fingerprint"]


def fingerprint(job: Message) -> str:
    """The identity of a spec: equal for equal requests, in every language, format, process and protobuf version.

    Output-only fields, the resource name and gemtune's own two labels do not count, so a job that the service returned
    has the fingerprint of the request that made it, as far as the service filled in nothing.

    Args:
        job: A `gemtune.TuningJob`.

    Returns:
        `sha256:` and 64 hexadecimal digits.

    Raises:
        SpecInvalid: The job holds fields or enum values that this version of the schema does not have. What is not
            understood has no identity yet: it would get another one once it is.
        TypeError: It is not a `gemtune.TuningJob`.
    """
    return f"sha256:{hashlib.sha256(canonical(job).encode('ascii')).hexdigest()}"


def canonical(job: Message) -> str:
    """The text that is hashed, in ASCII; two of them side by side show where two specs differ.

    Args:
        job: A `gemtune.TuningJob`.

    Raises:
        SpecInvalid, TypeError: As `fingerprint`.
    """
    descriptor = job_descriptor(job, "a fingerprint")
    # Names alone tell no more about what they mean than numbers do.
    unknown = [(path_of(place), f"it is {shown(value)}, which {_UNKNOWN}") for place, value in unknown_of(job)]
    text = _message(job, "", unknown, labels=descriptor.fields_by_name["labels"])
    if unknown:
        raise SpecInvalid(bad_request(unknown))
    return text


# `unknown` collects (path, sentence) of what the schema does not have, so that all of it is reported and not the first.


def _message(message: Message, path: str, unknown: list[tuple[str, str]], labels: FieldDescriptor | None = None) -> str:
    unread = {field.field_number for field in cast("Iterable[Any]", UnknownFieldSet(message))} - {KEPT}
    if unread:
        numbers = f"number{'s' if len(unread) > 1 else ''} {', '.join(map(str, sorted(unread)))}"
        unknown.append(
            (path, f"{message.DESCRIPTOR.name} has no field {numbers} in this version of gemtune; {_REMEDY}")
        )
    pairs: list[tuple[str, str]] = []
    for field, asked in asked_for(message, labels):
        where = f"{path}.{field.name}" if path else field.name
        pairs.append((field.json_name, _field(field, asked, where, unknown)))
    return _object(pairs)


def _field(field: FieldDescriptor, value: Any, path: str, unknown: list[tuple[str, str]]) -> str:
    kind = field.message_type
    if kind is not None and is_map(field):
        key, item = kind.fields_by_name["key"], kind.fields_by_name["value"]
        items: Mapping[Any, Any] = value
        return _object((_one(key, k, path, unknown), _one(item, items[k], f"{path}.{k}", unknown)) for k in items)
    if field.is_repeated:
        texts = (_one(field, item, f"{path}[{i}]", unknown) for i, item in enumerate(value))
        return f"[{','.join(texts)}]"
    return _one(field, value, path, unknown)


def _one(field: FieldDescriptor, value: Any, path: str, unknown: list[tuple[str, str]]) -> str:
    if field.message_type is not None:
        return _message(value, path, unknown)
    if field.enum_type is None:
        return _SCALARS.get(field.type, str)(value)
    known = field.enum_type.values_by_number.get(value)
    if known is None:
        unknown.append((path, f"{field.enum_type.name} has no value {value} in this version of gemtune; {_REMEDY}"))
        return ""
    return known.name


_UNKNOWN = "this version of gemtune does not know; only what is understood has a fingerprint: upgrade gemtune"
_REMEDY = "only what is understood has a fingerprint: upgrade gemtune, or remove it from the spec"


def _object(pairs: Iterable[tuple[str, str]]) -> str:
    return f"{{{','.join(sorted(f'{name}:{value}' for name, value in pairs))}}}"


def _text(value: str) -> str:
    return f'"{value.encode().hex()}"'


def _bytes(value: bytes) -> str:
    return f'"{value.hex()}"'


def _float(value: float) -> str:
    if value != value:  # noqa: PLR0124  NaN, of which there are many
        return "7ff8000000000000"
    return struct.pack(">d", value + 0.0).hex()  # -0.0 + 0.0 is 0.0


def _bool(value: bool) -> str:
    return "true" if value else "false"


_SCALARS: Mapping[int, Callable[[Any], str]] = {
    FieldDescriptor.TYPE_STRING: _text,
    FieldDescriptor.TYPE_BYTES: _bytes,
    FieldDescriptor.TYPE_DOUBLE: _float,
    FieldDescriptor.TYPE_FLOAT: _float,
    FieldDescriptor.TYPE_BOOL: _bool,
}
"""How a scalar is written, by `FieldDescriptor.type`; integers, the rest of them, in decimal."""
