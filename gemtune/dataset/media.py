"""Files that rows name: their types, their endings, and whether the service can reach them."""

from __future__ import annotations

import re

__all__ = ["ENDINGS", "MODALITIES", "ending_of", "hardly_public", "modality_of", "types_of"]

MODALITIES: dict[str, str] = {
    **dict.fromkeys(("image/jpeg", "image/png", "image/webp", "image/heic", "image/heif"), "image"),
    **dict.fromkeys(
        (
            "audio/mpeg", "audio/mp3", "audio/wav", "audio/x-wav", "audio/flac", "audio/aac", "audio/ogg", "audio/opus",
            "audio/pcm", "audio/m4a", "audio/mp4", "audio/x-aac", "audio/mpga", "audio/webm", "audio/aiff",
        ),
        "audio",
    ),
    **dict.fromkeys(
        (
            "video/mp4", "video/mpeg", "video/mov", "video/quicktime", "video/avi", "video/x-flv", "video/mpg",
            "video/mpegps", "video/webm", "video/wmv", "video/3gpp", "video/flv",
        ),
        "video",
    ),
    "application/pdf": "document",
    "text/plain": "document",
}  # fmt: skip
"""The media types that the documentation of Gemini lists (2026-09), and the modality of each."""

ENDINGS: dict[str, str] = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "heic": "image/heic",
    "heif": "image/heif",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "svg": "image/svg+xml",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "aac": "audio/aac",
    "ogg": "audio/ogg",
    "opus": "audio/opus",
    "m4a": "audio/m4a",
    "mp4": "video/mp4",
    "mpeg": "video/mpeg",
    "mpg": "video/mpeg",
    "mov": "video/quicktime",
    "avi": "video/avi",
    "flv": "video/x-flv",
    "webm": "video/webm",
    "wmv": "video/wmv",
    "3gp": "video/3gpp",
    "pdf": "application/pdf",
    "txt": "text/plain",
}
"""The media type of a file's ending."""

_SAME: tuple[frozenset[str], ...] = (
    frozenset(("image/heic", "image/heif")),
    frozenset(("audio/mpeg", "audio/mp3", "audio/mpga")),
    frozenset(("audio/wav", "audio/x-wav", "audio/pcm")),
    frozenset(("audio/aac", "audio/x-aac")),
    frozenset(("audio/ogg", "audio/opus")),
    frozenset(("audio/m4a", "audio/mp4", "audio/aac", "video/mp4")),
    frozenset(("video/mpeg", "video/mpg", "video/mpegps")),
    frozenset(("video/mov", "video/quicktime")),
    frozenset(("video/x-flv", "video/flv")),
    frozenset(("video/webm", "audio/webm")),
    frozenset(("video/mp4", "audio/mp4")),
)
"""Types that name the same files."""

_ENDING = re.compile(r"[^/]\.([A-Za-z0-9]{1,5})$")
_HARDLY_PUBLIC = re.compile(
    r"https?://(?:[\w.-]*\.)?(?:drive\.google\.com|docs\.google\.com|storage\.cloud\.google\.com|console\.cloud\.google\.com"
    r"|youtube\.com|youtu\.be|dropbox\.com|onedrive\.live\.com|sharepoint\.com|localhost|127\.0\.0\.1)(?:[:/?#]|$)",
    re.IGNORECASE,
)


def ending_of(uri: str) -> str:
    """The ending of the file that a URI names, in small letters; "" for none."""
    found = _ENDING.search(re.split(r"[?#]", uri, maxsplit=1)[0] if uri.startswith("http") else uri)
    return found[1].lower() if found else ""


_TYPES = {
    ending: frozenset((named,)).union(*(same for same in _SAME if named in same)) for ending, named in ENDINGS.items()
}


def types_of(uri: str) -> frozenset[str] | None:
    """The media types that a URI's ending can have; None when the ending tells nothing."""
    return _TYPES.get(ending_of(uri))


def modality_of(mime_type: str) -> str | None:
    """image, audio, video or document; None for a type that says none of them."""
    known = MODALITIES.get(mime_type.lower())
    if known is not None:
        return known
    family = mime_type.partition("/")[0].lower()
    return family if family in ("image", "audio", "video") else None


def hardly_public(uri: str) -> bool:
    """Whether a link leads to a page for people who are logged in, or to a player, and hardly to the file."""
    return _HARDLY_PUBLIC.match(uri) is not None
