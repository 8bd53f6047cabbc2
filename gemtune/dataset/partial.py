"""What a check found in a part of the files, and how parts become one: the report of a range of bytes.

A `Segment` is what was found in one range of one file, its lines counted from the range's beginning. A `Partial` holds
segments of any files and ranges; two are merged in any order and grouping, and neighbours become one. Who checks on
several processes or machines merges what comes back; report.py makes the report of it.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gemtune.dataset.excerpt import Excerpt, excerpt
from gemtune.dataset.facts import Facts
from gemtune.dataset.hashes import KIND, hash_of
from gemtune.errors import ConfigurationError

__all__ = ["EXAMPLES", "MOST_PROBLEMS", "MOST_ROWS", "Found", "Partial", "Rows", "Segment"]

MOST_PROBLEMS = 1000
"""Problems of one code that are kept whole; beyond it they are counted."""

MOST_ROWS = 20_000_000
"""Rows that are compared with one another, 16 to 20 bytes of memory each; of more, those with a small hash."""

EXAMPLES = 3
"""Rows that the statistics show, and problems of each code of which the line is shown."""


_MOST_TOGETHER = 1 << 16  # rows of one array


class Found(NamedTuple):
    """A problem of a segment; its line counts from 1 at the segment's beginning."""

    line: int
    code: str
    severity: str
    path: str
    found: str
    excerpt: Excerpt | None = None


class Rows(NamedTuple):
    """Rows that are compared: a hash of each prompt and answer, and the line, plus what is to be added to the line."""

    prompts: array[int]
    answers: array[int]
    lines: Sequence[int]
    offset: int


@dataclass
class Segment:
    """What was found in one range of one file.

    Attributes:
        file: The file's name.
        role: `training` or `validation`.
        start: The range's first byte.
        end: One past its last byte.
        lines: Lines in it, the blank ones too.
        last: The last line that is not blank; 0: there is none.
        examples: Lines that hold one JSON object.
        valid: Rows without an error.
        failed: Lines and rows with an error, those of another product's form left out.
        problems: By code, the first ones.
        counts: How many problems there are, by code and severity.
        whole: What is wrong with the whole file, found at its beginning; then nothing else of it counts.
        inputs: How many rows have how many tokens before the answer.
        outputs: How many have how many in the model's turns.
        messages: How many have how many turns.
        shown: The first rows, as turns.
        rows: What is compared.
        level: How many leading bits of a prompt's hash are zero in every row that is compared.
        with_system: Rows with a system instruction.
        modalities: Rows with media, by modality.
        resolutions: By value of mediaResolution, the first row that has it: its line and the place.
        leftovers: Rows by leftover.
        foreign: Rows by another product's form.
        generation: The version of the object in Cloud Storage.
        incomplete: Why the file was not read to its end; "" when it was.
        hashes: How rows were hashed.
        compares: Whether rows are compared at all.
    """

    file: str
    role: str
    start: int = 0
    end: int = 0
    lines: int = 0
    last: int = 0
    examples: int = 0
    valid: int = 0
    failed: int = 0
    problems: dict[str, list[Found]] = field(default_factory=dict)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    whole: Found | None = None
    inputs: Counter[int] = field(default_factory=Counter)
    outputs: Counter[int] = field(default_factory=Counter)
    messages: Counter[int] = field(default_factory=Counter)
    shown: list[list[dict[str, Any]]] = field(default_factory=list)
    rows: list[Rows] = field(default_factory=list)
    level: int = 0
    with_system: int = 0
    modalities: Counter[str] = field(default_factory=Counter)
    resolutions: dict[str, tuple[int, str]] = field(default_factory=dict)
    leftovers: Counter[str] = field(default_factory=Counter)
    foreign: Counter[str] = field(default_factory=Counter)
    generation: int = 0
    incomplete: str = ""
    hashes: str = KIND
    compares: bool = True

    # -- filling ----------------------------------------------------------------------------------------------------

    def problem(self, found: Found, raw: bytes = b"", column: int = 0) -> None:
        """Adds a problem; of the first ones of each code, the piece of the line is kept."""
        self.counts[found.code, found.severity] += 1
        kept = self.problems.setdefault(found.code, [])
        if len(kept) < MOST_PROBLEMS:
            if raw and len(kept) < EXAMPLES:
                found = found._replace(excerpt=excerpt(raw, found.code, found.path, column))
            kept.append(found)

    def add(self, facts: Facts, line: int, raw: bytes, row: Any = None) -> None:
        """Adds a row.

        Args:
            facts: What the rules say of it.
            line: Its line.
            raw: The line's bytes.
            row: The row itself, where it is at hand.
        """
        self.examples += 1
        for problem in facts.problems:
            self.problem(Found(line, problem.code, problem.severity, problem.path, problem.found), raw, problem.column)
        if facts.foreign:
            self.foreign[facts.foreign] += 1
        if facts.resolution or facts.modalities:
            self.resolutions.setdefault(facts.resolution, (line, facts.resolution_path))
        if facts.failed:
            self.failed += not facts.foreign and all(p.code != "GT210" for p in facts.problems)
            return
        self.valid += 1
        self.inputs[facts.input_tokens] += 1
        self.outputs[facts.output_tokens] += 1
        self.messages[len(facts.turns)] += 1
        self.with_system += facts.system is not None
        self.modalities.update(facts.modalities)
        self.leftovers.update(facts.leftovers)
        if len(self.shown) < EXAMPLES:
            self.shown.append(_turns(json.loads(raw) if row is None else row))
        if not self.compares:
            return
        prompt, answer = facts.keys()
        hashed, answered = hash_of(prompt), hash_of(answer)
        lines = self.rows[-1].lines if self.rows else None
        if not isinstance(lines, array) or len(lines) > _MOST_TOGETHER:
            lines = array("I")
            self.rows.append(Rows(array("Q"), array("Q"), lines, 0))
        prompts, answers, _, _ = self.rows[-1]
        prompts.append(hashed)
        answers.append(answered)
        lines.append(line)

    # -- joining ----------------------------------------------------------------------------------------------------

    def joined(self, after: Segment) -> Segment:
        """This range and the one that begins where it ends, as one."""
        shift = self.lines
        made = Segment(self.file, self.role, self.start, after.end, self.lines + after.lines)
        made.last = after.last + shift if after.last else self.last
        for name in ("examples", "valid", "failed", "with_system"):
            setattr(made, name, getattr(self, name) + getattr(after, name))
        for name in ("counts", "inputs", "outputs", "messages", "modalities", "leftovers", "foreign"):
            setattr(made, name, getattr(self, name) + getattr(after, name))
        made.problems = {code: list(found) for code, found in self.problems.items()}
        for code, found in after.problems.items():
            kept = made.problems.setdefault(code, [])
            kept += [each._replace(line=each.line + shift) for each in found[: MOST_PROBLEMS - len(kept)]]
        made.whole = self.whole
        made.shown = (self.shown + after.shown)[:EXAMPLES]
        made.level = max(self.level, after.level)
        made.rows = self.rows + [rows._replace(offset=rows.offset + shift) for rows in after.rows]
        made.resolutions = dict(self.resolutions)
        for value, (line, path) in after.resolutions.items():
            made.resolutions.setdefault(value, (line + shift, path))
        made.generation = self.generation or after.generation
        made.incomplete = self.incomplete or after.incomplete
        return made

    def thinned(self, level: int) -> None:
        """Keeps the rows whose prompt's hash begins with `level` zero bits."""
        if level <= self.level:
            return
        self.level, below = level, 1 << (64 - level)
        thin: list[Rows] = []
        for rows in self.rows:
            at = [i for i, hashed in enumerate(rows.prompts) if hashed < below]
            if at:
                thin.append(
                    Rows(
                        array("Q", [rows.prompts[i] for i in at]),
                        array("Q", [rows.answers[i] for i in at]),
                        array("I", [rows.lines[i] for i in at]),
                        rows.offset,
                    )
                )
        self.rows = thin

    @property
    def compared(self) -> int:
        """How many rows are compared."""
        return sum(len(rows.prompts) for rows in self.rows)


def _turns(row: Any) -> list[dict[str, Any]]:
    """The turns of a row in the form of `contents`."""
    if not isinstance(row, dict):
        return []
    contents = row.get("contents")
    if contents is None:
        return [
            {"role": m.get("role"), "parts": [{"text": str(m.get("content"))}]}
            for m in row.get("messages") or ()
            if isinstance(m, dict) and m.get("role") != "system"
        ]
    return [contents] if isinstance(contents, dict) else list(contents)


class Partial:
    """What a check found in some ranges of some files.

    Attributes:
        segments: By file and first byte.
    """

    def __init__(self, segments: Iterable[Segment] = ()) -> None:
        self.segments: dict[tuple[str, str, int], Segment] = {}
        for segment in segments:
            self._add(segment)
        self._thin()

    def merge(self, *others: Partial) -> Partial:
        """This and others as one; neither is changed. The order and the grouping do not matter.

        Raises:
            ConfigurationError: Two of them hold the same range, or their rows were hashed in different ways.
        """
        made = Partial()
        for each in (self, *others):
            for segment in each.segments.values():
                made._add(segment)
        made._thin()
        return made

    def _add(self, segment: Segment) -> None:
        if any(known.hashes != segment.hashes for known in self.segments.values()):
            raise ConfigurationError(
                "two parts of a check were made with different hashes; install gemtune[dataset] everywhere, or nowhere"
            )
        key = (segment.role, segment.file)
        of_file = sorted(start for role, file, start in self.segments if (role, file) == key)
        if of_file and segment.start == segment.end:
            return  # between two lines, where nothing is
        for start in of_file:
            if self.segments[*key, start].end == start:
                del self.segments[*key, start]
                of_file.remove(start)
                break
        at = bisect_right(of_file, segment.start)
        if (at and self.segments[*key, of_file[at - 1]].end > segment.start) or (
            at < len(of_file) and of_file[at] < segment.end
        ):
            raise ConfigurationError(f"bytes of {segment.file} from {segment.start} on are in two parts of the check")
        if at < len(of_file) and segment.end == of_file[at]:
            segment = segment.joined(self.segments.pop((*key, of_file[at])))
        if at and self.segments[*key, of_file[at - 1]].end == segment.start:
            segment = self.segments.pop((*key, of_file[at - 1])).joined(segment)
        self.segments[*key, segment.start] = segment

    def _thin(self) -> None:
        level = max((segment.level for segment in self.segments.values()), default=0)
        while True:
            for segment in self.segments.values():
                segment.thinned(level)
            if sum(segment.compared for segment in self.segments.values()) <= MOST_ROWS:
                return
            level += 1
