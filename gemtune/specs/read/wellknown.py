"""google.protobuf.* messages, which have JSON forms of their own: Struct, Value, Timestamp and their like."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from gemtune.specs.read.reading import Reading
from gemtune.specs.read.scalars import Refused, plain_scalar, shown
from gemtune.specs.read.tree import Node

__all__ = ["well_known"]


def well_known(reading: Reading, message: Message, node: Node, path: str, depth: int) -> None:
    """Fills such a message; json_format knows the forms of them all."""
    from google.protobuf import json_format

    try:
        value = _plain(reading, node, path, depth)
        json_format.ParseDict(value, message)
    except Refused as refused:
        reading.wrong(refused.rule_id, path, node, refused.message, refused.remedy)
    except (json_format.ParseError, ValueError, TypeError) as error:
        kind = message.DESCRIPTOR.name
        reading.wrong("wrong-type", path, node, f"{shown(node)} is no {kind}: {error}")


def _plain(reading: Reading, node: Node, path: str, depth: int) -> Any:
    if node.tag:
        raise Refused(f"{node.tag} is a YAML tag, and tags are not read", rule_id="yaml-tag")
    if node.id == "scalar":
        return plain_scalar(node)
    if reading.too_much(node, path, depth):
        return None
    if node.id == "sequence":
        return [_plain(reading, item, f"{path}[{index}]", depth + 1) for index, item in enumerate(node.value)]
    made: dict[str, Any] = {}
    for key_node, value in node.value:
        if key_node.id != "scalar" or key_node.tag:
            raise Refused("a name here is a text, and one is none")
        if key_node.value in made:
            reading.wrong("doubled-key", f"{path}.{key_node.value}", key_node, f"{key_node.value} is here twice")
            continue
        made[key_node.value] = _plain(reading, value, f"{path}.{key_node.value}", depth + 1)
    return made
