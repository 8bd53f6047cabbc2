"""What may be shown of text that is not ours: of URLs, of what servers send, and of secrets in it.

Two rules. Of a URL scheme, host and port are shown, and nothing of a text that is none: a password may be anywhere in
it. Characters that steer a terminal, or turn round what stands beside them, are replaced where text is written.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

__all__ = ["HIDDEN", "line", "logger", "origin", "printable", "without"]

HIDDEN = "***"
"""What stands in place of a secret."""

_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_SHORTEST = 6  # a token of fewer characters is not a secret, and may be a part of any word

# C0 but for the line break and the tab, DEL, C1, halves of surrogate pairs, line and paragraph separators, what changes
# the direction of writing, and what is there and cannot be seen.
_HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


def origin(url: str) -> str | None:
    """Scheme, host and port of a URL, which is what may be shown of it; None where it is none."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    # An @ behind what was read as the host: it may have been a password with a slash in it.
    if not parts.scheme or not host or not _HOST.fullmatch(host) or "@" in parts.path + parts.query + parts.fragment:
        return None
    named = f"[{host}]" if ":" in host else host
    rest = parts.netloc.rpartition("@")[2][len(named) :]  # urlsplit passes over what stands behind a bracket
    if not re.fullmatch(r"(:\d*)?", rest):
        return None
    return f"{parts.scheme}://{named}" + (f":{port}" if port is not None else "")


def printable(text: str) -> str:
    """Text of any origin, in lines as it was, without characters that steer a terminal or hide something."""
    return _HARMFUL.sub("\ufffd", text)


def line(text: str) -> str:
    """`printable` text on one line."""
    return printable(re.sub(r"[\r\n\t]+", " ", text))


def without(text: str, secrets: Iterable[str]) -> str:
    """Text in which each secret is hidden."""
    for secret in secrets:
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, HIDDEN)
    return text


def _harmless(value: Any) -> Any:
    return value if value is None or isinstance(value, (int, float)) else line(str(value))


class _Harmless(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = _harmless(record.msg)
        if isinstance(record.args, Mapping):
            record.args = {name: _harmless(value) for name, value in record.args.items()}
        elif record.args:
            record.args = tuple(_harmless(value) for value in record.args)
        for name in ("request_id", "status"):
            if hasattr(record, name):
                setattr(record, name, _harmless(getattr(record, name)))
        return True


_HARMLESS = _Harmless()


def logger(name: str) -> logging.Logger:
    """The logger of a name, such as `gemtune`."""
    found = logging.getLogger(name)
    found.addFilter(_HARMLESS)  # again and again the same one, which is kept once
    return found
