"""A tree -> the message that it stands for, types taken from the schema, and everything that is wrong with it at once.

The mapping is protobuf's JSON mapping (both spellings of every name, enums by name, null for unset), with these
differences, each because a spec is written by hand and costs money when it is misread:

- an adapter size is never a number: in proto JSON 4 would be the enum's number, ADAPTER_SIZE_SIXTEEN;
- a name twice, also in its two spellings, is a mistake;
- in YAML a plain scalar in a string field is the text as written.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from gemtune.descriptors import is_map, is_well_known, value_field
from gemtune.specs.finding import Finding, key_path
from gemtune.specs.read.reading import Reading
from gemtune.specs.read.scalars import NULLS, Converter, Refused, ambiguous, converter, is_null, shown
from gemtune.specs.read.tree import Node
from gemtune.specs.read.wellknown import well_known

__all__ = ["build", "warn_of_zero", "zero_is_unsent"]


def build(node: Node, message: Message, *, plain_strings: bool, what: str = "a spec") -> list[Finding]:
    """Fills a message from a tree.

    Args:
        node: The root.
        message: An empty message.
        plain_strings: Whether a scalar without quotes may be a string (YAML) or not (JSON).
        what: What the tree describes, for sentences.

    Returns:
        What is wrong, in the order of the file. The message is what was meant only where there is no error among them.
    """
    reading = Reading(message.DESCRIPTOR, plain_strings=plain_strings)
    if node.id != "mapping":
        found = "a list" if node.id == "sequence" else "a single value"
        reading.wrong("wrong-type", "", node, f"{what} is a mapping of fields, and this is {found}")
    else:
        _fill(reading, message, node, "", 1)
    return reading.findings


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


def _fill(reading: Reading, message: Message, node: Node, prefix: str, depth: int) -> None:
    if reading.too_much(node, prefix.rstrip("."), depth):
        return
    plan = _plan(message.DESCRIPTOR)
    seen: dict[str, str] = {}
    oneofs: dict[str, str] = {}
    for key_node, value in node.value:
        key = key_node.value if key_node.id == "scalar" else None
        field = plan.get(key) if isinstance(key, str) and not key_node.tag else None
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
            reading.no_tags(prefix + name, value)
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


def _takes_null(field: FieldDescriptor) -> bool:
    message_type = field.message_type
    if message_type is not None and not field.is_repeated:
        return bool(message_type.full_name == "google.protobuf.Value")
    return False


def _unknown(reading: Reading, descriptor: Any, node: Node, prefix: str) -> None:
    from gemtune.specs.hints import hint_for

    if reading.full:
        return
    if node.tag:
        reading.no_tags(prefix.rstrip("."), node)
        return
    if node.id != "scalar":
        reading.wrong("wrong-type", prefix.rstrip("."), node, "a name of a field is a text, and this is none")
        return
    key = str(node.value)
    name = key if key and key.isprintable() and len(key) <= 60 else repr(key[:60])
    if key == "<<" and not node.style:
        sentence = "<< merges mappings in YAML 1.1 only, and other readers of this file would not"
        reading.wrong("unknown-field", prefix + key, node, sentence, "write the fields out")
        return
    hint = hint_for(descriptor, key, prefix, reading.root)
    reading.wrong("unknown-field", prefix + name, node, f"{name}: no such field", hint)


# -- how a field is filled, by its type --------------------------------------------------------------------------------


def _filler(field: FieldDescriptor) -> Fill:
    if is_map(field):
        return _map_filler(field)
    if field.message_type is not None:
        return _message_filler(field)
    convert = converter(field)
    name = field.name
    if field.is_repeated:
        is_text = field.cpp_type == FieldDescriptor.CPPTYPE_STRING

        def fill_list(reading: Reading, message: Message, node: Node, prefix: str, depth: int) -> None:
            target = getattr(message, name)
            for path, item in _items(reading, node, prefix + name, depth):
                if is_null(item):
                    reading.wrong("wrong-type", path, item, "an item of a list cannot be empty")
                    continue
                _converted(reading, path, item, convert, target.append)
                if is_text and not item.style and reading.plain_strings and ambiguous(item.value):
                    _unquoted(reading, item, path)

        return fill_list

    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return _text_filler(name, convert)
    lost_if_zero = zero_is_unsent(field)

    def fill(reading: Reading, message: Message, node: Node, prefix: str, _depth: int) -> None:
        try:
            value = convert(reading.plain_strings, node)
        except Refused as refused:
            reading.wrong(refused.rule_id, prefix + name, node, refused.message, refused.remedy)
            return
        setattr(message, name, value)
        if value == 0 and lost_if_zero:
            warn_of_zero(reading, prefix + name, node)

    return fill


def warn_of_zero(reading: Reading, path: str, node: Node) -> None:
    """Notes an explicit 0 that would get lost."""
    sentence = f"{path.rpartition('.')[2]}: {node.value} is not sent, and the service then chooses"
    reading.warn("zero-unsent", path, node, sentence, "write what is meant, or leave it out")


def zero_is_unsent(field: Any) -> bool:
    """Whether an explicit 0 of a hyper-parameter gets lost: without presence, it cannot be told from an unset one."""
    numeric = field.enum_type is None and field.cpp_type != FieldDescriptor.CPPTYPE_BOOL
    return numeric and not field.has_presence and field.containing_type.name.endswith("HyperParameters")


def _text_filler(name: str, convert: Converter) -> Fill:
    def fill(reading: Reading, message: Message, node: Node, prefix: str, _depth: int) -> None:
        try:
            setattr(message, name, convert(reading.plain_strings, node))
        except Refused as refused:
            reading.wrong(refused.rule_id, prefix + name, node, refused.message, refused.remedy)
        else:
            if not node.style and ambiguous(node.value):
                _unquoted(reading, node, prefix + name)

    return fill


def _unquoted(reading: Reading, node: Node, path: str) -> None:
    sentence = f"{node.value} is read as a text here, and as something else by other YAML readers"
    reading.warn("yaml-unquoted", path, node, sentence, f'write "{node.value}", in quotes')


def _message_filler(field: Any) -> Fill:
    name = field.name
    special = is_well_known(field.message_type)
    shape = well_known if special else _nested
    if field.is_repeated:

        def fill_list(reading: Reading, message: Message, node: Node, prefix: str, depth: int) -> None:
            target = getattr(message, name)
            for path, item in _items(reading, node, prefix + name, depth):
                if is_null(item) and not special:
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
        sentence = f"{shown(node)} is not a mapping of fields"
        reading.wrong("wrong-type", path, node, sentence, f"below it belong fields such as {', '.join(some)}")
        return
    _fill(reading, message, node, path + ".", depth)


def _map_filler(field: Any) -> Fill:
    name = field.name
    key_field = field.message_type.fields_by_name["key"]
    item_field = value_field(field)
    convert_key = converter(key_field)
    convert = None if item_field.message_type is not None else converter(item_field)
    special = is_well_known(item_field.message_type)
    shape = well_known if special else _nested

    def fill(reading: Reading, message: Message, node: Node, prefix: str, depth: int) -> None:
        path = prefix + name
        if node.id != "mapping":
            sentence = f"{shown(node)} is not a mapping"
            reading.wrong("wrong-type", path, node, sentence, "write names with values below it")
            return
        if reading.too_much(node, path, depth + 1):
            return
        target = getattr(message, name)
        seen: set[Any] = set()
        for key_node, value in node.value:
            try:
                key = convert_key(True, key_node)  # a key is a text, in quotes or not
            except Refused as refused:
                reading.wrong(refused.rule_id, path, key_node, refused.message, refused.remedy)
                continue
            at = key_path(path, str(key))
            if key in seen:
                reading.wrong("doubled-key", at, key_node, f"{key} is here twice", "keep one of them")
                continue
            seen.add(key)
            if key_node.tag or value.tag:
                reading.no_tags(at, key_node if key_node.tag else value)
            elif convert is None:
                shape(reading, target[key], value, at, depth + 2)
            elif is_null(value):
                reading.wrong("wrong-type", at, key_node, f"{key} has no value", 'for an empty text write ""')
            else:
                _converted(reading, at, value, convert, partial(target.__setitem__, key))
                for text in (key_node, value):
                    if reading.plain_strings and text.id == "scalar" and not text.style and ambiguous(text.value):
                        _unquoted(reading, text, at)

    return fill


def _items(reading: Reading, node: Node, path: str, depth: int) -> list[tuple[str, Node]]:
    if node.id != "sequence":
        reading.wrong(
            "wrong-type", path, node, f"{shown(node)} is not a list", "write a list, [...] or lines that begin with -"
        )
        return []
    if reading.too_much(node, path, depth + 1):
        return []
    items: list[tuple[str, Node]] = []
    for index, item in enumerate(node.value):
        if item.tag:
            reading.no_tags(f"{path}[{index}]", item)
        else:
            items.append((f"{path}[{index}]", item))
    return items


def _converted(reading: Reading, path: str, node: Node, convert: Converter, put: Callable[[Any], object]) -> None:
    try:
        put(convert(reading.plain_strings, node))
    except Refused as refused:
        reading.wrong(refused.rule_id, path, node, refused.message, refused.remedy)
