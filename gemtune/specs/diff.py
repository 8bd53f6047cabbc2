"""Where two specs differ, field by field, in what they ask for.

Two specs without a difference have the same fingerprint, and the other way round. Unknown fields, which have no
fingerprint, are compared too: by number, as the textproto format writes them. Knows messages; no files and no clients.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from gemtune.descriptors import is_map
from gemtune.rpc.unknown import KEPT, path_of
from gemtune.specs.finding import key_path
from gemtune.specs.request import asked_for, job_descriptor, unknown_of

__all__ = ["Change", "Value", "diff", "leaves", "value_text"]

Value: TypeAlias = str | int | float | bool | bytes | tuple[Any, ...] | dict[str, Any] | None
"""What a field holds: an enum by name, an unknown field as its pieces, a message or list without content as `{}`; None
is a field that is not set."""


@dataclass(frozen=True)
class Change:
    """One difference between two specs.

    Attributes:
        path: The field in proto spelling: `supervised_tuning_spec.hyper_parameters.epoch_count`, `labels.team`,
            `...metrics[1].aggregation_metrics[0]`. Where a list got longer or shorter in front of a place, the
            index is that of the new list, and for what is gone that of the old one.
        old: What the first spec asks for; None: nothing.
        new: What the second spec asks for; None: nothing.
    """

    path: str
    old: Value
    new: Value

    def __str__(self) -> str:
        """The change on a line: `~ field: 4 -> 10`, `+ field: 10` or `- field: 4`."""
        if self.old is None:
            return f"+ {self.path}: {value_text(self.new)}"
        if self.new is None:
            return f"- {self.path}: {value_text(self.old)}"
        return f"~ {self.path}: {value_text(self.old)} -> {value_text(self.new)}"


def diff(a: Message, b: Message) -> list[Change]:
    """The differences between what two jobs ask for.

    Output-only fields, resource names and the two labels of gemtune's own do not count; neither does the order of map
    entries, but that of lists does.

    Args:
        a: A `gemtune.TuningJob`: the old one.
        b: Another: the new one.

    Returns:
        The changes in the order of the fields' numbers; none: the same spec.

    Raises:
        TypeError: One of them is not a `gemtune.TuningJob`.
    """
    labels = job_descriptor(a, "a comparison").fields_by_name["labels"]
    job_descriptor(b, "a comparison")
    return [*_messages("", a, b, labels), *_passed_over(a, b)]


def leaves(job: Message) -> dict[str, Value]:
    """Everything that a job asks for, as path -> value; what `diff` says of it against an empty one.

    Args:
        job: A `gemtune.TuningJob`.
    """
    return {change.path: change.new for change in diff(type(job)(), job)}


def value_text(value: Value) -> str:
    """A value as a person reads it: text in quotes, enums bare, nothing as `not set`."""
    if isinstance(value, EnumName):
        return str(value)
    if isinstance(value, str):
        # Characters that steer a terminal are escaped, also those that JSON lets pass.
        quoted = json.dumps(value, ensure_ascii=False)
        return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in quoted)
    if isinstance(value, bytes):
        return f"{len(value)} bytes {value[:16].hex()}{'…' if len(value) > 16 else ''}"
    if isinstance(value, tuple):
        return ", ".join(map(value_text, value))
    if value is None:
        return "not set"
    return repr(value).lower() if isinstance(value, bool) else repr(value)


class EnumName(str):
    """The name of an enum value: text that is not quoted when it is shown."""

    __slots__ = ()


# -- walking both at once -------------------------------------------------------------------------------------------


def _messages(
    path: str, a: Message | None, b: Message | None, labels: FieldDescriptor | None = None
) -> Iterator[Change]:
    """The changes between two messages of a type; None: it is not there at all."""
    old, new = _fields(a, labels), _fields(b, labels)
    strange_old, strange_new = _unknown(a), _unknown(b)
    if (a is None) != (b is None) and not (old or new or strange_old or strange_new):
        yield Change(path, None if a is None else {}, None if b is None else {})  # empty, but there
    prefix = f"{path}." if path else ""
    for number in sorted(old.keys() | new.keys()):
        field, before = old.get(number, (None, None))
        field, after = new.get(number, (field, None))
        yield from _values(prefix + cast("FieldDescriptor", field).name, cast("FieldDescriptor", field), before, after)
    for number in sorted(strange_old.keys() | strange_new.keys()):
        before, after = strange_old.get(number), strange_new.get(number)
        if before != after:
            yield Change(f"{prefix}{number}", before, after)


def _passed_over(a: Message, b: Message) -> Iterator[Change]:
    """The changes in what was ignored when the two were read, by their paths in JSON."""
    old, new = ({path_of(place): value for place, value in unknown_of(job)} for job in (a, b))
    for path in sorted(old.keys() | new.keys()):
        if path not in old or path not in new or old[path] != new[path]:
            yield Change(path, old.get(path), new.get(path))


def _fields(message: Message | None, labels: FieldDescriptor | None) -> dict[int, tuple[FieldDescriptor, Any]]:
    if message is None:
        return {}
    return {field.number: (field, value) for field, value in asked_for(message, labels)}


def _values(path: str, field: FieldDescriptor, old: Any, new: Any) -> Iterator[Change]:
    """The changes of one field; None: not set."""
    if is_map(field):
        yield from _maps(path, field, old or {}, new or {})
    elif field.is_repeated:
        yield from _lists(path, field, old or (), new or ())
    else:
        yield from _ones(path, field, old, new)


def _ones(path: str, field: FieldDescriptor, old: Any, new: Any) -> Iterator[Change]:
    if field.message_type is not None:
        yield from _messages(path, old, new)
    elif not _equal(old, new):
        yield Change(path, _named(field, old), _named(field, new))


def _maps(path: str, field: FieldDescriptor, old: Mapping[Any, Any], new: Mapping[Any, Any]) -> Iterator[Change]:
    item = cast("Any", field.message_type).fields_by_name["value"]
    for key in sorted({*old, *new}):
        yield from _ones(key_path(path, str(key)), item, old.get(key), new.get(key))


def _lists(path: str, field: FieldDescriptor, old: Sequence[Any], new: Sequence[Any]) -> Iterator[Change]:
    """The changes of a list: what is equal is matched first, so that an entry put in front does not change all."""
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(None, [_key(v) for v in old], [_key(v) for v in new], autojunk=False)
    for kind, i, i_end, j, j_end in matcher.get_opcodes():
        if kind == "equal":
            continue
        both = min(i_end - i, j_end - j)
        for n in range(both):
            yield from _ones(f"{path}[{j + n}]", field, old[i + n], new[j + n])
        for n in range(i + both, i_end):
            yield from _ones(f"{path}[{n}]", field, old[n], None)
        for n in range(j + both, j_end):
            yield from _ones(f"{path}[{n}]", field, None, new[n])


def _key(value: Any) -> Any:
    """Something hashable that is equal for list entries without a difference, and for no others."""
    if isinstance(value, Message):
        return repr(list(_messages("", None, value)))
    return "NaN" if value != value else value  # noqa: PLR0124


def _equal(old: Any, new: Any) -> bool:
    return old == new or (isinstance(old, float) and isinstance(new, float) and old != old and new != new)  # noqa: PLR0124


def _named(field: FieldDescriptor, value: Any) -> Value:
    if field.enum_type is None:
        return value + 0.0 if isinstance(value, float) else value  # -0.0 counts as 0.0
    known = field.enum_type.values_by_number.get(value) if value is not None else None
    return EnumName(known.name) if known else value


def _unknown(message: Message | None) -> dict[int, tuple[Any, ...]]:
    """The unknown fields of a message: number -> the pieces of data under it, in their order."""
    found: dict[int, tuple[Any, ...]] = {}
    if message is None:
        return found
    for field in cast("Iterable[Any]", UnknownFieldSet(message)):
        if field.field_number == KEPT:
            continue
        found[field.field_number] = (*found.get(field.field_number, ()), _piece(field.data))
    return found


def _piece(data: Any) -> Any:
    if isinstance(data, (int, bytes)):
        return data
    return tuple((part.field_number, _piece(part.data)) for part in data)  # a group
