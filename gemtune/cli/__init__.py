"""The command line. `main` runs a command and turns what goes wrong into one sentence and an exit status.

A command is a row of `COMMANDS` and a function in a module of its group; it loads when it is used. Commands hold no
logic that a user of the library would miss.

| exit status | |
|--|--|
| 0 | done |
| 1 | the service returned an error, or the job did not succeed |
| 2 | bad usage, configuration or input |
| 3 | no answer from the service or a part of one, or a wait that ended before its job |
| 130 | interrupted (143: SIGTERM) |
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn, TextIO

import click

from gemtune._version import __version__
from gemtune.cli.commands import Entry, Group, option_advice
from gemtune.cli.interrupts import Stopped, Terminated
from gemtune.cli.phases import listening
from gemtune.cli.session import Session
from gemtune.errors import ApiError, GemtuneError, InDoubt, JobFailed, TransportError, WaitTimeout
from gemtune.safe_text import printable

__all__ = ["COMMANDS", "main", "run"]

COMMANDS: dict[str, dict[str, Entry]] = {
    "Tuning jobs": {
        "create": Entry("create:create", "Start a tuning job, from a spec file or from flags"),
        "get": Entry("jobs:get", "Show a job"),
        "list": Entry("jobs:list_jobs", "List jobs, newest first"),
        "wait": Entry("jobs:wait", "Follow a job to its end"),
        "cancel": Entry("jobs:cancel", "Cancel a job"),
        "resume": Entry("submissions:resume", "Find out what became of a submission"),
    },
    "Specs": {
        "validate": Entry("specs:validate", "Check a spec before you send it"),
        "diff": Entry("spec_commands:diff", "Compare two specs, or a spec and a job"),
        "convert": Entry("spec_commands:convert", "Write a spec in another format"),
        "fingerprint": Entry("spec_commands:fingerprint", "Print the identity of a spec"),
        "models": Entry("models:models", "List base models and their limits"),
    },
    "On this machine": {
        "emulator": Entry("emulate:emulator", "Serve the API on this machine, for trials and tests"),
        "schema": Entry("schema:schema", "Print the schema, for editors and other languages"),
    },
}
"""Every command, by section of the help."""

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

COMPLETE = "_GEMTUNE_COMPLETE"
"""The variable by which a shell asks for completion: `bash_source`, `bash_complete` and the like."""

HELP = """Supervised tuning of Gemini models on Vertex AI.

\b
  gemtune create -f spec.yaml --wait     submit a job and follow it
  gemtune emulator                       try it without an account
"""


def _group() -> Group:
    group = Group(COMMANDS, name="gemtune", help=HELP, no_args_is_help=False)
    return click.version_option(__version__, "--version", prog_name="gemtune", message="%(prog)s %(version)s")(group)


def main() -> NoReturn:
    """The program; ends the process with its exit status."""
    _ready_streams()
    status = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError:
        _drop_stdout()
    sys.exit(status)


def _ready_streams() -> None:
    """Makes sure that there are two streams, and that no character stops them."""
    nowhere: TextIO | None = None
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started the program
            nowhere = nowhere or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  open to the end
            setattr(sys, name, nowhere)
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def run(args: Sequence[str]) -> int:
    """Runs the program on arguments and returns its exit status. Writes to stdout and stderr, raises nothing."""
    session = Session()
    try:
        group = _group()
        if wanted := os.environ.get(COMPLETE):
            from click.shell_completion import shell_complete

            return shell_complete(group, {}, "gemtune", COMPLETE, wanted)
        # Not group.main(): that would answer interrupts, broken pipes and errors in ways of its own.
        with (
            listening(session.output, session.patience, lambda: session.request if session.verbose else None),
            group.make_context("gemtune", list(args) or ["--help"], obj=session) as ctx,
        ):
            done = group.invoke(ctx)
    except BaseException as error:  # each has its sentence and its status
        return _ended_by(session, error)
    return done if isinstance(done, int) else 0


def _ended_by(session: Session, error: BaseException) -> int:
    """Says what ended the run and returns the exit status."""
    status = 2
    told: list[str] = getattr(error, "__notes__", [])
    if isinstance(error, BrokenPipeError):
        _drop_stdout()
        status = 0  # the reader has had enough (`| head`)
        if told:  # of what must not be lost
            _error(session, "the output pipe is closed", notes=told)
            status = 3
    elif isinstance(error, click.exceptions.Exit):
        status = error.exit_code
    elif isinstance(error, click.ClickException):
        _error(session, _usage(error), notes=[_more_help(error)])
    elif isinstance(error, (Stopped, KeyboardInterrupt, Terminated, click.Abort)):
        status = _stopped(error, told)
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
    else:  # a defect of ours; whoever meets it gets a sentence too
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


def _stopped(error: BaseException, told: Sequence[str]) -> int:
    """Says what stopped the run from outside, and returns the exit status."""
    if isinstance(error, Stopped):
        sentence, status = str(error), error.status
    else:
        sentence, status = ("terminated", 143) if isinstance(error, Terminated) else ("interrupted", 130)
    if status == 130 and sys.stderr.isatty() and not getattr(error, "erased", False):
        sentence = f"\n{sentence}"  # the terminal has just shown ^C
    lines = [line for text in (sentence, *(f"  {note}" for note in told)) for line in text.split("\n")]
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
    head = "\x1b[1;31merror:\x1b[0m" if session.output.colourful else "error:"
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


def _drop_stdout() -> None:
    """Lets go of a stdout that nobody reads, so that the interpreter's own flush at exit has nothing to complain of."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
