"""The rules about turns and parts of a row: roles, their order, texts."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

from gemtune.dataset import functions
from gemtune.dataset.facts import Facts, Turn, part_key
from gemtune.dataset.fields import DATA, PART, Fields, camel
from gemtune.dataset.media_rules import Part, check_media, check_resolution, check_video
from gemtune.dataset.parse import pointer
from gemtune.dataset.problem import shown
from gemtune.dataset.quick_tokens import quick_tokens
from gemtune.specs.suggest import nearest

__all__ = ["EMPTY_WORDS", "SHORT", "check_contents", "check_system", "check_turn"]

_TURN = {"role": "role", "parts": "parts"}

_ROLES = {"user": "user", "model": "model"}
_MEANT = {
    **dict.fromkeys(("assistant", "bot", "gpt", "ai", "chatbot"), "model"),
    **dict.fromkeys(("human", "tool", "function", "observation"), "user"),
}
_SYSTEM = frozenset(("system", "developer"))
EMPTY_WORDS = frozenset(("nan", "NaN", "NAN", "None", "none", "null", "NULL", "Null", "NaT", "<NA>", "undefined"))
SHORT = max(map(len, EMPTY_WORDS))
_ANY = "?"  # whose turn it is cannot be told: it goes with any neighbour


# -- turns ----------------------------------------------------------------------------------------------------------


def check_contents(facts: Facts, value: Any, at: str, *, ends: str = "model") -> None:
    """Checks the turns of a row.

    Args:
        facts: Of the row.
        value: What `contents` holds.
        at: Where that stands.
        ends: Whose turn the last one must be: `model`, or `user` where the answers stand elsewhere.
    """
    if isinstance(value, dict):
        facts.warn("GT208", at, "contents is one object")
        turns, paths = [value], [at]
    elif not isinstance(value, list):
        facts.error("GT207", at, f"contents is {shown(value)} and not a list of turns")
        return
    elif not value:
        facts.error("GT308", at, "contents has no turn")
        return
    else:
        turns, paths = value, [f"{at}/{i}" for i in range(len(value))]
    roles: list[str] = []
    calls = functions.Calls(facts)
    for turn, path in zip(turns, paths, strict=True):
        role = check_turn(facts, turn, path, roles[-1] if roles else "", calls)
        if role is not None:
            roles.append(role)
            facts.turns[-1].role = role if role != _ANY else "user"
            calls.end_turn(path, role)
        elif facts.turns:
            facts.turns.pop()
    facts.called = calls.made
    _order(facts, [_Placed(*each) for each in zip(_all_roles(roles, turns), paths, turns, strict=True)], at, ends)
    for modality, count in facts.files.items():
        most = facts.limits.media.get(modality)
        if most is not None and count > most:
            facts.error(
                "GT507",
                at,
                f"the row has {count} {_files(modality, count)}, and {facts.limits.base_model} takes {most}",
            )


def _files(modality: str, count: int) -> str:
    return (
        {"image": "images", "audio": "audio files", "video": "videos", "document": "documents"}[modality]
        if count != 1
        else modality
    )


def check_turn(facts: Facts, turn: Any, path: str, before: str, calls: functions.Calls) -> str | None:
    """Checks one turn and counts it; whose it is, None for a turn that belongs into systemInstruction."""
    counted = Turn("user")
    facts.turns.append(counted)
    if not isinstance(turn, dict):
        facts.error("GT402", path, f"the turn is {shown(turn)} and not an object with role and parts")
        return _ANY
    parts = _parts(facts, turn, path)
    answers = any(
        isinstance(part, dict) and ("functionResponse" in part or "function_response" in part) for _, part in parts
    )
    role = _role(facts, turn, path, before, answers=answers)
    _check_parts(facts, counted, parts, role or "", calls)
    for key in turn:
        if key not in _TURN and not (key == "content" and "parts" not in turn):
            near = nearest(key, _TURN)
            facts.warn(
                "GT209", path + pointer(key), f"a turn has no field {key}" + (f"; {near} is near" if near else "")
            )
    return role


def _role(facts: Facts, turn: dict[str, Any], path: str, before: str, *, answers: bool) -> str | None:
    role = turn.get("role")
    if role is None or role == "":
        if answers:
            return "user"
        facts.warn("GT303", path, "the turn has no role")
        return "model" if before == "user" else "user"
    if isinstance(role, str) and role in _ROLES:
        return role
    small = role.strip().lower() if isinstance(role, str) else ""
    at = path + "/role"
    if small in _ROLES:
        facts.warn("GT309", at, f"the role is {shown(role)}")
        return small
    if small in _SYSTEM:
        facts.error("GT302", at, f"the role {shown(role)} is not one of a turn")
        return None
    facts.error("GT301", at, f"the role is {shown(role)}")
    return _MEANT.get(small, _ANY)


class _Placed(NamedTuple):
    """A turn: whose it is ("": none's, as it belongs into systemInstruction), and where it stands."""

    role: str
    path: str
    turn: Any

    @property
    def place(self) -> str:
        return self.path + "/role" if isinstance(self.turn, dict) and self.turn.get("role") else self.path


def _order(facts: Facts, placed: list[_Placed], at: str, ends: str) -> None:
    turns = [each for each in placed if each.role]
    roles = {each.role for each in turns}
    missing = ({"user", "model"} if ends == "model" else {"user"}) - roles
    if missing and _ANY not in roles:
        if ends == "user" and turns:  # the prompt of a preference or reinforcement row
            _end(facts, turns[-1], ends)
            return
        facts.error("GT307", at, f"the row has no turn of {' and none of '.join(sorted(missing, reverse=True))}")
        return
    if turns[0].role == "model":
        facts.error("GT305", turns[0].place, "the first turn is the model's")
    for before, following in pairwise(turns):
        if before.role == following.role != _ANY:
            facts.error("GT306", following.place, f"two turns of {following.role} follow each other")
    _end(facts, turns[-1], ends)


def _all_roles(roles: list[str], turns: list[Any]) -> list[str]:
    """The roles with "" for turns that are none (system)."""
    found = iter(roles)
    return ["" if _is_system(turn) else next(found) for turn in turns]


def _is_system(turn: Any) -> bool:
    role = turn.get("role") if isinstance(turn, dict) else None
    return isinstance(role, str) and role.strip().lower() in _SYSTEM


def _end(facts: Facts, last: _Placed, ends: str) -> None:
    if ends == "model" and last.role == "user":
        facts.error("GT304", last.place, "the last turn is the user's")
    elif ends == "user" and last.role == "model":
        add = facts.warn if facts.limits.job == "reinforcement" else facts.error
        add("GT903", last.place, "the prompt ends with the model's turn")


# -- parts ----------------------------------------------------------------------------------------------------------


def _parts(facts: Facts, turn: dict[str, Any], path: str, code: str = "") -> list[tuple[str, Any]]:
    """The parts of a turn with their places; of what cannot be parts, the reason is added."""
    parts = turn.get("parts")
    at = path + "/parts"
    if parts is None:
        if "content" in turn:
            facts.error(code or "GT401", path, f"the turn has content ({shown(turn['content'])}) and no parts")
        else:
            facts.error(code or "GT402", path, "the turn has no parts")
        return []
    if isinstance(parts, dict):
        facts.warn("GT402", at, "parts is one object and not a list")
        return [(at, parts)]
    if not isinstance(parts, list):
        facts.error(code or "GT402", at, f"parts is {shown(parts)} and not a list of objects")
        return []
    if not parts:
        facts.error(code or "GT402", at, "parts is an empty list")
        return []
    return [(f"{at}/{i}", part) for i, part in enumerate(parts)]


def _check_parts(facts: Facts, turn: Turn, parts: list[tuple[str, Any]], role: str, calls: functions.Calls) -> None:
    blank: list[str] = []
    filled = False
    for path, part in parts:
        if not isinstance(part, dict):
            facts.error("GT402", path, f'the part is {shown(part)} and not an object such as {{"text": ...}}')
            filled = True
            continue
        fields = camel(facts, part, PART, path)
        kind = _kind_of(facts, part, fields, path)
        if kind is None:
            filled = True
            continue
        if kind == "text":
            key, value = fields["text"]
            text = _text(facts, value, path + pointer(key))
            if text is None:
                filled = True
                continue
            turn.parts.append(text)
            turn.tokens += quick_tokens(text)
            if text and not text.isspace():
                filled = True
            else:
                blank.append(path + pointer(key))
        else:
            filled = True
            turn.tokens += _count(facts, turn, Part(kind, fields, path, role), calls)
        _check_beside(facts, fields, kind, path)
    for place in blank:
        if filled:
            facts.warn("GT405", place, "the text is empty")
        else:
            facts.error("GT405", place, "the text of the turn is empty")
            break


def _count(facts: Facts, turn: Turn, part: Part, calls: functions.Calls) -> int:
    """Checks a part that is no text; its likely tokens."""
    value = part.fields[part.kind][1]
    key = part_key(part.kind, value)
    turn.parts.append(key)
    if part.kind in ("fileData", "inlineData"):
        return check_media(facts, part)
    if part.kind in ("functionCall", "functionResponse"):
        calls.part(part.kind, value, part.place, part.path, part.role)
    return quick_tokens(key)


def _check_beside(facts: Facts, fields: Fields, kind: str, path: str) -> None:
    """Checks what stands beside the data of a part."""
    thought = next((name for name in ("thought", "thoughtSignature") if name in fields and fields[name][1]), None)
    if thought is not None:
        facts.warn("GT411", path + pointer(fields[thought][0]), f"the part has {fields[thought][0]}")
    if "videoMetadata" in fields:
        check_video(facts, fields, kind, path)
    key, resolution = fields.get("mediaResolution", ("", None))
    if resolution is not None:
        check_resolution(facts, resolution, path + pointer(key), fields)


def _kind_of(facts: Facts, part: dict[str, Any], fields: Fields, path: str) -> str | None:
    unknown = [key for key in part if key not in PART]
    for key in unknown:
        near = nearest(key, PART)
        facts.error(
            "GT408", path + pointer(key), f"a part has no field {shown(key)}" + (f"; {near} is near" if near else "")
        )
    kinds = [name for name in fields if name in DATA.values() and fields[name][1] is not None]
    if len(kinds) > 1:
        facts.error("GT403", path, f"the part has {' and '.join(fields[name][0] for name in kinds)}")
        return None
    if not kinds:
        nothing = next((name for name in fields if name in DATA.values()), None)
        if nothing == "text":
            return "text"  # null: no text
        if not unknown:
            facts.error("GT403", path, "the part has no data" + (f" ({', '.join(part)})" if part else ""))
        return None
    return kinds[0]


def _text(facts: Facts, value: Any, place: str) -> str | None:
    if not isinstance(value, str):
        facts.error("GT404", place, f"the text is {shown(value)} and not a string")
        return None
    if len(value) <= SHORT and value.strip() in EMPTY_WORDS:
        facts.warn("GT406", place, f"the whole text is {shown(value)}")
    return value


# -- the system instruction -----------------------------------------------------------------------------------------


def check_system(facts: Facts, value: Any, at: str) -> None:
    """Checks the system instruction of a row; counts it."""
    if not isinstance(value, dict):
        facts.error("GT412", at, f"the system instruction is {shown(value)} and not an object with parts")
        return
    turn = Turn("system")
    for path, part in _parts(facts, value, at, "GT412"):
        if not isinstance(part, dict):
            facts.error("GT412", path, f"the part is {shown(part)} and not an object with a text")
            continue
        fields = camel(facts, part, PART, path)
        kind = _kind_of(facts, part, fields, path)
        if kind is None:
            continue
        if kind != "text":
            facts.error("GT412", path, f"the system instruction has {fields[kind][0]}, and takes text only")
            continue
        place = path + pointer(fields["text"][0])
        text = _text(facts, fields["text"][1], place)
        if text is not None:
            if not text.strip():
                facts.warn("GT405", place, "the text is empty")
            turn.parts.append(text)
            turn.tokens += quick_tokens(text)
    facts.system = turn
