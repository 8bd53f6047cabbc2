"""JSON -> a tree that knows its places. Comments and trailing commas are taken, as people write them.

Comments are `// ...`, `/* ... */` and `# ...`, as protobuf's own lenient readers and editors have them.
"""

from __future__ import annotations

import json
import re

from gemtune.errors import SpecFileError
from gemtune.rpc.nesting import LEVELS
from gemtune.specs.read.tree import Mark, Node, TreeNode

__all__ = ["parse"]

_BLANK = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|#[^\n]*|/\*(?s:.*?)\*/)*")
_TOKEN = re.compile(r'[{}\[\]:,]|"(?:[^"\\\x00-\x1f]|\\.)*"|[^\s{}\[\]:,"]+')
_LITERAL = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|-?Infinity|NaN")
_END = ""


def parse(text: str, *, file: str) -> Node:
    """The one value of a JSON text.

    Raises:
        SpecFileError: It is not JSON, or nested too deeply.
    """
    return _Reader(text, file).document()


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self._text, self._file = text, file
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self._line = 0
        self._at = self._next = 0
        self._word = _END
        self._advance()

    def document(self) -> Node:
        node = self._value(0)
        if self._word != _END:
            raise self._wrong("the end of the file after the spec")
        return node

    # -- tokens -----------------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        blank = _BLANK.match(self._text, self._next)
        self._at = blank.end() if blank else self._next
        found = _TOKEN.match(self._text, self._at)
        self._word = found[0] if found else self._text[self._at : self._at + 1]
        self._next = self._at + len(self._word)

    def _is(self, word: str) -> bool:
        return self._word == word

    def _mark(self, at: int) -> Mark:
        # Tokens come in order, so that the line only ever moves on.
        starts = self._starts
        while self._line + 1 < len(starts) and starts[self._line + 1] <= at:
            self._line += 1
        return Mark(self._line, at - starts[self._line])

    def _wrong(self, wanted: str) -> SpecFileError:
        found = repr(self._word) if self._word else "the end of the file"
        if self._word.startswith('"') and (len(self._word) == 1):
            found = "a string that is not closed on its line"
        elif self._word.startswith("'"):
            found = "a single quote (JSON has double ones)"
        return self._error(f"not JSON: found {found} where {wanted} should be")

    def _error(self, message: str) -> SpecFileError:
        mark = self._mark(self._at)
        return SpecFileError(message, file=self._file, line=mark.line + 1, column=mark.column + 1)

    # -- grammar ----------------------------------------------------------------------------------------------------

    def _value(self, depth: int) -> Node:
        if depth > LEVELS:
            raise self._error(f"nested more than {LEVELS} levels deep; no spec is")
        word = self._word
        if word == "{":
            return self._mapping(depth)
        if word == "[":
            return self._sequence(depth)
        return self._scalar()

    def _scalar(self) -> Node:
        word, start = self._word, self._mark(self._at)
        end = Mark(start.line, start.column + len(word))
        if len(word) > 1 and word[0] == '"':
            try:
                value = json.loads(word)
            except ValueError as error:
                raise self._error(f"not JSON: {error}") from error
            self._advance()
            return TreeNode("scalar", value, start, end, '"')
        if not _LITERAL.fullmatch(word):
            raise self._wrong("a value")
        self._advance()
        return TreeNode("scalar", word, start, end)

    def _mapping(self, depth: int) -> Node:
        start = self._mark(self._at)
        pairs: list[tuple[Node, Node]] = []
        self._advance()
        while not self._is("}"):
            if not (len(self._word) > 1 and self._word[0] == '"'):
                raise self._wrong("a name in double quotes or }")
            key = self._scalar()
            if not self._is(":"):
                raise self._wrong("a colon")
            self._advance()
            pairs.append((key, self._value(depth + 1)))
            if self._is(","):
                self._advance()
            elif not self._is("}"):
                raise self._wrong("a comma or }")
        end = self._mark(self._next)
        self._advance()
        return TreeNode("mapping", pairs, start, end)

    def _sequence(self, depth: int) -> Node:
        start = self._mark(self._at)
        items: list[Node] = []
        self._advance()
        while not self._is("]"):
            items.append(self._value(depth + 1))
            if self._is(","):
                self._advance()
            elif not self._is("]"):
                raise self._wrong("a comma or ]")
        end = self._mark(self._next)
        self._advance()
        return TreeNode("sequence", items, start, end)
