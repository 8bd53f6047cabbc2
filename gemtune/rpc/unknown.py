"""What an answer held that this version does not know, kept in the message itself.

What a request may set is held in the job's own field for such things (`additional`). The rest, which is what the
service says of a job, and what no `Value` holds exactly, is kept here. A protobuf message carries fields that its class
does not know: bytes under a number, which are copied, pickled and sent on with it. An answer in JSON has names where
those have numbers, so what was ignored in it (a field, the name of an enum value) is kept as one such field of the
message: its place and its value, as JSON. No process-wide table, and nothing that another thread, or a later answer
about the same job, could change.

A row of a list that cannot be read is kept in the same way, in the page that it was in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple, cast

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from gemtune.descriptors import is_well_known, value_field, values
from gemtune.errors import SpecInvalid, bad_request
from gemtune.rpc import additional, nesting
from gemtune.rpc.additional import Place, path_of, place_of
from gemtune.rpc.codec import to_json
from gemtune_pb.v1 import ListTuningJobsResponse, TuningJob

__all__ = [
    "KEPT",
    "Place",
    "Unknown",
    "Unreadable",
    "beyond",
    "forget",
    "jobs_in",
    "json_tree",
    "keep",
    "keep_rows",
    "kept",
    "nameless",
    "path_of",
    "place_of",
    "shown",
    "unreadable",
    "wire_json",
    "without",
]

KEPT: Final = (1 << 29) - 1
"""The largest number that a field can have: no schema of the service's will use it."""

_ROWS: Final = KEPT - 1

_SHOWN = 200  # characters of a value, for people


class Unknown(NamedTuple):
    """A value that this version has no field, or no name, for.

    Attributes:
        place: Where it stands.
        value: What JSON had there.
    """

    place: Place
    value: Any

    def __str__(self) -> str:
        """`supervisedTuningSpec.hyperParameters.adapterSize = "ADAPTER_SIZE_SIXTY_FOUR"`."""
        return f"{path_of(self.place)} = {shown(self.value)}"


@dataclass(frozen=True)
class Unreadable:
    """A row of a list that cannot be read.

    Attributes:
        index: Its place in the page, from 0.
        row: What JSON had there.
        why: What is wrong with it.
    """

    index: int
    row: Any
    why: str

    @property
    def name(self) -> str:
        """The resource's name, where that at least can be read; else ""."""
        name = self.row.get("name") if isinstance(self.row, dict) else None
        return name if isinstance(name, str) else ""

    def __str__(self) -> str:
        """`projects/.../tuningJobs/9 cannot be read: ...`."""
        return f"{self.name or f'row {self.index + 1} of the page'} cannot be read: {self.why}"


def keep(message: Message, found: Iterable[Unknown]) -> None:
    """Keeps in a message what was ignored when it was read."""
    rest: list[Any] = []
    for place, value in found:
        if additional.takes(message, place, value):
            additional.hold(cast("TuningJob", message), place, value)
        else:
            rest.append([list(place), value])
    _add(message, KEPT, rest)


def beyond(job: TuningJob) -> list[Unknown]:
    """All that a job has beyond the schema: what it holds in its own field, and what is kept in it."""
    return [*kept(job), *(Unknown(*entry) for entry in additional.held(job))]


def kept(message: Message) -> list[Unknown]:
    """What was ignored when a message was read, but for what its own field holds."""
    return [Unknown(tuple(place), value) for place, value in _entries(message, KEPT)]


def keep_rows(page: Message, rows: Iterable[Unreadable]) -> None:
    """Keeps in a page the rows of it that cannot be read."""
    _add(page, _ROWS, [[row.index, row.row, row.why] for row in rows])


def unreadable(page: Message) -> list[Unreadable]:
    """The rows of a page that cannot be read."""
    return [Unreadable(*row) for row in _entries(page, _ROWS)]


def without(message: Message) -> bytes:
    """The bytes of a message without what is kept in it: as they may be sent, or written to a file."""
    data = message.SerializeToString()
    return b"".join(data[start:end] for number, start, end in _fields(data) if number not in (KEPT, _ROWS))


def forget(message: Message) -> None:
    """Takes out of a message what is kept in it."""
    if kept(message):
        rest = without(message)
        message.Clear()
        message.MergeFromString(rest)


def nameless(message: Message, path: str = "") -> Iterator[str]:
    """What came in binary and has no name here, nor a place in JSON: `tunedModel: data of the unknown field 77`."""
    for number in sorted({field.field_number for field in cast("Iterable[Any]", UnknownFieldSet(message))}):
        if number not in (KEPT, _ROWS):
            yield f"{path or 'the job'}: data of the unknown field {number}"
    for field, value in message.ListFields():
        if value_field(field).message_type is None or is_well_known(field.message_type):
            continue
        at = f"{path}.{field.json_name}" if path else field.json_name
        for part in values(field, value):
            yield from nameless(part, at)


# -- as JSON ----------------------------------------------------------------------------------------------------------


def json_tree(message: Message) -> dict[str, Any]:
    """The JSON of a job, or of a page of jobs, as it came: with what this version does not know in its place.

    Raises:
        JsonError: The message has no JSON form.
    """
    tree: dict[str, Any] = json.loads(to_json(message))
    if isinstance(message, ListTuningJobsResponse):
        for job, inner in zip(message.tuning_jobs, tree.get("tuningJobs", []), strict=True):
            _unfold(job, inner)
    elif isinstance(message, TuningJob):
        _unfold(message, tree)
    return tree


def jobs_in(message: Message) -> list[TuningJob]:
    """The jobs that a message is or lists."""
    if isinstance(message, ListTuningJobsResponse):
        return list(message.tuning_jobs)
    return [message] if isinstance(message, TuningJob) else []


def wire_json(message: Message) -> bytes:
    """The JSON of a message as it is sent: what a job in it has in `additional_fields` stands in its place.

    Raises:
        SpecInvalid: An entry has no place to stand in.
    """
    tree: Any = None
    for path, job in _jobs_of(message):
        if additional.holds(job):
            if wrong := [(f"{additional.FIELD}: {p.path}", f"{p.what}; {p.remedy}") for p in additional.problems(job)]:
                raise SpecInvalid(bad_request(wrong))
            tree = json.loads(to_json(message)) if tree is None else tree
            inner = tree[path] if path else tree
            del inner[additional.JSON_NAME]
            for place, value in additional.held(job):
                _put(inner, place, value)
    return (to_json(message) if tree is None else json.dumps(tree, ensure_ascii=False)).encode()


def _jobs_of(message: Message) -> Iterator[tuple[str, TuningJob]]:
    """The jobs that a request is or has, each with the JSON name of its field."""
    if isinstance(message, TuningJob):
        yield "", message
        return
    for field in cast("Any", message.DESCRIPTOR).fields:
        kind = field.message_type
        if kind is not None and kind.full_name == TuningJob.DESCRIPTOR.full_name and not field.is_repeated:
            yield field.json_name, getattr(message, field.name)


def _unfold(job: TuningJob, tree: dict[str, Any]) -> None:
    found = [*kept(job)]
    if additional.holds(job):
        wrong = {
            problem.path for problem in additional.problems(job)
        }  # as a person wrote them: they stay where they are
        entries: dict[str, Any] = tree.pop(additional.JSON_NAME)
        if left := {path: value for path, value in entries.items() if path in wrong}:
            tree[additional.JSON_NAME] = left
        found += [Unknown(*entry) for entry in additional.held(job) if path_of(entry[0]) not in wrong]
    for place, value in sorted(found, key=lambda entry: additional.order(entry.place)):
        _put(tree, place, value)


def _put(tree: Any, place: Sequence[str | int], value: Any) -> None:
    for key, following in pairwise(place):
        container: Any = [] if isinstance(following, int) else {}
        if isinstance(tree, list):
            at = min(cast("int", key), len(tree))
            if at == len(tree):
                tree.append(container)
            tree = tree[at]
        else:
            tree = tree.setdefault(key, container)
    last: Any = place[-1]
    if not isinstance(tree, list) or (last < len(tree) and _stands_for(tree[last], value)):
        tree[last] = value
    else:  # reading has left it out
        tree.insert(last, value)


def _stands_for(item: Any, value: Any) -> bool:
    """Whether an item of a list is what reading made of a value that it did not know: an `Any`, by its type."""
    return item == value or (
        isinstance(item, dict) and isinstance(value, dict) and item.get("@type") == value.get("@type")
    )


def shown(value: Any) -> str:
    """A value for people: JSON on one line, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


# -- the field in the message ----------------------------------------------------------------------------------------


def _add(message: Message, number: int, entries: list[Any]) -> None:
    if entries:
        payload = json.dumps(entries).encode()
        message.MergeFromString(_varint(number << 3 | 2) + _varint(len(payload)) + payload)


def _entries(message: Message, number: int) -> Iterator[Any]:
    for field in cast("Iterable[Any]", UnknownFieldSet(message)):
        if field.field_number == number and isinstance(field.data, bytes):
            try:
                entries = nesting.loads(field.data)
            except ValueError:  # somebody else's field after all
                continue
            yield from entries


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    return bytes((*made, value))


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _fields(data: bytes) -> Iterator[tuple[int, int, int]]:
    """The fields of a message's bytes, those within groups not: number, start, end."""
    at = 0
    while at < len(data):
        tag, end = _read_varint(data, at)
        end = _value_end(data, tag, end)
        yield tag >> 3, at, end
        at = end


def _value_end(data: bytes, tag: int, at: int) -> int:
    kind = tag & 7
    if kind == 0:
        return _read_varint(data, at)[1]
    if kind in (1, 5):
        return at + (8 if kind == 1 else 4)
    if kind == 2:
        length, at = _read_varint(data, at)
        return at + length
    while True:  # a group, up to its end
        inner, at = _read_varint(data, at)
        if inner & 7 == 4:
            return at
        at = _value_end(data, inner, at)
