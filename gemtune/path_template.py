"""Path templates of `google.api.http`: parsed once, expanded with values, matched against paths.

The grammar (google/api/http.proto):

    Template = "/" Segments [ ":" LITERAL ]        Segment  = "*" | "**" | LITERAL | Variable
    Segments = Segment { "/" Segment }             Variable = "{" FieldPath [ "=" Segments ] "}"
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

__all__ = ["Template", "Variable"]


@dataclass(frozen=True)
class Variable:
    """A path variable.

    Attributes:
        path: The field path in the request message.
        pattern: What the value must look like, in the template's own words.
        multi: Whether the value may hold slashes, which stay as they are then.
        regex: `pattern` over a plain (unescaped) value.
    """

    path: tuple[str, ...]
    pattern: str
    multi: bool
    regex: re.Pattern[str]


def _segments_regex(segments: Iterable[str], *, segment: str = "[^/]+") -> str:
    parts: list[str] = []
    for i, text in enumerate(segments):
        slash = "/" if i else ""
        if text == "**":
            parts.append(f"(?:{slash}.*)?" if i else ".*")  # zero or more segments
        else:
            parts.append(slash + (segment if text == "*" else re.escape(text)))
    return "".join(parts)


class Template:
    """One parsed path template."""

    def __init__(self, text: str) -> None:
        """Parses `text`.

        Raises:
            ValueError: It is not a path template.
        """
        self.text = text
        match = re.fullmatch(r"/(?P<path>(?:[^{}:]|\{[\w.]+(?:=[^{}]+)?\})*)(?::(?P<verb>[^/:{}]+))?", text)
        if not match:
            raise ValueError(f"not a path template: {text!r}")
        self.verb: str = match["verb"] or ""
        variables: list[Variable] = []
        pieces: list[str | Variable] = ["/"]
        regex = "/"
        for literal, name, pattern in re.findall(r"([^{}]+)|\{([\w.]+)(?:=([^{}]+))?\}", match["path"]):
            if literal:
                pieces.append(literal)
                # A wildcard outside a variable is matched, and cannot be expanded: nothing says what to put there.
                regex += "/".join(_segments_regex([part]) if part else "" for part in literal.split("/"))
            else:
                segments = (pattern or "*").split("/")
                multi = len(segments) > 1 or segments == ["**"]
                whole = _segments_regex(segments)
                # A lone segment's slashes are escaped on the way out, so its value may hold them.
                plain = re.compile(whole if multi else ".+" if segments == ["*"] else whole, re.DOTALL)
                variable = Variable(tuple(name.split(".")), pattern or "*", multi, plain)
                variables.append(variable)
                pieces.append(variable)
                regex += f"({whole})"
        self.variables: tuple[Variable, ...] = tuple(variables)
        self._pieces = pieces
        self.regex = re.compile(regex + (re.escape(":" + self.verb) if self.verb else ""))

    def expand(self, values: Sequence[str]) -> str:
        """The path with `values` in place of the variables, percent-encoded."""
        texts = iter(values)
        out: list[str] = []
        for piece in self._pieces:
            if isinstance(piece, str):
                out.append(piece)
            else:
                out.append(quote(next(texts), safe="/" if piece.multi else ""))
        return "".join(out) + (":" + self.verb if self.verb else "")

    def match(self, path: str) -> list[str] | None:
        """The variables' values in a raw (still percent-encoded) path; None when it does not fit."""
        found = self.regex.fullmatch(path)
        if found is None:
            return None
        return [
            # In a value of several segments an encoded slash is no separator and stays encoded (http.proto).
            "%2F".join(unquote(part) for part in re.split("%2[Ff]", raw)) if variable.multi else unquote(raw)
            for variable, raw in zip(self.variables, found.groups(), strict=True)
        ]

    def __repr__(self) -> str:
        return f"Template({self.text!r})"
