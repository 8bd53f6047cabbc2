"""One row: what kind it is, and what is wrong with it. This is the whole truth; fast.py only knows good rows."""

from __future__ import annotations

from typing import Any

from gemtune.dataset.contents import check_contents, check_system, check_turn
from gemtune.dataset.facts import Facts, SizeOf, Turn
from gemtune.dataset.fields import Fields, camel, spellings
from gemtune.dataset.functions import Calls, check_tools
from gemtune.dataset.limits import Limits
from gemtune.dataset.media_rules import check_resolution
from gemtune.dataset.parse import doubled_keys, parse, pointer
from gemtune.dataset.problem import shown
from gemtune.dataset.quick_tokens import FAR, quick_tokens
from gemtune.dataset.shapes import detect
from gemtune.dataset.tokens import text_range
from gemtune.specs.suggest import nearest

__all__ = ["LEFTOVERS", "check_line", "check_row", "leftovers_of"]

_ROW = spellings(
    "contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings", "labels",
    "completions", "references", "model", "cachedContent",
)  # fmt: skip
_COMPLETION = {"score": "score", "completion": "completion"}

LEFTOVERS = ("\n\n###\n\n", " END", " ")
"""What another product's file preparation puts at the end of a prompt, at the end of an answer, and before it."""


def check_line(line: bytes, limits: Limits, size_of: SizeOf | None = None) -> Facts:
    """Checks a line that is not blank.

    Raises:
        BadLineError: It holds no object.
    """
    return check_row(parse(line), limits, size_of)


def check_row(row: dict[str, Any], limits: Limits, size_of: SizeOf | None = None) -> Facts:
    """Checks a row.

    Args:
        row: The object of a line.
        limits: Of the base model and the kind of tuning.
        size_of: The sizes of files that rows name, where they can be seen.
    """
    facts = Facts(limits, size_of)
    for place in doubled_keys(row):
        facts.warn("GT109", place, "the key stands twice in its object")
    fields = camel(facts, row, _ROW, "")
    if fields.get("contents", ("", None))[1] is None:
        _without_contents(facts, row, limits)
        return facts
    _unknown_fields(facts, row)
    other = _other_kind(fields, limits)
    if other:
        facts.error("GT210", "", other)
        return facts
    _configuration(facts, fields)
    if "systemInstruction" in fields and fields["systemInstruction"][1] is not None:
        check_system(facts, fields["systemInstruction"][1], pointer(fields["systemInstruction"][0]))
    key, contents = fields["contents"]
    if limits.job != "sft":
        check_contents(facts, contents, pointer(key), ends="user")
    else:
        check_contents(facts, contents, pointer(key))
    tools = fields.get("tools", ("tools", None))
    check_tools(facts, tools[1], pointer(tools[0]), facts.called)
    if facts.calls and limits.calls_doubtful and not facts.failed:
        facts.warn(
            "GT607", facts.calls, f"the row has function calls, and {limits.base_model} is known to have refused them"
        )
    if limits.job == "preference":
        _completions(facts, *fields["completions"])
    elif limits.job == "reinforcement":
        facts.answers = 0
        _references(facts, fields)
    _length(facts)
    if not facts.failed and facts.turns and facts.answers == 1:
        facts.leftovers = leftovers_of(
            facts.turns[-2].parts[-1:] if len(facts.turns) > 1 else [], facts.turns[-1].parts[-1:]
        )
    return facts


def _unknown_fields(facts: Facts, row: dict[str, Any]) -> None:
    for key in row:
        if key not in _ROW:
            near = nearest(key, _ROW)
            facts.warn(
                "GT209", pointer(key), f"the field {shown(key)} is not known" + (f"; {near} is near" if near else "")
            )


def leftovers_of(prompt: list[str], answer: list[str]) -> frozenset[str]:
    """Which leftovers a prompt's and an answer's last text have."""
    found: list[str] = []
    if prompt and prompt[0].endswith(LEFTOVERS[0]):
        found.append(LEFTOVERS[0])
    if answer and answer[0].endswith(LEFTOVERS[1]):
        found.append(LEFTOVERS[1])
    if answer and answer[0].startswith(LEFTOVERS[2]):
        found.append(LEFTOVERS[2])
    return frozenset(found)


def _without_contents(facts: Facts, row: dict[str, Any], limits: Limits) -> None:
    shape = detect(row)
    if shape is None or not shape.code:
        near = next((nearest(key, ["contents"]) for key in row if nearest(key, ["contents"])), None)
        meant = next((key for key in row if nearest(key, ["contents"])), "") if near else ""
        found = f"the row has no contents; {shown(meant)} is near" if meant else "the row has no contents"
        facts.error("GT207", "", found + ("" if row else ": it is empty"))
        _unknown_fields(facts, row)
        return
    if _is_taken(shape.code, row, limits):
        _count_messages(facts, row)
        return
    facts.foreign = shape.id
    facts.error(shape.code, "", f"the row is in the form of {shape.name}, without contents")


def _is_taken(code: str, row: dict[str, Any], limits: Limits) -> bool:
    """Whether the base model takes a row of another form: open models do, and Gemini 1.0 some."""
    if limits.messages == "all":
        return code in ("GT202", "GT203")
    messages = row.get("messages")
    return (
        limits.messages == "model"
        and isinstance(messages, list)
        and all(isinstance(m, dict) and m.get("role") in ("system", "user", "model") for m in messages)
    )


def _count_messages(facts: Facts, row: dict[str, Any]) -> None:
    messages = row.get("messages")
    if not isinstance(messages, list):
        messages = [
            {"role": "user", "content": row.get("prompt")},
            {"role": "assistant", "content": row.get("completion")},
        ]
    for message in messages:
        if not isinstance(message, dict):
            facts.error("GT402", "/messages", "a message is not an object")
            return
        text = message.get("content")
        turn = Turn("model" if message.get("role") in ("assistant", "model") else "user")
        turn.parts = [text if isinstance(text, str) else shown(text, 10**9)]
        turn.tokens = quick_tokens(turn.parts[0])
        if message.get("role") == "system":
            turn.role, facts.system = "system", turn
        else:
            facts.turns.append(turn)


def _other_kind(fields: Fields, limits: Limits) -> str:
    has = {name for name in ("completions", "references") if fields.get(name, ("", None))[1] is not None}
    if limits.job == "preference":
        return "" if "completions" in has else "the row has no completions, so it is not for preference tuning"
    if "completions" in has:
        return "the row has completions, so it is for preference tuning"
    if limits.job == "sft" and "references" in has:
        return "the row has references, so it is for reinforcement tuning"
    return ""


def _configuration(facts: Facts, fields: Fields) -> None:
    key, value = fields.get("generationConfig", ("", None))
    if value is None:
        return
    if not isinstance(value, dict):
        facts.warn("GT209", pointer(key), f"{key} is {shown(value)} and not an object")
        return
    inner = camel(facts, value, {"media_resolution": "mediaResolution"}, pointer(key))
    name, level = inner.get("mediaResolution", ("", None))
    if level is not None:
        facts.resolution_path = pointer(key, name)
        facts.resolution = check_resolution(facts, level, facts.resolution_path)


def _completions(facts: Facts, key: str, value: Any) -> None:
    at = pointer(key)
    if not isinstance(value, list) or len(value) != 2:
        found = f"{key} has {len(value)}" if isinstance(value, list) else f"{key} is {shown(value)}"
        facts.error("GT901", at, f"{found} and not two answers")
        return
    facts.answers = 2
    scores: list[float] = []
    answers: list[Turn] = []
    for i, item in enumerate(value):
        place = f"{at}/{i}"
        if not isinstance(item, dict):
            facts.error("GT904", place, f"the completion is {shown(item)} and not an object")
            continue
        score = item.get("score")
        if isinstance(score, bool) or not isinstance(score, int | float) or score not in (0, 1):
            facts.error(
                "GT902", f"{place}/score" if "score" in item else place, f"the score is {shown(score)} and not 0 or 1"
            )
        else:
            scores.append(score)
        answer = _completion(facts, item.get("completion"), f"{place}/completion" if "completion" in item else place)
        if answer is not None:
            answers.append(answer)
    if len(scores) == 2 and scores[0] == scores[1]:
        facts.error("GT902", at, f"both scores are {scores[0]:g}")
    if len(answers) == 2 and answers[0].parts == answers[1].parts and not facts.failed:
        facts.warn("GT906", at, "the two completions are equal")
    facts.turns += answers


def _completion(facts: Facts, value: Any, at: str) -> Turn | None:
    if not isinstance(value, dict):
        facts.error("GT904", at, f"the completion is {shown(value)} and not one turn")
        return None
    role = value.get("role")
    if role is not None and role != "model":
        facts.error("GT904", at + "/role", f"the completion's role is {shown(role)} and not model")
    inner = Facts(facts.limits)
    check_turn(inner, {**value, "role": "model"}, at, "user", Calls(inner))
    structure = {"GT401", "GT402", "GT403", "GT404", "GT405"}
    for problem in inner.problems:
        if problem.severity == "error" and problem.code in structure:
            facts.error("GT904", problem.path, problem.found)
        elif problem.severity == "error":
            facts.error(problem.code, problem.path, problem.found)
        else:
            facts.warn(problem.code, problem.path, problem.found)
    turn = inner.turns[-1]
    turn.role = "model"
    facts.modalities |= inner.modalities
    return turn


def _references(facts: Facts, fields: Fields) -> None:
    key, value = fields.get("references", ("references", None))
    if value is None:
        facts.warn("GT911", "", "the row has no references")
        return
    if not isinstance(value, dict):
        facts.error("GT911", pointer(key), f"references is {shown(value)} and not an object")
        return
    for name, each in value.items():
        if not isinstance(each, str):
            facts.error("GT911", pointer(key, name), f"the reference {shown(name)} is {shown(each)} and not a text")
    facts.references = "\x1e" + "\x1d".join(f"{name}\x1c{each}" for name, each in sorted(value.items()))


def _length(facts: Facts) -> None:
    limits = facts.limits
    tokens = facts.input_tokens + facts.output_tokens
    if limits.tokens is None or tokens * FAR <= limits.tokens:
        return
    turns = facts.turns if facts.system is None else [facts.system, *facts.turns]
    # What is no text is in the sum alone; a row that is so long is long by its texts.
    counted = [text_range(part) for turn in turns for part in turn.parts]
    quick = sum(quick_tokens(part) for turn in turns for part in turn.parts)
    low, high = (tokens - quick + sum(each) for each in ([c.low for c in counted], [c.high for c in counted]))
    if low > limits.tokens:
        facts.error(
            "GT701",
            "",
            f"the row has {low:,} tokens or more (estimated), and {limits.base_model} takes {limits.tokens:,}",
        )
    elif high > limits.tokens:
        found = f"the row has {low:,} to {high:,} tokens (estimated), and {limits.base_model} takes {limits.tokens:,}"
        facts.warn("GT701", "", found)
