"""The fast way for good rows: typed structs that only a row without any finding fits, counted in columns.

What does not fit is left to row.py, which knows all rules. So nothing here words a finding, and a row that is let
through here must be one in which row.py finds nothing (but function calls that a model may refuse, which are noted here
too). A test holds the two against each other.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from gemtune.dataset.contents import EMPTY_WORDS, SHORT
from gemtune.dataset.excerpt import place_of
from gemtune.dataset.facts import Facts, Turn, part_key, prompt_key
from gemtune.dataset.functions import SCHEMA_NAMES
from gemtune.dataset.hashes import hashes_of
from gemtune.dataset.limits import Limits
from gemtune.dataset.media import MODALITIES, hardly_public, modality_of, types_of
from gemtune.dataset.partial import Rows, Segment
from gemtune.dataset.problem import WARNING, Problem
from gemtune.dataset.row import LEFTOVERS, leftovers_of
from gemtune.dataset.tokens import at_most, media_tokens, text_tokens, tokens_of

__all__ = ["Reader"]

_NOT_GOOD = (msgspec.MsgspecError, ValueError, RecursionError)

# -- a prompt and an answer, each one text --------------------------------------------------------------------------


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

# -- every other row ------------------------------------------------------------------------------------------------


class _File(Struct, forbid_unknown_fields=True, gc=False):
    mimeType: str  # noqa: N815
    fileUri: str  # noqa: N815


class _Call(Struct, forbid_unknown_fields=True):
    name: str
    args: dict[str, Any] | UnsetType = UNSET


class _Result(Struct, forbid_unknown_fields=True):
    name: str
    response: dict[str, Any]


class _Part(Struct, forbid_unknown_fields=True, omit_defaults=True):
    text: _Filled | UnsetType = UNSET
    fileData: _File | UnsetType = UNSET  # noqa: N815
    functionCall: _Call | UnsetType = UNSET  # noqa: N815
    functionResponse: _Result | UnsetType = UNSET  # noqa: N815


class _Turn(Struct, forbid_unknown_fields=True, omit_defaults=True):
    parts: Annotated[list[_Part], Meta(min_length=1)]
    role: Literal["user", "model"] | UnsetType = UNSET


class _System(Struct, forbid_unknown_fields=True, omit_defaults=True):
    parts: Annotated[list[_Text], Meta(min_length=1)]
    role: str | UnsetType = UNSET


class _Function(Struct, forbid_unknown_fields=True, omit_defaults=True):
    name: str
    description: str | UnsetType = UNSET
    parameters: dict[str, Any] | UnsetType = UNSET


class _Tool(Struct, forbid_unknown_fields=True):
    functionDeclarations: list[_Function]  # noqa: N815


class _Settings(Struct, forbid_unknown_fields=True):
    mediaResolution: Literal["MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_MEDIUM", "MEDIA_RESOLUTION_HIGH"]  # noqa: N815


class _Row(Struct, forbid_unknown_fields=True, omit_defaults=True):
    contents: Annotated[list[_Turn], Meta(min_length=2)]
    systemInstruction: _System | UnsetType = UNSET  # noqa: N815
    system_instruction: _System | UnsetType = UNSET
    tools: list[_Tool] | UnsetType = UNSET
    generationConfig: _Settings | UnsetType = UNSET  # noqa: N815


_row = msgspec.json.Decoder(_Row).decode
_encode = msgspec.json.Encoder().encode


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


class Reader:
    """Reads good rows of supervised tuning; of the other kinds it reads none."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._on = limits.job == "sft"
        self._most = limits.tokens
        self._pairs = True  # whether it is worth to try the rows of two texts first
        self._form: _Form | None = None
        self._known_tools: dict[bytes, frozenset[str] | None] = {}

    # -- many rows --------------------------------------------------------------------------------------------------

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
        except _NOT_GOOD:
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
        asked_tokens = tokens_of(found.asked, found.asked_text, found.asked_lengths)
        answered_tokens = tokens_of(found.answered, found.answered_text, found.answered_lengths)
        keys = found.asked
        with_system = 0
        if found.systems:
            with_system = len(found.systems) - found.systems.count("")
            system_tokens = {text: text_tokens(text) for text in set(found.systems)} | {"": 0}
            asked_tokens = [n + system_tokens[text] for n, text in zip(asked_tokens, found.systems, strict=True)]
            keys = [prompt_key(text, [("user", [ask])]) for text, ask in zip(found.systems, found.asked, strict=True)]
        if self._most is not None and at_most(max(asked_tokens) + max(answered_tokens)) > self._most:
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
            except _NOT_GOOD:
                continue
            facts = self.row(line)
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
            except _NOT_GOOD:
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

    # -- one row ----------------------------------------------------------------------------------------------------

    def row(self, line: bytes) -> Facts | None:  # noqa: PLR0911, PLR0912  one way out for each thing that row.py must look at
        """What is known of a good row; None for one that row.py has to look at."""
        if not self._on:
            return None
        try:
            row = _row(line)
        except _NOT_GOOD:
            return None
        if b"\\u0022" in line or _encode(row).count(b'"') != line.count(b'"'):
            return None
        facts = Facts(self._limits)
        if row.generationConfig is not UNSET:
            facts.resolution = row.generationConfig.mediaResolution
            facts.resolution_path = "/generationConfig/mediaResolution"
        if not self._system(facts, row):
            return None
        before = "model"
        calls: tuple[str, ...] = ()
        for turn in row.contents:
            role = turn.role
            if role is UNSET:
                if all(part.functionResponse is UNSET for part in turn.parts):
                    return None
                role = "user"
            if role == before:
                return None
            before = role
            counted = Turn(role)
            facts.turns.append(counted)
            found = self._parts(facts, counted, turn.parts, role, calls)
            if found is None:
                return None
            calls = found
        if before != "model" or any(n > self._limits.media.get(m, n) for m, n in facts.files.items()):
            return None
        if row.tools is not UNSET or facts.called:
            declared = self._declared(row.tools)
            if declared is None or not declared.issuperset(name for name, _ in facts.called):
                return None
        if self._most is not None and at_most(facts.input_tokens + facts.output_tokens) > self._most:
            return None
        if facts.calls and self._limits.calls_doubtful:
            found_it = f"the row has function calls, and {self._limits.base_model} is known to have refused them"
            facts.problems.append(Problem("GT607", WARNING, facts.calls, found_it))
        facts.leftovers = leftovers_of(facts.turns[-2].parts[-1:], facts.turns[-1].parts[-1:])
        return facts

    def _system(self, facts: Facts, row: _Row) -> bool:
        system = row.systemInstruction
        if row.system_instruction is not UNSET:
            if system is not UNSET:
                return False
            system = row.system_instruction
        if system is UNSET:
            return True
        turn = Turn("system")
        for part in system.parts:
            text = part.text
            if text.isspace() or (len(text) <= SHORT and text.strip() in EMPTY_WORDS):
                return False
            turn.parts.append(text)
            turn.tokens += text_tokens(text)
        facts.system = turn
        return True

    def _parts(  # noqa: PLR0911  as above
        self, facts: Facts, turn: Turn, parts: list[_Part], role: str, calls: tuple[str, ...]
    ) -> tuple[str, ...] | None:
        """Counts the parts of a turn; the functions that it calls, None where row.py has to look."""
        called: list[str] = []
        results: list[str] = []
        where = len(facts.turns) - 1
        for i, part in enumerate(parts):
            text, file, call, result = part.text, part.fileData, part.functionCall, part.functionResponse
            if text is not UNSET:
                if file is not UNSET or call is not UNSET or result is not UNSET or text.isspace():
                    return None
                if len(text) <= SHORT and text.strip() in EMPTY_WORDS:
                    return None
                turn.parts.append(text)
                turn.tokens += text_tokens(text)
            elif file is not UNSET:
                if call is not UNSET or result is not UNSET or role == "model" or not self._file(facts, turn, file):
                    return None
            elif call is not UNSET:
                if result is not UNSET or role != "model":
                    return None
                facts.calls = facts.calls or f"/contents/{where}/parts/{i}"
                key = part_key("functionCall", msgspec.to_builtins(call))
                turn.parts.append(key)
                turn.tokens += text_tokens(key)
                called.append(call.name)
                facts.called.append((call.name, ""))
            elif result is not UNSET:
                if role != "user":
                    return None
                facts.calls = facts.calls or f"/contents/{where}/parts/{i}"
                key = part_key("functionResponse", msgspec.to_builtins(result))
                turn.parts.append(key)
                turn.tokens += text_tokens(key)
                results.append(result.name)
            else:
                return None
        if (results or calls) and sorted(results) != sorted(calls):
            return None
        return tuple(called)

    def _file(self, facts: Facts, turn: Turn, file: _File) -> bool:
        mime, uri = file.mimeType, file.fileUri
        if mime not in MODALITIES:
            return False
        modality = modality_of(mime)
        if modality is None or (self._limits.modalities is not None and modality not in self._limits.modalities):
            return False
        if uri.startswith("gs://"):
            bucket, _, name = uri[5:].partition("/")
            if not bucket or not name:
                return False
        elif not uri.startswith(("https://", "http://")) or uri[8:9] in ("", "/") or hardly_public(uri):
            return False
        types = types_of(uri)
        if types is not None and mime not in types:
            return False
        facts.modalities.add(modality)
        facts.files[modality] = facts.files.get(modality, 0) + 1
        turn.parts.append(part_key("fileData", {"mimeType": mime, "fileUri": uri}))
        turn.tokens += media_tokens(modality, facts.resolution)
        return True

    def _declared(self, tools: list[_Tool] | UnsetType) -> frozenset[str] | None:
        """The functions that tools declare; None where row.py has to look. The tools of all rows are often the same."""
        if tools is UNSET:
            return frozenset()
        key = _encode(tools)
        if key not in self._known_tools:
            if len(self._known_tools) > 1000:
                self._known_tools.clear()
            functions = [function for tool in tools for function in tool.functionDeclarations]
            plain = all(function.parameters is UNSET or _is_plain(function.parameters) for function in functions)
            self._known_tools[key] = frozenset(function.name for function in functions) if plain else None
        return self._known_tools[key]


def _is_plain(schema: dict[str, Any]) -> bool:
    """Whether a schema has only keywords that Gemini knows."""
    for key, value in schema.items():
        if key not in SCHEMA_NAMES:
            return False
        if key == "properties":
            if not isinstance(value, dict) or not all(
                isinstance(each, dict) and _is_plain(each) for each in value.values()
            ):
                return False
        elif key == "items":
            if not isinstance(value, dict) or not _is_plain(value):
                return False
        elif key in ("anyOf", "any_of", "additionalProperties", "additional_properties"):
            return False
    return True


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
