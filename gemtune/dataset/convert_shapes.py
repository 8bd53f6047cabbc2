"""A row of each form with one answer as a Gemini row of supervised tuning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from gemtune.dataset import shapes
from gemtune.dataset.conversion import Changes, ConversionError, Fields, kind_of
from gemtune.dataset.convert_messages import Conversation
from gemtune.dataset.convert_parts import parts_of
from gemtune.dataset.convert_tools import tools_of

__all__ = ["CONVERTERS", "Row", "gemini_row", "instructed", "make_row"]

Row = dict[str, Any]


def make_row(conversation: Conversation, tools: list[dict[str, Any]] | None = None, **more: Any) -> Row:
    """A row in the order in which Google's own have their fields."""
    row: Row = {"systemInstruction": {"parts": conversation.system}} if conversation.system else {}
    row["contents"] = conversation.contents
    if tools:
        row["tools"] = tools
    return row | more


# -- Gemini's own form ---------------------------------------------------------------------------------------------


def gemini_row(row: Mapping[str, Any], changes: Changes) -> Row:
    """A Gemini row as it is, but for what was copied into it from OpenAI's form: parts with a `type`, and tools.

    Raises:
        ConversionError: What was copied has no form in a Gemini row.
    """
    made = dict(row)
    for key in ("systemInstruction", "system_instruction"):
        if key in row:
            made[key] = _own_parts(row[key], key, changes)
    if isinstance(row["contents"], list):
        made["contents"] = [_own_parts(turn, f"contents[{i}]", changes) for i, turn in enumerate(row["contents"])]
    tools = row.get("tools")
    if isinstance(tools, list) and any(isinstance(tool, Mapping) and "type" in tool for tool in tools):
        changes.change("tools of OpenAI's form in a Gemini row")
        made["tools"] = tools_of(tools, None, changes)
    return made


def _own_parts(turn: Any, where: str, changes: Changes) -> Any:
    parts = turn.get("parts") if isinstance(turn, Mapping) else None
    if not isinstance(parts, list) or not any(isinstance(part, Mapping) and "type" in part for part in parts):
        return turn
    changes.change("parts of OpenAI's form in a Gemini row")
    made = [
        parts_of([part], f"{where}.parts", changes)[0] if isinstance(part, Mapping) and "type" in part else part
        for part in parts
    ]
    return {**turn, "parts": made}


# -- one answer ---------------------------------------------------------------------------------------------------


def _conversation(key: str) -> Callable[[Fields, Changes], Row]:
    """OpenAI's `messages` and ShareGPT's `conversations`: a list of messages, with the tools beside it."""

    def convert(row: Fields, changes: Changes) -> Row:
        conversation = Conversation(changes)
        conversation.instruct(row.take("system"), "system")
        conversation.messages(row.items(key), key)
        conversation.end("model", key)
        return make_row(conversation, tools_of(row.take("tools"), row.take("functions"), changes))

    return convert


def _question_answer(question: str, answer: str) -> Callable[[Fields, Changes], Row]:
    """Two texts."""

    def convert(row: Fields, changes: Changes) -> Row:
        conversation = Conversation(changes)
        conversation.instruct(row.take("system"), "system")
        conversation.say("user", row.text(question), question)
        conversation.say("model", row.text(answer), answer)
        return make_row(conversation)

    return convert


def _prompt_completion(row: Fields, changes: Changes) -> Row:
    """Texts, or TRL's lists of messages."""
    label = row.take("label")
    if label is not None:
        if label in (False, 0):
            raise ConversionError("label is false, so completion is an answer that is not to be learnt")
        changes.drop("label")
    conversation = Conversation(changes)
    conversation.instruct(row.take("system"), "system")
    for key, role in (("prompt", "user"), ("completion", "model")):
        said = row.take(key)
        if isinstance(said, list):
            conversation.messages(said, key)
        else:
            conversation.say(role, said, key)
    conversation.end("model", "completion")
    return make_row(conversation, tools_of(row.take("tools"), None, changes))


def _alpaca(row: Fields, changes: Changes) -> Row:
    """The input goes below the instruction, with a blank line between; earlier turns come from `history`."""
    question = instructed(row)
    conversation = Conversation(changes)
    conversation.instruct(row.take("system"), "system")
    for i, turn in enumerate(row.items("history") if row.peek("history") else ()):
        if not isinstance(turn, list) or len(turn) != 2:
            raise ConversionError(f"history[{i}] is {kind_of(turn)}, not a pair of a question and an answer")
        conversation.say("user", turn[0], f"history[{i}][0]")
        conversation.say("model", turn[1], f"history[{i}][1]")
    conversation.say("user", question, "instruction")
    conversation.say("model", row.text("output", "response"), "output")
    return make_row(conversation)


def instructed(row: Fields) -> str:
    """An instruction with the input below it, a blank line between."""
    instruction = row.text("instruction")
    below = row.take("input", "context")
    if below is None or below == "":
        return instruction
    if not isinstance(below, str):
        raise ConversionError(f"input is {kind_of(below)}, not text")
    return f"{instruction}\n\n{below}" if below.strip() else instruction


def _yandex(row: Fields, changes: Changes) -> Row:
    conversation = Conversation(changes)
    conversation.messages(row.items("request"), "request")
    conversation.say("model", row.text("response"), "response")
    return make_row(conversation)


def _batch(row: Fields, changes: Changes) -> Row:
    """The request of a batch is a row, but for its answer: that is its last turn, or in the output of the batch."""
    request = Fields(row.take("request"), "request")
    contents = request.items("contents")
    if not all(isinstance(turn, Mapping) for turn in contents):
        raise ConversionError("request.contents holds something that is no turn")
    made: Row = {}
    for key, snake in (("systemInstruction", "system_instruction"), ("tools", "tools")):
        if (held := request.take(key, snake)) is not None:
            made[key] = held
    if request.take("cachedContent", "cached_content") is not None:
        raise ConversionError("request.cachedContent holds turns that are not in the row")
    _drop_settings(request, made, changes)
    answer = _candidate(row, changes)
    answered = str(contents[-1].get("role", "")).lower() == "model"
    if answer is None and not answered:
        raise ConversionError(
            "the row is a request for batch inference without its answer, so there is nothing to learn"
        )
    if answer is not None and answered:
        raise ConversionError("request.contents ends with the model, and the row has another answer in response")
    system = {"systemInstruction": made.pop("systemInstruction")} if "systemInstruction" in made else {}
    return {**system, "contents": contents if answer is None else [*contents, answer], **made}


def _drop_settings(request: Fields, made: Row, changes: Changes) -> None:
    """Of what a request asks beside its turns, a row has the resolution of media alone."""
    if isinstance(request.peek("generationConfig", "generation_config"), Mapping):
        config = Fields(request.take("generationConfig", "generation_config"), "request.generationConfig")
        if (resolution := config.take("mediaResolution", "media_resolution")) is not None:
            made["generationConfig"] = {"mediaResolution": resolution}
        config.drop_rest(changes)
    request.drop_rest(changes)


def _candidate(row: Fields, changes: Changes) -> Any:
    """The answer that a batch's output has beside the request; None: it has none."""
    response = row.take("response")
    if response is None:
        return None
    fields = Fields(response, "response")
    candidates = fields.items("candidates")
    for _ in candidates[1:]:
        changes.drop("response.candidates after the first")
    fields.drop_rest(changes)
    first = Fields(candidates[0], "response.candidates[0]")
    reason = first.take("finishReason")
    if reason not in (None, "STOP"):
        raise ConversionError(f"response.candidates[0] is no whole answer: its finishReason is {reason!r:.60}")
    content = first.take("content")
    if not isinstance(content, Mapping) or not content.get("parts"):
        raise ConversionError("response.candidates[0] has no content")
    first.drop_rest(changes)
    return {**content, "role": "model"}


CONVERTERS: Final[Mapping[shapes.Shape, Callable[[Fields, Changes], Row]]] = {
    shapes.OPENAI: _conversation("messages"),
    shapes.SHAREGPT: _conversation("conversations"),
    shapes.PROMPT_COMPLETION: _prompt_completion,
    shapes.PALM: _question_answer("input_text", "output_text"),
    shapes.AI_STUDIO: _question_answer("text_input", "output"),
    shapes.ALPACA: _alpaca,
    shapes.FLAT: _question_answer("user", "assistant"),
    shapes.YANDEX: _yandex,
    shapes.BATCH: _batch,
}
"""A form -> what makes a Gemini row of a row's fields, and takes those that it uses."""
