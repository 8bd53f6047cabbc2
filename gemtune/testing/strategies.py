"""Hypothesis strategies for protobuf messages, made from their descriptors: any message type, not only ours.

    from gemtune.testing import messages

    @given(messages(TuningJob))
    def test_it_survives_json(job):
        again = gemtune.from_json(gemtune.to_json(job), TuningJob)
        assert again.SerializeToString(deterministic=True) == job.SerializeToString(deterministic=True)

Needs hypothesis. Every message drawn has a JSON form that is read again: timestamps and durations are in range, a
`Value` has a kind and is not infinite, an `Any` holds a type of this process. (`==` is false for a message with a NaN.)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final, TypeVar, cast

from google.protobuf import duration_pb2, field_mask_pb2, message_factory, struct_pb2, timestamp_pb2, wrappers_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

try:
    from hypothesis import strategies as st
except ImportError as error:  # an extra of the user's test environment, not of gemtune
    raise ImportError("gemtune.testing draws messages with hypothesis: pip install hypothesis") from error
from gemtune.descriptors import is_map

__all__ = ["messages"]

M = TypeVar("M", bound=Message)

MOST_FIELDS: Final = 8
"""Fields set in one message, at most: wide messages would make every example a long one."""

MOST_ITEMS: Final = 3
"""Items in one list or map, at most."""


def messages(message_type: type[M], *, depth: int = 4, any_of: Sequence[type[Message]] = ()) -> st.SearchStrategy[M]:
    """Messages of one type.

    At most eight fields are set in one message, and at most three items in a list or map; extensions never are. Of NaNs
    only the usual one is drawn, and not the largest 32-bit float, which json_format writes and does not read.

    Args:
        message_type: The class.
        depth: How many messages may be nested in one another; deeper ones are left out, unless they are required.
        any_of: What an `Any` may hold; without them it is drawn empty.

    Raises:
        TypeError: `message_type`, or one of `any_of`, is not a class of messages.
        ValueError: `depth` is below 1, or no message of the type can be complete.
    """
    for type_ in (message_type, *any_of):
        _check(type_)
    if depth < 1:
        raise ValueError(f"depth is the number of messages in one another, 1 or more, and this is {depth}")
    drawing = _Drawing(tuple(any_of))

    def draw_one(draw: st.DrawFn, _shown: _Shown) -> M:
        return cast("M", drawing.message(draw, cast("Descriptor", message_type.DESCRIPTOR), depth))

    draw_one.__name__ = "messages"  # for the repr
    options = [message_type.__name__, *([f"depth={depth}"] if depth != 4 else [])]
    options += [f"any_of=[{', '.join(type_.__name__ for type_ in any_of)}]"] if any_of else []
    return st.composite(draw_one)(_Shown(", ".join(options)))


def _check(message_type: object) -> None:
    if not (isinstance(message_type, type) and issubclass(message_type, Message) and message_type is not Message):
        if callable(getattr(message_type, "pb", None)):
            raise TypeError("messages draws protobuf messages, and this is a proto-plus class; give it.pb()")
        found = message_type.__name__ if isinstance(message_type, type) else f"a {type(message_type).__name__}"
        raise TypeError(f"messages takes a class of protobuf messages such as gemtune.TuningJob, and this is {found}")
    _check_required(cast("Descriptor", message_type.DESCRIPTOR))


def _check_required(root: Descriptor) -> None:
    """Refuses a type where a draw may come to a message that requires one of its own type, and so on without end."""
    seen: set[Descriptor] = set()

    def check(descriptor: Descriptor, above: tuple[Descriptor, ...]) -> None:
        if descriptor in above:
            name = descriptor.name
            raise ValueError(f"no {name} can be complete: what it requires leads back to it; draw another type")
        if descriptor in seen:
            return
        for field in descriptor.fields:
            if field.message_type is not None and field.is_required:
                check(field.message_type, (*above, descriptor))
        seen.add(descriptor)
        for field in descriptor.fields:
            if field.message_type is not None and not field.is_required:
                check(field.message_type, ())

    check(root, ())


def _integers(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return st.one_of(st.integers(low, high), st.sampled_from([low, high, 0, 1]))


_LARGEST_SINGLE: Final = (2 - 2**-23) * 2.0**127
_BELOW_IT: Final = (2 - 2**-22) * 2.0**127


def _usual(value: float) -> float:
    """A number with the one NaN that JSON gives back, and none of the 32-bit floats that it does not."""
    if math.isnan(value):
        return math.nan
    return math.copysign(_BELOW_IT, value) if abs(value) == _LARGEST_SINGLE else value


_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_DOUBLE: st.floats().map(_usual),
    FieldDescriptor.TYPE_FLOAT: st.floats(width=32).map(_usual),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_STRING: st.text(max_size=12),
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=12),
    **dict.fromkeys(
        (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_SINT32, FieldDescriptor.TYPE_SFIXED32),
        _integers(32, signed=True),
    ),
    **dict.fromkeys(
        (FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_SINT64, FieldDescriptor.TYPE_SFIXED64),
        _integers(64, signed=True),
    ),
    **dict.fromkeys((FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_FIXED32), _integers(32, signed=False)),
    **dict.fromkeys((FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_FIXED64), _integers(64, signed=False)),
}

_NANOS = st.one_of(st.just(0), st.integers(0, 999).map(lambda n: n * 1_000_000), st.integers(0, 999_999_999))

_TIMESTAMPS = st.builds(
    timestamp_pb2.Timestamp,
    seconds=st.one_of(
        st.integers(-62_135_596_800, 253_402_300_799),  # 0001-01-01 to 9999-12-31, as timestamp.proto has it
        st.sampled_from([-62_135_596_800, 253_402_300_799, 0, -1]),
    ),
    nanos=_NANOS,
)


def _duration(seconds: int, nanos: int, sign: int) -> duration_pb2.Duration:
    return duration_pb2.Duration(seconds=sign * seconds, nanos=sign * nanos)


_DURATIONS = st.builds(_duration, st.integers(0, 315_576_000_000), _NANOS, st.sampled_from([1, -1]))

_PATHS = st.lists(
    st.lists(st.from_regex(r"[a-z]{1,5}(_[a-z]{1,5}){0,2}", fullmatch=True), min_size=1, max_size=3).map(".".join),
    max_size=3,
)

_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)


def _value(tree: Any) -> struct_pb2.Value:
    if isinstance(tree, dict):
        return struct_pb2.Value(struct_value=_struct(cast("dict[str, Any]", tree)))
    if isinstance(tree, list):
        return struct_pb2.Value(list_value=_list_value(tree))
    if tree is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    kinds = {bool: "bool_value", float: "number_value", str: "string_value"}
    return struct_pb2.Value(**{kinds[type(tree)]: tree})


def _struct(tree: dict[str, Any]) -> struct_pb2.Struct:
    return struct_pb2.Struct(fields={key: _value(item) for key, item in tree.items()})


def _list_value(tree: list[Any]) -> struct_pb2.ListValue:
    return struct_pb2.ListValue(values=[_value(item) for item in tree])


_OWN_FORMS: dict[str, st.SearchStrategy[Any]] = {
    "google.protobuf.Timestamp": _TIMESTAMPS,
    "google.protobuf.Duration": _DURATIONS,
    "google.protobuf.FieldMask": st.builds(field_mask_pb2.FieldMask, paths=_PATHS),
    "google.protobuf.Value": _JSON.map(_value),
    "google.protobuf.Struct": st.dictionaries(st.text(max_size=5), _JSON, max_size=3).map(_struct),
    "google.protobuf.ListValue": st.lists(_JSON, max_size=3).map(_list_value),
    **{
        d.full_name: st.builds(message_factory.GetMessageClass(d), value=_SCALARS[d.fields_by_name["value"].type])
        for d in list(wrappers_pb2.DESCRIPTOR.message_types_by_name.values())
    },
}
"""Messages whose JSON is not an object of their fields; not every combination of those has one."""


class _Shown:
    """What a strategy was made for, as its repr shows it."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


class _Drawing:
    def __init__(self, any_of: tuple[type[Message], ...]) -> None:
        self._any_of = any_of

    def message(self, draw: st.DrawFn, descriptor: Descriptor, depth: int) -> Message:
        own = _OWN_FORMS.get(descriptor.full_name)
        message = message_factory.GetMessageClass(descriptor)()
        if own is not None:
            # Drawn as a class of the default pool; the type may be another pool's.
            message.MergeFromString(draw(own).SerializeToString())
        elif descriptor.full_name == "google.protobuf.Any":
            self._fill_any(draw, message, depth)
        else:
            self._fill(draw, message, descriptor, depth)
        return message

    def _fill_any(self, draw: st.DrawFn, message: Any, depth: int) -> None:
        holds_something: bool = draw(st.booleans())
        if self._any_of and holds_something:
            inner: type[Message] = draw(st.sampled_from(self._any_of))
            message.Pack(self.message(draw, cast("Descriptor", inner.DESCRIPTOR), depth - 1))

    def _fill(self, draw: st.DrawFn, message: Any, descriptor: Descriptor, depth: int) -> None:
        """Sets the required fields and some others, one of each oneof.

        A field is drawn just before its value, and whether there is another one just before that: hypothesis cuts what
        does not matter out of the row of choices, and what follows keeps its meaning.
        """
        required, others = _fields(descriptor, flat=depth <= 1)
        for field in required:
            self._set(draw, message, field, depth)
        taken: set[str] = set()
        for _ in range(MOST_FIELDS if others else 0):
            if not draw(_ANOTHER):
                break
            choice = draw(_one_of(others))
            name = _oneof_or_field(choice)
            if name not in taken:
                taken.add(name)
                self._set(draw, message, choice, depth)

    def _set(self, draw: st.DrawFn, message: Any, field: FieldDescriptor, depth: int) -> None:
        entry: Any = field.message_type
        part = getattr(message, field.name)
        if is_map(field):
            key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
            for _ in self._some(draw):
                item, k = self._one(draw, value, depth), draw(_SCALARS[key.type])
                if value.message_type is not None:
                    part[k].CopyFrom(item)
                else:
                    part[k] = item
        elif field.is_repeated:
            part.extend([self._one(draw, field, depth) for _ in self._some(draw)])
        elif field.message_type is not None:
            part.CopyFrom(self._one(draw, field, depth))
            part.SetInParent()
        else:
            setattr(message, field.name, self._one(draw, field, depth))

    def _some(self, draw: st.DrawFn) -> Iterator[None]:
        """As many times as there shall be items, at least one."""
        yield
        for _ in range(MOST_ITEMS - 1):
            if not draw(st.booleans()):
                break
            yield

    def _one(self, draw: st.DrawFn, field: FieldDescriptor, depth: int) -> Any:
        if field.message_type is not None:
            return self.message(draw, field.message_type, depth - 1)
        return draw(_SCALARS[field.type] if field.enum_type is None else _numbers(field.enum_type))


_ADDITIONAL: Final = "gemtune.v1.TuningJob.additional_fields"
"""A map whose keys are places in the job itself: one drawn at random can hardly be sent."""

_ANOTHER = st.sampled_from([False, True, True, True, True])


@cache
def _fields(descriptor: Descriptor, *, flat: bool) -> tuple[tuple[FieldDescriptor, ...], tuple[FieldDescriptor, ...]]:
    """The required fields, and the others, without messages where there may be none."""
    fields = tuple(field for field in descriptor.fields if field.full_name != _ADDITIONAL)
    others = (f for f in fields if not f.is_required and not (flat and f.message_type is not None))
    return tuple(f for f in fields if f.is_required), tuple(others)


@cache
def _one_of(fields: tuple[FieldDescriptor, ...]) -> st.SearchStrategy[FieldDescriptor]:
    return st.sampled_from(fields)


def _oneof_or_field(field: FieldDescriptor) -> str:
    return field.containing_oneof.name if field.containing_oneof is not None else field.name


@cache
def _numbers(enum: EnumDescriptor) -> st.SearchStrategy[int]:
    known = st.sampled_from([value.number for value in enum.values])
    if enum.is_closed or enum.full_name == "google.protobuf.NullValue":
        return known
    return st.one_of(known, known, known, _SCALARS[FieldDescriptor.TYPE_INT32])
