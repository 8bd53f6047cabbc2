"""What every command is made of: options with other tools' spellings, the global options, commands that load late.

The global options are taken before and after the command's name alike: `gemtune -o json get ID` and
`gemtune get ID -o json` are the same.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click
from click.core import ParameterSource

from gemtune.cli.session import Session

__all__ = ["COMMAND_GUESSES", "OPTION_GUESSES", "Command", "Entry", "Group", "Option", "command"]

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
    "serve": "emulator",
    "emulate": "emulator",
    "server": "emulator",
}
"""What people type, from gcloud, kubectl, docker and others -> the command that they mean."""

OPTION_GUESSES: dict[str, str] = {
    "--config": "-f/--file",
    "--dataset": "--training-dataset-uri",
    "--dryrun": "--dry-run",
    "--follow": "--wait",
    "--from-file": "-f/--file",
    "--json": "-o json",
    "--lora-rank": "--adapter-size",
    "--lr": "--learning-rate-multiplier",
    "--max-results": "--limit",
    "--model": "--base-model",
    "--n-epochs": "--epoch-count",
    "--name": "--tuned-model-display-name",
    "--no-wait": "nothing: without --wait a command does not wait",
    "--num-epochs": "--epoch-count",
    "--async": "nothing: without --wait a command does not wait",
    "--silent": "-q/--quiet",
    "--sort-by": "-o json and a tool such as jq: the service lists newest first",
    "--training-file": "--training-dataset-uri",
    "--validation-file": "--validation-dataset-uri",
    "--watch": "--wait",
    "--yaml": "-o yaml",
    "--zone": "--location",
}
"""Options that other tools have, with a meaning that is near but not surely the same -> what to say instead."""


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
        setattr(ctx.ensure_object(Session), param.name, value)


def _global_options(section: str = "Options") -> list[Option]:
    def _global(*names: str, also: Sequence[str] = (), **attributes: Any) -> Option:
        return Option(names, also, section=section, expose_value=False, callback=_keep, **attributes)

    formats = click.Choice(["table", "json", "yaml", "textproto", "spec"])
    return [
        _global("--project", metavar="ID", help="Project id or number (or GOOGLE_CLOUD_PROJECT)"),
        _global("--location", also=["--region"], metavar="L", help="Such as europe-west4 (or GOOGLE_CLOUD_LOCATION)"),
        _global("--endpoint", metavar="URL", help="Server to call (or GEMTUNE_ENDPOINT)"),
        _global("--transport", metavar="NAME", help="How calls travel: rest or grpc"),
        _global("--api-version", type=click.Choice(["v1", "v1beta1"]), metavar="V", help="v1 or v1beta1"),
        _global(
            "-o",
            "--output",
            "output_format",
            also=["--format"],
            type=formats,
            metavar="FORM",
            help="table, json, yaml or textproto; for get also spec",
        ),
        _global("-q", "--quiet", is_flag=True, help="Data and errors only"),
        _global("-v", "--verbose", is_flag=True, help="Show requests and whole errors"),
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

    def __init__(self, *args: Any, spec_form: bool = False, **attributes: Any) -> None:
        """Takes what `click.Command` takes, and whether there is a spec that `-o spec` can show."""
        attributes["context_settings"] = SETTINGS | dict(attributes.get("context_settings") or {})
        self.spec_form = spec_form
        super().__init__(*args, **attributes)
        self.params = [*self.params, *_global_options("Global options")]

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command, unless it has no output of the form that is wanted."""
        if ctx.ensure_object(Session).output_format == "spec" and not self.spec_form:
            raise click.UsageError("-o spec is a job as a spec: gemtune get JOB -o spec", ctx)
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
        advice = f"did you mean {meant!r}?" if meant else f"the commands are {', '.join(self._entries)}"
        raise click.UsageError(f"there is no command {name!r}; {advice}", ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands in the help by section, then the options."""
        for title, section in self._sections.items():
            with formatter.section(title):
                formatter.write_dl([(name, entry.help) for name, entry in section.items()])
        _section(formatter, "Options", ctx, self.get_params(ctx))
