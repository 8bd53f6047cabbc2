"""A copy of a dataset in which is repaired what can be repaired for certain; every other line is copied as it is."""

from __future__ import annotations

import ast
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gemtune.dataset.limits import Limits
from gemtune.dataset.parse import BOM, BadLineError, Doubled, parse
from gemtune.dataset.row import check_row
from gemtune.dataset.sources import sources
from gemtune.errors import DatasetError

__all__ = ["Repaired", "repair", "repair_line"]

_TYPES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "application/x-pdf": "application/pdf",
    "audio/x-mp3": "audio/mpeg",
}


@dataclass
class Repaired:
    """What a repair did.

    Attributes:
        lines: Lines that were read.
        rows: Lines that were changed or left out.
        changes: How often each kind of change was made.
    """

    lines: int = 0
    rows: int = 0
    changes: Counter[str] = field(default_factory=Counter)


def repair(names: Sequence[str], out: str, *, base_model: str, job: str = "sft") -> Repaired:
    """Writes a copy of some files, line by line.

    Args:
        names: As of `check`.
        out: The copy. It is written beside itself and moved into place when it is whole.
        base_model: As of `check`.
        job: As of `check`.

    Raises:
        DatasetError: A file cannot be read, or is the one to be written.
    """
    done = Repaired()
    limits = Limits.of(base_model, job)
    found = sources(list(names))
    for source in found:
        if Path(out).exists() and Path(source.name).exists() and Path(source.name).samefile(out):
            raise DatasetError(f"{out} is the file that is read; name another one for the copy")
    beside = Path(f"{out}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            for source in found:
                for line in _lines(source.blocks()):
                    done.lines += 1
                    changed, changes = repair_line(line, limits, first=done.lines == 1)
                    if changes:
                        done.rows += 1
                        done.changes.update(changes)
                    if changed is not None:
                        file.write(changed + b"\n")
        beside.replace(out)
    finally:
        beside.unlink(missing_ok=True)
    return done


def _lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        yield from lines
    if rest:
        yield rest


def repair_line(line: bytes, limits: Limits, *, first: bool = False) -> tuple[bytes | None, Counter[str]]:
    """One line repaired, and what was changed; None for a line that is left out.

    A row is rewritten only where it has no error afterwards, or fewer; else the line stays as it is.
    """
    changes: Counter[str] = Counter()
    if first and line.startswith(BOM):
        line = line[len(BOM) :]
        changes["byte order mark removed"] += 1
    if not line.strip():
        return None, Counter({"blank line removed": 1})
    try:
        row: Any = parse(line)
        before = check_row(row, limits)
    except BadLineError as error:
        row = _python_dict(line) if error.code == "GT101" else None
        if row is None:
            return line.rstrip(b"\r"), changes
        changes["row written as JSON instead of as Python"] += 1
        before = None
    if before is not None and (not before.problems or isinstance(row, Doubled)):
        return line.rstrip(b"\r"), changes
    made = Counter(changes)
    fixed = _Row(limits, made).row(row)
    after = check_row(fixed, limits)
    if made == changes and before is not None:
        return line.rstrip(b"\r"), changes
    if before is not None and _errors(after) > _errors(before):
        return line.rstrip(b"\r"), changes
    return json.dumps(fixed, ensure_ascii=False).encode("utf-8", "surrogatepass"), made


def _errors(facts: Any) -> int:
    return sum(problem.severity == "error" for problem in facts.problems)


def _python_dict(line: bytes) -> dict[str, Any] | None:
    try:
        value = ast.literal_eval(line.decode("utf-8").strip())
        text = json.dumps(value, allow_nan=False)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return json.loads(text) if isinstance(value, dict) and all(isinstance(key, str) for key in value) else None


class _Row:
    """Repairs one row; counts what it changes."""

    def __init__(self, limits: Limits, changes: Counter[str]) -> None:
        self._limits, self._changes = limits, changes

    def row(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row with its repairs."""
        made = dict(row)
        if isinstance(made.get("contents"), dict):
            made["contents"] = self._changed("contents put into a list", [made["contents"]])
        contents = made.get("contents")
        if isinstance(contents, list):
            made["contents"] = contents = self._lifted(made, contents)
            made["contents"] = [self._turn(turn) for turn in contents]
        for name in ("systemInstruction", "system_instruction"):
            value = made.get(name)
            if isinstance(value, str) and value.strip():
                made[name] = self._changed("systemInstruction written with parts", {"parts": [{"text": value}]})
            elif isinstance(value, dict):
                made[name] = self._parts_of(value)
        return made

    def _changed(self, what: str, value: Any) -> Any:
        self._changes[what] += 1
        return value

    def _lifted(self, row: dict[str, Any], contents: list[Any]) -> list[Any]:
        """A first turn of the role system becomes the system instruction, where the row has none."""
        if row.get("systemInstruction") or row.get("system_instruction") or len(contents) < 2:
            return contents
        first = contents[0]
        if (
            isinstance(first, dict)
            and str(first.get("role")).lower() in ("system", "developer")
            and isinstance(first.get("parts"), list)
        ):
            row["systemInstruction"] = self._changed(
                "turn of system moved to systemInstruction", {"parts": first["parts"]}
            )
            return contents[1:]
        return contents

    def _turn(self, turn: Any) -> Any:
        if not isinstance(turn, dict):
            return turn
        made = dict(turn)
        role = made.get("role")
        if isinstance(role, str) and role not in ("user", "model"):
            small = role.strip().lower()
            meant = _ROLES.get(small, small if small in ("user", "model") else None)
            if meant:
                made["role"] = self._changed(f"role {role} written as {meant}", meant)
        return self._parts_of(made)

    def _parts_of(self, turn: dict[str, Any]) -> dict[str, Any]:
        made = dict(turn)
        if "parts" not in made and isinstance(made.get("content"), str):
            text = made.pop("content")
            made["parts"] = self._changed("content written as parts", [{"text": text}])
        parts = made.get("parts")
        if isinstance(parts, str):
            parts = self._changed("text put into a part", [{"text": parts}])
        elif isinstance(parts, dict):
            parts = self._changed("part put into a list", [parts])
        if isinstance(parts, list):
            parts = [self._part(part) for part in parts]
            blank = [part for part in parts if _is_blank(part)]
            if blank and len(blank) < len(parts):
                parts = self._changed("empty text part left out", [part for part in parts if not _is_blank(part)])
            made["parts"] = parts
        return made

    def _part(self, part: Any) -> Any:
        if isinstance(part, str):
            return self._changed("text put into a part", {"text": part})
        if not isinstance(part, dict):
            return part
        made = dict(part)
        if made.get("type") == "text" and isinstance(made.get("text"), str):
            del made["type"]
            self._changes["type of a text part left out"] += 1
        text = made.get("text")
        if isinstance(text, int | float) and not isinstance(text, bool):
            made["text"] = self._changed("number written as text", json.dumps(text))
        for name in ("fileData", "file_data"):
            media = made.get(name)
            if not isinstance(media, dict):
                continue
            key = "mimeType" if "mimeType" in media else "mime_type"
            if isinstance(media.get(key), str) and media[key] in _TYPES:
                made[name] = {
                    **media,
                    key: self._changed(f"mimeType {media[key]} written as {_TYPES[media[key]]}", _TYPES[media[key]]),
                }
        for name in ("functionCall", "function_call"):
            call = made.get(name)
            if isinstance(call, dict) and isinstance(call.get("args"), str):
                made[name] = self._arguments(call)
        return made

    def _arguments(self, call: dict[str, Any]) -> dict[str, Any]:
        try:
            args = json.loads(call["args"])
        except (ValueError, RecursionError):
            return call
        return {**call, "args": self._changed("args written as an object", args)} if isinstance(args, dict) else call


_ROLES = {"assistant": "model", "bot": "model", "gpt": "model", "human": "user"}


def _is_blank(part: Any) -> bool:
    return (
        isinstance(part, dict)
        and part.keys() == {"text"}
        and isinstance(part["text"], str)
        and not part["text"].strip()
    )
