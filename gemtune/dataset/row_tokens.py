"""How many tokens a row of a dataset has: its texts, and the media that it names.

A row is billed for all that it holds, once a pass; in preference tuning for two conversations: its prompt twice, and
both answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias, cast

from gemtune.dataset.media_tokens import media_range
from gemtune.dataset.tokens import Tokens, text_share

__all__ = ["Counter", "row_tokens"]

Counter: TypeAlias = Callable[[str], Tokens]
"""What counts the tokens of a text."""

_NONE = Tokens(0, 0, 0)
_TURN = 4  # tokens that the service may count for the marks around a turn; its own counts do not tell
_CALL = (0.6, 1.0, 1.3)  # how a call's tokens may differ from those of its JSON


def row_tokens(
    row: dict[str, Any], *, kind: str = "supervised", base_model: str = "", count: Counter = text_share
) -> tuple[Tokens, list[str]] | None:
    """The tokens of one row in one pass, and the modalities of its media; None where it is no row.

    Args:
        row: A parsed line: a row in Gemini's form, or `messages`, or `prompt` and `completion` (open models).
        kind: The kind of tuning: `supervised`, `preference` or `reinforcement`.
        base_model: Its name: the tokens of media depend on its generation.
        count: What counts the tokens of a text.
    """
    media: list[str] = []
    if isinstance(row.get("contents"), (list, dict)):
        resolution = _resolution(_either(row, "generationConfig", "generation_config"))

        def content(value: object) -> Iterator[Tokens]:
            yield from _content(value, count, resolution, base_model, media)

        prompt = [*content(_either(row, "systemInstruction", "system_instruction")), *content(row["contents"])]
        if tools := row.get("tools"):
            prompt.append(_json_tokens(tools, count))
        answers = [
            tokens for each in _objects(row.get("completions")) for tokens in content(each.get("completion", each))
        ]
        if kind == "preference":
            prompt = [*prompt, *prompt]
        return _sum([*prompt, *answers]), media
    texts = [_text_of(message.get("content")) for message in _objects(row.get("messages"))]
    texts += [row[name] for name in ("prompt", "completion") if isinstance(row.get(name), str)]
    if not texts:
        return None
    return _sum(_turn(count(text)) for text in texts), media


def _content(value: object, count: Counter, resolution: str, base_model: str, media: list[str]) -> Iterator[Tokens]:
    if isinstance(value, str):
        yield count(value)
    for turn in _objects(value):
        yield _turn(_NONE)
        for part in _objects(turn.get("parts")):
            if isinstance(text := part.get("text"), str):
                yield count(text)
            for name, inner in part.items():
                if name in ("fileData", "file_data", "inlineData", "inline_data") and isinstance(inner, dict):
                    modality = _modality(cast("dict[str, Any]", inner))
                    media.append(modality)
                    own = _resolution(part) or resolution
                    yield media_range(modality, own, base_model=base_model, seconds=_seconds(part))
                elif name.startswith("function"):
                    yield _json_tokens(inner, count)


def _turn(tokens: Tokens) -> Tokens:
    return Tokens(tokens.low, tokens.likely, tokens.high + _TURN)


def _json_tokens(value: object, count: Counter) -> Tokens:
    """Of what is no text: its JSON stands for the form, not known, in which the service counts it."""
    found = count(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    return Tokens(*(int(number * factor) for number, factor in zip(found, _CALL, strict=True)))


def _sum(found: Any) -> Tokens:
    low = likely = high = 0
    for each in found:
        low, likely, high = low + each.low, likely + each.likely, high + each.high
    return Tokens(low, likely, high)


def _either(row: dict[str, Any], *names: str) -> object:
    return next((row[name] for name in names if name in row), None)


def _objects(value: object) -> Iterator[dict[str, Any]]:
    """The objects of a list, or the one that stands in its place."""
    for item in cast("list[object]", value) if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            yield cast("dict[str, Any]", item)


def _text_of(content: object) -> str:
    """The text of an OpenAI message: a string, or parts with texts."""
    return content if isinstance(content, str) else "".join(str(part.get("text", "")) for part in _objects(content))


def _resolution(holder: object) -> str:
    """`LOW` of `{"mediaResolution": "MEDIA_RESOLUTION_LOW"}`, or of a part's `{"level": ...}`; "" without one."""
    if not isinstance(holder, dict):
        return ""
    value = _either(cast("dict[str, Any]", holder), "mediaResolution", "media_resolution")
    if isinstance(value, dict):
        value = cast("dict[str, object]", value).get("level")
    return value.removeprefix("MEDIA_RESOLUTION_").replace("UNSPECIFIED", "") if isinstance(value, str) else ""


def _modality(data: dict[str, Any]) -> str:
    kind = str(_either(data, "mimeType", "mime_type") or "").lower()
    first = kind.partition("/")[0]
    return first if first in ("image", "video", "audio") else "document" if kind else "image"


def _seconds(part: dict[str, Any]) -> float | None:
    """The length that a part's videoMetadata gives."""
    found = _either(part, "videoMetadata", "video_metadata")
    if not isinstance(found, dict):
        return None
    given = cast("dict[str, Any]", found)
    try:
        start = float(str(_either(given, "startOffset", "start_offset") or "0").removesuffix("s"))
        end = float(str(_either(given, "endOffset", "end_offset") or "0").removesuffix("s"))
        rate = float(given.get("fps") or 1)
    except (ValueError, TypeError):
        return None
    length = (end - start) * rate
    return length if 0 < length < 1e6 else None
