"""Options: none is passed over in silence, and what is misspelt is answered with what there is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import click
import pytest

from gemtune.cli.commands import COMMAND_ADVICE, COMMAND_GUESSES, OPTION_GUESSES
from gemtune.cli.main import COMMANDS, program
from gemtune.cli.params import joined_filter
from tests.support.commandline import Ran

Gemtune = Callable[..., Ran]

FLAGS = ["--base-model", "gemini-3.5-flash", "--training-dataset-uri", "gs://bucket/t.jsonl", "--epoch-count", "2"]
NAMES = [name for section in COMMANDS.values() for name in section]


def commands() -> dict[str, click.Command]:
    group = program()
    ctx = click.Context(group)
    return {name: found for name in NAMES if (found := group.get_command(ctx, name)) is not None}


def value_of(param: click.Option) -> str:
    """A value that an option takes."""
    if isinstance(param.type, click.Choice):
        return str(param.type.choices[0])
    return {"--gcs-root": ".", "--adapter-size": "4", "--labels": "a=1"}.get(param.opts[0], "1")


def single_valued() -> Iterator[tuple[str, str, str]]:
    for name, command in commands().items():
        for param in command.params:
            if isinstance(param, click.Option) and not (param.is_flag or param.multiple or param.count):
                yield name, param.opts[0], value_of(param)


@pytest.mark.parametrize(("name", "option", "value"), list(single_valued()))
def test_a_second_value_is_refused(name: str, option: str, value: str, gemtune: Gemtune) -> None:
    words = {"get": ["1"], "wait": ["1"], "cancel": ["1"], "resume": ["1"], "diff": ["a", "b"], "convert": ["a", "b"]}
    words["fingerprint"] = ["a"]
    ran = gemtune(name, *words.get(name, []), option, value, option, value)
    assert ran.status == 2
    assert "was given twice, and takes one value" in ran.err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["create", "-f", "a.yaml", "-f", "b.yaml", "--dry-run"], "-f/--file was given twice"),
        (["create", "-f", "a.yaml", "--spec=b.yaml", "--dry-run"], "-f/--file was given twice"),
        (["list", "--project", "a", "--project", "b"], "--project was given twice"),
        (["--project", "a", "list", "--project", "b"], "--project was given twice"),
        (["list", "--location", "a", "--region", "b"], "--location was given twice"),
        (["-o", "json", "list", "-oyaml"], "-o/--output was given twice"),
        (["create", *FLAGS, "--epochs", "3", "--dry-run"], "--epoch-count was given twice"),
        (["create", *FLAGS, "--resend", "--no-resend", "--dry-run"], "--resend and --no-resend exclude each other"),
    ],
)
def test_a_second_value_is_refused_wherever_it_stands(args: list[str], said: str, gemtune: Gemtune) -> None:
    ran = gemtune(*args)
    assert ran.status == 2
    assert f"error: {said}" in ran.err
    assert ran.out == ""


def test_switches_labels_and_files_to_validate_may_be_repeated(gemtune: Gemtune, spec: str) -> None:
    ran = gemtune("create", *FLAGS, "--label", "a=1", "--label", "b=2", "-q", "-q", "--dry-run")
    assert ran.status == 0
    assert '"b": "2"' in ran.out
    assert gemtune("validate", "-f", spec, "-f", spec, "-q").status == 0


@pytest.mark.parametrize(
    ("filters", "states", "joined"),
    [
        ([], [], ""),
        (["a"], [], "a"),
        ([""], [], ""),
        (["a", "b OR c"], [], "(a) AND (b OR c)"),
        ([], ["X"], 'state="X"'),
        ([], ["X", "Y", "X"], 'state="X" OR state="Y"'),
        (["b"], ["X", "Y"], '(state="X" OR state="Y") AND (b)'),
    ],
)
def test_filters_all_hold_and_one_of_the_states_does(filters: list[str], states: list[str], joined: str) -> None:
    assert joined_filter(filters, states) == joined


def test_a_list_of_several_states_and_filters(service: str, gemtune: Gemtune) -> None:
    for team in ("a", "b"):
        for label in ("x=1", "x=2"):
            assert gemtune("create", *FLAGS, "--labels", f"team={team},{label}", "-q").status == 0
    both = gemtune("list", "--filter", 'labels.team="a"', "--filter", 'labels.x="2"', "-o", "json").out
    assert both.count('"name"') == 1
    states = "pending,running,queued,succeeded"
    assert gemtune("list", "--state", states, "-o", "json").out.count('"name"') == 4
    assert gemtune("list", "--state", "failed", "--state", "cancelled", "-o", "json").out.count('"name"') == 0
    repeated = [word for state in states.split(",") for word in ("--state", state)]
    assert gemtune("list", *repeated, "--filter", 'labels.team="b"', "-o", "json").out.count('"name"') == 2
    assert "the states are" in gemtune("list", "--state", "failed,nothing").err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["list", "--watch"], "gemtune wait JOB follows a job"),
        (["create", *FLAGS, "--watch"], "did you mean --wait?"),
        (["list", "--sort", "x"], "the service lists newest first"),
        (["create", *FLAGS, "--async"], "leave it out: without --wait a command does not wait"),
        (["list", "--config", "x"], "settings are options or variables"),
        (["list", "--limt", "3"], "did you mean --limit?"),
        (["list", "--model", "x"], "its own options are --filter, --state, --limit, --page-size"),
        (["explain", "x", "--nothing"], "it has no options of its own"),
        (["lint"], "did you mean 'validate'?"),
        (["check"], "gemtune validate checks a spec, gemtune dataset check a dataset"),
        (["doctor"], "gemtune validate -f FILE checks a spec"),
        (["help"], "write gemtune --help"),
        (["version"], "write gemtune --version"),
        (["login"], "gcloud auth application-default login"),
        (["config"], "GOOGLE_CLOUD_PROJECT"),
        (["nonsense"], "the commands are create, get, list"),
    ],
)
def test_what_is_misspelt_is_answered_with_what_there_is(args: list[str], said: str, gemtune: Gemtune) -> None:
    ran = gemtune(*args)
    assert ran.status == 2
    assert said in ran.err
    assert "did you mean nothing" not in ran.err


def test_no_advice_names_what_there_is_not(gemtune: Gemtune) -> None:
    """Every guess, given to every command: what is suggested, the command takes."""
    there = commands()
    for name, command in there.items():
        options = {name for param in command.params if isinstance(param, click.Option) for name in param.opts}
        for option in [*OPTION_GUESSES, "--sort-order", "--waits", "--regions", "--outputs"]:
            if option in options:
                continue
            ran = gemtune(name, option)
            for near in re.findall(r"did you mean ([^?]*)\?", ran.err):
                assert near.split("/")[-1].split()[0] in options, f"gemtune {name} {option}: {ran.err}"
    for meant in COMMAND_GUESSES.values():
        assert meant in there
    assert not set(COMMAND_ADVICE) & set(COMMAND_GUESSES)


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (["validate", "x", "-o", "xml"], {"table", "json", "yaml"}),
        (["list", "-o", "xml"], {"table", "json", "yaml", "textproto"}),
        (["get", "1", "-o", "xml"], {"table", "json", "yaml", "textproto", "spec"}),
    ],
)
def test_a_form_that_there_is_not_names_those_that_the_command_has(
    args: list[str], named: set[str], gemtune: Gemtune
) -> None:
    ran = gemtune(*args)
    assert ran.status == 2
    assert {form for form in ("table", "json", "yaml", "textproto", "spec") if f"'{form}'" in ran.err} == named


def test_a_form_before_the_command_is_held_against_the_command(gemtune: Gemtune, spec: str) -> None:
    ran = gemtune("-o", "textproto", "validate", spec)
    assert ran.status == 2
    assert "a report is not a message; -o takes table, json, yaml, sarif or github here" in ran.err


def test_commands_without_a_connection_do_not_show_how_to_connect(gemtune: Gemtune) -> None:
    assert "--transport" not in gemtune("schema", "--help").out
    assert "--transport" in gemtune("get", "--help").out
