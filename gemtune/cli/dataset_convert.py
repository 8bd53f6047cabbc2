"""`gemtune dataset convert`: files of rows in other services' forms become one file of Gemini rows."""

from __future__ import annotations

import contextlib
import gzip
import os
import shlex
import sys
import tempfile
import zlib
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from gemtune.cli.commands import TREES, command
from gemtune.cli.interrupts import terminable
from gemtune.cli.output import clean, shorten
from gemtune.cli.session import Session

if TYPE_CHECKING:
    from gemtune.dataset.converting import ConvertReport

__all__ = ["dataset_convert"]

FORMS = (
    "openai prompt-completion palm ai-studio alpaca sharegpt flat yandex batch trl-preference openai-preference".split()
)
"""The forms of `--from`; a test compares them with those of `gemtune.dataset.shapes`, which loads when it is used."""

_STDIN = "-"
_WIDEST = 100


@command("convert", forms=TREES, output="a report", offline=True)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--out", metavar="OUT", help="File to write; - for standard output")
@click.option("--from", "form", type=click.Choice(FORMS), metavar="FORM", help=f"Form of every row: {', '.join(FORMS)}")
@click.option("--rejects", metavar="FILE", help="File for rows that cannot be converted  [default: OUT.rejects.jsonl]")
@click.option("--force", is_flag=True, help="Overwrite files that are there")
@click.option(
    "--base-model", default="gemini-3.5-flash", metavar="NAME", help="Check for it  [default: gemini-3.5-flash]"
)
@click.pass_context
def dataset_convert(  # noqa: PLR0917  click passes by name
    ctx: click.Context,
    files: tuple[str, ...],
    out: str | None,
    form: str | None,
    rejects: str | None,
    force: bool,
    base_model: str,
) -> int:
    """Convert rows of other services to Gemini rows. FILE may be - for standard input, or end in .gz.

    \b
      gemtune dataset convert openai.jsonl --out train.jsonl
      zcat chats.json.gz | gemtune dataset convert - --from sharegpt --out train.jsonl

    Each row's form is told by its keys, unless --from names it. A file may also be one JSON array of rows. Gemini rows
    stay as they are, but for parts and tools of OpenAI's form in them. What cannot be converted goes to the reject
    file, unchanged, with its line and the reason. What was written is checked. The exit status is 2 when a row could
    not be converted, or the check finds an error.
    """  # noqa: D301  the \\b is click's: it keeps the lines apart
    from gemtune.dataset.converting import ConversionError, ConvertReport, convert
    from gemtune.dataset.shapes import SHAPES

    session: Session = ctx.obj
    if out is None:
        raise click.UsageError("--out is missing: the file to write, or - for standard output", ctx)
    targets = _targets(ctx, files, out, rejects, force=force)
    report = ConvertReport()
    with terminable(), _replacing(targets[0]) as rows, _replacing(targets[1]) as refused:
        for file in files:
            with _opened(file) as lines:
                name = "<stdin>" if file == _STDIN else file
                convert(lines, rows.file, refused.file, shape=SHAPES[form] if form else None, file=name, report=report)
        rows.keep, refused.keep = bool(report.written), bool(report.rejected)
    if not report.rejected and Path(targets[1]).is_file():
        Path(targets[1]).unlink()  # an earlier run's, which --force allowed to overwrite
    if session.output.structured:
        session.output.tree(_tree(report, out, targets[1]))
    _say(session, report, out)
    checked = _check(session, report, out, base_model) if report.written and Path(out).is_file() else 0
    if report.rejected:
        raise _rejected(report, targets[1])
    if not report.written:
        raise ConversionError(f"there is no row in {', '.join(files)}, so nothing was written")
    return 2 if checked else 0


# -- files --------------------------------------------------------------------------------------------------------


def _targets(
    ctx: click.Context, files: tuple[str, ...], out: str, rejects: str | None, *, force: bool
) -> tuple[str, str]:
    """The files to write, once it is clear that nothing is lost by writing them."""
    if out == _STDIN and ctx.obj.output.structured:
        raise click.UsageError("with --out - the rows are the output, so -o has no place for the report", ctx)
    if out == _STDIN and rejects is None:
        raise click.UsageError("--out - needs --rejects FILE, for the rows that cannot be converted", ctx)
    if rejects == _STDIN:
        raise click.UsageError("--rejects takes the name of a file", ctx)
    if files.count(_STDIN) > 1:
        raise click.UsageError("standard input can be read once", ctx)
    rejects = rejects or f"{out}.rejects.jsonl"
    if os.path.realpath(out) == os.path.realpath(rejects):
        raise click.UsageError("--out and --rejects are the same file", ctx)
    for target in (out, rejects):
        path = Path(target)
        if target == _STDIN or not path.exists() or not path.is_file():
            continue  # nothing is there, or a device
        if any(file != _STDIN and Path(file).exists() and path.samefile(file) for file in files):
            raise click.UsageError(f"{target} is read, and cannot be written at the same time", ctx)
        if not force:
            raise click.UsageError(f"{target} is there already; --force overwrites it", ctx)
    return out, rejects


class _Target:
    """A file that is being written.

    Attributes:
        file: Where to write.
        keep: Whether what was written is wanted in the end.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.keep = False


@contextlib.contextmanager
def _replacing(name: str) -> Generator[_Target]:
    """Writes beside the file and then takes its place, so that Ctrl-C or a full disk leaves no half file."""
    if name == _STDIN:
        yield _Target(sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    path = Path(name).resolve()  # a link stays one
    if path.exists() and not path.is_file():  # a device, such as /dev/null
        with path.open("wb") as file:
            yield _Target(file)
        return
    handle, beside = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            target = _Target(file)
            yield target
            file.flush()
            os.fsync(handle)
        if target.keep:
            _usual_mode(Path(beside), path)
            Path(beside).replace(path)
        else:
            Path(beside).unlink()
    except BaseException:
        with contextlib.suppress(OSError):
            Path(beside).unlink()
        raise


def _usual_mode(beside: Path, path: Path) -> None:
    """Gives a new file the mode that it would have without the detour, or that of the file it replaces."""
    if path.exists():
        beside.chmod(path.stat().st_mode & 0o777)
        return
    mask = os.umask(0)
    os.umask(mask)
    beside.chmod(0o666 & ~mask)


@contextlib.contextmanager
def _opened(name: str) -> Generator[Iterator[bytes]]:
    """The lines of a file, compressed or not."""
    if name == _STDIN:
        yield sys.stdin.buffer
        return
    with gzip.open(name) if name.endswith(".gz") else Path(name).open("rb") as file:
        yield _lines(file, name)


def _lines(file: Iterable[bytes], name: str) -> Iterator[bytes]:
    try:
        yield from file
    except (EOFError, OSError, zlib.error) as error:
        from gemtune.dataset.converting import ConversionError

        reason = "it is cut off" if isinstance(error, EOFError) else getattr(error, "strerror", None) or str(error)
        raise ConversionError(f"{name} cannot be read to its end: {reason}") from error


# -- what was done ------------------------------------------------------------------------------------------------


def _say(session: Session, report: ConvertReport, out: str) -> None:
    from gemtune.dataset.shapes import SHAPES

    note = session.output.note
    for form, count in report.forms.most_common():
        note(f"{SHAPES[form].name}: {_rows(count)}" + ("" if SHAPES[form].foreign else ", which is the form wanted"))
    for title, counts in (("dropped", report.changes.dropped), ("changed", report.changes.changed)):
        for name, count in counts.most_common():
            note(f"{title}: {clean(name)} ({count:,} times)" if count > 1 else f"{title}: {clean(name)} (once)")
    if report.written:
        note(f"wrote {_rows(report.written)} to {'standard output' if out == _STDIN else out}")


def _check(session: Session, report: ConvertReport, out: str, base_model: str) -> int:
    """Checks what was written; how many errors there are."""
    from gemtune import dataset
    from gemtune.dataset.folded import summary

    pairs = {"gemini-preference", "openai-preference", "trl-preference"}
    job = "preference" if set(report.forms) <= pairs else "sft"
    found = dataset.check(out, base_model=base_model, job=job)
    told = ", ".join(summary(found))
    session.output.note(f"checked for {base_model}: {told or 'no problem found'}")
    if told:
        more = ["--job", job] if job != "sft" else []
        shown = shlex.join(["gemtune", "dataset", "check", out, "--base-model", base_model, *more])
        session.output.note(f"to see them: {shown}")
    return int(found.error_count)


def _rejected(report: ConvertReport, rejects: str) -> Exception:
    from gemtune.dataset.converting import ConversionError

    error = ConversionError(
        f"{_rows(report.rejected)} of {report.written + report.rejected:,} could not be converted; {rejects} has "
        + ("it, with the reason" if report.rejected == 1 else "them, with the reasons")
    )
    for reject in report.first_rejects:
        error.add_note(f"{clean(reject.file)}:{reject.line}: {shorten(clean(reject.reason), 2 * _WIDEST)}")
    if report.rejected > len(report.first_rejects):
        error.add_note(f"and {report.rejected - len(report.first_rejects):,} more")
    return error


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _tree(report: ConvertReport, out: str, rejects: str) -> dict[str, Any]:
    return {
        "out": out if report.written else None,
        "rejects": rejects if report.rejected else None,
        "written": report.written,
        "rejected": report.rejected,
        "forms": dict(report.forms),
        "dropped": dict(report.changes.dropped),
        "changed": dict(report.changes.changed),
        "firstRejects": [vars(reject) for reject in report.first_rejects],
    }
