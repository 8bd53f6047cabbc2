"""Good rows of two texts, counted in columns: most rows of most files are a prompt and an answer.

A row is let through here where row.py finds nothing in it; what is not is left to fast.py, and that leaves the rest to
row.py. A test holds the three against each other.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Struct

from gemtune.dataset.contents import EMPTY_WORDS, SHORT
from gemtune.dataset.excerpt import place_of
from gemtune.dataset.facts import prompt_key
from gemtune.dataset.fast import NOT_GOOD, Reader
from gemtune.dataset.hashes import hashes_of
from gemtune.dataset.limits import Limits
from gemtune.dataset.partial import Rows, Segment
from gemtune.dataset.quick_tokens import FAR, quick_tokens, quick_tokens_of
from gemtune.dataset.row import LEFTOVERS

__all__ = ["Pairs"]

_Filled = Annotated[str, Meta(min_length=1)]


class _Text(Struct, forbid_unknown_fields=True, gc=False):
    text: _Filled


class _Asks(Struct, forbid_unknown_fields=True, gc=False, tag_field="role", tag="user"):
    parts: tuple[_Text]


class _Answers(Struct, forbid_unknown_fields=True, gc=False, tag_field="role", tag="model"):
    parts: tuple[_Text]


class _Instructs(Struct, forbid_unknown_fields=True, gc=False):
    parts: tuple[_Text]
    role: str = ""


class _Pair(Struct, forbid_unknown_fields=True, gc=False):
    contents: tuple[_Asks, _Answers]
    systemInstruction: _Instructs | None = None  # noqa: N815  the field's JSON name


_pair = msgspec.json.Decoder(_Pair).decode
# Quotes around the names and values of a row: contents, two turns with role, parts, text and their values.
_QUOTES = 22
_SYSTEM_QUOTES = 8  # and those of an instruction without a role
_ROLE_QUOTES = 4


_two_texts = msgspec.json.Decoder(list[tuple[_Filled, _Filled]]).decode
_LOOKED_AT = 20  # lines of a block from which the form of all is learnt


class _Form(NamedTuple):
    """The bytes of a row of two texts around them, to the end of its line; its system instruction, "" for none."""

    before: bytes
    between: bytes
    end: bytes
    system: str


class _Texts:
    """The texts of some rows of two texts, and which lines are none.

    Attributes:
        asked: The prompts.
        answered: The answers.
        systems: The system instructions, "" for none; [] when no row has one.
        left: The places of the other lines.
        asked_text: The prompts as one text.
        answered_text: The answers as one text.
        asked_lengths: Characters of each prompt.
        answered_lengths: Characters of each answer.
    """

    __slots__ = (
        "answered", "answered_lengths", "answered_text", "asked", "asked_lengths", "asked_text", "left", "systems",
    )  # fmt: skip

    def __init__(self, asked: list[str], answered: list[str], systems: list[str], left: list[int]) -> None:
        self.asked, self.answered, self.systems, self.left = asked, answered, systems, left
        self.asked_text, self.answered_text = "".join(asked), "".join(answered)
        self.asked_lengths, self.answered_lengths = list(map(len, asked)), list(map(len, answered))


class Pairs:
    """Reads good rows of two texts, for supervised tuning."""

    def __init__(self, limits: Limits, reader: Reader) -> None:
        """Learns nothing yet.

        Args:
            limits: Of the base model and the kind of tuning.
            reader: Reads one row.
        """
        self._on = limits.job == "sft"
        self._most = limits.tokens
        self._reader = reader
        self._pairs = True  # whether most rows are of two texts
        self._form: _Form | None = None

    def take_block(self, block: bytes, segment: Segment) -> bool:
        """Counts all lines of a block into the segment, if they are equal but for two texts each.

        Most files are written by one program, so all rows have the same bytes around their texts. Where they do, there
        is nothing else to be looked at, and only the texts are parsed.

        Args:
            block: Whole lines.
            segment: What is filled, its line number too.

        Returns:
            Whether they were counted: all, or none.
        """
        form = self._form
        if form is None or not block.startswith(form.before) or not block.endswith(form.end):
            return False
        count = block.count(b"\n")
        cut = form.end + form.before
        rows = block[len(form.before) : -len(form.end)].replace(cut, b'"],["')
        listed = rows.replace(form.between, b'","')
        # Every end of a line is one between two rows, and every row has one `between`: none has more, or there were
        # three texts where two are wanted.
        ends = len(block) - len(form.before) - len(form.end) - len(rows)
        if ends != (count - 1) * (len(cut) - 5) or len(rows) - len(listed) != count * (len(form.between) - 3):
            return False
        try:
            pairs = _two_texts(b'[["' + listed + b'"]]')
        except NOT_GOOD:
            return False
        if len(pairs) != count:
            return False
        asked, answered = [ask for ask, _ in pairs], [answer for _, answer in pairs]
        found = _Texts(asked, answered, [form.system] * count if form.system else [], [])
        if not self._count(found, count, segment):
            return False
        segment.lines += count
        return True

    def take(self, lines: list[bytes], segment: Segment) -> list[int]:
        """Counts those of some lines into the segment that are good rows of two texts.

        Args:
            lines: Whole lines. The segment's line number stands at the one before the first.
            segment: What is filled, but for its line number.

        Returns:
            The places of the lines that were not counted, in order.
        """
        everything = list(range(len(lines)))
        if not self._on or not self._pairs:
            return everything
        self._form = self._learnt(lines)
        found = self._pairs_in(lines)
        return found.left if found is not None and self._count(found, len(lines), segment) else everything

    def _count(self, found: _Texts, lines: int, segment: Segment) -> bool:
        """Counts texts into the segment, unless row.py has to look at their rows."""
        if not found.asked or not _nothing_hidden(found):
            return False
        asked_tokens = quick_tokens_of(found.asked, found.asked_text, found.asked_lengths)
        answered_tokens = quick_tokens_of(found.answered, found.answered_text, found.answered_lengths)
        keys = found.asked
        with_system = 0
        if found.systems:
            with_system = len(found.systems) - found.systems.count("")
            system_tokens = {text: quick_tokens(text) for text in set(found.systems)} | {"": 0}
            asked_tokens = [n + system_tokens[text] for n, text in zip(asked_tokens, found.systems, strict=True)]
            keys = [prompt_key(text, [("user", [ask])]) for text, ask in zip(found.systems, found.asked, strict=True)]
        if self._most is not None and FAR * (max(asked_tokens) + max(answered_tokens)) > self._most:
            return False
        first = segment.lines + 1
        numbers: Sequence[int] = range(first, first + lines)
        if found.left:
            skipped = set(found.left)
            numbers = array("I", [number for at, number in enumerate(numbers) if at not in skipped])
        count = len(found.asked)
        segment.last = numbers[-1]
        segment.examples += count
        segment.valid += count
        segment.inputs.update(asked_tokens)
        segment.outputs.update(answered_tokens)
        segment.messages[2] += count
        segment.with_system += with_system
        if segment.compares:
            segment.rows.append(Rows(hashes_of(keys), hashes_of(found.answered), numbers, 0))
        return True

    def _learnt(self, lines: list[bytes]) -> _Form | None:
        """The bytes around the texts of the first good row of two texts."""
        for line in lines[:_LOOKED_AT]:
            try:
                row = _pair(line)
            except NOT_GOOD:
                continue
            facts = self._reader.row(line)
            if facts is None or facts.leftovers or not line.isascii():
                continue
            first, second = (place_of(line.decode(), f"/contents/{i}/parts/0/text") for i in (0, 1))
            if first is None or second is None or second[0] < first[0]:
                return None
            system = row.systemInstruction.parts[0].text if row.systemInstruction is not None else ""
            # Both places have their quotes with them.
            between = line[sum(first) - 1 : second[0] + 1]
            return _Form(line[: first[0] + 1], between, line[sum(second) - 1 :] + b"\n", system)
        return None

    def _pairs_in(self, lines: list[bytes]) -> _Texts | None:
        """The texts of those lines that are rows of two texts; None where keys may stand in them twice."""
        left: list[int] = []
        asked: list[str] = []
        answered: list[str] = []
        systems: list[_Instructs | None] = []
        for at, line in enumerate(lines):
            try:
                row = _pair(line)
            except NOT_GOOD:
                left.append(at)
                continue
            asks, answers = row.contents
            asked.append(asks.parts[0].text)
            answered.append(answers.parts[0].text)
            systems.append(row.systemInstruction)
        self._pairs = len(left) * 2 < len(lines)
        found = _Texts(asked, answered, [], left)
        # A key that stands twice is one more pair of quotes at least. Those inside of texts are counted in what was
        # read, and one that is written as a number would hide another.
        inside = found.asked_text.count('"') + found.answered_text.count('"')
        outside = _QUOTES * len(asked)
        if systems.count(None) < len(systems):
            found.systems = [system.parts[0].text if system is not None else "" for system in systems]
            for system in systems:
                if system is not None:
                    text = system.parts[0].text
                    if text.isspace() or len(text) <= SHORT:
                        return None
                    inside += text.count('"') + system.role.count('"')
                    outside += _SYSTEM_QUOTES + (_ROLE_QUOTES if system.role else 0)
        skipped = set(left)
        block = b"".join(lines) if not left else b"".join([line for at, line in enumerate(lines) if at not in skipped])
        if block.count(b'"') != inside + outside or (inside and b"0022" in block and b"\\u0022" in block):
            return None
        return found


def _nothing_hidden(found: _Texts) -> bool:
    """Whether texts have nothing that row.py would say something about: blank ones, missing values, leftovers."""
    for texts, lengths in ((found.asked, found.asked_lengths), (found.answered, found.answered_lengths)):
        if min(lengths) <= SHORT:
            short = [text.strip() for text, length in zip(texts, lengths, strict=True) if length <= SHORT]
            if not EMPTY_WORDS.isdisjoint(short):
                return False
    first_asked, first_answered = {text[0] for text in found.asked}, {text[0] for text in found.answered}
    if " " in first_answered or any(map(str.isspace, first_asked | first_answered)):
        return False  # perhaps blank, or with a leftover
    if "###" in found.asked_text and any(text.endswith(LEFTOVERS[0]) for text in found.asked):
        return False
    return not (LEFTOVERS[1] in found.answered_text and any(text.endswith(LEFTOVERS[1]) for text in found.answered))
