"""What a `google.api.http` rule says of a method: each binding, held against the request's and the answer's type.

A rule may be anybody's, and is wrong here rather than at the first call: what cannot be carried is a `RuleError` with a
sentence, and it costs its own method only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from google.api import http_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gemtune.descriptors import is_required
from gemtune.rpc.path_template import Template

__all__ = ["WELL_KNOWN_SCALARS", "Binding", "RuleError", "bindings", "required_zeros", "resolve"]

WELL_KNOWN_SCALARS = frozenset(
    f"google.protobuf.{name}"
    for name in "Timestamp Duration FieldMask DoubleValue FloatValue Int64Value UInt64Value Int32Value UInt32Value "
    "BoolValue StringValue BytesValue".split()
)
"""Message types whose JSON form is one string, number or bool, which a path or a query can hold therefore."""

_VERB = re.compile(r"[A-Z]+(?:-[A-Z]+)*")
_OTHER_PURPOSE = frozenset({"CONNECT", "TRACE"})
"""Verbs of HTTP about the connection: the first opens a tunnel, the second sends back the headers, the token too."""


class RuleError(ValueError):
    """A rule that cannot be carried out, in a sentence."""


@dataclass(frozen=True, eq=False)
class Binding:
    """One way to carry a method over HTTP: verb, path template, and which part of the message is the body."""

    verb: str
    template: Template
    body: str
    response_body: str
    input: Descriptor

    @cached_property
    def fields(self) -> tuple[tuple[FieldDescriptor, ...], ...]:
        """The descriptors along each path variable's field path."""
        return tuple(resolve(self.input, variable.path) for variable in self.template.variables)


def bindings(
    rule: http_pb2.HttpRule, input_type: Descriptor, output_type: Descriptor | None = None
) -> tuple[Binding, ...]:
    """The bindings of a rule: its own first, then the additional ones.

    Args:
        rule: The rule.
        input_type: The request's type.
        output_type: The answer's type; None: a `response_body` is not looked at.

    Raises:
        RuleError: One of them cannot be carried out.
    """
    result: list[Binding] = []
    for one in (rule, *rule.additional_bindings):
        kind = one.WhichOneof("pattern")
        if kind is None:
            continue
        verb, path = (one.custom.kind, one.custom.path) if kind == "custom" else (kind, getattr(one, kind))
        try:
            template = Template(path)
        except ValueError as error:
            raise RuleError(str(error)) from None
        binding = Binding(verb.upper(), template, one.body, one.response_body, input_type)
        _check(binding, verb, output_type)
        result.append(binding)
    return tuple(result)


def _check(binding: Binding, verb: str, output_type: Descriptor | None) -> None:
    """Refuses what could be carried in one part only, or not at all."""
    if not _VERB.fullmatch(binding.verb) or binding.verb in _OTHER_PURPOSE:
        raise RuleError(f"{verb!r} is not an HTTP method that a call can go by; name one, such as GET or HEAD")
    path = binding.template.text
    if binding.template.open:
        raise RuleError(f"{path!r} has a wildcard outside of {{}}, and no field says what to put there")
    try:
        paths = binding.fields
    except KeyError as error:
        raise RuleError(f"{path!r} names the field {error.args[0]}, which {binding.input.name} does not have") from None
    for fields in paths:
        leaf = fields[-1]
        if leaf.is_repeated or (
            leaf.message_type is not None and leaf.message_type.full_name not in WELL_KNOWN_SCALARS
        ):
            what = "is repeated" if leaf.is_repeated else "is a message"
            raise RuleError(
                f"{path!r} names the field {'.'.join(f.name for f in fields)}, which {what}: no path holds it"
            )
    if binding.body not in ("", "*") and binding.body not in binding.input.fields_by_name:
        raise RuleError(f"its body is the field {binding.body!r}, which {binding.input.name} does not have")
    wanted = binding.response_body
    if wanted and output_type is not None and wanted not in output_type.fields_by_name:
        raise RuleError(f"its response_body is the field {wanted!r}, which {output_type.name} does not have")


def resolve(input_type: Descriptor, path: Sequence[str]) -> tuple[FieldDescriptor, ...]:
    """The descriptors along a field path, in either spelling.

    Raises:
        KeyError: There is no such field.
    """
    fields: list[FieldDescriptor] = []
    message: Any = input_type
    for i, name in enumerate(path):
        field = message.fields_by_name.get(name) or message.fields_by_camelcase_name.get(name)
        if field is None:  # a json_name given by hand
            field = next((f for f in message.fields if f.json_name == name), None)
        if field is None or (i + 1 < len(path) and (field.message_type is None or field.is_repeated)):
            raise KeyError(".".join(path))
        fields.append(field)
        message = field.message_type
    return tuple(fields)


def required_zeros(message_type: Descriptor) -> Sequence[FieldDescriptor]:
    """The REQUIRED fields of a message whose zero is a value like any other: scalars that know no absence."""
    found = _REQUIRED.get(message_type)
    if found is None:
        found = _REQUIRED[message_type] = tuple(
            field
            for field in message_type.fields
            if not field.is_repeated and not field.has_presence and is_required(field)
        )
    return found


_REQUIRED: dict[Descriptor, Sequence[FieldDescriptor]] = {}
