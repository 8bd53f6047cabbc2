"""A page of a list, row by row, where it cannot be read whole: one row must not cost the others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from gemtune.descriptors import is_map
from gemtune.errors import JsonError
from gemtune.rpc import codec, nesting
from gemtune.rpc.unknown import Unreadable, keep_rows
from gemtune.safe_text import without

__all__ = ["read_page"]

_MOST = 1000
"""Rows that may be unreadable; a page with more of them is not a page."""


def read_page(
    body: bytes, message_type: type[Message], *, on_unknown: codec.OnUnknown, secrets: Sequence[str] = ()
) -> Message | None:
    """The page without the rows that cannot be read, which are kept in it (`gemtune.rpc.unknown.unreadable`).

    Args:
        body: An answer that cannot be read whole.
        message_type: Its type.
        on_unknown: As in `gemtune.from_json`.
        secrets: What is not shown in what is said of a row.

    Returns:
        None where it is not a page, or where something else than its rows is wrong.
    """
    field = _rows_of(message_type.DESCRIPTOR)
    try:
        tree = nesting.loads(body) if field is not None else None
    except (ValueError, RecursionError):
        return None
    if field is None or field.message_type is None or not isinstance(tree, dict):
        return None
    given = [name for name in (field.json_name, field.name) if name in tree]
    rows = tree.pop(given[0]) if len(set(given)) == 1 else None
    if not isinstance(rows, list):
        return None
    try:
        page: Any = codec.decode(
            json.dumps(tree).encode(), message_type, ignore_unknown_fields=True, on_unknown=on_unknown
        )
    except JsonError:
        return None
    readable = getattr(page, field.name)
    row_type = message_factory.GetMessageClass(field.message_type)
    unreadable: list[Unreadable] = []
    for index, row in enumerate(rows):
        heard: list[tuple[str, Any]] = []
        try:
            readable.append(_read(row, row_type, heard))
        except JsonError as error:
            unreadable.append(Unreadable(index, row, without(str(error), secrets)))
            if len(unreadable) > _MOST:
                return None
        else:
            place = f"{field.json_name}[{len(readable) - 1}]"
            for path, value in heard:
                on_unknown(f"{place}{path}" if path.startswith("[") else f"{place}.{path}", value)
    keep_rows(page, unreadable)
    return page


def _read(row: Any, message_type: type[Message], heard: list[tuple[str, Any]]) -> Message:
    if not isinstance(row, dict):
        raise JsonError(f"it is not a JSON object: {json.dumps(row)[:40]}")
    return codec.decode(
        json.dumps(row).encode(),
        message_type,
        ignore_unknown_fields=True,
        on_unknown=lambda path, value: heard.append((path, value)),
    )


@lru_cache(maxsize=256)
def _rows_of(descriptor: Descriptor) -> FieldDescriptor | None:
    """The field of a page that holds its rows: the only repeated message field beside a token of the next page."""
    token = descriptor.fields_by_name.get("next_page_token")
    rows = [
        field
        for field in descriptor.fields
        if field.is_repeated and field.message_type is not None and not is_map(field)
    ]
    return rows[0] if token is not None and len(rows) == 1 else None
