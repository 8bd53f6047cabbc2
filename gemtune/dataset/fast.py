"""The fast way for good rows: typed structs that only a row without any finding fits, counted in columns.

What does not fit is left to row.py, which knows all rules. So nothing here words a finding, and a row that is let
through here must be one in which row.py finds nothing (but function calls that a model may refuse, which are noted here
too). A test holds the two against each other.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from gemtune.dataset.contents import EMPTY_WORDS, SHORT
from gemtune.dataset.facts import Facts, Turn, part_key
from gemtune.dataset.functions import SCHEMA_NAMES
from gemtune.dataset.limits import Limits
from gemtune.dataset.media import MODALITIES, hardly_public, modality_of, types_of
from gemtune.dataset.media_tokens import media_tokens
from gemtune.dataset.problem import WARNING, Problem
from gemtune.dataset.quick_tokens import FAR, quick_tokens
from gemtune.dataset.row import leftovers_of

__all__ = ["NOT_GOOD", "Reader"]

NOT_GOOD = (msgspec.MsgspecError, ValueError, RecursionError)

_Filled = Annotated[str, Meta(min_length=1)]


class _Text(Struct, forbid_unknown_fields=True, gc=False):
    text: _Filled


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


class Reader:
    """Reads good rows of supervised tuning; of the other kinds it reads none."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._on = limits.job == "sft"
        self._most = limits.tokens
        self._known_tools: dict[bytes, frozenset[str] | None] = {}

    def row(self, line: bytes) -> Facts | None:  # noqa: PLR0911, PLR0912  one way out for each thing that row.py must look at
        """What is known of a good row; None for one that row.py has to look at."""
        if not self._on:
            return None
        try:
            row = _row(line)
        except NOT_GOOD:
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
        if self._most is not None and FAR * (facts.input_tokens + facts.output_tokens) > self._most:
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
            turn.tokens += quick_tokens(text)
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
                turn.tokens += quick_tokens(text)
            elif file is not UNSET:
                if call is not UNSET or result is not UNSET or role == "model" or not self._file(facts, turn, file):
                    return None
            elif call is not UNSET:
                if result is not UNSET or role != "model":
                    return None
                facts.calls = facts.calls or f"/contents/{where}/parts/{i}"
                key = part_key("functionCall", msgspec.to_builtins(call))
                turn.parts.append(key)
                turn.tokens += quick_tokens(key)
                called.append(call.name)
                facts.called.append((call.name, ""))
            elif result is not UNSET:
                if role != "user":
                    return None
                facts.calls = facts.calls or f"/contents/{where}/parts/{i}"
                key = part_key("functionResponse", msgspec.to_builtins(result))
                turn.parts.append(key)
                turn.tokens += quick_tokens(key)
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
        turn.tokens += media_tokens(modality, facts.resolution, self._limits.base_model)
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
