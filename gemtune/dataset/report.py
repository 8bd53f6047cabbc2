"""The report of a check: lines numbered by file, and the rules about whole files and all of them together."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice

from gemtune.dataset.comparison import Comparison, File, shifted
from gemtune.dataset.distribution import distribution
from gemtune.dataset.limits import Limits
from gemtune.dataset.partial import EXAMPLES, MOST_PROBLEMS, Found, Partial, Segment
from gemtune.dataset.problem import ERROR, WARNING
from gemtune.dataset.row import LEFTOVERS
from gemtune.dataset.rules import rules
from gemtune.errors import JsonError
from gemtune.rpc import codec
from gemtune_pb.v1 import Content, DatasetProblem, DatasetReport, DatasetRole, SupervisedTuningDataStats

__all__ = ["finish"]

_SEVERITY = {ERROR: DatasetProblem.Severity.ERROR, WARNING: DatasetProblem.Severity.WARNING}
_ROLE = {"training": DatasetRole.TRAINING, "validation": DatasetRole.VALIDATION}
_TEXT = 400  # characters of a text that the statistics show
_FEW = 100
_DROPPED = 0.1
_LARGE = 1000  # rows for training from which on the share of those for validation counts


def finish(
    partial: Partial,
    limits: Limits,
    *,
    notes: Mapping[str, Sequence[Found]] | None = None,
    files: Sequence[tuple[str, str]] = (),
) -> DatasetReport:
    """The report of all ranges.

    Args:
        partial: What was found in them.
        limits: Of the base model and the kind of tuning.
        notes: What is wrong with files by their names and how they were read, by file.
        files: The files in their order, each with its role; those not named come after them, by name.
    """
    joined = _files(partial, files)
    maker = _Maker(limits, partial)
    for file in joined:
        maker.file(file, (notes or {}).get(file.name, ()))
    maker.together(joined)
    return maker.made()


def _files(partial: Partial, files: Sequence[tuple[str, str]]) -> list[File]:
    place = {(name, role): i for i, (name, role) in enumerate(files)}
    grouped: dict[tuple[str, str], list[Segment]] = {}
    for segment in partial.segments.values():
        grouped.setdefault((segment.file, segment.role), []).append(segment)
    order = sorted(grouped, key=lambda key: (place.get(key, len(place)), key[1] != "training", key[0]))
    return [File(name, role, sorted(grouped[name, role], key=lambda part: part.start)) for name, role in order]


class _Maker:
    """Fills a report, file by file."""

    def __init__(self, limits: Limits, partial: Partial) -> None:
        self._limits = limits
        self._report = DatasetReport(base_model=limits.base_model, job=limits.job)
        self._kept: Counter[str] = Counter()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._level = max((segment.level for segment in partial.segments.values()), default=0)

    def _add(self, file: str, found: Found, *, count: int = 1) -> None:
        self._counts[found.code, found.severity] += count
        if self._kept[found.code] < MOST_PROBLEMS:
            self._keep(file, found)

    def _keep(self, file: str, found: Found) -> None:
        self._kept[found.code] += 1
        problem = self._report.problems.add(
            file=file,
            line=found.line,
            path=found.path,
            code=found.code,
            severity=_SEVERITY[found.severity],
            message=f"{found.found}; {rules()[found.code].fix}",
        )
        if found.excerpt is not None and self._kept[found.code] <= EXAMPLES:
            problem.excerpt, problem.excerpt_column, problem.excerpt_length = found.excerpt

    # -- one file ---------------------------------------------------------------------------------------------------

    def file(self, file: File, notes: Iterable[Found]) -> None:
        """Adds a file: its own problems, and the rules about it alone."""
        for note in notes:
            self._add(file.name, note)
        whole = file.parts[0].whole
        size = sum(part.end - part.start for part in file.parts)
        entry = self._report.files.add(name=file.name, role=_ROLE[file.role], bytes_read=size)
        entry.line_count = sum(part.lines for part in file.parts)
        entry.generation = max(part.generation for part in file.parts)
        entry.incomplete = next((part.incomplete for part in file.parts if part.incomplete), "")
        self._report.bytes_read += size
        if whole is not None:
            self._add(file.name, whole)
            self._size(file, size)
            return
        last = _last(file.parts)
        for part, shift in shifted(file.parts):
            for kept in part.problems.values():
                for found in kept:
                    inside = found.code != "GT105" or found.line + shift <= last
                    if inside and self._kept[found.code] < MOST_PROBLEMS:
                        self._keep(file.name, found._replace(line=found.line + shift))
            self._counts.update(part.counts)
            entry.example_count += part.examples
            entry.valid_example_count += part.valid
            for shape, count in part.foreign.items():
                entry.foreign_counts[shape] += count
            for modality, count in part.modalities.items():
                self._report.media_counts[modality] += count
        self._counts["GT105", WARNING] -= entry.line_count - last  # blank lines at the end are not inside the file
        self._report.example_count += entry.example_count
        self._report.valid_example_count += entry.valid_example_count
        unread = any(code in ("GT102", "GT103") for part in file.parts for code, _ in part.counts)
        if not entry.example_count and not unread and not entry.incomplete:
            self._add(file.name, Found(0, "GT106", ERROR, "", "the file has no row" if last else "the file is empty"))
        self._size(file, size)

    def _size(self, file: File, size: int) -> None:
        most = self._limits.training_bytes
        if most is not None and size > most:
            self._add(
                file.name,
                Found(
                    0, "GT703", ERROR, "", f"the file has {size:,} bytes, and {self._limits.base_model} takes {most:,}"
                ),
            )

    # -- all files --------------------------------------------------------------------------------------------------

    def together(self, files: Sequence[File]) -> None:
        """Adds what holds for all files of a role, and between the roles."""
        for role in ("training", "validation"):
            of_role = [file for file in files if file.role == role and file.parts[0].whole is None]
            if not of_role:
                continue
            parts = [part for file in of_role for part in file.parts]
            stats = self._report.stats if role == "training" else self._report.validation_stats
            _fill(stats, parts)
            self._amount(of_role, parts, role)
            self._habits(of_role, parts)
            self._resolution(of_role)
        Comparison(self._add, [file for file in files if file.parts[0].whole is None], self._level).run()
        self._report.compared_share = 1 / (1 << self._level)
        self._validation_share(files)

    def _amount(self, files: Sequence[File], parts: Sequence[Segment], role: str) -> None:
        limits, name = self._limits, files[0].name
        rows = sum(part.examples for part in parts)
        failed = sum(part.failed for part in parts)
        media = sum(1 for part in parts if part.modalities)
        if role == "training":
            if limits.training_examples is not None and rows > limits.training_examples:
                self._add(
                    name,
                    Found(
                        0,
                        "GT702",
                        ERROR,
                        "",
                        f"there are {rows:,} rows, and {limits.base_model} takes {limits.training_examples:,}",
                    ),
                )
            elif media and limits.multimodal_examples is not None and rows > limits.multimodal_examples:
                most = f"{limits.base_model} takes {limits.multimodal_examples:,} then"
                found = f"there are {rows:,} rows, some with media, and {most}"
                self._add(name, Found(0, "GT702", ERROR, "", found))
            if 0 < rows < _FEW:
                too_few = limits.minimum_examples is not None and rows < limits.minimum_examples
                least = f", and {limits.base_model} takes {limits.minimum_examples} or more" if too_few else ""
                self._add(name, Found(0, "GT704", ERROR if too_few else WARNING, "", f"there {_are(rows)}{least}"))
        total = rows + sum(
            count for part in parts for (code, _), count in part.counts.items() if code in ("GT101", "GT102", "GT103")
        )
        if total >= _FEW and failed > total * _DROPPED:
            self._add(
                name, Found(0, "GT707", ERROR, "", f"{failed:,} of {total:,} rows have an error ({failed / total:.0%})")
            )

    def _validation_share(self, files: Sequence[File]) -> None:
        counts: Counter[str] = Counter()
        sizes: Counter[str] = Counter()
        for file in files:
            counts[file.role] += sum(part.examples for part in file.parts)
            sizes[file.role] += sum(part.end - part.start for part in file.parts)
        if not counts["validation"]:
            return
        of_bytes = self._limits.kind == "open"
        found = self._share_of_bytes(sizes) if of_bytes else self._share_of_rows(counts)
        if found:
            name = next(file.name for file in files if file.role == "validation")
            self._add(name, Found(0, "GT705", ERROR, "", found))

    def _share_of_bytes(self, sizes: Mapping[str, int]) -> str:
        most, trained = self._limits.validation_share, sizes["training"]
        if not most or not trained or sizes["validation"] <= most * trained:
            return ""
        share = sizes["validation"] / trained
        return f"the validation file has {share:.0%} of the training file's bytes, and {most:.0%} are taken"

    def _share_of_rows(self, counts: Mapping[str, int]) -> str:
        limits, rows, trained = self._limits, counts["validation"], counts["training"]
        most, share = limits.validation_examples, limits.validation_share or 0.0
        if most is None or rows <= (max(most, int(share * trained)) if trained > _LARGE else most):
            return ""
        more = f" or {share:.0%} of the rows for training" if share else ""
        return f"there are {rows:,} rows for validation, and {limits.base_model} takes {most:,}{more}"

    def _habits(self, files: Sequence[File], parts: Sequence[Segment]) -> None:
        name, valid = files[0].name, sum(part.valid for part in parts)
        with_system = sum(part.with_system for part in parts)
        if 0 < with_system < valid:
            self._add(
                name, Found(0, "GT805", WARNING, "", f"{with_system:,} of {valid:,} rows have a systemInstruction")
            )
        left: Counter[str] = sum((part.leftovers for part in parts), Counter())
        told = [f"{count:,} prompts end in \\n\\n###\\n\\n" for mark, count in left.items() if mark == LEFTOVERS[0]]
        told += [f"{count:,} answers end in {mark!r}" for mark, count in left.items() if mark == LEFTOVERS[1]]
        if left[LEFTOVERS[2]] and (told or (left[LEFTOVERS[2]] > valid * 0.9 and valid > 1)):
            told.append(f"{left[LEFTOVERS[2]]:,} answers begin with a space")
        if told:
            self._add(name, Found(0, "GT807", WARNING, "", f"of {valid:,} rows, {', '.join(told)}"))

    def _resolution(self, files: Sequence[File]) -> None:
        if self._limits.part_resolution:
            return
        seen: str | None = None
        for file in files:
            first: dict[str, tuple[int, str]] = {}
            for part, shift in shifted(file.parts):
                for value, (line, path) in part.resolutions.items():
                    first.setdefault(value, (line + shift, path))
            for value, (line, path) in sorted(first.items(), key=lambda item: item[1][0]):
                if seen is None:
                    seen = value
                elif value != seen:
                    found = f"mediaResolution is {value or 'not set'} here, and {seen or 'not set'} in rows before"
                    self._add(file.name, Found(line, "GT508", WARNING, path, found))
                    return

    def made(self) -> DatasetReport:
        """The report."""
        report = self._report
        for (code, severity), count in sorted(self._counts.items()):
            if count > 0:
                report.problem_counts[code] += count
                if severity == ERROR:
                    report.error_count += count
                else:
                    report.warning_count += count
        order = {file.name: i for i, file in enumerate(report.files)}
        report.problems.sort(key=lambda problem: (order.get(problem.file, -1), problem.line))
        return report


def _are(rows: int) -> str:
    return f"are {rows:,} rows" if rows != 1 else "is 1 row"


def _last(parts: Sequence[Segment]) -> int:
    """The last line that is not blank."""
    return max((part.last + shift for part, shift in shifted(parts) if part.last), default=0)


def _fill(stats: SupervisedTuningDataStats, parts: Sequence[Segment]) -> None:
    none: Counter[int] = Counter()
    inputs, outputs = sum((p.inputs for p in parts), none), sum((p.outputs for p in parts), none)
    stats.tuning_dataset_example_count = sum(part.valid for part in parts)
    stats.user_input_token_distribution.CopyFrom(distribution(inputs))
    stats.user_output_token_distribution.CopyFrom(distribution(outputs))
    stats.user_message_per_example_distribution.CopyFrom(distribution(sum((p.messages for p in parts), none)))
    stats.total_billable_token_count = (
        stats.user_input_token_distribution.sum + stats.user_output_token_distribution.sum
    )
    for turns in islice(chain.from_iterable(part.shown for part in parts), EXAMPLES):
        for turn in turns:
            try:
                content = codec.from_json(json.dumps(turn), Content, ignore_unknown_fields=True)
            except JsonError:
                continue
            content.role = content.role.lower()
            for part in content.parts:
                if len(part.text) > _TEXT:
                    part.text = part.text[: _TEXT - 3] + "..."
            stats.user_dataset_examples.append(content)
