"""The fast road: protobuf-py, whose JSON is written in Rust, between JSON and our messages' bytes.

JSON goes into a type that protobuf-py makes of our message's descriptor and comes out as bytes that our class parses,
or the other way round. The road may only be taken where it is provably the same as json_format's, so the types are a
little stricter than the originals (`_codec_types`), each change closing one difference that a reading of protobuf-py's
source showed (docs/json.md has the whole list):

- fields are known by their JSON names alone, so that none can be given under two names;
- oneofs are taken apart, so that two of their members end up in the bytes, and the message parsed from them is shorter;
- the type stands in a wrapper, so that nesting ends at the depth where it ends for json_format;
- an `Any` has two fields of secret names, so that nothing but our own packing can fill it;
- for writing, a 32-bit float is bare bits under a secret name, so that it can be written in a float's few digits.

What is left is looked for in the text or in the bytes. All else is answered with None, and json_format decides.
"""

from __future__ import annotations

import base64
import json
import math
import re
import struct
from functools import lru_cache, partial
from typing import Any, TypeVar

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from gemtune.rpc import _codec_types as types
from gemtune.rpc._codec_tree import DEPTH, OWN_FORMS, Unsure, real_oneof
from gemtune.rpc.any_types import find_type

__all__ = ["Reader", "Writer", "pack_any", "reader", "writer"]

M = TypeVar("M", bound=Message)

# Timestamps that the library takes and json_format does not have a sign where a digit belongs (T-0:00:00Z); and the
# number -0, without a point, is 0 to json_format. The patterns begin with a literal, which makes the search fast.
_MINUS = re.compile(rb"-0(?<![0-9]-0)(?:(?<=[0-9][T:]-0)|(?<=[+-]-0)|(?<![^:,\[\s]-0)(?![0-9.eE]))")
_PLUS = re.compile(rb'\+(?<=[-T:"+]\+)')
_ESCAPED = re.compile(rb"\\u00[2-7]")  # an ASCII character in disguise could hide either
# An integer of 309 digits or more becomes infinite in a google.protobuf.Value, where json_format refuses it.
_ENDLESS = re.compile(rb"(?<![0-9])[0-9]{309}")
# (Searching for both whole is fast: their last bytes are rare, where zeros are common.)
_INFINITE = (b"\x00\x00\x00\x00\x00\x00\xf0\x7f", b"\x00\x00\x00\x00\x00\x00\xf0\xff")

_OPENING = f'{{"{types.ROOT}":'.encode()

_FLOATS = re.compile(rf'"{types.FLOAT}(\w+)":(?:(\d+)|\[([\d,]*)\])')
_ANYS = re.compile(rf'{{"{types.ANY_URL}":("(?:[^"\\]|\\.)*")(?:,"{types.ANY_VALUE}":"([^"]*)")?}}')


@lru_cache(maxsize=4096)
def reader(descriptor: Descriptor) -> Reader | None:
    """What reads JSON of a message type; None where that is left to json_format."""
    if types.library() is None or any(types.unfit_to_read(d) for d in types.closure(descriptor)):
        return None
    try:
        return Reader(descriptor, types.types_to_read(descriptor.file.pool).wrapped(descriptor))
    except Exception:  # a descriptor that the library does not take
        return None


@lru_cache(maxsize=4096)
def writer(descriptor: Descriptor, *, proto_names: bool = False) -> Writer | None:
    """What writes a message type as JSON; None where that is left to json_format."""
    if types.library() is None or any(types.unfit_to_write(d) for d in types.closure(descriptor)):
        return None
    try:
        pool = descriptor.file.pool
        return Writer(types.types_to_write(pool, proto_names=proto_names).of(descriptor), proto_names=proto_names)
    except Exception:
        return None


class Reader:
    """Reads JSON of one message type."""

    def __init__(self, descriptor: Descriptor, wrapped: Any) -> None:
        """Takes the type, and the library's for it in its wrapper."""
        self._type = wrapped
        names = {d.full_name for d in types.closure(descriptor)}
        self._has_times = not names.isdisjoint({"google.protobuf.Timestamp", "google.protobuf.Any"})
        self._has_values = "google.protobuf.Value" in names
        self._has_oneofs = any(real_oneof(f) for d in types.closure(descriptor) for f in d.fields)

    def is_odd(self, data: bytes) -> bool:
        """Whether a text may hold something that the library and json_format read differently."""
        if _MINUS.search(data):
            return True
        return self._has_times and bool(
            (b"+" in data and _PLUS.search(data)) or (b"\\" in data and _ESCAPED.search(data))
        )

    def read_text(self, data: bytes, message_type: type[M]) -> M | None:
        """The message, where every name in a text is a JSON name of its type; else None."""
        try:
            # The wrapper's one name is secret, so no text can close the wrapper and open it again.
            read: bytes = self._type.from_json(b"".join((_OPENING, data, b"}"))).root.to_binary()
            message = message_type.FromString(read)
            if self._has_oneofs and len(message.SerializePartialToString()) != len(read):
                return None  # a oneof had two members in the bytes, and has one in the message
            if self._has_values and any(infinite in read for infinite in _INFINITE) and _ENDLESS.search(data):
                return None
        except Exception:
            return None
        return message

    def read_tree(self, tree: Any, message_type: type[M]) -> M | None:
        """The message that a tidied tree stands for; None where the library does not take it."""
        try:
            return message_type.FromString(self._type._from_json_value({types.ROOT: tree}).root.to_binary())
        except Exception:
            return None


def pack_any(url: str, descriptor: Descriptor, tree: Any) -> Any:
    """What a reader takes for an `Any`: the type URL, the type and the tidied tree of what it holds.

    Raises:
        Unsure: json_format has to say what it means.
    """
    inner = reader(descriptor)
    message = inner.read_tree(tree, message_factory.GetMessageClass(descriptor)) if inner is not None else None
    if message is None or not message.IsInitialized():
        raise Unsure
    return {types.ANY_URL: url, types.ANY_VALUE: base64.b64encode(message.SerializeToString()).decode()}


class Writer:
    """Writes messages of one type as JSON, on one line without spaces."""

    def __init__(self, type_: Any, *, proto_names: bool) -> None:
        """Takes the library's type, and whether it has the names of the .proto."""
        self._type = type_
        self._proto_names = proto_names

    def write(self, data: bytes, depth: int = 0) -> str | None:
        """The JSON of a message's bytes, `depth` `Any`s deep; None where the library does not take them."""
        try:
            text: str = self._type.from_binary(data).to_json()
            if types.MARK in text:
                text = _ANYS.sub(partial(self._any_text, depth), _FLOATS.sub(_float_text, text))
        except Exception:
            return None
        return None if types.MARK in text else text

    def _any_text(self, depth: int, match: re.Match[str]) -> str:
        url, value = match.groups()
        descriptor = find_type(json.loads(url))
        inner = writer(descriptor, proto_names=self._proto_names) if descriptor is not None else None
        if descriptor is None or inner is None or depth > DEPTH:
            raise LookupError(url)
        # Parsed first: in bytes of somebody else's a oneof may have two members, or a map a key twice.
        message = message_factory.GetMessageClass(descriptor).FromString(base64.b64decode(value or ""))
        text = inner.write(message.SerializePartialToString(deterministic=True), depth + 1)
        if text is None:
            raise LookupError(url)
        if descriptor.full_name in OWN_FORMS:
            return f'{{"@type":{url},"value":{text}}}'
        return f'{{"@type":{url}}}' if text == "{}" else f'{{"@type":{url},{text[1:]}'


def _float_text(match: re.Match[str]) -> str:
    name, one, several = match.groups()
    if one is not None:
        return f'"{name}":{_number(one)}'
    return f'"{name}":[{",".join(map(_number, several.split(",")))}]'


def _number(bits: str) -> str:
    from google.protobuf.internal import type_checkers  # what json_format itself rounds with

    value: float = struct.unpack("<f", struct.pack("<I", int(bits)))[0]
    if math.isfinite(value):
        return repr(type_checkers.ToShortestFloat(value))
    return '"NaN"' if math.isnan(value) else '"Infinity"' if value > 0 else '"-Infinity"'
