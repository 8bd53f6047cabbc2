"""The code blocks of README.md and docs/*.md.

Two invisible comments in front of a block steer its test; their form is that of Sybil, a tester of documents:

    <!-- invisible-code-block: python
    names = ["1"]
    -->
    <!-- skip: next, "it needs a PostgreSQL server called db" -->

The first is code that the test runs and the reader does not see, in front of the blocks of its section; the second leaves
the next block out, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Block", "blocks", "pages", "sections"]

ROOT = Path(__file__).parents[2]
_PIECE = re.compile(
    r"^(?P<fence>`{3,})(?P<language>[\w-]*)\n(?P<code>.*?)^(?P=fence)$"
    r"|^<!-- invisible-code-block: (?P<hidden>\w+)\n(?P<unseen>.*?)^-->$"
    r'|^<!-- skip: next, "(?P<reason>[^"\n]+)" -->$'
    r"|^(?P<heading>#+) (?P<title>[^\n]*)$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One block.

    Attributes:
        page: Its file, as `docs/async.md`.
        line: The line of the file that its first line is.
        section: The heading that it stands below.
        language: What stands behind the fence: `python`, `sh`, `console`, `text`, ...
        code: What it holds.
        hidden: Whether it is invisible to readers.
        skipped: Why it is not tested; None: it is.
    """

    page: str
    line: int
    section: str
    language: str
    code: str
    hidden: bool = False
    skipped: str | None = None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Every document for users and contributors."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    name, section, reason = page.relative_to(ROOT).as_posix(), "", None
    for found in _PIECE.finditer(text):
        if found["heading"]:
            section = found["title"]
        elif found["reason"]:
            reason = found["reason"]
        elif found["hidden"]:
            line = text.count("\n", 0, found.start("unseen")) + 1
            yield Block(name, line, section, found["hidden"], found["unseen"], hidden=True)
        else:
            line = text.count("\n", 0, found.start("code")) + 1
            yield Block(name, line, section, found["language"], found["code"], skipped=reason)
            reason = None


def sections(*languages: str) -> dict[str, list[Block]]:
    """The blocks in these languages, by page and section: the blocks of a section share their names and files."""
    found: dict[str, list[Block]] = {}
    for page in pages():
        for block in blocks(page):
            if block.language in languages:
                found.setdefault(f"{block.page}#{block.section}", []).append(block)
    return {name: each for name, each in found.items() if not all(block.hidden for block in each)}
