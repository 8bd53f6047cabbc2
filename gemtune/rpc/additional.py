"""Fields that this version's schema does not have, in `TuningJob.additional_fields`: JSON path -> value.

There they are part of a job like any other field: of every format, the fingerprint, comparisons, stored specs. As JSON
over REST they stand in their places (`unknown.wire_json`), and what an answer holds beyond the schema comes back here.
Held are values that a `google.protobuf.Value` gives back as they were, in places that a request may set; `unknown`
keeps the rest.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import Any, Final, NamedTuple, TypeAlias

from google.protobuf.message import Message

from gemtune.descriptors import is_map, is_output, is_well_known, value_field
from gemtune_pb.v1 import TuningJob

__all__ = [
    "FIELD",
    "JSON_NAME",
    "Place",
    "held",
    "hold",
    "holds",
    "is_exact",
    "order",
    "path_of",
    "place_of",
    "problems",
    "spelled",
    "takes",
]

FIELD: Final = "additional_fields"
JSON_NAME: Final = "additionalFields"

Place: TypeAlias = tuple[str | int, ...]
"""Where a value stands: the names, as JSON spells them, and the indices that lead to it."""

_EXACT = 2**53  # the whole numbers up to here are themselves as 64-bit floats
_DEEPEST = 20  # levels of a value: each is three messages in one another, and parsers take a hundred


class Problem(NamedTuple):
    """Why an entry cannot be sent.

    Attributes:
        path: The entry's key.
        what: What is wrong, in a sentence.
        remedy: What to do.
    """

    path: str
    what: str
    remedy: str


def takes(job: Message, place: Place, value: Any) -> bool:
    """Whether what an answer held beyond the schema can be held in the job's own field."""
    return isinstance(job, TuningJob) and _leads(place) and is_exact(value)


def hold(job: TuningJob, place: Place, value: Any) -> None:
    """Holds a value in a job, in place of one that is there."""
    target = job.additional_fields[path_of(place)]
    target.Clear()
    _write(target, value)


def spelled(path: str) -> Place:
    """The place of a path that a person wrote, with the names of known fields as JSON spells them."""
    kind: Any = TuningJob.DESCRIPTOR
    place = list(place_of(path))
    for index, key in enumerate(place):
        if isinstance(key, int) or kind is None:
            continue
        field = next((f for f in kind.fields if key in (f.json_name, f.name)), None)
        if field is None or is_map(field):
            break
        place[index], kind = field.json_name, field.message_type
    return tuple(place)


def holds(message: Message) -> bool:
    """Whether a message is a job that holds something."""
    return isinstance(message, TuningJob) and bool(message.additional_fields)


def held(job: TuningJob) -> list[tuple[Place, Any]]:
    """What a job holds, in the order of the places."""
    found = [(place_of(path), _read(job.additional_fields[path])) for path in job.additional_fields]
    return sorted(found, key=lambda entry: order(entry[0]))


def order(place: Place) -> list[tuple[bool, Any]]:
    """What places are sorted by: names by their letters, indices by their size."""
    return [(isinstance(key, str), key) for key in place]


@cache
def _fields(kind: Any) -> Mapping[Any, Any]:
    """The fields of a message type by their names in JSON."""
    return {field.json_name: field for field in kind.fields}


@cache
def _is_the_services(field: Any) -> bool:
    """Whether no request sets a field, or it is the very one that this is about."""
    return field.name == FIELD or is_output(field)


def _leads(place: Place) -> bool:
    """Whether a place is one that a request may set, and in no `Any`, whose JSON the message itself keeps."""
    kind: Any = TuningJob.DESCRIPTOR
    keys = iter(place)
    for key in keys:
        field = _fields(kind).get(key)
        if field is None:
            return True
        kind = value_field(field).message_type
        if _is_the_services(field) or is_well_known(kind):
            return False
        if kind is None:
            return True  # an enum's name
        if field.is_repeated:
            next(keys, None)
    return False


# -- what is wrong with entries ---------------------------------------------------------------------------------------


def problems(job: TuningJob) -> Iterator[Problem]:
    """The entries that cannot be sent: of fields that the schema has, of no place, or one within another."""
    places: list[Place] = []
    for path in sorted(job.additional_fields):
        place = place_of(path)
        found: tuple[str, str] | None = _NO_PATH
        if place and path_of(place) == path:
            found = _problem(job, path, place)
        if found:
            yield Problem(path, *found)
        else:
            places.append(place)
    places.sort(key=order)
    for one, other in pairwise(places):
        if other[: len(one)] == one:
            yield Problem(path_of(other), f"{path_of(one)} is given as well", "give the two as one value")


_NO_PATH = ("it is not a path", "write names with dots between them, such as supervisedTuningSpec.newField")


def _problem(job: TuningJob, path: str, place: Place) -> tuple[str, str] | None:
    kind: Any = TuningJob.DESCRIPTOR
    message: Any = job
    keys = iter(place)
    for key in keys:
        field = _fields(kind).get(key)
        if field is None:
            return _misspelt(kind, key)
        if _is_the_services(field):
            return f"{key} is set by the service", "leave it out"
        oneof = field.containing_oneof
        other = message.WhichOneof(oneof.name) if message is not None and oneof is not None else None
        if other not in (None, field.name):
            return f"{key} and {other} exclude each other", f"a path below {other} is possible"
        index = next(keys, None) if field.is_repeated else None
        kind, message, found = _step(field, message, index)
        if found:
            return found
        if kind is None or is_well_known(kind):
            return _of_value(job, path, field) if next(keys, None) is None else (f"{key} has no fields", "leave it out")
    return _known(str(place[-1]))


def _step(field: Any, message: Any, index: Any) -> tuple[Any, Any, tuple[str, str] | None]:
    """One field on: the type of its value, the value where it is set, and what is wrong with the index."""
    kind = value_field(field).message_type
    if not field.is_repeated:
        there = message is not None and field.has_presence and message.HasField(field.name)
        return kind, getattr(message, field.name) if there and kind is not None else None, None
    values: Any = getattr(message, field.name) if message is not None else ()
    name = field.json_name
    if index is None:
        return kind, None, _known(name)
    if is_map(field):
        found = None if index in values else (f"{name} has no entry {index}", "give the entry first")
        return kind, values[index] if found is None and kind is not None else None, found
    if not isinstance(index, int):
        return kind, None, (f"{name} is a list", f"write {name}[0] for what is in its first item")
    if kind is not None and index >= len(values):
        return kind, None, (f"there is no {name}[{index}]", "give the item first")
    return kind, values[index] if kind is not None else None, None


def _misspelt(kind: Any, key: Any) -> tuple[str, str] | None:
    known = kind.fields_by_name.get(key)
    return None if known is None else (f"{key} is here in the .proto's spelling", f"write {known.json_name}")


def _of_value(job: TuningJob, path: str, field: Any) -> tuple[str, str] | None:
    """A field that is known may be given here for one reason: the name of an enum's value that is not known."""
    enum = field.enum_type
    value = _read(job.additional_fields[path])
    if enum is not None and not is_map(field) and isinstance(value, str) and value not in enum.values_by_name:
        return None
    return _known(field.json_name)


def _known(name: str) -> tuple[str, str]:
    return f"{name} is a field that this version of gemtune knows", f"set it itself, and not under {FIELD}"


# -- paths ------------------------------------------------------------------------------------------------------------

_STEP = re.compile(r"\[(\d+)\]|\.?([^\[.]+)")


def place_of(path: str) -> Place:
    """The place that a path names: `tuningJobs[0].newField`, `a["b c"].d`. What is no path is one name."""
    place: list[str | int] = []
    at = 0
    while at < len(path):
        if path.startswith('["', at):  # a name that is no plain word
            try:
                name, at = json.JSONDecoder().raw_decode(path, at + 1)
            except ValueError:
                return (path,)
            if not path.startswith("]", at):
                return (path,)
            place.append(name)
            at += 1
            continue
        step = _STEP.match(path, at)
        if step is None:
            return (path,)
        place.append(int(step[1]) if step[1] is not None else step[2])
        at = step.end()
    return tuple(place)


def path_of(place: Place) -> str:
    """A place in words; the other way round than `place_of`."""
    parts: list[str] = []
    for key in place:
        if isinstance(key, int):
            parts.append(f"[{key}]")
        else:
            parts.append(f".{key}" if key.isidentifier() else f"[{json.dumps(key, ensure_ascii=False)}]")
    return "".join(parts).removeprefix(".")


# -- values -----------------------------------------------------------------------------------------------------------


def is_exact(value: Any, depth: int = 0) -> bool:
    """Whether a value of JSON can be held: a `Value` gives it back as it was."""
    scalar = _SCALARS.get(type(value))
    if scalar is not None:
        return scalar(value)
    items: Any = value.values() if isinstance(value, dict) else value
    names: Any = value if isinstance(value, dict) else ()
    return depth < _DEEPEST and all(map(_is_text, names)) and all(is_exact(item, depth + 1) for item in items)


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return False
    return True


_SCALARS: dict[type, Callable[[Any], bool]] = {
    str: _is_text,
    bool: lambda _: True,
    type(None): lambda _: True,
    int: lambda value: abs(value) <= _EXACT,
    float: math.isfinite,
}


def _write(target: Any, value: Any) -> None:
    if value is None:
        target.null_value = 0
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int | float):
        target.number_value = value
    elif isinstance(value, str):
        target.string_value = value
    elif isinstance(value, dict):
        target.struct_value.SetInParent()
        for key, item in value.items():
            _write(target.struct_value.fields[key], item)
    else:
        target.list_value.SetInParent()
        for item in value:
            _write(target.list_value.values.add(), item)


def _read(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return {key: _read(value.struct_value.fields[key]) for key in sorted(value.struct_value.fields)}
    if kind == "list_value":
        return [_read(item) for item in value.list_value.values]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() and abs(number) <= _EXACT else number
    return None if kind in (None, "null_value") else getattr(value, kind)
