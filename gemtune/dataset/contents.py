"""The rules about turns and parts of a row: roles, their order, texts, media."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

from gemtune.dataset import functions
from gemtune.dataset.facts import Facts, Turn, part_key
from gemtune.dataset.limits import Limits
from gemtune.dataset.media import MODALITIES, hardly_public, modality_of, types_of
from gemtune.dataset.parse import pointer
from gemtune.dataset.problem import shown
from gemtune.dataset.tokens import media_tokens, text_tokens
from gemtune.specs.suggest import nearest

__all__ = [
    "DATA",
    "EMPTY_WORDS",
    "PART",
    "SHORT",
    "SizeOf",
    "camel",
    "check_contents",
    "check_resolution",
    "check_system",
    "check_turn",
]

SizeOf = Callable[[str], "int | None"]
"""The size in bytes of the file that a URI names; None where it cannot be seen."""

_DATA = (
    "text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult",
    "toolCall", "toolResponse",
)  # fmt: skip
_BESIDE = (
    "thought", "thoughtSignature", "videoMetadata", "mediaResolution", "mediaProcessing", "audioTranscription",
    "speechMetadata", "documentMetadata", "spreadsheetMetadata", "audioMetadata", "partMetadata",
)  # fmt: skip


def snake(name: str) -> str:
    """`fileData` -> `file_data`."""
    return re.sub(r"([A-Z])", lambda letter: f"_{letter[1].lower()}", name)


DATA: dict[str, str] = {spelled: name for name in _DATA for spelled in (name, snake(name))}
PART: dict[str, str] = DATA | {spelled: name for name in _BESIDE for spelled in (name, snake(name))}
_TURN = {"role": "role", "parts": "parts"}
_FILE = {s: n for n in ("mimeType", "fileUri", "displayName", "data") for s in (n, snake(n))}

_ROLES = {"user": "user", "model": "model"}
_MEANT = {
    **dict.fromkeys(("assistant", "bot", "gpt", "ai", "chatbot"), "model"),
    **dict.fromkeys(("human", "tool", "function", "observation"), "user"),
}
_SYSTEM = frozenset(("system", "developer"))
EMPTY_WORDS = frozenset(("nan", "NaN", "NAN", "None", "none", "null", "NULL", "Null", "NaT", "<NA>", "undefined"))
SHORT = max(map(len, EMPTY_WORDS))
_ANY = "?"  # whose turn it is cannot be told: it goes with any neighbour

LEVELS = ("MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_MEDIUM", "MEDIA_RESOLUTION_HIGH")
ULTRA_HIGH = "MEDIA_RESOLUTION_ULTRA_HIGH"
UNSPECIFIED = "MEDIA_RESOLUTION_UNSPECIFIED"


def camel(facts: Facts, value: dict[str, Any], names: dict[str, str], at: str) -> dict[str, tuple[str, Any]]:
    """The fields of an object by their JSON names, each as it is spelled there; null is as good as not there."""
    found: dict[str, tuple[str, Any]] = {}
    for key, below in value.items():
        name = names.get(key, key)
        if name in found and found[name][0] != key:
            facts.warn(
                "GT109", at + pointer(key), f"{found[name][0]} and {key} are one field, and it stands there under both"
            )
        found[name] = (key, below)
    return found


# -- turns ----------------------------------------------------------------------------------------------------------


def check_contents(
    facts: Facts, value: Any, at: str, limits: Limits, size_of: SizeOf | None, *, ends: str = "model"
) -> None:
    """Checks the turns of a row.

    Args:
        facts: Of the row.
        value: What `contents` holds.
        at: Where that stands.
        limits: Of the base model.
        size_of: The sizes of files.
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
        role = check_turn(facts, turn, path, limits, size_of, roles[-1] if roles else "", calls)
        if role is not None:
            roles.append(role)
            facts.turns[-1].role = role if role != _ANY else "user"
            calls.end_turn(path, role)
        elif facts.turns:
            facts.turns.pop()
    facts.called = calls.made
    _order(facts, roles, turns, paths, at, limits, ends)
    for modality, count in facts.files.items():
        most = limits.media.get(modality)
        if most is not None and count > most:
            facts.error(
                "GT507", at, f"the row has {count} {_files(modality, count)}, and {limits.base_model} takes {most}"
            )


def _files(modality: str, count: int) -> str:
    return (
        {"image": "images", "audio": "audio files", "video": "videos", "document": "documents"}[modality]
        if count != 1
        else modality
    )


def check_turn(
    facts: Facts, turn: Any, path: str, limits: Limits, size_of: SizeOf | None, before: str, calls: functions.Calls
) -> str | None:
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
    _check_parts(facts, counted, parts, role or "", limits, size_of, calls)
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
    if role in _ROLES:
        return str(role)
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


def _order(
    facts: Facts, roles: list[str], turns: list[Any], paths: list[str], at: str, limits: Limits, ends: str
) -> None:
    wanted = {"user", "model"} if ends == "model" else {"user"}
    missing = wanted - set(roles)
    if missing and _ANY not in roles:
        if ends == "user" and roles:  # the prompt of a preference or reinforcement row
            _end(facts, roles, turns, paths, limits, ends)
            return
        facts.error("GT307", at, f"the row has no turn of {' and none of '.join(sorted(missing, reverse=True))}")
        return
    kept = [(role, path, turn) for role, path, turn in zip(_all_roles(roles, turns), paths, turns, strict=True) if role]
    first = kept[0]
    if first[0] == "model":
        facts.error("GT305", _role_path(first[1], first[2]), "the first turn is the model's")
    for (role, _, _), (following, path, turn) in zip(kept, kept[1:], strict=False):
        if role == following != _ANY:
            facts.error("GT306", _role_path(path, turn), f"two turns of {role} follow each other")
    _end(facts, roles, turns, paths, limits, ends)


def _all_roles(roles: list[str], turns: list[Any]) -> list[str]:
    """The roles with "" for turns that are none (system)."""
    found = iter(roles)
    return ["" if _is_system(turn) else next(found) for turn in turns]


def _is_system(turn: Any) -> bool:
    role = turn.get("role") if isinstance(turn, dict) else None
    return isinstance(role, str) and role.strip().lower() in _SYSTEM


def _role_path(path: str, turn: Any) -> str:
    return path + "/role" if isinstance(turn, dict) and turn.get("role") else path


def _end(facts: Facts, roles: list[str], turns: list[Any], paths: list[str], limits: Limits, ends: str) -> None:
    last = roles[-1]
    path = _role_path(*next((p, t) for p, t in zip(paths[::-1], turns[::-1], strict=True) if not _is_system(t)))
    if ends == "model" and last == "user":
        facts.error("GT304", path, "the last turn is the user's")
    elif ends == "user" and last == "model":
        add = facts.warn if limits.job == "reinforcement" else facts.error
        add("GT903", path, "the prompt ends with the model's turn")


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


def _check_parts(
    facts: Facts,
    turn: Turn,
    parts: list[tuple[str, Any]],
    role: str,
    limits: Limits,
    size_of: SizeOf | None,
    calls: functions.Calls,
) -> None:
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
        key, value = fields[kind]
        place = path + pointer(key)
        if kind == "text":
            text = _text(facts, value, place)
            if text is None:
                filled = True
                continue
            turn.parts.append(text)
            turn.tokens += text_tokens(text)
            if text and not text.isspace():
                filled = True
            else:
                blank.append(place)
        else:
            filled = True
            turn.parts.append(part_key(kind, value))
            if kind in ("fileData", "inlineData"):
                turn.tokens += _check_media(facts, kind, value, path, place, role, fields, limits, size_of)
            elif kind in ("functionCall", "functionResponse"):
                turn.tokens += text_tokens(turn.parts[-1])
                calls.part(kind, value, place, path, role)
            elif kind in ("executableCode", "codeExecutionResult"):
                turn.tokens += text_tokens(turn.parts[-1])
        for name in ("thought", "thoughtSignature"):
            if name in fields and fields[name][1]:
                facts.warn("GT411", path + pointer(fields[name][0]), f"the part has {fields[name][0]}")
                break
        if "videoMetadata" in fields:
            _check_video(facts, fields, kind, path)
        if "mediaResolution" in fields and fields["mediaResolution"][1] is not None:
            check_resolution(
                facts, fields["mediaResolution"][1], path + pointer(fields["mediaResolution"][0]), limits, fields
            )
    for place in blank:
        if filled:
            facts.warn("GT405", place, "the text is empty")
        else:
            facts.error("GT405", place, "the text of the turn is empty")
            break


def _kind_of(facts: Facts, part: dict[str, Any], fields: dict[str, tuple[str, Any]], path: str) -> str | None:
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


# -- media ----------------------------------------------------------------------------------------------------------


def _check_media(
    facts: Facts,
    kind: str,
    value: Any,
    path: str,
    place: str,
    role: str,
    fields: dict[str, tuple[str, Any]],
    limits: Limits,
    size_of: SizeOf | None,
) -> int:
    """Checks a part with media; its likely tokens."""
    if limits.job == "preference":
        facts.error("GT905", path, "the row has media")
    elif role == "model":
        facts.error("GT410", path, "a turn of the model has media")
    if kind == "inlineData":
        facts.warn("GT409", path, "the part holds a file itself (inlineData)")
    if not isinstance(value, dict):
        facts.error("GT403", place, f"{fields[kind][0]} is {shown(value)} and not an object")
        return 0
    inner = camel(facts, value, _FILE, place)
    mime = _mime_type(facts, inner, place)
    modality = modality_of(mime) if mime else None
    size: int | None = None
    if kind == "fileData":
        uri = _uri(facts, inner, place)
        if uri:
            types = types_of(uri)
            if mime in MODALITIES and types is not None and mime.lower() not in types:
                facts.warn("GT505", place, f"mimeType is {mime}, and the file ends in .{uri.rpartition('.')[2]}")
            size = size_of(uri) if size_of is not None else None
    else:
        size = _inline_size(facts, inner, place)
    if modality is None:
        return 0
    facts.modalities.add(modality)
    facts.files[modality] = facts.files.get(modality, 0) + 1
    if limits.job != "preference" and limits.modalities is not None and modality not in limits.modalities:
        facts.error(
            "GT506",
            path,
            f"{limits.base_model} is not tuned with {modality}; it takes {', '.join(sorted(limits.modalities))}",
        )
    most = limits.media_bytes.get(modality)
    if size is not None and most is not None and size > most:
        facts.error(
            "GT511", place, f"the file has {size:,} bytes, and {limits.base_model} takes {most:,} for {modality}"
        )
    return media_tokens(modality, facts.resolution)


def _mime_type(facts: Facts, inner: dict[str, tuple[str, Any]], place: str) -> str:
    key, mime = inner.get("mimeType", ("mimeType", None))
    if mime is None or mime == "":
        facts.error("GT503", place, "the file has no mimeType")
        return ""
    at = place + pointer(key)
    if not isinstance(mime, str):
        facts.error("GT503", at, f"mimeType is {shown(mime)} and not a text")
        return ""
    if mime.lower() not in MODALITIES:
        near = {"image/jpg": "image/jpeg", "application/x-pdf": "application/pdf"}.get(mime.lower()) or nearest(
            mime, MODALITIES
        )
        facts.warn("GT504", at, f"the mimeType {shown(mime)} is not known" + (f"; {near} is" if near else ""))
    return mime


def _uri(facts: Facts, inner: dict[str, tuple[str, Any]], place: str) -> str:
    key, uri = inner.get("fileUri", ("fileUri", None))
    at = place + pointer(key)
    if not isinstance(uri, str) or not uri:
        facts.error(
            "GT501",
            at if "fileUri" in inner else place,
            f"fileUri is {shown(uri)}" if "fileUri" in inner else "the file has no fileUri",
        )
        return ""
    if uri.startswith("gs://"):
        bucket, _, name = uri[5:].partition("/")
        if not bucket or not name:
            facts.error("GT502", at, f"{shown(uri)} names {'a bucket' if bucket else 'no bucket'} and no object")
            return ""
    elif not re.match(r"https?://[^/]", uri, re.IGNORECASE):
        facts.error("GT501", at, f"{shown(uri)} is neither a gs:// nor an http(s):// URI")
        return ""
    elif hardly_public(uri):
        facts.warn("GT512", at, f"{shown(uri, 80)} is hardly open to everybody")
    return uri


def _inline_size(facts: Facts, inner: dict[str, tuple[str, Any]], place: str) -> int | None:
    key, data = inner.get("data", ("data", None))
    if not isinstance(data, str):
        facts.error(
            "GT403",
            place,
            "inlineData has no data" if data is None else f"data is {shown(data)} and not a text in base64",
        )
        return None
    try:
        return len(base64.b64decode(data.replace("-", "+").replace("_", "/") + "=" * (-len(data) % 4), validate=True))
    except (binascii.Error, ValueError):
        facts.error("GT403", place + pointer(key), "data is not base64")
        return None


_SECONDS = re.compile(r"-?\d+(?:\.\d{1,9})?s")
_VIDEO = {s: n for n in ("startOffset", "endOffset", "fps", "contentLayers") for s in (n, snake(n))}


def _check_video(facts: Facts, fields: dict[str, tuple[str, Any]], kind: str, path: str) -> None:
    key, value = fields["videoMetadata"]
    at = path + pointer(key)
    if value is None:
        return
    if not isinstance(value, dict):
        facts.warn("GT510", at, f"{key} is {shown(value)} and not an object")
        return
    media = fields[kind][1] if kind in ("fileData", "inlineData") else None
    mime = (media.get("mimeType") or media.get("mime_type")) if isinstance(media, dict) else None
    if not isinstance(mime, str) or modality_of(mime) not in ("video", "audio"):
        facts.warn("GT510", at, f"{key} stands on a part without a video")
        return
    inner = camel(facts, value, _VIDEO, at)
    times: dict[str, float] = {}
    for name in ("startOffset", "endOffset"):
        if name in inner and inner[name][1] is not None:
            seconds = _seconds(inner[name][1])
            if seconds is None or seconds < 0:
                facts.warn(
                    "GT510",
                    at + pointer(inner[name][0]),
                    f'{inner[name][0]} is {shown(inner[name][1])} and not a time such as "1.5s"',
                )
            else:
                times[name] = seconds
    if len(times) == 2 and times["startOffset"] >= times["endOffset"]:
        facts.warn("GT510", at, f"the part begins at {times['startOffset']:g} s and ends at {times['endOffset']:g} s")
    if "fps" in inner:
        fps = inner["fps"][1]
        if isinstance(fps, bool) or not isinstance(fps, int | float) or not 0 < fps <= 24:
            facts.warn("GT510", at + pointer(inner["fps"][0]), f"fps is {shown(fps)} and not a number up to 24")


def _seconds(value: Any) -> float | None:
    if isinstance(value, str) and _SECONDS.fullmatch(value):
        return float(value[:-1])
    if isinstance(value, dict) and value.keys() <= {"seconds", "nanos"}:
        try:
            return float(value.get("seconds", 0)) + float(value.get("nanos", 0)) / 1e9
        except (TypeError, ValueError):
            return None
    return None


def check_resolution(
    facts: Facts, value: Any, at: str, limits: Limits, fields: dict[str, tuple[str, Any]] | None = None
) -> str:
    """Checks a mediaResolution, of the row (`fields` is None) or of a part; its value, "" where it is none."""
    level = value.get("level", UNSPECIFIED) if isinstance(value, dict) and fields is not None else value
    if fields is not None and limits.part_resolution is False:
        facts.error("GT509", at, f"a part has a mediaResolution of its own, which {limits.base_model} does not take")
        return ""
    if level == UNSPECIFIED or level in LEVELS:
        return "" if level == UNSPECIFIED else str(level)
    if level == ULTRA_HIGH and fields is not None:
        media = next((fields[name][1] for name in ("fileData", "inlineData") if name in fields), None)
        mime = (media.get("mimeType") or media.get("mime_type") or "") if isinstance(media, dict) else ""
        if isinstance(mime, str) and modality_of(mime) == "image":
            return ULTRA_HIGH
        facts.error("GT509", at, f"{ULTRA_HIGH} stands on a part that is no image")
        return ""
    place = "of a row" if fields is None else "of a part"
    facts.error("GT509", at, f"{shown(level)} is no mediaResolution {place}")
    return ""


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
            turn.tokens += text_tokens(text)
    facts.system = turn
