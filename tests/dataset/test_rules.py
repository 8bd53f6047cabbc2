"""Each rule: a row that breaks it, where, and how gravely; and rows that are fine."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gemtune.dataset.limits import Limits
from gemtune.dataset.parse import BadLineError
from gemtune.dataset.row import check_line
from gemtune.dataset.rules import rules

USER, MODEL = {"role": "user", "parts": [{"text": "a"}]}, {"role": "model", "parts": [{"text": "b"}]}


def turn(role: str | None, *parts: Any, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {} if role is None else {"role": role}
    return made | {"parts": [{"text": part} if isinstance(part, str) else part for part in parts]} | more


def row(*contents: Any, **more: Any) -> dict[str, Any]:
    return {"contents": list(contents)} | more


def file(uri: str = "gs://b/a.png", mime: str | None = "image/png", **more: Any) -> dict[str, Any]:
    return {"fileData": ({} if mime is None else {"mimeType": mime}) | {"fileUri": uri}} | more


def asks(*parts: Any) -> dict[str, Any]:
    return row(turn("user", *parts), MODEL)


def call(name: str = "f", **more: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": {}} | more}


def result(name: str = "f", **more: Any) -> dict[str, Any]:
    return {"functionResponse": {"name": name, "response": {"output": 1}} | more}


def preference(*completions: Any, contents: Any = None, **more: Any) -> dict[str, Any]:
    return {"contents": [USER] if contents is None else contents, "completions": list(completions)} | more


def answer(score: Any, text: Any = "c") -> dict[str, Any]:
    return {"score": score, "completion": {"role": "model", "parts": [{"text": text}]}}


TOOLS = [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}]
GOOD = json.dumps(row(USER, MODEL))

# code, severity, path, row or line; what else there may be comes from the rules about warnings.
SFT: list[tuple[str, str, str, Any]] = [
    ("GT101", "error", "", "{'contents': []}"),
    ("GT101", "error", "", '{"contents": [1,]}'),
    ("GT101", "error", "", GOOD[:-1] + ", }"),
    ("GT101", "error", "", GOOD.replace('"b"', "NaN")),
    ("GT101", "error", "", GOOD.replace('"b"', "-Infinity")),
    ("GT101", "error", "", GOOD[:-9]),
    ("GT101", "error", "", "hello"),
    ("GT101", "error", "", GOOD + " x"),
    ("GT101", "error", "", GOOD.replace('"b"', '"\\ud800"')),
    ("GT101", "error", "", '{"a":' * 500 + "1" + "}" * 500),
    ("GT102", "error", "", f"[{GOOD},{GOOD}]"),
    ("GT102", "error", "", "3"),
    ("GT102", "error", "", '"text"'),
    ("GT102", "error", "", "null"),
    ("GT102", "error", "", GOOD + GOOD),
    ("GT103", "error", "", GOOD.encode().replace(b'"b"', b'"\xe4"')),
    ("GT109", "warning", "/contents/0/role", GOOD.replace('"role": "user"', '"role": "user", "role": "user"')),
    ("GT109", "warning", "/contents", GOOD[:-1] + f', "contents": {json.dumps([USER, MODEL])}}}'),
    ("GT109", "warning", "/contents/1/parts/0/text", GOOD.replace('"text": "b"', '"text": "a", "text": "b"')),
    ("GT109", "warning", "/contents/1/parts/0/text", GOOD.replace('"text": "b"', '"text": "a", "\\u0074ext": "b"')),
    ("GT109", "warning", "/contents/1/parts/0/text", GOOD.replace('"text": "b"', '"text": "", "text": "b\\u0022\\u0022\\u0022\\u0022"')),
    ("GT109", "warning", "/system_instruction", row(USER, MODEL, systemInstruction=turn(None, "x"), system_instruction=turn(None, "y"))),
    ("GT201", "error", "", {"input_text": "a", "output_text": "b"}),
    ("GT202", "error", "", {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}),
    ("GT203", "error", "", {"prompt": "a", "completion": "b"}),
    ("GT204", "error", "", {"text_input": "a", "output": "b"}),
    ("GT205", "error", "", {"instruction": "a", "input": "", "output": "b"}),
    ("GT205", "error", "", {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}),
    ("GT205", "error", "", {"system": "s", "user": "a", "assistant": "b"}),
    ("GT206", "error", "", {"request": {"contents": [USER]}}),
    ("GT207", "error", "", {"content": [USER, MODEL]}),
    ("GT207", "error", "", {}),
    ("GT207", "error", "/contents", {"contents": "hello"}),
    ("GT207", "error", "", {"contents": None}),
    ("GT209", "warning", "/systemInstructions", row(USER, MODEL, systemInstructions=turn(None, "x"))),
    ("GT209", "warning", "/id", row(USER, MODEL, id=7)),
    ("GT210", "error", "", preference(answer(1), answer(0))),
    ("GT210", "error", "", row(USER, references={"a": "b"})),
    ("GT301", "error", "/contents/1/role", row(USER, turn("assistant", "b"))),
    ("GT301", "error", "/contents/1/role", row(USER, turn("bot", "b"))),
    ("GT301", "error", "/contents/2/role", row(USER, MODEL, turn("tool", "b"), MODEL)),
    ("GT301", "error", "/contents/0/role", row(turn(7, "a"), MODEL)),  # type: ignore[arg-type]
    ("GT302", "error", "/contents/0/role", row(turn("system", "s"), USER, MODEL)),
    ("GT302", "error", "/contents/0/role", row(turn("SYSTEM", "s"), USER, MODEL)),
    ("GT303", "warning", "/contents/0", row(turn(None, "a"), MODEL)),
    ("GT303", "warning", "/contents/1", row(USER, turn(None, "b"))),
    ("GT304", "error", "/contents/2/role", row(USER, MODEL, USER)),
    ("GT305", "error", "/contents/0/role", row(MODEL, USER, MODEL)),
    ("GT306", "error", "/contents/1/role", row(USER, USER, MODEL)),
    ("GT306", "error", "/contents/2/role", row(USER, MODEL, MODEL)),
    ("GT307", "error", "/contents", row(USER)),
    ("GT307", "error", "/contents", row(MODEL)),
    ("GT307", "error", "/contents", row(USER, USER)),
    ("GT308", "error", "/contents", row()),
    ("GT309", "warning", "/contents/0/role", row(turn("USER", "a"), MODEL)),
    ("GT309", "warning", "/contents/1/role", row(USER, turn("Model", "b"))),
    ("GT401", "error", "/contents/0", row({"role": "user", "content": "a"}, MODEL)),
    ("GT402", "error", "/contents/0", row({"role": "user"}, MODEL)),
    ("GT402", "error", "/contents/0/parts", row({"role": "user", "parts": []}, MODEL)),
    ("GT402", "error", "/contents/0/parts", row({"role": "user", "parts": "a"}, MODEL)),
    ("GT402", "error", "/contents/0/parts/0", row({"role": "user", "parts": ["a"]}, MODEL)),
    ("GT402", "warning", "/contents/0/parts", row({"role": "user", "parts": {"text": "a"}}, MODEL)),
    ("GT402", "error", "/contents/1", row(USER, "b")),
    ("GT403", "error", "/contents/1/parts/0", row(USER, turn("model", {}))),
    ("GT403", "error", "/contents/0/parts/0", asks({"text": "a"} | file())),
    ("GT403", "error", "/contents/0/parts/0", asks({"thought": False}, "a")),
    ("GT404", "error", "/contents/1/parts/0/text", row(USER, turn("model", {"text": 1}))),
    ("GT404", "error", "/contents/1/parts/0/text", row(USER, turn("model", {"text": {"a": 1}}))),
    ("GT404", "error", "/contents/1/parts/0/text", row(USER, turn("model", {"text": None}))),
    ("GT404", "error", "/contents/1/parts/0/text", row(USER, turn("model", {"text": ["a"]}))),
    ("GT405", "error", "/contents/1/parts/0/text", row(USER, turn("model", ""))),
    ("GT405", "error", "/contents/1/parts/0/text", row(USER, turn("model", " \n\t"))),
    ("GT405", "error", "/contents/0/parts/0/text", row(turn("user", "\u00a0"), MODEL)),
    ("GT405", "warning", "/contents/0/parts/1/text", asks("a", "")),
    ("GT406", "warning", "/contents/1/parts/0/text", row(USER, turn("model", "nan"))),
    ("GT406", "warning", "/contents/1/parts/0/text", row(USER, turn("model", " None "))),
    ("GT406", "warning", "/contents/0/parts/0/text", row(turn("user", "null"), MODEL)),
    ("GT408", "error", "/contents/0/parts/0/type", asks({"type": "text", "text": "a"})),
    ("GT408", "error", "/contents/0/parts/0/image_url", asks({"image_url": {"url": "x"}})),
    ("GT408", "error", "/contents/0/parts/0/txet", asks({"txet": "a"})),
    ("GT409", "warning", "/contents/0/parts/0", asks({"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}, "a")),
    ("GT410", "error", "/contents/1/parts/0", row(USER, turn("model", file()))),
    ("GT411", "warning", "/contents/1/parts/0/thought", row(USER, turn("model", {"text": "t", "thought": True}, "b"))),
    ("GT411", "warning", "/contents/1/parts/0/thought_signature", row(USER, turn("model", {"text": "t", "thought_signature": "aa=="}))),
    ("GT412", "error", "/systemInstruction", row(USER, MODEL, systemInstruction="s")),
    ("GT412", "error", "/system_instruction", row(USER, MODEL, system_instruction="s")),
    ("GT412", "error", "/systemInstruction", row(USER, MODEL, systemInstruction={})),
    ("GT412", "error", "/systemInstruction/parts/0", row(USER, MODEL, systemInstruction=turn(None, file()))),
    ("GT412", "error", "/systemInstruction/parts", row(USER, MODEL, systemInstruction={"parts": []})),
    ("GT501", "error", "/contents/0/parts/0/fileData/fileUri", asks(file("/home/me/a.png"))),
    ("GT501", "error", "/contents/0/parts/0/fileData/fileUri", asks(file("s3://b/a.png"))),
    ("GT501", "error", "/contents/0/parts/0/fileData", asks({"fileData": {"mimeType": "image/png"}})),
    ("GT502", "error", "/contents/0/parts/0/fileData/fileUri", asks(file("gs://image.png"))),
    ("GT502", "error", "/contents/0/parts/0/fileData/fileUri", asks(file("gs://bucket/"))),
    ("GT503", "error", "/contents/0/parts/0/fileData", asks(file(mime=None))),
    ("GT503", "error", "/contents/0/parts/0/fileData", asks(file(mime=""))),
    ("GT504", "warning", "/contents/0/parts/0/fileData/mimeType", asks(file("gs://b/a.jpg", "image/jpg"))),
    ("GT505", "warning", "/contents/0/parts/0/fileData", asks(file("gs://b/a.mp4"))),
    ("GT507", "error", "/contents", asks(*[file()] * 31)),
    ("GT507", "error", "/contents", asks(*[file("gs://b/a.mp4", "video/mp4")] * 2)),
    ("GT507", "error", "/contents", asks(*[file("gs://b/a.mp3", "audio/mpeg")] * 2)),
    ("GT507", "error", "/contents", asks(*[file("gs://b/a.pdf", "application/pdf")] * 5)),
    ("GT509", "error", "/contents/0/parts/0/mediaResolution", asks(file(mediaResolution={"level": "HUGE"}))),
    ("GT509", "error", "/contents/0/parts/0/mediaResolution", asks(file("gs://b/a.mp4", "video/mp4", mediaResolution={"level": "MEDIA_RESOLUTION_ULTRA_HIGH"}))),
    ("GT509", "error", "/generationConfig/mediaResolution", row(USER, MODEL, generationConfig={"mediaResolution": "LOW"})),
    ("GT510", "warning", "/contents/0/parts/0/videoMetadata", asks(file("gs://b/a.mp4", "video/mp4", videoMetadata={"startOffset": "9s", "endOffset": "1s"}))),
    ("GT510", "warning", "/contents/0/parts/0/videoMetadata/startOffset", asks(file("gs://b/a.mp4", "video/mp4", videoMetadata={"startOffset": "1:30"}))),
    ("GT510", "warning", "/contents/0/parts/0/videoMetadata", asks({"text": "a", "videoMetadata": {"startOffset": "1s"}})),
    ("GT512", "warning", "/contents/0/parts/0/fileData/fileUri", asks(file("https://drive.google.com/file/d/1/a.png"))),
    ("GT512", "warning", "/contents/0/parts/0/fileData/fileUri", asks(file("https://www.youtube.com/watch?v=1", "video/mp4"))),
    ("GT601", "warning", "/contents/1/parts/0/functionCall", row(USER, turn("model", call()))),
    ("GT601", "warning", "/contents/1/parts/0/functionCall", row(USER, turn("model", call("g")), tools=TOOLS)),
    ("GT602", "warning", "/contents/2/parts/0/functionResponse", row(USER, MODEL, turn("user", result()), MODEL, tools=TOOLS)),
    ("GT602", "warning", "/contents/2", row(USER, turn("model", call(), call()), turn("user", result()), MODEL, tools=TOOLS)),
    ("GT602", "warning", "/contents/2", row(USER, turn("model", call()), USER, MODEL, tools=TOOLS)),
    ("GT603", "error", "/contents/1/parts/0/functionCall/args", row(USER, turn("model", call(args='{"a": 1}')), tools=TOOLS)),
    ("GT604", "error", "/contents/2/parts/0/functionResponse/response", row(USER, turn("model", call()), turn("user", result(response="x")), MODEL, tools=TOOLS)),
    ("GT605", "error", "/tools/0", row(USER, MODEL, tools=[{"type": "function", "function": {"name": "f"}}])),
    ("GT606", "warning", "/tools/0/functionDeclarations/0/parameters/$defs", row(USER, MODEL, tools=[{"functionDeclarations": [{"name": "f", "parameters": {"$defs": {}}}]}])),
    ("GT606", "warning", "/tools/0/functionDeclarations/0/parameters/properties/a/examples", row(USER, MODEL, tools=[{"functionDeclarations": [{"name": "f", "parameters": {"properties": {"a": {"examples": []}}}}]}])),
    ("GT607", "warning", "/contents/1/parts/0", row(USER, turn("model", call()), tools=TOOLS)),
    ("GT608", "error", "/contents/0/parts/0", row(turn("user", call()), MODEL, tools=TOOLS)),
    ("GT608", "error", "/contents/1/parts/0", row(USER, turn("model", result()), tools=TOOLS)),
    ("GT701", "error", "", asks("word " * 200_000)),
    ("GT701", "warning", "", asks("word " * 105_000)),
]  # fmt: skip

PREFERENCE: list[tuple[str, str, str, Any]] = [
    ("GT210", "error", "", row(USER, MODEL)),
    ("GT901", "error", "/completions", preference(answer(1))),
    ("GT901", "error", "/completions", preference(answer(1), answer(0), answer(0))),
    ("GT901", "error", "/completions", {"contents": [USER], "completions": {"score": 1}}),
    ("GT902", "error", "/completions", preference(answer(1), answer(1, "d"))),
    ("GT902", "error", "/completions", preference(answer(0), answer(0, "d"))),
    ("GT902", "error", "/completions/1/score", preference(answer(1), answer(0.2, "d"))),
    ("GT902", "error", "/completions/0/score", preference(answer("1"), answer(0, "d"))),
    ("GT902", "error", "/completions/0/score", preference(answer(True), answer(0, "d"))),
    ("GT903", "error", "/contents/1/role", preference(answer(1), answer(0, "d"), contents=[USER, MODEL])),
    ("GT904", "error", "/completions/0/completion/parts/0/text", preference(answer(1, ""), answer(0, "d"))),
    ("GT904", "error", "/completions/0/completion/role", preference({"score": 1, "completion": turn("user", "c")}, answer(0, "d"))),
    ("GT904", "error", "/completions/0/completion", preference({"score": 1, "completion": "c"}, answer(0, "d"))),
    ("GT905", "error", "/contents/0/parts/0", preference(answer(1), answer(0, "d"), contents=[turn("user", file(), "a")])),
    ("GT906", "warning", "/completions", preference(answer(1), answer(0))),
    ("GT907", "error", "", {"prompt": "a", "chosen": "b", "rejected": "c"}),
    ("GT907", "error", "", {"input": {"messages": []}, "preferred_output": [], "non_preferred_output": []}),
    ("GT301", "error", "/contents/0/role", preference(answer(1), answer(0, "d"), contents=[turn("human", "a")])),
    ("GT412", "error", "/systemInstruction", preference(answer(1), answer(0, "d"), systemInstruction="s")),
]  # fmt: skip

REINFORCEMENT: list[tuple[str, str, str, Any]] = [
    ("GT903", "warning", "/contents/1/role", row(USER, MODEL, references={"a": "b"})),
    ("GT911", "error", "/references/answer", row(USER, references={"answer": 4})),
    ("GT911", "error", "/references", row(USER, references=["a"])),
    ("GT911", "warning", "", row(USER)),
    ("GT210", "error", "", preference(answer(1), answer(0, "d"))),
    ("GT208", "warning", "/contents", {"contents": USER, "references": {"a": "b"}}),
]


def problems(line: Any, job: str, base_model: str) -> list[tuple[str, str, str]]:
    data = line if isinstance(line, bytes) else (line if isinstance(line, str) else json.dumps(line)).encode()
    try:
        facts = check_line(data, Limits.of(base_model, job))
    except BadLineError as error:
        return [(error.code, "error", "")]
    return [(problem.code, problem.severity, problem.path) for problem in facts.problems]


@pytest.mark.parametrize(
    ("job", "code", "severity", "path", "line"),
    [
        (job, *case)
        for job, cases in (("sft", SFT), ("preference", PREFERENCE), ("reinforcement", REINFORCEMENT))
        for case in cases
    ],
)
def test_a_row_that_breaks_a_rule(job: str, code: str, severity: str, path: str, line: Any) -> None:
    found = problems(line, job, "gemini-3.5-flash")
    assert (code, severity, path) in found
    errors = {each[0] for each in found if each[1] == "error"}
    assert errors <= {code}, "an error brings no others with it"
    assert rules()[code].severity == "error" or severity == "warning"


@pytest.mark.parametrize(
    ("job", "line"),
    [
        ("sft", row(USER, MODEL)),
        ("sft", row(USER, MODEL, USER, MODEL)),
        ("sft", row(USER, MODEL, systemInstruction={"role": "system", "parts": [{"text": "s"}]})),
        ("sft", row(USER, MODEL, system_instruction={"role": "anything", "parts": [{"text": "s"}]})),
        ("sft", row(USER, MODEL, tools=[])),
        ("sft", row(turn("user", "{\"json\": \"[CODE]\"}"), MODEL)),
        ("sft", asks(file("https://example.org/a.png"), "what?")),
        ("sft", asks(file("gs://b/a b/ü.jpeg", "image/jpeg"), "what?")),
        ("sft", asks(file("gs://b/no-ending"), "what?")),
        ("sft", asks({"file_data": {"mime_type": "application/pdf", "file_uri": "gs://b/a.pdf"}}, "what?")),
        ("sft", asks(file("gs://b/a.mp4", "video/mp4", videoMetadata={"startOffset": "1.5s", "endOffset": "9s"}))),
        ("sft", row(turn("user", file()), MODEL, generationConfig={"mediaResolution": "MEDIA_RESOLUTION_LOW"})),
        ("sft", asks(file(mediaResolution={"level": "MEDIA_RESOLUTION_ULTRA_HIGH"}))),
        ("sft", "  " + GOOD + " \r"),
        ("sft", row(USER, MODEL, toolConfig={})),
        ("preference", preference(answer(1), answer(0.0, "d"))),
        ("preference", preference(answer(0), answer(1, "d"), contents=[USER, MODEL, USER])),
        ("reinforcement", row(USER, references={"answer": "4"})),
    ],
)  # fmt: skip
def test_a_row_that_is_fine(job: str, line: Any) -> None:
    assert problems(line, job, "gemini-3.5-flash") == []


def test_function_calls_as_google_documents_them() -> None:
    """Without a role on the results, and ending in a call: no finding on a model that takes them."""
    good = row(USER, turn("model", call(), call()), turn(None, result(), result()), MODEL, tools=TOOLS)
    assert problems(good, "sft", "gemini-2.0-flash-001") == []
    assert problems(row(USER, turn("model", call()), tools=TOOLS), "sft", "gemini-2.0-flash-001") == []


@pytest.mark.parametrize(
    ("base_model", "code", "line"),
    [
        ("gemini-1.0-pro-002", "GT506", asks(file())),
        ("gemini-2.0-flash-001", "GT506", asks(file("gs://b/a.mp4", "video/mp4"))),
        ("gemini-2.5-flash", "GT509", asks(file(mediaResolution={"level": "MEDIA_RESOLUTION_HIGH"}))),
    ],
)
def test_what_depends_on_the_model(base_model: str, code: str, line: Any) -> None:
    assert code in {each[0] for each in problems(line, "sft", base_model)}
    assert code not in {each[0] for each in problems(line, "sft", "gemini-3.5-flash")}


def test_open_models_take_messages() -> None:
    chat = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    assert problems(chat, "sft", "meta/llama3_1@llama-3.1-8b-instruct") == []
    assert problems({"prompt": "a", "completion": "b"}, "sft", "meta/llama3_1@llama-3.1-8b-instruct") == []
    assert (
        problems(
            {"messages": [{"role": "user", "content": "a"}, {"role": "model", "content": "b"}]},
            "sft",
            "gemini-1.0-pro-002",
        )
        == []
    )


def test_an_unknown_model_has_no_limits() -> None:
    assert problems(asks("word " * 900_000), "sft", "gemini-9-ultra") == []
