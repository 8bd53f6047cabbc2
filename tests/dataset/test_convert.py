"""Rows of other forms become Gemini rows, and nothing of them is lost in silence."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from gemtune.dataset.converting import Changes, ConversionError, ConvertReport, convert, convert_row
from gemtune.dataset.shapes import BATCH, GEMINI, GEMINI_PREFERENCE, OPENAI, SHAPES, detect

Row = dict[str, Any]


def user(*texts: str) -> Row:
    return {"role": "user", "parts": [{"text": text} for text in texts]}


def model(*texts: str) -> Row:
    return {"role": "model", "parts": [{"text": text} for text in texts]}


def system(*texts: str) -> Row:
    return {"parts": [{"text": text} for text in texts]}


def said(role: str, content: Any = None, **more: Any) -> Row:
    return {"role": role, "content": content, **more}


def call(name: str, arguments: Any = "{}", id_: str | None = None) -> Row:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


ASKED = said("user", "q")
ANSWERED = said("assistant", "a")

TEXTS: list[tuple[str, Row, Row]] = [
    (
        "openai",
        {"messages": [said("system", "s"), ASKED, ANSWERED, said("user", "r"), said("assistant", "b")]},
        {"systemInstruction": system("s"), "contents": [user("q"), model("a"), user("r"), model("b")]},
    ),
    (
        "several system messages are parts",
        {"messages": [said("system", "s"), said("developer", "t"), ASKED, ANSWERED]},
        {"systemInstruction": system("s", "t"), "contents": [user("q"), model("a")]},
    ),
    (
        "the role model, as for gemini-1.0",
        {"messages": [ASKED, said("model", "a")]},
        {"contents": [user("q"), model("a")]},
    ),
    (
        "content in parts",
        {"messages": [said("user", [{"type": "text", "text": "q"}, {"type": "text", "text": "r"}]), ANSWERED]},
        {"contents": [user("q", "r"), model("a")]},
    ),
    ("prompt and completion", {"prompt": "q", "completion": " a END"}, {"contents": [user("q"), model(" a END")]}),
    (
        "prompt and completion as messages",
        {"prompt": [said("system", "s"), ASKED], "completion": [ANSWERED]},
        {"systemInstruction": system("s"), "contents": [user("q"), model("a")]},
    ),
    ("palm", {"input_text": "q", "output_text": "a"}, {"contents": [user("q"), model("a")]}),
    ("ai studio", {"text_input": "q", "output": "a"}, {"contents": [user("q"), model("a")]}),
    ("alpaca", {"instruction": "q", "input": "i", "output": "a"}, {"contents": [user("q\n\ni"), model("a")]}),
    ("alpaca, no input", {"instruction": "q", "input": "", "output": "a"}, {"contents": [user("q"), model("a")]}),
    (
        "alpaca with history",
        {"instruction": "q", "output": "a", "system": "s", "history": [["x", "y"]]},
        {"systemInstruction": system("s"), "contents": [user("x"), model("y"), user("q"), model("a")]},
    ),
    ("dolly", {"instruction": "q", "context": "i", "response": "a"}, {"contents": [user("q\n\ni"), model("a")]}),
    (
        "sharegpt",
        {
            "conversations": [
                {"from": "system", "value": "s"},
                {"from": "human", "value": "q"},
                {"from": "gpt", "value": "a"},
            ]
        },
        {"systemInstruction": system("s"), "contents": [user("q"), model("a")]},
    ),
    (
        "sharegpt, system beside it",
        {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}], "system": "s", "tools": ""},
        {"systemInstruction": system("s"), "contents": [user("q"), model("a")]},
    ),
    (
        "flat",
        {"system": "s", "user": "q", "assistant": "a"},
        {"systemInstruction": system("s"), "contents": [user("q"), model("a")]},
    ),
    (
        "yandex",
        {"request": [{"role": "system", "text": "s"}, {"role": "user", "text": "q"}], "response": "a"},
        {"systemInstruction": system("s"), "contents": [user("q"), model("a")]},
    ),
    (
        "batch, answered in its contents",
        {"request": {"contents": [user("q"), model("a")], "system_instruction": system("s")}},
        {"systemInstruction": system("s"), "contents": [user("q"), model("a")]},
    ),
    (
        "batch, answered in its output",
        {
            "request": {"contents": [user("q")], "generationConfig": {"mediaResolution": "MEDIA_RESOLUTION_LOW"}},
            "response": {"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}]},
        },
        {"contents": [user("q"), model("a")], "generationConfig": {"mediaResolution": "MEDIA_RESOLUTION_LOW"}},
    ),
    ("gemini stays", {"contents": [user("q")], "odd": 1}, {"contents": [user("q")], "odd": 1}),
]

PAIR = [{"score": 1, "completion": model("a")}, {"score": 0, "completion": model("b")}]
REJECTED = said("assistant", "b")
ASKED_OF = {"contents": [user("q")], "completions": PAIR}
PAIRS: list[tuple[str, Row, Row]] = [
    ("trl", {"prompt": "q", "chosen": "a", "rejected": "b"}, ASKED_OF),
    ("trl, messages", {"prompt": [ASKED], "chosen": [ANSWERED], "rejected": [REJECTED]}, ASKED_OF),
    ("trl, implicit prompt", {"chosen": [ASKED, ANSWERED], "rejected": [ASKED, REJECTED]}, ASKED_OF),
    ("trl, prompt repeated", {"prompt": "q", "chosen": [ASKED, ANSWERED], "rejected": [ASKED, REJECTED]}, ASKED_OF),
    ("trl, prompt once", {"prompt": "q", "chosen": [ANSWERED], "rejected": [REJECTED]}, ASKED_OF),
    (
        "orca",
        {"system": "s", "question": "q", "chosen": "a", "rejected": "b"},
        {"systemInstruction": system("s"), **ASKED_OF},
    ),
    (
        "sharegpt pair",
        {
            "conversations": [{"from": "human", "value": "q"}],
            "chosen": {"from": "gpt", "value": "a"},
            "rejected": {"from": "gpt", "value": "b"},
        },
        ASKED_OF,
    ),
    (
        "openai",
        {
            "input": {"messages": [said("system", "s"), ASKED], "tools": []},
            "preferred_output": [ANSWERED],
            "non_preferred_output": [REJECTED],
        },
        {"systemInstruction": system("s"), **ASKED_OF},
    ),
]


@pytest.mark.parametrize(("row", "expected"), [case[1:] for case in TEXTS + PAIRS], ids=[c[0] for c in TEXTS + PAIRS])
def test_text_is_carried_over_and_nothing_is_lost(row: Row, expected: Row) -> None:
    before, changes = json.dumps(row), Changes()
    assert convert_row(row, changes=changes) == expected
    assert not changes.dropped
    assert json.dumps(row) == before


# -- media --------------------------------------------------------------------------------------------------------


def image(url: str, **more: Any) -> Row:
    return {"type": "image_url", "image_url": {"url": url, **more}}


@pytest.mark.parametrize(
    ("piece", "part"),
    [
        (image("gs://b/a.JPG"), {"fileData": {"mimeType": "image/jpeg", "fileUri": "gs://b/a.JPG"}}),
        (image("gs://b/a#1?.png"), {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/a#1?.png"}}),
        (image("https://h/a.png?v=1.2"), {"fileData": {"mimeType": "image/png", "fileUri": "https://h/a.png?v=1.2"}}),
        ({"type": "image_url", "image_url": "gs://b/a.webp"}, {"fileData": {"mimeType": "image/webp", "fileUri": "gs://b/a.webp"}}),
        (image("data:image/png;base64,QUJD", detail="auto"), {"inlineData": {"mimeType": "image/png", "data": "QUJD"}}),
        (image("data:image/svg+xml,%3Csvg%3E"), {"inlineData": {"mimeType": "image/svg+xml", "data": "PHN2Zz4="}}),
        ({"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}, {"inlineData": {"mimeType": "audio/wav", "data": "QUJD"}}),
        ({"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD"}}, {"inlineData": {"mimeType": "application/pdf", "data": "QUJD"}}),
    ],
)  # fmt: skip
def test_media_become_files_or_data(piece: Row, part: Row) -> None:
    changes = Changes()
    row = convert_row({"messages": [said("user", [piece, {"type": "text", "text": "q"}]), ANSWERED]}, changes=changes)
    assert row["contents"][0]["parts"] == [part, {"text": "q"}]
    assert not changes.dropped


# -- functions ----------------------------------------------------------------------------------------------------


def test_calls_and_results_become_parts_in_the_order_of_the_calls() -> None:
    changes = Changes()
    row = convert_row(
        {
            "messages": [
                ASKED,
                said("assistant", "", tool_calls=[call("f", '{"x": 1}', "1"), call("f", {"x": 2}, "2"), call("g", "", "3")]),
                said("tool", "two", tool_call_id="2"),
                said("tool", '{"y": [1]}', tool_call_id="1"),
                said("tool", [{"type": "text", "text": "[3]"}], tool_call_id="3", name="g"),
                ANSWERED,
            ]
        },
        changes=changes,
    )  # fmt: skip
    assert row["contents"][1:3] == [
        {
            "role": "model",
            "parts": [
                {"functionCall": {"name": "f", "args": {"x": 1}}},
                {"functionCall": {"name": "f", "args": {"x": 2}}},
                {"functionCall": {"name": "g", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "f", "response": {"y": [1]}}},
                {"functionResponse": {"name": "f", "response": {"output": "two"}}},
                {"functionResponse": {"name": "g", "response": {"output": "[3]"}}},
            ],
        },
    ]
    assert changes == Changes(changed=changes.changed)
    assert changes.changed == {'results of functions that are no object, as {"output": ...}': 2}


def test_a_row_may_end_with_calls() -> None:
    row = convert_row({"messages": [ASKED, said("assistant", "let me see", tool_calls=[call("f")])]})
    assert row["contents"][-1] == {
        "role": "model",
        "parts": [{"text": "let me see"}, {"functionCall": {"name": "f", "args": {}}}],
    }


def test_the_older_form_of_calls() -> None:
    row = convert_row(
        {
            "messages": [
                ASKED,
                said("assistant", None, function_call={"name": "f", "arguments": "{}"}),
                said("function", "r", name="f"),
                ANSWERED,
            ],
            "functions": [{"name": "f", "parameters": {"type": "object", "properties": {}}}],
        }
    )
    assert row["contents"][2]["parts"] == [{"functionResponse": {"name": "f", "response": {"output": "r"}}}]
    assert row["tools"] == [{"functionDeclarations": [{"name": "f"}]}]


def test_calls_of_sharegpt() -> None:
    turns = [
        ("human", "q"),
        ("function_call", '{"name": "f", "arguments": {"x": 1}}'),
        ("observation", "r"),
        ("gpt", "a"),
    ]
    tools = json.dumps([{"name": "f", "description": "d", "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}}}])  # fmt: skip
    row = convert_row({"conversations": [{"from": who, "value": what} for who, what in turns], "tools": tools})
    assert row["contents"][1]["parts"] == [{"functionCall": {"name": "f", "args": {"x": 1}}}]
    assert row["contents"][2]["parts"] == [{"functionResponse": {"name": "f", "response": {"output": "r"}}}]
    assert row["tools"][0]["functionDeclarations"][0]["parameters"]["properties"] == {"x": {"type": "INTEGER"}}


SCHEMAS: list[tuple[Any, Row, dict[str, int]]] = [
    ({"type": ["string", "null"]}, {"type": "STRING", "nullable": True}, {}),
    ({"type": ["string", "integer"]}, {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}]}, {}),
    ({"type": "odd", "examples": [1]}, {}, {"type": 1, "examples": 1}),
    ({"type": "array", "items": {"type": "number"}, "uniqueItems": True}, {"type": "ARRAY", "items": {"type": "NUMBER"}}, {"uniqueItems": 1}),
    ({"type": "array", "items": [{}]}, {"type": "ARRAY"}, {"items": 1}),
    ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"nullable": True, "type": "STRING"}, {}),
    ({"oneOf": [{"type": "string"}, {"type": "number"}]}, {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]}, {}),
    ({"allOf": [{"type": "string"}]}, {"type": "STRING"}, {}),
    ({"allOf": [{}, {}]}, {}, {"allOf": 1}),
    ({"type": "integer", "enum": [1, 2, None]}, {"type": "INTEGER", "enum": ["1", "2"], "nullable": True}, {}),
    ({"enum": [True]}, {}, {"enum": 1}),
    ({"const": "x"}, {"enum": ["x"]}, {}),
    ({"const": 1}, {}, {"const": 1}),
    ({"minimum": 0, "maximum": "9", "minLength": -1, "nullable": True}, {"minimum": 0, "nullable": True}, {"maximum": 1, "minLength": 1}),
    ({"$ref": "#/$defs/a"}, {"type": "STRING", "title": "A"}, {}),
    ({"$ref": "#/$defs/a", "title": "B"}, {"type": "STRING", "title": "B"}, {}),
    ({"$ref": "#/$defs/loop"}, {"type": "OBJECT", "properties": {"next": {}}}, {"$ref": 1}),
    ({"$ref": "http://h/s"}, {}, {"$ref": 1}),
    ({"$ref": 1}, {}, {"$ref": 1}),
    ({"additionalProperties": {"type": "string"}}, {"additionalProperties": {"type": "STRING"}}, {}),
    ({"properties": 1}, {}, {"properties": 1}),
    (True, {}, {}),
    (False, {}, {"a schema that is false": 1}),
    ({"required": ["a"], "anyOf": {}}, {"required": ["a"]}, {"anyOf": 1}),
    ({"oneOf": {}}, {}, {"oneOf": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "expected", "dropped"), SCHEMAS, ids=[json.dumps(case[0]) for case in SCHEMAS])
def test_schemas_are_said_in_gemini_s_words(schema: Any, expected: Row, dropped: dict[str, int]) -> None:
    defs = {
        "a": {"type": "string", "title": "A"},
        "loop": {"type": "object", "properties": {"next": {"$ref": "#/$defs/loop"}}},
    }
    parameters = {"type": "object", "properties": {"x": schema}, "$defs": defs, "additionalProperties": False}
    tool = {"type": "function", "function": {"name": "f", "strict": True, "parameters": parameters}}
    changes = Changes()
    row = convert_row({"messages": [ASKED, ANSWERED], "tools": [tool]}, changes=changes)
    assert row["tools"] == [
        {
            "functionDeclarations": [
                {
                    "name": "f",
                    "parameters": {"type": "OBJECT", "properties": {"x": expected}, "additionalProperties": False},
                }
            ]
        }
    ]
    assert changes.dropped.pop("tools[].function.strict") == 1
    assert changes.dropped == {f"{name} in a function's parameters": count for name, count in dropped.items()}


def test_tools_of_gemini_s_form_stay() -> None:
    tools = [{"functionDeclarations": [{"name": "f"}]}]
    assert convert_row({"messages": [ASKED, ANSWERED], "tools": tools})["tools"] == tools


def test_what_was_copied_from_openai_into_a_gemini_row_is_converted() -> None:
    parts = [{"type": "text", "text": "q"}, {"text": "r"}, image("gs://b/a.png")]
    row = {"contents": [{"role": "user", "parts": parts}, model("a")], "tools": [{"type": "function", "function": {"name": "f"}}]}  # fmt: skip
    changes = Changes()
    assert convert_row(row, changes=changes) == {
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "q"},
                    {"text": "r"},
                    {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/a.png"}},
                ],
            },
            model("a"),
        ],
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
    }
    assert sorted(changes.changed) == [
        "parts of OpenAI's form in a Gemini row",
        "tools of OpenAI's form in a Gemini row",
    ]
    for name in ("01-text", "wrong"):
        odd: Row = {"contents": name, "systemInstruction": name, "tools": name}
        assert convert_row(odd) == odd


def test_references_that_multiply_are_refused() -> None:
    defs = {f"a{i}": {"properties": {str(j): {"$ref": f"#/$defs/a{i + 1}"} for j in range(10)}} for i in range(9)}
    tool = {"function": {"name": "f", "parameters": {"$ref": "#/$defs/a0", "$defs": defs}}}
    with pytest.raises(ConversionError, match="too many or too deep"):
        convert_row({"messages": [ASKED, ANSWERED], "tools": [tool]})


# -- what is counted ----------------------------------------------------------------------------------------------


def test_what_has_no_place_is_counted_by_name() -> None:
    changes = Changes()
    convert_row(
        {
            "messages": [
                said("user", [image("gs://b/a.png", detail="high"), {"type": "text", "text": "q"}], name="ann"),
                said("assistant", "a", weight=0),
                said("user", "r", annotations=[], refusal=None),
                said("assistant", "b", weight=1),
            ],
            "id": 7,
            "metadata": {},
            "nothing": None,
        },
        changes=changes,
    )
    assert changes.dropped == {
        "id": 1,
        "metadata": 1,
        "messages[].content[].image_url.detail": 1,
        "messages[].name": 1,
        "messages[].annotations": 1,
        "messages[].weight = 0 (Gemini learns from every turn of the model)": 1,
    }
    assert not changes.changed


def test_other_answers_and_weights_are_counted() -> None:
    changes = Changes()
    answers = [{"content": model("a")}, {"content": model("b")}]
    convert_row({"request": {"contents": [user("q")]}, "response": {"candidates": answers}}, changes=changes)
    convert_row({"messages": [said("user", "q", weight=0), said("assistant", "a", weight=0.5)]}, changes=changes)
    convert_row({"messages": [ASKED, ANSWERED], "functions": [{"name": "f", "description": 1}]}, changes=changes)
    assert changes.dropped == {
        "response.candidates after the first": 1,
        "messages[].weight": 2,
        "functions[].description": 1,
    }


def test_a_result_that_only_looks_like_json_is_text() -> None:
    row = convert_row({"messages": [ASKED, said("assistant", tool_calls=[call("f")]), said("tool", "{x"), ANSWERED]})
    assert row["contents"][2]["parts"] == [{"functionResponse": {"name": "f", "response": {"output": "{x"}}}]


def test_turns_of_one_role_are_joined_where_that_is_certain() -> None:
    changes = Changes()
    row = convert_row({"messages": [ASKED, said("user", "r"), ANSWERED, said("assistant", None, tool_calls=[call("f")])]}, changes=changes)  # fmt: skip
    assert row["contents"] == [
        user("q", "r"),
        {"role": "model", "parts": [{"text": "a"}, {"functionCall": {"name": "f", "args": {}}}]},
    ]
    assert changes.changed == {"turns of one role in a row, joined as parts of one turn": 2}


# -- what cannot be converted -------------------------------------------------------------------------------------

REFUSED: list[tuple[Row, str]] = [
    ({}, "no known form; its keys are none"),
    ({"question": 1, "answer": 2}, "no known form; its keys are 'question', 'answer'"),
    ({"messages": []}, "messages is an empty list"),
    ({"messages": "q"}, "messages is text, not a list"),
    ({"messages": ["q"]}, r"messages\[0\] is text, not an object"),
    ({"messages": [{"content": "q"}]}, r"the role of messages\[0\] is missing"),
    ({"messages": [said("narrator", "q")]}, r"the role of messages\[0\] is 'narrator'"),
    ({"messages": [ASKED]}, "ends with the user, so there is no answer to learn"),
    ({"messages": [ANSWERED]}, "begins with a turn of the user"),
    ({"messages": [said("system", "s")]}, "messages has no turn"),
    ({"messages": [ASKED, said("system", "s"), ANSWERED]}, "system message between turns"),
    ({"messages": [said("user", " "), ANSWERED]}, r"messages\[0\].content has no text"),
    ({"messages": [said("user", 5), ANSWERED]}, r"messages\[0\].content is a number, not text"),
    ({"messages": [ASKED, said("assistant", None, refusal="no")]}, r"messages\[1\].content has no text"),
    ({"messages": [said("user", "q", name="ann"), said("user", "r", name="ben"), ANSWERED]}, "another speaker"),
    ({"messages": [said("user", [{"type": "video"}]), ANSWERED]}, "of type 'video', which has no form"),
    ({"messages": [said("user", [{}]), ANSWERED]}, "of no type"),
    ({"messages": [said("user", [image("ftp://h/a.png")]), ANSWERED]}, "none of gs://"),
    ({"messages": [said("user", [image("https://h/a")]), ANSWERED]}, "without an ending"),
    ({"messages": [said("user", [image("https://h/a.xyz")]), ANSWERED]}, "its ending '.xyz'"),
    ({"messages": [said("user", [image("https://[")]), ANSWERED]}, "cannot be read"),
    ({"messages": [said("user", [image("data:image/png;base64,?")]), ANSWERED]}, "not base64"),
    ({"messages": [said("user", [image("data:image/png;base64,")]), ANSWERED]}, "are empty"),
    ({"messages": [said("user", [image("data:,x")]), ANSWERED]}, "names no media type"),
    ({"messages": [said("user", [{"type": "image_url"}]), ANSWERED]}, "no URL of an image"),
    ({"messages": [said("user", [{"type": "file", "file": {"file_id": "x"}}]), ANSWERED]}, "a file that OpenAI has"),
    ({"messages": [ASKED, said("assistant", [image("gs://b/a.png")])]}, "media in a turn of the model"),
    ({"messages": [said("system", [image("gs://b/a.png")]), ASKED, ANSWERED]}, "only text can stand there"),
    ({"messages": [said("user", "q", tool_calls=[call("f")])]}, "only the model does"),
    ({"messages": [ASKED, said("assistant", tool_calls=[call("f", "{")])]}, "arguments is not JSON"),
    ({"messages": [ASKED, said("assistant", tool_calls=[call("f", '{"a":1,"a":2}')])]}, "'a' is there twice"),
    ({"messages": [ASKED, said("assistant", tool_calls=[call("f", "[1]")])]}, "arguments is a list, not an object"),
    ({"messages": [ASKED, said("assistant", tool_calls=[{"type": "custom"}])]}, "only functions can be called"),
    ({"messages": [ASKED, said("assistant", tool_calls=[call("f")]), ANSWERED]}, "has no result"),
    ({"messages": [ASKED, said("assistant", tool_calls=[call("f", "{}", "1"), call("g", "{}", "2")]), said("tool", "r", tool_call_id="1"), ANSWERED]}, "has no result"),
    ({"messages": [ASKED, said("assistant", tool_calls=[call("f"), call("g")]), said("tool", "r"), ANSWERED]}, "which of 2 function calls"),
    ({"messages": [ASKED, said("tool", "r", tool_call_id="1"), ANSWERED]}, "result of no function call"),
    ({"messages": [ASKED, said("assistant", tool_calls=[call("f", "{}", "1")]), said("tool", "r", tool_call_id="1"), said("user", "r"), ANSWERED]}, "has to answer that first"),
    ({"messages": [ASKED, said("assistant", tool_calls=[call("f", "{}", "1")]), said("tool", "r", tool_call_id="1", name="g"), ANSWERED]}, "the id of a call of 'f' and another name"),
    ({"messages": [ASKED, ANSWERED], "functions": [{"name": "f", "parameters": "{}"}]}, "parameters is text, not an object"),
    ({"messages": [said("user", [{"type": "input_audio", "input_audio": {"data": "QQ==", "format": "png"}}]), ANSWERED]}, "no known form of audio"),
    ({"request": {"contents": [user("q"), model("a")]}, "response": {"candidates": [{"content": model("b")}]}}, "another answer in response"),
    ({"messages": [ASKED, ANSWERED], "tools": [{"type": "web_search"}]}, "only functions can be declared"),
    ({"messages": [ASKED, ANSWERED], "tools": "{"}, "tools is not JSON"),
    ({"messages": [ASKED, ANSWERED], "tools": [{"function": {}}]}, "function.name is missing"),
    ({"prompt": "q", "completion": 1}, "completion is a number, not text"),
    ({"prompt": "q", "completion": None}, "completion has no text"),
    ({"prompt": "q", "completion": "a", "label": False}, "not to be learnt"),
    ({"input_text": "q", "output_text": ""}, "output_text has no text"),
    ({"instruction": "q", "output": "a", "history": [["x"]]}, "not a pair"),
    ({"instruction": "q", "output": "a", "history": 5}, "history is a number, not a list"),
    ({"request": {"contents": [user("q")]}}, "without its answer"),
    ({"request": {"contents": [user("q")]}, "response": {}}, "response.candidates is missing"),
    ({"request": {"contents": [user("q")]}, "response": {"candidates": [{"finishReason": "MAX_TOKENS"}]}}, "no whole answer"),
    ({"request": {"contents": [user("q")], "cachedContent": "c"}}, "turns that are not in the row"),
    ({"chosen": "Human: q Assistant: a", "rejected": "Human: q Assistant: b"}, "there is no prompt"),
    ({"chosen": [ASKED, ANSWERED], "rejected": [said("user", "r"), REJECTED]}, "more than their last message"),
    ({"prompt": "z", "chosen": [ASKED, ANSWERED], "rejected": [ASKED, REJECTED]}, "are not the same"),
    ({"prompt": "q", "chosen": "a", "rejected": ""}, "rejected has no text"),
    ({"prompt": [said("user", [image("gs://b/a.png")])], "chosen": "a", "rejected": "b"}, "preference tuning takes text alone"),
    ({"input": {"messages": [ASKED, ANSWERED]}, "preferred_output": [ANSWERED], "non_preferred_output": [REJECTED]}, "nothing to answer"),
    ({"input": {"messages": [ASKED]}, "preferred_output": [ANSWERED, ANSWERED], "non_preferred_output": [REJECTED]}, "an answer is one"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_what_cannot_be_said_is_refused_in_one_sentence(row: Row, reason: str) -> None:
    with pytest.raises(ConversionError, match=reason) as caught:
        convert_row(row)
    assert "\n" not in str(caught.value)


def test_a_form_that_is_named_is_not_guessed() -> None:
    with pytest.raises(ConversionError, match="messages is missing"):
        convert_row({"prompt": "q", "completion": "a"}, OPENAI)
    with pytest.raises(ConversionError, match="contents is missing"):
        convert_row({"prompt": "q", "completion": "a"}, GEMINI)


# -- files --------------------------------------------------------------------------------------------------------


def converted(lines: Iterable[bytes | str], **more: Any) -> tuple[list[Row], list[Row], ConvertReport]:
    out, rejects = io.BytesIO(), io.BytesIO()
    report = convert(lines, out, rejects, **more)
    rows, rejected = ([json.loads(line) for line in file.getvalue().splitlines()] for file in (out, rejects))
    assert (report.written, report.rejected) == (len(rows), len(rejected))
    return rows, rejected, report


def test_rejects_have_their_line_their_reason_and_their_very_text() -> None:
    out, rejects = io.BytesIO(), io.BytesIO()
    row = b'{"messages" :[1.50, "\\u00e9"]}'
    lines = [b'\xef\xbb\xbf{"prompt":"q","completion":"a"}\r\n', b"\n", row + b"\r\n", b"{'a'}\n", b"\xff\n", b"[1]"]
    report = convert(lines, out, rejects, file="x.jsonl")
    assert (report.written, report.rejected) == (1, 4)
    written = rejects.getvalue().splitlines()
    assert row in written[0]
    rejected = [json.loads(line) for line in written]
    assert [(r["file"], r["line"]) for r in rejected] == [("x.jsonl", n) for n in (3, 4, 5, 6)]
    assert rejected[1]["text"] == "{'a'}"
    assert rejected[2]["text"].encode("utf-8", "surrogateescape") == b"\xff"
    assert rejected[3]["reason"] == "the row is a list, not an object"
    assert [reject.line for reject in report.first_rejects] == [3, 4, 5, 6]


@pytest.mark.parametrize(
    "row",
    [
        '{"prompt": "q", "completion": NaN}',
        '{"prompt": "q", "completion": "a", "completion": "b"}',
        '{"prompt": "q", "completion": "\\ud800"}',
        '{"contents": 1e999}',
        '{"contents": ' + "[" * 300 + "]" * 300 + "}",
        json.dumps({"messages": [ASKED, said("assistant", tool_calls=[call("f", '{"a":' * 200 + "1" + "}" * 200)])]}),
        "{}" + "{}",
    ],
)
def test_no_row_comes_out_that_is_no_json(row: str) -> None:
    rows, rejected, _ = converted([row])
    assert (len(rows), len(rejected)) == (0, 1)
    assert "text" in rejected[0] or rejected[0]["row"] == json.loads(row)


def test_rows_of_several_forms_and_files_are_counted_together() -> None:
    rows, _, report = converted(['{"prompt": "q", "completion": "a", "id": 1}', json.dumps({"contents": [user("q")]})])
    assert len(rows) == 2
    out = io.BytesIO()
    again = convert(['{"user": "q", "assistant": "a", "id": 2}'], out, out, report=report)
    assert again is report
    assert report.forms == {"prompt-completion": 1, "gemini": 1, "flat": 1}
    assert report.changes.dropped == {"id": 2}


def test_names_that_are_counted_are_bounded() -> None:
    _, _, report = converted(json.dumps({"prompt": "q", "completion": "a", f"k{i}": 1}) for i in range(500))
    assert len(report.changes.dropped) == 201
    assert sum(report.changes.dropped.values()) == 500


def test_an_array_of_rows_is_read_element_by_element() -> None:
    row = {"instruction": 'a "b" ] , {', "input": "", "output": "x"}
    for text in (
        json.dumps([row, row, 5]),
        json.dumps([row, row, 5], indent=2),
        "[\n" + json.dumps(row) + "\n,\n" + json.dumps(row) + ",5]",
    ):
        rows, rejected, _ = converted(text.splitlines(keepends=True))
        assert [r["contents"][0]["parts"][0]["text"] for r in rows] == [row["instruction"]] * 2
        assert [r["reason"] for r in rejected] == ["the row is a number, not an object"]
    pretty = json.dumps([row, row, 5], indent=2).splitlines(keepends=True)
    _, rejected, _ = converted([*pretty, "\nmore\n"])
    assert [r["line"] for r in rejected] == [12, 14]
    assert converted(["[", "]"])[2] == ConvertReport()
    assert [r["line"] for r in converted(['[{"a":', '"b"'])[1]] == [1]


def test_only_one_row_is_held_at_a_time() -> None:
    out = io.BytesIO()

    def lines() -> Iterable[bytes]:
        for number in range(3):
            assert out.getvalue().count(b"\n") == number
            yield b'{"prompt": "q", "completion": "a"}\n'

    assert convert(lines(), out, io.BytesIO()).written == 3


# -- properties ---------------------------------------------------------------------------------------------------

KEYS = """messages prompt completion input_text output_text text_input output instruction input conversations system
user assistant request response chosen rejected preferred_output non_preferred_output contents completions role content
from value text parts type function name arguments tool_calls tool_call_id tools functions parameters properties items
image_url url function_call history candidates label weight $ref anyOf enum""".split()
WORDS = st.sampled_from(
    "user assistant system tool human gpt function function_call text image_url input_audio file object string model {} "
    "data:image/png;base64,QQ== gs://b/a.png #/properties {\"name\":\"f\"}".split()
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=12,
)
PIECE = st.dictionaries(
    st.sampled_from(["type", "text", "image_url", "input_audio", "file", "url", "data", "format", "detail"]), JSON
)
MESSAGE = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["system", "user", "assistant", "tool", "function_call"]),
        "content": st.text() | JSON | st.lists(PIECE, max_size=3),
    },
    optional={
        "tool_calls": st.lists(
            st.fixed_dictionaries({"function": st.fixed_dictionaries({"name": st.text(min_size=1), "arguments": JSON})})
        ),
        "name": st.text(),
        "weight": SCALARS,
    },
)
OBJECTS = (
    st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6)
    | st.fixed_dictionaries({"messages": st.lists(MESSAGE, max_size=6)}, optional={"tools": JSON, "functions": JSON})
    | st.fixed_dictionaries({"chosen": st.lists(MESSAGE) | JSON, "rejected": JSON}, optional={"prompt": JSON})
)


@given(OBJECTS, st.none() | st.sampled_from(list(SHAPES.values())))
@example({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}, None)
def test_any_object_becomes_a_sound_row_or_is_refused(row: Row, shape: Any) -> None:
    sound_or_refused(row, shape)


def sound_or_refused(row: Row, shape: Any = None) -> None:
    try:
        made = convert_row(row, shape)
    except ConversionError:
        return
    if (shape or detect(row)) in (GEMINI, GEMINI_PREFERENCE, BATCH):
        return
    last = "user" if "completions" in made else "model"
    roles = [turn["role"] for turn in made["contents"]]
    assert roles == ["user", "model"] * (len(roles) // 2) + ["user"] * (len(roles) % 2)
    assert roles[-1] == last
    turns = [*made["contents"], *(completion["completion"] for completion in made.get("completions", ()))]
    assert all(turn["parts"] for turn in turns)
    assert all(part["text"].strip() for turn in turns for part in turn["parts"] if "text" in part)
    assert [completion["score"] for completion in made.get("completions", [])] in ([], [1, 0])


@given(st.lists(st.binary(max_size=40) | OBJECTS.map(lambda row: json.dumps(row).encode()), max_size=6))
def test_any_lines_are_written_or_rejected(lines: list[bytes]) -> None:
    converted(lines)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


@st.composite
def conversations(draw: st.DrawFn) -> Row:
    """A row of OpenAI's in the form that `to_openai_row` writes."""
    messages: list[Row] = [said("system", text) for text in draw(st.lists(TEXT, max_size=1))]
    for _ in range(draw(st.integers(1, 3))):
        messages.append(said("user", draw(TEXT)))
        for _ in range(draw(st.integers(0, 1))):
            count = draw(st.integers(1, 3))
            arguments = draw(
                st.lists(
                    st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), SAFE),
                    min_size=count,
                    max_size=count,
                )
            )
            calls = [call(draw(st.sampled_from("fgh")), json.dumps(given), str(i)) for i, given in enumerate(arguments)]
            messages.append(said("assistant", draw(st.none() | TEXT), tool_calls=calls))
            results = draw(st.lists(TEXT.filter(lambda text: "{" not in text), min_size=count, max_size=count))
            messages += [said("tool", result, tool_call_id=str(i)) for i, result in enumerate(results)]
        messages.append(said("assistant", draw(TEXT)))
    return {"messages": messages}


SAFE = st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


def to_openai_row(row: Row) -> Row:
    """The way back, for rows that `convert_row` makes of OpenAI's text and functions."""
    messages = [said("system", part["text"]) for part in row.get("systemInstruction", {"parts": []})["parts"]]
    for turn in row["contents"]:
        parts = turn["parts"]
        texts = [part["text"] for part in parts if "text" in part]
        calls = [part["functionCall"] for part in parts if "functionCall" in part]
        results = [part["functionResponse"] for part in parts if "functionResponse" in part]
        if results:
            for i, result in enumerate(results):
                response = result["response"]
                content = response["output"] if [*response] == ["output"] else json.dumps(response)
                messages.append(said("tool", content, tool_call_id=str(i)))
            continue
        made = said("assistant" if turn["role"] == "model" else "user", "".join(texts) if texts else None)
        if calls:
            made["tool_calls"] = [call(c["name"], json.dumps(c["args"]), str(i)) for i, c in enumerate(calls)]
        messages.append(made)
    return {"messages": messages}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterable[tuple[Any, ...]]:
    """The places of all values inside of a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, held in items:
        yield (*path, key)
        yield from places(held, (*path, key))


def with_value(row: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    made = row.copy()
    made[path[0]] = with_value(row[path[0]], path[1:], value)
    return made


WRONG: list[Any] = [None, False, 0, "", "{}", [], ["x"], {}, [{}], [[]]]


@pytest.mark.parametrize("row", [case[1] for case in TEXTS + PAIRS] + [case[0] for case in REFUSED])
def test_a_wrong_value_in_any_place_is_taken_or_refused(row: Row) -> None:
    for path in places(row):
        for value in WRONG:
            sound_or_refused(with_value(row, path, value))


@given(conversations(), st.data())
def test_a_changed_row_becomes_a_sound_row_or_is_refused(row: Row, data: st.DataObject) -> None:
    messages = row["messages"]
    at = data.draw(st.integers(0, len(messages) - 1))
    match data.draw(st.sampled_from(["leave out", "again", "swap", "change"])):
        case "leave out":
            del messages[at]
        case "again":
            messages.insert(at, messages[at])
        case "swap":
            messages.append(messages.pop(at))
        case _:
            messages[at] = {**messages[at], data.draw(st.sampled_from([*messages[at]])): data.draw(JSON)}
    sound_or_refused(row)


@given(conversations())
def test_there_and_back_keeps_the_text(row: Row) -> None:
    rows, _, report = converted([json.dumps(row)])
    assert to_openai_row(rows[0]) == row
    assert not report.changes.dropped
