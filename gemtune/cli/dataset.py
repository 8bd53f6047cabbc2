"""`gemtune dataset check`: what is wrong with the rows of a dataset, before a job pays for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gemtune.cli.commands import FINDINGS, MESSAGES, Entry, Group, command
from gemtune.cli.machine import Note, write_notes
from gemtune.cli.output import duration_text
from gemtune.cli.session import Session

if TYPE_CHECKING:
    from gemtune_pb.v1 import DatasetReport

__all__ = ["Progress", "check", "dataset"]

_REDRAWN_EACH = 0.2  # seconds

dataset = Group(
    {
        "Commands": {
            "check": Entry("dataset:check", "Check the rows of a dataset"),
            "convert": Entry("dataset_convert:dataset_convert", "Write the rows of other products as Gemini's"),
        }
    },
    name="dataset",
    help="Check and convert datasets for tuning.",
)


@command("check", forms=(*MESSAGES, *FINDINGS), output="a report", offline=True)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--base-model", required=True, metavar="NAME", help="The model to be tuned, such as gemini-3.5-flash")
@click.option("--validation", multiple=True, metavar="FILE", help="Rows for validation, checked together; repeatable")
@click.option("--role", type=click.Choice(["training", "validation"]), default="training", help="What FILE is for")
@click.option(
    "--job", type=click.Choice(["sft", "preference", "reinforcement"]), default="sft", help="The kind of tuning"
)
@click.option("--html", metavar="OUT", help="Write the report as a page, too")
@click.option("--fix", metavar="OUT", help="Write a copy in which is repaired what can be repaired for certain")
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Processes that share the work")
@click.option(
    "--media-root", metavar="DIR", help="A copy of the buckets that rows name: sizes of media are checked there"
)
@click.option("--strict", is_flag=True, help="Warnings count as errors")
@click.pass_context
def check(  # noqa: PLR0917  click passes by name
    ctx: click.Context,
    files: tuple[str, ...],
    base_model: str,
    validation: tuple[str, ...],
    role: str,
    job: str,
    html: str | None,
    fix: str | None,
    workers: int | None,
    media_root: str | None,
    strict: bool,
) -> int:
    """Check the rows of a dataset before a job pays for them.

    \b
      gemtune dataset check train.jsonl --base-model gemini-3.5-flash --validation validation.jsonl
      gemtune dataset check 'gs://bucket/data/*.jsonl' --base-model gemini-3.5-flash -o json

    FILE is a local file (.gz too), a folder, a pattern, a gs:// URI, or - for standard input. No job is made. The
    exit status is 2 when there is an error. -o sarif and -o github are for code scanning and pull requests.
    """  # noqa: D301  the \\b is click's: it keeps the lines apart
    from gemtune import dataset as library

    session: Session = ctx.obj
    if role == "validation" and validation:
        raise click.UsageError("--role validation says that FILE is for validation; leave out --validation", ctx)
    progress = Progress(session)
    if fix is not None:
        _repair(session, files, fix, base_model, job)
        files = (fix,)
    try:
        report = library.check(
            files,
            base_model=base_model,
            role=role,
            job=job,
            validation=validation or None,
            workers=workers,
            size_of=_sizes(media_root) if media_root else None,
            on_start=progress.begin,
            on_progress=progress.add,
            on_interrupt=lambda report: _show(session, report, progress),
        )
    finally:
        session.output.erase()
    if html is not None:
        from gemtune.dataset.html import page

        Path(html).write_text(page(report), encoding="utf-8")
        session.output.note(f"the report is a page, too: {html}")
    _show(session, report, progress)
    return 2 if report.error_count or (strict and report.warning_count) else 0


def _show(session: Session, report: DatasetReport, progress: Progress) -> None:
    output = session.output
    progress.end()
    if session.output_format in FINDINGS:
        from gemtune.dataset.rules import rules

        write_notes(session, _notes(report), {code: rule.what for code, rule in rules().items()})
    elif output.structured:
        output.message(report)
    else:
        from gemtune.cli.dataset_text import print_report

        print_report(output, report)


def _notes(report: DatasetReport) -> Iterator[Note]:
    from gemtune.dataset.folded import folded

    for problem in folded(report):
        severity = "error" if problem.severity == problem.ERROR else "warning"
        place = f"{problem.path}: " if problem.path else ""
        yield Note(problem.code, severity, problem.file, problem.line, 0, place + problem.message)


def _repair(session: Session, files: tuple[str, ...], out: str, base_model: str, job: str) -> None:
    from gemtune.dataset.repair import repair

    done = repair(files, out, base_model=base_model, job=job)
    for change, count in done.changes.items():
        session.output.note(f"{count:,} {'time' if count == 1 else 'times'}: {change}")
    rows = (
        f"{done.rows:,} of {done.lines:,} lines were changed" if done.rows else "nothing could be repaired for certain"
    )
    session.output.note(f"{rows}; the copy is {out}")


def _sizes(root: str) -> Any:
    """Sizes of the files below a folder that stands for Cloud Storage."""

    def size_of(uri: str) -> int | None:
        path = Path(root, uri.removeprefix("gs://"))
        if not uri.startswith("gs://") or ".." in path.parts or not path.is_file():
            return None
        return path.stat().st_size

    return size_of


class Progress:
    """A line on a terminal's stderr that says how far the check is: how much, how fast, how long it will take."""

    def __init__(self, session: Session) -> None:
        self._output = session.output
        self._begun = self._shown = time.monotonic()
        self._read = 0
        self._total: int | None = None

    def begin(self, total: int | None) -> None:
        """Hears how many bytes there are; None: that is not known."""
        self._total = total

    def add(self, count: int) -> None:
        """Hears that bytes were read."""
        self._read += count
        now = time.monotonic()
        if self._output.redraws and now - self._shown >= _REDRAWN_EACH:
            self._shown = now
            self._output.erase()
            self._output.show(self._line(now - self._begun))

    def _line(self, seconds: float) -> str:
        from gemtune.dataset.folded import bytes_text

        speed = self._read / seconds
        told = f"checking  {bytes_text(self._read)}"
        if not self._total:
            return f"{told}  {bytes_text(round(speed))}/s"
        left = max(self._total - self._read, 0) / speed if speed else 0.0
        share = min(self._read / self._total, 1.0)
        pace = f"{bytes_text(round(speed))}/s  {duration_text(left)} left"
        return f"{told} of {bytes_text(self._total)}  {share:.0%}  {pace}"

    def end(self) -> None:
        """Takes the line away."""
        self._output.erase()
