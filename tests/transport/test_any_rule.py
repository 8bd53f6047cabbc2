"""Any HTTP rule over any kind of field: a call gives a request or an RpcError, never another exception.

Where Google's transcoding gives a request too, it is the same one.
"""

from __future__ import annotations

import copy
import json
import pickle
from functools import cache
from typing import Any
from urllib.parse import unquote

import grpc
import pytest
from google.api import http_pb2
from google.api_core import path_template
from google.protobuf import descriptor_pb2, descriptor_pool, json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given, settings, strategies as st

import gemtune
from gemtune.rpc.methods import Method, find_method, with_rule
from gemtune.settings import Endpoint
from gemtune.testing.strategies import messages
from gemtune.transport import rest_wire
from tests.support.message_types import FAST, SLOW

ENDPOINT = Endpoint.parse("https://api.example")
TYPES = {kind.DESCRIPTOR.full_name: kind for kind in FAST + SLOW}
SERVICE = "gemtune_tests.anyrule.Service"


@cache
def _described() -> None:
    """A service with a method for each type, which takes and returns it."""
    file = descriptor_pb2.FileDescriptorProto(name="gemtune_tests/anyrule.proto", package="gemtune_tests.anyrule")
    service = file.service.add(name="Service")
    for name, kind in TYPES.items():
        full = f".{name}"
        service.method.add(name=name.replace(".", "_"), input_type=full, output_type=full)
        if kind.DESCRIPTOR.file.name not in file.dependency:
            file.dependency.append(kind.DESCRIPTOR.file.name)
    descriptor_pool.Default().AddSerializedFile(file.SerializeToString())


def names_in(descriptor: Any, depth: int = 2) -> list[str]:
    """The paths of fields, nested ones too, and some that there are not."""
    found = []
    for field in descriptor.fields:
        found.append(field.name)
        if field.message_type is not None and depth:
            found += [f"{field.name}.{inner}" for inner in names_in(field.message_type, depth - 1)]
    return found


LITERALS = st.sampled_from(["v1", "a", "a.b", "a-b", "..", ".", "", "*", "**", "a*", "a b", "a?b", "a#b", "%41", "%4", "ü", "a:b", "x\r\ny", "{", "}", "//"])  # fmt: skip
PATTERNS = st.sampled_from(["", "=*", "=**", "=a/*", "=a/**", "=**/a/*", "=a", "=", "=a//*", "=..", "=a/{b}", "=*/*"])
VERBS = st.sampled_from(["", "", "", ":go", ":a:b", ":", ":a/b", "::"])
KINDS = st.sampled_from(["get", "put", "post", "delete", "patch"])
CUSTOM = st.sampled_from(
    ["*", "", "head", "HEAD", "PROPFIND", "get", "G ET", "CONNECT", "trace", "A\r\nB", "ü", "M-SEARCH"]
)


@st.composite
def rules(draw: st.DrawFn, fields: list[str], *, inner: bool = True) -> http_pb2.HttpRule:
    named = st.builds(
        lambda name, pattern: f"{{{name}{pattern}}}", st.sampled_from([*fields, "nope", "a..b", "1"]), PATTERNS
    )
    path = "/" + "/".join(draw(st.lists(LITERALS | named | named, min_size=1, max_size=3))) + draw(VERBS)
    if draw(st.integers(0, 9)) == 0:
        path = draw(st.text(max_size=10))
    tops = [name for name in fields if "." not in name]
    rule = http_pb2.HttpRule(
        body=draw(st.sampled_from(["", "", "*", "nope", *tops])),
        response_body=draw(st.sampled_from(["", "", "*", "nope", *tops])),
    )
    if draw(st.integers(0, 3)) == 0:
        rule.custom.kind, rule.custom.path = draw(CUSTOM), path
    elif draw(st.integers(0, 9)):
        setattr(rule, draw(KINDS), path)
    if inner:
        rule.additional_bindings.extend(draw(st.lists(rules(fields, inner=False), max_size=1)))
    return rule


class Told:
    """In place of the transport: writes the request as it would, and answers with nothing."""

    def __init__(self) -> None:
        self.sent: rest_wire.WireRequest | None = None

    def exchange(self, method: Method, request: Message, exchange: Any, metadata: Any) -> Message:
        resource = method.resource(request)
        self.sent = rest_wire.write(method, request, endpoint=ENDPOINT, resource=resource, api_version=None, who={})
        return method.output_type()

    def close(self) -> None:
        pass


@pytest.mark.parametrize("name", TYPES)
@settings(max_examples=40)
@given(data=st.data())
def test_it_gives_a_request_or_an_rpc_error(data: Any, name: str) -> None:
    _described()
    kind: Any = TYPES[name]
    rule = data.draw(rules(names_in(kind.DESCRIPTOR)))
    message = data.draw(messages(kind))
    selector = f"{SERVICE}.{name.replace('.', '_')}"
    channel = gemtune.RestChannel("https://api.example", http_rules={selector: rule})
    told: Any = Told()
    channel._transport = told
    call = channel.unary_unary(f"/{SERVICE}/{name.replace('.', '_')}", kind.SerializePartialToString, kind.FromString)
    failure: Any = None
    try:
        call(message)
    except grpc.RpcError as error:
        failure = error
    if failure is not None:
        assert failure.code() in (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INVALID_ARGUMENT)
        assert " " in failure.details()
        for twin in (copy.copy(failure), copy.deepcopy(failure), pickle.loads(pickle.dumps(failure))):
            assert (twin.code(), twin.details()) == (failure.code(), failure.details())
            assert str(twin.__cause__) == str(failure.__cause__)
        return
    sent = told.sent
    assert sent.url.startswith("https://api.example/")
    assert sent.url.isascii()
    assert sent.url.isprintable()
    assert " " not in sent.url
    assert "#" not in sent.url
    assert sent.verb.isupper()
    assert sent.verb != "CONNECT"


PLAIN = (FieldDescriptor.CPPTYPE_STRING, FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64)
KNOWN = [
    kind
    for name, kind in TYPES.items()
    if name in ("kinds3.Scalars", "kinds3.Tree", "kinds3.Repeated", "kinds3.Choices")
]


@pytest.mark.parametrize("kind", KNOWN, ids=lambda kind: kind.DESCRIPTOR.name)
@settings(max_examples=60)
@given(data=st.data())
def test_googles_transcoding_agrees_where_both_give_a_request(data: Any, kind: Any) -> None:
    _described()
    fields = [
        f.name for f in kind.DESCRIPTOR.fields if f.cpp_type in PLAIN and not f.is_repeated and f.type != f.TYPE_BYTES
    ]
    rule = data.draw(rules(fields or ["nope"], inner=False))
    message = data.draw(messages(kind))
    for name in fields:  # so that paths fit now and then
        if kind.DESCRIPTOR.fields_by_name[name].type == FieldDescriptor.TYPE_STRING:
            setattr(message, name, data.draw(st.sampled_from(["a/b", "a", "x y", "a/ü/c", "é"])))
    method = with_rule(find_method(f"{SERVICE}/{kind.DESCRIPTOR.full_name.replace('.', '_')}"), rule)
    try:
        sent = rest_wire.write(method, message, endpoint=ENDPOINT, resource="", api_version=None, who={})
    except gemtune.GemtuneError:
        return
    [binding] = method.bindings
    option = {"method": binding.verb.lower(), "uri": binding.template.text}
    try:
        theirs = path_template.transcode([option | ({"body": binding.body} if binding.body else {})], message)
    except ValueError:
        return
    assert unquote(sent.url.partition("?")[0].removeprefix("https://api.example")) == unquote(theirs["uri"])
    if isinstance(theirs.get("body"), Message) and sent.body is not None:
        assert json.loads(sent.body) == json.loads(json_format.MessageToJson(theirs["body"]))
