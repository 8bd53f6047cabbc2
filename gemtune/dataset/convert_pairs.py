"""A row with two answers, of which one is better, as a Gemini row of preference tuning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gemtune.dataset.conversion import Changes, ConversionError, Fields
from gemtune.dataset.convert_messages import Conversation
from gemtune.dataset.convert_shapes import Row, instructed, make_row
from gemtune.dataset.convert_tools import tools_of

__all__ = ["openai_row", "trl_row"]


def trl_row(row: Fields, changes: Changes) -> Row:
    """Two texts that answer a prompt, or two conversations that differ in their last message."""
    chosen, rejected = (_as_list(row.take(key)) for key in ("chosen", "rejected"))
    before = _prompt(row)
    system = row.take("system")
    if isinstance(chosen, list) and isinstance(rejected, list):
        before = _common(before, chosen, rejected)
        chosen, rejected = chosen[-1:], rejected[-1:]
    elif before is None:
        raise ConversionError("there is no prompt, and a conversation as one text cannot be told apart from its answer")
    return _pair(before, (("chosen", chosen), ("rejected", rejected)), row, changes, system=system)


def _as_list(said: Any) -> Any:
    """One message as a list of it; what else it is, as it is."""
    return [said] if isinstance(said, Mapping) else said


def _prompt(row: Fields) -> Any:
    """What both answers answer: text, messages, or None where the answers hold it."""
    if row.has("prompt"):
        return row.take("prompt")
    if row.has("conversations"):
        return row.take("conversations")
    if row.has("question"):
        return row.take("question")
    return instructed(row) if row.has("instruction") else None


def _common(prompt: Any, chosen: list[Any], rejected: list[Any]) -> Any:
    """The messages before the last one, which both have in common."""
    if not chosen or not rejected or chosen[:-1] != rejected[:-1]:
        raise ConversionError(
            "chosen and rejected differ in more than their last message, and a Gemini row has one prompt"
        )
    before = chosen[:-1]
    if not before:
        if prompt is None:
            raise ConversionError("there is no prompt, neither as such nor in chosen and rejected")
        return prompt
    if prompt is None or prompt == before:
        return before
    # Some sets repeat the first message of the user beside the conversations.
    said = [m.get("content", m.get("value")) for m in before if isinstance(m, Mapping) and m.get("role") != "system"]
    if isinstance(prompt, str) and prompt in said[:1]:
        return before
    raise ConversionError("prompt and the messages before the last of chosen are not the same")


def openai_row(row: Fields, changes: Changes) -> Row:
    """An input of messages and tools, and two outputs of one message."""
    given = Fields(row.take("input"), "input")
    answers = tuple((key, row.items(key)) for key in ("preferred_output", "non_preferred_output"))
    made = _pair(given.items("messages"), answers, given, changes, where="input.messages")
    given.drop_rest(changes)
    return made


def _pair(
    before: Any,
    answers: tuple[tuple[str, Any], ...],
    fields: Fields,
    changes: Changes,
    *,
    system: Any = None,
    where: str = "prompt",
) -> Row:
    """A row of preference tuning: what both answer, and the answers with 1 for the better one and 0 for the other."""
    conversation = Conversation(changes)
    conversation.instruct(system, "system")
    if isinstance(before, list):
        conversation.messages(before, where)
    else:
        conversation.say("user", before, where)
    conversation.end("user", where)
    completions: list[dict[str, Any]] = []
    for score, (key, said) in zip((1, 0), answers, strict=True):
        answer = Conversation(changes)
        answer.say("user", "?", where)  # so that the answer may stand there
        if isinstance(said, list):
            if len(said) != 1:
                raise ConversionError(f"{key} has {len(said)} messages, and an answer is one")
            answer.messages(said, key)
        else:
            answer.say("model", said, key)
        answer.end("model", key)
        completions.append({"score": score, "completion": answer.contents[-1]})
    _refuse_media(conversation)
    tools = tools_of(fields.take("tools"), None, changes)
    return make_row(conversation, tools, completions=completions)


def _refuse_media(conversation: Conversation) -> None:
    parts = [part for turn in conversation.contents for part in turn["parts"]]
    if any("fileData" in part or "inlineData" in part for part in parts):
        raise ConversionError("the prompt holds media, and preference tuning takes text alone")
