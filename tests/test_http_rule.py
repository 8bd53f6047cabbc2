"""The HTTP rule, both ways: literal paths by hand, and the property that matching undoes expanding."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from gemtune.errors import InvalidArgument, JsonError, NotFound, SpecInvalid, Unimplemented
from gemtune.rpc import http_rule
from gemtune.rpc.http_rule import Router, expand
from gemtune.rpc.methods import find_method, service_methods
from gemtune.rpc.path_template import Template

SERVICE = "gemtune_tests.rules.v1.Rules"


@pytest.fixture(scope="module")
def methods(rules: Any) -> Any:
    return service_methods(rules.DESCRIPTOR.services_by_name["Rules"])


@pytest.fixture(scope="module")
def router(methods: Any) -> Router:
    return Router(methods.values())


def wire(methods: Any, name: str, message: Any, **options: Any) -> tuple[str, str, list[tuple[str, str]], Any]:
    http = expand(methods[name], message, **options)
    return http.verb, http.path, http.query, None if http.body is None else json.loads(http.body)


class TestTemplate:
    @pytest.mark.parametrize(
        ("template", "path", "values"),
        [
            ("/v1/plain", "/v1/plain", []),
            ("/v1/{name}", "/v1/a%2Fb", ["a/b"]),
            ("/v1/{name=a/*}", "/v1/a/b", ["a/b"]),
            ("/v1/{name=a/*}", "/v1/a/b%2Fc", ["a/b%2Fc"]),
            ("/v1/{name=a/*}", "/v1/a/b%2fc%20d", ["a/b%2Fc d"]),
            ("/v1/{name=**}", "/v1/", [""]),
            ("/v1/{name=**}", "/v1/a/b/c", ["a/b/c"]),
            ("/v1/{name=a/**}", "/v1/a", ["a"]),
            ("/v1/{name=a/**}", "/v1/a/b/c", ["a/b/c"]),
            ("/v1/{name=a/*}:go", "/v1/a/b:go", ["a/b"]),
            ("/v1/{name=a/*}:go", "/v1/a/b:c:go", ["a/b:c"]),
            ("/v1/{a}/x/{b.c}:go", "/v1/1/x/2:go", ["1", "2"]),
            ("/{api_version=v1/*}/{name=**}", "/v1/x/y/z", ["v1/x", "y/z"]),
        ],
    )
    def test_matches(self, template: str, path: str, values: list[str]) -> None:
        assert Template(template).match(path) == values

    @pytest.mark.parametrize(
        ("template", "path"),
        [
            ("/v1/plain", "/v1/plain/"),
            ("/v1/plain", "/v1/plain:go"),
            ("/v1/{name}", "/v1/"),
            ("/v1/{name}", "/v1/a/b"),
            ("/v1/{name=a/*}", "/v1/a/"),
            ("/v1/{name=a/*}", "/v1/a/b/c"),
            ("/v1/{name=a/**}", "/v1/ab"),
            ("/v1/{name=a/*}:go", "/v1/a/b"),
            ("/v1.x/{name}", "/v1_x/a"),
        ],
    )
    def test_does_not_match(self, template: str, path: str) -> None:
        assert Template(template).match(path) is None

    @pytest.mark.parametrize("text", ["v1/x", "/v1/{a", "/v1/a}", "/v1/{a}:b:c/d", "", "/v1/{}"])
    def test_refuses_what_is_no_template(self, text: str) -> None:
        with pytest.raises(ValueError, match="not a path template"):
            Template(text)


class TestExpand:
    """Each row literally as it has to be on the wire."""

    def test_the_first_binding_that_fits(self, methods: Any, rules: Any) -> None:
        assert wire(methods, "Bindings", rules.Everything(name="shelves/1")) == ("GET", "/v1/shelves/1", [], None)
        book = rules.Everything(name="shelves/1/books/2")
        assert wire(methods, "Bindings", book) == ("GET", "/v1/shelves/1/books/2", [], None)

    def test_the_version_picks_among_bindings(self, methods: Any, rules: Any) -> None:
        shelf = rules.Everything(name="shelves/1")
        assert wire(methods, "Bindings", shelf, api_version="v2")[1] == "/v2/shelves/1"
        with pytest.raises(SpecInvalid, match=r"shelves/\*"):
            expand(methods["Bindings"], rules.Everything(name="shelves/1/books/2"), api_version="v2")
        with pytest.raises(Unimplemented, match="/v3/"):
            expand(methods["Bindings"], shelf, api_version="v3")

    def test_values_are_escaped_as_their_pattern_says(self, methods: Any, rules: Any) -> None:
        assert wire(methods, "DoubleStar", rules.Everything(name="a b/c?d#é"))[1] == "/v1/files/a%20b/c%3Fd%23%C3%A9"
        typed = rules.Everything(count=-5, flag=True, kind=2, child={"name": "a/b:c"})
        assert wire(methods, "Typed", typed)[1] == "/v1/typed/-5/true/KIND_TWO/a%2Fb%3Ac"

    def test_a_falsy_value_is_a_value(self, methods: Any, rules: Any) -> None:
        assert (
            wire(methods, "Typed", rules.Everything(child={"name": "0"}))[1] == "/v1/typed/0/false/KIND_UNSPECIFIED/0"
        )

    def test_verb_and_body_of_everything_else(self, methods: Any, rules: Any) -> None:
        message = rules.Everything(name="roots/1/a/b", text="t", child={"number": 7})
        expected = ("POST", "/v1/roots/1/a/b:open", [], {"text": "t", "child": {"number": "7"}})
        assert wire(methods, "Rooted", message) == expected
        assert wire(methods, "Rooted", rules.Everything(name="roots/1"))[3] == {}

    def test_nested_path_and_body_field_and_query(self, methods: Any, rules: Any) -> None:
        message = rules.Everything(text="q", child={"name": "things/1", "number": 2, "tags": ["x"]})
        expected = ("PATCH", "/v1/things/1", [("text", "q")], {"number": "2", "tags": ["x"]})
        assert wire(methods, "Update", message) == expected
        assert message.child.name == "things/1", "the caller's message is not changed"

    def test_bodies_that_are_no_messages(self, methods: Any, rules: Any) -> None:
        assert wire(methods, "ScalarBody", rules.Everything(name="n", text="ü"))[3] == "ü"
        children = rules.Everything(name="n", children=[{"name": "a"}, {"number": 1}])
        assert wire(methods, "RepeatedBody", children)[3] == [{"name": "a"}, {"number": "1"}]
        assert wire(methods, "MapBody", rules.Everything(name="n", labels={"a": "b"}))[3] == {"a": "b"}
        assert wire(methods, "MapBody", rules.Everything(name="n"))[3] is None

    def test_query_parameters_of_every_kind(self, methods: Any, rules: Any) -> None:
        message = rules.Everything(
            name="n", count=1, flag=True, kind=1, data=b"\xff\xfe", real=0.1, single=0.1, maybe=0, texts=["a", "b"],
            kinds=[1, 2, 9], numbers=[3], blobs=[b"a"], child={"name": "c", "tags": ["t", "u"], "child": {"number": 5}},
            time={"seconds": 1, "nanos": 5}, duration={"seconds": 2}, mask={"paths": ["a.b_c", "d"]},
            wrapped={"value": 0}, wrapped_flag={"value": True}, wrapped_text={"value": ""}, odd_name_1=3,
            durations=[{"seconds": 1}, {"nanos": 1000000}],
        )  # fmt: skip
        http = expand(methods["DoubleStar"], message)
        assert http.query == [
            ("count", "1"), ("flag", "true"),
            ("kind", "KIND_ONE"), ("data", "//4="), ("real", "0.1"), ("single", "0.1"),
            ("maybe", "0"), ("texts", "a"), ("texts", "b"), ("kinds", "KIND_ONE"), ("kinds", "KIND_TWO"),
            ("kinds", "9"), ("numbers", "3"), ("blobs", "YQ=="),
            ("child.name", "c"), ("child.tags", "t"), ("child.tags", "u"),
            ("child.child.number", "5"), ("time", "1970-01-01T00:00:01.000000005Z"), ("duration", "2s"),
            ("mask", "a.bC,d"), ("wrapped", "0"), ("wrappedFlag", "true"), ("wrappedText", ""), ("itsOwnName", "3"),
            ("durations", "1s"), ("durations", "0.001s"),
        ]  # fmt: skip

    @pytest.mark.parametrize("field", [{"labels": {"a": "b"}}, {"struct": {"a": 1}}, {"children": [{}]}])
    def test_what_no_query_can_hold_is_refused(self, methods: Any, rules: Any, field: Any) -> None:
        with pytest.raises(SpecInvalid, match="cannot be sent as a query parameter"):
            expand(methods["DoubleStar"], rules.Everything(name="n", **field))

    @pytest.mark.parametrize("name", ["", "shelves/", "shelves/a/b", "shelves/..", "shelves/.", "boxes/1"])
    def test_a_name_that_does_not_fit_is_refused(self, methods: Any, rules: Any, name: str) -> None:
        with pytest.raises(SpecInvalid) as refusal:
            expand(methods["Delete"], rules.Everything(name=name))
        assert refusal.value.violations.field_violations[0].field == "name"

    def test_a_verb_of_its_own(self, methods: Any, rules: Any) -> None:
        assert wire(methods, "Custom", rules.Everything(name="n"))[:2] == ("HEAD", "/v1/heads/n")

    def test_a_method_without_a_rule_is_refused(self, methods: Any, rules: Any) -> None:
        with pytest.raises(Unimplemented, match=r"Rules/Unbound has no google\.api\.http"):
            expand(methods["Unbound"], rules.Everything())


class TestMatch:
    def test_both_spellings_and_system_parameters(self, router: Router, rules: Any) -> None:
        query = [("wrapped_text", "x"), ("itsOwnName", "4"), ("odd_name_1", "4"), ("$alt", "json;enum-encoding=int")]
        with pytest.raises(InvalidArgument):  # one field under both of its spellings
            router.match("GET", "/v1/files/a", query, b"")
        found = router.match("GET", "/v1/files/a", [query[0], query[1], query[3], ("prettyPrint", "false")], b"")
        assert found.message == rules.Everything(name="a", wrapped_text={"value": "x"}, odd_name_1=4)

    def test_path_wins_over_body(self, router: Router, rules: Any) -> None:
        found = router.match("PATCH", "/v1/things/1", [], b'{"name": "things/2", "number": 3}')
        assert found.message == rules.Everything(child={"name": "things/1", "number": 3})
        assert found.method.name == "Update"
        assert found.api_version == "v1"

    def test_no_body_reads_as_nothing_set(self, router: Router, rules: Any) -> None:
        assert router.match("POST", "/v1/roots/1:open", [], b"").message == rules.Everything(name="roots/1")

    @pytest.mark.parametrize(
        ("verb", "path", "query", "body", "error"),
        [
            ("GET", "/v1/nothing/here/at/all", [], b"", NotFound),
            ("POST", "/v1/shelves/1", [], b"", Unimplemented),
            ("GET", "/v1/files/a", [("nope", "1")], b"", InvalidArgument),
            ("GET", "/v1/files/a", [("count", "x")], b"", InvalidArgument),
            ("GET", "/v1/files/a", [("flag", "yes")], b"", InvalidArgument),
            ("GET", "/v1/files/a", [("count", "1"), ("count", "2")], b"", InvalidArgument),
            ("GET", "/v1/files/a", [("name", "b")], b"", InvalidArgument),
            ("GET", "/v1/files/a", [("child", "b")], b"", InvalidArgument),
            ("GET", "/v1/files/a", [("labels.a", "b")], b"", InvalidArgument),
            ("GET", "/v1/files/a", [], b'{"count": 1}', InvalidArgument),
            ("GET", "/v1/typed/x/true/KIND_ONE/n", [], b"", InvalidArgument),
            ("POST", "/v1/plain", [("text", "a")], b"{}", InvalidArgument),
            ("POST", "/v1/plain", [], b"{", InvalidArgument),
            ("POST", "/v1/plain", [], b"\xff", InvalidArgument),
            ("POST", "/v1/plain", [], b"[" * 100_000, InvalidArgument),
            ("PUT", "/v1/scalar/n", [], b'"a", "count": 1', InvalidArgument),
        ],
    )
    def test_what_is_refused(self, router: Router, verb: str, path: str, query: Any, body: bytes, error: Any) -> None:
        with pytest.raises(error):
            router.match(verb, path, query, body)

    def test_another_verb_is_405(self, router: Router) -> None:
        with pytest.raises(Unimplemented) as refusal:
            router.match("POST", "/v1/shelves/1", [], b"")
        assert refusal.value.http_status == 405


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SEGMENT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1, max_size=8).filter(
    lambda s: s not in (".", "..")
)
INT64 = st.integers(-(2**63), 2**63 - 1)
CHILD = st.fixed_dictionaries({"name": SEGMENT}, optional={"number": INT64, "tags": st.lists(TEXT, max_size=3)})
QUERY_FIELDS = {
    "count": INT64,
    "flag": st.booleans(),
    "kind": st.integers(0, 4),
    "text": TEXT,
    "data": st.binary(max_size=5),
    "real": st.floats(allow_nan=False),
    "single": st.floats(-(2.0**127), 2.0**127, width=32),  # json_format refuses the largest ones as numbers
    "maybe": st.integers(-5, 5),
    "texts": st.lists(TEXT, max_size=3),
    "kinds": st.lists(st.integers(0, 4), max_size=3),
    "numbers": st.lists(INT64, max_size=3),
    "blobs": st.lists(st.binary(max_size=3), max_size=3),
    "child": CHILD,
    "time": st.fixed_dictionaries(
        {"seconds": st.integers(-62135596800, 253402300799), "nanos": st.integers(0, 999999999)}
    ),
    "duration": st.fixed_dictionaries({"seconds": st.integers(0, 315576000000), "nanos": st.integers(0, 999999999)}),
    "wrapped": st.fixed_dictionaries({"value": INT64}),
    "wrapped_flag": st.fixed_dictionaries({"value": st.booleans()}),
    "wrapped_text": st.fixed_dictionaries({"value": TEXT}),
    "odd_name_1": st.integers(0, 2**32 - 1),
}
BODY_FIELDS = {"labels": st.dictionaries(TEXT, TEXT, max_size=3), "children": st.lists(CHILD, max_size=2)}


def fields(*names: str, also: dict[str, Any] | None = None, **fixed: Any) -> Any:
    return st.fixed_dictionaries(
        fixed, optional={n: s for n, s in {**QUERY_FIELDS, **(also or {})}.items() if n not in names}
    )


NAMED = {
    "Bindings": fields(
        name=SEGMENT.map("shelves/{}".format)
        | st.tuples(SEGMENT, SEGMENT).map(lambda p: "shelves/{}/books/{}".format(*p))
    ),
    "DoubleStar": fields(name=st.lists(SEGMENT, min_size=1, max_size=3).map("/".join)),
    "Rooted": fields(
        name=st.lists(SEGMENT, min_size=1, max_size=3).map(lambda p: "/".join(["roots", *p])), also=BODY_FIELDS
    ),
    "Update": fields("child", child=CHILD.map(lambda c: {**c, "name": "things/" + c["name"]})),
    "Typed": fields(
        "count", "flag", "kind", "child", count=INT64, flag=st.booleans(), kind=st.integers(0, 4), child=CHILD
    ),
    "ScalarBody": fields(name=SEGMENT),
    "RepeatedBody": fields(name=SEGMENT, also={"children": BODY_FIELDS["children"]}),
    "MapBody": fields(name=SEGMENT, also={"labels": BODY_FIELDS["labels"]}),
    "ResponseBody": fields(name=SEGMENT),
    "Delete": fields(name=SEGMENT.map("shelves/{}".format)),
    "Custom": fields(name=SEGMENT),
    "Plain": fields(name=TEXT, also=BODY_FIELDS),
}


@pytest.mark.parametrize("name", NAMED)
@settings(max_examples=150)
@given(data=st.data())
def test_matching_what_was_expanded_gives_back_method_and_message(
    data: Any, name: str, methods: Any, router: Router, rules: Any
) -> None:
    message = rules.Everything(**data.draw(NAMED[name]))
    http = expand(methods[name], message)
    found = router.match(http.verb, http.path, http.query, http.body or b"")
    assert found.method is methods[name]
    assert found.message.SerializeToString(deterministic=True) == message.SerializeToString(deterministic=True)


@settings(max_examples=150)
@given(st.builds(dict, text=TEXT, count=INT64, child=CHILD, children=st.lists(CHILD, max_size=3)))
@pytest.mark.parametrize("name", ["ResponseBody", "ResponseList", "Plain"])
def test_an_answer_is_read_as_it_was_written(name: str, methods: Any, rules: Any, fields: Any) -> None:
    binding = methods[name].bindings[0]
    answer = rules.Everything(**fields)
    read = http_rule.read_answer(binding, http_rule.write_answer(binding, answer), rules.Everything)
    kept = (
        answer
        if not binding.response_body
        else rules.Everything(**{binding.response_body: fields[binding.response_body]})
    )
    assert read == kept


@pytest.mark.parametrize("body", [b'"text"', b"[]", b'["a"]', b" 1", b"null", b"x"])
def test_an_answer_that_is_no_object_is_not_read_as_an_empty_one(methods: Any, rules: Any, body: bytes) -> None:
    with pytest.raises(JsonError):
        http_rule.read_answer(methods["Plain"].bindings[0], body, rules.Everything)


def test_a_method_is_found_by_the_name_a_stub_calls_it(rules: Any) -> None:
    assert find_method(f"/{SERVICE}/Update").name == "Update"
    with pytest.raises(KeyError):
        find_method(f"/{SERVICE}/Missing")
