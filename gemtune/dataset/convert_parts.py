"""What a message says (text, or a list of text and media) as the parts of a Gemini turn."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import unquote_to_bytes, urlsplit

from gemtune.dataset.conversion import Changes, ConversionError, Fields, filled, text_of

__all__ = ["joined_text", "parts_of"]

MIME_TYPES: Final[Mapping[str, str]] = {
    ".aac": "audio/aac",
    ".avi": "video/x-msvideo",
    ".flac": "audio/flac",
    ".flv": "video/x-flv",
    ".gif": "image/gif",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".m4a": "audio/m4a",
    ".mov": "video/quicktime",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".mpeg": "video/mpeg",
    ".mpg": "video/mpg",
    ".ogg": "audio/ogg",
    ".opus": "audio/opus",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".txt": "text/plain",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".webp": "image/webp",
    ".wmv": "video/wmv",
}
"""A file's ending -> its media type. Not Python's own table, which differs from machine to machine."""

Part = dict[str, Any]

_TEXTS = frozenset({"text", "input_text", "output_text"})
_IMAGES = frozenset({"image_url", "input_image", "image"})
_USUAL_DETAIL = "auto"


def parts_of(content: Any, where: str, changes: Changes) -> list[Part]:
    """The parts of a turn.

    Args:
        content: Text, a list of OpenAI's content parts, or None.
        where: Where it stands, such as `messages[2].content`.
        changes: Counts what is lost.

    Returns:
        None of them without content. Blank text is there as a part.

    Raises:
        ConversionError: Something in it has no form in Gemini's rows.
    """
    if content is None:
        return []
    if isinstance(content, list):
        return [_part(piece, f"{where}[{i}]", changes) for i, piece in enumerate(content)]
    return [{"text": text_of(content, where)}]


def joined_text(content: Any, where: str, changes: Changes) -> str:
    """The text of a content that may be a list of texts.

    Raises:
        ConversionError: It holds something else.
    """
    parts = parts_of(content, where, changes)
    if any("text" not in part for part in parts):
        raise ConversionError(f"{where} holds media, and only text can stand there")
    return "".join(part["text"] for part in parts)


def _part(piece: Any, where: str, changes: Changes) -> Part:
    if isinstance(piece, str):
        return {"text": piece}
    fields = Fields(piece, where)
    kind = fields.take("type")
    if (isinstance(kind, str) and kind in _TEXTS) or (kind is None and isinstance(piece.get("text"), str)):
        part = {"text": text_of(fields.take("text"), fields.at("text"))}
    elif isinstance(kind, str) and kind in _IMAGES:
        part = _media(_address(fields, kind, changes), where)
    elif kind == "input_audio":
        part = _audio(Fields(fields.take("input_audio"), fields.at("input_audio")))
    elif kind in ("file", "input_file"):
        part = _file(fields, changes)
    else:
        named = f"of type {kind!r:.60}" if isinstance(kind, str) else "of no type"
        raise ConversionError(f"{where} is {named}, which has no form in a Gemini row")
    fields.drop_rest(changes)
    return part


def _address(fields: Fields, kind: str, changes: Changes) -> str:
    """The URL of an image: beside the type, or in an object of its own."""
    held = fields.take("image_url", "image", "url")
    if isinstance(held, Mapping):
        inner = Fields(held, fields.at(kind))
        held = inner.take("url")
        _drop_detail(inner, changes)
        inner.drop_rest(changes)
    _drop_detail(fields, changes)
    if not isinstance(held, str):
        raise ConversionError(f"{fields.where} has no URL of an image")
    return held


def _drop_detail(fields: Fields, changes: Changes) -> None:
    detail = fields.take("detail")
    if detail is not None and detail != _USUAL_DETAIL:
        changes.drop(fields.at("detail"))


def _media(url: str, where: str) -> Part:
    if url[:5].lower() == "data:":
        return _inline(url, where)
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ConversionError(f"the URL at {where} cannot be read") from error
    if parts.scheme.lower() not in ("gs", "http", "https"):
        raise ConversionError(f"the URL at {where} is none of gs://, http(s):// and data:")
    # An object's name may hold ? and #, which mean nothing in gs://.
    ending = PurePosixPath(url if parts.scheme.lower() == "gs" else parts.path).suffix.lower()
    if ending not in MIME_TYPES:
        what = f"its ending {ending!r:.20}" if ending else "without an ending it"
        raise ConversionError(f"the URL at {where} needs a media type, and {what} tells none")
    return {"fileData": {"mimeType": MIME_TYPES[ending], "fileUri": url}}


def _inline(url: str, where: str) -> Part:
    """A data: URL; its bytes are checked, since nobody can look at them later."""
    head, comma, data = url[5:].partition(",")
    mime_type, *options = (word.strip() for word in head.split(";"))
    if not comma or not mime_type:
        raise ConversionError(f"the data: URL at {where} names no media type")
    if "base64" not in (option.lower() for option in options):
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return _blob(mime_type.lower(), data, where)


def _blob(mime_type: str, data: str, where: str) -> Part:
    try:
        if not base64.b64decode(data, validate=True):
            raise ConversionError(f"the data at {where} are empty")
    except (binascii.Error, ValueError) as error:
        if isinstance(error, ConversionError):
            raise
        raise ConversionError(f"the data at {where} are not base64") from error
    return {"inlineData": {"mimeType": mime_type, "data": data}}


def _audio(audio: Fields) -> Part:
    form = filled(text_of(audio.take("format"), audio.at("format")), audio.at("format"))
    mime_type = MIME_TYPES.get(f".{form.lower()}", "")
    if not mime_type.startswith("audio/"):
        raise ConversionError(f"{audio.at('format')} is {form!r:.20}, which is no known form of audio")
    return _blob(mime_type, text_of(audio.take("data"), audio.at("data")), audio.where)


def _file(fields: Fields, changes: Changes) -> Part:
    held = fields.take("file")
    inner = fields if held is None else Fields(held, fields.at("file"))
    data = inner.take("file_data", "file_url")
    if not isinstance(data, str):
        what = "names a file that OpenAI has" if inner.has("file_id") else "holds no data"
        raise ConversionError(f"{inner.where} {what}, and a Gemini row needs its address or its data")
    if inner is not fields:
        inner.drop_rest(changes)
    return _media(data, inner.where)
