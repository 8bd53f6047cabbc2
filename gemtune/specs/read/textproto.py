"""protobuf's text format -> a job, and a tree of the text for the places of its values.

`google.protobuf.text_format` says what the text means. The tree is this module's own reading of the same text: places,
unknown fields and the trap of the adapter size come from it. A repeated field is one list in the tree, and a map is one
mapping, however often the text names them.
"""

from __future__ import annotations

import re
from typing import Any

from google.protobuf import text_format

from gemtune.descriptors import is_map, value_field
from gemtune.errors import SpecFileError
from gemtune.specs.finding import Finding, Severity, key_path
from gemtune.specs.hints import hint_for
from gemtune.specs.read.build import warn_of_zero, zero_is_unsent
from gemtune.specs.read.reading import Reading
from gemtune.specs.read.scalars import Refused, converter
from gemtune.specs.read.tree import MAX_DEPTH, Mark, Node, TreeNode
from gemtune_pb.v1 import TuningJob

__all__ = ["parse"]

_BLANK = re.compile(r"(?:\s+|#[^\n]*)*")
_WORD = re.compile(r"[{}<>\[\]:,;]|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|[^\s{}<>\[\]:,;\"'#]+")
_CLOSING = {"{": "}", "<": ">"}
_PLACE = re.compile(r"^(\d+):(\d+) : ")


def parse(text: str, *, file: str) -> tuple[TuningJob, list[Finding], Node | None]:
    """The job in a text, what is wrong with it, and its tree.

    Raises:
        SpecFileError: It is not text of that format.
    """
    try:
        read = _Reader(text).message()
    except _Lost:
        read = None
    except _TooDeep:
        raise SpecFileError(f"nested more than {MAX_DEPTH} levels deep; no spec is", file=file) from None
    job = TuningJob()
    reading = Reading(TuningJob.DESCRIPTOR, plain_strings=False)
    tree = _shaped(reading, read, TuningJob.DESCRIPTOR, "") if read is not None else None
    findings = reading.findings
    unknown = any(finding.rule_id == "unknown-field" for finding in findings)
    try:
        text_format.Parse(text, job, allow_unknown_field=unknown)
    except text_format.ParseError as error:
        if any(finding.severity is Severity.ERROR for finding in findings):  # they say it better
            return job, findings, tree
        message = _PLACE.sub("", str(error))
        raise SpecFileError(
            f"not textproto: {message}", file=file, line=error.GetLine(), column=error.GetColumn()
        ) from error
    except (
        ValueError,
        RecursionError,
        DeprecationWarning,
    ) as error:  # a warning, of an unknown escape, where those raise
        raise SpecFileError(f"not textproto: {error}", file=file) from error
    return job, findings, tree


class _Lost(Exception):
    """The text cannot be followed; text_format will say what is wrong with it."""


class _TooDeep(Exception):
    """No parser is to see the text."""


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self._line = self._at = self._next = 0
        self._word = ""
        self._advance()

    def _advance(self) -> None:
        blank = _BLANK.match(self._text, self._next)
        self._at = blank.end() if blank else self._next
        found = _WORD.match(self._text, self._at)
        if found is None and self._at < len(self._text):
            raise _Lost
        self._word = found[0] if found else ""
        self._next = self._at + len(self._word)

    def _mark(self, at: int) -> Mark:
        while self._line + 1 < len(self._starts) and self._starts[self._line + 1] <= at:
            self._line += 1
        return Mark(self._line, at - self._starts[self._line])

    def _is(self, *words: str) -> bool:
        return self._word in words

    def message(self, closing: str = "", depth: int = 0) -> Node:
        """The fields up to a closing bracket, or to the end of the text."""
        if depth > MAX_DEPTH:
            raise _TooDeep
        start = self._mark(self._at)
        pairs: list[tuple[Node, Any]] = []
        while not self._is(closing):
            if not re.fullmatch(r"[A-Za-z_]\w*", self._word):
                raise _Lost  # extensions and Any's, which no spec has
            key = self._scalar()
            if self._is(":"):
                self._advance()
            pairs.append((key, self._value(depth)))
            if self._is(",", ";"):
                self._advance()
        node = TreeNode("mapping", pairs, start, self._mark(self._at))
        if closing:
            self._advance()
        return node

    def _value(self, depth: int) -> Node:
        if self._is("{", "<"):
            closing = _CLOSING[self._word]
            self._advance()
            return self.message(closing, depth + 1)
        if self._is("["):
            start = self._mark(self._at)
            items: list[Node] = []
            self._advance()
            while not self._is("]"):
                if self._is("["):
                    raise _Lost  # a list in a list, which the format does not have
                items.append(self._value(depth))
                if self._is(","):
                    self._advance()
            end = self._mark(self._at)
            self._advance()
            return TreeNode("sequence", items, start, end)
        if not self._word or self._is("}", ">", "]", ":", ",", ";"):
            raise _Lost
        node = self._scalar()
        while node.style and self._word[:1] in ("'", '"') and self._word:  # strings side by side are one
            self._advance()
        return node

    def _scalar(self) -> Node:
        word, start = self._word, self._mark(self._at)
        end = Mark(start.line, start.column + len(word))
        self._advance()
        if word[0] in "\"'":
            return TreeNode("scalar", word[1:-1], start, end, word[0])
        return TreeNode("scalar", word, start, end)


# -- the tree by the schema --------------------------------------------------------------------------------------------


def _shaped(reading: Reading, node: Node, descriptor: Any, path: str) -> Node:
    """The tree with repeated fields as lists and maps as mappings; notes what only a look at the text can find."""
    prefix = f"{path}." if path else ""
    fields: dict[str, tuple[Node, Any]] = {}
    for key, value in node.value:
        field = descriptor.fields_by_name.get(key.value)
        if field is None:
            reading.wrong(
                "unknown-field",
                prefix + key.value,
                key,
                f"{key.value}: no such field",
                hint_for(descriptor, key.value, prefix, TuningJob.DESCRIPTOR),
            )
            continue
        at = prefix + key.value
        items = value.value if value.id == "sequence" else [value]
        if is_map(field):
            known = fields.setdefault(key.value, (key, TreeNode("mapping", [], value.start_mark, value.end_mark)))
            known[1].value.extend(_entries(reading, items, value_field(field), at))
        elif field.is_repeated:
            known = fields.setdefault(key.value, (key, TreeNode("sequence", [], value.start_mark, value.end_mark)))
            known[1].value.extend(
                _part(reading, item, field, f"{at}[{len(known[1].value) + i}]") for i, item in enumerate(items)
            )
        else:
            fields[key.value] = (key, _part(reading, value, field, at))
    return TreeNode("mapping", list(fields.values()), node.start_mark, node.end_mark)


def _entries(reading: Reading, items: list[Node], field: Any, path: str) -> list[tuple[Node, Node]]:
    pairs: list[tuple[Node, Node]] = []
    for item in items:
        named = {key.value: value for key, value in item.value} if item.id == "mapping" else {}
        if "key" in named and named["key"].id == "scalar":
            value = named.get("value", named["key"])
            pairs.append((named["key"], _part(reading, value, field, key_path(path, named["key"].value))))
    return pairs


def _part(reading: Reading, node: Node, field: Any, path: str) -> Node:
    if node.id == "mapping" and field.message_type is not None:
        return _shaped(reading, node, field.message_type, path)
    if node.id == "scalar" and field.enum_type is not None and field.enum_type.name == "AdapterSize":
        try:
            converter(field)(True, node)
        except Refused as refused:
            reading.wrong(refused.rule_id, path, node, refused.message, refused.remedy)
    elif node.id == "scalar" and zero_is_unsent(field) and re.fullmatch(r"[-+]?0*(?:\.0*)?f?", node.value):
        warn_of_zero(reading, path, node)
    return node
