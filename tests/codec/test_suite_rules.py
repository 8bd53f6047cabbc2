"""Where json_format fails protobuf's conformance suite, the suite's word goes before; docs/json.md has the list."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import json_format

import gemtune
from tests.support.json_format_oracle import by_json_format
from tests.support.message_types import kind

pytestmark = pytest.mark.usefixtures("either_way")

WELL_KNOWN, SCALARS, TREE = kind("kinds3.WellKnown"), kind("kinds3.Scalars"), kind("kinds3.Tree")


@pytest.mark.parametrize("lenient", [False, True], ids=["strict", "lenient"])
@pytest.mark.parametrize(
    ("message_type", "text", "place"),
    [
        (SCALARS, '{"an_int32":1,"anInt32":1}', "anInt32"),
        (SCALARS, '{"anInt32":null,"an_int32":1}', "anInt32"),
        (TREE, '{"moreTrees":[{},{"left_tree":{},"leftTree":{}}]}', "moreTrees[1].leftTree"),
        (TREE, '{"namedTrees":{"a":{"left_tree":{},"leftTree":{}}}}', "namedTrees.a.leftTree"),
    ],
)
def test_a_field_under_both_of_its_names_is_refused(message_type: Any, text: str, place: str, lenient: bool) -> None:
    assert not by_json_format(text, message_type, lenient=lenient).is_refusal
    with pytest.raises(gemtune.JsonError) as caught:
        gemtune.from_json(text, message_type, ignore_unknown_fields=lenient)
    name = place.rpartition(".")[2]
    assert str(caught.value) == f"{place} is given twice, under both of its names; write {name} once"


# A message holds the field; in it a container takes two levels, a Value and what that holds, but the outermost Struct
# or ListValue one; what is in the innermost is a Value again. 100 levels are as many as any other messages may have.
@pytest.mark.parametrize(
    ("name", "opening", "closing", "deepest"),
    [
        ("aValue", '{"n":', "}", 49),
        ("aValue", "[", "]", 49),
        ("aStruct", '{"n":', "}", 49),
        ("aList", "[", "]", 50),
    ],
)
def test_structs_values_and_lists_nest_as_deep_as_other_messages(
    name: str, opening: str, closing: str, deepest: int
) -> None:
    inner = "1" if opening != "[" else ""
    for depth in (deepest, deepest + 1, 200):
        text = f'{{"{name}":{opening * depth}{inner}{closing * depth}}}'
        try:
            message = gemtune.from_json(text, WELL_KNOWN)
        except gemtune.JsonError:
            message = None
        assert (message is None) == (depth > deepest), (name, depth)
        if message is not None:  # compared without bytes: protobuf 6 in pure Python would write them for ever
            assert message == json_format.Parse(text, WELL_KNOWN())
