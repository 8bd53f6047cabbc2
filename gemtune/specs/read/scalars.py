"""One scalar of a text -> a value of a field's type. Every converter says what is wrong and what to write instead."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from gemtune.specs.read.tree import Node
from gemtune.specs.sizes import SIZES, rank_of, size_meant, sizes_text

__all__ = ["NULLS", "Converter", "Refused", "ambiguous", "converter", "is_null", "plain_scalar", "shown"]

NULLS = frozenset(("", "~", "null", "Null", "NULL"))
"""Plain scalars that mean nothing is set."""

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]*|(?=\.[0-9]))(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?")
_SPECIAL_FLOATS = {
    **dict.fromkeys(("NaN", ".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys(("Infinity", ".inf", ".Inf", ".INF", "+.inf"), math.inf),
    **dict.fromkeys(("-Infinity", "-.inf", "-.Inf", "-.INF"), -math.inf),
}
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_RANGES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_MAX_DIGITS = 400  # of a number: Python refuses to convert far longer ones, and no field holds them


class Refused(Exception):
    """A value is not one of its field's type: what is wrong, and what to write."""

    def __init__(self, message: str, remedy: str = "", rule_id: str = "wrong-type") -> None:
        super().__init__(message)
        self.message, self.remedy, self.rule_id = message, remedy, rule_id


Converter = Callable[[bool, Node], Any]


def shown(node: Node) -> str:
    """A node as a message shows it."""
    if node.id != "scalar":
        return "a list" if node.id == "sequence" else "a mapping"
    text = str(node.value)
    return repr(text if len(text) <= 60 else text[:57] + "...") if node.style or not text.isprintable() else text[:60]


def converter(field: FieldDescriptor) -> Converter:
    """The converter for a field's type.

    It is given whether a scalar without quotes may be a text (YAML) or not (JSON), and the node.
    """
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        return _enum_converter(field.enum_type)
    if kind in _RANGES:
        return _int_converter(*_RANGES[kind])
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return _bool
    if kind == FieldDescriptor.CPPTYPE_STRING:
        return _bytes if field.type == FieldDescriptor.TYPE_BYTES else _string
    return _float if kind == FieldDescriptor.CPPTYPE_DOUBLE else _single


def _string(plain_strings: bool, node: Node) -> str:
    if node.id != "scalar":
        raise Refused(f"{shown(node)} is not text")
    if not (node.style or plain_strings):
        raise Refused(f"{shown(node)} is not text", "write it in double quotes")
    text: str = node.value
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise Refused("the text has half a surrogate pair, which no UTF-8 text can hold") from error
    return text


def _bytes(plain_strings: bool, node: Node) -> bytes:
    text = _string(plain_strings, node).replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise Refused(f"{shown(node)} is not base64") from error


def _bool(_: bool, node: Node) -> bool:
    value = _BOOLS.get(node.value) if node.id == "scalar" and not node.style else None
    if value is None:
        raise Refused(f"{shown(node)} is neither true nor false", "write true or false, without quotes")
    return value


def _number(node: Node) -> str:
    if node.id != "scalar":
        raise Refused(f"{shown(node)} is not a number")
    text: str = node.value
    if _FLOAT.fullmatch(text) and len(text) <= _MAX_DIGITS:
        return text
    remedy = ""
    if re.fullmatch(r"[-+]?[0-9][0-9_,]*[_,][0-9_,]*", text):
        remedy = f"write {text.replace('_', '').replace(',', '')}"
    elif re.fullmatch(r"[-+]?0[0-9]+", text):
        remedy = "write it without the leading 0, which YAML 1.1 takes for base 8"
    raise Refused(f"{shown(node)} is not a number", remedy)


def _int_converter(lowest: int, highest: int) -> Converter:
    def convert(_: bool, node: Node) -> int:
        text = node.value
        if not (node.id == "scalar" and _INT.fullmatch(text) and len(text) < 30):
            text = _number(node)
            number = float(text)
            if not number.is_integer():
                raise Refused(f"{text} is not a whole number")
            value = int(number)
        else:
            value = int(text)
        if not lowest <= value <= highest:
            raise Refused(f"{text} is out of range", f"the field holds {lowest} to {highest}")
        return value

    return convert


def _float(_: bool, node: Node) -> float:
    text = node.value
    if node.id == "scalar" and text in _SPECIAL_FLOATS:
        return _SPECIAL_FLOATS[text]
    value = float(_number(node))
    if math.isinf(value):
        raise Refused(f"{text} is out of range", "the largest number that the field holds is about 1.8e308")
    return value


def _single(plain_strings: bool, node: Node) -> float:
    value = _float(plain_strings, node)
    if math.isfinite(value) and abs(value) > 3.4028235677973366e38:  # what rounds to the largest float
        raise Refused(f"{node.value} is out of range", "the largest number that the field holds is about 3.4e38")
    return value


def _enum_converter(enum: Any) -> Converter:
    numbers: dict[str, int] = {value.name: value.number for value in enum.values}
    is_size = enum.name == "AdapterSize"

    def convert(_: bool, node: Node) -> int:
        text = node.value
        if node.id == "scalar":
            number = numbers.get(text)
            if number is not None:
                return number
            if is_size and (_FLOAT.fullmatch(text) and len(text) <= _MAX_DIGITS):
                raise _size_refused(text, numbers)
            if not node.style and _INT.fullmatch(text) and -(2**31) <= int(text[:12]) < 2**31:
                return int(text)  # the enums are open: a number that this schema does not know yet is kept
        near = _value_meant(str(text), numbers, is_size=is_size) if node.id == "scalar" else None
        known = sizes_text() if is_size else ", ".join(name for name, number in numbers.items() if number)
        remedy = f"did you mean {near}?" if near else f"it can be {known}"
        raise Refused(f"{shown(node)}: no such value of {enum.name}", remedy, "unknown-enum-value")

    return convert


def _value_meant(text: str, numbers: dict[str, int], *, is_size: bool) -> str | None:
    """The name of the enum value that a text resembles; what all names begin with resembles none of them."""
    if is_size:
        return size_meant(text)
    from gemtune.specs.suggest import nearest

    first, last = min(numbers), max(numbers)
    begin = first[: next((i for i, pair in enumerate(zip(first, last, strict=False)) if len(set(pair)) > 1), None)]
    ends = {name.removeprefix(begin): name for name in numbers}
    end = text.upper().removeprefix(begin)
    return ends.get(nearest(end, ends) or "") if end else None


def _size_refused(text: str, numbers: dict[str, int]) -> Refused:
    """A bare number for an adapter size: say both things it could mean."""
    value = float(text)
    whole = int(value) if value.is_integer() else 0
    as_rank = SIZES.get(whole) if SIZES.get(whole) in numbers else None
    as_number = next((name for name, number in numbers.items() if number == whole and number), None)
    if as_number is not None and as_number != as_rank:
        rank = rank_of(as_number)
        message = f"{text} is an enum number here and would mean rank {rank} ({as_number})"
        remedy = f"write {as_number} for rank {rank}"
        if as_rank is not None:
            remedy = f"write {as_rank} for rank {whole}, or {as_number} for rank {rank}"
    else:
        message = f"{text} is a number, and the numbers of this enum are not the ranks"
        remedy = f"write {as_rank} for rank {whole}" if as_rank else f"the ranks are {sizes_text()}"
    return Refused(message, remedy, "adapter-size-number")


def plain_scalar(node: Node) -> Any:
    """A scalar without a type in the schema, by JSON's rules and YAML 1.2's core schema."""
    text: str = node.value
    if node.style:
        return text
    if text in NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if len(text) <= _MAX_DIGITS and _FLOAT.fullmatch(text):
        value = float(text)
        if math.isfinite(value):
            return int(text) if _INT.fullmatch(text) and abs(value) < 2**53 else value
    return text


def is_null(node: Node) -> bool:
    """Whether a node says that nothing is set."""
    return node.id == "scalar" and not node.style and node.value in NULLS


_AMBIGUOUS = re.compile(
    r"y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF|=|<<"
    r"|[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*(?::[0-5]?[0-9])*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?)"
    r"|[-+]?\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?"
)
_MAY_BE_AMBIGUOUS = frozenset("0123456789+-.yYnNtTfFoO=<")


def ambiguous(text: str) -> bool:
    """Whether some YAML reader (of version 1.1 or 1.2) takes the text for a truth value, a number or a date."""
    return text[:1] in _MAY_BE_AMBIGUOUS and _AMBIGUOUS.fullmatch(text) is not None
