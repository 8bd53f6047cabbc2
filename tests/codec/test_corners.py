"""Inputs that implementations of protobuf's JSON tend to differ in, one by one, held against json_format.

Each row is a JSON value for one field. The strategies of test_against_json_format.py find such things too, given time;
these are here for good.
"""

from __future__ import annotations

from typing import Any

import pytest
from google import protobuf
from google.protobuf import any_pb2, duration_pb2, empty_pb2, struct_pb2, timestamp_pb2, wrappers_pb2
from google.protobuf.internal import api_implementation

from gemtune.rpc import codec
from tests.support.json_format_oracle import assert_read_alike, assert_written_alike, by_gemtune, by_json_format
from tests.support.message_types import kind

INTEGERS = """
    0 -0 1 "1" 4.0 "4.0" 1e3 "1e3" 1E+2 "-0" "+1" 1.5 "1.5" true null "" " 1" "1 " "1\\n" "1_000" "01" "0x1" "x" [] {} NaN
    2147483647 2147483648 -2147483648 -2147483649 4294967295 4294967296 "4294967295" -1
    9223372036854775807 9223372036854775808 "9223372036854775807" -9223372036854775808 18446744073709551615
    "18446744073709551616" 9007199254740993 9007199254740993.0 "9007199254740993.0" 1e18 1e19 1e400 "1e400" "\\u0661"
""".split()
FLOATS = """
    0 -0 -0.0 0.1 1e-7 1e21 5e-324 1.7976931348623157e308 1.8e308 1e400 "1e400" -1e400 3.4028234663852886e38 3.4028235e38
    3.5e38 "3.5e38" 1e-46 "NaN" "Infinity" "-Infinity" NaN Infinity -Infinity "nan" "inf" "+Infinity" "infinity" ".5" "5."
    "1_0" true "true" 0.30000000000000004 123456789012345678901234567890 16777217 null ""
""".split()
BOOLS = 'true false "true" "false" 1 0 "1" null [] {}'.split()
BYTES = """
    "" "QQ==" "QQ" "QQ=" "QQ===" "QUI=" "QUI" "QUJD" "-_-_" "+/+/" "-/+_" "Q" "QQ==QQ==" "Q\\tQ=" "QR==" "AAAAA" "é" null 5
""".split()
TEXTS = r"""
    "" "a" "\u0000" "\ud83d\ude00" "\ud800" "\ude00" "\ude00\ud83d" "\ud800x" "😀" "\/" "\x" 5 true null [] {}
""".split()
ENUMS = """
    "RED" "CRIMSON" "red" "COLOUR_UNSPECIFIED" 1 5 0 -1 99 -7 2147483647 2147483648 "1" "99" "NOT_KNOWN" "" 1.0 1.5 true null [] {}
""".split()
TIMES = """
    1970-01-01T00:00:00Z 2024-11-03T21:08:07.7Z 2024-11-03T21:08:07.734Z 2024-11-03T21:08:07.734198Z
    2024-11-03T21:08:07.123456789Z 2024-11-03T21:08:07.1234567891Z 2024-11-03T21:08:07.Z 2024-11-03T21:08:07+05:30
    2024-11-03T21:08:07-08:00 2024-11-03T21:08:07+24:00 2024-11-03T21:08:07+00:60 2024-11-03T21:08:07+0530
    2024-11-03T21:08:07 2024-11-03t21:08:07Z 2024-11-03T21:08:07z 2024-11-03 2024-11-3T1:2:3Z 2024-02-29T00:00:00Z
    2023-02-29T00:00:00Z 2024-13-01T00:00:00Z 2024-11-03T24:00:00Z 2024-11-03T23:59:60Z 0001-01-01T00:00:00Z
    0001-01-01T00:00:00+00:01 0001-01-01T00:00:00-00:01 0000-12-31T23:59:59Z 9999-12-31T23:59:59.999999999Z
    9999-12-31T23:59:59-00:01 9999-12-31T23:59:59+00:01 10000-01-01T00:00:00Z +202-11-03T00:00:00Z 2024-+1-03T00:00:00Z
    2024-11-03T-0:00:00Z 2024-11-03T00:-0:00Z 2024-11-03T00:00:-0Z 2024-11-03T00:00:00+-0:00 2024-11-03T00:00:00--0:00
    2024-11-03T00:00:00++1:+5 2024-11-03T+1:00:00Z 2024-11-03T\\u002b1:00:00Z 2024-11-03\\u0054-0:00:00Z 2024-11-03T21:08:07Z\\n
""".split()
DURATIONS = """
    1s 0s -1s 1.5s -1.5s -0.5s 0.000000001s -0.000000001s 1.0000000001s 315576000000s -315576000000s 315576000001s
    315576000000.999999999s 1.s .5s 1 s +1s -s 1_0s 1.-5s --1s 1e3s 01s 1S
""".split()
MASKS = '"" "a" "fooBar,baz" "foo_bar" "FooBar" "a.bC" "a,,b" "," "foo3Bar" "fooÄ" 5 null'.split()
VALUES = [*"""
    null true 1 -0 -0.0 1.5 1e400 NaN Infinity "x" "\\ud800" [] {} [null] {"a":null} {"a":[1,{"b":{}}]} [[],[[]]] {"a":1,"a":2}
""".split(), "9" * 308, "9" * 309, "9" * 5000, "-" + "9" * 310, "9" * 310 + ".0", "9" * 310 + "e-300", "0" * 310]  # fmt: skip


def quoted(texts: list[str]) -> list[str]:
    return [f'"{text}"' for text in texts]


def fields(message: str, names: str, values: list[str]) -> list[Any]:
    return [
        pytest.param(message, f'{{"{name}":{value}}}', id=f"{name}={value[:40]}")
        for name in names.split()
        for value in values
    ]


ROWS = [
    *fields("kinds3.Scalars", "anInt32 anInt64 aUint32 aUint64 aSint32 aFixed64", INTEGERS),
    *fields("kinds3.Scalars", "aDouble aFloat", FLOATS),
    *fields("kinds3.Optionals", "aDouble aFloat anInt32 aBool aString aColour", ["0", "-0", "-0.0", "null", '""', "false"]),
    *fields("kinds3.Scalars", "aBool", BOOLS),
    *fields("kinds3.Scalars", "someBytes", BYTES),
    *fields("kinds3.Scalars", "aString", TEXTS),
    *fields("kinds3.Scalars", "aColour", ENUMS),
    *fields("kinds2.Everything", "aClosed", ['"ONE"', '"TWO"', '"THREE"', "1", "3", '"1"', '"3"', "null"]),
    *fields("kinds2.Everything", "moreClosed", ['["ONE","NO",2]', "[3]", "[null]", "null", "{}", '"ONE"']),
    *fields("kinds3.Repeated", "int32s", ["[1,2]", "[]", "null", "[null]", "1", "{}", '"12"', "[[1]]"]),
    *fields("kinds3.Repeated", "colours", ['["RED","NOT_KNOWN",5,99]', '[" 1"]']),
    *fields("kinds3.Repeated", "scalars", ["[{}]", "[null]", "[{},{}]", "{}", "[[]]", '[""]']),
    *fields("kinds3.Maps", "byString", ['{"a":"b"}', '{"":""}', '{"a":null}', "[]", "null", '{"a":1}', '{"\\ud800":"x"}']),
    *fields("kinds3.Maps", "byBool", ['{"true":1}', '{"True":1}', '{"1":1}', '{"false":"2","true":3}']),
    *fields("kinds3.Maps", "byInt32", ['{"1":1}', '{"1.0":1}', '{"01":1,"1":2}', '{"4294967296":1}', '{"x":1}', '{" 1":1}']),
    *fields("kinds3.Maps", "byUint64", ['{"18446744073709551615":"QQ=="}', '{"-1":""}']),
    *fields("kinds3.Maps", "colours", ['{"a":"RED","b":"NOT_KNOWN","c":7}', '{"a":null}', '{"\\ud800":"NOT_KNOWN"}']),
    *fields("kinds3.Scalars", "aColour", [r'"NOT_\ud800"', r'"NOT\u0000"', r'"RED\u0000"']),
    *fields("kinds3.Scalars", r"new\ud800 new\u0000 aString\u0000", ['"a"', "1"]),
    *fields("kinds3.Maps", "scalars", ['{"a":{}}', '{"a":null}', '{"a":[]}']),
    *fields("kinds3.WellKnown", "aTime", [*quoted(TIMES), "5", "null", "{}"]),
    *fields("kinds3.WellKnown", "aDuration", [*quoted(DURATIONS), "5", "null"]),
    *fields("kinds3.WellKnown", "aValue", VALUES),
    *fields("kinds3.WellKnown", "aStruct", ["{}", "null", "[]", '{"a":null}', '{"":{"":{}}}', '{"a":1e400}']),
    *fields("kinds3.WellKnown", "aList", ["[]", "null", "{}", "[null,[],{}]"]),
    *fields("kinds3.WellKnown", "anInt64", ["0", '"5"', "null", "{}", '{"value":1}', "true"]),
    *fields("kinds3.WellKnown", "aDouble", ["0", "-0", "-0.0", '"NaN"', "null"]),
    *fields("kinds3.WellKnown", "aBool", BOOLS),
    *fields("kinds3.WellKnown", "aString", TEXTS),
    *fields("kinds3.WellKnown", "someBytes", BYTES),
    *fields("kinds3.WellKnown", "aNull", ["null", "0", '"NULL_VALUE"', "1", '"x"']),
    *fields("kinds3.WellKnown", "durations", ['{"a":"1s"}', '{"a":null}']),
    *fields("kinds3.WellKnown", "valuesByName", ['{"a":null}', '{"a":[]}']),
    *fields("kinds3.WellKnown", "boxedNumbers", ["[1,2]", "[null]"]),
    *fields("kinds3.Masks", "aMask", MASKS),
    *fields("kinds3.Boxed", "aFloat", FLOATS),
    *fields("kinds3.Nulls", "nulls", ["[null]", "[0]", '["NULL_VALUE"]']),
    *fields("kinds3.Nulls", "byName", ['{"a":null}', '{"a":0}']),
    *fields("kinds3.Values", "someValues", ["null", "[null]", "[1,[]]"]),
    *fields("kinds3.NumberedMessages", "byNumber", ['{"1":{"anInt32":1},"01":{"anInt64":2}}']),
    *fields("kinds2.Extendable", "[kinds2.an_extension]", ["1", "null", '"x"']),
    *fields("kinds2.Extendable", "[kinds2.no_extension]", ["1"]),
    *fields("kinds3.Scalars", "[kinds2.an_extension]", ["1"]),
]  # fmt: skip

WHOLE: list[tuple[str, str]] = [
    ("kinds3.Choices", '{"aNumber":1,"aText":"x"}'),
    ("kinds3.Choices", '{"aNumber":null,"aText":"x"}'),
    ("kinds3.Choices", '{"aText":"x","aNumber":null}'),
    ("kinds3.Choices", '{"aValue":null,"aText":""}'),
    ("kinds3.Choices", '{"aText":"","aValue":null}'),
    ("kinds3.Choices", '{"aNull":null,"aText":""}'),
    ("kinds3.Choices", '{"aNull":null}'),
    ("kinds3.Choices", '{"aColour":"NOT_KNOWN","aText":"x"}'),
    ("kinds3.Choices", '{"aNumber":0,"thisOne":false}'),
    ("kinds3.Choices", '{"someScalars":{},"aNumber":1}'),
    ("kinds3.Scalars", '{"an_int32":1,"anInt64":2}'),
    ("kinds3.Scalars", '{"odd-name":1}'),
    ("kinds3.Scalars", '{"odd_name":1}'),
    ("kinds3.Scalars", '{"oddName":1}'),
    ("kinds3.Scalars", '{"anInt32":1,"anInt32":2}'),
    ("kinds3.Scalars", r'{"an\u0049nt32":1}'),
    ("kinds2.Twins", '{"fooBar":"x"}'),
    ("kinds2.Twins", '{"foo_bar":"x","other":1}'),
    ("kinds2.AlikeNames", '{"one":"a","source":"b"}'),
    ("kinds2.AlikeNames", '{"source":"b","one":"a"}'),
    ("kinds2.Required", "{}"),
    ("kinds2.Everything", '{"inner":{"depthOfIt":1},"several":[{"aName":"x"}],"looseFloats":[0.1],"packedOnes":[1,2]}'),
    ("kinds2.Everything", '{"Inner":{}}'),
    ("kinds2023.Features", '{"anImplicit":0,"anExplicit":0,"aClosed":"ONE","delimitedOne":{"aFloat":0.1},"aNeededOne":""}'),
    *(("kinds3.Scalars", text) for text in ["", " ", "{", "{}", "{} ", "{}{}", '{},"x":{}', "null", "[]", '""', "5", "\ufeff{}",
                                            "{'a':1}", '{"name":"a",}', '{"name":"\n"}', "{}}", '{"name":"a"} // x', "\x00"]),
    ("kinds3.Holder", '{"anAny":{}}'),
    ("kinds3.Holder", '{"anAny":null}'),
    ("kinds3.Holder", '{"anAny":{"@type":"type.googleapis.com/kinds3.Scalars","anInt32":1,"an_int64":"2"}}'),
    ("kinds3.Holder", '{"anAny":{"anInt32":1,"@type":"example.com/any/path/kinds3.Scalars"}}'),
    ("kinds3.Holder", '{"anAny":{"@type":"kinds3.Scalars"}}'),
    ("kinds3.Holder", '{"anAny":{"@type":"type.googleapis.com/no.such.Type"}}'),
    ("kinds3.Holder", '{"anAny":{"@type":""}}'),
    ("kinds3.Holder", '{"anAny":{"@type":5}}'),
    ("kinds3.Holder", r'{"anAny":{"@type":"t/\ud800"}}'),
    ("kinds3.Holder", '{"anAny":{"value":"QQ=="}}'),
    ("kinds3.Holder", '{"anAny":{"typeUrl":"type.googleapis.com/kinds3.Scalars","value":""}}'),
    ("kinds3.Holder", '{"anAny":{"@type":"type.googleapis.com/kinds3.Scalars","nothing":1}}'),
    ("kinds3.Holder", '{"anAny":{"@type":"type.googleapis.com/kinds2.Required"}}'),
    ("kinds3.Holder", '{"anAny":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"}}'),
    ("kinds3.Holder", '{"anAny":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s","more":1}}'),
    ("kinds3.Holder", '{"anAny":{"@type":"type.googleapis.com/google.protobuf.Duration"}}'),
    ("kinds3.Holder", '{"anAny":{"@type":"type.googleapis.com/google.protobuf.Value"}}'),
    ("kinds3.Holder", '{"anAny":{"@type":"type.googleapis.com/google.protobuf.Value","value":null}}'),
    ("kinds3.Holder", '{"anAny":{"@type":"type.googleapis.com/google.protobuf.Struct","value":{"a":1}}}'),
    ("kinds3.Holder", '{"anAny":{"@type":"type.googleapis.com/google.protobuf.Struct","a":1}}'),
    ("kinds3.Holder", '{"anAny":{"@type":"type.googleapis.com/google.protobuf.Empty"}}'),
    ("kinds3.Holder", '{"anAny":{"@type":"type.googleapis.com/google.protobuf.Int64Value","value":"5"}}'),
    ("kinds3.Holder", '{"anAny":{"@type":"t/google.protobuf.Any","value":{"@type":"t/kinds3.Scalars","aBool":true}}}'),
    ("kinds3.Holder", '{"anAny":{"@type":"t/kinds3.WellKnown","aTime":"2024-11-03T-0:00:00Z"}}'),
]  # fmt: skip


@pytest.mark.parametrize("lenient", [False, True], ids=["strict", "lenient"])
@pytest.mark.parametrize(("name", "text"), [*ROWS, *WHOLE])
def test_read_as_json_format_reads_it(name: str, text: str, lenient: bool) -> None:
    assert_read_alike(text, kind(name), lenient=lenient)


@pytest.mark.parametrize("cls", [timestamp_pb2.Timestamp, duration_pb2.Duration, struct_pb2.Value, struct_pb2.Struct,
                                 struct_pb2.ListValue, wrappers_pb2.Int64Value, wrappers_pb2.FloatValue, empty_pb2.Empty],
                         ids=lambda c: c.__name__)  # fmt: skip
@pytest.mark.parametrize(
    "text", ["null", "{}", "[]", '""', "5", "-0", '"5"', '"1s"', '"1970-01-01T00:00:00Z"', "[null]", '{"a":[]}']
)
def test_a_type_with_a_form_of_its_own_may_be_the_whole(cls: Any, text: str) -> None:
    assert_read_alike(text, cls)


# Before protobuf 7 its serializer in Python doubles its time with each level of a map.
WITH_MAPS = pytest.mark.skipif(
    api_implementation.Type() == "python" and protobuf.__version__ < "7", reason="it would be written for ever"
)


@pytest.mark.parametrize("depth", [99, 100, 101, 150])
@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        ('{"leftTree":', "}"),
        ('{"moreTrees":[', "]}"),
        pytest.param('{"namedTrees":{"a":', "}}", marks=WITH_MAPS),
    ],
)
def test_messages_nest_as_deep_as_for_json_format(opening: str, closing: str, depth: int) -> None:
    text = opening * (depth - 1) + "{}" + closing * (depth - 1)
    assert_read_alike(text, kind("kinds3.Tree"))
    assert by_gemtune(text, kind("kinds3.Tree")).is_refusal == (depth > 100)


ANY = '{"@type":"t/google.protobuf.Any","value":'
HOLDER = '{"@type":"t/kinds3.Holder","anAny":'
TREE = '{"@type":"t/kinds3.Tree","leftTree":'


@pytest.mark.parametrize("depth", [48, 49, 50, 97, 98, 99, 100, 101, 150])
@pytest.mark.parametrize("innermost", ["{}", "null", '{"@type":"t/kinds3.WellKnown","aTime":"2024-11-03T21:08:07Z"}',
                                       '{"@type":"t/kinds3.WellKnown","aValue":null}',
                                       '{"@type":"t/google.protobuf.Int64Value","value":"5"}'])  # fmt: skip
@pytest.mark.parametrize("opening", [ANY, HOLDER, TREE + "{}},"])
def test_an_any_nests_as_deep_as_for_json_format(opening: str, innermost: str, depth: int) -> None:
    if opening.endswith("}},"):  # trees in an Any in the middle
        text = '{"@type":"t/kinds3.Tree","leftTree":' + '{"leftTree":' * depth + "{}" + "}" * (depth + 1)
    else:
        text = opening * depth + innermost + "}" * depth
    assert_read_alike(f'{{"anAny":{text}}}', kind("kinds3.Holder"))


@pytest.mark.parametrize("depth", [99, 100, 101])
@pytest.mark.parametrize(
    "field", ['"aValue":null', '"aTime":"2024-11-03T21:08:07Z"', '"anInt64":"5"', '"aValue":1', '"x":1']
)
def test_what_has_a_form_of_its_own_may_be_as_deep_as_for_json_format(field: str, depth: int) -> None:
    text = '{"leftTree":' * (depth - 1) + "{" + field + "}" + "}" * (depth - 1)
    for lenient in (False, True):
        assert_read_alike(text, kind("kinds3.Tree"), lenient=lenient)


def test_json_that_is_nested_beyond_reason_is_refused() -> None:
    for text in ("[" * 100_000, '{"aStruct":' * 100_000, '{"aValue":' + "[" * 50_000):
        for lenient in (False, True):
            assert by_gemtune(text, kind("kinds3.WellKnown"), lenient=lenient).is_refusal


@pytest.mark.parametrize(
    "data", [b"\xff{}", b'{"name":"\xff"}', b'{"name":"\xed\xa0\x80"}', b'{"name":"\xc0\x80"}', b"\xef\xbb\xbf{}"]
)
def test_bytes_that_are_not_utf8_are_refused(data: bytes) -> None:
    import gemtune

    with pytest.raises(gemtune.JsonError):
        gemtune.from_json(data, kind("kinds3.Scalars"))


MESSAGES: list[tuple[str, dict[str, Any]]] = [
    *(("kinds3.Scalars", {"a_double": x}) for x in [0.1, 1e16, 1e-5, 1e22, 5e-324, -0.0, 1.0, 123456789.0, float("nan"),
                                                    float("inf"), float("-inf"), 1e15, 9007199254740993.0]),
    *(("kinds3.Scalars", {"a_float": x}) for x in [0.1, 1e16, 16777216.0, 3.4028234663852886e38, 1e-45, -0.0, 1 / 3,
                                                   float("nan"), float("inf"), float("-inf"), 8388609.0]),
    ("kinds3.Optionals", {"a_float": 0.0, "a_double": 0.0, "a_string": "", "an_int32": 0, "a_bool": False, "a_colour": 0}),
    ("kinds3.Repeated", {"floats": [0.1, 0.0, -0.0, 1e10], "doubles": [1.0], "colours": [1, 5, 99, -1]}),
    ("kinds3.Scalars", {"a_string": '"\\\n\t\x00\x1f\x7f\u2028é😀</script>'}),
    ("kinds3.Scalars", {"a_colour": 99}),
    ("kinds3.Maps", {"by_bool": {True: 1, False: 2}, "by_int32": {-1: 0.5}, "by_uint64": {2**64 - 1: b"\xff"}}),
    ("kinds3.Choices", {"a_null": 0}),
    ("kinds3.Choices", {"a_null": 5}),
    ("kinds3.Choices", {"that_one": 0.1}),
    ("kinds3.WellKnown", {"a_value": struct_pb2.Value()}),
    ("kinds3.WellKnown", {"a_value": struct_pb2.Value(number_value=float("nan"))}),
    ("kinds3.WellKnown", {"a_value": struct_pb2.Value(number_value=float("inf"))}),
    ("kinds3.WellKnown", {"a_value": struct_pb2.Value(number_value=-0.0)}),
    ("kinds3.WellKnown", {"a_time": timestamp_pb2.Timestamp(seconds=253402300800)}),
    ("kinds3.WellKnown", {"a_time": timestamp_pb2.Timestamp(nanos=-1)}),
    ("kinds3.WellKnown", {"a_time": timestamp_pb2.Timestamp(seconds=-62135596800, nanos=1)}),
    ("kinds3.WellKnown", {"a_duration": duration_pb2.Duration(seconds=1, nanos=-1)}),
    ("kinds3.WellKnown", {"a_duration": duration_pb2.Duration(seconds=-1, nanos=-500000000)}),
    ("kinds3.Boxed", {"a_float": wrappers_pb2.FloatValue(value=0.1)}),
    ("kinds3.FloatsByName", {"floats": {"a": 0.1}}),
    ("kinds3.Holder", {}),
    ("kinds2.Everything", {"a_float": 0.1, "loose_floats": [0.1], "a_closed": 1}),
    ("kinds2.Required", {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "values"), MESSAGES, ids=lambda value: str(value)[:60])
def test_written_as_json_format_writes_it(name: str, values: dict[str, Any]) -> None:
    assert_written_alike(kind(name)(**values))


@pytest.mark.parametrize("url", ["t/kinds3.Scalars", "kinds3.Scalars", 'a"b/kinds3.Scalars', "t/no.such", "", "t/google.protobuf.FloatValue",
                                 "t/google.protobuf.Timestamp", "t/kinds2.Extendable"])  # fmt: skip
@pytest.mark.parametrize("value", [b"", b"\x08\x01", b"\x15\xcd\xcc\xcc\x3d", b"\xff"])
def test_an_any_is_written_as_json_format_writes_it(url: str, value: bytes) -> None:
    holder = kind("kinds3.Holder")()
    holder.an_any.type_url, holder.an_any.value = url, value
    holder.more_anys.add().CopyFrom(holder.an_any)
    assert_written_alike(holder)


@pytest.mark.parametrize(
    "value", [b"\x0a\x01a\x12\x01b", b"\x08\x01\x12\x01b\x08\x02", b"\x1a\x05\x0a\x01a\x10\x01" * 2]
)
def test_bytes_that_somebody_else_put_into_an_any_are_parsed_first(value: bytes) -> None:
    """A oneof may have two members there, and a map a key twice."""
    for name in ("Choices", "Maps", "Scalars", "WellKnown"):
        holder = kind("kinds3.Holder")()
        holder.an_any.type_url, holder.an_any.value = f"t/kinds3.{name}", value
        assert_written_alike(holder)


def test_an_any_in_an_any_in_an_any_is_written_however_deep() -> None:
    any_ = any_pb2.Any(type_url="t/kinds3.Scalars")
    for depth in range(300):
        outer = any_pb2.Any(type_url="t/google.protobuf.Any", value=any_.SerializeToString())
        if depth in (3, 98):
            assert_written_alike(outer)
        elif depth in (101, 299):
            assert '"@value"' in codec.to_json(outer)  # what is deeper is written as its bytes
        any_ = outer


def test_extensions_are_read_and_written() -> None:
    cls = kind("kinds2.Extendable")
    text = '{"aName":"x","[kinds2.an_extension]":5,"[kinds2.more_extensions]":["a"]}'
    assert_read_alike(text, cls)
    assert_written_alike(cls.FromString(by_json_format(text, cls).data or b""))


def test_unknown_binary_fields_survive_a_read_and_a_write() -> None:
    from gemtune_pb.v1 import TuningJob

    data = TuningJob(name="x").SerializeToString() + b"\xfa\x7f\x03new"
    assert TuningJob.FromString(data).SerializeToString() == data
    assert_written_alike(TuningJob.FromString(data))
