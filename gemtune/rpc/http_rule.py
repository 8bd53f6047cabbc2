"""`google.api.http`: an rpc and its message <-> verb, path, query and body.

The rule is read from the method's descriptor, for any service. Both directions are here: `expand` is the client's,
`Router.match` the server's, and matching what was expanded gives back the method and the message. One exception is
the notation's own: a sub-message that is present but empty has no form in a query string, and is left out of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from gemtune.descriptors import is_map
from gemtune.errors import InvalidArgument, JsonError, NotFound, SpecInvalid, Unimplemented, bad_request
from gemtune.rpc import codec, nesting
from gemtune.rpc.http_binding import WELL_KNOWN_SCALARS, Binding, RuleError, bindings, required_zeros, resolve
from gemtune.rpc.unknown import wire_json

if TYPE_CHECKING:
    from gemtune.rpc.methods import Method

__all__ = [
    "Binding",
    "HttpRequest",
    "Match",
    "Router",
    "RuleError",
    "bindings",
    "expand",
    "read_answer",
    "write_answer",
]

# Query parameters that belong to the protocol, not to a request message (https://cloud.google.com/apis/docs/system-parameters).
SYSTEM_PARAMETERS = frozenset(
    "$.xgafv $alt $callback $fields $key $prettyPrint access_token alt callback fields key oauth_token prettyPrint "
    "quotaUser upload_protocol uploadType".split()
)

_NO_QUERY_FORM = frozenset(f"google.protobuf.{name}" for name in ("Struct", "Value", "ListValue", "Any"))

_DEEPEST = 100  # messages in one another in a query; protobuf's parsers take no more of them either


# -- the client's direction ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HttpRequest:
    """A request as it goes on the wire: an escaped path, query pairs not yet escaped, the body's bytes or none."""

    verb: str
    path: str
    query: list[tuple[str, str]]
    body: bytes | None
    binding: Binding


def expand(method: Method, request: Message, *, api_version: str | None = None) -> HttpRequest:
    """How `request` goes over HTTP.

    Args:
        method: The method to call.
        request: Its request message; not changed.
        api_version: Picks the bindings whose path begins with it (`v1`); None: the first binding that fits.

    Raises:
        SpecInvalid: A field that the path needs is missing or malformed, or a field has no form in a query string.
        Unimplemented: The method has no HTTP binding, or none of that version.
    """
    if not method.bindings:
        raise Unimplemented(f"{method.full_name} {method.why_not_rest}")
    candidates = method.bindings
    if api_version is not None:
        candidates = tuple(b for b in candidates if b.template.text.startswith(f"/{api_version}/"))
        if not candidates:
            others = sorted({b.template.text.split("/")[1] for b in method.bindings})
            raise Unimplemented(
                f"{method.full_name} has no HTTP binding under /{api_version}/; it has one under {', '.join(others)}"
            )
    problems: list[tuple[str, str]] = []
    for binding in candidates:
        values, problem = _path_values(binding, request)
        if problem is None:
            return _expand(binding, request, values)
        problems.append(problem)
    raise SpecInvalid(bad_request(problems[:1]))


def _path_values(binding: Binding, request: Message) -> tuple[list[str], tuple[str, str] | None]:
    values: list[str] = []
    for variable, fields in zip(binding.template.variables, binding.fields, strict=True):
        owner, leaf = request, fields[-1]
        name = ".".join(variable.path)
        for field in fields[:-1]:
            owner = getattr(owner, field.name)
        if leaf.has_presence and leaf.type != FieldDescriptor.TYPE_STRING and not owner.HasField(leaf.name):
            return [], (name, f"it is not set; it must look like {variable.pattern}")
        value = _scalar_text(leaf, getattr(owner, leaf.name))
        if variable.regex.fullmatch(value) is None:
            found = f"{value!r} does not look like" if value else "it is empty; it must look like"
            return [], (name, f"{found} {variable.pattern}")
        if any(part in (".", "..") for part in value.split("/")):
            # HTTP clients and servers fold these away, and the request would reach another resource.
            return [], (name, f"{value!r} has '.' or '..' as a path segment, which no resource name has")
        values.append(value)
    return values, None


def _expand(binding: Binding, request: Message, values: list[str]) -> HttpRequest:
    in_path = set(binding.fields)
    query: list[tuple[str, str]] = []
    body: bytes | None = None
    if binding.body == "*":
        body = wire_json(_without(request, in_path))
    else:
        if binding.body:
            rest = _without(request, {f for f in in_path if f[0].name == binding.body})
            body = _field_json(rest, binding.body) if _has(rest, binding.body) else None
        query = list(_query(request, (), in_path, binding.body))
    return HttpRequest(binding.verb, binding.template.expand(values), query, body, binding)


def _has(message: Message, name: str) -> bool:
    field = message.DESCRIPTOR.fields_by_name[name]
    return message.HasField(name) if field.has_presence else bool(getattr(message, name))


def _without(message: Message, paths: set[tuple[FieldDescriptor, ...]]) -> Message:
    """`message` with the fields at `paths` cleared; the message itself when there is nothing to clear."""
    if not paths:
        return message
    copy = type(message)()
    copy.CopyFrom(message)
    for path in paths:
        owner: Any = copy
        for field in path[:-1]:
            if not owner.HasField(field.name):
                break
            owner = getattr(owner, field.name)
        else:
            owner.ClearField(path[-1].name)
    return copy


def _field_json(message: Message, name: str) -> bytes:
    """The JSON of one field alone, as `body` and `response_body` name it."""
    field: Any = message.DESCRIPTOR.fields_by_name[name]
    if field.message_type is not None and not field.is_repeated:
        return wire_json(getattr(message, name))
    alone = type(message)()
    if field.is_repeated:
        getattr(alone, name).MergeFrom(getattr(message, name))
    else:
        setattr(alone, name, getattr(message, name))
    whole = json.loads(codec.encode(alone))
    if field.json_name in whole:
        return json.dumps(whole[field.json_name], ensure_ascii=False).encode()
    if field.is_repeated:
        return b"{}" if is_map(field) else b"[]"
    return b"null"  # which stands for the default of every kind


def _query(
    message: Message, prefix: tuple[FieldDescriptor, ...], skip: set[tuple[FieldDescriptor, ...]], body: str = ""
) -> Iterator[tuple[str, str]]:
    here = ".".join(f.json_name for f in prefix)
    if len(prefix) > _DEEPEST:
        raise SpecInvalid(bad_request([(here, "it is nested too deeply for a query parameter; leave it unset")]))
    present = {field: value for field, value in message.ListFields()}  # noqa: C416  in the fields' order
    # What is REQUIRED is asked for by the service: its zero is sent, else it would count as missing.
    described: Any = message.DESCRIPTOR
    for field in required_zeros(described):
        present.setdefault(field, getattr(message, field.name))
    for field in sorted(present, key=lambda field: field.number):
        path, value = (*prefix, field), present[field]
        if path in skip or (not prefix and field.name == body):
            continue
        name = ".".join(f.json_name for f in path)
        kind = field.message_type
        if field.is_extension:
            what = f"the extension {field.full_name}"
            raise SpecInvalid(bad_request([(here or field.name, f"{what} cannot be sent as a query parameter")]))
        if kind is None or kind.full_name in WELL_KNOWN_SCALARS:
            for item in value if field.is_repeated else (value,):
                yield name, _scalar_text(field, item)
        elif field.is_repeated or kind.full_name in _NO_QUERY_FORM:
            what = "a map" if is_map(field) else "repeated messages" if field.is_repeated else kind.name
            where = ".".join(f.name for f in path)
            raise SpecInvalid(bad_request([(where, f"{what} cannot be sent as a query parameter; leave it unset")]))
        else:
            yield from _query(value, path, skip)


def _scalar_text(field: FieldDescriptor, value: Any) -> str:
    """What a path or a query holds of one value: its JSON form, without quotes."""
    if field.message_type is None:
        return _text(field, value)
    text = json.loads(codec.encode(value))
    return text if isinstance(text, str) else json.dumps(text)


def _text(field: FieldDescriptor, value: Any) -> str:
    """A scalar as JSON writes it, without quotes."""
    if field.type == FieldDescriptor.TYPE_STRING:
        return value
    if field.type == FieldDescriptor.TYPE_BOOL:
        return "true" if value else "false"
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known else str(value)
    if field.type in (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT):
        return codec.float_text(value, single=field.type == FieldDescriptor.TYPE_FLOAT)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return codec.bytes_text(value)
    return str(value)


def read_answer(
    binding: Binding, body: bytes, message_type: type[Message], *, on_unknown: codec.OnUnknown | None = None
) -> Message:
    """The answer in a response's body; what this version does not know is ignored, and `on_unknown` is called with it.

    Raises:
        JsonError: It is not that message.
    """
    if not binding.response_body:
        return _read_message(binding, body, message_type, on_unknown)
    field: Any = message_type.DESCRIPTOR.fields_by_name[binding.response_body]

    def unknown(path: str, value: Any) -> None:
        if on_unknown is not None:
            on_unknown(f"{field.json_name}.{path}", value)

    if field.message_type is not None and not field.is_repeated:
        answer = message_type()
        part = getattr(answer, field.name)
        part.CopyFrom(_read_message(binding, body, type(part), unknown))
        part.SetInParent()
        return answer
    _check_one_value(field, body)
    whole = b'{"%s": %s}' % (field.json_name.encode(), body)
    return codec.decode(whole, message_type, ignore_unknown_fields=True, on_unknown=on_unknown)


def _read_message(
    binding: Binding, body: bytes, message_type: type[Message], on_unknown: codec.OnUnknown | None
) -> Message:
    name = message_type.DESCRIPTOR.full_name
    if not body.strip():
        # Some servers answer Empty with nothing, and a HEAD has no body by its nature. Nothing else may be missing.
        if name == "google.protobuf.Empty" or binding.verb == "HEAD":
            return message_type()
        raise JsonError("it is empty")
    if not body.lstrip().startswith(b"{") and (not name.startswith("google.protobuf.") or name in _OBJECTS):
        # With unknown fields ignored, json_format reads a text or a list as a message with nothing in it.
        raise JsonError("it is not a JSON object")
    return codec.decode(body, message_type, ignore_unknown_fields=True, on_unknown=on_unknown)


_OBJECTS = frozenset({"google.protobuf.Empty", "google.protobuf.Struct", "google.protobuf.Any"})


def _check_one_value(field: FieldDescriptor, body: bytes) -> None:
    """Refuses what is not one JSON value of the field's kind: text between braces could bring other fields along."""
    try:
        value = nesting.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise JsonError("it is empty" if not body.strip() else f"it is not JSON: {error}") from error
    fits = value is None or isinstance(value, dict if is_map(field) else list if field.is_repeated else _PLAIN)
    if not fits:
        kind = "a map" if is_map(field) else "a list" if field.is_repeated else "one value"
        raise JsonError(f"{field.name} is {kind}, and the answer is {json.dumps(value)[:40]}")


_PLAIN = (str, int, float, bool)


def write_answer(binding: Binding, answer: Message) -> bytes:
    """A response's body; the other way round than `read_answer`."""
    return _field_json(answer, binding.response_body) if binding.response_body else wire_json(answer)


# -- the server's direction ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Match:
    """What a request turned out to be: a method, its message, and the binding it came by."""

    method: Method
    message: Message
    binding: Binding

    @property
    def api_version(self) -> str:
        """The first segment of the path, such as `v1beta1`."""
        return self.binding.template.text.split("/")[1]


class Router:
    """Finds the method and the message of an HTTP request among the bindings of some methods."""

    def __init__(self, methods: Iterable[Method]) -> None:
        """Takes every binding of `methods`; those with a custom verb (`:cancel`) are tried first."""
        pairs = [(method, binding) for method in methods for binding in method.bindings]
        # `{name=jobs/*}` would take `jobs/1:cancel` for a job, so the paths with a verb come first; then the literal
        # ones before those with wildcards.
        self._pairs = sorted(pairs, key=lambda p: (not p[1].template.verb, p[1].template.text.count("*")))

    def match(self, verb: str, path: str, query: Iterable[tuple[str, str]], body: bytes) -> Match:
        """Reads a request.

        Args:
            verb: The HTTP method.
            path: The path as it came, still percent-encoded.
            query: The query's pairs, decoded. System parameters such as `$alt` are ignored.
            body: The body's bytes; empty when there is none, which reads as a message with nothing set.

        Raises:
            NotFound: No method has that path (HTTP 404).
            Unimplemented: A method has that path, under another verb (HTTP 405).
            InvalidArgument: The query or the body is not what the method's request takes.
        """
        allowed: set[str] = set()
        for method, binding in self._pairs:
            values = binding.template.match(path)
            if values is None:
                continue
            if binding.verb == verb:
                return Match(method, _read(method, binding, values, query, body), binding)
            allowed.add(binding.verb)
        if allowed:
            raise Unimplemented(
                f"{verb} is not allowed for {path}; use {' or '.join(sorted(allowed))}", http_status=405
            )
        raise NotFound(f"no method is served at {verb} {path}")


def _read(
    method: Method, binding: Binding, values: list[str], query: Iterable[tuple[str, str]], body: bytes
) -> Message:
    message = _read_body(method, binding, body)
    tree: dict[str, Any] = {}
    for fields, value in zip(binding.fields, values, strict=True):
        message = _without(message, {fields})  # the path decides, whatever the body says
        _plant(tree, fields, [value])
    for fields, texts in _grouped(binding, query).items():
        name = ".".join(f.name for f in fields)
        if fields in binding.fields or binding.body == "*" or fields[0].name == binding.body:
            raise InvalidArgument(f"{name} belongs into the path or the body, not into the query")
        if len(texts) > 1 and not fields[-1].is_repeated:
            raise InvalidArgument(f"{name} is given {len(texts)} times and takes one value")
        _plant(tree, fields, texts)
    if tree:
        message.MergeFrom(_decode(json.dumps(tree).encode(), method.input_type))
    return message


def _read_body(method: Method, binding: Binding, body: bytes) -> Message:
    if not binding.body or not body.strip():
        if body.strip() and body.strip() != b"{}":
            raise InvalidArgument("this method takes no body")
        return method.input_type()
    if binding.body == "*":
        return _decode(body, method.input_type)
    field = method.input_type.DESCRIPTOR.fields_by_name[binding.body]
    if field.message_type is not None and not field.is_repeated:
        message = method.input_type()
        part = getattr(message, binding.body)
        part.CopyFrom(_decode(body, type(part)))
        part.SetInParent()
        return message
    try:
        value = nesting.loads(body)  # one value, that is: text put between braces could bring other fields along
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"the body is not JSON: {error}") from error
    return _decode(json.dumps({field.name: value}).encode(), method.input_type)


def _decode(data: bytes, message_type: type[Message]) -> Message:
    try:
        return codec.decode(data, message_type)
    except JsonError as error:
        raise InvalidArgument(str(error)) from error


def _grouped(binding: Binding, query: Iterable[tuple[str, str]]) -> Mapping[tuple[FieldDescriptor, ...], list[str]]:
    groups: dict[tuple[FieldDescriptor, ...], list[str]] = {}
    for name, value in query:
        try:
            fields = resolve(binding.input, name.split("."))
        except KeyError:
            if name in SYSTEM_PARAMETERS:
                continue
            reason = f"Cannot bind query parameter. Field '{name}' could not be found in request message."
            raise InvalidArgument(
                f'Invalid JSON payload received. Unknown name "{name}": {reason}', details=[bad_request([("", reason)])]
            ) from None
        groups.setdefault(fields, []).append(value)
    return groups


def _plant(tree: dict[str, Any], fields: Sequence[FieldDescriptor], texts: list[str]) -> None:
    """Puts values at a field path of a JSON tree, in the JSON type that the field wants."""
    *parents, leaf = fields
    for field in parents:
        tree = tree.setdefault(field.name, {})
    if leaf.message_type is not None and leaf.message_type.full_name not in WELL_KNOWN_SCALARS:
        raise InvalidArgument(f"{leaf.full_name} is a message and cannot be given as a query parameter")
    is_bool = leaf.type == FieldDescriptor.TYPE_BOOL or (
        leaf.message_type is not None and leaf.message_type.full_name == "google.protobuf.BoolValue"
    )
    if is_bool:
        booleans = {"true": True, "false": False}
        values: list[Any] = [booleans.get(text, text) for text in texts]  # json_format refuses what is left a string
    else:
        values = list(texts)
    tree[leaf.name] = values if leaf.is_repeated else values[0]
