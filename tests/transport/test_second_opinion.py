"""What goes on the wire, held against google-api-core's transcoding of the same message.

google-api-core takes a path value of "", 0 or false for a missing one, and writes what is not text as Python's `str`
does; the messages are drawn so that this does not matter.
"""

from __future__ import annotations

import json
import warnings
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl

import pytest
from google.api import annotations_pb2
from google.iam.v1 import iam_policy_pb2
from google.longrunning import operations_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given, strategies as st

from gemtune import CreateTuningJobRequest, RebaseTunedModelRequest, SpecInvalid
from gemtune.rpc.methods import Method, service_methods
from gemtune.settings import Endpoint
from gemtune.transport import rest_wire
from gemtune_pb.v1 import tuning_service_pb2

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # some of its versions warn of the Python they are imported by
    from google.api_core import rest_helpers
if not hasattr(rest_helpers, "transcode_request"):
    pytest.skip("this google-api-core has no transcoding of whole requests", allow_module_level=True)

ENDPOINT = Endpoint.parse("https://example.com")
SEGMENT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1, max_size=8).filter(
    lambda text: text not in (".", "..")
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)

INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
}
# Without a form in a query, or with values that JSON refuses at random.
LEFT_OUT = {"google.protobuf.Struct", "google.protobuf.Any", "google.protobuf.Value", "google.type.Expr"}
TIMES = {
    "google.protobuf.Timestamp": st.integers(0, 2**31).map(lambda seconds: {"seconds": seconds}),
    "google.protobuf.Duration": st.integers(0, 2**31).map(lambda seconds: {"seconds": seconds, "nanos": 500_000_000}),
    "google.protobuf.FieldMask": st.lists(st.sampled_from(["a", "b.c", "some_name"])).map(lambda p: {"paths": p}),
}


def values(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any] | None:
    """Values for one field, as the constructor takes them; None: it is left out."""
    kind = field.message_type
    if kind is not None:
        if kind.full_name in LEFT_OUT or (depth == 0 and kind.full_name not in TIMES):
            return None
        one = TIMES[kind.full_name] if kind.full_name in TIMES else fields(kind, depth - 1)
    elif field.enum_type is not None:
        one = st.integers(0, 4)
    elif field.type == FieldDescriptor.TYPE_STRING:
        one = TEXT
    elif field.type == FieldDescriptor.TYPE_BYTES:
        one = st.binary(max_size=5)
    elif field.type == FieldDescriptor.TYPE_BOOL:
        one = st.booleans()
    elif field.cpp_type in INTEGERS:
        one = INTEGERS[field.cpp_type]
    else:
        one = st.floats(width=32 if field.type == FieldDescriptor.TYPE_FLOAT else 64)
    return st.lists(one, max_size=3) if field.is_repeated else one


def fields(descriptor: Any, depth: int, *, query: bool = False, **fixed: Any) -> st.SearchStrategy[dict[str, Any]]:
    optional = {}
    oneofs = set()
    for field in descriptor.fields:
        if field.name in fixed or (query and field.is_repeated and field.message_type is not None):
            continue
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            continue
        if field.containing_oneof is not None and field.containing_oneof.name in oneofs:
            continue  # one member of a oneof is enough here
        strategy = values(field, depth)
        if strategy is not None:
            optional[field.name] = strategy
            if field.containing_oneof is not None:
                oneofs.add(field.containing_oneof.name)
    return st.fixed_dictionaries(fixed, optional=optional)


def joined(*parts: str | st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*(st.just(p) if isinstance(p, str) else p for p in parts)).map("/".join)


NAMED = st.fixed_dictionaries({"name": joined("things", SEGMENT)}, optional={"number": st.integers(0, 9)})
JOB = joined("projects", SEGMENT, "locations", SEGMENT, "tuningJobs", SEGMENT)
PARENT = joined("projects", SEGMENT, "locations", SEGMENT)

RULES: dict[str, dict[str, Any]] = {
    "Bindings": {"name": joined("shelves", SEGMENT) | joined("shelves", SEGMENT, "books", SEGMENT)},
    "DoubleStar": {"name": st.lists(SEGMENT, min_size=1, max_size=3).map("/".join)},
    "Rooted": {"name": joined("roots", SEGMENT, SEGMENT)},
    "Update": {"child": NAMED},
    "Delete": {"name": joined("shelves", SEGMENT)},
    "Custom": {"name": SEGMENT},
    "Plain": {},
}
GOOGLES = [
    (operations_pb2, "Operations", "ListOperations", {"name": st.just("operations")}),
    (operations_pb2, "Operations", "GetOperation", {"name": joined("operations", SEGMENT, SEGMENT)}),
    (operations_pb2, "Operations", "DeleteOperation", {"name": joined("operations", SEGMENT)}),
    (operations_pb2, "Operations", "CancelOperation", {"name": joined("operations", SEGMENT)}),
    (iam_policy_pb2, "IAMPolicy", "SetIamPolicy", {"resource": joined("projects", SEGMENT)}),
    (iam_policy_pb2, "IAMPolicy", "GetIamPolicy", {"resource": joined("projects", SEGMENT)}),
    (iam_policy_pb2, "IAMPolicy", "TestIamPermissions", {"resource": joined("projects", SEGMENT)}),
    (tuning_service_pb2, "TuningService", "GetTuningJob", {"name": JOB}),
    (tuning_service_pb2, "TuningService", "CancelTuningJob", {"name": JOB}),
    (tuning_service_pb2, "TuningService", "ListTuningJobs", {"parent": PARENT}),
    (tuning_service_pb2, "TuningService", "CreateTuningJob", {"parent": PARENT}),
    (tuning_service_pb2, "TuningService", "RebaseTunedModel", {"parent": PARENT}),
]


def agree(method: Method, message: Message) -> None:
    """Asserts that both ways to write the request come to the same."""
    sent = rest_wire.write(method, message, endpoint=ENDPOINT, resource="", api_version=None, who={})
    options = []
    for binding in method.bindings:
        option = {"method": binding.verb.lower(), "uri": binding.template.text}
        options.append(option | ({"body": binding.body} if binding.body else {}))
    other, body, query = rest_helpers.transcode_request(options, message)
    path, _, raw_query = sent.url.removeprefix("https://example.com").partition("?")
    assert (sent.verb.lower(), path) == (other["method"], other["uri"])
    flat = rest_helpers.flatten_query_params(query, strict=True)
    assert numbers(parse_qsl(raw_query, keep_blank_values=True), message) == numbers(flat, message)
    if sent.body is None:
        assert body is None or json.loads(body) == {}  # a body that is not set: they write an empty one
    else:
        assert body is not None
        assert json.loads(sent.body) == json.loads(body)


def numbers(pairs: list[tuple[str, str]], message: Message) -> list[tuple[str, str | float]]:
    """The pairs in order, with 1 and 1.0 as one number in fields that hold such numbers."""
    floats = {f.json_name for f in message.DESCRIPTOR.fields if f.cpp_type in (f.CPPTYPE_DOUBLE, f.CPPTYPE_FLOAT)}
    read = [(name, float(text) if name in floats and text != "NaN" else text) for name, text in pairs]
    return sorted(read, key=repr)


@pytest.mark.parametrize("name", RULES)
@given(data=st.data())
def test_every_form_of_the_rule_comes_to_the_same_request(rules: ModuleType, name: str, data: st.DataObject) -> None:
    methods = service_methods(rules.DESCRIPTOR.services_by_name["Rules"])
    body = methods[name].bindings[0].body
    drawn = data.draw(fields(rules.Everything.DESCRIPTOR, 2, query=body != "*", **RULES[name]))
    message = rules.Everything(**drawn)
    agree(methods[name], message)


@pytest.mark.parametrize(("module", "service", "name", "fixed"), GOOGLES, ids=[row[2] for row in GOOGLES])
@given(data=st.data())
def test_googles_services_and_ours_come_to_the_same_request(
    module: Any, service: str, name: str, fixed: dict[str, Any], data: st.DataObject
) -> None:
    method = service_methods(module.DESCRIPTOR.services_by_name[service])[name]
    query = method.bindings[0].body == ""
    deep = 2 if method.input_type in (CreateTuningJobRequest, RebaseTunedModelRequest) else 1
    drawn = data.draw(fields(method.input_type.DESCRIPTOR, deep, query=query, **fixed))
    agree(method, method.input_type(**drawn))


def test_a_value_that_is_empty_or_of_too_many_segments_fits_neither(rules: ModuleType) -> None:
    method = service_methods(rules.DESCRIPTOR.services_by_name["Rules"])["Delete"]
    options = [{"method": "delete", "uri": method.bindings[0].template.text}]
    for name in ("", "shelves", "shelves/", "shelves/a/b", "boxes/a"):
        message = rules.Everything(name=name)
        with pytest.raises(ValueError, match="Invalid request"):
            rest_helpers.transcode_request(options, message)
        with pytest.raises(SpecInvalid):
            rest_wire.write(method, message, endpoint=ENDPOINT, resource="", api_version=None, who={})


def test_every_annotated_method_that_can_be_had_is_understood() -> None:
    """Every service of the packages at hand: its rules parse, and their fields exist."""
    from google.cloud.location import locations_pb2

    seen = 0
    for module in (operations_pb2, iam_policy_pb2, locations_pb2, tuning_service_pb2):
        for service in module.DESCRIPTOR.services_by_name.values():
            for descriptor, method in zip(service.methods, service_methods(service).values(), strict=True):
                annotated = descriptor.GetOptions().HasExtension(annotations_pb2.http)
                assert bool(method.bindings) == annotated
                seen += len([binding.fields for binding in method.bindings])
    assert seen > 20
