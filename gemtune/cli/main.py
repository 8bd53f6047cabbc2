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
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn, TextIO

import click

from gemtune._version import __version__
from gemtune.cli.commands import Entry, Group
from gemtune.cli.errors import drop_stdout, report
from gemtune.cli.phases import listening
from gemtune.cli.session import Session

__all__ = ["COMMANDS", "main", "program", "run"]

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
        "estimate": Entry("estimate:estimate", "Estimate the tokens and the cost of a job"),
        "diff": Entry("spec_commands:diff", "Compare two specs, or a spec and a job"),
        "convert": Entry("spec_commands:convert", "Write a spec in another format"),
        "fingerprint": Entry("spec_commands:fingerprint", "Print the identity of a spec"),
        "models": Entry("models:models", "List base models and their limits"),
    },
    "Datasets": {
        "dataset": Entry("dataset:dataset", "Check and convert datasets for tuning"),
        "explain": Entry("explain:explain", "Tell more of a rule, by its code"),
    },
    "On this machine": {
        "emulator": Entry("emulate:emulator", "Serve the API on this machine, for trials and tests"),
        "schema": Entry("schema:schema", "Print the schema, for editors and other languages"),
    },
}
"""Every command, by section of the help."""
COMPLETE = "_GEMTUNE_COMPLETE"
"""The variable by which a shell asks for completion: `bash_source`, `bash_complete` and the like."""

HELP = """Supervised tuning of Gemini models on Vertex AI.

\b
  gemtune create -f spec.yaml --wait     submit a job and follow it
  gemtune emulator                       try it without an account
"""


def program() -> Group:
    """The program, with every command."""
    group = Group(COMMANDS, name="gemtune", help=HELP, no_args_is_help=False)
    return click.version_option(__version__, "--version", prog_name="gemtune", message="%(prog)s %(version)s")(group)


def main() -> NoReturn:
    """The program; ends the process with its exit status."""
    _ready_streams()
    status = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError:
        drop_stdout()
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
        group = program()
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
        return report(session, error)
    return done if isinstance(done, int) else 0
