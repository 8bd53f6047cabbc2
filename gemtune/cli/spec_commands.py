"""`gemtune diff`, `convert` and `fingerprint`: specs compared, in another format, and by their identity."""

from __future__ import annotations

import base64
import math
import os
import re
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from gemtune.cli.commands import TREES, command
from gemtune.cli.fields import SET_HELP, with_additional
from gemtune.cli.output import clean
from gemtune.cli.params import SET
from gemtune.cli.session import Session
from gemtune.errors import ApiError, SpecFileError, SpecInvalid
from gemtune.rpc.additional import Place

if TYPE_CHECKING:
    from gemtune.specs import Change
    from gemtune_pb.v1 import TuningJob

__all__ = ["convert", "diff", "fingerprint"]

FORMATS = click.Choice(["yaml", "json", "textproto", "binpb"])

_JOB = re.compile(r"\d+|.*\btuningJobs?/[^/]+.*|\w+://.*")
"""What is not a file's name, if there is no such file: an id, a resource name, a link."""

_STYLES = {"+": "green", "-": "red", "~": "yellow"}


# -- diff -----------------------------------------------------------------------------------------------------------


@command("diff", forms=TREES, output="a difference")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option("--store", envvar="GEMTUNE_STORE", metavar="URL", help="Tell, too, when the data of a job have changed")
@click.pass_obj
def diff(session: Session, old: str, new: str, store: str | None) -> int:
    """Compare what two specs request. OLD and NEW are files, - for standard input, or jobs.

    \b
      gemtune diff spec.yaml other.json
      gemtune diff spec.yaml projects/P/locations/L/tuningJobs/123

    For a job, its request is compared, not its state or gemtune's own labels. Hyper-parameters and a name that the
    service chose count too, since a job does not mark them. With --store, data that were pinned when the job was
    submitted (create --pin) are compared with what is there now.

    As with diff(1), the exit status is 0 when they are the same, 1 when they differ, 2 in case of trouble.
    """  # noqa: D301  the \\b is click's: it keeps the lines apart
    from gemtune.specs import diff as changes_between

    if session.output_format == "textproto":
        raise click.UsageError("a difference is not a message; -o takes table, json or yaml here")
    if old == new == "-":
        raise click.UsageError("only one of the two can come from standard input")
    sides = [_Side(session, name) for name in (old, new)]
    changes = changes_between(sides[0].job, sides[1].job)
    data = _data_changes(store, sides)
    if session.output.structured:
        session.output.tree(
            {
                "same": not changes and not data,
                "old": sides[0].tree(),
                "new": sides[1].tree(),
                "changes": [{"path": c.path, "old": _plain(c.old), "new": _plain(c.new)} for c in changes],
            }
            | ({"data": data} if store is not None else {})
        )
        return 1 if changes or data else 0
    if changes:
        _show(session, sides, changes)
    else:
        session.output.note(f"the same spec  {sides[0].fingerprint or ''}".rstrip())
    for sentence in data:
        session.output.data(f"~ {sentence}")
    return 1 if changes or data else 0


def _data_changes(store: str | None, sides: list[_Side]) -> list[str]:
    """What has changed in the data of the jobs among the sides, where the store has their pins."""
    if store is None:
        return []
    from gemtune.cli.data import changes_since
    from gemtune.cli.submissions import opened

    with opened(store) as kept:
        return [
            each for side in sides if kept is not None and side.is_job for each in changes_since(kept, side.job.name)
        ]


class _Side:
    """One of the two specs."""

    def __init__(self, session: Session, name: str) -> None:
        from gemtune.specs import load_spec

        self.name = name
        self.is_job = name != "-" and not os.path.lexists(name) and _JOB.fullmatch(name) is not None
        self.job: TuningJob = _fetch(session, name) if self.is_job else load_spec(name)

    @property
    def fingerprint(self) -> str | None:
        """None: it holds something that is not understood, and so has none."""
        from gemtune.specs import fingerprint as fingerprint_of

        try:
            return fingerprint_of(self.job)
        except SpecInvalid:
            return None

    def tree(self) -> dict[str, Any]:
        return {"name": self.name, "fingerprint": self.fingerprint}


def _fetch(session: Session, name: str) -> TuningJob:
    with session.client() as client:
        try:
            job = client.get_tuning_job(name)
        except ApiError as error:  # whose exit status would say that they differ
            raise SpecFileError(f"the job cannot be read: {error}", file=name) from error
    from gemtune.specs import unknown_of

    if unknown := unknown_of(job):
        what = "; ".join(map(str, unknown))
        raise SpecFileError(
            f"it cannot be compared: {what}: this version of gemtune does not know that; upgrade gemtune", file=name
        )
    return job


def _show(session: Session, sides: list[_Side], changes: list[Change]) -> None:
    output = session.output
    lines = [clean(line) for line in (f"--- {sides[0].name}", f"+++ {sides[1].name}", *map(str, changes))]
    if output.interactive:
        from rich.text import Text

        for line in lines:
            style = "bold" if line[:3] in ("---", "+++") else _STYLES[line[0]]
            output.console().print(Text(line, style=style), soft_wrap=True)
    else:
        output.data("\n".join(lines))
    filled_in = [(sides[1], any(c.old is None for c in changes)), (sides[0], any(c.new is None for c in changes))]
    if any(side.is_job and only_there for side, only_there in filled_in):
        output.note("where only the job has a value, the service may have chosen it")


def _plain(value: Any) -> Any:
    """A value as JSON has it; None: not set."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else ("Infinity" if value > 0 else "-Infinity")  # noqa: PLR0124
    if isinstance(value, str):
        return str(value)  # an enum's name as text like any other
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


# -- convert ----------------------------------------------------------------------------------------------------------


@contextmanager
def _naming(option: str) -> Generator[None]:
    """Where the format is not known from a name, says which option names it."""
    try:
        yield
    except SpecFileError as error:
        if error.message.startswith("the format is not known"):
            error.add_note(f"{option} names the format, whatever the ending")
        raise


@command("convert", offline=True)
@click.argument("source", metavar="FILE")
@click.argument("target", metavar="[TO]", default="-")
@click.option(
    "--from", "source_format", type=FORMATS, metavar="FORM", help="Format of FILE, if its ending does not say it"
)
@click.option("--to", "target_format", type=FORMATS, metavar="FORM", help="yaml, json, textproto or binpb")
@click.pass_context
def convert(ctx: click.Context, source: str, target: str, source_format: str | None, target_format: str | None) -> None:
    """Write a spec in another format: by the file's ending, or by --to. - is standard input or output.

    \b
      gemtune convert spec.json spec.yaml
      gemtune convert spec.yaml --to textproto
      kubectl get cm spec -o jsonpath={.data.spec} | gemtune convert - spec.binpb

    Only comments are lost. Nothing is checked. Without --to, standard output is YAML.
    """  # noqa: D301  the \\b is click's: it keeps the lines apart
    from gemtune.specs import load_spec, save_spec

    session: Session = ctx.obj
    if target == "-" and target_format is None and session.output.structured:
        target_format = session.output_format
    if target == "-" and target_format == "binpb" and sys.stdout.isatty():
        raise click.UsageError(f"binpb is binary: gemtune convert {source} --to binpb > FILE", ctx)
    with _naming("--from"):
        job = load_spec(source, format=source_format)
    with _naming("--to"):
        save_spec(job, target, format=target_format)
    if target != "-":
        session.output.note(f"wrote {target}")


# -- fingerprint ------------------------------------------------------------------------------------------------------


@command("fingerprint", forms=TREES, output="a fingerprint", offline=True)
@click.option("--set", "additional", type=SET, multiple=True, metavar="PATH=JSON", help=SET_HELP)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.pass_obj
def fingerprint(session: Session, files: tuple[str, ...], additional: tuple[tuple[Place, Any], ...]) -> None:
    """Print the fingerprint of specs. Specs that request the same have the same one, in every format and language.

    \b
      gemtune fingerprint spec.yaml          only the fingerprint
      gemtune fingerprint specs/*.yaml       one per line, with the file's name
    """  # noqa: D301  the \\b is click's: it keeps the lines apart
    from gemtune.specs import fingerprint as fingerprint_of, load_specs

    rows: list[tuple[str, str]] = []
    for file in files:
        specs = load_specs(file)
        for number, job in enumerate(specs, 1):
            name = file if len(specs) == 1 else f"{file}#{number}"
            try:
                rows.append((fingerprint_of(with_additional(job, additional)), name))
            except SpecInvalid as error:
                raise SpecFileError(f"it has no fingerprint: {error}", file=name) from error
    if session.output.structured:
        session.output.tree({"fingerprints": [{"file": name, "fingerprint": made} for made, name in rows]})
    elif len(rows) == 1:
        session.output.data(rows[0][0])
    else:
        for made, name in rows:
            session.output.data(f"{made}  {clean(name)}")
