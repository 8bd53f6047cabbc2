"""A job -> a text that `load_spec` reads back as the same job, and that other readers of its format read so too."""

from __future__ import annotations

import json
import math
import re
import struct
from functools import cache
from typing import Any, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from gemtune.descriptors import is_map, is_well_known, value_field, values
from gemtune.errors import JsonError, SpecFileError
from gemtune.rpc.codec import bytes_text, float_text, to_json
from gemtune.rpc.unknown import kept, without
from gemtune.specs.read.document import check_depth
from gemtune.specs.read.scalars import NULLS, ambiguous
from gemtune.specs.request import unknown_of

__all__ = ["dumps", "textproto"]


def dumps(job: Message, format: str) -> str | bytes:  # noqa: A002
    """The text of a job in one of the formats; bytes for `binpb`.

    Raises:
        SpecFileError: The format cannot hold the job.
    """
    if found := unknown_of(job):  # its numbers are not known, so not even binpb can hold it
        message = f"{'; '.join(map(str, found))}: this version of gemtune does not know that; upgrade gemtune"
        raise SpecFileError(message, file="<text>")
    if kept(job):
        plain = type(job).FromString(without(job))
        return dumps(plain, format)
    check_depth(job, "<text>")
    if format == "binpb":
        return job.SerializeToString(deterministic=True)
    if unknown := _unknown(job, ""):
        message = f"{unknown}: a field or a value that this version of gemtune does not know; only binpb can hold it"
        raise SpecFileError(message, file="<text>")
    if format == "textproto":
        return textproto(job)
    try:
        return to_json(job, indent=2) + "\n" if format == "json" else _yaml(_plain(job))
    except (JsonError, ValueError) as error:
        raise SpecFileError(f"the job has no form in {format}: {error}", file="<text>") from error


def _unknown(message: Message, path: str) -> str:
    """The path of the first thing below a message that texts cannot hold; "" when there is none."""
    if len(UnknownFieldSet(message)):
        numbers = {field.field_number for field in cast("Any", UnknownFieldSet(message))}
        return f"{path or 'the job'} ({', '.join(map(str, sorted(numbers)))})"
    for field, value in message.ListFields():
        inner = field.message_type
        at = f"{path}.{field.name}" if path else field.name
        if inner is None:
            if _is_nameless_size(field.enum_type, value):
                return f"{at} ({value})"
            continue
        for part in values(field, value) if value_field(field).message_type is not None else ():
            if found := _unknown(part, at):
                return found
    return ""


def textproto(message: Message, *, as_utf8: bool = True) -> str:
    """A message in protobuf's text format; an `Any` whose bytes are not of its type is written as its bytes."""
    from google.protobuf import descriptor_pool, text_format

    try:
        return text_format.MessageToString(message, as_utf8=as_utf8)
    except DecodeError:
        nothing_known = descriptor_pool.DescriptorPool()
        return text_format.MessageToString(message, as_utf8=as_utf8, descriptor_pool=nothing_known)


_OTHER_BREAKS = re.compile("[\r\x85\u2028\u2029]")
"""What YAML takes for the end of a line, and a reader therefore for a blank."""


def _is_nameless_size(enum: Any, value: Any) -> bool:
    # Other enums keep a number that has no name; in this one a number would be taken for a rank.
    return enum is not None and enum.name == "AdapterSize" and value not in enum.values_by_number


# -- YAML --------------------------------------------------------------------------------------------------------------


def _plain(message: Message) -> dict[str, Any]:
    """A message as plain values with the .proto's names; numbers are numbers, 64 bits or not."""
    made: dict[str, Any] = {}
    for field, value in message.ListFields():
        if is_map(field):
            inner = value_field(field)
            made[field.name] = {key: _value(inner, value[key]) for key in sorted(value)}
        elif field.is_repeated:
            made[field.name] = [_value(field, item) for item in value]
        else:
            made[field.name] = _value(field, value)
    return made


def _value(field: Any, value: Any) -> Any:
    if field.message_type is not None:
        return _well_known(value) if is_well_known(field.message_type) else _plain(value)
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known else value
    if field.type == FieldDescriptor.TYPE_BYTES:
        return bytes_text(value)
    return _float(value, single=field.type == FieldDescriptor.TYPE_FLOAT) if isinstance(value, float) else value


def _well_known(value: Message) -> Any:
    return json.loads(to_json(value))


def _float(value: float, *, single: bool) -> float | str:
    if not math.isfinite(value):  # as JSON has it: YAML's .inf is a number to no JSON reader
        return float_text(value, single=single)
    if single and abs(value) < _LARGEST:
        return float(float_text(value, single=True)) if value else value
    return value


_LARGEST = struct.unpack("<f", b"\xff\xff\x7f\x7f")[0]
"""Of 32 bits. Its shortest text is a little more than it is, which strict readers refuse."""


def _yaml(value: dict[str, Any]) -> str:
    import yaml

    made: str = yaml.dump(value, Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=120)
    return made


@cache
def _dumper() -> Any:
    """PyYAML's safe dumper with texts as other readers, too, take them for texts, and paragraphs as paragraphs."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
            return True

        def text(self, data: str) -> Any:
            style = "|" if "\n" in data else None
            if ambiguous(data) or data in NULLS or _OTHER_BREAKS.search(data):
                style = '"'
            return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    Dumper.add_representer(str, Dumper.text)
    return Dumper
