"""JSON that a message type may be sent: right, odd and wrong, made from its descriptor or by changing right JSON.

A tree is as `json.loads` has it, but an object is a list of pairs in an `Obj`, since names may come twice, and a `Raw`
is text that goes out as it is: a number with its notation, an escape, something that is not a JSON.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

from google.protobuf import descriptor_pool, json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

from gemtune.testing import messages


class Obj(list[Any]):
    """An object: pairs of a name and a value."""


class Raw(str):
    """Text that goes out as it is."""


def dump(tree: Any) -> str:
    if isinstance(tree, Raw):
        return str(tree)
    if isinstance(tree, Obj):
        return "{" + ",".join(f"{json.dumps(name, ensure_ascii=False)}: {dump(value)}" for name, value in tree) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(map(dump, tree)) + "]"
    return json.dumps(tree, ensure_ascii=False)


def raws(*texts: str) -> st.SearchStrategy[Any]:
    return st.sampled_from([Raw(text) for text in texts])


def strings(*texts: str) -> st.SearchStrategy[Any]:
    return st.sampled_from(texts)


EDGES = [n + d for n in (0, 2**31, -(2**31), 2**32, 2**53, 2**63, -(2**63), 2**64) for d in (-1, 0, 1)]

INTEGERS = st.one_of(
    st.sampled_from([*EDGES, *map(str, EDGES)]),
    st.integers(-1000, 1000),
    st.integers(-1000, 1000).map(str),
    raws("4.0", "1e3", "-0", "-0.0", "1.5", "1E+2", "1e-1", "1e19", "1e400", "9" * 310, "9" * 5000, "true", "NaN"),
    strings("4.0", "1e3", "-0", "+1", "1.5", " 1", "1 ", "1\n", "\t1", "1_000", "1_0.0", "0x1", "01", "", "1e400", "NaN", "Infinity", "x", "١"),
)  # fmt: skip

FLOATS = st.one_of(
    INTEGERS,
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(allow_nan=False, allow_infinity=False, width=32).map(repr),
    raws("3.4028235e38", "3.4028234663852886e38", "3.5e38", "1e-46", "0.1", "1.7976931348623157e308", "1.8e308", "4.9e-324"),
    raws("Infinity", "-Infinity", "0.30000000000000004", "123456789012345678901234567890.5"),
    strings("NaN", "Infinity", "-Infinity", "nan", "inf", "-inf", "+Infinity", "infinity", "3.5e38", ".5", "5.", "1e-400"),
)  # fmt: skip

BOOLS = st.one_of(st.booleans(), st.sampled_from(["true", "false", "True", "", 0, 1]))

TEXTS = st.one_of(
    st.text(max_size=8),
    raws(
        r'"\ud83d\ude00"', r'"\ud800"', r'"\ude00\ud83d"', r'"\u0000\u001f"', r'"\/"', r'"\x"', '"\n"', '"\x7f"', "'a'"
    ),
    st.sampled_from(["\ud800", "\u2028", 'q"\\', 5, True]),
)

BYTES = st.one_of(
    strings("QQ==", "QQ", "QQ=", "QQ===", "QUI=", "QUI", "QUJD", "-_-_", "+/+/", "-/+_", "Q", "QQ==QQ==", "Q Q=", "Q\nQ=", "=", ""),
    strings("é", "QQ==\n", "_w", "/w", "QR==", "AAAAA"),
    st.text("ABCQz019+/-_= ", max_size=9),
    st.sampled_from([5, True]),
)  # fmt: skip

CHARACTERS = "0123456789TZtzs:+-.,_ e\u0661"


@st.composite
def altered(draw: st.DrawFn, *texts: str) -> str:
    """One of some texts, now and then with characters changed, put in or left out."""
    text = draw(st.sampled_from(texts))
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2, 3]))):
        at = draw(st.integers(0, len(text)))
        to = at + draw(st.sampled_from([0, 1, 1]))
        text = text[:at] + draw(st.sampled_from(["", *CHARACTERS])) + text[to:]
    return text


TIMES = st.one_of(
    altered("2024-11-03T21:08:07.734198Z", "1970-01-01T00:00:00Z", "2024-02-29T23:59:59.123456789+05:30", "2023-02-29T00:00:00Z"),
    altered("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"),
    altered("2024-11-03T1:02:03-08:00", "2024-11-03T21:08:60Z", "2024-11-03T24:00:00Z", "0000-01-01T00:00:00Z"),
    raws(r'"2024-11-03T21:08:07\u005a"', r'"2024-11-03\u0054-0:08:07Z"', r'"\u002b024-11-03T21:08:07Z"'),
    st.sampled_from(["", "Z", 5]),
)  # fmt: skip

DURATIONS = st.one_of(
    altered("1s", "-1.5s", "0.000000001s", "-0.5s", "315576000000s", "-315576000000.999999999s", "1.s", ".5s", "1.0000000001s"),
    st.sampled_from(["", "s", 5, "1", "315576000001s"]),
)  # fmt: skip

MASKS = st.one_of(
    strings("", "a", "fooBar,bazQux.aB", "foo_bar", "Foo", "a,,b", "fooÄ", "a.B.c", ",", "foo3Bar", " a"),
    st.text(max_size=6),
)

ANYTHING = st.recursive(
    st.one_of(st.none(), BOOLS, FLOATS, TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(st.tuples(st.sampled_from(["a", "b", "fields", "kind", ""]), inner), max_size=3).map(Obj),
    ),
    max_leaves=5,
)
OBJECTS = st.lists(st.tuples(st.sampled_from(["a", "b", "ü", "value"]), ANYTHING), max_size=3).map(Obj)

_BY_TYPE: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_DOUBLE: FLOATS,
    FieldDescriptor.TYPE_FLOAT: FLOATS,
    FieldDescriptor.TYPE_BOOL: BOOLS,
    FieldDescriptor.TYPE_STRING: TEXTS,
    FieldDescriptor.TYPE_BYTES: BYTES,
}

_OWN_FORMS: dict[str, st.SearchStrategy[Any]] = {
    "google.protobuf.Timestamp": TIMES,
    "google.protobuf.Duration": DURATIONS,
    "google.protobuf.FieldMask": MASKS,
    "google.protobuf.Value": ANYTHING,
    "google.protobuf.Struct": st.one_of(OBJECTS, OBJECTS, ANYTHING),
    "google.protobuf.ListValue": st.one_of(st.lists(ANYTHING, max_size=3), ANYTHING),
}

_KEYS: dict[int, st.SearchStrategy[str]] = {
    FieldDescriptor.TYPE_STRING: st.text(max_size=4),
    FieldDescriptor.TYPE_BOOL: st.sampled_from(["true", "false", "True", "1"]),
}
_NUMBER_KEYS = st.sampled_from(
    ["1", "01", "1.0", "-1", "0", "true", "", " 1", "4294967296", "18446744073709551616", "1e2"]
)

ANY_TYPES = ["google.rpc.ErrorInfo", "google.protobuf.Duration", "google.protobuf.Value", "google.protobuf.Empty",
             "google.protobuf.Any", "google.protobuf.Int64Value", "kinds3.WellKnown", "gemtune.v1.TuningJob",
             "google.cloud.aiplatform.v1.TuningJob", "no.such.Type", ""]  # fmt: skip


def objects(descriptor: Any, *, depth: int = 3) -> st.SearchStrategy[Any]:
    """JSON for a message type, mostly right."""
    if descriptor.full_name in _OWN_FORMS:
        return _OWN_FORMS[descriptor.full_name]
    if descriptor.file.name == "google/protobuf/wrappers.proto":
        return _scalars(descriptor.fields_by_name["value"])
    if descriptor.full_name == "google.protobuf.Any":
        return _anys(depth)

    @st.composite
    def whole(draw: st.DrawFn) -> Any:
        pairs = Obj()
        fields = [f for f in descriptor.fields if depth > 0 or f.message_type is None]
        for field in draw(st.lists(st.sampled_from(fields), max_size=5, unique=draw(_mostly))) if fields else []:
            name = draw(st.sampled_from([field.json_name] * 6 + [field.name] * 3 + [field.name.upper()]))
            pairs.append((name, draw(_values(field, depth))))
        if draw(_seldom):
            pairs.append(
                (draw(st.sampled_from(["unknown", "[kinds2.an_extension]", "[no.such]", "@type", ""])), draw(ANYTHING))
            )
        return pairs

    return whole()


_mostly = st.sampled_from([True] * 9 + [False])
_seldom = st.sampled_from([False] * 9 + [True])


@st.composite
def _values(draw: st.DrawFn, field: FieldDescriptor, depth: int) -> Any:
    if draw(_seldom):
        return draw(st.one_of(st.none(), ANYTHING))
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        keys = _KEYS.get(entry.fields_by_name["key"].type, _NUMBER_KEYS)
        value = _single(entry.fields_by_name["value"], depth)
        return Obj(draw(st.lists(st.tuples(keys, value), max_size=3)))
    if field.is_repeated:
        return draw(st.lists(_single(field, depth), max_size=3))
    return draw(_single(field, depth))


def _single(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        return objects(field.message_type, depth=depth - 1)
    return _scalars(field)


def _scalars(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if field.enum_type is not None:
        names = [value.name for value in field.enum_type.values]
        return st.one_of(
            st.sampled_from(names),
            st.sampled_from(names),
            st.sampled_from([value.number for value in field.enum_type.values]),
            st.sampled_from(["UNKNOWN_NAME", names[0].lower(), "1", " 1", "99", 99, -7, 2**31, True]),
            raws("1.0", "1.5", "1e2", "NaN"),
        )
    return _BY_TYPE.get(field.type, INTEGERS)


@st.composite
def _anys(draw: st.DrawFn, depth: int) -> Any:
    name = draw(st.sampled_from(ANY_TYPES))
    inner: Any = Obj(draw(OBJECTS))
    if depth > 0:
        with contextlib.suppress(KeyError):
            inner = draw(objects(descriptor_pool.Default().FindMessageTypeByName(name), depth=depth - 1))
    pairs = inner if isinstance(inner, Obj) and draw(_mostly) else Obj([("value", inner)])
    if draw(_mostly):
        url = draw(st.sampled_from(["type.googleapis.com/", "type.googleapis.com/", "example.com/a/", "", "/"])) + name
        pairs.insert(draw(st.integers(0, len(pairs))), ("@type", draw(st.sampled_from([url] * 9 + [5]))))  # type: ignore[list-item]
    return Obj(pairs)


def texts(message_type: type[Message]) -> st.SearchStrategy[str]:
    """JSON texts for a message type."""
    return objects(message_type.DESCRIPTOR).map(dump)


# -- right JSON, changed ------------------------------------------------------------------------------------------


def changed(message_type: type[Message]) -> st.SearchStrategy[str]:
    """The JSON of messages, changed by structure in one to three places."""

    @st.composite
    def whole(draw: st.DrawFn) -> str:
        text = json_format.MessageToJson(draw(messages(message_type, depth=3)))
        tree = json.loads(text, object_pairs_hook=Obj)
        for _ in range(draw(st.integers(1, 3))):
            tree = _change(draw, tree)
        return dump(tree)

    return whole()


def _change(draw: st.DrawFn, tree: Any) -> Any:
    """The tree with one node changed."""
    nodes: list[tuple[Any, Callable[[Any], None]]] = []
    root = [tree]

    def collect(value: Any, put: Callable[[Any], None]) -> None:
        nodes.append((value, put))
        if isinstance(value, Obj):
            for i, (name, item) in enumerate(value):
                collect(item, lambda new, at=i, n=name, o=value: o.__setitem__(at, (n, new)))
        elif isinstance(value, list):
            for i, item in enumerate(value):
                collect(item, lambda new, at=i, o=value: o.__setitem__(at, new))

    collect(tree, lambda new: root.__setitem__(0, new))
    value, put = draw(st.sampled_from(nodes))
    if isinstance(value, Obj) and value and draw(_mostly):
        at = draw(st.integers(0, len(value) - 1))
        name, item = value[at]
        value[at : at + 1] = draw(
            st.sampled_from(
                [
                    [(_snake(name), item)],
                    [(_snake(name), item), (name, item)],
                    [(name, item), (name, None)],
                    [(name, None)],
                    [(name.upper(), item)],
                    [],
                    [(name, item), ("unknown", item)],
                    [(name, Obj([(name, item)]))],
                ]
            )
        )
    elif isinstance(value, list) and not isinstance(value, Obj) and draw(_mostly):
        value.insert(draw(st.integers(0, len(value))), draw(st.one_of(st.none(), ANYTHING)))
    elif isinstance(value, str) and draw(_mostly):
        put(draw(st.one_of(altered(value), st.just(value + " "), st.just([value]), ANYTHING)))
    else:
        put(draw(st.one_of(st.none(), INTEGERS, FLOATS, ANYTHING, st.just([value]), st.just(str(value)))))
    return root[0]


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
