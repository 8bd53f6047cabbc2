"""Path templates of `google.api.http`: parsed once, expanded with values, matched against paths.

The grammar (google/api/http.proto):

    Template = "/" Segments [ ":" LITERAL ]        Segment  = "*" | "**" | LITERAL | Variable
    Segments = Segment { "/" Segment }             Variable = "{" FieldPath [ "=" Segments ] "}"

A literal may hold colons, so that `/v1/{name}:a:b` has the verb `a:b`, as grpc-gateway reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

__all__ = ["Template", "Variable"]

_LITERAL = r"(?:[\w.~!$&'()+,;=:@*-]|%[0-9A-Fa-f]{2})"
"""A character of a path as it goes on the wire: what a literal holds is sent unchanged."""

_FIELDS = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
_VARIABLE = re.compile(rf"([^{{}}]+)|\{{({_FIELDS})(?:=([^{{}}]+))?\}}", re.ASCII)
_TEMPLATE = re.compile(
    # A variable is a whole segment: a slash follows, or the verb, or nothing.
    rf"/(?:{_LITERAL}|/|\{{{_FIELDS}(?:=(?:{_LITERAL}|/)+)?\}}(?=/|$|:{_LITERAL}+$))*",
    re.ASCII,
)
_WILDCARDS = ("*", "**")


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


def _segments_regex(segments: Iterable[str], *, rest: str = ".*") -> str:
    """What a pattern's segments match; `rest` is what a `**` does."""
    parts: list[str] = []
    for i, text in enumerate(segments):
        slash = "/" if i else ""
        if text == "**":
            parts.append(f"(?:{slash}{rest})" + ("?" if slash and rest == ".*" else ""))
        else:
            parts.append(slash + ("[^/]+" if text == "*" else re.escape(text)))
    return "".join(parts)


class Template:
    """One parsed path template.

    Attributes:
        text: The template in its own words.
        verb: What follows the colon at its end, such as `cancel`; "" when there is none.
        variables: Its variables, in their order.
        open: Whether it has a wildcard outside a variable: such a path can be matched, and not be expanded.
    """

    def __init__(self, text: str) -> None:
        """Parses `text`.

        Raises:
            ValueError: It is not a path template.
        """
        self.text = text
        if not _TEMPLATE.fullmatch(text) or text.startswith("//"):
            raise ValueError(f"not a path template: {text!r}")
        end = text.rpartition("}")[2].rpartition("/")[2]
        # After a variable the verb begins at the first colon; in a literal segment at the last one.
        colon = end.find(":") if text.endswith("}" + end) else end.rfind(":")
        self.verb: str = end[colon + 1 :] if colon >= 0 else ""
        path = text[: len(text) - len(self.verb) - 1] if self.verb else text
        variables: list[Variable] = []
        pieces: list[str | Variable] = []
        regex = ""
        self.open = False
        for literal, name, pattern in _VARIABLE.findall(path):
            if literal:
                pieces.append(literal)
                segments = literal.split("/")
                self._check(segments)
                self.open = self.open or any(segment in _WILDCARDS for segment in segments)
                regex += "/".join(_segments_regex([part]) if part else "" for part in segments)
            else:
                variable, whole = self._variable(name, pattern or "*")
                variables.append(variable)
                pieces.append(variable)
                regex += f"({whole})"
        self.variables: tuple[Variable, ...] = tuple(variables)
        self._pieces = pieces
        self.regex = re.compile(regex + (re.escape(":" + self.verb) if self.verb else ""), re.DOTALL)

    def _variable(self, name: str, pattern: str) -> tuple[Variable, str]:
        segments = pattern.split("/")
        self._check(segments)
        if not all(segments):
            raise ValueError(f"not a path template: {self.text!r} has an empty segment in {{{name}={pattern}}}")
        multi = len(segments) > 1 or segments == ["**"]
        # http.proto lets `**` match nothing, which is how a request is read. It is sent only where a `*` stands for
        # something: `DELETE /v1/jobs` for an empty id in `jobs/**` would be about all of them.
        rest = ".*" if "*" in segments else ".+"
        plain = _segments_regex(segments, rest=rest) if multi else ".+" if segments == ["*"] else re.escape(pattern)
        variable = Variable(tuple(name.split(".")), pattern, multi, re.compile(plain, re.DOTALL))
        # A lone segment's slashes are escaped on the way out, so its value may hold them.
        return variable, _segments_regex(segments)

    def _check(self, segments: Iterable[str]) -> None:
        for segment in segments:
            if segment in (".", "..") or ("*" in segment and segment not in _WILDCARDS):
                raise ValueError(f"not a path template: {self.text!r} has the segment {segment!r}")

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
            # In a value of several segments an encoded slash is not a separator and stays encoded (http.proto).
            "%2F".join(unquote(part) for part in re.split("%2[Ff]", raw)) if variable.multi else unquote(raw)
            for variable, raw in zip(self.variables, found.groups(), strict=True)
        ]

    def __repr__(self) -> str:
        return f"Template({self.text!r})"
