"""The report of a dataset's check, as people read it: on a terminal by kind, in a pipe a line a problem."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gemtune.cli.findings import painted
from gemtune.cli.job_text import number_text
from gemtune.cli.output import Output, clean, wrapped
from gemtune.cli.show import bars

if TYPE_CHECKING:
    from gemtune.dataset.folded import Kind
    from gemtune_pb.v1 import DatasetProblem, DatasetReport, SupervisedTuningDataStats

__all__ = ["print_report"]

_SHOWN = 3
_LISTED = 8


def print_report(output: Output, report: DatasetReport) -> None:
    """Writes the report to stdout.

    Args:
        output: The streams.
        report: What the check found.
    """
    lines = list(_for_terminal(report, output) if output.interactive else _for_pipe(report))
    for line in lines:
        output.out.write(painted(output, line, stream=output.out) + "\n")
    output.out.flush()


def _for_pipe(report: DatasetReport) -> Iterator[str]:
    from gemtune.dataset.folded import folded, summary

    for problem in folded(report):
        severity = "error" if problem.severity == problem.ERROR else "warning"
        place = f"{problem.file}:{problem.line}" if problem.line else problem.file
        path = f" {problem.path}" if problem.path else ""
        yield clean(f"{place}: {severity}[{problem.code}]{path}: {problem.message}")
    yield from _left_out(report)
    yield f"{_rows(report)}: {', '.join(summary(report)) or 'no problem found'}"


def _left_out(report: DatasetReport) -> Iterator[str]:
    from gemtune.dataset.partial import MOST_PROBLEMS

    for code, count in sorted(report.problem_counts.items()):
        if count > MOST_PROBLEMS:
            yield f"{count - MOST_PROBLEMS:,} more of {code} are counted and not listed"


def _for_terminal(report: DatasetReport, output: Output) -> Iterator[str]:
    from gemtune.dataset.folded import kinds, summary

    width = output.console().width
    for kind in kinds(report):
        yield from _kind(kind, width)
        yield ""
    found = kinds(report)
    if found:
        yield from _table(found)
        yield ""
    yield from _statistics("training", report.stats, output)
    yield from _statistics("validation", report.validation_stats, output)
    for file in report.files:
        if file.incomplete:
            yield f"{file.name} was not read to its end: {file.incomplete}"
    mark = output.symbol("✗", "!") if report.error_count else output.symbol("✓", "ok:")
    yield f"{mark} {_rows(report)} for {report.base_model}: {', '.join(summary(report)) or 'no problem found'}"
    if found:
        yield f"  gemtune explain {found[0].code} tells more of a code"


def _rows(report: DatasetReport) -> str:
    from gemtune.dataset.folded import bytes_text

    rows = f"{report.example_count:,} row{'' if report.example_count == 1 else 's'}"
    return f"{rows}, {bytes_text(report.bytes_read)}"


def _kind(kind: Kind, width: int) -> Iterator[str]:
    from gemtune.dataset.folded import is_folded
    from gemtune.dataset.rules import rules

    rule = rules()[kind.code]
    yield f"{kind.severity}[{kind.code}]: {rule.what}"
    for problem in kind.problems[:_SHOWN]:
        yield from _problem(problem, rule.fix, width)
    if is_folded(kind.problems[0]):
        return
    more = kind.count - min(len(kind.problems), _SHOWN)
    if more > 0:
        lines = [str(problem.line) for problem in kind.problems[_SHOWN : _SHOWN + _LISTED] if problem.line]
        rest = ", ..." if more > len(lines) else ""
        yield f"   and {more:,} more" + (
            f": line{'s' if len(lines) > 1 else ''} {', '.join(lines)}{rest}" if lines else ""
        )
    yield from wrapped(f"= {rule.fix}", width, indent=3).split("\n")


def _problem(problem: DatasetProblem, fix: str, width: int) -> Iterator[str]:
    found = clean(problem.message.removesuffix(f"; {fix}"))
    place = f"{problem.file}:{problem.line}" if problem.line else problem.file
    yield f"  --> {clean(place)}{' ' + clean(problem.path) if problem.path else ''}"
    number = str(problem.line or "")
    margin = f" {' ' * len(number)} | "
    carets = ""
    if problem.excerpt:
        text, column, length = _fitted(problem, width - len(margin))
        yield f" {number} | {clean(text)}"
        carets = " " * (column - 1) + "^" * length
    line = f"{margin}{carets} {found}" if carets else f"{margin}{found}"
    if len(line) <= width or not carets:
        yield line
        return
    yield f"{margin}{carets}"
    yield f"{margin}{found}"


def _fitted(problem: DatasetProblem, room: int) -> tuple[str, int, int]:
    """The piece of the line that a terminal has room for: its text, where the place begins, how long it is."""
    text, column, length = problem.excerpt, problem.excerpt_column, problem.excerpt_length
    if len(text) > room:
        start = max(0, min(column - 1 - room // 3, len(text) - room))
        cut = "..." if start else ""
        text, column = cut + text[start + len(cut) : start + room], column - start
        if start + room < len(problem.excerpt):
            text = text[:-3] + "..."
    return text, column, max(1, min(length, room - column + 1))


def _table(found: list[Kind]) -> Iterator[str]:
    from gemtune.dataset.folded import title

    width = max(len(f"{kind.count:,}") for kind in found)
    for kind in found:
        yield f"  {kind.code}  {kind.severity:<7}  {kind.count:>{width},}  {title(kind.code)}"


def _statistics(role: str, stats: SupervisedTuningDataStats, output: Output) -> Iterator[str]:
    if not stats.tuning_dataset_example_count:
        return
    human = output.interactive
    columns = ("min", "median", "mean", "p95", "max")
    rows = [
        ("tokens in", stats.user_input_token_distribution),
        ("tokens out", stats.user_output_token_distribution),
        ("turns", stats.user_message_per_example_distribution),
    ]
    cells = [[number_text(round(getattr(value, column), 1), human) for column in columns] for _, value in rows]
    widths = [max(len(row[i]) for row in [columns, *cells]) for i in range(len(columns))]
    count = f"{stats.tuning_dataset_example_count:,} rows for {role}"
    yield f"{count}, about {stats.total_billable_token_count:,} tokens a pass"
    yield f"  {'':<10}  " + "  ".join(column.rjust(width) for column, width in zip(columns, widths, strict=True))
    for (label, value), row in zip(rows, cells, strict=True):
        drawn = f"  {bars(value)}" if output.symbol("█", "") else ""
        yield f"  {label:<10}  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) + drawn
    yield ""
