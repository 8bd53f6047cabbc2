"""How many tokens an image, a video, an audio file or a document has: the documented rates.

What is behind a URI is not looked at, so that where nothing tells how long a file is, the range is that of all lengths
that the service takes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

from gemtune.dataset.tokens import Tokens
from gemtune.specs.model_names import ModelName

__all__ = ["media_range", "media_tokens"]

_Rates: TypeAlias = dict[str, dict[str, int | tuple[int, int, int]]]
# Tokens a frame, page or image by mediaResolution, "" where a row has none (Agent Platform, media pages, 2026), as
# (low, likely, high): of Gemini 2.5 an image of more than 384 pixels counts by tiles.
_GEMINI_3: _Rates = {
    "image": {"LOW": 280, "MEDIUM": 560, "HIGH": 1120, "ULTRA_HIGH": 2240, "": (280, 1120, 1120)},
    "video": {"LOW": 70, "MEDIUM": 70, "HIGH": 280, "": (70, 70, 280)},
    "document": {"LOW": 280, "MEDIUM": 560, "HIGH": 1120, "": (280, 560, 1120)},
}
_BEFORE: _Rates = {
    "image": {"LOW": 64, "MEDIUM": 256, "": (256, 258, 1548)},
    "video": {"LOW": 64, "MEDIUM": 256, "HIGH": 256, "": (64, 256, 256)},
    "document": {"LOW": 64, "": (256, 258, 258)},
}
_RATES = {True: _GEMINI_3, False: _BEFORE}
# How much of it a file has, where nothing tells: frames (one a second), pages, seconds.
_LENGTHS = {"image": (1, 1, 1), "video": (1, 30, 300), "document": (1, 5, 300), "audio": (1, 60, 3600)}
_LOW_VIDEO = (1, 30, 1200)  # 20 minutes are taken at LOW, 5 at others
_AUDIO = (25, 32, 32)  # tokens a second
_PAGE_TEXT = (0, 300, 1000)  # the text of a page counts besides


def media_tokens(modality: str, resolution: object, base_model: str = "") -> int:
    """The likely number of tokens of a file, see `media_range`."""
    return media_range(modality, resolution, base_model=base_model).likely


@lru_cache(maxsize=1024)
def media_range(modality: str, resolution: object, *, base_model: str = "", seconds: float | None = None) -> Tokens:
    """The tokens of one image, video, audio file or document, and within which bounds.

    Args:
        modality: `image`, `video`, `audio` or `document`; others have no tokens.
        resolution: The media resolution that holds for it, such as `MEDIA_RESOLUTION_LOW`; any other value: none.
        base_model: Its name: rates differ between generations.
        seconds: How long the video is, where the row says it.
    """
    level = resolution.removeprefix("MEDIA_RESOLUTION_") if isinstance(resolution, str) else ""
    if modality not in _LENGTHS:
        return Tokens(0, 0, 0)
    if modality == "audio":
        each: tuple[int, int, int] = _AUDIO
    else:
        parsed = ModelName.parse(base_model)
        rates = _RATES[parsed is not None and parsed.generation >= "30"][modality]
        rate = rates.get(level, rates[""])
        each = (rate, rate, rate) if isinstance(rate, int) else rate
    lengths: tuple[float, float, float] = _LENGTHS[modality]
    if modality == "video":
        lengths = (seconds, seconds, seconds + 1) if seconds else _LOW_VIDEO if level == "LOW" else lengths
    text = _PAGE_TEXT if modality == "document" else (0, 0, 0)
    return Tokens(*(int(length * (one + more)) for length, one, more in zip(lengths, each, text, strict=True)))
