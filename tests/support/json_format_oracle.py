"""What json_format makes of a text, beside what gemtune makes of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from gemtune.rpc import codec
from gemtune.rpc.any_types import ANY_TYPES

# The places where gemtune refuses what json_format takes, as the refusals say them: where protobuf's conformance suite
# asks for it, JSON of the wrong kind, and nesting beyond the bound. Each has a table of its own.
CORRECTIONS = ("is given twice, under both of its names", "is nested too deeply", "; it takes ", "levels deep")

KEPT = b"\x07JSON:"
"""How the value of an `Any` begins that could not be read; json_format refuses those messages."""


@dataclass(frozen=True)
class Outcome:
    """Serialized bytes, or that the text was refused."""

    data: bytes | None
    words: str = ""

    @property
    def is_refusal(self) -> bool:
        return self.data is None


def _bytes(message: Message) -> bytes:
    return message.SerializePartialToString(deterministic=True)


def by_json_format(text: str, message_type: Any, *, lenient: bool = False) -> Outcome:
    try:
        return Outcome(_bytes(json_format.Parse(text, message_type(), lenient, ANY_TYPES)))
    except json_format.ParseError as error:
        return Outcome(None, str(error))


def by_gemtune(text: str, message_type: Any, *, lenient: bool = False) -> Outcome:
    try:
        return Outcome(_bytes(codec.from_json(text, message_type, ignore_unknown_fields=lenient)))
    except codec.JsonError as error:
        return Outcome(None, str(error))


def assert_read_alike(text: str, message_type: Any, *, lenient: bool = False) -> None:
    """Holds gemtune against json_format for one text."""
    if lenient and has_doubled_names(text):
        return  # in answers that is not looked for
    law, ours = by_json_format(text, message_type, lenient=lenient), by_gemtune(text, message_type, lenient=lenient)
    if lenient and 'should not have multiple "source"' in law.words + ours.words:
        return  # json_format takes a field for the oneof of its JSON name, by how the field is spelt (kinds2.AlikeNames)
    if ours.is_refusal and not law.is_refusal:
        assert any(words in ours.words for words in CORRECTIONS), (text, ours.words)
    elif lenient and law.is_refusal and "time data" in law.words:
        pass  # `T-0:08:07Z` is read over the bridge (docs/json.md)
    elif lenient and law.is_refusal and ours.data is not None and (KEPT in ours.data or '"@type"' in text):
        pass  # in answers an `Any` costs nothing but itself: test_any_in_answers.py
    else:
        assert ours.data == law.data, (text, law, ours)


def assert_written_alike(message: Message) -> None:
    """Holds gemtune against json_format for one message, in both spellings."""
    for proto_names in (False, True):
        try:
            law = json_format.MessageToDict(message, preserving_proto_field_name=proto_names, descriptor_pool=ANY_TYPES)
        except Exception:
            law = None
        try:
            ours = json.loads(codec.to_json(message, preserving_proto_field_name=proto_names))
        except codec.JsonError:
            ours = None
        if law is None and '"@value"' in json.dumps(ours):
            continue  # an `Any` of an unknown type is written nevertheless: test_any_in_answers.py
        # repr tells 1 from 1.0 and 0.0 from -0.0, which == does not; and names stay in order.
        assert repr(_sorted(ours)) == repr(_sorted(law)), message


def _sorted(tree: Any) -> Any:
    """Maps have no order."""
    if isinstance(tree, dict):
        return {name: _sorted(tree[name]) for name in sorted(tree)}
    return [_sorted(item) for item in tree] if isinstance(tree, list) else tree


def has_doubled_names(text: str) -> bool:
    objects: list[Any] = []
    try:
        json.loads(text, object_pairs_hook=objects.append)
    except (ValueError, RecursionError):
        return False
    return any(len(pairs) != len(dict(pairs)) for pairs in objects)
