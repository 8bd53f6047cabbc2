"""What ended a run: one sentence on stderr for each error, with what is known besides, and the exit status."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence

import click

from gemtune.cli.commands import option_advice
from gemtune.cli.interrupts import Stopped, Terminated
from gemtune.cli.session import Session
from gemtune.errors import ApiError, GemtuneError, InDoubt, JobFailed, TransportError, WaitTimeout
from gemtune.safe_text import printable

__all__ = ["drop_stdout", "report"]

STATUS: tuple[tuple[type[BaseException], int], ...] = (
    (ApiError, 1),
    (JobFailed, 1),
    (TransportError, 3),
    (InDoubt, 3),
    (WaitTimeout, 3),
    (GemtuneError, 2),
    (OSError, 2),
)
"""Exit statuses: the first row whose class fits."""


def report(session: Session, error: BaseException) -> int:
    """Writes to stderr what ended the run, and returns the exit status."""
    status = 2
    notes: list[str] = getattr(error, "__notes__", [])
    if isinstance(error, BrokenPipeError):
        drop_stdout()
        status = 0  # the reader has had enough (`| head`)
        if notes:  # of what must not be lost
            _error(session, "the output pipe is closed", notes=notes)
            status = 3
    elif isinstance(error, click.exceptions.Exit):
        status = error.exit_code
    elif isinstance(error, click.ClickException):
        _error(session, _usage(error), notes=[_more_help(error)])
    elif isinstance(error, (Stopped, KeyboardInterrupt, Terminated, click.Abort)):
        status = _stopped(error, notes)
    elif isinstance(error, (GemtuneError, OSError)):
        if findings := getattr(error, "findings", None):  # a spec file's mistakes, shown in their places
            from gemtune.cli.findings import print_findings

            print_findings(session.output, findings, file=getattr(error, "file", ""), text=getattr(error, "text", ""))
        else:
            sentence, notes = _words(error)
            _error(session, sentence, notes=notes, cause=error)
        status = next(status for kind, status in STATUS if isinstance(error, kind))
        if session.unfinished and not isinstance(error, JobFailed):
            status = 3
    else:  # a bug of ours: one sentence too, no traceback
        _error(
            session,
            f"internal error: {type(error).__name__}: {error}",
            notes=["this is a bug in gemtune; -v shows the traceback, which helps in a report"],
            cause=error,
        )
    return status


# -- what went wrong, in words --------------------------------------------------------------------------------------


def _sentence(error: BaseException) -> str:
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        return f"{name}{error.strerror or error}"
    return str(error).replace("\t", "\n  ").rstrip()


def _stopped(error: BaseException, notes: Sequence[str]) -> int:
    """Says what stopped the run from outside, and returns the exit status."""
    if isinstance(error, Stopped):
        sentence, status = str(error), error.status
    else:
        sentence, status = ("terminated", 143) if isinstance(error, Terminated) else ("interrupted", 130)
    if status == 130 and sys.stderr.isatty() and not getattr(error, "erased", False):
        sentence = f"\n{sentence}"  # the terminal has just shown ^C
    lines = [line for text in (sentence, *(f"  {note}" for note in notes)) for line in text.split("\n")]
    _say("\n".join(map(_fitted, lines)))
    return status


def _words(error: BaseException) -> tuple[str, list[str]]:
    """A sentence about an error, and what to add to it."""
    if isinstance(error, GemtuneError):
        from gemtune.remedies.explain import explained

        explained(error)
    notes: list[str] = getattr(error, "__notes__", [])
    if isinstance(error, ApiError):
        return _api_words(error, notes)
    if isinstance(error, InDoubt) and notes:  # the command that goes on is among the notes
        return _sentence(error).partition("\n")[0], notes
    return _sentence(error), notes


def _api_words(error: ApiError, notes: list[str]) -> tuple[str, list[str]]:
    """An answer of the service that is an error: what it means where that is known, then the service's own words."""
    from gemtune.remedies.explain import means_of

    said, means = _sentence(error), means_of(error)
    its_id = [f"request {error.request_id}; -v shows the whole answer"] if error.request_id else []
    if not means:
        return said, [*notes, *its_id]
    return means, [*(note for note in notes if note != means), f"the service returned: {said}", *its_id]


def _usage(error: click.ClickException) -> str:
    """Click's complaint as a sentence of ours."""
    if isinstance(error, click.NoSuchOption):
        advice = option_advice(error.ctx.command if error.ctx else None, error.option_name)
        return f"there is no option {error.option_name}; {advice}"
    if isinstance(error, click.MissingParameter):
        if isinstance(error.param, click.Option):
            return f"{error.param.opts[-1]} is missing"
        return f"{error.param.human_readable_name if error.param else 'an argument'} is missing"
    if isinstance(error, click.BadParameter) and error.param is not None:
        hint = error.param.get_error_hint(error.ctx).replace("'", "").replace(" / ", "/")
        return f"{hint}: {error.message.rstrip('.')}"
    message = error.format_message().rstrip(".")
    ctx = getattr(error, "ctx", None)
    if "extra argument" in message and ctx is not None and ctx.command.name == "create":
        message += "; a spec file is given with -f FILE"
    return message[:1].lower() + message[1:] if message[1:2].islower() else message


def _more_help(error: click.ClickException) -> str:
    ctx = getattr(error, "ctx", None)
    return f"see {ctx.command_path if ctx else 'gemtune'} --help"


def _error(session: Session, sentence: str, *, notes: Sequence[str], cause: BaseException | None = None) -> None:
    head = "\x1b[1;31merror:\x1b[0m" if session.output.color else "error:"
    lines = [line for text in (sentence, *(f"  {note}" for note in notes)) for line in text.split("\n")]
    _say("\n".join([lines[0], *map(_fitted, lines[1:])]), head=f"{head} ")
    if session.verbose and cause is not None:
        whole = _whole(cause)
        if whole:
            _say(whole)


def _fitted(line: str) -> str:
    """A line that ends in a command: where the terminal would break it, the command has a line of its own."""
    at = line.find(": gemtune ")
    if at < 0 or not sys.stderr.isatty() or len(line) < shutil.get_terminal_size().columns:
        return line
    return f"{line[: at + 1]}\n    {line[at + 2 :]}"


def _whole(error: BaseException) -> str:
    """Everything there is about an error, for -v: the service's answer, the causes, or where a defect is."""
    if isinstance(error, ApiError):
        from gemtune.rpc.status import http_from_error

        status, body = http_from_error(error)
        return f"HTTP {status} {body.decode()}"
    if isinstance(error, GemtuneError):
        causes: list[str] = []
        cause = error.__cause__ or error.__context__
        while cause is not None:
            causes.append(f"  caused by {type(cause).__name__}: {cause}")
            cause = cause.__cause__ or cause.__context__
        return "\n".join(causes)
    import traceback

    return "".join(traceback.format_exception(error)).rstrip()


def _say(text: str, *, head: str = "") -> None:
    """Writes to stderr. Parts of `text` are a server's words, so it cannot steer a terminal; `head` is ours."""
    try:
        sys.stderr.write(f"{head}{printable(text)}\n")
        sys.stderr.flush()
    except OSError:
        return  # nobody listens


def drop_stdout() -> None:
    """Points stdout at the null device after a broken pipe: the interpreter's flush at exit would fail again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
