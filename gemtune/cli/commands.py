"""What every command is made of: options with other tools' spellings, the global options, commands that load late.

The global options are taken before and after the command's name alike: `gemtune -o json get ID` and
`gemtune get ID -o json` are the same.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import click
from click.core import ParameterSource

from gemtune.cli.session import Session

__all__ = [
    "COMMAND_GUESSES",
    "FINDINGS",
    "MESSAGES",
    "OPTION_GUESSES",
    "TREES",
    "Command",
    "Entry",
    "Group",
    "Option",
    "command",
    "option_advice",
]

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

COMMAND_GUESSES: dict[str, str] = {
    "describe": "get",
    "show": "get",
    "status": "get",
    "info": "get",
    "inspect": "get",
    "ls": "list",
    "jobs": "list",
    "ps": "list",
    "submit": "create",
    "start": "create",
    "run": "create",
    "train": "create",
    "tune": "create",
    "new": "create",
    "stop": "cancel",
    "kill": "cancel",
    "abort": "cancel",
    "delete": "cancel",
    "follow": "wait",
    "tail": "wait",
    "logs": "wait",
    "watch": "wait",
    "serve": "emulator",
    "emulate": "emulator",
    "server": "emulator",
}
"""What people type, from gcloud, kubectl, docker and others -> the command that they mean."""

COMMAND_ADVICE: dict[str, str] = {
    "lint": "did you mean 'validate'?",
    "check": "gemtune validate checks a spec, gemtune dataset check a dataset",
    "verify": "did you mean 'validate'?",
    "auth": "gcloud auth application-default login creates the credentials that gemtune uses",
    "login": "gcloud auth application-default login creates the credentials that gemtune uses",
    "logout": "gcloud auth application-default revoke removes the credentials",
    "config": "settings are options or variables: GOOGLE_CLOUD_PROJECT, GOOGLE_CLOUD_LOCATION, GEMTUNE_ENDPOINT",
    "configure": "settings are options or variables: GOOGLE_CLOUD_PROJECT, GOOGLE_CLOUD_LOCATION, GEMTUNE_ENDPOINT",
    "init": "a spec is a YAML file; gemtune schema --json-schema lets an editor help to write one",
    "doctor": "gemtune validate -f FILE checks a spec, and gemtune list checks the connection",
    "help": "write gemtune --help, or gemtune COMMAND --help",
    "version": "write gemtune --version",
}
"""What people type for something that no command does -> what does it."""

OPTION_GUESSES: dict[str, tuple[str, ...]] = {
    "--all": ("leave it out: every job is listed unless there is a --limit",),
    "--async": ("leave it out: without --wait a command does not wait",),
    "--config": ("-f/--file", "settings are options or variables such as GOOGLE_CLOUD_PROJECT"),
    "--dataset": ("--training-dataset-uri",),
    "--dryrun": ("--dry-run",),
    "--follow": ("--wait", "gemtune wait JOB follows a job"),
    "--from-file": ("-f/--file",),
    "--json": ("-o json",),
    "--lora-rank": ("--adapter-size",),
    "--lr": ("--learning-rate-multiplier",),
    "--max-results": ("--limit",),
    "--model": ("--base-model",),
    "--n-epochs": ("--epoch-count",),
    "--name": ("--tuned-model-display-name",),
    "--no-wait": ("leave it out: without --wait a command does not wait",),
    "--num-epochs": ("--epoch-count",),
    "--silent": ("-q/--quiet",),
    "--sort": ("the service lists newest first; -o json and a tool such as jq sort otherwise",),
    "--sort-by": ("the service lists newest first; -o json and a tool such as jq sort otherwise",),
    "--training-file": ("--training-dataset-uri",),
    "--validation-file": ("--validation-dataset-uri",),
    "--version": ("write gemtune --version",),
    "--watch": ("--wait", "gemtune wait JOB follows a job"),
    "--yaml": ("-o yaml",),
    "--zone": ("--location",),
}
"""Options that other tools have, with a meaning that is near but not surely the same -> what to say instead: the first
that the command takes, or a sentence."""

_MOST_LISTED = 10


def option_advice(command: click.Command | None, option: str) -> str:
    """What to say about an option that a command does not have: the one that was meant, or those that there are."""
    params = [param for param in command.params if isinstance(param, click.Option)] if command else []
    names = {name: param for param in params for name in param.opts}
    for guess in OPTION_GUESSES.get(option, ()):
        if not guess.startswith("-"):
            return guess
        if guess.split("/")[-1].split()[0] in names:
            return f"did you mean {guess}?"
    from gemtune.specs.suggest import nearest

    if near := nearest(option, [name for name in names if name.startswith("--")]):
        return f"did you mean {near}?"
    shown = [
        param.get_error_hint(None).replace("'", "").replace(" / ", "/")
        for param in params
        if not param.hidden and getattr(param, "section", "Options") == "Options"
    ]
    more = ", ..." if len(shown) > _MOST_LISTED else ""
    return f"its own options are {', '.join(shown[:_MOST_LISTED])}{more}" if shown else "it has no options of its own"


if TYPE_CHECKING:  # generic for type checkers, and at run time only in later versions of click
    _Choice: TypeAlias = click.Choice[str]
else:
    _Choice = click.Choice

TREES = ("table", "json", "yaml")
FINDINGS = ("sarif", "github")
MESSAGES = (*TREES, "textproto")
"""The forms of output: of what is not a message, of findings besides, and of messages."""


class _Form(_Choice):
    """A form of output, among those that a command has."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value in (*MESSAGES, *FINDINGS, "spec"):  # that the command does not have it, it says itself
            return value
        return super().convert(value, param, ctx)


_NO_SPEC = "-o spec writes a job as a spec; use gemtune get JOB -o spec"


class Option(click.Option):
    """An option that also answers to other tools' names for the same thing; help shows its own names alone.

    The `--no-` side of a switch is not shown either, where it is what holds anyway.
    """

    def __init__(
        self, declarations: Sequence[str], also: Sequence[str] = (), *, section: str = "Options", **attributes: Any
    ) -> None:
        """Takes what `click.Option` takes, the spellings that are not shown, and its section of the help."""
        super().__init__([*declarations, *also], **attributes)
        self.also = frozenset(also)
        self.section = section

    def _shown(self) -> list[str]:
        return [name for name in self.opts if name not in self.also]

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The line in the help, without the other spellings."""
        every, off = self.opts, self.secondary_opts
        self.opts, self.secondary_opts = self._shown(), off if self.default is True else []
        try:
            return super().get_help_record(ctx)
        finally:
            self.opts, self.secondary_opts = every, off

    def get_error_hint(self, ctx: click.Context | None) -> str:  # noqa: ARG002  click's signature
        """How an error calls the option."""
        return "/".join(self._shown())


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Hands a global option to the session, wherever on the command line it stood."""
    if param.name and ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE:
        session = ctx.ensure_object(Session)
        if session.given.setdefault(param.name, value) != value:
            raise _Twice(f"{param.get_error_hint(ctx)} {_ONE_VALUE}", ctx)
        setattr(session, param.name, value)


_ONE_VALUE = "was given twice, and takes one value; leave one out"


class _Twice(click.UsageError):
    """An option that takes one value was given a second one."""


def _refuse_repeated(command: click.Command, ctx: click.Context, args: Sequence[str]) -> None:
    """Refuses a second value for an option that takes one: click would take the last, in silence."""
    if ctx.resilient_parsing:
        return
    _, _, order = command.make_parser(ctx).parse_args(args=list(args))
    for param in {param for param in order if order.count(param) > 1}:
        if isinstance(param, click.Option) and not (param.multiple or param.count):
            if not param.is_flag:
                raise _Twice(f"{param.get_error_hint(ctx).replace(chr(39), '')} {_ONE_VALUE}", ctx)
            if param.secondary_opts:
                raise _Twice(f"{param.opts[0]} and {param.secondary_opts[0]} exclude each other; give one, once", ctx)


_CONNECTING = frozenset(("--project", "--location", "--endpoint", "--transport"))


def _global_options(
    section: str = "Options", forms: Sequence[str] = (*MESSAGES, "spec"), *, offline: bool = False
) -> list[Option]:
    def _global(*names: str, also: Sequence[str] = (), **attributes: Any) -> Option:
        hidden = offline and names[0] in _CONNECTING
        return Option(names, also, section=section, expose_value=False, callback=_keep, hidden=hidden, **attributes)

    listed = ", ".join(form for form in forms if form != "spec")
    return [
        _global("--project", metavar="ID", help="Project id or number (or GOOGLE_CLOUD_PROJECT)"),
        _global("--location", also=["--region"], metavar="L", help="Such as europe-west4 (or GOOGLE_CLOUD_LOCATION)"),
        _global("--endpoint", metavar="URL", help="Server to call (or GEMTUNE_ENDPOINT)"),
        _global("--transport", metavar="NAME", help="Transport of calls: rest or grpc"),
        _global("--api-version", type=click.Choice(["v1", "v1beta1"]), metavar="V", help="v1 or v1beta1"),
        _global(
            "-o",
            "--output",
            "output_format",
            also=["--format"],
            type=_Form(forms),
            metavar="FORM",
            help=" or ".join(listed.rsplit(", ", 1)) + ("; for get also spec" if "spec" in forms else ""),
        ),
        _global("-q", "--quiet", is_flag=True, help="Data and errors only"),
        _global("-v", "--verbose", is_flag=True, help="Show requests and full errors"),
    ]


def _section(
    formatter: click.HelpFormatter, title: str, ctx: click.Context, options: Sequence[click.Parameter]
) -> None:
    records = [record for option in options if (record := option.get_help_record(ctx)) is not None]
    if records:
        with formatter.section(title):
            formatter.write_dl(records)


class Command(click.Command):
    """A command that takes the global options too."""

    def __init__(
        self,
        *args: Any,
        forms: Sequence[str] = MESSAGES,
        output: str = "the output",
        offline: bool = False,
        **attributes: Any,
    ) -> None:
        """Takes what `click.Command` takes; the forms of its output and what that is; whether it asks no service."""
        self.output = output
        attributes["context_settings"] = SETTINGS | dict(attributes.get("context_settings") or {})
        self.forms = forms
        super().__init__(*args, **attributes)
        self.params = [*self.params, *_global_options("Global options", forms, offline=offline)]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Reads the arguments; refuses a second value where one is taken."""
        given = list(args)
        rest = super().parse_args(ctx, args)
        _refuse_repeated(self, ctx, given)
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command, unless it has no output of the form that is wanted."""
        form = ctx.ensure_object(Session).output_format
        if form not in self.forms:
            listed = " or ".join(", ".join(self.forms).rsplit(", ", 1))
            sentence = f"{self.output} is not a message; -o takes {listed} here"
            raise click.UsageError(_NO_SPEC if form == "spec" else sentence, ctx)
        return super().invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options in the help: the command's own first."""
        sections: dict[str, list[click.Parameter]] = {"Options": []}
        for param in self.get_params(ctx):
            if isinstance(param, click.Option):
                sections.setdefault(getattr(param, "section", "Options"), []).append(param)
        for title, params in sections.items():
            _section(formatter, title, ctx, params)


def command(name: str, **attributes: Any) -> Callable[[Callable[..., Any]], Command]:
    """Makes a function a command with the global options; its docstring is the help."""
    return click.command(name, cls=Command, **attributes)


@dataclass(frozen=True)
class Entry:
    """A command that is not loaded before it is used.

    Attributes:
        place: `module:attribute`, the module below gemtune.cli.
        help: What it does, for the list of commands.
    """

    place: str
    help: str


class Group(click.Group):
    """The program: commands load when they are used, and a name that is none of them gets advice."""

    def __init__(self, sections: Mapping[str, Mapping[str, Entry]], **attributes: Any) -> None:
        """Takes the commands by section of the help, and what `click.Group` takes."""
        super().__init__(context_settings=SETTINGS, params=_global_options(), **attributes)
        self._sections = sections
        self._entries = {name: entry for section in sections.values() for name, entry in section.items()}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Reads the options before the command; refuses a second value where one is taken. No argument means help."""
        args = args or ["--help"]
        given = list(args)
        rest = super().parse_args(ctx, args)
        _refuse_repeated(self, ctx, given)
        return rest

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """The names of the commands."""
        return list(self._entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of a name, loaded now; None when there is none."""
        entry = self._entries.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.place.partition(":")
        found: click.Command = getattr(importlib.import_module(f"gemtune.cli.{module}"), attribute)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the command that is meant, or says which one may have been."""
        name = args[0]
        if name in self._entries or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        from gemtune.specs.suggest import nearest

        meant = COMMAND_GUESSES.get(name.lower()) or nearest(name, self._entries)
        advice = (
            f"did you mean {meant!r}?" if meant in self._entries else f"the commands are {', '.join(self._entries)}"
        )
        advice = COMMAND_ADVICE.get(name.lower(), advice)
        raise click.UsageError(f"there is no command {name!r}; {advice}", ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands in the help by section, then the options."""
        for title, section in self._sections.items():
            with formatter.section(title):
                formatter.write_dl([(name, entry.help) for name, entry in section.items()])
        _section(formatter, "Options", ctx, self.get_params(ctx))
