"""Hypothesis strategies for protobuf messages, made from their descriptors: any message type, not only ours.

    from gemtune.testing import messages

    @given(messages(MyMessage))
    def test_it_survives_json(message):
        assert gemtune.from_json(gemtune.to_json(message), MyMessage) == message

Needs hypothesis. Every message drawn has a JSON form: timestamps and durations are in range, a `Value` has a kind and
is no infinity, an `Any` holds a type of this process. (`==` is false for a message with a NaN in it: compare bytes.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeVar, cast

from google.protobuf import duration_pb2, field_mask_pb2, message_factory, struct_pb2, timestamp_pb2, wrappers_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

try:
    from hypothesis import strategies as st
except ImportError as error:  # an extra of the user's test environment, not of gemtune
    raise ImportError("gemtune.testing draws messages with hypothesis: pip install hypothesis") from error

__all__ = ["messages"]

M = TypeVar("M", bound=Message)

MOST_FIELDS: Final = 8
"""Fields set in one message, at most: wide messages would make every example a long one."""


def messages(message_type: type[M], *, depth: int = 4, any_of: Sequence[type[Message]] = ()) -> st.SearchStrategy[M]:
    """Messages of one type.

    Args:
        message_type: The class.
        depth: How many messages may be nested in one another; deeper ones are left out or stay empty.
        any_of: What an `Any` may hold; without them it is drawn empty.
    """
    drawing = _Drawing(tuple(any_of))

    @st.composite
    def whole(draw: st.DrawFn) -> M:
        return cast("M", drawing.message(draw, cast("Descriptor", message_type.DESCRIPTOR), depth))

    return whole()


def _integers(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return st.one_of(st.integers(low, high), st.sampled_from([low, high, 0, 1]))


_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_DOUBLE: st.floats(),
    FieldDescriptor.TYPE_FLOAT: st.floats(width=32),
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
"""Messages whose JSON is no object of their fields; not every combination of those has one."""


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
            for field in draw(self._fields(descriptor, depth)):
                self._set(draw, message, field, depth)
        return message

    def _fill_any(self, draw: st.DrawFn, message: Any, depth: int) -> None:
        holds_something: bool = draw(st.booleans())
        if self._any_of and holds_something:
            inner: type[Message] = draw(st.sampled_from(self._any_of))
            message.Pack(self.message(draw, cast("Descriptor", inner.DESCRIPTOR), depth - 1))

    def _fields(self, descriptor: Descriptor, depth: int) -> st.SearchStrategy[list[FieldDescriptor]]:
        """Which fields to set: those that are required, and some others, one of each oneof."""
        required = [f for f in descriptor.fields if f.is_required]
        others = [f for f in descriptor.fields if not f.is_required and (depth > 1 or f.message_type is None)]
        if not others:
            return st.just(required)
        some = st.lists(st.sampled_from(others), unique_by=_oneof_or_field, max_size=MOST_FIELDS)
        return some.map(lambda chosen: [*required, *chosen])

    def _set(self, draw: st.DrawFn, message: Any, field: FieldDescriptor, depth: int) -> None:
        entry: Any = field.message_type
        if entry is not None and entry.GetOptions().map_entry:
            key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
            for k in draw(st.lists(_SCALARS[key.type], max_size=3, unique=True)):
                if value.message_type is not None:
                    getattr(message, field.name)[k].CopyFrom(self._one(draw, value, depth))
                else:
                    getattr(message, field.name)[k] = self._one(draw, value, depth)
        elif field.is_repeated:
            items = [self._one(draw, field, depth) for _ in range(draw(st.integers(0, 3)))]
            getattr(message, field.name).extend(items)
        elif field.message_type is not None:
            part = getattr(message, field.name)
            part.CopyFrom(self._one(draw, field, depth))
            part.SetInParent()
        else:
            setattr(message, field.name, self._one(draw, field, depth))

    def _one(self, draw: st.DrawFn, field: FieldDescriptor, depth: int) -> Any:
        if field.message_type is not None:
            return self.message(draw, field.message_type, depth - 1)
        if field.enum_type is not None:
            return draw(_numbers(field.enum_type))
        return draw(_SCALARS[field.type])


def _oneof_or_field(field: FieldDescriptor) -> str:
    return field.containing_oneof.name if field.containing_oneof is not None else field.name


def _numbers(enum: EnumDescriptor) -> st.SearchStrategy[int]:
    known = st.sampled_from([value.number for value in enum.values])
    if enum.is_closed or enum.full_name == "google.protobuf.NullValue":
        return known
    return st.one_of(known, known, known, _SCALARS[FieldDescriptor.TYPE_INT32])
