"""A tree -> the message that it stands for, types taken from the schema, and everything that is wrong with it at once.

The mapping is protobuf's JSON mapping (both spellings of every name, enums by name, null for unset), with these
differences, each because a spec is written by hand and costs money when it is misread:

- an adapter size is never a number: in proto JSON 4 would be the enum's number, ADAPTER_SIZE_SIXTEEN;
- a name twice, also in its two spellings, is a mistake;
- in YAML a plain scalar in a string field is the text as written.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from gemtune.specs.finding import Finding, Position, Severity
from gemtune.specs.sizes import SIZES, rank_of
from gemtune.specs.tree import MAX_DEPTH, MAX_NODES, Node, position_of

__all__ = ["NULLS", "build", "field_named", "plain"]

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


class Reading:
    """One reading of one tree: how its text is to be taken, and the mistakes so far."""

    def __init__(self, *, plain_strings: bool) -> None:
        self.plain_strings = plain_strings
        self.findings: list[Finding] = []
        self.nodes = 0

    def wrong(self, rule_id: str, field: str, node: Node | Position, message: str, remedy: str = "") -> None:
        """Notes a mistake; reading goes on."""
        position = node if isinstance(node, Position) else position_of(node)
        self.findings.append(Finding(rule_id, Severity.ERROR, field, message, remedy, position=position))


class _Refused(Exception):
    """A value is not one of its field's type: what is wrong, and what to write."""

    def __init__(self, message: str, remedy: str = "", rule_id: str = "wrong-type") -> None:
        super().__init__(message)
        self.message, self.remedy, self.rule_id = message, remedy, rule_id


def build(node: Node, message: Message, *, plain_strings: bool) -> list[Finding]:
    """Fills a message from a tree.

    Args:
        node: The root.
        message: An empty message.
        plain_strings: Whether a scalar without quotes may be a string (YAML) or not (JSON).

    Returns:
        The mistakes, in the order of the file; the message is of use only when there are none.
    """
    reading = Reading(plain_strings=plain_strings)
    if node.id != "mapping":
        what = "a list" if node.id == "sequence" else "a single value"
        reading.wrong("wrong-type", "", node, f"a spec is a mapping of fields, and this is {what}")
    else:
        _fill(reading, message, node, "", 1)
    return sorted(reading.findings, key=lambda finding: finding.position or Position(0, 0))


# -- fields ------------------------------------------------------------------------------------------------------------


class _Field:
    """How one field is filled."""

    __slots__ = ("descriptor", "fill", "name", "oneof")

    def __init__(self, descriptor: FieldDescriptor) -> None:
        self.descriptor = descriptor
        self.name = descriptor.name
        oneof = descriptor.containing_oneof
        self.oneof = oneof.name if oneof and not oneof.name.startswith("_") else None
        self.fill = _filler(descriptor)


Fill = Callable[[Reading, Message, Node, str, int], None]


@cache
def _plan(descriptor: Descriptor) -> dict[str, _Field]:
    """Every name of a message's fields, in both spellings."""
    plan: dict[str, _Field] = {}
    for field in descriptor.fields:
        plan[field.name] = plan[field.json_name] = _Field(field)
    return plan


def field_named(descriptor: Descriptor, name: str) -> FieldDescriptor | None:
    """The field with that name, in either spelling."""
    found = _plan(descriptor).get(name)
    return found.descriptor if found else None


def _fill(reading: Reading, message: Message, node: Node, prefix: str, depth: int) -> None:
    if _too_much(reading, node, prefix, depth):
        return
    plan = _plan(message.DESCRIPTOR)
    seen: dict[str, str] = {}
    oneofs: dict[str, str] = {}
    for key_node, value in node.value:
        key = key_node.value if key_node.id == "scalar" else None
        field = plan.get(key) if isinstance(key, str) else None
        if field is None:
            _unknown(reading, message.DESCRIPTOR, key_node, prefix)
            continue
        name = field.name
        if name in seen:
            spelled = f"{key} is here twice" if seen[name] == key else f"{key} and {seen[name]} are the same field"
            reading.wrong("doubled-key", prefix + name, key_node, spelled, "keep one of them")
            continue
        seen[name] = key_node.value
        if value.tag:
            _no_tags(reading, prefix + name, value)
            continue
        if value.id == "scalar" and not value.style and value.value in NULLS:
            if _takes_null(field.descriptor):
                field.fill(reading, message, value, prefix, depth)
            continue
        if field.oneof is not None:
            other = oneofs.setdefault(field.oneof, name)
            if other != name:
                sentence = f"{name} and {other} exclude each other"
                reading.wrong("one-of", prefix + name, key_node, sentence, "keep one of them")
                continue
        field.fill(reading, message, value, prefix, depth)


def _too_much(reading: Reading, node: Node, prefix: str, depth: int) -> bool:
    reading.nodes += len(node.value) + 1
    if depth > MAX_DEPTH:
        reading.wrong("too-deep", prefix.rstrip("."), node, f"nested more than {MAX_DEPTH} levels deep", "no spec is")
    elif reading.nodes > MAX_NODES:
        if not any(finding.rule_id == "too-large" for finding in reading.findings):
            sentence = f"the spec has more than {MAX_NODES:,} values, aliases counted where they are used"
            reading.wrong("too-large", prefix.rstrip("."), node, sentence, "write out what is meant")
    else:
        return False
    return True


def _no_tags(reading: Reading, path: str, node: Node) -> None:
    sentence = f"{node.tag} is a YAML tag, and tags are not read: types come from the schema"
    reading.wrong("yaml-tag", path, node, sentence, "write the value without it, in quotes if it is a text")


def _takes_null(field: FieldDescriptor) -> bool:
    message_type = field.message_type
    if message_type is not None and not field.is_repeated:
        return bool(message_type.full_name == "google.protobuf.Value")
    return False


def _unknown(reading: Reading, descriptor: Any, node: Node, prefix: str) -> None:
    from gemtune.specs.hints import hint_for

    if node.id != "scalar":
        reading.wrong("wrong-type", prefix.rstrip("."), node, "a name of a field is a text, and this is none")
        return
    key = str(node.value)
    shown = key if key and key.isprintable() and len(key) <= 60 else repr(key[:60])
    if key == "<<" and not node.style:
        sentence = "<< merges mappings in YAML 1.1 only, and other readers of this file would not"
        reading.wrong("unknown-field", prefix + key, node, sentence, "write the fields out")
        return
    reading.wrong("unknown-field", prefix + key, node, f"{shown}: no such field", hint_for(descriptor, key, prefix))


# -- how a field is filled, by its type --------------------------------------------------------------------------------


def _filler(field: FieldDescriptor) -> Fill:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return _map_filler(field)
    if field.message_type is not None:
        return _message_filler(field)
    convert = _converter(field)
    name = field.name
    if field.is_repeated:

        def fill_list(reading: Reading, message: Message, node: Node, prefix: str, depth: int) -> None:
            target = getattr(message, name)
            for path, item in _items(reading, node, prefix + name, depth):
                if _is_null(item):
                    reading.wrong("wrong-type", path, item, "an item of a list cannot be empty")
                    continue
                _converted(reading, path, item, convert, target.append)

        return fill_list

    def fill(reading: Reading, message: Message, node: Node, prefix: str, _depth: int) -> None:
        try:
            setattr(message, name, convert(reading, node))
        except _Refused as refused:
            reading.wrong(refused.rule_id, prefix + name, node, refused.message, refused.remedy)

    return fill


def _message_filler(field: Any) -> Fill:
    name = field.name
    special = field.message_type.full_name.startswith("google.protobuf.")
    shape = _well_known if special else _nested
    if field.is_repeated:

        def fill_list(reading: Reading, message: Message, node: Node, prefix: str, depth: int) -> None:
            target = getattr(message, name)
            for path, item in _items(reading, node, prefix + name, depth):
                if _is_null(item) and not special:
                    reading.wrong("wrong-type", path, item, "an item of a list cannot be empty")
                    continue
                shape(reading, target.add(), item, path, depth + 1)

        return fill_list

    def fill(reading: Reading, message: Message, node: Node, prefix: str, depth: int) -> None:
        child = getattr(message, name)
        child.SetInParent()
        shape(reading, child, node, prefix + name, depth + 1)

    return fill


def _nested(reading: Reading, message: Message, node: Node, path: str, depth: int) -> None:
    if node.id != "mapping":
        some = list(message.DESCRIPTOR.fields_by_name)[:3]
        sentence = f"{_shown(node)} is no mapping of fields"
        reading.wrong("wrong-type", path, node, sentence, f"below it belong fields such as {', '.join(some)}")
        return
    _fill(reading, message, node, path + ".", depth)


def _map_filler(field: Any) -> Fill:
    name = field.name
    key_field = field.message_type.fields_by_name["key"]
    value_field = field.message_type.fields_by_name["value"]
    convert_key = _converter(key_field)
    convert = None if value_field.message_type is not None else _converter(value_field)
    shape = _well_known
    if value_field.message_type is not None and not value_field.message_type.full_name.startswith("google.protobuf."):
        shape = _nested

    def fill(reading: Reading, message: Message, node: Node, prefix: str, depth: int) -> None:
        path = prefix + name
        if node.id != "mapping":
            reading.wrong("wrong-type", path, node, f"{_shown(node)} is no mapping", "write names with values below it")
            return
        if _too_much(reading, node, path, depth + 1):
            return
        target = getattr(message, name)
        for key_node, value in node.value:
            try:
                key = convert_key(reading, _quoted(key_node) if key_node.id == "scalar" else key_node)
            except _Refused as refused:
                reading.wrong(refused.rule_id, path, key_node, refused.message, refused.remedy)
                continue
            at = f"{path}.{key}"
            if key in target:
                reading.wrong("doubled-key", at, key_node, f"{key} is here twice", "keep one of them")
            elif value.tag:
                _no_tags(reading, at, value)
            elif convert is None:
                shape(reading, target[key], value, at, depth + 2)
            elif _is_null(value):
                reading.wrong("wrong-type", at, key_node, f"{key} has no value", 'for an empty text write ""')
            else:
                _converted(reading, at, value, convert, partial(target.__setitem__, key))

    return fill


class _Quoted:
    """A key is a text whether it has quotes or not."""

    def __init__(self, node: Node) -> None:
        self.id, self.tag, self.value, self.style = node.id, node.tag, node.value, '"'
        self.start_mark, self.end_mark = node.start_mark, node.end_mark


def _quoted(node: Node) -> Node:
    return _Quoted(node)


def _is_null(node: Node) -> bool:
    return node.id == "scalar" and not node.style and node.value in NULLS


def _items(reading: Reading, node: Node, path: str, depth: int) -> list[tuple[str, Node]]:
    if node.id != "sequence":
        reading.wrong(
            "wrong-type", path, node, f"{_shown(node)} is no list", "write a list, [...] or lines that begin with -"
        )
        return []
    if _too_much(reading, node, path, depth + 1):
        return []
    items: list[tuple[str, Node]] = []
    for index, item in enumerate(node.value):
        if item.tag:
            _no_tags(reading, f"{path}[{index}]", item)
        else:
            items.append((f"{path}[{index}]", item))
    return items


def _converted(
    reading: Reading, path: str, node: Node, convert: Callable[[Reading, Node], Any], put: Callable[[Any], object]
) -> None:
    try:
        put(convert(reading, node))
    except _Refused as refused:
        reading.wrong(refused.rule_id, path, node, refused.message, refused.remedy)


# -- scalars -----------------------------------------------------------------------------------------------------------


def _shown(node: Node) -> str:
    if node.id != "scalar":
        return "a list" if node.id == "sequence" else "a mapping"
    text = str(node.value)
    return repr(text if len(text) <= 60 else text[:57] + "...") if node.style or not text.isprintable() else text[:60]


def _converter(field: FieldDescriptor) -> Callable[[Reading, Node], Any]:
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


def _string(reading: Reading, node: Node) -> str:
    if node.id != "scalar":
        raise _Refused(f"{_shown(node)} is no text")
    if not (node.style or reading.plain_strings):
        raise _Refused(f"{_shown(node)} is no text", "write it in double quotes")
    text: str = node.value
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise _Refused("the text has half a surrogate pair, which no UTF-8 text can hold") from error
    return text


def _bytes(reading: Reading, node: Node) -> bytes:
    text = _string(reading, node).replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise _Refused(f"{_shown(node)} is not base64") from error


def _bool(_: Reading, node: Node) -> bool:
    value = _BOOLS.get(node.value) if node.id == "scalar" and not node.style else None
    if value is None:
        raise _Refused(f"{_shown(node)} is neither true nor false", "write true or false, without quotes")
    return value


def _number(node: Node) -> str:
    if node.id != "scalar":
        raise _Refused(f"{_shown(node)} is no number")
    text: str = node.value
    if _FLOAT.fullmatch(text) and len(text) <= _MAX_DIGITS:
        return text
    remedy = ""
    if re.fullmatch(r"[-+]?[0-9][0-9_,]*[_,][0-9_,]*", text):
        remedy = f"write {text.replace('_', '').replace(',', '')}"
    elif re.fullmatch(r"[-+]?0[0-9]+", text):
        remedy = "write it without the leading 0, which YAML 1.1 takes for base 8"
    raise _Refused(f"{_shown(node)} is no number", remedy)


def _int_converter(lowest: int, highest: int) -> Callable[[Reading, Node], int]:
    def convert(_: Reading, node: Node) -> int:
        text = node.value
        if not (node.id == "scalar" and _INT.fullmatch(text) and len(text) < 30):
            text = _number(node)
            number = float(text)
            if not number.is_integer():
                raise _Refused(f"{text} is no whole number")
            value = int(number)
        else:
            value = int(text)
        if not lowest <= value <= highest:
            raise _Refused(f"{text} is out of range", f"the field holds {lowest} to {highest}")
        return value

    return convert


def _float(_: Reading, node: Node) -> float:
    text = node.value
    if node.id == "scalar" and text in _SPECIAL_FLOATS:
        return _SPECIAL_FLOATS[text]
    value = float(_number(node))
    if math.isinf(value):
        raise _Refused(f"{text} is out of range", "the largest number that the field holds is about 1.8e308")
    return value


def _single(reading: Reading, node: Node) -> float:
    value = _float(reading, node)
    if math.isfinite(value) and abs(value) > 3.4028235677973366e38:  # what rounds to the largest float
        raise _Refused(f"{node.value} is out of range", "the largest number that the field holds is about 3.4e38")
    return value


def _enum_converter(enum: Any) -> Callable[[Reading, Node], int]:
    numbers: dict[str, int] = {value.name: value.number for value in enum.values}
    is_size = enum.name == "AdapterSize"

    def convert(_: Reading, node: Node) -> int:
        text = node.value
        if node.id == "scalar":
            number = numbers.get(text)
            if number is not None:
                return number
            if is_size and (_FLOAT.fullmatch(text) and len(text) <= _MAX_DIGITS):
                raise _size_refused(text, numbers)
            if not node.style and _INT.fullmatch(text) and -(2**31) <= int(text[:12]) < 2**31:
                return int(text)  # the enums are open: a number that this schema does not know yet is kept
        from gemtune.specs.suggest import nearest

        near = nearest(str(text), numbers) if node.id == "scalar" else None
        known = ", ".join(name for name, number in numbers.items() if number)
        remedy = f"did you mean {near}?" if near else f"it can be {known}"
        raise _Refused(f"{_shown(node)}: no such value of {enum.name}", remedy, "unknown-enum-value")

    return convert


def _size_refused(text: str, numbers: dict[str, int]) -> _Refused:
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
        known = ", ".join(f"{size} ({name})" for size, name in SIZES.items() if name in numbers)
        remedy = f"write {as_rank} for rank {whole}" if as_rank else f"the ranks are {known}"
    return _Refused(message, remedy, "adapter-size-number")


# -- google.protobuf.* -------------------------------------------------------------------------------------------------


def _well_known(reading: Reading, message: Message, node: Node, path: str, depth: int) -> None:
    """Struct, Timestamp and their like have JSON forms of their own; json_format knows them all."""
    from google.protobuf import json_format

    try:
        value = _plain(reading, node, path, depth)
        json_format.ParseDict(value, message)
    except _Refused as refused:
        reading.wrong(refused.rule_id, path, node, refused.message, refused.remedy)
    except (json_format.ParseError, ValueError, TypeError) as error:
        kind = message.DESCRIPTOR.name
        reading.wrong("wrong-type", path, node, f"{_shown(node)} is no {kind}: {error}")


def plain(node: Node) -> Any:
    """A node as plain Python values, by JSON's rules and YAML 1.2's core schema: what has no type in the schema.

    Raises:
        ValueError: It has a tag, or a name that is no text.
    """
    reading = Reading(plain_strings=True)
    try:
        made = _plain(reading, node, "", 0)
    except _Refused as refused:
        raise ValueError(refused.message) from refused
    if reading.findings:
        raise ValueError(reading.findings[0].sentence)
    return made


def _plain(reading: Reading, node: Node, path: str, depth: int) -> Any:
    if node.tag:
        raise _Refused(f"{node.tag} is a YAML tag, and tags are not read", rule_id="yaml-tag")
    if node.id == "scalar":
        return _plain_scalar(node)
    if _too_much(reading, node, path + ".", depth):
        return None
    if node.id == "sequence":
        return [_plain(reading, item, f"{path}[{index}]", depth + 1) for index, item in enumerate(node.value)]
    made: dict[str, Any] = {}
    for key_node, value in node.value:
        if key_node.id != "scalar" or key_node.tag:
            raise _Refused("a name here is a text, and one is none")
        if key_node.value in made:
            reading.wrong("doubled-key", f"{path}.{key_node.value}", key_node, f"{key_node.value} is here twice")
            continue
        made[key_node.value] = _plain(reading, value, f"{path}.{key_node.value}", depth + 1)
    return made


def _plain_scalar(node: Node) -> Any:
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
