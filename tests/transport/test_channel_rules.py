"""RestChannel for other APIs: whose paths are not in an annotation, whose rules are odd, whose fields are of every kind."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.api import annotations_pb2, field_behavior_pb2, http_pb2, service_pb2
from google.cloud.location import locations_pb2
from google.iam.v1 import iam_policy_pb2, iam_policy_pb2_grpc
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf import (  # noqa: F401  what the service below imports has to be in the pool
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    message_factory,
    timestamp_pb2,
    wrappers_pb2,
)

import gemtune
from tests.support.servers import answer, serving

PLACE = "projects/p/locations/l"
OPERATION = f"{PLACE}/operations/1"
OPERATIONS = "google.longrunning.Operations"


def rpc(channel: Any, path: str, request: Any, answer_type: Any) -> Any:
    return channel.unary_unary(path, type(request).SerializeToString, answer_type.FromString)(request)


# -- services that every API has at paths of its own --------------------------------------------------------------------


@pytest.mark.parametrize("version", [None, "v1", "v1beta1"])
def test_operations_of_any_api_are_found_without_a_word(version: str | None) -> None:
    with serving(answer()) as server, gemtune.RestChannel(server.url, api_version=version) as channel:
        stub = operations_pb2_grpc.OperationsStub(channel)
        for name in (OPERATION, f"{PLACE}/tuningJobs/1/operations/2", "operations/a/b"):
            stub.GetOperation(operations_pb2.GetOperationRequest(name=name))
        stub.DeleteOperation(operations_pb2.DeleteOperationRequest(name=OPERATION))
        stub.CancelOperation(operations_pb2.CancelOperationRequest(name=OPERATION))
        for name in (PLACE, f"{PLACE}/operations", "operations"):
            stub.ListOperations(operations_pb2.ListOperationsRequest(name=name, page_size=3))
    v = version or "v1"
    assert [f"{heard.verb} {heard.target}" for heard in server.heard] == [
        f"GET /{v}/{OPERATION}",
        f"GET /{v}/{PLACE}/tuningJobs/1/operations/2",
        f"GET /{v}/operations/a/b",
        f"DELETE /{v}/{OPERATION}",
        f"POST /{v}/{OPERATION}:cancel",
        f"GET /{v}/{PLACE}/operations?pageSize=3",
        f"GET /{v}/{PLACE}/operations?pageSize=3",
        f"GET /{v}/operations?pageSize=3",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "operations",
        "operations/",
        "x",
        "projects/p/operations",
        "/operations/1",
        "projects/p/operations/",
        "operations/..",
    ],
)
@pytest.mark.parametrize("method", ["GetOperation", "DeleteOperation", "CancelOperation"])
def test_an_operation_without_an_id_is_refused(method: str, name: str) -> None:
    with gemtune.RestChannel("http://127.0.0.1:1") as channel:
        request = getattr(operations_pb2, f"{method}Request")(name=name)
        with pytest.raises(grpc.RpcError, match=r"operations/\*\*|path segment") as caught:
            getattr(operations_pb2_grpc.OperationsStub(channel), method)(request)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("version", [None, "v1beta1"])
def test_locations_and_policies_too(version: str | None) -> None:
    with serving(answer()) as server, gemtune.RestChannel(server.url, api_version=version) as channel:
        rpc(channel, "/google.cloud.location.Locations/GetLocation", locations_pb2.GetLocationRequest(name=PLACE),
            locations_pb2.Location)  # fmt: skip
        rpc(channel, "/google.cloud.location.Locations/ListLocations",
            locations_pb2.ListLocationsRequest(name="projects/p"), locations_pb2.ListLocationsResponse)  # fmt: skip
        iam_policy_pb2_grpc.IAMPolicyStub(channel).GetIamPolicy(
            iam_policy_pb2.GetIamPolicyRequest(resource=f"{PLACE}/models/1")
        )
    v = version or "v1"
    assert [f"{heard.verb} {heard.target}" for heard in server.heard] == [
        f"GET /{v}/{PLACE}",
        f"GET /{v}/projects/p/locations",
        f"POST /{v}/{PLACE}/models/1:getIamPolicy",
    ]


# -- rules of the caller's ----------------------------------------------------------------------------------------------

RULE = http_pb2.HttpRule(
    selector=f"{OPERATIONS}.GetOperation",
    get="/ui/{name=projects/*/locations/*/operations/*}",
    additional_bindings=[http_pb2.HttpRule(get="/v7/{name=projects/*/locations/*/things/*/operations/*}")],
)
OPTIONS = [
    {"method": "get", "uri": "/ui/{name=projects/*/locations/*/operations/*}"},
    {"method": "get", "uri": "/v7/{name=projects/*/locations/*/things/*/operations/*}"},
]


@pytest.mark.parametrize(
    "given",
    [
        service_pb2.Service(http=http_pb2.Http(rules=[RULE])),
        http_pb2.Http(rules=[RULE]),
        [RULE],
        (rule for rule in [RULE, RULE]),
        {f"{OPERATIONS}.GetOperation": RULE},
        {f"/{OPERATIONS}/GetOperation": RULE},
        {f"{OPERATIONS}.GetOperation": OPTIONS},
    ],
    ids=["service", "http", "list", "generator", "mapping", "path", "api-core"],
)
def test_rules_of_the_caller_take_the_place_of_the_annotation(given: Any) -> None:
    with serving(answer()) as server, gemtune.RestChannel(server.url, http_rules=given) as channel:
        stub = operations_pb2_grpc.OperationsStub(channel)
        for name in (OPERATION, f"{PLACE}/things/t/operations/2"):
            stub.GetOperation(operations_pb2.GetOperationRequest(name=name))
        with pytest.raises(grpc.RpcError, match="does not look like"):
            stub.GetOperation(operations_pb2.GetOperationRequest(name="operations/1"))
        stub.DeleteOperation(operations_pb2.DeleteOperationRequest(name=OPERATION))  # has no rule there
    assert [heard.target for heard in server.heard] == [
        f"/ui/{OPERATION}",
        f"/v7/{PLACE}/things/t/operations/2",
        f"/v1/{OPERATION}",
    ]


def test_a_method_without_an_annotation_works_with_a_rule() -> None:
    rule = http_pb2.HttpRule(post="/v1/{name=projects/*/locations/*/operations/*}:wait", body="*")
    rules = {f"{OPERATIONS}.WaitOperation": rule}
    with serving(answer()) as server, gemtune.RestChannel(server.url, http_rules=rules) as channel:
        operations_pb2_grpc.OperationsStub(channel).WaitOperation(operations_pb2.WaitOperationRequest(name=OPERATION))
    assert [heard.target for heard in server.heard] == [f"/v1/{OPERATION}:wait"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (7, "http_rules is a int; give a google.api.Service"),
        ([http_pb2.HttpRule(get="/v1/x")], "a rule without a selector"),
        ({f"{OPERATIONS}.GetOperation": "/v1/x"}, "a rule that is a str"),
        ({f"{OPERATIONS}.GetOperation": []}, "a rule that is a list"),
        ({f"{OPERATIONS}.GetOperation": {"uri": "/v1/x"}}, 'a rule without "method" and "uri"'),
        ({f"{OPERATIONS}.FetchOperation": RULE}, "has no method FetchOperation"),
        ({5: RULE}, "a rule without a selector"),
        ("abc", "a rule without a selector"),
    ],
)
def test_what_is_no_rule_is_refused_when_the_channel_is_made(given: Any, words: str) -> None:
    with pytest.raises(gemtune.ConfigurationError, match=words):
        gemtune.RestChannel("http://127.0.0.1:1", http_rules=given)


def test_a_rule_for_a_service_that_is_not_imported_yet_is_kept() -> None:
    gemtune.RestChannel("http://127.0.0.1:1", http_rules={"some.other.Service.Get": RULE}).close()


# -- a service whose rules are odd ---------------------------------------------------------------------------------------

WRAPPERS = "google/protobuf/wrappers.proto"
ODD: dict[str, http_pb2.HttpRule] = {
    "Good": http_pb2.HttpRule(get="/v1/{name}"),
    "Verbs": http_pb2.HttpRule(post="/v1/{name}:a:b"),
    "ColonInside": http_pb2.HttpRule(get="/v1/a:b/{name}/c:d:e"),
    "Lower": http_pb2.HttpRule(custom=http_pb2.CustomHttpPattern(kind="head", path="/v1/{name}")),
    "Wrapped": http_pb2.HttpRule(get="/v1/w/{wrapped}"),
    "WrappedNumber": http_pb2.HttpRule(get="/v1/n/{number}"),
    "WrappedFlag": http_pb2.HttpRule(get="/v1/f/{flag}"),
    "Time": http_pb2.HttpRule(get="/v1/t/{time}"),
    "Lasting": http_pb2.HttpRule(get="/v1/d/{lasting}"),
    "Mask": http_pb2.HttpRule(get="/v1/m/{mask}"),
    "Zeros": http_pb2.HttpRule(post="/v1/zeros/{name}", body="body"),
    "Part": http_pb2.HttpRule(get="/v1/{name}", response_body="inner"),
    "Parts": http_pb2.HttpRule(get="/v1/{name}", response_body="inners"),
    "Count": http_pb2.HttpRule(get="/v1/{name}", response_body="count"),
    "Nothing": http_pb2.HttpRule(get="/v1/{name}", response_body="nothing"),
    # what cannot be carried
    "NoTemplate": http_pb2.HttpRule(get="/v1/{name"),
    "Query": http_pb2.HttpRule(get="/v1/x?y={name}"),
    "Smuggled": http_pb2.HttpRule(get="/v1/x\r\nHost: evil/{name}"),
    "Glued": http_pb2.HttpRule(get="/v1/{name}x/y"),
    "Dots": http_pb2.HttpRule(get="/v1/../{name}"),
    "Second": http_pb2.HttpRule(get="/v1/{name}", additional_bindings=[http_pb2.HttpRule(get="v1")]),
    "Loose": http_pb2.HttpRule(get="/v1/*/{name}"),
    "Star": http_pb2.HttpRule(custom=http_pb2.CustomHttpPattern(kind="*", path="/v1/x")),
    "Tunnel": http_pb2.HttpRule(custom=http_pb2.CustomHttpPattern(kind="connect", path="/v1/x")),
    "Blank": http_pb2.HttpRule(custom=http_pb2.CustomHttpPattern(kind="", path="/v1/x")),
    "Nowhere": http_pb2.HttpRule(body="*"),
    "NoField": http_pb2.HttpRule(get="/v1/{nope}"),
    "NoBody": http_pb2.HttpRule(post="/v1/x", body="nope"),
    "NoAnswer": http_pb2.HttpRule(post="/v1/x", response_body="nope"),
    "Many": http_pb2.HttpRule(get="/v1/{inners}"),
    "Message": http_pb2.HttpRule(get="/v1/{inner}"),
}
REFUSED = list(ODD)[list(ODD).index("NoTemplate") :]


@pytest.fixture(scope="module")
def odd() -> Any:
    """The message of a service with those rules, in the common pool."""
    file = descriptor_pb2.FileDescriptorProto(
        name="gemtune_tests/odd.proto",
        package="gemtune_tests.odd",
        syntax="proto3",
        dependency=["google/api/annotations.proto", "google/api/field_behavior.proto", WRAPPERS]
        + [f"google/protobuf/{name}.proto" for name in ("timestamp", "duration", "field_mask", "empty")],
    )
    inner = file.message_type.add(name="Inner")
    request = file.message_type.add(name="Odd")
    required: Any = field_behavior_pb2.field_behavior
    for message, name, kind, type_name, is_required in (
        (inner, "text", 9, "", True),
        (inner, "num", 3, "", False),
        (request, "name", 9, "", True),
        (request, "size", 5, "", True),
        (request, "flag_required", 8, "", True),
        (request, "plain", 5, "", False),
        (request, "inner", 11, ".gemtune_tests.odd.Inner", True),
        (request, "inners", 11, ".gemtune_tests.odd.Inner", True),
        (request, "body", 11, ".gemtune_tests.odd.Inner", False),
        (request, "wrapped", 11, ".google.protobuf.StringValue", False),
        (request, "number", 11, ".google.protobuf.Int64Value", False),
        (request, "flag", 11, ".google.protobuf.BoolValue", False),
        (request, "time", 11, ".google.protobuf.Timestamp", False),
        (request, "lasting", 11, ".google.protobuf.Duration", False),
        (request, "mask", 11, ".google.protobuf.FieldMask", False),
        (request, "count", 3, "", False),
        (request, "nothing", 11, ".google.protobuf.Empty", False),
    ):
        label = 3 if name == "inners" else 1
        field = message.field.add(name=name, number=len(message.field) + 1, type=kind, label=label)
        if type_name:
            field.type_name = type_name
        if is_required:
            field.options.Extensions[required].append(field_behavior_pb2.REQUIRED)
    service = file.service.add(name="Service")
    http: Any = annotations_pb2.http
    for name, rule in ODD.items():
        method = service.method.add(
            name=name, input_type=".gemtune_tests.odd.Odd", output_type=".gemtune_tests.odd.Odd"
        )
        method.options.Extensions[http].CopyFrom(rule)
    descriptor_pool.Default().AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(descriptor_pool.Default().FindMessageTypeByName("gemtune_tests.odd.Odd"))


@pytest.fixture(scope="module")
def place() -> Iterator[Any]:
    with serving(answer()) as server:
        yield server


def ask(server: Any, method: str, request: Any) -> str:
    """What is sent for a request, but for the REQUIRED ones that every query here has."""
    with gemtune.RestChannel(server.url) as channel:
        rpc(channel, f"/gemtune_tests.odd.Service/{method}", request, type(request))
    heard = server.heard[-1]
    return f"{heard.verb} {heard.target}".removesuffix("?size=0&flagRequired=false")


def test_a_rule_that_cannot_be_used_costs_its_own_method_only(place: Any, odd: Any) -> None:
    assert ask(place, "Good", odd(name="n")) == "GET /v1/n"


@pytest.mark.parametrize("method", REFUSED)
def test_what_cannot_be_carried_is_refused_with_a_sentence(method: str, odd: Any) -> None:
    words = rf"Service/{method} has an HTTP rule .*http_rules="
    with gemtune.RestChannel("http://127.0.0.1:1") as channel, pytest.raises(grpc.RpcError, match=words) as caught:
        rpc(channel, f"/gemtune_tests.odd.Service/{method}", odd(name="n"), odd)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert isinstance(caught.value.__cause__, gemtune.Unimplemented)


@pytest.mark.parametrize(
    ("method", "request_", "sent"),
    [
        ("Verbs", {"name": "n"}, "POST /v1/n:a:b"),
        ("Verbs", {"name": "n:x"}, "POST /v1/n%3Ax:a:b"),
        ("ColonInside", {"name": "n"}, "GET /v1/a:b/n/c:d:e"),
        ("Wrapped", {"wrapped": {"value": "a/b c"}}, "GET /v1/w/a%2Fb%20c?size=0&flagRequired=false&name="),
        ("WrappedNumber", {"number": {"value": 0}}, "GET /v1/n/0"),
        ("WrappedFlag", {"flag": {"value": True}}, "GET /v1/f/true"),
        ("Time", {"time": {"seconds": 5}}, "GET /v1/t/1970-01-01T00%3A00%3A05Z"),
        ("Lasting", {"lasting": {"seconds": 5, "nanos": 500_000_000}}, "GET /v1/d/5.500s"),
        ("Mask", {"mask": {"paths": ["a_b", "c.d"]}}, "GET /v1/m/aB%2Cc.d"),
    ],
)
def test_paths_hold_the_json_form_of_well_known_types(
    place: Any, odd: Any, method: str, request_: Any, sent: str
) -> None:
    ask(place, method, odd(**request_))
    assert f"{place.heard[-1].verb} {place.heard[-1].target.partition('?')[0]}" == sent.partition("?")[0]


@pytest.mark.parametrize("method", ["Wrapped", "WrappedNumber", "WrappedFlag", "Time", "Lasting", "Mask"])
def test_a_well_known_type_that_is_not_set_is_missing_from_the_path(odd: Any, method: str) -> None:
    with gemtune.RestChannel("http://127.0.0.1:1") as channel, pytest.raises(grpc.RpcError, match="not set") as caught:
        rpc(channel, f"/gemtune_tests.odd.Service/{method}", odd(name="n"), odd)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("request_", "query"),
    [
        ({}, "size=0&flagRequired=false"),
        ({"size": 3, "flag_required": True}, "size=3&flagRequired=true"),
        ({"inner": {}}, "size=0&flagRequired=false&inner.text="),
        ({"inner": {"num": 4}}, "size=0&flagRequired=false&inner.text=&inner.num=4"),
        ({"body": {"num": 4}}, "size=0&flagRequired=false"),
        ({"plain": 0}, "size=0&flagRequired=false"),
    ],
)
def test_required_zeros_are_in_the_query(place: Any, odd: Any, request_: Any, query: str) -> None:
    ask(place, "Zeros", odd(name="n", **request_))
    assert place.heard[-1].target == f"/v1/zeros/n?{query}"


def test_a_kind_of_ones_own_is_in_capitals(odd: Any) -> None:
    reply = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
    with serving(reply) as server, gemtune.RestChannel(server.url) as channel:
        assert rpc(channel, "/gemtune_tests.odd.Service/Lower", odd(name="n"), odd) == odd()
    assert server.heard[0].verb == "HEAD"


# -- answers -------------------------------------------------------------------------------------------------------------


def given(method: str, body: bytes, odd: Any, *, status: int = 200) -> Any:
    with serving(answer(body, status)) as server, gemtune.RestChannel(server.url) as channel:
        return rpc(channel, f"/gemtune_tests.odd.Service/{method}", odd(name="n"), odd)


@pytest.mark.parametrize(
    ("method", "body", "wanted"),
    [
        ("Part", b'{"text": "a"}', {"inner": {"text": "a"}}),
        ("Part", b" {} ", {"inner": {}}),
        ("Part", b'{"text": "a", "new": 1}', {"inner": {"text": "a"}}),
        ("Parts", b'[{"text": "a"}, {}]', {"inners": [{"text": "a"}, {}]}),
        ("Parts", b"[]", {}),
        ("Parts", b"null", {}),
        ("Count", b'"5"', {"count": 5}),
        ("Count", b"5", {"count": 5}),
        ("Nothing", b"{}", {"nothing": {}}),
        ("Nothing", b"", {"nothing": {}}),
    ],
)
def test_one_field_of_the_answer_is_read(odd: Any, method: str, body: bytes, wanted: Any) -> None:
    assert given(method, body, odd) == odd(**wanted)


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("Part", b'{"text": "x"}, "name": "inj"'),
        ("Part", b'{"text": "x"}, "count": "5"'),
        ("Parts", b'[{}], "name": "inj"'),
        ("Count", b'"5", "name": "inj"'),
        ("Part", b'{"text": "x"}}, {"a": {}'),
        *[("Part", body) for body in (b"[]", b'""', b'"abc"', b"5", b"true", b"null", b"", b" ", b"{", b"\xff")],
        *[("Parts", body) for body in (b"{}", b'""', b"5", b"", b"[", "[]".encode("utf-16"))],
        *[("Count", body) for body in (b"{}", b"[]", b'"x"', b"", b"1 2", b"[" * 100_000)],
        *[("Nothing", body) for body in (b"[]", b'""', b"5", b'"x"')],
        *[("Good", body) for body in (b"", b"[]", b'""', b"null", b"{} {}")],
    ],
)
def test_an_answer_of_another_kind_is_internal_and_not_an_empty_message(odd: Any, method: str, body: bytes) -> None:
    with pytest.raises(grpc.RpcError, match="something that is not a") as caught:
        given(method, body, odd)
    assert caught.value.code() is grpc.StatusCode.INTERNAL


def test_no_content_is_an_answer_where_the_answer_is_empty_and_nowhere_else(odd: Any) -> None:
    reply = b"HTTP/1.1 204 No Content\r\n\r\n"
    with serving(reply) as server, gemtune.RestChannel(server.url) as channel:
        operations_pb2_grpc.OperationsStub(channel).DeleteOperation(
            operations_pb2.DeleteOperationRequest(name="operations/1")
        )
        assert rpc(channel, "/gemtune_tests.odd.Service/Nothing", odd(name="n"), odd) == odd(nothing={})
        for method in ("Good", "Part", "Parts", "Count"):
            with pytest.raises(grpc.RpcError, match="it is empty") as caught:
                rpc(channel, f"/gemtune_tests.odd.Service/{method}", odd(name="n"), odd)
            assert caught.value.code() is grpc.StatusCode.INTERNAL


# -- what the codes of an error promise -----------------------------------------------------------------------------------


def dropped(connection: Any, _heard: Any) -> bool:
    return False


def half(connection: Any, _heard: Any) -> bool:
    connection.sendall(answer(b'{"name"', length=100))
    return False


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (answer(b'{"name": 5}'), "INTERNAL"),
        (answer(b"<html>"), "INTERNAL"),
        (answer(b"", 302, {"location": "https://elsewhere.example"}), "INTERNAL"),
        (answer(b"", 303, {"location": "/there"}), "INTERNAL"),
        (b"junk\r\n\r\n", "INTERNAL"),
        (half, "INTERNAL"),
        (dropped, "UNAVAILABLE"),
        (answer(b'{"error": {"status": "UNAVAILABLE", "message": "busy"}}', 503), "UNAVAILABLE"),
    ],
    ids=["wrong kind", "page", "redirect", "see other", "junk", "half", "dropped", "busy"],
)
def test_only_what_never_came_back_is_unavailable(reply: Any, code: str) -> None:
    request = gemtune.CreateTuningJobRequest(parent=PLACE, tuning_job=gemtune.TuningJob(base_model="m"))
    with serving(reply) as server, gemtune.RestChannel(server.url) as channel, pytest.raises(grpc.RpcError) as caught:
        gemtune.TuningServiceStub(channel).CreateTuningJob(request)
    assert caught.value.code() is grpc.StatusCode[code]


def test_a_retry_of_googles_does_not_repeat_a_create_whose_answer_cannot_be_read() -> None:
    from google.api_core import exceptions, grpc_helpers, retry

    again = retry.Retry(retry.if_exception_type(exceptions.ServiceUnavailable), initial=0.01, timeout=1)
    with serving(answer(b'{"name": 5}')) as server, gemtune.RestChannel(server.url) as channel:
        create = again(grpc_helpers.wrap_errors(gemtune.TuningServiceStub(channel).CreateTuningJob))
        with pytest.raises(exceptions.InternalServerError):
            create(gemtune.CreateTuningJobRequest(parent=PLACE, tuning_job=gemtune.TuningJob(base_model="m")))
    assert len(server.heard) == 1


# -- errors are values -----------------------------------------------------------------------------------------------------

REQUEST = gemtune.GetTuningJobRequest(name=f"{PLACE}/tuningJobs/1")
FAILURES: dict[str, Any] = {
    "refused by the service": lambda stub, _: stub.GetTuningJob(REQUEST),
    "a name that does not fit": lambda stub, _: stub.GetTuningJob(gemtune.GetTuningJobRequest(name="x")),
    "metadata": lambda stub, _: stub.GetTuningJob(REQUEST, metadata=[("a b", "c")]),
    "no metadata": lambda stub, _: stub.GetTuningJob(REQUEST, metadata=5),
    "no pairs": lambda stub, _: stub.GetTuningJob(REQUEST, metadata=["abc"]),
    "a timeout that is none": lambda stub, _: stub.GetTuningJob(REQUEST, timeout=float("nan")),
    "a timeout in words": lambda stub, _: stub.GetTuningJob(REQUEST, timeout="5"),
    "no time": lambda stub, _: stub.GetTuningJob(REQUEST, timeout=-1),
    "credentials": lambda stub, _: stub.GetTuningJob(REQUEST, credentials=grpc.access_token_call_credentials("t")),
    "another request": lambda stub, _: stub.GetTuningJob(wrappers_pb2.StringValue()),
    "no request": lambda stub, _: stub.GetTuningJob(None),
    "bytes that are no request": lambda _, channel: channel.unary_unary(f"/{OPERATIONS}/GetOperation")(b"\xff"),
    "an unknown service": lambda _, channel: channel.unary_unary("/no.such.Service/Method")(b""),
    "a stream": lambda _, channel: channel.unary_stream("/a.B/C")(b""),
    "a future": lambda stub, _: stub.GetTuningJob.future(REQUEST).result(10),
    "a deserializer": lambda _, channel: channel.unary_unary(
        f"/{OPERATIONS}/DeleteOperation", None, lambda data: 1 / 0
    )(operations_pb2.DeleteOperationRequest(name="operations/1").SerializeToString()),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_every_refusal_is_an_rpc_error_that_can_be_copied(failure: str) -> None:
    detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "R"}
    body = {"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "no", "details": [detail]}}

    def reply(connection: Any, heard: Any) -> None:
        connection.sendall(answer() if heard.verb == "DELETE" else answer(json.dumps(body).encode(), 403))

    with serving(reply) as server, gemtune.RestChannel(server.url) as channel, pytest.raises(grpc.RpcError) as caught:
        FAILURES[failure](gemtune.TuningServiceStub(channel), channel)
    error = caught.value
    assert isinstance(error.code(), grpc.StatusCode)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert twin.args == error.args
        assert (twin.code(), twin.details()) == (error.code(), error.details())
        assert twin.initial_metadata() == error.initial_metadata()
        assert twin.trailing_metadata() == error.trailing_metadata()
        assert type(twin.__cause__) is type(error.__cause__)
        assert str(twin.__cause__) == str(error.__cause__)
