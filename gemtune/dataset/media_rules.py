"""The rules about media: where the files are, what they are, how many tokens they take."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, NamedTuple

from gemtune.dataset.facts import Facts
from gemtune.dataset.fields import Fields, camel, spellings
from gemtune.dataset.media import MODALITIES, hardly_public, modality_of, types_of
from gemtune.dataset.media_tokens import media_tokens
from gemtune.dataset.parse import pointer
from gemtune.dataset.problem import shown
from gemtune.specs.suggest import nearest

__all__ = ["Part", "check_media", "check_resolution", "check_video"]

_FILE = spellings("mimeType", "fileUri", "displayName", "data")
_LEVELS = ("MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_MEDIUM", "MEDIA_RESOLUTION_HIGH")
_ULTRA_HIGH = "MEDIA_RESOLUTION_ULTRA_HIGH"
_UNSPECIFIED = "MEDIA_RESOLUTION_UNSPECIFIED"


class Part(NamedTuple):
    """A part of a turn.

    Attributes:
        kind: The field of which it has one, such as `fileData`.
        fields: Its fields.
        path: Where it stands.
        role: Whose turn it is in.
    """

    kind: str
    fields: Fields
    path: str
    role: str

    @property
    def place(self) -> str:
        """Where its data stands."""
        return self.path + pointer(self.fields[self.kind][0])


def check_media(facts: Facts, part: Part) -> int:
    """Checks a part with media; its likely tokens."""
    limits, place = facts.limits, part.place
    key, value = part.fields[part.kind]
    if limits.job == "preference":
        facts.error("GT905", part.path, "the row has media")
    elif part.role == "model":
        facts.error("GT410", part.path, "a turn of the model has media")
    if part.kind == "inlineData":
        facts.warn("GT409", part.path, "the part holds a file itself (inlineData)")
    if not isinstance(value, dict):
        facts.error("GT403", place, f"{key} is {shown(value)} and not an object")
        return 0
    inner = camel(facts, value, _FILE, place)
    mime = _mime_type(facts, inner, place)
    modality = modality_of(mime) if mime else None
    size: int | None = None
    if part.kind == "fileData":
        uri = _uri(facts, inner, place)
        if uri:
            types = types_of(uri)
            if mime in MODALITIES and types is not None and mime.lower() not in types:
                facts.warn("GT505", place, f"mimeType is {mime}, and the file ends in .{uri.rpartition('.')[2]}")
            size = facts.size_of(uri) if facts.size_of is not None else None
    else:
        size = _inline_size(facts, inner, place)
    if modality is None:
        return 0
    facts.modalities.add(modality)
    facts.files[modality] = facts.files.get(modality, 0) + 1
    if limits.job != "preference" and limits.modalities is not None and modality not in limits.modalities:
        facts.error(
            "GT506",
            part.path,
            f"{limits.base_model} is not tuned with {modality}; it takes {', '.join(sorted(limits.modalities))}",
        )
    most = limits.media_bytes.get(modality)
    if size is not None and most is not None and size > most:
        facts.error(
            "GT511", place, f"the file has {size:,} bytes, and {limits.base_model} takes {most:,} for {modality}"
        )
    return media_tokens(modality, facts.resolution, limits.base_model)


def _mime_type(facts: Facts, inner: Fields, place: str) -> str:
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


def _uri(facts: Facts, inner: Fields, place: str) -> str:
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


def _inline_size(facts: Facts, inner: Fields, place: str) -> int | None:
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
_VIDEO = spellings("startOffset", "endOffset", "fps", "contentLayers")


def check_video(facts: Facts, fields: Fields, kind: str, path: str) -> None:
    """Checks the videoMetadata of a part."""
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


def check_resolution(facts: Facts, value: Any, at: str, fields: Fields | None = None) -> str:
    """Checks a mediaResolution, of the row (`fields` is None) or of a part; its value, "" where it is none."""
    level = value.get("level", _UNSPECIFIED) if isinstance(value, dict) and fields is not None else value
    if fields is not None and facts.limits.part_resolution is False:
        facts.error(
            "GT509", at, f"a part has a mediaResolution of its own, which {facts.limits.base_model} does not take"
        )
        return ""
    if level == _UNSPECIFIED or level in _LEVELS:
        return "" if level == _UNSPECIFIED else str(level)
    if level == _ULTRA_HIGH and fields is not None:
        media = next((fields[name][1] for name in ("fileData", "inlineData") if name in fields), None)
        mime = (media.get("mimeType") or media.get("mime_type") or "") if isinstance(media, dict) else ""
        if isinstance(mime, str) and modality_of(mime) == "image":
            return _ULTRA_HIGH
        facts.error("GT509", at, f"{_ULTRA_HIGH} stands on a part that is no image")
        return ""
    place = "of a row" if fields is None else "of a part"
    facts.error("GT509", at, f"{shown(level)} is no mediaResolution {place}")
    return ""
